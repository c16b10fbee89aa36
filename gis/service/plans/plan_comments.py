"""What people say of a plan: never changed, never deleted."""

from __future__ import annotations

from typing import Any

import shapely
from geoalchemy2 import WKBElement
from sqlalchemy import Connection, func, insert, select

from gis.crs import STORAGE_SRID
from gis.layers.plan import PlanComment


def add_comment(
    connection: Connection, plan_id: int, *, actor: str, words: str, lon: float | None, lat: float | None
) -> dict[str, Any]:
    """Write a comment.

    Parameters
    ----------
    connection
        An open transaction.
    plan_id
        The plan's number.
    actor, words
        Who says what.
    lon, lat
        Where, if anywhere; degrees (CGCS2000).

    Returns
    -------
    dict
        As :func:`read_comments` gives it.
    """
    here = None
    if lon is not None and lat is not None:
        here = WKBElement(shapely.to_wkb(shapely.Point(lon, lat)), srid=STORAGE_SRID)
    row = connection.execute(
        insert(PlanComment)
        .values(plan_id=plan_id, actor=actor, words=words, geometry=here)
        .returning(PlanComment.id, PlanComment.at)
    ).one()
    return {
        "id": row.id,
        "at": row.at.isoformat(),
        "actor": actor,
        "words": words,
        "lon": lon,
        "lat": lat,
    }


def read_comments(connection: Connection, plan_id: int) -> list[dict[str, Any]]:
    """Read what was said of a plan.

    Parameters
    ----------
    connection
        An open transaction.
    plan_id
        The plan's number.

    Returns
    -------
    list of dict
        ``id``, ``at``, ``actor``, ``words``, ``lon``, ``lat``; in order.
    """
    rows = connection.execute(
        select(
            PlanComment.id,
            PlanComment.at,
            PlanComment.actor,
            PlanComment.words,
            func.ST_X(PlanComment.geometry).label("lon"),
            func.ST_Y(PlanComment.geometry).label("lat"),
        )
        .where(PlanComment.plan_id == plan_id)
        .order_by(PlanComment.id)
    )
    return [dict(row) | {"at": row["at"].isoformat()} for row in rows.mappings()]
