"""What people do with incidents, step by step; every step is a row of the history that nobody can change.

    reported → assigned → accepted → resolved → rated

An open incident may be assigned by hand, transferred, returned, escalated (to the community, then the
street), moved (another position) or merged into the one that it doubles. Each step may name the version that
it was decided on; one decided on an older version is refused.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, select

from gis.errors import InputError, NotFoundError, RuleError, UnauthorisedError
from gis.layers.division import Division
from gis.layers.follow_up import FollowUp
from gis.layers.grid import GridBoundary
from gis.layers.incident import Incident
from gis.service.dispatch.reports import hash_of_code
from gis.service.dispatch.rows import ownership, position_of
from gis.service.dispatch.steps import (
    ACCEPTED,
    ASSIGNED,
    REPORTED,
    RESOLVED,
    Step,
    limits_of,
    lock,
    make_step,
    now,
    reason_of,
    take_for,
)
from gis.service.owning.compiled import Compiled
from gis.service.owning.locating import locate
from gis.service.owning.questions import read_question
from gis.settings import Settings
from gis.terms import DivisionLevel, IncidentState, OwnerStatus


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
    incident = take_for(connection, number, "assigned", step)
    reason = reason_of(step)
    # A code outlives its grid: what was given to one that is no more would be nobody's.
    in_force = select(GridBoundary.id).where(
        GridBoundary.grid_code == grid_code, GridBoundary.valid.contains(now())
    )
    if connection.execute(in_force).first() is None:
        raise NotFoundError(
            f"there is no grid {grid_code[:40]} in force", where="grid_code", mend="choose one on the map"
        )
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
        "due_at": now() + dt.timedelta(hours=limits_of(connection, incident.category)[0]),
    }
    return make_step(connection, incident, act, step.actor.name, changes, reason=reason)


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
    incident = take_for(connection, number, "accepted", step)
    due = incident.reported_at + dt.timedelta(hours=limits_of(connection, incident.category)[1])
    return make_step(
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
    incident = take_for(connection, number, "resolved", step)
    changes = {"state": RESOLVED, "closed_at": now(), "due_at": None}
    return make_step(connection, incident, "resolved", step.actor.name, changes, reason=reason_of(step))


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
    incident = take_for(connection, number, "rated", None)
    return make_step(
        connection, incident, "rated", "resident", {"state": IncidentState.RATED, "rating": stars}
    )


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
    incident = take_for(connection, number, "escalated", step)
    above = _above(connection, incident)
    changes = {"state": ASSIGNED, "division_code": above}
    change = {"from_division": incident.division_code, "to_division": above}
    return make_step(
        connection, incident, "escalated", step.actor.name, changes, reason=reason_of(step), change=change
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
    incident = take_for(connection, number, "returned", step)
    changes: dict[str, Any]
    if incident.division_code is None:
        changes = {"state": REPORTED, "grid_code": None}
    else:
        community = incident.grid_code[:12] if incident.grid_code else None
        below = None if incident.division_code == community else community
        changes = {"state": ASSIGNED, "division_code": below}
    change = {"from_division": incident.division_code, "to_division": changes.get("division_code")}
    return make_step(
        connection, incident, "returned", step.actor.name, changes, reason=reason_of(step), change=change
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
    incident = take_for(connection, number, "moved", step)
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
    make_step(
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
        lock(connection, one)
    incident = take_for(connection, number, "merged", step)
    stays = take_for(connection, into, "merged", Step(step.actor))
    changes = {"state": IncidentState.MERGED, "merged_into": into, "due_at": None, "closed_at": now()}
    make_step(
        connection, incident, "merged", step.actor.name, changes, reason=step.reason, change={"into": into}
    )
    make_step(connection, stays, "absorbed", step.actor.name, {}, change={"merged": number})
    return into


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
