"""Editions in force: swapped whole, at their hour, and still answering while the database is away."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from gis.errors import UnavailableError
from gis.layers.database import Database, connect
from gis.service.api.app import create_app
from gis.service.loading import load_place
from gis.service.owning.current import Current
from gis.service.owning.keeping import kept
from gis.settings import Settings
from tests.service.conftest import COMMUNITY, COUNTY, DAY, MIDDLE, SOUTH, Town, place, publish, serving

pytestmark = pytest.mark.database

ONE, TWO = COMMUNITY + "001", COMMUNITY + "002"
PROBE = (
    MIDDLE + 0.0005
)  # owned by the second grid where the border is at MIDDLE, by the first where it is east
EAST_OF_IT = MIDDLE + 0.001
# Whom each report was given to as it came in, and by which edition; nobody can change it afterwards.
_GIVEN = text(
    """
    SELECT DISTINCT edition.number, step.to_grid
    FROM wangge.incident_step AS step JOIN wangge.edition ON edition.id = step.edition_id
    WHERE step.act = 'assigned'
    """
)


def wait_for(what: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


def test_a_published_edition_is_in_force_at_once_and_no_answer_is_of_two(town: Town) -> None:
    """Hammer during swaps: what is stamped with an edition was computed from it, always."""
    owner_of = {1: TWO}
    stop = threading.Event()
    wrong: list[tuple[int, str]] = []
    seen: dict[int, int] = {}

    where = {"lon": PROBE, "lat": SOUTH + 0.005, "crs": "cgcs2000"}

    def hammer(form: str) -> None:
        with httpx.Client(base_url=town.address) as client:
            while not stop.is_set():
                if form == "one":
                    answer = client.get("/api/v1/locate", params=where).json()
                    number, owners = answer["edition"]["number"], {answer["owner"]["grid_code"]}
                    owners.add(answer["layers"]["basic"]["owner"])
                elif form == "report":
                    report = {"category": "noise", "text": "示例", "source": "hotline", **where}
                    taken = client.post("/api/v1/incidents", json=report, headers=town.as_("dispatcher"))
                    assert taken.status_code == 201, taken.text
                    continue
                else:
                    body = "lon,lat\n" + f"{PROBE},{SOUTH + 0.005}\n" * 50
                    rows = client.post(
                        "/api/v1/locate/batch?crs=cgcs2000",
                        content=body,
                        headers={"Content-Type": "text/csv"},
                    ).text.splitlines()[1:]
                    number = int(rows[0].split(",")[7].split(" ")[1])
                    owners = {row.split(",")[2] for row in rows}
                seen[number] = seen.get(number, 0) + 1
                # Odd editions have the border at MIDDLE, even ones east of it.
                if owners != {TWO if number % 2 else ONE}:
                    wrong.append((number, str(owners)))

    with ThreadPoolExecutor(4) as pool:
        workers = [pool.submit(hammer, form) for form in ("one", "one", "batch", "report")]
        try:
            for number in range(2, 7):
                split = MIDDLE if number % 2 else EAST_OF_IT
                stamp = publish(town.database, split, dt.datetime.now(dt.UTC))
                assert stamp.number == number
                wait_for(lambda number=number: seen.get(number, 0) > 3)
        finally:
            stop.set()
        for worker in workers:
            worker.result()
    assert not wrong
    assert set(seen) >= {2, 3, 4, 5, 6}
    with town.database.connection() as connection:
        given = connection.execute(_GIVEN).all()
    assert {number for number, _ in given} >= {2, 3, 4, 5, 6}
    assert all(grid == (TWO if number % 2 else ONE) for number, grid in given)
    assert owner_of[1] == TWO


def test_a_scheduled_edition_takes_force_at_its_hour_without_any_notice(town: Town) -> None:
    hour = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2)
    publish(town.database, EAST_OF_IT, hour)
    assert town.locate(PROBE, SOUTH + 0.005).json()["owner"]["grid_code"] == TWO
    wait_for(lambda: town.locate(PROBE, SOUTH + 0.005).json()["edition"]["number"] == 2)
    assert dt.datetime.now(dt.UTC) >= hour
    assert town.locate(PROBE, SOUTH + 0.005).json()["owner"]["grid_code"] == ONE
    old = town.locate(PROBE, SOUTH + 0.005, as_of=DAY.isoformat()).json()
    assert (old["edition"]["number"], old["owner"]["grid_code"]) == (1, TWO)


def test_a_missed_notice_is_found_by_polling(database: Database, tmp_path: Path) -> None:
    load_place(database, place(), actor="test", effective_from=DAY)
    current = Current(database, tmp_path, poll_s=0.3)
    current.start()
    try:
        with database.connection() as connection:
            connection.execute(text("ALTER TABLE wangge.event DISABLE TRIGGER told"))
        publish(database, EAST_OF_IT, dt.datetime.now(dt.UTC))
        wait_for(lambda: current.county(COUNTY).edition.number == 2)
        before = current.county(COUNTY)
        with database.connection() as connection:
            connection.execute(text("UPDATE wangge.staff SET person = '示例新人' WHERE staff_code = 'S1'"))
        wait_for(lambda: current.county(COUNTY).staff_of(ONE)[0]["person"] == "示例新人")
        after = current.county(COUNTY)
        assert after is not before
        assert all(after.indexes[layer] is index for layer, index in before.indexes.items()), (
            "compiled in vain"
        )
    finally:
        current.stop()


def test_while_the_database_is_away_look_ups_go_on_and_say_how_old_they_are(
    database: Database, tmp_path: Path
) -> None:
    load_place(database, place(), actor="test", effective_from=DAY)
    first = Current(database, tmp_path / "editions")
    first.start()
    first.stop()
    assert set(kept(tmp_path / "editions")) == {COUNTY}
    # Nobody listens on port 1 of this machine: the database is away from the start.
    away = connect("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    app = create_app(Settings(data_dir=tmp_path, _env_file=None), database=away)
    with serving(app) as address, httpx.Client(base_url=address, timeout=30) as client:
        answer = client.get(
            "/api/v1/locate", params={"lon": PROBE, "lat": SOUTH + 0.005, "crs": "wgs84", "lang": "en"}
        ).json()
        assert answer["owner"]["grid_code"] == TWO
        assert answer["owner"]["staff"][0]["phone"] == "0471-0000103"
        assert answer["stale"]["age_s"] >= 0
        assert "edition 1" in answer["stale"]["words"]
        assert client.get("/healthz").json()["database"] == "away"
        assert client.get("/").status_code == 200
        refused = client.post("/api/v1/incidents", json={"category": "noise", "text": "x"})
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) > 0
        assert set(refused.json()) == {"error"}
    away.engine.dispose()


def test_a_database_that_goes_away_and_comes_back_is_noticed_both_times(town: Town) -> None:
    name = str(town.database.engine.url.database)
    admin = connect(town.database.url.replace(f"/{name}?", "/postgres?"))
    report = {"category": "noise", "text": "x", "source": "hotline"}

    def run(*statements: str) -> None:
        with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for statement in statements:
                connection.execute(text(statement), {"name": name} if ":name" in statement else {})

    try:
        run(
            f"ALTER DATABASE {name} ALLOW_CONNECTIONS false",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name",
        )
        wait_for(lambda: town.client.get("/healthz").json()["database"] == "away")
        answer = town.locate(PROBE, SOUTH + 0.005).json()
        assert answer["owner"]["grid_code"] == TWO
        assert answer["stale"]["age_s"] >= 0
        refused = town.client.post("/api/v1/incidents", json=report, headers=town.as_("dispatcher"))
        assert (refused.status_code, "retry-after" in refused.headers) == (503, True)
        assert "FATAL" not in refused.text
    finally:
        run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    wait_for(lambda: town.client.get("/healthz").json()["database"] == "ok")
    assert "stale" not in town.locate(PROBE, SOUTH + 0.005).json()
    taken = town.client.post("/api/v1/incidents", json=report, headers=town.as_("dispatcher"))
    assert taken.status_code == 201
    admin.engine.dispose()


def test_without_a_database_nothing_but_the_edition_in_force_can_be_asked(tmp_path: Path) -> None:
    current = Current(None, tmp_path)
    current.start()
    with pytest.raises(UnavailableError):
        current.at(COUNTY, DAY)
    assert current.in_force.counties == {}


def test_a_damaged_file_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / f"{COUNTY}.edition").write_bytes(b'{"format": 1}\n')
    (tmp_path / "150104000000.edition").write_bytes(b"garbage")
    (tmp_path / "150105000000.edition").write_bytes(b"")
    assert kept(tmp_path) == {}
