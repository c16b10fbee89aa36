from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gis.planning.propose import problem_from_units
from gis.planning.propose._arrays import tally
from gis.planning.propose.atoms import contract
from gis.planning.propose.regions import anneal_regions, cut_out
from gis.planning.propose.search import Weights, harder, price_of, prices_of
from gis.planning.propose.start import partition


@pytest.fixture(scope="module")
def land(blocks):
    cells = blocks.cells(20, 15)
    households = np.random.default_rng(3).integers(30, 50, 300)
    compounds = np.full(300, None, dtype=object)
    compounds[[41, 43]] = "1501030020010001"
    frame = blocks.frame(cells, households, compound_code=compounds)
    return contract(problem_from_units(frame), 300, 500).components[0]


def _refined(land, workers):
    start = partition(land, 30, 1)
    prices = prices_of(land.land, Weights(shape=6.0), 300, 500, 30)
    seen = []
    label = anneal_regions(
        land.land,
        start,
        prices,
        np.random.default_rng(4),
        grids=8,
        flips=1_000,
        steady=False,
        workers=workers,
        stop=lambda: False,
        seen=lambda atoms, plan: seen.append((atoms, plan)),
    )
    return start, label, harder(prices, 1.0), seen


def test_a_plan_gets_better_region_by_region_and_every_grid_stays_in_one_part(land):
    start, label, prices, seen = _refined(land, 2)
    before, after = (
        price_of(land.land, tally(land.land, one, int(one.max()) + 1), prices) for one in (start, label)
    )

    assert after < before
    parts = label[land.land.part_atom]
    source = np.repeat(np.arange(len(parts)), np.diff(land.land.part_row))
    same = parts[source] == parts[land.land.part_neighbour]
    ends = source[same], land.land.part_neighbour[same]
    joined = coo_array((np.ones(int(same.sum())), ends), shape=(len(parts), len(parts)))
    assert connected_components(joined, directed=False)[0] == len(np.unique(label))
    assert all(len(atoms) == len(plan) for atoms, plan in seen)


def test_the_number_of_threads_changes_nothing(land):
    assert (_refined(land, 1)[1] == _refined(land, 3)[1]).all()


def test_what_is_cut_out_is_priced_as_it_was_but_for_its_outer_border(land):
    whole = land.land
    label = partition(land, 30, 2)
    atoms = np.flatnonzero(label < 9)
    part = cut_out(whole, atoms)
    inside, outside = tally(part, label[atoms], 9), tally(whole, label, int(label.max()) + 1)

    for name in ("households", "area_m2", "perimeter_m", "atoms", "parts", "manifold"):
        np.testing.assert_allclose(getattr(inside, name), getattr(outside, name)[:9], err_msg=name)
