"""What planners are shown of the quarter-hour circle, and what is said where something is missing."""

from __future__ import annotations

import dataclasses
from itertools import combinations
from typing import Any

import pytest
import shapely
from sqlalchemy import text as sql

from gis.demo.community import COMMUNITY, make_community
from gis.errors import InputError
from gis.layers.database import Database
from gis.service.loading import load_place
from gis.service.residents import walking
from gis.service.residents.coverage_kept import KeptCoverage, coverage_stamp
from gis.service.residents.coverage_page import coverage_map, page_data
from gis.service.residents.public_layer import place_stamp
from gis.service.residents.suggesting import suggest_points
from gis.service.residents.walking import CommunityCoverage, community_coverage
from gis.settings import Settings
from gis.walking.minutes import doors_of, walking_metres
from tests.service.conftest import Town

SETTINGS = Settings(_env_file=None)


@pytest.fixture(scope="module")
def demo(module_database: Database) -> Database:
    frames = {name: frame for name, frame in make_community().items() if name != "incidents"}
    load_place(module_database, frames, actor="test")
    return module_database


def measured(demo: Database, **asked: Any) -> CommunityCoverage:
    with demo.connection() as connection:
        return community_coverage(connection, COMMUNITY, asked.pop("settings", SETTINGS), **asked)


def test_the_slower_a_group_walks_the_fewer_it_brings_within_reach(demo: Database) -> None:
    found = measured(demo)
    facts = found.as_dict()
    assert facts["method"] == "network"
    assert facts["network"]["source"] == "streets"
    assert facts["speeds_m_s"] == {"adult": 1.1, "older": 0.8, "wheelchair": 0.7}
    within = {(row["group"], row["category"]): row["within"] for row in facts["groups"]}
    for category in found.coverage.categories:
        assert within["adult", category] >= within["older", category] >= within["wheelchair", category]
    # The group's own measurement says what the comparison said.
    older = measured(demo, group="older")
    assert older.coverage.speed_m_s == 0.8
    own = {row["category"]: row["within"] for row in older.as_dict()["community"]}
    assert own == {category: within["older", category] for category in own}
    set_otherwise = Settings(_env_file=None, walking_speed_older_m_s=0.5)
    assert measured(demo, group="older", settings=set_otherwise).coverage.speed_m_s == 0.5
    assert measured(demo, speed_m_s=0.9).group is None


def test_shares_grow_with_the_minutes_and_grids_add_up(demo: Database) -> None:
    facts = measured(demo).as_dict()
    for row in facts["community"]:
        assert row["share_5"] <= row["share_10"] <= row["share_15"] == row["share"]
        grids = [one for one in facts["grids"] if one["category"] == row["category"]]
        for key in ("households", "within", "buildings_left_out"):
            assert sum(one[key] for one in grids) == row[key]
    assert facts["buildings_in_no_grid"] == 0


def test_the_next_point_is_the_best_of_all_junctions(demo: Database) -> None:
    found = measured(demo)
    coverage = found.coverage
    suggestion = suggest_points(found, "market")
    households = coverage.buildings["households"].fillna(0).to_numpy(dtype=float)
    near = coverage.minutes[:, coverage.column("market")] <= 15
    # By hand: every junction of the network near the community, one by one and two by two.
    nodes = found.network.plane.lift(shapely.points(found.network.nodes))
    land = shapely.union_all(found.frames.grids.geometry.to_numpy())
    nodes = nodes[shapely.dwithin(nodes, land, 30 / 111_000)]
    walk = walking_metres(found.network, doors_of(found.frames.buildings), nodes)
    reach = walk.minutes() <= 15
    total = lambda pick: households[near | reach[:, list(pick)].any(axis=1)].sum()  # noqa: E731
    best = max(total([site]) for site in range(len(nodes)))
    assert suggestion.siting.after == best
    assert suggestion.siting.before == households[near].sum()
    assert suggestion.siting.proven
    assert suggestion.candidates == suggestion.places == len(nodes)
    assert households[suggestion.newly].sum() == suggestion.siting.gain > 0
    told = suggestion.as_dict()
    assert told["unit"] == "households"
    assert told["sites"][0]["streets"]
    assert told["sites"][0]["grid_code"].startswith(COMMUNITY)
    fast = measured(demo, limit_minutes=5)
    near = fast.coverage.minutes[:, fast.coverage.column("market")] <= 5
    reach = walk.minutes() <= 5
    two = suggest_points(fast, "market", 2)
    assert two.siting.after == max(total(pick) for pick in combinations(range(len(nodes)), 2))
    assert two.siting.proven


