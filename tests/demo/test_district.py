from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import shapely

from gis.codes import check_code, community_of, division_level
from gis.demo.community import make_community
from gis.demo.district import COUNTY, make_district
from gis.errors import InputError
from gis.lattice import snap


@pytest.fixture(scope="module")
def frames():
    return make_district()


def holder(areas, things):
    """Return the one area that holds each thing whole."""
    at, area = shapely.STRtree(areas).query(things, predicate="within")
    assert sorted(at) == list(range(len(things))), "something lies in no area, or across two"
    return area[np.argsort(at)]


def test_the_frames_are_like_the_communitys(frames):
    model = make_community()
    assert {name: list(frame.columns) for name, frame in frames.items()} == {
        name: list(frame.columns) for name, frame in model.items()
    }


def test_as_large_as_maiji(frames):
    divisions = frames["divisions"]
    assert divisions["level"].value_counts()["community"] == 35
    assert len(frames["grids"]) == 289
    assert 15_000 <= len(frames["buildings"]) <= 20_000
    assert 950 <= len(frames["service_points"]) <= 1_100
    workers = frames["staff"].query("role == 'full_time'")
    assert sorted(workers["grid_code"]) == sorted(frames["grids"]["grid_code"])


def test_the_tree_is_whole(frames):
    divisions = frames["divisions"].set_index("division_code")
    assert COUNTY in divisions.index
    assert [str(division_level(code)) for code in divisions.index] == divisions["level"].tolist()
    parents = divisions["parent_code"].dropna()
    assert set(parents) <= set(divisions.index)
    for code, parent in parents.items():
        assert code.startswith(parent.rstrip("0") if parent == COUNTY else parent[:9])
    assert set(frames["grids"]["community_code"]) == set(divisions.query("level == 'community'").index)


def test_seamless_at_every_level(frames):
    divisions = frames["divisions"]
    grids = frames["grids"]
    shapes = grids.geometry.to_numpy()
    county = divisions.geometry.iloc[0]
    assert shapely.equals_exact(shapes, snap(shapes), tolerance=0).all()
    for level in ("street", "community"):
        parts = divisions[divisions["level"] == level].geometry.to_numpy()
        assert shapely.coverage_is_valid(parts)
        assert shapely.equals(shapely.coverage_union_all(parts), county)
    assert shapely.coverage_is_valid(shapes)
    assert shapely.equals(shapely.coverage_union_all(shapes), county)
    community = divisions.set_index("division_code").geometry
    for code, members in grids.groupby("community_code"):
        assert shapely.equals(shapely.coverage_union_all(members.geometry.to_numpy()), community[code])


def test_nearly_all_grids_have_300_to_500_households(frames):
    grids, buildings = frames["grids"], frames["buildings"]
    grid = holder(grids.geometry.to_numpy(), buildings.geometry.to_numpy())
    households = np.bincount(grid, buildings["households"].to_numpy(dtype=float), len(grids))
    outside = (households < 300) | (households > 500)
    assert sorted(households[outside]) == [268, 287, 512, 540, 566]
    codes = grids["community_code"].to_numpy()[grid]
    assert (codes == buildings["community_code"].to_numpy()).all()


def test_buildings_and_compounds_stand_apart(frames):
    for name in ("buildings", "compounds"):
        shapes = frames[name].geometry.to_numpy()
        assert shapely.is_valid(shapes).all()
        one, other = shapely.STRtree(shapes).query(shapes, predicate="intersects")
        assert (one == other).all()
    holder(frames["grids"].geometry.to_numpy(), frames["compounds"].geometry.to_numpy())
    compound = (
        frames["compounds"].set_index("compound_code").geometry.loc[frames["buildings"]["compound_code"]]
    )
    assert shapely.within(frames["buildings"].geometry.to_numpy(), compound.to_numpy()).all()


def test_compounds_state_the_sum_of_their_buildings(frames):
    sums = frames["buildings"].groupby("compound_code")[["households", "residents"]].sum()
    stated = frames["compounds"].set_index("compound_code")[["households", "residents"]]
    pd.testing.assert_frame_equal(stated.sort_index(), sums.sort_index(), check_names=False)


def test_service_points_lie_in_their_community_in_every_category(frames):
    points = frames["service_points"]
    grid = holder(frames["grids"].geometry.to_numpy(), points.geometry.to_numpy())
    assert (frames["grids"]["community_code"].to_numpy()[grid] == points["community_code"].to_numpy()).all()
    assert (points.groupby("community_code")["category"].nunique() == 20).all()


def test_codes_are_well_formed(frames):
    for frame, column in (
        ("grids", "grid_code"),
        ("compounds", "compound_code"),
        ("buildings", "building_code"),
        ("service_points", "point_code"),
    ):
        codes = frames[frame][column]
        assert codes.is_unique
        assert all(check_code(code, column) == code for code in codes.unique())
        assert (codes.map(community_of) == frames[frame]["community_code"]).all()
    for name in ("streets", "staff", "incidents"):
        assert frames[name].iloc[:, 0].is_unique


def test_borders_are_streets(frames):
    borders = shapely.union_all(shapely.boundary(frames["grids"].geometry.to_numpy()))
    streets = shapely.union_all(frames["streets"].geometry.to_numpy())
    assert shapely.equals(borders, streets)


def test_the_same_seed_gives_the_same_district():
    first, again = make_district(5, 6, 40), make_district(5, 6, 40)
    for name, frame in first.items():
        pd.testing.assert_frame_equal(pd.DataFrame(frame), pd.DataFrame(again[name]))
    other = make_district(6, 6, 40)
    assert not shapely.equals(first["grids"].geometry.iloc[0], other["grids"].geometry.iloc[0])


@pytest.mark.parametrize(("communities", "grids"), [(1, 1), (1, 12), (3, 7), (120, 400)])
def test_any_size_is_seamless(communities, grids):
    made = make_district(1, communities, grids)
    shapes = made["grids"].geometry.to_numpy()
    assert len(shapes) == grids
    assert shapely.coverage_is_valid(shapes)
    assert made["grids"]["grid_code"].is_unique
    assert made["divisions"]["level"].value_counts()["community"] == communities
    holder(shapes, made["buildings"].geometry.to_numpy())


@pytest.mark.parametrize(("communities", "grids"), [(0, 5), (5, 4), (1, 800), (892, 2000)])
def test_sizes_that_the_codes_do_not_allow_are_refused(communities, grids):
    with pytest.raises(InputError):
        make_district(1, communities, grids)
