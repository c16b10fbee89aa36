"""What a leaf's few edges come to, in one line of the processor's cache: up to three lines and three owners.

The lines on which a leaf's edges lie divide its cell into faces. No edge runs through a face, so each has one
owner, and which face a point lies in is told by the sides it lies on. So the owner is read from a table by
three bits, each the sign of

    a · x − b · y − c

in whole numbers, x and y counted from the corner of the top cell. There is no order, no height to compare and
no branch; and it takes one fetch from memory, where edge by edge would take three.

A point on a line counts as moved east by ε and north by ε²: right of a line that rises, left of a level one.

The table is filled by asking the edges themselves about some places in the cell. A face that none of them
lies in, or that has no room in the table, says "ask the edges": that is slower, and as right.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

WORDS = 16
"""int32 words of a leaf: three c (two words each), three a, three b, three owners, and the codes of the eight
faces, two bits each: which of the owners, or ``ASK``."""
LINES = 3
ASK = 3
MOST_EDGES = 6
"""Of a leaf with lines; one with more asks its edges."""

_FACES = 1 << LINES
_AT_ONCE = 1 << 15
PLACES_OF_TWO = (0.3, -0.3, 0.05, -0.05)
PLACES_OF_THREE = (0.12, -0.12)
"""Places are asked about at these shares of a cell's size from where two of its two or three lines meet."""


def face_lines(
    records: NDArray[np.int32] | Ints,
    first: Ints,
    base: Ints,
    corner: Ints,
    shift: tuple[int, int],
    top_shift: tuple[int, int],
) -> NDArray[np.int32]:
    """Make the line of each leaf.

    Parameters
    ----------
    records
        int32 or int64, shape (n, RECORD): the records of :mod:`gis.locate.cells`, grouped by leaf.
    first
        int64, shape (leaves + 1,): where each leaf's records begin, with the end.
    base
        int64, shape (leaves,): owner + 1 that the sums begin with.
    corner
        int64, shape (leaves, 2): lower left corner of the leaf's cell.
    shift, top_shift
        The leaves' cells are 2**shift steps wide and high, those of the top table 2**top_shift.

    Returns
    -------
    numpy.ndarray
        int32, shape (leaves, WORDS).
    """
    records = records.astype(np.int64, copy=False)
    lines = np.zeros((len(base), WORDS), dtype=np.int32)
    lines[:, 15] = (1 << (2 * _FACES)) - 1  # ask about every face
    counts = np.diff(first)
    size = np.array([1 << shift[0], 1 << shift[1]])
    local = corner & (np.array([1 << top_shift[0], 1 << top_shift[1]]) - 1)
    for count in range(1, MOST_EDGES + 1):
        alike = np.flatnonzero(counts == count)
        for start in range(0, len(alike), _AT_ONCE):
            some = alike[start : start + _AT_ONCE]
            edges = np.ascontiguousarray(records[first[some] + np.arange(count)[:, None]].transpose(0, 2, 1))
            # Counted from the top cell's corner from here on; heights that stand for none stay as far away.
            away = (corner - local)[some].T
            edges[:, :2] -= away
            edges[:, 4:6] -= away[1]
            _fill(lines, some, edges, base[some], local[some].T, size)
    return lines


def _fill(lines: NDArray[np.int32], some: Ints, edges: Ints, base: Ints, low: Ints, size: Ints) -> None:
    """Fill the lines of n leaves with equally many edges, shape (edges, RECORD, n)."""
    a, b, c, kept = _distinct(edges, low, size)
    number = kept.sum(axis=0)
    widest = np.abs(edges[:, 2:4]).max(axis=(0, 1))
    order = np.argsort(~kept, axis=0, kind="stable")[:LINES]
    a, b, c = (np.take_along_axis(of, order, axis=0) for of in (a, b, c))
    for used in range(LINES + 1):
        at = np.flatnonzero((number == used) & (widest < 2**31))
        if not len(at):
            continue
        a_at, b_at, c_at = (of[:used, at] for of in (a, b, c))
        table = np.full((len(at), _FACES), -2, dtype=np.int64)
        _ask(table, edges[:, :, at], base[at], a_at, b_at, c_at, _places(a_at, b_at, c_at, low[:, at], size))
        owners, code = _coded(table)
        rows = some[at]
        third = np.ones((len(at), LINES), dtype=np.int64)  # 0·x − 0·y is never 1: a line that is not there
        third[:, :used] = c_at.T
        lines[rows, :6] = third.view(np.int32)
        lines[rows, 6 : 6 + used] = a_at.T
        lines[rows, 9 : 9 + used] = b_at.T
        lines[rows, 12:15] = owners
        lines[rows, 15] = code


