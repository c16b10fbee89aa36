# ruff: noqa: C901, PLR0912, PLR0915 - compiled code: a call per idea would hide the loop
"""The compiled flip: one atom goes to the grid of a neighbour, and every grid stays in one part exactly.

A flip asks the graph around the atom; where atoms of several parts are about, the graph of parts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from gis.planning.propose._arrays import Land, Prices, Totals
from gis.planning.propose._scratch import Scratch, below, grid_price, uniform


@njit
def in_one_part(land: Land, label: Any, grid: Any, start: Any, wanted: Any, s: Scratch) -> Any:
    """Tell whether the parts of a grid hang together.

    Parameters
    ----------
    land
        The atoms.
    label
        The grid of each atom.
    grid
        Which grid.
    start
        One of its atoms, to walk from.
    wanted
        How many parts it has.
    s
        Memory; changed.

    Returns
    -------
    bool
        Whether all of them were reached.
    """
    s.clock[0] += 1
    now = s.clock[0]
    first = land.part_pointer[start]
    s.part_stamp[first] = now
    s.part_stack[0] = first
    top = 1
    found = 1
    while top > 0:
        top -= 1
        x = s.part_stack[top]
        for q in range(land.part_row[x], land.part_row[x + 1]):
            y = land.part_neighbour[q]
            if s.part_stamp[y] != now and label[land.part_atom[y]] == grid:
                s.part_stamp[y] = now
                s.part_stack[top] = y
                top += 1
                found += 1
    return found == wanted


@njit
def _stays_whole(land: Land, label: Any, u: Any, grid: Any, first: Any, count: Any, s: Scratch) -> Any:
    """Tell whether the ``count`` neighbours of ``u`` in ``grid`` stay joined without it."""
    if count <= 1:
        return True
    s.clock[0] += 1
    now = s.clock[0]
    s.stamp[u] = now
    s.stamp[first] = now
    s.stack[0] = first
    top = 1
    found = 1
    while top > 0 and found < count:
        top -= 1
        x = s.stack[top]
        for q in range(land.pointer[x], land.pointer[x + 1]):
            y = land.neighbour[q]
            if label[y] == grid and s.stamp[y] != now:
                s.stamp[y] = now
                s.stack[top] = y
                top += 1
                for z in range(land.pointer[u], land.pointer[u + 1]):
                    if land.neighbour[z] == y:
                        found += 1
                        break
    return found == count


@njit
def flip(land: Land, totals: Totals, prices: Prices, heat: Any, s: Scratch) -> Any:
    """Try to give one atom to the grid of a neighbour.

    Parameters
    ----------
    land
        The atoms.
    totals
        The plan; changed.
    prices
        What is minimised.
    heat
        The temperature, metres of border.
    s
        Memory and random state; changed.

    Returns
    -------
    float
        Change of the price, in metres.
    """
    e = below(s.random, len(land.neighbour))
    u = land.source[e]
    label = totals.label
    a = label[u]
    b = label[land.neighbour[e]]
    if a == b:
        return 0.0
    length_a = 0.0
    length_b = 0.0
    change = 0.0
    first = -1
    count = 0
    for q in range(land.pointer[u], land.pointer[u + 1]):
        v = land.neighbour[q]
        g = label[v]
        if g == a:
            length_a += land.length_m[q]
            change += land.cost[q]
            first = v
            count += 1
        elif g == b:
            length_b += land.length_m[q]
            change -= land.cost[q]
    if count == 0:
        return 0.0
    h = land.households[u]
    area = land.area_m2[u]
    around = land.perimeter_m[u]
    households_a = totals.households[a] - h
    households_b = totals.households[b] + h
    area_a = totals.area_m2[a] - area
    area_b = totals.area_m2[b] + area
    perimeter_a = totals.perimeter_m[a] - around + 2 * length_a
    perimeter_b = totals.perimeter_m[b] + around - 2 * length_b
    if prices.moved > 0.0:
        if land.home[u] == a:
            change += prices.moved * h
        elif land.home[u] == b:
            change -= prices.moved * h
    change += (
        grid_price(prices, households_a, area_a, perimeter_a)
        + grid_price(prices, households_b, area_b, perimeter_b)
        - grid_price(prices, totals.households[a], totals.area_m2[a], totals.perimeter_m[a])
        - grid_price(prices, totals.households[b], totals.area_m2[b], totals.perimeter_m[b])
    )
    if change > 0.0 and uniform(s.random) >= np.exp(-change / heat):
        return 0.0
    parts = land.part_pointer[u + 1] - land.part_pointer[u]
    if totals.manifold[a] == 0 and totals.manifold[b] == 0 and parts == 1:
        if not _stays_whole(land, label, u, a, first, count, s):
            return 0.0
    else:
        label[u] = b
        if not (
            in_one_part(land, label, a, first, totals.parts[a] - parts, s)
            and in_one_part(land, label, b, u, totals.parts[b] + parts, s)
        ):
            label[u] = a
            return 0.0
    label[u] = b
    totals.households[a] = households_a
    totals.households[b] = households_b
    totals.area_m2[a] = area_a
    totals.area_m2[b] = area_b
    totals.perimeter_m[a] = perimeter_a
    totals.perimeter_m[b] = perimeter_b
    totals.atoms[a] -= 1
    totals.atoms[b] += 1
    totals.parts[a] -= parts
    totals.parts[b] += parts
    if parts > 1:
        totals.manifold[a] -= 1
        totals.manifold[b] += 1
    s.moves[0] += 1
    return change
