"""A scheduled edition takes force at its hour, in a server that was not asked meanwhile."""

from __future__ import annotations

import datetime as dt
import time

import pytest

from tests.service.conftest import COMMUNITY, Town

pytestmark = pytest.mark.database

A, B = COMMUNITY + "001", COMMUNITY + "002"
# Long enough to publish and to look before it; the hour itself is looked at from both sides.
WAIT = dt.timedelta(seconds=6)


def owner(town: Town, at: list[float]) -> tuple[int, str]:
    answer = town.locate(*at).json()
    return answer["edition"]["number"], answer["layers"]["basic"]["owner"]


def test_a_scheduled_edition_takes_force_at_its_hour_and_not_before(town: Town) -> None:
    planner, dispatcher = town.as_("planner"), town.as_("dispatcher")
    made = town.client.post(
        f"/api/v1/communities/{COMMUNITY}/plans", json={"name": "定时"}, headers=planner, timeout=120
    ).json()["plan"]
    plan = f"/api/v1/plans/{made['id']}"
    shown = town.client.get(plan, headers=planner).json()
    unit = max((one for one in shown["units"] if one["base"] == A), key=lambda one: one["area"])
    spot = [(start + step) / 1e8 for start, step in zip(shown["origin"], unit["at"], strict=True)]
    report = {
        "category": "noise",
        "source": "hotline",
        "text": "夜里施工",
        "lon": spot[0],
        "lat": spot[1],
        "crs": "cgcs2000",
    }
    sent = town.client.post("/api/v1/incidents", json=report, headers=dispatcher)
    assert sent.status_code in {200, 201}, sent.text
    number = sent.json()["incident_number"]
    moved = town.client.post(
        f"{plan}/move", json={"version": 1, "units": [unit["id"]], "label": B}, headers=planner
    )
    assert moved.status_code == 200, moved.text
    review = town.client.get(f"{plan}/review", headers=planner).json()
    waivers = {one["key"]: "测试" for one in review["violations"] if one["needs_reason"]}
    hour = dt.datetime.now(dt.UTC) + WAIT
    done = town.client.post(
        f"{plan}/publish",
        json={"version": 2, "waivers": waivers, "effective_from": hour.isoformat()},
        headers=planner,
    )
    assert done.status_code == 200, done.text
    assert done.json()["incidents_moved"] == 0
    while (left := (hour - dt.datetime.now(dt.UTC)).total_seconds()) > 0.5:
        assert owner(town, spot) == (1, A)
        time.sleep(min(left - 0.4, 0.5))
    while owner(town, spot) != (2, B):
        late = (dt.datetime.now(dt.UTC) - hour).total_seconds()
        assert late < 2, f"{late:.1f} s after its hour the edition is not in force"
        time.sleep(0.05)
    assert dt.datetime.now(dt.UTC) >= hour
    # The open incident follows its land by itself, soon after.
    end = time.monotonic() + 15
    while True:
        now = town.client.get(f"/api/v1/incidents/{number}", headers=dispatcher).json()
        if now["grid_code"] == B:
            break
        assert time.monotonic() < end, now
        time.sleep(0.2)
