"""Which columns hold a table's coordinates, what numbers stand in them, and whether the two are swapped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyproj
from numpy.typing import ArrayLike, NDArray

from gis.crs import Datum
from gis.errors import InputError
from gis.layers.report import listed

Floats = NDArray[np.float64]
Extent = tuple[float, float, float, float]
"""West, south, east, north, degrees."""

_LON = {"lon", "lng", "long", "longitude", "x", "lon_x", "lng_x", "point_x", "coord_x", "easting", "经度"}
_LAT = {"lat", "latitude", "y", "lat_y", "point_y", "coord_y", "northing", "纬度"}
_LON |= {"经度坐标", "坐标x", "x坐标", "东经"}
_LAT |= {"纬度坐标", "坐标y", "y坐标", "北纬"}
WKT_NAMES = {"wkt", "geometry", "geom", "the_geom", "wkt_geom", "shape", "几何"}

_GLOBE = 360.0
_METRES = 1e8


def find_coordinate_columns(
    names: Sequence[str],
    *,
    lon_field: str | None = None,
    lat_field: str | None = None,
    where: str,
    options: tuple[str, str] = ("--lon-field", "--lat-field"),
) -> tuple[str, str] | None:
    """Find the columns of longitude (or x) and latitude (or y).

    Parameters
    ----------
    names
        The table's columns.
    lon_field, lat_field
        Columns that the user names.
    where
        The file, for the message.
    options
        How the user names the two, for the message.

    Returns
    -------
    tuple of str or None
        The two names; None if no column looks like either.

    Raises
    ------
    InputError
        If a named column is not there, several columns would do, or only one of the two is there.
    """
    lon = _one(names, lon_field, _LON, "longitude", options[0], where)
    lat = _one(names, lat_field, _LAT, "latitude", options[1], where)
    if lon is None and lat is None:
        return None
    if lon is None or lat is None:
        other, option = ("longitude", options[0]) if lon is None else ("latitude", options[1])
        raise InputError(
            f"column {lon or lat!r} holds one coordinate, but no column is known to hold the {other}",
            where=where,
            mend=f"name it ({option}); the columns are {listed(names)}",
        )
    if lon == lat:
        raise InputError(
            f"column {lon!r} cannot hold both coordinates",
            where=where,
            mend=f"name two ({options[0]}, {options[1]}); the columns are {listed(names)}",
        )
    return lon, lat


def _one(
    names: Sequence[str], given: str | None, known: set[str], what: str, option: str, where: str
) -> str | None:
    if given is not None:
        if given not in names:
            raise InputError(
                f"there is no column {given!r}", where=where, mend=f"the columns are {listed(names)}"
            )
        return given
    found = [name for name in names if name.strip().casefold() in known]
    if len(found) > 1:
        raise InputError(
            f"several columns could be the {what}: {listed(found)}",
            where=where,
            mend=f"name the right one ({option})",
            details={"candidates": found},
        )
    return found[0] if found else None


def parse_coordinates(
    x: Sequence[Any], y: Sequence[Any], datum: Datum
) -> tuple[Floats, Floats, dict[int, str]]:
    """Read the numbers in two columns, and say of each row that has no usable pair why not.

    Parameters
    ----------
    x, y
        Cells: texts, numbers or None, shape (n,).
    datum
        What they are written in; it tells degrees from metres.

    Returns
    -------
    tuple
        x and y as float64, NaN where unusable, and row → reason for those.
    """
    raw_x, raw_y = _objects(x), _objects(y)
    out_x, out_y = _numbers(raw_x), _numbers(raw_y)
    degrees = datum.epsg is None or datum.is_storage or _is_geographic(datum)
    limit_x, limit_y = (180.0, 90.0) if degrees else (_METRES, _METRES)
    with np.errstate(invalid="ignore"):
        good = (np.abs(out_x) <= limit_x) & (np.abs(out_y) <= limit_y)
    reasons = {
        int(row): _reason(raw_x[row], raw_y[row], out_x[row], out_y[row], limit_x, limit_y)
        for row in np.flatnonzero(~good)
    }
    out_x[~good] = np.nan
    out_y[~good] = np.nan
    return out_x, out_y, reasons


def _is_geographic(datum: Datum) -> bool:
    return datum.epsg is not None and bool(pyproj.CRS.from_epsg(datum.epsg).is_geographic)


def _objects(cells: Sequence[Any]) -> NDArray[np.object_]:
    """Return cells as they are, one place each, lists among them too."""
    if isinstance(cells, np.ndarray):
        return cells.astype(object)
    return np.fromiter(cells, dtype=object, count=len(cells))


def _numbers(cells: NDArray[np.object_]) -> Floats:
    numbers = np.array(pd.to_numeric(pd.Series(cells, dtype=object), errors="coerce"), dtype=np.float64)
    # pandas takes true for 1.
    numbers[np.fromiter((type(cell) is bool for cell in cells), dtype=bool, count=len(cells))] = np.nan
    return numbers


def _reason(raw_x: Any, raw_y: Any, x: float, y: float, limit_x: float, limit_y: float) -> str:
    blank = [_blank(raw_x), _blank(raw_y)]
    if all(blank):
        return "there are no coordinates"
    if any(blank):
        return "there is no longitude" if blank[0] else "there is no latitude"
    for name, raw, number in (("longitude", raw_x, x), ("latitude", raw_y, y)):
        if np.isnan(number):
            return f"the {name} {str(raw).strip()[:40]!r} is not a number"
    if abs(x) <= limit_y and abs(y) <= limit_x:
        return f"latitude {y:.10g} is beyond ±{limit_y:g}: longitude and latitude seem to be swapped"
    return f"there is no place at {x:.10g}, {y:.10g}"


def _blank(cell: Any) -> bool:
    if isinstance(cell, str):
        return cell.strip().casefold() in {"", "nan", "null", "none", "na", "n/a", "#n/a", "-", "\\n"}
    return pd.api.types.is_scalar(cell) and bool(pd.isna(cell))


def looks_swapped(lon: ArrayLike, lat: ArrayLike, extent: Extent) -> NDArray[np.bool_]:
    """Tell which positions lie outside a district as they stand, and inside it with the two swapped.

    Parameters
    ----------
    lon, lat
        Degrees, shape (n,).
    extent
        The district's: west, south, east, north.

    Returns
    -------
    numpy.ndarray
        bool, shape (n,).
    """
    x, y = np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)
    swapped: NDArray[np.bool_] = ~_within(x, y, extent) & _within(y, x, extent)
    return swapped


def swapped_hint(lon: ArrayLike, lat: ArrayLike, extent: Extent) -> str | None:
    """Say that longitude and latitude are swapped, if that is how it looks.

    Parameters
    ----------
    lon, lat
        Degrees, a number or shape (n,).
    extent
        The district's: west, south, east, north.

    Returns
    -------
    str or None
        Words, if most of the positions would land inside only when swapped.
    """
    x, y = np.atleast_1d(lon).astype(np.float64), np.atleast_1d(lat).astype(np.float64)
    swapped = looks_swapped(x, y, extent)
    known = int((np.isfinite(x) & np.isfinite(y)).sum())
    if not known or swapped.sum() * 2 <= known:
        return None
    return (
        "longitude and latitude are swapped: "
        + ("the position lies" if known == 1 else f"{int(swapped.sum())} of {known} positions lie")
        + " inside the district only with the two exchanged"
    )


def _within(x: Floats, y: Floats, extent: Extent) -> NDArray[np.bool_]:
    west, south, east, north = extent
    with np.errstate(invalid="ignore"):
        inside: NDArray[np.bool_] = (x >= west) & (x <= east) & (y >= south) & (y <= north)
    return inside
