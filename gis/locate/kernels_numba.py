# mypy: allow-untyped-defs, allow-untyped-calls
# ruff: noqa: ANN001, ANN202 - numba infers the types of its kernels
"""The look-ups compiled by numba: block by block through the cell table, then the few points in leaves.

What costs time is memory, not arithmetic. Each point needs one entry of the table and, in a leaf, one line
of the cache (:mod:`gis.locate.lines`). Both are asked for as soon as their place is known, and read a block
of points later, so that many fetches are under way at once. The few points that have to ask the edges of
their leaf are gathered from many blocks, so that their fetches are many, too. Points are sorted out by
counting, not by branching, for no processor can guess which of shuffled points lie in leaves.

Threads split the array. The kernels release the interpreter's lock and need none of numba's own threading
layers, whose default forbids being entered by two threads at once.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gis.compiling import compiled
from gis.lattice import STEPS_PER_DEGREE
from gis.locate.cells import FAN, FAN_BITS, RECORD, CellTree
from gis.locate.lines import ASK, WORDS
from gis.locate.prefetch import prefetch

Floats = NDArray[np.float64]
Owners = NDArray[np.int32]
Ints = NDArray[np.int64]

_BLOCK = 512
_WORTH_A_THREAD = 1 << 17
_SPLIT_BITS = 18
_SPLIT_MASK = (1 << _SPLIT_BITS) - 1


def locate(tree: CellTree, origin: tuple[int, int], lon: Floats, lat: Floats, *, closed: bool) -> Owners:
    """Name the owner of each point; see :func:`gis.locate.kernels_numpy.locate`.

    Parameters
    ----------
    tree
        The cell tree.
    origin
        Lattice steps of its lower left corner.
    lon, lat
        float64, shape (n,), C-contiguous.
    closed
        Whether a point on the outer border belongs to a polygon that it touches.

    Returns
    -------
    numpy.ndarray
        int32, shape (n,): positions, −1 for none or not finite.
    """
    owner = np.empty(len(lon), dtype=np.int32)

    def run(start: int, stop: int) -> None:
        locate_into(tree, origin, lon[start:stop], lat[start:stop], owner[start:stop], closed=closed)

    in_parts(run, len(lon), len(lon))
    return owner


def locate_into(
    tree: CellTree, origin: tuple[int, int], lon: Floats, lat: Floats, owner: Owners, *, closed: bool
) -> None:
    """Write the owner of each point, in this thread alone.

    Parameters
    ----------
    tree, origin, lon, lat
        As in :func:`locate`.
    owner
        int32, shape (n,), C-contiguous: written to.
    closed
        As in :func:`locate`.
    """
    _locate(
        _read_only(lon),
        _read_only(lat),
        _extent(tree, origin),
        tree.entries,
        tree.leaves,
        tree.records,
        tree.lines,
        tree.lines.view(np.int64),
        closed,
        owner,
    )


def in_parts(run: Callable[[int, int], None], count: int, most: int) -> None:
    """Divide n rows among threads.

    Parameters
    ----------
    run
        Given the first row of a part and the one after its last; may not come here again.
    count
        How many rows.
    most
        Rows of a part at most.
    """
    pieces = max(1, min(_threads(), count // _WORTH_A_THREAD), -(-count // max(most, 1)))
    bounds = [count * piece // pieces for piece in range(pieces + 1)]
    if pieces == 1:
        run(0, count)
    else:
        list(_pool().map(run, bounds[:-1], bounds[1:]))


def partition(which: Owners, count: int, lon: Floats, lat: Floats) -> tuple[Ints, Ints, Floats, Floats]:
    """Sort points by a small number; see :func:`gis.locate.kernels_numpy.partition`.

    Parameters
    ----------
    which
        int32, shape (n,): the number of each, below ``count``; points with a negative one are left out.
    count
        How many numbers there are.
    lon, lat
        float64, shape (n,).

    Returns
    -------
    tuple of numpy.ndarray
        Index of each point in its new place; where each number's points begin, shape (count + 1,); and
        their longitudes and latitudes.
    """
    at = np.zeros(count + 1, dtype=np.int64)
    kept = _count(which, at)
    order = np.empty(kept, dtype=np.int64)
    x, y = np.empty(kept), np.empty(kept)
    _hand_out(which, at[:-1].copy(), _read_only(lon), _read_only(lat), order, x, y)
    return order, at, x, y


def touching_records(tree: CellTree, origin: tuple[int, int], lon: Floats, lat: Floats) -> tuple[Ints, Ints]:
    """List the records of edges that points lie on; see :func:`gis.locate.kernels_numpy.touching_records`.

    Parameters
    ----------
    tree
        The cell tree.
    origin
        Lattice steps of its lower left corner.
    lon, lat
        float64, shape (n,), C-contiguous.

    Returns
    -------
    tuple of numpy.ndarray
        Index of the point and of the record, a pair for each edge that a point lies on, points ascending.
    """
    lon, lat, extent = _read_only(lon), _read_only(lat), _extent(tree, origin)
    room = 16 + len(lon)
    while True:
        found = np.empty((room, 2), dtype=np.int64)
        count = _touching(lon, lat, extent, tree.entries, tree.leaves, tree.records, found)
        if count <= room:
            return found[:count, 0], found[:count, 1]
        room = count


def _extent(tree: CellTree, origin: tuple[int, int]) -> Ints:
    facts = (*origin, tree.width, tree.height, tree.shift_x, tree.shift_y, tree.columns, tree.top_cells)
    return np.array(facts, dtype=np.int64)


def _read_only(array: Floats) -> Floats:
    """Look at an array read-only, so that each kernel is compiled for one kind of array alone."""
    view = array[:]
    view.flags.writeable = False
    return view


@lru_cache(maxsize=1)
def _threads() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_threads(), thread_name_prefix="locate")


if hasattr(os, "register_at_fork"):  # a forked child has the pool but none of its threads
    os.register_at_fork(after_in_child=_pool.cache_clear)


@compiled
def _locate(lon, lat, extent, entries, leaves, records, lines, thirds, closed, owner):
    """Write the owner of each point; ``thirds`` is ``lines`` seen as int64."""
    origin_x, origin_y = float(extent[0]), float(extent[1])
    width, height = float(extent[2]), float(extent[3])
    shift_x, shift_y = np.uint64(extent[4]), np.uint64(extent[5])
    columns = np.uint64(extent[6])
    mask_x, mask_y = (np.int64(1) << extent[4]) - 1, (np.int64(1) << extent[5]) - 1
    unsure = np.int32(-1) if closed else np.int32(-2)
    xs, ys = np.empty(_BLOCK, dtype=np.int64), np.empty(_BLOCK, dtype=np.int64)
    cell = np.empty(_BLOCK, dtype=np.int64)
    waiting, leaf_of = np.empty(_BLOCK, dtype=np.int64), np.empty(_BLOCK, dtype=np.int64)
    asked, pending = np.empty((4, 2 * _BLOCK), dtype=np.int64), 0
    for start in range(0, len(lon), _BLOCK):
        size = min(_BLOCK, len(lon) - start)
        for k in range(size):
            x = np.rint(lon[start + k] * STEPS_PER_DEGREE) - origin_x
            y = np.rint(lat[start + k] * STEPS_PER_DEGREE) - origin_y
            within = (x >= 0.0) & (x < width) & (y >= 0.0) & (y < height)
            xs[k], ys[k] = np.int64(x if within else 0.0), np.int64(y if within else 0.0)
            at = np.int64((np.uint64(ys[k]) >> shift_y) * columns + (np.uint64(xs[k]) >> shift_x))
            prefetch(entries, at)
            cell[k] = at if within else -1
        count = 0
        for k in range(size):
            owner[start + k] = entries[np.uint64(cell[k])] if cell[k] >= 0 else np.int32(-1)
            waiting[count] = k
            count += owner[start + k] < -1
        left = 0
        for n in range(count):
            k = waiting[n]
            entry = owner[start + k]
            if (entry & 1) == 1:
                entry = _leaf_of(xs[k], ys[k], entry, extent, entries)
                owner[start + k] = entry
            leaf_of[left] = np.int64(-2 - entry) >> 1
            prefetch(lines, leaf_of[left] * WORDS)
            waiting[left] = k
            left += entry < -1
        asking = 0
        for n in range(left):
            k, leaf = waiting[n], np.uint64(leaf_of[n])
            x_in, y_in = xs[k] & mask_x, ys[k] & mask_y
            face = np.int64(lines[leaf, 6] * x_in - lines[leaf, 9] * y_in >= thirds[leaf, 0])
            face |= np.int64(lines[leaf, 7] * x_in - lines[leaf, 10] * y_in >= thirds[leaf, 1]) << 1
            face |= np.int64(lines[leaf, 8] * x_in - lines[leaf, 11] * y_in >= thirds[leaf, 2]) << 2
            which = (lines[leaf, 15] >> (face << 1)) & ASK
            # The fourth of the owners is the codes: read in vain where the edges must be asked.
            found = lines[leaf, np.uint64(12 + which)]
            owner[start + k] = found
            waiting[asking], leaf_of[asking] = k, leaf
            asking += (which == ASK) | (found == unsure)
        pending = _put_off(waiting[:asking], leaf_of, xs, ys, start, asked, pending)
        if pending >= _BLOCK:
            _ask_edges(asked[:, :pending], leaves, records, closed, owner)
            pending = 0
    _ask_edges(asked[:, :pending], leaves, records, closed, owner)


@compiled
def _put_off(waiting, leaf_of, xs, ys, start, asked, pending):
    """Note points of a block that have to ask the edges; give how many are noted now."""
    for n in range(len(waiting)):
        k = waiting[n]
        asked[0, pending + n], asked[1, pending + n] = start + k, leaf_of[n]
        asked[2, pending + n], asked[3, pending + n] = xs[k], ys[k]
    return pending + len(waiting)


@compiled
def _ask_edges(asked, leaves, records, closed, owner):
    """Decide points that the lines of their leaves do not, edge by edge: place, leaf, x and y of each."""
    leaf_of = asked[1]
    for n in range(len(leaf_of)):
        prefetch(leaves, leaf_of[n] * 2)
    for n in range(len(leaf_of)):
        first = np.int64(leaves[np.uint64(leaf_of[n]), 0])
        for edge in range(0, 6, 2):  # two to a line of the cache, and seldom more than six
            prefetch(records, (first + edge) * RECORD)
    for n in range(len(leaf_of)):
        leaf = np.uint64(leaf_of[n])
        first, last = leaves[leaf, 0], leaves[leaf + np.uint64(1), 0]
        owner[asked[0, n]] = _decide(asked[2, n], asked[3, n], first, last, leaves[leaf, 1], records, closed)


@compiled
def _count(which, at):
    for i in range(len(which)):
        if which[i] >= 0:
            at[which[i] + 1] += 1
    for number in range(len(at) - 1):
        at[number + 1] += at[number]
    return at[-1]


@compiled
def _hand_out(which, at, lon, lat, order, x, y):
    for i in range(len(which)):
        if which[i] >= 0:
            place = at[which[i]]
            at[which[i]] = place + 1
            order[place], x[place], y[place] = i, lon[i], lat[i]


@compiled
def _leaf_of(x, y, entry, extent, entries):
    """Follow an entry below −1 down to an owner (≥ −1) or to a leaf's entry."""
    shift_x, shift_y = extent[4], extent[5]
    while entry < -1 and (entry & 1) == 1:
        shift_x -= FAN_BITS
        shift_y -= FAN_BITS
        place = ((y >> shift_y) & (FAN - 1)) * FAN + ((x >> shift_x) & (FAN - 1))
        block = np.int64((-2 - entry) >> 1)
        entry = entries[np.uint64(extent[7] + block * (FAN * FAN) + place)]
    return entry


