"""Redrawing: what a planner does to a stored plan, each act one step of its log.

Every act answers what the grids hold now, and which violations it made and cured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from sqlalchemy import Connection, func

from gis.crs import STORAGE_SRID
from gis.errors import ConflictError, InputError
from gis.layers.building import Building
from gis.layers.frames import read_frame
from gis.planning import cutting, history, operations
from gis.planning.history import Change
from gis.service.access import Actor
from gis.service.plans.plan_draft import PlanDraft
from gis.service.plans.plan_steps import Outcome, take_step

_LINE_POINTS = 2000


def move_units(
    connection: Connection, actor: Actor, plan_id: int, version: int, units: Sequence[str], label: str | None
) -> Outcome:
    """Move units into a grid.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who does it.
    plan_id, version
        The plan, and the version that was seen.
    units
        Ids of the units.
    label
        The grid; None makes a new one.

    Returns
    -------
    Outcome
        What came of it.

    Raises
    ------
    ConflictError
        If the plan has gone on since, a grid that would change is locked, or nothing would change.
    RuleError
        If the plan is no draft any more.
    NotFoundError
        If a unit or grid is not in the plan.
    """
    return take_step(
        connection,
        actor,
        plan_id,
        version,
        lambda plan: operations.move_units(plan.core, units, label),
    )


def split_grid(
    connection: Connection,
    actor: Actor,
    plan_id: int,
    version: int,
    label: str,
    line: Sequence[Sequence[float]],
    *,
    cut: bool = False,
) -> Outcome:
    """Split a grid along a drawn line.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who does it.
    plan_id, version
        The plan, and the version that was seen.
    label
        The grid.
    line
        Longitude and latitude (CGCS2000) of its points, two or more.
    cut
        Cut the units that the line crosses, never a building, and leave all of them in the grid; else the
        grid is split by whole units, each going to the side that has more of it.

    Returns
    -------
    Outcome
        What came of it.

    Raises
    ------
    ConflictError
        If the plan has gone on since, or the grid is locked.
    RuleError
        If the plan is no draft any more.
    InputError
        If the line parts nothing.
    """
    drawn = _line(line)

    def act(plan: PlanDraft) -> Change:
        if not cut:
            return cutting.split_grid(plan.core, label, drawn)
        return cutting.cut_units(plan.core, drawn, _buildings_along(connection, plan, drawn), label)

    return take_step(connection, actor, plan_id, version, act)


def merge_grids(
    connection: Connection,
    actor: Actor,
    plan_id: int,
    version: int,
    labels: Sequence[str],
    into: str | None = None,
) -> Outcome:
    """Merge grids into one of them.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who does it.
    plan_id, version
        The plan, and the version that was seen.
    labels
        The grids, two or more.
    into
        The one whose code stays; the one with most households unless given.

    Returns
    -------
    Outcome
        What came of it.

    Raises
    ------
    ConflictError
        If the plan has gone on since, or one of them is locked.
    RuleError
        If the plan is no draft any more.
    """
    return take_step(
        connection,
        actor,
        plan_id,
        version,
        lambda plan: operations.merge_grids(plan.core, labels, into),
    )


def set_grid(
    connection: Connection, actor: Actor, plan_id: int, version: int, label: str, facts: Mapping[str, Any]
) -> Outcome:
    """Set what a grid is: one of its name, type and colour theme together, its staff, its lock, its code.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who does it.
    plan_id, version
        The plan, and the version that was seen.
    label
        The grid.
    facts
        ``name``, ``grid_type``, ``colour_theme``; or ``staff`` (codes of the appointments that it is to
        have); or ``locked``; or ``renumber``, for the next free serial.

    Returns
    -------
    Outcome
        What came of it.

    Raises
    ------
    ConflictError
        If the plan has gone on since, the grid is locked, or nothing would change.
    RuleError
        If the plan is no draft any more.
    InputError
        If a fact is none of these, or of another kind than the others.
    """
    natures = {"name", "grid_type", "colour_theme"}
    given = set(facts)

    def act(plan: PlanDraft) -> Change:
        if given == {"locked"}:
            return operations.lock_grids(plan.core, [label], locked=bool(facts["locked"]))
        if given == {"staff"}:
            return _post(plan, label, [str(post) for post in facts["staff"]])
        if given == {"renumber"}:
            return operations.renumber_grid(plan.core, label)
        if given and given <= natures:
            return operations.set_grid(plan.core, label, **facts)
        raise InputError(
            "these cannot be set in one step",
            where=", ".join(sorted(given)) or "facts",
            mend="name, grid_type, colour_theme together; or staff; or locked; or renumber",
        )

    return take_step(connection, actor, plan_id, version, act)


def undo(connection: Connection, actor: Actor, plan_id: int, version: int) -> Outcome:
    """Take the last step back, by a further step.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who does it.
    plan_id, version
        The plan, and the version that was seen.

    Returns
    -------
    Outcome
        What came of it.

    Raises
    ------
    ConflictError
        If the plan has gone on since, or there is nothing to undo.
    """
    return take_step(connection, actor, plan_id, version, lambda plan: history.undo(plan.core))


def redo(connection: Connection, actor: Actor, plan_id: int, version: int) -> Outcome:
    """Make the step again that was undone last, by a further step.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who does it.
    plan_id, version
        The plan, and the version that was seen.

    Returns
    -------
    Outcome
        What came of it.

    Raises
    ------
    ConflictError
        If the plan has gone on since, or there is nothing to redo.
    """
    return take_step(connection, actor, plan_id, version, lambda plan: history.redo(plan.core))


def _line(points: Sequence[Sequence[float]]) -> shapely.LineString:
    xy = np.asarray(points, dtype=np.float64)
    if xy.ndim != 2 or xy.shape[1] != 2 or not 2 <= len(xy) <= _LINE_POINTS or not np.isfinite(xy).all():
        words = f"a line is 2 to {_LINE_POINTS} pairs of longitude and latitude"
        raise InputError(words, where="line", mend="draw it again")
    # A double click ends a line with one point twice.
    apart = np.concatenate([[True], (xy[1:] != xy[:-1]).any(axis=1)])
    if apart.sum() < 2:
        raise InputError("the line has no length", where="line", mend="draw it right across the grid")
    return shapely.LineString(xy[apart])


def _buildings_along(connection: Connection, plan: PlanDraft, line: shapely.LineString) -> gpd.GeoDataFrame:
    """Read the buildings about the units that a line may cut; a community has thousands of others."""
    crossed = plan.shapes[shapely.intersects(plan.shapes, line)]
    west, south, east, north = shapely.total_bounds(np.append(crossed, line)).tolist()
    around = func.ST_MakeEnvelope(west, south, east, north, STORAGE_SRID)
    return read_frame(
        connection,
        "buildings",
        Building.community_code == plan.row.community_code,
        Building.geometry.op("&&")(around),
    )


def _post(plan: PlanDraft, label: str, posts: Sequence[str]) -> Change:
    """Ask for appointments to go to a grid; the log keeps where each was asked for before."""
    plan.core.info(label)
    now = plan.staff
    wanted: dict[str, list[str | None]] = {
        post: [now.get(post), label] for post in posts if now.get(post) != label
    }
    wanted |= {post: [label, None] for post, place in now.items() if place == label and post not in posts}
    if not wanted:
        raise ConflictError("nothing would change", where="staff")
    entry = {"op": "staff", "code": label, "units": {}, "grids": {}, "staff": wanted}
    after = history.apply_entry(plan.core, entry, forward=True, log_entry=entry)
    figures = {label: after.standing.figures(label)}
    return Change(after, entry, after.standing.totals, figures, (), ())
