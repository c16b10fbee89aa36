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

FAN_BITS = 2
FAN = 1 << FAN_BITS
"""A crowded cell is divided into FAN × FAN."""

RECORD = 8
"""Columns of a leaf's record: x1, y1, x2 − x1, y2 − y1, lowest height, first height above, left, right."""


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
