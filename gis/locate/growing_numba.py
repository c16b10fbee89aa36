# mypy: allow-untyped-defs, allow-untyped-calls
# ruff: noqa: ANN001, ANN202 - numba infers the types of its kernels
"""The steps of building a cell tree, compiled by numba and divided among threads.

Every part writes where no other does, so the outcome is the same whatever the number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gis.compiling import compiled
from gis.locate.cells import FAN, RECORD
from gis.locate.edges import Edges, Ints
from gis.locate.kernels_numba import _side, in_parts
from gis.locate.lines import ASK, LINES, MOST_EDGES, PLACES_OF_THREE, PLACES_OF_TWO, WORDS

Records = NDArray[np.int32] | NDArray[np.int64]

_AT_ONCE = 1 << 14
_FACES = 1 << LINES
_JOINED = -2


def upward(vertices: Ints, ring_at: Ints, owner: Ints) -> tuple[Ints, Ints, Ints]:
    """Cut rings into upward edges; see :func:`gis.locate.growing_numpy.upward`.

    Parameters
    ----------
    vertices, ring_at
        Of :class:`gis.locate.edges.Rings`.
    owner
        int64, shape (rings,): position + 1 of each ring's polygon; rings with 0 are left out.

    Returns
    -------
    tuple of numpy.ndarray
        Edges, shape (n, 4), and position + 1 of the owners on their left and right.
    """
    most = int(np.diff(ring_at)[owner > 0].sum())
    xy = np.empty((most, 4), dtype=np.int64)
    left, right = np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int64)
    count = _upward(vertices, ring_at, owner, xy, left, right)
    return xy[:count], left[:count], right[:count]


def join(xy: Ints, left: Ints, right: Ints) -> tuple[Ints, Ints, Ints]:
    """Make one edge of two equal ones; see :func:`gis.locate.growing_numpy.join`.

    Parameters
    ----------
    xy, left, right
        As :func:`upward` gives them; written over.

    Returns
    -------
    tuple of numpy.ndarray
        The same of the joined edges, in the order of the first of each.
    """
    table = np.full(1 << max(4, (2 * len(xy)).bit_length()), -1, dtype=np.int32)
    count = _join(xy, left, right, table)
    return xy[:count].copy(), left[:count].copy(), right[:count].copy()


def owners_at_corners(edges: Edges, rows: int, columns: int, shift_x: int, shift_y: int) -> NDArray[np.int32]:
    """Name the owner at each cell's corner; see :func:`gis.locate.growing_numpy.owners_at_corners`.

    Parameters
    ----------
    edges
        Upward edges.
    rows, columns, shift_x, shift_y
        The table of cells.

    Returns
    -------
    numpy.ndarray
        int32, shape (rows × columns,): positions, −1 for none.
    """
    owner = np.zeros((rows, columns), dtype=np.int32)
    _changes(edges.xy, edges.left, edges.right, shift_x, shift_y, owner)
    _in_parts(lambda a, b: _add_up(owner[a:b]), rows, -(-rows // 8))
    return owner.reshape(-1)


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
    """List the edges that touch each cell of some windows; see the same in :mod:`gis.locate.growing_numpy`.

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
        int64: the touched cells, where the edges of each begin, with the end, and the edges.
    """
    shape = np.array([columns, rows, shift_x, shift_y], dtype=np.int64)
    at = np.zeros(len(x0) * columns * rows + 1, dtype=np.int32)
    touched = _touch(xy, edge, window, x0, y0, shape, at, np.empty(0, dtype=np.int64))
    cell, start = np.empty(touched, dtype=np.int64), np.empty(touched + 1, dtype=np.int64)
    _begin(at, cell, start)
    found = np.empty(start[-1], dtype=np.int64)
    _touch(xy, edge, window, x0, y0, shape, at, found)
    return cell, start, found


def records_of(
    edges: Edges, edge: Ints, start: Ints, x0: Ints, y0: Ints, owner: Ints, limit: int, kind: Any
) -> tuple[Records, Ints]:
    """Write the record of each edge in each cell; see :func:`gis.locate.growing_numpy.records_of`.

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
        The records, and owner + 1 that the sums begin with.
    """
    found, base = np.empty((len(edge), RECORD), dtype=kind), np.empty(len(x0), dtype=np.int64)

    def run(a: int, b: int) -> None:
        part = (x0[a:b], y0[a:b], owner[a:b])
        _write(edges.xy, edges.left, edges.right, edge, start[a : b + 1], *part, limit, found, base[a:b])

    _in_parts(run, len(x0), _AT_ONCE)
    return found, base


def owners_below(
    records: Records, start: Ints, x0: Ints, y0: Ints, base: Ints, shift_x: int, shift_y: int
) -> Ints:
    """Name the owner + 1 at each corner in some blocks; see :func:`gis.locate.growing_numpy.owners_below`.

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
        int64, shape (blocks × FAN × FAN,).
    """
    owner = np.empty((len(x0), FAN * FAN), dtype=np.int64)

    def run(a: int, b: int) -> None:
        _below(records, start[a : b + 1], x0[a:b], y0[a:b], base[a:b], shift_x, shift_y, owner[a:b])

    _in_parts(run, len(x0), _AT_ONCE)
    return owner.reshape(-1)


def face_lines(
    records: Records,
    first: Ints,
    base: Ints,
    corner: Ints,
    shift: tuple[int, int],
    top_shift: tuple[int, int],
) -> NDArray[np.int32]:
    """Make the line of each leaf; see :func:`gis.locate.lines.face_lines`.

    Parameters
    ----------
    records
        The records, grouped by leaf.
    first
        int64, shape (leaves + 1,): where each leaf's begin, with the end.
    base
        int64, shape (leaves,): owner + 1 that the sums begin with.
    corner
        int64, shape (leaves, 2): lower left corner of the leaf's cell.
    shift, top_shift
        Sizes of the leaves' cells and of the top table's.

    Returns
    -------
    numpy.ndarray
        int32, shape (leaves, WORDS).
    """
    lines = np.zeros((len(base), WORDS), dtype=np.int32)
    sizes = np.array([1 << shift[0], 1 << shift[1], 1 << top_shift[0], 1 << top_shift[1]])

    def run(a: int, b: int) -> None:
        part = lines[a:b]
        _fill(records, first[a : b + 1], base[a:b], corner[a:b], sizes, part, part.view(np.int64))

    _in_parts(run, len(base), _AT_ONCE)
    return lines


def _in_parts(run: Callable[[int, int], None], count: int, most: int) -> None:
    if count:
        in_parts(run, count, most)


@compiled
def _upward(vertices, ring_at, owner, xy, left, right):
    count = 0
    for ring in range(len(owner)):
        if owner[ring] == 0:
            continue
        for i in range(ring_at[ring], ring_at[ring + 1] - 1):
            x1, y1 = np.int64(vertices[i, 0]), np.int64(vertices[i, 1])
            x2, y2 = np.int64(vertices[i + 1, 0]), np.int64(vertices[i + 1, 1])
            if x1 == x2 and y1 == y2:  # snapping may have drawn two vertices together
                continue
            downward = y2 < y1 or (y2 == y1 and x2 < x1)
            if downward:
                x1, y1, x2, y2 = x2, y2, x1, y1
            xy[count, 0], xy[count, 1], xy[count, 2], xy[count, 3] = x1, y1, x2, y2
            left[count], right[count] = (0, owner[ring]) if downward else (owner[ring], 0)
            count += 1
    return count


@compiled
def _join(xy, left, right, table):
    """Join edges in place and close the gaps; ``table`` finds the edges that were not joined yet."""
    mask = np.uint64(len(table) - 1)
    count = 0
    for i in range(len(xy)):
        mixed = np.uint64(0)
        for column in range(4):
            mixed = (mixed ^ np.uint64(xy[i, column])) * np.uint64(0x9E3779B97F4A7C15)
            mixed ^= mixed >> np.uint64(29)
        place = mixed & mask
        joined = False
        while table[place] != -1:
            other = table[place]
            if (
                other >= 0
                and xy[other, 0] == xy[i, 0]
                and xy[other, 1] == xy[i, 1]
                and xy[other, 2] == xy[i, 2]
                and xy[other, 3] == xy[i, 3]
                and (left[other] == 0) != (left[i] == 0)
            ):
                left[other], right[other] = max(left[other], left[i]), max(right[other], right[i])
                table[place] = _JOINED
                joined = True
                break
            place = (place + np.uint64(1)) & mask
        if not joined:
            table[place] = count
            for column in range(4):
                xy[count, column] = xy[i, column]
            left[count], right[count] = left[i], right[i]
            count += 1
    return count


@compiled
def _changes(xy, left, right, shift_x, shift_y, owner):
    """Add up in each row by how much the owner changes at each column's corner."""
    step = np.int64(1) << shift_y
    columns = owner.shape[1]
    for i in range(len(xy)):
        x1, y1 = xy[i, 0], xy[i, 1]
        dx, dy = xy[i, 2] - x1, xy[i, 3] - y1
        if dy == 0:
            continue
        slope = dx / dy
        for row in range((y1 + step - 1) >> shift_y, (y1 + dy + step - 1) >> shift_y):
            y = row << shift_y
            # The first column whose corner is right of, or on, the edge: guessed in floats, then put right.
            column = max(((x1 + np.int64(np.rint((y - y1) * slope))) >> shift_x) - 1, 0)
            most = column + 3
            while column < most and _side(dx, dy, (column << shift_x) - x1, y - y1) < 0:
                column += 1
            if column < columns:
                owner[row, column] += right[i] - left[i]


