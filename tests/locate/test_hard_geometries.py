"""Published hard cases: GEOS's own point, overlap and validity cases, and polygons of other libraries."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import shapely

from gis.errors import GeometryError
from gis.lattice import STEPS_PER_DEGREE
from gis.locate.index import GridIndex

DATA = Path(__file__).parents[2] / ".." / "shared" / "data" / "hard_geometries"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA.name} is not beside the checkout")


def cases(name):
    return json.loads((DATA / name).read_text(encoding="utf-8"))


def to_degrees_exactly(*geometries):
    """Scale by a power of ten until all lies within degrees and on the lattice; None where nothing does."""
    xy = shapely.get_coordinates(geometries)
    for power in range(2, -9, -1):
        scale = 10.0**power * STEPS_PER_DEGREE
        if len(xy) and np.abs(xy * scale).max() <= 180 * STEPS_PER_DEGREE:
            if np.abs(xy * scale - (xy * scale).round()).max() > 1e-3:
                return None
            return [shapely.transform(g, partial(_scaled, scale=scale)) for g in geometries]
    return None


def _scaled(xy, scale):
    return (xy * scale).round() / STEPS_PER_DEGREE


def read(wkt):
    with np.errstate(all="ignore"):
        return shapely.from_wkt(wkt, on_invalid="ignore")


def is_area(geometry):
    return (
        geometry is not None and geometry.geom_type in {"Polygon", "MultiPolygon"} and not geometry.is_empty
    )


def test_points_and_polygons_of_geos():
    asked = 0
    for case in cases("geos_point_polygon_predicates.json"):
        a, b = read(case["a"]), read(case["b"])
        if a is None or b is None or not (is_area(a) ^ is_area(b)):
            continue
        polygon, point = (a, b) if is_area(a) else (b, a)
        if point.geom_type != "Point" or point.is_empty or not polygon.is_valid:
            continue
        scaled = to_degrees_exactly(polygon, point)
        if scaled is None:
            continue
        polygon, point = scaled
        status = GridIndex.build([polygon], ["p"]).locate_detail(point.x, point.y).status[0]
        first = is_area(a)
        answers = {
            "intersects": status != "outside",
            "disjoint": status == "outside",
            "touches": status == "edge",
            "contains": first and status == "inside",
            "covers": first and status != "outside",
            "within": not first and status == "inside",
            "coveredby": not first and status != "outside",
        }
        if case["op"] in answers:
            assert answers[case["op"]] == case["expected"], (case["file"], case["desc"], case["op"])
            asked += 1
    assert asked > 150


def test_overlaps_of_geos():
    asked = 0
    for case in cases("geos_area_area_predicates.json"):
        a, b = read(case["a"]), read(case["b"])
        if not (is_area(a) and is_area(b) and a.is_valid and b.is_valid):
            continue
        answers = {
            "overlaps": {True: 1}, "contains": {True: 1}, "covers": {True: 1}, "within": {True: 1},
            "coveredby": {True: 1}, "equalstopo": {True: 1},
            "disjoint": {True: 0}, "intersects": {False: 0}, "touches": {True: 0},
        }  # fmt: skip
        expected = answers.get(case["op"], {}).get(case["expected"])
        if expected is not None:
            scaled = to_degrees_exactly(a, b)
            if scaled is None:
                continue
            found = len(GridIndex.build(scaled, ["a", "b"], overlap="first").sheets) - 1
            assert found == expected, (case["file"], case["desc"], case["op"])
            asked += 1
    assert asked > 100


def test_validity_of_geos():
    asked = 0
    for case in cases("geos_validity.json"):
        shape = read(case["wkt"])
        if not is_area(shape) or not np.isfinite(shapely.get_coordinates(shape)).all():
            continue
        scaled = to_degrees_exactly(shape)
        if scaled is None:
            continue
        if case["valid"]:
            assert len(GridIndex.build(scaled, ["p"])) == 1, case["desc"]
        else:
            with pytest.raises(GeometryError):
                GridIndex.build(scaled, ["p"])
        asked += 1
    assert asked > 100


@pytest.mark.parametrize(
    ("name", "lon", "lat", "inside"),
    [
        ("hao_switzerland.geojson", 8, 46.5, True),
        ("hao_switzerland.geojson", 8, 44, False),
        ("turf_poly-with-hole.geojson", -86.69208526611328, 36.20373274711739, False),
        ("turf_poly-with-hole.geojson", -86.72229766845702, 36.20258997094334, True),
        ("turf_poly-with-hole.geojson", -86.75079345703125, 36.18527313913089, False),
        ("turf_multipoly-with-hole.geojson", -86.69208526611328, 36.20373274711739, False),
        ("turf_multipoly-with-hole.geojson", -86.72229766845702, 36.20258997094334, True),
    ],
)
def test_polygons_of_other_libraries(name, lon, lat, inside):
    shape = shapely.from_geojson((DATA / name).read_text(encoding="utf-8"))
    if isinstance(shape, shapely.GeometryCollection):
        shape = shape.geoms[0]
    index = GridIndex.build([shape], ["p"])
    assert (index.locate(lon, lat)[0] == 0) == inside


def test_a_kinked_polygon_is_refused():
    shape = shapely.from_geojson((DATA / "hao_switzerlandKinked.geojson").read_text(encoding="utf-8"))
    with pytest.raises(GeometryError, match="crosses or folds back on itself near"):
        GridIndex.build(shapely.get_parts(shape), ["Switzerland"])
