from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.errors import GeometryError, InputError
from gis.lattice import snap
from gis.planning.measure import Metres, lonlat
from gis.planning.metrics import (
    METRICS,
    Division,
    households_moved,
    match_labels,
    measure,
)
from gis.planning.units import adjacency


@pytest.fixture
def block(town):
    """Six squares of 100 m, two rows of three."""
    return town.frame([town.box(x, y, x + 100, y + 100) for y in (0, 100) for x in (0, 100, 200)])


def test_neighbours_share_metres_and_the_rest_is_outer(block):
    graph = adjacency(block)
    assert list(zip(graph.i.tolist(), graph.j.tolist(), strict=True)) == [
        (0, 1), (0, 3), (1, 2), (1, 4), (2, 5), (3, 4), (4, 5),
    ]  # fmt: skip
    assert graph.shared_length_m == pytest.approx([100] * 7, rel=1e-4)
    assert graph.outer_m == pytest.approx([200, 100, 200, 200, 100, 200], rel=1e-4)
    assert graph.perimeter_m == pytest.approx([400] * 6, rel=1e-4)
    assert graph.area_m2 == pytest.approx([10_000] * 6, rel=1e-4)
    assert graph.off_street_m is None
    matrix = graph.csr()
    assert (matrix - matrix.T).nnz == 0


def test_a_border_costs_by_its_class_and_takes_the_cheapest(town, block):
    street = shapely.LineString(shapely.get_coordinates(town.box(0, 100, 300, 100))[[0, 2]])
    half = shapely.LineString(shapely.get_coordinates(town.box(100, 0, 100, 50))[[0, 2]])
    barriers = town.frame([half, street, half], barrier_class=["lane", "arterial", "wall"])
    graph = adjacency(block, barriers)
    cost = dict(zip(zip(graph.i.tolist(), graph.j.tolist(), strict=True), graph.cost_m, strict=True))
    # Along the street 1 a metre; open block 3; half along a wall, give or take the tolerance at ends.
    assert cost[0, 3] == pytest.approx(100, rel=1e-3)
    assert cost[4, 5] == pytest.approx(300, rel=0.03)
    assert cost[0, 1] == pytest.approx(50 + 150, rel=0.05)
    lane = adjacency(block, barriers.iloc[:1])
    assert lane.cost_m[0] == pytest.approx(75 + 150, rel=0.05)
    off = dict(zip(zip(graph.i.tolist(), graph.j.tolist(), strict=True), graph.off_street_m, strict=True))
    assert off[0, 3] == 0
    assert off[0, 1] == pytest.approx(50, rel=0.1)


def test_units_in_several_parts_are_held_apart(town):
    two = shapely.union(town.box(0, 0, 100, 100), town.box(200, 0, 300, 100))
    graph = adjacency(town.frame([two, town.box(100, 0, 200, 100), town.box(500, 0, 600, 100)]))
    assert graph.part_unit.tolist() == [0, 0, 1, 2]
    assert len(graph.part_i) == 2
    apart = Division(np.array([0, 1, 2]), graph, np.ones(3))
    assert apart.parts.tolist() == [2, 1, 1]
    assert apart.unit_groups.tolist() == [1, 1, 1]
    assert Division(np.array([0, 0, 0]), graph, np.ones(3)).parts.tolist() == [2]
    assert Division(np.array([0, 0, -1]), graph, np.ones(3)).parts.tolist() == [1]


def test_units_that_do_not_match_are_refused(town):
    with pytest.raises(GeometryError, match="overlap"):
        adjacency(town.frame([town.box(0, 0, 110, 100), town.box(100, 0, 200, 100)]))


