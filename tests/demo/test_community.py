"""Every figure of the model place (Shengshi) and every promise of the frames, on the made-up community."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely

from gis.codes import check_code, community_of, county_of, division_level, grid_type_of
from gis.crs import metres_per_degree, parse_crs, to_storage
from gis.demo.community import COMMUNITY, SEED, make_community
from gis.demo.files import as_csv, as_geojson
from gis.lattice import snap
from gis.settings import CHINA_STANDARD_TIME
from gis.terms import BarrierClass, CompoundKind, GridType, IncidentState, StaffRole
from gis.texts import LANGUAGES, catalogue

COLUMNS = {
    "divisions": "division_code name level parent_code geometry",
    "grids": "grid_code grid_type name community_code parent_code colour_theme geometry",
    "compounds": "compound_code name kind managed aliases households residents community_code "
    "predecessors geometry",
    "buildings": "building_code compound_code number units floors households residents counted_on basis "
    "community_code geometry",
    "service_points": "point_code name category address phones hours accessible verified_on public "
    "community_code geometry",
    "streets": "street_code name barrier_class community_code geometry",
    "staff": "staff_code person role grid_code division_code valid_from valid_to public_phone",
    "incidents": "incident_number category source text reported_at lon lat crs accuracy_m state grid_code",
}
SPATIAL = [name for name, columns in COLUMNS.items() if columns.endswith("geometry")]


@pytest.fixture(scope="module")
def frames():
    return make_community()


@pytest.fixture(scope="module")
def basic(frames):
    grids = frames["grids"]
    return grids[grids["grid_type"] == "basic"].reset_index(drop=True)


@pytest.fixture(scope="module")
def community(frames):
    divisions = frames["divisions"].set_index("division_code")
    return divisions.loc[COMMUNITY].geometry


def households_by_grid(basic, buildings):
    """Sum households by the grid that holds each building whole; every building must be in one."""
    at, grid = shapely.STRtree(basic.geometry.to_numpy()).query(
        buildings.geometry.to_numpy(), predicate="within"
    )
    assert sorted(at) == list(range(len(buildings))), "a building lies in no grid, or across two"
    return np.bincount(grid, buildings["households"].to_numpy(dtype=float)[at], len(basic))


def test_frames_have_the_columns_of_the_architecture(frames):
    assert {name: " ".join(frame.columns) for name, frame in frames.items()} == COLUMNS


@pytest.mark.parametrize("name", SPATIAL)
def test_geometry_is_valid_cgcs2000_on_the_lattice(frames, name):
    frame = frames[name]
    shapes = frame.geometry[frame.geometry.notna()].to_numpy()
    kinds = {"service_points": "Point", "streets": "MultiLineString"}
    assert frame.crs.to_epsg() == 4490
    assert {shape.geom_type for shape in shapes} == {kinds.get(name, "MultiPolygon")}
    assert shapely.is_valid(shapes).all()
    assert shapely.equals_exact(shapes, snap(shapes), tolerance=0).all()


# --- the figures


def test_one_square_kilometre(community):
    area = abs(pyproj.Geod(ellps="GRS80").geometry_area_perimeter(community)[0])
    assert area == pytest.approx(1e6, rel=1e-3)


def test_seven_compounds_six_standalone_buildings_one_bungalow_area(frames):
    kinds = frames["compounds"]["kind"].value_counts().to_dict()
    assert kinds == {"compound": 7, "standalone": 6, "bungalow": 1}
    assert set(kinds) == {str(kind) for kind in CompoundKind}


@pytest.mark.parametrize("frame", ["buildings", "compounds"])
def test_4635_households_and_9281_people(frames, frame):
    assert int(frames[frame]["households"].sum()) == 4635
    assert int(frames[frame]["residents"].sum()) == 9281


def test_twelve_grids_of_300_to_500_households_and_no_building_cut(frames, basic):
    households = households_by_grid(basic, frames["buildings"])
    assert len(basic) == 12
    assert households.min() >= 300
    assert households.max() <= 500
    assert households.mean() == pytest.approx(386.25)


@pytest.mark.parametrize("seed", [0, 1, 7, 2_000_000])
def test_figures_hold_for_every_seed(seed):
    frames = make_community(seed)
    grids = frames["grids"]
    basic = grids[grids["grid_type"] == "basic"].reset_index(drop=True)
    households = households_by_grid(basic, frames["buildings"])
    assert households.sum() == 4635
    assert households.min() >= 300
    assert households.max() <= 500
    assert int(frames["buildings"]["residents"].sum()) == 9281


# --- cover


def test_basic_grids_are_seamless_and_make_up_the_community(basic, community):
    shapes = basic.geometry.to_numpy()
    assert shapely.coverage_is_valid(shapes)
    union = shapely.coverage_union_all(shapes)
    assert union.geom_type == "Polygon"
    assert shapely.equals_exact(
        shapely.normalize(shapely.multipolygons([union])), shapely.normalize(community), tolerance=0
    )
    assert (shapely.get_num_geometries(shapes) == 1).all()


def test_serials_run_west_to_east_north_to_south(basic):
    assert basic["grid_code"].tolist() == [f"{COMMUNITY}{n:03d}" for n in range(1, 13)]
    centre = shapely.get_coordinates(shapely.centroid(basic.geometry.to_numpy()))
    middle = np.median(centre[:, 1])
    assert centre[0, 1] > middle > centre[-1, 1]
    assert centre[0, 0] < centre[1, 0] < centre[2, 0] < centre[3, 0]


def test_grid_borders_follow_streets_lanes_and_the_river(frames, basic):
    scale = np.array([float(part) for part in metres_per_degree(40.81)])
    streets = frames["streets"]
    roads = shapely.union_all(streets[streets["barrier_class"] != "wall"].geometry.to_numpy())
    borders = shapely.union_all(shapely.boundary(basic.geometry.to_numpy()))
    off = shapely.difference(
        shapely.transform(borders, lambda xy: xy * scale),
        shapely.buffer(shapely.transform(roads, lambda xy: xy * scale), 0.05),
    )
    assert shapely.length(off) == 0


def test_small_compounds_are_whole_and_large_ones_cut_into_grids_of_the_right_size(frames, basic):
    compounds = frames["compounds"]
    grid_shapes = basic.geometry.to_numpy()
    shapes = compounds.geometry.to_numpy()
    within = np.bincount(
        shapely.STRtree(grid_shapes).query(shapes, predicate="within")[0], minlength=len(shapes)
    )
    small = (compounds["households"] <= 500).to_numpy()
    assert (within[small] == 1).all()
    assert (within[~small] == 0).all()
    assert (~small).sum() == 3


def test_micro_grids_tile_their_parents_and_cut_no_building(frames):
    grids = frames["grids"]
    micro = grids[grids["grid_type"] == "micro"]
    shape_of = grids.set_index("grid_code").geometry
    assert len(micro) == 4
    assert shapely.coverage_is_valid(micro.geometry.to_numpy())
    for parent, children in micro.groupby("parent_code"):
        assert (children["grid_code"].str[:15] == parent).all()
        assert shapely.equals(shapely.coverage_union_all(children.geometry.to_numpy()), shape_of[parent])
    buildings = frames["buildings"].geometry.to_numpy()
    crossed = shapely.STRtree(buildings).query(
        shapely.boundary(micro.geometry.to_numpy()), predicate="intersects"
    )
    assert crossed.size == 0


def test_exclusive_grids_lie_on_top_apart_from_each_other_and_cut_no_building(frames, community):
    grids = frames["grids"]
    exclusive = grids[grids["grid_type"] == "exclusive"]
    shapes = exclusive.geometry.to_numpy()
    for word in ("学校", "市场", "医院"):
        assert exclusive["name"].str.contains(word).sum() == 1
    assert shapely.covers(community, shapes).all()
    assert all(shapely.disjoint(one, other) for one, other in itertools.combinations(shapes, 2))
    buildings = frames["buildings"].geometry.to_numpy()
    assert shapely.STRtree(buildings).query(shapely.boundary(shapes), predicate="intersects").size == 0


# --- layers


def test_codes_are_well_formed_and_of_this_community(frames):
    for frame, column in (
        ("divisions", "division_code"),
        ("grids", "grid_code"),
        ("compounds", "compound_code"),
        ("buildings", "building_code"),
        ("service_points", "point_code"),
    ):
        codes = frames[frame][column]
        assert codes.is_unique
        assert [check_code(code, column) for code in codes] == codes.tolist()
        if frame != "divisions":
            assert {community_of(code) for code in codes} == {COMMUNITY}
    assert county_of(COMMUNITY) == "150103000000"
    grids = frames["grids"]
    assert [str(grid_type_of(code)) for code in grids["grid_code"]] == grids["grid_type"].tolist()
    assert {str(kind) for kind in GridType} == set(grids["grid_type"])
    divisions = frames["divisions"]
    assert [str(division_level(code)) for code in divisions["division_code"]] == divisions["level"].tolist()
    for name in ("streets", "staff", "incidents"):
        assert frames[name].iloc[:, 0].is_unique


def test_five_colour_themes(basic):
    assert set(basic["colour_theme"]) == {"red", "orange", "yellow", "green", "blue"}


def test_compounds_stand_apart_and_hold_their_own_buildings_only(frames):
    compounds, buildings = frames["compounds"], frames["buildings"]
    shapes = compounds.geometry.to_numpy()
    one, other = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    assert (one == other).all()
    at, compound = shapely.STRtree(shapes).query(buildings.geometry.to_numpy(), predicate="intersects")
    inside = shapely.within(buildings.geometry.to_numpy()[at], shapes[compound])
    assert inside.all()
    stated = buildings["compound_code"].dropna()
    assert sorted(at) == stated.index.tolist()
    assert (
        compounds["compound_code"].to_numpy()[compound] == buildings["compound_code"].to_numpy()[at]
    ).all()


def test_compounds_state_the_sum_of_their_buildings(frames):
    sums = frames["buildings"].groupby("compound_code")[["households", "residents"]].sum()
    stated = frames["compounds"].set_index("compound_code")[["households", "residents"]]
    pd.testing.assert_frame_equal(stated.sort_index(), sums.loc[sorted(stated.index)], check_names=False)


def test_every_standalone_row_has_one_building(frames):
    standalone = frames["compounds"].query("kind == 'standalone'")["compound_code"]
    counts = frames["buildings"]["compound_code"].value_counts()
    assert (counts[standalone] == 1).all()


def test_homes_have_units_floors_and_people_and_others_have_none(frames):
    buildings = frames["buildings"]
    home = buildings["households"] > 0
    assert (buildings["floors"] >= 1).all()
    assert (buildings.loc[home, "units"] >= 1).all()
    assert buildings.loc[~home, "units"].isna().all()
    assert (buildings.loc[home, "residents"] >= buildings.loc[home, "households"]).all()
    assert (buildings.loc[~home, "residents"] == 0).all()
    assert home.sum() > 150
    assert (~home).sum() > 50


def test_buildings_stand_apart_and_clear_of_streets_and_walls(frames):
    shapes = frames["buildings"].geometry.to_numpy()
    tree = shapely.STRtree(shapes)
    one, other = tree.query(shapes, predicate="intersects")
    assert (one == other).all()
    assert tree.query(frames["streets"].geometry.to_numpy(), predicate="intersects").size == 0


def test_numbers_are_unique_within_a_compound(frames):
    housed = frames["buildings"].dropna(subset=["compound_code"])
    assert not housed.duplicated(["compound_code", "number"]).any()


def test_streets_have_every_barrier_class_and_walls_have_gates(frames):
    streets = frames["streets"]
    assert set(streets["barrier_class"]) == {str(kind) for kind in BarrierClass}
    walls = streets[streets["barrier_class"] == "wall"]
    assert len(walls) >= 7
    assert not shapely.is_closed(shapely.get_parts(walls.geometry.to_numpy())).any()


def test_every_service_category_has_a_point_clearly_inside_one_grid(frames, basic):
    points = frames["service_points"]
    categories = {
        key.rsplit(".", 1)[1] for key in catalogue("zh") if key.startswith("terms.service_category.")
    }
    assert len(categories) == 20
    assert set(points["category"]) == categories
    assert 40 <= len(points) <= 55
    at, _ = shapely.STRtree(basic.geometry.to_numpy()).query(points.geometry.to_numpy(), predicate="within")
    assert sorted(at) == list(range(len(points)))
    borders = shapely.union_all(shapely.boundary(basic.geometry.to_numpy()))
    assert shapely.distance(borders, points.geometry.to_numpy()).min() > 3e-5  # some three metres
    assert points["phones"].map(len).max() == 2
    assert points["phones"].map(len).min() == 0


def test_every_grid_has_one_leader_one_full_time_several_part_time_one_police_officer(frames, basic):
    staff = frames["staff"]
    assert set(staff["role"]) == {str(role) for role in StaffRole}
    roles = pd.crosstab(staff["grid_code"], staff["role"]).loc[basic["grid_code"]]
    assert (roles[["leader", "full_time", "police"]] == 1).all(axis=None)
    assert (roles["part_time"] >= 2).all()
    leaders = staff[staff["division_code"].notna()]
    assert set(leaders["role"]) == {"leader"}
    assert COMMUNITY in set(leaders["division_code"])
    assert (staff["grid_code"].notna() ^ staff["division_code"].notna()).all()
    assert staff["person"].is_unique


def test_everything_says_that_it_is_a_sample(frames):
    for name in ("grids", "compounds", "service_points", "streets"):
        assert frames[name]["name"].str.startswith("示例").all()
    assert frames["divisions"]["name"].str.contains("示例").all()
    assert frames["service_points"]["address"].str.startswith("示例").all()
    assert frames["staff"]["person"].str.startswith("示例").all()
    assert frames["incidents"]["text"].str.startswith("（示例）").all()
    for aliases in frames["compounds"]["aliases"]:
        assert all(alias.startswith("示例") for alias in aliases)


def test_nobody_has_the_telephone_numbers(frames):
    phones = [
        *frames["staff"]["public_phone"].dropna(),
        *itertools.chain(*frames["service_points"]["phones"]),
    ]
    assert len(phones) == len(set(phones))
    assert all(phone.startswith("0471-0") and len(phone) == 12 for phone in phones)


# --- incidents


@pytest.fixture(scope="module")
def positions(frames):
    """Where each incident really is, CGCS2000."""
    incidents = frames["incidents"]
    lonlat = np.zeros((len(incidents), 2))
    for datum, rows in incidents.groupby("crs").indices.items():
        part = incidents.iloc[rows]
        lonlat[rows] = np.column_stack(to_storage(part["lon"], part["lat"], parse_crs(datum)))
    return shapely.points(lonlat)


def test_incidents_come_from_every_source_in_every_datum(frames):
    incidents = frames["incidents"]
    assert len(incidents) == 300
    assert set(incidents["crs"]) == {"cgcs2000", "wgs84", "gcj02", "bd09"}
    for language in LANGUAGES:
        texts = catalogue(language)
        for column in ("category", "source"):
            keys = {key.rsplit(".", 1)[1] for key in texts if key.startswith(f"incidents.{column}.")}
            assert set(incidents[column]) == keys
    assert incidents["accuracy_m"].isna().any()
    assert incidents["accuracy_m"].max() > 50
    assert incidents["reported_at"].dt.tz.utcoffset(None) == CHINA_STANDARD_TIME.utcoffset(None)
    assert incidents["reported_at"].is_monotonic_increasing
    assert set(incidents["state"]) <= {str(state) for state in IncidentState}


def test_some_incidents_lie_on_borders_and_some_outside(positions, basic, community):
    borders = shapely.union_all(shapely.boundary(basic.geometry.to_numpy()))
    touched = shapely.STRtree(basic.geometry.to_numpy()).query(positions, predicate="touches")[0]
    on_two = np.bincount(touched, minlength=len(positions)) >= 2
    assert on_two.sum() >= 15
    assert shapely.disjoint(community, positions).sum() >= 10
    near = shapely.distance(borders, positions) < 1e-4
    assert (near & ~on_two).sum() >= 20


def test_who_has_been_assigned_is_in_the_grid_that_is_named(frames, positions):
    incidents = frames["incidents"]
    assigned = incidents["grid_code"].notna().to_numpy()
    assert ((incidents["state"] != "reported").to_numpy() == assigned).all()
    shape_of = frames["grids"].set_index("grid_code").geometry
    named = shape_of.loc[incidents.loc[assigned, "grid_code"]].to_numpy()
    assert shapely.within(positions[assigned], named).all()
    assert assigned.sum() > 150


# --- chance


def test_the_same_seed_gives_the_same_place_and_another_another(frames):
    def written(made):
        return {
            name: as_geojson(name, frame) if name in SPATIAL else as_csv(frame)
            for name, frame in made.items()
        }

    first, again, other = written(frames), written(make_community(SEED)), written(make_community(SEED + 1))
    assert first == again
    assert {name for name in first if first[name] == other[name]} == {
        "divisions",
        "grids",
        "service_points",
        "streets",
    }
