"""The public layer: what leaves this house for everybody, and nothing else.

The views of the schema ``public_layers`` decide which rows are public; :data:`PUBLIC_FIELDS` decides which
columns are, and a test holds every route, site, handbook and tile to it. Beside them leave the names in the
legend's two tables and the numbers and codes of editions
(:class:`~gis.service.residents.changes.Change`): nothing that anybody wrote about
a person.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import geopandas as gpd
import pandas as pd
from sqlalchemy import Connection, Table, column, func, select, table, text
from sqlalchemy.sql import TableClause

from gis.codes import check_code, county_of
from gis.errors import NotFoundError
from gis.layers.base import PUBLIC_SCHEMA
from gis.layers.editions import EditionStamp, edition_at, read_grids
from gis.layers.frames import as_wkb, query_frame
from gis.layers.grid import ColourTheme, GridBoundary
from gis.layers.schema import layer_model
from gis.layers.service_point import ServiceCategory
from gis.service.community_frames import OneCommunity, streets_about
from gis.service.residents.changes import Change, read_changes
from gis.settings import CHINA_STANDARD_TIME
from gis.terms import DivisionLevel

PUBLIC_FIELDS: dict[str, tuple[str, ...]] = {
    "divisions": ("division_code", "level", "name", "parent_code", "geometry"),
    "grids": (
        "grid_code", "grid_type", "name", "community_code", "parent_code", "colour_theme", "geometry",
    ),
    "compounds": ("compound_code", "name", "kind", "aliases", "community_code", "geometry"),
    "buildings": ("building_code", "compound_code", "number", "floors", "community_code", "geometry"),
    "service_points": (
        "point_code", "name", "category", "address", "phones", "hours", "accessible", "verified_on",
        "community_code", "geometry",
    ),
    "streets": ("street_code", "name", "barrier_class", "community_code", "geometry"),
    "staff": ("person", "role", "grid_code", "division_code", "public_phone"),
}  # fmt: skip
"""Layer → every column of it that is public. Adding one here is a decision about people: see the test."""

CLOCK_RANGE = r"(\d{1,2}:\d{2})\s*[–—−~～〜至到]\s*(?=\d{1,2}:\d{2})"
"""From one time of the day to another, as people write it; for Python and for PostgreSQL."""

# Rows and the sum of their writers, table by table: another answer means a change, by whatever tool. Each
# change has a higher writer; the highest alone would hide one that began before the last and ended after it.
_STAMP = text(
    """
    SELECT string_agg(concat_ws(' ', part, rows, writers), ';' ORDER BY part) FROM (
        SELECT 'division', count(*), sum(xmin::text::bigint)
        FROM wangge.division WHERE division_code IN (:community, :street, :county)
        UNION ALL SELECT 'grid', count(*), sum(xmin::text::bigint)
        FROM wangge.grid WHERE community_code = :community
        UNION ALL SELECT 'compound', count(*), sum(xmin::text::bigint)
        FROM wangge.compound WHERE community_code = :community
        UNION ALL SELECT 'building', count(*), sum(xmin::text::bigint)
        FROM wangge.building WHERE community_code = :community
        UNION ALL SELECT 'service_point', count(*), sum(xmin::text::bigint)
        FROM wangge.service_point WHERE community_code = :community
        UNION ALL SELECT 'street', count(*), sum(xmin::text::bigint) FROM wangge.street
        UNION ALL SELECT 'staff', count(*), sum(xmin::text::bigint)
        FROM wangge.staff WHERE left(grid_code, 12) = :community OR division_code = :community
        UNION ALL SELECT 'service_category', count(*), sum(xmin::text::bigint) FROM wangge.service_category
        UNION ALL SELECT 'colour_theme', count(*), sum(xmin::text::bigint) FROM wangge.colour_theme
    ) AS parts (part, rows, writers)
    """
)


@dataclass(frozen=True)
class PublicPlace(OneCommunity):
    """A community as everybody may see it, at the edition in force.

    Attributes
    ----------
    edition
        The edition in force; None where the county has not published any.
    community
        One row of ``divisions``.
    parents
        The divisions above it, the highest first.
    grids, compounds, buildings, service_points, streets, staff
        Frames with the columns of :data:`PUBLIC_FIELDS`.
    categories, themes
        The legend's tables.
    changes
        The editions that changed this community, the latest first.
    """

    edition: EditionStamp | None
    community: gpd.GeoDataFrame
    parents: gpd.GeoDataFrame
    grids: gpd.GeoDataFrame
    compounds: gpd.GeoDataFrame
    buildings: gpd.GeoDataFrame
    service_points: gpd.GeoDataFrame
    streets: gpd.GeoDataFrame
    staff: gpd.GeoDataFrame
    categories: pd.DataFrame
    themes: pd.DataFrame
    changes: tuple[Change, ...]

    @property
    def updated_on(self) -> dt.date | None:
        """The day of which it is: its edition's, or that of the entry that was checked last."""
        days: list[dt.date] = self.service_points["verified_on"].dropna().tolist()
        if self.edition is not None:
            days.append(self.edition.effective_from.astimezone(CHINA_STANDARD_TIME).date())
        return max(days, default=None)

    @property
    def sample(self) -> bool:
        """Whether it says of itself that it is made up, as the demonstration's names do."""
        return any("示例数据" in name for name in [self.name, *self.parents["name"].tolist()])

    def layer(self, name: str) -> gpd.GeoDataFrame:
        """Return one of the layers by its name.

        Parameters
        ----------
        name
            A key of :data:`PUBLIC_FIELDS`.

        Returns
        -------
        geopandas.GeoDataFrame
            The frame; ``divisions`` is the community with those above it.
        """
        if name == "divisions":
            return cast("gpd.GeoDataFrame", pd.concat([self.parents, self.community], ignore_index=True))
        return cast("gpd.GeoDataFrame", getattr(self, name))


