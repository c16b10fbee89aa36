"""`wangge coverage` as its user meets it: a page, a table, JSON, and one clear line for what cannot be."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gis.demo.community import COMMUNITY

pytestmark = pytest.mark.database

Cover = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cover(run: Callable[..., tuple[int, str, str]], demo: None) -> Cover:
    return lambda *words: run("coverage", "--community", COMMUNITY, *words)


def test_the_page_is_one_file_that_opens_with_the_category(cover: Cover, tmp_path: Path) -> None:
    file = tmp_path / "deep" / "coverage.html"
    status, out, err = cover("--category", "canteen", "--group", "older", "-o", file)
    assert (status, err) == (0, "")
    assert "0.8 m/s, on foot along the streets" in out
    html = file.read_text("utf-8")
    assert '"chosen":"canteen"' in html.replace('": "', '":"')
    assert "https://" not in html.split("</title>")[0]


def test_the_table_has_every_grid_and_category_and_the_list_who_is_left_out(
    cover: Cover, tmp_path: Path
) -> None:
    assert cover("-o", tmp_path / "shares.csv")[0] == 0
    with (tmp_path / "shares.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 20 + 12 * 20
    (market,) = (row for row in rows if (row["unit"], row["category"]) == ("community", "market"))
    assert (market["households"], market["basis"]) == ("4635", "network")
    assert cover("--category", "market", "-o", tmp_path / "market.csv")[0] == 0
    with (tmp_path / "market.csv").open(encoding="utf-8-sig", newline="") as file:
        homes = list(csv.DictReader(file))
    assert len(homes) == int(market["buildings_left_out"])
    assert all(home["building_code"].lstrip("\t").isdigit() for home in homes)
    assert homes[0]["building_code"].startswith("\t")  # a spreadsheet leaves it alone
    assert sum(int(home["households"]) for home in homes) == 4635 - int(market["within"])


def test_json_says_the_method_and_where_new_points_would_go(cover: Cover, tmp_path: Path) -> None:
    assert cover("--category", "market", "--points", 2, "--minutes", 5, "-o", tmp_path / "c.json")[0] == 0
    facts = json.loads((tmp_path / "c.json").read_text("utf-8"))
    assert (facts["method"], facts["limit_minutes"]) == ("network", 5)
    (suggestion,) = facts["suggestions"]
    assert len(suggestion["sites"]) == 2
    assert suggestion["after"] == suggestion["before"] + suggestion["gain"]
    assert {home["basis"] for home in facts["left_out"]["market"]} == {"network"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "coverage.pdf"], "name it coverage.html or coverage.htm or coverage.csv or coverage.json"),
        (["-o", "c.json", "--category", "nonsense"], "no category 'nonsense'"),
        (["-o", "c.json", "--speed", "-1"], "--speed"),
        (["-o", "c.json", "--network", "none.graphml"], "no such file"),
        (["-o", "c.json", "--points", "9"], "--points"),
    ],
)
def test_what_cannot_be_is_one_clear_line(cover: Cover, arguments: list[str], said: str) -> None:
    status, _, err = cover(*arguments)
    assert status == 1
    assert said in err
    assert err.count("\n") == 1
