"""The look-ups in NumPy alone: the same answers as :mod:`gis.locate.kernels_numba`, slower."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gis.lattice import STEPS_PER_DEGREE
from gis.locate.cells import FAN, FAN_BITS, CellTree

Floats = NDArray[np.float64]
Owners = NDArray[np.int32]
Ints = NDArray[np.int64]

_BLOCK = 1 << 18


def locate(tree: CellTree, origin: tuple[int, int], lon: Floats, lat: Floats, *, closed: bool) -> Owners:
    """Name the owner of each point.

    Parameters
    ----------
    tree
        The cell tree.
    origin
        Lattice steps of its lower left corner.
    lon, lat
        float64, shape (n,), C-contiguous.
    closed
        Whether a point on the outer border belongs to a polygon that it touches even where the half-open
        rule names none.

    Returns
    -------
    numpy.ndarray
        int32, shape (n,): positions, −1 for none or not finite.
    """
    owner = np.empty(len(lon), dtype=np.int32)
    locate_into(tree, origin, lon, lat, owner, closed=closed)
    return owner


def locate_into(
    tree: CellTree, origin: tuple[int, int], lon: Floats, lat: Floats, owner: Owners, *, closed: bool
) -> None:
    """Write the owner of each point.

    Parameters
    ----------
    tree, origin, lon, lat
        As in :func:`locate`.
    owner
        int32, shape (n,): written to.
    closed
        As in :func:`locate`.
    """
    owner[:] = -1
    for start in range(0, len(lon), _BLOCK):
        part = slice(start, start + _BLOCK)
        at, x, y, leaf, answer = _descend(tree, origin, lon[part], lat[part])
        found = owner[part]
        found[at] = answer
        at, x, y, leaf = (array[leaf >= 0] for array in (at, x, y, leaf))
        if len(at):
            found[at] = _decide(tree, x, y, leaf, closed=closed)


def in_parts(run: Callable[[int, int], None], count: int, most: int) -> None:
    """Go through n rows part by part.

    Parameters
    ----------
    run
        Given the first row of a part and the one after its last.
    count
        How many rows.
    most
        Rows of a part at most.
    """
    for start in range(0, count, most):
        run(start, min(start + most, count))


def partition(which: Owners, count: int, lon: Floats, lat: Floats) -> tuple[Ints, Ints, Floats, Floats]:
    """Sort points by a small number, those of one number in the order in which they came.

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
    order = np.argsort(which, kind="stable")[np.count_nonzero(which < 0) :]
    at = np.searchsorted(which[order], np.arange(count + 1))
    return order, at, lon[order], lat[order]


def touching_records(tree: CellTree, origin: tuple[int, int], lon: Floats, lat: Floats) -> tuple[Ints, Ints]:
    """List the records of edges that points lie on.

    Parameters
    ----------
    tree
        The cell tree.
    origin
        Lattice steps of its lower left corner.
    lon, lat
        float64, shape (n,).

    Returns
    -------
    tuple of numpy.ndarray
        Index of the point and of the record, a pair for each edge that a point lies on, points ascending.
    """
    at, x, y, leaf, _ = _descend(tree, origin, lon, lat)
    at, x, y, leaf = (array[leaf >= 0] for array in (at, x, y, leaf))
    which, record = _expand(tree.leaves[leaf, 0].astype(np.int64), tree.leaves[leaf + 1, 0].astype(np.int64))
    x1, y1, dx, dy = _columns(tree, record)
    x, y = x[which] - x1, y[which] - y1
    on = (dy * x - dx * y == 0) & (np.minimum(dx, 0) <= x) & (x <= np.maximum(dx, 0)) & (y >= 0) & (y <= dy)
    return at[which[on]], record[on]


