"""The search: chains of compiled moves at a falling temperature, many at a time, each repeatable."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

import numpy as np

from gis.planning.propose._arrays import USUAL_SHAPE, Labels, Land, Prices, Totals, inner_cost, tally
from gis.planning.propose._moves import anneal
from gis.planning.propose._scratch import scratch

FLIPS_PER_SECOND = 4_000_000
"""The work that a second of one core stands for: a budget is flips, not seconds, so that runs repeat."""

EVERY = 100
"""Flips between two attempts to merge and split."""

SOFT, HARD = 0.1, 3.0
"""The price of a household out of range, at first and in the end, in times of :func:`prices_of`.

While a chain is hot its grids pass through sizes out of range more freely; when it is cold none stays so."""

CHUNKS = 120
"""How often a chain can be looked at, or stopped."""


@dataclass(frozen=True)
class Weights:
    """What a chain prefers, free of the place's scale.

    A border's cost is measured in mean borders between two atoms, so that the same weights suit a town of
    small blocks and a county of fields.

    Attributes
    ----------
    shape
        Mean borders that a grid pays for falling short of the usual Polsby–Popper by 1.
    spread
        Mean borders that a grid pays for being as far off the mean size as the limits are apart.
    moved
        Mean borders that moving as many households as a mean atom has costs.
    """

    shape: float = 0.0
    spread: float = 0.0
    moved: float = 0.0


@dataclass(frozen=True, eq=False)
class Chain:
    """One run of the search.

    Attributes
    ----------
    component
        Which component it is about, by number.
    land
        The component's atoms.
    start
        The first plan, each grid in one part.
    weights
        What it prefers.
    seed
        Of its random numbers.
    flips
        Its budget.
    hot, cold
        First and last temperature in mean borders.
    steady
        Whether the number of grids stays that of the start.
    """

    component: int
    land: Land
    start: Labels
    weights: Weights
    seed: int
    flips: int
    hot: float = 2.0
    cold: float = 0.12
    steady: bool = False


@dataclass(frozen=True, eq=False)
class State:
    """Where a chain stands.

    Attributes
    ----------
    chain
        Which chain.
    label
        The grid of each atom.
    done
        Share of its budget.
    """

    chain: Chain
    label: Labels
    done: float


def mean_border(land: Land) -> float:
    """Give the mean cost of the border between two atoms.

    Parameters
    ----------
    land
        The atoms.

    Returns
    -------
    float
        Metres times class; 1 where there is no border.
    """
    return float(land.cost.mean()) if len(land.cost) and land.cost.mean() > 0 else 1.0


def prices_of(land: Land, weights: Weights, fewest: int, most: int, grids: int) -> Prices:
    """Turn weights into metres for one component.

    Parameters
    ----------
    land
        The atoms.
    weights
        What is preferred.
    fewest, most
        Limits of households in a grid.
    grids
        About how many grids there will be: the mean size is the target of an even spread.

    Returns
    -------
    Prices
        For the compiled moves.
    """
    unit = mean_border(land)
    width = max(1.0, float(most - fewest))
    atom = max(1.0, float(land.households.mean()))
    moved = weights.moved * unit / atom
    return Prices(
        fewest=float(fewest),
        most=float(most),
        # One household out of range must cost more than it gains to leave it so.
        out_of_range=max(120.0 * unit / width, 3.0 * moved),
        shape=weights.shape * unit,
        moved=moved,
        spread=weights.spread * unit / width,
        target=float(land.households.sum()) / max(grids, 1),
        base=2.0 * atom if moved else 0.0,
    )


def harder(prices: Prices, done: float) -> Prices:
    """Give what a chain minimises when it has come so far.

    Parameters
    ----------
    prices
        Of :func:`prices_of`.
    done
        Share of its budget, 0 to 1.

    Returns
    -------
    Prices
        With another price of households out of range.
    """
    return prices._replace(out_of_range=prices.out_of_range * SOFT * (HARD / SOFT) ** done)


def price_of(land: Land, totals: Totals, prices: Prices) -> float:
    """Price a plan from nothing, as :class:`gis.planning.propose._arrays.Prices` says.

    Parameters
    ----------
    land
        The atoms.
    totals
        The plan.
    prices
        What is minimised.

    Returns
    -------
    float
        Metres.
    """
    used = totals.atoms > 0
    households = totals.households[used]
    out = np.maximum(prices.fewest - households, 0) + np.maximum(households - prices.most, 0)
    out += prices.base * (out > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        round_ = np.nan_to_num(4 * np.pi * totals.area_m2[used] / totals.perimeter_m[used] ** 2)
    away = (land.home >= 0) & (land.home != totals.label)
    return float(
        inner_cost(land, totals.label)
        + prices.out_of_range * out.sum()
        + prices.shape * (USUAL_SHAPE - round_).sum()
        + prices.spread * np.abs(households - prices.target).sum()
        + prices.moved * land.households[away].sum()
    )


def households_away(land: Land, label: Labels) -> float:
    """Count the households that leave their present grid, grids being matched by what they share.

    Parameters
    ----------
    land
        The atoms.
    label
        The grid of each atom, numbered at will.

    Returns
    -------
    float
        For each grid its households from elsewhere than the present grid that it shares most with. Two grids
        may share most with one and the same: a lower bound on the moves that one numbering can reach.
    """
    known = land.home >= 0
    if not known.any():
        return 0.0
    held = np.zeros((int(label.max()) + 1, int(land.home.max()) + 1))
    np.add.at(held, (label[known], land.home[known]), land.households[known])
    return float(held.sum() - held.max(axis=1).sum())


def grids_room(land: Land, fewest: int, start: Labels) -> int:
    """Tell how long the tables of grids must be.

    Parameters
    ----------
    land
        The atoms.
    fewest
        The lower limit.
    start
        The first plan.

    Returns
    -------
    int
        Grids, with one to spare.
    """
    most = int(land.households.sum()) // max(fewest, 1) + 2
    return max(int(start.max(initial=0)) + 2, min(most, len(start) + 1))


def run_chains(
    chains: list[Chain],
    fewest: int,
    most: int,
    *,
    workers: int,
    stop: Callable[[], bool],
    look: Callable[[State], None],
) -> tuple[list[State], bool]:
    """Run chains side by side in threads; each is repeatable by itself, whatever the others do.

    Parameters
    ----------
    chains
        What to run.
    fewest, most
        Limits of households in a grid.
    workers
        Threads; the compiled moves hold no lock.
    stop
        Asked several times a second.
    look
        Called in this thread whenever a chain has come a step further.

    Returns
    -------
    tuple
        The last state of each chain, in their order, and whether all came to their end.
    """
    states: list[State] = [State(chain, chain.start, 0.0) for chain in chains]
    ready: list[State] = []
    stopped = False

    def work(number: int) -> int:
        chain = chains[number]
        land = chain.land
        room = grids_room(land, fewest, chain.start)
        totals = tally(land, chain.start, room)
        used = len(np.unique(chain.start))
        prices = prices_of(land, chain.weights, fewest, most, used)
        memory = scratch(land, chain.seed)
        unit = mean_border(land)
        fall = (chain.cold / chain.hot) ** (1 / CHUNKS)
        steps = max(EVERY, chain.flips // CHUNKS)
        heat = chain.hot * unit
        for chunk in range(CHUNKS):
            if stopped:
                break
            if len(land.neighbour):
                now = harder(prices, (chunk + 1) / CHUNKS)
                anneal(land, totals, now, heat, heat * fall, steps, EVERY, chain.steady, memory)
            heat *= fall
            states[number] = State(chain, totals.label.copy(), (chunk + 1) / CHUNKS)
            ready.append(states[number])
        return number

    with ThreadPoolExecutor(workers) as pool:
        waiting: set[Future[int]] = {pool.submit(work, number) for number in range(len(chains))}
        while waiting:
            finished, waiting = wait(waiting, timeout=0.1, return_when=FIRST_COMPLETED)
            for one in finished:
                one.result()
            while ready:
                look(ready.pop(0))
            stopped = stopped or stop()
    while ready:
        look(ready.pop(0))
    return states, all(state.done >= 1.0 for state in states)
