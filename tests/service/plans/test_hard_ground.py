"""Communities that are hard to divide, over HTTP: two parts, half covered, a house too big or uncounted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from shapely import MultiPolygon, box

from gis.layers.database import Database
from gis.service.access import create_token
from gis.service.api.app import create_app
from gis.service.loading import load_place
from gis.settings import Settings
from tests.service import conftest as town
from tests.service.conftest import COMMUNITY, COUNTY, EAST, MIDDLE, NORTH, SOUTH, WEST

pytestmark = pytest.mark.database

A, B = COMMUNITY + "001", COMMUNITY + "002"
Desk = tuple[httpx.Client, str]


@contextmanager
def planning(database: Database, folder: Path, change: Callable[[dict[str, Any]], None]) -> Iterator[Desk]:
    """Serve a town that was changed, with a plan begun."""
    place = town.place()
    change(place)
    load_place(database, place, actor="test", effective_from=town.DAY)
    with database.connection() as connection:
        token = create_token(connection, "规划", "planner", COUNTY)
    app = create_app(Settings(data_dir=folder, _env_file=None), database=database)
    with (
        town.serving(app) as address,
        httpx.Client(base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=120) as client,
    ):
        made = client.post(f"/api/v1/communities/{COMMUNITY}/plans", json={"name": "方案"})
        assert made.status_code == 201, made.text
        yield client, f"/api/v1/plans/{made.json()['plan']['id']}"


def rules(answer: httpx.Response) -> dict[str, dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return {one["rule"]: one for one in answer.json()["violations"]}


def test_one_house_of_900_households_stands_alone_with_a_waiver(database: Database, tmp_path: Path) -> None:
    def change(place: dict[str, Any]) -> None:
        place["buildings"]["households"] = [200, 200, 900]
        place["compounds"]["households"] = [400, 900]

    with planning(database, tmp_path, change) as (client, plan):
        above = rules(client.get(f"{plan}/state"))["size_above"]
        assert "900" in above["words"]["zh"]
        version = client.get(f"{plan}/state").json()["plan"]["version"]
        named = client.patch(f"{plan}/grids/{B}", json={"version": version, "name": "单独一栋"})
        assert named.status_code == 200, named.text
        review = client.get(f"{plan}/review").json()
        keys = [one["key"] for one in review["violations"] if one["needs_reason"]]
        assert f"size_above:{B}" in keys
        refused = client.post(f"{plan}/publish", json={"version": version + 1, "waivers": {}})
        assert refused.status_code == 409
        assert refused.json()["error"]["code"] == "rule_broken"
        assert refused.json()["error"]["details"]["needs_reason"] == keys
        waivers = dict.fromkeys(keys, "一栋楼,不可分割")
        done = client.post(f"{plan}/publish", json={"version": version + 1, "waivers": waivers})
        assert done.status_code == 200, done.text
        assert done.json()["edition"]["number"] == 2


def test_a_house_nobody_counted_is_not_taken_for_empty(database: Database, tmp_path: Path) -> None:
    def change(place: dict[str, Any]) -> None:
        place["buildings"]["households"] = pd.array([200, None, 400], dtype="Int64")

    with planning(database, tmp_path, change) as (client, plan):
        found = rules(client.get(f"{plan}/state"))
        assert found["size_unknown"]["subjects"] == [A]
        grid = next(row for row in client.get(f"{plan}/state").json()["totals"] if row["label"] == A)
        assert (grid["households"], grid["unknown"], grid["verdict"]) == (200, 1, "unknown")


def test_a_community_in_two_parts_has_no_gap_between_them(database: Database, tmp_path: Path) -> None:
    west, east = box(WEST, SOUTH, MIDDLE - 0.001, NORTH), box(MIDDLE, SOUTH, EAST, NORTH)

    def change(place: dict[str, Any]) -> None:
        divisions, grids = place["divisions"], place["grids"]
        divisions.loc[divisions["level"] == "community", "geometry"] = MultiPolygon([west, east])
        grids.loc[grids["grid_code"] == A, "geometry"] = MultiPolygon([west])

    with planning(database, tmp_path, change) as (client, plan):
        state = client.get(f"{plan}/state").json()
        assert {row["label"]: row["parts"] for row in state["totals"]} == {A: 1, B: 1}
        assert not {"gap", "parts", "units_loose"} & {one["rule"] for one in state["violations"]}
        merged = client.post(f"{plan}/merge", json={"version": 1, "labels": [A, B]})
        assert "parts" in {one["rule"] for one in merged.json()["made"]}
        back = client.post(f"{plan}/undo", json={"version": 2})
        assert "parts" in {one["rule"] for one in back.json()["cured"]}
        review = client.get(f"{plan}/review").json()
        assert review["proof"]["difference_m2"] == 0


def test_grids_that_cover_half_leave_units_that_the_planner_gives_away(
    database: Database, tmp_path: Path
) -> None:
    def change(place: dict[str, Any]) -> None:
        place["grids"] = place["grids"].iloc[[0]].reset_index(drop=True)
        place["staff"] = place["staff"][place["staff"]["grid_code"] != B]

    with planning(database, tmp_path, change) as (client, plan):
        loose = rules(client.get(f"{plan}/state"))["units_loose"]
        assert loose["severity"] == "error"
        assert "400" in loose["words"]["zh"]
        review = client.get(f"{plan}/review").json()
        stops = [one["key"] for one in review["violations"] if not one["needs_reason"]]
        refused = client.post(f"{plan}/publish", json={"version": 1, "waivers": dict.fromkeys(stops, "无")})
        assert refused.status_code == 409
        assert refused.json()["error"]["code"] == "rule_broken"
        labels = client.get(f"{plan}/state").json()["labels"]
        some = [unit for unit, label in labels.items() if not label]
        done = client.post(f"{plan}/move", json={"version": 1, "units": some, "label": None}).json()
        assert "units_loose" in {one["rule"] for one in done["cured"]}
        assert {row["households"] for row in done["totals"]} == {400}
        assert "size_below" not in rules(client.get(f"{plan}/state"))
