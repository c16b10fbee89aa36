"""A plan as the studio draws it: its units in whole lattice steps, and everything that is said of them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from sqlalchemy import Connection, select

from gis.lattice import to_lattice
from gis.layers.grid import ColourTheme
from gis.service.access import Actor, require
from gis.service.plans.plan_comments import read_comments
from gis.service.plans.plan_draft import PlanDraft
from gis.service.plans.plan_land import CommunityLand, read_land, staff_of
from gis.service.plans.plan_memory import open_draft
from gis.service.plans.plan_store import plan_row, plans_of, read_steps
from gis.terms import Role

_LAST_STEPS = 200


def list_plans(connection: Connection, actor: Actor, community_code: str) -> list[dict[str, Any]]:
    """List a community's plans, the latest first.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who asks.
    community_code
        12 digits.

    Returns
    -------
    list of dict
        JSON-ready.
    """
    require(actor, (Role.PLANNER,), community_code)
    return [plan.as_dict() for plan in plans_of(connection, community_code)]


def show_state(connection: Connection, actor: Actor, plan_id: int) -> dict[str, Any]:
    """Tell how a plan stands, without its geometry.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who asks.
    plan_id
        The plan.

    Returns
    -------
    dict
        ``plan``, ``limits``, ``labels`` (unit → grid), ``totals``, ``violations``, ``figures``,
        ``can_undo``, ``can_redo``.
    """
    draft = open_draft(connection, actor, plan_id)
    return state_of(draft)


def list_comments(connection: Connection, actor: Actor, plan_id: int) -> list[dict[str, Any]]:
    """List what was said of a plan.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who asks.
    plan_id
        The plan.

    Returns
    -------
    list of dict
        ``id``, ``at``, ``actor``, ``words``, ``lon``, ``lat``; in order.
    """
    require(actor, (Role.PLANNER,), plan_row(connection, plan_id).community_code)
    return read_comments(connection, plan_id)


def list_steps(connection: Connection, actor: Actor, plan_id: int, *, after: int = 0) -> list[dict[str, Any]]:
    """List a plan's log.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who asks.
    plan_id
        The plan.
    after
        Only steps past this version.

    Returns
    -------
    list of dict
        In order.
    """
    require(actor, (Role.PLANNER,), plan_row(connection, plan_id).community_code)
    return [step.as_dict() for step in read_steps(connection, plan_id, after=after)]


def state_of(draft: PlanDraft) -> dict[str, Any]:
    """Tell how a draft stands, without its geometry.

    Parameters
    ----------
    draft
        The draft.

    Returns
    -------
    dict
        As for :func:`show_state`.
    """
    return {
        "plan": draft.row.as_dict(),
        "limits": {"min": draft.core.households_min, "max": draft.core.households_max},
        "labels": dict(zip(draft.unit_ids, draft.labels.tolist(), strict=True)),
        "totals": draft.totals,
        "violations": [one.as_dict() for one in draft.core.violations],
        "figures": draft.figures,
        "can_undo": bool(draft.stacks[0]),
        "can_redo": bool(draft.stacks[1]),
    }


def show_plan(connection: Connection, actor: Actor, plan_id: int) -> dict[str, Any]:
    """Show a plan with everything that the studio draws.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who asks.
    plan_id
        The plan.

    Returns
    -------
    dict
        What :func:`show_state` gives, and ``origin``, ``units``, ``base``, ``streets``, ``buildings``,
        ``compounds``, ``themes``, ``staff``, ``comments``, ``steps``. Coordinates are whole lattice steps
        from ``origin``, one flat list a ring or line.
    """
    draft = open_draft(connection, actor, plan_id)
    land = read_land(connection, draft.row.community_code)
    themes = connection.execute(
        select(ColourTheme.theme, ColourTheme.colour, ColourTheme.name_zh, ColourTheme.name_en)
    )
    shapes = draft.shapes
    box = shapely.total_bounds(shapes)
    origin = to_lattice(np.where(np.isfinite(box[:2]), box[:2], 0.0))
    return {
        **state_of(draft),
        "community": {
            "code": draft.row.community_code,
            "name": str(land.community["name"].iloc[0]),
        },
        "origin": origin.tolist(),
        "units": _units(draft, shapes, origin),
        "base": {"number": draft.row.base_number, "names": draft.base_names},
        "streets": _streets(land, origin),
        "buildings": _rings(np.asarray(land.buildings.geometry.array, dtype=object), origin),
        "compounds": _compounds(land, origin),
        "themes": [dict(row) for row in themes.mappings()],
        "staff": _staff(connection, draft),
        "comments": read_comments(connection, plan_id),
        "steps": [step.as_dict() for step in read_steps(connection, plan_id, limit=_LAST_STEPS)],
    }


def _staff(connection: Connection, draft: PlanDraft) -> list[dict[str, Any]]:
    """List who is in office in the community's grids: the names that a planner puts somewhere else."""
    now = dt.datetime.now(dt.UTC)
    rows = staff_of(connection, draft.base_grids["grid_code"].tolist(), now)
    return [
        {"code": str(code), "person": str(person), "role": str(role), "grid": str(grid)}
        for code, person, role, grid in zip(
            rows["staff_code"], rows["person"], rows["role"], rows["grid_code"], strict=True
        )
    ]