def _distinct(edges: Ints, low: Ints, size: Ints) -> tuple[Ints, Ints, Ints, NDArray[np.bool_]]:
    """Write the edges' lines in lowest terms, and mark those that part the cell, each once."""
    x1, y1, b, a = (edges[:, column] for column in range(4))
    if len(edges) > 1:
        common = np.maximum(np.gcd(a, b), 1)
        a, b = a // common, b // common
    # Both products may wrap; their difference is small, for the line runs by the cell.
    c = a * x1 - b * y1 + (a == 0)
    high_x, high_y = low[0] + size[0] - 1, low[1] + size[1] - 1
    falls = b > 0
    least = a * low[0] - b * np.where(falls, high_y, low[1])
    most = a * high_x - b * np.where(falls, low[1], high_y)
    kept: NDArray[np.bool_] = (least < c) & (most >= c)
    for later in range(1, len(edges)):
        for earlier in range(later):
            same = (a[later] == a[earlier]) & (b[later] == b[earlier]) & (c[later] == c[earlier])
            kept[later] &= ~(same & kept[earlier])
    return a, b, c, kept


def _ask(
    table: Ints, edges: Ints, base: Ints, a: Ints, b: Ints, c: Ints, places: list[tuple[Ints, Ints]]
) -> None:
    """Write the owners of some places of each cell into the table, by the face that each lies in."""
    row = np.arange(len(base)) * _FACES
    flat = table.reshape(-1)
    change = edges[:, 7] - edges[:, 6]
    for x, y in places:
        face = row.copy()
        for line in range(len(a)):
            face += (a[line] * x - b[line] * y >= c[line]).astype(np.int64) << line
        owner = base - 1
        for edge, step in zip(edges, change, strict=True):
            x1, y1, dx, dy, lowest, above = edge[:6]
            counts = (y >= lowest) & (y < above) & (dy * (x - x1) >= dx * (y - y1))
            owner += step * counts
        flat[face] = owner


def _places(a: Ints, b: Ints, c: Ints, low: Ints, size: Ints) -> list[tuple[Ints, Ints]]:
    """Choose places in each cell: its corners, and between the lines about each point where two meet."""
    west, south = low
    east, north = west + size[0] - 1, south + size[1] - 1
    places = [(west, south), (east, south), (west, north), (east, north)]
    long = _length(a.astype(np.float64), b.astype(np.float64))
    ahead, up = b / long, a / long
    for one in range(len(a)):
        for other in range(one):
            a1, b1, c1, a2, b2, c2 = (
                of[line].astype(np.float64) for line in (one, other) for of in (a, b, c)
            )
            cross = a1 * b2 - a2 * b1
            parallel, cross = cross == 0, np.where(cross == 0, 1.0, cross)
            x = np.where(parallel, (west + east) / 2, (c1 * b2 - c2 * b1) / cross)
            y = np.where(parallel, (south + north) / 2, (a2 * c1 - a1 * c2) / cross)
            x, y = np.clip(x, west, east), np.clip(y, south, north)
            for sign in (1, -1):
                u, v = ahead[one] + sign * ahead[other], up[one] + sign * up[other]
                between = np.maximum(_length(u, v), 1e-9)
                for share in PLACES_OF_TWO if len(a) == 2 else PLACES_OF_THREE:
                    away = share * size.min() / between
                    places.append(
                        (
                            np.clip(np.rint(x + away * u), west, east).astype(np.int64),
                            np.clip(np.rint(y + away * v), south, north).astype(np.int64),
                        )
                    )
    return places


def _length(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.sqrt(u * u + v * v))  # np.hypot rounds otherwise than compiled code does


def _coded(table: Ints) -> tuple[Ints, Ints]:
    """Name up to three owners of each leaf, and which of them each face has."""
    owners = np.empty((len(table), ASK), dtype=np.int64)
    code = np.full(table.shape, ASK, dtype=np.int64)
    left = table.copy()
    for place in range(ASK):
        owners[:, place] = left.max(axis=1)
        mine = (left == owners[:, place, None]) & (left > -2)
        code[mine] = place
        left[mine] = -2
    owners = np.maximum(owners, -1)
    return owners, (code << (2 * np.arange(_FACES))).sum(axis=1)
