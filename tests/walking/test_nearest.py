"""The nearest of each category is what the whole matrix says, and the point that it names is that near."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from gis.demo.community import make_community
from gis.errors import InputError
from gis.walking.minutes import doors_of, walking_metres
from gis.walking.nearest import nearest_metres
from gis.walking.network import network_of_streets
from gis.walking.osmnx_graph import read_osmnx
from tests.walking.test_minutes import at
from tests.walking.test_network import streets

KINDS = ["health", "parcel", "toilet"]


def same_as_the_matrix(network, places, points, kinds, **more) -> None:
    """Hold one to the other; distances are float32, and go up to some kilometres."""
    walk = walking_metres(network, places, points, **more)
    found = nearest_metres(network, places, points, kinds, KINDS, **more)
    for column, kind in enumerate(KINDS):
        own = np.flatnonzero(kinds == kind)
        least = walk.metres[:, own].min(axis=1, initial=np.inf)
        assert found.metres[:, column] == pytest.approx(least, abs=2e-3)
        reached = np.flatnonzero(found.point[:, column] >= 0)
        assert np.isin(found.point[reached, column], own).all()
        named = walk.metres[reached, found.point[reached, column]]
        assert named == pytest.approx(least[reached], abs=2e-3)
        assert (np.isfinite(least) == (found.point[:, column] >= 0)).all()
    assert found.basis().tolist() == walk.basis().tolist()
    assert found.point_access.tolist() == walk.point_access.tolist()


@pytest.mark.parametrize("limit_m", [300.0, 990.0, 5000.0])
def test_in_the_demonstration_community_with_its_walls_and_gates(limit_m: float) -> None:
    made = make_community()
    rng = np.random.default_rng(20261121)
    points = doors_of(made["service_points"])
    kinds = np.array(KINDS)[rng.integers(0, 3, len(points))]
    network = network_of_streets(made["streets"])
    same_as_the_matrix(network, doors_of(made["buildings"]), points, kinds, limit_m=limit_m)
    same_as_the_matrix(None, doors_of(made["buildings"]), points, kinds, limit_m=limit_m)


def test_in_shenzhen_with_doors_and_points_far_from_every_street(shared_data) -> None:
    network = read_osmnx(shared_data / "shenzhen_roads" / "shenzhen_futian.graphml")
    rng = np.random.default_rng(20261121)
    west, south, east, north = shapely.total_bounds(network.lines)
    somewhere = network.plane.lift(
        shapely.points(rng.uniform((west - 900, south - 900), (east + 900, north + 900), (900, 2)))
    )
    kinds = np.array(KINDS)[rng.integers(0, 2, 300)]  # of the third there is none
    same_as_the_matrix(network, somewhere[300:], somewhere[:300], kinds)


def test_missing_doors_and_points_and_categories_without_any() -> None:
    network = network_of_streets(streets(("lane", [(0, 0), (1000, 0)])))
    doors = np.array([None, at((100, 0))[0]], dtype=object)
    points = np.array([None, at((400, 0))[0], at((150, 0))[0]], dtype=object)
    for on in (network, None):
        found = nearest_metres(
            on, doors, points, ["health", "health", "other"], ["health", "toilet"], detour=1.0
        )
        assert found.point.tolist() == [[-1, -1], [1, -1]]
        assert found.metres[1, 0] == pytest.approx(300, abs=0.1)
        assert np.isinf(found.metres[0]).all()
        nothing = nearest_metres(on, doors, points[:1], ["health"], ["health"])
        assert nothing.point.tolist() == [[-1], [-1]]
        assert nearest_metres(on, doors[:0], points, ["health"] * 3, ["health"]).metres.shape == (0, 1)


def test_a_limit_that_is_none_is_refused() -> None:
    for limit in (0.0, -5.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="limit"):
            nearest_metres(None, at((0, 0)), at((1, 1)), ["x"], ["x"], limit_m=limit)
    with pytest.raises(InputError, match="detour"):
        nearest_metres(None, at((0, 0)), at((1, 1)), ["x"], ["x"], detour=0.9)
