"""What follows when an edition takes force: the gazetteer is brought up, open incidents find their owners.

Whoever publishes moves the incidents in the same transaction. This catches what nobody moved then: an edition
that was published for a later hour, or by import.
"""

from __future__ import annotations

import logging

from sqlalchemy import exists, select

from gis.layers.database import Database
from gis.layers.editions import edition_at
from gis.layers.frames import lock
from gis.layers.incident import Incident
from gis.service.dispatch.addresses import refresh_gazetteer
from gis.service.dispatch.doubles import OPEN_STATES
from gis.service.dispatch.redispatching import incidents_that_move, move_incidents
from gis.service.owning.compiled import GRID_LAYERS, Compiled

log = logging.getLogger(__name__)


def took_force(database: Database | None, compiled: Compiled) -> None:
    """Do what follows from an edition in force; safe to be done again, and by several servers at once.

    Parameters
    ----------
    database
        The database.
    compiled
        The edition.
    """
    if database is None:
        return
    county = compiled.edition.county_code
    with database.connection() as connection:
        refresh_gazetteer(connection, county)
    with database.connection() as connection:
        lock(connection, f"redispatch:{county}")
        stale = exists().where(
            Incident.county_code == county,
            Incident.state.in_(OPEN_STATES),
            Incident.edition_id.is_distinct_from(compiled.edition.id),
        )
        if not connection.execute(select(stale)).scalar_one():
            return
        if edition_at(connection, county).id != compiled.edition.id:
            return  # a newer one is in force already, and whoever compiles it does this
        indexes = {layer: compiled.indexes[layer] for layer in GRID_LAYERS if layer in compiled.indexes}
        moved = move_incidents(connection, incidents_that_move(connection, county, indexes), compiled.edition)
    if moved:
        log.info("%s open incidents moved with edition %s of %s", moved, compiled.edition.number, county)
