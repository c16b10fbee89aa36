# mypy: allow-untyped-defs, allow-untyped-calls
# ruff: noqa: ANN001, ANN202 - numba infers the types of its kernels
"""One point at a time: owner and margin in a few microseconds, for a server that answers one question each.

The arrays of :class:`gis.locate.index.GridIndex` cost more to make than a single look-up takes. Here all of
them are made once, and one compiled call answers. Only for an index of one sheet, with numba at hand; the
answers are the index's own, to the last digit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from gis.crs import metres_per_degree
from gis.lattice import STEPS_PER_DEGREE
from gis.locate.index import GridIndex
from gis.locate.kernels import COMPILED

Lookup = Callable[[float, float, float, float], tuple[int, float]]
"""Longitude, latitude, and metres per lattice step of both → position (−1 outside) and margin in metres."""

if COMPILED:
    from gis.locate.distance_numba import _nearest_on
    from gis.locate.kernels_numba import _extent, _locate, compiled

    @compiled
    def _single(
        lon,
        lat,
        scale_x,
        scale_y,
        extent,
        entries,
        leaves,
        records,
        lines,
        thirds,
        vertices,
        runs,
        boxes,
        polygon_runs,
    ):
        lons, lats = np.empty(1), np.empty(1)
        lons[0], lats[0] = lon, lat
        owner = np.empty(1, dtype=np.int32)
        _locate(lons, lats, extent, entries, leaves, records, lines, thirds, True, owner)  # noqa: FBT003 - the closed rule
        if owner[0] < 0:
            return -1, np.nan
        xy, scale, foot = np.empty((1, 2)), np.empty((1, 2)), np.empty((1, 2))
        xy[0, 0] = np.rint(lon * STEPS_PER_DEGREE) - extent[0]
        xy[0, 1] = np.rint(lat * STEPS_PER_DEGREE) - extent[1]
        scale[0, 0], scale[0, 1] = scale_x, scale_y
        _nearest_on(vertices, runs, boxes, polygon_runs, owner, xy, scale, foot)
        return owner[0], np.hypot((foot[0, 0] - xy[0, 0]) * scale_x, (foot[0, 1] - xy[0, 1]) * scale_y)


_LOOKUPS: WeakKeyDictionary[GridIndex, Lookup | None] = WeakKeyDictionary()


def clear_owner(index: GridIndex, lon: float, lat: float, within_m: float) -> int:
    """Name the owner of a point if all its border is farther away than a distance.

    Parameters
    ----------
    index
        The compiled polygons.
    lon, lat
        Degrees, CGCS2000.
    within_m
        Metres.

    Returns
    -------
    int
        Its position; −1 where the border is nearer, the point is outside, or the index is not of the kind
        that :func:`single_lookup` takes.
    """
    if index not in _LOOKUPS:
        _LOOKUPS[index] = single_lookup(index)
    look = _LOOKUPS[index]
    if look is None:
        return -1
    scale_x, scale_y = metres_per_degree(lat)
    position, margin = look(lon, lat, float(scale_x) / STEPS_PER_DEGREE, float(scale_y) / STEPS_PER_DEGREE)
    return position if margin > within_m else -1


def single_lookup(index: GridIndex) -> Lookup | None:
    """Make the look-up of one point at a time.

    Parameters
    ----------
    index
        The compiled polygons.

    Returns
    -------
    callable or None
        ``(lon, lat, metres per step of longitude, of latitude) → (position, margin in metres)``; a margin of
        zero, or next to it, may be a point on a border, about which the index has more to say. None where
        polygons overlap or numba is absent.
    """
    if not COMPILED or len(index.sheets) != 1:
        return None
    tree = index.sheets[0]
    fixed: tuple[Any, ...] = (
        _extent(tree, index.rings.origin),
        tree.entries,
        tree.leaves,
        tree.records,
        tree.lines,
        tree.lines.view(np.int64),
        index.rings.vertices,
        index.reach.runs,
        index.reach.boxes,
        index.reach.polygon_runs,
    )

    def look(lon: float, lat: float, scale_x: float, scale_y: float) -> tuple[int, float]:
        found: tuple[int, float] = _single(lon, lat, scale_x, scale_y, *fixed)
        return found

    look(0.0, 0.0, 1.0, 1.0)  # compiled now, not at the first question
    return look
