"""One point at a time is answered as many at once are."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import shapely

from gis.crs import metres_per_degree
from gis.lattice import STEPS_PER_DEGREE
from gis.locate.index import GridIndex
from gis.locate.kernels import COMPILED
from gis.locate.single import clear_owner, point_lookup

pytestmark = pytest.mark.skipif(not COMPILED, reason="numba is absent: one way only")


@pytest.fixture(scope="module")
def indexes() -> list[GridIndex]:
    west, south = 105.9, 34.5
    squares = [
        shapely.box(west + 0.001 * i, south + 0.001 * j, west + 0.001 * (i + 1), south + 0.001 * (j + 1))
        for i in range(6)
        for j in range(5)
    ]
    holed = shapely.Polygon(
        shapely.box(west, south, west + 0.006, south + 0.005).exterior.coords,
        [shapely.Point(west + 0.003, south + 0.002).buffer(0.001).exterior.coords[::-1]],
    )
    parts = shapely.MultiPolygon(
        [shapely.Point(west + 0.001 * i, south + 0.003).buffer(0.0004) for i in range(5)]
    )
    return [
        GridIndex.build(np.array(squares), [str(number) for number in range(len(squares))]),
        GridIndex.build(np.array([holed]), ["holed"]),
        GridIndex.build(np.array([parts]), ["parts"]),
    ]


@pytest.fixture(scope="module")
def points(indexes: list[GridIndex]) -> np.ndarray:
    """Give random points, and points on and one lattice step beside every vertex."""
    rng = np.random.default_rng(3)
    random = np.column_stack([rng.uniform(105.8995, 105.9065, 3000), rng.uniform(34.4995, 34.5055, 3000)])
    vertices = np.vstack([index.rings.vertices + index.rings.origin for index in indexes])
    steps = np.array([[0, 0], [1, 0], [0, 1], [-1, 0], [0, -1]])
    near = (vertices[:, None, :] + steps).reshape(-1, 2) / STEPS_PER_DEGREE
    return np.vstack([random, near, [[np.nan, 34.5], [np.inf, 34.5], [1e300, -1e300]]])


def test_owners_and_margins_are_those_of_the_index(indexes, points) -> None:
    look = point_lookup(indexes, 2)
    assert look is not None
    scale_x, scale_y = (float(size) / STEPS_PER_DEGREE for size in metres_per_degree(34.5025))
    found = [look.ask(lon, lat, scale_x, scale_y) for lon, lat in points.tolist()]
    owners = np.array([positions for positions, _ in found])
    for number, index in enumerate(indexes):
        np.testing.assert_array_equal(owners[:, number], index.locate(points[:, 0], points[:, 1]))
    margins = np.array([metres for _, metres in found])
    assert margins.shape == (len(points), 2)
    for number, index in enumerate(indexes[:2]):
        inside = owners[:, number] >= 0
        assert np.isnan(margins[~inside, number]).all()
        detail = index.locate_detail(points[inside, 0], points[inside, 1])
        # The scale is that of the middle here, and of each point there.
        np.testing.assert_allclose(margins[inside, number], detail.margin_m, rtol=1e-4, atol=1e-3)


def test_threads_do_not_write_into_each_others_answers(indexes, points) -> None:
    look = point_lookup(indexes, 1)
    assert look is not None
    asked = points[:2000].tolist()
    alone = [look.ask(lon, lat, 1.0, 1.0) for lon, lat in asked]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda point: look.ask(*point, 1.0, 1.0), asked * 4))
    assert repr(together) == repr(alone * 4)


def test_indexes_of_another_kind_are_left_to_the_general_way(indexes) -> None:
    one, other = shapely.box(0, 0, 2, 2), shapely.box(1, 1, 3, 3)
    overlapping = GridIndex.build(np.array([one, other]), ["a", "b"], overlap="first")
    wide = GridIndex.build(np.array([shapely.box(0, 0, 100, 50)]), ["wide"])
    assert point_lookup([indexes[0], overlapping], 1) is None
    assert point_lookup([indexes[0], wide], 1) is None
    assert clear_owner(overlapping, 0.5, 0.5, 1.0) == -1


def test_an_opened_index_answers_after_nobody_else_holds_it(tmp_path, indexes, points) -> None:
    path = tmp_path / "grids.idx"
    indexes[0].save(path)
    look = point_lookup([GridIndex.open(path)], 1)
    assert look is not None
    owners = [look.ask(lon, lat, 1.0, 1.0)[0][0] for lon, lat in points.tolist()]
    np.testing.assert_array_equal(owners, indexes[0].locate(points[:, 0], points[:, 1]))
