# ruff: noqa: C901, PLR0912, PLR0915, PLR1730 - compiled code: a call per idea would hide the loop
"""The compiled pricing: the cheapest grids at given prices of the atoms, exactly.

A grid is a connected set of atoms with households in range. Its reduced cost is half the borders that it
cuts, plus what each atom adds, minus the atoms' prices. The search fixes a *root* (the grid's atom with the
lowest number) and branches on one bordering atom at a time: in or out. What a branch can at best come to is
bounded by a Lagrangian: a multiplier on households turns the limits into a price, and what is left is a
minimum cut. The flow that proves the cut gives every atom a residual price and every edge a slack, which are
summed up as the branch goes deeper; now and then the flow is computed anew.
"""

from __future__ import annotations

import numpy as np

from gis.compiling import njit
from gis.planning.propose._arrays import Floats, Ints, Labels

_FREE, _IN, _OUT = 0, 1, 2
_EPS = 1e-9
_STACK = 8192


@njit(cache=True)
def _max_flow(
    pointer: Ints,
    neighbour: Labels,
    back: Ints,
    half: Floats,
    value: Floats,
    status: Labels,
    flow: Floats,
    residual: Floats,
    level: Ints,
    at: Ints,
    queue: Ints,
    path: Ints,
) -> None:
    """Dinic's algorithm for the cut between atoms that pay (value < 0) and atoms that cost.

    Atoms in the grid are joined to the source and atoms out of it to the sink. On return ``flow`` is the flow
    along each entry of the graph (antisymmetric) and ``residual`` the price of each atom after it.
    """
    n = len(value)
    source = n
    for q in range(len(flow)):
        flow[q] = 0.0
    # What is left of each atom's own arc from the source (value < 0) or to the sink (value > 0).
    for u in range(n):
        residual[u] = value[u]
    while True:
        for u in range(n + 2):
            level[u] = -1
        head = 0
        tail = 0
        level[source] = 0
        for u in range(n):
            if status[u] == _IN or (status[u] == _FREE and residual[u] < -_EPS):
                level[u] = 1
                queue[tail] = u
                tail += 1
        reached = False
        while head < tail:
            u = queue[head]
            head += 1
            if status[u] == _OUT or (status[u] == _FREE and residual[u] > _EPS):
                reached = True
                continue
            for q in range(pointer[u], pointer[u + 1]):
                v = neighbour[q]
                if level[v] < 0 and half[q] - flow[q] > _EPS:
                    level[v] = level[u] + 1
                    queue[tail] = v
                    tail += 1
        if not reached:
            return
        for u in range(n):
            at[u] = pointer[u]
        for start in range(n):
            if not (status[start] == _IN or (status[start] == _FREE and residual[start] < -_EPS)):
                continue
            if level[start] != 1:
                continue
            while True:
                # Walk down the levels from ``start`` until an atom that can pay the sink.
                if status[start] == _FREE and residual[start] >= -_EPS:
                    break
                depth = 0
                u = start
                found = False
                while True:
                    if u != start and (status[u] == _OUT or (status[u] == _FREE and residual[u] > _EPS)):
                        found = True
                        break
                    moved = False
                    while at[u] < pointer[u + 1]:
                        q = at[u]
                        v = neighbour[q]
                        if level[v] == level[u] + 1 and half[q] - flow[q] > _EPS:
                            path[depth] = q
                            depth += 1
                            u = v
                            moved = True
                            break
                        at[u] += 1
                    if not moved:
                        if u == start:
                            break
                        depth -= 1
                        q = path[depth]
                        u = neighbour[back[q]]
                        at[u] += 1
                if not found:
                    break
                push = np.inf
                if status[start] == _FREE:
                    push = -residual[start]
                if status[u] == _FREE and residual[u] < push:
                    push = residual[u]
                for d in range(depth):
                    left = half[path[d]] - flow[path[d]]
                    if left < push:
                        push = left
                for d in range(depth):
                    flow[path[d]] += push
                    flow[back[path[d]]] -= push
                if status[start] == _FREE:
                    residual[start] += push
                if status[u] == _FREE:
                    residual[u] -= push


