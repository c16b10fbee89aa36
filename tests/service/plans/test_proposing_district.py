"""A district's units in one file, through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely

from gis import cli


def district() -> gpd.GeoDataFrame:
    """Three communities of 5 × 4 units; two units of the third overlap."""
    x, y = (part.ravel() for part in np.meshgrid(np.arange(5), np.arange(4)))
    frames = []
    for number, name in enumerate(("东街", "西街", "北街")):
        west = 111.0 + 0.01 * number + 0.001 * x
        south = 40.0 + 0.001 * y
        width = np.where((number == 2) & (x == 0) & (y == 0), 0.0015, 0.001)
        shapes = shapely.box(west, south, west + width, south + 0.001)
        frames.append(
            gpd.GeoDataFrame(
                {"code": [f"{name}{row}" for row in range(20)], "hh": 60, "community": name},
                geometry=shapes,
                crs=4490,
            )
        )
    return gpd.GeoDataFrame(gpd.pd.concat(frames, ignore_index=True), crs=4490)


@pytest.mark.slow
def test_a_district_is_proposed_for_and_a_faulty_community_told_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    district().to_file(tmp_path / "units.gpkg")
    out = tmp_path / "plan.geojson"
    words = ["propose", "--units", str(tmp_path / "units.gpkg"), "--households", "hh", "--id", "code"]
    words += ["--community", "community", "--processes", "1", "--seconds", "1", "--goal", "compact"]
    status = cli.run([*words, "-o", str(out), "--json"])
    # One community could not be planned: the status says so, and the others are there.
    assert status == 1
    told = json.loads(capsys.readouterr().out)["communities"]
    assert told["北街"]["error"]["code"] == "bad_input"
    assert "overlap" in told["北街"]["error"]["message"]
    assert told["东街"]["feasible"]
    assert told["西街"]["feasible"]
    grids = gpd.read_file(out)
    assert set(grids["community_code"]) == {"东街", "西街"}
    assert grids["households"].between(300, 500).all()
    assert grids.groupby("community_code")["households"].sum().tolist() == [1200, 1200]
    rows = gpd.pd.read_csv(tmp_path / "plan.units.csv", dtype=str)
    assert len(rows) == 40
    assert set(rows["unit_id"]) == {f"{name}{row}" for name in ("东街", "西街") for row in range(20)}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--community", "quarter"], "no column quarter"),
        (["--processes", "2"], "--community"),
    ],
)
def test_a_wrong_option_is_said_in_plain_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], words: str
) -> None:
    district().to_file(tmp_path / "units.gpkg")
    asked = ["propose", "--units", str(tmp_path / "units.gpkg"), "--households", "hh"]
    assert cli.run([*asked, *more, "-o", str(tmp_path / "plan.geojson")]) == 1
    said = capsys.readouterr().err
    assert words in said.replace("\n", " ")
    assert "Traceback" not in said
