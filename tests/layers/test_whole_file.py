"""A file is there whole or not at all, and what was there before stays until then."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest

from gis.crs import WGS84
from gis.errors import InputError
from gis.layers.file_writers import write_layer
from gis.layers.point_sinks import PointSink
from gis.layers.point_stream import open_points
from gis.layers.whole_file import whole_file


@contextmanager
def a_small_disk(size: int = 8192) -> Iterator[None]:
    """Let no file grow past a size, as a disk that is full does not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("suffix", ["csv", "geojson", "gpkg", "shp", "parquet"])
def test_a_disk_that_fills_up_leaves_what_was_there(tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(2)
    places = gpd.points_from_xy(111 + rng.random(5000), 40 + rng.random(5000))
    frame = gpd.GeoDataFrame({"code": [str(n) for n in range(5000)]}, geometry=places, crs=4490)
    target = write_layer(frame[:3], tmp_path / f"a.{suffix}")
    before = {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()}
    with a_small_disk(), pytest.raises(InputError, match="cannot be written"):
        write_layer(frame, target)
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == before


@pytest.mark.parametrize("suffix", ["csv", "gpkg", "parquet"])
def test_points_that_do_not_fit_leave_what_was_there(tmp_path: Path, suffix: str) -> None:
    rows = "".join(f"{n},{111 + n / 1e5:.5f},40.81\n" for n in range(20_000))
    (tmp_path / "in.csv").write_text("id,lon,lat\n" + rows, encoding="utf-8")
    source = open_points(tmp_path / "in.csv", crs=WGS84)
    target = tmp_path / f"out.{suffix}"
    target.write_text("before", encoding="utf-8")
    batch = next(source.batches())
    with (
        a_small_disk(),
        pytest.raises(InputError, match="cannot be written"),
        PointSink(target, source, {"grid": "text"}) as sink,
    ):
        sink.write(batch, {"grid": [str(n) for n in range(len(batch.lon))]})
    assert target.read_text(encoding="utf-8") == "before"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["in.csv", target.name]


def test_an_interruption_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> None:
        with whole_file(tmp_path / "a.shp") as draft:
            draft.write_bytes(b"half")
            draft.with_suffix(".dbf").write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not list(tmp_path.iterdir())


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "out.csv").mkdir()
    with pytest.raises(InputError, match="it is a folder"), whole_file(tmp_path / "out.csv"):
        pass
    with pytest.raises(InputError, match="no such folder"), whole_file(tmp_path / "none" / "out.csv"):
        pass


def test_a_name_that_contradicts_the_format_is_refused(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"code": ["a"]}, geometry=gpd.points_from_xy([111.6], [40.8]), crs=4490)
    with pytest.raises(InputError, match="the name says csv, but gpkg was asked for"):
        write_layer(frame, tmp_path / "a.csv", format="gpkg")
    assert write_layer(frame, tmp_path / "a.part7", format="gpkg").is_file()
