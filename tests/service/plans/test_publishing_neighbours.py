"""Publishing beside other communities: every border stays one line, down to its vertices."""

from __future__ import annotations

import datetime as dt

import geopandas as gpd
import numpy as np
import pytest
import shapely
from sqlalchemy import Connection

from gis.demo.district import make_district
from gis.layers.database import Database
from gis.layers.editions import edition_at, read_grids
from gis.planning.coverage import build_mosaic
from gis.service.access import Actor
from gis.service.loading import load_place
from gis.service.plans.plan_memory import load_draft
from gis.service.plans.plan_starting import start_plan
from gis.service.plans.publishing import publish_plan, roll_back
from gis.service.plans.redrawing import move_units, split_grid
from gis.service.plans.reviewing import key_of, review_plan
from gis.terms import Role

pytestmark = pytest.mark.database


def basic_in_force(connection: Connection, county: str) -> gpd.GeoDataFrame:
    grids = read_grids(connection, edition_at(connection, county))
    return grids[grids["grid_type"] == "basic"]


def shapes_of(grids: gpd.GeoDataFrame) -> np.ndarray:
    return np.asarray(grids.geometry.array, dtype=object)


def test_a_new_border_that_ends_on_a_neighbour_gives_it_a_vertex_there(database: Database) -> None:
    """A street between two communities is no line on the lattice: a new corner on it lies beside it."""
    place = make_district(seed=3, communities=2, grids=6)
    county = place["divisions"].set_index("level")["division_code"]["county"]
    load_place(database, place, actor="test", effective_from=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    me = Actor("规划", Role.PLANNER, county)
    with database.connection() as connection:
        before = basic_in_force(connection, county)
        assert shapely.coverage_is_valid(shapes_of(before))
        home, other = sorted(set(before["community_code"]))
        mine, theirs = (before[before["community_code"] == code] for code in (home, other))
        grid, line = crossing(mine, shapely.union_all(shapes_of(theirs)))
        plan = start_plan(connection, me, home, "通到街边").row.id
        split_grid(connection, me, plan, 1, grid, line, cut=True)
        draft = load_draft(connection, plan)
        half = one_side(draft, grid, line)
        move_units(connection, me, plan, 2, half, None)
        waivers = {key_of(one): "试" for one in review_plan(connection, me, plan).failures}
    with database.connection() as connection:
        done = publish_plan(connection, me, plan, 3, waivers=waivers)
    with database.connection() as connection:
        after = basic_in_force(connection, county)
        assert edition_at(connection, county).number == done.edition.number == 2
        assert shapely.coverage_is_valid(shapes_of(after))
        assert build_mosaic(shapes_of(after)).joined == 0
        # The neighbour kept its land and got vertices on the seam; nothing else of it changed.
        kept = after[after["community_code"] == other]
        pairs = zip(shapes_of(theirs), shapes_of(kept), strict=True)
        gained = [shapely.get_num_coordinates(b) - shapely.get_num_coordinates(a) for a, b in pairs]
        assert max(gained) > 0
        assert min(gained) == 0
        assert shapely.hausdorff_distance(shapes_of(theirs), shapes_of(kept)).max() < 2e-8
        assert kept.drop(columns="geometry").equals(theirs.drop(columns="geometry").set_axis(kept.index))
    # Going back meets the neighbour's new vertex, and is led through it.
    with database.connection() as connection:
        roll_back(connection, me, home, 1, reason="试完")
    with database.connection() as connection:
        assert shapely.coverage_is_valid(shapes_of(basic_in_force(connection, county)))


def crossing(mine: gpd.GeoDataFrame, neighbours: shapely.Geometry) -> tuple[str, list[tuple[float, float]]]:
    """Find a grid on the border with the neighbours, and a line through it that ends beyond that border."""
    for code, shape in zip(mine["grid_code"], mine.geometry, strict=True):
        shared = shapely.line_merge(shapely.intersection(shape.boundary, neighbours.boundary))
        long = [part for part in shapely.get_parts(shared) if part.length > 5e-4]
        if long:
            end = long[0].interpolate(0.37, normalized=True)
            middle = shape.representative_point()
            beyond = np.array([end.x - middle.x, end.y - middle.y])
            far, near = np.array([end.x, end.y]) + beyond / 3, np.array([middle.x, middle.y]) - 3 * beyond
            return str(code), [tuple(near.tolist()), tuple(far.tolist())]
    raise AssertionError("no grid borders the neighbours")


def one_side(draft, grid: str, line: list[tuple[float, float]]) -> list[str]:
    (x0, y0), (x1, y1) = line
    points = shapely.get_coordinates(shapely.point_on_surface(draft.shapes))
    left = (x1 - x0) * (points[:, 1] - y0) - (y1 - y0) * (points[:, 0] - x0) > 0
    return [draft.unit_ids[row] for row in np.flatnonzero(left & (draft.labels == grid)).tolist()]
