"""Editions: what is published stays, overlaps are refused, and a date resolves to one state."""

from __future__ import annotations

import datetime as dt

import geopandas as gpd
import pytest
from shapely import box
from sqlalchemy import text

from gis.errors import ConflictError, NotFoundError, RuleError
from gis.layers.database import Database
from gis.layers.editions import digest_of, edition_at, edition_numbered, publish_edition, read_grids
from gis.layers.frames import write_frame

pytestmark = pytest.mark.database

COUNTY, COMMUNITY = "150103000000", "150103099901"
DAY = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def divisions() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {
            "division_code": [COUNTY, COMMUNITY],
            "level": ["county", "community"],
            "name": ["示例区", "示例社区"],
            "parent_code": [None, COUNTY],
        },
        geometry=[None, box(111, 40, 111.02, 40.01)],
        crs=4490,
    )


def grids(split: float = 111.01, **columns: object) -> gpd.GeoDataFrame:
    frame = gpd.GeoDataFrame(
        {
            "grid_code": [COMMUNITY + "001", COMMUNITY + "002"],
            "grid_type": ["basic", "basic"],
            "name": ["一", "二"],
            "community_code": COMMUNITY,
        },
        geometry=[box(111, 40, split, 40.01), box(split, 40, 111.02, 40.01)],
        crs=4490,
    )
    return frame.assign(**columns)


@pytest.fixture
def county(database: Database) -> Database:
    with database.connection() as connection:
        write_frame(connection, "divisions", divisions())
    return database


def publish(database: Database, frame: gpd.GeoDataFrame, when: dt.datetime = DAY):
    with database.connection() as connection:
        return publish_edition(
            connection,
            county_code=COUNTY,
            grids=frame,
            communities=[COMMUNITY],
            effective_from=when,
            actor="test",
        )


def test_a_date_resolves_to_the_state_that_was_in_force(county: Database) -> None:
    first = publish(county, grids())
    second = publish(county, grids(111.011), DAY + dt.timedelta(days=30))
    assert (first.number, second.number) == (1, 2)
    assert first.digest != second.digest
    with county.connection() as connection:
        assert edition_at(connection, COUNTY, DAY + dt.timedelta(days=29)) == first
        assert edition_at(connection, COUNTY, DAY + dt.timedelta(days=30)) == second
        old = read_grids(connection, first)
        new = read_grids(connection, second)
        assert edition_numbered(connection, COUNTY, 1) == first
        with pytest.raises(NotFoundError):
            edition_at(connection, COUNTY, DAY - dt.timedelta(seconds=1))
    assert old.geometry.iloc[0].equals(grids().geometry.iloc[0])
    assert new.geometry.iloc[0].equals(grids(111.011).geometry.iloc[0])
    assert digest_of(old) == first.digest
    assert digest_of(new.iloc[::-1]) == second.digest


def test_the_same_state_makes_no_new_edition(county: Database) -> None:
    first = publish(county, grids())
    assert publish(county, grids(), DAY + dt.timedelta(days=1)) == first


def test_names_types_and_themes_wait_for_their_hour(county: Database) -> None:
    first = publish(county, grids(colour_theme="red"))
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=2)
    renamed = grids(name=["甲", "二"], colour_theme=["green", "red"], predecessors=[[COMMUNITY + "002"], []])
    second = publish(county, renamed, later)
    assert second.number == 2
    with county.connection() as connection:
        in_force, scheduled = (read_grids(connection, one) for one in (first, second))
        shown = connection.execute(
            text("SELECT name, colour_theme, predecessors FROM current_layers.grid ORDER BY grid_code")
        ).all()
        identity = connection.execute(text("SELECT name FROM wangge.grid ORDER BY grid_code")).scalars().all()
    assert in_force["name"].tolist() == identity == ["一", "二"]
    assert [tuple(row) for row in shown] == [("一", "red", []), ("二", "red", [])]
    assert scheduled["name"].tolist() == ["甲", "二"]
    assert scheduled["colour_theme"].tolist() == ["green", "red"]
    assert scheduled["predecessors"].tolist() == [[COMMUNITY + "002"], []]
    # What a frame does not tell stays as the edition before had it.
    third = publish(county, grids(111.011).drop(columns="name"), later + dt.timedelta(days=1))
    with county.connection() as connection:
        assert read_grids(connection, third)["name"].tolist() == ["甲", "二"]


def test_an_edition_takes_force_after_the_one_before(county: Database) -> None:
    publish(county, grids())
    with pytest.raises(ConflictError, match="edition 1"):
        publish(county, grids(111.011), DAY)


def test_basic_grids_that_overlap_by_one_lattice_step_are_refused_and_nothing_stays(county: Database) -> None:
    frame = grids()
    frame.loc[1, "geometry"] = box(111.01 - 1e-8, 40, 111.02, 40.01)
    with pytest.raises(RuleError, match="overlap") as caught:
        publish(county, frame)
    assert COMMUNITY + "001" in str(caught.value)
    with county.connection() as connection:
        assert connection.execute(text("SELECT count(*) FROM wangge.grid_boundary")).scalar_one() == 0


def test_an_exclusive_grid_may_lie_on_a_basic_one(county: Database) -> None:
    frame = grids(111.02).head(1)
    extra = frame.assign(
        grid_code=COMMUNITY + "801", grid_type="exclusive", geometry=[box(111.001, 40.001, 111.002, 40.002)]
    )
    stamp = publish(county, gpd.GeoDataFrame(gpd.pd.concat([frame, extra]), crs=4490))
    with county.connection() as connection:
        assert len(read_grids(connection, stamp)) == 2


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE wangge.edition SET note = 'x'",
        "DELETE FROM wangge.edition",
        "DELETE FROM wangge.grid_boundary",
        "UPDATE wangge.grid_boundary SET geometry = ST_Translate(geometry, 1, 0)",
        "UPDATE wangge.grid_boundary SET valid = tstzrange(lower(valid) - interval '1 day', now())",
        "TRUNCATE wangge.audit",
        "UPDATE wangge.grid_boundary SET name = 'x', valid = tstzrange(lower(valid), now())",
        "UPDATE wangge.audit SET actor = 'x'",
        "DELETE FROM wangge.event",
        "DELETE FROM current_layers.grid",
        "UPDATE public_layers.division SET name = 'x'",
    ],
)
def test_what_is_published_or_logged_is_never_changed(county: Database, statement: str) -> None:
    publish(county, grids())
    with pytest.raises(RuleError), county.connection() as connection:
        connection.execute(text(statement))


def test_one_grid_has_one_shape_at_a_time(county: Database) -> None:
    publish(county, grids())
    with pytest.raises(ConflictError, match="two shapes"), county.connection() as connection:
        connection.execute(
            text(
                "INSERT INTO wangge.grid_boundary (grid_code, grid_type, county_code, edition_id, geometry) "
                "SELECT grid_code, grid_type, county_code, edition_id, "
                "ST_Translate(geometry, 1, 1) FROM wangge.grid_boundary"
            )
        )


def test_the_current_views_open_as_layers(county: Database) -> None:
    publish(county, grids())
    with county.connection() as connection:
        rows = connection.execute(
            text(
                "SELECT f_table_name, type, srid FROM geometry_columns "
                "WHERE f_table_schema = 'current_layers'"
            )
        ).all()
    kinds = {name: (kind, srid) for name, kind, srid in rows}
    assert kinds["grid"] == ("MULTIPOLYGON", 4490)
    assert kinds["service_point"] == ("POINT", 4490)
    assert set(kinds) == {"division", "compound", "building", "service_point", "street", "grid"}
