"""Reports taken in together: each by itself, none lost, none doubled, whatever happens to the process."""

from __future__ import annotations

import multiprocessing
import os
import signal
from concurrent.futures import Future
from contextlib import closing
from multiprocessing.connection import Connection as Pipe
from typing import Any

import pytest
from sqlalchemy import text

from gis.errors import InputError, UnauthorisedError, UnavailableError, WanggeError
from gis.layers.database import Database, connect
from gis.service.dispatch.intake import Intake
from gis.service.dispatch.reporting import Report, Reported, Sent, report_many
from gis.service.owning.one_off import compile_counties
from gis.settings import Settings
from tests.service.conftest import COMMUNITY, SOUTH, WEST, Town

pytestmark = pytest.mark.database

ONE = COMMUNITY + "001"
NOBODYS = "wg_nonsense"


def said(at: int = 0, **more: Any) -> Report:
    place = {"lon": WEST + 0.006 + at * 1e-6, "lat": SOUTH + 0.006, "crs": "cgcs2000"}
    return Report(**{"category": "noise", "source": "hotline", "words": f"示例 {at}", **place, **more})


def many(town: Town, sent: list[Sent]) -> list[Reported | WanggeError]:
    with town.database.connection() as connection:
        return report_many(connection, compile_counties(connection), town.settings, sent)


def counts(database: Database) -> dict[str, int]:
    tables = ("incident", "incident_step", "event", "kept_answer")
    with database.connection() as connection:
        return {
            table: connection.execute(text(f"SELECT count(*) FROM wangge.{table}")).scalar_one()
            for table in tables
        }


def test_each_of_many_is_taken_or_refused_by_itself(town: Town) -> None:
    before = counts(town.database)
    done = many(
        town,
        [
            Sent(said(0), "desk", key="key-000000"),
            Sent(said(1, category="ufo"), "desk", key="key-000001"),
            Sent(said(2, words="half \ud800 a letter"), "desk"),
            Sent(said(3), token=NOBODYS),
            Sent(said(4), token=town.tokens["planner"]),
            Sent(said(5), token=town.tokens["dispatcher"]),
            Sent(said(0), "desk", key="key-000000"),
            Sent(said(7), "desk", key="key-000000"),
            Sent(said(8), "resident", follow=True),
        ],
    )
    first = done[0]
    assert isinstance(first, Reported)
    assert (first.state, first.grid_code, first.again) == ("assigned", ONE, False)
    kinds = [type(one).__name__ for one in done]
    assert kinds == [
        *("Reported", "InputError", "InputError", "UnauthorisedError", "ForbiddenError", "Reported"),
        *("Reported", "ConflictError", "Reported"),
    ]
    assert done[6].again  # type: ignore[union-attr]
    assert done[6].number == first.number  # type: ignore[union-attr]
    assert done[5].perhaps_doubles == [first.number]  # type: ignore[union-attr]
    assert done[8].follow_up  # type: ignore[union-attr]
    after = counts(town.database)
    assert {table: after[table] - before[table] for table in after} == {
        "incident": 3,
        "incident_step": 6,
        "event": 6,
        "kept_answer": 1,
    }
    again = many(town, [Sent(said(1), "desk", key="key-000001"), Sent(said(0), "desk", key="key-000000")])
    assert not again[0].again, "a key whose report was refused is free"  # type: ignore[union-attr]
    assert again[1].as_dict() == first.as_dict()  # type: ignore[union-attr]


def test_one_that_the_database_refuses_does_not_take_the_others_with_it(town: Town) -> None:
    """A county that is none passes every check but the database's own."""
    intake = Intake(
        lambda: town.database, lambda: town.app.state.service.current.in_force.counties, town.settings
    )
    nowhere = {"lon": None, "lat": None, "crs": None}
    with closing(intake):
        promises = [
            intake.send(Sent(said(at, **nowhere), "desk", home="999999000000" if at == 3 else None))
            for at in range(8)
        ]
        outcomes = [promise.exception(30) for promise in promises]
    assert [type(one) for one in outcomes] == [*[type(None)] * 3, InputError, *[type(None)] * 4]


def test_a_database_that_is_away_is_said_and_nothing_hangs(town: Town) -> None:
    gone = connect("postgresql+psycopg://nobody@127.0.0.1:1/none")
    with closing(Intake(lambda: gone, dict, town.settings)) as intake:
        promises = [intake.send(Sent(said(at), "desk")) for at in range(5)]
        assert all(isinstance(one.exception(30), UnavailableError) for one in promises)


def _feed_in(url: str, settings: Settings, reports: int, pipe: Pipe) -> None:
    """Take reports in, in a process of its own, and tell of each that was answered."""
    database = connect(url)
    with database.connection() as connection:
        counties = compile_counties(connection)
    intake = Intake(lambda: database, lambda: counties, settings)

    def tell(at: int, promise: Future[Reported]) -> None:
        pipe.send((at, promise.result().number))

    for at in range(reports):
        intake.send(Sent(said(at), "desk", key=f"key-{at:06d}")).add_done_callback(
            lambda promise, at=at: tell(at, promise)
        )
    intake.close()


def test_a_killed_process_loses_nothing_that_was_answered_and_doubles_nothing(town: Town) -> None:
    reports, until = 1500, 300
    before = counts(town.database)
    here, there = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(
        target=_feed_in, args=(town.database.url, town.settings, reports, there)
    )
    process.start()
    there.close()
    answered: dict[int, str] = {}
    while len(answered) < until:
        assert here.poll(240), "the process did not answer"
        at, number = here.recv()
        answered[at] = number
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join(30)
    try:
        while here.poll():
            at, number = here.recv()
            answered[at] = number
    except EOFError:
        pass
    stored = counts(town.database)["incident"] - before["incident"]
    assert len(answered) <= stored < reports, "it was killed too late to tell anything"
    # Whoever got no answer sends again, and so does, to be safe, who got one.
    done = many(town, [Sent(said(at), "desk", key=f"key-{at:06d}") for at in range(reports)])
    assert all(isinstance(one, Reported) for one in done)
    numbers = [one.number for one in done if isinstance(one, Reported)]
    assert len(set(numbers)) == reports
    assert all(numbers[at] == number for at, number in answered.items())
    after = counts(town.database)
    assert {table: after[table] - before[table] for table in after} == {
        "incident": reports,
        "incident_step": 2 * reports,
        "event": 2 * reports,
        "kept_answer": reports,
    }


def test_a_token_and_a_key_are_in_no_representation(town: Town) -> None:
    sent = Sent(said(), token=NOBODYS, key="key-secret")
    assert NOBODYS not in repr(sent)
    assert "secret" not in repr(sent)
    assert isinstance(many(town, [sent])[0], UnauthorisedError)
