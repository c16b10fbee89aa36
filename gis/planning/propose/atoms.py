"""From units to atoms: what is moved whole, and the components that are planned one by one."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gis.planning.measure import Bools, Ints, sum_by
from gis.planning.propose._arrays import Land, rows
from gis.planning.propose.problem import Problem
from gis.planning.propose.reasons import Reason
from gis.planning.report import Severity, Violation
from gis.planning.sizes import feasible_counts

CUT_COMPOUND = 3.0
"""What a border through a compound that must be cut costs, in multiples of what it would cost there."""


@dataclass(frozen=True, eq=False)
class Component:
    """A piece of land that is planned by itself.

    Attributes
    ----------
    units
        Its units, as rows of the problem.
    atom_of
        The atom of each of them.
    land
        Its n atoms as arrays.
    bundle
        Which atoms a first plan keeps together, so that atoms of several parts are whole; shape (n,).
    homes
        The present grids that its atoms call home: ``land.home`` → row of the problem's ``grid_codes``.
    """

    units: Ints
    atom_of: Ints
    land: Land
    bundle: Ints
    homes: Ints

    @property
    def households(self) -> int:
        """How many households live in it."""
        return int(self.land.households.sum())


@dataclass(frozen=True, eq=False)
class Contracted:
    """All components of a problem, and what was settled before any search.

    Attributes
    ----------
    components
        The largest first.
    settled
        The grid of each unit that is not planned, or −1: a row of ``grid_codes`` for a locked grid, the next
        numbers for units that are too large for any grid and stay alone.
    next_number
        The first number past those.
    loose
        How many pieces of each unit no land can join to the rest within one grid, shape (units,).
    reasons
        What cannot be, in words.
    """

    components: tuple[Component, ...]
    settled: Ints
    next_number: int
    loose: Ints
    reasons: tuple[Violation, ...]


def contract(problem: Problem, households_min: int, households_max: int) -> Contracted:
    """Set aside locked and oversized units, join compounds to atoms, and split what is left by land.

    Parameters
    ----------
    problem
        The question.
    households_min, households_max
        The limits.

    Returns
    -------
    Contracted
        The same for the same question.
    """
    reasons: list[Violation] = []
    settled = np.where(problem.fixed, problem.current, -1)
    number = len(problem.grid_codes)
    for unit in np.flatnonzero((problem.households > households_max) & ~problem.fixed):
        facts = {"households": int(problem.households[unit]), "maximum": households_max}
        reasons.append(Violation("unit_above", Severity.WARNING, (problem.unit_ids[unit],), facts))
        settled[unit] = number
        number += 1
    free = settled < 0
    atom, cut = _join_compounds(problem, free, households_max, reasons)
    graph = problem.adjacency
    part_free = free[graph.part_unit]
    part_atom = atom[graph.part_unit]
    atoms = int(atom.max(initial=-1)) + 1
    if not atoms:
        return Contracted((), settled, number, np.zeros(len(free), dtype=np.int64), tuple(reasons))
    inside = part_free[graph.part_i] & part_free[graph.part_j]
    pi, pj = graph.part_i[inside], graph.part_j[inside]
    same = part_atom[pi] == part_atom[pj]
    piece = _connect(len(part_free), pi[same], pj[same])
    kept, piece_of = np.unique(piece[part_free], return_inverse=True)
    of_part = np.full(len(part_free), -1, dtype=np.int64)
    of_part[part_free] = piece_of
    piece_atom = np.full(len(kept), -1, dtype=np.int64)
    piece_atom[piece_of] = part_atom[part_free]
    a, b = of_part[pi[~same]], of_part[pj[~same]]
    pairs = np.unique(np.column_stack([np.minimum(a, b), np.maximum(a, b)]), axis=0).reshape(-1, 2)
    households = sum_by(atom[free], problem.households[free].astype(np.float64), atoms).astype(np.int64)
    glue, bundle, loose = _bind(pairs, piece_atom, households, households_max)
    apart = np.zeros(len(free), dtype=np.int64)
    for one in loose:
        members = np.flatnonzero(free & (atom == one))
        name = problem.unit_ids[members[0]]
        apart[members[0]] = int((piece_atom[glue[:, 0]] == one).sum())
        if len(members) > 1 and problem.compounds[members[0]] >= 0:
            name = problem.compound_codes[problem.compounds[members[0]]]
        count = int((piece_atom == one).sum())
        reasons.append(Reason("parts_unavoidable", Severity.WARNING, (name,), {"count": count}))
    joined = np.concatenate([pairs, glue]) if len(glue) else pairs
    near = np.concatenate([piece_atom[joined], _siblings(piece_atom)])
    component = _connect(atoms, near[:, 0], near[:, 1])
    order = np.argsort(-np.bincount(component, households.astype(np.float64)), kind="stable")
    built = tuple(
        _build(problem, which, component, atom, free, cut, joined, piece_atom, bundle) for which in order
    )
    _explain(problem, built, households_min, households_max, reasons)
    return Contracted(built, settled, number, apart, tuple(reasons))


def _connect(n: int, i: Ints, j: Ints) -> Ints:
    graph = coo_array((np.ones(len(i)), (i, j)), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _siblings(piece_atom: Ints) -> Ints:
    """Pair every atom with itself, so that the list is never empty."""
    return np.column_stack([piece_atom, piece_atom])


def _join_compounds(problem: Problem, free: Bools, most: int, reasons: list[Violation]) -> tuple[Ints, Bools]:
    """Join compounds to atoms; tell which units lie in one that is too large to stay whole."""
    compound = problem.compounds
    inside = free & (compound >= 0)
    count = len(problem.compound_codes)
    totals = sum_by(compound[inside], problem.households[inside].astype(np.float64), count)
    pieces = np.bincount(compound[inside], minlength=count)
    for one in np.flatnonzero((totals > most) & (pieces > 1)):
        facts = {"households": int(totals[one]), "maximum": most}
        reasons.append(Reason("compound_above", Severity.WARNING, (problem.compound_codes[one],), facts))
    whole = inside & np.append(totals <= most, False)[compound]
    key = np.arange(len(free), dtype=np.int64)
    key[whole] = len(free) + compound[whole]
    atom = np.full(len(free), -1, dtype=np.int64)
    if free.any():
        # Atoms are numbered by their first unit, so that neighbours in the file are neighbours in memory.
        _, first, number = np.unique(key[free], return_index=True, return_inverse=True)
        rank = np.empty(len(first), dtype=np.int64)
        rank[np.argsort(first, kind="stable")] = np.arange(len(first))
        atom[free] = rank[number]
    return atom, inside & ~whole


def _bind(pairs: Ints, piece_atom: Ints, households: Ints, most: int) -> tuple[Ints, Ints, list[int]]:
    """Find for each atom of several pieces what joins them: others' land, or nothing.

    Returns virtual joins between pieces that no land can join within one grid, the bundle of each atom, and
    the atoms with such joins.
    """
    n = len(households)
    bundle = np.arange(n, dtype=np.int64)
    weight = households.copy()
    pieces_of = np.bincount(piece_atom, minlength=n)
    around: dict[int, list[int]] = {}
    for x, y in pairs.tolist():
        around.setdefault(x, []).append(y)
        around.setdefault(y, []).append(x)
    glue: list[tuple[int, int]] = []
    loose: list[int] = []
    for one in np.flatnonzero(pieces_of > 1).tolist():
        pieces = np.flatnonzero(piece_atom == one).tolist()
        pieces.sort(key=lambda piece: (-len(around.get(piece, [])), piece))
        reached, stuck = [pieces[0]], False
        for piece in pieces[1:]:
            if piece in reached:
                continue
            path = _cheapest_path(reached, piece, around, piece_atom, pieces_of, households, one)
            group = {int(bundle[piece_atom[p]]) for p in path} | {int(bundle[one])}
            if path and sum(int(weight[g]) for g in group) <= most:
                total = sum(int(weight[g]) for g in group)
                head = min(group)
                bundle[np.isin(bundle, list(group))] = head
                weight[head] = total
                reached += path
            else:
                glue.append((reached[0], piece))
                stuck = True
            reached.append(piece)
        if stuck:
            loose.append(one)
    return np.array(glue, dtype=np.int64).reshape(-1, 2), bundle, loose


def _cheapest_path(
    start: list[int],
    goal: int,
    around: dict[int, list[int]],
    piece_atom: Ints,
    pieces_of: Ints,
    households: Ints,
    own: int,
) -> list[int]:
    """Walk through atoms in one piece, over as few households as possible; the pieces between, or none."""
    best = dict.fromkeys(start, 0)
    came: dict[int, int] = {}
    queue = [(0, piece) for piece in start]
    heapq.heapify(queue)
    while queue:
        cost, x = heapq.heappop(queue)
        if x == goal:
            path = []
            while came.get(x) is not None:
                x = came[x]
                path.append(x)
            return path
        if cost > best[x]:
            continue
        for y in around.get(x, []):
            step = 0 if piece_atom[y] == own else int(households[piece_atom[y]]) + 1
            if piece_atom[y] != own and pieces_of[piece_atom[y]] > 1:
                continue
            if cost + step < best.get(y, 1 << 60):
                best[y] = cost + step
                came[y] = x
                heapq.heappush(queue, (cost + step, y))
    return []


def _build(
    problem: Problem,
    which: int,
    component: Ints,
    atom: Ints,
    free: Bools,
    cut: Bools,
    joined: Ints,
    piece_atom: Ints,
    bundle: Ints,
) -> Component:
    """Cut one component out of the whole, and write it as arrays."""
    mine = np.flatnonzero(component == which)
    local = np.full(len(component), -1, dtype=np.int64)
    local[mine] = np.arange(len(mine))
    n = len(mine)
    units = np.flatnonzero(free)
    units = units[component[atom[units]] == which]
    atom_of = local[atom[units]]
    here = np.full(len(atom), -1, dtype=np.int64)
    here[units] = atom_of
    graph = problem.adjacency
    i, j = here[graph.i], here[graph.j]
    both = (i >= 0) & (j >= 0)
    inner = both & (i == j)
    perimeter = sum_by(atom_of, graph.perimeter_m[units], n)
    perimeter -= 2 * sum_by(i[inner], graph.shared_length_m[inner], n)
    outer = both & (i != j)
    through = cut[graph.i] & cut[graph.j] & (problem.compounds[graph.i] == problem.compounds[graph.j])
    price = np.where(through, CUT_COMPOUND, 1.0) * graph.cost_m
    key, pair = np.unique(np.minimum(i, j)[outer] * n + np.maximum(i, j)[outer], return_inverse=True)
    length = sum_by(pair, graph.shared_length_m[outer], len(key))
    cost = sum_by(pair, price[outer], len(key))
    pointer, neighbour, length2, cost2 = rows(n, key // n, key % n, length, cost)
    pieces = np.flatnonzero(component[piece_atom] == which)
    pieces = pieces[np.argsort(local[piece_atom[pieces]], kind="stable")]
    place = np.full(len(piece_atom), -1, dtype=np.int64)
    place[pieces] = np.arange(len(pieces))
    within = joined[place[joined[:, 0]] >= 0] if len(joined) else joined
    part_row, part_neighbour = rows(len(pieces), place[within[:, 0]], place[within[:, 1]])
    part_atom = local[piece_atom[pieces]]
    homes, home = _homes(problem, units, atom_of, n)
    land = Land(
        pointer=pointer,
        neighbour=neighbour,
        length_m=length2,
        cost=cost2,
        source=np.repeat(np.arange(n), np.diff(pointer)).astype(np.int32),
        households=sum_by(atom_of, problem.households[units].astype(np.float64), n).astype(np.int64),
        area_m2=sum_by(atom_of, graph.area_m2[units], n),
        perimeter_m=perimeter,
        home=home,
        part_pointer=np.concatenate([[0], np.cumsum(np.bincount(part_atom, minlength=n))]).astype(np.int64),
        part_row=part_row,
        part_neighbour=part_neighbour,
        part_atom=part_atom.astype(np.int32),
    )
    group = np.unique(bundle[mine], return_inverse=True)[1].astype(np.int64)
    return Component(units, atom_of, land, group, homes)


def _homes(problem: Problem, units: Ints, atom_of: Ints, n: int) -> tuple[Ints, np.ndarray]:
    """Give each atom the present grid that most of its households are in."""
    before = problem.current[units]
    known = before >= 0
    homes, number = np.unique(before[known], return_inverse=True)
    if not len(homes):
        return homes, np.full(n, -1, dtype=np.int32)
    held = np.zeros((n, len(homes)))
    np.add.at(held, (atom_of[known], number), problem.households[units][known] + 1e-6)
    return homes, np.where(held.max(axis=1) > 0, held.argmax(axis=1), -1).astype(np.int32)


def _explain(
    problem: Problem, built: tuple[Component, ...], fewest: int, most: int, reasons: list[Violation]
) -> None:
    for one in built:
        total = one.households
        if feasible_counts(total, fewest, most):
            continue
        facts = {"households": total, "minimum": fewest, "maximum": most}
        names = tuple(problem.unit_ids[unit] for unit in one.units[:3])
        if len(built) == 1:
            names = ()
        rule = "total_below" if total < fewest else "total_between"
        facts |= {
            "fewer": total // most,
            "more": total // most + 1,
            "fewer_hold": total // most * most,
            "more_need": (total // most + 1) * fewest,
        }
        reasons.append(Reason(rule if not names else f"{rule}_here", Severity.ERROR, names, facts))
