# mypy: allow-untyped-defs, allow-untyped-calls
# ruff: noqa: ANN001, ANN202 - numba infers the types of its kernels
"""Nearest edges, compiled by numba."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gis.compiling import compiled
from gis.locate.distance import PACK, Reach
from gis.locate.edges import Rings

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_STACK = 1024


def nearest_on(rings: Rings, reach: Reach, positions: NDArray[np.int32], xy: Floats, scale: Floats) -> Floats:
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
    _nearest_on(rings.vertices, reach.runs, reach.boxes, reach.polygon_runs, positions, xy, scale, foot)
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
    foot = np.empty_like(xy)
    found = np.empty(len(xy), dtype=np.int32)
    _nearest_polygon(
        rings.vertices,
        reach.runs,
        reach.boxes,
        reach.polygon_runs,
        reach.packed,
        reach.order,
        reach.levels,
        xy,
        scale,
        found,
        foot,
    )
    return found, foot


def edges_near(
    rings: Rings,  # noqa: ARG001 - called as NumPy's is
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
    boxes = (reach.runs, reach.boxes, reach.polygon_runs, reach.packed, reach.order, reach.levels)
    room = 256 * len(xy)
    while True:
        found = np.empty((room, 3), dtype=np.int64)
        count = _edges_near(*boxes, xy, scale, radius, found)
        if count <= room:
            return found[:count, 0], found[:count, 1], found[:count, 2]
        room = count


@compiled
def _to_box(box, x, y, scale_x, scale_y):
    dx = max(box[0] - x, 0.0, x - box[2]) * scale_x
    dy = max(box[1] - y, 0.0, y - box[3]) * scale_y
    return dx * dx + dy * dy


@compiled
def _to_polygon(vertices, runs, boxes, first, last, x, y, scale_x, scale_y, best):
    """Give the least squared distance below ``best``, with its place; ``best`` itself where there is none."""
    foot_x, foot_y = np.nan, np.nan
    for r in range(first, last):
        if _to_box(boxes[r], x, y, scale_x, scale_y) > best:
            continue
        x1 = (vertices[runs[r, 0], 0] - x) * scale_x
        y1 = (vertices[runs[r, 0], 1] - y) * scale_y
        for v in range(runs[r, 0] + 1, runs[r, 1] + 1):
            x2 = (vertices[v, 0] - x) * scale_x
            y2 = (vertices[v, 1] - y) * scale_y
            dx, dy = x2 - x1, y2 - y1
            length = dx * dx + dy * dy
            along = min(max(-(x1 * dx + y1 * dy) / length, 0.0), 1.0) if length > 0.0 else 0.0
            px, py = x1 + along * dx, y1 + along * dy
            squared = px * px + py * py
            if squared < best or (squared == best and np.isnan(foot_x)):
                best = squared
                foot_x, foot_y = x + px / scale_x, y + py / scale_y
            x1, y1 = x2, y2
    return best, foot_x, foot_y


@compiled
def _nearest_on(vertices, runs, boxes, polygon_runs, positions, xy, scale, foot):
    for i in range(len(xy)):
        p = positions[i]
        _, foot[i, 0], foot[i, 1] = _to_polygon(
            vertices,
            runs,
            boxes,
            polygon_runs[p],
            polygon_runs[p + 1],
            xy[i, 0],
            xy[i, 1],
            scale[i, 0],
            scale[i, 1],
            np.inf,
        )


@compiled
def _nearest_polygon(
    vertices,
    runs,
    boxes,
    polygon_runs,
    packed,
    order,
    levels,
    xy,
    scale,
    found,
    foot,
):
    top = len(levels) - 2
    stack_level = np.empty(_STACK, dtype=np.int64)
    stack_node = np.empty(_STACK, dtype=np.int64)
    for i in range(len(xy)):
        x, y, scale_x, scale_y = xy[i, 0], xy[i, 1], scale[i, 0], scale[i, 1]
        best, owner, foot_x, foot_y = np.inf, -1, np.nan, np.nan
        stack_level[0], stack_node[0], depth = top, 0, 1
        while depth > 0:
            depth -= 1
            level, node = stack_level[depth], stack_node[depth]
            if _to_box(packed[levels[level] + node], x, y, scale_x, scale_y) > best:
                continue
            if level == 0:
                p = order[node]
                squared, px, py = _to_polygon(
                    vertices, runs, boxes, polygon_runs[p], polygon_runs[p + 1], x, y, scale_x, scale_y, best
                )
                if not np.isnan(px) and (squared < best or p < owner):
                    best, owner, foot_x, foot_y = squared, p, px, py
                continue
            first = node * PACK
            last = min(first + PACK, levels[level] - levels[level - 1])
            # The nearest child goes onto the stack last, so that it is looked at first.
            nearest, nearest_bound = -1, np.inf
            for child in range(first, last):
                bound = _to_box(packed[levels[level - 1] + child], x, y, scale_x, scale_y)
                if bound < nearest_bound:
                    nearest, nearest_bound = child, bound
            for child in range(first, last):
                if child != nearest:
                    stack_level[depth], stack_node[depth] = level - 1, child
                    depth += 1
            stack_level[depth], stack_node[depth] = level - 1, nearest
            depth += 1
        found[i], foot[i, 0], foot[i, 1] = owner, foot_x, foot_y


@compiled
def _edges_near(runs, boxes, polygon_runs, packed, order, levels, xy, scale, radius, found):
    """Count the edges near each point, and write them into ``found`` as far as it has room."""
    count = 0
    stack_level = np.empty(_STACK, dtype=np.int64)
    stack_node = np.empty(_STACK, dtype=np.int64)
    for i in range(len(xy)):
        x, y, scale_x, scale_y = xy[i, 0], xy[i, 1], scale[i, 0], scale[i, 1]
        most = radius[i] * radius[i]
        stack_level[0], stack_node[0], depth = len(levels) - 2, 0, 1
        while depth > 0:
            depth -= 1
            level, node = stack_level[depth], stack_node[depth]
            if _to_box(packed[levels[level] + node], x, y, scale_x, scale_y) > most:
                continue
            if level > 0:
                last = min((node + 1) * PACK, levels[level] - levels[level - 1])
                for child in range(node * PACK, last):
                    stack_level[depth], stack_node[depth] = level - 1, child
                    depth += 1
                continue
            p = order[node]
            for r in range(polygon_runs[p], polygon_runs[p + 1]):
                if _to_box(boxes[r], x, y, scale_x, scale_y) <= most:
                    for vertex in range(runs[r, 0], runs[r, 1]):
                        if count < len(found):
                            found[count, 0], found[count, 1], found[count, 2] = i, p, vertex
                        count += 1
    return count
