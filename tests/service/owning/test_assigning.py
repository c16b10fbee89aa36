"""A file of points and a file of grids: one row out for every row in."""

from __future__ import annotations

import csv
import io

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely

from gis.crs import GCJ02, from_storage
from gis.errors import CrsError, GeometryError, InputError
from gis.lattice import snap
from gis.layers import point_stream
from gis.locate.index import GridIndex
from gis.service.owning.assigning import OwnerLayer, Owners, assign_file, read_grids_file

CODES = ["150105001001001", "150105001001002", "150105001001003"]


@pytest.fixture(scope="module")
def grids(tmp_path_factory):
    boxes = snap(shapely.box([111.60, 111.61, 111.62], 40.80, [111.61, 111.62, 111.63], 40.81))
    path = tmp_path_factory.mktemp("grids") / "grids.gpkg"
    gpd.GeoDataFrame({"grid_code": CODES}, geometry=boxes, crs=4490).to_file(path)
    return path


@pytest.fixture(scope="module")
def owners(grids):
    return read_grids_file(grids, grid_id="grid_code").owners()


def _assign(tmp_path, owners, text, *, encoding="utf-8", crs="cgcs2000", **more):
    source = tmp_path / "in.csv"
    source.write_bytes(text.encode(encoding))
    summary = assign_file(source, out=tmp_path / "out.csv", owners=owners, crs=crs, **more)
    written = (tmp_path / "out.csv").read_bytes().decode(encoding)
    return summary, list(csv.DictReader(io.StringIO(written, newline=""))), written


def test_every_status_with_its_figures(tmp_path, owners):
    text = (
        "id,lon,lat\na,111.605,40.805\nb,111.61,40.805\nc,111.63,40.805\nd,111.64,40.805\ne,,\nf,abc,40.8\n"
    )
    summary, rows, _ = _assign(tmp_path, owners, text)
    assert [row["status"] for row in rows] == ["inside", "edge", "edge", "outside", "invalid", "invalid"]
    assert [row["grid"] for row in rows] == [CODES[0], CODES[1], CODES[2], "", "", ""]
    assert rows[1]["reason"] == f"on the border of {CODES[0]} and {CODES[1]}"
    assert rows[3]["nearest"] == CODES[2]
    # 0.01° of longitude at 40.805° N on the CGCS2000 ellipsoid is 843.6 m.
    assert float(rows[3]["distance_m"]) == pytest.approx(843.6, abs=0.5)
    assert float(rows[0]["margin_m"]) == pytest.approx(421.8, abs=0.5)
    assert rows[4]["reason"] == "there are no coordinates"
    assert rows[5]["reason"] == "the longitude 'abc' is not a number"
    assert {row["edition"] for row in rows[:4]} == {owners.layers[0].edition}
    assert summary.counts == {"inside": 1, "edge": 2, "outside": 1, "invalid": 2}
    assert summary.rows == 6


def test_input_rows_come_back_letter_by_letter(tmp_path, owners):
    lines = [
        'code;说明;经度;纬度;"last, ""q"""\r\n',
        '007;"多行\r\n文字";111.605;40.805; spaced \r\n',
        '1.10E5;"a;b";111.6050000;40.80500;""\n',
        'x;12" pipe;111.605;40.805;y\n',
        "\r\n",
        "last;no line end;111.605;40.805;z",
    ]
    for encoding in ("utf-8", "gb18030", "utf-8-sig"):
        _, _, written = _assign(tmp_path, owners, "".join(lines), encoding=encoding)
        records = [line.rstrip("\r\n") for line in lines if line.strip()]
        at = 0
        for record in records:
            found = written.find(record + ";", at)
            assert found >= 0, record
            at = found + len(record)
        assert written.count(CODES[0]) == 8  # grid and nearest of four rows
        assert written.endswith("\r\n")


def test_broken_rows_keep_their_place_and_text(tmp_path, owners):
    text = 'id,lon,lat\na,111.605\nb,111.605,40.805,extra,"x,y"\n"open,111.605,40.805\nd,111.605,40.805\n'
    _, rows, _ = _assign(tmp_path, owners, text)
    assert [row["status"] for row in rows] == ["invalid", "invalid", "invalid", "inside"]
    assert rows[0]["reason"] == "there is no latitude"
    assert rows[1]["lat"] == "40.805,extra,x,y"
    assert "6 cells" not in rows[1]["reason"]
    assert "5 cells where the header has 3" in rows[1]["reason"]
    assert rows[2]["id"] == '"open,111.605,40.805'
    assert "not closed" in rows[2]["reason"]


