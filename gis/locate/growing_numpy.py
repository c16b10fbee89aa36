"""The steps of building a cell tree in NumPy alone: the same as :mod:`gis.locate.growing_numba`, slower."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gis.locate.cells import FAN
from gis.locate.edges import Edges, Ints

Records = NDArray[np.int32] | NDArray[np.int64]


def upward(vertices: Ints, ring_at: Ints, owner: Ints) -> tuple[Ints, Ints, Ints]:
    """Cut rings into upward edges.

    Parameters
    ----------
    vertices, ring_at
        Of :class:`gis.locate.edges.Rings`.
    owner
        int64, shape (rings,): position + 1 of each ring's polygon; rings with 0 are left out.

    Returns
    -------
    tuple of numpy.ndarray
        int64: x1, y1, x2, y2 of each edge, shape (n, 4), and position + 1 of whose land lies on its left and
        on its right, 0 for nobody's, in the order in which the rings run.
    """
    vertices = vertices.astype(np.int64, copy=False)
    each = np.repeat(owner, np.diff(ring_at))[:-1]
    xy = np.hstack([vertices[:-1], vertices[1:]])
    real = (xy[:, :2] != xy[:, 2:]).any(axis=1)  # snapping may have drawn two vertices together
    real[ring_at[1:-1] - 1] = False  # a ring's last vertex starts no edge
    xy, each = xy[real & (each > 0)], each[real & (each > 0)]
    downward = (xy[:, 3] < xy[:, 1]) | ((xy[:, 3] == xy[:, 1]) & (xy[:, 2] < xy[:, 0]))
    xy = np.where(downward[:, None], xy[:, [2, 3, 0, 1]], xy)
    return xy, np.where(downward, 0, each), np.where(downward, each, 0)


def join(xy: Ints, left: Ints, right: Ints) -> tuple[Ints, Ints, Ints]:
    """Make one edge of two equal ones that have land on opposite sides.

    Parameters
    ----------
    xy, left, right
        As :func:`upward` gives them; written over.

    Returns
    -------
    tuple of numpy.ndarray
        The same of the joined edges, in the order of the first of each.
    """
    # Equal edges meet when sorted by a hash; two unequal ones with one hash merely stay unjoined.
    order = np.argsort(_hash(xy), kind="stable")
    same = (xy[order[1:]] == xy[order[:-1]]).all(axis=1)
    opposite = (left[order[1:]] == 0) != (left[order[:-1]] == 0)
    second = np.flatnonzero(same & opposite) + 1
    second = second[np.diff(second, prepend=-2) > 1]
    kept, gone = order[second - 1], order[second]
    left[kept] = np.maximum(left[kept], left[gone])
    right[kept] = np.maximum(right[kept], right[gone])
    stays = np.ones(len(xy), dtype=bool)
    stays[gone] = False
    return np.ascontiguousarray(xy[stays]), left[stays], right[stays]


def _hash(xy: Ints) -> NDArray[np.uint64]:
    mixed = np.zeros(len(xy), dtype=np.uint64)
    for column in range(4):
        mixed ^= xy[:, column].astype(np.uint64)
        mixed *= np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return mixed


def _expand(start: Ints, stop: Ints) -> tuple[Ints, Ints]:
    """List the whole numbers of each range [start, stop], with the range that each came from."""
    counts = stop - start + 1
    which = np.repeat(np.arange(len(start)), counts)
    return which, np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts) + start[which]


def owners_at_corners(edges: Edges, rows: int, columns: int, shift_x: int, shift_y: int) -> NDArray[np.int32]:
    """Name the owner at each cell's lower left corner: owners change where a row's line meets an edge.

    Parameters
    ----------
    edges
        Upward edges.
    rows, columns, shift_x, shift_y
        The table of cells, each ``2**shift`` steps wide and high.

    Returns
    -------
    numpy.ndarray
        int32, shape (rows × columns,), row by row: positions, −1 for none.
    """
    x1, y1, x2, y2 = edges.xy.T
    step = 1 << shift_y
    rises = y2 > y1
    which, row = _expand(
        np.where(rises, (y1 + step - 1) >> shift_y, 0), np.where(rises, (y2 + step - 1) >> shift_y, 0) - 1
    )
    x1, y1, x2, y2 = edges.xy[which].T
    dx, dy = x2 - x1, y2 - y1
    # The first column whose corner is right of, or on, the edge: guessed in floats, then put right.
    y = row << shift_y
    guess = (x1 + np.rint((y - y1) * (dx / dy)).astype(np.int64)) >> shift_x
    low = np.maximum(guess - 1, 0)
    column = low + 3
    for candidate in (low + 2, low + 1, low):
        right_of = _right_of(candidate << shift_x, y, x1, y1, dx, dy)
        column = np.where(right_of & (column == candidate + 1), candidate, column)
    change = np.zeros((rows, columns + 4), dtype=np.int64)
    np.add.at(change, (row, column), edges.right[which] - edges.left[which])
    return (np.cumsum(change[:, :columns], axis=1).ravel() - 1).astype(np.int32)


def _right_of(x: Ints, y: Ints, x1: Ints, y1: Ints, dx: Ints, dy: Ints) -> NDArray[np.bool_]:
    """Tell whether (x, y) is right of, or on, the line of an upward edge.

    Products may wrap round 2**64 where the extent is wide; the difference is the true one all the same,
    because every point asked about is within two cells of the edge, and so it is below 2**63.
    """
    decided: NDArray[np.bool_] = dy * (x - x1) - dx * (y - y1) >= 0
    return decided


def edges_by_cell(
    xy: Ints,
    edge: Ints,
    window: Ints,
    x0: Ints,
    y0: Ints,
    columns: int,
    rows: int,
    shift_x: int,
    shift_y: int,
) -> tuple[Ints, Ints, Ints]:
    """List the edges that touch each cell of some windows, or miss it by less than a step or two.

    Parameters
    ----------
    xy
        Edges, shape (edges, 4).
    edge, window
        int64, shape (n,): which edge is asked about in which window.
    x0, y0
        Lower left corner of each window.
    columns, rows
        Cells of a window.
    shift_x, shift_y
        Size of its cells.

    Returns
    -------
    tuple of numpy.ndarray
        int64: the touched cells, ascending, counted row by row and window by window; where the edges of each
        begin, with the end; and the edges, in the order given. An edge never appears in a cell that lies
        wholly west, east, north or south of it: the bending of edges rests on that.
    """
    x1, y1, x2, y2 = xy[edge].T
    west, south = x0[window], y0[window]
    first = np.maximum((y1 - south) >> shift_y, 0)
    last = np.minimum((y2 - south) >> shift_y, rows - 1)
    which, row = _expand(first, np.maximum(last, first - 1))
    x1, y1, x2, y2 = xy[edge[which]].T
    floor = south[which] + (row << shift_y)
    slope = (x2 - x1) / np.maximum(y2 - y1, 1)
    low = np.where(y2 > y1, x1 + (np.maximum(y1, floor) - y1) * slope, x1)
    high = np.where(y2 > y1, x1 + (np.minimum(y2, floor + (1 << shift_y) - 1) - y1) * slope, x2)
    begin = np.maximum(np.floor(np.minimum(low, high)).astype(np.int64) - 1, np.minimum(x1, x2))
    end = np.minimum(np.ceil(np.maximum(low, high)).astype(np.int64) + 1, np.maximum(x1, x2))
    first = np.maximum((begin - west[which]) >> shift_x, 0)
    last = np.minimum((end - west[which]) >> shift_x, columns - 1)
    pair, column = _expand(first, np.maximum(last, first - 1))
    which = which[pair]
    cell = (window[which] * rows + row[pair]) * columns + column
    order = np.argsort(cell, kind="stable")
    cell, which = cell[order], which[order]
    if not len(cell):
        return cell, np.zeros(1, dtype=np.int64), edge[which]
    at = np.concatenate([[0], np.flatnonzero(np.diff(cell)) + 1])
    return cell[at], np.append(at, len(cell)), edge[which]


def records_of(
    edges: Edges, edge: Ints, start: Ints, x0: Ints, y0: Ints, owner: Ints, limit: int, kind: Any
) -> tuple[Records, Ints]:
    """Write the record of each edge in each of its cells, bent along the cell's western side.

    Parameters
    ----------
    edges
        Upward edges.
    edge, start
        Cell i has the edges ``edge[start[i]:start[i + 1]]``.
    x0, y0
        int64, shape (cells,): lower left corners.
    owner
        int64, shape (cells,): owner + 1 there.
    limit
        More than any height.
    kind
        ``np.int32`` or ``np.int64``.

    Returns
    -------
    tuple of numpy.ndarray
        ``kind``, shape (len(edge), RECORD); and int64, shape (cells,): owner + 1 that the sums begin with.
    """
    counts = np.diff(start)
    x1, y1, x2, y2 = edges.xy[edge].T
    dx = x2 - x1
    bent = (np.minimum(x1, x2) < np.repeat(x0, counts)) & (dx != 0)
    lowest = np.where(bent & (dx > 0), -limit, y1)
    above = np.where(bent & (dx < 0), limit, y2)
    found = np.column_stack([x1, y1, dx, y2 - y1, lowest, above, edges.left[edge], edges.right[edge]])
    base = owner - _group_sums(found, np.repeat(x0, counts), np.repeat(y0, counts), start)
    return found.astype(kind), base


def owners_below(
    records: Records, start: Ints, x0: Ints, y0: Ints, base: Ints, shift_x: int, shift_y: int
) -> Ints:
    """Name the owner + 1 at the lower left corner of each cell of some blocks.

    Parameters
    ----------
    records, start
        Block i has the records ``records[start[i]:start[i + 1]]``.
    x0, y0
        int64, shape (blocks,): lower left corners.
    base
        int64, shape (blocks,): owner + 1 that the sums begin with.
    shift_x, shift_y
        Size of a block's cells.

    Returns
    -------
    numpy.ndarray
        int64, shape (blocks × FAN × FAN,), row by row and block by block.
    """
    kept = records.astype(np.int64, copy=False)
    block = np.repeat(np.arange(len(x0)), np.diff(start))
    owner = np.empty((len(x0), FAN * FAN), dtype=np.int64)
    for child in range(FAN * FAN):
        x = x0 + ((child % FAN) << shift_x)
        y = y0 + ((child // FAN) << shift_y)
        owner[:, child] = base + _group_sums(kept, x[block], y[block], start)
    return owner.ravel()


def _group_sums(records: Ints, x: Ints, y: Ints, start: Ints) -> Ints:
    """Sum right − left over the records of each group that count at the point beside each record."""
    x1, y1, dx, dy, lowest, above, left, right = records.T
    counts = (y >= lowest) & (y < above) & _right_of(x, y, x1, y1, dx, dy)
    return np.add.reduceat(np.where(counts, right - left, 0), start[:-1])
