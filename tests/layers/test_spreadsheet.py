"""Codes in a real spreadsheet: opened and saved again by LibreOffice Calc, where that is installed."""

from __future__ import annotations

import csv
import datetime as dt
import shutil
import subprocess
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest

from gis.layers.files import read_layer, write_layer

# Comma, double quote, UTF-8, from line 1; the last word lets Calc see numbers and dates, as Excel does.
OPEN_CSV = "CSV:44,34,76,1,,2052,false,true"
SAVE_CSV = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false"
KINDS = {"point_code": "code", "text": "text", "verified_on": "date", "households": "integer"}
TEXTS = [
    "150103099901", "150103099901001", "1501030999010001", "15010309990100001", "150103099901001-01", "007",
    "2-1", "3/4", "1月2日", "2026-03-01", "=1+1", "@x", "TRUE", "12E3", "+86 471", "盛世社区，“甲”", "12:30",
    "1.10",
]  # fmt: skip

pytestmark = pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice Calc is not installed")


@pytest.fixture
def points() -> gpd.GeoDataFrame:
    size = len(TEXTS)
    columns = {
        "point_code": [f"150103099901{place:06d}" for place in range(1, size + 1)],
        "text": TEXTS,
        "verified_on": [dt.date(2026, 2, 28)] * size,
        "households": pd.Series([300] * size, dtype="Int64"),
    }
    return gpd.GeoDataFrame(columns, geometry=gpd.points_from_xy([111.6] * size, [40.8] * size), crs=4490)


def saved_again(path: Path, form: str, folder: Path) -> Path:
    """Open a file in Calc and save it, as a person does."""
    words = ["soffice", "--headless", f"-env:UserInstallation={(folder / 'profile').as_uri()}"]
    opened = [f"--infilter={OPEN_CSV}"] if path.suffix == ".csv" else []
    target = folder / f"from_{path.suffix[1:]}"
    command = [*words, *opened, "--convert-to", form, "--outdir", str(target), str(path)]
    subprocess.run(command, check=True, capture_output=True, timeout=180)
    return target / f"{path.stem}.{form.split(':', maxsplit=1)[0]}"


@pytest.mark.slow
def test_every_text_survives_a_spreadsheet_twice(tmp_path: Path, points: gpd.GeoDataFrame) -> None:
    first = saved_again(write_layer(points, tmp_path / "a.csv"), SAVE_CSV, tmp_path)
    book = saved_again(first, "xlsx", tmp_path)
    for path in (first, saved_again(book, SAVE_CSV, tmp_path), book):
        back, report = read_layer(path, crs="cgcs2000", kinds=KINDS, code_field="point_code", kind="point")
        assert report.refused == 0
        for column in KINDS:
            assert back[column].tolist() == points[column].tolist(), path


@pytest.mark.slow
def test_codes_that_nothing_guards_are_lost_there_and_refused_here(
    tmp_path: Path, points: gpd.GeoDataFrame
) -> None:
    path = tmp_path / "plain.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = [(code, 111.6, 40.8) for code in points["point_code"]]
        csv.writer(file).writerows([("point_code", "lon", "lat"), *rows])
    back, report = read_layer(
        saved_again(path, SAVE_CSV, tmp_path), crs="cgcs2000", code_field="point_code", kind="point"
    )
    assert (len(back), report.refused) == (0, len(points))
    assert "spreadsheet" in report.rows[0].reason
