from __future__ import annotations

import numpy as np
import pyproj
import pytest
import shapely

from gis.demo.ground import Ground, as_multi, blocks, densify, flow
from gis.lattice import snap

FLAT = Ground(111.62, 40.81, 1000, 800)
BENT = Ground(111.62, 40.81, 1000, 800, turn=-4, bend=24)


def test_a_flat_board_keeps_its_lengths_on_the_ellipsoid():
    corners = FLAT.degrees(FLAT.metres([[0, 0], [1000, 0], [0, 800]]))
    geod = pyproj.Geod(ellps="GRS80")
    east = geod.inv(*corners[0], *corners[1])[2]
    north = geod.inv(*corners[0], *corners[2])[2]
    assert east == pytest.approx(1000, rel=2e-4)
    assert north == pytest.approx(800, rel=2e-4)


def test_what_is_placed_lies_on_the_lattice():
    placed = BENT.place(shapely.box(10, 10, 700, 500))
    assert shapely.equals_exact(placed, snap(placed), tolerance=0)


def test_blocks_that_meet_on_the_board_meet_on_the_ground_vertex_by_vertex():
    frame = [(0, 0), (500, 0), (1000, 0), (1000, 800), (500, 800), (0, 800), (0, 400), (0, 0)]
    lines = [
        densify(frame, 30),
        densify([(500, 0), (500, 400), (500, 800)], 30),
        densify([(0, 400), (500, 400)], 30),
    ]
    cut = blocks([shapely.linestrings(line) for line in lines])
    assert len(cut) == 3
    assert shapely.coverage_is_valid(BENT.place(cut))


def test_houses_keep_their_shape_and_turn_with_the_board():
    outline = np.array([[-20.0, -6], [20, -6], [20, 6], [-20, 6]])
    at = np.array([[200.0, 300.0], [800.0, 650.0]])
    heading = BENT.heading(at)
    houses = BENT.set_down([outline, outline], at, heading)
    geod = pyproj.Geod(ellps="GRS80")
    for house, turned in zip(houses, heading, strict=True):
        assert abs(geod.geometry_area_perimeter(house)[0]) == pytest.approx(480, rel=1e-3)
        (x0, y0), (x1, y1) = house.exterior.coords[0], house.exterior.coords[1]
        azimuth, _, length = geod.inv(x0, y0, x1, y1)
        assert length == pytest.approx(40, rel=1e-3)
        assert azimuth == pytest.approx(90 - np.degrees(turned), abs=0.2)


def test_densify_and_flow_keep_the_vertices_that_they_are_given():
    path = np.array([[0.1, 0.2], [100.3, 7.7], [130.9, 90.4]])
    for made in (densify(path, 9), flow(path, 6)):
        assert {tuple(at) for at in path} <= {tuple(at) for at in made}
    assert np.hypot(*np.diff(densify(path, 9), axis=0).T).max() <= 9 + 1e-9


def test_as_multi_makes_every_kind_multi_with_outer_rings_anticlockwise():
    clockwise = shapely.Polygon([(0, 0), (0, 1), (1, 1), (1, 0)])
    line = shapely.LineString([(0, 0), (1, 0)])
    made = as_multi([clockwise, line, shapely.MultiPolygon([clockwise])])
    assert [shape.geom_type for shape in made] == ["MultiPolygon", "MultiLineString", "MultiPolygon"]
    assert shapely.is_ccw(made[0].geoms[0].exterior)
