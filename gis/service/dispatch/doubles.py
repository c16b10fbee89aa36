"""Incidents that may be one matter: of the same category, near each other, and both recent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from geoalchemy2 import functions as spatial
from sqlalchemy import Connection, Row, func, select, text

from gis.layers.incident import Incident
from gis.terms import IncidentState

DOUBLE_WITHIN_M = 50.0
DOUBLE_WITHIN = dt.timedelta(hours=24)
OPEN_STATES = (IncidentState.REPORTED, IncidentState.ASSIGNED, IncidentState.ACCEPTED)
"""Of an incident that somebody still has to do something about."""

_AMONG = text(
    """
    SELECT new.id, old.incident_number
    FROM wangge.incident AS new CROSS JOIN LATERAL (
        SELECT
            other.incident_number,
            ST_Distance(other.geometry::geography, new.geometry::geography) AS metres
        FROM wangge.incident AS other
        WHERE ST_DWithin(other.geometry, new.geometry, CAST(:metres AS float8) / 50000)
            AND ST_Distance(other.geometry::geography, new.geometry::geography) <= :metres
            AND other.category = new.category AND other.id < new.id
            AND other.state IN ('reported', 'assigned', 'accepted')
            AND other.reported_at BETWEEN new.reported_at - CAST(:within AS interval)
                                      AND new.reported_at + CAST(:within AS interval)
        ORDER BY metres LIMIT 5) AS old
    WHERE new.id = ANY(:keys)
    ORDER BY new.id, old.metres
    """
)


def doubles_among(connection: Connection, keys: Sequence[int]) -> dict[int, list[str]]:
    """List for each of several new incidents the open ones before it that may be the same matter.

    Parameters
    ----------
    connection
        An open transaction, in which the incidents have been written.
    keys
        Their surrogate keys.

    Returns
    -------
    dict
        Surrogate key → numbers, the nearest first, five at most; a key without any is missing.
    """
    if not keys:
        return {}
    rows = connection.execute(
        _AMONG, {"keys": list(keys), "metres": DOUBLE_WITHIN_M, "within": DOUBLE_WITHIN}
    )
    found: dict[int, list[str]] = {}
    for key, number in rows:
        found.setdefault(key, []).append(number)
    return found


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
