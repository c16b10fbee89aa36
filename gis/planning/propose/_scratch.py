"""Memory and random numbers of a compiled chain, and the price of one of its grids.

The random numbers are xorshift64* (Vigna 2016), one state a chain, so that a chain gives the same plan on
every machine.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gis.compiling import njit
from gis.planning.propose._arrays import USUAL_SHAPE, Floats, Ints, Labels, Land, Prices


class Tree(NamedTuple):
    """Memory for a spanning tree of some atoms, the *members*, numbered in the order it is entered.

    What hangs below the ``i``-th is ``i:stop[i]``, so that a cut of the tree is a slice and its price a few
    differences of sums.

    Attributes
    ----------
    weight
        What a random number is multiplied by to be an edge's key, for each of five powers of its cost;
        shape (5, entries of the graph).
    key, parent, order, front, size, offset
        While the tree grows: of each member, in the order of the members.
    enter, at
        Place of each member in the order of entering, and the member at each place.
    stop, households, area_m2, perimeter_m, length_m, cost
        By place: the end of what hangs below; its sums as one piece of land; and metres and cost of its
        border with the other members.
    row, neighbour, neighbour_m, neighbour_cost
        The graph of the members in compressed rows, by place.
    grids, held
        Rooms of shape (3, 3): grids that are merged, that are tried and the best; households at home.
    """

    weight: Floats
    key: Floats
    parent: Labels
    order: Labels
    front: Labels
    size: Ints
    offset: Ints
    enter: Labels
    at: Labels
    stop: Labels
    households: Ints
    area_m2: Floats
    perimeter_m: Floats
    length_m: Floats
    cost: Floats
    row: Labels
    neighbour: Labels
    neighbour_m: Floats
    neighbour_cost: Floats
    grids: Ints
    held: Floats


class Scratch(NamedTuple):
    """Memory of one chain, made once.

    Attributes
    ----------
    random
        State of the random numbers.
    near
        For each entry of the atom graph, which entries of the same row it borders: a bit each.
    stamp, stack, part_stamp, part_stack, clock
        For walks over atoms and over parts.
    member, place, side
        Atoms that are merged, the place of an atom among them, and which piece each becomes.
    tree
        For a spanning tree of them.
    moves
        Flips made, splits made, and by how much the number of grids grew.
    """

    random: NDArray[np.uint64]
    near: NDArray[np.uint64]
    stamp: Ints
    stack: Labels
    part_stamp: Ints
    part_stack: Labels
    clock: Ints
    member: Labels
    place: Labels
    side: Labels
    tree: Tree
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
    n, entries, parts = len(land.households), len(land.neighbour), len(land.part_atom)

    def ints(size: int) -> Ints:
        return np.zeros(size, np.int64)

    def labels(size: int) -> Labels:
        return np.zeros(size, np.int32)

    tree = Tree(
        weight=np.stack([(land.cost + 1.0) ** (-0.5 * power) for power in range(5)]),
        key=np.zeros(n),
        parent=labels(n),
        order=labels(n),
        front=labels(n),
        size=ints(n),
        offset=ints(n),
        enter=labels(n),
        at=labels(n),
        stop=labels(n),
        households=ints(n),
        area_m2=np.zeros(n),
        perimeter_m=np.zeros(n),
        length_m=np.zeros(n),
        cost=np.zeros(n),
        row=labels(n + 1),
        neighbour=labels(entries),
        neighbour_m=np.zeros(entries),
        neighbour_cost=np.zeros(entries),
        grids=np.zeros((3, 3), np.int64),
        held=np.zeros((3, 3)),
    )
    return Scratch(
        random=np.array([(seed * 0x9E3779B97F4A7C15 + 0x1234567) % 2**64 or 1], np.uint64),
        near=near_masks(land.pointer, land.neighbour),
        stamp=ints(n),
        stack=labels(n),
        part_stamp=ints(parts),
        part_stack=labels(parts),
        clock=ints(1),
        member=labels(n),
        place=labels(n),
        side=labels(n),
        tree=tree,
        moves=ints(4),
    )


@njit(nogil=True, cache=True)
def near_masks(pointer: Ints, neighbour: Labels) -> NDArray[np.uint64]:
    """Tell which neighbours of an atom border each other.

    Parameters
    ----------
    pointer, neighbour
        The atom graph in compressed rows.

    Returns
    -------
    numpy.ndarray
        Of each entry a bit for each entry of the same row that it borders; zeros in rows of more than 63.
    """
    out = np.zeros(len(neighbour), np.uint64)
    for u in range(len(pointer) - 1):
        low, high = pointer[u], pointer[u + 1]
        if high - low > 63:
            continue
        for e in range(low, high):
            v = neighbour[e]
            mask = np.uint64(0)
            for q in range(pointer[v], pointer[v + 1]):
                for z in range(low, high):
                    if neighbour[z] == neighbour[q]:
                        mask |= np.uint64(1) << np.uint64(z - low)
            out[e] = mask
    return out


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
    price = 0.0
    if households < prices.fewest:
        price = prices.out_of_range * (prices.fewest - households + prices.base)
    elif households > prices.most:
        price = prices.out_of_range * (households - prices.most + prices.base)
    shape = USUAL_SHAPE - 4.0 * np.pi * area / (perimeter * perimeter)
    return price + prices.shape * shape + prices.spread * abs(households - prices.target)
