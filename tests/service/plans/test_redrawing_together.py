"""Through HTTP: proposals as jobs, several departments' nets, and who may do it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import httpx
import pytest
from sqlalchemy import text

from gis.demo.community import COMMUNITY, COUNTY, make_community
from gis.layers.database import Database
from gis.service.access import create_token
from gis.service.api.app import create_app
from gis.service.loading import load_place
from gis.service.plans.proposal_runner import ProposalRunner, run_jobs
from gis.service.plans.proposing import claim_proposal
from gis.service.plans.searching import search
from gis.settings import Settings
from tests.service.conftest import serving

pytestmark = pytest.mark.database

A = COMMUNITY + "001"


@dataclass
class Desk:
    database: Database
    client: httpx.Client
    plan: int

    def state(self) -> dict:
        return self.client.get(f"/api/v1/plans/{self.plan}/state").json()

    def post(self, path: str, **body) -> httpx.Response:
        return self.client.post(f"/api/v1/plans/{self.plan}{path}", json=body)

    def search_next(self) -> None:
        """Do the next waiting job here, as a worker process does."""
        with self.database.connection() as connection:
            job = claim_proposal(connection)
        assert job is not None
        search(self.database, job)


@pytest.fixture(scope="module")
def desk(
    module_database: Database,
    tmp_path_factory: pytest.TempPathFactory,
    module_monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Desk]:
    # The test does the jobs itself, so that it knows when.
    module_monkeypatch.setattr("gis.service.plans.proposal_runner.ProposalRunner.wake", lambda _self: None)
    load_place(module_database, make_community(), actor="test")
    with module_database.connection() as connection:
        token = create_token(connection, "规划", "planner", COUNTY)
    settings = Settings(data_dir=tmp_path_factory.mktemp("desk"), _env_file=None)
    with (
        serving(create_app(settings, database=module_database)) as address,
        httpx.Client(base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=120) as client,
    ):
        made = client.post(f"/api/v1/communities/{COMMUNITY}/plans", json={"name": "方案"})
        yield Desk(module_database, client, made.json()["plan"]["id"])


@pytest.fixture(scope="module")
def module_monkeypatch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def test_a_search_is_followed_and_its_plan_taken_and_undone(desk: Desk) -> None:
    version = desk.state()["plan"]["version"]
    locked = desk.client.patch(
        f"/api/v1/plans/{desk.plan}/grids/{A}", json={"version": version, "locked": True}
    )
    assert locked.status_code == 200
    before = desk.state()
    asked = desk.post("/proposals", goal="balanced", seconds=2)
    assert (asked.status_code, asked.json()["state"]) == (202, "waiting")
    job = asked.json()["id"]
    desk.search_next()
    events = desk.client.get(f"/api/v1/plans/{desk.plan}/proposals/{job}/events").text
    last = json.loads(events.strip().split("\n\n")[-1].split("data: ")[1])
    assert (last["state"], last["progress"]["done"]) == ("done", 1.0)
    found = desk.client.get(f"/api/v1/plans/{desk.plan}/proposals/{job}").json()
    best = found["results"]["plans"][0]
    assert best["metrics"]["in_range"] == best["metrics"]["grids"]
    # What has to be cut is said in words: 760 households in one compound.
    assert any("760" in words["zh"] for words in found["words"])
    taken = desk.post(f"/proposals/{job}/adopt", version=before["plan"]["version"], number=0)
    assert taken.status_code == 200, taken.text
    after = desk.state()
    of_a = {unit for unit, label in before["labels"].items() if label == A}
    assert {unit for unit, label in after["labels"].items() if label == A} == of_a
    assert {row["verdict"] for row in after["totals"]} == {"within"}
    assert desk.post("/undo", version=after["plan"]["version"]).status_code == 200
    assert desk.state()["labels"] == before["labels"]
    assert desk.post(f"/proposals/{job}/adopt", version=1, number=99).status_code == 404


def test_a_search_that_waits_is_cancelled_and_one_that_cannot_be_done_says_why(desk: Desk) -> None:
    job = desk.post("/proposals", seconds=2).json()["id"]
    cancelled = desk.post(f"/proposals/{job}/cancel").json()
    assert cancelled["state"] == "cancelled"
    with desk.database.connection() as connection:
        assert claim_proposal(connection) is None
        # A worker that fell silent: its job is given up when the next one is looked for.
        connection.execute(
            text(
                "UPDATE wangge.plan_proposal SET state = 'running', beat_at = now() - interval '2 min' "
                "WHERE id = :j"
            ),
            {"j": job},
        )
        assert claim_proposal(connection) is None
    assert desk.client.get(f"/api/v1/plans/{desk.plan}/proposals/{job}").json()["state"] == "failed"
    strange = ({"k": 20_000}, {"households_min": 600}, {"households_min": 400, "households_max": 300})
    for wrong in ({"goal": "pretty"}, {"seconds": 0}, {"seconds": 1e9}, *strange):
        assert desk.post("/proposals", **wrong).status_code == 422


def test_a_search_that_finds_no_process_is_given_up_and_the_next_is_taken_up(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = desk.post("/proposals", seconds=2).json()["id"]

    class NoRoom:
        def Process(self, **_options: object) -> object:  # noqa: N802 - as multiprocessing calls it
            raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(
        "gis.service.plans.proposal_runner.multiprocessing.get_context", lambda _how: NoRoom()
    )
    runner = ProposalRunner(desk.database, slots=1)
    # The one that the fixture silenced: it starts a process, or says that it cannot.
    runner._watch()
    told = desk.client.get(f"/api/v1/plans/{desk.plan}/proposals/{job}").json()
    assert told["state"] == "failed"
    assert "no process could be started" in told["words"][0]["en"]
    following = desk.post("/proposals", seconds=2).json()
    assert following["state"] == "waiting"
    desk.post(f"/proposals/{following['id']}/cancel")


def test_a_worker_waits_for_a_database_that_is_away(tmp_path: Path) -> None:
    began = time.monotonic()
    # Ends by itself when nobody has asked for a while, and says nothing.
    run_jobs(f"postgresql+psycopg://nobody@/nothing?host={tmp_path}", idle_s=1.0)
    assert time.monotonic() - began >= 1.0


def test_departments_nets_are_seen_side_by_side_and_become_one(desk: Desk, tmp_path: Path) -> None:
    grids = make_community()["grids"]
    basic = gpd.GeoDataFrame(grids[grids["grid_type"] == "basic"][["grid_code", "geometry"]], crs=4490)
    west = basic.iloc[:6].dissolve().assign(grid_code="警务一区")
    east = basic.iloc[6:].dissolve().assign(grid_code="警务二区")
    police = gpd.GeoDataFrame(gpd.pd.concat([west, east]), crs=4490)[["grid_code", "geometry"]]
    files = []
    for name, net in (("police", police), ("civil", basic)):
        net.to_file(tmp_path / f"{name}.gpkg", driver="GPKG")
        files.append(("files", (f"{name}.gpkg", (tmp_path / f"{name}.gpkg").read_bytes())))
    seen = desk.client.post(f"/api/v1/communities/{COMMUNITY}/crosswalk", files=files)
    assert seen.status_code == 200, seen.text
    pairs = seen.json()["pairs"]
    assert sum(row["households"] for row in pairs) == 4635
    assert {row["code_a"] for row in pairs} == {"警务一区", "警务二区"}
    version = desk.state()["plan"]["version"]
    with_lock = desk.client.post(
        f"/api/v1/plans/{desk.plan}/merge-nets",
        files=files,
        data={"base": "police", "version": str(version)},
    )
    # Grid 001 is locked, and the police's net would swallow it.
    assert with_lock.status_code == 409
    desk.client.patch(f"/api/v1/plans/{desk.plan}/grids/{A}", json={"version": version, "locked": False})
    merged = desk.client.post(
        f"/api/v1/plans/{desk.plan}/merge-nets",
        files=files,
        data={"base": "police", "version": str(version + 1)},
    )
    assert merged.status_code == 200, merged.text
    assert set(merged.json()["report"]["predecessors"]["警务一区"]) >= {f"civil:{A}"}
    assert len(desk.state()["totals"]) == 2


def test_nobody_without_a_token_sees_a_plan(desk: Desk) -> None:
    plain = httpx.Client(base_url=desk.client.base_url, timeout=30)
    with plain:
        for path in ("", "/state", "/comments", "/steps", "/compare", "/units.csv", "/review", "/proposals"):
            answer = plain.get(f"/api/v1/plans/{desk.plan}{path}")
            assert answer.status_code == 401, path
        assert plain.post(f"/api/v1/plans/{desk.plan}/undo", json={"version": 1}).status_code == 401
    for path in ("/api/v1/plans/999999", "/api/v1/plans/999999/review"):
        answer = desk.client.get(path)
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "not_found"
