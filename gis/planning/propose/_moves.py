# ruff: noqa: C901, PLR0912, PLR0915 - compiled code: a call per idea would hide the loop
"""The compiled moves of the search: flip one atom, or merge grids and split them anew.

Both keep every grid in one part exactly. A flip asks the graph around the atom; where atoms of several parts
are about, the graph of parts. Merging and splitting draws a random spanning tree in which costly borders are
likely to stay uncut, and cuts the tree where every piece is within the limits. The random numbers are
xorshift64* (Vigna 2016), one state a chain, so that a chain gives the same plan on every machine.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gis.planning.propose._arrays import USUAL_SHAPE, Floats, Ints, Labels, Land, Prices, Totals

_TRIES = 16  # splits of one tree into three whose price is looked at


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
def _uniform(state: Any) -> Any:
    return (_draw(state) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@njit(inline="always")
def _below(state: Any, n: Any) -> Any:
    return np.int64(((_draw(state) >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32))


@njit(inline="always")
def _grid_price(prices: Prices, households: Any, area: Any, perimeter: Any) -> Any:
    if perimeter <= 0.0:
        return 0.0
    out = 0.0
    if households < prices.fewest:
        out = prices.fewest - households + prices.base
    elif households > prices.most:
        out = households - prices.most + prices.base
    shape = USUAL_SHAPE - 4.0 * np.pi * area / (perimeter * perimeter)
    return prices.out_of_range * out + prices.shape * shape + prices.spread * abs(households - prices.target)


@njit
def _in_one_part(land: Land, label: Any, grid: Any, start: Any, wanted: Any, s: Scratch) -> Any:
    """Tell whether ``wanted`` parts of ``grid`` hang together, walking from the atom ``start``."""
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
def _flip(land: Land, totals: Totals, prices: Prices, heat: Any, s: Scratch) -> Any:
    """Try to give one atom to the grid of a neighbour; return the change of the price."""
    e = _below(s.random, len(land.neighbour))
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
        _grid_price(prices, households_a, area_a, perimeter_a)
        + _grid_price(prices, households_b, area_b, perimeter_b)
        - _grid_price(prices, totals.households[a], totals.area_m2[a], totals.perimeter_m[a])
        - _grid_price(prices, totals.households[b], totals.area_m2[b], totals.perimeter_m[b])
    )
    if change > 0.0 and _uniform(s.random) >= np.exp(-change / heat):
        return 0.0
    parts = land.part_pointer[u + 1] - land.part_pointer[u]
    if totals.manifold[a] == 0 and totals.manifold[b] == 0 and parts == 1:
        if not _stays_whole(land, label, u, a, first, count, s):
            return 0.0
    else:
        label[u] = b
        if not (
            _in_one_part(land, label, a, first, totals.parts[a] - parts, s)
            and _in_one_part(land, label, b, u, totals.parts[b] + parts, s)
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
    x = _below(s.random, m)
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
                    key = -np.log(1.0 - _uniform(s.random)) / weight
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
        price += _grid_price(prices, sums[x, 0], sums[x, 1], sums[x, 2])
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
def _merge_and_split(
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
    """Merge one to three grids that border each other, split them into one to three; return the change."""
    label = totals.label
    e = _below(s.random, len(land.neighbour))
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
    if total < prices.most * 1.2 or _below(s.random, 4) > 0:
        wanted = 2 + _below(s.random, 2)
        for _ in range(8):
            if q == wanted:
                break
            x = s.member[_below(s.random, m)]
            v = land.neighbour[land.pointer[x] + _below(s.random, land.pointer[x + 1] - land.pointer[x])]
            if s.stamp[v] != s.clock[0]:
                grids[q] = label[v]
                total += totals.households[grids[q]]
                manifold += totals.manifold[grids[q]]
                m = _gather(land, label, grids[q], v, m, s)
                q += 1
    low = max(1, q - 1)
    high = min(3, q + 1)
    r = q if steady else low + _below(s.random, high - low + 1)
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
        old += _grid_price(prices, totals.households[g], totals.area_m2[g], totals.perimeter_m[g])
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
        _grow_tree(land, m, 0.5 * _below(s.random, 5), s)
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
    if not change < 0.0 and (change == np.inf or _uniform(s.random) >= np.exp(-change / heat)):
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
            if not _in_one_part(land, label, best_choice[g], start, parts, s):
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
        change += _flip(land, totals, prices, heat, s)
        if step % every == every - 1:
            heat *= fall
            if free < 0 or totals.atoms[free] > 0:
                free = -1
                for g in range(len(totals.atoms)):
                    if totals.atoms[g] == 0:
                        free = g
                        break
            change += _merge_and_split(land, totals, prices, heat, free, steady, s, work, held, tables)
    return change
