"""From a drawing board to the ground: a flat plan in metres, gently bent, set down on the ellipsoid.

A made-up place is drawn on a board whose axes run east (u) and north (v), in metres. ``Ground`` bends
the board a little, so that no street is ruler-straight and no two are quite parallel, turns it, and sets
it down at an anchor in CGCS2000. Every vertex goes where it goes on its own, so an edge that two blocks
share on the board is the same edge on the ground.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from gis.crs import metres_per_degree
from gis.lattice import snap, to_degrees, to_lattice

Floats = NDArray[np.float64]
Geometries = NDArray[np.object_]


@dataclass(frozen=True)
class Ground:
    """Where a drawing board lies, and how it is bent.

    Attributes
    ----------
    lon, lat
        The anchor: where the middle of the board lies, degrees CGCS2000.
    width, height
        Size of the board, metres.
    turn
        Degrees, anticlockwise.
    bend
        Amplitude of the bend, metres; the board's own lines stay within a few degrees of their direction.
    waves
        How many waves of the bend fit on the board.
    scale
        Metres on the ground for a metre on the board.
    """

    lon: float
    lat: float
    width: float
    height: float
    turn: float = 0.0
    bend: float = 0.0
    waves: float = 1.0
    scale: float = 1.0

    def metres(self, uv: ArrayLike) -> Floats:
        """Bend and turn board positions.

        Parameters
        ----------
        uv
            Board metres, shape (n, 2).

        Returns
        -------
        numpy.ndarray
            Metres east and north of the anchor, shape (n, 2).
        """
        board = np.asarray(uv, dtype=np.float64)
        east, north = board[:, 0] - self.width / 2, board[:, 1] - self.height / 2
        a, b = 2 * east / self.width, 2 * north / self.height
        x = east + self.bend * (np.sin(1.4 * self.waves * b + 0.3) + 0.8 * a * b)
        y = north + self.bend * (0.75 * np.sin(1.7 * self.waves * a - 0.5) + 0.6 * a * b)
        angle = np.radians(self.turn)
        cos, sin = np.cos(angle), np.sin(angle)
        return self.scale * np.column_stack((cos * x - sin * y, sin * x + cos * y))

    def degrees(self, metres: ArrayLike) -> Floats:
        """Set metres down at the anchor.

        Parameters
        ----------
        metres
            Metres east and north of the anchor, shape (n, 2).

        Returns
        -------
        numpy.ndarray
            Longitude and latitude on the lattice, shape (n, 2).
        """
        xy = np.asarray(metres, dtype=np.float64)
        per_lon, per_lat = metres_per_degree(self.lat)
        return to_degrees(
            to_lattice(np.column_stack((self.lon + xy[:, 0] / per_lon, self.lat + xy[:, 1] / per_lat)))
        )

    def place(self, geometries: Any) -> Any:
        """Take board geometries to the ground, vertex by vertex.

        Parameters
        ----------
        geometries
            A shapely geometry or an array of them, board metres.

        Returns
        -------
        shapely.Geometry or numpy.ndarray
            Like the input, EPSG:4490 on the lattice.
        """
        return snap(shapely.transform(geometries, lambda uv: self.degrees(self.metres(uv))))

    def heading(self, uv: ArrayLike) -> Floats:
        """Tell how far the board's east is turned from true east.

        Parameters
        ----------
        uv
            Board metres, shape (n, 2).

        Returns
        -------
        numpy.ndarray
            Radians anticlockwise, shape (n,).
        """
        at = np.asarray(uv, dtype=np.float64)
        step = np.array([0.5, 0.0])
        along = self.metres(at + step) - self.metres(at - step)
        return np.asarray(np.arctan2(along[:, 1], along[:, 0]), dtype=np.float64)

    def set_down(self, outlines: Sequence[Floats], uv: ArrayLike, heading: ArrayLike) -> Geometries:
        """Set rigid outlines down: a house does not bend with its street.

        Parameters
        ----------
        outlines
            One open ring each, metres about the house's own middle, shape (k, 2).
        uv
            Board position of each middle, shape (n, 2).
        heading
            Radians that each is turned by, shape (n,).

        Returns
        -------
        numpy.ndarray
            Polygons, EPSG:4490 on the lattice, shape (n,).
        """
        sizes = np.array([len(ring) for ring in outlines])
        owner = np.repeat(np.arange(len(sizes)), sizes)
        local = np.vstack(outlines)
        turned = np.asarray(heading, dtype=np.float64)[owner]
        cos, sin = np.cos(turned), np.sin(turned)
        middle = self.metres(uv)[owner]
        world = middle + np.column_stack(
            (cos * local[:, 0] - sin * local[:, 1], sin * local[:, 0] + cos * local[:, 1])
        )
        return np.asarray(shapely.polygons(shapely.linearrings(self.degrees(world), indices=owner)))


def densify(uv: ArrayLike, spacing: float) -> Floats:
    """Put vertices along a line at even distances, keeping its own.

    Parameters
    ----------
    uv
        The line's vertices, shape (n, 2).
    spacing
        Greatest distance between vertices afterwards.

    Returns
    -------
    numpy.ndarray
        Shape (m, 2); each of the line's own vertices bit for bit.
    """
    line = np.asarray(uv, dtype=np.float64)
    pieces = []
    for start, end in pairwise(line):
        count = max(1, int(np.ceil(np.hypot(*(end - start)) / spacing)))
        pieces.append(start + (end - start) * (np.arange(count) / count)[:, None])
    return np.vstack([*pieces, line[-1:]])


def flow(uv: ArrayLike, per_piece: int = 8) -> Floats:
    """Draw a river's curve through its vertices (Catmull and Rom's spline), keeping them.

    Parameters
    ----------
    uv
        Vertices that the curve goes through, shape (n, 2).
    per_piece
        Vertices for each stretch between two of them.

    Returns
    -------
    numpy.ndarray
        Shape ((n - 1) * per_piece + 1, 2).
    """
    knots = np.asarray(uv, dtype=np.float64)
    padded = np.vstack((2 * knots[0] - knots[1], knots, 2 * knots[-1] - knots[-2]))
    t = (np.arange(per_piece) / per_piece)[:, None]
    pieces = []
    for p0, p1, p2, p3 in zip(padded[:-3], padded[1:-2], padded[2:-1], padded[3:], strict=True):
        curve = 0.5 * (
            2 * p1
            + (p2 - p0) * t
            + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2
            + (3 * p1 - p0 - 3 * p2 + p3) * t**3
        )
        curve[0] = p1
        pieces.append(curve)
    return np.vstack([*pieces, knots[-1:]])


def blocks(lines: Sequence[Any]) -> Geometries:
    """Cut the board into blocks along lines that meet at their vertices.

    Parameters
    ----------
    lines
        LineStrings, board metres.

    Returns
    -------
    numpy.ndarray
        Polygons that share their edges vertex by vertex, in no order to rely on.
    """
    noded = shapely.union_all(np.asarray(lines, dtype=object))
    return np.asarray(shapely.get_parts(shapely.polygonize(shapely.get_parts(noded))))


def as_multi(geometries: Any) -> Geometries:
    """Turn polygons and lines into their Multi kinds, as storage has them.

    Parameters
    ----------
    geometries
        Polygons or LineStrings, single or Multi, shape (n,).

    Returns
    -------
    numpy.ndarray
        MultiPolygons or MultiLineStrings, normalised; polygons with outer rings anticlockwise (RFC 7946).
    """
    plain = np.asarray(geometries, dtype=object)
    kinds = shapely.get_type_id(plain)
    wrapped = plain.copy()
    for kind, wrap in ((1, shapely.multilinestrings), (3, shapely.multipolygons)):
        single = kinds == kind
        if single.any():
            wrapped[single] = wrap(plain[single], indices=np.arange(single.sum()))
    return np.asarray(shapely.orient_polygons(shapely.normalize(wrapped)))
