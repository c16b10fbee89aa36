"""Files into layers and out again, on a real PostGIS: by code, in sets, every row answered for."""

from __future__ import annotations

import datetime as dt

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from pandas.testing import assert_frame_equal
from shapely import box
from sqlalchemy import text

from gis.errors import InputError, NotFoundError, RuleError
from gis.layers.database import Database
from gis.layers.exporting import export_layer
from gis.layers.files import write_layer
from gis.layers.frames import read_frame
from gis.layers.importing import import_layer
from gis.layers.report import Action
from gis.layers.schema import LAYERS

pytestmark = pytest.mark.database

COUNTY, STREET, COMMUNITY = "150103000000", "150103099000", "150103099901"
DAY = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def _divisions():
    return gpd.GeoDataFrame(
        {
            "division_code": [COMMUNITY, STREET, COUNTY],
            "name": ["示例社区", "示例街道", "示例区"],
            "parent_code": [STREET, COUNTY, None],
        },
        geometry=[box(111, 40, 111.02, 40.01), None, None],
        crs=4490,
    )


def _grids(split=111.01, other=None):
    return gpd.GeoDataFrame(
        {"grid_code": [f"{COMMUNITY}001", f"{COMMUNITY}002"], "name": ["一", None]},
        geometry=[box(111, 40, split, 40.01), box(split if other is None else other, 40, 111.02, 40.01)],
        crs=4490,
    )


def _points(size=5):
    return gpd.GeoDataFrame(
        {
            "point_code": [f"{COMMUNITY}{n:06d}" for n in range(1, size + 1)],
            "name": ["卫生站 <b>"] * size,
            "category": ["health"] * size,
            "phones": pd.Series([["0471-1", "a;b"], []] + [["1"]] * (size - 2), dtype=object),
            "accessible": pd.Series([True, None] + [False] * (size - 2), dtype="boolean"),
            "verified_on": pd.Series(
                [dt.date(2026, 1, 2), None] + [dt.date(2025, 1, 1)] * (size - 2), dtype=object
            ),
            "public": True,
        },
        geometry=[shapely.Point(111.001 + n / 1000, 40.001) for n in range(size)],
        crs=4490,
    )


def _load(database, layer, frame, tmp_path, *, suffix="gpkg", **more):
    path = write_layer(frame, tmp_path / f"{layer}.{suffix}")
    with database.connection() as connection:
        return import_layer(connection, layer, path, actor="test", crs="cgcs2000", **more)


@pytest.fixture
def place(database: Database, tmp_path):
    done = _load(database, "divisions", _divisions(), tmp_path)
    assert done.report.counts == {"kept": 3, "repaired": 0, "refused": 0}
    return database


def _refused(done):
    return {entry.row: entry for entry in done.report.rows if entry.action is Action.REFUSED}


@pytest.mark.parametrize("suffix", ["gpkg", "geojson", "shp", "csv", "parquet"])
def test_export_and_import_give_back_the_same_layer(place, tmp_path, suffix):
    _load(place, "service_points", _points(), tmp_path)
    _load(place, "grids", _grids(), tmp_path)
    for layer in ("divisions", "service_points", "grids"):
        with place.connection() as connection:
            path = tmp_path / f"out_{layer}.{suffix}"
            rows = export_layer(connection, layer, path).rows
            before = read_frame(connection, layer) if layer != "grids" else None
            done = import_layer(connection, layer, path, actor="test", crs="cgcs2000")
            assert done.report.counts == {"kept": rows, "repaired": 0, "refused": 0}, done.report.rows
            assert (done.written.added, done.written.changed, done.written.same) == (0, 0, rows)
            if before is not None:
                assert_frame_equal(pd.DataFrame(read_frame(connection, layer)), pd.DataFrame(before))
    with place.connection() as connection:
        assert connection.execute(text("SELECT count(*) FROM wangge.edition")).scalar_one() == 1


def test_the_same_codes_update_instead_of_doubling(place, tmp_path):
    first = _load(place, "service_points", _points(), tmp_path)
    assert (first.written.added, first.written.changed) == (5, 0)
    changed = _points(6)
    changed.loc[0, "name"] = "新名"
    again = _load(place, "service_points", changed, tmp_path)
    assert (again.written.added, again.written.changed, again.written.same) == (1, 1, 4)
    # A column that the file lacks stays as it is.
    partial = _load(
        place, "service_points", changed[["point_code", "name", "category", "geometry"]], tmp_path
    )
    assert partial.written.same == 6
    with place.connection() as connection:
        assert read_frame(connection, "service_points")["phones"].iloc[0] == ["0471-1", "a;b"]


