"""How plans are kept: rows that say how a plan stands, and a log of steps that says how it came to.

A step is a line of the log that :mod:`gis.planning.history` writes: what it changed, from and to. Undo and
redo are steps too. A step and the rows that it changes are one transaction.
"""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from geoalchemy2 import WKBElement
from sqlalchemy import Connection, delete, func, insert, select, text, update
from sqlalchemy.orm import aliased

from gis.crs import STORAGE_SRID
from gis.errors import NotFoundError
from gis.layers.frames import as_multi, as_wkb, query_frame
from gis.layers.grid import Edition
from gis.layers.plan import Plan, PlanStep, PlanUnit
from gis.service.plans.plan_rows import UNIT_COLUMNS, PlanRow, Rewrite, Step

_base = aliased(Edition)
_last_step = (
    select(func.coalesce(func.max(PlanStep.id), 0))
    .where(PlanStep.plan_id == Plan.id)
    .correlate(Plan)
    .scalar_subquery()
)
_ROW = (
    select(
        Plan.id,
        Plan.community_code,
        Plan.name,
        Plan.author,
        Plan.state,
        Plan.version,
        _last_step.label("last_step"),
        Plan.grids,
        Plan.base_edition_id,
        Plan.base_plan_id,
        _base.number.label("base_number"),
        _base.effective_from.label("base_effective_from"),
        Plan.proof,
        Plan.published_edition_id,
        Plan.created_at,
        Plan.updated_at,
    )
    .select_from(Plan)
    .join(_base, _base.id == Plan.base_edition_id)
)


def insert_plan(
    connection: Connection,
    *,
    community_code: str,
    name: str,
    author: str,
    base_edition_id: int,
    base_plan_id: int | None,
    grids: dict[str, dict[str, Any]],
    units: gpd.GeoDataFrame,
    notes: dict[str, Any],
) -> int:
    """Write a new plan with its units and its first step.

    Parameters
    ----------
    connection
        An open transaction.
    community_code
        12 digits.
    name, author
        What it is called, and who starts it.
    base_edition_id, base_plan_id
        What it is branched from.
    grids
        Code → what the grid is.
    units
        :data:`~gis.service.plans.plan_rows.UNIT_COLUMNS` and geometry (EPSG:4490).
    notes
        What the first step says, JSON-ready.

    Returns
    -------
    int
        The plan's number.
    """
    plan_id: int = connection.execute(
        insert(Plan)
        .values(
            community_code=community_code,
            name=name,
            author=author,
            base_edition_id=base_edition_id,
            base_plan_id=base_plan_id,
            grids=grids,
            version=1,
        )
        .returning(Plan.id)
    ).scalar_one()
    _insert_units(connection, plan_id, units)
    connection.execute(
        insert(PlanStep).values(
            plan_id=plan_id, sequence=1, actor=author, act="start", change=notes | {"aside": True}
        )
    )
    return plan_id


def plan_row(connection: Connection, plan_id: int, *, for_update: bool = False) -> PlanRow:
    """Read how a plan stands.

    Parameters
    ----------
    connection
        An open transaction.
    plan_id
        Its number.
    for_update
        Take turns with everybody else who would change it, until this transaction ends.

    Returns
    -------
    PlanRow
        The plan.

    Raises
    ------
    NotFoundError
        If there is none of that number.
    """
    if for_update:
        connection.execute(select(Plan.id).where(Plan.id == plan_id).with_for_update())
    row = connection.execute(_ROW.where(Plan.id == plan_id)).first()
    if row is None:
        raise NotFoundError(f"there is no plan {plan_id}", mend="see the list of the community's plans")
    return PlanRow(*row)


def plans_of(connection: Connection, community_code: str) -> list[PlanRow]:
    """List a community's plans, the latest first.

    Parameters
    ----------
    connection
        An open transaction.
    community_code
        12 digits.

    Returns
    -------
    list of PlanRow
        Abandoned ones included.
    """
    rows = connection.execute(
        _ROW.where(Plan.community_code == community_code).order_by(Plan.updated_at.desc(), Plan.id.desc())
    )
    return [PlanRow(*row) for row in rows]