@compiled
def _add_up(owner):
    for row in range(len(owner)):
        here = np.int32(-1)
        for column in range(owner.shape[1]):
            here += owner[row, column]
            owner[row, column] = here


@compiled
def _touch(xy, edge, window, x0, y0, shape, at, found):
    """Count the edges of each cell, or, where there is room for them, write them; give the cells touched."""
    columns, rows, shift_x, shift_y = shape[0], shape[1], shape[2], shape[3]
    touched = 0
    for i in range(len(edge)):
        x1, y1, x2, y2 = xy[edge[i], 0], xy[edge[i], 1], xy[edge[i], 2], xy[edge[i], 3]
        west, south = x0[window[i]], y0[window[i]]
        slope = (x2 - x1) / max(y2 - y1, 1)
        for row in range(max((y1 - south) >> shift_y, 0), min((y2 - south) >> shift_y, rows - 1) + 1):
            floor = south + (row << shift_y)
            low, high = float(x1), float(x2)
            if y2 > y1:
                low = x1 + (max(y1, floor) - y1) * slope
                high = x1 + (min(y2, floor + (np.int64(1) << shift_y) - 1) - y1) * slope
            begin = max(np.int64(math.floor(min(low, high))) - 1, min(x1, x2))
            end = min(np.int64(math.ceil(max(low, high))) + 1, max(x1, x2))
            cell = (window[i] * rows + row) * columns
            first, last = max((begin - west) >> shift_x, 0), min((end - west) >> shift_x, columns - 1)
            for column in range(first, last + 1):
                if len(found) == 0:
                    touched += at[cell + column] == 0
                    at[cell + column] += 1
                else:
                    found[at[cell + column]] = edge[i]
                    at[cell + column] += 1
    return touched


