# mypy: disable-error-code="assignment"
# An item of an array at a place that numba infers is an array to mypy.
# ruff: noqa: C901, PLR0912, PLR0915 - compiled code: a call per idea would hide the loop
"""The compiled merge and split: one to three grids are merged and cut anew along a random spanning tree.

Costly borders are likely to stay uncut; the tree is cut where every piece is within the limits. What hangs
below an edge of the tree has its sums ready, so that a cut is priced without looking at the atoms.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gis.compiling import njit
from gis.planning.propose._arrays import Land, Prices, Totals
from gis.planning.propose._flips import in_one_part
from gis.planning.propose._scratch import Scratch, below, grid_price, uniform

_TRIES = 64  # splits of one tree into three whose price is looked at


@njit(nogil=True, error_model="numpy")
def _gather(land: Land, label: Any, grid: Any, start: Any, m: Any, s: Scratch) -> Any:
    """Append the atoms of ``grid`` to the members, walking from ``start``; ``s.stamp`` marks them."""
    pointer, neighbour = land.pointer, land.neighbour
    stamp, member, place = s.stamp, s.member, s.place
    now = s.clock[0]
    at = m
    stamp[start] = now
    member[m] = start
    place[start] = m
    m += 1
    while at < m:
        x = member[at]
        at += 1
        for q in range(pointer[x], pointer[x + 1]):
            y = neighbour[q]
            if label[y] == grid and stamp[y] != now:
                stamp[y] = now
                member[m] = y
                place[y] = m
                m += 1
    return m


@njit(nogil=True, error_model="numpy")
def _grow_tree(land: Land, m: Any, power: Any, s: Scratch) -> None:
    """Draw a spanning tree of the members (Prim) and number it in the order in which it is entered.

    An edge's key is a random number over its cost to half the ``power``: costly borders come in first.
    """
    pointer, neighbour = land.pointer, land.neighbour
    stamp, place, member, random = s.stamp, s.place, s.member, s.random
    key, parent, order, front = s.tree.key, s.tree.parent, s.tree.order, s.tree.front
    size, offset, enter, at = s.tree.size, s.tree.offset, s.tree.enter, s.tree.at
    weight = s.tree.weight
    now = s.clock[0]
    for x in range(m):
        key[x] = np.inf
        size[x] = 0
    x = below(random, m)
    key[x] = 0.0
    parent[x] = -1
    front[0] = x
    waiting = 1
    for step in range(m):
        first = 0
        low = key[front[0]]
        for y in range(1, waiting):
            if key[front[y]] < low:
                low = key[front[y]]
                first = y
        x = front[first]
        waiting -= 1
        front[first] = front[waiting]
        order[step] = x
        size[x] = 1
        u = member[x]
        for q in range(pointer[u], pointer[u + 1]):
            v = neighbour[q]
            if stamp[v] == now:
                y = place[v]
                if size[y] == 0:
                    drawn = uniform(random) * weight[power, q]
                    if drawn < key[y]:
                        if key[y] == np.inf:
                            front[waiting] = y
                            waiting += 1
                        key[y] = drawn
                        parent[y] = x
    for step in range(m - 1, 0, -1):
        x = order[step]
        size[parent[x]] += size[x]
    root = order[0]
    enter[root] = 0
    at[0] = root
    offset[root] = 1
    for step in range(1, m):
        x = order[step]
        p = parent[x]
        enter[x] = offset[p]
        at[enter[x]] = x
        offset[p] += size[x]
        offset[x] = enter[x] + 1


@njit(nogil=True, error_model="numpy")
def _sum_tree(land: Land, m: Any, s: Scratch) -> None:
    """Write the members' graph by place, and the sums of what hangs below each place."""
    pointer, neighbour, length, cost = land.pointer, land.neighbour, land.length_m, land.cost
    stamp, place, member = s.stamp, s.place, s.member
    size, enter, at, stop = s.tree.size, s.tree.enter, s.tree.at, s.tree.stop
    row, beside, beside_m, beside_cost = (
        s.tree.row,
        s.tree.neighbour,
        s.tree.neighbour_m,
        s.tree.neighbour_cost,
    )
    households, area_m2, perimeter_m = s.tree.households, s.tree.area_m2, s.tree.perimeter_m
    now = s.clock[0]
    e = 0
    for i in range(m):
        x = at[i]
        u = member[x]
        row[i] = e
        stop[i] = i + size[x]
        for q in range(pointer[u], pointer[u + 1]):
            v = neighbour[q]
            if stamp[v] == now:
                beside[e] = enter[place[v]]
                beside_m[e] = length[q]
                beside_cost[e] = cost[q]
                e += 1
    row[m] = e
    for i in range(m - 1, -1, -1):
        u = member[at[i]]
        h = land.households[u]
        area = land.area_m2[u]
        around = land.perimeter_m[u]
        j = i + 1
        while j < stop[i]:
            h += households[j]
            area += area_m2[j]
            around += perimeter_m[j]
            j = stop[j]
        households[i] = h
        area_m2[i] = area
        perimeter_m[i] = around
    # Those are perimeters of atoms by themselves; what lies between two of them is taken off twice.
    for i in range(m):
        inner = 0.0
        metres = 0.0
        price = 0.0
        for q in range(row[i], row[stop[i]]):
            if i <= beside[q] < stop[i]:
                inner += beside_m[q]
            else:
                metres += beside_m[q]
                price += beside_cost[q]
        perimeter_m[i] -= inner
        s.tree.length_m[i] = metres
        s.tree.cost[i] = price


