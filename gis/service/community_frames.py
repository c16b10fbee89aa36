"""The frames of one community, as every use case that judges or draws it wants them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
from sqlalchemy import Connection, func, or_, select, text

from gis.codes import check_code, county_of
from gis.errors import NotFoundError
from gis.layers.building import Building
from gis.layers.compound import Compound
from gis.layers.division import Division
from gis.layers.editions import EditionStamp, edition_at, read_grids
from gis.layers.frames import read_frame
from gis.layers.service_point import ServicePoint
from gis.layers.staff import Staff
from gis.layers.street import Street
from gis.settings import CHINA_STANDARD_TIME
from gis.terms import DivisionLevel

_NEAR_DEG = 0.00225
"""Streets within some 250 m of the border are what people find their way by."""


class OneCommunity:
    """What is of one community knows its code and name.

    Attributes
    ----------
    community
        One row of the frame ``divisions``.
    """

    community: gpd.GeoDataFrame

    @property
    def code(self) -> str:
        """The community's division code."""
        return str(self.community["division_code"].iloc[0])

    @property
    def name(self) -> str:
        """The community's name."""
        return str(self.community["name"].iloc[0])


@dataclass(frozen=True)
class CommunityFrames(OneCommunity):
    """One community with all that lies in it, at one edition.

    Attributes
    ----------
    edition
        The edition that the grids are of.
    community
        One row of the frame ``divisions``.
    grids, compounds, buildings, service_points, streets, staff
        The frames of docs/architecture.md.
    """

    edition: EditionStamp
    community: gpd.GeoDataFrame
    grids: gpd.GeoDataFrame
    compounds: gpd.GeoDataFrame
    buildings: gpd.GeoDataFrame
    service_points: gpd.GeoDataFrame
    streets: gpd.GeoDataFrame
    staff: gpd.GeoDataFrame


def read_community(
    connection: Connection, community_code: str, *, as_of: dt.datetime | None = None
) -> CommunityFrames:
    """Read a community.

    Parameters
    ----------
    connection
        An open transaction.
    community_code
        12 digits.
    as_of
        The time whose edition and staff are wanted; now unless given. Counts are as they stand now.

    Returns
    -------
    CommunityFrames
        Its frames.

    Raises
    ------
    NotFoundError
        If there is no such community, or no edition of its county was in force.
    """
    check_code(community_code, "community_code")
    community = read_frame(connection, "divisions", Division.division_code == community_code)
    if community.empty or community["level"].iloc[0] != DivisionLevel.COMMUNITY:
        raise NotFoundError(
            f"there is no community {community_code}",
            where="community",
            mend="`wangge export divisions` lists those that are there",
        )
    edition = edition_at(connection, county_of(community_code), as_of)
    grids = read_grids(connection, edition, community_code=community_code)
    day = (as_of or dt.datetime.now(CHINA_STANDARD_TIME)).date()
    in_office = (Staff.valid_from <= day, or_(Staff.valid_to.is_(None), Staff.valid_to > day))
    theirs = or_(Staff.grid_code.in_(grids["grid_code"].tolist()), Staff.division_code == community_code)
    return CommunityFrames(
        edition=edition,
        community=community,
        grids=grids,
        compounds=read_frame(connection, "compounds", Compound.community_code == community_code),
        buildings=read_frame(connection, "buildings", Building.community_code == community_code),
        service_points=read_frame(
            connection, "service_points", ServicePoint.community_code == community_code
        ),
        streets=read_frame(connection, "streets", streets_about(community_code, Street, Division)),
        staff=read_frame(connection, "staff", theirs, *in_office),
    )


def streets_about(community_code: str, streets: Any, divisions: Any) -> Any:
    """Choose a community's own streets and those that pass near it.

    Parameters
    ----------
    community_code
        12 digits.
    streets, divisions
        Where their columns are: the models, or the columns of the public views.

    Returns
    -------
    sqlalchemy.ColumnElement
        A condition on ``streets``; true for its own alone where the community has no border.
    """
    land = select(divisions.geometry).where(divisions.division_code == community_code).scalar_subquery()
    near = func.coalesce(func.ST_DWithin(streets.geometry, land, _NEAR_DEG), text("FALSE"))
    return or_(streets.community_code == community_code, near)
