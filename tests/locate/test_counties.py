"""Many counties' indexes answer as one index over all grids does."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from gis.errors import InputError
from gis.lattice import to_degrees
from gis.locate import counties as module
from gis.locate import kernels_numba, kernels_numpy
from gis.locate.counties import Counties
from gis.locate.index import GridIndex
from tests.locate.shapes import hostile_points, patchwork, wavy_grids


def parts_of(polygons, county):
    """One index for each county, and each grid's place in the long list of all."""
    members = [np.flatnonzero(county == number) for number in np.unique(county)]
    joined = Counties.join([GridIndex.build(polygons[some], [str(i) for i in some]) for some in members])
    return joined, np.concatenate(members)


@pytest.mark.parametrize(
    "make",
    [
        lambda rng: (wavy_grids(12, 12, 5, rng), np.arange(144) // 12 // 5 * 3 + np.arange(144) % 12 // 5),
        lambda rng: (wavy_grids(8, 8, 3, rng), rng.integers(0, 6, 64)),  # counties in many parts, with holes
        lambda rng: (made := patchwork(14, 7, rng, stretch=3), np.arange(len(made)) % 3),
    ],
    ids=["blocks", "scattered", "steps"],
)
@pytest.mark.parametrize("way", [kernels_numba, kernels_numpy], ids=["numba", "numpy"])
def test_answers_as_one_index_does(make, way, monkeypatch):
    rng = np.random.default_rng(60)
    polygons, county = make(rng)
    for name in ("in_parts", "locate_into", "partition"):
        monkeypatch.setattr(module.kernels, name, getattr(way, name))
    monkeypatch.setattr(module, "_AT_ONCE", 3000)
    joined, place = parts_of(polygons, county)
    whole = GridIndex.build(polygons, [str(i) for i in range(len(polygons))])
    lon, lat = hostile_points(polygons, 10_000, rng)
    lon, lat = np.append(lon, [np.nan, 200.0, 5.0]), np.append(lat, [34.0, 0.0, 5.0])
    found = joined.locate(lon, lat)
    np.testing.assert_array_equal(np.where(found >= 0, place[found], -1), whole.locate(lon, lat))
    assert joined.codes == [str(i) for i in place]
    assert len(joined) == len(polygons)


def test_counties_may_lie_a_continent_apart():
    boxes = shapely.box([73.0, 134.0], [39.0, 48.0], [74.0, 135.0], [40.0, 49.0])
    joined = Counties.join([GridIndex.build([box], [str(i)]) for i, box in enumerate(boxes)])
    lon = np.array([73.5, 134.5, 100.0, 73.0, 135.0, 135.00000001])
    lat = np.array([39.5, 48.5, 44.0, 39.0, 49.0, 49.0])
    assert joined.locate(lon, lat).tolist() == [0, 1, -1, 0, 1, -1]


def test_where_borders_overlap_by_mistake_the_first_that_owns_the_point_is_named():
    boxes = shapely.box(*to_degrees(np.array([[0, 0, 9, 9], [5, 0, 14, 9], [7, 3, 30, 6]])).T)
    joined = Counties.join([GridIndex.build([box], [str(i)]) for i, box in enumerate(boxes)])
    whole = GridIndex.build(boxes, ["0", "1", "2"], overlap="first")
    x, y = np.meshgrid(np.arange(-2, 33), np.arange(-2, 12))
    lon, lat = to_degrees(x.ravel()), to_degrees(y.ravel())
    found, expected = joined.locate(lon, lat), whole.locate(lon, lat)
    assert ((found >= 0) == (expected >= 0)).all()
    for at, box in enumerate(boxes):
        mine = found == at
        assert shapely.intersects_xy(box, lon[mine], lat[mine]).all()


def test_what_cannot_be_joined_is_refused():
    with pytest.raises(InputError, match="no indexes"):
        Counties.join([])
    crossed = GridIndex.build(shapely.box([0, 0.5], 0, [1, 2], 1), ["a", "b"], overlap="first")
    with pytest.raises(InputError, match="overlap in index 1"):
        Counties.join([crossed])
