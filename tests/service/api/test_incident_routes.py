"""Incidents from report to rating, through the API on a real database."""

from __future__ import annotations

import io
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from PIL import Image
from sqlalchemy import text

from tests.service.conftest import COMMUNITY, MIDDLE, SOUTH, STREET, WEST, Town

pytestmark = pytest.mark.database

ONE, TWO = COMMUNITY + "001", COMMUNITY + "002"
INSIDE_ONE = {"lon": WEST + 0.006, "lat": SOUTH + 0.006, "crs": "cgcs2000"}
DOUBTFUL = {"lon": MIDDLE + 0.00005, "lat": SOUTH + 0.005, "crs": "cgcs2000", "accuracy_m": 40}


def report(
    town: Town, *, role: str | None = "dispatcher", key: str | None = None, **more: Any
) -> httpx.Response:
    headers = dict(town.as_(role)) if role else {}
    if key:
        headers["Idempotency-Key"] = key
    body = {"category": "noise", "text": "示例:夜间施工", **more}
    if role:
        body.setdefault("source", "hotline")
    return town.client.post("/api/v1/incidents", json=body, headers=headers)


def act(town: Town, number: str, what: str, **body: Any) -> httpx.Response:
    return town.client.post(f"/api/v1/incidents/{number}/{what}", json=body, headers=town.as_("dispatcher"))


def count(town: Town) -> int:
    with town.database.connection() as connection:
        return int(connection.execute(text("SELECT count(*) FROM wangge.incident")).scalar_one())


def test_from_report_to_rating(town: Town) -> None:
    reported = report(town, role=None, reporter="示例电话", **INSIDE_ONE)
    assert reported.status_code == 201
    body = reported.json()
    assert (body["state"], body["grid_code"], body["owner_status"]) == ("assigned", ONE, "inside")
    number, code = body["incident_number"], body["follow_up"]

    assert act(town, number, "resolve", reason="x").json()["error"]["code"] == "rule_broken"
    accepted = act(town, number, "accept").json()
    assert accepted["state"] == "accepted"
    resolved = act(town, number, "resolve", reason="已劝停").json()
    assert (resolved["state"], resolved["due_at"]) == ("resolved", None)

    followed = town.client.post(
        "/api/v1/follow", json={"incident_number": number, "follow_up": code.lower()}
    ).json()
    assert followed["state"] == "resolved"
    assert [step["act"] for step in followed["steps"]] == ["reported", "assigned", "accepted", "resolved"]
    assert "reporter" not in followed
    assert "示例" not in json.dumps(followed, ensure_ascii=False)

    wrong = town.client.post(
        f"/api/v1/incidents/{number}/rating", json={"follow_up": "AAAAAAAAAA", "stars": 5}
    )
    assert wrong.status_code == 401
    assert town.client.post(
        f"/api/v1/incidents/{number}/rating", json={"follow_up": code, "stars": 4}
    ).json() == {
        "incident_number": number,
        "rating": 4,
    }
    done = town.client.get(f"/api/v1/incidents/{number}", headers=town.as_("dispatcher")).json()
    assert (done["state"], done["rating"]) == ("rated", 4)
    assert [step["sequence"] for step in done["history"]] == [1, 2, 3, 4, 5]
    assert done["history"][1]["actor"] == "wangge"
    assert done["history"][0]["edition"] == 1


def test_what_is_in_doubt_waits_for_a_person_and_is_first_in_the_queue(town: Town) -> None:
    sure = report(town, **INSIDE_ONE).json()["incident_number"]
    doubtful = report(town, **DOUBTFUL).json()
    outside = report(town, lon=WEST - 0.01, lat=SOUTH, crs="cgcs2000").json()
    nowhere = report(town).json()
    assert (doubtful["state"], doubtful["grid_code"], doubtful["owner_status"]) == (
        "reported",
        None,
        "ambiguous",
    )
    assert (outside["state"], outside["owner_status"]) == ("reported", "outside")
    assert (nowhere["state"], nowhere["owner_status"]) == ("reported", None)
    queue = town.client.get("/api/v1/incidents", headers=town.as_("dispatcher")).json()
    assert queue["total"] == 4
    assert queue["incidents"][-1]["incident_number"] == sure
    number = doubtful["incident_number"]
    assert act(town, number, "assign", grid_code=ONE).json()["error"]["where"] == "reason"
    assert act(town, number, "assign", grid_code=COMMUNITY + "009", reason="x").status_code == 404
    assigned = act(town, number, "assign", grid_code=ONE, reason="电话核实").json()
    assert (assigned["state"], assigned["grid_code"], assigned["owner_status"]) == ("assigned", ONE, "manual")
    assert assigned["history"][-1]["reason"] == "电话核实"


