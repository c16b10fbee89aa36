"""Keeping entries true: residents' word arrives in dispatch, staff see what is old, planners the far off."""

from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy import text

from gis.service.residents.verifying import stale_entries
from gis.settings import Settings
from tests.service.conftest import COMMUNITY, COUNTY

pytestmark = pytest.mark.database

POINT = f"{COMMUNITY}000001"


def wrong(town, code: str = POINT, **body):
    return town.client.post(f"/api/v1/service-points/{code}/wrong", json={"what": "phone", **body})


def test_a_wrong_entry_becomes_an_incident_of_the_points_grid(town) -> None:
    answer = wrong(town, words="空号", reporter="楼下王阿姨")
    assert answer.status_code == 201
    done = answer.json()
    assert done["grid_code"] == f"{COMMUNITY}001"
    assert done["state"] == "assigned"
    assert done["follow_up"]
    with town.database.connection() as connection:
        said, category, where = connection.execute(
            text(
                "SELECT text, category, ST_AsText(geometry) FROM wangge.incident WHERE incident_number = :n"
            ),
            {"n": done["incident_number"]},
        ).one()
    assert said == f"服务点信息有误：示例卫生站（{POINT}）。电话不对，空号"
    assert category == "wrong_entry"
    assert where == "POINT(111.603 40.808)"


def test_the_same_key_twice_is_one_incident(town) -> None:
    key = {"Idempotency-Key": "0f8fad5b-d9cb-469f-a165-70867728950e"}
    body = {"what": "closed"}
    first = town.client.post(f"/api/v1/service-points/{POINT}/wrong", json=body, headers=key)
    again = town.client.post(f"/api/v1/service-points/{POINT}/wrong", json=body, headers=key)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["incident_number"] == again.json()["incident_number"]


def test_a_point_that_residents_are_not_shown_does_not_exist_for_them(town) -> None:
    assert wrong(town, f"{COMMUNITY}000002").status_code == 404
    assert wrong(town, f"{COMMUNITY}999999").status_code == 404
    assert wrong(town, "1").status_code == 422


@pytest.mark.parametrize(
    "body", [{"what": "nonsense"}, {"words": "长" * 501}, {"reporter": "x" * 201}, {"more": 1}]
)
def test_what_is_not_asked_for_is_refused(town, body) -> None:
    assert wrong(town, **body).status_code == 422


def test_the_rate_is_limited(town) -> None:
    codes = [wrong(town).status_code for _ in range(12)]
    assert codes[:10] == [201] * 10
    assert 429 in codes
    assert "retry-after" in wrong(town).headers


def test_staff_see_what_nobody_checked_for_long(town) -> None:
    way = f"/api/v1/divisions/{COUNTY}/stale-entries"
    assert town.client.get(way).status_code == 401
    found = town.client.get(way, headers=town.as_("dispatcher")).json()
    assert [entry["point_code"] for entry in found["entries"]] == [f"{COMMUNITY}000002"]
    assert found["entries"][0]["days"] is None
    settings = Settings(_env_file=None, verified_within_days=30)
    with town.database.connection() as connection:
        old = stale_entries(connection, COMMUNITY, settings, on=dt.date(2026, 12, 1))
        other = stale_entries(connection, "150103099902", settings, on=dt.date(2026, 12, 1))
    assert [(entry["point_code"], entry["days"]) for entry in old] == [
        (f"{COMMUNITY}000002", None),
        (POINT, 91),
    ]
    assert other == []


def test_planners_see_coverage_with_its_basis_and_where_a_point_would_help(town) -> None:
    way = f"/api/v1/communities/{COMMUNITY}/coverage"
    assert town.client.get(way).status_code == 401
    assert town.client.get(way, headers=town.as_("dispatcher")).status_code == 403
    planner = town.as_("planner")
    found = town.client.get(way, headers=planner).json()
    assert found["edition"]["number"] == 1
    assert found["detour"] == 1.3
    (whole,) = found["community"]
    assert whole["category"] == "health"
    assert whole["households"] == 800
    assert {row["grid_code"] for row in found["grids"]} == {f"{COMMUNITY}001", f"{COMMUNITY}002"}
    near = town.client.get(f"{way}/health", params={"minutes": 5}, headers=planner).json()
    assert sum(row["households"] for row in near["left_out"]) == 800
    suggestion = near["suggestion"]
    assert suggestion["proven"]
    assert suggestion["after"] == suggestion["before"] + suggestion["gain"]
    none_yet = town.client.get(f"{way}/toilet", params={"goal": "shorten"}, headers=planner).json()
    assert none_yet["left_out"] is None
    assert none_yet["suggestion"]["gain"] > 0
    assert town.client.get(way, params={"minutes": 0}, headers=planner).status_code == 422
