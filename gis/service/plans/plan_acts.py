"""What is done to a plan that changes none of its grids: its name, its state, what people say of it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from gis.errors import InputError
from gis.service.access import Actor, require
from gis.service.plans.plan_comments import add_comment
from gis.service.plans.plan_steps import Outcome, checked_name, note_step
from gis.service.plans.plan_store import plan_row
from gis.terms import Role

_WORDS_LENGTH = 4000


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
    require(actor, (Role.PLANNER,), plan.community_code)
    said = words.strip()
    if not said or len(said) > _WORDS_LENGTH:
        raise InputError(f"a comment has 1 to {_WORDS_LENGTH} letters", where="words")
    return add_comment(connection, plan_id, actor=actor.name, words=said, lon=lon, lat=lat)
