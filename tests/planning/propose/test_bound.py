from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import LinearConstraint, milp
from scipy.sparse.csgraph import connected_components

from gis.planning.propose import problem_from_arrays
from gis.planning.propose.atoms import contract
from gis.planning.propose.bound import certify
from gis.planning.propose.search import Chain, Weights, run_chains
from gis.planning.propose.start import partition


def _town(seed: int, columns: int = 4, rows: int = 4, current: bool = False):
    """Make a small town of random households and borders, as arrays."""
    generator = np.random.default_rng(seed)
    place = np.arange(columns * rows).reshape(rows, columns)
    i = np.concatenate([place[:, :-1].ravel(), place[:-1].ravel()])
    j = np.concatenate([place[:, 1:].ravel(), place[1:].ravel()])
    n = columns * rows
    return problem_from_arrays(
        i,
        j,
        generator.uniform(20, 120, len(i)),
        households=generator.integers(60, 120, n),
        area_m2=np.full(n, 2500.0),
        outer_m=np.full(n, 40.0),
        current=generator.integers(0, 4, n) if current else None,
    )


def _every_grid(land, moved: float):
    """Enumerate all connected sets within the limits by trying every subset."""
    n = len(land.households)
    matrix = np.zeros((n, n))
    matrix[land.source, land.neighbour] = land.cost
    bits = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    sizes = bits @ land.households
    found, costs = [], []
    for row in np.flatnonzero((sizes >= 300) & (sizes <= 500)):
        mine = bits[row].astype(bool)
        if connected_components(matrix[np.ix_(mine, mine)] > 0, directed=False)[0] > 1:
            continue
        cost = 0.5 * matrix[np.ix_(mine, ~mine)].sum()
        if moved:
            held = np.bincount(land.home[mine], land.households[mine])
            cost += moved * (held.sum() - held.max())
        found.append(mine)
        costs.append(cost)
    return np.array(found), np.array(costs)


@pytest.mark.parametrize(("seed", "moved"), [(1, 0.0), (2, 0.0), (3, 0.0), (4, 0.7), (5, 0.7)])
def test_the_certified_plan_is_the_best_of_all_by_brute_force(seed, moved):
    component = contract(_town(seed, current=moved > 0), 300, 500).components[0]
    land = component.land
    chains = [Chain(0, land, partition(component, k, seed), Weights(), seed + k, 3_000) for k in (3, 4)]
    states, _ = run_chains(chains, 300, 500, workers=1, stop=lambda: False, look=lambda _: None)
    found = certify(land, [state.label for state in states], 300, 500, moved=moved, target=0.0, workers=1)
    grids, costs = _every_grid(land, moved)
    best = milp(
        costs, constraints=LinearConstraint(grids.T.astype(float), 1, 1), integrality=np.ones(len(costs))
    )

    assert found is not None
    assert found.bound <= best.fun + 1e-6
    assert found.cost == pytest.approx(best.fun)
    assert found.gap <= 1e-5


def test_a_stopped_proof_still_bounds():
    component = contract(_town(7), 300, 500).components[0]
    land = component.land
    chain = Chain(0, land, partition(component, 4, 1), Weights(), 1, 3_000)
    states, _ = run_chains([chain], 300, 500, workers=1, stop=lambda: False, look=lambda _: None)
    found = certify(land, [states[0].label], 300, 500, target=0.0, workers=1, branches=1)
    grids, costs = _every_grid(land, 0.0)
    best = milp(
        costs, constraints=LinearConstraint(grids.T.astype(float), 1, 1), integrality=np.ones(len(costs))
    )

    assert found is not None
    assert found.bound <= best.fun + 1e-6 <= found.cost + 2e-6
