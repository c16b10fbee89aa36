"""Metres and square metres of stored geometries, and their borders cut into single segments.

Geometry is stored as longitude and latitude (EPSG:4490); every length and area of a plan is taken in the
projected system that :func:`gis.crs.metric_epsg` names for the middle of the place, one for a whole frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from gis.crs import (
    Datum,
    datum_of,
    geometries_from_storage,
    geometries_to_storage,
    metres_per_degree,
    metric_epsg,
)
from gis.errors import CrsError, GeometryError, InputError
from gis.lattice import to_lattice

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Geometries = NDArray[np.object_]


def lonlat(frame: gpd.GeoDataFrame, *, where: str = "frame") -> Geometries:
    """Return a frame's geometries as stored longitude and latitude.

    Parameters
    ----------
    frame
        Any layer; EPSG:4490 and EPSG:4326 are the same numbers here, others are converted.
    where
        The layer's name, for the message.

    Returns
    -------
    numpy.ndarray
        shapely geometries, shape (n,), degrees (CGCS2000), two-dimensional.

    Raises
    ------
    CrsError
        If the frame names no reference system.
    GeometryError
        If a coordinate is no longitude or latitude.
    """
    if frame.crs is None:
        raise CrsError("the frame names no reference system", where=where, mend="set its crs to EPSG:4490")
    found: Geometries = np.asarray(
        geometries_to_storage(np.asarray(frame.geometry.values), datum_of(frame.crs, where=where)),
        dtype=object,
    )
    box = np.abs(shapely.bounds(found[~(shapely.is_missing(found) | shapely.is_empty(found))]))
    if not (box <= (180, 90, 180, 90)).all():
        raise GeometryError(
            "a coordinate is not on the globe", where=where, mend="name the layer's reference system rightly"
        )
    return found


def require(frame: Any, columns: tuple[str, ...], *, where: str) -> None:
    """Refuse a frame that lacks a column.

    Parameters
    ----------
    frame
        Any pandas or GeoPandas frame.
    columns
        Their names.
    where
        The layer's name, for the message.

    Raises
    ------
    InputError
        If one is missing.
    """
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise InputError(
            f"the column {missing[0]} is missing", where=where, mend=f"give a frame with {', '.join(columns)}"
        )


@dataclass(frozen=True)
class Metres:
    """The projected system in metres of one place.

    Attributes
    ----------
    epsg
        Its code.
    """

    epsg: int

    @classmethod
    def of(cls, *layers: Any) -> Metres:
        """Choose the system for the middle of some geometries.

        Parameters
        ----------
        *layers
            Arrays of shapely geometries in degrees; the first that has an extent decides.

        Returns
        -------
        Metres
            The system; the one for 0° E 0° N where nothing has an extent.
        """
        for layer in layers:
            box = shapely.total_bounds(layer) if len(layer) else np.full(4, np.nan)
            if np.isfinite(box).all():
                return cls(metric_epsg(float(box[0] + box[2]) / 2, float(box[1] + box[3]) / 2))
        return cls(metric_epsg(0.0, 0.0))

    def project(self, geometries: Any) -> Any:
        """Turn stored degrees into metres.

        Parameters
        ----------
        geometries
            A shapely geometry or an array of them, degrees.

        Returns
        -------
        shapely.Geometry or numpy.ndarray
            Like the input, easting and northing in metres.
        """
        return geometries_from_storage(geometries, Datum(f"epsg:{self.epsg}", self.epsg))

    def unproject(self, geometries: Any) -> Any:
        """Turn metres back into stored degrees.

        Parameters
        ----------
        geometries
            A shapely geometry or an array of them, metres.

        Returns
        -------
        shapely.Geometry or numpy.ndarray
            Like the input, degrees.
        """
        return geometries_to_storage(geometries, Datum(f"epsg:{self.epsg}", self.epsg))

    def area_m2(self, geometries: Any) -> Floats:
        """Measure areas.

        Parameters
        ----------
        geometries
            Array of geometries in degrees, shape (n,).

        Returns
        -------
        numpy.ndarray
            Square metres, shape (n,); 0 for points, lines and missing ones.
        """
        return np.nan_to_num(np.asarray(shapely.area(self.project(geometries)), dtype=np.float64))

    def length_m(self, geometries: Any) -> Floats:
        """Measure lengths; a polygon's is the sum of its rings.

        Parameters
        ----------
        geometries
            Array of geometries in degrees, shape (n,).

        Returns
        -------
        numpy.ndarray
            Metres, shape (n,); 0 for points and missing ones.
        """
        return np.nan_to_num(np.asarray(shapely.length(self.project(geometries)), dtype=np.float64))


@dataclass(frozen=True)
class Plane:
    """A plane that touches the globe at one place: metres good enough to draw in; straight stays straight.

    A projected system bends a straight border of 500 m by some millimetres, which is several lattice steps;
    what is *made* there would not lie on the border any more. Scaling longitude and latitude bends nothing.

    Attributes
    ----------
    lon, lat
        Where it touches, degrees.
    """

    lon: float
    lat: float

    @classmethod
    def of(cls, geometries: Any) -> Plane:
        """Lay the plane through the middle of some geometries.

        Parameters
        ----------
        geometries
            Array of shapely geometries in degrees.

        Returns
        -------
        Plane
            The plane.
        """
        x0, y0, x1, y1 = (float(one) for one in shapely.total_bounds(geometries))
        return cls((x0 + x1) / 2, (y0 + y1) / 2)

    def project(self, geometries: Any) -> Any:
        """Turn degrees into metres east and north of the place.

        Parameters
        ----------
        geometries
            A shapely geometry or an array of them, degrees.

        Returns
        -------
        shapely.Geometry or numpy.ndarray
            Like the input.
        """
        east, north = metres_per_degree(self.lat)
        return shapely.transform(geometries, lambda xy: (xy - (self.lon, self.lat)) * (east, north))

    def unproject(self, geometries: Any) -> Any:
        """Turn metres back into degrees.

        Parameters
        ----------
        geometries
            A shapely geometry or an array of them, metres.

        Returns
        -------
        shapely.Geometry or numpy.ndarray
            Like the input.
        """
        east, north = metres_per_degree(self.lat)
        return shapely.transform(geometries, lambda xy: xy / (east, north) + (self.lon, self.lat))


@dataclass(frozen=True, eq=False)
class Segments:
    """Every border segment of some polygons, as whole lattice steps.

    Attributes
    ----------
    ends
        int64, shape (s, 4): x0, y0, x1, y1 in lattice steps, the lower end first, so that the same
        segment of two neighbours is the same row.
    part
        Index of the polygon part that each is a border of, shape (s,).
    part_owner
        Index of the geometry that each part belongs to, shape (p,).
    """

    ends: Ints
    part: Ints
    part_owner: Ints

    @property
    def owner(self) -> Ints:
        """Index of the geometry that each segment is a border of, shape (s,)."""
        return self.part_owner[self.part]


def border_segments(polygons: Geometries) -> Segments:
    """Cut the rings of polygons into segments on the lattice.

    Parameters
    ----------
    polygons
        Polygons and multipolygons in degrees, shape (n,).

    Returns
    -------
    Segments
        Zero-length ones are left out.
    """
    parts, owner = shapely.get_parts(polygons, return_index=True)
    rings, ring_part = shapely.get_rings(parts, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    steps = to_lattice(xy)
    same = ring[:-1] == ring[1:]
    head, tail = steps[:-1][same], steps[1:][same]
    part = ring_part[ring[:-1][same]]
    swap = (head[:, 0] > tail[:, 0]) | ((head[:, 0] == tail[:, 0]) & (head[:, 1] > tail[:, 1]))
    ends = np.where(swap[:, None], np.hstack([tail, head]), np.hstack([head, tail]))
    real = (ends[:, :2] != ends[:, 2:]).any(axis=1)
    return Segments(ends[real], part[real].astype(np.int64), owner.astype(np.int64))


def group_rows(rows: Ints) -> tuple[Ints, Ints]:
    """Give equal rows the same number.

    Parameters
    ----------
    rows
        Whole numbers, shape (s, 4).

    Returns
    -------
    tuple of numpy.ndarray
        ``first``, the index of one row of each group, shape (g,), and ``group``, the group of each row,
        shape (s,).
    """
    order = np.lexsort(rows.T[::-1])
    ranked = rows[order]
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (ranked[1:] != ranked[:-1]).any(axis=1)
    group = np.empty(len(rows), dtype=np.int64)
    group[order] = np.cumsum(new) - 1
    return order[new].astype(np.int64), group


def sum_by(index: Ints, values: Floats, count: int) -> Floats:
    """Sum values by the number of their group.

    Parameters
    ----------
    index
        The group of each value, 0…count-1, shape (n,).
    values
        Shape (n,).
    count
        How many groups there are.

    Returns
    -------
    numpy.ndarray
        Shape (count,); 0 for a group without values.
    """
    return np.asarray(np.bincount(index, weights=values, minlength=count), dtype=np.float64)