@compiled
def _side(dx, dy, px, py):
    """Give dy·px − dx·py, which may wrap round 2**64 on its way: numba takes signed numbers never to."""
    return np.int64(np.uint64(dy) * np.uint64(px) - np.uint64(dx) * np.uint64(py))


@compiled
def _decide(x, y, first, last, owner, records, closed):
    touched = False
    for r in range(np.uint64(first), np.uint64(last)):
        dx, dy = np.int64(records[r, 2]), np.int64(records[r, 3])
        side = _side(dx, dy, x - records[r, 0], y - records[r, 1])
        counts = (y >= records[r, 4]) & (y < records[r, 5]) & (side >= 0)
        owner += (records[r, 7] - records[r, 6]) if counts else 0
        touched |= side == 0
    if owner == -1 and touched and closed:
        return np.int32(_first_met(x, y, first, last, records))
    return np.int32(owner)


@compiled
def _touching(lon, lat, extent, entries, leaves, records, found):
    """Count the records that points lie on, and write them into ``found`` as far as it has room."""
    count = 0
    for i in range(len(lon)):
        fx = np.rint(lon[i] * STEPS_PER_DEGREE) - extent[0]
        fy = np.rint(lat[i] * STEPS_PER_DEGREE) - extent[1]
        if not (fx >= 0.0 and fx < extent[2] and fy >= 0.0 and fy < extent[3]):
            continue
        x, y = np.int64(fx), np.int64(fy)
        entry = np.int64(entries[(y >> extent[5]) * extent[6] + (x >> extent[4])])
        entry = _leaf_of(x, y, entry, extent, entries)
        if entry >= -1:
            continue
        leaf = (-2 - entry) >> 1
        for r in range(leaves[leaf, 0], leaves[leaf + 1, 0]):
            dx, dy = np.int64(records[r, 2]), np.int64(records[r, 3])
            px, py = x - records[r, 0], y - records[r, 1]
            if _side(dx, dy, px, py) == 0 and min(dx, 0) <= px <= max(dx, 0) and 0 <= py <= dy:
                if count < len(found):
                    found[count, 0], found[count, 1] = i, r
                count += 1
    return count


