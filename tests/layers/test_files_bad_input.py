"""Bad input: one clear error for a file, one clear line for a row, and the good rows stay."""

from __future__ import annotations

import datetime as dt
import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from gis.errors import CrsError, GeometryError, InputError
from gis.layers.columns import cast_column, code_texts, join_list, split_list
from gis.layers.coordinates import swapped_hint
from gis.layers.csv_text import guard, unguard
from gis.layers.files import read_layer, write_layer
from gis.layers.report import Action

SQUARE = "POLYGON((111.6 40.8,111.61 40.8,111.61 40.81,111.6 40.81,111.6 40.8))"
EXTENT = (111.5, 40.7, 111.7, 40.9)


def _points(**more):
    return gpd.GeoDataFrame(
        {"code": ["a", "b"], **more}, geometry=gpd.points_from_xy([111.6, 111.61], [40.8, 40.81])
    )


def _csv(tmp_path, text, name="a.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def _reasons(report):
    return {entry.row: entry.reason for entry in report.rows if entry.action is Action.REFUSED}


def test_a_datum_is_needed_and_known(tmp_path):
    path = _csv(tmp_path, "code,lon,lat\na,111.6,40.8\n")
    with pytest.raises(CrsError, match="never guessed"):
        read_layer(path)
    with pytest.raises(CrsError, match="'mars' is not a datum"):
        read_layer(path, crs="mars")
    with pytest.raises(CrsError, match="EPSG:999999 is not known"):
        read_layer(path, crs="EPSG:999999")
    write_layer(_points().set_crs(4490), tmp_path / "a.shp")
    (tmp_path / "a.prj").unlink()
    with pytest.raises(CrsError, match="never guessed"):
        read_layer(tmp_path / "a.shp")


def test_a_datum_that_contradicts_the_file_is_refused_unless_overruled(tmp_path):
    for suffix in ("gpkg", "shp", "parquet"):
        path = write_layer(_points().set_crs(4490), tmp_path / f"a.{suffix}")
        with pytest.raises(CrsError, match="the file says cgcs2000, but gcj02 was given"):
            read_layer(path, crs="gcj02")
        moved, report = read_layer(path, crs="gcj02", override_crs=True)
        assert any("was overruled" in note for note in report.notes)
        assert 0.001 < abs(moved.geometry.x.iloc[0] - 111.6) < 0.01
        assert read_layer(path, crs="wgs84")[1].refused == 0  # the same numbers as cgcs2000


def test_geojson_without_a_crs_is_wgs84_by_its_rule_unless_said_otherwise(tmp_path):
    path = write_layer(_points().set_crs(4490), tmp_path / "a.geojson")
    _, report = read_layer(path)
    assert any("RFC 7946" in note for note in report.notes)
    moved, report = read_layer(path, crs="gcj02")
    assert any("by the format's own rule they would be wgs84" in note for note in report.notes)
    assert moved.geometry.x.iloc[0] != 111.6
    document = json.loads(path.read_text())
    for member, error in (
        ({"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4527"}}, "the file says epsg:4527"),
        ({"type": "name", "properties": {"name": "LOCAL"}}, "crs member 'LOCAL' is not known"),
        (None, "never guessed"),
    ):
        path.write_text(json.dumps({**document, "crs": member}))
        with pytest.raises(CrsError, match=error):
            read_layer(path, crs=None if member is None else "wgs84")


def test_swapped_coordinates_are_told(tmp_path):
    path = _csv(tmp_path, "code,lat,lon\na,111.6,40.8\nb,40.8,111.6\n")
    _, report = read_layer(path, crs="cgcs2000")
    assert "seem to be swapped" in _reasons(report)[2]
    assert report.kept == 1
    swapped = gpd.GeoDataFrame({"code": ["a"]}, geometry=gpd.points_from_xy([40.8], [50.0]), crs=4490)
    with pytest.raises(GeometryError, match="longitude and latitude are swapped"):
        read_layer(write_layer(swapped, tmp_path / "b.gpkg"), extent=(49.0, 40.0, 51.0, 41.0))
    assert swapped_hint(40.8, 111.6, EXTENT) is not None
    assert swapped_hint(111.6, 40.8, EXTENT) is None
    assert swapped_hint([40.8, 40.8, 0], [111.6, 111.6, 0], EXTENT) == (
        "longitude and latitude are swapped: 2 of 3 positions lie inside the district only with the two "
        "exchanged"
    )
    assert swapped_hint([np.nan], [np.nan], EXTENT) is None