def test_our_names_give_way_to_theirs(tmp_path, owners):
    text = "lon,lat,Grid,status,grid_wangge\n111.605,40.805,mine,open,x\n"
    summary, rows, _ = _assign(tmp_path, owners, text)
    assert rows[0]["Grid"] == "mine"
    assert rows[0]["status"] == "open"
    assert rows[0]["grid_wangge_2"] == CODES[0]
    assert rows[0]["status_wangge"] == "inside"
    assert summary.columns["grid"] == "grid_wangge_2"
    assert any("ours is named 'status_wangge'" in note for note in summary.notes)


def test_swapped_and_unknown_positions_are_told(tmp_path):
    # Near the diagonal, so that swapped coordinates are on the globe.
    boxes = snap(shapely.box([50.0, 50.01], 40.0, [50.01, 50.02], 40.01))
    near = Owners((OwnerLayer(GridIndex.build(boxes, ["a", "b"]), "test"),))
    summary, rows, _ = _assign(tmp_path, near, "lon,lat\n40.005,50.005\n40.005,50.015\n0,0\n")
    assert "are the columns swapped" in rows[0]["reason"]
    assert any("seem to be swapped in 2 of 3 rows" in note for note in summary.notes)
    assert rows[2]["status"] == "invalid"
    summary, rows, _ = _assign(tmp_path, near, "lon,lat\n40.8,111.6\n1e308,40\nnan,inf\n")
    assert "swapped" in rows[0]["reason"]
    assert "no place at 1e+308" in rows[1]["reason"]
    assert [row["status"] for row in rows] == ["invalid"] * 3


def test_a_datum_moves_points_and_is_never_guessed(tmp_path, owners):
    with pytest.raises(CrsError, match="never guessed"):
        _assign(tmp_path, owners, "lon,lat\n111.605,40.805\n", crs=None)
    x, y = from_storage(np.array([111.605]), np.array([40.805]), GCJ02)
    _, rows, _ = _assign(tmp_path, owners, f"lon,lat\n{float(x[0])!r},{float(y[0])!r}\n", crs="gcj02")
    assert rows[0]["grid"] == CODES[0]
    assert float(rows[0]["margin_m"]) == pytest.approx(421.8, abs=0.5)


def test_columns_are_found_named_or_asked_for(tmp_path, owners):
    with pytest.raises(InputError, match="several columns could be the longitude: lon, X"):
        _assign(tmp_path, owners, "lon,X,lat\n111.605,1,40.805\n")
    with pytest.raises(InputError, match="no column looks like"):
        _assign(tmp_path, owners, "a,b\n111.605,40.805\n")
    with pytest.raises(InputError, match="no column is known to hold the latitude"):
        _assign(tmp_path, owners, "经度,b\n111.605,40.805\n")
    with pytest.raises(InputError, match="there is no column 'q'"):
        _assign(tmp_path, owners, "a,b\n1,2\n", lon_field="q", lat_field="b")
    _, rows, _ = _assign(tmp_path, owners, "lon,X,lat\n1,111.605,40.805\n", lon_field="X", lat_field="lat")
    assert rows[0]["grid"] == CODES[0]
    assert not list(tmp_path.glob(".*part*"))


@pytest.mark.parametrize("first", ["csv", "parquet", "gpkg"])
@pytest.mark.parametrize("second", ["csv", "parquet", "gpkg"])
def test_any_format_into_any(tmp_path, owners, first, second):
    text = "code,lon,lat\n007,111.605,40.805\n008,111.64,40.805\n009,,\n"
    (tmp_path / "in.csv").write_text(text)
    assign_file(tmp_path / "in.csv", out=tmp_path / f"a.{first}", owners=owners, crs="cgcs2000")
    summary = assign_file(
        tmp_path / f"a.{first}", out=tmp_path / f"b.{second}", owners=owners, crs="cgcs2000"
    )
    assert summary.counts == {"inside": 1, "edge": 0, "outside": 1, "invalid": 1}
    if second == "csv":
        found = pd.read_csv(tmp_path / "b.csv", dtype=str)
    elif second == "parquet":
        found = pq.read_table(tmp_path / "b.parquet").to_pandas()
    else:
        found = pyogrio.read_dataframe(tmp_path / "b.gpkg")
    assert found["code"].tolist() == ["007", "008", "009"]
    for name in ("grid", "grid_wangge"):
        assert found[name].fillna("").tolist() == [CODES[0], "", ""]


