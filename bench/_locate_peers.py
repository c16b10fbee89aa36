"""The same question put to other tools, each the way that is fastest for it.

Points and grids are in each tool's own form before the clock starts; what is timed is the join alone, and
building the tool's index where it can be built apart. Each answers pairs of a point and a grid; their
number is compared, so that nobody wins by answering something else.
"""

from __future__ import annotations

import importlib
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Shapes = NDArray[np.object_]


@dataclass(frozen=True)
class Measure:
    """What one tool took: seconds for its index (0 where it cannot be told), for the join, and its pairs."""

    build_s: float
    join_s: float
    pairs: int


class Absent(Exception):  # noqa: N818 - not an error: the reason stands in the table
    """Why a peer was not measured."""


def _best(run: Callable[[], Any], repeats: int = 2) -> tuple[float, Any]:
    best, answer = np.inf, None
    for _ in range(repeats):
        start = time.perf_counter()
        answer = run()
        best = min(best, time.perf_counter() - start)
    return best, answer


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise Absent(f"{name} is not installed") from None


def shapely_tree(grids: Shapes, lon: Floats, lat: Floats) -> Measure:
    """Measure shapely's STRtree with prepared polygons, both cores."""
    from concurrent.futures import ThreadPoolExecutor

    start = time.perf_counter()
    tree = shapely.STRtree(grids)
    tree.query(shapely.Point(0, 0))
    build = time.perf_counter() - start
    halves = np.array_split(shapely.points(lon, lat), 2)
    with ThreadPoolExecutor(2) as pool:
        seconds, found = _best(lambda: list(pool.map(lambda p: tree.query(p, predicate="within"), halves)))
    return Measure(build, seconds, sum(pairs.shape[1] for pairs in found))


def geopandas_sjoin(grids: Shapes, lon: Floats, lat: Floats) -> Measure:
    """Measure ``geopandas.sjoin``; it has no threads of its own."""
    import geopandas as gpd

    points = gpd.GeoDataFrame(geometry=gpd.points_from_xy(lon, lat, crs=4490))
    areas = gpd.GeoDataFrame(geometry=grids, crs=4490)
    seconds, found = _best(lambda: gpd.sjoin(points, areas, predicate="within"))
    return Measure(0.0, seconds, len(found))


def duckdb_spatial(grids: Shapes, lon: Floats, lat: Floats) -> Measure:
    """Measure DuckDB's spatial join operator, tables in memory."""
    duckdb = _module("duckdb")
    home = Path(_module("duckdb_extension_spatial").__file__).parent
    extension = next(home.rglob("spatial.duckdb_extension"))
    connection = duckdb.connect(config={"threads": 2, "allow_unsigned_extensions": True})
    connection.execute(f"LOAD '{extension}'")
    connection.register("areas", pa.table({"grid": np.arange(len(grids)), "wkb": shapely.to_wkb(grids)}))
    connection.register("places", pa.table({"lon": lon, "lat": lat}))
    connection.execute("CREATE TABLE grids AS SELECT grid, ST_GeomFromWKB(wkb) AS shape FROM areas")
    connection.execute("CREATE TABLE points AS SELECT ST_Point(lon, lat) AS place FROM places")
    query = "SELECT count(grid) FROM points JOIN grids ON ST_Within(place, shape)"
    seconds, pairs = _best(lambda: connection.execute(query).fetchone()[0])
    return Measure(0.0, seconds, pairs)


def sedona_db(grids: Shapes, lon: Floats, lat: Floats) -> Measure:
    """Measure SedonaDB's spatial join, both cores (its plan has two partitions)."""
    context = _module("sedonadb").connect()
    areas = pa.table({"grid": np.arange(len(grids)), "wkb": pa.array(shapely.to_wkb(grids), pa.binary())})
    context.create_data_frame(areas).to_view("areas")
    context.sql("SELECT grid, ST_GeomFromWKB(wkb) AS shape FROM areas").to_memtable().to_view("grids")
    context.create_data_frame(pa.table({"lon": lon, "lat": lat})).to_view("places")
    context.sql("SELECT ST_Point(lon, lat) AS place FROM places").to_memtable().to_view("points")
    # Its best form of those that it offers: 1.4 to 1.7 times as fast as its own default, and twice GEOS.
    context.sql("SET sedona.spatial_join.execution_mode = 'prepare_build'").to_arrow_table()
    context.sql("SET sedona.spatial_join.tg.index_type = 'natural'").to_arrow_table()
    query = "SELECT count(grid) AS n FROM points JOIN grids ON ST_Within(points.place, grids.shape)"
    seconds, table = _best(lambda: context.sql(query).to_arrow_table(), 3)
    return Measure(0.0, seconds, table["n"][0].as_py())


