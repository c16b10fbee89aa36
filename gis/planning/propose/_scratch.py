"""Memory and random numbers of a compiled chain, and the price of one of its grids.

The random numbers are xorshift64* (Vigna 2016), one state a chain, so that a chain gives the same plan on
every machine.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gis.planning.propose._arrays import USUAL_SHAPE, Floats, Ints, Labels, Land, Prices


class Scratch(NamedTuple):
    """Memory of one chain, made once."""

    random: NDArray[np.uint64]
    stamp: Ints
    stack: Labels
    part_stamp: Ints
    part_stack: Labels
    clock: Ints
    member: Labels
    place: Labels
    key: Floats
    parent: Labels
    order: Labels
    below: Ints
    size: Ints
    enter: Ints
    offset: Ints
    side: Labels
    best_side: Labels
    moves: Ints


def scratch(land: Land, seed: int) -> Scratch:
    """Make the memory of a chain.

    Parameters
    ----------
    land
        The atoms.
    seed
        Any whole number; it becomes the state of the random numbers.

    Returns
    -------
    Scratch
        Empty.
    """
    n, parts = len(land.households), len(land.part_atom)

    def ints(size: int) -> Ints:
        return np.zeros(size, np.int64)

    def labels(size: int) -> Labels:
        return np.zeros(size, np.int32)

    return Scratch(
        random=np.array([(seed * 0x9E3779B97F4A7C15 + 0x1234567) % 2**64 or 1], np.uint64),
        stamp=ints(n),
        stack=labels(n),
        part_stamp=ints(parts),
        part_stack=labels(parts),
        clock=ints(1),
        member=labels(n),
        place=labels(n),
        key=np.zeros(n),
        parent=labels(n),
        order=labels(n),
        below=ints(n),
        size=ints(n),
        enter=ints(n),
        offset=ints(n),
        side=labels(n),
        best_side=labels(n),
        moves=ints(4),
    )


@njit(inline="always")
def _draw(state: Any) -> Any:
    x = state[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    state[0] = x
    return x * np.uint64(2685821657736338717)


@njit(inline="always")
def uniform(state: Any) -> Any:
    return (_draw(state) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@njit(inline="always")
def below(state: Any, n: Any) -> Any:
    return np.int64(((_draw(state) >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32))


@njit(inline="always")
def grid_price(prices: Prices, households: Any, area: Any, perimeter: Any) -> Any:
    if perimeter <= 0.0:
        return 0.0
    out = 0.0
    if households < prices.fewest:
        out = prices.fewest - households + prices.base
    elif households > prices.most:
        out = households - prices.most + prices.base
    shape = USUAL_SHAPE - 4.0 * np.pi * area / (perimeter * perimeter)
    return prices.out_of_range * out + prices.shape * shape + prices.spread * abs(households - prices.target)