@compiled
def _first_met(x, y, first, last, records):
    """Name the first polygon met turning anticlockwise from due east about a point on the outer border."""
    owner = -1
    best_lower, best_x, best_y = False, np.int64(0), np.int64(0)
    for r in range(first, last):
        dx, dy = np.int64(records[r, 2]), np.int64(records[r, 3])
        px, py = x - records[r, 0], y - records[r, 1]
        if _side(dx, dy, px, py) != 0 or px < min(dx, 0) or px > max(dx, 0) or py < 0 or py > dy:
            continue
        for end in range(2):
            beyond = records[r, 6] if end == 0 else records[r, 7]
            to_x, to_y = (dx - px, dy - py) if end == 0 else (-px, -py)
            if beyond == 0 or (to_x == 0 and to_y == 0):
                continue
            lower = to_y < 0 or (to_y == 0 and to_x < 0)
            if owner >= 0:
                if lower and not best_lower:
                    continue
                turn = _turn(to_x, to_y, best_x, best_y)
                if lower == best_lower and (turn < 0 or (turn == 0 and beyond - 1 >= owner)):
                    continue
            best_lower, best_x, best_y, owner = lower, to_x, to_y, beyond - 1
    return owner


@compiled
def _turn(ax, ay, bx, by):
    """Give the sign of ax·by − ay·bx, exactly, for whole numbers below 2**44.

    One factor of each product is split in two, so that nothing passes 2**63.
    """
    high = (ax >> _SPLIT_BITS) * by - (ay >> _SPLIT_BITS) * bx
    low = (ax & _SPLIT_MASK) * by - (ay & _SPLIT_MASK) * bx
    high += low >> _SPLIT_BITS
    low &= _SPLIT_MASK
    if high != 0:
        return 1 if high > 0 else -1
    return 1 if low > 0 else 0
