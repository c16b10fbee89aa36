"""Redrawing: what a planner does to a stored plan, each act one step of its log.

Every act answers what the grids hold now, and which violations it made and cured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import shapely
from sqlalchemy import Connection

from gis.errors import ConflictError, InputError
from gis.layers.building import Building
from gis.layers.frames import read_frame
from gis.planning import cutting, history, operations
from gis.planning.draft import Draft, GridInfo
from gis.planning.history import Change, Step, commit
from gis.service.access import Actor, require
from gis.service.plans.plan_comments import add_comment
from gis.service.plans.plan_draft import PlanDraft
from gis.service.plans.plan_steps import Outcome, checked_name, note_step, take_step
from gis.service.plans.plan_store import plan_row
from gis.terms import Role

_PLANNERS = (Role.PLANNER,)
_WORDS_LENGTH = 4000
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
        here = Building.community_code == plan.row.community_code
        return cutting.cut_units(plan.core, drawn, read_frame(connection, "buildings", here), label)

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


def relabel(
    connection: Connection,
    actor: Actor,
    plan_id: int,
    version: int,
    labels: Mapping[str, str],
    *,
    op: str,
    facts: dict[str, Any] | None = None,
) -> Outcome:
    """Put many units into grids at once: a proposal that was chosen, a file that was read.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who does it.
    plan_id, version
        The plan, and the version that was seen.
    labels
        Unit id → code of the grid, ``""`` for none; units that are not named stay. A code that the plan
        does not have becomes a new basic grid with the next free serial.
    op
        What the log calls it.
    facts
        What else the log says of it.

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
        If a unit is not in the plan.
    """
    return take_step(
        connection,
        actor,
        plan_id,
        version,
        lambda plan: commit(plan.core, relabelling(plan.core, labels, op=op, facts=facts or {})),
    )


def relabelling(draft: Draft, labels: Mapping[str, str], *, op: str, facts: dict[str, Any]) -> Step:
    """Say what changes when many units are put into grids at once.

    Parameters
    ----------
    draft
        The state.
    labels
        As for :func:`relabel`.
    op, facts
        What the log says.

    Returns
    -------
    Step
        For :func:`gis.planning.history.commit`.
    """
    owner = draft.owner.copy()
    draft.units.rows(labels)
    rows = [draft.units.row_of[name] for name in labels]
    strange = sorted({code for code in labels.values() if code} - set(draft.grids))
    new: dict[str, str] = {}
    state = draft
    for code in strange:
        new[code] = state.next_code()
        state = _with_grid(state, new[code])
    owner[rows] = [new.get(code, code) for code in labels.values()]
    emptied = set(draft.owner.tolist()) - set(owner.tolist()) - {""}
    grids: dict[str, GridInfo | None] = dict.fromkeys(emptied)
    grids |= {code: GridInfo() for code in new.values()}
    # What a file called a grid, and the code that it was given here: the log is where both are kept.
    return Step(op, facts | ({"codes": new} if new else {}), owner, grids)


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


def rename_plan(connection: Connection, actor: Actor, plan_id: int, version: int, name: str) -> Outcome:
    """Give a plan another name.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who does it.
    plan_id, version
        The plan, and the version that was seen.
    name
        1 to 100 letters.

    Returns
    -------
    Outcome
        What came of it.

    Raises
    ------
    ConflictError
        If the plan has gone on since.
    InputError
        If the name is empty or too long.
    """
    called = checked_name(name)
    return note_step(connection, actor, plan_id, version, "rename", {"name": called}, values={"name": called})


def set_state(connection: Connection, actor: Actor, plan_id: int, version: int, state: str) -> Outcome:
    """Hand a draft in for review, take it back, or give it up.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who does it.
    plan_id, version
        The plan, and the version that was seen.
    state
        ``draft``, ``review`` or ``abandoned``.

    Returns
    -------
    Outcome
        What came of it.

    Raises
    ------
    ConflictError
        If the plan has gone on since.
    RuleError
        If it is published.
    InputError
        If it is no such state.
    """
    states = ("draft", "review", "abandoned")
    if state not in states:
        mend = f"one of {', '.join(states)}"
        raise InputError(f"{state!r} is no state of a draft", where="state", mend=mend)
    return note_step(connection, actor, plan_id, version, state, {}, values={"state": state}, states=states)


def say(
    connection: Connection,
    actor: Actor,
    plan_id: int,
    words: str,
    *,
    lon: float | None = None,
    lat: float | None = None,
) -> dict[str, Any]:
    """Comment on a plan.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who says it.
    plan_id
        The plan.
    words
        1 to 4,000 letters.
    lon, lat
        Where, if anywhere; degrees (CGCS2000).

    Returns
    -------
    dict
        The comment as it is kept.

    Raises
    ------
    InputError
        If there are no words, or too many.
    """
    plan = plan_row(connection, plan_id)
    require(actor, _PLANNERS, plan.community_code)
    said = words.strip()
    if not said or len(said) > _WORDS_LENGTH:
        raise InputError(f"a comment has 1 to {_WORDS_LENGTH} letters", where="words")
    return add_comment(connection, plan_id, actor=actor.name, words=said, lon=lon, lat=lat)


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


def _with_grid(draft: Draft, code: str) -> Draft:
    return replace(draft, grids={**draft.grids, code: GridInfo()})
