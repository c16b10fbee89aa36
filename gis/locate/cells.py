"""The cell tree: a uniform table of cells, the crowded ones divided again, each leaf with its few edges.

A cell that no edge touches has one owner, and one look-up answers. In a **leaf** the owner of a point p is

    base + Σ (right − left)  over the leaf's edges that p lies right of, or on, at its own height

because walking east across an edge changes the owner from the edge's left to its right. Edges that come
in through the cell's western side are taken to be bent along that side, to minus infinity where they
rise and to plus infinity where they fall; then everything west of the cell is one region, nothing
enters it but through the table, and the sum is right wherever the walk starts. Bending changes no
predicate: a point of the cell beyond the bend lies right of the edge's line anyway. What remains is one
comparison of whole numbers an edge, without order and without branches.

A height takes in an edge's lower end and not its upper one, and "on" counts as right: so p is decided as
if moved east by ε and north by ε², which is the half-open rule.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gis.locate.edges import Edges, Ints
from gis.locate.lines import LINES, WORDS, face_lines

FAN_BITS = 2
FAN = 1 << FAN_BITS
"""A crowded cell is divided into FAN × FAN."""

RECORD = 8
"""Columns of a leaf's record: x1, y1, x2 − x1, y2 − y1, lowest height, first height above, left, right."""

_NARROW_EXTENT = 2**31 - 2
_WIDEST_SHIFT = 25
_MOST_AT_THE_TOP = LINES
_MOST_IN_A_LEAF = 6
_DEEPEST = 8
_TOP_CELLS_AN_EDGE = 8
_FEWEST_TOP_CELLS = 1 << 8
_MOST_TOP_CELLS = 1 << 26
_MOST_RECORDS_AN_EDGE = 16
"""Dense spikes cross many cells each; past this, smaller cells cost more memory than they save time."""


@dataclass(frozen=True)
class CellTree:
    """Cells over [0, width) × [0, height) lattice steps; every array is read-only.

    Attributes
    ----------
    width, height
        Extent in lattice steps; nothing is owned outside it.
    shift_x, shift_y
        Cells of the top table are ``2**shift`` steps wide and high.
    columns
        Cells of the top table in a row.
    entries
        int32. The top table row by row, then blocks of FAN × FAN for divided cells. An entry ≥ −1 is the
        owner; else v = −2 − entry names leaf v >> 1 (v even) or block v >> 1 (v odd).
    leaves
        int32, shape (leaves + 1, 2): first record and base of each leaf.
    records
        int32 (int64 where the extent is 2**31 − 2 or more), shape (n, RECORD), grouped by leaf.
    lines
        int32, shape (leaves, WORDS): what :mod:`gis.locate.lines` makes of each leaf; it answers at once for
        most points, and the records for the rest.
    """

    width: int
    height: int
    shift_x: int
    shift_y: int
    columns: int
    entries: NDArray[np.int32]
    leaves: NDArray[np.int32]
    records: NDArray[np.int32] | NDArray[np.int64]
    lines: NDArray[np.int32]

    @property
    def top_cells(self) -> int:
        """Number of cells in the top table; the blocks come after them."""
        return self.columns * (((self.height - 1) >> self.shift_y) + 1)

    @property
    def nbytes(self) -> int:
        """Bytes that all arrays take."""
        return self.entries.nbytes + self.leaves.nbytes + self.records.nbytes + self.lines.nbytes


@dataclass(frozen=True)
class _Level:
    """The touched cells of one level: cell i has the edges ``edge[start[i]:start[i + 1]]``."""

    x0: Ints
    y0: Ints
    entry: Ints
    owner: Ints
    edge: Ints
    start: Ints