@compiled
def _begin(at, cell, start):
    """List the cells with edges, and turn the number of each into where they begin."""
    count = 0
    total = 0
    for i in range(len(at)):
        if at[i] > 0:
            cell[count], start[count] = i, total
            total, at[i] = total + at[i], total
            count += 1
    start[count] = total


@compiled
def _write(xy, left, right, edge, start, x0, y0, owner, limit, found, base):
    for i in range(len(x0)):
        total = owner[i]
        for r in range(start[i], start[i + 1]):
            e = edge[r]
            x1, y1 = xy[e, 0], xy[e, 1]
            dx, dy = xy[e, 2] - x1, xy[e, 3] - y1
            bent = min(x1, xy[e, 2]) < x0[i]
            lowest = -limit if bent and dx > 0 else y1
            above = limit if bent and dx < 0 else xy[e, 3]
            found[r, 0], found[r, 1], found[r, 2], found[r, 3] = x1, y1, dx, dy
            found[r, 4], found[r, 5], found[r, 6], found[r, 7] = lowest, above, left[e], right[e]
            if y0[i] >= lowest and y0[i] < above and _side(dx, dy, x0[i] - x1, y0[i] - y1) >= 0:
                total -= right[e] - left[e]
        base[i] = total


@compiled
def _owner_at(x, y, records, first, last, total):
    for r in range(first, last):
        dx, dy = np.int64(records[r, 2]), np.int64(records[r, 3])
        if (
            y >= records[r, 4]
            and y < records[r, 5]
            and _side(dx, dy, x - records[r, 0], y - records[r, 1]) >= 0
        ):
            total += np.int64(records[r, 7]) - np.int64(records[r, 6])
    return total