@pytest.mark.parametrize("name", ["a.gpkg", "a.shp", "a.geojson", "a.csv", "a.xlsx", "a.parquet"])
def test_empty_missing_and_garbage_files(tmp_path, name):
    path = tmp_path / name
    with pytest.raises(InputError, match="no such file"):
        read_layer(path, crs="wgs84")
    path.write_bytes(b"")
    with pytest.raises(InputError, match="empty"):
        read_layer(path, crs="wgs84")
    path.write_bytes(bytes(range(256)) * 40)
    for suffix in (".shx", ".dbf"):
        (tmp_path / f"a{suffix}").write_bytes(b"garbage")
    with pytest.raises(InputError) as caught:
        read_layer(path, crs="wgs84")
    assert caught.value.mend
    assert name in str(caught.value)


@pytest.mark.parametrize("name", ["a.gpkg", "a.shp", "a.geojson", "a.xlsx", "a.parquet"])
def test_files_that_break_off(tmp_path, name):
    frame = _points().set_crs(4490)
    if name == "a.xlsx":
        pd.DataFrame({"code": ["a"], "lon": [1.0], "lat": [1.0]}).to_excel(tmp_path / name, index=False)
    else:
        write_layer(frame, tmp_path / name)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 3])
    with pytest.raises(InputError):
        read_layer(tmp_path / name, crs="wgs84")


@pytest.mark.parametrize("missing", [".shx", ".dbf"])
def test_a_shapefile_without_a_part(tmp_path, missing):
    write_layer(_points().set_crs(4490), tmp_path / "a.shp")
    (tmp_path / f"a{missing}").unlink()
    with pytest.raises(InputError, match=f"the Shapefile's {missing} is missing") as caught:
        read_layer(tmp_path / "a.shp")
    assert f"a{missing} beside it" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        ("a.xls", "save it as .xlsx"),
        ("a.dbf", "a.shp"),
        ("a.zip", "unpack"),
        ("a", "use .gpkg"),
        ("a.kml", "use .gpkg"),
    ],
)
def test_unknown_formats_name_the_way_out(tmp_path, name, mend):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(InputError, match=mend):
        read_layer(tmp_path / name)


def test_several_layers_must_be_chosen_from(tmp_path):
    _points().set_crs(4490).to_file(tmp_path / "a.gpkg", layer="one")
    _points().set_crs(4490).to_file(tmp_path / "a.gpkg", layer="two")
    with pytest.raises(InputError, match="several layers: one, two"):
        read_layer(tmp_path / "a.gpkg")
    with pytest.raises(InputError, match="no layer 'three'"):
        read_layer(tmp_path / "a.gpkg", layer="three")
    assert len(read_layer(tmp_path / "a.gpkg", layer="two")[0]) == 2


def test_a_missing_or_doubled_id_column(tmp_path):
    path = _csv(tmp_path, "kod,lon,lat\na,1,1\n")
    with pytest.raises(InputError, match="no column 'grid_code'") as caught:
        read_layer(path, crs="wgs84", code_field="grid_code")
    assert "--field grid_code=theirs" in str(caught.value)
    with pytest.raises(InputError, match="there is no column 'nope'"):
        read_layer(path, crs="wgs84", fields={"grid_code": "nope"})
    with pytest.raises(InputError, match="several columns are named 'kod'"):
        read_layer(_csv(tmp_path, "kod,kod,lon,lat\na,b,1,1\n"), crs="wgs84")


