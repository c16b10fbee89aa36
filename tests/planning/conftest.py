from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pytest
import shapely

from gis.crs import metres_per_degree
from gis.lattice import snap

DATA = Path(__file__).parents[2].parent / "shared" / "data"

COMMUNITY = "150103002001"
LON, LAT = 111.0, 40.8
"""A corner on a central meridian of the 3-degree zones, so that metres are true there."""


def _box(x0: float, y0: float, x1: float, y1: float) -> shapely.Polygon:
    """Make a box of metres east and north of the corner, on the lattice."""
    east, north = metres_per_degree(LAT)
    return snap(shapely.box(LON + x0 / east, LAT + y0 / north, LON + x1 / east, LAT + y1 / north))


def _shape(*points: tuple[float, float]) -> shapely.Polygon:
    east, north = metres_per_degree(LAT)
    return snap(shapely.Polygon([(LON + x / east, LAT + y / north) for x, y in points]))


def _place(shape: shapely.Geometry) -> shapely.Geometry:
    east, north = metres_per_degree(LAT)
    return snap(shapely.transform(shape, lambda xy: xy / (east, north) + (LON, LAT)))


def _frame(shapes, **columns) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns, geometry=np.asarray(shapes, dtype=object), crs=4490)


def _grids(*shapes, **columns) -> gpd.GeoDataFrame:
    codes = [f"{COMMUNITY}{serial:03d}" for serial in range(1, len(shapes) + 1)]
    return _frame(shapes, **{"grid_code": codes, **columns})


@pytest.fixture
def town() -> SimpleNamespace:
    """Ways to draw small places in metres."""
    return SimpleNamespace(
        box=_box, shape=_shape, place=_place, frame=_frame, grids=_grids, community_code=COMMUNITY
    )


@pytest.fixture(scope="session")
def aberdeen() -> SimpleNamespace:
    """The output areas (our names, ``point`` their centre of population) and the official zones."""
    folder = DATA / "aberdeen"
    if not folder.is_dir():
        pytest.skip("the Aberdeen data set is not beside the project")
    units = gpd.read_file(folder / "aberdeen_oa.geojson").rename(
        columns={"code": "unit_id", "HHcount": "households", "Popcount": "residents"}
    )
    zones = gpd.read_file(folder / "aberdeen_dz.geojson").rename(columns={"DZ_CODE": "grid_code"})
    centres = gpd.GeoSeries(
        gpd.points_from_xy(units["easting"].astype(float), units["northing"].astype(float)), crs=27700
    ).to_crs(4326)
    units["point"] = centres
    sound = zones.geometry.make_valid().to_numpy()
    unit, zone = shapely.STRtree(sound).query(centres.to_numpy(), predicate="intersects")
    labels = np.full(len(units), -1, dtype=np.int64)
    labels[unit] = zone
    return SimpleNamespace(units=units, zones=zones, labels=labels)


@pytest.fixture(scope="session")
def shanghai() -> Path:
    """The folder of the Shanghai street map."""
    folder = DATA / "shanghai_osm"
    if not folder.is_dir():
        pytest.skip("the Shanghai data set is not beside the project")
    return folder