@compiled
def _below(records, start, x0, y0, base, shift_x, shift_y, owner):
    for i in range(len(x0)):
        for child in range(FAN * FAN):
            x = x0[i] + (np.int64(child % FAN) << shift_x)
            y = y0[i] + (np.int64(child // FAN) << shift_y)
            owner[i, child] = _owner_at(x, y, records, start[i], start[i + 1], base[i])


@compiled
def _fill(records, first, base, corner, sizes, lines, thirds):
    """Fill the lines of leaves; ``thirds`` is ``lines`` seen as int64."""
    size_x, size_y = sizes[0], sizes[1]
    a, b, c = np.empty(MOST_EDGES, np.int64), np.empty(MOST_EDGES, np.int64), np.empty(MOST_EDGES, np.int64)
    table = np.empty(_FACES, dtype=np.int64)
    for i in range(len(base)):
        lines[i, 15] = (1 << (2 * _FACES)) - 1  # ask about every face
        begin, end = first[i], first[i + 1]
        # The lines are counted from the top cell's corner, the edges from the index's own.
        west, south = corner[i, 0] & (sizes[2] - 1), corner[i, 1] & (sizes[3] - 1)
        away_x, away_y = corner[i, 0] - west, corner[i, 1] - south
        used = _distinct(records, begin, end, west, south, size_x, size_y, away_x, away_y, a, b, c)
        if used < 0:
            continue
        table[:] = -2
        east, north = west + size_x - 1, south + size_y - 1
        for place in range(4):
            x, y = (east if place & 1 else west), (north if place & 2 else south)
            table[_face(x, y, a, b, c, used)] = (
                _owner_at(x + away_x, y + away_y, records, begin, end, base[i]) - 1
            )
        for one in range(used):
            for other in range(one):
                a1, b1, c1 = float(a[one]), float(b[one]), float(c[one])
                a2, b2, c2 = float(a[other]), float(b[other]), float(c[other])
                cross = a1 * b2 - a2 * b1
                fx, fy = (west + east) / 2, (south + north) / 2
                if cross != 0:
                    fx, fy = (c1 * b2 - c2 * b1) / cross, (a2 * c1 - a1 * c2) / cross
                fx = min(max(fx, float(west)), float(east))
                fy = min(max(fy, float(south)), float(north))
                long1, long2 = math.sqrt(a1 * a1 + b1 * b1), math.sqrt(a2 * a2 + b2 * b2)
                for sign in (1.0, -1.0):
                    u, v = b1 / long1 + sign * (b2 / long2), a1 / long1 + sign * (a2 / long2)
                    between = max(math.sqrt(u * u + v * v), 1e-9)
                    for n in range(len(PLACES_OF_TWO) if used == 2 else len(PLACES_OF_THREE)):
                        share = PLACES_OF_TWO[n] if used == 2 else PLACES_OF_THREE[n]
                        away = share * min(size_x, size_y) / between
                        x = np.int64(min(max(np.rint(fx + away * u), float(west)), float(east)))
                        y = np.int64(min(max(np.rint(fy + away * v), float(south)), float(north)))
                        table[_face(x, y, a, b, c, used)] = (
                            _owner_at(x + away_x, y + away_y, records, begin, end, base[i]) - 1
                        )
        for line in range(LINES):
            thirds[i, line] = c[line] if line < used else 1  # 0·x − 0·y is never 1: a line that is not there
            lines[i, 6 + line] = a[line] if line < used else 0
            lines[i, 9 + line] = b[line] if line < used else 0
        _code(table, lines[i])


@compiled
def _distinct(records, begin, end, west, south, size_x, size_y, away_x, away_y, a, b, c):
    """Write the lines that part a cell, each once and in lowest terms; −1 where they do not fit."""
    if end - begin > MOST_EDGES:
        return -1
    used = 0
    for r in range(begin, end):
        dx, dy = np.int64(records[r, 2]), np.int64(records[r, 3])
        if max(abs(dx), dy) >= 2**31:
            return -1
        if end - begin > 1:
            common = _common(abs(dx), dy)
            dx, dy = dx // common, dy // common
        # Both products may wrap; their difference is small, for the line runs by the cell.
        third = _side(dx, dy, records[r, 0] - away_x, records[r, 1] - away_y) + (1 if dy == 0 else 0)
        low, high = south, south + size_y - 1
        least = dy * west - dx * (high if dx > 0 else low)
        most = dy * (west + size_x - 1) - dx * (low if dx > 0 else high)
        known = not (least < third and most >= third)
        for line in range(used):
            known |= a[line] == dy and b[line] == dx and c[line] == third
        if not known:
            a[used], b[used], c[used] = dy, dx, third
            used += 1
    return used if used <= LINES else -1


@compiled
def _common(one, other):
    """Give the greatest common divisor of two numbers of which one is positive."""
    while other:
        one, other = other, one % other
    return one


@compiled
def _face(x, y, a, b, c, used):
    face = 0
    for line in range(used):
        face |= (1 if a[line] * x - b[line] * y >= c[line] else 0) << line
    return face


@compiled
def _code(table, line):
    """Name up to three owners, the highest first, and which of them each face has."""
    code = 0
    for face in range(_FACES):
        code |= ASK << (2 * face)
    bound = 2**62
    for place in range(ASK):
        highest = -2
        for face in range(_FACES):
            if table[face] < bound and table[face] > highest:
                highest = table[face]
        line[12 + place] = max(highest, -1)
        if highest > -2:
            for face in range(_FACES):
                if table[face] == highest:
                    code ^= (ASK ^ place) << (2 * face)
        bound = highest
    line[15] = code