def polars_st(grids: Shapes, lon: Floats, lat: Floats) -> Measure:
    """Measure polars-st's sjoin."""
    st, pl = _module("polars_st"), _module("polars")
    areas = pl.DataFrame({"grid": np.arange(len(grids)), "geometry": list(shapely.to_wkb(grids))})
    points = pl.DataFrame({"geometry": list(shapely.to_wkb(shapely.points(lon, lat)))})
    areas, points = st.GeoDataFrame(areas), st.GeoDataFrame(points)
    seconds, found = _best(lambda: points.st.sjoin(areas, on="geometry", predicate="within"))
    return Measure(0.0, seconds, len(found))


def postgis(grids: Shapes, lon: Floats, lat: Floats, *, pieces: bool) -> Measure:
    """Measure PostGIS with a GiST index on the grids, or on pieces of them by ST_Subdivide."""
    url = os.environ.get("WANGGE_BENCH_DATABASE_URL")
    if url:
        return _ask_postgis(url, grids, lon, lat, pieces=pieces)
    from gis.layers.embedded import Cluster, find_programs

    if not find_programs():
        raise Absent("no PostGIS here, and WANGGE_BENCH_DATABASE_URL is not set")
    with tempfile.TemporaryDirectory(prefix="wangge-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        with Cluster(folder / "pg", durable=False).running() as started:
            return _ask_postgis(started, grids, lon, lat, pieces=pieces)


def _ask_postgis(url: str, grids: Shapes, lon: Floats, lat: Floats, *, pieces: bool) -> Measure:
    import psycopg

    url = url.replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS postgis")
        cursor.execute("SET max_parallel_workers_per_gather = 2")
        cursor.execute("CREATE TEMP TABLE areas (grid int, shape geometry)")
        with cursor.copy("COPY areas FROM STDIN") as copy:
            for number, wkb in enumerate(shapely.to_wkb(grids, hex=True)):
                copy.write_row((number, wkb))
        cursor.execute("CREATE UNLOGGED TABLE IF NOT EXISTS bench_points (place geometry)")
        cursor.execute("TRUNCATE bench_points")
        with cursor.copy("COPY bench_points FROM STDIN") as copy:
            for wkb in shapely.to_wkb(shapely.points(lon, lat), hex=True):
                copy.write_row((wkb,))
        cursor.execute("DROP TABLE IF EXISTS bench_grids")
        start = time.perf_counter()
        shape = "ST_Subdivide(shape, 16)" if pieces else "shape"
        cursor.execute(f"CREATE UNLOGGED TABLE bench_grids AS SELECT grid, {shape} AS shape FROM areas")
        cursor.execute("CREATE INDEX ON bench_grids USING gist (shape)")
        build = time.perf_counter() - start
        cursor.execute("ANALYZE bench_grids, bench_points")
        predicate = "ST_Intersects" if pieces else "ST_Contains"
        query = f"SELECT count(grid) FROM bench_points p JOIN bench_grids g ON {predicate}(g.shape, p.place)"
        seconds, row = _best(lambda: cursor.execute(query).fetchone())
        cursor.execute("DROP TABLE bench_grids, bench_points")
    return Measure(build, seconds, row[0])


PEERS = {
    "shapely STRtree, 2 threads": (shapely_tree, 300_000),
    "geopandas.sjoin": (geopandas_sjoin, 300_000),
    "DuckDB spatial": (duckdb_spatial, 1_000_000),
    "SedonaDB": (sedona_db, 4_000_000),
    "polars-st": (polars_st, 300_000),
    "PostGIS, GiST": (lambda *a: postgis(*a, pieces=False), 200_000),
    "PostGIS, ST_Subdivide": (lambda *a: postgis(*a, pieces=True), 200_000),
}
"""Tool → how to ask it, and how many points it is given (a rate is what counts)."""
