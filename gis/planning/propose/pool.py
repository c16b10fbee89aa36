"""Every feasible grid that the search has seen, and the best choice among them.

A division is a choice of grids that covers each atom once; its price is the sum of theirs. The choice is
solved by HiGHS, first over everything, and where that is too much, region by region: some neighbouring grids
of the best plan are opened, and covered anew with the grids that fit inside. Limits are on nodes and not on
seconds, so that the same pool gives the same plan.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csc_array, csr_array

from gis.planning.measure import Floats, Ints, sum_by
from gis.planning.propose._arrays import USUAL_SHAPE, Labels, Land, Prices

WIDEST = 6_000
"""Columns that one solve is given at most, the best by reduced cost."""

_WHOLE_NODES = 200
_REGION_NODES = 400
_SECONDS = 60.0  # a stop for a solver that has lost its way; the nodes come first


class Pool:
    """Feasible grids of one component, each once.

    Parameters
    ----------
    land
        The atoms.
    fewest, most
        Limits of households in a grid; others are not taken.
    """

    def __init__(self, land: Land, fewest: int, most: int) -> None:
        self.land = land
        self.fewest, self.most = fewest, most
        self._members: dict[int, Labels] = {}
        # A grid is known by the exclusive or of its atoms' random numbers (Zobrist 1970).
        self._mark = np.random.default_rng(0).integers(1, 2**63, len(land.households), dtype=np.uint64)

    def __len__(self) -> int:
        return len(self._members)

    def add_plan(self, label: Labels, atoms: Ints | None = None) -> int:
        """Take the grids of a plan that are within the limits and not known yet.

        Parameters
        ----------
        label
            The grid of each atom; each grid in one part.
        atoms
            Which atoms it divides, ascending; all if left out.

        Returns
        -------
        int
            How many were new.
        """
        order = np.argsort(label, kind="stable").astype(np.int32)
        start = np.concatenate([[0], np.flatnonzero(np.diff(label[order])) + 1])
        if atoms is not None:
            order = atoms[order].astype(np.int32)
        sizes = np.add.reduceat(self.land.households[order], start)
        marks = np.bitwise_xor.reduceat(self._mark[order], start)
        stop = np.append(start[1:], len(order))
        before = len(self._members)
        for grid in np.flatnonzero((sizes >= self.fewest) & (sizes <= self.most)):
            mark = int(marks[grid])
            if mark not in self._members:
                self._members[mark] = order[start[grid] : stop[grid]]
        return len(self._members) - before

    def add(self, members: Labels) -> bool:
        """Take one grid that is known to be feasible.

        Parameters
        ----------
        members
            Its atoms, ascending.

        Returns
        -------
        bool
            Whether it was new.
        """
        mark = int(np.bitwise_xor.reduce(self._mark[members]))
        if mark in self._members:
            return False
        self._members[mark] = members.astype(np.int32)
        return True

    def choice(self, prices: Prices, grids: int | None = None) -> Choice:
        """Price every grid of the pool.

        Parameters
        ----------
        prices
            What is minimised.
        grids
            How many a division must have, where that is settled.

        Returns
        -------
        Choice
            The pool as it is now.
        """
        # In the order of the marks: threads bring the grids in any order, and a solver's ties follow it.
        members = [self._members[mark] for mark in sorted(self._members)]
        return Choice(self.land, members, prices, grids)


class Choice:
    """A pool whose grids have their prices.

    Parameters
    ----------
    land
        The atoms.
    members
        The atoms of each grid.
    prices
        What is minimised.
    grids
        How many a division must have, where that is settled.
    """

    def __init__(self, land: Land, members: list[Labels], prices: Prices, grids: int | None = None) -> None:
        self.grids = grids
        self.land = land
        self.members = members
        self.prices = prices
        sizes = np.array([len(one) for one in members], dtype=np.int64)
        self.row = np.concatenate(members) if members else np.zeros(0, dtype=np.int32)
        self.column = np.repeat(np.arange(len(members)), sizes)
        pointer = np.concatenate([[0], np.cumsum(sizes)])
        shape = (len(land.households), len(members))
        self.matrix = csc_array((np.ones(len(self.row)), self.row, pointer), shape=shape)
        self.size = sizes

    @cached_property
    def price(self) -> Floats:
        """Price of each grid in metres, half of every inner border; shape (columns,)."""
        land, prices, count = self.land, self.prices, len(self.members)
        within = self._within
        perimeter = sum_by(self.column, land.perimeter_m[self.row], count) - within[0]
        cut = sum_by(self.column, self._around[self.row], count) - within[1]
        area = sum_by(self.column, land.area_m2[self.row], count)
        households = sum_by(self.column, land.households[self.row].astype(np.float64), count)
        price = 0.5 * cut + prices.shape * (USUAL_SHAPE - 4 * np.pi * area / perimeter**2)
        price += prices.spread * np.abs(households - prices.target)
        if prices.moved > 0:
            home = land.home[self.row]
            known = home >= 0
            homes = int(home.max(initial=-1)) + 1
            held = csr_array(
                (
                    land.households[self.row[known]].astype(np.float64),
                    (self.column[known], home[known]),
                ),
                shape=(count, max(homes, 1)),
            )
            most = np.asarray(held.max(axis=1).todense()).ravel()
            price += prices.moved * (np.asarray(held.sum(axis=1)).ravel() - most)
        return np.asarray(price, dtype=np.float64)

    @cached_property
    def _around(self) -> Floats:
        land = self.land
        return sum_by(land.source.astype(np.int64), land.cost, len(land.households))

    @cached_property
    def _within(self) -> tuple[Floats, Floats]:
        """Sum length and cost of the entries of the graph that lie inside each column (both ways)."""
        land = self.land
        n = len(land.households)
        found = []
        for values in (land.length_m, land.cost):
            graph = csr_array((values, land.neighbour, land.pointer), shape=(n, n))
            # Column by column xᵀ W x: the rows of W x that belong to the column.
            spread = (graph @ self.matrix).multiply(self.matrix)
            found.append(np.asarray(spread.sum(axis=0)).ravel())
        return found[0], found[1]

    def relax(self) -> tuple[float, Floats]:
        """Solve the linear relaxation.

        Returns
        -------
        tuple
            Its value, and the price of each atom; infinite and zeros where the pool covers no division.
        """
        n = len(self.land.households)
        if not self.members:
            return np.inf, np.zeros(n)
        solved = linprog(self.price, A_eq=self.matrix, b_eq=np.ones(n), method="highs")
        if solved.status != 0:
            return np.inf, np.zeros(n)
        return float(solved.fun), np.asarray(solved.eqlin.marginals)

    def best(
        self, label: Labels | None, price: float, *, nodes: int = _WHOLE_NODES, widest: int = WIDEST
    ) -> Labels | None:
        """Choose the best division over the whole pool, in so many nodes of the tree.

        Parameters
        ----------
        label, price
            The best plan so far and its price; columns that cannot be in a better one are left out.
        nodes
            The limit.
        widest
            Columns that are given to the solver at most, the best by reduced cost.

        Returns
        -------
        numpy.ndarray or None
            A better labelling, or ``label``.
        """
        value, duals = self.relax()
        if not np.isfinite(value):
            return label
        reduced = self.price - self.matrix.T @ duals
        near = np.flatnonzero(reduced <= max(price - value, 0.0) + 1e-6)
        if len(near) > widest:
            near = np.sort(near[np.argsort(reduced[near], kind="stable")[:widest]])
        chosen = self._solve(near, np.arange(len(self.land.households)), nodes, self.grids)
        if chosen is None or self.price[chosen].sum() >= price - 1e-6:
            return label
        return self.labels(chosen)

    def labels(self, chosen: Ints) -> Labels:
        """Turn chosen columns into a labelling.

        Parameters
        ----------
        chosen
            Columns that cover each atom once.

        Returns
        -------
        numpy.ndarray
            The grid of each atom.
        """
        label = np.zeros(len(self.land.households), dtype=np.int32)
        for grid, column in enumerate(chosen):
            label[self.members[column]] = grid
        return label

    def improve(
        self,
        label: Labels,
        generator: np.random.Generator,
        *,
        grids: int,
        regions: int,
        stop: Callable[[], bool],
    ) -> Labels:
        """Cover regions of a plan anew, one after another, each time with the best choice.

        Parameters
        ----------
        label
            A plan whose grids are all within the limits.
        generator
            Chooses the regions.
        grids
            Grids to a region.
        regions
            How many are tried.
        stop
            Asked between regions.

        Returns
        -------
        numpy.ndarray
            A plan that is no dearer.
        """
        land = self.land
        label = np.unique(label, return_inverse=True)[1].astype(np.int32)
        stale: set[int] = set()
        for _ in range(regions):
            count = int(label.max()) + 1
            fresh = [grid for grid in range(count) if grid not in stale]
            if stop() or not fresh:
                break
            open_ = self._region(label, int(generator.choice(fresh)), grids)
            inside = np.isin(label, open_)
            fits = np.flatnonzero(np.asarray(self.matrix.T @ inside) == self.size)
            rows = np.flatnonzero(inside)
            chosen = self._solve(fits, rows, _REGION_NODES, len(open_) if self.grids else None)
            now = Choice(
                land, [np.flatnonzero(label == grid).astype(np.int32) for grid in open_], self.prices
            )
            if chosen is None or self.price[chosen].sum() >= now.price.sum() - 1e-6:
                # The middle of a region that cannot be bettered need not be asked again.
                stale.update(int(grid) for grid in open_[: max(1, grids // 4)])
                continue
            stale.clear()
            numbers = np.concatenate([open_, np.arange(count, count + len(chosen))])
            for number, column in zip(numbers, chosen, strict=False):
                label[self.members[column]] = number
            label = np.unique(label, return_inverse=True)[1].astype(np.int32)
        return label

    def _region(self, label: Labels, seed: int, grids: int) -> Ints:
        """Walk from a grid to its neighbours until there are enough; the nearest first."""
        land = self.land
        a, b = label[land.source], label[land.neighbour]
        edge = a != b
        count = int(label.max()) + 1
        graph = csr_array((np.ones(int(edge.sum())), (a[edge], b[edge])), shape=(count, count))
        found, at = [seed], 0
        known = {seed}
        while at < len(found) and len(found) < grids:
            x = found[at]
            at += 1
            for y in np.unique(graph.indices[graph.indptr[x] : graph.indptr[x + 1]]).tolist():
                if y not in known:
                    known.add(y)
                    found.append(y)
        return np.array(found[:grids], dtype=np.int64)

    def _solve(self, columns: Ints, rows: Ints, nodes: int, grids: int | None) -> Ints | None:
        if not len(columns):
            return None
        matrix = self.matrix[:, columns]
        if len(rows) < matrix.shape[0]:
            matrix = matrix.tocsr()[rows].tocsc()
        limits = [LinearConstraint(matrix, 1, 1)]
        if grids is not None:
            limits.append(LinearConstraint(np.ones((1, len(columns))), grids, grids))
        solved = milp(
            self.price[columns],
            constraints=limits,
            integrality=np.ones(len(columns)),
            bounds=Bounds(0, 1),
            options={"mip_rel_gap": 1e-4, "node_limit": nodes, "time_limit": _SECONDS},
        )
        if solved.x is None:
            return None
        return np.asarray(columns[np.flatnonzero(solved.x > 0.5)], dtype=np.int64)
