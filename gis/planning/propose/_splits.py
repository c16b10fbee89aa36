# ruff: noqa: C901, PLR0912, PLR0915 - compiled code: a call per idea would hide the loop
"""The compiled merge and split: one to three grids are merged and cut anew along a random spanning tree.

Costly borders are likely to stay uncut; the tree is cut where every piece is within the limits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from gis.planning.propose._arrays import Land, Prices, Totals
from gis.planning.propose._flips import in_one_part
from gis.planning.propose._scratch import Scratch, below, grid_price, uniform

_TRIES = 16  # splits of one tree into three whose price is looked at


@njit
def _gather(land: Land, label: Any, grid: Any, start: Any, m: Any, s: Scratch) -> Any:
    """Append the atoms of ``grid`` to the members, walking from ``start``; ``s.stamp`` marks them."""
    now = s.clock[0]
    at = m
    s.stamp[start] = now
    s.member[m] = start
    s.place[start] = m
    m += 1
    while at < m:
        x = s.member[at]
        at += 1
        for q in range(land.pointer[x], land.pointer[x + 1]):
            y = land.neighbour[q]
            if label[y] == grid and s.stamp[y] != now:
                s.stamp[y] = now
                s.member[m] = y
                s.place[y] = m
                m += 1
    return m


@njit
def _grow_tree(land: Land, m: Any, power: Any, s: Scratch) -> None:
    """Draw a spanning tree of the members (Prim) and number it in depth-first order.

    An edge's key is an exponential variate over its cost to ``power``: costly borders come in first.
    """
    now = s.clock[0]
    for x in range(m):
        s.key[x] = np.inf
        s.parent[x] = -1
        s.size[x] = 0
    x = below(s.random, m)
    s.key[x] = -1.0
    for step in range(m):
        low = np.inf
        x = -1
        for y in range(m):
            if s.size[y] == 0 and s.key[y] < low:
                low = s.key[y]
                x = y
        s.order[step] = x
        s.size[x] = 1
        u = s.member[x]
        for q in range(land.pointer[u], land.pointer[u + 1]):
            v = land.neighbour[q]
            if s.stamp[v] == now:
                y = s.place[v]
                if s.size[y] == 0:
                    weight = (land.cost[q] + 1.0) ** power
                    key = -np.log(1.0 - uniform(s.random)) / weight
                    if key < s.key[y]:
                        s.key[y] = key
                        s.parent[y] = x
    for x in range(m):
        s.below[x] = land.households[s.member[x]]
    for step in range(m - 1, 0, -1):
        x = s.order[step]
        p = s.parent[x]
        s.below[p] += s.below[x]
        s.size[p] += s.size[x]
    root = s.order[0]
    s.enter[root] = 0
    s.offset[root] = 1
    for step in range(1, m):
        x = s.order[step]
        p = s.parent[x]
        s.enter[x] = s.offset[p]
        s.offset[p] += s.size[x]
        s.offset[x] = s.enter[x] + 1


@njit
def _price_sides(
    land: Land, prices: Prices, m: Any, r: Any, sums: Any, s: Scratch, grids: Any, held: Any, choice: Any
) -> Any:
    """Price the split of the members into ``r`` sides, with the best way to hand out ``grids``.

    ``sums`` takes households, area and perimeter of each side; ``choice`` the grid of each side.
    """
    now = s.clock[0]
    for x in range(r):
        for y in range(3):
            sums[x, y] = 0.0
    price = 0.0
    for x in range(m):
        u = s.member[x]
        g = s.side[x]
        sums[g, 0] += land.households[u]
        sums[g, 1] += land.area_m2[u]
        around = land.perimeter_m[u]
        for q in range(land.pointer[u], land.pointer[u + 1]):
            v = land.neighbour[q]
            if s.stamp[v] == now:
                if s.side[s.place[v]] == g:
                    around -= land.length_m[q]
                else:
                    price += 0.5 * land.cost[q]
        sums[g, 2] += around
    for x in range(r):
        price += grid_price(prices, sums[x, 0], sums[x, 1], sums[x, 2])
    for x in range(r):
        choice[x] = grids[x]
    if prices.moved > 0.0:
        for x in range(3):
            for y in range(3):
                held[x, y] = 0.0
        homed = 0.0
        for x in range(m):
            u = s.member[x]
            if land.home[u] >= 0:
                homed += land.households[u]
                for y in range(3):
                    if land.home[u] == grids[y]:
                        held[s.side[x], y] += land.households[u]
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
        price += prices.moved * (homed - best)
    return price


@njit
def _mark(m: Any, v: Any, g: Any, s: Scratch) -> None:
    for x in range(m):
        if s.enter[v] <= s.enter[x] < s.enter[v] + s.size[v]:
            s.side[x] = g


@njit
def merge_and_split(
    land: Land,
    totals: Totals,
    prices: Prices,
    heat: Any,
    free: Any,
    steady: Any,
    s: Scratch,
    work: Any,
    held: Any,
    tables: Any,
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
    work, held, tables
        Room of shape (3, 3): sums of each side, households at home, and which grid each side becomes.

    Returns
    -------
    float
        Change of the price, in metres.
    """
    label = totals.label
    e = below(s.random, len(land.neighbour))
    u = land.source[e]
    grids = tables[0]
    choice = tables[1]
    best_choice = tables[2]
    grids[0] = label[u]
    grids[1] = -1
    grids[2] = -1
    s.clock[0] += 1
    m = _gather(land, label, grids[0], u, 0, s)
    q = 1
    total = totals.households[grids[0]]
    manifold = totals.manifold[grids[0]]
    if total < prices.most * 1.2 or below(s.random, 4) > 0:
        wanted = 2 + below(s.random, 2)
        for _ in range(8):
            if q == wanted:
                break
            x = s.member[below(s.random, m)]
            v = land.neighbour[land.pointer[x] + below(s.random, land.pointer[x + 1] - land.pointer[x])]
            if s.stamp[v] != s.clock[0]:
                grids[q] = label[v]
                total += totals.households[grids[q]]
                manifold += totals.manifold[grids[q]]
                m = _gather(land, label, grids[q], v, m, s)
                q += 1
    low = max(1, q - 1)
    high = min(3, q + 1)
    r = q if steady else low + below(s.random, high - low + 1)
    if total < r * prices.fewest or total > r * prices.most or m < r:
        return 0.0
    if r > q:
        if free < 0:
            return 0.0
        grids[q] = free
    old = 0.0
    for x in range(m):
        s.side[x] = 0
    for x in range(q):
        g = grids[x]
        old += grid_price(prices, totals.households[g], totals.area_m2[g], totals.perimeter_m[g])
    for x in range(m):
        v = s.member[x]
        if prices.moved > 0.0 and land.home[v] >= 0 and land.home[v] != label[v]:
            old += prices.moved * land.households[v]
        for z in range(land.pointer[v], land.pointer[v + 1]):
            w = land.neighbour[z]
            if s.stamp[w] == s.clock[0] and label[w] != label[v]:
                old += 0.5 * land.cost[z]
    best = np.inf
    if r == 1:
        best = _price_sides(land, prices, m, 1, work, s, grids, held, best_choice)
        for x in range(m):
            s.best_side[x] = 0
    else:
        _grow_tree(land, m, 0.5 * below(s.random, 5), s)
        tries = 0
        root = s.order[0]
        if r == 2:
            for v in range(m):
                part = s.below[v]
                if v == root or part < prices.fewest or part > prices.most:
                    continue
                if total - part < prices.fewest or total - part > prices.most:
                    continue
                for x in range(m):
                    s.side[x] = 0
                _mark(m, v, 1, s)
                price = _price_sides(land, prices, m, 2, work, s, grids, held, choice)
                if price < best:
                    best = price
                    for x in range(m):
                        s.best_side[x] = s.side[x]
                    for x in range(3):
                        best_choice[x] = choice[x]
        else:
            for i in range(1, m):
                v = s.order[i]
                for j in range(i + 1, m):
                    w = s.order[j]
                    # v comes before w in Prim's order, so w may lie below v and never v below w.
                    nested = s.enter[v] <= s.enter[w] < s.enter[v] + s.size[v]
                    one = s.below[w]
                    two = s.below[v] - one if nested else s.below[v]
                    three = total - one - two
                    if (
                        one < prices.fewest
                        or one > prices.most
                        or two < prices.fewest
                        or two > prices.most
                        or three < prices.fewest
                        or three > prices.most
                    ):
                        continue
                    tries += 1
                    if tries > _TRIES:
                        break
                    for x in range(m):
                        s.side[x] = 0
                    _mark(m, v, 1, s)
                    _mark(m, w, 2, s)
                    price = _price_sides(land, prices, m, 3, work, s, grids, held, choice)
                    if price < best:
                        best = price
                        for x in range(m):
                            s.best_side[x] = s.side[x]
                        for x in range(3):
                            best_choice[x] = choice[x]
                if tries > _TRIES:
                    break
    change = best - old
    if not change < 0.0 and (change == np.inf or uniform(s.random) >= np.exp(-change / heat)):
        return 0.0
    if manifold > 0:
        for x in range(m):
            s.place[s.member[x]] = label[s.member[x]]
        for x in range(m):
            label[s.member[x]] = best_choice[s.best_side[x]]
        whole = True
        for g in range(r):
            parts = 0
            start = -1
            for x in range(m):
                if s.best_side[x] == g:
                    start = s.member[x]
                    parts += land.part_pointer[start + 1] - land.part_pointer[start]
            if not in_one_part(land, label, best_choice[g], start, parts, s):
                whole = False
                break
        if not whole:
            for x in range(m):
                label[s.member[x]] = s.place[s.member[x]]
            return 0.0
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
        label[s.member[x]] = best_choice[s.best_side[x]]
    for x in range(m):
        v = s.member[x]
        g = label[v]
        parts = land.part_pointer[v + 1] - land.part_pointer[v]
        totals.households[g] += land.households[v]
        totals.area_m2[g] += land.area_m2[v]
        totals.atoms[g] += 1
        totals.parts[g] += parts
        if parts > 1:
            totals.manifold[g] += 1
        around = land.perimeter_m[v]
        for z in range(land.pointer[v], land.pointer[v + 1]):
            if label[land.neighbour[z]] == g:
                around -= land.length_m[z]
        totals.perimeter_m[g] += around
    s.moves[1] += 1
    s.moves[2] += r - q
    return change
