# mypy: disable-error-code="assignment"
# An item of an array at a place that numba infers is an array to mypy.
# ruff: noqa: C901, PLR0912, PLR0915 - compiled code: a call per idea would hide the loop
"""The compiled flips: one atom goes to the grid of a neighbour, and every grid stays in one part exactly.

A flip asks the graph around the atom; where atoms of several parts are about, the graph of parts.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gis.compiling import njit
from gis.planning.propose._arrays import Land, Prices, Totals
from gis.planning.propose._scratch import Scratch, below, grid_price, uniform


@njit(nogil=True, error_model="numpy")
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
    row, neighbour, atom = land.part_row, land.part_neighbour, land.part_atom
    stamp, stack = s.part_stamp, s.part_stack
    s.clock[0] += 1
    now = s.clock[0]
    first = land.part_pointer[start]
    stamp[first] = now
    stack[0] = first
    top = 1
    found = 1
    while top > 0:
        top -= 1
        x = stack[top]
        for q in range(row[x], row[x + 1]):
            y = neighbour[q]
            if stamp[y] != now and label[atom[y]] == grid:
                stamp[y] = now
                stack[top] = y
                top += 1
                found += 1
    return found == wanted


@njit(nogil=True, error_model="numpy")
def _joined_far_off(land: Land, label: Any, u: Any, grid: Any, first: Any, count: Any, s: Scratch) -> Any:
    """Walk the grid to tell whether the ``count`` neighbours of ``u`` in it stay joined without it."""
    pointer, neighbour, stamp, stack = land.pointer, land.neighbour, s.stamp, s.stack
    s.clock[0] += 1
    now = s.clock[0]
    stamp[u] = now
    stamp[first] = now
    stack[0] = first
    top = 1
    found = 1
    while top > 0 and found < count:
        top -= 1
        x = stack[top]
        for q in range(pointer[x], pointer[x + 1]):
            y = neighbour[q]
            if label[y] == grid and stamp[y] != now:
                stamp[y] = now
                stack[top] = y
                top += 1
                for z in range(pointer[u], pointer[u + 1]):
                    if neighbour[z] == y:
                        found += 1
                        break
    return found == count


@njit(inline="always")
def _joined_around(near: Any, low: Any, mask: Any) -> Any:
    """Tell whether the neighbours that ``mask`` has a bit for border each other in one piece."""
    reach = mask & (np.uint64(0) - mask)
    todo = reach
    while todo:
        bit = todo & (np.uint64(0) - todo)
        todo ^= bit
        place = low
        while bit > np.uint64(1):
            bit >>= np.uint64(1)
            place += 1
        fresh = near[place] & mask & ~reach
        reach |= fresh
        todo |= fresh
    return reach == mask


@njit(nogil=True, error_model="numpy")
def flips(land: Land, totals: Totals, prices: Prices, heat: Any, count: Any, s: Scratch) -> Any:
    """Try so many times to give one atom to the grid of a neighbour.

    Whether the grid that it leaves stays in one part is asked of its neighbours first, whose borders with
    each other are bits of a number; only where they do not hang together by themselves is the grid walked.

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
    count
        How many times.
    s
        Memory and random state; changed.

    Returns
    -------
    float
        Change of the price, in metres.
    """
    # An array taken out of a named tuple within the loop costs as much as the flip itself.
    pointer, neighbour, source, length, cost = (
        land.pointer,
        land.neighbour,
        land.source,
        land.length_m,
        land.cost,
    )
    households, area_m2, perimeter_m = land.households, land.area_m2, land.perimeter_m
    home, part_pointer, near = land.home, land.part_pointer, s.near
    label, held, areas, perimeters = totals.label, totals.households, totals.area_m2, totals.perimeter_m
    manifold, parts_of, atoms_of = totals.manifold, totals.parts, totals.atoms
    random, moves = s.random, s.moves
    entries = len(neighbour)
    total = 0.0
    for _ in range(count):
        e = below(random, entries)
        u = source[e]
        a = label[u]
        b = label[neighbour[e]]
        if a == b:
            continue
        length_a = 0.0
        length_b = 0.0
        change = 0.0
        first = -1
        stay = 0
        mask = np.uint64(0)
        bit = np.uint64(1)
        low = pointer[u]
        high = pointer[u + 1]
        for q in range(low, high):
            v = neighbour[q]
            g = label[v]
            if g == a:
                length_a += length[q]
                change += cost[q]
                mask |= bit
                first = v
                stay += 1
            elif g == b:
                length_b += length[q]
                change -= cost[q]
            bit <<= np.uint64(1)
        if first < 0:
            continue
        h = households[u]
        area = area_m2[u]
        around = perimeter_m[u]
        households_a = held[a] - h
        households_b = held[b] + h
        area_a = areas[a] - area
        area_b = areas[b] + area
        perimeter_a = perimeters[a] - around + 2 * length_a
        perimeter_b = perimeters[b] + around - 2 * length_b
        if prices.moved > 0.0:
            if home[u] == a:
                change += prices.moved * h
            elif home[u] == b:
                change -= prices.moved * h
        change += (
            grid_price(prices, households_a, area_a, perimeter_a)
            + grid_price(prices, households_b, area_b, perimeter_b)
            - grid_price(prices, held[a], areas[a], perimeters[a])
            - grid_price(prices, held[b], areas[b], perimeters[b])
        )
        if change > 20.0 * heat or (change > 0.0 and uniform(random) >= np.exp(-change / heat)):
            continue
        parts = part_pointer[u + 1] - part_pointer[u]
        if manifold[a] == 0 and manifold[b] == 0 and parts == 1:
            if not (
                stay == 1
                or (high - low <= 63 and _joined_around(near, low, mask))
                or _joined_far_off(land, label, u, a, first, stay, s)
            ):
                continue
            label[u] = b
        else:
            label[u] = b
            if not (
                in_one_part(land, label, a, first, parts_of[a] - parts, s)
                and in_one_part(land, label, b, u, parts_of[b] + parts, s)
            ):
                label[u] = a
                continue
        held[a] = households_a
        held[b] = households_b
        areas[a] = area_a
        areas[b] = area_b
        perimeters[a] = perimeter_a
        perimeters[b] = perimeter_b
        atoms_of[a] -= 1
        atoms_of[b] += 1
        parts_of[a] -= parts
        parts_of[b] += parts
        if parts > 1:
            manifold[a] -= 1
            manifold[b] += 1
        moves[0] += 1
        total += change
    return total
