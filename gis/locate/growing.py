"""How a cell tree grows: edges into cells, crowded cells divided, leaves written."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gis.locate import kernels
from gis.locate.cells import FAN, FAN_BITS, RECORD, CellTree
from gis.locate.edges import Edges, Ints
from gis.locate.lines import LINES, WORDS

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
    shift_x, shift_y = top = _top_shifts(edges, width, height)
    columns, rows = ((width - 1) >> shift_x) + 1, ((height - 1) >> shift_y) + 1
    entries = [kernels.owners_at_corners(edges, rows, columns, shift_x, shift_y)]
    size = rows * columns
    level = _top_level(edges, columns, rows, shift_x, shift_y, entries[0])
    blocks = leaf_count = record_count = 0
    leaves: list[NDArray[np.int32]] = []
    records: list[NDArray[np.int32] | NDArray[np.int64]] = []
    lines: list[NDArray[np.int32]] = []
    depth = 0
    patches: list[tuple[Ints, Ints]] = []
    while len(level.entry):
        found, base = kernels.records_of(
            edges, level.edge, level.start, level.x0, level.y0, level.owner, limit, kind
        )
        counts = np.diff(level.start)
        affordable = record_count + len(found) * FAN <= len(edges.xy) * _MOST_RECORDS_AN_EDGE
        deeper = affordable and depth < _DEEPEST and min(shift_x, shift_y) >= FAN_BITS
        divided = (counts > (_MOST_IN_A_LEAF if depth else _MOST_AT_THE_TOP)) & deeper
        is_leaf = ~divided
        numbers = leaf_count + np.arange(int(is_leaf.sum()))
        patches.append((level.entry[is_leaf], -2 - 2 * numbers))
        first = np.concatenate([[0], np.cumsum(counts[is_leaf])])
        leaves.append(np.column_stack([record_count + first[:-1], base[is_leaf] - 1]).astype(np.int32))
        records.append(found[np.repeat(is_leaf, counts)] if divided.any() else found)
        lines.append(
            kernels.face_lines(
                records[-1],
                first,
                base[is_leaf],
                np.column_stack([level.x0, level.y0])[is_leaf],
                (shift_x, shift_y),
                top,
            )
        )
        leaf_count += len(numbers)
        record_count += int(first[-1])
        if not divided.any():
            break
        block = blocks + np.arange(int(divided.sum()))
        patches.append((level.entry[divided], -2 - (2 * block + 1)))
        blocks += len(block)
        shift_x, shift_y, depth = shift_x - FAN_BITS, shift_y - FAN_BITS, depth + 1
        level, below = _divide(edges, level, divided, found, base, shift_x, shift_y, size)
        entries.append((below - 1).astype(np.int32))
        size += len(below)
    leaves.append(np.array([[record_count, 0]], dtype=np.int32))
    table = np.concatenate(entries)
    for at, value in patches:
        table[at] = value
    return CellTree(
        width,
        height,
        *top,
        columns,
        _frozen(table),
        _frozen(np.concatenate(leaves)),
        _frozen(np.concatenate([np.empty((0, RECORD), dtype=kind), *records])),
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


def _top_level(
    edges: Edges, columns: int, rows: int, shift_x: int, shift_y: int, owner: NDArray[np.int32]
) -> _Level:
    nothing = np.zeros(len(edges.xy), dtype=np.int64)
    edge = np.arange(len(edges.xy))
    corner = np.zeros(1, dtype=np.int64)
    cell, start, edge = kernels.edges_by_cell(
        edges.xy, edge, nothing, corner, corner, columns, rows, shift_x, shift_y
    )
    row, column = np.divmod(cell, columns)
    return _Level(column << shift_x, row << shift_y, cell, owner[cell].astype(np.int64) + 1, edge, start)


def _divide(
    edges: Edges,
    level: _Level,
    divided: NDArray[np.bool_],
    records: NDArray[np.int32] | NDArray[np.int64],
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
    owner = kernels.owners_below(records[inside], start, x0, y0, base[divided], shift_x, shift_y)
    place, first, edge = kernels.edges_by_cell(
        edges.xy, level.edge[inside], parent, x0, y0, FAN, FAN, shift_x, shift_y
    )
    which, local = np.divmod(place, FAN * FAN)
    below = _Level(
        x0[which] + ((local % FAN) << shift_x),
        y0[which] + ((local // FAN) << shift_y),
        size + place,
        owner[place],
        edge,
        first,
    )
    return below, owner