def read_public_place(
    connection: Connection, community_code: str, *, as_of: dt.datetime | None = None
) -> PublicPlace:
    """Read a community's public layer, all of it as it stood at one moment.

    Parameters
    ----------
    connection
        A transaction in which nothing was asked yet; from here on it only reads.
    community_code
        12 digits.
    as_of
        The time whose grids are wanted; now unless given. Everything else is as it stands now.

    Returns
    -------
    PublicPlace
        Its frames; any but the community may be empty.

    Raises
    ------
    NotFoundError
        If there is no such community, or no edition of its county was in force at ``as_of``.
    """
    check_code(community_code, "community_code")
    connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    divisions = _view("divisions")
    community = _read(connection, "divisions", divisions.c.division_code == community_code)
    if community.empty or community["level"].iloc[0] != DivisionLevel.COMMUNITY:
        raise NotFoundError(
            f"there is no community {community_code}",
            where="community",
            mend="`wangge export divisions` lists those that are there",
        )
    edition = (
        edition_at(connection, county_of(community_code), as_of)
        if as_of
        else _edition(connection, community_code)
    )
    if edition is not None and as_of is not None:
        grids = read_grids(connection, edition, community_code=community_code)
        grids = cast("gpd.GeoDataFrame", grids[list(PUBLIC_FIELDS["grids"])])
    else:
        grids = _read(connection, "grids", _view("grids").c.community_code == community_code)
    of_staff = _view("staff").c
    above = [county_of(community_code), f"{community_code[:9]}000"]
    return PublicPlace(
        edition=edition,
        community=community,
        parents=_read(connection, "divisions", divisions.c.division_code.in_(above)),
        staff=_read(
            connection,
            "staff",
            (func.left(of_staff.grid_code, 12) == community_code)
            | (of_staff.division_code == community_code),
        ),
        grids=grids,
        streets=_read(connection, "streets", streets_about(community_code, _view("streets").c, divisions.c)),
        categories=categories(connection),
        themes=themes(connection),
        changes=read_changes(connection, community_code),
        **{
            layer: _read(connection, layer, _view(layer).c.community_code == community_code)
            for layer in ("compounds", "buildings", "service_points")
        },
    )


def place_stamp(connection: Connection, community_code: str) -> str:
    """Tell one state of a community's public layer from the next, without reading it.

    Parameters
    ----------
    connection
        An open transaction.
    community_code
        12 digits.

    Returns
    -------
    str
        The edition, the day (staff come and go with it) and, of each table, the rows and their writers.
    """
    check_code(community_code, "community_code")
    edition = _edition(connection, community_code)
    codes = {
        "community": community_code,
        "street": f"{community_code[:9]}000",
        "county": county_of(community_code),
    }
    rows: str = connection.execute(_STAMP, codes).scalar_one()
    day = dt.datetime.now(CHINA_STANDARD_TIME).date()
    return f"{edition.number} {edition.digest} {day} {rows}" if edition else f"- {day} {rows}"


def plain_hours(hours: str) -> str:
    """Write times of the day from one to another with a plain hyphen, as OpenStreetMap's opening_hours does.

    GDAL and other readers take ``08:30–17:30`` for a time of the day and keep the first half of it; they
    leave ``08:30-17:30`` as it is. No words are added: on which days that is, the entry alone knows.

    Parameters
    ----------
    hours
        As it was written.

    Returns
    -------
    str
        The same with other dashes, ``~``, 至 and 到 between two times replaced.
    """
    return re.sub(CLOCK_RANGE, r"\1-", hours)


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


@cache
def _view(layer: str) -> TableClause:
    name = cast("Table", layer_model(layer).__table__).name
    return table(name, *[_column(layer, field) for field in PUBLIC_FIELDS[layer]], schema=PUBLIC_SCHEMA)


def _column(layer: str, field: str) -> Any:
    model = cast("Table", layer_model(layer).__table__).c
    # A grid's shape is its boundary's.
    kind = GridBoundary.geometry.type if (layer, field) == ("grids", "geometry") else model[field].type
    return column(field, kind)


def _read(connection: Connection, layer: str, where: Any) -> gpd.GeoDataFrame:
    view = _view(layer)
    fields = PUBLIC_FIELDS[layer]
    listed = [as_wkb(view.c[field]) if field == "geometry" else view.c[field] for field in fields]
    # By code, or for staff, who have no public code, by every column: always in the same order.
    order = [view.c[field] for field in fields if field != "geometry"]
    frame = query_frame(
        connection, select(*listed).where(where).order_by(*order[: 1 if layer != "staff" else None])
    )
    if "hours" in frame.columns:
        frame["hours"] = frame["hours"].str.replace(CLOCK_RANGE, r"\1-", regex=True)
    return frame


def _edition(connection: Connection, community_code: str) -> EditionStamp | None:
    try:
        return edition_at(connection, county_of(community_code))
    except NotFoundError:
        return None
