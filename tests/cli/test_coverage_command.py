"""`wangge coverage` as its user meets it: a page, a table, JSON, and one clear line for what cannot be."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gis import cli
from gis.demo.community import COMMUNITY, make_community
from gis.layers.database import Database
from gis.service.loading import load_place
from gis.settings import settings

pytestmark = pytest.mark.database


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def call(*arguments: object) -> tuple[int, str, str]:
        status = cli.run(["coverage", "--community", COMMUNITY, *map(str, arguments)])
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


@pytest.fixture(scope="module")
def demo_url(module_database: Database) -> str:
    load_place(module_database, make_community(), actor="test")
    return module_database.url


@pytest.fixture(autouse=True)
def demo(demo_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("WANGGE_DATABASE_URL", demo_url)
    monkeypatch.setenv("WANGGE_DATA_DIR", str(tmp_path))
    settings.cache_clear()
    yield
    settings.cache_clear()


def test_the_page_is_one_file_that_opens_with_the_category(run: Callable, tmp_path: Path) -> None:
    file = tmp_path / "deep" / "coverage.html"
    status, out, err = run("--category", "canteen", "--group", "older", "-o", file)
    assert (status, err) == (0, "")
    assert "0.8 m/s, on foot along the streets" in out
    html = file.read_text("utf-8")
    assert '"chosen":"canteen"' in html.replace('": "', '":"')
    assert "https://" not in html.split("</title>")[0]


def test_the_table_has_every_grid_and_category_and_the_list_who_is_left_out(
    run: Callable, tmp_path: Path
) -> None:
    assert run("-o", tmp_path / "shares.csv")[0] == 0
    with (tmp_path / "shares.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 20 + 12 * 20
    (market,) = (row for row in rows if (row["unit"], row["category"]) == ("community", "market"))
    assert (market["households"], market["basis"]) == ("4635", "network")
    assert run("--category", "market", "-o", tmp_path / "market.csv")[0] == 0
    with (tmp_path / "market.csv").open(encoding="utf-8-sig", newline="") as file:
        homes = list(csv.DictReader(file))
    assert len(homes) == int(market["buildings_left_out"])
    assert all(home["building_code"].lstrip("\t").isdigit() for home in homes)
    assert homes[0]["building_code"].startswith("\t")  # a spreadsheet leaves it alone
    assert sum(int(home["households"]) for home in homes) == 4635 - int(market["within"])


def test_json_says_the_method_and_where_new_points_would_go(run: Callable, tmp_path: Path) -> None:
    assert run("--category", "market", "--points", 2, "--minutes", 5, "-o", tmp_path / "c.json")[0] == 0
    facts = json.loads((tmp_path / "c.json").read_text("utf-8"))
    assert (facts["method"], facts["limit_minutes"]) == ("network", 5)
    (suggestion,) = facts["suggestions"]
    assert len(suggestion["sites"]) == 2
    assert suggestion["after"] == suggestion["before"] + suggestion["gain"]
    assert {home["basis"] for home in facts["left_out"]["market"]} == {"network"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "coverage.pdf"], "neither a page nor CSV nor JSON"),
        (["-o", "c.json", "--category", "nonsense"], "no category 'nonsense'"),
        (["-o", "c.json", "--speed", "-1"], "--speed"),
        (["-o", "c.json", "--network", "none.graphml"], "no such file"),
        (["-o", "c.json", "--points", "9"], "--points"),
    ],
)
def test_what_cannot_be_is_one_clear_line(run: Callable, arguments: list[str], said: str) -> None:
    status, _, err = run(*arguments)
    assert status == 1
    assert said in err
    assert err.count("\n") == 1
