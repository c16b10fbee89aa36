"""How plans are kept: rows that say how a plan stands, and a log of steps that says how it came to.

A step is a line of the log that :mod:`gis.planning.history` writes: what it changed, from and to. Undo and
redo are steps too. A step and the rows that it changes are one transaction.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
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

UNIT_COLUMNS = ("unit_id", "label", "households", "residents", "compound_code")


@dataclass(frozen=True)
class PlanRow:
    """How a plan stands.

    Attributes
    ----------
    id
        Its number.
    community_code
        The community that it divides.
    name, author
        What its author calls it, and who that is.
    state
        ``draft``, ``review``, ``published`` or ``abandoned``.
    version
        How many steps it has.
    last_step
        Key of its last step; 0 where it has none. Unlike the version it is never given twice, not even
        after a transaction that failed.
    grids
        Code → what the grid is, as :meth:`gis.planning.draft.GridInfo.as_dict` writes it.
    base_edition_id, base_plan_id
        What it was branched from.
    base_number, base_effective_from
        The edition's number, and from when it is in force.
    proof
        The proof of its seamless cover, as it stood at its last check.
    published_edition_id
        What it became.
    created_at, updated_at
        Its life.
    """

    id: int
    community_code: str
    name: str
    author: str
    state: str
    version: int
    last_step: int
    grids: dict[str, dict[str, Any]]
    base_edition_id: int
    base_plan_id: int | None
    base_number: int
    base_effective_from: dt.datetime
    proof: dict[str, Any] | None
    published_edition_id: int | None
    created_at: dt.datetime
    updated_at: dt.datetime

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready, without the keys that stay inside."""
        return {
            "id": self.id,
            "community_code": self.community_code,
            "name": self.name,
            "author": self.author,
            "state": self.state,
            "version": self.version,
            "base_edition": self.base_number,
            "base_plan_id": self.base_plan_id,
            "proof": self.proof,
            "created_at": self.created_at.isoformat(),
            "updated_at": self.updated_at.isoformat(),
        }


@dataclass(frozen=True)
class Step:
    """One step of a plan's log.

    Attributes
    ----------
    id
        Its key.
    sequence
        1, 2, 3 … within the plan; the version that it made.
    at, actor, act
        When, who and what.
    entry
        The log's line as :mod:`gis.planning.history` writes it. A step that changes no grid (a new name, a
        hand-in, the start itself) has ``aside`` instead and is not undone.
    """

    id: int
    sequence: int
    at: dt.datetime
    actor: str
    act: str
    entry: dict[str, Any]

    @property
    def is_aside(self) -> bool:
        """Whether it stands beside the log of changes."""
        return bool(self.entry.get("aside"))

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready, in short."""
        units = self.entry.get("units") or {}
        pieces = (self.entry.get("pieces") or {}).get("added") or []
        named = {code for pair in units.values() for code in pair} | set(self.entry.get("grids") or {})
        left_out = {"op", "units", "grids", "pieces", "staff", "aside", "line"}
        return {
            "sequence": self.sequence,
            "at": self.at.isoformat(),
            "actor": self.actor,
            "act": self.act,
            "units": len(units) + len(pieces),
            "labels": sorted(named - {"", None}),
            "facts": {key: value for key, value in self.entry.items() if key not in left_out},
        }


@dataclass(frozen=True, eq=False)
class Rewrite:
    """The rows of a plan that a step changes.

    Attributes
    ----------
    moved
        Unit id → its grid now; None: in none.
    removed
        Ids of units that were cut, or put together again.
    added
        The units in their place; None where there are none.
    """

    moved: dict[str, str | None] = field(default_factory=dict)
    removed: tuple[str, ...] = ()
    added: gpd.GeoDataFrame | None = None


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
        :data:`UNIT_COLUMNS` and geometry (EPSG:4490).
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
        :data:`UNIT_COLUMNS` and geometry (EPSG:4490), by unit id.
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
