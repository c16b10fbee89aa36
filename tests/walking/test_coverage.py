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
    assert pd.isna(left["minutes"].iloc[2])  # 800 m: farther than was looked


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


def test_where_all_are_served_no_site_is_chosen() -> None:
    nobody = cover_most(np.full((3, 2), 20.0), [1, 1, 1], np.full(3, 5.0))
    assert nobody.sites.tolist() == []
    assert (nobody.gain, nobody.before, nobody.after) == (0.0, 3.0, 3.0)
    assert shorten_most(np.full((3, 2), 20.0), [1, 1, 1], np.full(3, 5.0)).sites.tolist() == []


def test_more_points_than_sites_are_refused() -> None:
    with pytest.raises(InputError, match="4 new points from 2 candidates"):
        cover_most(np.ones((1, 2)), [1], [20.0], 4)
