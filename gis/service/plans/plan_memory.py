"""Drafts kept in memory between two edits, so that an edit reads and writes only what it changes.

A draft is known by its plan and the key of its last step. That key is never given twice, so a transaction
that failed leaves nothing behind that could be taken for what is stored; a step that another process wrote
is noticed, and the plan is read anew.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from weakref import WeakKeyDictionary

import numpy as np
from sqlalchemy import Connection, Engine, select

from gis.codes import county_of
from gis.layers.editions import edition_numbered, read_grids
from gis.layers.frames import read_frame
from gis.layers.grid import Grid
from gis.layers.street import Street
from gis.planning.draft import Draft, GridInfo
from gis.planning.unit_set import UnitSet
from gis.service.access import Actor, require
from gis.service.plans.plan_draft import PlanDraft, base_labels, log_of
from gis.service.plans.plan_rows import PlanRow
from gis.service.plans.plan_store import plan_row, read_steps, read_units
from gis.settings import settings
from gis.terms import GridType, Role

_MOST = 24

_kept: WeakKeyDictionary[Engine, OrderedDict[int, PlanDraft]] = WeakKeyDictionary()
_turn = threading.Lock()


def load_draft(connection: Connection, plan_id: int, *, for_update: bool = False) -> PlanDraft:
    """Return a plan as it stands, from memory where it is there.

    Parameters
    ----------
    connection
        An open transaction.
    plan_id
        The plan's number.
    for_update
        Take turns with everybody else who would change it, until this transaction ends.

    Returns
    -------
    PlanDraft
        At the plan's present version.

    Raises
    ------
    NotFoundError
        If there is no such plan.
    """
    row = plan_row(connection, plan_id, for_update=for_update)
    with _turn:
        known = _kept.get(connection.engine, OrderedDict()).get(plan_id)
    if known is not None and known.row == row and _same_limits(known):
        return known
    draft = _read(connection, row)
    keep_draft(connection, draft)
    return draft


def open_draft(connection: Connection, actor: Actor, plan_id: int) -> PlanDraft:
    """Return a plan as it stands to a planner who may see it.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who asks.
    plan_id
        The plan's number.

    Returns
    -------
    PlanDraft
        At its present version.

    Raises
    ------
    NotFoundError
        If there is no such plan.
    ForbiddenError
        If the actor is no planner of its community.
    """
    draft = load_draft(connection, plan_id)
    require(actor, (Role.PLANNER,), draft.row.community_code)
    return draft


def keep_draft(connection: Connection, draft: PlanDraft) -> None:
    """Keep a draft for the next edit.

    Parameters
    ----------
    connection
        Any connection of the database that it is of.
    draft
        The draft; its row holds the key of its last step.
    """
    with _turn:
        drafts = _kept.setdefault(connection.engine, OrderedDict())
        drafts[draft.row.id] = draft
        drafts.move_to_end(draft.row.id)
        while len(drafts) > _MOST:
            drafts.popitem(last=False)


def forget_draft(connection: Connection, plan_id: int) -> None:
    """Forget a draft, so that it is read anew.

    Parameters
    ----------
    connection
        Any connection of the database that it is of.
    plan_id
        The plan's number.
    """
    with _turn:
        _kept.get(connection.engine, OrderedDict()).pop(plan_id, None)


def _same_limits(draft: PlanDraft) -> bool:
    core = draft.core
    return (core.households_min, core.households_max) == (
        settings().households_min,
        settings().households_max,
    )


def _read(connection: Connection, row: PlanRow) -> PlanDraft:
    community = row.community_code
    streets = read_frame(connection, "streets", Street.community_code == community)
    barriers = None if streets.empty else streets
    stored = read_units(connection, row.id)
    units = UnitSet.of(stored.drop(columns="label"), barriers)
    base = edition_numbered(connection, county_of(community), row.base_number)
    grids = read_grids(connection, base, community_code=community)
    basic = grids[grids["grid_type"] == GridType.BASIC]
    core = Draft(
        units,
        np.array(["" if label is None else label for label in stored["label"]], dtype=object),
        {code: GridInfo.from_dict(facts) for code, facts in sorted(row.grids.items())},
        community,
        frozenset(
            connection.execute(select(Grid.grid_code).where(Grid.community_code == community)).scalars()
        ),
        log_of(read_steps(connection, row.id)),
        households_min=settings().households_min,
        households_max=settings().households_max,
    )
    return PlanDraft(row, core, base_labels(units.shapes, basic), basic, barriers)
