"""Starting a plan: from the edition in force, or as a branch of another plan."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from sqlalchemy import Connection

from gis.codes import check_code, county_of
from gis.crs import STORAGE_SRID
from gis.errors import NotFoundError
from gis.layers.editions import edition_at, read_grids
from gis.planning.draft import start_draft
from gis.planning.unit_set import UnitSet
from gis.planning.units import make_units
from gis.service.access import Actor, require
from gis.service.plans.plan_draft import PlanDraft, base_labels, stored_units
from gis.service.plans.plan_land import CommunityLand, read_land
from gis.service.plans.plan_memory import load_draft
from gis.service.plans.plan_steps import checked_name, turn_in_community
from gis.service.plans.plan_store import insert_plan
from gis.terms import BarrierClass, GridType, Role


def start_plan(connection: Connection, actor: Actor, community_code: str, name: str) -> PlanDraft:
    """Start a plan from the edition in force: cut the community into units, each in the grid that it lies in.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who starts it.
    community_code
        12 digits.
    name
        What to call it.

    Returns
    -------
    PlanDraft
        The plan at its first version.

    Raises
    ------
    NotFoundError
        If there is no such community, or no edition of its county.
    InputError
        If the community has no border, or the name is empty.
    """
    check_code(community_code, "community_code")
    require(actor, (Role.PLANNER,), community_code)
    called = checked_name(name)
    land = read_land(connection, community_code)
    edition = edition_at(connection, county_of(community_code))
    in_force = read_grids(connection, edition, community_code=community_code)
    basic = in_force[in_force["grid_type"] == GridType.BASIC]
    if basic.empty:
        raise NotFoundError(
            f"community {community_code} has no basic grids in force",
            mend="import its grids, or draw them in QGIS and import that",
        )
    turn_in_community(connection, community_code)
    units = cut_units(land, in_force)
    units["grid_code"] = base_labels(np.asarray(units.geometry.array, dtype=object), basic)
    draft = start_draft(UnitSet.of(units), community_code, basic)
    plan_id = insert_plan(
        connection,
        community_code=community_code,
        name=called,
        author=actor.name,
        base_edition_id=edition.id,
        base_plan_id=None,
        grids={code: info.as_dict() for code, info in draft.grids.items()},
        units=stored_units(draft, range(len(units))),
        notes={"edition": edition.number, "unit_count": len(units)},
    )
    return load_draft(connection, plan_id)


def branch_plan(connection: Connection, actor: Actor, plan_id: int, name: str) -> PlanDraft:
    """Start a plan as a branch of another one, whatever became of that.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who starts it.
    plan_id
        The other plan.
    name
        What to call the new one.

    Returns
    -------
    PlanDraft
        The new plan at its first version: the same units, in the same grids.

    Raises
    ------
    NotFoundError
        If there is no such plan.
    InputError
        If the name is empty.
    """
    other = load_draft(connection, plan_id)
    require(actor, (Role.PLANNER,), other.row.community_code)
    called = checked_name(name)
    new = insert_plan(
        connection,
        community_code=other.row.community_code,
        name=called,
        author=actor.name,
        base_edition_id=other.row.base_edition_id,
        base_plan_id=plan_id,
        grids=other.row.grids,
        units=stored_units(other.core, range(len(other.labels))),
        notes={"plan": plan_id, "version": other.row.version},
    )
    return load_draft(connection, new)


def cut_units(land: CommunityLand, in_force: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Cut a community into units along streets, walls, and the borders of its grids in force.

    The present borders are among the barriers so that the present division can be told by whole units. What
    is counted in an exclusive grid does not count for the basic grid beneath it, here as in the check.

    Parameters
    ----------
    land
        The community's layers.
    in_force
        The frame ``grids``.

    Returns
    -------
    geopandas.GeoDataFrame
        As :func:`gis.planning.units.make_units` gives them.
    """
    basic = in_force[in_force["grid_type"] == GridType.BASIC]
    lines = gpd.GeoDataFrame(
        {"barrier_class": [str(BarrierClass.LANE)] * len(basic)},
        geometry=shapely.boundary(np.asarray(basic.geometry.array, dtype=object)),
        crs=STORAGE_SRID,
    )
    streets = land.streets[["barrier_class", "geometry"]]
    barriers = gpd.GeoDataFrame(
        pd.concat([layer for layer in (streets, lines) if len(layer)], ignore_index=True), crs=STORAGE_SRID
    )
    buildings = land.buildings.copy()
    exclusive = in_force[in_force["grid_type"] == GridType.EXCLUSIVE]
    if len(exclusive) and len(buildings):
        points = shapely.point_on_surface(np.asarray(buildings.geometry.array, dtype=object))
        row, _ = shapely.STRtree(np.asarray(exclusive.geometry.array, dtype=object)).query(
            points, predicate="intersects"
        )
        inside = np.unique(row)
        for column in ("households", "residents"):
            buildings.iloc[inside, buildings.columns.get_loc(column)] = 0
    compounds = land.compounds if len(land.compounds) else None
    return make_units(land.community, buildings, barriers, compounds)