def grow(edges: Edges, width: int, height: int) -> CellTree:
    """Build the cell tree of edges that bound non-overlapping polygons.

    Parameters
    ----------
    edges
        Upward edges, relative to the origin.
    width, height
        Extent in lattice steps, at least 1.

    Returns
    -------
    CellTree
        The tree.
    """
    narrow = max(width, height) < _NARROW_EXTENT
    kind, limit = (np.int32, _NARROW_EXTENT + 1) if narrow else (np.int64, 2**62)  # no height reaches it
    shift_x, shift_y = top_x, top_y = _top_shifts(edges, width, height)
    columns, rows = ((width - 1) >> shift_x) + 1, ((height - 1) >> shift_y) + 1
    owner = _owners_at_corners(edges, rows, columns, shift_x, shift_y)
    entries: list[NDArray[np.int32]] = [(owner - 1).astype(np.int32)]
    size = rows * columns
    level = _top_level(edges, columns, rows, shift_x, shift_y, owner)
    blocks = leaf_count = record_count = 0
    leaves: list[NDArray[np.int64]] = []
    records: list[NDArray[np.int64]] = []
    lines: list[NDArray[np.int32]] = []
    depth = 0
    patches: list[tuple[Ints, Ints]] = []
    while len(level.entry):
        found = _records(edges, level, limit)
        counts = np.diff(level.start)
        base = level.owner - _group_sums(
            found, np.repeat(level.x0, counts), np.repeat(level.y0, counts), level.start
        )
        affordable = record_count + len(found) * FAN <= len(edges.xy) * _MOST_RECORDS_AN_EDGE
        deeper = affordable and depth < _DEEPEST and min(shift_x, shift_y) >= FAN_BITS
        divided = (counts > (_MOST_IN_A_LEAF if depth else _MOST_AT_THE_TOP)) & deeper
        is_leaf = ~divided
        numbers = leaf_count + np.arange(int(is_leaf.sum()))
        patches.append((level.entry[is_leaf], -2 - 2 * numbers))
        in_leaf = np.repeat(is_leaf, counts)
        first = record_count + np.concatenate([[0], np.cumsum(counts[is_leaf])])
        leaves.append(np.column_stack([first[:-1], base[is_leaf] - 1]))
        records.append(found[in_leaf])
        lines.append(
            face_lines(
                records[-1],
                first - record_count,
                base[is_leaf],
                np.column_stack([level.x0, level.y0])[is_leaf],
                (shift_x, shift_y),
                (top_x, top_y),
            )
        )
        leaf_count += len(numbers)
        record_count = int(first[-1])
        if not divided.any():
            break
        block = blocks + np.arange(int(divided.sum()))
        patches.append((level.entry[divided], -2 - (2 * block + 1)))
        blocks += len(block)
        shift_x, shift_y, depth = shift_x - FAN_BITS, shift_y - FAN_BITS, depth + 1
        level, below = _divide(edges, level, divided, found, base, shift_x, shift_y, size)
        entries.append((below - 1).astype(np.int32))
        size += len(below)
    leaves.append(np.array([[record_count, 0]]))
    table = np.concatenate(entries)
    for at, value in patches:
        table[at] = value
    return CellTree(
        width,
        height,
        top_x,
        top_y,
        columns,
        _frozen(table),
        _frozen(np.concatenate(leaves).astype(np.int32)),
        _frozen(np.concatenate([np.empty((0, RECORD), dtype=np.int64), *records]).astype(kind)),
        _frozen(np.concatenate([np.empty((0, WORDS), dtype=np.int32), *lines])),
    )


def _frozen(array: NDArray) -> NDArray:  # type: ignore[type-arg]
    array = np.ascontiguousarray(array)
    array.flags.writeable = False
    return array


def _top_shifts(edges: Edges, width: int, height: int) -> tuple[int, int]:
    """Choose the finest top table that stays within the wanted number of cells and of records."""
    count = len(edges.xy)
    across = int(np.abs(edges.xy[:, 2] - edges.xy[:, 0]).sum())
    along = int((edges.xy[:, 3] - edges.xy[:, 1]).sum())
    most_cells = min(max(count * _TOP_CELLS_AN_EDGE, _FEWEST_TOP_CELLS), _MOST_TOP_CELLS)
    most_records = count * _MOST_RECORDS_AN_EDGE
    shift_x = shift_y = 0
    while (((width - 1) >> shift_x) + 1) * (((height - 1) >> shift_y) + 1) > most_cells or (
        count + (across >> shift_x) + (along >> shift_y) > most_records
    ):
        if shift_x <= shift_y:
            shift_x += 1
        else:
            shift_y += 1
    return min(shift_x, _WIDEST_SHIFT), min(shift_y, _WIDEST_SHIFT)


def _expand(start: Ints, stop: Ints) -> tuple[Ints, Ints]:
    """List the whole numbers of each range [start, stop], with the range that each came from."""
    counts = stop - start + 1
    which = np.repeat(np.arange(len(start)), counts)
    return which, np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts) + start[which]


def _owners_at_corners(edges: Edges, rows: int, columns: int, shift_x: int, shift_y: int) -> Ints:
    """Name the owner + 1 at each cell's lower left corner: owners change where a row's line meets an edge."""
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
    return np.cumsum(change[:, :columns], axis=1).ravel()


def _right_of(x: Ints, y: Ints, x1: Ints, y1: Ints, dx: Ints, dy: Ints) -> NDArray[np.bool_]:
    """Tell whether (x, y) is right of, or on, the line of an upward edge.

    Products may wrap round 2**64 where the extent is wide; the difference is the true one all the same,
    because every point asked about is within two cells of the edge, and so it is below 2**63.
    """
    decided: NDArray[np.bool_] = dy * (x - x1) - dx * (y - y1) >= 0
    return decided


