"""Agreement with GEOS on real boundaries, and of the index with and without numba in a fresh process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from sqlalchemy import text

from gis.lattice import snap, to_degrees, to_lattice
from gis.locate.index import GridIndex
from gis.locate.uncertainty import candidates
from tests.locate.shapes import hostile_points, wavy_grids

ROOT = Path(__file__).parents[2]


def polygons_of(path):
    """Read a boundary file, mend what is invalid, and keep the areas."""
    shapes = shapely.make_valid(gpd.read_file(path).geometry.to_numpy())
    areas = [
        shapely.MultiPolygon(
            [p for g in shapely.get_parts([s]) for p in shapely.get_parts(g) if p.geom_type == "Polygon"]
        )
        for s in shapes
    ]
    snapped = snap(np.array(areas))
    return snapped[shapely.is_valid(snapped)]


@pytest.mark.parametrize("name", ["surrey/lsoa2011_surrey.geojson", "aberdeen/aberdeen_oa.geojson"])
def test_agrees_with_geos_on_real_boundaries(shared_data, name):
    polygons = polygons_of(shared_data / name)
    index = GridIndex.build(polygons, [str(i) for i in range(len(polygons))], overlap="first")
    lon, lat = hostile_points(polygons, 30_000, np.random.default_rng(50))
    lon, lat = to_degrees(to_lattice(lon)), to_degrees(to_lattice(lat))
    found = index.locate(lon, lat)
    points = shapely.points(lon, lat)
    tree = shapely.STRtree(polygons)
    point, polygon = tree.query(points, predicate="intersects")
    first = np.full(len(points), len(polygons))
    np.minimum.at(first, point, polygon)
    expected = np.where(first < len(polygons), first, -1)
    # GEOS sees doubles, we see the lattice: within one step of an edge the two may differ.
    beside, _ = shapely.STRtree(shapely.boundary(polygons)).query(
        points, predicate="dwithin", distance=1.5e-8
    )
    clear = np.ones(len(points), dtype=bool)
    clear[beside] = False
    assert clear.sum() > 10_000
    np.testing.assert_array_equal(found[clear], expected[clear])
    assert (found[point] >= 0).all(), "a point of the closed land has no owner"


def test_without_numba_the_answers_are_the_same(tmp_path):
    """The whole way in a process that cannot import numba at all."""
    polygons = wavy_grids(6, 6, 5, np.random.default_rng(51))
    index = GridIndex.build(polygons, [str(i) for i in range(36)])
    lon, lat = hostile_points(polygons, 3000, np.random.default_rng(52))
    lon, lat = np.append(lon, [np.nan, 200.0]), np.append(lat, [34.0, 0.0])
    index.save(tmp_path / "index")
    np.save(tmp_path / "points.npy", np.stack([lon, lat]))
    program = f"""
import sys
sys.modules["numba"] = None
import numpy as np
from gis.locate import kernels
from gis.locate.index import GridIndex
from gis.locate.uncertainty import candidates
assert not kernels.COMPILED
index = GridIndex.open({str(tmp_path / "index")!r})
lon, lat = np.load({str(tmp_path / "points.npy")!r})
detail = index.locate_detail(lon, lat)
some = candidates(index, lon[:50], lat[:50], 40.0)
np.savez({str(tmp_path / "answers.npz")!r}, owner=index.locate(lon, lat), margin=detail.margin_m,
         nearest=detail.nearest, distance=detail.distance_m, status=detail.status, touching=detail.touching,
         position=some.position, probability=some.probability)
"""
    subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=ROOT,
        env={**os.environ, "WANGGE_WITHOUT_NUMBA": "1"},
        check=True,
    )
    answers = np.load(tmp_path / "answers.npz")
    detail = index.locate_detail(lon, lat)
    some = candidates(index, lon[:50], lat[:50], 40.0)
    np.testing.assert_array_equal(answers["owner"], index.locate(lon, lat))
    np.testing.assert_array_equal(answers["nearest"], detail.nearest)
    np.testing.assert_array_equal(answers["status"], detail.status)
    np.testing.assert_array_equal(answers["touching"], detail.touching)
    np.testing.assert_allclose(answers["margin"], detail.margin_m, atol=1e-6)
    np.testing.assert_allclose(answers["distance"], detail.distance_m, atol=1e-6)
    np.testing.assert_array_equal(answers["position"], some.position)
    np.testing.assert_allclose(answers["probability"], some.probability, atol=1e-9)


@pytest.mark.database
def test_agrees_with_postgis(database):
    """Apart from points within one lattice unit of an edge, PostGIS's ST_Intersects finds the same owner."""
    polygons = wavy_grids(7, 7, 8, np.random.default_rng(53))
    index = GridIndex.build(polygons, [str(i) for i in range(len(polygons))])
    lon, lat = hostile_points(polygons, 12_000, np.random.default_rng(54))
    lon, lat = to_degrees(to_lattice(lon)), to_degrees(to_lattice(lat))
    with database.engine.begin() as connection:
        connection.execute(text("CREATE TEMP TABLE area (n int, shape geometry)"))
        connection.execute(text("CREATE TEMP TABLE place (n int, spot geometry)"))
        connection.execute(
            text("INSERT INTO area VALUES (:n, ST_GeomFromWKB(:wkb))"),
            [{"n": n, "wkb": wkb} for n, wkb in enumerate(shapely.to_wkb(polygons))],
        )
        connection.execute(
            text(
                "INSERT INTO place SELECT n - 1, ST_Point(x, y) "
                "FROM unnest(:x, :y) WITH ORDINALITY t(x, y, n)"
            ),
            {"x": lon.tolist(), "y": lat.tolist()},
        )
        pairs = connection.execute(
            text("SELECT p.n, a.n FROM place p JOIN area a ON ST_Intersects(a.shape, p.spot)")
        ).all()
    point, polygon = np.array(pairs).T
    first = np.full(len(lon), -1)
    np.maximum.at(first, point, polygon)
    beside, _ = shapely.STRtree(shapely.boundary(polygons)).query(
        shapely.points(lon, lat), predicate="dwithin", distance=1.5e-8
    )
    clear = np.ones(len(lon), dtype=bool)
    clear[beside] = False
    assert clear.sum() > 4000
    found = index.locate(lon, lat)
    np.testing.assert_array_equal(found[clear], first[clear])
    # On an edge PostGIS names all that intersect; ours is one of them.
    named = set(map(tuple, pairs))
    exact = index.locate_detail(lon, lat).status == "edge"
    vertices = {tuple(v) for v in to_lattice(shapely.get_coordinates(polygons)).tolist()}
    at_vertex = [
        i for i in np.flatnonzero(exact) if (to_lattice(lon[i]).item(), to_lattice(lat[i]).item()) in vertices
    ]
    assert len(at_vertex) > 500
    assert all((i, int(found[i])) in named for i in at_vertex)
