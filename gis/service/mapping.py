"""Pictures of a place: the residents' service map, and the report of a check."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Connection

from gis.service.checking import Checked
from gis.service.community_frames import read_community
from gis.service.plans.plan_memory import load_draft
from gis.service.plans.reviewing import review_draft
from gis.service.residents.public_layer import PublicPlace, read_public_place
from gis.service.residents.wording import shortened
from gis.settings import Settings
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
        The time whose grids are drawn; now unless given. People and points are as they stand now.

    Returns
    -------
    ServiceMap
        A Folium map; ``.html()`` is the page.
    """
    place = read_public_place(connection, community_code, as_of=as_of)
    return draw_place(place, settings, language=language, delivery=delivery)


def draw_place(
    place: PublicPlace, settings: Settings, *, language: Language = "zh", delivery: Delivery = "served"
) -> ServiceMap:
    """Draw the public layer of a community as its service map.

    Parameters
    ----------
    place
        What everybody may see of it.
    settings
        The basemap, and the words that a public map must carry.
    language
        That the page opens in; it carries both.
    delivery
        ``served``, ``inline`` or ``folder``; a served page lets people report what is wrong.

    Returns
    -------
    ServiceMap
        A Folium map; ``.html()`` is the page.
    """
    return service_map(
        place.grids,
        service_points=place.service_points,
        compounds=place.compounds,
        buildings=place.buildings,
        streets=place.streets,
        staff=place.staff,
        border=place.community if place.community.geometry.notna().all() else None,
        categories=place.categories,
        themes=place.themes,
        place=shortened(place.name, 60),
        language=language,
        delivery=delivery,
        basemap=basemap(settings.basemap, key=settings.basemap_key, address=settings.basemap_url),
        edition=place.edition.number if place.edition else None,
        updated_on=place.updated_on,
        approval_number=settings.approval_number,
        verified_within_days=settings.verified_within_days,
        walking_speed_m_s=settings.walking_speed_m_s,
        sample=place.sample,
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
