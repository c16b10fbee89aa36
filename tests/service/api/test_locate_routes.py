"""GET and POST /api/v1/locate on a real database."""

from __future__ import annotations

import pytest

from gis.crs import GCJ02, from_storage
from tests.service.conftest import COMMUNITY, COUNTY, EAST, MIDDLE, NORTH, SOUTH, WEST, Town

pytestmark = pytest.mark.database

ONE, TWO, SCHOOL = COMMUNITY + "001", COMMUNITY + "002", COMMUNITY + "801"


def test_an_answer_says_everything(shared_town: Town) -> None:
    answer = shared_town.locate(WEST + 0.0062, SOUTH + 0.0021).json()
    assert answer["edition"]["number"] == 1
    assert answer["edition"]["county_code"] == COUNTY
    assert answer["status"] == "inside"
    owner = answer["owner"]
    assert owner["grid_code"] == ONE
    assert owner["staff"] == [{"person": "示例甲", "role": "full_time", "phone": "0471-0000101"}]
    assert [(one["level"], len(one["staff"])) for one in owner["above"]] == [("community", 1), ("street", 0)]
    assert answer["community"]["name"] == "示例社区"
    assert answer["compound"]["name"] == "光明小区"
    assert answer["building"]["number"] == "1号楼"
    assert answer["layers"]["basic"]["margin_m"] == pytest.approx(0.0021 * 111_034, rel=0.01)
    assert "第一网格" in answer["why"]
    assert "13800000001" not in str(answer)


def test_post_and_get_give_the_same_answer(shared_town: Town) -> None:
    got = shared_town.locate(MIDDLE + 0.004, SOUTH + 0.005, lang="en").json()
    posted = shared_town.client.post(
        "/api/v1/locate?lang=en", json={"lon": MIDDLE + 0.004, "lat": SOUTH + 0.005, "crs": "cgcs2000"}
    ).json()
    assert got == posted
    assert got["owner"]["grid_code"] == TWO
    assert got["why"].startswith("The point is inside")


def test_the_exclusive_grid_owns_what_happens_on_its_land(shared_town: Town) -> None:
    answer = shared_town.locate(WEST + 0.003, SOUTH + 0.003, lang="en").json()
    assert answer["owner"]["grid_code"] == SCHOOL
    assert answer["decided_by"] == "exclusive"
    assert answer["layers"]["basic"]["owner"] == ONE
    assert "takes precedence" in answer["why"]
    basic_only = shared_town.locate(WEST + 0.003, SOUTH + 0.003, layers="basic").json()
    assert basic_only["owner"]["grid_code"] == ONE


def test_a_point_on_a_shared_edge_has_one_owner_and_names_both(shared_town: Town) -> None:
    answer = shared_town.locate(MIDDLE, SOUTH + 0.005).json()
    assert answer["status"] == "edge"
    assert answer["owner"]["grid_code"] == TWO
    assert answer["layers"]["basic"]["touching"] == [ONE, TWO]
    assert answer["layers"]["basic"]["margin_m"] == 0


def test_outside_there_is_no_owner_but_the_nearest_and_true_metres(shared_town: Town) -> None:
    near = shared_town.locate(WEST - 0.001, SOUTH + 0.005, lang="en").json()
    assert (near["status"], near["owner"]) == ("outside", None)
    nearest = near["layers"]["basic"]["nearest"]
    assert nearest["grid_code"] == ONE
    assert nearest["distance_m"] == pytest.approx(84.4, abs=0.3)
    far = shared_town.locate(WEST - 1, SOUTH, lang="en").json()
    assert "A person decides" in far["why"]


def test_every_datum_names_the_same_owner(shared_town: Town) -> None:
    x, y = from_storage([MIDDLE + 0.001], [SOUTH + 0.005], GCJ02)
    answer = shared_town.locate(float(x[0]), float(y[0]), crs="gcj02").json()
    assert answer["owner"]["grid_code"] == TWO
    assert answer["point"]["cgcs2000"] == pytest.approx([MIDDLE + 0.001, SOUTH + 0.005], abs=1e-7)
    assert shared_town.locate(float(x[0]), float(y[0])).json()["owner"] is None or (
        shared_town.locate(float(x[0]), float(y[0])).json()["point"] != answer["point"]
    )


