"""A step in an incident's life: who may make it when, and what is written of it.

Every step is a row of the history that nobody can change, and an event for listeners. It may name the version
that it was decided on; one decided on an older version is refused.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from gis.errors import ConflictError, InputError, NotFoundError, RuleError
from gis.layers.incident import Incident, IncidentCategory, IncidentStep
from gis.layers.record import Event
from gis.service.access import Actor, require
from gis.service.dispatch.doubles import OPEN_STATES
from gis.service.dispatch.rows import event
from gis.terms import IncidentState, Role

ASSIGNED, ACCEPTED, REPORTED = IncidentState.ASSIGNED, IncidentState.ACCEPTED, IncidentState.REPORTED
RESOLVED = IncidentState.RESOLVED
_ALLOWED: dict[str, frozenset[str]] = {
    "assigned": frozenset({REPORTED, ASSIGNED, ACCEPTED}),
    "accepted": frozenset({ASSIGNED}),
    "resolved": frozenset({ACCEPTED}),
    "rated": frozenset({RESOLVED}),
    "escalated": frozenset({ASSIGNED, ACCEPTED}),
    "returned": frozenset({ASSIGNED, ACCEPTED}),
    "moved": frozenset(OPEN_STATES),
    "merged": frozenset(OPEN_STATES),
}
"""Step → states in which it can be made."""

_TOLD_AS = {"resolved": "closed", "merged": "closed"}
_LONGEST_REASON = 1000
_DISPATCHERS = frozenset({Role.DISPATCHER})


@dataclass(frozen=True)
class Step:
    """Who makes a step, and on which version of the incident it was decided.

    Attributes
    ----------
    actor
        Who.
    version
        The version that they saw; None: whatever it is now.
    reason
        Why, in words.
    """

    actor: Actor
    version: int | None = None
    reason: str | None = None


def take_for(connection: Connection, number: str, act: str, step: Step | None) -> Row[Any]:
    """Lock an incident and make sure that a step may be made on it now.

    Parameters
    ----------
    connection
        An open transaction.
    number
        The incident's.
    act
        The step.
    step
        Who makes it, and on which version; None for the resident, whose code was checked.

    Returns
    -------
    sqlalchemy.Row
        The incident, locked, without its geometry.

    Raises
    ------
    NotFoundError
        If there is no such incident.
    ConflictError, RuleError, ForbiddenError
        If it has moved on, is in no state for this, or is out of reach.
    """
    incident = lock(connection, number)
    if step is not None:
        require(
            step.actor, _DISPATCHERS, incident.division_code or incident.grid_code or incident.county_code
        )
        if step.version is not None and step.version != incident.version:
            raise ConflictError(
                f"incident {number} has moved on since you looked at it",
                where=number,
                mend="look at it again",
                details={"version": incident.version},
            )
    if incident.state not in _ALLOWED[act]:
        raise RuleError(
            f"an incident that is {incident.state} cannot be {act}",
            where=number,
            mend=f"it can be where it is {' or '.join(sorted(_ALLOWED[act]))}",
        )
    return incident


def lock(connection: Connection, number: str) -> Row[Any]:
    """Lock an incident.

    Parameters
    ----------
    connection
        An open transaction.
    number
        The incident's.

    Returns
    -------
    sqlalchemy.Row
        All of it but its geometry.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    columns = [column for column in Incident.__table__.c if column.name != "geometry"]
    row = connection.execute(
        select(*columns).where(Incident.incident_number == number).with_for_update()
    ).first()
    if row is None:
        raise NotFoundError(f"there is no incident {number[:40]}", where="incident_number")
    return row


def make_step(
    connection: Connection,
    incident: Row[Any],
    act: str,
    actor: str,
    changes: Mapping[str, Any],
    *,
    reason: str | None = None,
    change: Mapping[str, Any] | None = None,
) -> str:
    """Write a step: the incident as it is now, the row of its history, and the event for listeners.

    Parameters
    ----------
    connection
        An open transaction.
    incident
        From :func:`take_for`.
    act
        What is done.
    actor
        Who does it.
    changes
        Column → new value.
    reason
        Why.
    change
        What else there is to say, JSON-ready.

    Returns
    -------
    str
        The incident's number.
    """
    version = incident.version + 1
    connection.execute(update(Incident).where(Incident.id == incident.id).values(**changes, version=version))
    grid = changes.get("grid_code", incident.grid_code)
    connection.execute(
        insert(IncidentStep).values(
            incident_id=incident.id,
            sequence=version,
            actor=actor,
            act=act,
            from_grid=incident.grid_code,
            to_grid=grid,
            edition_id=changes.get("edition_id", incident.edition_id),
            reason=reason,
            change=dict(change) if change else None,
        )
    )
    due = changes.get("due_at", incident.due_at)
    connection.execute(
        insert(Event).values(
            event(
                _TOLD_AS.get(act, act),
                incident.incident_number,
                county=incident.county_code,
                grid=grid,
                division=changes.get("division_code", incident.division_code),
                act=act,
                state=str(changes.get("state", incident.state)),
                category=incident.category,
                owner_status=changes.get("owner_status", incident.owner_status),
                due_at=due.isoformat() if due else None,
                version=version,
            )
        )
    )
    return str(incident.incident_number)


def limits_of(connection: Connection, category: str) -> tuple[float, float]:
    """Return a category's time limits.

    Parameters
    ----------
    connection
        An open transaction.
    category
        Its key.

    Returns
    -------
    tuple of float
        Hours to accept and to resolve within.
    """
    row = connection.execute(
        select(IncidentCategory.accept_hours, IncidentCategory.resolve_hours).where(
            IncidentCategory.category == category
        )
    ).one()
    return float(row.accept_hours), float(row.resolve_hours)


def reason_of(step: Step) -> str:
    """Return why a step is made.

    Parameters
    ----------
    step
        The step.

    Returns
    -------
    str
        Its reason.

    Raises
    ------
    InputError
        If there is none, or it is too long.
    """
    reason = (step.reason or "").strip()
    if not reason or len(reason) > _LONGEST_REASON:
        raise InputError("say why, in 1 to 1000 letters", where="reason")
    return reason


def now() -> dt.datetime:
    """Return the time.

    Returns
    -------
    datetime.datetime
        With a time zone.
    """
    return dt.datetime.now(dt.UTC)