@njit(cache=True)
def _settle(
    pointer: Ints,
    neighbour: Labels,
    half: Floats,
    value: Floats,
    status: Labels,
    flow: Floats,
    residual: Floats,
) -> float:
    """Turn a flow into residual prices of all atoms; return what no completion can undercut."""
    n = len(value)
    total = 0.0
    for u in range(n):
        own = value[u]
        for q in range(pointer[u], pointer[u + 1]):
            own += flow[q]
        residual[u] = own
        if status[u] == _IN:
            total += own
            for q in range(pointer[u], pointer[u + 1]):
                if status[neighbour[q]] == _OUT:
                    total += half[q] - flow[q]
        elif status[u] == _FREE and own < 0.0:
            total += own
    return total


@njit(nogil=True, cache=True)
def price_root(
    pointer: Ints,
    neighbour: Labels,
    back: Ints,
    half: Floats,
    prices: Floats,
    households: Ints,
    fewest: float,
    most: float,
    root: int,
    threshold: float,
    limit: int,
    depth_limit: int,
    found: Labels,
    costs: Floats,
) -> tuple[int, float, int, bool]:
    """Find every grid whose lowest atom is ``root`` with a reduced cost below ``threshold``.

    Parameters
    ----------
    pointer, neighbour, back, half
        The graph in compressed rows: neighbours, the entry of the opposite direction, half the cost.
    prices
        What each atom adds to the reduced cost of a grid, shape (n,): its own costs less its dual price.
    households
        Of each atom.
    fewest, most
        The limits.
    root
        The atom.
    threshold
        Reduced costs from here on are not wanted.
    limit
        Most branches to look at.
    depth_limit
        Decisions between two flows.
    found, costs
        Filled in: members of each grid found (0/1, shape (room, n)) and its reduced cost. Where there is no
        room the dearest gives way, and what is returned is still a bound.

    Returns
    -------
    tuple
        How many were found, a lower bound on the reduced cost of every grid with this root (at most
        ``threshold``), the branches looked at, and whether nothing was left out.
    """
    n = len(prices)
    m = len(neighbour)
    room = len(costs)
    count = 0
    branches = 0
    bound = threshold
    stack = np.zeros((_STACK, n), np.int8)
    theta_of = np.zeros(_STACK)
    complete = True
    top = 1
    for u in range(root):
        stack[0, u] = _OUT
    stack[0, root] = _IN
    status = np.zeros(n, np.int32)
    flow = np.zeros(m)
    best_flow = np.zeros(m)
    residual = np.zeros(n)
    value = np.zeros(n)
    level = np.zeros(n + 2, np.int64)
    at = np.zeros(n, np.int64)
    queue = np.zeros(n + 2, np.int64)
    path = np.zeros(n + 2, np.int64)
    touched = np.zeros(n, np.int64)
    chosen = np.zeros(depth_limit + 1, np.int64)
    phase = np.zeros(depth_limit + 1, np.int64)
    before = np.zeros(depth_limit + 1)
    own = 0.0
    for u in range(n):
        if households[u] > 0:
            own += max(0.0, -prices[u])
    total = 0.0
    for u in range(n):
        total += households[u]
    theta_of[0] = own / max(total, 1.0)
    step0 = theta_of[0] * 0.5 + 1e-6
    while top > 0:
        top -= 1
        held = 0.0
        reach = 0.0
        for u in range(n):
            status[u] = stack[top, u]
            if status[u] == _IN:
                held += households[u]
        # Only what is connected to the grid through free atoms can still come in.
        tail = 0
        for u in range(n):
            level[u] = 0
            if status[u] == _IN:
                level[u] = 1
                queue[tail] = u
                tail += 1
        head = 0
        while head < tail:
            u = queue[head]
            head += 1
            for q in range(pointer[u], pointer[u + 1]):
                v = neighbour[q]
                if status[v] == _FREE and level[v] == 0 and held + households[v] <= most:
                    level[v] = 1
                    queue[tail] = v
                    tail += 1
        reach = 0.0
        for u in range(n):
            if status[u] == _FREE and level[u] == 0:
                status[u] = _OUT
            if status[u] == _FREE:
                reach += households[u]
        if held + reach < fewest or held > most:
            continue
        # Improve the multiplier by a few steps of a ternary-like search; any value gives a valid bound.
        theta = theta_of[top]
        step = step0 if top == 0 and branches == 0 else step0 * 0.12
        best = -np.inf
        best_theta = theta
        tries = 14 if branches == 0 else 3
        trial = theta
        for _ in range(tries):
            for u in range(n):
                value[u] = prices[u] + trial * households[u]
            _max_flow(pointer, neighbour, back, half, value, status, flow, residual, level, at, queue, path)
            low = _settle(pointer, neighbour, half, value, status, flow, residual)
            low -= trial * most if trial >= 0.0 else trial * fewest
            if low > best:
                best = low
                best_theta = trial
                for q in range(m):
                    best_flow[q] = flow[q]
            if best >= threshold:
                break
            # The subgradient is the households of the minimum cut's set less the limit.
            inside = 0.0
            for u in range(n):
                if status[u] == _IN or (status[u] == _FREE and residual[u] < -_EPS):
                    inside += households[u]
            edge = most if trial >= 0.0 else fewest
            if low < best:
                step *= 0.6
                trial = best_theta
            trial = trial + step if inside > edge else trial - step
            step *= 0.85
        branches += 1
        if best >= threshold:
            continue
        theta = best_theta
        for u in range(n):
            value[u] = prices[u] + theta * households[u]
        for q in range(m):
            flow[q] = best_flow[q]
        low = _settle(pointer, neighbour, half, value, status, flow, residual)
        low -= theta * most if theta >= 0.0 else theta * fewest
        if branches > limit:
            bound = min(bound, low)
            complete = False
            continue
        for u in range(n):
            touched[u] = 0
        for u in range(n):
            if status[u] == _IN:
                for q in range(pointer[u], pointer[u + 1]):
                    touched[neighbour[q]] += 1
        depth = 0
        descend = True
        while depth >= 0:
            if descend:
                branches += 1
                pick = -1
                score = -1.0
                open_ = False
                if low < threshold - _EPS:
                    for u in range(n):
                        if status[u] == _FREE and touched[u] > 0:
                            open_ = True
                            cost_in = max(0.0, residual[u])
                            cost_out = max(0.0, -residual[u])
                            for q in range(pointer[u], pointer[u + 1]):
                                v = neighbour[q]
                                if status[v] == _OUT:
                                    cost_in += half[q] - flow[q]
                                elif status[v] == _IN:
                                    cost_out += half[q] + flow[q]
                            s = max(cost_in, cost_out) + 0.5 * min(cost_in, cost_out)
                            if s > score:
                                score = s
                                pick = u
                    if not open_:
                        # A whole grid: every neighbour is out.
                        if held >= fewest:
                            cost = 0.0
                            for u in range(n):
                                if status[u] == _IN:
                                    cost += prices[u]
                                    for q in range(pointer[u], pointer[u + 1]):
                                        if status[neighbour[q]] != _IN:
                                            cost += half[q]
                            if cost < threshold - _EPS:
                                slot = count
                                if count < room:
                                    count += 1
                                else:
                                    complete = False
                                    slot = 0
                                    for x in range(room):
                                        if costs[x] > costs[slot]:
                                            slot = x
                                    if costs[slot] <= cost:
                                        slot = -1
                                if slot >= 0:
                                    costs[slot] = cost
                                    for u in range(n):
                                        found[slot, u] = 1 if status[u] == _IN else 0
                                if cost < bound:
                                    bound = cost
                    elif depth == depth_limit or branches > limit:
                        if branches > limit:
                            bound = min(bound, low)
                            complete = False
                        elif top < len(theta_of):
                            for u in range(n):
                                stack[top, u] = status[u]
                            theta_of[top] = theta
                            top += 1
                        else:
                            bound = min(bound, low)
                            complete = False
                        pick = -1
                if pick < 0:
                    descend = False
                    depth -= 1
                    continue
                chosen[depth] = pick
                phase[depth] = 0
                before[depth] = low
            # Decide the atom chosen at this depth: first in, then out, then back.
            u = chosen[depth]
            if phase[depth] == 0:
                phase[depth] = 1
                if held + households[u] > most:
                    descend = False
                    continue
                for q in range(pointer[u], pointer[u + 1]):
                    v = neighbour[q]
                    touched[v] += 1
                    if status[v] == _OUT:
                        low += half[q] - flow[q]
                low += max(0.0, residual[u])
                status[u] = _IN
                held += households[u]
                depth += 1
                descend = True
            elif phase[depth] == 1:
                phase[depth] = 2
                if status[u] == _IN:
                    held -= households[u]
                    for q in range(pointer[u], pointer[u + 1]):
                        touched[neighbour[q]] -= 1
                low = before[depth]
                status[u] = _OUT
                low += max(0.0, -residual[u])
                for q in range(pointer[u], pointer[u + 1]):
                    if status[neighbour[q]] == _IN:
                        low += half[q] + flow[q]
                depth += 1
                descend = True
            else:
                status[u] = _FREE
                low = before[depth]
                descend = False
                depth -= 1
    return count, bound, branches, complete
