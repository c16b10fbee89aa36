"""The public layer: what leaves this house for everybody, and nothing else.

The views of the schema ``public_layers`` decide which rows are public; :data:`PUBLIC_FIELDS` decides which
columns are, and a test holds every route, site, handbook and tile to it. Beside them leave the names in the
legend's two tables and the numbers and codes of editions (:class:`Change`): nothing that anybody wrote about
a person.
"""

from __future__ import annotations

import datetime as dt
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
from gis.layers.editions import EditionStamp, edition_at
from gis.layers.frames import as_wkb, query_frame
from gis.layers.grid import Edition, Grid, GridBoundary
from gis.layers.schema import layer_model
from gis.service.mapping import categories, themes
from gis.settings import CHINA_STANDARD_TIME
from gis.terms import DivisionLevel

PUBLIC_FIELDS: dict[str, tuple[str, ...]] = {
    "divisions": ("division_code", "level", "name", "parent_code", "geometry"),
    "grids": (
        "grid_code", "grid_type", "name", "community_code", "parent_code", "colour_theme", "geometry",
    ),
    "compounds": ("compound_code", "name", "kind", "community_code", "geometry"),
    "buildings": ("building_code", "compound_code", "number", "floors", "community_code", "geometry"),
    "service_points": (
        "point_code", "name", "category", "address", "phones", "hours", "accessible", "verified_on",
        "community_code", "geometry",
    ),
    "streets": ("street_code", "name", "barrier_class", "community_code", "geometry"),
    "staff": ("person", "role", "grid_code", "division_code", "public_phone"),
}  # fmt: skip
"""Layer → every column of it that is public. Adding one here is a decision about people: see the test."""

NEAR_M = 250.0
"""Streets so near to a community are what its people find their way by."""


@dataclass(frozen=True)
class Change:
    """What one edition changed in a community: codes only.

    Attributes
    ----------
    number
        The edition.
    effective_from
        From when.
    digest
        Of the county's whole state.
    opened, redrawn, closed
        Codes of grids that are new, have another border, or are no more; sorted.
    """

    number: int
    effective_from: dt.datetime
    digest: str
    opened: tuple[str, ...]
    redrawn: tuple[str, ...]
    closed: tuple[str, ...]


@dataclass(frozen=True)
class PublicPlace:
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
    def code(self) -> str:
        """The community's division code."""
        return str(self.community["division_code"].iloc[0])

    @property
    def name(self) -> str:
        """The community's name."""
        return str(self.community["name"].iloc[0])

    @property
    def updated_on(self) -> dt.date | None:
        """The day of which it is: its edition's, or that of the entry that was checked last."""
        days: list[dt.date] = self.service_points["verified_on"].dropna().tolist()
        if self.edition is not None:
            days.append(self.edition.effective_from.astimezone(CHINA_STANDARD_TIME).date())
        return max(days, default=None)

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


def read_public_place(connection: Connection, community_code: str) -> PublicPlace:
    """Read a community's public layer, all of it as it stood at one moment.

    Parameters
    ----------
    connection
        A transaction in which nothing was asked yet; from here on it only reads.
    community_code
        12 digits.

    Returns
    -------
    PublicPlace
        Its frames; any but the community may be empty.

    Raises
    ------
    NotFoundError
        If there is no such community.
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
    try:
        edition = edition_at(connection, county_of(community_code))
    except NotFoundError:
        edition = None
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
        streets=_read(connection, "streets", _near(community_code)),
        categories=categories(connection),
        themes=themes(connection),
        changes=read_changes(connection, community_code),
        **{
            layer: _read(connection, layer, _view(layer).c.community_code == community_code)
            for layer in ("grids", "compounds", "buildings", "service_points")
        },
    )


def read_changes(connection: Connection, community_code: str) -> tuple[Change, ...]:
    """List the editions that changed a community's grids.

    Parameters
    ----------
    connection
        An open transaction.
    community_code
        12 digits.

    Returns
    -------
    tuple of Change
        Those in force by now, the latest first.
    """
    county = county_of(community_code)
    rows = connection.execute(
        select(GridBoundary.grid_code, func.lower(GridBoundary.valid), func.upper(GridBoundary.valid))
        .join(Grid, Grid.grid_code == GridBoundary.grid_code)
        .where(GridBoundary.county_code == county, Grid.community_code == community_code)
    ).all()
    begun: dict[dt.datetime, set[str]] = {}
    ended: dict[dt.datetime, set[str]] = {}
    for code, start, end in rows:
        begun.setdefault(start, set()).add(code)
        if end is not None:
            ended.setdefault(end, set()).add(code)
    editions = connection.execute(
        select(Edition.number, Edition.effective_from, Edition.digest)
        .where(Edition.county_code == county, Edition.effective_from <= func.now())
        .order_by(Edition.number.desc())
    ).all()
    changes = []
    for number, when, digest in editions:
        new, old = begun.get(when, set()), ended.get(when, set())
        if new or old:
            changes.append(
                Change(
                    number,
                    when.astimezone(CHINA_STANDARD_TIME),
                    digest,
                    opened=tuple(sorted(new - old)),
                    redrawn=tuple(sorted(new & old)),
                    closed=tuple(sorted(old - new)),
                )
            )
    return tuple(changes)


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
    return query_frame(
        connection, select(*listed).where(where).order_by(*order[: 1 if layer != "staff" else None])
    )


def _near(community_code: str) -> Any:
    streets, divisions = _view("streets").c, _view("divisions").c
    land = select(divisions.geometry).where(divisions.division_code == community_code).scalar_subquery()
    degrees = NEAR_M / 111_000
    return (streets.community_code == community_code) | func.coalesce(
        func.ST_DWithin(streets.geometry, land, degrees), text("FALSE")
    )