@njit(nogil=True, error_model="numpy")
def _away(land: Land, moved: Any, m: Any, r: Any, i: Any, j: Any, s: Scratch) -> Any:
    """Price the households away from home, with the best way to hand the grids out to the pieces.

    The pieces are what is left, what hangs below place ``i``, and what hangs below ``j`` (0 for none);
    ``s.tree.grids[1]`` takes the grid of each piece.
    """
    grids, choice, held = s.tree.grids[0], s.tree.grids[1], s.tree.held
    enter, stop = s.tree.enter, s.tree.stop
    for x in range(3):
        choice[x] = grids[x]
        for y in range(3):
            held[x, y] = 0.0
    if moved <= 0.0:
        return 0.0
    homed = 0.0
    for x in range(m):
        u = s.member[x]
        home = land.home[u]
        if home >= 0:
            at = enter[x]
            side = 0
            if j > 0 and j <= at < stop[j]:
                side = 2
            elif i > 0 and i <= at < stop[i]:
                side = 1
            homed += land.households[u]
            for y in range(3):
                if home == grids[y]:
                    held[side, y] += land.households[u]
    best = -1.0
    for x in range(3):
        for y in range(3):
            z = 3 - x - y
            if y == x or (grids[x] < 0) or (r > 1 and grids[y] < 0) or (r > 2 and grids[z] < 0):
                continue
            kept = held[0, x]
            if r > 1:
                kept += held[1, y]
            if r > 2:
                kept += held[2, z]
            if kept > best:
                best = kept
                choice[0] = grids[x]
                choice[1] = grids[y]
                choice[2] = grids[z]
    return moved * (homed - best)


@njit(nogil=True, error_model="numpy")
def _cut_tree(land: Land, prices: Prices, m: Any, r: Any, s: Scratch) -> Any:
    """Find the best cut of the tree into ``r`` pieces within the limits.

    Returns its price and the two places that are cut, 0 for none; ``s.tree.grids[2]`` takes the grid of each
    piece.
    """
    stop, row, beside = s.tree.stop, s.tree.row, s.tree.neighbour
    beside_m, beside_cost = s.tree.neighbour_m, s.tree.neighbour_cost
    households, area_m2, perimeter_m = s.tree.households, s.tree.area_m2, s.tree.perimeter_m
    length, cost = s.tree.length_m, s.tree.cost
    choice, best_choice = s.tree.grids[1], s.tree.grids[2]
    fewest, most, moved = prices.fewest, prices.most, prices.moved
    total, area, around = households[0], area_m2[0], perimeter_m[0]
    best = np.inf
    best_i = 0
    best_j = 0
    if r == 1:
        best = grid_price(prices, total, area, around) + _away(land, moved, m, 1, 0, 0, s)
        best_choice[:] = choice
    elif r == 2:
        for i in range(1, m):
            one = households[i]
            two = total - one
            if one < fewest or one > most or two < fewest or two > most:
                continue
            price = (
                cost[i]
                + grid_price(prices, one, area_m2[i], perimeter_m[i])
                + grid_price(prices, two, area - area_m2[i], around - perimeter_m[i] + 2 * length[i])
                + _away(land, moved, m, 2, i, 0, s)
            )
            if price < best:
                best = price
                best_i = i
                best_choice[:] = choice
    else:
        tries = 0
        for i in range(1, m):
            for j in range(i + 1, m):
                # j is entered after i, so it may hang below i and never the other way round.
                nested = j < stop[i]
                one = households[j]
                two = households[i] - one if nested else households[i]
                three = total - one - two
                if one < fewest or one > most or two < fewest or two > most or three < fewest or three > most:
                    continue
                tries += 1
                if tries > _TRIES:
                    break
                between = 0.0
                between_cost = 0.0
                for q in range(row[j], row[stop[j]]):
                    y = beside[q]
                    if i <= y < stop[i] and (y < j or y >= stop[j]):
                        between += beside_m[q]
                        between_cost += beside_cost[q]
                if nested:
                    area_2 = area_m2[i] - area_m2[j]
                    around_2 = perimeter_m[i] - perimeter_m[j] + 2 * between
                    area_3 = area - area_m2[i]
                    around_3 = around - perimeter_m[i] + 2 * length[i]
                    price = cost[i] + between_cost
                else:
                    area_2 = area_m2[i]
                    around_2 = perimeter_m[i]
                    area_3 = area - area_m2[i] - area_m2[j]
                    around_3 = around - around_2 - perimeter_m[j] + 2 * (length[i] + length[j] - between)
                    price = cost[i] + cost[j] - between_cost
                price += (
                    grid_price(prices, one, area_m2[j], perimeter_m[j])
                    + grid_price(prices, two, area_2, around_2)
                    + grid_price(prices, three, area_3, around_3)
                    + _away(land, moved, m, 3, i, j, s)
                )
                if price < best:
                    best = price
                    best_i = i
                    best_j = j
                    best_choice[:] = choice
            if tries > _TRIES:
                break
    return best, best_i, best_j


