# ruff: noqa: C901, PLR0912, PLR0915 - compiled code: a call per idea would hide the loop
"""The compiled look around known grids: one atom more, one less, or one for another."""

from __future__ import annotations

import numpy as np

from gis.compiling import njit
from gis.planning.propose._arrays import USUAL_SHAPE, Floats, Ints, Labels, Land, Prices


@njit(nogil=True, cache=True)
def look_around(
    land: Land,
    prices: Prices,
    duals: Floats,
    pointer: Ints,
    members: Labels,
    asked: Ints,
    threshold: float,
    out: Labels,
    worth: Floats,
) -> int:
    """Find grids that differ by one or two atoms from known ones and would lower the relaxation.

    What is found hangs together, part by part. Households moved are those who do not come from the present
    grid that the known one has most households of.

    Parameters
    ----------
    land, prices
        The atoms, and what is minimised.
    duals
        Price of each atom in the relaxation.
    pointer, members
        Known grids in compressed columns.
    asked
        Which of them to look around.
    threshold
        Reduced cost below which a grid is wanted.
    out, worth
        Filled in: known grid, atom that comes in and atom that goes out (−1 for none), shape (room, 3), and
        the reduced cost. When there is no more room the search ends.

    Returns
    -------
    int
        How many were found.
    """
    n = len(land.households)
    stamp = np.zeros(n, np.int64)
    seen = np.zeros(len(land.part_atom), np.int64)
    stack = np.zeros(len(land.part_atom), np.int32)
    beside = np.zeros(n, np.int32)
    clock = 0
    tick = 0
    found = 0
    room = len(worth)
    for column in asked:
        clock += 1
        households = 0.0
        area = 0.0
        perimeter = 0.0
        cut = 0.0
        dual = 0.0
        around = 0
        parts = 0
        most = -1
        own = -1
        if prices.moved > 0.0:
            for x in range(pointer[column], pointer[column + 1]):
                home = land.home[members[x]]
                held = 0
                for y in range(pointer[column], pointer[column + 1]):
                    if land.home[members[y]] == home:
                        held += land.households[members[y]]
                if home >= 0 and held > most:
                    most = held
                    own = home
        for x in range(pointer[column], pointer[column + 1]):
            stamp[members[x]] = clock
        for x in range(pointer[column], pointer[column + 1]):
            u = members[x]
            households += land.households[u]
            area += land.area_m2[u]
            perimeter += land.perimeter_m[u]
            dual += duals[u]
            if prices.moved > 0.0 and land.home[u] >= 0 and land.home[u] != own:
                dual -= prices.moved * land.households[u]
            parts += land.part_pointer[u + 1] - land.part_pointer[u]
            for q in range(land.pointer[u], land.pointer[u + 1]):
                v = land.neighbour[q]
                if stamp[v] == clock:
                    perimeter -= land.length_m[q]
                else:
                    cut += land.cost[q]
                    known = False
                    for y in range(around):
                        if beside[y] == v:
                            known = True
                            break
                    if not known:
                        beside[around] = v
                        around += 1
        for x in range(-1, around):
            h1 = households
            a1 = area
            p1 = perimeter
            c1 = cut
            d1 = dual
            parts1 = parts
            alone = -1
            come = -1
            if x >= 0:
                come = beside[x]
                h1 += land.households[come]
                a1 += land.area_m2[come]
                p1 += land.perimeter_m[come]
                d1 += duals[come]
                if prices.moved > 0.0 and land.home[come] >= 0 and land.home[come] != own:
                    d1 -= prices.moved * land.households[come]
                alone = land.part_pointer[come + 1] - land.part_pointer[come]
                parts1 += alone
                for q in range(land.pointer[come], land.pointer[come + 1]):
                    if stamp[land.neighbour[q]] == clock:
                        p1 -= 2 * land.length_m[q]
                        c1 -= land.cost[q]
                    else:
                        c1 += land.cost[q]
                stamp[come] = clock
            for y in range(pointer[column] - 1, pointer[column + 1]):
                go = -1
                h2 = h1
                a2 = a1
                p2 = p1
                c2 = c1
                d2 = d1
                left = parts1
                first = come
                if y >= pointer[column]:
                    go = members[y]
                    h2 -= land.households[go]
                    a2 -= land.area_m2[go]
                    p2 -= land.perimeter_m[go]
                    d2 -= duals[go]
                    if prices.moved > 0.0 and land.home[go] >= 0 and land.home[go] != own:
                        d2 += prices.moved * land.households[go]
                    left -= land.part_pointer[go + 1] - land.part_pointer[go]
                    for q in range(land.pointer[go], land.pointer[go + 1]):
                        v = land.neighbour[q]
                        if stamp[v] == clock:
                            p2 += 2 * land.length_m[q]
                            c2 += land.cost[q]
                            first = v
                        else:
                            c2 -= land.cost[q]
                if (come < 0 and go < 0) or h2 < prices.fewest or h2 > prices.most or p2 <= 0.0:
                    continue
                reduced = (
                    0.5 * c2
                    + prices.shape * (USUAL_SHAPE - 4.0 * np.pi * a2 / (p2 * p2))
                    + prices.spread * abs(h2 - prices.target)
                    - d2
                )
                if reduced >= threshold:
                    continue
                # An atom in one part that comes to a known grid hangs on it; all else is walked.
                if go >= 0 or alone > 1:
                    if first < 0:
                        continue
                    tick += 1
                    top = 1
                    reached = 1
                    stack[0] = land.part_pointer[first]
                    seen[stack[0]] = tick
                    while top > 0:
                        top -= 1
                        p = stack[top]
                        for q in range(land.part_row[p], land.part_row[p + 1]):
                            r = land.part_neighbour[q]
                            u = land.part_atom[r]
                            if u != go and stamp[u] == clock and seen[r] != tick:
                                seen[r] = tick
                                stack[top] = r
                                top += 1
                                reached += 1
                    if reached < left:
                        continue
                out[found, 0] = column
                out[found, 1] = come
                out[found, 2] = go
                worth[found] = reduced
                found += 1
                if found == room:
                    return found
            if come >= 0:
                stamp[come] = 0
    return found