def test_a_retried_report_is_one_incident(town: Town) -> None:
    first = report(town, role=None, key="key-00000001", **INSIDE_ONE)
    again = report(town, role=None, key="key-00000001", **INSIDE_ONE)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json()["follow_up"]
    other = report(town, role=None, key="key-00000001", **DOUBTFUL)
    assert other.status_code == 409
    assert count(town) == 1
    with town.database.connection() as connection:
        kept = connection.execute(text("SELECT k::text FROM wangge.kept_answer k")).scalar_one()
    assert first.json()["follow_up"] not in kept
    assert "key-00000001" not in kept


def test_many_at_once_with_one_key_are_one_incident(town: Town) -> None:
    start = threading.Barrier(8)

    def send(_: int) -> tuple[int, str]:
        start.wait()
        response = report(town, key="the-same-key", **INSIDE_ONE)
        return response.status_code, response.json()["incident_number"]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(8)))
    assert sorted(status for status, _ in answers) == [200] * 7 + [201]
    assert len({number for _, number in answers}) == 1
    assert count(town) == 1


def test_a_step_that_is_sent_again_is_made_once(town: Town) -> None:
    number = report(town, **INSIDE_ONE).json()["incident_number"]
    double = report(town, **INSIDE_ONE).json()["incident_number"]
    away = {"lon": MIDDLE + 0.005, "lat": SOUTH + 0.005, "crs": "cgcs2000"}
    steps: list[tuple[str, str, dict[str, Any]]] = [
        (number, "escalate", {"reason": "超出职责"}),
        (number, "return", {"reason": "可在网格解决"}),
        (number, "move", away),
        (number, "assign", {"grid_code": TWO, "reason": "位置更正"}),
        (double, "merge", {"into": number}),
        (number, "accept", {}),
        (number, "resolve", {"reason": "已处理"}),
    ]
    history = 2
    for at, (which, what, body) in enumerate(steps):

        def send(
            _: int, which: str = which, what: str = what, body: Any = body, at: int = at
        ) -> httpx.Response:
            headers = {**town.as_("dispatcher"), "Idempotency-Key": f"step number {at}"}
            return httpx.post(
                f"{town.address}/api/v1/incidents/{which}/{what}", json=body, headers=headers, timeout=60
            )

        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(send, range(4)))
        assert [one.status_code for one in answers] == [200] * 4, answers[-1].text
        assert send(0).status_code == 200
        offers = {one.json().get("offer") for one in answers}
        assert offers == ({TWO} if what == "move" else {None})
        history += 1
        now = town.client.get(f"/api/v1/incidents/{number}", headers=town.as_("dispatcher")).json()
        assert len(now["history"]) == history, what
    used = town.client.post(
        f"/api/v1/incidents/{number}/escalate",
        json={"reason": "x"},
        headers={**town.as_("dispatcher"), "Idempotency-Key": "step number 0"},
    )
    assert (used.status_code, used.json()["error"]["where"]) == (409, "Idempotency-Key")


def test_a_step_that_failed_may_be_made_with_the_same_key(town: Town) -> None:
    number = report(town, **INSIDE_ONE).json()["incident_number"]
    headers = {**town.as_("dispatcher"), "Idempotency-Key": "the only key"}
    path = f"/api/v1/incidents/{number}/resolve"
    early = town.client.post(path, json={"reason": "x"}, headers=headers)
    assert early.json()["error"]["code"] == "rule_broken"
    act(town, number, "accept")
    assert town.client.post(path, json={"reason": "x"}, headers=headers).status_code == 200
    short = town.client.post(path, json={"reason": "x"}, headers={**headers, "Idempotency-Key": "short"})
    assert short.json()["error"]["where"] == "Idempotency-Key"


def test_a_rating_and_a_visit_that_are_sent_again_count_once(town: Town) -> None:
    reported = report(town, role=None, **INSIDE_ONE).json()
    number = reported["incident_number"]
    act(town, number, "accept")
    act(town, number, "resolve", reason="x")
    key = {"Idempotency-Key": "rated but once"}
    for _ in range(2):
        rated = town.client.post(
            f"/api/v1/incidents/{number}/rating",
            json={"follow_up": reported["follow_up"], "stars": 5},
            headers=key,
        )
        assert rated.status_code == 200, rated.text
    told = [
        town.client.post("/api/v1/visits", json={"grid_code": ONE}, headers={**town.as_("dispatcher"), **key})
        for _ in range(2)
    ]
    assert [one.status_code for one in told] == [201, 201]
    assert told[0].json() == told[1].json()
    with town.database.connection() as connection:
        assert connection.execute(text("SELECT count(*) FROM wangge.visit")).scalar_one() == 1


