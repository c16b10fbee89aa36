"""Open incidents follow the grids: listed before, moved with the edition, and both owners logged."""

from __future__ import annotations

import datetime as dt
import time

import pytest
from sqlalchemy import text

from gis.layers.editions import edition_at
from gis.service.dispatch.redispatching import incidents_that_move, indexes_of, move_incidents
from tests.service.conftest import COMMUNITY, COUNTY, MIDDLE, SOUTH, WEST, Town, grids, publish

pytestmark = pytest.mark.database

ONE, TWO = COMMUNITY + "001", COMMUNITY + "002"
BETWEEN = {"lon": MIDDLE + 0.001, "lat": SOUTH + 0.005, "crs": "cgcs2000"}
FAR_WEST = {"lon": WEST + 0.001, "lat": SOUTH + 0.008, "crs": "cgcs2000"}
NEW_BORDER = MIDDLE + 0.002


def report(town: Town, **more: object) -> str:
    body = {"category": "noise", "text": "示例", "source": "hotline", **more}
    return str(
        town.client.post("/api/v1/incidents", json=body, headers=town.as_("dispatcher")).json()[
            "incident_number"
        ]
    )


def look(town: Town, number: str) -> dict:
    return town.client.get(f"/api/v1/incidents/{number}", headers=town.as_("dispatcher")).json()


def test_what_would_move_is_listed_and_what_was_given_by_hand_stays(town: Town) -> None:
    moves, stays = report(town, **BETWEEN), report(town, **FAR_WEST)
    by_hand = report(town, **BETWEEN)
    closed = report(town, **BETWEEN)
    town.client.post(
        f"/api/v1/incidents/{by_hand}/assign",
        json={"grid_code": ONE, "reason": "示例"},
        headers=town.as_("dispatcher"),
    )
    for act, body in (("accept", {}), ("resolve", {"reason": "示例"})):
        town.client.post(f"/api/v1/incidents/{closed}/{act}", json=body, headers=town.as_("dispatcher"))
    with town.database.connection() as connection:
        listed = incidents_that_move(connection, COUNTY, indexes_of(grids(NEW_BORDER)))
        alone = incidents_that_move(connection, COUNTY, indexes_of(grids(NEW_BORDER))["basic"])
    assert [(one.incident_number, one.from_grid, one.to_grid) for one in listed] == [(moves, TWO, ONE)]
    assert listed == alone
    assert look(town, stays)["grid_code"] == ONE
    with town.database.connection() as connection:
        gone = grids(NEW_BORDER)
        gone = gone[gone["grid_code"] != ONE]
        left = incidents_that_move(connection, COUNTY, indexes_of(gone))
    assert {(one.incident_number, one.to_grid) for one in left} == {
        (stays, None),
        (by_hand, TWO),
        (moves, None),
    } or {one.incident_number for one in left} >= {stays, by_hand}


def test_moved_in_the_publishing_transaction_each_history_names_both_owners(town: Town) -> None:
    number = report(town, **BETWEEN)
    with town.database.connection() as connection:
        moving = incidents_that_move(connection, COUNTY, indexes_of(grids(NEW_BORDER)))
        stamp = edition_at(connection, COUNTY)
        assert move_incidents(connection, moving, stamp, actor="the planner") == 1
        assert move_incidents(connection, moving, stamp, actor="the planner") == 0
    last = look(town, number)["history"][-1]
    assert (last["act"], last["from_grid"], last["to_grid"], last["actor"]) == (
        "moved",
        TWO,
        ONE,
        "the planner",
    )


def test_an_edition_that_takes_force_moves_what_nobody_moved(town: Town) -> None:
    number = report(town, **BETWEEN)
    assert look(town, number)["grid_code"] == TWO
    publish(town.database, NEW_BORDER, dt.datetime.now(dt.UTC))
    for _ in range(200):
        if look(town, number)["grid_code"] == ONE:
            break
        time.sleep(0.05)
    now = look(town, number)
    assert (now["grid_code"], now["edition"]) == (ONE, 2)
    assert now["history"][-1]["edition"] == 2
    with town.database.connection() as connection:
        kinds = connection.execute(text("SELECT kind FROM wangge.event ORDER BY id")).scalars().all()
    assert kinds[-2:] == ["edition_changed", "moved"]
