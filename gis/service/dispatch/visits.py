"""Grid workers' visits, for the weekly and monthly statistics."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Connection, insert, select

from gis.codes import check_code
from gis.errors import NotFoundError
from gis.layers.grid import Grid
from gis.layers.incident import Visit
from gis.service.access import Actor, require
from gis.terms import Role


def record_visit(
    connection: Connection, actor: Actor, grid_code: str, *, when: dt.datetime, kind: str, households: int
) -> None:
    """Record a grid worker's visit.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who records it.
    grid_code
        Where.
    when
        When.
    kind
        What for.
    households
        Households seen.

    Raises
    ------
    CodeError
        If the code is none.
    NotFoundError
        If there is no such grid.
    """
    check_code(grid_code, "grid_code")
    require(actor, {Role.DISPATCHER}, grid_code)
    if connection.execute(select(Grid.grid_code).where(Grid.grid_code == grid_code)).first() is None:
        raise NotFoundError(f"there is no grid {grid_code}", where="grid_code")
    connection.execute(
        insert(Visit).values(grid_code=grid_code, visited_at=when, kind=kind, households=households)
    )
