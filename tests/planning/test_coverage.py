"""Random divisions with one known fault put in: that fault is found, and no other."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from gis.lattice import STEPS_PER_DEGREE, snap, to_lattice
from gis.planning.coverage import build_mosaic, find_overlaps, find_voids
from gis.planning.measure import Metres
from gis.planning.rules import check_division

QUIET = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SEEDS = st.integers(0, 2**32 - 1)


def tessellation(seed: int, turn: float = 0.3) -> tuple[np.ndarray, shapely.Polygon]:
    """Cut a turned rectangle of about 1 km into random cells, and snap cells and rectangle to the lattice.

    Turned, so that where a cell meets the long side of the rectangle its corner is rounded beside that side.
    """
    random = np.random.default_rng(seed)
    frame = shapely.box(0, 0, 0.01, 0.008)
    cells = np.zeros(0, dtype=object)
    while len(cells) < 3 or shapely.area(cells).min() < 1e-9:
        sites = shapely.multipoints(random.uniform(0.0, 0.01, (int(random.integers(3, 14)), 2)))
        cells = shapely.get_parts(shapely.voronoi_polygons(sites, extend_to=frame))
        cells = shapely.intersection(cells, frame)
        cells = cells[~shapely.is_empty(cells)]
    turned = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])

    def place(xy: np.ndarray) -> np.ndarray:
        return xy @ turned + [111.0, 40.8]

    cells = snap(shapely.transform(cells, place))
    whole = snap(shapely.transform(frame, place))
    return cells, whole


def frame_of(cells) -> gpd.GeoDataFrame:
    codes = [f"150103002001{serial:03d}" for serial in range(1, len(cells) + 1)]
    return gpd.GeoDataFrame({"grid_code": codes}, geometry=np.asarray(cells, dtype=object), crs=4490)


def check(cells, whole):
    community = gpd.GeoDataFrame({"division_code": ["150103002001"]}, geometry=[whole], crs=4490)
    return check_division(frame_of(cells), community=community).violations


def patch(cell: shapely.Polygon, size: float = 2e-5) -> shapely.Polygon:
    """Draw a small square well inside a cell."""
    disc = shapely.maximum_inscribed_circle(cell)
    assume(shapely.length(disc) > 4 * size)
    middle = shapely.get_coordinates(disc)[0]
    return snap(shapely.box(*(middle - size / 2), *(middle + size / 2)))


def metres(*shapes) -> float:
    return float(Metres.of(np.array(shapes)).area_m2(np.array(shapes)).sum())


@QUIET
@given(seed=SEEDS, turn=st.floats(0, 3))
def test_a_random_division_has_no_fault_however_it_was_rounded(seed, turn):
    cells, whole = tessellation(seed, turn)
    assert check(cells, whole) == ()


@QUIET
@given(seed=SEEDS)
def test_a_hole_is_found_with_its_area(seed):
    cells, whole = tessellation(seed)
    gone = patch(cells[0])
    cells[0] = shapely.difference(cells[0], gone)
    (found,) = check(cells, whole)
    assert (found.rule, found.subjects) == ("hole", ("150103002001001",))
    assert found.area_m2 == pytest.approx(metres(gone), rel=1e-6)


@QUIET
@given(seed=SEEDS)
def test_an_islet_given_to_another_grid_is_two_parts_and_nothing_else(seed):
    cells, whole = tessellation(seed)
    islet = patch(cells[0])
    cells[0] = shapely.difference(cells[0], islet)
    cells[1] = shapely.union(cells[1], islet)
    (found,) = check(cells, whole)
    assert (found.rule, found.subjects) == ("parts", ("150103002001002",))
    assert found.area_m2 == pytest.approx(metres(islet), rel=1e-6)


@QUIET
@given(seed=SEEDS)
def test_an_overlap_is_found_with_its_area(seed):
    cells, whole = tessellation(seed)
    shared = patch(cells[0])
    cells[1] = shapely.union(cells[1], shared)
    found = {violation.rule: violation for violation in check(cells, whole)}
    assert set(found) == {"overlap", "parts"}
    assert found["overlap"].subjects == ("150103002001001", "150103002001002")
    assert found["overlap"].area_m2 == pytest.approx(metres(shared), rel=1e-6)


@QUIET
@given(seed=SEEDS)
def test_a_missing_grid_leaves_its_land_uncovered(seed):
    cells, whole = tessellation(seed)
    found = check(cells[1:], whole)
    assert {violation.rule for violation in found} <= {"gap", "uncovered", "hole"}
    assert sum(violation.area_m2 for violation in found) == pytest.approx(metres(cells[0]), rel=1e-6)


@QUIET
@given(seed=SEEDS)
def test_a_grid_beyond_the_border_is_outside(seed):
    cells, whole = tessellation(seed)
    # Half the land becomes the community; what the grids have beyond it is outside.
    x0, y0, x1, y1 = shapely.bounds(whole)
    half = snap(shapely.intersection(whole, shapely.box(x0, y0, (x0 + x1) / 2, y1)))
    found = check(cells, half)
    assert {violation.rule for violation in found} == {"outside"}
    expected = metres(whole) - metres(half)
    assert sum(violation.area_m2 for violation in found) == pytest.approx(expected, rel=1e-5)


@QUIET
@given(seed=SEEDS, steps=st.integers(2, 40), angle=st.floats(0, 2 * np.pi))
def test_a_corner_that_moved_by_millimetres_in_one_grid_is_found(seed, steps, angle):
    cells, whole = tessellation(seed)
    coordinates = shapely.get_coordinates(cells[0])
    corner = coordinates[
        int(np.argmax([shapely.distance(shapely.points(p), shapely.boundary(whole)) for p in coordinates]))
    ]
    assume(shapely.distance(shapely.points(corner), shapely.boundary(whole)) > 1e-5)
    shift = np.rint(np.array([np.cos(angle), np.sin(angle)]) * steps)
    moved = (to_lattice(corner) + shift) / STEPS_PER_DEGREE
    before = cells[0]
    cells[0] = shapely.transform(before, lambda xy: np.where((xy == corner).all(axis=1)[:, None], moved, xy))
    assume(shapely.is_valid(cells[0]))
    found = check(cells, whole)
    assert {violation.rule for violation in found} <= {"gap", "overlap", "hole"}
    net = sum(v.area_m2 if v.rule != "overlap" else -v.area_m2 for v in found)
    # What rounding hides is at most half a step along the two edges that moved.
    hidden = float(Metres.of(cells).length_m(cells[:1])[0]) * 0.0006
    assert net == pytest.approx(metres(before) - metres(cells[0]), abs=hidden)
    grown = metres(shapely.symmetric_difference(before, cells[0]))
    if grown > 2 * hidden:
        assert found


def test_faces_of_the_mosaic_come_back_in_degrees():
    cells, whole = tessellation(5)
    mosaic = build_mosaic(np.append(cells, whole))
    assert len(find_overlaps(mosaic.polygons[:-1])) == 0
    pieces, reaches = find_voids(mosaic.polygons[1:-1], mosaic.polygons[-1])
    assert len(pieces) == len(reaches)
    back = mosaic.to_degrees(pieces.geometry)
    assert shapely.area(back).sum() == pytest.approx(cells[0].area, rel=1e-6)


def test_nothing_in_nothing_out():
    mosaic = build_mosaic(np.zeros(0, dtype=object))
    assert mosaic.joined == 0
    assert len(find_overlaps(mosaic.polygons)) == 0
