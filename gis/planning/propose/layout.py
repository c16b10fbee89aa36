"""The chains of a run laid out: how many, how long, where each starts and with how many grids."""

from __future__ import annotations

import numpy as np

from gis.planning.propose.atoms import Component, Contracted
from gis.planning.propose.goals import VARIANTS
from gis.planning.propose.run import Run
from gis.planning.propose.search import FLIPS_PER_SECOND, Chain
from gis.planning.propose.start import partition, present
from gis.planning.sizes import feasible_counts

SHARE_CHAINS = 0.25
"""The chains' share of the budget."""

SHARE_REGIONS = 0.5
"""The share for annealing anew by regions; the rest is for choosing among what was found."""

_FLIPS_PER_ATOM = 12_000
_FEWEST_CHAINS, _MOST_CHAINS = 6, 24
_STEADY = 50  # grids; a hot chain over so many comes to keep too many of them
_WARM = (0.6, 3.0, 15.0)  # first temperatures where the present plan is to be kept, in mean borders


def share_out(contracted: Contracted, k: int | None, fewest: int, most: int) -> list[int | None]:
    """Share a number of grids out among the components, by households and as far as their totals allow.

    Parameters
    ----------
    contracted
        The components, and what is settled before.
    k
        How many grids are wanted in all; free if None.
    fewest, most
        Limits of households in a grid.

    Returns
    -------
    list
        Of each component its number of grids, or None where that is free.
    """
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


def lay_out_chains(run: Run, *, first: bool) -> list[tuple[str, Chain]]:
    """Lay out the work: one short chain for a first plan, or then many for the pool, per component.

    Parameters
    ----------
    run
        The question and its budget; its random numbers are drawn from.
    first
        Whether one short chain is wanted.

    Returns
    -------
    list
        Pairs of a variant's name (``first`` for a first plan) and a chain.
    """
    variants = VARIANTS[run.goal]
    atoms = sum(len(one.land.households) for one in run.components)
    found: list[tuple[str, Chain]] = []
    for number, component in enumerate(run.components):
        n = len(component.land.households)
        wanted = run.grids[number]
        # Two cores: each flip of the budget is done by one of them.
        # Where no regions are annealed anew, their share is the chains'.
        share = SHARE_CHAINS + (SHARE_REGIONS if run.own.moved > 0 else 0.0)
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


def _grids(run: Run, component: Component, place: int) -> int:
    """Choose the number of grids that a chain starts with: fewer grids have less border."""
    total = component.households
    counts = feasible_counts(total, run.fewest, run.most)
    if not counts:
        low = max(1, total // run.most)
        return low + place % 2
    full = (0.92, 0.9, 0.86, 0.88, 0.84, 0.86)[place % 6]
    return min(max(round(total / (full * run.most)), counts[0]), counts[-1])