def test_the_page_carries_every_category_by_both_methods(demo: Database) -> None:
    found = measured(demo)
    data = page_data(found)
    assert [one["category"] for one in data["categories"]] == found.coverage.categories
    assert data["chosen"] == "market"
    market = next(one for one in data["categories"] if one["category"] == "market")
    assert market["community"]["within"] == suggest_points(found, "market").as_dict()["before"]
    assert market["community_circle"]["share"] > market["community"]["share"]
    assert [one["minutes"] for one in market["network_areas"]] == [5, 10, 15]
    assert {one["method"] for one in market["network_areas"]} == {"network buffer"}
    assert {one["method"] for one in market["circle_areas"]} == {"circle"}
    assert len(market["newly"]) == market["suggestion"]["buildings_newly_within"]
    assert set(market["groups"]) == {"adult", "older", "wheelchair"}
    assert "示例社区" in coverage_map(found, category="health", language="en").html()


def test_without_streets_it_is_the_circle_and_says_so_everywhere(demo: Database) -> None:
    found = measured(demo, settings=Settings(_env_file=None, walking_detour=1.5))
    bare = dataclasses.replace(
        found,
        network=None,
        coverage=dataclasses.replace(
            found.coverage,
            buildings=found.coverage.buildings.assign(basis="circle"),
        ),
        frames=dataclasses.replace(found.frames, streets=found.frames.streets.iloc[:0]),
    )
    facts = bare.as_dict()
    assert (facts["method"], facts["basis"], facts["network"], facts["detour"]) == (
        "circle",
        ["circle"],
        None,
        1.5,
    )
    data = page_data(bare)
    assert data["facts"]["method"] == "circle"
    assert all(one["network_areas"] == [] for one in data["categories"])
    assert "没有载入街道" in data["words"]["how_circle"]
    # Candidates are buildings then, and there are none without buildings either.
    assert suggest_points(bare, "market").candidates > 0


def test_an_unknown_category_is_refused(demo: Database) -> None:
    found = measured(demo)
    with pytest.raises(InputError, match="no category 'nonsense'"):
        page_data(found, category="nonsense")
    with pytest.raises(InputError, match="no category"):
        suggest_points(found, "nonsense")


