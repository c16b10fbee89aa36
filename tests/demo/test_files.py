from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from gis.demo.__main__ import main
from gis.demo.community import make_community

KEPT = Path(__file__).parents[2] / "data" / "boundaries"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("community")
    assert main(["community", "-o", str(folder)]) == 0
    return folder


def test_the_kept_files_are_what_the_command_writes_byte_for_byte(written):
    assert {path.name for path in KEPT.iterdir()} == {path.name for path in written.iterdir()}
    differ = [path.name for path in written.iterdir() if path.read_bytes() != (KEPT / path.name).read_bytes()]
    assert not differ, "run: python -m gis.demo community"


def test_files_read_back_as_the_frames(written):
    for name, frame in make_community().items():
        if "geometry" not in frame:
            read = pd.read_csv(written / f"{name}.csv", dtype=str)
            assert read.columns.tolist() == frame.columns.tolist()
            assert read.iloc[:, 0].tolist() == frame.iloc[:, 0].tolist()
            continue
        read = gpd.read_file(written / f"{name}.geojson")
        assert read.columns.tolist() == frame.columns.tolist()
        assert read.iloc[:, 0].tolist() == frame.iloc[:, 0].tolist()
        here = frame.geometry.notna()
        assert (read.geometry.notna() == here).all()
        same = shapely.equals_exact(
            read.geometry[here].to_numpy(), frame.geometry[here].to_numpy(), tolerance=0
        )
        assert same.all()


def test_geojson_is_rfc_7946_and_says_that_it_is_made_up(written):
    for path in written.glob("*.geojson"):
        collection = json.loads(path.read_text(encoding="utf-8"))
        assert collection["type"] == "FeatureCollection"
        assert "虚构" in collection["description"]
        assert "crs" not in collection
        shapes = [shapely.geometry.shape(f["geometry"]) for f in collection["features"] if f["geometry"]]
        rings = [
            part.exterior
            for shape in shapes
            for part in getattr(shape, "geoms", [])
            if part.geom_type == "Polygon"
        ]
        assert shapely.is_ccw(rings).all()


def test_the_readme_says_how_it_was_made(written):
    readme = (written / "README.md").read_text(encoding="utf-8")
    assert "python -m gis.demo community --seed 20261031" in readme
    assert "虚构" in readme
    assert "made up" in readme
    assert "Apache-2.0" in readme


def test_a_folder_that_cannot_be_made_is_one_line_and_status_1(tmp_path, capsys):
    (tmp_path / "file").write_text("x")
    assert main(["community", "-o", str(tmp_path / "file")]) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "choose another folder with -o" in told


def test_a_seed_below_zero_is_refused(tmp_path, capsys):
    assert main(["community", "-o", str(tmp_path), "--seed", "-3"]) == 1
    assert "give a whole number from 0" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