def _cells_touched(
    xy: Ints, x0: Ints, y0: Ints, columns: int, rows: int, shift_x: int, shift_y: int
) -> tuple[Ints, Ints, Ints]:
    """List the cells of a window that each edge touches, or misses by less than a step or two.

    Parameters
    ----------
    xy
        Edges, shape (n, 4).
    x0, y0
        Lower left corner of the window that each edge is asked in, shape (n,).
    columns, rows
        Cells of a window.
    shift_x, shift_y
        Size of its cells.

    Returns
    -------
    tuple
        Index of the edge, row and column in its window. An edge never appears in a cell that lies wholly
        west, east, north or south of it: the bending of edges rests on that.
    """
    x1, y1, x2, y2 = xy.T
    first = np.maximum((y1 - y0) >> shift_y, 0)
    last = np.minimum((y2 - y0) >> shift_y, rows - 1)
    which, row = _expand(first, np.maximum(last, first - 1))
    x1, y1, x2, y2 = xy[which].T
    floor = y0[which] + (row << shift_y)
    slope = (x2 - x1) / np.maximum(y2 - y1, 1)
    low = np.where(y2 > y1, x1 + (np.maximum(y1, floor) - y1) * slope, x1)
    high = np.where(y2 > y1, x1 + (np.minimum(y2, floor + (1 << shift_y) - 1) - y1) * slope, x2)
    west = np.maximum(np.floor(np.minimum(low, high)).astype(np.int64) - 1, np.minimum(x1, x2))
    east = np.minimum(np.ceil(np.maximum(low, high)).astype(np.int64) + 1, np.maximum(x1, x2))
    first = np.maximum((west - x0[which]) >> shift_x, 0)
    last = np.minimum((east - x0[which]) >> shift_x, columns - 1)
    pair, column = _expand(first, np.maximum(last, first - 1))
    return which[pair], row[pair], column


def _top_level(edges: Edges, columns: int, rows: int, shift_x: int, shift_y: int, owner: Ints) -> _Level:
    nothing = np.zeros(len(edges.xy), dtype=np.int64)
    edge, row, column = _cells_touched(edges.xy, nothing, nothing, columns, rows, shift_x, shift_y)
    cell = row * columns + column
    order = np.argsort(cell, kind="stable")
    cell, start = _groups(cell[order])
    return _Level(
        (cell % columns) << shift_x, (cell // columns) << shift_y, cell, owner[cell], edge[order], start
    )


def _groups(ascending: Ints) -> tuple[Ints, Ints]:
    """Give the distinct values of a sorted array, and where each begins, with the end."""
    if not len(ascending):
        return ascending, np.zeros(1, dtype=np.int64)
    at = np.concatenate([[0], np.flatnonzero(np.diff(ascending)) + 1])
    return ascending[at], np.append(at, len(ascending))


def _records(edges: Edges, level: _Level, limit: int) -> Ints:
    """Write the record of each edge in each of its cells, bent along the cell's western side."""
    x1, y1, x2, y2 = edges.xy[level.edge].T
    x0 = np.repeat(level.x0, np.diff(level.start))
    dx = x2 - x1
    bent = (np.minimum(x1, x2) < x0) & (dx != 0)
    lowest = np.where(bent & (dx > 0), -limit, y1)
    above = np.where(bent & (dx < 0), limit, y2)
    return np.column_stack(
        [x1, y1, dx, y2 - y1, lowest, above, edges.left[level.edge], edges.right[level.edge]]
    )


def _group_sums(records: Ints, x: Ints, y: Ints, start: Ints) -> Ints:
    """Sum right − left over the records of each group that count at the point beside each record."""
    x1, y1, dx, dy, lowest, above, left, right = records.T
    counts = (y >= lowest) & (y < above) & _right_of(x, y, x1, y1, dx, dy)
    return np.add.reduceat(np.where(counts, right - left, 0), start[:-1])


def _divide(
    edges: Edges,
    level: _Level,
    divided: NDArray[np.bool_],
    records: Ints,
    base: Ints,
    shift_x: int,
    shift_y: int,
    size: int,
) -> tuple[_Level, Ints]:
    """Divide cells into blocks of FAN × FAN and hand their edges down.

    Returns
    -------
    tuple
        The touched cells of the next level, and the owner + 1 at the lower left corner of each new cell.
    """
    counts = np.diff(level.start)
    inside = np.repeat(divided, counts)
    parent = np.repeat(np.arange(int(divided.sum())), counts[divided])
    x0, y0 = level.x0[divided], level.y0[divided]
    start = np.concatenate([[0], np.cumsum(counts[divided])])
    kept = records[inside]
    owner = np.empty((len(x0), FAN * FAN), dtype=np.int64)
    for child in range(FAN * FAN):
        x = x0 + ((child % FAN) << shift_x)
        y = y0 + ((child // FAN) << shift_y)
        owner[:, child] = base[divided] + _group_sums(kept, x[parent], y[parent], start)
    edge = level.edge[inside]
    pair, row, column = _cells_touched(edges.xy[edge], x0[parent], y0[parent], FAN, FAN, shift_x, shift_y)
    place = parent[pair] * FAN * FAN + row * FAN + column
    order = np.argsort(place, kind="stable")
    cell, first = _groups(place[order])
    which, local = cell // (FAN * FAN), cell % (FAN * FAN)
    below = _Level(
        x0[which] + ((local % FAN) << shift_x),
        y0[which] + ((local // FAN) << shift_y),
        size + cell,
        owner.ravel()[cell],
        edge[pair][order],
        first,
    )
    return below, owner.ravel()
