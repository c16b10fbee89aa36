"""Probabilities from an accuracy circle: against Monte Carlo, closed forms, and the owner itself."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.crs import metres_per_degree
from gis.errors import InputError
from gis.locate import distance_numba, distance_numpy
from gis.locate.index import GridIndex
from gis.locate.uncertainty import NEGLIGIBLE, candidates
from tests.locate.shapes import patchwork, wavy_grids


def build(polygons, **options):
    return GridIndex.build(polygons, [str(i) for i in range(len(polygons))], **options)


GRIDS = wavy_grids(6, 6, 9, np.random.default_rng(20))
INDEX = build(GRIDS)


def offsets(rng, count, sigma, lat):
    metres = rng.normal(size=(count, 2)) * sigma
    return metres / np.column_stack(metres_per_degree(np.full(count, lat)))


@settings(max_examples=30, deadline=None)
@given(
    east=st.floats(-0.002, 0.02),
    north=st.floats(-0.002, 0.02),
    radius=st.floats(1, 800),
    confidence=st.sampled_from([0.5, 0.68, 0.95]),
)
def test_agrees_with_monte_carlo(east, north, radius, confidence):
    lon, lat, count = 105 + east, 34 + north, 40_000
    sigma = radius / np.sqrt(-2 * np.log(1 - confidence))
    where = offsets(np.random.default_rng(1), count, sigma, lat) + np.array([lon, lat])
    drawn = np.bincount(INDEX.locate(where[:, 0], where[:, 1]) + 1, minlength=len(GRIDS) + 1) / count
    found = candidates(INDEX, lon, lat, radius, confidence)
    exact = np.zeros(len(GRIDS) + 1)
    exact[0] = found.outside[0]
    for position, probability in found.of(0):
        exact[position + 1] = probability
    assert exact.sum() == pytest.approx(1, abs=1e-4)
    assert (found.probability >= NEGLIGIBLE).all()
    assert (np.diff(found.probability) <= 0).all()
    # Five standard deviations of the draw, and a hit or two.
    assert (np.abs(drawn - exact) <= 5 * np.sqrt(exact * (1 - exact) / count) + 2e-4).all()


def test_the_quantile_of_a_circle_is_the_confidence():
    """A fine polygon with the accuracy circle's own radius holds exactly the stated share."""
    angle = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    per_lon, per_lat = metres_per_degree(34.0)
    circle = shapely.Polygon(
        np.column_stack([105 + np.cos(angle) * 300 / per_lon, 34 + np.sin(angle) * 300 / per_lat])
    )
    index = build(np.array([circle]))
    for confidence in (0.5, 0.68, 0.95):
        found = candidates(index, 105.0, 34.0, 300.0, confidence)
        assert found.of(0) == [(0, pytest.approx(confidence, abs=1e-4))]
        assert found.outside[0] == pytest.approx(1 - confidence, abs=1e-4)


@pytest.mark.parametrize(
    ("lon", "lat", "expected"),
    [
        (105.001, 34.0005, [(0, 0.5), (1, 0.5)]),  # on the border of two
        (105.001, 34.001, [(0, 0.25), (1, 0.25), (2, 0.25), (3, 0.25)]),  # where four meet
        (105.0, 34.0005, [(0, 0.5)]),  # on the outer border
        (105.0, 34.0, [(0, 0.25)]),  # at the outer corner
    ],
)
def test_on_edges_and_vertices_it_is_divided_by_the_angles(lon, lat, expected):
    west, south = np.meshgrid([105.0, 105.001], [34.0, 34.001])
    index = build(shapely.box(west.ravel(), south.ravel(), west.ravel() + 0.001, south.ravel() + 0.001))
    found = candidates(index, lon, lat, 10.0)
    assert sorted(found.of(0)) == [(p, pytest.approx(share, abs=1e-5)) for p, share in expected]
    assert found.outside[0] == pytest.approx(1 - sum(share for _, share in expected), abs=1e-5)


def test_far_from_every_edge_the_owner_is_certain():
    found = candidates(INDEX, [105.0045, 110.0], [34.0045, 34.0], [5.0, 5.0])
    owner = INDEX.locate(105.0045, 34.0045)[0]
    assert found.of(0) == [(owner, 1.0)]
    assert found.of(1) == []
    assert found.outside.tolist() == [0.0, 1.0]


