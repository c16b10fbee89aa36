"""Datums: the published vectors, exact inverses, refusal of what is not named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from gis import crs
from gis.errors import CrsError

GEOD = pyproj.Geod(ellps="GRS80")
IN_CHINA = st.tuples(st.floats(73, 136), st.floats(4, 54))


def metres(a: tuple[np.ndarray, np.ndarray], b: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return GEOD.inv(a[0], a[1], b[0], b[1])[2]


@pytest.mark.parametrize(("name", "datum"), [("GCJ02", crs.GCJ02), ("BD09", crs.BD09)])
def test_the_664_published_cities_agree_within_a_metre(
    shared_data: Path, name: str, datum: crs.Datum
) -> None:
    cities = json.loads((shared_data / "gcj_vectors" / "gcoord_664_cities.json").read_text(encoding="utf-8"))
    wgs84 = np.array([city["coords"]["WGS84"] for city in cities]).T
    shifted = np.array([city["coords"][name] for city in cities]).T
    assert len(cities) == 664
    assert metres(crs.from_storage(*wgs84, datum), tuple(shifted)).max() < 1
    assert metres(crs.to_storage(*shifted, datum), tuple(wgs84)).max() < 1


@pytest.mark.parametrize("datum", [crs.GCJ02, crs.BD09], ids=lambda datum: datum.name)
@given(points=st.lists(IN_CHINA, min_size=1, max_size=20))
def test_there_and_back_is_the_same_point(datum: crs.Datum, points: list[tuple[float, float]]) -> None:
    lon, lat = np.array(points).T
    back = crs.to_storage(*crs.from_storage(lon, lat, datum), datum)
    assert np.abs(back[0] - lon).max() < 1e-9
    assert np.abs(back[1] - lat).max() < 1e-9


def test_the_shift_in_hohhot_is_one_to_four_grids() -> None:
    here = (np.array([111.62]), np.array([40.81]))
    assert 350 < metres(here, crs.from_storage(*here, crs.GCJ02))[0] < 750
    assert 850 < metres(here, crs.from_storage(*here, crs.BD09))[0] < 1500


def test_gcj02_is_the_identity_outside_china() -> None:
    london = (np.array([-0.12]), np.array([51.5]))
    for datum in (crs.GCJ02, crs.BD09):
        assert np.allclose(crs.from_storage(*london, datum), london, atol=0)
        assert np.allclose(crs.to_storage(*london, datum), london, atol=0)


def test_what_is_not_finite_stays_so_and_harms_no_other_row() -> None:
    lon, lat = np.array([np.nan, 111.62, np.inf]), np.array([40.0, 40.81, 40.0])
    back = crs.to_storage(*crs.from_storage(lon, lat, crs.GCJ02), crs.GCJ02)
    assert np.isfinite(back[0]).tolist() == [False, True, False]
    assert abs(back[0][1] - 111.62) < 1e-9


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("CGCS2000", "cgcs2000"),
        ("epsg:4490", "cgcs2000"),
        ("4326", "wgs84"),
        ("GCJ-02", "gcj02"),
        ("EPSG:4527", "epsg:4527"),
    ],
)
def test_names_are_read_whatever_their_case(text: str, name: str) -> None:
    assert crs.parse_crs(text).name == name


@pytest.mark.parametrize("text", [None, "", "  ", "wgs", "EPSG:1", "4490.0", "火星", "EPSG:99999999999"])
def test_an_unknown_datum_is_refused_never_guessed(text: str | None) -> None:
    with pytest.raises(CrsError) as caught:
        crs.parse_crs(text, where="--crs")
    assert caught.value.where == "--crs"
    assert "gcj02" in str(caught.value.mend)


def test_a_metric_zone_has_easting_first() -> None:
    zone = crs.parse_crs("EPSG:4546")  # 3-degree zone around 111°E, official axes northing first
    x, y = crs.from_storage([111.62], [40.81], zone)
    assert 500_000 < x[0] < 600_000
    assert 4_500_000 < y[0] < 4_600_000
    back = crs.to_storage(x, y, zone)
    assert abs(back[0][0] - 111.62) < 1e-9


def test_a_system_on_another_datum_is_shifted_not_only_projected() -> None:
    # The worked example of the Ordnance Survey's guide: 651409.903 E, 313177.270 N in OSGB36.
    lon, lat = crs.to_storage([651409.903], [313177.270], crs.parse_crs("EPSG:27700"))
    true = (np.array([1 + 42 / 60 + 57.8663 / 3600]), np.array([52 + 39 / 60 + 28.8282 / 3600]))
    assert metres((lon, lat), true)[0] < 10  # without the shift it is some 120 m


@pytest.mark.parametrize(("lon", "epsg"), [(75, 4534), (111.62, 4546), (135, 4554), (121.4, 4549)])
def test_the_metric_zone_is_the_nearest_of_the_21(lon: float, epsg: int) -> None:
    assert crs.metric_epsg(lon, 40) == epsg
    operation = pyproj.CRS.from_epsg(epsg).coordinate_operation
    middle = next(value.value for value in operation.params if value.name == "Longitude of natural origin")
    assert abs(middle - lon) <= 1.5


def test_outside_china_the_metric_system_is_utm() -> None:
    assert crs.metric_epsg(-0.5, 51.2) == 32630
    assert crs.metric_epsg(151, -33) == 32756


@given(lat=st.floats(-80, 80))
def test_a_degree_is_as_long_as_the_geodesic_says(lat: float) -> None:
    lon_m, lat_m = crs.metres_per_degree(lat)
    step = 1e-3
    assert abs(GEOD.inv(10, lat, 10 + step, lat)[2] / step - lon_m) < 0.01
    assert abs(GEOD.inv(10, lat - step / 2, 10, lat + step / 2)[2] / step - lat_m) < 0.01


def test_a_files_own_reference_system_is_named() -> None:
    assert crs.datum_of("EPSG:4490").name == "cgcs2000"
    assert crs.datum_of("OGC:CRS84").name == "wgs84"
    assert crs.datum_of(4527).epsg == 4527
    with pytest.raises(CrsError, match="--crs"):
        crs.datum_of("+proj=tmerc +lat_0=1 +lon_0=2 +x_0=3 +ellps=WGS84", where="a.shp")


def test_geometries_are_converted_vertex_by_vertex_and_lose_their_height() -> None:
    ring = shapely.polygons([[111.62, 40.81, 5], [111.63, 40.81, 5], [111.63, 40.82, 5]])
    shifted = crs.geometries_from_storage(shapely.force_2d(ring), crs.GCJ02)
    back = crs.geometries_to_storage(shifted, crs.GCJ02)
    assert not back.has_z
    assert shapely.equals_exact(back, shapely.force_2d(ring), tolerance=1e-9)
    assert not crs.geometries_to_storage(ring, crs.WGS84).has_z


@pytest.mark.parametrize("text", ["EPSG:5773", "EPSG:4978"])
def test_a_system_of_heights_or_of_space_is_no_datum_of_a_map(text: str) -> None:
    with pytest.raises(CrsError, match="does not say where a place is on the map"):
        crs.parse_crs(text)