def test_a_dry_run_reports_and_leaves_nothing(place, tmp_path):
    done = _load(place, "service_points", _points(), tmp_path, dry_run=True)
    assert done.written.added == 5
    assert done.dry_run
    grids = _load(place, "grids", _grids(), tmp_path, dry_run=True)
    assert grids.editions[0].number == 1
    with place.connection() as connection:
        assert len(read_frame(connection, "service_points")) == 0
        assert connection.execute(text("SELECT count(*) FROM wangge.edition")).scalar_one() == 0
        assert (
            connection.execute(text("SELECT count(*) FROM wangge.audit WHERE act = 'import'")).scalar_one()
            == 1
        )


def test_bad_rows_are_answered_for_and_the_good_ones_go_in(place, tmp_path):
    rows = pd.DataFrame(
        {
            "point_code": [f"{COMMUNITY}{n:06d}" for n in range(1, 9)],
            "name": ["a", "b", None, "d", "e", "f", "g", "h"],
            "category": ["health", "nonsense", "health", "health", "health", "health", "health", "health"],
            "community_code": [
                COMMUNITY,
                COMMUNITY,
                COMMUNITY,
                "150103099999",
                "12",
                COMMUNITY,
                COMMUNITY,
                COMMUNITY,
            ],
            "lon": ["111.001"] * 5 + ["1e308", "", "111.001"],
            "lat": ["40.001"] * 8,
            "public": ["是"] * 7 + ["vielleicht"],
        }
    )
    rows.to_csv(tmp_path / "p.csv", index=False)
    with place.connection() as connection:
        done = import_layer(connection, "service_points", tmp_path / "p.csv", actor="test", crs="wgs84")
    refused = _refused(done)
    assert done.written.added == 1
    assert set(refused) == {3, 4, 5, 6, 7, 8, 9}
    assert refused[3].reason == "there is no 'nonsense'"
    assert "health" in refused[3].mend
    assert refused[4].field == "name"
    assert refused[5].mend == "load it into divisions first"
    assert "not a code of this kind" in refused[6].reason
    assert "no place" in refused[7].reason
    assert "true or false" in refused[9].reason
    assert all(entry.code for entry in refused.values())


def test_what_only_the_database_sees_is_found_row_by_row(place, tmp_path):
    staff = pd.DataFrame(
        {
            "staff_code": [f"S{n}" for n in range(40)],
            "person": "样本",
            "role": "leader",
            "division_code": [COMMUNITY] * 40,
            "valid_from": [dt.date(2026, 1, 1)] * 40,
            "valid_to": [dt.date(2025, 1, 1) if n in (7, 31) else None for n in range(40)],
        }
    )
    staff.loc[12, "division_code"] = None
    done = _load(place, "staff", staff, tmp_path, suffix="csv")
    assert done.written.added == 37
    assert {entry.code for entry in _refused(done).values()} == {"S7", "S12", "S31"}


def test_divisions_may_come_in_any_order_but_not_without_their_parent(database, tmp_path):
    frame = _divisions()
    frame.loc[1, "parent_code"] = "150104000000"
    done = _load(database, "divisions", frame, tmp_path)
    # The street's parent is unknown, so the community's is refused, and with it the community.
    assert {entry.code for entry in _refused(done).values()} == {STREET, COMMUNITY}
    assert done.written.added == 1