def test_nothing_is_given_to_a_grid_that_is_no_more(town: Town) -> None:
    number = report(town, **INSIDE_ONE).json()["incident_number"]
    with town.database.connection() as connection:
        connection.execute(
            text(
                "INSERT INTO wangge.grid (grid_code, grid_type, community_code) VALUES (:code, 'basic', :in)"
            ),
            {"code": COMMUNITY + "009", "in": COMMUNITY},
        )
    for code in (COMMUNITY + "009", "nonsense"):
        refused = act(town, number, "assign", grid_code=code, reason="x")
        assert refused.status_code == 404
        assert "in force" in refused.json()["error"]["message"]


def test_escalate_and_return(town: Town) -> None:
    number = report(town, **INSIDE_ONE).json()["incident_number"]
    assert act(town, number, "escalate", reason="超出职责").json()["division_code"] == COMMUNITY
    assert act(town, number, "escalate", reason="需街道协调").json()["division_code"] == STREET
    assert act(town, number, "escalate", reason="再上").json()["error"]["code"] == "rule_broken"
    for expected in (COMMUNITY, None):
        assert act(town, number, "return", reason="可在下级解决").status_code == 200
        now = town.client.get(f"/api/v1/incidents/{number}", headers=town.as_("dispatcher")).json()
        assert (now["division_code"], now["state"], now["grid_code"]) == (expected, "assigned", ONE)
    act(town, number, "return", reason="不属本网格")
    now = town.client.get(f"/api/v1/incidents/{number}", headers=town.as_("dispatcher")).json()
    assert (now["state"], now["grid_code"]) == ("reported", None)


def test_a_moved_pin_offers_another_owner_and_logs_both(town: Town) -> None:
    number = report(town, **INSIDE_ONE).json()["incident_number"]
    moved = act(town, number, "move", lon=MIDDLE + 0.005, lat=SOUTH + 0.005, crs="cgcs2000").json()
    assert (moved["grid_code"], moved["offer"]) == (ONE, TWO)
    assert moved["history"][-1]["change"]["owner_at_new_position"] == TWO
    taken = act(town, number, "assign", grid_code=TWO, reason="位置更正").json()
    assert (taken["grid_code"], taken["offer"]) == (TWO, None)
    last = taken["history"][-1]
    assert (last["act"], last["from_grid"], last["to_grid"]) == ("transferred", ONE, TWO)


def test_a_double_is_suggested_and_merged(town: Town) -> None:
    first = report(town, **INSIDE_ONE).json()["incident_number"]
    near = {**INSIDE_ONE, "lon": INSIDE_ONE["lon"] + 0.0002}
    second = report(town, **near).json()
    assert second["perhaps_doubles"] == [first]
    assert report(town, **{**near, "category": "parking"}).json()["perhaps_doubles"] == []
    number = second["incident_number"]
    assert act(town, number, "merge", into=number).status_code == 409
    stays = act(town, number, "merge", into=first).json()
    assert stays["incident_number"] == first
    assert stays["history"][-1]["change"] == {"merged": number}
    merged = town.client.get(f"/api/v1/incidents/{number}", headers=town.as_("dispatcher")).json()
    assert (merged["state"], merged["merged_into"]) == ("merged", first)
    assert act(town, number, "accept").json()["error"]["code"] == "rule_broken"


def test_a_step_on_an_older_version_is_refused(town: Town) -> None:
    number = report(town, **INSIDE_ONE).json()["incident_number"]
    version = town.client.get(f"/api/v1/incidents/{number}", headers=town.as_("dispatcher")).json()["version"]
    assert act(town, number, "accept", version=version).status_code == 200
    late = act(town, number, "escalate", version=version, reason="x")
    assert late.status_code == 409
    assert late.json()["error"]["details"]["version"] == version + 1


