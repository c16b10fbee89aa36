"""What can be mended is mended, without parting neighbours; what cannot is refused with the reason."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.lattice import snap
from gis.layers.repair import Repaired, repair_geometries
from gis.layers.report import Action


def _mended(shapes) -> Repaired:
    return repair_geometries(shapes, kind="polygon")


def _one(wkt):
    repaired = _mended([shapely.from_wkt(wkt)])
    return repaired.geometries[0], (repaired.changes[0] if repaired.changes else None)


@pytest.mark.parametrize(
    ("wkt", "meant", "words"),
    [
        (
            "POLYGON((0 0,1 1,1 0,0 1,0 0))",
            "MULTIPOLYGON(((0 0,.5 .5,0 1,0 0)),((.5 .5,1 0,1 1,.5 .5)))",
            "self-crossing at 0.5",
        ),
        ("POLYGON((0 0,1 0,1 1,1 2,1 1,0 1,0 0))", "POLYGON((0 0,1 0,1 1,0 1,0 0))", "self-crossing"),
        ("POLYGON((0 0,1 0,1 0,1 1,0 0))", "POLYGON((0 0,1 0,1 1,0 0))", "duplicate vertices"),
        (
            "POLYGON((1 1,2 1,2 2,1 2,1 1),(0 0,5 0,5 5,0 5,0 0))",
            "POLYGON((0 0,5 0,5 5,0 5,0 0),(1 1,2 1,2 2,1 2,1 1))",
            "wrong order",
        ),
        (
            "MULTIPOLYGON(((0 0,2 0,2 2,0 2,0 0)),((1 0,3 0,3 2,1 2,1 0)))",
            "POLYGON((0 0,3 0,3 2,0 2,0 0))",
            "self-crossing",
        ),
        (
            "GEOMETRYCOLLECTION(POINT(1 1),POLYGON((0 0,1 0,1 1,0 0)))",
            "POLYGON((0 0,1 0,1 1,0 0))",
            "another kind",
        ),
        (
            "MULTIPOLYGON(((0 0,2 0,2 2,0 2,0 0)),((10 10,10.1 10,10.1 10.00000005,10 10)))",
            "POLYGON((0 0,2 0,2 2,0 2,0 0))",
            "slivers thinner than a centimetre",
        ),
    ],
)
def test_mended(wkt, meant, words):
    shape, change = _one(wkt)
    assert shape.geom_type == "MultiPolygon"
    assert shape.is_valid
    assert shape.equals(shapely.from_wkt(meant))
    assert change.action is Action.REPAIRED
    assert words in change.reason


@pytest.mark.parametrize(
    ("wkt", "words", "mend"),
    [
        ("POLYGON EMPTY", "empty", "draw it again"),
        ("POINT(1 2)", "it is a point, not a polygon", "polygons only"),
        ("LINESTRING(1 2,3 4)", "it is a line, not a polygon", "polygons only"),
        ("POLYGON((0 0,1 0,0 0,0 0))", "no area", "draw it again"),
        ("POLYGON((0 0,1e308 0,1 1,0 0))", "no place at longitude 1e+308", "draw it again"),
        ("POLYGON((40 111,41 111,41 112,40 111))", "no place at longitude 40, latitude 111", "swapped"),
        (
            "POLYGON((39500000 4500000,39500010 4500000,39500010 4500005,39500000 4500000))",
            "no place",
            "EPSG:4527",
        ),
        ("POLYGON((0 0,0.000000001 0,0 0.000000001,0 0))", "no area", "draw it again"),
    ],
)
def test_refused(wkt, words, mend):
    shape, change = _one(wkt)
    assert shape is None
    assert change.action is Action.REFUSED
    assert words in change.reason
    assert mend in change.mend


def test_null_and_not_a_number_are_refused_and_the_good_ones_stay():
    nan = shapely.Polygon([(0, 0), (1, 0), (1, 1)])
    nan = shapely.transform(nan, lambda xy: np.where(xy == 1, np.nan, xy))
    good = shapely.box(0, 0, 1, 1)
    repaired = _mended([None, nan, good])
    assert repaired.refused.tolist() == [True, True, False]
    assert repaired.geometries[2].equals(good)
    assert [change.position for change in repaired.changes] == [0, 1]


def test_tidying_is_counted_and_not_held_against_a_row():
    clockwise = shapely.from_wkt("POLYGON Z((0 0 5,0 1 5,1 1 5,0 0 5))")
    repaired = _mended([clockwise])
    assert repaired.changes == ()
    assert repaired.tidied == {"z": 1, "clockwise": 1, "single": 1}
    assert shapely.is_ccw(repaired.geometries[0].geoms[0].exterior)
    assert not repaired.geometries[0].has_z


def test_area_change_is_in_square_metres():
    # A square of 0.001° at 40.8° N, with an ear that the ring crosses itself to reach.
    shape, change = _one(
        "POLYGON((111.6 40.8,111.601 40.8,111.601 40.801,111.6 40.801,111.6 40.8),"
        "(111.6005 40.8005,111.602 40.8005,111.602 40.8006,111.6005 40.8006,111.6005 40.8005))"
    )
    ear = shapely.box(111.601, 40.8005, 111.602, 40.8006)
    outside = abs(pyproj.Geod(ellps="GRS80").geometry_area_perimeter(ear)[0])
    assert shape.is_valid
    assert abs(change.area_change_m2) == pytest.approx(outside, rel=1e-4)


def test_neighbours_of_a_mended_polygon_get_its_new_vertex():
    # The left ring crosses its own border on the edge that it shares with the right one.
    left = shapely.from_wkt("POLYGON((0 0,1 0,1 1,0 1,0 0))")
    crossed = shapely.from_wkt("POLYGON((0 0,1 0,1 1,0.9 0.5,1.1 0.4,0.9 0.3,0 1,0 0))")
    right = shapely.from_wkt("POLYGON((1 0,2 0,2 1,1 1,1 0))")
    repaired = _mended([crossed, right])
    new = {tuple(xy) for xy in shapely.get_coordinates(repaired.geometries[0]).tolist()}
    border = {xy for xy in new if xy[0] == 1 and 0 < xy[1] < 1}
    assert border, "the case must make vertices on the shared edge"
    assert border <= {tuple(xy) for xy in shapely.get_coordinates(repaired.geometries[1]).tolist()}
    assert repaired.geometries[1].equals(right)
    assert left.is_valid


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_a_coverage_stays_one_through_snapping(seed):
    """Random triangles that tile a square, at coordinates off the lattice: no gap, no overlap arises."""
    rng = np.random.default_rng(seed)
    points = shapely.multipoints([111.6, 40.8] + rng.random((40, 2)) * 0.01 / 3)
    tiles = shapely.get_parts(shapely.delaunay_triangles(points))
    before = shapely.coverage_is_valid(tiles)
    repaired = _mended(tiles)
    assert before
    assert not repaired.refused.any()
    assert shapely.coverage_is_valid(repaired.geometries)
    assert (snap(repaired.geometries) == repaired.geometries).all()


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=3, max_size=14))
@settings(max_examples=300, deadline=None)
def test_any_ring_ends_valid_on_the_lattice_or_is_refused(ring):
    polygon = shapely.Polygon([(111.6 + x * 1e-8 * 3, 40.8 + y * 1e-8) for x, y in ring])
    repaired = _mended([polygon])
    shape = repaired.geometries[0]
    if shape is None:
        assert repaired.changes[0].action is Action.REFUSED
        return
    assert shape.is_valid
    assert shape.area > 0
    assert shape.geom_type == "MultiPolygon"
    assert (shapely.get_coordinates(snap(shape)) == shapely.get_coordinates(shape)).all()


def test_a_second_repair_finds_nothing(shared_data):
    for name in ("surrey/lsoa2011_surrey", "aberdeen/aberdeen_dz", "hard_geometries/hao_switzerlandKinked"):
        document = json.loads((shared_data / f"{name}.geojson").read_text())
        features = document.get("features", [document])
        shapes = shapely.from_geojson([json.dumps(f["geometry"]) for f in features])
        once = _mended(shapes)
        assert not once.refused.any()
        again = _mended(once.geometries)
        assert again.changes == ()
        assert shapely.equals_identical(again.geometries, once.geometries).all()


def test_the_two_invalid_rings_of_surrey(shared_data):
    frame = gpd.read_file(shared_data / "surrey" / "lsoa2011_surrey.geojson")
    repaired = _mended(frame.geometry.to_numpy())
    assert [(change.position, change.action) for change in repaired.changes] == [
        (238, Action.REPAIRED),
        (543, Action.REPAIRED),
    ]
    assert all(abs(change.area_change_m2) < 1 for change in repaired.changes)


def test_every_invalid_case_of_geos_ends_valid_or_refused(shared_data):
    cases = json.loads((shared_data / "hard_geometries" / "geos_validity.json").read_text())
    texts = [str(value) for case in cases for value in case.values() if "POLYGON" in str(value)]
    with np.errstate(invalid="ignore"):
        shapes = shapely.from_wkt(texts, on_invalid="fix")
    shapes = np.array(
        [shape for shape in shapes if shape is not None and shape.geom_type.endswith("Polygon")]
    )
    assert len(shapes) > 100
    repaired = repair_geometries(shapes, kind="polygon")
    kept = repaired.geometries[~repaired.refused]
    assert shapely.is_valid(kept).all()
    assert (shapely.area(kept) > 0).all()


def test_lines_and_points():
    lines = repair_geometries(
        shapely.from_wkt(["LINESTRING(1 2,1 2,3 4)", "LINESTRING(0 0,0 0)", "POINT(1 1)"]), kind="line"
    )
    assert lines.refused.tolist() == [False, True, True]
    assert lines.geometries[0].wkt == "MULTILINESTRING ((1 2, 3 4))"
    points = repair_geometries(
        shapely.from_wkt(["POINT Z(1 2 3)", "MULTIPOINT((1 2))", "MULTIPOINT((1 2),(3 4))"])
    )
    assert points.refused.tolist() == [False, False, True]
    assert "several points" in points.changes[0].reason
    assert {point.wkt for point in points.geometries[:2]} == {"POINT (1 2)"}


def test_missing_may_be_allowed():
    repaired = repair_geometries([None, shapely.Polygon(), shapely.box(0, 0, 1, 1)], optional=True)
    assert repaired.changes == ()
    assert repaired.geometries[1] is None
    assert repair_geometries([]).geometries.shape == (0,)
