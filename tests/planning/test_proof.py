from __future__ import annotations

import json

import pytest
import shapely

from gis.planning.draft import start_draft
from gis.planning.operations import move_units
from gis.planning.proof import prove
from gis.planning.unit_set import UnitSet

HOME = "150103002001"
ONE, TWO = f"{HOME}001", f"{HOME}002"


@pytest.fixture
def draft(town):
    shapes = [town.box(x, 0, x + 100, 100) for x in (0, 100, 200)]
    units = town.frame(shapes, unit_id=list("abc"), households=[100] * 3, grid_code=[ONE, TWO, TWO])
    return start_draft(UnitSet.of(units), HOME)


def test_a_seamless_plan_is_proved(draft, town):
    community = town.frame([town.box(0, 0, 300, 100)])
    houses = town.frame([town.box(10, 10, 20, 20), town.box(95, 30, 100, 40)])
    proof = prove(draft, community, houses)
    assert proof.holds
    assert (proof.difference_m2, proof.buildings_uncovered, proof.buildings_cut) == (0, 0, 0)
    assert json.loads(json.dumps(proof.as_dict()))["holds"] is True
    assert prove(draft, community).buildings_cut is None


def test_what_is_not_proved_is_told(draft, town):
    community = town.frame([town.box(0, 0, 310, 100)])
    houses = town.frame([town.box(95, 10, 105, 20), town.box(298, 10, 308, 20)])
    apart = move_units(draft, ["c"], ONE).draft
    proof = prove(apart, community, houses)
    assert not proof.holds
    assert proof.difference_m2 == pytest.approx(1000, rel=1e-3)
    assert proof.grids_in_parts == (ONE,)
    assert (proof.buildings_uncovered, proof.buildings_cut) == (1, 1)


def test_holes_and_loose_units_are_counted(town):
    middle = town.box(40, 40, 60, 60)
    units = town.frame(
        [shapely.difference(town.box(0, 0, 100, 100), middle), middle],
        unit_id=["a", "b"],
        households=[300, 300],
        grid_code=[ONE, None],
    )
    proof = prove(start_draft(UnitSet.of(units), HOME), town.frame([town.box(0, 0, 100, 100)]))
    assert (proof.holes, proof.units_loose) == (1, 1)
    assert proof.difference_m2 == pytest.approx(400, rel=1e-3)