@njit(nogil=True, error_model="numpy")
def _settle(land: Land, totals: Totals, m: Any, r: Any, s: Scratch) -> Any:
    """Give the members the grids of their sides if each grid is in one part; return whether it is."""
    label = totals.label
    grids, choice = s.tree.grids[0], s.tree.grids[2]
    member, side, stack = s.member, s.side, s.stack
    manifold = False
    for x in range(m):
        u = member[x]
        stack[x] = label[u]
        label[u] = choice[side[x]]
        manifold |= land.part_pointer[u + 1] - land.part_pointer[u] > 1
    if manifold:
        for g in range(r):
            parts = 0
            start = -1
            for x in range(m):
                if side[x] == g:
                    start = member[x]
                    parts += land.part_pointer[start + 1] - land.part_pointer[start]
            if not in_one_part(land, label, choice[g], start, parts, s):
                for x in range(m):
                    label[member[x]] = stack[x]
                return False
    for x in range(3):
        g = grids[x]
        if g >= 0:
            totals.households[g] = 0
            totals.area_m2[g] = 0.0
            totals.perimeter_m[g] = 0.0
            totals.atoms[g] = 0
            totals.parts[g] = 0
            totals.manifold[g] = 0
    for x in range(m):
        u = member[x]
        g = label[u]
        parts = land.part_pointer[u + 1] - land.part_pointer[u]
        totals.households[g] += land.households[u]
        totals.area_m2[g] += land.area_m2[u]
        totals.atoms[g] += 1
        totals.parts[g] += parts
        if parts > 1:
            totals.manifold[g] += 1
        around = land.perimeter_m[u]
        for q in range(land.pointer[u], land.pointer[u + 1]):
            if label[land.neighbour[q]] == g:
                around -= land.length_m[q]
        totals.perimeter_m[g] += around
    return True


@njit(nogil=True, error_model="numpy")
def merge_and_split(
    land: Land, totals: Totals, prices: Prices, heat: Any, free: Any, steady: Any, s: Scratch
) -> Any:
    """Merge one to three grids that border each other, and split them into one to three.

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
    free
        A grid without atoms, or −1.
    steady
        Whether the number of grids stays as it is.
    s
        Memory and random state; changed.

    Returns
    -------
    float
        Change of the price, in metres.
    """
    label = totals.label
    pointer, neighbour, cost = land.pointer, land.neighbour, land.cost
    stamp, member, random = s.stamp, s.member, s.random
    u = land.source[below(random, len(neighbour))]
    grids = s.tree.grids[0]
    grids[0] = label[u]
    grids[1] = -1
    grids[2] = -1
    s.clock[0] += 1
    now = s.clock[0]
    m = _gather(land, label, grids[0], u, 0, s)
    q = 1
    total = totals.households[grids[0]]
    if total < prices.most * 1.2 or below(random, 4) > 0:
        wanted = 2 + below(random, 2)
        for _ in range(8):
            if q == wanted:
                break
            x = member[below(random, m)]
            v = neighbour[pointer[x] + below(random, pointer[x + 1] - pointer[x])]
            if stamp[v] != now:
                grids[q] = label[v]
                total += totals.households[grids[q]]
                m = _gather(land, label, grids[q], v, m, s)
                q += 1
    low = max(1, q - 1)
    high = min(3, q + 1)
    r = q if steady else low + below(random, high - low + 1)
    if total < r * prices.fewest or total > r * prices.most or m < r:
        return 0.0
    if r > q:
        if free < 0:
            return 0.0
        grids[q] = free
    old = 0.0
    for x in range(q):
        g = grids[x]
        old += grid_price(prices, totals.households[g], totals.area_m2[g], totals.perimeter_m[g])
    for x in range(m):
        v = member[x]
        if prices.moved > 0.0 and land.home[v] >= 0 and land.home[v] != label[v]:
            old += prices.moved * land.households[v]
        for z in range(pointer[v], pointer[v + 1]):
            w = neighbour[z]
            if stamp[w] == now and label[w] != label[v]:
                old += 0.5 * cost[z]
    _grow_tree(land, m, below(random, 5), s)
    _sum_tree(land, m, s)
    best, i, j = _cut_tree(land, prices, m, r, s)
    change = best - old
    if not change < 0.0 and (change == np.inf or uniform(random) >= np.exp(-change / heat)):
        return 0.0
    enter, stop, side = s.tree.enter, s.tree.stop, s.side
    for x in range(m):
        at = enter[x]
        side[x] = 0
        if j > 0 and j <= at < stop[j]:
            side[x] = 2
        elif i > 0 and i <= at < stop[i]:
            side[x] = 1
    if not _settle(land, totals, m, r, s):
        return 0.0
    s.moves[1] += 1
    s.moves[2] += r - q
    return change
