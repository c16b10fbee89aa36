# ruff: noqa: FBT003 - compiled functions take no keywords
from __future__ import annotations

import numpy as np
import pytest

from gis.planning.propose import problem_from_units
from gis.planning.propose._arrays import tally
from gis.planning.propose._moves import anneal
from gis.planning.propose._scratch import scratch
from gis.planning.propose.atoms import contract
from gis.planning.propose.pool import Pool
from gis.planning.propose.search import Weights, grids_room, price_of, prices_of
from gis.planning.propose.start import partition, present


@pytest.fixture(scope="module")
def component(blocks):
    cells = blocks.cells(12, 9)
    generator = np.random.default_rng(3)
    codes = np.array([f"150103002001{1 + row % 9:03d}" for row in range(108)])
    compounds = np.full(108, None, dtype=object)
    compounds[[13, 15]] = "1501030020010001"
    frame = blocks.frame(cells, generator.integers(30, 50, 108), grid_code=codes, compound_code=compounds)
    return contract(problem_from_units(frame, current="grid_code"), 300, 500).components[0]


def _pieces(component, label):
    """Count the pieces of each grid from the graph of parts, walked in plain Python."""
    land = component.land
    grid_of = label[land.part_atom]
    left, found = set(range(len(grid_of))), {}
    while left:
        walk = [left.pop()]
        grid = int(grid_of[walk[0]])
        found[grid] = found.get(grid, 0) + 1
        while walk:
            x = walk.pop()
            for y in land.part_neighbour[land.part_row[x] : land.part_row[x + 1]].tolist():
                if y in left and grid_of[y] == grid:
                    left.remove(y)
                    walk.append(y)
    return found


@pytest.mark.parametrize("weights", [Weights(), Weights(shape=6.0, spread=5.0), Weights(moved=20.0)])
def test_running_totals_and_price_stay_those_of_the_plan(component, weights):
    land = component.land
    start = partition(component, 10, 1)
    totals = tally(land, start, grids_room(land, 300, start))
    prices = prices_of(land, weights, 300, 500, 10)
    before = price_of(land, totals, prices)
    change = anneal(land, totals, prices, 100.0, 5.0, 40_000, 5, False, scratch(land, 1))
    anew = tally(land, totals.label, len(totals.households))

    for name in totals._fields:
        np.testing.assert_allclose(getattr(totals, name), getattr(anew, name), atol=1e-6, err_msg=name)
    assert price_of(land, totals, prices) == pytest.approx(before + change, rel=1e-9)


@pytest.mark.parametrize("begin", ["partition", "present"])
def test_every_grid_is_in_one_part_before_and_after(component, begin):
    land = component.land
    start = partition(component, 10, 1) if begin == "partition" else present(component)
    assert set(_pieces(component, start).values()) == {1}
    totals = tally(land, start, grids_room(land, 300, start))
    prices = prices_of(land, Weights(shape=2.0), 300, 500, 10)
    memory = scratch(land, 5)
    anneal(land, totals, prices, 400.0, 5.0, 40_000, 5, False, memory)

    assert memory.moves[0] > 100
    assert memory.moves[1] > 10
    assert set(_pieces(component, totals.label).values()) == {1}


def test_a_steady_chain_keeps_the_number_of_grids(component):
    land = component.land
    start = partition(component, 10, 1)
    totals = tally(land, start, grids_room(land, 300, start))
    count = int((totals.atoms > 0).sum())
    prices = prices_of(land, Weights(), 300, 500, 10)
    anneal(land, totals, prices, 400.0, 5.0, 20_000, 5, True, scratch(land, 5))

    assert int((totals.atoms > 0).sum()) == count


def test_the_pool_prices_a_plan_as_the_search_does(component):
    land = component.land
    start = partition(component, 10, 2)
    totals = tally(land, start, grids_room(land, 300, start))
    prices = prices_of(land, Weights(shape=6.0, spread=3.0), 300, 500, 10)
    anneal(land, totals, prices, 100.0, 5.0, 60_000, 5, False, scratch(land, 2))
    pool = Pool(land, 300, 500)
    pool.add_plan(totals.label)
    choice = pool.choice(prices)

    assert len(pool) == int((totals.atoms > 0).sum())
    assert choice.price.sum() == pytest.approx(price_of(land, totals, prices))
    assert pool.add_plan(totals.label) == 0
