"""How far a point is from a polygon's edges, and which polygon is nearest to it.

Distances are planar in metres at the point's own latitude (the ellipsoid's two radii of curvature), good
to a millimetre over a grid's size. The search skips what a box says is farther than the best so far:
edges are grouped in runs of some sixteen, polygons packed in a tree by their place on a Z-order curve.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gis.locate.edges import Rings

RUN = 16
"""Edges in a run at most."""
PACK = 8
"""Boxes under one box of the tree."""

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Reach:
    """What the distance kernels need, besides the vertices.

    Attributes
    ----------
    runs
        int64, shape (runs, 2): first and last vertex of each run of edges; a run lies within one ring.
    boxes
        float64, shape (runs, 4): x and y of the lower left and upper right corner, steps from the origin.
    polygon_runs
        int64, shape (polygons + 1,): polygon p has the runs ``polygon_runs[p]`` to ``polygon_runs[p + 1]``.
    packed
        float64, shape (nodes, 4): boxes of the tree, level by level from the polygons up to one root.
    order
        int64, shape (polygons,): the polygon of each box of the lowest level.
    levels
        int64, shape (levels + 1,): where each level begins in ``packed``.
    """

    runs: Ints
    boxes: NDArray[np.float64]
    polygon_runs: Ints
    packed: NDArray[np.float64]
    order: Ints
    levels: Ints


def survey(rings: Rings) -> Reach:
    """Group edges in runs and pack polygons in a tree.

    Parameters
    ----------
    rings
        The snapped boundaries.

    Returns
    -------
    Reach
        The boxes.
    """
    edges = np.diff(rings.ring_at) - 1
    pieces = np.maximum((edges + RUN - 1) // RUN, 1)
    ring = np.repeat(np.arange(len(edges)), pieces)
    number = np.arange(len(ring)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    first = rings.ring_at[ring] + number * RUN
    last = np.minimum(first + RUN, rings.ring_at[ring + 1] - 1)
    # A run's box: reduceat over [first, last]; neighbours in a ring share a vertex, hence two passes.
    low = np.minimum(np.minimum.reduceat(rings.vertices, first), rings.vertices[last])
    high = np.maximum(np.maximum.reduceat(rings.vertices, first), rings.vertices[last])
    boxes = np.hstack([low, high]).astype(np.float64)
    run_at = np.concatenate([[0], np.cumsum(pieces)])
    polygon_runs = run_at[rings.polygon_at]
    whole = np.hstack(
        [
            np.minimum.reduceat(boxes[:, :2], polygon_runs[:-1]),
            np.maximum.reduceat(boxes[:, 2:], polygon_runs[:-1]),
        ]
    )
    order = np.argsort(_z_order(whole), kind="stable")
    packed, levels = [whole[order]], [0, len(order)]
    while len(packed[-1]) > 1:
        at = np.arange(0, len(packed[-1]), PACK)
        packed.append(
            np.hstack(
                [np.minimum.reduceat(packed[-1][:, :2], at), np.maximum.reduceat(packed[-1][:, 2:], at)]
            )
        )
        levels.append(levels[-1] + len(at))
    return Reach(
        np.column_stack([first, last]).astype(np.int64),
        boxes,
        polygon_runs.astype(np.int64),
        np.vstack(packed),
        order.astype(np.int64),
        np.array(levels, dtype=np.int64),
    )


def _z_order(boxes: NDArray[np.float64]) -> NDArray[np.uint64]:
    """Interleave the bits of the boxes' centres, scaled to 16 bits each."""
    centre = boxes[:, :2] + boxes[:, 2:]
    scaled = (centre * (65535 / max(float(centre.max(initial=0)), 1.0))).astype(np.uint64)
    woven = np.zeros(len(boxes), dtype=np.uint64)
    for bit in range(16):
        for axis in range(2):
            woven |= ((scaled[:, axis] >> np.uint64(bit)) & np.uint64(1)) << np.uint64(2 * bit + axis)
    return woven
