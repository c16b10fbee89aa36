from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import shapely.affinity
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gis.errors import GeometryError, InputError
from gis.planning.measure import lonlat
from gis.planning.rules import check_division
from gis.planning.units import (
    building_units,
    clean_units,
    estimate_households,
    make_units,
    validate_units,
)


def lines(town, *rows) -> gpd.GeoDataFrame:
    """Barriers: (class, box) where the box is flat one way."""
    shapes = [shapely.linestrings(shapely.get_coordinates(town.box(*box))[[0, 2]]) for _, box in rows]
    return town.frame(shapes, barrier_class=[name for name, _ in rows])


@pytest.fixture
def quarter(town):
    """200 m by 100 m, a street down the middle; left a compound of two blocks, right two loose buildings."""
    return {
        "community": town.frame([town.box(0, 0, 200, 100)], division_code=[town.community_code]),
        "barriers": lines(town, ("arterial", (100, -20, 100, 120)), ("lane", (150, 40, 150, 60))),
        "compounds": town.frame([town.box(10, 10, 90, 90)], compound_code=[f"{town.community_code}0001"]),
        "buildings": town.frame(
            [
                town.box(20, 20, 40, 80),
                town.box(60, 20, 80, 80),
                town.box(120, 20, 130, 80),
                town.box(170, 20, 180, 80),
            ],
            households=[120, 80, 40, None],
            building_code=[f"{town.community_code}{n:05d}" for n in range(1, 5)],
        ),
    }


def test_units_follow_streets_and_keep_buildings_whole(town, quarter):
    units = make_units(**quarter)
    assert len(units) == 4
    assert units["households"].tolist()[:2] == [120, 80]
    assert units["compound_code"].tolist() == [f"{town.community_code}0001"] * 2 + [None, None]
    assert units["community_code"].unique().tolist() == [town.community_code]
    assert units["unit_id"].tolist() == ["U00001", "U00002", "U00003", "U00004"]
    assert np.isnan(units["households"][3])
    shapes = lonlat(units)
    assert bool(shapely.coverage_is_valid(shapes))
    assert shapely.equals(shapely.coverage_union_all(shapes), quarter["community"].geometry[0])
    left, right = shapely.union_all(shapes[:2]), shapely.union_all(shapes[2:])
    assert shapely.bounds(left)[2] == shapely.bounds(right)[0]
    assert building_units(units, quarter["buildings"]).tolist() == [0, 1, 2, 3]


def test_a_building_across_a_street_stays_whole(town, quarter):
    quarter["buildings"] = pd.concat(
        [quarter["buildings"], town.frame([town.box(94, 40, 108, 50)], households=[7], building_code=["x"])],
        ignore_index=True,
    )
    units = make_units(**quarter)
    grids = units.assign(grid_code=units["unit_id"])[["grid_code", "geometry"]]
    report = check_division(
        grids, community=quarter["community"], buildings=quarter["buildings"], own_codes=False
    )
    assert not report.of("building_cut", "gap", "overlap", "uncovered", "outside", "parts")
    assert np.nansum(units["households"]) == 247


def test_buildings_wall_to_wall_stay_together(town, quarter):
    quarter["buildings"] = town.frame(
        [town.box(20, 20, 40, 80), town.box(40, 20, 60, 80), town.box(120, 20, 130, 80)], households=[1, 2, 4]
    )
    units = make_units(**quarter)
    assert sorted(units["households"]) == [3, 4]


def test_an_empty_block_is_a_unit_of_zero_households_and_a_strip_is_not(town):
    community = town.frame([town.box(0, 0, 300, 100)])
    streets = lines(town, ("arterial", (100, 0, 100, 100)), ("arterial", (104, 0, 104, 100)))
    houses = town.frame([town.box(20, 20, 40, 40)], households=[33])
    units = make_units(community, houses, streets)
    assert sorted(units["households"]) == [0, 33]