@settings(max_examples=30, deadline=None)
@given(labels=st.lists(st.integers(-1, 3), min_size=6, max_size=6))
def test_metrics_agree_with_dissolved_shapes(labels):
    x, y = np.meshgrid([111.0, 111.001, 111.002], [40.0, 40.001])
    shapes = snap(shapely.box(x.ravel(), y.ravel(), x.ravel() + 0.001, y.ravel() + 0.001))
    graph = adjacency(gpd.GeoDataFrame(geometry=shapes, crs=4490))
    division = Division(np.array(labels), graph, np.ones(6))
    metres = Metres.of(shapes)
    lines = []
    for grid in range(division.grid_count):
        members = shapes[np.array(labels) == grid]
        whole = shapely.coverage_union_all(members) if len(members) else shapely.Polygon()
        lines.append(shapely.boundary(whole))
        one = np.array([whole])
        assert division.area_m2[grid] == pytest.approx(metres.area_m2(one)[0], rel=1e-9)
        assert division.perimeter_m[grid] == pytest.approx(metres.length_m(one)[0], rel=1e-9)
        pieces = 0 if shapely.is_empty(whole) else shapely.get_num_geometries(whole)
        assert division.parts[grid] == pieces
    if division.grid_count:
        once = metres.length_m(np.array([shapely.union_all(lines)]))[0]
        assert measure(division, ["border_m"])["border_m"] == pytest.approx(once, rel=1e-6)


def test_sizes_ranges_and_compounds(block):
    graph = adjacency(block)
    division = Division(
        np.array([0, 0, 1, 2, 2, -1]),
        graph,
        np.array([100.0, 200.0, 501.0, 250.0, np.nan, 9.0]),
        compounds=np.array([0, 1, 1, -1, -1, 2]),
    )
    figures = measure(division)
    assert division.sizes[:2].tolist() == [300, 501]
    assert np.isnan(division.sizes[2])
    assert figures["grids"] == 3
    assert figures["in_range"] == 1
    assert figures["households_mean"] is None
    assert figures["compounds_cut"] == 1
    assert division.compounds_cut.tolist() == [1]
    exempt = Division(division.labels, graph, division.households, exempt=np.array([False, True, True]))
    assert measure(exempt, ["in_range_share", "households_mean"]) == {
        "in_range_share": 1.0,
        "households_mean": 300.0,
    }


def test_moves_and_matching():
    before = np.array([0, 0, 1, 1, 2])
    households = np.array([10.0, 20.0, 30.0, 5.0, 7.0])
    fresh = np.array([2, 2, 0, 2, 1])
    assert households_moved(before, fresh, households) == 72
    matched = match_labels(before, fresh, households)
    assert matched.tolist() == [0, 0, 1, 0, 2]
    assert households_moved(before, matched, households) == 5
    assert match_labels(np.array([0, 0]), np.array([0, 1]), np.zeros(2)).tolist() in ([0, 1], [1, 0])
    assert match_labels(np.array([-1, -1]), np.array([0, -1]), np.ones(2)).tolist() == [0, -1]


def test_the_registry_is_named_and_versioned(block):
    assert all(key == metric.key and metric.version >= 1 for key, metric in METRICS.items())
    with pytest.raises(InputError, match="not a metric"):
        measure(Division(np.zeros(6, dtype=int), adjacency(block), np.ones(6)), ["beauty"])
    with pytest.raises(InputError, match="entries"):
        Division(np.zeros(5, dtype=int), adjacency(block), np.ones(6))


def test_aberdeens_official_zones_have_the_known_figures(aberdeen):
    graph = adjacency(aberdeen.units)
    households = aberdeen.units["households"].to_numpy(float)
    figures = measure(Division(aberdeen.labels, graph, households))
    assert figures["grids"] == 267
    assert figures["in_range"] == 163
    assert figures["polsby_popper_mean"] == pytest.approx(0.326, abs=0.0005)
    assert figures["half_perimeter_m"] == pytest.approx(511_000, abs=500)
    assert figures["grids_in_parts"] == 14
    # Every border once, the city's own 126 km in full and not by half.
    assert figures["border_m"] == pytest.approx(574_500, abs=500)
    assert len(graph.part_unit) > graph.unit_count
    outline = shapely.coverage_union_all(lonlat(aberdeen.units))
    assert graph.outer_m.sum() == pytest.approx(
        Metres.of(lonlat(aberdeen.units)).length_m(np.array([outline]))[0]
    )
