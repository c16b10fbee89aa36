"""Parquet to Parquet: every row once, in order, whole files only."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from gis.crs import GCJ02, from_storage
from gis.errors import InputError
from gis.locate import stream
from gis.locate.index import GridIndex
from gis.locate.stream import Tally, assign_parquet
from tests.locate.shapes import hostile_points, wavy_grids

GRIDS = wavy_grids(5, 5, 4, np.random.default_rng(30))
CODES = [f"620503001001{i:03d}" for i in range(1, len(GRIDS) + 1)]
INDEX = GridIndex.build(GRIDS, CODES)


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "BATCH_ROWS", 700)
    lon, lat = hostile_points(GRIDS, 3000, np.random.default_rng(31))
    lon[5] = np.nan
    table = pa.table(
        {
            "id": np.arange(len(lon)),
            "lon": lon,
            "lat": pa.array(lat, mask=np.arange(len(lat)) == 9),
            "text": ["a"] * len(lon),
        }
    )
    path = tmp_path / "incidents.parquet"
    pq.write_table(table, path, row_group_size=1000)
    return path


def expected_codes(table):
    owner = INDEX.locate(table["lon"], table["lat"])
    return [CODES[p] if p >= 0 else None for p in owner]


def test_every_row_once_and_in_order(source, tmp_path):
    target = tmp_path / "out" / "owned.parquet"
    tally = assign_parquet(INDEX, source, target)
    before, after = pq.read_table(source), pq.read_table(target)
    assert after.column_names == ["id", "lon", "lat", "text", "grid"]
    assert after.drop_columns("grid").to_pandas().equals(before.to_pandas())
    codes = after["grid"].to_pylist()
    assert codes == expected_codes(before)
    owned = sum(code is not None for code in codes)
    assert tally == Tally(len(before), owned, len(before) - owned - 2, 2)
    assert [p.name for p in target.parent.iterdir()] == ["owned.parquet"]


def test_detail_and_fewer_columns(source, tmp_path):
    target = tmp_path / "owned.parquet"
    assign_parquet(INDEX, source, target, keep=["id"], detail=True)
    after = pq.read_table(target).to_pandas()
    assert list(after.columns) == ["id", "grid", "status", "margin_m", "nearest", "distance_m"]
    before = pq.read_table(source)
    detail = INDEX.locate_detail(before["lon"], before["lat"])
    assert after["status"].tolist() == detail.status.tolist()
    np.testing.assert_array_equal(after["margin_m"].to_numpy(), detail.margin_m)
    np.testing.assert_array_equal(after["distance_m"].to_numpy(), detail.distance_m)
    assert {"inside", "edge", "outside", "invalid"} == set(after["status"])


def test_of_many_codes_only_those_that_occur_are_listed(source, tmp_path, monkeypatch):
    usual, narrowed = tmp_path / "usual.parquet", tmp_path / "narrowed.parquet"
    assign_parquet(INDEX, source, usual, detail=True)
    monkeypatch.setattr(stream, "_MANY_CODES", 3)
    assign_parquet(INDEX, source, narrowed, detail=True)
    assert pq.read_table(narrowed).to_pandas().equals(pq.read_table(usual).to_pandas())
    inside = shapely.centroid(GRIDS[[7, 3]])
    batch = pa.record_batch({"lon": [*shapely.get_x(inside), 0.0], "lat": [*shapely.get_y(inside), 0.0]})
    grid = stream.assign_batch(INDEX, batch)[0]["grid"]
    assert grid.to_pylist() == [CODES[7], CODES[3], None]
    assert grid.dictionary.to_pylist() == [CODES[3], CODES[7]]


def test_columns_of_the_users_own_keep_their_statistics(source, tmp_path):
    assign_parquet(INDEX, source, tmp_path / "out.parquet")
    group = pq.ParquetFile(tmp_path / "out.parquet").metadata.row_group(0)
    said = {group.column(i).path_in_schema: group.column(i).statistics for i in range(group.num_columns)}
    assert (said["id"].min, said["id"].max, said["text"].min) == (0, 699, "a")
    assert said["grid"] is None


def test_another_datum_is_converted(source, tmp_path):
    before = pq.read_table(source)
    lon, lat = from_storage(before["lon"].to_numpy(), before["lat"].to_numpy(), GCJ02)
    shifted = tmp_path / "gcj.parquet"
    pq.write_table(pa.table({"x": lon, "y": lat}), shifted)
    assign_parquet(INDEX, shifted, tmp_path / "out.parquet", lon="x", lat="y", datum=GCJ02)
    codes = pq.read_table(tmp_path / "out.parquet")["grid"].to_pylist()
    margin = INDEX.locate_detail(before["lon"], before["lat"])
    clear = np.nan_to_num(margin.margin_m) > 0.01
    assert clear.any()
    assert [c for c, ok in zip(codes, clear, strict=True) if ok] == [
        c for c, ok in zip(expected_codes(before), clear, strict=True) if ok
    ]


def test_an_empty_file_stays_a_file(source, tmp_path):
    empty = tmp_path / "empty.parquet"
    pq.write_table(pq.read_table(source).slice(0, 0), empty)
    assert assign_parquet(INDEX, empty, tmp_path / "out.parquet") == Tally()
    assert pq.read_table(tmp_path / "out.parquet").column_names[-1] == "grid"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"lon": "x"}, "no column 'x'"),
        ({"lon": "text"}, "not a column of numbers"),
        ({"keep": ["id", "name"]}, "no column 'name'"),
    ],
)
def test_wrong_columns_are_named_and_nothing_is_left(source, tmp_path, options, words):
    target = tmp_path / "out" / "owned.parquet"
    target.parent.mkdir()
    target.write_text("what was there")
    with pytest.raises(InputError, match=words):
        assign_parquet(INDEX, source, target, **options)
    assert [p.read_text() for p in target.parent.iterdir()] == ["what was there"]


def test_a_column_that_would_be_overwritten_is_refused(source, tmp_path):
    again = tmp_path / "again.parquet"
    assign_parquet(INDEX, source, again)
    with pytest.raises(InputError, match="column 'grid' already"):
        assign_parquet(INDEX, again, tmp_path / "out.parquet")


def test_a_target_that_cannot_be_written_is_refused(source, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(InputError, match="cannot be written here"):
        assign_parquet(INDEX, source, tmp_path / "file" / "out.parquet")
    with pytest.raises(InputError, match="cannot be written here"):
        INDEX.save(tmp_path / "file" / "out.index")


def test_a_file_that_is_damaged_is_refused(source, tmp_path):
    data = source.read_bytes()
    target = tmp_path / "out.parquet"
    for content in (b"", b"id,lon,lat\n", data[:-50], data[:200] + b"\0" * 4000 + data[4200:]):
        broken = tmp_path / "broken.parquet"
        broken.write_bytes(content)
        with pytest.raises(InputError, match="not a whole Parquet file"):
            assign_parquet(INDEX, broken, target)
        assert not target.exists()
    with pytest.raises(InputError, match="not a whole Parquet file"):
        assign_parquet(INDEX, tmp_path / "absent.parquet", target)