def test_an_exact_position_and_one_that_is_none():
    lon, lat = shapely.get_coordinates(GRIDS)[0]
    found = candidates(INDEX, [lon, np.nan], [lat, 34.0], 0)
    assert found.of(0) == [(INDEX.locate(lon, lat)[0], 1.0)]
    assert found.of(1) == []
    assert np.isnan(found.outside[1])


def test_holes_and_parts_count_once():
    rng = np.random.default_rng(5)
    index = build(patchwork(12, 4, rng, stretch=5000, empty=False))
    lon, lat = 105.0003, 34.0003
    found = candidates(index, lon, lat, 25.0)
    where = offsets(rng, 400_000, 25.0 / np.sqrt(-2 * np.log(0.05)), lat) + np.array([lon, lat])
    drawn = np.bincount(index.locate(where[:, 0], where[:, 1]) + 1, minlength=5) / 400_000
    assert len(found.of(0)) == 4
    for position, probability in found.of(0):
        assert drawn[position + 1] == pytest.approx(probability, abs=4e-3)


def test_overlapping_grids_each_have_their_own_probability():
    index = build(shapely.box([0.0, 0.0], 0.0, [0.01, 0.01], 0.01), overlap="first")
    found = candidates(index, 0.0, 0.005, 20.0)
    assert found.of(0) == [(0, pytest.approx(0.5, abs=1e-5)), (1, pytest.approx(0.5, abs=1e-5))]


@pytest.mark.parametrize(
    ("radius", "confidence", "words"),
    [
        (-1.0, 0.95, "point 1 is not a radius"),
        ([1.0, np.nan], 0.95, "point 2 is not a radius"),
        (1.0, 1.0, "confidence of point 1"),
        (1.0, 95, "confidence of point 1"),
        ("far", 0.95, "accuracy_m is not one number or 2"),
        ([1.0, 2.0, 3.0], 0.95, "accuracy_m is not one number or 2"),
    ],
)
def test_a_radius_or_confidence_that_is_none_is_refused(radius, confidence, words):
    with pytest.raises(InputError, match=words):
        candidates(INDEX, [105.0, 105.0], [34.0, 34.0], radius, confidence)


def test_finds_the_same_edges_without_numba():
    rng = np.random.default_rng(6)
    xy = rng.uniform(-1e5, 2e6, (60, 2)).round()
    scale = np.full((60, 2), (9.2e-4, 1.1e-3))
    radius = rng.uniform(0, 900, 60)
    fast = distance_numba.edges_near(INDEX.rings, INDEX.reach, xy, scale, radius)
    slow = distance_numpy.edges_near(INDEX.rings, INDEX.reach, xy, scale, radius)
    assert len(fast[0]) > 1000
    assert set(zip(*(a.tolist() for a in fast), strict=True)) == set(
        zip(*(a.tolist() for a in slow), strict=True)
    )


def test_one_point_gets_what_many_get():
    """One point far from every border takes a shorter way, and comes to the same."""
    polygons = wavy_grids(4, 4, 5, np.random.default_rng(45))
    index = GridIndex.build(polygons, [str(i) for i in range(16)])
    rng = np.random.default_rng(46)
    lon, lat = rng.uniform(104.999, 105.013, 300), rng.uniform(33.999, 34.013, 300)
    for radius in (0, 5.0, 20.0, 300.0):
        many = candidates(index, lon, lat, np.full(300, radius), 0.68)
        short = 0
        for i in range(300):
            one = candidates(index, lon[i], lat[i], radius, 0.68)
            short += one.of(0) == [(one.position[0] if len(one.position) else -1, 1.0)]
            assert [at for at, _ in one.of(0)] == [at for at, _ in many.of(i)]
            np.testing.assert_allclose([p for _, p in one.of(0)], [p for _, p in many.of(i)], atol=2e-6)
            np.testing.assert_allclose(one.outside[0], many.outside[i], atol=2e-6)
        assert (short > 30) == (radius < 100)
    with pytest.raises(InputError, match="not a radius"):
        candidates(index, 105.005, 34.005, -1.0)
    with pytest.raises(InputError, match="not between"):
        candidates(index, 105.005, 34.005, 1.0, 1.0)