def test_who_may_not_is_told_so(town: Town) -> None:
    number = report(town, **INSIDE_ONE).json()["incident_number"]
    path = f"/api/v1/incidents/{number}/accept"
    assert town.client.post(path, json={}).status_code == 401
    assert town.client.post(path, json={}, headers={"Authorization": "Bearer wg_nonsense"}).status_code == 401
    assert town.client.post(path, json={}, headers=town.as_("planner")).status_code == 403
    assert town.client.get("/api/v1/incidents", headers=town.as_("planner")).status_code == 403
    assert town.client.get("/api/v1/incidents").headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"category": "ufo"}, "category"),
        ({"source": "rumour"}, "source"),
        ({"text": " "}, "text"),
        ({"lon": 111.6}, "lon, lat"),
        ({"lon": 111.6, "lat": 40.8}, "crs"),
        ({"lon": True, "lat": 40.8, "crs": "wgs84"}, "body.lon"),
        ({"lon": [111.6], "lat": 40.8, "crs": "wgs84"}, "body.lon"),
        ({"lon": SOUTH + 0.005, "lat": MIDDLE, "crs": "wgs84"}, "lon, lat"),
        ({"reported_at": "2099-01-01T00:00:00"}, "reported_at"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_a_report_that_cannot_be_taken_names_the_field(
    shared_town: Town, body: dict[str, Any], where: str
) -> None:
    response = report(shared_town, **body)
    assert response.status_code == 422, response.text
    assert where in response.json()["error"]["where"]


def test_text_that_cannot_be_stored_is_refused_as_such(shared_town: Town) -> None:
    response = report(shared_town, text="nul\x00 inside", **INSIDE_ONE)
    assert response.status_code == 422
    assert "control characters" in response.json()["error"]["mend"]


def test_a_batch_takes_what_is_good_and_names_what_is_not(town: Town) -> None:
    rows = [
        {"category": "noise", "text": "一", "source": "hotline", **INSIDE_ONE},
        {"category": "ufo", "text": "二", "source": "hotline", **INSIDE_ONE},
        {"category": "noise", "text": "三", "source": "hotline", "lon": "east", "lat": 1, "crs": "wgs84"},
        {"category": "noise", "source": "hotline"},
        {"category": "parking", "text": "五", "source": "patrol", **DOUBTFUL},
    ]
    headers = {**town.as_("dispatcher"), "Idempotency-Key": "batch-0001"}
    body = town.client.post("/api/v1/incidents/batch", json={"reports": rows}, headers=headers).json()
    assert [one["row"] for one in body["taken"]] == [0, 4]
    assert [(one["row"], one["where"]) for one in body["refused"]] == [
        (1, "category"),
        (2, "lon"),
        (3, "text"),
    ]
    again = town.client.post("/api/v1/incidents/batch", json={"reports": rows}, headers=headers).json()
    assert [one["incident_number"] for one in again["taken"]] == [
        one["incident_number"] for one in body["taken"]
    ]
    assert count(town) == 2


def photo_with_position() -> bytes:
    picture = Image.new("RGB", (64, 48), "red")
    exif = Image.Exif()
    exif[0x010F] = "示例相机"
    exif.get_ifd(0x8825).update({1: "N", 2: (40.0, 48.0, 21.6), 3: "E", 4: (111.0, 36.0, 21.6)})
    out = io.BytesIO()
    picture.save(out, "JPEG", exif=exif)
    return out.getvalue()


def test_a_snapshot_offers_the_photos_position_and_stores_nothing_but_the_picture(town: Town) -> None:
    content = photo_with_position()
    offered = town.client.post(
        "/api/v1/incidents/photo-position", files={"photo": ("a.jpg", content, "image/jpeg")}
    )
    assert offered.json()["position"] == {"lon": 111.606, "lat": 40.806, "crs": "wgs84"}
    response = town.client.post(
        "/api/v1/incidents/snapshot",
        data={"category": "environment", "text": "示例:垃圾满溢"},
        files={"photo": ("a.jpg", content, "image/jpeg")},
    )
    assert response.status_code == 201, response.text
    assert response.json()["photo_position"]["lon"] == 111.606
    number = response.json()["incident_number"]
    assert town.client.get(f"/api/v1/incidents/{number}/photo").status_code == 401
    stored = town.client.get(f"/api/v1/incidents/{number}/photo", headers=town.as_("dispatcher"))
    assert stored.headers["cache-control"] == "no-store"
    with Image.open(io.BytesIO(stored.content)) as picture:
        assert picture.size == (64, 48)
        assert not picture.getexif()
        assert "exif" not in picture.info
    assert "示例相机".encode() not in stored.content


def test_a_photo_that_is_none_leaves_nothing_behind(town: Town) -> None:
    for content in (b"GIF89a<script>", b"", photo_with_position()[:200]):
        response = town.client.post(
            "/api/v1/incidents/snapshot",
            data={"category": "environment", "text": "x"},
            files={"photo": ("a.jpg", content, "image/jpeg")},
        )
        assert response.status_code == 422
        assert response.json()["error"]["where"] == "photo"
    refused = town.client.post(
        "/api/v1/incidents/snapshot",
        data={"category": "ufo", "text": "x"},
        files={"photo": ("a.jpg", photo_with_position(), "image/jpeg")},
    )
    assert refused.status_code == 422
    assert list((town.settings.data_dir / "photos").glob("*")) == []
    assert count(town) == 0


def test_the_public_may_report_only_so_often(town: Town) -> None:
    answers = [report(town, role=None, **INSIDE_ONE) for _ in range(12)]
    assert [one.status_code for one in answers[:10]] == [201] * 10
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) > 0
    assert report(town, **INSIDE_ONE).status_code == 201


def test_an_address_places_a_report_where_only_one_place_can_be_meant(town: Town) -> None:
    sure = report(town, address="光明小區二號樓").json()
    assert (sure["state"], sure["grid_code"]) == ("assigned", ONE)
    doubtful = report(town, address="2号楼").json()
    assert (doubtful["state"], doubtful["owner_status"]) == ("reported", None)