@pytest.mark.parametrize(
    "asked",
    [
        {"speed_m_s": -1.0},
        {"speed_m_s": float("nan")},
        {"limit_minutes": 0},
        {"limit_minutes": 500},
        {"group": "ghosts"},
    ],
)
def test_walkers_that_make_no_sense_are_refused(demo: Database, asked: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        measured(demo, **asked)


def test_the_routes_give_the_page_its_data_and_the_file_to_planners_only(town: Town) -> None:
    way = f"/api/v1/communities/{COMMUNITY}"
    for path in ("coverage-page", "coverage.html"):
        assert town.client.get(f"{way}/{path}").status_code == 401
        refused = town.client.get(f"{way}/{path}", headers=town.as_("dispatcher"))
        assert refused.status_code == 403
    planner = town.as_("planner")
    data = town.client.get(
        f"{way}/coverage-page", headers=planner, params={"group": "older", "lang": "en"}
    ).json()
    assert data["facts"]["speed_m_s"] == 0.8
    assert data["words"]["heading"].startswith("Within a quarter")
    assert [one["category"] for one in data["categories"]] == ["health"]
    asked = {"category": "toilet"}  # nowhere yet
    data = town.client.get(f"{way}/coverage-page", headers=planner, params=asked).json()
    assert data["chosen"] == "toilet"
    (toilet,) = (one for one in data["categories"] if one["category"] == "toilet")
    assert (toilet["community"]["within"], toilet["circle_areas"], toilet["points"]) == (0, [], [])
    assert toilet["suggestion"]["gain"] > 0
    file = town.client.get(f"{way}/coverage.html", headers=planner)
    assert file.headers["content-type"].startswith("text/html")
    assert "attachment" in file.headers["content-disposition"]
    assert town.client.get(f"{way}/coverage/nonsense", headers=planner).status_code == 422
    assert town.client.get(f"{way}/coverage-page", headers=planner, params={"group": "x"}).status_code == 422
    shell = town.client.get(f"/coverage/{COMMUNITY}")
    assert shell.status_code == 200
    assert "示例卫生站" not in shell.text


def test_the_page_is_kept_until_a_point_changes_wherever_it_is(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[str] = []
    measure = walking.community_coverage

    def counted(*given: Any, **asked: Any) -> CommunityCoverage:
        measured.append(given[1])
        return measure(*given, **asked)

    monkeypatch.setattr(walking, "community_coverage", counted)
    path, planner = f"/api/v1/communities/{COMMUNITY}/coverage-page", town.as_("planner")

    def points(**asked: str) -> list[str]:
        (health,) = town.client.get(path, headers=planner, params=asked).json()["categories"]
        return [one["name"] for one in health["points"]]

    first = points()
    assert points() == first
    assert len(measured) == 1
    # Another question, another form and another reader are answered from what they asked.
    assert points(group="older", lang="en") == first
    assert "<html" in town.client.get(path.replace("-page", ".html"), headers=planner).text
    assert town.client.get(path, headers=town.as_("dispatcher")).status_code == 403
    assert len(measured) == 3
    with town.database.connection() as connection:
        connection.execute(
            sql("UPDATE wangge.service_point SET name = '新站' WHERE name = :old"), {"old": first[0]}
        )
    assert points() == ["新站", *first[1:]]
    assert len(measured) == 4
    with town.database.connection() as connection:
        connection.execute(sql("UPDATE wangge.service_point SET public = false"))
    assert town.client.get(path, headers=planner).json()["categories"] == []


def test_a_change_that_began_before_the_last_and_ended_after_it_is_seen(town: Town) -> None:
    def stamps() -> tuple[str, str]:
        with town.database.connection() as connection:
            return place_stamp(connection, COMMUNITY), coverage_stamp(connection, COMMUNITY)

    change = sql("UPDATE wangge.service_point SET address = '新址' WHERE point_code = :code")
    with town.database.connection() as connection:
        codes = connection.scalars(sql("SELECT point_code FROM wangge.service_point ORDER BY 1")).all()
    with town.database.connection() as early:
        early.execute(change, {"code": codes[0]})
        with town.database.connection() as late:
            late.execute(change, {"code": codes[1]})
        between = stamps()
    assert all(now != before for now, before in zip(stamps(), between, strict=True))


def test_only_so_many_bytes_are_kept() -> None:
    shelf = KeptCoverage(most_bytes=100)
    for name in "abc":
        shelf.keep(name, "now", name.encode() * 40)
    assert [shelf.find(name, "now") for name in "abc"] == [None, b"b" * 40, b"c" * 40]
    shelf.keep("b", "later", b"B" * 50)
    assert (shelf.find("b", "now"), shelf.find("b", "later")) == (None, b"B" * 50)
    shelf.keep("d", "now", b"d" * 60)
    assert [shelf.find("c", "now"), shelf.find("b", "later"), shelf.find("d", "now")] == [
        None,
        None,
        b"d" * 60,
    ]
    shelf.keep("huge", "now", b"h" * 101)
    assert shelf.find("huge", "now") is None
