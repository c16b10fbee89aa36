"""What no plan can undercut: column generation with exact pricing, and the proof it gives.

Every division into grids is a choice of columns (feasible grids) that cover each atom once. The linear
relaxation of that choice gives prices of the atoms; a grid whose cost is below its atoms' prices would lower
it. :mod:`gis.planning.propose._pricing` finds all of those, or bounds what it did not finish. So

    bound = Σ prices + Σ over the ⌊T/min⌋ lowest roots of min(0, bound of the root)

holds at every moment (Lagrange; Farley's is the same with one root for all). When nothing prices out the
bound is the relaxation's value. Then every grid whose reduced cost is within the gap is listed, and the
choice among those alone is solved by HiGHS: if the list was complete the answer is the best there is.

What is proved is about the *cost* (inner borders by class, households moved), for the component's atoms, over
grids within the limits that hang together; it is proved in floating point with a tolerance of 1e-6.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csc_array, csr_array
from scipy.sparse.csgraph import connected_components, reverse_cuthill_mckee

from gis.planning.measure import Floats, Ints
from gis.planning.propose._arrays import Labels, Land, rows
from gis.planning.propose._pricing import price_root

_ROOM = 40
_LISTED = 3000
_TOLERANCE = 1e-6


@dataclass(frozen=True, eq=False)
class Certificate:
    """A plan for one component, and how far from the best it can be.

    Attributes
    ----------
    label
        The grid of each atom.
    cost
        Inner borders by class and households moved, in metres.
    bound
        No division costs less.
    rounds, columns
        How often was priced, and how many grids were looked at in the end.
    """

    label: Labels
    cost: float
    bound: float
    rounds: int
    columns: int

    @property
    def gap(self) -> float:
        """How much dearer than the bound the plan is, as a share of its cost."""
        return 0.0 if self.cost <= 0 else max(0.0, 1 - self.bound / self.cost)


class _Pool:
    """Feasible grids seen, each once, with its cost."""

    def __init__(self, land: Land, moved: float) -> None:
        self.land = land
        self.moved = moved
        self.homes = int(land.home.max(initial=-1)) + 1
        self.seen: set[bytes] = set()
        self.members: list[Ints] = []
        self.costs: list[float] = []

    def add(self, members: Ints) -> bool:
        key = members.astype(np.int32).tobytes()
        if key in self.seen:
            return False
        self.seen.add(key)
        self.members.append(members)
        self.costs.append(self.cost(members))
        return True

    def cost(self, members: Ints) -> float:
        land = self.land
        inside = np.zeros(len(land.households), dtype=bool)
        inside[members] = True
        cut = inside[land.source] & ~inside[land.neighbour]
        cost = 0.5 * float(land.cost[cut].sum())
        if self.moved > 0:
            home = land.home[members]
            held = np.bincount(home[home >= 0], land.households[members][home >= 0], self.homes)
            cost += self.moved * float(held.sum() - held.max(initial=0.0))
        return cost

    def matrix(self, chosen: Ints | None = None) -> tuple[Floats, csc_array]:
        index = range(len(self.members)) if chosen is None else chosen.tolist()
        members = [self.members[one] for one in index]
        pointer = np.concatenate([[0], np.cumsum([len(one) for one in members])])
        row = np.concatenate(members)
        shape = (len(self.land.households), len(members))
        return (
            np.array([self.costs[one] for one in index]),
            csc_array((np.ones(len(row)), row, pointer), shape=shape),
        )


def certify(  # noqa: C901, PLR0912, PLR0915 - one loop, from the first relaxation to the proof
    land: Land,
    plans: Iterable[Labels],
    fewest: int,
    most: int,
    *,
    moved: float = 0.0,
    target: float = 0.01,
    branches: int = 10_000_000,
    workers: int = 2,
    cancelled: Callable[[], bool] = lambda: False,
    note: Callable[[str], None] | None = None,
) -> Certificate | None:
    """Bound the cost of a component's plans, and improve on them.

    Parameters
    ----------
    land
        The atoms; up to about 150.
    plans
        Labellings to begin with; grids that are out of range are left out.
    fewest, most
        Limits of households in a grid.
    moved
        Metres for each household that leaves its present grid.
    target
        Stop when the gap is no larger.
    branches
        Work to spend on pricing: branches looked at. The bound found by then holds.
    workers
        Threads.
    cancelled
        Asked between roots; the clock is its business.
    note
        Told in words how it goes.

    Returns
    -------
    Certificate or None
        None where no plan at hand is feasible.
    """
    order = np.asarray(
        reverse_cuthill_mckee(
            csr_array(
                (np.ones(len(land.neighbour)), land.neighbour, land.pointer),
                shape=(len(land.households),) * 2,
            ),
            symmetric_mode=True,
        ),
        dtype=np.int64,
    )
    whole = _Wholeness(land)
    graph = _Graph(land, order, fewest, most, moved, workers)
    pool = _Pool(land, moved)
    best: tuple[float, list[Ints]] | None = None
    for label in plans:
        grids = [np.flatnonzero(label == grid) for grid in np.unique(label)]
        sizes = [int(land.households[grid].sum()) for grid in grids]
        good = [fewest <= size <= most for size in sizes]
        for members, fits in zip(grids, good, strict=True):
            if fits:
                pool.add(members)
        if all(good):
            cost = sum(pool.cost(grid) for grid in grids)
            if best is None or cost < best[0]:
                best = (cost, grids)
    if best is None:
        return None
    lower, rounds, limit = 0.0, 0, 20_000
    duals = np.zeros(len(land.households))
    centre: Floats | None = None

    while not cancelled() and graph.spent < branches:
        rounds += 1
        costs, matrix = pool.matrix()
        solved = linprog(costs, A_eq=matrix, b_eq=np.ones(matrix.shape[0]), method="highs")
        if solved.status != 0:
            break
        duals = np.asarray(solved.eqlin.marginals)
        value = float(solved.fun)
        # Prices between the best known and the newest swing less, and price as well (Wentges 1997).
        asked = duals if centre is None else 0.5 * centre + 0.5 * duals
        found, bounds, complete = graph.price(asked, -_TOLERANCE, limit, _ROOM, cancelled)
        here = float(asked.sum()) + _lagrange(bounds, graph.most_grids)
        if here > lower:
            lower, centre = here, asked
        fresh = sum(pool.add(one) for one in found if whole(one))
        if note is not None:
            note(
                f"round {rounds}: relaxation {value:.0f}, bound {lower:.0f}, best {best[0]:.0f}, "
                f"{len(pool.costs)} grids, {fresh} new, complete {complete}"
            )
        if (
            value - lower <= _TOLERANCE * max(value, 1.0) + 1e-4 * value
            or best[0] - lower <= target * best[0]
        ):
            break
        if not fresh:
            if asked is not duals:
                centre = duals
            elif complete:
                break
            limit *= 4
    # Choose among what was seen; then among everything that could still be better.
    best = _choose(pool, best, None)
    if (best[0] - lower) > target * best[0] and graph.spent < branches and not cancelled():
        asked = duals if centre is None else centre
        gap = best[0] - lower
        found, bounds, complete = graph.price(asked, gap + _TOLERANCE, 40 * limit, _LISTED, cancelled)
        for one in filter(whole, found):
            pool.add(one)
        if note is not None:
            note(f"listed {len(found)} grids within {gap:.0f}, complete {complete}")
        costs, matrix = pool.matrix()
        near = np.flatnonzero(costs - matrix.T @ asked <= gap + 1.0)
        best, bound = _choose_bounded(pool, best, near)
        if complete:
            lower = max(lower, min(bound, best[0]))
    label = np.zeros(len(land.households), dtype=np.int32)
    for grid, members in enumerate(best[1]):
        label[members] = grid
    return Certificate(label, best[0], min(lower, best[0]), rounds, len(pool.costs))


def _lagrange(bounds: Floats, most_grids: int) -> float:
    return float(np.sort(np.minimum(bounds, 0.0))[:most_grids].sum())


def _choose(pool: _Pool, best: tuple[float, list[Ints]], among: Ints | None) -> tuple[float, list[Ints]]:
    return _choose_bounded(pool, best, among)[0]


def _choose_bounded(
    pool: _Pool, best: tuple[float, list[Ints]], among: Ints | None
) -> tuple[tuple[float, list[Ints]], float]:
    """Cover each atom once at the least cost, with grids of the pool (HiGHS, a limit of nodes)."""
    costs, matrix = pool.matrix(among)
    one = np.ones(matrix.shape[0])
    solved = milp(
        costs,
        constraints=LinearConstraint(matrix, one, one),
        integrality=np.ones(len(costs)),
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": 1e-6, "node_limit": 5_000, "time_limit": 20.0},
    )
    bound = -np.inf if solved.mip_dual_bound is None else float(solved.mip_dual_bound)
    if solved.x is not None and solved.fun < best[0] - 1e-6:
        chosen = np.flatnonzero(solved.x > 0.5)
        if among is not None:
            chosen = among[chosen]
        best = (float(solved.fun), [pool.members[number] for number in chosen])
    return best, bound


class _Wholeness:
    """Whether the land of some atoms is in one part, where atoms themselves are in several."""

    def __init__(self, land: Land) -> None:
        self.land = land
        self.several = np.diff(land.part_pointer) > 1
        parts = len(land.part_atom)
        ones = np.ones(len(land.part_neighbour))
        self.graph = csr_array((ones, land.part_neighbour, land.part_row), shape=(parts, parts))

    def __call__(self, members: Ints) -> bool:
        # The pricing joins atoms, which is the same but for atoms in several parts.
        if not self.several[members].any():
            return True
        parts = np.flatnonzero(np.isin(self.land.part_atom, members))
        within = self.graph[parts][:, parts]
        return int(connected_components(within, directed=False)[0]) == 1


class _Graph:
    """The land in the order of the roots, ready for the compiled pricing."""

    def __init__(self, land: Land, order: Ints, fewest: int, most: int, moved: float, workers: int) -> None:
        n = len(order)
        place = np.empty(n, dtype=np.int64)
        place[order] = np.arange(n)
        # Entries of no length (virtual joins) stay in: they join, and cost nothing.
        one_way = land.source < land.neighbour
        i, j = place[land.source[one_way]], place[land.neighbour[one_way]]
        parts = land.part_atom[np.repeat(np.arange(len(land.part_atom)), np.diff(land.part_row))]
        c, d = place[parts], place[land.part_atom[land.part_neighbour]]
        known = np.minimum(i, j) * n + np.maximum(i, j)
        extra = np.setdiff1d(c[c < d] * n + d[c < d], known)
        i, j = np.concatenate([i, extra // n]), np.concatenate([j, extra % n])
        half = np.concatenate([0.5 * land.cost[one_way], np.zeros(len(extra))])
        self.pointer, self.neighbour, self.half = rows(n, i, j, half)
        source = np.repeat(np.arange(n), np.diff(self.pointer))
        key = source * n + self.neighbour
        self.back = np.searchsorted(key, self.neighbour.astype(np.int64) * n + source).astype(np.int64)
        self.order = order
        self.households = land.households[order]
        self.home = land.home[order]
        self.homes = int(land.home.max(initial=-1)) + 1
        self.moved = moved
        self.fewest, self.most = float(fewest), float(most)
        self.workers = workers
        self.most_grids = int(land.households.sum()) // max(fewest, 1)
        self.spent = 0

    def price(
        self, duals: Floats, threshold: float, limit: int, room: int, stop: Callable[[], bool]
    ) -> tuple[list[Ints], Floats, bool]:
        """Price every root; return the grids found, a bound for each root, and whether all were finished."""
        n = len(self.order)
        given = -duals[self.order]
        away = self.moved * self.households * (self.home >= 0)
        tasks = [(root, -1) for root in range(n)]
        if self.moved > 0 and self.homes:
            tasks = [(root, home) for root in range(n) for home in range(self.homes)]

        def work(task: tuple[int, int]) -> tuple[Labels, Floats, float, bool, int]:
            root, home = task
            found = np.zeros((room, n), dtype=np.int32)
            costs = np.zeros(room)
            if stop():
                return found[:0], costs[:0], -np.inf, False, 0
            prices = given + away * (self.home != home) if home >= 0 else given
            count, bound, branches, complete = price_root(
                self.pointer, self.neighbour, self.back, self.half, prices, self.households,
                self.fewest, self.most, root, threshold, limit, 10, found, costs,
            )  # fmt: skip
            return found[:count], costs[:count], bound, complete, branches

        bounds = np.full(n, np.inf)
        grids: list[Ints] = []
        finished = True
        with ThreadPoolExecutor(self.workers) as pool:
            for task, result in zip(tasks, pool.map(work, tasks), strict=True):
                found, _, bound, complete, branches = result
                self.spent += branches
                bounds[task[0]] = min(bounds[task[0]], bound)
                finished &= complete
                grids += [np.sort(self.order[np.flatnonzero(row)]) for row in found]
        return grids, bounds, finished
