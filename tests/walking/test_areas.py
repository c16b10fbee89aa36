"""The land within some minutes: what is drawn, how, and that it says how."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from gis.walking.areas import CIRCLE, NETWORK_BUFFER, walking_areas
from gis.walking.network import network_of_streets
from tests.walking.test_minutes import at
from tests.walking.test_network import PLANE, streets


def test_a_circle_has_the_radius_of_the_way_over_the_detour() -> None:
    areas = walking_areas(None, at((0, 0)), minutes=(5, 10), speed_m_s=1.1, detour=1.3)
    assert areas["method"].tolist() == [CIRCLE, CIRCLE]
    radius = np.sqrt(shapely.area(PLANE.lay(areas.geometry.to_numpy())) / np.pi)
    assert radius == pytest.approx(np.array([330, 660]) / 1.3, rel=0.005)


def test_the_network_buffer_reaches_along_the_street_as_far_as_one_walks() -> None:
    network = network_of_streets(streets(("lane", [(-2000, 0), (2000, 0)])))
    areas = walking_areas(network, at((0, 0)), minutes=(5, 15))
    assert areas["method"].tolist() == [NETWORK_BUFFER] * 2
    five, fifteen = shapely.bounds(PLANE.lay(areas.geometry.to_numpy()))
    for bounds, limit in ((five, 330), (fifteen, 990)):
        # Cut at ten metres, widened by thirty.
        assert limit + 19.9 <= (bounds[2] - bounds[0]) / 2 <= limit + 31
        assert bounds[3] - bounds[1] == pytest.approx(120, abs=2)  # the yard around the door


def test_a_longer_walk_covers_a_shorter_one_and_a_river_stays_uncrossed() -> None:
    drawn = streets(
        ("lane", [(0, 0), (900, 0)]), ("lane", [(0, 200), (900, 200)]), ("lane", [(900, 0), (900, 200)]),
        ("river", [(-50, 100), (950, 100)]),
    )  # fmt: skip
    areas = walking_areas(network_of_streets(drawn), at((10, 10)), minutes=(5, 10, 15))
    shapes = PLANE.lay(areas.geometry.to_numpy())
    assert (shapely.area(shapely.difference(shapes[:-1], shapes[1:])) < 10).all()
    assert (np.diff(shapely.area(shapes)) > 10_000).all()
    beyond = PLANE.lay(at((10, 200)))[0]
    assert not shapely.intersects(shapes, beyond).any()


def test_a_point_with_no_street_near_it_gets_a_circle_and_says_so() -> None:
    network = network_of_streets(streets(("lane", [(0, 0), (500, 0)])))
    lost = walking_areas(network, at((100, 900)), minutes=(5,))
    assert lost["method"].tolist() == [CIRCLE]
    assert shapely.area(PLANE.lay(lost.geometry.to_numpy()))[0] == pytest.approx(
        np.pi * (330 / 1.3) ** 2, rel=0.01
    )
    both = walking_areas(network, at((100, 0), (100, 900)), minutes=(5,))
    assert both["method"].tolist() == ["mixed"]
    assert both.crs.to_epsg() == 4490


def test_the_land_near_any_point_is_the_union_of_what_is_near_each() -> None:
    network = network_of_streets(streets(("lane", [(0, 0), (2000, 0)]), ("lane", [(1000, 0), (1000, 900)])))
    points = at((100, 0), (900, 10), (1000, 800))
    for on, named in ((network, NETWORK_BUFFER), (None, CIRCLE)):
        found = walking_areas(on, points, minutes=(5, 10))
        assert found["method"].tolist() == [named, named]
        each = [
            PLANE.lay(walking_areas(on, points[[n]], minutes=(5, 10)).geometry.to_numpy()) for n in range(3)
        ]
        for row, shape in enumerate(PLANE.lay(found.geometry.to_numpy())):
            whole = shapely.union_all([shapes[row] for shapes in each])
            assert shapely.area(shapely.symmetric_difference(shape, whole)) < 0.01 * shapely.area(whole)
