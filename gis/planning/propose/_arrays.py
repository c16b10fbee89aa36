"""What the compiled search works on: the land as arrays, a plan as running totals, the price of each.

Named tuples, because Numba takes them as they are. An *atom* is what is moved whole: a unit, or all units of
a compound that may not be cut. A *part* is a polygon of an atom; most atoms have one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Labels = NDArray[np.int32]

USUAL_SHAPE = 0.5
"""Polsby–Popper of a usual grid, which is not priced: a price per grid would make them fewer, not rounder."""


class Land(NamedTuple):
    """The atoms of one component and who borders whom, in compressed rows.

    Attributes
    ----------
    pointer, neighbour, length_m, cost
        Row ``u`` of the atom graph is ``pointer[u]:pointer[u + 1]``: neighbouring atoms, metres of shared
        border, and what a border there costs (metres times class). An atom's own parts that nothing else can
        join count as joined.
    source
        The row that each entry of ``neighbour`` stands in.
    households, area_m2, perimeter_m
        Of each atom, shape (n,); the perimeter is of its dissolved land.
    home
        The present grid of each atom, or −1.
    part_pointer
        Parts of atom ``u`` are ``part_pointer[u]:part_pointer[u + 1]``.
    part_row, part_neighbour, part_atom
        The graph of parts in compressed rows, and the atom of each part.
    """

    pointer: Ints
    neighbour: Labels
    length_m: Floats
    cost: Floats
    source: Labels
    households: Ints
    area_m2: Floats
    perimeter_m: Floats
    home: Labels
    part_pointer: Ints
    part_row: Ints
    part_neighbour: Labels
    part_atom: Labels


class Totals(NamedTuple):
    """A plan and what is kept up to date about each of its grids.

    Attributes
    ----------
    label
        The grid of each atom, shape (n,).
    households, area_m2, perimeter_m
        Of each grid, shape (k,); a grid without atoms has zeros.
    atoms, parts, manifold
        How many atoms and parts each grid has, and how many atoms of several parts.
    """

    label: Labels
    households: Ints
    area_m2: Floats
    perimeter_m: Floats
    atoms: Ints
    parts: Ints
    manifold: Ints


class Prices(NamedTuple):
    """What the search minimises, in metres of border.

    The price of a plan is the cost of its inner borders and, over the grids,
    ``out_of_range`` · (households missing or too many, and ``base`` more) + ``shape`` · (½ − Polsby–Popper)
    + ``spread`` · |households − ``target``|, and ``moved`` · households away from home.

    Attributes
    ----------
    fewest, most
        Limits of households in a grid.
    out_of_range, shape, moved, spread, target, base
        As in the formula.
    """

    fewest: float
    most: float
    out_of_range: float
    shape: float
    moved: float
    spread: float
    target: float
    base: float = 0.0


def rows(n: int, i: NDArray[np.integer], j: NDArray[np.integer], *values: Floats) -> tuple[NDArray[Any], ...]:
    """Turn an undirected edge list into compressed rows.

    Parameters
    ----------
    n
        Number of nodes.
    i, j
        Ends of each edge, shape (m,).
    *values
        What each edge carries, shape (m,).

    Returns
    -------
    tuple of numpy.ndarray
        Pointer (n + 1,), neighbour (2m,) ascending within a row, and each value (2m,).
    """
    source = np.concatenate([i, j])
    target = np.concatenate([j, i])
    order = np.lexsort((target, source))
    pointer = np.concatenate([[0], np.cumsum(np.bincount(source, minlength=n))]).astype(np.int64)
    doubled = [np.concatenate([value, value])[order].astype(np.float64) for value in values]
    return (pointer, target[order].astype(np.int32), *doubled)


def tally(land: Land, label: Labels, grids: int) -> Totals:
    """Count up a plan from nothing.

    Parameters
    ----------
    land
        The atoms.
    label
        The grid of each atom, 0 to ``grids`` − 1.
    grids
        Length of the tables; some may be empty.

    Returns
    -------
    Totals
        With its own copy of the labels.
    """
    label = label.astype(np.int32).copy()
    same = label[land.source] == label[land.neighbour]
    inside = np.bincount(label[land.source[same]], land.length_m[same], grids)
    counts = np.diff(land.part_pointer)
    return Totals(
        label=label,
        households=np.bincount(label, land.households, grids).astype(np.int64),
        area_m2=np.bincount(label, land.area_m2, grids).astype(np.float64),
        perimeter_m=(np.bincount(label, land.perimeter_m, grids) - inside).astype(np.float64),
        atoms=np.bincount(label, minlength=grids).astype(np.int64),
        parts=np.bincount(label, counts, grids).astype(np.int64),
        manifold=np.bincount(label, counts > 1, grids).astype(np.int64),
    )


def inner_cost(land: Land, label: Labels) -> float:
    """Sum what the borders between grids cost, each once.

    Parameters
    ----------
    land
        The atoms.
    label
        The grid of each atom.

    Returns
    -------
    float
        Metres times class.
    """
    cut = label[land.source] != label[land.neighbour]
    return float(land.cost[cut].sum() / 2)
