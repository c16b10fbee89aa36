"""What is written comes back, field by field, in every format."""

from __future__ import annotations

import datetime as dt
import json

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pytest
import shapely
from pandas.testing import assert_frame_equal

from gis.errors import InputError
from gis.lattice import snap
from gis.layers.files import read_layer, write_layer
from gis.layers.report import Action

KINDS = {
    "point_code": "code",
    "community_code": "code",
    "name": "text",
    "number": "text",
    "phones": "list",
    "households": "integer",
    "share": "number",
    "accessible": "boolean",
    "verified_on": "date",
    "一个很长的中文字段名": "text",
    "another_very_long_name": "integer",
}
NASTY = [
    "2-1",
    "007",
    "=1+1",
    "TRUE",
    "1月2日",
    "'0123",
    "\tx",
    "12E3",
    "a;b",
    '说"明"，换\n行',
    "620503001001001",
]


def _frame() -> gpd.GeoDataFrame:
    size = len(NASTY)
    rng = np.random.default_rng(4)
    columns = {
        "point_code": pd.Series([f"150105001001{place:06d}" for place in range(size)], dtype="str"),
        "community_code": pd.Series(["150105001001"] * (size - 1) + [None], dtype="str"),
        "name": pd.Series(["盛世社区 <b>&'\"`${x}</script>"] * (size - 1) + [None], dtype="str"),
        "number": pd.Series(NASTY, dtype="str"),
        "phones": pd.Series(
            [[], ["0471-1"], ["a;b", "c\\", "全；角"]] + [["x", "y"]] * (size - 3), dtype=object
        ),
        "households": pd.Series([None, 0, 2**40] + [300] * (size - 3), dtype="Int64"),
        "share": pd.Series([np.nan, 0.1 + 0.2, 1e-12] + [1.0] * (size - 3)),
        "accessible": pd.Series([None, True, False] + [True] * (size - 3), dtype="boolean"),
        "verified_on": pd.Series([None] + [dt.date(2026, 2, 28)] * (size - 1), dtype=object),
        "一个很长的中文字段名": pd.Series(["中"] * size, dtype="str"),
        "another_very_long_name": pd.Series(range(size), dtype="Int64"),
    }
    points = snap(shapely.points(111.6 + rng.random(size) / 10, 40.8 + rng.random(size) / 10))
    return gpd.GeoDataFrame(columns, geometry=points, crs=4490)


@pytest.mark.parametrize("suffix", ["gpkg", "geojson", "shp", "csv", "parquet"])
def test_every_field_comes_back(tmp_path, suffix):
    frame = _frame()
    if suffix == "shp":  # a DBF field keeps no tab or trailing blank that GDAL would not trim
        frame["number"] = frame["number"].str.strip()
    path = write_layer(frame, tmp_path / f"points.{suffix}")
    back, report = read_layer(path, crs="cgcs2000", kinds=KINDS, code_field="point_code", kind="point")
    assert report.counts == {"kept": len(frame), "repaired": 0, "refused": 0}
    assert list(back.columns) == list(frame.columns)
    assert shapely.equals_identical(back.geometry.to_numpy(), frame.geometry.to_numpy()).all()
    assert_frame_equal(
        pd.DataFrame(back.drop(columns="geometry")).reset_index(drop=True),
        pd.DataFrame(frame.drop(columns="geometry")),
    )
    assert back.crs.to_epsg() == 4490


@pytest.mark.parametrize("suffix", ["gpkg", "geojson", "shp", "csv", "parquet"])
@pytest.mark.parametrize("crs", ["gcj02", "EPSG:4527", "bd09"])
def test_polygons_come_back_through_another_datum(tmp_path, suffix, crs):
    boxes = snap(shapely.box([111.6, 111.61], 40.8, [111.61, 111.62], 40.81))
    shapes = shapely.multipolygons(boxes[:, np.newaxis])
    frame = gpd.GeoDataFrame({"grid_code": ["150105001001001", "150105001001002"]}, geometry=shapes, crs=4490)
    path = write_layer(frame, tmp_path / f"grids.{suffix}", crs=crs)
    back, report = read_layer(path, crs=crs)
    assert report.refused == 0
    # A lattice step is 1.1 mm; a datum's own rounding in a file adds a fraction of one.
    apart = np.abs(
        shapely.get_coordinates(shapely.normalize(back.geometry))
        - shapely.get_coordinates(shapely.normalize(shapes))
    )
    assert apart.max() <= 2.1e-8
    assert shapely.get_coordinates(shapely.intersection(*back.geometry)).shape[0] == 2


def test_geojson_carries_a_chinese_datum_by_itself(tmp_path):
    frame = _frame()[["point_code", "geometry"]]
    back, _ = read_layer(write_layer(frame, tmp_path / "p.geojson", crs="gcj02"))
    assert shapely.distance(back.geometry.to_numpy(), frame.geometry.to_numpy()).max() < 2e-8


def test_codes_survive_a_spreadsheet(tmp_path):
    text = write_layer(_frame(), tmp_path / "p.csv").read_text("utf-8")
    assert text.startswith("\ufeff")
    assert "\t150105001001000000," in text
    assert ",\t=1+1," in text
    assert ",\t2-1," in text


def test_a_table_without_geometry_comes_back(tmp_path):
    staff = pd.DataFrame({"staff_code": ["S1", "0002"], "person": ["样本甲", "样本乙"]}, dtype="str")
    for suffix in ("csv", "parquet", "gpkg"):
        back, report = read_layer(write_layer(staff, tmp_path / f"staff.{suffix}"), geometry=False)
        assert_frame_equal(back.reset_index(drop=True).astype("str"), staff)
        assert report.kept == 2


