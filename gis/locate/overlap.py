"""Which polygons overlap, exactly, and how to lay overlapping ones in sheets that do not.

A sum over edges names one owner only where polygons do not overlap. Layers that may overlap (exclusive
grids) are therefore divided into **sheets**, each without overlap, and asked sheet by sheet.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.locate.edges import Edges


def overlapping_pairs(snapped: NDArray[np.object_], edges: Edges) -> NDArray[np.int64]:
    """Find the pairs of polygons whose interiors share a point.

    How many polygons cover a place changes only across edges that have land on one side. So where any two
    overlap, such an edge borders on the overlap: if no polygon with one overlaps a neighbour of that edge,
    none overlap at all. That leaves the outer border and little else to be looked at. GEOS decides each
    pair with robust orientation tests on whole numbers: an overlap thinner than a lattice step is found,
    and a border that merely touches is not taken for one.

    Parameters
    ----------
    snapped
        n valid polygons with whole-number coordinates.
    edges
        The edges of all of them, as :func:`gis.locate.edges.join_rings` gives them, in the same numbers.

    Returns
    -------
    numpy.ndarray
        int64, shape (pairs, 2), each pair once, the lower position first, sorted.
    """
    tree = shapely.STRtree(snapped)
    single = (edges.left == 0) | (edges.right == 0)
    owner = np.maximum(edges.left, edges.right)[single] - 1
    xy = edges.xy[single].astype(np.float64)
    low, high = np.minimum(xy[:, :2], xy[:, 2:]), np.maximum(xy[:, :2], xy[:, 2:])
    edge, other = tree.query(shapely.box(*low.T, *high.T))
    if not len(_that_overlap(snapped, owner[edge], other)):
        return np.empty((0, 2), dtype=np.int64)
    return _that_overlap(snapped, *tree.query(snapped, predicate="intersects"))


def _that_overlap(
    snapped: NDArray[np.object_], one: NDArray[np.int64], other: NDArray[np.int64]
) -> NDArray[np.int64]:
    low, high = np.minimum(one, other), np.maximum(one, other)
    key = np.unique((low * len(snapped) + high)[low < high])
    pairs = np.column_stack(np.divmod(key, len(snapped)))
    shapely.prepare(snapped[pairs[:, 0]])
    overlap: NDArray[np.bool_] = shapely.relate_pattern(
        snapped[pairs[:, 0]], snapped[pairs[:, 1]], "T********"
    )
    return pairs[overlap]


def lay_in_sheets(count: int, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give each polygon the lowest sheet on which it overlaps none that came before it.

    Parameters
    ----------
    count
        How many polygons there are.
    pairs
        Overlapping pairs, shape (m, 2), as :func:`overlapping_pairs` gives them.

    Returns
    -------
    numpy.ndarray
        int64, shape (count,): the sheet of each; all 0 where nothing overlaps.
    """
    sheet = np.zeros(count, dtype=np.int64)
    before: dict[int, set[int]] = {}
    for low, high in pairs.tolist():
        before.setdefault(high, set()).add(low)
    for position in sorted(before):
        taken = {int(sheet[other]) for other in before[position]}
        sheet[position] = next(number for number in range(len(taken) + 1) if number not in taken)
    return sheet
