from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import shapely

from gis.errors import InputError
from gis.planning.compare import compare_plans
from gis.planning.crosswalk import make_crosswalk, merge_nets
from gis.planning.measure import Metres
from gis.planning.unit_set import UnitSet


@pytest.fixture
def units(town) -> UnitSet:
    """A row of six squares of 100 m; 50 households each, the last unknown."""
    shapes = [town.box(x, 0, x + 100, 100) for x in range(0, 600, 100)]
    return UnitSet.of(
        town.frame(shapes, unit_id=list("abcdef"), households=[50] * 5 + [None], residents=[120] * 6)
    )


def text(*codes: str) -> np.ndarray:
    return np.array(codes, dtype=object)


def test_what_moves_is_listed_by_pair_of_grids(units, town):
    houses = town.frame([town.box(x + 10, 10, x + 20, 20) for x in (0, 30, 100, 200, 500)])
    calls = town.frame([shapely.Point(shapely.get_coordinates(town.box(150, 50, 151, 51))[0])])
    staff = pd.DataFrame({"staff_code": ["s1", "s2", "s3"], "grid_code": ["A", "C", "D"]})
    found = compare_plans(
        units,
        text("A", "A", "B", "B", "C", "C"),
        text("A", "B", "B", "B", "B", "D"),
        buildings=houses,
        incidents=calls,
        staff=staff,
    )
    rows = found.pairs.set_index(["from_code", "to_code"])
    assert list(rows.index) == [("A", "B"), ("C", "B"), ("C", "D")]
    assert rows.loc[("A", "B")].to_dict() == {
        "units": 1,
        "households": 50,
        "unknown_units": 0,
        "residents": 120,
        "area_m2": pytest.approx(10_000, rel=1e-3),
        "buildings": 1,
        "incidents": 1,
    }
    assert rows.loc[("C", "D"), "unknown_units"] == 1
    assert found.totals["units"] == 3
    assert found.totals["households"] == 100
    assert found.totals["households_share"] == pytest.approx(100 / 250)
    assert (found.totals["grids_new"], found.totals["grids_gone"]) == (["D"], ["C"])
    assert found.staff["change"].tolist() == ["changed", "gone", "changed"]
    assert found.totals["staff"] == 3
    land = np.asarray(found.moved.geometry)
    assert Metres.of(land).area_m2(land).sum() == pytest.approx(30_000, rel=1e-3)
    json.dumps(found.as_dict())


def test_like_plans_differ_in_nothing(units):
    plan = text("A", "A", "B", "B", "", "")
    found = compare_plans(units, plan, plan)
    assert len(found.pairs) == len(found.moved) == 0
    assert found.totals["households"] == 0
    assert found.staff is None


def test_units_without_a_grid_have_a_pair_of_their_own(units):
    found = compare_plans(units, text("", "A", "A", "A", "A", "A"), text("A", "A", "A", "A", "A", ""))
    assert found.pairs[["from_code", "to_code"]].to_numpy().tolist() == [["", "A"], ["A", ""]]


def test_plans_of_other_units_are_refused(units):
    with pytest.raises(InputError, match="units"):
        compare_plans(units, text("A"), text("A"))


@pytest.fixture
def nets(town):
    police = town.frame([town.box(0, 0, 300, 100), town.box(300, 0, 600, 100)], grid_code=["P1", "P2"])
    health = town.frame(
        [town.box(0, 0, 200, 100), town.box(190, 0, 600, 100), town.box(0, 300, 100, 400)],
        grid_code=["H1", "H2", "H3"],
    )
    return {"police": police, "health": health}


def test_the_crosswalk_lists_land_buildings_and_households_that_nets_share(nets, town):
    houses = town.frame(
        [town.box(192, 10, 196, 20), town.box(400, 10, 410, 20), town.box(500, 10, 510, 20)],
        households=[5, 7, None],
    )
    walk = make_crosswalk(nets, houses).set_index(["code_a", "code_b"])
    assert list(walk.index) == [("P2", "H2"), ("P1", "H1"), ("P1", "H2")]
    assert walk["area_m2"].tolist() == pytest.approx([30_000, 20_000, 11_000], rel=1e-3)
    assert walk.loc[("P1", "H1"), "share_a"] == pytest.approx(2 / 3, rel=1e-3)
    assert walk.loc[("P1", "H1"), "share_b"] == pytest.approx(1, rel=1e-3)
    assert walk["buildings"].tolist() == [2, 1, 1]
    assert walk["households"].tolist() == [7, 5, 5]  # the first building stands where H1 and H2 overlap
    assert walk["unknown"].tolist() == [1, 0, 0]
    assert "buildings" not in make_crosswalk(nets).columns
    with pytest.raises(InputError, match="two nets"):
        make_crosswalk({"police": nets["police"]})


def test_the_merged_net_keeps_every_predecessor(units, nets):
    merged = merge_nets(units, nets, "police")
    assert merged.assignment.owner.tolist() == ["P1"] * 3 + ["P2"] * 3
    assert merged.predecessors == {
        "P1": ("police:P1", "health:H1", "health:H2"),
        "P2": ("police:P2", "health:H2"),
    }
    assert merged.left_out[["net", "grid_code"]].to_numpy().tolist() == [["health", "H3"]]
    assert merged.left_out["covered_share"][0] == 0
    with pytest.raises(InputError, match="not one of the nets"):
        merge_nets(units, nets, "fire")
