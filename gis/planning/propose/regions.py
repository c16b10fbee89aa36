"""A plan made better region by region: some neighbouring grids are annealed anew, all else standing still.

A chain over a whole city has to be cold everywhere before one corner's gain can be told from another's loss.
In a region of a few grids it can, so that far fewer flips find far better plans. Regions of one round share
no grid: they run side by side, each with a seed of its own, and the result is the same on any number of
threads. Each is as hot as its own borders are long: what melts a town's blocks leaves the fields about it
frozen.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from gis.planning.measure import Ints
from gis.planning.propose._arrays import Labels, Land, Prices, tally
from gis.planning.propose._moves import anneal
from gis.planning.propose._scratch import scratch
from gis.planning.propose.search import EVERY, harder, mean_border, price_of

_HOT, _COLD = 2.0, 0.12  # first and last temperature in mean borders of the region
_STEPS = 10  # a region's chain is looked at so often
_WATCHED = 6  # after so many of them its grids are worth keeping
_SPARE = 2  # grids that a region may gain


def anneal_regions(
    land: Land,
    label: Labels,
    prices: Prices,
    generator: np.random.Generator,
    *,
    grids: int,
    flips: int,
    steady: bool,
    workers: int,
    stop: Callable[[], bool],
    seen: Callable[[Ints, Labels], None],
) -> Labels:
    """Anneal every part of a plan anew once, region by region.

    Parameters
    ----------
    land
        The atoms.
    label
        The grid of each atom; each grid in one part.
    prices
        What is minimised.
    generator
        Draws the regions and their seeds.
    grids
        Grids to a region, about.
    flips
        Flips for each atom.
    steady
        Whether the number of grids stays as it is.
    workers
        Threads.
    stop
        Asked between steps.
    seen
        Called in this thread with the atoms of a region, shape (m,), and the grid of each, for plans of the
        region that were passed through when it had cooled.

    Returns
    -------
    numpy.ndarray
        A plan that is no dearer with grids out of range at their highest price; its grids numbered from 0.
    """
    label = np.unique(label, return_inverse=True)[1].astype(np.int32)
    owner = _draw_regions(land, label, grids, generator)
    cut = [np.flatnonzero(owner[label] == region) for region in range(int(owner.max()) + 1)]
    work = [(atoms, int(generator.integers(2**63))) for atoms in cut if len(atoms) > 1]
    last = harder(prices, 1.0)

    def one(task: tuple[Ints, int]) -> tuple[bool, list[Labels]]:
        atoms, seed = task
        part = cut_out(land, atoms)
        start = np.unique(label[atoms], return_inverse=True)[1].astype(np.int32)
        totals = tally(part, start, int(start.max()) + 1 + _SPARE)
        before = price_of(part, totals, last)
        memory = scratch(part, seed)
        unit = mean_border(part)
        steps = max(EVERY, flips * len(atoms) // _STEPS)
        passed: list[Labels] = []
        fall = (_COLD / _HOT) ** (1 / _STEPS)
        if not len(part.neighbour):
            return False, []
        for step in range(_STEPS):
            if stop():
                return False, passed
            now = harder(prices, (step + 1) / _STEPS)
            hot = _HOT * unit * fall**step
            anneal(part, totals, now, hot, hot * fall, steps, EVERY, steady, memory)
            if step >= _WATCHED:
                passed.append(totals.label.copy())
        return price_of(part, totals, last) < before - 1e-6, passed

    with ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(one, work))
    fresh = int(label.max()) + 1
    label = label.copy()
    for (atoms, _), (better, passed) in zip(work, found, strict=True):
        for plan in passed:
            seen(atoms, plan)
        if better:
            # Numbers that no other grid has; they are closed up at the end.
            label[atoms] = fresh + passed[-1]
            fresh += int(passed[-1].max()) + 1
    return np.asarray(np.unique(label, return_inverse=True)[1], dtype=np.int32)


def cut_out(land: Land, atoms: Ints) -> Land:
    """Take some atoms out of a component; what they border outside stays in their perimeters.

    Parameters
    ----------
    land
        The component.
    atoms
        Which, ascending.

    Returns
    -------
    Land
        Those atoms by themselves, numbered anew.
    """
    atom = np.full(len(land.households), -1)
    atom[atoms] = np.arange(len(atoms))
    kept = (atom[land.source] >= 0) & (atom[land.neighbour] >= 0)
    source = atom[land.source[kept]]
    inside = atom[land.part_atom] >= 0
    part = np.full(len(land.part_atom), -1)
    part[inside] = np.arange(int(inside.sum()))
    from_part = np.repeat(np.arange(len(land.part_atom)), np.diff(land.part_row))
    kept_parts = (part[from_part] >= 0) & (part[land.part_neighbour] >= 0)
    part_atom = atom[land.part_atom[inside]]
    return Land(
        pointer=_pointer(source, len(atoms)),
        neighbour=atom[land.neighbour[kept]].astype(np.int32),
        length_m=land.length_m[kept],
        cost=land.cost[kept],
        source=source.astype(np.int32),
        households=land.households[atoms],
        area_m2=land.area_m2[atoms],
        perimeter_m=land.perimeter_m[atoms],
        home=land.home[atoms],
        part_pointer=_pointer(part_atom, len(atoms)),
        part_row=_pointer(part[from_part[kept_parts]], int(inside.sum())),
        part_neighbour=part[land.part_neighbour[kept_parts]].astype(np.int32),
        part_atom=part_atom.astype(np.int32),
    )


def _pointer(row: Ints, n: int) -> Ints:
    return np.concatenate([[0], np.cumsum(np.bincount(row, minlength=n))]).astype(np.int64)


def _draw_regions(land: Land, label: Labels, grids: int, generator: np.random.Generator) -> Ints:
    """Give each grid the region of the nearest of some random grids, over random distances."""
    count = int(label.max()) + 1
    a, b = label[land.source], label[land.neighbour]
    edge = a != b
    metres = generator.uniform(0.5, 1.5, int(edge.sum()))
    graph = csr_array((metres, (a[edge], b[edge])), shape=(count, count))
    centres = generator.choice(count, max(1, round(count / grids)), replace=False)
    _, _, nearest = dijkstra(graph, indices=centres, min_only=True, return_predecessors=True)
    # A grid that no centre reaches would be a component of its own; there is none, and region 0 is as good.
    place = np.zeros(count, dtype=np.int64)
    place[centres] = np.arange(len(centres))
    return np.where(nearest >= 0, place[np.maximum(nearest, 0)], 0)
