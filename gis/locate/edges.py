"""Polygons as edges on the lattice: checked, oriented, and each shared edge once.

An edge runs upward (or, where it is level, eastward) from ``(x1, y1)`` to ``(x2, y2)`` and knows whose
land lies on its left and on its right: the polygon's position plus one, 0 for nobody's. Two neighbours
that share an edge give one edge with both numbers; where one of them has a vertex that the other lacks
there are two edges, which comes to the same thing.

All coordinates are whole lattice steps relative to ``origin``, the lower left corner of everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.errors import GeometryError, InputError
from gis.lattice import to_degrees, to_lattice

Ints = NDArray[np.int64]

_POLYGON_TYPES = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)
_NAMED_IN_A_MESSAGE = 5


@dataclass(frozen=True)
class Rings:
    """Every ring of every polygon, land on the left, grouped by polygon.

    Attributes
    ----------
    origin
        Lattice steps of the lower left corner, (x, y).
    vertices
        int64 (int32 in an index that fits), shape (n, 2): x and y relative to ``origin``; the last vertex
        of a ring repeats its first.
    ring_at
        int64, shape (rings + 1,): the vertices of ring r are ``vertices[ring_at[r]:ring_at[r + 1]]``.
    polygon_at
        int64, shape (polygons + 1,): the rings of polygon p are ``polygon_at[p]`` to ``polygon_at[p + 1]``.
    """

    origin: tuple[int, int]
    vertices: Ints
    ring_at: Ints
    polygon_at: Ints


@dataclass(frozen=True)
class Edges:
    """Upward edges with the owners of both sides.

    Attributes
    ----------
    xy
        int64, shape (n, 4): x1, y1, x2, y2; y1 < y2, or y1 = y2 and x1 < x2.
    left, right
        int64, shape (n,): position + 1 of the polygon on that side, 0 for none.
    """

    xy: Ints
    left: Ints
    right: Ints


def read_rings(polygons: Any, codes: Sequence[str]) -> tuple[Rings, NDArray[np.object_]]:
    """Snap polygons to the lattice and take them apart.

    Parameters
    ----------
    polygons
        Array of n shapely Polygons or MultiPolygons, lon/lat degrees (CGCS2000).
    codes
        Their n codes, for the messages.

    Returns
    -------
    tuple
        The rings, and the same polygons as shapely MultiPolygons whose coordinates are the whole numbers
        of the rings (so that GEOS decides about the snapped shape, exactly).

    Raises
    ------
    InputError
        If the numbers of polygons and codes differ, a code occurs twice, or there are no polygons.
    GeometryError
        If a geometry is missing, empty, not a polygon, not finite, or outside ±360°.
    """
    shapes = np.asarray(polygons, dtype=object).ravel()
    _check_codes(shapes, codes)
    kinds = shapely.get_type_id(shapes)
    _refuse(
        ~np.isin(kinds, _POLYGON_TYPES),
        codes,
        "is missing or not a polygon",
        "give a Polygon or MultiPolygon",
    )
    _refuse(shapely.is_empty(shapes), codes, "is empty", "draw it, or leave its row out")
    degrees, vertex_of = shapely.get_coordinates(shapes, return_index=True)
    wrong = vertex_of[~(np.abs(degrees) <= 360).all(axis=1)]
    _refuse(
        np.bincount(wrong, minlength=len(shapes)) > 0,
        codes,
        "has a coordinate that is not a number of degrees",
        "give longitude and latitude in degrees",
    )
    parts, owner = shapely.get_parts(shapely.orient_polygons(shapes, exterior_cw=False), return_index=True)
    parts, owner = parts[~shapely.is_empty(parts)], owner[~shapely.is_empty(parts)]
    drawn, part = shapely.get_rings(parts, return_index=True)
    degrees, ring = shapely.get_coordinates(drawn, return_index=True)
    sizes = np.bincount(ring, minlength=len(drawn))
    part = part[sizes > 0]  # a hole may be empty, too
    ring_at, part_at = _starts(sizes[sizes > 0]), _starts(np.bincount(part, minlength=len(parts)))
    steps = to_lattice(degrees)
    origin = steps.min(axis=0)
    steps -= origin
    shape_at = _starts(np.bincount(owner, minlength=len(shapes)))
    snapped = shapely.from_ragged_array(
        shapely.GeometryType.MULTIPOLYGON, steps.astype(np.float64), (ring_at, part_at, shape_at)
    )
    return Rings((int(origin[0]), int(origin[1])), steps, ring_at, part_at[shape_at]), snapped


def _starts(counts: Ints) -> Ints:
    return np.concatenate([[0], np.cumsum(counts)])


def _check_codes(shapes: NDArray[np.object_], codes: Sequence[str]) -> None:
    if len(shapes) != len(codes):
        raise InputError(
            f"{len(shapes)} polygons came with {len(codes)} codes", mend="give one code for each polygon"
        )
    if len(shapes) == 0:
        raise InputError("there are no polygons to index", mend="load the grids first")
    if len(set(codes)) < len(codes):
        seen: set[str] = set()
        twice = next(code for code in codes if code in seen or seen.add(code))  # type: ignore[func-returns-value]
        raise InputError(
            f"the code {twice} occurs twice", where=twice, mend="merge its parts into one MultiPolygon"
        )


def _refuse(wrong: NDArray[np.bool_], codes: Sequence[str], what: str, mend: str) -> None:
    at = np.flatnonzero(wrong).tolist()
    if at:
        named = [codes[i] for i in at]
        raise GeometryError(
            f"the boundary of {_listed(named)} {what}", where=named[0], mend=mend, details={"codes": named}
        )


def refuse_invalid(snapped: NDArray[np.object_], codes: Sequence[str], origin: tuple[int, int]) -> None:
    """Check each snapped polygon by itself.

    Parameters
    ----------
    snapped
        What :func:`read_rings` gave.
    codes
        Their codes, for the message.
    origin
        Of the rings.

    Raises
    ------
    GeometryError
        If one is invalid, saying where.
    """
    bad = np.flatnonzero(~shapely.is_valid(snapped)).tolist()
    if not bad:
        return
    named = [codes[i] for i in bad]
    reason = str(shapely.is_valid_reason(snapped[bad[0]]))
    place = ""
    if reason.endswith("]") and "[" in reason:
        x, y = (float(v) for v in reason[reason.rindex("[") + 1 : -1].split()[:2])
        lon, lat = to_degrees(np.round([x, y]) + origin)
        place = f" near {lon:.8f}, {lat:.8f}"
    raise GeometryError(
        f"the boundary of {_listed(named)} crosses or folds back on itself{place}",
        where=named[0],
        mend="repair the boundary (wangge check names every such place)",
        details={"codes": named},
    )


def _listed(codes: list[str]) -> str:
    shown = ", ".join(codes[:_NAMED_IN_A_MESSAGE])
    more = len(codes) - _NAMED_IN_A_MESSAGE
    return f"{shown} and {more} more" if more > 0 else shown
