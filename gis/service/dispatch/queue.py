"""Incidents as dispatchers see them: the queue, one incident with its history, and what is near it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any

from geoalchemy2 import functions as spatial
from sqlalchemy import Connection, Row, case, func, or_, select

from gis.errors import InputError, NotFoundError
from gis.layers.grid import Edition
from gis.layers.incident import Incident, IncidentCategory, IncidentSource, IncidentStep
from gis.service.access import Actor, reach_of, require
from gis.service.dispatch.doubles import OPEN_STATES, doubles_of
from gis.terms import IncidentState, OwnerStatus, Role

MOST = 1000
_DISPATCHERS = frozenset({Role.DISPATCHER})

_COLUMNS = (
    Incident.incident_number,
    Incident.county_code,
    Incident.category,
    Incident.source,
    Incident.text,
    Incident.reporter,
    Incident.reported_at,
    Incident.lon.label("x"),
    Incident.lat.label("y"),
    Incident.crs,
    Incident.accuracy_m,
    Incident.address,
    Incident.photo,
    Incident.state,
    Incident.grid_code,
    Incident.division_code,
    Incident.owner_status,
    Incident.margin_m,
    Incident.distance_m,
    Incident.candidates,
    Incident.due_at,
    Incident.closed_at,
    Incident.rating,
    Incident.merged_into,
    Incident.version,
    spatial.ST_X(Incident.geometry).label("lon"),
    spatial.ST_Y(Incident.geometry).label("lat"),
    Edition.number.label("edition"),
)


def queue(
    connection: Connection,
    actor: Actor,
    *,
    states: Collection[str] = OPEN_STATES,
    grid_code: str | None = None,
    limit: int = 300,
    offset: int = 0,
) -> dict[str, Any]:
    """List the incidents within an actor's reach: what needs a person first, then by deadline.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        A dispatcher.
    states
        Only in these states.
    grid_code
        Only of this grid.
    limit, offset
        Which part of the list.

    Returns
    -------
    dict
        ``incidents`` and ``total``.

    Raises
    ------
    InputError
        If a state is unknown or the limit too large.
    """
    require(actor, _DISPATCHERS)
    unknown = set(states) - set(IncidentState)
    if unknown:
        raise InputError(
            f"there is no state {min(unknown)!r}",
            where="state",
            mend=f"give {', '.join(IncidentState)}",
        )
    if not 1 <= limit <= MOST or offset < 0:
        raise InputError(f"a part of the list has 1 to {MOST} rows", where="limit")
    where = [_within(actor), Incident.state.in_(states)]
    if grid_code is not None:
        where.append(Incident.grid_code == grid_code)
    needs_person = Incident.state == IncidentState.REPORTED
    rows = connection.execute(
        select(*_COLUMNS)
        .outerjoin(Edition, Edition.id == Incident.edition_id)
        .where(*where)
        .order_by(case((needs_person, 0), else_=1), Incident.due_at.asc().nulls_last(), Incident.id)
        .limit(limit)
        .offset(offset)
    ).all()
    total = connection.execute(select(func.count()).select_from(Incident).where(*where)).scalar_one()
    now = dt.datetime.now(dt.UTC)
    return {"total": total, "incidents": [incident_as_dict(row, now) for row in rows]}


def one_incident(connection: Connection, actor: Actor, number: str) -> dict[str, Any]:
    """Return one incident with its history and the open ones that may double it.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        A dispatcher who reaches it.
    number
        The incident's.

    Returns
    -------
    dict
        As in the queue, with ``history`` and ``perhaps_doubles``.

    Raises
    ------
    NotFoundError
        If there is none, or it is out of reach.
    """
    require(actor, _DISPATCHERS)
    row = connection.execute(
        select(*_COLUMNS, Incident.id)
        .outerjoin(Edition, Edition.id == Incident.edition_id)
        .where(Incident.incident_number == number, _within(actor))
    ).first()
    if row is None:
        raise NotFoundError(f"there is no incident {number[:40]} within your reach", where="incident_number")
    body = incident_as_dict(row, dt.datetime.now(dt.UTC))
    body["history"] = history(connection, row.id)
    body["perhaps_doubles"] = doubles_of(connection, row) if row.state in OPEN_STATES else []
    return body


def photo_of(connection: Connection, actor: Actor, number: str) -> str:
    """Return the name of an incident's photo.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        A dispatcher who reaches it.
    number
        The incident's.

    Returns
    -------
    str
        For :func:`gis.service.dispatch.photos.read_photo`.

    Raises
    ------
    NotFoundError
        If it has none, or is out of reach.
    """
    require(actor, _DISPATCHERS)
    name = connection.execute(
        select(Incident.photo).where(Incident.incident_number == number, _within(actor))
    ).scalar()
    if name is None:
        raise NotFoundError("this incident has no photo", where="incident_number")
    return str(name)


def history(connection: Connection, incident_id: int) -> list[dict[str, Any]]:
    """List the steps of an incident.

    Parameters
    ----------
    connection
        An open transaction.
    incident_id
        Its surrogate key.

    Returns
    -------
    list of dict
        ``sequence``, ``at``, ``actor``, ``act``, ``from_grid``, ``to_grid``, ``edition``, ``reason``,
        ``change``.
    """
    steps = connection.execute(
        select(
            IncidentStep.sequence,
            IncidentStep.at,
            IncidentStep.actor,
            IncidentStep.act,
            IncidentStep.from_grid,
            IncidentStep.to_grid,
            Edition.number.label("edition"),
            IncidentStep.reason,
            IncidentStep.change,
        )
        .outerjoin(Edition, Edition.id == IncidentStep.edition_id)
        .where(IncidentStep.incident_id == incident_id)
        .order_by(IncidentStep.sequence)
    )
    return [dict(step._mapping) for step in steps]  # noqa: SLF001 - SQLAlchemy's public name for it


def followed(connection: Connection, incident_id: int) -> dict[str, Any]:
    """Return what a resident may see of the incident that they reported.

    Parameters
    ----------
    connection
        An open transaction.
    incident_id
        Its surrogate key; the follow-up code has been checked.

    Returns
    -------
    dict
        ``incident_number``, ``category``, ``state``, ``reported_at``, ``closed_at``, ``rating``,
        ``merged_into``, and ``steps``: when and what, without who.
    """
    row = connection.execute(
        select(
            Incident.incident_number,
            Incident.category,
            Incident.state,
            Incident.reported_at,
            Incident.closed_at,
            Incident.rating,
        ).where(Incident.id == incident_id)
    ).one()
    steps = [{"at": step["at"], "act": step["act"]} for step in history(connection, incident_id)]
    return {**row._mapping, "steps": steps}  # noqa: SLF001 - SQLAlchemy's public name for it


def kinds(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    """List the categories, with their time limits, and the sources.

    Parameters
    ----------
    connection
        An open transaction.

    Returns
    -------
    dict
        ``categories`` and ``sources``.
    """
    categories = connection.execute(
        select(
            IncidentCategory.category,
            IncidentCategory.name_zh.label("zh"),
            IncidentCategory.name_en.label("en"),
            IncidentCategory.accept_hours,
            IncidentCategory.resolve_hours,
        ).order_by(IncidentCategory.id)
    )
    sources = connection.execute(
        select(
            IncidentSource.source, IncidentSource.name_zh.label("zh"), IncidentSource.name_en.label("en")
        ).order_by(IncidentSource.id)
    )
    return {
        "categories": [dict(row._mapping) for row in categories],  # noqa: SLF001
        "sources": [dict(row._mapping) for row in sources],  # noqa: SLF001
    }


def incident_as_dict(row: Row[Any], now: dt.datetime) -> dict[str, Any]:
    """Return an incident's JSON shape, as people with a token see it.

    Parameters
    ----------
    row
        Of the columns that this module selects.
    now
        The time by which it is late or not.

    Returns
    -------
    dict
        With ``offer``: the grid that owns the position now, where it is surely another than the owner.
    """
    body = {key: value for key, value in row._mapping.items() if key != "id"}  # noqa: SLF001
    body["given"] = {"x": body.pop("x"), "y": body.pop("y"), "crs": body.pop("crs")}
    body["photo"] = body["photo"] is not None
    body["late"] = row.due_at is not None and row.due_at < now
    body["offer"] = _offer(row)
    return body


def _offer(row: Row[Any]) -> str | None:
    sure = row.owner_status in {OwnerStatus.INSIDE, OwnerStatus.EDGE}
    if row.state not in OPEN_STATES or not sure or not row.candidates:
        return None
    best = row.candidates[0].get("grid_code")
    return best if best != row.grid_code else None


def _within(actor: Actor) -> Any:
    prefix = reach_of(actor.division_code)
    if len(prefix) == 6:
        return Incident.county_code == actor.division_code
    return or_(Incident.grid_code.startswith(prefix), Incident.division_code.startswith(prefix))
