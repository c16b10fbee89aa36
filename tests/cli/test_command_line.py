"""The command line as its user meets it: help with examples, one clear line for an error, exit status."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from distributed import LocalCluster

from gis import cli
from gis.cli.layers import Layer
from gis.layers.database import connect
from gis.layers.schema import LAYERS
from gis.service.access import Actor
from gis.service.plans.plan_starting import start_plan
from gis.settings import settings
from gis.terms import Role

COMMUNITY = "150103099901"


def commands(group: typer.Typer, *names: str) -> Iterator[tuple[tuple[str, ...], str]]:
    for command in group.registered_commands:
        yield (*names, str(command.name)), str(command.callback.__doc__)
    for inner in group.registered_groups:
        yield from commands(inner.typer_instance, *names, str(inner.name))


@pytest.mark.parametrize(
    ("names", "words"), list(commands(cli.app)), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_command_has_a_real_example(names: tuple[str, ...], words: str) -> None:
    assert f"Example: `wangge {' '.join(names)}" in words


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bogus"], "bogus"),
        (["locate", "x", "y"], "lon: this is not a number"),
        (["locate", "111.62", "40.81"], "no datum"),
        (
            ["assign", "none.csv", "-o", "out.csv", "--grids", "none.geojson", "--crs", "wgs84"],
            "no such file",
        ),
        (["check"], "--community CODE or --grids FILE"),
        (["up", "--port", "99999"], "'--port'"),
        (["demo", "planet"], "community or district"),
    ],
)
def test_an_error_is_one_clear_line(
    run: Callable[..., tuple[int, str, str]], demo: None, arguments: list[str], said: str
) -> None:
    status, _, error = run(*arguments)
    assert status == 1
    assert said in error
    assert len(error.strip().splitlines()) == 1
    assert "Traceback" not in error


def test_a_taken_port_is_told_with_the_mend(run: Callable[..., tuple[int, str, str]], demo: None) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        status, _, error = run("up", "--port", port)
    assert status == 1
    assert f"127.0.0.1:{port}" in error
    assert "--port" in error


def test_a_database_that_is_away_is_told(
    run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANGGE_DATABASE_URL", "postgresql://nobody:hidden@127.0.0.1:9/none")
    settings.cache_clear()
    try:
        status, _, error = run("locate", 111.62, 40.81, "--crs", "wgs84")
    finally:
        settings.cache_clear()
    assert status == 1
    assert "WANGGE_DATABASE_URL" in error
    assert "hidden" not in error


@pytest.mark.database
def test_locate_names_one_owner_and_the_edition(run: Callable[..., tuple[int, str, str]], demo: None) -> None:
    status, out, _ = run("locate", 111.62, 40.81, "--crs", "wgs84", "--json")
    answer = json.loads(out)
    assert status == 0
    assert answer["owner"]["grid_code"].startswith(COMMUNITY)
    assert answer["edition"]["number"] == 1
    status, out, _ = run("locate", 111.62, 40.81, "--crs", "wgs84")
    assert status == 0
    assert "网格" in out


@pytest.mark.database
def test_swapped_axes_are_pointed_out(run: Callable[..., tuple[int, str, str]], demo: None) -> None:
    status, _, error = run("locate", 40.81, 111.62, "--crs", "wgs84")
    assert status == 1
    assert "swap them" in error


@pytest.mark.database
@pytest.mark.parametrize(
    "words",
    [
        ("-2.1", "57.1", "--crs", "wgs84"),
        ("--crs", "wgs84", "-2.1", "57.1", "--accuracy-m", "30"),
        ("--crs", "wgs84", "--", "-2.1", "57.1"),
        ("-.5", "-7", "--crs=wgs84"),
    ],
)
def test_a_negative_number_is_no_option(
    run: Callable[..., tuple[int, str, str]], demo: None, words: tuple[str, ...]
) -> None:
    status, out, error = run("locate", "--json", *words)
    assert (status, error) == (0, "")
    assert json.loads(out)["point"]["given"]["x"] == float("-.5" if "-.5" in words else "-2.1")


@pytest.mark.database
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nan", "40.8", "--crs", "wgs84"), "lon: nan"),
        (("-inf", "40.8", "--crs", "wgs84"), "lon: -inf"),
        (("111.6", "east", "--crs", "wgs84"), "lat: this is not a number"),
        (("1_11.6", "40.8", "--crs", "wgs84"), "lon: this is not a number"),
        (("0", "0", "--crs", "wgs84"), "0, 0"),
        (("200", "95", "--crs", "wgs84"), "no position in wgs84"),
        (("111.6", "40.8", "--crs", "wgs84", "--accuracy-m", "-3"), "--accuracy-m"),
        (("111.6", "40.8"), "--crs: no datum is named"),
        (("111.6", "40.8", "--crs", "mars"), "--crs: 'mars'"),
        (("-2.1", "57.1", "--cr", "wgs84"), "--cr"),
        (("-x", "57.1"), "-x"),
    ],
)
def test_what_cannot_be_located_is_one_line(
    run: Callable[..., tuple[int, str, str]], demo: None, words: tuple[str, ...], said: str
) -> None:
    status, out, error = run("locate", *words)
    assert (status, out) == (1, "")
    assert said in error
    assert len(error.strip().splitlines()) == 1


@pytest.mark.database
def test_assign_answers_every_row_from_the_edition_in_force(
    run: Callable[..., tuple[int, str, str]], demo: None, tmp_path: Path
) -> None:
    (tmp_path / "in.csv").write_text("id,lon,lat\n007,111.62,40.81\nx,,\n8,111.7,40.9\n", encoding="utf-8")
    status, out, _ = run(
        "assign", tmp_path / "in.csv", "--crs", "wgs84", "-o", tmp_path / "out.csv", "--json"
    )
    assert status == 0
    assert json.loads(out)["counts"] == {"inside": 1, "edge": 0, "outside": 1, "invalid": 1}
    rows = pd.read_csv(tmp_path / "out.csv", dtype=str)
    assert rows["id"].tolist() == ["007", "x", "8"]
    assert rows["status"].tolist() == ["inside", "invalid", "outside"]
    assert rows["grid"][0].startswith(COMMUNITY)


@pytest.mark.database
@pytest.mark.slow
def test_assign_on_a_cluster_answers_as_one_machine_does(
    run: Callable[..., tuple[int, str, str]], demo: None, tmp_path: Path
) -> None:
    rng = np.random.default_rng(1)
    points = pd.DataFrame(
        {"lon": rng.uniform(111.615, 111.626, 500), "lat": rng.uniform(40.805, 40.815, 500)}
    )
    (tmp_path / "in").mkdir()
    for part in range(2):
        points.iloc[part::2].to_parquet(tmp_path / "in" / f"{part}.parquet", index=False)
    points.iloc[0::2].to_csv(tmp_path / "one.csv", index=False)
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, protocol="tcp", dashboard_address=None
    ) as cluster:
        status, out, error = run(
            "assign", tmp_path / "in", "-o", tmp_path / "out", "--crs", "wgs84",
            "--cluster", cluster.scheduler_address, "--json",
        )  # fmt: skip
    assert status == 0, error
    assert json.loads(out)["parts"] == 2
    run("assign", tmp_path / "one.csv", "-o", tmp_path / "one.parquet", "--crs", "wgs84")
    together = pd.read_parquet(tmp_path / "out" / "0.parquet")
    alone = pd.read_parquet(tmp_path / "one.parquet")
    assert (
        together["grid"].astype(object).fillna("").tolist()
        == alone["grid"].astype(object).fillna("").tolist()
    )


def test_a_cluster_that_is_away_is_told(
    run: Callable[..., tuple[int, str, str]], shared_data: Path, tmp_path: Path
) -> None:
    zones = shared_data / "aberdeen" / "aberdeen_dz.geojson"
    status, _, error = run(
        "assign", tmp_path / "none", "-o", tmp_path / "out", "--crs", "wgs84",
        "--grids", zones, "--id", "DZ_CODE", "--cluster", "tcp://127.0.0.1:9",
    )  # fmt: skip
    assert status == 1
    assert "folder of Parquet files" in error


@pytest.mark.database
def test_check_passes_the_demonstration_community(
    run: Callable[..., tuple[int, str, str]], demo: None
) -> None:
    status, out, _ = run("check", "--community", COMMUNITY, "--json")
    report = json.loads(out)
    assert status == 0
    assert report["totals"]["within"] == 12
    assert report["totals"]["households"] == 4635
    status, _, _ = run("check", "--community", COMMUNITY, "--max", 400, "--json")
    assert status == 1


@pytest.mark.database
def test_the_report_of_a_check_is_one_page_that_asks_nobody(
    run: Callable[..., tuple[int, str, str]], demo: None, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    assert run("check", "--community", COMMUNITY, "--html", page)[0] == 0
    words = page.read_text(encoding="utf-8")
    assert "<script src" not in words
    assert COMMUNITY + "001" in words


def test_check_of_aberdeens_official_zones(
    run: Callable[..., tuple[int, str, str]], shared_data: Path
) -> None:
    folder = shared_data / "aberdeen"
    arguments = (
        "check", "--grids", folder / "aberdeen_dz.geojson", "--id", "DZ_CODE",
        "--units", folder / "aberdeen_oa.geojson", "--households", "HHcount", "--json",
    )  # fmt: skip
    by_centre = (*arguments, "--unit-point", "easting,northing", "--unit-point-crs", "EPSG:27700")
    status, out, _ = run(*by_centre)
    assert status == 1
    totals = json.loads(out)["totals"]
    assert (totals["within"], totals["basic"], totals["households"]) == (163, 267, 103371)
    _, out, _ = run(*arguments)
    assert json.loads(out)["totals"]["within"] == 161  # two zones differ when the point on surface decides


@pytest.mark.database
def test_the_service_map_is_one_file_that_asks_nobody(
    run: Callable[..., tuple[int, str, str]], demo: None, tmp_path: Path
) -> None:
    status, _, _ = run("map", "service", "--community", COMMUNITY, "-o", tmp_path / "map.html")
    page = (tmp_path / "map.html").read_text(encoding="utf-8")
    assert status == 0
    assert '<html lang="zh' in page
    assert re.findall(r"<(?:script|link)\b[^>]*\b(?:src|href)=[\"'](?!data:)", page) == []


@pytest.mark.database
@pytest.mark.browser
def test_a_plan_is_drawn_and_printed_on_a3_lying(
    run: Callable[..., tuple[int, str, str]], demo: None, demo_url: str, tmp_path: Path
) -> None:
    database = connect(demo_url)
    with database.connection() as connection:
        actor = Actor("王规划", Role.PLANNER, COMMUNITY)
        plan = start_plan(connection, actor, COMMUNITY, name="示例方案").row.id
    database.engine.dispose()
    assert run("map", "plan", "--plan", plan, "-o", tmp_path / "plan.html")[0] == 0
    assert "示例花苑网格" in (tmp_path / "plan.html").read_text(encoding="utf-8")
    assert run("map", "plan", "--plan", plan, "-o", tmp_path / "plan.pdf")[0] == 0
    facts = subprocess.run(["pdfinfo", tmp_path / "plan.pdf"], capture_output=True, text=True, check=True)
    size = re.search(r"Page size:\s+([\d.]+) x ([\d.]+)", facts.stdout)
    assert size is not None
    assert [round(float(part) / 72 * 25.4) for part in size.groups()] == [420, 297]


def test_doctor_names_what_is_wrong(
    run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANGGE_DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
    settings.cache_clear()
    try:
        status, out, _ = run("doctor", "--json")
    finally:
        settings.cache_clear()
    found = {finding["what"]: finding for finding in json.loads(out)}
    assert status == 1
    assert not found["database (WANGGE_DATABASE_URL)"]["fit"]
    assert found["database (WANGGE_DATABASE_URL)"]["mend"]
    assert found["Python"]["fit"]


@pytest.mark.database
def test_a_token_is_shown_once_and_can_be_revoked(
    run: Callable[..., tuple[int, str, str]], demo: None
) -> None:
    status, out, _ = run("token", "create", "--role", "planner", "--division", COMMUNITY, "--name", "desk 1")
    token = out.strip()
    assert status == 0
    assert len(token) > 40
    _, out, _ = run("token", "list")
    assert "desk 1" in out
    assert token not in out
    assert run("token", "revoke", "desk 1")[0] == 0


def test_the_layers_of_the_help_are_those_that_are_stored() -> None:
    assert [str(layer) for layer in Layer] == list(LAYERS)


@pytest.mark.database
@pytest.mark.parametrize("suffix", ["gpkg", "geojson", "csv"])
def test_what_is_exported_is_imported_again_unchanged(
    run: Callable[..., tuple[int, str, str]], demo: None, tmp_path: Path, suffix: str
) -> None:
    for layer in ("buildings", "grids", "service_points"):
        file = tmp_path / f"{layer}.{suffix}"
        assert run("export", layer, "-o", file)[0] == 0
        crs = ("--crs", "cgcs2000") if suffix == "csv" else ()
        status, out, error = run("import", layer, file, *crs, "--json")
        assert (status, error) == (0, "")
        done = json.loads(out)
        assert (done["added"], done["changed"]) == (0, 0)


@pytest.mark.database
def test_a_dry_run_changes_nothing_and_a_refused_row_shows_in_the_status(
    run: Callable[..., tuple[int, str, str]], demo: None, tmp_path: Path
) -> None:
    file = tmp_path / "points.csv"
    file.write_text(
        "point_code,name,category,lon,lat\n"
        f"{COMMUNITY}990001,新点,health,111.62,40.81\n"
        "1.50103E+17,坏码,health,111.62,40.81\n",
        encoding="utf-8",
    )
    for _ in range(2):  # the second finds it as new as the first did
        status, out, _ = run("import", "service_points", file, "--crs", "wgs84", "--dry-run", "--json")
        done = json.loads(out)
        assert status == 1
        assert done["added"] == 1
        assert "spreadsheet" in json.dumps(done["report"])
