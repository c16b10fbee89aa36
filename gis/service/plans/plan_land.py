"""The layers of one community that a plan is made from and judged by."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import geopandas as gpd
from sqlalchemy import Connection, or_

from gis.errors import InputError, NotFoundError
from gis.layers.building import Building
from gis.layers.compound import Compound
from gis.layers.division import Division
from gis.layers.frames import read_frame
from gis.layers.staff import Staff
from gis.layers.street import Street
from gis.settings import CHINA_STANDARD_TIME
from gis.terms import DivisionLevel


@dataclass(frozen=True, eq=False)
class CommunityLand:
    """One community with what stands in it.

    Attributes
    ----------
    community
        One row of the frame ``divisions``.
    buildings, compounds, streets
        The frames of docs/architecture.md.
    """

    community: gpd.GeoDataFrame
    buildings: gpd.GeoDataFrame
    compounds: gpd.GeoDataFrame
    streets: gpd.GeoDataFrame


def read_land(connection: Connection, community_code: str) -> CommunityLand:
    """Read a community's layers.

    Parameters
    ----------
    connection
        An open transaction.
    community_code
        12 digits.

    Returns
    -------
    CommunityLand
        Its layers.

    Raises
    ------
    NotFoundError
        If there is no such community.
    InputError
        If it has no border, without which nothing can be divided.
    """
    community = read_frame(connection, "divisions", Division.division_code == community_code)
    if community.empty or str(community["level"].iloc[0]) != DivisionLevel.COMMUNITY:
        raise NotFoundError(f"there is no community {community_code}", mend="import the divisions first")
    if community.geometry.iloc[0] is None or community.geometry.iloc[0].is_empty:
        raise InputError(
            f"community {community_code} has no border", mend="import the divisions with their borders"
        )
    return CommunityLand(
        community,
        read_frame(connection, "buildings", Building.community_code == community_code),
        read_frame(connection, "compounds", Compound.community_code == community_code),
        read_frame(connection, "streets", Street.community_code == community_code),
    )


def staff_of(connection: Connection, grid_codes: list[str], when: dt.datetime) -> gpd.GeoDataFrame:
    """Read who is in office in some grids on a day.

    Parameters
    ----------
    connection
        An open transaction.
    grid_codes
        Their codes.
    when
        A time of that day.

    Returns
    -------
    geopandas.GeoDataFrame
        The frame ``staff``, without private numbers.
    """
    day = when.astimezone(CHINA_STANDARD_TIME).date()
    in_office = (Staff.valid_from <= day, or_(Staff.valid_to.is_(None), Staff.valid_to > day))
    return read_frame(connection, "staff", Staff.grid_code.in_(grid_codes), *in_office)
