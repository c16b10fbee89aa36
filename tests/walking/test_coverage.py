"""Households within reach, and the best sites, against counts by hand and by trying all."""

from __future__ import annotations

from itertools import combinations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from gis.demo.community import COMMUNITY, make_community
from gis.errors import InputError
from gis.walking.coverage import measure_coverage
from gis.walking.network import network_of_streets
from gis.walking.siting import cover_most, shorten_most
from tests.walking.test_minutes import at
from tests.walking.test_network import PLANE, streets


def frames(households: list[int | None]):
    doors = at(*[(100 + 200 * n, 0) for n in range(len(households))])
    buildings = gpd.GeoDataFrame(
        {
            "building_code": [f"b{n}" for n in range(len(households))],
            "community_code": "c",
            "households": pd.array(households, dtype="Int64"),
        },
        geometry=doors,
        crs=4490,
    )
    points = gpd.GeoDataFrame({"category": ["health", "parcel"]}, geometry=at((100, 0), (900, 0)), crs=4490)
    west, east = (PLANE.lift(np.array([box], dtype=object))[0] for box in (_box(0, 400), _box(400, 1200)))
    grids = gpd.GeoDataFrame(
        {"grid_code": ["g1", "g2"], "grid_type": "basic"}, geometry=[west, east], crs=4490
    )
    return buildings, points, grids


def _box(low: float, high: float):
    import shapely  # noqa: PLC0415

    from tests.walking.test_network import ORIGIN  # noqa: PLC0415

    return shapely.box(ORIGIN[0] + low, ORIGIN[1] - 100, ORIGIN[0] + high, ORIGIN[1] + 100)


def test_shares_by_grid_and_community_and_the_homes_left_out() -> None:
    # Homes at 100, 300, 500, 700, 900 m; the health station at 100 m; five minutes are 330 m.
    network = network_of_streets(streets(("lane", [(0, 0), (1200, 0)])))
    coverage = measure_coverage(network, *frames([10, 20, 30, 40, None]), limit_minutes=5)
    assert coverage.categories == ["health", "parcel"]
    by_grid = coverage.shares().set_index(["grid_code", "category"])
    assert by_grid.loc[("g1", "health"), "share"] == 1.0
    assert by_grid.loc[("g2", "health"), "share"] == 0.0
    assert by_grid.loc[("g2", "health"), "buildings_unknown"] == 1
    whole = coverage.shares("community_code").set_index("category").loc["health"]
    assert (whole["households"], whole["within"], whole["basis"]) == (100, 30, "network")
    assert whole["share"] == pytest.approx(0.3)
    left = coverage.left_out("health")
    assert left["building_code"].tolist() == ["b3", "b2", "b4"]
    assert left["minutes"].iloc[0] == pytest.approx(600 / 66, rel=1e-2)
    assert left["minutes"].iloc[2] == pytest.approx(800 / 66, rel=1e-2)


def test_a_grid_of_unknown_counts_has_no_share_rather_than_none() -> None:
    coverage = measure_coverage(None, *frames([None, None]), limit_minutes=5)
    shares = coverage.shares().set_index("category")
    assert shares.loc["health", "share"] is pd.NA or pd.isna(shares.loc["health", "share"])
    assert set(shares["basis"]) == {"circle"}


def test_a_category_without_a_point_is_out_of_everybodys_reach() -> None:
    coverage = measure_coverage(None, *frames([10, 20]), categories=["toilet"])
    assert coverage.shares("community_code")["within"].tolist() == [0]
    assert len(coverage.left_out("toilet")) == 2
    with pytest.raises(InputError, match="no service point is of the category"):
        coverage.left_out("health")
    with pytest.raises(InputError, match="unit"):
        coverage.shares("street_code")


def test_every_household_of_the_demonstration_community_is_in_a_grid_and_counted_once() -> None:
    made = make_community()
    coverage = measure_coverage(
        network_of_streets(made["streets"]), made["buildings"], made["service_points"], made["grids"]
    )
    shares = coverage.shares()
    assert coverage.buildings["grid_code"].notna().all()
    assert (shares.groupby("category")["households"].sum() == 4635).all()
    assert len(shares) == 12 * 20
    quarter = coverage.shares("community_code")
    assert quarter["community_code"].unique().tolist() == [COMMUNITY]
    # A square kilometre: a quarter of an hour reaches nearly all of everything, but not all by the streets.
    assert quarter["share"].min() > 0.6
    circle = measure_coverage(None, made["buildings"], made["service_points"], made["grids"])
    assert (circle.minutes <= 15).mean() > (coverage.minutes <= 15).mean()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_sites_chosen_are_the_best_of_all_there_are(count: int) -> None:
    rng = np.random.default_rng(20261121)
    minutes = rng.uniform(1, 40, (60, 9))
    minutes[rng.random(minutes.shape) < 0.1] = np.inf
    today = rng.uniform(5, 45, 60)
    households = rng.integers(0, 50, 60).astype(float)
    households[:3] = np.nan
    weight = np.nan_to_num(households)

    found = cover_most(minutes, households, today, count)
    within = lambda sites: weight[(today <= 15) | (minutes[:, list(sites)] <= 15).any(axis=1)].sum()  # noqa: E731
    best = max(within(sites) for sites in combinations(range(9), count))
    assert found.proven
    assert found.after == pytest.approx(best)
    assert found.after == pytest.approx(within(found.sites))

    shorter = shorten_most(minutes, households, today, count, most_minutes=30)
    capped = np.minimum(today, 30)
    total = lambda sites: (np.minimum(capped, minutes[:, list(sites)].min(axis=1)) * weight).sum()  # noqa: E731
    least = min(total(sites) for sites in combinations(range(9), count))
    assert shorter.proven
    assert shorter.after == pytest.approx(least)
    assert shorter.gain == pytest.approx(shorter.before - least)