def test_missing_boundaries_may_be_allowed(tmp_path):
    frame = gpd.GeoDataFrame(
        {"division_code": ["150105000000", "150105001000"]},
        geometry=[None, shapely.box(0, 0, 1, 1)],
        crs=4490,
    )
    for suffix in ("csv", "gpkg", "geojson", "shp", "parquet"):
        path = write_layer(frame, tmp_path / f"d.{suffix}")
        back, report = read_layer(path, crs="cgcs2000", geometry="optional")
        assert report.refused == 0
        assert back.geometry.isna().tolist() == [True, False]
        assert read_layer(path, crs="cgcs2000")[1].refused == 1


def test_xlsx_with_text_codes_and_a_title_row(tmp_path):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["便民服务点一览"])
    sheet.append(["编码", "名称", "经度", "纬度", "电话"])
    sheet.append(["150105001001000001", "卫生站", 111.65, 40.81, "0471-1；0471-2"])
    sheet.append([150105001001000002, "菜店", 111.66, 40.82, None])
    sheet.append(["150105001001000003", "药店", "东经111", 40.82, None])
    book.save(tmp_path / "p.xlsx")
    back, report = read_layer(
        tmp_path / "p.xlsx",
        crs="cgcs2000",
        fields={"point_code": "编码", "phones": "电话"},
        kinds={"phones": "list"},
        code_field="point_code",
    )
    assert back["point_code"].tolist() == ["150105001001000001"]
    assert back["phones"].tolist() == [["0471-1", "0471-2"]]
    refused = {entry.row: entry.reason for entry in report.rows if entry.action is Action.REFUSED}
    assert set(refused) == {4, 5}
    assert "spreadsheet" in refused[4]
    assert "'东经111' is not a number" in refused[5]
    assert any("header was found in row 2" in note for note in report.notes)


def test_shapefile_fields_have_ten_bytes_and_their_long_names_back(tmp_path):
    path = write_layer(_frame(), tmp_path / "p.shp")
    kept = json.loads((tmp_path / "p.fields.json").read_text("utf-8"))
    assert set(kept.values()) == {"一个很长的中文字段名", "another_very_long_name"}
    (tmp_path / "p.fields.json").unlink()
    back, _ = read_layer(path)
    assert "community_code" in back.columns  # ours come back by the fixed table
    assert "another_very_long_name" not in back.columns


@pytest.mark.parametrize("encoding", ["GB18030", "UTF-8", "GBK"])
@pytest.mark.parametrize("label", [True, False, "wrong"])
def test_shapefile_in_any_encoding(tmp_path, encoding, label):
    frame = gpd.GeoDataFrame(
        {"名称": ["盛世社区", "巨海城"]}, geometry=gpd.points_from_xy([1, 2], [1, 2]), crs=4490
    )
    frame.to_file(tmp_path / "a.shp", encoding=encoding)
    if label is False:
        (tmp_path / "a.cpg").unlink()
    if label == "wrong":
        (tmp_path / "a.cpg").write_text("ISO-8859-9" if encoding == "UTF-8" else "UTF-8")
    given = encoding if label == "wrong" and encoding == "UTF-8" else None
    back, report = read_layer(tmp_path / "a.shp", encoding=given)
    assert back["名称"].tolist() == ["盛世社区", "巨海城"]
    if label is not True and given is None and encoding != "UTF-8":
        assert any("GB18030" in note for note in report.notes)


def test_a_name_cut_in_the_middle_of_a_character_does_not_lose_the_file(tmp_path):
    frame = gpd.GeoDataFrame({"名称很长": ["甲"]}, geometry=gpd.points_from_xy([1], [1]), crs=4490)
    with pytest.warns(RuntimeWarning):
        frame.to_file(tmp_path / "a.shp", encoding="UTF-8")
    assert read_layer(tmp_path / "a.shp")[0]["名称很"].tolist() == ["甲"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_in_any_encoding_and_delimiter(tmp_path, encoding, delimiter):
    text = "编码;名称;经度;纬度\n001;盛世社区;111.6;40.8\n".replace(";", delimiter)
    (tmp_path / "a.csv").write_text(text, encoding=encoding)
    back, _ = read_layer(tmp_path / "a.csv", crs="wgs84")
    assert back["编码"].tolist() == ["001"]
    assert back["名称"].tolist() == ["盛世社区"]


def test_wkt_ewkt_hexadecimal_and_geojson_cells(tmp_path):
    shape = shapely.box(111.6, 40.8, 111.7, 40.9)
    for cell in (shape.wkt, f"SRID=4490;{shape.wkt}", shape.wkb_hex, shapely.to_geojson(shape)):
        pd.DataFrame({"code": ["a"], "WKT": [cell]}).to_csv(tmp_path / "a.csv", index=False)
        back, _ = read_layer(tmp_path / "a.csv", crs="cgcs2000")
        assert back.geometry.iloc[0].equals(shape)


def test_what_cannot_be_kept_is_refused_before_writing(tmp_path):
    long = gpd.GeoDataFrame({"name": ["长" * 90]}, geometry=gpd.points_from_xy([1], [1]), crs=4490)
    with pytest.raises(InputError, match="254 bytes"):
        write_layer(long, tmp_path / "a.shp")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="no such folder"):
        write_layer(long, tmp_path / "no" / "a.csv")
    with pytest.raises(InputError, match="no format"):
        write_layer(long, tmp_path / "a.kml")
