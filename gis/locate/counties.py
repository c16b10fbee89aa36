"""Many counties' indexes asked as one, for batches that cross county borders.

Each county keeps its own index, compiled and swapped alone. In front stands one small cell tree of the
counties' outlines, made of those edges of theirs that have land on one side alone. A batch is asked for its
counties, sorted by them in one pass, and put to each index in turn, whose tables then fit the cache. The
answers are those of one index over everything: a county that the half-open rule names holds the grid that
the rule names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gis.errors import InputError
from gis.lattice import STEPS_PER_DEGREE
from gis.locate import kernels
from gis.locate.cells import CellTree
from gis.locate.columns import Floats, degree_columns
from gis.locate.edges import Edges
from gis.locate.growing import grow
from gis.locate.index import GridIndex
from gis.locate.joining import join_edges, join_rings

Ints = NDArray[np.int64]

_AT_ONCE = 1 << 22
"""Points sorted together: so many that each county's share is worth the way, and some 100 MB."""


@dataclass(frozen=True, eq=False)
class Counties:
    """Indexes of several counties, asked together.

    Use :meth:`join`. Reading from several threads is safe.

    Attributes
    ----------
    indexes
        One for each county.
    first
        int64, shape (counties + 1,): grid p of county c has the position ``first[c] + p``.
    outlines
        Which county a point lies in.
    origin
        Lattice steps of the outlines' lower left corner.
    """

    indexes: tuple[GridIndex, ...] = field(repr=False)
    first: Ints = field(repr=False)
    outlines: CellTree = field(repr=False)
    origin: tuple[int, int]

    @classmethod
    def join(cls, indexes: Sequence[GridIndex]) -> Counties:
        """Put indexes side by side.

        Parameters
        ----------
        indexes
            One for each county, none with overlapping grids.

        Returns
        -------
        Counties
            The same indexes behind one look-up.

        Raises
        ------
        InputError
            If there are none, or the grids of one overlap.
        """
        if not indexes:
            raise InputError(
                "there are no indexes to join", mend="compile or open the counties' indexes first"
            )
        crossed = [number for number, index in enumerate(indexes) if len(index.sheets) > 1]
        if crossed:
            raise InputError(
                f"grids overlap in index {crossed[0] + 1}",
                where=indexes[crossed[0]].codes[0],
                mend="join the indexes of a layer whose grids do not overlap",
            )
        corners = np.array([index.rings.origin for index in indexes], dtype=np.int64)
        origin = corners.min(axis=0)
        outlines = [
            _outline(index, number, corner)
            for number, (index, corner) in enumerate(zip(indexes, corners - origin, strict=True), start=1)
        ]
        edges = join_edges(
            *(np.concatenate([getattr(o, name) for o in outlines]) for name in ("xy", "left", "right"))
        )
        width, height = (int(edges.xy[:, [axis, axis + 2]].max()) + 1 for axis in range(2))
        first = np.concatenate([[0], np.cumsum([len(index) for index in indexes])])
        return cls(tuple(indexes), first, grow(edges, width, height), (int(origin[0]), int(origin[1])))

    def __len__(self) -> int:
        return int(self.first[-1])

    @property
    def codes(self) -> list[str]:
        """The codes of all grids, by position."""
        return [code for index in self.indexes for code in index.codes]

    def locate(self, lon: Any, lat: Any) -> NDArray[np.int32]:
        """Name the owner of each point.

        Parameters
        ----------
        lon, lat
            Degrees, CGCS2000, as :meth:`gis.locate.index.GridIndex.locate` takes them, n values each.

        Returns
        -------
        numpy.ndarray
            int32, shape (n,): positions, counted through all counties; −1 outside every grid or where not
            finite. Where two counties' own borders overlap by mistake, the first that owns the point.

        Raises
        ------
        InputError
            If a column is not numbers, or the lengths differ.
        """
        x, y = degree_columns(lon, lat)
        owner = np.full(len(x), -1, dtype=np.int32)

        def run(start: int, stop: int) -> None:
            self._locate_part(x[start:stop], y[start:stop], owner[start:stop])

        kernels.in_parts(run, len(x), _AT_ONCE)
        return owner

    def _locate_part(self, x: Floats, y: Floats, owner: NDArray[np.int32]) -> None:
        county = np.empty(len(x), dtype=np.int32)
        kernels.locate_into(self.outlines, self.origin, x, y, county, closed=True)
        np.minimum(county, len(self.indexes), out=county)  # the sum of two, where borders overlap
        order, at, x_sorted, y_sorted = kernels.partition(county, len(self.indexes) + 1, x, y)
        found = np.full(len(order), -1, dtype=np.int32)
        for number in np.flatnonzero(np.diff(at[:-1])).tolist():
            part = slice(at[number], at[number + 1])
            self._ask(number, x_sorted[part], y_sorted[part], found[part])
        lost = np.flatnonzero(found < 0)
        if len(lost):
            found[lost] = self._first_that_owns(x_sorted[lost], y_sorted[lost])
        owner[order] = found

    def _ask(self, number: int, x: Floats, y: Floats, found: NDArray[np.int32]) -> None:
        index = self.indexes[number]
        kernels.locate_into(index.sheets[0], index.rings.origin, x, y, found, closed=True)
        if self.first[number]:
            np.add(found, np.int32(self.first[number]), out=found, where=found >= 0)

    def _first_that_owns(self, x: Floats, y: Floats) -> NDArray[np.int32]:
        """Ask all counties about points that one was named for and disowns: borders overlap there."""
        owner = np.full(len(x), -1, dtype=np.int32)
        steps = np.column_stack([x, y]) * STEPS_PER_DEGREE
        for number, index in enumerate(self.indexes):
            tree, corner = index.sheets[0], np.array(index.rings.origin)
            end = corner + np.array([tree.width, tree.height])
            near = ((steps >= corner - 1) & (steps <= end)).all(axis=1)
            at = np.flatnonzero(near & (owner < 0))
            if len(at):
                found = np.empty(len(at), dtype=np.int32)
                self._ask(number, x[at], y[at], found)
                owner[at] = found
        return owner


def _outline(index: GridIndex, number: int, corner: Ints) -> Edges:
    """Give the edges of a county that have its land on one side alone, as its own."""
    edges = join_rings(index.rings, np.ones(len(index), dtype=bool))
    outer = (edges.left == 0) | (edges.right == 0)
    return Edges(
        edges.xy[outer] + np.tile(corner, 2),
        np.where(edges.left[outer] > 0, number, 0),
        np.where(edges.right[outer] > 0, number, 0),
    )
