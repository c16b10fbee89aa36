"""Which polygons overlap, exactly, and how to lay overlapping ones in sheets that do not.

A sum over edges names one owner only where polygons do not overlap. Layers that may overlap (exclusive
grids) are therefore divided into **sheets**, each without overlap, and asked sheet by sheet.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray


def overlapping_pairs(snapped: NDArray[np.object_]) -> NDArray[np.int64]:
    """Find the pairs of polygons whose interiors share a point.

    GEOS decides it with robust orientation tests on whole numbers, so an overlap thinner than a lattice
    step is found, and a border that merely touches is not taken for one.

    Parameters
    ----------
    snapped
        n valid polygons with whole-number coordinates.

    Returns
    -------
    numpy.ndarray
        int64, shape (pairs, 2), each pair once, the lower position first, sorted.
    """
    # The coverage check is fast, but calls a neighbour's extra vertex on a straight border an error too.
    doubtful = np.flatnonzero(~shapely.is_empty(shapely.coverage_invalid_edges(snapped)))
    if not len(doubtful):
        return np.empty((0, 2), dtype=np.int64)
    near = shapely.STRtree(snapped).query(snapped[doubtful], predicate="intersects")
    pairs = np.column_stack([doubtful[near[0]], near[1]])
    pairs = np.unique(np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1), axis=0)
    overlap = shapely.relate_pattern(snapped[pairs[:, 0]], snapped[pairs[:, 1]], "T********")
    found: NDArray[np.int64] = pairs[overlap].astype(np.int64)
    return found


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
