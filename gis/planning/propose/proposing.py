"""Propose: from the question to a few really different plans."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from gis.errors import InputError
from gis.planning.measure import Ints
from gis.planning.propose._arrays import Labels, Prices, inner_cost, tally
from gis.planning.propose.atoms import Component, Contracted, contract
from gis.planning.propose.bound import certify
from gis.planning.propose.combine import combine
from gis.planning.propose.plans import Plan, Progress, ProposalSet, describe, difference
from gis.planning.propose.pool import WIDEST, Pool
from gis.planning.propose.problem import Problem
from gis.planning.propose.regions import anneal_regions
from gis.planning.propose.search import (
    CHUNKS,
    FLIPS_PER_SECOND,
    Chain,
    State,
    Weights,
    households_away,
    price_of,
    prices_of,
    run_chains,
)
from gis.planning.propose.start import partition, present
from gis.planning.sizes import feasible_counts

Goal = Literal["minimal-change", "compact", "balanced"]

VARIANTS: dict[str, tuple[tuple[str, Weights], ...]] = {
    "minimal-change": (
        ("best", Weights(shape=2.0, moved=50.0)),
        ("least_change", Weights(shape=0.5, moved=200.0)),
        ("short_border", Weights(shape=2.0, moved=5.0)),
        ("compact", Weights(shape=8.0, moved=1.0)),
    ),
    "compact": (
        ("best", Weights(shape=6.0)),
        ("short_border", Weights(shape=2.0)),
        ("compact", Weights(shape=15.0)),
        ("even", Weights(shape=6.0, spread=10.0)),
    ),
    "balanced": (
        ("best", Weights(shape=4.0, spread=20.0)),
        ("even", Weights(shape=2.0, spread=60.0)),
        ("compact", Weights(shape=12.0, spread=8.0)),
        ("short_border", Weights(shape=2.0, spread=4.0)),
    ),
}
"""What each goal's plans prefer; the first is the goal's own."""

CERTIFIED_ATOMS = 160
"""Up to so many atoms a component's cost is bounded."""

BRANCHES_PER_SECOND = 200_000
"""The pricing that a second of the budget stands for."""

DIFFERENT = 0.02
"""Two plans are different where at least this share of households is grouped otherwise."""

