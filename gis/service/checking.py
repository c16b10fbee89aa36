"""Check a division: a published community's, or one that lies in files."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import pandas as pd
from sqlalchemy import Connection

from gis.crs import STORAGE_SRID, Datum, parse_crs, to_storage
from gis.errors import InputError
from gis.layers.editions import EditionStamp
from gis.layers.files import read_layer
from gis.layers.report import ImportReport
from gis.planning.report import CheckReport
from gis.planning.rules import check_division
from gis.service.community_frames import read_community
from gis.settings import Settings


@dataclass(frozen=True)
class Checked:
    """A division and what was found.

    Attributes
    ----------
    title
        What was checked, for people.
    grids
        The frame ``grids`` that was checked.
    report
        What was found.
    edition
        The edition that it is, where it is a published one.
    streets, buildings
        Frames to find one's way by, where it is a published one.
    read
        The reports on the files that were read, where it lies in files.
    """

    title: str
    grids: gpd.GeoDataFrame
    report: CheckReport
    edition: EditionStamp | None = None
    streets: gpd.GeoDataFrame | None = None
    buildings: gpd.GeoDataFrame | None = None
    read: tuple[ImportReport, ...] = ()


def check_community(
    connection: Connection,
    community_code: str,
    settings: Settings,
    *,
    as_of: dt.datetime | None = None,
    households_min: int | None = None,
    households_max: int | None = None,
) -> Checked:
    """Check a published community against every rule.

    Parameters
    ----------
    connection
        An open transaction.
    community_code
        12 digits.
    settings
        The limits and what they count.
    as_of
        The time whose edition and staff are checked; now unless given.
    households_min, households_max
        Other limits than the settings'.

    Returns
    -------
    Checked
        The division and the report.
    """
    place = read_community(connection, community_code, as_of=as_of)
    report = check_division(
        place.grids,
        community=place.community,
        buildings=place.buildings,
        compounds=place.compounds,
        staff=pd.DataFrame(place.staff.drop(columns="geometry")),
        households_min=settings.households_min if households_min is None else households_min,
        households_max=settings.households_max if households_max is None else households_max,
        basis=settings.households_basis,
        as_of=(as_of or dt.datetime.now(dt.UTC)).date(),
    )
    return Checked(
        f"{place.name} {place.code}", place.grids, report, place.edition, place.streets, place.buildings
    )


def check_files(
    grids: Path,
    *,
    grid_id: str = "grid_code",
    units: Path | None = None,
    households: str = "households",
    unit_grid: str | None = None,
    unit_point: tuple[str, str] | None = None,
    unit_point_crs: str | None = None,
    crs: str | None = None,
    households_min: int = 300,
    households_max: int = 500,
) -> Checked:
    """Check grids that lie in a file, with the households of units that lie in another.

    Parameters
    ----------
    grids
        Polygons, in any format of :mod:`gis.layers.files`.
    grid_id
        The column with their codes. Codes in another column than ``grid_code`` are not held to our form.
    units
        Polygons with households. A unit belongs to the grid that its point on surface lies in, unless
        ``unit_grid`` or ``unit_point`` says otherwise.
    households
        The units' column of households.
    unit_grid
        The units' column with the grid that they belong to, where position is not to decide.
    unit_point
        The units' columns with a point of their own, such as the centre of their population.
    unit_point_crs
        What that point is in.
    crs
        What both are in; needed where a file does not say.
    households_min, households_max
        The limits.

    Returns
    -------
    Checked
        The division and the report; repairs and refused rows are in ``read``.
    """
    frame, account = read_layer(
        grids, crs=crs, fields=_renaming({"grid_code": grid_id}), code_field="grid_code", kind="polygon"
    )
    accounts = [account]
    parts = None
    if units is not None:
        renaming = {"households": households} | ({"grid_code": unit_grid} if unit_grid else {})
        parts, account = read_layer(
            units, crs=crs, fields=_renaming(renaming), kinds={"households": "integer"}, kind="polygon"
        )
        accounts.append(account)
        if unit_point is not None:
            parts["point"] = _own_points(parts, unit_point, parse_crs(unit_point_crs, where="unit_point_crs"))
    report = check_division(
        gpd.GeoDataFrame(frame),
        units=None if parts is None else gpd.GeoDataFrame(parts),
        households_min=households_min,
        households_max=households_max,
        own_codes=grid_id == "grid_code",
    )
    return Checked(grids.name, gpd.GeoDataFrame(frame), report, read=tuple(accounts))


def _own_points(units: pd.DataFrame, columns: tuple[str, str], datum: Datum) -> gpd.GeoSeries:
    missing = [name for name in columns if name not in units.columns]
    if missing:
        raise InputError(
            f"the units have no column {', '.join(missing)}",
            where="unit_point",
            mend=f"their columns are {', '.join(map(str, units.columns))}",
        )
    x, y = (pd.to_numeric(units[name], errors="coerce").to_numpy(dtype=float) for name in columns)
    lon, lat = to_storage(x, y, datum)
    return gpd.GeoSeries(gpd.points_from_xy(lon, lat), index=units.index, crs=STORAGE_SRID)


def _renaming(fields: dict[str, str]) -> dict[str, str]:
    return {ours: theirs for ours, theirs in fields.items() if ours != theirs}
