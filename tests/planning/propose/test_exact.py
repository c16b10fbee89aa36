"""Small towns solved by another road: every connected set of blocks as a column of an integer program."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import LinearConstraint, milp
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gis.planning.propose import problem_from_arrays, propose

_SHAPE = 6.3  # what the goal "compact" says a grid's roundness is worth, in mean borders


def _town(seed: int, n: int):
    """Blocks in rows of six with some borders missing: edges, their lengths, and what each block is."""
    generator = np.random.default_rng(seed)
    place = np.arange(n)
    i = np.concatenate([place[place % 6 < 5], place[:-6]])
    j = np.concatenate([place[place % 6 < 5] + 1, place[6:]])
    while True:
        kept = generator.random(len(i)) < 0.85
        graph = coo_array((np.ones(int(kept.sum())), (i[kept], j[kept])), shape=(n, n))
        if connected_components(graph, directed=False)[0] == 1:
            break
    i, j = i[kept], j[kept]
    households = generator.integers(50, 130, n)
    areas = generator.uniform(1500, 3500, n)
    return i, j, generator.uniform(30, 90, len(i)), households, areas, generator.uniform(10, 60, n)


def _connected_sets(i, j, households):
    """List every connected set of 300 to 500 households as rows of booleans, all subsets flooded at once."""
    n = len(households)
    masks = np.arange(1, 2**n, dtype=np.int64)
    sizes = np.zeros(len(masks), dtype=np.int64)
    for unit in range(n):
        sizes += ((masks >> unit) & 1) * households[unit]
    masks = masks[(sizes >= 300) & (sizes <= 500)]
    reach = masks & -masks
    while True:
        wider = reach.copy()
        for a, b in zip(i.tolist(), j.tolist(), strict=True):
            wider |= (((reach >> a) & 1) << b) | (((reach >> b) & 1) << a)
        wider &= masks
        if (wider == reach).all():
            break
        reach = wider
    return (masks[reach == masks][:, None] >> np.arange(n)) & 1 > 0


@pytest.mark.parametrize(("seed", "n"), [(1, 12), (2, 18), (3, 18), (4, 18), (5, 18)])
def test_a_small_town_gets_its_best_division_and_a_bound_that_holds(seed, n):
    i, j, length, households, areas, outer = _town(seed, n)
    problem = problem_from_arrays(i, j, length, households=households, area_m2=areas, outer_m=outer)
    answer = propose(problem, goal="compact", seconds=3, clock_seconds=120, seed=seed)

    sets = _connected_sets(i, j, households)
    cut = (sets[:, i] != sets[:, j]) @ length
    around = cut + sets @ outer
    shape = _SHAPE * length.mean() * (0.5 - 4 * np.pi * (sets @ areas) / around**2)
    cover = LinearConstraint(sets.T.astype(float), 1, 1)
    options = {"mip_rel_gap": 1e-9}
    best, shortest = (
        milp(price, constraints=cover, integrality=np.ones(len(price)), options=options)
        for price in (cut / 2 + shape, cut / 2)
    )

    assert answer.complete
    assert answer.best.feasible
    assert answer.best.metrics["price_m"] == pytest.approx(best.fun, rel=1e-6)
    costs = [plan.metrics["cost_m"] for plan in answer.plans]
    assert all(plan.metrics["bound_m"] <= shortest.fun + 1e-6 for plan in answer.plans)
    assert shortest.fun - 1e-6 <= min(costs) <= shortest.fun / 0.99
    # The plan's own labels, measured here.
    label = answer.best.labels
    assert length[label[i] != label[j]].sum() == pytest.approx(answer.best.metrics["cost_m"])
