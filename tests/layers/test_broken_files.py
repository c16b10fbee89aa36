"""Files that break off, lie about themselves or do harm: one clear error, and no row lost unsaid."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import openpyxl
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely

from gis.crs import WGS84
from gis.errors import CrsError, InputError, TooLargeError, WanggeError
from gis.layers.files import read_layer, write_layer
from gis.layers.point_stream import open_points
from gis.layers.report import Action

SUFFIXES = ("shp", "shx", "dbf")
ARC = "CURVEPOLYGON(CIRCULARSTRING(111.6 40.8, 111.61 40.81, 111.62 40.8, 111.61 40.79, 111.6 40.8))"


@pytest.fixture
def squares() -> gpd.GeoDataFrame:
    shapes = [shapely.box(111.6 + n / 100, 40.8, 111.6 + (n + 1) / 100, 40.81) for n in range(20)]
    return gpd.GeoDataFrame({"code": [f"g{n}" for n in range(20)]}, geometry=shapes, crs=4490)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_shapefile_that_breaks_off_loses_no_row_in_silence(
    tmp_path: Path, squares: gpd.GeoDataFrame, suffix: str
) -> None:
    path = write_layer(squares, tmp_path / "a.shp")
    part = path.with_suffix(f".{suffix}")
    part.write_bytes(part.read_bytes()[: part.stat().st_size // 2])
    with pytest.raises(InputError, match=rf"a\.{suffix}: it breaks off: .* bytes are there"):
        read_layer(path)
    part.write_bytes(b"")
    with pytest.raises(InputError, match=r"breaks off|is empty"):
        read_layer(path)


def test_a_shapefile_of_two_exports_is_refused(tmp_path: Path, squares: gpd.GeoDataFrame) -> None:
    path = write_layer(squares, tmp_path / "a.shp")
    other = write_layer(squares[:7], tmp_path / "b.shp")
    path.with_suffix(".dbf").write_bytes(other.with_suffix(".dbf").read_bytes())
    with pytest.raises(InputError, match=r"20 shapes, but 7 rows"):
        read_layer(path)


@pytest.mark.parametrize(
    "label",
    [
        b"{nope",
        b"[]",
        b"\xff\xfe",
        b'{"primary_column":"geometry","columns":[]}',
        b'{"primary_column":"elsewhere","columns":{}}',
        b'{"primary_column":[1],"columns":{}}',
    ],
)
@pytest.mark.parametrize("read", [read_layer, open_points])
def test_a_parquet_label_that_is_none_is_told(
    tmp_path: Path, squares: gpd.GeoDataFrame, label: bytes, read: Callable[..., object]
) -> None:
    path = write_layer(squares, tmp_path / "a.parquet")
    pq.write_table(pq.read_table(path).replace_schema_metadata({b"geo": label}), path)
    with pytest.raises(InputError, match="its label 'geo'"):
        read(path)


def test_a_parquet_datum_in_unknown_words_does_not_count(tmp_path: Path, squares: gpd.GeoDataFrame) -> None:
    path = write_layer(squares, tmp_path / "a.parquet")
    label = {"primary_column": "geometry", "columns": {"geometry": {"crs": {"frog": 1}}}}
    pq.write_table(pq.read_table(path).replace_schema_metadata({b"geo": json.dumps(label).encode()}), path)
    with pytest.raises(CrsError, match="never guessed"):
        read_layer(path)
    with pytest.raises(CrsError, match="never guessed"):
        open_points(path)
    assert any("does not count" in note for note in read_layer(path, crs="wgs84")[1].notes)
    assert any("does not count" in note for note in open_points(path, crs=WGS84).notes)


def _book(tmp_path: Path, sheet: bytes) -> Path:
    good, bad = tmp_path / "good.xlsx", tmp_path / "bad.xlsx"
    made = openpyxl.Workbook()
    made.save(good)
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(bad, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, sheet if name == "xl/worksheets/sheet1.xml" else source.read(name))
    return bad


SHEET = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1">'
ENTITIES = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + b"".join(
    b'<!ENTITY %c "%s">' % (98 + n, (b"&%c;" % (97 + n)) * 10) for n in range(9)
)


@pytest.mark.parametrize(
    ("sheet", "error", "words"),
    [
        (SHEET + b"<c", InputError, "cannot be read as XLSX"),
        (
            b'<?xml version="1.0"?>' + ENTITIES + b"]>" + SHEET + b'<c t="inlineStr"><is><t>&j;</t></is></c>',
            InputError,
            "cannot be read as XLSX",
        ),
        (SHEET + b" " * (80 << 20), TooLargeError, "as no sheet of people's does"),
    ],
    ids=["broken", "entities", "bomb"],
)
def test_a_book_that_is_none_or_does_harm(
    tmp_path: Path, sheet: bytes, error: type[WanggeError], words: str
) -> None:
    with pytest.raises(error, match=words):
        read_layer(_book(tmp_path, sheet), geometry=False)


@pytest.mark.parametrize("member", [[], {"properties": []}, {"properties": {"name": 5}}, "frog"])
def test_a_crs_member_of_any_shape_is_told(tmp_path: Path, squares: gpd.GeoDataFrame, member: object) -> None:
    path = write_layer(squares, tmp_path / "a.geojson")
    path.write_text(json.dumps({**json.loads(path.read_text()), "crs": member}), encoding="utf-8")
    with pytest.raises(CrsError, match="crs member"):
        read_layer(path)


def test_a_collection_of_nothing_has_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    path.write_text('{"type":"FeatureCollection","features":[]}', encoding="utf-8")
    with pytest.raises(InputError, match="there are no rows in it"):
        read_layer(path, code_field="code")


def test_arcs_of_a_geopackage_become_lines(tmp_path: Path) -> None:
    path = tmp_path / "arc.gpkg"
    # Well-known binary, little-endian: a curve polygon of one ring, a circular string of five points.
    header = "01" + "0A000000" + "01000000" + "01" + "08000000" + "05000000"
    points = np.array([[111.6, 40.8], [111.61, 40.81], [111.62, 40.8], [111.61, 40.79], [111.6, 40.8]])
    arc = bytes.fromhex(header) + points.astype("<f8").tobytes()
    pyogrio.raw.write(
        path,
        np.array([arc], dtype=object),
        field_data=[np.array(["g1"], dtype=object)],
        fields=["code"],
        geometry_type="Unknown",
        crs="EPSG:4490",
        driver="GPKG",
    )
    frame, report = read_layer(path, kind="polygon", code_field="code")
    assert report.refused == 0
    assert "arcs were drawn as lines of short steps" in report.notes
    assert shapely.get_num_coordinates(frame.geometry.iloc[0]) > 90
    assert frame.geometry.iloc[0].area == pytest.approx(np.pi * 0.01**2, rel=1e-3)


def test_arcs_in_text_are_refused_by_their_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    square = "POLYGON((111.6 40.8,111.61 40.8,111.61 40.81,111.6 40.8))"
    path.write_text(f'code,WKT\na,"{ARC}"\nb,"{square}"\n', encoding="utf-8")
    frame, report = read_layer(path, crs="wgs84", code_field="code")
    assert list(frame["code"]) == ["b"]
    assert [(row.code, "arcs" in row.reason) for row in report.rows if row.action is Action.REFUSED] == [
        ("a", True)
    ]


def test_a_polygon_over_the_180th_meridian_is_not_taken_for_half_a_globe(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        'code,WKT\na,"POLYGON((179.9 40.8,-179.9 40.8,-179.9 40.9,179.9 40.8))"\n', encoding="utf-8"
    )
    _, report = read_layer(path, crs="wgs84", code_field="code")
    assert "over half the globe" in report.rows[0].reason
    assert "cut it there" in str(report.rows[0].mend)
