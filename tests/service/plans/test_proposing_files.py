"""What `wangge propose` says of units that cannot be used, and of totals that cannot be divided."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from gis import cli

Run = Callable[..., tuple[int, str, str]]


def units(nx: int = 6, ny: int = 4, households: int = 50, west: float = 111.0) -> gpd.GeoDataFrame:
    x, y = (part.ravel() for part in np.meshgrid(np.arange(nx), np.arange(ny)))
    left, low = west + 0.001 * x, 40 + 0.001 * y
    return gpd.GeoDataFrame(
        {"id": [f"U{west:.2f}-{row}" for row in range(nx * ny)], "hh": households, "grid": None},
        geometry=shapely.box(left, low, left + 0.001, low + 0.001),
        crs=4490,
    )


def with_cell(column: str, value: object) -> gpd.GeoDataFrame:
    frame = units()
    frame[column] = frame[column].astype(object)
    frame.loc[3, column] = value
    if isinstance(value, str):
        frame[column] = frame[column].astype(str)
    return frame


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(frame: gpd.GeoDataFrame, *more: str) -> tuple[int, str, str]:
        frame.to_file(tmp_path / "units.gpkg")
        words = ["propose", "--units", str(tmp_path / "units.gpkg"), "--households", "hh", "--id", "id"]
        status = cli.run([*words, "--seconds", "1", "-o", str(tmp_path / "plan.geojson"), *more])
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


@pytest.mark.parametrize(
    ("frame", "more", "words", "mend"),
    [
        (
            units().assign(
                geometry=lambda f: f.geometry.where(f.index != 7, shapely.box(111, 40.001, 111.002, 40.002))
            ),
            [],
            "overlap by",
            "one unit",
        ),
        (with_cell("hh", -5), [], "“-5” is no count", "0 stands for"),
        (with_cell("hh", None), [], "not known is not zero", "count them"),
        (with_cell("hh", "about 50"), [], "row 4", "correct the cell"),
        (units().assign(id="U1"), [], "stands 24 times", "a code of its own"),
        (units(), ["--min", "600"], "no range", "300 and 500"),
        (units(), ["--k", "50"], "cannot be cut into 50 grids", "leave it out"),
        (units().iloc[:0], [], "no units", "make them"),
    ],
    ids=["overlap", "negative", "missing", "text", "doubled", "limits", "count", "empty"],
)
def test_what_cannot_be_used_is_said_in_plain_words(
    run: Run, frame: gpd.GeoDataFrame, more: list[str], words: str, mend: str
) -> None:
    status, _, said = run(frame, *more)
    assert status == 1
    assert words in said
    assert mend in said.partition("—")[2]
    assert "Traceback" not in said


@pytest.mark.slow
def test_land_in_two_parts_is_divided_part_by_part(run: Run) -> None:
    both = gpd.GeoDataFrame(pd.concat([units(), units(west=111.05)], ignore_index=True), crs=4490)
    status, said, _ = run(both, "--json")
    assert status == 0
    best = json.loads(said)["plans"][0]
    assert best["metrics"]["in_range"] == best["metrics"]["grids"]
    assert best["metrics"]["grids_in_parts"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("total", [299, 501, 599])
def test_a_total_that_no_division_fits_gets_the_nearest_plan_and_the_reason(run: Run, total: int) -> None:
    frame = units()
    frame["hh"] = [total // 24 + (row < total % 24) for row in range(24)]
    status, said, _ = run(frame, "--json")
    assert status == 1
    told = json.loads(said)
    reason = told["reasons"][0]["words"]["en"]
    assert str(total) in reason
    assert told["plans"][0]["violations"]
    assert sum(gpd.read_file(told["grids"])["households"]) == total


@pytest.mark.slow
def test_a_present_division_of_half_the_land_is_told_of(run: Run) -> None:
    frame = units()
    frame["grid"] = ["A"] * 6 + ["B"] * 6 + [None] * 12
    status, said, _ = run(frame, "--current", "grid", "--json")
    assert status == 0
    assert json.loads(said)["unowned"] == {"units": 12, "households": 600}
