"""Which open incidents change owner when the grids do, and moving them.

What was assigned by hand stays with its grid, unless that grid is no more. An owner is only changed where the
new grids leave no doubt; an incident that no new grid owns goes back to the queue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
from geoalchemy2 import functions as spatial
from sqlalchemy import Connection, bindparam, insert, or_, select, update

from gis.layers.editions import EditionStamp
from gis.layers.grid import OwnerPrecedence
from gis.layers.incident import Incident, IncidentStep
from gis.layers.record import Event
from gis.locate.index import GridIndex
from gis.service.dispatch.doubles import OPEN_STATES
from gis.service.dispatch.rows import MACHINE, event
from gis.terms import GridType, IncidentState, OwnerStatus


@dataclass(frozen=True)
class MovingIncident:
    """An open incident whose owner changes.

    Attributes
    ----------
    incident_number
        Its number.
    from_grid, to_grid
        Owner before and after; None after: it goes back to the queue.
    category
        Its category.
    state
        Its state before.
    owner_status
        How sure the new owner is.
    """

    incident_number: str
    from_grid: str
    to_grid: str | None
    category: str
    state: str
    owner_status: str

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape."""
        return dict(vars(self))


def indexes_of(grids: gpd.GeoDataFrame) -> dict[str, GridIndex]:
    """Compile grids that are not published yet.

    Parameters
    ----------
    grids
        The frame ``grids`` of a whole county.

    Returns
    -------
    dict
        Layer → index, for :func:`incidents_that_move`.
    """
    found = {}
    for layer in GridType:
        part = grids[grids["grid_type"] == layer]
        if len(part):
            overlap = "refuse" if layer is GridType.BASIC else "first"
            found[str(layer)] = GridIndex.build(
                part.geometry.to_numpy(),
                part["grid_code"].tolist(),
                overlap=overlap,  # type: ignore[arg-type]
            )
    return found


def incidents_that_move(
    connection: Connection, county_code: str, new_index: Mapping[str, GridIndex] | GridIndex
) -> list[MovingIncident]:
    """List the open incidents of a county that would change owner under other grids.

    Parameters
    ----------
    connection
        An open transaction.
    county_code
        12 digits.
    new_index
        Layer → index of the new grids of the whole county (see :func:`indexes_of`); one index alone is that
        of the basic grids.

    Returns
    -------
    list of MovingIncident
        By number.
    """
    indexes = {"basic": new_index} if isinstance(new_index, GridIndex) else dict(new_index)
    rows = connection.execute(
        select(
            Incident.incident_number,
            Incident.grid_code,
            Incident.category,
            Incident.state,
            Incident.owner_status,
            spatial.ST_X(Incident.geometry),
            spatial.ST_Y(Incident.geometry),
        )
        .where(
            Incident.county_code == county_code,
            Incident.state.in_(OPEN_STATES),
            Incident.grid_code.is_not(None),
            or_(Incident.geometry.is_not(None), Incident.owner_status == OwnerStatus.MANUAL),
        )
        .order_by(Incident.incident_number)
    ).all()
    if not rows:
        return []
    lon = np.array([np.nan if row[5] is None else row[5] for row in rows], dtype=np.float64)
    lat = np.array([np.nan if row[6] is None else row[6] for row in rows], dtype=np.float64)
    owners, statuses = _owners(connection, indexes, lon, lat)
    living = {code for index in indexes.values() for code in index.codes}
    moving = []
    for row, owner, status in zip(rows, owners, statuses, strict=True):
        by_hand = row.owner_status == OwnerStatus.MANUAL and row.grid_code in living
        if owner != row.grid_code and not by_hand:
            moving.append(
                MovingIncident(row.incident_number, row.grid_code, owner, row.category, row.state, status)
            )
    return moving


def move_incidents(
    connection: Connection, moving: Sequence[MovingIncident], edition: EditionStamp, *, actor: str = MACHINE
) -> int:
    """Give incidents to their new owners, with a row in each one's history that names both.

    Parameters
    ----------
    connection
        The transaction in which the edition is published.
    moving
        What :func:`incidents_that_move` listed.
    edition
        The new edition.
    actor
        Who publishes.

    Returns
    -------
    int
        How many were moved.
    """
    if not moving:
        return 0
    wanted = {one.incident_number: one for one in moving}
    rows = connection.execute(
        select(
            Incident.id,
            Incident.incident_number,
            Incident.version,
            Incident.state,
            Incident.grid_code,
            Incident.division_code,
            Incident.due_at,
        )
        .where(Incident.incident_number.in_(wanted), Incident.state.in_(OPEN_STATES))
        .order_by(Incident.id)
        .with_for_update()
    ).all()
    # Whoever changed one in the meantime knew better than the list.
    rows = [row for row in rows if row.grid_code == wanted[row.incident_number].from_grid]
    changes, steps, events = [], [], []
    for row in rows:
        one = wanted[row.incident_number]
        state = row.state if one.to_grid else IncidentState.REPORTED
        changes.append(
            {
                "at": row.id,
                "grid": one.to_grid,
                "new_state": str(state),
                "status": one.owner_status,
                "edition": edition.id,
                "number_of_steps": row.version + 1,
            }
        )
        steps.append(
            {
                "incident_id": row.id,
                "sequence": row.version + 1,
                "actor": actor,
                "act": "moved",
                "from_grid": one.from_grid,
                "to_grid": one.to_grid,
                "edition_id": edition.id,
                "change": {"edition": edition.number},
            }
        )
        events.append(
            event(
                "moved",
                row.incident_number,
                county=edition.county_code,
                grid=one.to_grid,
                division=row.division_code,
                from_grid=one.from_grid,
                state=str(state),
                category=one.category,
                owner_status=one.owner_status,
                due_at=row.due_at.isoformat() if row.due_at else None,
                version=row.version + 1,
            )
        )
    if changes:
        table = Incident.__table__
        connection.execute(
            update(table)  # type: ignore[arg-type]
            .where(table.c.id == bindparam("at"))
            .values(
                grid_code=bindparam("grid"),
                state=bindparam("new_state"),
                owner_status=bindparam("status"),
                edition_id=bindparam("edition"),
                version=bindparam("number_of_steps"),
                margin_m=None,
                distance_m=None,
            ),
            changes,
        )
        connection.execute(insert(IncidentStep), steps)
        connection.execute(insert(Event), events)
    return len(changes)


def _owners(
    connection: Connection, indexes: Mapping[str, GridIndex], lon: Any, lat: Any
) -> tuple[list[str | None], list[str]]:
    """Name the owner of each point by the table of precedence, and how sure it is."""
    order = connection.execute(select(OwnerPrecedence.layer).order_by(OwnerPrecedence.rank)).scalars()
    owners: list[str | None] = [None] * len(lon)
    statuses = [OwnerStatus.OUTSIDE.value] * len(lon)
    left = np.arange(len(lon))
    for layer in [layer for layer in order if layer in indexes]:
        index = indexes[layer]
        detail = index.locate_detail(lon[left], lat[left])
        hit = np.flatnonzero(detail.position >= 0)
        for at in hit.tolist():
            owners[int(left[at])] = index.codes[int(detail.position[at])]
            statuses[int(left[at])] = str(detail.status[at])
        left = np.delete(left, hit)
    return owners, statuses
