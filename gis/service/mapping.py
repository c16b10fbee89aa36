"""Pictures of a place: the residents' service map, and the report of a check."""

from __future__ import annotations

import datetime as dt

import pandas as pd
from sqlalchemy import Connection, select

from gis.layers.grid import ColourTheme
from gis.layers.service_point import ServiceCategory
from gis.service.checking import Checked
from gis.service.community_frames import CommunityFrames, read_community
from gis.service.plans.plan_memory import load_draft
from gis.service.plans.reviewing import review_draft
from gis.settings import CHINA_STANDARD_TIME, Settings
from gis.texts import Language
from maps.assets import Delivery
from maps.basemaps import basemap
from maps.check_report import check_report
from maps.grid_map import grid_map
from maps.service_map import ServiceMap, service_map
from maps.sheet import SheetMap


def community_map(
    connection: Connection,
    community_code: str,
    settings: Settings,
    *,
    language: Language = "zh",
    delivery: Delivery = "served",
    as_of: dt.datetime | None = None,
) -> ServiceMap:
    """Make the residents' service map of a community.

    Parameters
    ----------
    connection
        An open transaction.
    community_code
        12 digits.
    settings
        The basemap, and the words that a public map must carry.
    language
        That the page opens in; it carries both.
    delivery
        ``served``, ``inline`` or ``folder``.
    as_of
        The time whose edition is drawn; now unless given.

    Returns
    -------
    ServiceMap
        A Folium map; ``.html()`` is the page.
    """
    frames = read_community(connection, community_code, as_of=as_of, public=True)
    return service_map(
        frames.grids,
        service_points=frames.service_points,
        compounds=frames.compounds,
        buildings=frames.buildings,
        streets=frames.streets,
        staff=frames.staff,
        border=frames.community if frames.community.geometry.notna().all() else None,
        categories=categories(connection),
        themes=themes(connection),
        place=frames.name,
        language=language,
        delivery=delivery,
        basemap=basemap(settings.basemap, key=settings.basemap_key, address=settings.basemap_url),
        edition=frames.edition.number,
        updated_on=updated_on(frames),
        approval_number=settings.approval_number,
        verified_within_days=settings.verified_within_days,
        walking_speed_m_s=settings.walking_speed_m_s,
    )


def check_page(done: Checked, *, language: Language = "zh", delivery: Delivery = "inline") -> str:
    """Make the report of a check: a map of the faults, a histogram of the sizes, and the tables.

    Parameters
    ----------
    done
        What was checked, and what was found.
    language
        The report's language.
    delivery
        ``inline``, ``folder`` or ``served``.

    Returns
    -------
    str
        An HTML page.
    """
    picture = check_report(
        done.report.as_dict(),
        done.grids,
        streets=done.streets,
        buildings=done.buildings,
        place=done.title,
        made_on=done.report.as_of,
        language=language,
        delivery=delivery,
    )
    return str(picture.html())


def plan_map(connection: Connection, plan_id: int, *, language: Language = "zh") -> SheetMap:
    """Make the planning map of a draft for the printed notice: old and new borders, names and counts.

    Parameters
    ----------
    connection
        An open transaction.
    plan_id
        The plan.
    language
        The map's language.

    Returns
    -------
    SheetMap
        A Folium map; its page prints on A3 lying.

    Raises
    ------
    NotFoundError
        If there is no such plan.
    """
    draft = load_draft(connection, plan_id)
    community = read_community(connection, draft.row.community_code)
    review = review_draft(connection, draft, dt.datetime.now(dt.UTC))
    sizes = review.report.grids
    counted = sizes["households"].astype(object).where(sizes["households"].notna(), None)
    return grid_map(
        review.new.grids,
        today=community.grids,
        households=dict(zip(sizes["grid_code"], counted, strict=True)),
        streets=community.streets,
        buildings=community.buildings,
        households_min=review.report.households_min,
        households_max=review.report.households_max,
        place=community.name,
        language=language,
    )


def updated_on(frames: CommunityFrames) -> dt.date:
    """Tell the day of which a community's public layer is: its edition's, or its last verified entry's.

    Parameters
    ----------
    frames
        The community.

    Returns
    -------
    datetime.date
        The later of the two.
    """
    verified: list[dt.date] = frames.service_points["verified_on"].dropna().tolist()
    return max([frames.edition.effective_from.astimezone(CHINA_STANDARD_TIME).date(), *verified])


def categories(connection: Connection) -> pd.DataFrame:
    """Read the table of service categories.

    Parameters
    ----------
    connection
        An open transaction.

    Returns
    -------
    pandas.DataFrame
        ``category``, ``zh``, ``en``; in the order of legends.
    """
    rows = connection.execute(
        select(ServiceCategory.category, ServiceCategory.name_zh, ServiceCategory.name_en).order_by(
            ServiceCategory.position, ServiceCategory.category
        )
    ).all()
    return pd.DataFrame(rows, columns=["category", "zh", "en"])


def themes(connection: Connection) -> pd.DataFrame:
    """Read the table of colour themes.

    Parameters
    ----------
    connection
        An open transaction.

    Returns
    -------
    pandas.DataFrame
        ``colour_theme``, ``colour``, ``zh``, ``en``.
    """
    columns = (ColourTheme.theme, ColourTheme.colour, ColourTheme.name_zh, ColourTheme.name_en)
    rows = connection.execute(select(*columns).order_by(ColourTheme.id)).all()
    return pd.DataFrame(rows, columns=["colour_theme", "colour", "zh", "en"])
