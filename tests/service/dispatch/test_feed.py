"""The live feed: as it happens, within reach, and from where one left, whatever commits when."""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy import text

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


ADD = "INSERT INTO wangge.event (kind, body) VALUES ('test', '{}') RETURNING id"


class Ear:
    """Listens to a feed that is read by hand."""

    def __init__(self, feed: Feed) -> None:
        self.loop = asyncio.new_event_loop()
        self.listener = feed.listen(self.loop)

    def heard(self) -> list[int]:
        self.loop.run_until_complete(asyncio.sleep(0))
        news, over = self.listener.take()
        assert not over
        return [event.id for one in news for event in one.events]


@contextmanager
def two_at_once(town: Town) -> Iterator[tuple[Feed, Ear, Any, Any, Any]]:
    feed = Feed()
    url = town.database.plain_url
    with (
        psycopg.connect(url, autocommit=True) as watch,
        psycopg.connect(url) as slow,
        psycopg.connect(url) as fast,
    ):
        feed.read(watch)
        ear = Ear(feed)
        try:
            yield feed, ear, watch, slow, fast
        finally:
            ear.loop.close()


@pytest.mark.parametrize("first", ["slow", "fast", "neither"])
def test_a_lower_number_that_commits_later_is_told_and_not_skipped_over(town: Town, first: str) -> None:
    """The trap of every feed by number: numbers are given out before transactions commit.

    Nor do the transactions' own numbers come in the order of the events'; here in each of the orders.
    """
    with two_at_once(town) as (feed, ear, watch, slow, fast):
        one, other = (slow, fast) if first == "slow" else (fast, slow)
        if first != "neither":
            one.execute("SELECT pg_current_xact_id()")
            other.execute("SELECT pg_current_xact_id()")
        low = slow.execute(ADD).fetchone()[0]
        high = fast.execute(ADD).fetchone()[0]
        fast.commit()
        assert low < high
        for _ in range(4):
            feed.read(watch)
        assert ear.heard() == [high]
        left = feed.horizon
        slow.commit()
        assert low in {event.id for event in feed.since(watch, left)}, "who comes back now is told"
        for _ in range(4):
            feed.read(watch)
        assert ear.heard() == [low]
        assert feed.horizon > left
        assert feed.since(watch, feed.horizon) == []


def test_nobody_misses_anything_however_the_transactions_fall(town: Town) -> None:
    """Twelve writers at once, each committing when it likes; the feed is read all the while."""
    feed = Feed()
    url = town.database.plain_url
    written: list[int] = []
    with psycopg.connect(url, autocommit=True) as watch:
        feed.read(watch)
        ear = Ear(feed)
        start, heard = feed.horizon, []

        def write(seed: int) -> None:
            chance = random.Random(seed)  # noqa: S311 - no secret
            with psycopg.connect(url) as connection:
                for _ in range(10):
                    if chance.random() < 0.5:
                        connection.execute("SELECT pg_current_xact_id()")
                        time.sleep(chance.random() * 0.003)
                    number = connection.execute(ADD).fetchone()[0]
                    time.sleep(chance.random() * 0.01)
                    if chance.random() < 0.1:
                        connection.rollback()
                    else:
                        connection.commit()
                        written.append(number)

        threads = [threading.Thread(target=write, args=(seed,)) for seed in range(12)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            feed.read(watch)
            heard += ear.heard()
        feed.read(watch)
        heard += ear.heard()
        assert sorted(heard) == sorted(written)
        assert {event.id for event in feed.since(watch, start)} >= set(written)
        ear.loop.close()


def test_what_was_restored_from_another_server_is_not_told_as_news(town: Town) -> None:
    """A backup's events carry that server's transactions, and here those may be days ahead."""
    with town.database.connection() as connection:
        foreign = connection.execute(
            text("INSERT INTO wangge.event (kind, body, xact) VALUES ('old', '{}', '999999999') RETURNING id")
        ).scalar_one()
    with two_at_once(town) as (feed, ear, watch, slow, _):
        number = slow.execute(ADD).fetchone()[0]
        slow.commit()
        feed.read(watch)
        assert ear.heard() == [number]
        assert foreign not in {event.id for event in feed.since(watch, feed.horizon)}
        assert feed.since(watch, 999_999_999) is None, "a horizon of another server: look afresh"


def test_nonsense_as_last_number_is_refused(town: Town) -> None:
    for last in ("abc", "-1", "9" * 30):
        headers = {**town.as_("dispatcher"), "Last-Event-ID": last}
        assert town.client.get("/api/v1/feed", headers=headers).status_code == 422
    assert town.client.get("/api/v1/feed").status_code == 401
