"""Plans: a planner's draft for one community, its units and its append-only log."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import BigInteger, Boolean, DateTime, ForeignKey, Integer, Text, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from gis.layers.base import SCHEMA, Base, code, shape


class Plan(Base):
    """A draft division of one community, based on an edition."""

    __tablename__ = "plan"
    code_column = "id"

    community_code: Mapped[str] = code(
        "community_code", "The community", ForeignKey(f"{SCHEMA}.division.division_code"), index=True
    )
    name: Mapped[str] = mapped_column(Text, doc="What its author calls it")
    author: Mapped[str] = mapped_column(Text, doc="Who started it")
    base_edition_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey(f"{SCHEMA}.edition.id"), doc="The edition that it was branched from"
    )
    base_plan_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey(f"{SCHEMA}.plan.id"), doc="The plan that it was branched from, if any"
    )
    state: Mapped[str] = mapped_column(
        Text, doc="draft, review, published or abandoned", server_default="draft"
    )
    version: Mapped[int] = mapped_column(
        Integer, doc="Counts the steps; an edit against an older one is refused", server_default="0"
    )
    grids: Mapped[dict[str, Any]] = mapped_column(
        JSONB, doc="Label → type, name, colour theme, locked, code, predecessors", server_default="{}"
    )
    created_at: Mapped[dt.datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), doc="When it was started"
    )
    updated_at: Mapped[dt.datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), doc="When its last step was made"
    )
    proof: Mapped[dict[str, Any] | None] = mapped_column(JSONB, doc="The proof of its seamless cover")
    published_edition_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey(f"{SCHEMA}.edition.id"), doc="The edition that it became"
    )


class PlanUnit(Base):
    """A unit of a plan: the smallest land that moves between grids."""

    __tablename__ = "plan_unit"
    code_column = "unit_id"
    __table_args__ = (UniqueConstraint("plan_id", "unit_id"),)

    plan_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey(f"{SCHEMA}.plan.id"), index=True, doc="The plan"
    )
    unit_id: Mapped[str] = mapped_column(Text, doc="Key within the plan")
    label: Mapped[str | None] = mapped_column(Text, doc="The grid that it is in now; null: in none yet")
    households: Mapped[int | None] = mapped_column(Integer, doc="Households; null: not known")
    residents: Mapped[int | None] = mapped_column(Integer, doc="Residents; null: not known")
    compound_code: Mapped[str | None] = mapped_column(Text, doc="The compound that it is part of, if any")
    geometry: Mapped[Any] = shape("MULTIPOLYGON", "The land")


class PlanStep(Base):
    """One step of a plan's log; undo and redo are steps too. Never changed, never deleted."""

    __tablename__ = "plan_step"
    code_column = "sequence"
    __table_args__ = (UniqueConstraint("plan_id", "sequence"),)

    plan_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey(f"{SCHEMA}.plan.id"), index=True, doc="The plan"
    )
    sequence: Mapped[int] = mapped_column(Integer, doc="1, 2, 3 … within the plan")
    at: Mapped[dt.datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), doc="When it was made"
    )
    actor: Mapped[str] = mapped_column(Text, doc="Who made it")
    act: Mapped[str] = mapped_column(Text, doc="move, split, merge, set, lock, propose, undo, redo …")
    change: Mapped[dict[str, Any]] = mapped_column(JSONB, doc="What it changed, from and to")


class PlanComment(Base):
    """What somebody said of a plan; never changed, never deleted."""

    __tablename__ = "plan_comment"
    code_column = "id"

    plan_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey(f"{SCHEMA}.plan.id"), index=True, doc="The plan"
    )
    at: Mapped[dt.datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), doc="When it was said"
    )
    actor: Mapped[str] = mapped_column(Text, doc="Who said it")
    words: Mapped[str] = mapped_column(Text, doc="What was said")
    geometry: Mapped[Any] = shape("POINT", "Where, if anywhere", nullable=True)


class PlanProposal(Base):
    """A search for better divisions of a plan: asked for, run by a worker process, answered while it runs."""

    __tablename__ = "plan_proposal"
    code_column = "id"

    plan_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey(f"{SCHEMA}.plan.id"), index=True, doc="The plan"
    )
    plan_version: Mapped[int] = mapped_column(Integer, doc="The version of the plan that it starts from")
    actor: Mapped[str] = mapped_column(Text, doc="Who asked for it")
    asked_at: Mapped[dt.datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), doc="When it was asked for"
    )
    options: Mapped[dict[str, Any]] = mapped_column(JSONB, doc="Limits, goal, number of grids, seconds, seed")
    state: Mapped[str] = mapped_column(
        Text, doc="waiting, running, done, cancelled or failed", server_default="waiting"
    )
    progress: Mapped[dict[str, Any] | None] = mapped_column(JSONB, doc="How far it is, and the best so far")
    results: Mapped[list[Any] | None] = mapped_column(JSONB, doc="The divisions found, with their metrics")
    words: Mapped[list[Any] | None] = mapped_column(JSONB, doc="What it has to say, such as why none fits")
    cancel_asked: Mapped[bool] = mapped_column(Boolean, doc="Whether to stop", server_default="false")
    beat_at: Mapped[dt.datetime | None] = mapped_column(
        DateTime(timezone=True), doc="When its worker last gave a sign of life"
    )
    finished_at: Mapped[dt.datetime | None] = mapped_column(DateTime(timezone=True), doc="When it ended")