def test_doubt_is_told_and_left_to_a_person(shared_town: Town) -> None:
    doubtful = shared_town.locate(MIDDLE + 0.00005, SOUTH + 0.005, accuracy_m=30, lang="en").json()
    assert (doubtful["status"], doubtful["owner"]) == ("ambiguous", None)
    chances = {one["grid_code"]: one["probability"] for one in doubtful["layers"]["basic"]["candidates"]}
    assert chances[TWO] > chances[ONE] > 0.2
    assert sum(chances.values()) == pytest.approx(1, abs=0.002)
    assert "a person decides" in doubtful["why"]
    sure = shared_town.locate(MIDDLE + 0.003, SOUTH + 0.005, accuracy_m=30).json()
    assert (sure["status"], sure["owner"]["grid_code"]) == ("inside", TWO)


@pytest.mark.parametrize(
    ("params", "where", "words"),
    [
        ({"lon": "nan", "lat": 40.8, "crs": "wgs84"}, "lon", "not a number"),
        ({"lon": "inf", "lat": 40.8, "crs": "wgs84"}, "lon", "not a number"),
        ({"lon": "east", "lat": 40.8, "crs": "wgs84"}, "lon", "not a number"),
        ({"lon": 0, "lat": 0, "crs": "wgs84"}, "lon, lat", "no position"),
        ({"lon": 1e308, "lat": 40.8, "crs": "wgs84"}, "lon, lat", "no position"),
        ({"lon": 111.6, "lat": 40.8}, "crs", "never guessed"),
        ({"lon": 111.6, "lat": 40.8, "crs": "mars"}, "crs", "not a datum"),
        ({"lon": 111.6, "lat": 40.8, "crs": "wgs84", "accuracy_m": -1}, "accuracy_m", "accuracy"),
        ({"lon": 111.6, "lat": 40.8, "crs": "wgs84", "confidence": 95}, "confidence", "probability"),
        ({"lon": 111.6, "lat": 40.8, "crs": "wgs84", "layers": "soil"}, "layers", "no layer"),
        ({"lon": 111.6, "lat": 40.8, "crs": "wgs84", "as_of": "soon"}, "as_of", "no date"),
        ({"lat": 40.8, "crs": "wgs84"}, "lon", "required"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_field(shared_town: Town, params, where: str, words: str) -> None:
    response = shared_town.client.get("/api/v1/locate", params=params)
    assert response.status_code == 422
    error = response.json()["error"]
    assert error["where"] == where
    assert words in error["message"]


def test_swapped_axes_are_pointed_out(shared_town: Town) -> None:
    error = shared_town.locate(SOUTH + 0.005, MIDDLE).json()["error"]
    assert "swap them" in error["mend"]
    assert COMMUNITY in error["mend"]


def test_as_of_before_the_first_edition_is_not_found(shared_town: Town) -> None:
    response = shared_town.locate(MIDDLE, SOUTH + 0.005, as_of="2025-01-01")
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"
    assert (
        shared_town.locate(EAST - 0.001, NORTH - 0.001, as_of="2026-03-01").json()["edition"]["number"] == 1
    )


@pytest.mark.parametrize(
    ("body", "where", "said"),
    [
        ('{"lon": true, "lat": 40.8, "crs": "wgs84"}', "lon", "not a number"),
        ('{"lon": [1], "lat": 40.8, "crs": "wgs84"}', "lon", "not a number"),
        ('{"lon": NaN, "lat": 40.8, "crs": "wgs84"}', "lon", "nan"),
        ('{"lon": "1e999", "lat": 40.8, "crs": "wgs84"}', "lon", "inf"),
        ('{"lon": "1_11.6", "lat": 40.8, "crs": "wgs84"}', "lon", "not a number"),
        ('{"lon": "", "lat": 40.8, "crs": "wgs84"}', "lon", "missing"),
        ('{"lon": 1%s, "lat": 40.8, "crs": "wgs84"}' % ("0" * 400), "lon", "not a number"),
        ('{"lon": 111.6, "lat": 40.8, "crs": "wgs84", "accuracy_m": "wide"}', "accuracy_m", "not a number"),
        ('{"lon": 111.6, "lat": 40.8, "crs": "wgs84", "accuracy_m": NaN}', "accuracy_m", "nan"),
        ("lon=111.6&lat=40.8", "body, character 0", "the body is no JSON"),
        ('{"lon": 111.6, "lat": 40', "body, character", "the body is no JSON"),
    ],
)
def test_a_body_that_is_no_point_names_the_field(shared_town: Town, body: str, where: str, said: str) -> None:
    response = shared_town.client.post(
        "/api/v1/locate", content=body, headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 422, response.text
    error = response.json()["error"]
    assert error["where"].startswith(where)
    assert said in error["message"]
    if where == "accuracy_m":
        assert "metres" in error["mend"]
