"""Datums and coordinate reference systems: every input names its own, and is converted once.

Storage is CGCS2000 longitude/latitude (EPSG:4490), which differs from WGS84 by far less than a metre
here, so the two are the same numbers. Chinese web maps use GCJ-02 or BD-09, which no transformation
library knows; their formulas are below. ``always_xy`` is set everywhere: x is longitude or easting.

Sources
-------
GCJ-02: the formula first published as *EvilTransform* (Krasovsky 1940 ellipsoid, sums of sines). BD-09:
the offset in polar form that Baidu's own interface applies to GCJ-02. Both agree with the 664 published
city vectors to 0.7 m, which is a constant of those vectors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyproj
import shapely
from numpy.typing import ArrayLike, NDArray

from gis.errors import CrsError

Floats = NDArray[np.float64]

STORAGE_SRID = 4490

_KRASOVSKY_A = 6_378_245.0
_KRASOVSKY_EE = 0.006_693_421_622_965_943
_CGCS_A = 6_378_137.0
_CGCS_F = 1 / 298.257_222_101
_CGCS_EE = _CGCS_F * (2 - _CGCS_F)
_BD_TURN = np.pi * 3000 / 180
_INVERSE_TOLERANCE_DEG = 1e-10
_INVERSE_STEPS = 30


@dataclass(frozen=True)
class Datum:
    """A named way to write a position down.

    Attributes
    ----------
    name
        ``cgcs2000``, ``wgs84``, ``gcj02``, ``bd09`` or ``epsg:N``.
    epsg
        The EPSG code, where it has one.
    """

    name: str
    epsg: int | None = None

    @property
    def is_storage(self) -> bool:
        """Whether its numbers are the stored ones."""
        return self.name in {"cgcs2000", "wgs84"}


CGCS2000 = Datum("cgcs2000", 4490)
WGS84 = Datum("wgs84", 4326)
GCJ02 = Datum("gcj02")
BD09 = Datum("bd09")

_NAMES: dict[str, Datum] = {
    "cgcs2000": CGCS2000,
    "epsg:4490": CGCS2000,
    "4490": CGCS2000,
    "wgs84": WGS84,
    "epsg:4326": WGS84,
    "4326": WGS84,
    "ogc:crs84": WGS84,
    "crs84": WGS84,
    "gcj02": GCJ02,
    "gcj-02": GCJ02,
    "bd09": BD09,
    "bd-09": BD09,
    "bd09ll": BD09,
}


def parse_crs(text: str | None, *, where: str = "crs") -> Datum:
    """Turn the name of a datum or an EPSG code into a :class:`Datum`; never guess.

    Parameters
    ----------
    text
        ``cgcs2000``, ``wgs84``, ``gcj02``, ``bd09``, ``EPSG:4527``, ``4527`` …, case-blind.
    where
        The option or field, for the message.

    Returns
    -------
    Datum
        The datum.

    Raises
    ------
    CrsError
        If there is none, or it is not known.
    """
    mend = "give cgcs2000, wgs84, gcj02, bd09 or an EPSG code such as EPSG:4527"
    if text is None or not str(text).strip():
        raise CrsError("no datum is named, and one is never guessed", where=where, mend=mend)
    key = str(text).strip().lower()
    if key in _NAMES:
        return _NAMES[key]
    digits = key.removeprefix("epsg:")
    if digits.isascii() and digits.isdigit():
        try:
            found = pyproj.CRS.from_epsg(int(digits))
        except pyproj.exceptions.CRSError:
            raise CrsError(f"EPSG:{digits} is not known", where=where, mend=mend) from None
        if not (found.is_geographic or found.is_projected):
            raise CrsError(
                f"EPSG:{digits} ({found.name}) does not say where a place is on the map",
                where=where,
                mend=mend,
            )
        return Datum(f"epsg:{int(digits)}", int(digits))
    raise CrsError(f"{text!r} is not a datum that is known here", where=where, mend=mend)


def datum_of(crs: Any, *, where: str = "crs") -> Datum:
    """Name the datum of a pyproj/geopandas CRS object, as a file carries it.

    Parameters
    ----------
    crs
        A :class:`pyproj.CRS`, or what makes one.
    where
        The file, for the message.

    Returns
    -------
    Datum
        The datum.

    Raises
    ------
    CrsError
        If it has no EPSG code that can be told.
    """
    parsed = pyproj.CRS.from_user_input(crs)
    code = parsed.to_epsg(min_confidence=70)
    if code is None and parsed.equals(pyproj.CRS.from_user_input("OGC:CRS84"), ignore_axis_order=True):
        code = 4326
    if code is None:
        raise CrsError(
            f"the file's own reference system ({parsed.name}) has no EPSG code",
            where=where,
            mend="name it with --crs",
        )
    return parse_crs(str(code), where=where)


def to_storage(x: ArrayLike, y: ArrayLike, datum: Datum) -> tuple[Floats, Floats]:
    """Convert positions to CGCS2000 longitude and latitude.

    Parameters
    ----------
    x, y
        Longitude/easting and latitude/northing in ``datum``, shape (n,).
    datum
        What they are written in.

    Returns
    -------
    tuple of numpy.ndarray
        Longitude and latitude in degrees; NaN or infinite where the input was or the projection fails.
    """
    lon = np.asarray(x, dtype=np.float64)
    lat = np.asarray(y, dtype=np.float64)
    if datum.is_storage:
        return lon, lat
    if datum == GCJ02:
        return _invert(_wgs84_to_gcj02, lon, lat)
    if datum == BD09:
        return _invert(_wgs84_to_bd09, lon, lat)
    done = _transformer(datum.epsg, _bridge(datum.epsg)).transform(lon, lat)
    return np.asarray(done[0], dtype=np.float64), np.asarray(done[1], dtype=np.float64)


def from_storage(lon: ArrayLike, lat: ArrayLike, datum: Datum) -> tuple[Floats, Floats]:
    """Convert CGCS2000 longitude and latitude to another datum.

    Parameters
    ----------
    lon, lat
        Degrees, shape (n,).
    datum
        What is wanted.

    Returns
    -------
    tuple of numpy.ndarray
        x and y in ``datum``.
    """
    lon_ = np.asarray(lon, dtype=np.float64)
    lat_ = np.asarray(lat, dtype=np.float64)
    if datum.is_storage:
        return lon_, lat_
    if datum == GCJ02:
        return _wgs84_to_gcj02(lon_, lat_)
    if datum == BD09:
        return _wgs84_to_bd09(lon_, lat_)
    done = _transformer(_bridge(datum.epsg), datum.epsg).transform(lon_, lat_)
    return np.asarray(done[0], dtype=np.float64), np.asarray(done[1], dtype=np.float64)


def geometries_to_storage(geometries: Any, datum: Datum) -> Any:
    """Convert shapely geometries to CGCS2000, vertex by vertex.

    Parameters
    ----------
    geometries
        A geometry or an array of them, in ``datum``.
    datum
        What they are written in.

    Returns
    -------
    shapely.Geometry or numpy.ndarray
        Like the input, in EPSG:4490 degrees. Z is dropped.
    """
    if datum.is_storage:
        return shapely.force_2d(geometries)
    return shapely.transform(
        geometries, lambda xy: np.column_stack(to_storage(xy[:, 0], xy[:, 1], datum)), include_z=False
    )


def geometries_from_storage(geometries: Any, datum: Datum) -> Any:
    """Convert shapely geometries from CGCS2000 to another datum.

    Parameters
    ----------
    geometries
        A geometry or an array of them, EPSG:4490 degrees.
    datum
        What is wanted.

    Returns
    -------
    shapely.Geometry or numpy.ndarray
        Like the input.
    """
    if datum.is_storage:
        return geometries
    return shapely.transform(
        geometries, lambda xy: np.column_stack(from_storage(xy[:, 0], xy[:, 1], datum)), include_z=False
    )


def metric_epsg(lon: float, lat: float) -> int:
    """Choose a projected system in metres for a place.

    Parameters
    ----------
    lon, lat
        Degrees, CGCS2000.

    Returns
    -------
    int
        In China's longitudes the CGCS2000 3-degree Gauss-Krüger zone (EPSG:4534–4554), elsewhere UTM.
    """
    if 73.5 <= lon < 136.5 and 0 <= lat < 56:
        return 4534 + int((lon - 73.5) // 3)
    zone = int((lon + 180) // 6) % 60 + 1
    return (32600 if lat >= 0 else 32700) + zone


def metres_per_degree(lat: ArrayLike) -> tuple[Floats, Floats]:
    """Give the length of a degree of longitude and of latitude on the CGCS2000 ellipsoid.

    Good to a millimetre over a grid's size. Formulas: N cos φ and M, the radii of curvature in the prime
    vertical and the meridian.

    Parameters
    ----------
    lat
        Degrees, any shape.

    Returns
    -------
    tuple of numpy.ndarray
        Metres per degree of longitude, and of latitude.
    """
    phi = np.radians(np.asarray(lat, dtype=np.float64))
    w2 = 1 - _CGCS_EE * np.sin(phi) ** 2
    prime_vertical = _CGCS_A / np.sqrt(w2)
    meridian = _CGCS_A * (1 - _CGCS_EE) / w2**1.5
    return np.radians(prime_vertical * np.cos(phi)), np.radians(meridian)


@lru_cache(maxsize=64)
def _bridge(epsg: int | None) -> int:
    """Choose what a system is converted to: CGCS2000 where it is built on it, else WGS84.

    The two are the same numbers here, but most other datums have a published transformation to WGS84 only.
    Towards CGCS2000 the library would fall back on none at all, and be 100 m off without a word.
    """
    base = pyproj.CRS.from_user_input(epsg).geodetic_crs
    on_storage = base is not None and base.to_epsg() == STORAGE_SRID
    return STORAGE_SRID if on_storage else 4326


@lru_cache(maxsize=64)
def _transformer(source: int | None, target: int | None) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(source, target, always_xy=True)


def _in_china(lon: Floats, lat: Floats) -> NDArray[np.bool_]:
    """Tell where GCJ-02 is applied at all: the rectangle that its formula names."""
    inside: NDArray[np.bool_] = (lon >= 72.004) & (lon <= 137.8347) & (lat >= 0.8293) & (lat <= 55.8271)
    return inside


def _wgs84_to_gcj02(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    x, y = lon - 105.0, lat - 35.0
    with np.errstate(invalid="ignore"):
        root = np.sqrt(np.abs(x))
        both = (20.0 * np.sin(6.0 * x * np.pi) + 20.0 * np.sin(2.0 * x * np.pi)) * 2.0 / 3.0
        d_lat = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + both
        d_lat += (20.0 * np.sin(y * np.pi) + 40.0 * np.sin(y / 3.0 * np.pi)) * 2.0 / 3.0
        d_lat += (160.0 * np.sin(y / 12.0 * np.pi) + 320.0 * np.sin(y * np.pi / 30.0)) * 2.0 / 3.0
        d_lon = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + both
        d_lon += (20.0 * np.sin(x * np.pi) + 40.0 * np.sin(x / 3.0 * np.pi)) * 2.0 / 3.0
        d_lon += (150.0 * np.sin(x / 12.0 * np.pi) + 300.0 * np.sin(x / 30.0 * np.pi)) * 2.0 / 3.0
        phi = np.radians(lat)
        magic = 1 - _KRASOVSKY_EE * np.sin(phi) ** 2
        root_magic = np.sqrt(magic)
        d_lat = np.degrees(d_lat * magic * root_magic / (_KRASOVSKY_A * (1 - _KRASOVSKY_EE)))
        d_lon = np.degrees(d_lon * root_magic / (_KRASOVSKY_A * np.cos(phi)))
        here = _in_china(lon, lat)
    return np.where(here, lon + d_lon, lon), np.where(here, lat + d_lat, lat)


def _wgs84_to_bd09(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    x, y = _wgs84_to_gcj02(lon, lat)
    with np.errstate(invalid="ignore"):
        z = np.hypot(x, y) + 2e-5 * np.sin(y * _BD_TURN)
        theta = np.arctan2(y, x) + 3e-6 * np.cos(x * _BD_TURN)
        here = _in_china(lon, lat)
    return np.where(here, z * np.cos(theta) + 0.0065, x), np.where(here, z * np.sin(theta) + 0.006, y)


def _invert(
    forward: Callable[[Floats, Floats], tuple[Floats, Floats]], x: Floats, y: Floats
) -> tuple[Floats, Floats]:
    """Invert a near-identity shift by fixed-point iteration, to 1e-10° (about 0.01 mm)."""
    lon, lat = x.copy(), y.copy()
    for _ in range(_INVERSE_STEPS):
        back_x, back_y = forward(lon, lat)
        with np.errstate(invalid="ignore"):
            d_x, d_y = x - back_x, y - back_y
        lon, lat = lon + d_x, lat + d_y
        worst = np.nanmax(np.abs(np.concatenate([np.ravel(d_x), np.ravel(d_y)])), initial=0.0)
        if not worst > _INVERSE_TOLERANCE_DEG:
            break
    return lon, lat
