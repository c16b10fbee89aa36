"""First plans: a METIS partition or the present grids, with every grid joined into one part."""

from __future__ import annotations

import numpy as np
import pymetis
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gis.planning.measure import Floats, Ints, sum_by
from gis.planning.propose._arrays import Labels
from gis.planning.propose.atoms import Component

_UNEVENNESS = 100  # METIS' ufactor: parts may be a tenth above the mean; the search mends sizes better


def partition(component: Component, k: int, seed: int) -> Labels:
    """Cut a component into ``k`` grids of about equal households along short borders (METIS k-way).

    Parameters
    ----------
    component
        The land.
    k
        How many grids.
    seed
        For METIS' own random numbers.

    Returns
    -------
    numpy.ndarray
        The grid of each atom, each grid in one part; sizes may be out of range. Some numbers may be unused.
    """
    bundles = int(component.bundle.max()) + 1
    if k <= 1 or bundles <= k:
        return component.bundle.astype(np.int32) if k > 1 else np.zeros(len(component.bundle), np.int32)
    i, j, length = _bundle_graph(component)
    source = np.concatenate([i, j])
    order = np.argsort(source, kind="stable")
    graph = pymetis.CSRAdjacency(
        np.concatenate([[0], np.cumsum(np.bincount(source, minlength=bundles))]).tolist(),
        np.concatenate([j, i])[order].tolist(),
    )
    weight = np.concatenate([length, length])[order]
    weight = np.maximum(1, np.rint(weight * (1e6 / max(float(weight.max(initial=0)), 1.0)))).astype(int)
    households = sum_by(component.bundle, component.land.households.astype(np.float64), bundles)
    _, parts = pymetis.part_graph(
        k,
        adjacency=graph,
        vweights=np.maximum(households, 0).astype(int).tolist(),
        eweights=weight.tolist(),
        recursive=k < 9,
        options=pymetis.Options(seed=seed % 2**31, ufactor=_UNEVENNESS),
    )
    return mend(component, np.asarray(parts, dtype=np.int64)[component.bundle])


def present(component: Component) -> Labels:
    """Take the present grids, each joined into one part; what is in none goes to a neighbour.

    Parameters
    ----------
    component
        The land, with at least one home.

    Returns
    -------
    numpy.ndarray
        The grid of each atom: a row of ``component.homes``.
    """
    return mend(component, component.land.home.astype(np.int64))


def mend(component: Component, label: Ints) -> Labels:
    """Keep the largest part of every grid and give the others to the neighbour with most shared border.

    Parameters
    ----------
    component
        The land.
    label
        The grid of each atom, or −1.

    Returns
    -------
    numpy.ndarray
        The grid of each atom, each in one part.
    """
    bundles = int(component.bundle.max()) + 1
    households = component.land.households.astype(np.float64) + 1e-6
    held = sum_by(component.bundle, households, bundles)
    of_bundle = _majority(component.bundle, label, households, bundles)
    i, j, length = _bundle_graph(component)
    while True:
        same = of_bundle[i] == of_bundle[j]
        joins = coo_array((np.ones(int(same.sum())), (i[same], j[same])), shape=(bundles, bundles))
        count, part = connected_components(joins, directed=False)
        size = np.bincount(part, held, count)
        of_part = np.full(count, -1, dtype=np.int64)
        of_part[part] = of_bundle
        # The largest part of a grid comes first; np.unique keeps the first.
        order = np.lexsort((-size, of_part))
        _, first = np.unique(of_part[order], return_index=True)
        good = np.zeros(count, dtype=bool)
        good[order[first]] = True
        good &= of_part >= 0
        if not good.any():
            # Nothing is in a grid at all: the largest piece of land is the first.
            of_bundle[part == np.argmax(size)] = 0
            continue
        if good.all():
            return of_bundle[component.bundle].astype(np.int32)
        a, b = np.concatenate([i, j]), np.concatenate([j, i])
        shared = np.concatenate([length, length])
        edge = ~good[part[a]] & good[part[b]]
        pair, index = np.unique(
            part[a[edge]].astype(np.int64) * (count + 1) + part[b[edge]], return_inverse=True
        )
        metres = sum_by(index, shared[edge], len(pair))
        lost, found = pair // (count + 1), pair % (count + 1)
        order = np.lexsort((-metres, lost))
        lost, first = np.unique(lost[order], return_index=True)
        goes = np.full(count, -1, dtype=np.int64)
        goes[lost] = of_part[found[order[first]]]
        moves = goes[part] >= 0
        of_bundle[moves] = goes[part[moves]]


def _majority(bundle: Ints, label: Ints, households: Floats, bundles: int) -> Ints:
    """Give each bundle the grid that most of its households are in."""
    known = label >= 0
    pair, index = np.unique(
        bundle[known] * (int(label.max(initial=0)) + 1) + label[known], return_inverse=True
    )
    held = sum_by(index, households[known], len(pair))
    of, grid = pair // (int(label.max(initial=0)) + 1), pair % (int(label.max(initial=0)) + 1)
    order = np.lexsort((-held, of))
    of, first = np.unique(of[order], return_index=True)
    found = np.full(bundles, -1, dtype=np.int64)
    found[of] = grid[order[first]]
    return found


def _bundle_graph(component: Component) -> tuple[Ints, Ints, Floats]:
    """Return the pairs of bundles that border each other, ``i < j``, and the cost of the borders."""
    land = component.land
    bundles = int(component.bundle.max()) + 1
    a, b = component.bundle[land.source], component.bundle[land.neighbour]
    one_way = a < b
    pair, index = np.unique(a[one_way] * bundles + b[one_way], return_inverse=True)
    cost = sum_by(index, land.cost[one_way], len(pair))
    # Pieces that only a virtual join holds together are neighbours of length nothing.
    parts = land.part_atom[np.repeat(np.arange(len(land.part_atom)), np.diff(land.part_row))]
    c, d = component.bundle[parts], component.bundle[land.part_atom[land.part_neighbour]]
    extra = np.setdiff1d(np.unique(c[c < d] * bundles + d[c < d]), pair)
    return (
        np.concatenate([pair, extra]) // bundles,
        np.concatenate([pair, extra]) % bundles,
        np.concatenate([cost, np.zeros(len(extra))]),
    )