def _descend(
    tree: CellTree, origin: tuple[int, int], lon: Floats, lat: Floats
) -> tuple[Ints, Ints, Ints, Ints, Owners]:
    """Find the cell of each point within the extent: point, x, y, leaf (−1 for none) and owner."""
    with np.errstate(invalid="ignore"):
        fx = np.rint(lon * STEPS_PER_DEGREE) - origin[0]
        fy = np.rint(lat * STEPS_PER_DEGREE) - origin[1]
        at = np.flatnonzero((fx >= 0) & (fx < tree.width) & (fy >= 0) & (fy < tree.height))
    x, y = fx[at].astype(np.int64), fy[at].astype(np.int64)
    shift_x, shift_y = tree.shift_x, tree.shift_y
    entry = tree.entries[(y >> shift_y) * tree.columns + (x >> shift_x)].astype(np.int64)
    deeper = np.flatnonzero((entry < -1) & (entry & 1 == 1))
    while len(deeper):
        shift_x, shift_y = shift_x - FAN_BITS, shift_y - FAN_BITS
        place = ((y[deeper] >> shift_y) & (FAN - 1)) * FAN + ((x[deeper] >> shift_x) & (FAN - 1))
        block = (-2 - entry[deeper]) >> 1
        entry[deeper] = tree.entries[tree.top_cells + block * FAN * FAN + place]
        deeper = deeper[(entry[deeper] < -1) & (entry[deeper] & 1 == 1)]
    leaf = np.where(entry < -1, (-2 - entry) >> 1, -1)
    return at, x, y, leaf, np.where(entry < -1, -1, entry).astype(np.int32)


def _decide(tree: CellTree, x: Ints, y: Ints, leaf: Ints, *, closed: bool) -> Owners:
    start = tree.leaves[leaf, 0].astype(np.int64)
    which, record = _expand(start, tree.leaves[leaf + 1, 0].astype(np.int64))
    x1, y1, dx, dy = _columns(tree, record)
    lowest, above, left, right = tree.records[record, 4:].T
    height = y[which]
    side = dy * (x[which] - x1) - dx * (height - y1)
    counts = (height >= lowest) & (height < above) & (side >= 0)
    change = np.where(counts, right.astype(np.int64) - left, 0)
    first = np.concatenate([[0], np.cumsum(np.bincount(which, minlength=len(x)))[:-1]])
    owner = tree.leaves[leaf, 1] + np.add.reduceat(change, first)
    if closed:
        x, height = x[which] - x1, height - y1
        on = (
            (side == 0) & (np.minimum(dx, 0) <= x) & (x <= np.maximum(dx, 0)) & (height >= 0) & (height <= dy)
        )
        lost = on & (owner[which] == -1)
        touched = np.column_stack([x, height, dx, dy, left, right])[lost]
        which = which[lost]
        for point in np.unique(which):
            owner[point] = first_met(touched[which == point].tolist())
    decided: Owners = owner.astype(np.int32)
    return decided


def first_met(touched: list[list[int]]) -> int:
    """Name the first polygon that is met turning anticlockwise from due east about a point.

    Parameters
    ----------
    touched
        Of each edge that the point lies on: x and y of the point from the edge's lower end, the edge's dx
        and dy, and its left and right polygon + 1.

    Returns
    -------
    int
        Its position; of two that begin at one edge the lower; −1 for none.
    """
    best, owner = None, -1
    for x, y, dx, dy, left, right in touched:
        for to_x, to_y, beyond in ((dx - x, dy - y, left), (-x, -y, right)):
            if beyond == 0 or (to_x == 0 and to_y == 0):
                continue
            lower = to_y < 0 or (to_y == 0 and to_x < 0)
            if best is not None:
                if lower and not best[0]:
                    continue
                turn = to_x * best[2] - to_y * best[1]
                if lower == best[0] and (turn < 0 or (turn == 0 and beyond - 1 >= owner)):
                    continue
            best, owner = (lower, to_x, to_y), beyond - 1
    return owner


def _columns(tree: CellTree, record: Ints) -> Ints:
    columns: Ints = tree.records[record, :4].astype(np.int64).T
    return columns


def _expand(start: Ints, stop: Ints) -> tuple[Ints, Ints]:
    counts = stop - start
    which = np.repeat(np.arange(len(start)), counts)
    return which, np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts) + start[which]
