"""One step of a stored plan: who may make it, against which version, and what it came to.

Everything that changes a plan comes through here. A step names the version that it saw; where somebody else
has gone on since, it is refused with what they changed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from gis.errors import ConflictError, InputError, RuleError
from gis.layers.frames import lock
from gis.planning.history import Change
from gis.service.access import Actor, require
from gis.service.plans.plan_draft import PlanDraft, rewrite_between
from gis.service.plans.plan_memory import keep_draft, load_draft
from gis.service.plans.plan_rows import Step
from gis.service.plans.plan_store import plan_row, read_steps, write_step
from gis.terms import Role

_NAME_LENGTH = 100

Act = Callable[[PlanDraft], Change]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What an act came to.

    Attributes
    ----------
    draft
        The plan after it.
    step
        The step that it wrote.
    change
        What it changed; None for a step that changes no grid.
    units
        Unit id → its grid now, of the units that changed; ``""`` for none.
    recut
        Whether units were cut or put together again.
    """

    draft: PlanDraft
    step: Step
    change: Change | None
    units: dict[str, str]
    recut: bool

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready: new totals of the grids that were touched, and what came of it."""
        touched = set() if self.change is None else set(self.change.grids)
        return {
            "version": self.draft.row.version,
            "state": self.draft.row.state,
            "step": self.step.as_dict(),
            "units": self.units,
            "recut": self.recut,
            "made": [] if self.change is None else [one.as_dict() for one in self.change.made],
            "cured": [] if self.change is None else [one.as_dict() for one in self.change.cured],
            **_standing(self.draft, touched),
        }


def take_step(connection: Connection, actor: Actor, plan_id: int, version: int, act: Act) -> Outcome:
    """Make one step: everything that changes a draft's grids comes through here.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who does it.
    plan_id, version
        The plan, and the version that was seen.
    act
        Tells, of the plan as it stands, what changes.

    Returns
    -------
    Outcome
        What came of it.

    Raises
    ------
    ConflictError
        If the plan has gone on since, or the draft refuses the act.
    RuleError
        If the plan is no draft any more.
    """
    before = _open(connection, actor, plan_id, version, ("draft",))
    change = act(before)
    rewrite = rewrite_between(before.core, change.draft)
    step = write_step(
        connection,
        before.row,
        actor=actor.name,
        act=change.entry["op"],
        entry=change.entry,
        rewrite=rewrite,
        values={"grids": {code: info.as_dict() for code, info in change.draft.grids.items()}},
    )
    after = before.after(change.draft, plan_row(connection, plan_id))
    keep_draft(connection, after)
    units = {name: code or "" for name, code in rewrite.moved.items()}
    recut = rewrite.added is not None or bool(rewrite.removed)
    return Outcome(after, step, change, units, recut)


def note_step(
    connection: Connection,
    actor: Actor,
    plan_id: int,
    version: int,
    act: str,
    facts: dict[str, Any],
    *,
    values: dict[str, Any],
    states: tuple[str, ...] = ("draft",),
) -> Outcome:
    """Make a step that changes no grid and is not undone: a new name, a hand-in, a publication.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who does it.
    plan_id, version
        The plan, and the version that was seen.
    act, facts
        What the log says.
    values
        Columns of the plan that it sets.
    states
        The states of the plan in which it may be done.

    Returns
    -------
    Outcome
        What came of it.

    Raises
    ------
    ConflictError
        If the plan has gone on since.
    RuleError
        If the plan is not in one of these states.
    """
    before = _open(connection, actor, plan_id, version, states)
    step = write_step(
        connection, before.row, actor=actor.name, act=act, entry=facts | {"aside": True}, values=values
    )
    after = before.after(before.core, plan_row(connection, plan_id))
    keep_draft(connection, after)
    return Outcome(after, step, None, {}, recut=False)


def checked_name(name: str) -> str:
    """Return a plan's name without blanks about it.

    Parameters
    ----------
    name
        What was given.

    Returns
    -------
    str
        1 to 100 letters.

    Raises
    ------
    InputError
        If it is empty or too long.
    """
    called = name.strip()
    if not called or len(called) > _NAME_LENGTH:
        raise InputError(f"a name has 1 to {_NAME_LENGTH} letters", where="name")
    return called


def turn_in_community(connection: Connection, community_code: str) -> None:
    """Take turns with everybody who starts or publishes a plan of this community.

    Parameters
    ----------
    connection
        An open transaction.
    community_code
        12 digits.
    """
    lock(connection, f"plans:{community_code}")


def _open(
    connection: Connection, actor: Actor, plan_id: int, version: int, states: tuple[str, ...]
) -> PlanDraft:
    draft = load_draft(connection, plan_id, for_update=True)
    require(actor, (Role.PLANNER,), draft.row.community_code)
    if draft.row.version != version:
        raise _gone_on(connection, draft, version)
    if draft.row.state not in states:
        raise RuleError(
            f"the plan is {draft.row.state}, not {' or '.join(states)}",
            where=f"plan {plan_id}",
            mend="branch a new draft from it",
        )
    return draft


def _gone_on(connection: Connection, draft: PlanDraft, version: int) -> ConflictError:
    """Say what happened since the version that was seen."""
    if version > draft.row.version:
        return ConflictError(
            f"the plan is at version {draft.row.version}, not yet at {version}", mend="load the plan again"
        )
    steps = read_steps(connection, draft.row.id, after=version)
    who = ", ".join(sorted({step.actor for step in steps}))
    turned = [draft.core.log[step.entry["of"]] for step in steps if step.act in {"undo", "redo"}]
    entries = [*(step.entry for step in steps), *turned]
    names = {name for entry in entries for name in entry.get("units") or {}}
    place = draft.core.units.row_of
    touched = {code for step in steps for code in step.as_dict()["labels"]}
    touched |= {code for entry in turned for pair in (entry.get("units") or {}).values() for code in pair}
    return ConflictError(
        f"the plan has gone on to version {draft.row.version}, changed by {who}",
        where=f"plan {draft.row.id}",
        mend="look at what changed and make your edit again; nothing of yours or theirs is lost",
        details={
            "version": draft.row.version,
            "state": draft.row.state,
            "steps": [step.as_dict() for step in steps],
            "units": {name: draft.labels[place[name]] for name in sorted(names) if name in place},
            "recut": any("pieces" in entry for entry in entries),
            **_standing(draft, touched - {""}),
        },
    )


def _standing(draft: PlanDraft, touched: set[str]) -> dict[str, Any]:
    rows = [row for row in draft.totals if row["label"] in touched]
    return {
        "totals": rows,
        "gone": sorted(touched - {row["label"] for row in rows}),
        "can_undo": bool(draft.stacks[0]),
        "can_redo": bool(draft.stacks[1]),
    }
