"""What people do with incidents, step by step; every step is a row of the history that nobody can change.

    reported → assigned → accepted → resolved → rated

An open incident may be assigned by hand, transferred, returned, escalated (to the community, then the
street), moved (another position) or merged into the one that it doubles. Each step may name the version that
it was decided on; one decided on an older version is refused.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from gis.errors import ConflictError, InputError, NotFoundError, RuleError, UnauthorisedError
from gis.layers.division import Division
from gis.layers.follow_up import FollowUp
from gis.layers.grid import Grid
from gis.layers.incident import Incident, IncidentCategory, IncidentStep
from gis.layers.record import Event
from gis.service.access import Actor, require
from gis.service.dispatch.doubles import OPEN_STATES
from gis.service.dispatch.reports import hash_of_code
from gis.service.dispatch.rows import event, ownership, position_of
from gis.service.owning.compiled import Compiled
from gis.service.owning.locating import locate, read_question
from gis.settings import Settings
from gis.terms import DivisionLevel, IncidentState, OwnerStatus, Role

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


def assign(connection: Connection, number: str, grid_code: str, step: Step) -> str:
    """Give an incident to a grid by hand, or transfer it to another one.

    Parameters
    ----------
    connection
        An open transaction.
    number
        The incident's.
    grid_code
        The new owner.
    step
        Who, and why: a reason is required.

    Returns
    -------
    str
        The number.

    Raises
    ------
    InputError
        If there is no reason.
    NotFoundError
        If there is no such incident or grid.
    ConflictError, RuleError, ForbiddenError
        If it has moved on, is closed, or is out of reach.
    """
    incident = _take(connection, number, "assigned", step)
    reason = _reason(step)
    grid = connection.execute(select(Grid.grid_code).where(Grid.grid_code == grid_code)).first()
    if grid is None:
        raise NotFoundError(f"there is no grid {grid_code}", where="grid_code")
    if grid_code[:6] != incident.county_code[:6]:
        raise InputError(
            "this grid is in another county", where="grid_code", mend="transfer within the county"
        )
    act = "assigned" if incident.grid_code is None else "transferred"
    # Given anew, it must be accepted anew, and its time to be accepted runs from now.
    changes = {
        "state": ASSIGNED,
        "grid_code": grid_code,
        "division_code": None,
        "owner_status": OwnerStatus.MANUAL,
        "due_at": _now() + dt.timedelta(hours=_limits(connection, incident.category)[0]),
    }
    return _make(connection, incident, act, step.actor.name, changes, reason=reason)


def accept(connection: Connection, number: str, step: Step) -> str:
    """Take an incident on; from now its time to be resolved runs.

    Parameters
    ----------
    connection
        An open transaction.
    number
        The incident's.
    step
        Who.

    Returns
    -------
    str
        The number.
    """
    incident = _take(connection, number, "accepted", step)
    due = incident.reported_at + dt.timedelta(hours=_limits(connection, incident.category)[1])
    return _make(
        connection,
        incident,
        "accepted",
        step.actor.name,
        {"state": ACCEPTED, "due_at": due},
        reason=step.reason,
    )


def resolve(connection: Connection, number: str, step: Step) -> str:
    """Close an incident with what was done about it.

    Parameters
    ----------
    connection
        An open transaction.
    number
        The incident's.
    step
        Who, and what was done.

    Returns
    -------
    str
        The number.
    """
    incident = _take(connection, number, "resolved", step)
    changes = {"state": RESOLVED, "closed_at": _now(), "due_at": None}
    return _make(connection, incident, "resolved", step.actor.name, changes, reason=_reason(step))


def rate(connection: Connection, number: str, code: str, stars: int) -> str:
    """Rate a resolved incident, as the resident who reported it.

    Parameters
    ----------
    connection
        An open transaction.
    number
        The incident's.
    code
        The follow-up code that was shown when it was reported.
    stars
        1 to 5.

    Returns
    -------
    str
        The number.

    Raises
    ------
    UnauthorisedError
        If the number and the code do not belong together.
    """
    check_follow_up(connection, number, code)
    if not 1 <= stars <= 5:
        raise InputError("a rating is 1 to 5", where="stars")
    incident = _take(connection, number, "rated", None)
    return _make(connection, incident, "rated", "resident", {"state": IncidentState.RATED, "rating": stars})


def check_follow_up(connection: Connection, number: str, code: str) -> int:
    """Make sure that a follow-up code belongs to an incident.

    Parameters
    ----------
    connection
        An open transaction.
    number
        The incident's.
    code
        As the resident typed it.

    Returns
    -------
    int
        The incident's surrogate key.

    Raises
    ------
    UnauthorisedError
        If it does not; whether there is such an incident is not told.
    """
    found = connection.execute(
        select(Incident.id)
        .join(FollowUp, FollowUp.incident_id == Incident.id)
        .where(Incident.incident_number == number.strip(), FollowUp.hashed == hash_of_code(code))
    ).scalar()
    if found is None:
        raise UnauthorisedError(
            "this number and follow-up code do not belong together", mend="check both; they were shown once"
        )
    return int(found)


def escalate(connection: Connection, number: str, step: Step) -> str:
    """Report up what cannot be settled in the grid: to the community, then to the street.

    Parameters
    ----------
    connection
        An open transaction.
    number
        The incident's.
    step
        Who, and why.

    Returns
    -------
    str
        The number.

    Raises
    ------
    RuleError
        If there is no level above.
    """
    incident = _take(connection, number, "escalated", step)
    above = _above(connection, incident)
    changes = {"state": ASSIGNED, "division_code": above}
    change = {"from_division": incident.division_code, "to_division": above}
    return _make(
        connection, incident, "escalated", step.actor.name, changes, reason=_reason(step), change=change
    )


def give_back(connection: Connection, number: str, step: Step) -> str:
    """Return an incident: from the street to the community, from there to the grid, from there to the queue.

    Parameters
    ----------
    connection
        An open transaction.
    number
        The incident's.
    step
        Who, and why.

    Returns
    -------
    str
        The number.
    """
    incident = _take(connection, number, "returned", step)
    changes: dict[str, Any]
    if incident.division_code is None:
        changes = {"state": REPORTED, "grid_code": None}
    else:
        community = incident.grid_code[:12] if incident.grid_code else None
        below = None if incident.division_code == community else community
        changes = {"state": ASSIGNED, "division_code": below}
    change = {"from_division": incident.division_code, "to_division": changes.get("division_code")}
    return _make(
        connection, incident, "returned", step.actor.name, changes, reason=_reason(step), change=change
    )


def move(
    connection: Connection,
    counties: Mapping[str, Compiled],
    settings: Settings,
    number: str,
    position: Mapping[str, Any],
    step: Step,
) -> dict[str, Any]:
    """Correct an incident's position. Its owner stays; where another grid owns the new one, that is offered.

    An incident that nobody has yet is assigned at once where the new position leaves no doubt.

    Parameters
    ----------
    connection
        An open transaction.
    counties
        The editions in force.
    settings
        The threshold of doubt.
    number
        The incident's.
    position
        ``lon``, ``lat``, ``crs``, ``accuracy_m``, ``confidence``.
    step
        Who.

    Returns
    -------
    dict
        ``incident_number`` and ``offer``: the grid that owns the new position where it is another, else None.
    """
    incident = _take(connection, number, "moved", step)
    question = read_question(**position, in_force=counties.values())
    answer = locate(counties, question, settings)
    found = answer.owner
    owner = incident.grid_code or found
    changes = {
        **ownership(answer, owner),
        "geometry": position_of(answer),
        "lon": question.x,
        "lat": question.y,
        "crs": question.datum.name,
        "accuracy_m": question.accuracy_m,
        "confidence": question.confidence if question.accuracy_m is not None else None,
    }
    if incident.grid_code is None and owner is not None:
        changes["state"] = ASSIGNED
    offer = found if found != owner else None
    _make(
        connection,
        incident,
        "moved",
        step.actor.name,
        changes,
        reason=step.reason,
        change={"owner_at_new_position": found, "owner_status": answer.status.value},
    )
    return {"incident_number": number, "offer": offer}


def merge(connection: Connection, number: str, into: str, step: Step) -> str:
    """Merge an incident into the one that it doubles.

    Parameters
    ----------
    connection
        An open transaction.
    number
        The one that ends.
    into
        The one that stays.
    step
        Who.

    Returns
    -------
    str
        The number that stays.

    Raises
    ------
    RuleError
        If they are the same, or the other one is closed.
    """
    if number == into:
        raise RuleError("an incident cannot double itself", where="into")
    # Both rows are locked in the order of their numbers, so that two merges cannot wait for each other.
    for one in sorted((number, into)):
        _locked(connection, one)
    incident = _take(connection, number, "merged", step)
    stays = _take(connection, into, "merged", Step(step.actor))
    changes = {"state": IncidentState.MERGED, "merged_into": into, "due_at": None, "closed_at": _now()}
    _make(connection, incident, "merged", step.actor.name, changes, reason=step.reason, change={"into": into})
    _make(connection, stays, "absorbed", step.actor.name, {}, change={"merged": number})
    return into


def _take(connection: Connection, number: str, act: str, step: Step | None) -> Row[Any]:
    """Lock an incident and make sure that a step may be made on it now."""
    incident = _locked(connection, number)
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


def _locked(connection: Connection, number: str) -> Row[Any]:
    columns = [column for column in Incident.__table__.c if column.name != "geometry"]
    row = connection.execute(
        select(*columns).where(Incident.incident_number == number).with_for_update()
    ).first()
    if row is None:
        raise NotFoundError(f"there is no incident {number[:40]}", where="incident_number")
    return row


def _make(
    connection: Connection,
    incident: Row[Any],
    act: str,
    actor: str,
    changes: Mapping[str, Any],
    *,
    reason: str | None = None,
    change: Mapping[str, Any] | None = None,
) -> str:
    """Write a step: the incident as it is now, the row of its history, and the event for listeners."""
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


def _above(connection: Connection, incident: Row[Any]) -> str:
    if incident.grid_code is None:
        raise RuleError("an incident that no grid has cannot be escalated", where=incident.incident_number)
    if incident.division_code is None:
        return str(incident.grid_code[:12])
    row = connection.execute(
        select(Division.parent_code, Division.level).where(Division.division_code == incident.division_code)
    ).one()
    if row.level != DivisionLevel.COMMUNITY or row.parent_code is None:
        raise RuleError("it is at the highest level already", where=incident.incident_number)
    return str(row.parent_code)


def _limits(connection: Connection, category: str) -> tuple[float, float]:
    row = connection.execute(
        select(IncidentCategory.accept_hours, IncidentCategory.resolve_hours).where(
            IncidentCategory.category == category
        )
    ).one()
    return float(row.accept_hours), float(row.resolve_hours)


def _reason(step: Step) -> str:
    reason = (step.reason or "").strip()
    if not reason or len(reason) > _LONGEST_REASON:
        raise InputError("say why, in 1 to 1000 letters", where="reason")
    return reason


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
