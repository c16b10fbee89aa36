"""The editions of a plan's community: which there were, and what the latest changed since it was begun."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select

from gis.codes import county_of
from gis.layers.editions import read_grids
from gis.layers.grid import Edition, Grid, GridBoundary
from gis.service.access import Actor, require
from gis.service.plans.plan_draft import base_labels
from gis.service.plans.plan_memory import load_draft
from gis.service.plans.seams import last_edition
from gis.terms import Role


def list_editions(connection: Connection, actor: Actor, community_code: str) -> list[dict[str, Any]]:
    """List the editions of a community's county, and how much each changed in the community.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who asks.
    community_code
        12 digits.

    Returns
    -------
    list of dict
        ``number``, ``effective_from``, ``published_at``, ``published_by``, ``note``, ``grids`` (the
        community's in it), ``changed`` (how many of its boundaries were opened or closed) and ``standing``
        (``former``, ``in_force`` or ``scheduled``); the latest first.
    """
    require(actor, (Role.PLANNER,), community_code)
    county = county_of(community_code)
    here = Grid.community_code == community_code
    touched = or_(
        GridBoundary.edition_id == Edition.id, func.upper(GridBoundary.valid) == Edition.effective_from
    )
    held = GridBoundary.valid.contains(Edition.effective_from)
    rows = connection.execute(
        select(
            Edition.number,
            Edition.effective_from,
            Edition.published_at,
            Edition.published_by,
            Edition.note,
            func.count(Grid.id).filter(held).label("grids"),
            func.count(Grid.id).filter(touched).label("changed"),
        )
        .outerjoin(GridBoundary, and_(GridBoundary.county_code == Edition.county_code, or_(held, touched)))
        .outerjoin(Grid, and_(Grid.grid_code == GridBoundary.grid_code, here))
        .where(Edition.county_code == county)
        .group_by(Edition.id)
        .order_by(Edition.number.desc())
    ).mappings()
    now = dt.datetime.now(dt.UTC)
    found: list[dict[str, Any]] = []
    in_force_seen = False
    for row in rows:
        scheduled = row["effective_from"] > now
        standing = "scheduled" if scheduled else "former" if in_force_seen else "in_force"
        in_force_seen |= not scheduled
        times = {key: row[key].isoformat() for key in ("effective_from", "published_at")}
        found.append(dict(row) | times | {"standing": standing})
    return found


def news_since(connection: Connection, actor: Actor, plan_id: int) -> dict[str, Any]:
    """Tell which units the latest edition put elsewhere than the edition that a plan was begun from.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who asks.
    plan_id
        The plan.

    Returns
    -------
    dict
        ``base`` and ``latest`` (numbers), ``units`` (unit → its grid in the latest edition, ``""`` for none,
        where that differs from the base) and ``names`` (code → name of the latest edition's grids).
    """
    draft = load_draft(connection, plan_id)
    require(actor, (Role.PLANNER,), draft.row.community_code)
    last = last_edition(connection, county_of(draft.row.community_code))
    news: dict[str, str] = {}
    names: dict[str, str | None] = {}
    if last.id != draft.row.base_edition_id:
        grids = read_grids(connection, last, community_code=draft.row.community_code)
        names = dict(
            zip(
                grids["grid_code"],
                grids["name"].astype(object).where(grids["name"].notna(), None),
                strict=True,
            )
        )
        latest = base_labels(draft.shapes, grids)
        other = latest != draft.base
        news = {draft.unit_ids[at]: str(latest[at]) for at in other.nonzero()[0].tolist()}
    return {"base": draft.row.base_number, "latest": last.number, "units": news, "names": names}
