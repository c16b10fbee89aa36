"""Nearest edges in NumPy alone: the same answers as :mod:`gis.locate.distance_numba`, slower."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gis.locate.distance import Reach
from gis.locate.edges import Rings

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_PAIRS = 1 << 20


def nearest_on(
    rings: Rings,
    reach: Reach,  # noqa: ARG001 - called as the compiled one is
    positions: NDArray[np.int32],
    xy: Floats,
    scale: Floats,
) -> Floats:
    """Find the place on a given polygon's edges that is nearest to each point.

    Parameters
    ----------
    rings
        The boundaries.
    reach
        Their boxes.
    positions
        Shape (n,), which polygon.
    xy
        float64, shape (n, 2): points, lattice steps from the origin.
    scale
        float64, shape (n, 2): metres per step of longitude and latitude at each.

    Returns
    -------
    numpy.ndarray
        float64, shape (n, 2), steps from the origin.
    """
    foot = np.empty_like(xy)
    for position in np.unique(positions):
        mine = np.flatnonzero(positions == position)
        _, foot[mine] = _to_polygon(rings, int(position), xy[mine], scale[mine])
    return foot


def nearest_polygon(
    rings: Rings, reach: Reach, xy: Floats, scale: Floats
) -> tuple[NDArray[np.int32], Floats]:
    """Find the polygon whose edges are nearest to each point, and the place on them.

    Parameters
    ----------
    rings
        The boundaries.
    reach
        Their boxes.
    xy, scale
        As in :func:`nearest_on`.

    Returns
    -------
    tuple of numpy.ndarray
        int32 positions, shape (n,), of two equally near the lower; and float64, shape (n, 2).
    """
    found = np.empty(len(xy), dtype=np.int32)
    foot = np.empty_like(xy)
    boxes = reach.packed[: reach.levels[1]]
    for i in range(len(xy)):
        low = np.maximum(boxes[:, :2] - xy[i], xy[i] - boxes[:, 2:])
        bound = (np.square(np.maximum(low, 0.0) * scale[i])).sum(axis=1)
        best, owner = np.inf, -1
        for node in np.argsort(bound, kind="stable"):
            if bound[node] > best:
                break
            position = int(reach.order[node])
            squared, place = _to_polygon(rings, position, xy[i : i + 1], scale[i : i + 1])
            if squared[0] < best or (squared[0] == best and position < owner):
                best, owner, foot[i] = squared[0], position, place[0]
        found[i] = owner
    return found, foot


def _to_polygon(rings: Rings, position: int, xy: Floats, scale: Floats) -> tuple[Floats, Floats]:
    """Give the squared distance to the polygon's edges in metres, and the place, of each of m points."""
    ring_at = rings.ring_at[rings.polygon_at[position] : rings.polygon_at[position + 1] + 1]
    vertices = rings.vertices[ring_at[0] : ring_at[-1]].astype(np.float64)
    is_edge = np.ones(len(vertices) - 1, dtype=bool)
    is_edge[ring_at[1:-1] - ring_at[0] - 1] = False
    squared = np.empty(len(xy))
    foot = np.empty_like(xy)
    step = max(1, _PAIRS // len(vertices))
    for start in range(0, len(xy), step):
        part = slice(start, start + step)
        away = (vertices[None] - xy[part, None]) * scale[part, None]
        begin = away[:, :-1][:, is_edge]
        along = away[:, 1:][:, is_edge] - begin
        length = np.square(along).sum(axis=2)
        share = -(begin * along).sum(axis=2) / np.where(length > 0, length, 1.0)
        place = begin + np.clip(share, 0.0, 1.0)[..., None] * along
        distance = np.square(place).sum(axis=2)
        least = distance.argmin(axis=1)
        rows = np.arange(len(least))
        squared[part] = distance[rows, least]
        foot[part] = xy[part] + place[rows, least] / scale[part]
    return squared, foot


def edges_near(
    rings: Rings,  # noqa: ARG001 - called as the compiled one is
    reach: Reach,
    xy: Floats,
    scale: Floats,
    radius: Floats,
) -> tuple[Ints, Ints, Ints]:
    """List the edges near each point: all within the radius, and some beyond.

    Parameters
    ----------
    rings
        The boundaries.
    reach
        Their boxes.
    xy, scale
        As in :func:`nearest_on`.
    radius
        float64, shape (n,): metres.

    Returns
    -------
    tuple of numpy.ndarray
        int64 each, a row for each edge found: the point, the polygon, and the edge's first vertex.
    """
    points, polygons, vertices = [], [], []
    polygon_of = np.repeat(np.arange(len(reach.polygon_runs) - 1), np.diff(reach.polygon_runs))
    for i in range(len(xy)):
        apart = np.maximum(np.maximum(reach.boxes[:, :2] - xy[i], xy[i] - reach.boxes[:, 2:]), 0.0) * scale[i]
        run = np.flatnonzero((apart**2).sum(axis=1) <= radius[i] ** 2)
        counts = reach.runs[run, 1] - reach.runs[run, 0]
        which = np.repeat(run, counts)
        offset = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
        points.append(np.full(len(which), i))
        polygons.append(polygon_of[which])
        vertices.append(reach.runs[which, 0] + offset)
    return np.concatenate(points), np.concatenate(polygons), np.concatenate(vertices)
