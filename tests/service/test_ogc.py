"""OGC API Features and tiles, asked by GDAL as a real client, and by people who mean no good."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator

import pytest
import shapely
from sqlalchemy import text

from gis.crs import parse_crs
from gis.layers.file_writers import write_layer
from gis.service.api.ogc import OGC_LAYERS
from gis.service.residents.public_layer import plain_hours, read_public_place
from tests.service.conftest import COMMUNITY, EAST, NORTH, SOUTH, WEST, Town, open_town

pytestmark = pytest.mark.database

GDAL = pytest.mark.skipif(shutil.which("ogr2ogr") is None, reason="gdal-bin is not installed")


@pytest.fixture(scope="module")
def town(module_database, tmp_path_factory) -> Iterator[Town]:
    for running in open_town(module_database, tmp_path_factory.mktemp("town")):
        with module_database.connection() as connection:
            connection.execute(text("UPDATE wangge.service_point SET hours = '08:30–12:00 14:00–17:30'"))
        yield running


def run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "ERROR" not in done.stderr, done.stderr
    return done.stdout


@GDAL
def test_ogrinfo_lists_the_public_layers(town) -> None:
    listed = run("ogrinfo", "-ro", f"OAPIF:{town.address}/ogc")
    for layer in OGC_LAYERS:
        assert f" {layer} " in listed
    assert "staff" not in listed
    facts = run("ogrinfo", "-ro", "-so", f"OAPIF:{town.address}/ogc", "service_points")
    assert "Feature Count: 1" in facts
    assert "Geometry: Point" in facts


@GDAL
@pytest.mark.parametrize(("layer", "code"), [("grids", "grid_code"), ("buildings", "building_code")])
def test_ogr2ogr_brings_every_feature_over(town, tmp_path, layer, code) -> None:
    out = tmp_path / "out.geojson"
    run("ogr2ogr", "-f", "GeoJSON", str(out), f"OAPIF:{town.address}/ogc", layer)
    features = json.loads(out.read_text("utf-8"))["features"]
    ours = town.client.get(f"/api/v1/layers/{layer}", params={"division": COMMUNITY}).json()["features"]
    assert {one["properties"][code] for one in features} == {one["properties"][code] for one in ours}
    got = {one["properties"][code]: shapely.geometry.shape(one["geometry"]) for one in features}
    for one in ours:
        assert shapely.equals_exact(
            shapely.normalize(got[one["properties"][code]]),
            shapely.normalize(shapely.geometry.shape(one["geometry"])),
            tolerance=2e-7,
        )


@GDAL
def test_texts_come_over_as_they_are(town, tmp_path) -> None:
    out = tmp_path / "points.geojson"
    run("ogr2ogr", "-f", "GeoJSON", str(out), f"OAPIF:{town.address}/ogc", "service_points")
    (point,) = json.loads(out.read_text("utf-8"))["features"]
    assert point["properties"]["hours"] == "08:30-12:00 14:00-17:30"
    assert point["properties"]["phones"] == ["0471-0000001"]
    assert point["properties"]["point_code"] == f"{COMMUNITY}000001"


@GDAL
def test_a_spatial_filter_is_answered_by_the_database(town, tmp_path) -> None:
    out = tmp_path / "some.geojson"
    box = [str(value) for value in (EAST - 0.001, SOUTH + 0.001, EAST - 0.0005, NORTH - 0.001)]
    run("ogr2ogr", "-f", "GeoJSON", str(out), f"OAPIF:{town.address}/ogc", "grids", "-spat", *box)
    found = json.loads(out.read_text("utf-8"))["features"]
    assert [one["properties"]["grid_code"] for one in found] == [f"{COMMUNITY}002"]


@GDAL
def test_a_vector_tile_is_one(town, tmp_path) -> None:
    import morecantile  # noqa: PLC0415

    tile = morecantile.tms.get("WebMercatorQuad").tile((WEST + EAST) / 2 - 0.001, (SOUTH + NORTH) / 2, 15)
    answer = town.client.get(f"/ogc/collections/grids/tiles/WebMercatorQuad/{tile.z}/{tile.x}/{tile.y}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/vnd.mapbox-vector-tile")
    file = tmp_path / "tile.mvt"
    file.write_bytes(answer.content)
    facts = run(
        "ogrinfo", "-ro", "-al", str(file), "-oo", f"X={tile.x}", "-oo", f"Y={tile.y}", "-oo", f"Z={tile.z}"
    )
    assert f"grid_code (String) = {COMMUNITY}001" in facts
    assert parse_crs("EPSG:3857").epsg == 3857
    assert "3857" in facts


def test_links_lead_back_under_ogc(town) -> None:
    landing = town.client.get("/ogc/").json()
    for link in landing["links"]:
        assert link["href"].startswith(f"{town.address}/ogc/"), link
        if "{" not in link["href"]:
            assert town.client.get(link["href"], follow_redirects=True).status_code == 200, link
    items = town.client.get("/ogc/collections/buildings/items", params={"limit": 1}).json()
    following = next(link for link in items["links"] if link["rel"] == "next")
    assert town.client.get(following["href"]).json()["features"][0]["id"] != items["features"][0]["id"]


def test_its_pages_load_nothing(town) -> None:
    for way in (
        "/ogc/",
        "/ogc/collections",
        "/ogc/collections/grids",
        "/ogc/collections/grids/items",
        "/ogc/conformance",
    ):
        answer = town.client.get(way, headers={"Accept": "text/html"})
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/html")
        for mark in ("<script", "<link", "<img", "cdn", "unpkg"):
            assert mark not in answer.text, (way, mark)
    named = town.client.get("/ogc/collections/grids/items", headers={"Accept": "text/html"}).text
    assert "第二<b>" not in named  # a grid is called so in the test's town
    assert "default-src" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "query",
    [
        "filter=1=1",
        "filter=length(query_to_xml('select 1',true,true,'')::text)>0",
        "FILTER=x",
        "filter-lang=cql2-text",
        "f=csv",
        "limit=100001",
        "bbox=1,2",
        "bbox=a,b,c,d",
        "bbox=200,0,201,1",
        "sortby=edition",
        "sortby=name;drop table wangge.staff",
        "datetime=2026-01-01/",
        "geom-column=nothing",
        "simplify=x",
    ],
)
def test_what_cannot_be_answered_is_refused_in_our_words(town, query) -> None:
    answer = town.client.get(f"/ogc/collections/grids/items?{query}")
    assert answer.status_code in {404, 422}, answer.text
    error = answer.json()["error"]
    assert set(error) <= {"code", "message", "where", "mend", "details"}
    for word in ("wangge.", "SELECT", "syntax", "Traceback", "asyncpg", "tipg"):
        assert word not in answer.text


def test_a_hostile_value_is_only_a_value(town) -> None:
    for value in ("' or 1=1--", "'; drop schema wangge cascade;--", "\\' or true --", "%' or '%'='"):
        answer = town.client.get("/ogc/collections/grids/items", params={"name": value})
        assert answer.status_code == 200
        assert answer.json()["numberMatched"] == 0
    assert (
        town.client.get("/ogc/collections/grids/items", params={"name": "第一网格"}).json()["numberMatched"]
        == 1
    )
    assert (
        town.client.get("/ogc/collections/grids/items", params={"ids": "x' or 'a'='a"}).json()[
            "numberMatched"
        ]
        == 0
    )


def test_only_reading_is_possible(town) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert town.client.request(method, "/ogc/collections/grids/items").status_code == 405


def test_conformance_claims_no_filter(town) -> None:
    claims = town.client.get("/ogc/conformance").json()["conformsTo"]
    assert not [claim for claim in claims if "filter" in claim or "cql" in claim]
    assert any(claim.endswith("ogcapi-features-1/1.0/conf/core") for claim in claims)


def test_other_sites_may_read_it(town) -> None:
    answer = town.client.get("/ogc/collections", headers={"Origin": "https://other.example"})
    assert answer.headers["access-control-allow-origin"] == "*"


@GDAL
def test_gdal_keeps_the_hours_of_every_published_form(town, tmp_path) -> None:
    (site := tmp_path / "site").mkdir()
    with town.database.connection() as connection:
        place = read_public_place(connection, COMMUNITY)
    write_layer(place.service_points, site / "site.geojson")
    write_layer(place.service_points, site / "site.csv")
    layer = town.client.get("/api/v1/layers/service_points", params={"division": COMMUNITY})
    (site / "layer.geojson").write_bytes(layer.content)
    for file in site.iterdir():
        guess = ["-oo", "AUTODETECT_TYPE=YES"] if file.suffix == ".csv" else []
        told = run("ogrinfo", "-q", "-al", *guess, str(file))
        assert "hours (String) = 08:30-12:00 14:00-17:30" in told, file.name


@pytest.mark.parametrize(
    ("written", "published"),
    [
        ("08:30–17:30", "08:30-17:30"),
        ("8:00 ~ 17:00", "8:00-17:00"),
        ("08:30至12:00，14:00到17:30", "08:30-12:00，14:00-17:30"),
        ("周一至周五 09:00—18:00", "周一至周五 09:00-18:00"),
        ("全天", "全天"),
        ("到晚上8:00", "到晚上8:00"),
    ],
)
def test_hours_are_published_with_a_plain_hyphen(written, published) -> None:
    assert plain_hours(written) == published