def test_doubled_codes_lose_their_rows_and_no_other(tmp_path):
    text = "code,name,lon,lat\na,x,1,1\na,y,1,1\nb,x,1,1\nb,x,1,1\n,x,1,1\nc,x,1,1\n"
    frame, report = read_layer(_csv(tmp_path, text), crs="wgs84", code_field="code")
    assert frame["code"].tolist() == ["b", "c"]
    reasons = _reasons(report)
    assert reasons[2] == reasons[3] == "rows 2, 3 bear the same code but differ"
    assert reasons[5] == "it repeats row 4 in every column"
    assert reasons[6] == "the code is empty"
    assert report.counts == {"kept": 2, "repaired": 0, "refused": 4}


def test_codes_that_a_spreadsheet_damaged(tmp_path):
    text = "grid_code,lon,lat\n6.20503E+14,1,1\n620503001001001,1,1\n620503001001.0,1,1\n"
    frame, report = read_layer(_csv(tmp_path, text), crs="wgs84")
    assert frame["grid_code"].tolist() == ["620503001001001", "620503001001.0"]
    assert "a spreadsheet made of a code" in _reasons(report)[2]
    damaged = gpd.GeoDataFrame(
        {"point_code": [6.20503001001e17, 6.20503001001e11]},
        geometry=gpd.points_from_xy([1, 2], [1, 2]),
        crs=4490,
    )
    damaged.to_file(tmp_path / "a.gpkg")
    frame, report = read_layer(tmp_path / "a.gpkg")
    assert frame["point_code"].tolist() == ["620503001001"]
    assert 1 in _reasons(report)
    whole = gpd.GeoDataFrame(
        {"point_code": [620503001001000001]}, geometry=gpd.points_from_xy([1], [1]), crs=4490
    )
    for name in ("b.gpkg", "b.geojson", "b.parquet"):
        frame, _ = read_layer(write_layer(whole, tmp_path / name))
        assert frame["point_code"].tolist() == ["620503001001000001"]


def test_bad_geometry_in_geojson_row_by_row(tmp_path):
    square = [[111.6, 40.8], [111.61, 40.8], [111.61, 40.81], [111.6, 40.81]]
    shapes = [
        {"type": "Polygon", "coordinates": [square]},
        {"type": "Polygon", "coordinates": [[*square, square[0]]]},
        None,
        {"type": "Polygon", "coordinates": []},
        {"type": "Polygon", "coordinates": [[[1e308, 0], [1, 0], [1, 1], [1e308, 0]]]},
        {"type": "Polygon", "coordinates": [[["a", 0], [1, 0], [1, 1], ["a", 0]]]},
        {"type": "Curve", "coordinates": 5},
        {"type": "Point", "coordinates": [111.6, 40.8]},
        {"type": "MultiPolygon", "coordinates": [[square]]},
        {"type": "Polygon", "coordinates": [[[float("nan"), 0], [1, 0], [1, 1], [0, 0]]]},
    ]
    features = [
        {"type": "Feature", "properties": {"code": f"c{place}"}, "geometry": shape}
        for place, shape in enumerate(shapes, start=1)
    ]
    text = json.dumps({"type": "FeatureCollection", "features": [*features, 5, {"type": "Bogus"}]})
    frame, report = read_layer(_csv(tmp_path, text, "a.geojson"), kind="polygon", code_field="code")
    assert frame["code"].tolist() == ["c1", "c2", "c9"]
    assert report.counts == {"kept": 1, "repaired": 2, "refused": 9}
    said = {entry.row: (entry.action, entry.reason, entry.code) for entry in report.rows}
    assert said[1] == (Action.REPAIRED, "an unclosed ring was closed", "c1")
    assert "no geometry" in said[3][1]
    assert "empty" in said[4][1]
    assert "1e+308" in said[5][1]
    assert "cannot be read" in said[6][1]
    assert "point, not a polygon" in said[8][1]
    assert "not a GeoJSON feature" in said[11][1]
    assert json.loads(json.dumps(report.as_dict()))["refused"] == 9
    assert report.to_frame()["row"].tolist() == [entry.row for entry in report.rows]
    lines = "\n".join(json.dumps(feature) for feature in features[:2]) + '\n{"type": "Feat\n'
    frame, report = read_layer(_csv(tmp_path, lines, "a.ndjson"), kind="polygon")
    assert len(frame) == 2
    assert 3 in _reasons(report)