def _units(draft: PlanDraft, shapes: Any, origin: Any) -> list[dict[str, Any]]:
    points = to_lattice(shapely.get_coordinates(shapely.point_on_surface(shapes))) - origin
    table = pd.DataFrame(
        {
            name: draft.core.units.frame[name].astype(object)
            for name in ("unit_id", "households", "residents", "compound_code")
        }
    )
    table = table.where(table.notna(), None)
    return [
        {
            "id": str(unit),
            "households": households,
            "residents": residents,
            "compound": compound,
            "base": base,
            "area": round(float(area), 1),
            "at": point,
            "rings": rings,
        }
        for unit, households, residents, compound, base, area, point, rings in zip(
            table["unit_id"],
            table["households"],
            table["residents"],
            table["compound_code"],
            draft.base.tolist(),
            draft.area_m2,
            points.tolist(),
            _rings(shapes, origin),
            strict=True,
        )
    ]


def _rings(shapes: Any, origin: Any) -> list[list[list[int]]]:
    """Cut polygons into their rings, each one flat list of steps."""
    parts, owner = shapely.get_parts(shapes, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    steps = to_lattice(xy) - origin
    found: list[list[list[int]]] = [[] for _ in range(len(shapes))]
    starts = np.flatnonzero(np.diff(ring, prepend=-1))
    for number, flat in enumerate(np.split(steps, starts[1:]) if len(steps) else []):
        found[int(owner[part[number]])].append(flat.ravel().tolist())
    return found


def _lines(shapes: Any, origin: Any) -> list[list[list[int]]]:
    lines, owner = shapely.get_parts(shapes, return_index=True)
    found: list[list[list[int]]] = [[] for _ in range(len(shapes))]
    for line, index in zip(lines, owner.tolist(), strict=True):
        found[index].append((to_lattice(shapely.get_coordinates(line)) - origin).ravel().tolist())
    return found


def _streets(land: CommunityLand, origin: Any) -> list[dict[str, Any]]:
    streets: gpd.GeoDataFrame = land.streets
    return [
        {"name": None if pd.isna(name) else str(name), "class": str(kind), "lines": lines}
        for name, kind, lines in zip(
            streets["name"],
            streets["barrier_class"],
            _lines(np.asarray(streets.geometry.array, dtype=object), origin),
            strict=True,
        )
    ]


def _compounds(land: CommunityLand, origin: Any) -> list[dict[str, Any]]:
    compounds = land.compounds
    return [
        {"code": str(code), "name": str(name), "rings": rings}
        for code, name, rings in zip(
            compounds["compound_code"],
            compounds["name"],
            _rings(np.asarray(compounds.geometry.array, dtype=object), origin),
            strict=True,
        )
    ]