def test_units_of_compounds_never_mix(town):
    random = np.random.default_rng(7)
    community = town.frame([town.box(0, 0, 400, 300)])
    compounds = town.frame(
        [town.box(5, 5, 190, 140), town.box(200, 5, 395, 140), town.box(5, 160, 395, 295)],
        compound_code=["A", "B", "C"],
    )
    spots = [(x, y) for x in range(20, 380, 40) for y in range(20, 280, 35) if not 140 < y + 12 < 175]
    houses = town.frame(
        [
            town.box(x + d, y, x + d + 15, y + 12)
            for (x, y), d in zip(spots, random.uniform(0, 5, len(spots)), strict=True)
        ],
        households=random.integers(0, 60, len(spots)),
    )
    units = make_units(community, houses, None, compounds)
    inside = shapely.area(shapely.intersection(lonlat(units)[:, None], lonlat(compounds)[None, :])) > 1e-12
    assert inside.sum(axis=1).max() == 1
    assert units["households"].sum() == houses["households"].sum()


def test_households_are_asked_for(quarter):
    with pytest.raises(InputError, match="households"):
        make_units(quarter["community"], quarter["buildings"].drop(columns="households"))
    with pytest.raises(GeometryError, match="no area"):
        make_units(
            quarter["community"].set_geometry([shapely.Point(111, 40)], crs=4490), quarter["buildings"]
        )


def test_estimates_say_so(town):
    houses = town.frame(
        [town.box(0, 0, 30, 30), town.box(50, 0, 80, 30), town.box(100, 0, 130, 30)],
        floors=[6, None, None],
        height_m=[None, 18.0, None],
        households=[None, None, 17],
    )
    done = estimate_households(houses)
    assert done["households"].tolist() == [60, 60, 17]
    assert done["basis"].tolist()[:2] == ["estimated", "estimated"]
    assert pd.isna(done["basis"][2])
    with pytest.raises(InputError):
        estimate_households(houses, storey_m=0)


def test_what_is_wrong_with_units_is_said_in_words(town):
    units = town.frame(
        [town.box(0, 0, 100, 100), town.box(90, 0, 200, 100)], unit_id=["a", "a"], households=[-3, None]
    )
    found = {one.rule: one for one in validate_units(units)}
    assert set(found) == {"unit_duplicate", "households_negative", "households_missing", "units_overlap"}
    assert found["units_overlap"].area_m2 == pytest.approx(1000, rel=1e-3)
    assert "not zero" in found["households_missing"].words("en")


def test_an_islet_and_a_great_building_are_warned_of(town):
    units = town.frame(
        [town.box(0, 0, 100, 100), town.box(100, 0, 200, 100), town.box(300, 0, 400, 100)],
        unit_id=["a", "b", "c"],
        households=[900, 300, 120],
    )
    found = {one.rule: one for one in validate_units(units)}
    assert set(found) == {"unit_above", "community_parts", "islet"}
    assert found["islet"].facts["households"] == 120
    assert {one.severity for one in found.values()} == {"warning"}


def test_units_that_nearly_fit_are_cleaned(town):
    units = town.frame(
        [town.box(0, 0, 100, 100), town.box(100.1, 0, 200, 60), town.box(99.9, 60, 200, 100)],
        unit_id=["a", "b", "c"],
        households=[1, 2, 3],
    )
    assert validate_units(units)
    assert validate_units(clean_units(units)) == ()


def test_aberdeens_output_areas_already_are_units(aberdeen):
    assert validate_units(aberdeen.units) == ()


def read(path) -> gpd.GeoDataFrame:
    """Read a GeoJSON whose features were cut at tile edges, so that ids come twice."""
    return gpd.GeoDataFrame.from_features(json.loads(path.read_text(encoding="utf-8")), crs=4326)