_SHARE_CHAINS = 0.25  # of the budget
_SHARE_REGIONS = 0.5  # of the budget; the rest is for choosing among what was found
_REGIONS = (40, 20)  # grids to a region that is annealed anew, turn by turn
_REGION_FLIPS = 10_000  # for each atom and round
_MOST_ROUNDS = 12
_NARROW = 5_000  # columns that a choice for a variant beside the goal's own is given
_FLIPS_PER_ATOM = 12_000
_FORBIDDEN = 1e7  # metres for each household out of range, where plans are compared
_FEWEST_CHAINS, _MOST_CHAINS = 6, 24
_STEADY = 50  # grids; a hot chain over so many comes to keep too many of them
_WARM = (0.6, 3.0, 15.0)  # first temperatures where the present plan is to be kept, in mean borders
_WATCHED = 0.4  # share of a chain after which its grids go into the pool
_LOOKED_AT = {step / CHUNKS for step in range(CHUNKS // 2, CHUNKS + 1, 20)}


@dataclass
class _Run:
    """What one call has at hand, and the best plan so far."""

    problem: Problem
    contracted: Contracted
    fewest: int
    most: int
    goal: str
    seconds: float
    grids: list[int | None]
    progress: Callable[[Progress], None] | None
    stop: Callable[[], bool]
    generator: np.random.Generator
    best: list[Labels] = field(default_factory=list)
    price: list[float] = field(default_factory=list)
    bound: list[float] = field(default_factory=list)
    variants: dict[str, dict[int, list[Labels]]] = field(default_factory=dict)
    work: float = np.inf
    spent: float = 0.0

    @property
    def components(self) -> tuple[Component, ...]:
        return self.contracted.components

    @property
    def own(self) -> Weights:
        """The goal's own weights."""
        return VARIANTS[self.goal][0][1]

    def search_prices(self, number: int, weights: Weights) -> Prices:
        """Price what a search passes through; the mean size is that of grids that fill 0.9 of the limit."""
        component = self.components[number]
        grids = self.grids[number] or max(1, round(component.households / (0.9 * self.most)))
        return prices_of(component.land, weights, self.fewest, self.most, grids)

    def prices(self, number: int, weights: Weights) -> Prices:
        """Price a component's plans: between them, one that keeps the rule always wins."""
        return self.search_prices(number, weights)._replace(out_of_range=_FORBIDDEN)

    def priced(self, number: int, label: Labels, weights: Weights) -> float:
        """Price a component's plan; another number of grids than was asked for is out of the question."""
        land = self.components[number].land
        totals = tally(land, label, int(label.max()) + 1)
        price = price_of(land, totals, self.prices(number, weights))
        wanted = self.grids[number]
        if wanted is not None:
            price += _FORBIDDEN * 1e3 * abs(int((totals.atoms > 0).sum()) - wanted)
        return price

    def take(self, number: int, label: Labels) -> bool:
        """Keep a component's plan if it is the best for the goal."""
        price = self.priced(number, label, self.own)
        if price < self.price[number] - 1e-9:
            self.price[number] = price
            self.best[number] = label.copy()
            return True
        return False

    def note(self, variant: str, number: int, label: Labels) -> None:
        """Remember what a variant came to."""
        self.variants.setdefault(variant, {}).setdefault(number, []).append(label)

    def plan(self, variant: str = "best", labels: list[Labels] | None = None) -> Plan:
        """Put the components together and measure the whole."""
        chosen = labels or self.best
        found = describe(self.problem, self.contracted, chosen, variant, self.fewest, self.most)
        found.metrics["price_m"] = float(
            sum(self.priced(number, label, self.own) for number, label in enumerate(chosen))
        )
        cost = sum(self.cost(number, label) for number, label in enumerate(chosen))
        found.metrics["cost_m"] = cost
        if len(self.bound) == len(self.components) and sum(self.bound) > 0:
            bound = float(sum(self.bound))
            found.metrics["bound_m"] = bound
            found.metrics["gap"] = max(0.0, 1 - bound / cost) if cost > 0 else 0.0
        return found

    def cost(self, number: int, label: Labels) -> float:
        """Sum what is bounded: inner borders by class, and households moved."""
        land = self.components[number].land
        moved = self.prices(number, self.own).moved
        return inner_cost(land, label) + moved * households_away(land, label)

    def tell(self, stage: str, *, better: bool) -> None:
        """Report how far it is, and the best plan if it is new."""
        if self.progress is not None:
            done = min(self.spent / self.work, 1.0)
            self.progress(Progress(stage, done, self.plan() if better else None))


def propose(
    problem: Problem,
    *,
    households_min: int = 300,
    households_max: int = 500,
    k: int | None = None,
    goal: Goal = "minimal-change",
    seconds: float = 60.0,
    clock_seconds: float | None = None,
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    workers: int | None = None,
) -> ProposalSet:
    """Propose a few really different divisions.

    Parameters
    ----------
    problem
        The units; see :func:`gis.planning.propose.problem_from_units`.
    households_min, households_max
        The limits of every grid; both ends pass.
    k
        How many grids are wanted, where that is settled; otherwise it is free.
    goal
        ``minimal-change`` moves as few households as it can out of their present grids (without present grids
        it is ``compact``); ``compact`` weighs short borders and round shapes; ``balanced`` even sizes too.
    seconds
        The budget: work that takes about so long on two free cores.
    clock_seconds
        When the clock stops it, whatever is left of the budget; after ``seconds`` if left out. Give more on a
        machine that is slow or busy, and the plans are those of a fast one.
    seed
        The same seed gives the same plans, unless the clock or ``cancelled`` stopped the search
        (``complete`` tells).
    progress
        Called with how far it is, and with the best plan so far whenever there is a better one.
    cancelled
        Asked several times a second; when it answers true the best so far is returned.
    workers
        Threads; as many as there are cores, at most four, if left out. The plans do not depend on it.

    Returns
    -------
    ProposalSet
        At least one plan. Where the rules cannot be kept, ``reasons`` says why, and the plans are the nearest
        with their violations named.

    Raises
    ------
    InputError
        If the limits, the goal, ``k`` or the seconds make no sense.
    """
    began = time.monotonic()
    _refuse(problem, households_min, households_max, k, goal, seconds)
    if goal == "minimal-change" and not problem.has_current:
        goal = "compact"
    contracted = contract(problem, households_min, households_max)
    deadline = began + 0.92 * (clock_seconds or seconds)
    asked = cancelled or (lambda: False)
    run = _Run(
        problem,
        contracted,
        households_min,
        households_max,
        goal,
        seconds,
        _share_out(contracted, k, households_min, households_max),
        progress,
        lambda: asked() or time.monotonic() > deadline,
        np.random.default_rng(seed),
    )
    run.best = [np.zeros(len(one.land.households), dtype=np.int32) for one in run.components]
    run.price = [np.inf] * len(run.components)
    complete = True
    if run.components:
        pools = [Pool(one.land, households_min, households_max) for one in run.components]
        threads = workers or max(1, min(4, os.cpu_count() or 1))
        complete = _search(run, pools, threads) and _improve(run, pools, threads)
        if k is None and all(len(one.land.households) <= CERTIFIED_ATOMS for one in run.components):
            complete &= _certify(run, threads)
    plans = _different(run)
    spent = round(time.monotonic() - began, 3)
    return ProposalSet(plans, contracted.reasons, goal, seed, complete, spent)


def _search(run: _Run, pools: list[Pool], threads: int) -> bool:
    """Run the chains, and put what they see into the pools; return whether all came to their end."""
    complete = True
    for stage in ("first", "search"):
        batch = _chains(run, first=stage == "first")
        if stage == "search":
            run.work = run.spent + sum(chain.flips for _, chain in batch) / _SHARE_CHAINS

        known = list(run.best), list(run.price)
        seen: dict[int, list[Labels]] = {}

        def look(state: State, stage: str = stage, seen: dict[int, list[Labels]] = seen) -> None:
            run.spent += state.chain.flips / CHUNKS
            if state.done > _WATCHED:
                pools[state.chain.component].add_plan(state.label)
            if state.done in _LOOKED_AT:
                seen.setdefault(state.chain.seed, []).append(state.label)
                run.tell(stage, better=run.take(state.chain.component, state.label))

        states, whole = run_chains(
            [chain for _, chain in batch],
            run.fewest,
            run.most,
            workers=threads,
            stop=run.stop,
            look=look,
        )
        complete &= whole
        # Threads bring equally good plans in any order; which is kept goes by the order of the chains.
        run.best, run.price = known
        for (name, _), state in zip(batch, states, strict=True):
            number = state.chain.component
            for label in (*seen.get(state.chain.seed, ()), state.label):
                run.take(number, label)
            # A chain that the clock stopped is still hot: its plan is no variant.
            if name != "first" and state.done >= 1.0:
                run.note(name, number, state.label)
    return complete


def _improve(run: _Run, pools: list[Pool], threads: int) -> bool:
    """Better the goal's own plan, and choose anew for it and then for the other variants."""
    own, *others = VARIANTS[run.goal]
    # Least change is about the grids that are out of range, not about every corner.
    whole = run.own.moved > 0 or _refine(run, pools, threads)
    whole = whole and _combine(run, pools, *own, own=True)
    return whole and all(_combine(run, pools, name, weights, own=False) for name, weights in others)


def _refine(run: _Run, pools: list[Pool], threads: int) -> bool:
    """Anneal the best plans anew region by region; what is seen goes into the pools."""
    atoms = sum(len(one.land.households) for one in run.components)
    budget = run.seconds * _SHARE_REGIONS * 2 * FLIPS_PER_SECOND
    rounds = int(np.clip(budget / (_REGION_FLIPS * atoms), 1, _MOST_ROUNDS))
    for number, component in enumerate(run.components):
        pool = pools[number]
        price = run.search_prices(number, run.own)
        label = run.best[number]
        flips = int(min(_REGION_FLIPS, budget / (rounds * atoms)))

        def seen(some: Ints, plan: Labels, pool: Pool = pool) -> None:
            pool.add_plan(plan, some)

        for turn in range(rounds):
            if run.stop():
                return False
            label = anneal_regions(
                component.land,
                label,
                price,
                run.generator,
                grids=_REGIONS[turn % len(_REGIONS)],
                flips=flips,
                steady=run.grids[number] is not None,
                workers=threads,
                stop=run.stop,
                seen=seen,
            )
            run.spent += flips * len(label)
            run.tell("search", better=run.take(number, label))
    return True


def _combine(run: _Run, pools: list[Pool], name: str, weights: Weights, *, own: bool) -> bool:
    """Choose anew from the pools for one variant; the goal's own gets most of the work."""
    for number, pool in enumerate(pools):
        if run.stop():
            return False
        known = [run.best[number]] if own else run.variants.get(name, {}).get(number, [run.best[number]])
        effort = run.seconds * 1000.0 / max(len(pool.land.households), 100)

        def better(label: Labels, number: int = number) -> None:
            if own and run.take(number, label):
                run.tell("combine", better=True)

        label = combine(
            pool,
            run.prices(number, weights),
            min(known, key=lambda label: run.priced(number, label, weights)),
            run.generator,
            rounds=int(np.clip(effort / 10, 0, 10)) if own else 0,
            nodes=int(np.clip(effort * 4, 10, 400)),
            regions=int(np.clip(effort, 0, 40)) if own else 0,
            grids=run.grids[number],
            widest=WIDEST if own else _NARROW,
            stop=run.stop,
            better=better,
        )
        run.take(number, label)
        run.note(name, number, label)
    return True


def _certify(run: _Run, threads: int) -> bool:
    """Bound the cost of every component; what is proved best becomes a variant."""
    for number, component in enumerate(run.components):
        plans = [run.best[number], *(one for parts in run.variants.values() for one in parts.get(number, ()))]
        found = certify(
            component.land,
            plans,
            run.fewest,
            run.most,
            moved=run.prices(number, run.own).moved,
            branches=int(run.seconds * BRANCHES_PER_SECOND / len(run.components)),
            workers=threads,
            cancelled=run.stop,
        )
        if found is None:
            run.bound = []
            return True
        run.bound.append(found.bound)
        run.note("short_border", number, found.label)
        run.take(number, found.label)
    run.tell("bound", better=True)
    return not run.stop()


def _refuse(problem: Problem, fewest: int, most: int, k: int | None, goal: str, seconds: float) -> None:
    if not 0 < fewest <= most:
        raise InputError(
            f"{fewest} to {most} households is no range", where="households", mend="give 300 and 500"
        )
    if goal not in VARIANTS:
        raise InputError(f"{goal!r} is not a goal", where="goal", mend=f"one of {', '.join(VARIANTS)}")
    if not seconds > 0:
        raise InputError("no time was given", where="seconds", mend="give at least a second")
    total = int(problem.households.sum())
    if k is not None and k not in feasible_counts(total, fewest, most):
        raise InputError(
            f"{total} households cannot be cut into {k} grids of {fewest} to {most}",
            where="k",
            mend="leave it out, or give a number that the total allows",
        )


def _share_out(contracted: Contracted, k: int | None, fewest: int, most: int) -> list[int | None]:
    """Share a number of grids out among the components, by households and as far as their totals allow."""
    found: list[int | None] = [None] * len(contracted.components)
    if k is None:
        return found
    left = k - len(np.unique(contracted.settled[contracted.settled >= 0]))
    ranges = [feasible_counts(one.households, fewest, most) for one in contracted.components]
    shares = [counts[0] if counts else 1 for counts in ranges]
    while sum(shares) < left:
        # The fullest grids are relieved first.
        free = [n for n, counts in enumerate(ranges) if counts and shares[n] < counts[-1]]
        if not free:
            break
        shares[max(free, key=lambda n: contracted.components[n].households / shares[n])] += 1
    return list(shares)


def _chains(run: _Run, *, first: bool) -> list[tuple[str, Chain]]:
    """Lay out the work: one short chain for a first plan, or then many for the pool, per component."""
    variants = VARIANTS[run.goal]
    atoms = sum(len(one.land.households) for one in run.components)
    found: list[tuple[str, Chain]] = []
    for number, component in enumerate(run.components):
        n = len(component.land.households)
        wanted = run.grids[number]
        # Two cores: each flip of the budget is done by one of them.
        # Where no regions are annealed anew, their share is the chains'.
        share = _SHARE_CHAINS + (_SHARE_REGIONS if run.own.moved > 0 else 0.0)
        budget = run.seconds * share * 2 * FLIPS_PER_SECOND * n / atoms
        flips = int(np.clip(budget / _FEWEST_CHAINS, 2_000, _FLIPS_PER_ATOM * n))
        chains = int(np.clip(budget / flips, _FEWEST_CHAINS, _MOST_CHAINS))
        homes = np.unique(component.land.home[component.land.home >= 0])
        kept = run.goal == "minimal-change" and len(homes) > 0 and wanted in (None, len(homes))
        for place in range(1) if first else range(1, chains + 1):
            # The goal's own weights get every other chain.
            name, weights = variants[0] if place % 2 else variants[(place // 2) % len(variants)]
            if place == 0:
                name = "first"
            seed = int(run.generator.integers(2**63))
            steady = wanted is not None
            if kept and name != "compact":
                start, hot = present(component), _WARM[place % len(_WARM)]
            else:
                k = wanted or _grids(run, component, place)
                start, hot = partition(component, k, seed), 2.0
                steady |= k >= _STEADY
            length = max(2_000, flips // 2) if place == 0 else flips
            chain = Chain(number, component.land, start, weights, seed, length, hot=hot, steady=steady)
            found.append((name, chain))
    return found


def _grids(run: _Run, component: Component, place: int) -> int:
    """Choose the number of grids that a chain starts with: fewer grids have less border."""
    total = component.households
    counts = feasible_counts(total, run.fewest, run.most)
    if not counts:
        low = max(1, total // run.most)
        return low + place % 2
    full = (0.92, 0.9, 0.86, 0.88, 0.84, 0.86)[place % 6]
    return min(max(round(total / (full * run.most)), counts[0]), counts[-1])


def _different(run: _Run) -> tuple[Plan, ...]:
    """Keep the best plan and those that are really different from it and from each other."""
    plans = [run.plan()]
    others = []
    for name, parts in run.variants.items():
        newest = [
            parts[number][-1] if parts.get(number) else run.best[number]
            for number in range(len(run.components))
        ]
        others.append(run.plan("alternative" if name == "best" else name, newest))
        # What one chain came to, beside what was chosen out of all.
        first = [
            min(parts[number], key=lambda label: run.priced(number, label, run.own))
            if parts.get(number)
            else run.best[number]
            for number in range(len(run.components))
        ]
        others.append(run.plan("alternative", first))
        others += [
            run.plan("alternative", [parts[0][one]])
            for one in range(len(parts.get(0, [])) if len(run.components) == 1 else 0)
        ][:4]
    others.sort(key=lambda plan: (not plan.feasible, plan.variant == "alternative"))
    for plan in others:
        if plans[0].feasible and not plan.feasible:
            continue
        if all(difference(run.problem, plan.labels, one.labels) >= DIFFERENT for one in plans):
            plans.append(plan)
        if len(plans) == 5:
            break
    return tuple(plans)
