"""Propose: from the question to a few really different plans."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import numpy as np

from gis.errors import InputError
from gis.planning.measure import Ints
from gis.planning.propose._arrays import Labels
from gis.planning.propose.atoms import contract
from gis.planning.propose.bound import certify
from gis.planning.propose.combine import combine
from gis.planning.propose.differing import different_plans
from gis.planning.propose.goals import VARIANTS, Goal
from gis.planning.propose.layout import SHARE_CHAINS, SHARE_REGIONS, lay_out_chains, share_out
from gis.planning.propose.plans import Progress, ProposalSet
from gis.planning.propose.pool import WIDEST, Pool
from gis.planning.propose.problem import Problem
from gis.planning.propose.regions import anneal_regions
from gis.planning.propose.run import Run
from gis.planning.propose.search import CHUNKS, FLIPS_PER_SECOND, State, Weights, run_chains
from gis.planning.sizes import feasible_counts

CERTIFIED_ATOMS = 160
"""Up to so many atoms a component's cost is bounded."""

BRANCHES_PER_SECOND = 200_000
"""The pricing that a second of the budget stands for."""

_REGIONS = (40, 20)  # grids to a region that is annealed anew, turn by turn
_REGION_FLIPS = 10_000  # for each atom and round
_STARTS = 2  # plans of chains that are annealed anew by turns: the best may have too few grids, or too many
_MOST_ROUNDS = 12
_NARROW = 5_000  # columns that a choice for a variant beside the goal's own is given
_WATCHED = 0.4  # share of a chain after which its grids go into the pool
_LOOKED_AT = {step / CHUNKS for step in range(CHUNKS // 2, CHUNKS + 1, 20)}


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
    run = Run(
        problem,
        contracted,
        households_min,
        households_max,
        goal,
        seconds,
        share_out(contracted, k, households_min, households_max),
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
    plans = different_plans(run)
    spent = round(time.monotonic() - began, 3)
    return ProposalSet(plans, contracted.reasons, goal, seed, complete, spent)


def _search(run: Run, pools: list[Pool], threads: int) -> bool:
    """Run the chains, and put what they see into the pools; return whether all came to their end."""
    complete = True
    for stage in ("first", "search"):
        batch = lay_out_chains(run, first=stage == "first")
        if stage == "search":
            run.work = run.spent + sum(chain.flips for _, chain in batch) / SHARE_CHAINS

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


def _improve(run: Run, pools: list[Pool], threads: int) -> bool:
    """Better the goal's own plan, and choose anew for it and then for the other variants."""
    own, *others = VARIANTS[run.goal]
    # Least change is about the grids that are out of range, not about every corner.
    whole = run.own.moved > 0 or _refine(run, pools, threads)
    whole = whole and _combine(run, pools, *own, own=True)
    return whole and all(_combine(run, pools, name, weights, own=False) for name, weights in others)


def _refine(run: Run, pools: list[Pool], threads: int) -> bool:
    """Anneal the best plans anew region by region; what is seen goes into the pools."""
    atoms = sum(len(one.land.households) for one in run.components)
    budget = run.seconds * SHARE_REGIONS * 2 * FLIPS_PER_SECOND
    rounds = int(np.clip(budget / (_REGION_FLIPS * atoms), 1, _MOST_ROUNDS))
    for number, component in enumerate(run.components):
        pool = pools[number]
        price = run.search_prices(number, run.own)
        own = VARIANTS[run.goal][0][0]
        known = sorted(
            run.variants.get(own, {}).get(number, []), key=lambda label: run.priced(number, label, run.own)
        )
        labels = [run.best[number], *known[1:_STARTS]]
        flips = int(min(_REGION_FLIPS, budget / (rounds * atoms)))

        def seen(some: Ints, plan: Labels, pool: Pool = pool) -> None:
            pool.add_plan(plan, some)

        for turn in range(rounds):
            if run.stop():
                return False
            again, which = divmod(turn, len(labels))
            labels[which] = anneal_regions(
                component.land,
                labels[which],
                price,
                run.generator,
                grids=_REGIONS[again % len(_REGIONS)],
                flips=flips,
                steady=run.grids[number] is not None,
                workers=threads,
                stop=run.stop,
                seen=seen,
            )
            run.spent += flips * len(labels[which])
            run.tell("search", better=run.take(number, labels[which]))
    return True


def _combine(run: Run, pools: list[Pool], name: str, weights: Weights, *, own: bool) -> bool:
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
            rounds=int(np.clip(effort / 3.5, 0, 10)) if own else 0,
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


def _certify(run: Run, threads: int) -> bool:
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
