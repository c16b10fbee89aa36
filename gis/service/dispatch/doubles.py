"""Incidents that may be one matter: of the same category, near each other, and both recent."""

from __future__ import annotations

import datetime as dt
from typing import Any

from geoalchemy2 import functions as spatial
from sqlalchemy import Connection, Row, func, select

from gis.crs import STORAGE_SRID
from gis.layers.incident import Incident
from gis.service.owning.locating import Answer
from gis.terms import IncidentState

DOUBLE_WITHIN_M = 50.0
DOUBLE_WITHIN = dt.timedelta(hours=24)
OPEN_STATES = (IncidentState.REPORTED, IncidentState.ASSIGNED, IncidentState.ACCEPTED)
"""Of an incident that somebody still has to do something about."""


def perhaps_doubles(connection: Connection, answer: Answer, category: str, at: dt.datetime) -> list[str]:
    """List open incidents that may be the same matter: same category, near, recent.

    Parameters
    ----------
    connection
        An open transaction.
    answer
        Where.
    category
        What.
    at
        When.

    Returns
    -------
    list of str
        Numbers, the nearest first, five at most.
    """
    lon, lat = answer.question.lon, answer.question.lat
    point = spatial.ST_SetSRID(spatial.ST_MakePoint(lon, lat), STORAGE_SRID)
    metres = spatial.ST_Distance(func.geography(Incident.geometry), func.geography(point))
    rows = connection.execute(
        select(Incident.incident_number)
        .where(
            spatial.ST_DWithin(Incident.geometry, point, DOUBLE_WITHIN_M / 50_000),
            metres <= DOUBLE_WITHIN_M,
            Incident.category == category,
            Incident.state.in_(OPEN_STATES),
            Incident.reported_at.between(at - DOUBLE_WITHIN, at + DOUBLE_WITHIN),
        )
        .order_by(metres)
        .limit(5)
    )
    return list(rows.scalars())


def doubles_of(connection: Connection, row: Row[Any]) -> list[dict[str, Any]]:
    """List the open incidents that may be the same matter as one that is there already.

    Parameters
    ----------
    connection
        An open transaction.
    row
        Its ``id``, ``category``, ``reported_at`` and ``lon``.

    Returns
    -------
    list of dict
        ``incident_number``, ``state``, ``metres``; the nearest first, five at most.
    """
    if row.lon is None:
        return []
    here = select(Incident.geometry).where(Incident.id == row.id).scalar_subquery()
    metres = spatial.ST_Distance(func.geography(Incident.geometry), func.geography(here))
    found = connection.execute(
        select(Incident.incident_number, Incident.state, metres.label("metres"))
        .where(
            Incident.id != row.id,
            Incident.category == row.category,
            Incident.state.in_(OPEN_STATES),
            Incident.reported_at.between(row.reported_at - DOUBLE_WITHIN, row.reported_at + DOUBLE_WITHIN),
            spatial.ST_DWithin(Incident.geometry, here, DOUBLE_WITHIN_M / 50_000),
            metres <= DOUBLE_WITHIN_M,
        )
        .order_by(metres)
        .limit(5)
    )
    return [dict(one._mapping) for one in found]  # noqa: SLF001 - SQLAlchemy's public name