def test_other_walkers_are_asked_of_the_same_distances() -> None:
    network = network_of_streets(streets(("lane", [(0, 0), (1200, 0)])))
    coverage = measure_coverage(network, *frames([10, 20, 30, 40, None]), limit_minutes=5, speed_m_s=1.1)
    slow = coverage.at_speed(0.5)
    # 150 m in five minutes: nobody but the home at the station itself.
    assert slow.shares("community_code").set_index("category").loc["health", "within"] == 10
    measured = measure_coverage(network, *frames([10, 20, 30, 40, None]), limit_minutes=5, speed_m_s=0.5)
    pd.testing.assert_frame_equal(slow.shares(), measured.shares())
    with pytest.raises(InputError, match="farther than"):
        coverage.at_speed(2.5)


def test_a_community_without_buildings_grids_or_points_has_empty_tables() -> None:
    buildings, points, grids = frames([10, 20])
    none = measure_coverage(None, buildings.iloc[:0], points, grids)
    assert len(none.shares()) == len(none.shares("community_code")) == 0
    no_grids = measure_coverage(None, buildings, points, grids.iloc[:0])
    assert no_grids.buildings["grid_code"].isna().all()
    assert len(no_grids.shares()) == 0
    assert no_grids.shares("community_code")["households"].tolist() == [30, 30]
    no_points = measure_coverage(None, buildings, points.iloc[:0], grids)
    assert no_points.categories == []
    assert len(no_points.shares()) == 0


@pytest.mark.parametrize(("limit", "speed"), [(15, -1.1), (15, 0), (15, float("nan")), (0, 1.1), (-5, 1.1)])
def test_walkers_that_make_no_sense_are_refused(limit: float, speed: float) -> None:
    with pytest.raises(InputError, match="m/s"):
        measure_coverage(None, *frames([10]), limit_minutes=limit, speed_m_s=speed)


def test_homes_of_nobody_are_neither_counted_nor_left_out() -> None:
    coverage = measure_coverage(None, *frames([0, 0, 7]), limit_minutes=1)
    assert coverage.left_out("parcel")["building_code"].tolist() == ["b2"]
    assert coverage.shares("community_code")["households"].tolist() == [7, 7]


@pytest.mark.parametrize("count", [1, 2])
def test_of_sites_that_gain_the_same_the_one_with_the_shortest_ways_is_chosen(count: int) -> None:
    minutes = np.array([[14.0, 3.0, 9.0, 50.0], [14.0, 4.0, 9.0, 50.0], [14.0, 14.9, 9.0, 50.0]])
    households, today = [10, 10, 1], np.full(3, 40.0)
    chosen = cover_most(minutes, households, today, count)
    assert chosen.gain == 21
    # Alone the second leaves 85 household-minutes; together with the third, which serves the last home, 79.
    assert chosen.sites.tolist() == [[1], [1, 2]][count - 1]


def test_where_all_are_served_no_site_is_chosen() -> None:
    nobody = cover_most(np.full((3, 2), 20.0), [1, 1, 1], np.full(3, 5.0))
    assert nobody.sites.tolist() == []
    assert (nobody.gain, nobody.before, nobody.after) == (0.0, 3.0, 3.0)
    assert shorten_most(np.full((3, 2), 20.0), [1, 1, 1], np.full(3, 5.0)).sites.tolist() == []


def test_more_points_than_sites_are_refused() -> None:
    with pytest.raises(InputError, match="4 new points from 2 candidates"):
        cover_most(np.ones((1, 2)), [1], [20.0], 4)
    for choose in (cover_most, shorten_most):
        with pytest.raises(InputError, match="no place where a point could stand"):
            choose(np.ones((3, 0)), [1, 1, 1], np.full(3, 20.0))
