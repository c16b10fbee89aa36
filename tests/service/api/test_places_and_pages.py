"""Public layers, checks, texts, pages and static files."""

from __future__ import annotations

import re

import httpx
import pytest

from gis.texts import catalogue
from tests.service.conftest import COMMUNITY, COUNTY, STREET, Town

pytestmark = pytest.mark.database

ADDRESS = re.compile(r"""(?:src|href|url)\s*[=(]\s*["']?(?:https?:)?//""")


def test_the_communities_are_listed_from_memory(shared_town: Town) -> None:
    found = shared_town.client.get("/api/v1/communities").json()["communities"]
    assert [one["community_code"] for one in found] == [COMMUNITY]
    assert found[0]["street"] == "示例街道"
    assert found[0]["county"] == "示例区"
    assert found[0]["grids"] == {"basic": 2, "exclusive": 1}
    assert found[0]["bounds"] == pytest.approx([111.60, 40.80, 111.62, 40.81])


@pytest.mark.parametrize(
    ("layer", "count"),
    [
        ("divisions", 3),
        ("grids", 3),
        ("compounds", 2),
        ("buildings", 3),
        ("service_points", 1),
        ("streets", 1),
        ("staff", 3),
    ],
)
def test_a_public_layer_holds_nothing_that_is_not_public(shared_town: Town, layer: str, count: int) -> None:
    response = shared_town.client.get(f"/api/v1/layers/{layer}", params={"division": COUNTY})
    assert response.headers["content-type"] == "application/geo+json"
    features = response.json()["features"]
    assert len(features) == count
    for feature in features:
        assert not {"id", "households", "residents", "private_phone", "public"} & set(feature["properties"])
    again = shared_town.client.get(
        f"/api/v1/layers/{layer}",
        params={"division": COUNTY},
        headers={"If-None-Match": response.headers["etag"]},
    )
    assert (again.status_code, again.content) == (304, b"")


def test_an_unknown_layer_or_division_is_said_to_be_so(shared_town: Town) -> None:
    assert shared_town.client.get("/api/v1/layers/incidents", params={"division": COUNTY}).status_code == 404
    error = shared_town.client.get("/api/v1/layers/grids", params={"division": "6.20503E+14"}).json()["error"]
    assert error["code"] == "bad_code"
    assert "spreadsheet" in error["message"]


def test_the_check_counts_households_and_finds_what_is_wrong(shared_town: Town) -> None:
    way, staff = f"/api/v1/communities/{COMMUNITY}/check", shared_town.as_("planner")
    assert shared_town.client.get(way).status_code == 401
    report = shared_town.client.get(way, headers=staff).json()
    assert report["edition"]["number"] == 1
    sizes = {row["grid_code"]: row["households"] for row in report["grids"] if row["grid_type"] == "basic"}
    assert sizes == {COMMUNITY + "001": 400, COMMUNITY + "002": 400}
    missing = shared_town.client.get(f"/api/v1/communities/{STREET}/check", headers=staff)
    assert missing.status_code == 404


@pytest.mark.parametrize("path", ["/", "/dispatch", "/report"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_page_asks_nobody_else_for_anything(shared_town: Town, path: str, language: str) -> None:
    response = shared_town.client.get(path, params={"lang": language})
    assert response.status_code == 200
    assert not ADDRESS.search(response.text)
    assert "<script>" not in response.text
    assert " style=" not in response.text
    assert " onclick=" not in response.text
    assert "default-src 'self'" in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    for asked in re.findall(r'(?:src|href)="(/static/[^"]+)"', response.text):
        found = shared_town.client.get(asked.replace("&amp;", "&"))
        assert found.status_code == 200, asked
        assert "immutable" in found.headers["cache-control"]
    brand = catalogue(language)["pages.shell.name"]
    assert brand in response.text


def test_the_language_is_remembered(shared_town: Town) -> None:
    assert shared_town.client.get("/", params={"lang": "en"}).cookies["lang"] == "en"
    for cookie, shown in (("en", "en"), ("klingon", "zh-CN")):
        page = httpx.get(shared_town.address, headers={"Cookie": f"lang={cookie}"})
        assert f'<html lang="{shown}">' in page.text


def test_the_service_map_is_served_with_its_parts(shared_town: Town) -> None:
    response = shared_town.client.get(f"/map/{COMMUNITY}")
    assert response.status_code == 200
    assert not ADDRESS.search(response.text)
    assert "示例卫生站" in response.text
    assert "不公开的点" not in response.text
    assert "第二<b>" not in response.text
    for asked in re.findall(r'(?:src|href)="(/static/[^"]+)"', response.text):
        assert shared_town.client.get(asked).status_code == 200, asked


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/%2e%2e/access.py", "/static/front.html", "/static/nothing.js"]
)
def test_static_files_stay_in_their_folder(shared_town: Town, path: str) -> None:
    response = shared_town.client.get(path)
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"


def test_a_static_file_is_packed_marked_and_not_sent_twice(shared_town: Town) -> None:
    first = shared_town.client.get("/static/style.css")
    assert first.headers["content-encoding"] in {"br", "gzip"}
    assert first.headers["cache-control"] == "no-cache"
    again = shared_town.client.get("/static/style.css", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = shared_town.client.head("/static/style.css")
    assert (head.status_code, head.content) == (200, b"")


def test_errors_have_one_shape(shared_town: Town) -> None:
    for method, path, status, code in [
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("DELETE", "/api/v1/locate", 405, "method_not_allowed"),
        ("GET", "/api/v1/locate", 422, "bad_input"),
        ("GET", f"/map/{COMMUNITY[:-1]}9", 404, "not_found"),
        ("POST", "/api/v1/locate", 422, "bad_input"),
    ]:
        response = shared_town.client.request(method, path)
        assert response.status_code == status, path
        assert response.json()["error"]["code"] == code
        assert set(response.json()) == {"error"}


def test_a_validation_error_does_not_repeat_what_was_sent(shared_town: Town) -> None:
    secret = {"lon": {"person": "示例秘密"}, "lat": 1, "crs": "wgs84"}
    response = shared_town.client.post("/api/v1/locate", json=secret)
    assert response.status_code == 422
    assert "示例秘密" not in response.text


def test_a_body_that_is_too_large_is_refused_before_it_is_read(shared_town: Town) -> None:
    limit = shared_town.settings.body_limit_mb * 1024 * 1024
    response = shared_town.client.post("/api/v1/locate", content=bytes(limit + 1))
    assert response.status_code == 413
    assert "wangge assign" in response.json()["error"]["mend"]


def test_no_page_of_api_documentation_asks_a_cdn(shared_town: Town) -> None:
    assert shared_town.client.get("/docs").status_code == 404
    assert shared_town.client.get("/openapi.json").json()["info"]["title"] == "Wangge"


def test_health_names_the_editions(shared_town: Town) -> None:
    health = shared_town.client.get("/healthz").json()
    assert (health["status"], health["database"]) == ("ok", "ok")
    assert health["editions"][0]["number"] == 1
