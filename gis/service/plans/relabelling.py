"""Many units into grids at once, as one step: a proposal that was chosen, a file that was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from gis.planning.draft import Draft, GridInfo
from gis.planning.history import Step, commit
from gis.service.access import Actor
from gis.service.plans.plan_steps import Outcome, take_step


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


def _with_grid(draft: Draft, code: str) -> Draft:
    return replace(draft, grids={**draft.grids, code: GridInfo()})