def read_units(connection: Connection, plan_id: int) -> gpd.GeoDataFrame:
    """Read a plan's units.

    Parameters
    ----------
    connection
        An open transaction.
    plan_id
        The plan's number.

    Returns
    -------
    geopandas.GeoDataFrame
        :data:`~gis.service.plans.plan_rows.UNIT_COLUMNS` and geometry (EPSG:4490), by unit id.
    """
    table = PlanUnit.__table__.c
    query = (
        select(*[table[name] for name in UNIT_COLUMNS], as_wkb(PlanUnit.geometry))
        .where(PlanUnit.plan_id == plan_id)
        .order_by(PlanUnit.unit_id)
    )
    return query_frame(connection, query)


def write_step(
    connection: Connection,
    plan: PlanRow,
    *,
    actor: str,
    act: str,
    entry: dict[str, Any],
    rewrite: Rewrite | None = None,
    values: dict[str, Any] | None = None,
) -> Step:
    """Write one step and the rows that it changes.

    Parameters
    ----------
    connection
        An open transaction that holds the plan's row.
    plan
        How it stood before.
    actor, act
        Who does what.
    entry
        The log's line.
    rewrite
        The units that change.
    values
        Columns of the plan that it sets, such as ``grids`` or ``name``.

    Returns
    -------
    Step
        As written; its sequence is the plan's new version.
    """
    if rewrite is not None:
        _rewrite_units(connection, plan.id, rewrite)
    sequence = plan.version + 1
    connection.execute(
        update(Plan)
        .where(Plan.id == plan.id)
        .values(version=sequence, updated_at=func.now(), **(values or {}))
    )
    row = connection.execute(
        insert(PlanStep)
        .values(plan_id=plan.id, sequence=sequence, actor=actor, act=act, change=entry)
        .returning(PlanStep.id, PlanStep.at)
    ).one()
    return Step(row.id, sequence, row.at, actor, act, entry)


def _rewrite_units(connection: Connection, plan_id: int, rewrite: Rewrite) -> None:
    if rewrite.removed:
        connection.execute(
            delete(PlanUnit).where(PlanUnit.plan_id == plan_id, PlanUnit.unit_id.in_(rewrite.removed))
        )
    if rewrite.added is not None:
        _insert_units(connection, plan_id, rewrite.added)
    if rewrite.moved:
        connection.execute(
            text(
                "UPDATE wangge.plan_unit AS u SET label = v.label "
                "FROM unnest(CAST(:ids AS text[]), CAST(:labels AS text[])) AS v (unit_id, label) "
                "WHERE u.plan_id = :plan AND u.unit_id = v.unit_id"
            ),
            {"plan": plan_id, "ids": list(rewrite.moved), "labels": list(rewrite.moved.values())},
        )


def read_steps(
    connection: Connection, plan_id: int, *, after: int = 0, limit: int | None = None
) -> list[Step]:
    """Read a plan's log.

    Parameters
    ----------
    connection
        An open transaction.
    plan_id
        The plan's number.
    after
        Only steps past this sequence.
    limit
        Only the last so many.

    Returns
    -------
    list of Step
        In order.
    """
    rows = connection.execute(
        select(PlanStep.id, PlanStep.sequence, PlanStep.at, PlanStep.actor, PlanStep.act, PlanStep.change)
        .where(PlanStep.plan_id == plan_id, PlanStep.sequence > after)
        .order_by(PlanStep.sequence.desc())
        .limit(limit)
    ).all()
    return [Step(row.id, row.sequence, row.at, row.actor, row.act, row.change) for row in reversed(rows)]


def _insert_units(connection: Connection, plan_id: int, units: gpd.GeoDataFrame) -> None:
    plain = pd.DataFrame({name: units[name].astype(object) for name in UNIT_COLUMNS})
    plain = plain.where(plain.notna(), None)
    shapes = shapely.to_wkb(as_multi(np.asarray(units.geometry.array, dtype=object)))
    rows = [
        {str(key): _whole(value) for key, value in row.items()}
        | {"plan_id": plan_id, "geometry": WKBElement(shape, srid=STORAGE_SRID)}
        for row, shape in zip(plain.to_dict(orient="records"), shapes, strict=True)
    ]
    if rows:
        connection.execute(insert(PlanUnit), rows)


def _whole(value: Any) -> Any:
    """Turn a count that a frame holds as a float into the whole number that it is."""
    return int(value) if isinstance(value, (int, float, np.integer, np.floating)) else value