def test_unclosed_rings_in_wkt_are_closed(tmp_path):
    text = 'code;wkt\na;"POLYGON((111.6 40.8,111.61 40.8,111.61 40.81))"\nb;"POLYGON((oops))"\nc;\n'
    frame, report = read_layer(_csv(tmp_path, text), crs="cgcs2000")
    assert frame.geometry.iloc[0].is_valid
    assert _reasons(report) == {3: "the geometry cannot be read", 4: "there is no geometry"}
    assert report.repaired == 1


def test_broken_csv_rows_lose_themselves_only(tmp_path):
    lines = ["a,x,111.6,40.8", "b,x", 'd,"two', 'lines",111.6,40.8', "", "e,x,111.6,40.8,", "f,x,1,abc"]
    lines += ['g,"x,111.6,40.8', "h,x,111.6,40.8"]
    path = _csv(tmp_path, "\n".join(["code,name,lon,lat", *lines]))
    frame, report = read_layer(path, crs="cgcs2000")
    assert frame["code"].tolist() == ["a", "d", "e", "h"]
    assert frame.index.tolist() == [2, 4, 6, 9]
    reasons = _reasons(report)
    assert reasons[3] == "it has 2 cells where the header has 4"
    assert reasons[7] == "the latitude 'abc' is not a number"
    assert reasons[8] == "a quote is not closed"
    assert report.total == report.kept + report.repaired + report.refused


def test_a_column_named_like_one_of_ours(tmp_path):
    text = "grid_code,code,name,lon,lat\nours,theirs,n,111.6,40.8\n"
    frame, report = read_layer(_csv(tmp_path, text), crs="wgs84", fields={"grid_code": "code"})
    assert frame["grid_code"].tolist() == ["theirs"]
    assert frame["grid_code_file"].tolist() == ["ours"]
    assert any("set aside as 'grid_code_file'" in note for note in report.notes)
    swapped, _ = read_layer(
        _csv(tmp_path, text), crs="wgs84", fields={"grid_code": "code", "code": "grid_code"}
    )
    assert swapped["grid_code"].tolist() == ["theirs"]
    assert swapped["code"].tolist() == ["ours"]
    with pytest.raises(InputError, match="mapped to several"):
        read_layer(_csv(tmp_path, text), crs="wgs84", fields={"a": "code", "b": "code"})


def test_cells_of_the_wrong_kind_refuse_their_row(tmp_path):
    text = (
        "code,households,on,lon,lat\na,300,2026-3-1,1,1\nb,约300,,1,1\nc,,2026年3月1日,1,1\nd,3.5,nope,1,1\n"
    )
    frame, report = read_layer(
        _csv(tmp_path, text), crs="wgs84", kinds={"households": "integer", "on": "date"}, code_field="code"
    )
    assert frame["code"].tolist() == ["a", "c"]
    assert frame["households"].isna().tolist() == [False, True]
    assert frame["on"].tolist() == [dt.date(2026, 3, 1)] * 2
    assert _reasons(report)[3] == "'约300' is not a whole number"


def test_geometry_columns_can_be_named(tmp_path):
    path = _csv(tmp_path, "code,jd,wd,shape_text\na,111.6,40.8,POINT(1 2)\n")
    frame, _ = read_layer(path, crs="wgs84", fields={"lon": "jd", "lat": "wd"})
    assert frame.geometry.iloc[0].x == 111.6
    frame, _ = read_layer(path, crs="wgs84", fields={"geometry": "shape_text"})
    assert frame.geometry.iloc[0].x == 1
    with pytest.raises(GeometryError, match="no geometry was found"):
        read_layer(path, crs="wgs84")
    with pytest.raises(InputError, match="there is no column 'nope'"):
        read_layer(path, crs="wgs84", fields={"geometry": "nope"})
    path = _csv(tmp_path, "code,lon,x,lat\na,111.6,1,40.8\n")
    with pytest.raises(InputError, match="several columns could be the longitude") as caught:
        read_layer(path, crs="wgs84")
    assert "--field lon=…" in str(caught.value)


