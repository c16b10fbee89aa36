"""Propose: from the question to a few really different plans."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from gis.errors import InputError
from gis.planning.measure import Ints
from gis.planning.propose._arrays import tally
from gis.planning.propose.atoms import Component, Contracted, contract
from gis.planning.propose.plans import Plan, Progress, ProposalSet, describe, difference
from gis.planning.propose.problem import Problem
from gis.planning.propose.search import (
    FLIPS_PER_SECOND,
    Chain,
    State,
    Weights,
    grids_room,
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

DIFFERENT = 0.02
"""Two plans are different where at least this share of households is grouped otherwise."""

_SHARE_FIRST = 0.03
_FLIPS_PER_ATOM = 12_000
_WARM = 0.6  # first temperature where the present plan is to be kept, in mean borders


@dataclass
class _Run:
    """What one call has at hand, and the best plan so far."""

    problem: Problem
    contracted: Contracted
    fewest: int
    most: int
    goal: str
    progress: Callable[[Progress], None] | None
    best: list[Ints] = field(default_factory=list)
    price: list[float] = field(default_factory=list)
    work: float = 1.0
    spent: float = 0.0

    def components(self) -> tuple[Component, ...]:
        return self.contracted.components

    def take(self, number: int, label: Ints) -> bool:
        """Keep a component's plan if it is the best for the goal."""
        component = self.contracted.components[number]
        totals = tally(component.land, label, int(label.max()) + 1)
        grids = max(int((totals.atoms > 0).sum()), 1)
        own = VARIANTS[self.goal][0][1]
        price = price_of(
            component.land, totals, prices_of(component.land, own, self.fewest, self.most, grids)
        )
        if price < self.price[number] - 1e-9:
            self.price[number] = price
            self.best[number] = label.copy()
            return True
        return False

    def plan(self, variant: str = "best", labels: list[Ints] | None = None) -> Plan:
        found = describe(self.problem, self.contracted, labels or self.best, variant, self.fewest, self.most)
        found.metrics["price_m"] = float(sum(self.price))
        return found

    def tell(self, stage: str, *, better: bool = True) -> None:
        if self.progress is not None:
            done = min(self.spent / self.work, 1.0)
            self.progress(Progress(stage, done, self.plan() if better and self.best else None))


def propose(
    problem: Problem,
    *,
    households_min: int = 300,
    households_max: int = 500,
    k: int | None = None,
    goal: Goal = "minimal-change",
    seconds: float = 60.0,
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
        The budget: work that takes about so long on two cores, and never longer than this by the clock.
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
    run = _Run(problem, contracted, households_min, households_max, goal, progress)
    run.best = [np.zeros(len(one.land.households), dtype=np.int32) for one in contracted.components]
    run.price = [np.inf] * len(contracted.components)
    stop = cancelled or (lambda: False)
    threads = workers or max(1, min(4, os.cpu_count() or 1))
    generator = np.random.default_rng(seed)
    deadline = began + seconds * 0.9
    complete = True
    per_variant: dict[str, list[Ints]] = {}
    if contracted.components:
        chains = _chains(run, goal, k, seconds, generator)
        run.work = float(sum(chain.flips for _, chain in chains)) or 1.0
        for stage, share in (("first", True), ("search", False)):
            batch = [(name, chain) for name, chain in chains if (name == "first") is share]

            def look(state: State, stage: str = stage) -> None:
                run.spent += state.chain.flips / 24
                run.tell(stage, better=run.take(state.chain.component, state.label))

            states, whole = run_chains(
                [chain for _, chain in batch],
                households_min,
                households_max,
                workers=threads,
                deadline=deadline,
                cancelled=stop,
                look=look,
            )
            complete &= whole
            for (name, _), state in zip(batch, states, strict=True):
                if name != "first":
                    labels = per_variant.setdefault(
                        name, [np.zeros(0, dtype=np.int32)] * len(contracted.components)
                    )
                    if not len(labels[state.chain.component]) or state.done >= 1.0:
                        labels[state.chain.component] = state.label
    plans = _different(run, per_variant)
    return ProposalSet(plans, contracted.reasons, goal, seed, complete, round(time.monotonic() - began, 3))


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


def _chains(
    run: _Run, goal: str, k: int | None, seconds: float, generator: np.random.Generator
) -> list[tuple[str, Chain]]:
    """Lay out the work: one short chain for a first plan, then one for each variant, per component."""
    variants = VARIANTS[goal]
    atoms = sum(len(one.land.households) for one in run.components())
    found: list[tuple[str, Chain]] = []
    for number, component in enumerate(run.components()):
        n = len(component.land.households)
        # Two cores: each flip of the budget is done by one of them.
        budget = seconds * 0.8 * 2 * FLIPS_PER_SECOND * n / atoms
        kept = goal == "minimal-change" and bool((component.land.home >= 0).any())
        for place, (name, weights) in enumerate((("first", variants[0][1]), *variants)):
            share = _SHARE_FIRST if name == "first" else (1 - _SHARE_FIRST) / len(variants)
            flips = int(min(budget * share, _FLIPS_PER_ATOM * n * (0.1 if name == "first" else 1.0)))
            seed = int(generator.integers(2**63))
            start = (
                present(component) if kept else partition(component, _grids(run, component, k, place), seed)
            )
            found.append(
                (
                    name,
                    Chain(
                        number,
                        component.land,
                        start,
                        weights,
                        seed,
                        max(flips, 200),
                        hot=_WARM if kept else 2.0,
                    ),
                )
            )
    return found


def _grids(run: _Run, component: Component, k: int | None, place: int) -> int:
    """Choose the number of grids that a chain starts with."""
    total = component.households
    counts = feasible_counts(total, run.fewest, run.most)
    if not counts:
        return max(1, round(total / ((run.fewest + run.most) / 2)))
    if k is not None and len(run.components()) == 1:
        return k
    # Between the fewest that fit and the mean of the limits: fewer grids have less border.
    full = (0.9, 0.88, 0.92, 0.86, 0.94)[place % 5]
    return min(max(round(total / (full * run.most)), counts[0]), counts[-1])


def _different(run: _Run, per_variant: dict[str, list[Ints]]) -> tuple[Plan, ...]:
    """Keep the best plan and each variant's that is different from those before it; broken ones last."""
    plans = [run.plan()]
    others = [
        replace(run.plan(name, labels), variant=name)
        for name, labels in per_variant.items()
        if all(len(label) for label in labels) and name != "best"
    ]
    others.sort(key=lambda plan: not plan.feasible)
    for plan in others:
        if plans[0].feasible and not plan.feasible:
            continue
        if all(difference(run.problem, plan.labels, one.labels) >= DIFFERENT for one in plans):
            plans.append(plan)
    return tuple(plans[:5])
