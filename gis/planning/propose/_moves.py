"""The compiled search: flips, and now and then a merge and split, at a falling temperature."""

from __future__ import annotations

from gis.compiling import njit
from gis.planning.propose._arrays import Land, Prices, Totals
from gis.planning.propose._flips import flips
from gis.planning.propose._scratch import Scratch
from gis.planning.propose._splits import merge_and_split


@njit(nogil=True, cache=True, error_model="numpy")
def anneal(
    land: Land,
    totals: Totals,
    prices: Prices,
    hot: float,
    cold: float,
    steps: int,
    every: int,
    steady: bool,
    s: Scratch,
) -> float:
    """Move atoms at a falling temperature, in place.

    Parameters
    ----------
    land
        The atoms.
    totals
        The plan; changed.
    prices
        What is minimised.
    hot, cold
        First and last temperature, metres of border; it falls geometrically.
    steps
        Flips tried.
    every
        One merge-and-split is tried after so many flips.
    steady
        Whether the number of grids stays as it is.
    s
        Memory and random state; changed.

    Returns
    -------
    float
        Change of the price, in metres.
    """
    heat = hot
    rounds = max(1, steps // every)
    fall = (cold / hot) ** (1.0 / rounds)
    change = 0.0
    free = -1
    for _ in range(rounds):
        change += flips(land, totals, prices, heat, every, s)
        heat *= fall
        if free < 0 or totals.atoms[free] > 0:
            free = -1
            for g in range(len(totals.atoms)):
                if totals.atoms[g] == 0:
                    free = g
                    break
        change += merge_and_split(land, totals, prices, heat, free, steady, s)
    return change