def test_batches_join_without_a_seam(tmp_path, owners, monkeypatch):
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"n": range(1000), "lon": rng.uniform(111.595, 111.635, 1000), "lat": 40.805})
    frame.to_csv(tmp_path / "in.csv", index=False)
    whole = assign_file(tmp_path / "in.csv", out=tmp_path / "whole.csv", owners=owners, crs="wgs84")
    told = []
    for suffix, size in (("csv", 7), ("parquet", 7), ("gpkg", 150)):
        monkeypatch.setattr(point_stream, "BATCH_ROWS", size)
        part = assign_file(
            tmp_path / "in.csv",
            out=tmp_path / f"part.{suffix}",
            owners=owners,
            crs="wgs84",
            progress=lambda rows, fraction: told.append((rows, fraction)),
        )
        assert part.counts == whole.counts
    assert (tmp_path / "part.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert told[-1] == (1000, 1.0)
    assert len(told) == 143 + 143 + 7
    assert pyogrio.read_dataframe(tmp_path / "part.gpkg")["n"].tolist() == [str(n) for n in range(1000)]


def test_no_rows_give_a_head_only(tmp_path, owners):
    summary, rows, written = _assign(tmp_path, owners, "lon,lat\n")
    assert rows == []
    assert written == "lon,lat,grid,status,nearest,distance_m,margin_m,edition,reason\n"
    assert any("there are no rows" in note for note in summary.notes)


def test_the_first_layer_that_answers_owns(tmp_path, owners):
    school = GridIndex.build([shapely.box(111.602, 40.802, 111.604, 40.804)], ["150105001001801"])
    both = Owners((OwnerLayer(school, "e2"), *owners.layers))
    _, rows, _ = _assign(tmp_path, both, "lon,lat\n111.603,40.803\n111.605,40.805\n111.599,40.803\n")
    assert [row["grid"] for row in rows] == ["150105001001801", CODES[0], ""]
    assert rows[2]["nearest"] == CODES[0]
    assert rows[0]["edition"] == "e2"


def test_an_output_is_whole_or_not_there(tmp_path, owners):
    (tmp_path / "in.csv").write_text("lon,lat\n1,2\n")
    with pytest.raises(InputError, match="the input itself"):
        assign_file(tmp_path / "in.csv", out=tmp_path / "in.csv", owners=owners, crs="wgs84")
    with pytest.raises(InputError, match="no such folder"):
        assign_file(tmp_path / "in.csv", out=tmp_path / "no" / "out.csv", owners=owners, crs="wgs84")
    with pytest.raises(InputError, match="no format"):
        assign_file(tmp_path / "in.csv", out=tmp_path / "out.pdf", owners=owners, crs="wgs84")

    def stop(rows: int, fraction: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        assign_file(tmp_path / "in.csv", out=tmp_path / "out.csv", owners=owners, crs="wgs84", progress=stop)
    assert [entry.name for entry in tmp_path.iterdir()] == ["in.csv"]
    for name, content in (("empty.csv", b""), ("bad.parquet", b"no"), ("bad.gpkg", b"no")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError):
            assign_file(tmp_path / name, out=tmp_path / "out.csv", owners=owners, crs="wgs84")
    with pytest.raises(InputError, match="no such file"):
        assign_file(tmp_path / "none.csv", out=tmp_path / "out.csv", owners=owners, crs="wgs84")


def test_grids_are_mended_told_of_or_refused(tmp_path):
    path = tmp_path / "grids.csv"
    bow = "POLYGON((111.6 40.8,111.61 40.81,111.61 40.8,111.6 40.81,111.6 40.8))"
    pd.DataFrame({"id": ["a", "b"], "wkt": [bow, None]}).to_csv(path, index=False)
    owners = read_grids_file(path, grid_id="id", crs="cgcs2000").owners()
    assert owners.report is not None
    assert owners.report.counts == {"kept": 0, "repaired": 1, "refused": 1}
    with pytest.raises(InputError, match="there is no column 'nope'"):
        read_grids_file(path, grid_id="nope", crs="cgcs2000")
    square = "POLYGON((111.6 40.8,111.61 40.8,111.61 40.81,111.6 40.81,111.6 40.8))"
    pd.DataFrame({"id": ["a", "a"], "wkt": [bow, square]}).to_csv(path, index=False)
    with pytest.raises(InputError, match="is no identifier"):
        read_grids_file(path, grid_id="id", crs="cgcs2000")
    pd.DataFrame({"id": ["a", "b"], "wkt": [square, square]}).to_csv(path, index=False)
    with pytest.raises(GeometryError, match="1 pair of grids overlap, such as a and b"):
        read_grids_file(path, grid_id="id", crs="cgcs2000").owners()
    resolved = read_grids_file(path, grid_id="id", crs="cgcs2000", overlap="first")
    assert any("overlap" in note for note in resolved.owners().notes)
    assert [layer.index.codes for layer in resolved.owners().layers] == [("a", "b")]
    assert resolved.index().locate([111.605], [40.805]).tolist() == [0]


def test_types_of_grids_lie_over_each_other_by_design(tmp_path):
    path = tmp_path / "grids.csv"
    block = "POLYGON((111.6 40.8,111.61 40.8,111.61 40.81,111.6 40.81,111.6 40.8))"
    school = "POLYGON((111.602 40.802,111.604 40.802,111.604 40.804,111.602 40.804,111.602 40.802))"
    table = pd.DataFrame(
        {"id": ["b", "m", "e"], "grid_type": ["basic", "micro", "exclusive"], "wkt": [block, school, school]}
    )
    table.to_csv(path, index=False)
    grids = read_grids_file(path, grid_id="id", crs="cgcs2000")
    owners = grids.owners()
    assert owners.notes == ()
    assert [layer.index.codes for layer in owners.layers] == [("e",), ("m",), ("b",)]
    index = grids.index()
    assert [index.codes[at] for at in index.locate([111.603, 111.608], [40.803, 40.808])] == ["e", "b"]
    # Overlap within a type is refused all the same, and a column of other values is no type.
    table.assign(grid_type=["basic", "basic", "exclusive"]).to_csv(path, index=False)
    with pytest.raises(GeometryError, match="b and m"):
        read_grids_file(path, grid_id="id", crs="cgcs2000").owners()
    table.assign(grid_type=["I", "II", "III"]).to_csv(path, index=False)
    with pytest.raises(GeometryError, match="3 pairs"):
        read_grids_file(path, grid_id="id", crs="cgcs2000").index()


def test_real_incidents_agree_with_what_the_authority_recorded(tmp_path, shared_data):
    surrey = shared_data / "surrey"
    file = surrey / "lsoa2011_surrey.geojson"
    with pytest.raises(GeometryError, match="10 pairs of grids overlap"):
        read_grids_file(file, grid_id="LSOA11CD").owners()
    owners = read_grids_file(file, grid_id="LSOA11CD", overlap="first").owners()
    assert owners.report is not None
    assert owners.report.counts == {"kept": 707, "repaired": 2, "refused": 0}
    source = surrey / "incidents_2022-06.csv"
    summary = assign_file(source, out=tmp_path / "out.csv", owners=owners, crs="wgs84")
    before = source.read_bytes().decode().splitlines()
    after = (tmp_path / "out.csv").read_bytes().decode().splitlines()
    assert len(before) == len(after) == summary.rows + 1 == 7875
    assert all(new.startswith(old + ",") for old, new in zip(before, after, strict=True))
    rows = pd.read_csv(tmp_path / "out.csv", dtype=str, keep_default_na=False)
    far = rows[rows["margin_m"].ne("") & (pd.to_numeric(rows["margin_m"]) > 20)]
    assert len(far) == 6479
    assert (far["grid"] == far["lsoa_code"]).all()
    assert (rows["grid"].ne("") == rows["status"].isin(["inside", "edge"])).all()
    located = rows[rows["lon"].ne("") & rows["lsoa_code"].isin(owners.layers[0].index.codes)]
    assert (located["grid"] == located["lsoa_code"]).mean() > 0.96