def test_grids_become_the_next_edition(place, tmp_path):
    first = _load(place, "grids", _grids(), tmp_path, effective_from=DAY)
    assert [edition.number for edition in first.editions] == [1]
    assert "grid_type is not in the file; it was read off grid_code" in first.report.notes
    same = _load(place, "grids", _grids(), tmp_path, effective_from=DAY + dt.timedelta(days=1))
    assert same.editions[0].number == 1
    assert same.written.same == 2
    third = gpd.GeoDataFrame(
        {"grid_code": [f"{COMMUNITY}003"]}, geometry=[box(111, 40.01, 111.02, 40.02)], crs=4490
    )
    added = _load(place, "grids", third, tmp_path, effective_from=DAY + dt.timedelta(days=2))
    assert added.editions[0].number == 2
    with place.connection() as connection:
        export_layer(connection, "grids", tmp_path / "now.gpkg")
        export_layer(connection, "grids", tmp_path / "then.gpkg", as_of=DAY + dt.timedelta(hours=1))
        export_layer(connection, "grids", tmp_path / "one.gpkg", county_code=COUNTY, edition=1)
        with pytest.raises(NotFoundError):
            export_layer(connection, "grids", tmp_path / "no.gpkg", as_of=DAY - dt.timedelta(days=1))
        with pytest.raises(InputError, match="has no editions"):
            export_layer(connection, "staff", tmp_path / "no.csv", as_of=DAY)
    assert len(gpd.read_file(tmp_path / "now.gpkg")) == 3
    assert gpd.read_file(tmp_path / "now.gpkg")["name"].tolist()[:1] == ["一"]
    assert len(gpd.read_file(tmp_path / "then.gpkg")) == len(gpd.read_file(tmp_path / "one.gpkg")) == 2
    replaced = _load(
        place, "grids", _grids(), tmp_path, effective_from=DAY + dt.timedelta(days=3), replace=True
    )
    assert replaced.editions[0].number == 3
    with place.connection() as connection:
        assert export_layer(connection, "grids", tmp_path / "last.gpkg").rows == 2


def test_slivers_between_grids_are_closed_and_disputes_refused(place, tmp_path):
    # 4e-6° of longitude at 40° N is 0.34 m.
    done = _load(place, "grids", _grids(111.010004, 111.01), tmp_path, effective_from=DAY)
    assert done.report.counts["refused"] == 0
    assert done.report.repaired >= 1
    assert any("slivers along its borders" in entry.reason for entry in done.report.rows)
    wide = _load(
        place, "grids", _grids(111.0101, 111.01), tmp_path, effective_from=DAY + dt.timedelta(days=1)
    )
    assert {entry.code for entry in _refused(wide).values()} == {f"{COMMUNITY}001", f"{COMMUNITY}002"}
    assert "it overlaps grid" in wide.report.rows[0].reason
    assert wide.editions == ()


def test_grids_may_not_reach_into_another_community(place, tmp_path):
    _load(place, "grids", _grids(), tmp_path, effective_from=DAY)
    neighbour = gpd.GeoDataFrame(
        {"division_code": ["150103099902"], "name": ["邻"], "parent_code": [STREET]},
        geometry=[None],
        crs=4490,
    )
    _load(place, "divisions", neighbour, tmp_path)
    over = gpd.GeoDataFrame(
        {"grid_code": ["150103099902001"]}, geometry=[box(111.015, 40, 111.03, 40.01)], crs=4490
    )
    with pytest.raises(RuleError, match="overlap"):
        _load(place, "grids", over, tmp_path, effective_from=DAY + dt.timedelta(days=1))


def test_a_file_as_a_whole(place, tmp_path):
    with pytest.raises(InputError, match="the columns name, category are needed"):
        _load(place, "service_points", _points()[["point_code", "geometry"]], tmp_path)
    with pytest.raises(InputError, match="not loaded"):
        _load(place, "incidents", _points(), tmp_path)
    with pytest.raises(NotFoundError, match="no layer 'homes'"), place.connection() as connection:
        import_layer(connection, "homes", tmp_path / "x.csv", actor="test")
    swapped = _points()
    swapped = swapped.set_geometry(
        shapely.transform(swapped.geometry.to_numpy(), lambda xy: xy[:, ::-1])
    ).set_crs(4490)
    path = write_layer(swapped, tmp_path / "s.gpkg")
    with pytest.raises(InputError, match="swapped"), place.connection() as connection:
        import_layer(connection, "service_points", path, actor="test")


def test_the_demonstration_goes_in_and_comes_out(database, tmp_path):
    from pathlib import Path  # noqa: PLC0415

    folder = Path(__file__).resolve().parents[2] / "data" / "boundaries"
    if not (folder / "grids.geojson").is_file():
        pytest.skip("data/boundaries has not been made")
    for layer in LAYERS:
        found = sorted(folder.glob(f"{layer}.*"))
        if layer == "incidents" or not found:
            continue
        with database.connection() as connection:
            done = import_layer(connection, layer, found[0], actor="test", crs="cgcs2000")
        assert done.report.refused == 0, (layer, done.report.rows[:3])
        with database.connection() as connection:
            export_layer(connection, layer, tmp_path / f"{layer}.csv", private=True)
            again = import_layer(connection, layer, tmp_path / f"{layer}.csv", actor="test", crs="cgcs2000")
        assert again.report.refused == 0
        assert again.written.same == again.report.total
        assert np.all([again.written.added == 0, again.written.changed == 0])