def test_two_hundred_thousand_rows(tmp_path):
    size = 200_000
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "code": [f"{n:012d}" for n in range(size)],
            "lon": 111 + rng.random(size),
            "lat": 40 + rng.random(size),
        }
    )
    frame.to_csv(tmp_path / "a.csv", index=False)
    found, report = read_layer(tmp_path / "a.csv", crs="gcj02", code_field="code", kind="point")
    assert len(found) == size == report.kept
    assert report.rows == ()


@pytest.mark.parametrize(
    "text", ["=1+1", "007", "150105001001001", "2-1", "\tx", '="0"', "'0", "`1", "-", "+86", "@a"]
)
def test_what_a_spreadsheet_would_change_is_marked_and_comes_back(text):
    assert guard(text) == "\t" + text
    assert unguard(guard(text)) == text


@pytest.mark.parametrize("text", ["盛世社区", "3", "12.5.1a", "a-1", "", "Huimin 5", "O'Hara"])
def test_other_texts_are_left_alone(text):
    assert guard(text) == text
    assert unguard(text) == text


def test_marks_of_other_tools_are_understood():
    assert unguard('="0123"') == "0123"
    assert unguard("'0123") == "0123"
    assert unguard("'s-Hertogenbosch") == "'s-Hertogenbosch"


def test_lists_there_and_back():
    for items in ([], ["a"], ["a;b", "c\\", "\\;", "全；角"], ["x\\\\", "y"]):
        assert split_list(join_list(items)) == items
    assert split_list("0471-1； 0471-2;") == ["0471-1", "0471-2"]
    assert split_list(None) == []


def test_codes_never_lose_a_digit_unseen():
    found = code_texts(
        pd.Series([620503001001001.0, 6.20503001001001e17, None, 7, " 007 ", np.nan], dtype=object)
    )
    assert found.iloc[0] == "620503001001001"
    assert "e+17" in found.iloc[1]
    assert found.isna().tolist() == [False, False, True, False, False, True]
    assert found.iloc[4] == "007"
    exact, bad = cast_column(pd.Series(["9007199254740993", "1,200", "1e3"], dtype="str"), "integer")
    assert exact.iloc[0] == 9007199254740993
    assert exact.iloc[1] == 1200
    assert bad == {2: "'1e3' is not a whole number"}


def test_messages_name_columns_with_care(tmp_path):
    many = ",".join(f"c{n}" for n in range(50)) + ",\x1b[31mred" + "," + "x" * 500
    with pytest.raises(GeometryError) as caught:
        read_layer(_csv(tmp_path, f"{many}\n"), crs="wgs84")
    assert "and 32 more" in str(caught.value)
    assert len(str(caught.value)) < 400
    with pytest.raises(GeometryError) as caught:
        read_layer(_csv(tmp_path, "\x1b[31mred,b\n"), crs="wgs84")
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("name", ["klingon", "base64", "rot13", "中"])
def test_a_codec_that_is_not_of_text_is_no_encoding(tmp_path, name):
    with pytest.raises(InputError, match="is not an encoding"):
        read_layer(_csv(tmp_path, "code,lon,lat\na,111.6,40.8\n"), crs="wgs84", encoding=name)


def test_a_spreadsheets_mark_is_no_header(tmp_path):
    with pytest.raises(InputError, match="a spreadsheet's own mark"):
        read_layer(_csv(tmp_path, "sep=;\ncode;lon;lat\na;111.6;40.8\n"), crs="wgs84")


def test_one_column_cannot_hold_both_coordinates(tmp_path):
    path = _csv(tmp_path, "code,lon,lat\na,111.6,40.8\n")
    with pytest.raises(InputError, match="cannot hold both"):
        read_layer(path, crs="wgs84", fields={"lon": "lon", "lat": "lon"})


def test_a_number_past_every_column_is_refused_by_its_row():
    cast, bad = cast_column(pd.Series(["300", "9" * 30]), "integer")
    assert cast[0] == 300
    assert cast.isna()[1]
    assert "is beyond every number" in bad[1]
