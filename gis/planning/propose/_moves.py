"""The compiled search: flips, and now and then a merge and split, at a falling temperature."""

from __future__ import annotations

import numpy as np
from numba import njit

from gis.planning.propose._arrays import Land, Prices, Totals
from gis.planning.propose._flips import flip
from gis.planning.propose._scratch import Scratch
from gis.planning.propose._splits import merge_and_split


@njit(nogil=True, cache=True)
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
    fall = (cold / hot) ** (every / steps)
    change = 0.0
    work = np.zeros((3, 3))
    held = np.zeros((3, 3))
    tables = np.zeros((3, 3), np.int64)
    free = -1
    for step in range(steps):
        change += flip(land, totals, prices, heat, s)
        if step % every == every - 1:
            heat *= fall
            if free < 0 or totals.atoms[free] > 0:
                free = -1
                for g in range(len(totals.atoms)):
                    if totals.atoms[g] == 0:
                        free = g
                        break
            change += merge_and_split(land, totals, prices, heat, free, steady, s, work, held, tables)
    return change