def test_shanghai_becomes_units(shanghai):
    buildings, roads = (read(shanghai / f"{name}.geojson") for name in ("buildings", "roads"))
    buildings = buildings[buildings.geom_type == "Polygon"].rename(columns={"height": "height_m"})
    roads["barrier_class"] = roads["kind"].map({"major_road": "arterial", "minor_road": "lane"})
    # A quarter of it, to be quick.
    x0, y0, x1, y1 = buildings.total_bounds
    box = shapely.box(x0, y0, (x0 + x1) / 2, (y0 + y1) / 2)
    buildings = buildings[buildings.within(box)].reset_index(drop=True)
    community = gpd.GeoDataFrame({"division_code": ["310101001001"]}, geometry=[box], crs=4326)
    buildings = estimate_households(buildings)
    units = make_units(community, buildings, roads[roads["barrier_class"].notna()])
    assert set(buildings["basis"]) == {"estimated"}
    assert set(units["basis"]) == {"estimated"}
    assert units["households"].sum() == buildings["households"].sum()
    assert not [one for one in validate_units(units) if one.severity == "error"]
    grids = units.assign(grid_code=units["unit_id"])[["grid_code", "geometry"]]
    report = check_division(grids, community=community, buildings=buildings, own_codes=False)
    assert not report.of("building_cut", "gap", "overlap", "uncovered", "outside", "parts", "hole")
    assert report.totals["unassigned_rows"] == 0


def random_town(town, seed):
    """A turned community of 500 m with crooked streets, walled compounds, and houses at any angle."""
    random = np.random.default_rng(seed)
    whole = shapely.affinity.rotate(shapely.box(0, 0, 500, random.uniform(250, 500)), random.uniform(0, 90))
    x0, y0, x1, y1 = whole.bounds

    def scatter(low, high, count, inside):
        kept = []
        for _ in range(count):
            thing = shapely.affinity.rotate(
                shapely.box(0, 0, *random.uniform(low, high, 2)), random.uniform(0, 90)
            )
            thing = shapely.affinity.translate(thing, random.uniform(x0, x1), random.uniform(y0, y1))
            if inside(thing) and not any(thing.intersects(other) for other in kept):
                kept.append(thing)
        return kept

    compounds = scatter(60, 200, 6, whole.contains)
    walls = shapely.union_all([compound.boundary for compound in compounds])
    houses = scatter(4, 40, 60, lambda house: whole.contains(house) and not house.intersects(walls))
    streets = [
        shapely.LineString(
            np.column_stack(
                [
                    np.sort(random.uniform(x0 - 50, x1 + 50, 5)),
                    random.uniform(y0, y1) + random.normal(0, 25, 5),
                ]
            )
        )
        for _ in range(random.integers(0, 6))
    ]
    frames = {}
    for name, shapes in (("houses", houses), ("compounds", compounds), ("streets", streets)):
        drawn = [town.place(shape) for shape in shapes]
        frames[name] = town.frame(drawn)
    frames["houses"]["households"] = random.integers(0, 60, len(houses))
    frames["compounds"]["compound_code"] = [f"C{n}" for n in range(len(compounds))]
    frames["streets"]["barrier_class"] = "lane"
    frames["community"] = town.frame([town.place(whole)], division_code=[town.community_code])
    return frames


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1))
def test_any_town_becomes_units_without_a_fault(town, seed):
    place = random_town(town, seed)
    units = make_units(place["community"], place["houses"], place["streets"], place["compounds"])
    assert bool(shapely.coverage_is_valid(lonlat(units)))
    grids = units.assign(grid_code=units["unit_id"])[["grid_code", "geometry"]]
    report = check_division(
        grids, community=place["community"], buildings=place["houses"], own_codes=False, households_min=0
    )
    assert [found for found in report.violations if not found.rule.startswith(("size", "total"))] == []
    assert units["households"].sum() == place["houses"]["households"].sum()
    assert units["buildings"].sum() == len(place["houses"])
    if len(place["compounds"]):
        shared = shapely.area(
            shapely.intersection(lonlat(units)[:, None], lonlat(place["compounds"])[None, :])
        )
        # A square metre, against slips of rounding.
        assert (shared > 1e-10).sum(axis=1).max() <= 1
