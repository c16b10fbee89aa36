"""The live feed: as it happens, within reach, and from where one left, whatever commits when."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import psycopg
import pytest

from gis.service.access import create_token
from gis.service.dispatch.feed import Feed
from tests.service.conftest import COMMUNITY, MIDDLE, SOUTH, WEST, Town

pytestmark = pytest.mark.database

HERE = {"lon": WEST + 0.006, "lat": SOUTH + 0.006, "crs": "cgcs2000"}


class Reader:
    """Reads a feed in a thread."""

    def __init__(self, town: Town, token: str, last: str | None = None) -> None:
        self.events: list[tuple[str, dict]] = []
        self.last = last
        self.connected = threading.Event()
        self._stop = threading.Event()
        headers = {"Authorization": f"Bearer {token}"} | ({"Last-Event-ID": last} if last else {})
        self.thread = threading.Thread(target=self._run, args=(town.address, headers))
        self.thread.start()
        assert self.connected.wait(20)

    def _run(self, address: str, headers: dict[str, str]) -> None:
        with httpx.stream("GET", f"{address}/api/v1/feed", headers=headers, timeout=30) as answer:
            assert answer.status_code == 200
            kind = None
            for line in answer.iter_lines():
                self.connected.set()
                if line.startswith("id: "):
                    self.last = line[4:]
                elif line.startswith("event: "):
                    kind = line[7:]
                elif line.startswith("data: "):
                    self.events.append((str(kind), json.loads(line[6:])))
                if self._stop.is_set():
                    return

    def wait(self, count: int) -> list[tuple[str, dict]]:
        end = time.monotonic() + 20
        while len(self.events) < count:
            assert time.monotonic() < end, self.events
            time.sleep(0.02)
        return self.events


@contextmanager
def reading(town: Town, token: str, last: str | None = None) -> Iterator[Reader]:
    reader = Reader(town, token, last)
    yield reader
    reader._stop.set()


def report(town: Town, **more: object) -> str:
    body = {
        "category": "noise",
        "text": "示例秘密",
        "reporter": "示例电话",
        "source": "hotline",
        **HERE,
        **more,
    }
    return str(
        town.client.post("/api/v1/incidents", json=body, headers=town.as_("dispatcher")).json()[
            "incident_number"
        ]
    )


def test_what_happens_is_told_within_reach_and_nothing_personal_with_it(town: Town) -> None:
    with town.database.connection() as connection:
        elsewhere = create_token(connection, "elsewhere", "dispatcher", "150103000000")
        there = create_token(connection, "there", "dispatcher", COMMUNITY)
    with reading(town, there) as reader, reading(town, elsewhere):
        number = report(town)
        town.client.post(f"/api/v1/incidents/{number}/accept", json={}, headers=town.as_("dispatcher"))
        events = reader.wait(3)
        assert [kind for kind, _ in events] == ["reported", "assigned", "accepted"]
        assert all(body["incident_number"] == number for _, body in events)
        assert "示例" not in json.dumps(events, ensure_ascii=False)
        report(town)  # something to read, so that the readers see that they may stop
        report(town)


def test_who_comes_back_misses_nothing(town: Town) -> None:
    with reading(town, town.tokens["dispatcher"]) as reader:
        first = report(town)
        reader.wait(2)
        report(town)
    last = reader.last
    assert last is not None
    missed = [report(town, lon=MIDDLE + 0.002) for _ in range(5)]
    with reading(town, town.tokens["dispatcher"], last) as reader:
        told: set[str] = set()
        end = time.monotonic() + 20
        while not told >= set(missed):
            assert time.monotonic() < end
            told = {body.get("incident_number") for _, body in list(reader.events)}
            time.sleep(0.02)
        numbers = [body["event_id"] for _, body in reader.events]
        assert len(numbers) == len(set(numbers))
        report(town)
    assert first


def test_a_lower_number_that_commits_later_is_told_and_not_skipped_over(town: Town) -> None:
    """The trap of every feed by number: numbers are given out before transactions commit."""
    feed = Feed()
    got: list[int] = []
    feed._give = lambda events: got.extend(one.id for one in events)  # type: ignore[method-assign]
    url = town.database.plain_url
    add = "INSERT INTO wangge.event (kind, body) VALUES ('test', '{}') RETURNING id"
    with (
        psycopg.connect(url, autocommit=True) as watch,
        psycopg.connect(url) as slow,
        psycopg.connect(url) as fast,
    ):
        feed.read(watch)
        slow.execute("SELECT pg_current_xact_id()")
        low = slow.execute(add).fetchone()[0]
        high = fast.execute(add).fetchone()[0]
        fast.commit()
        assert low < high
        for _ in range(3):
            feed.read(watch)
        assert got[-1:] == [high]
        assert feed.settled < low, "who comes back now must be told of the lower one"
        slow.commit()
        for _ in range(3):
            feed.read(watch)
        assert sorted(got[-2:]) == [low, high]
        assert len(got) == len(set(got))
        feed.read(watch)
        assert feed.settled >= high


def test_nonsense_as_last_number_is_refused(town: Town) -> None:
    for last in ("abc", "-1", "9" * 30):
        headers = {**town.as_("dispatcher"), "Last-Event-ID": last}
        assert town.client.get("/api/v1/feed", headers=headers).status_code == 422
    assert town.client.get("/api/v1/feed").status_code == 401
