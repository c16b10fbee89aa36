"""Following a search through a proxy that keeps answers back: stages, heart-beats, coming back."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx
import pytest
from sqlalchemy import text

from gis.demo.community import COMMUNITY, COUNTY, make_community
from gis.layers.database import Database
from gis.planning.propose import Progress, propose
from gis.service.access import create_token
from gis.service.api import plan_ends
from gis.service.api.app import create_app
from gis.service.loading import load_place
from gis.service.plans.plan_memory import load_draft
from gis.service.plans.proposing import claim_proposal
from gis.service.plans.searching import _Desk, problem_of, search
from gis.settings import Settings
from tests.service.conftest import serving

pytestmark = pytest.mark.database


class Proxy:
    """Passes requests on, and keeps an answer back until it is whole unless the answer forbids it."""

    def __init__(self, upstream: str) -> None:
        self.upstream = httpx.URL(upstream)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.pass_on, args=(client,), daemon=True).start()

    def pass_on(self, client: socket.socket) -> None:
        upstream = (self.upstream.host, self.upstream.port or 80)
        # Whoever has heard enough hangs up in the middle.
        with suppress(OSError), client, socket.create_connection(upstream) as server:
            # A request's head and body may come one after the other.
            threading.Thread(target=self.pass_in, args=(client, server), daemon=True).start()
            kept, at_once = b"", False
            while got := server.recv(65536):
                kept += got
                head = kept.partition(b"\r\n\r\n")[0].lower()
                at_once = at_once or b"x-accel-buffering: no" in head
                if at_once:
                    client.sendall(kept)
                    kept = b""
            client.sendall(kept)

    def pass_in(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while got := client.recv(65536):
                server.sendall(got)
            # Who hung up waits for nothing more.
            server.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def through(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple]:
    load_place(module_database, make_community(), actor="test")
    with module_database.connection() as connection:
        token = create_token(connection, "规划", "planner", COUNTY)
    settings = Settings(data_dir=tmp_path_factory.mktemp("proxy"), _env_file=None)
    with pytest.MonkeyPatch.context() as patch:
        # The test does the jobs itself, so that it knows when.
        patch.setattr("gis.service.plans.proposal_runner.ProposalRunner.wake", lambda _self: None)
        patch.setattr(plan_ends, "_BREATH_S", 0.5)
        patch.setattr(plan_ends, "_LOOK_S", 0.1)
        with serving(create_app(settings, database=module_database)) as address:
            proxy = Proxy(address)
            headers = {"Authorization": f"Bearer {token}", "Connection": "close"}
            with httpx.Client(base_url=proxy.address, headers=headers, timeout=60) as client:
                made = client.post(f"/api/v1/communities/{COMMUNITY}/plans", json={"name": "方案"}).json()
                yield module_database, client, made["plan"]["id"]
            proxy.listener.close()


@contextmanager
def listening(client: httpx.Client, path: str, **headers: str) -> Iterator[Iterator[dict]]:
    """Read events as a browser's EventSource does; a heart-beat is an event without a name."""
    with client.stream("GET", path, headers={"Accept-Encoding": "gzip", **headers}) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "no-store" in answer.headers["cache-control"]
        assert "content-encoding" not in answer.headers

        def blocks() -> Iterator[dict]:
            block: dict = {}
            for line in answer.iter_lines():
                if line:
                    name, _, value = line.partition(": ")
                    block[name or "beat"] = value
                else:
                    yield block
                    block = {}

        yield blocks()


def stage(event: dict) -> str:
    return json.loads(event["data"])["progress"]["stage"]


def test_a_search_is_followed_as_it_goes_and_again_after_being_cut_off(through: tuple) -> None:
    database, client, plan = through
    job = client.post(f"/api/v1/plans/{plan}/proposals", json={"seconds": 2, "goal": "balanced"}).json()
    path = f"/api/v1/plans/{plan}/proposals/{job['id']}/events"
    begun = time.monotonic()
    with listening(client, path) as events:
        assert next(events) == {"retry": "2000"}
        first = next(events)
        assert stage(first) == "preparing"
        assert next(events) == {"beat": "still searching"}
        assert time.monotonic() - begun < 30
    with database.connection() as connection:
        assert claim_proposal(connection) == job["id"]
    with listening(client, path, **{"Last-Event-ID": first["id"]}) as events:
        worker = threading.Thread(target=search, args=(database, job["id"]))
        worker.start()
        named = [event for event in events if "event" in event]
        worker.join()
    # What was seen before the cut is not told again; the steps come one by one, and the last is the end.
    assert first["id"] not in {event["id"] for event in named}
    assert stage(named[-1]) == "done"
    assert len({stage(event) for event in named}) > 1
    assert json.loads(named[-1]["data"])["progress"]["best"]["grids"] > 0
    over = client.get(path, headers={"Last-Event-ID": named[-1]["id"]})
    assert (over.status_code, over.content) == (204, b"")
    with listening(client, path) as events:
        assert [event["id"] for event in events if "event" in event] == [named[-1]["id"]]


def test_the_best_so_far_can_be_taken_while_the_search_goes_on(through: tuple) -> None:
    database, client, plan = through
    job = client.post(f"/api/v1/plans/{plan}/proposals", json={"seconds": 2}).json()["id"]
    with database.connection() as connection:
        assert claim_proposal(connection) == job
        problem = problem_of(load_draft(connection, plan))
    best = propose(problem, seconds=1, clock_seconds=60).best
    with _Desk(database, job) as desk:
        desk.problem = problem
        desk.note(Progress("search", 0.4, best))
        shown = client.get(f"/api/v1/plans/{plan}/proposals/{job}").json()
        assert (shown["state"], shown["progress"]["stage"]) == ("running", "search")
        assert len(shown["results"]["plans"]) == 1
        version = client.get(f"/api/v1/plans/{plan}/state").json()["plan"]["version"]
        taken = client.post(
            f"/api/v1/plans/{plan}/proposals/{job}/adopt", json={"version": version, "number": 0}
        )
        assert taken.status_code == 200, taken.text
        asked = client.post(f"/api/v1/plans/{plan}/proposals/{job}/cancel").json()
        assert asked["cancel_asked"]
        deadline = time.monotonic() + 20
        while not desk.cancelled():
            assert time.monotonic() < deadline
            time.sleep(0.05)
    with database.connection() as connection:
        connection.execute(text("UPDATE wangge.plan_proposal SET state = 'done' WHERE id = :j"), {"j": job})
