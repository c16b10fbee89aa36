"""Incidents: what came in, what was made of it, and its append-only history."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import BigInteger, DateTime, Double, ForeignKey, Index, Integer, Text, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from gis.layers.base import SCHEMA, Base, code, field, shape, term
from gis.terms import IncidentState, OwnerStatus


class IncidentCategory(Base):
    """A category of incidents with its time limits; a place sets its own."""

    __tablename__ = "incident_category"
    code_column = "category"

    category: Mapped[str] = field(Text, "Key, such as noise", unique=True)
    name_zh: Mapped[str] = field(Text, "Chinese name")
    name_en: Mapped[str] = field(Text, "English name")
    accept_hours: Mapped[float] = field(Double, "Hours to accept within", server_default="2")
    resolve_hours: Mapped[float] = field(Double, "Hours to resolve within", server_default="72")


class IncidentSource(Base):
    """A way in which incidents arrive; a place sets its own."""

    __tablename__ = "incident_source"
    code_column = "source"

    source: Mapped[str] = field(Text, "Key, such as hotline", unique=True)
    name_zh: Mapped[str] = field(Text, "Chinese name")
    name_en: Mapped[str] = field(Text, "English name")


class Incident(Base):
    """One incident, as it stands now."""

    __tablename__ = "incident"
    code_column = "incident_number"
    __table_args__ = (Index("ix_incident_queue", "county_code", "state", "due_at"),)

    incident_number: Mapped[str] = field(Text, "Number that people quote", unique=True)
    county_code: Mapped[str | None] = code(
        "county_code",
        "The county whose queue it is in",
        ForeignKey(f"{SCHEMA}.division.division_code"),
        kind="division_code",
        info={"frame": False},
    )
    category: Mapped[str] = field(Text, "Category", ForeignKey(f"{SCHEMA}.incident_category.category"))
    source: Mapped[str] = field(Text, "How it came in", ForeignKey(f"{SCHEMA}.incident_source.source"))
    text: Mapped[str] = field(Text, "What was said", private=True)
    reporter: Mapped[str | None] = field(Text, "How to reach who reported it", private=True)
    reported_at: Mapped[dt.datetime] = field(DateTime(timezone=True), "When it came in")
    lon: Mapped[float | None] = field(Double, "Original x or longitude, as it came in")
    lat: Mapped[float | None] = field(Double, "Original y or latitude, as it came in")
    crs: Mapped[str | None] = field(Text, "Datum of the original coordinates")
    accuracy_m: Mapped[float | None] = field(Double, "Accuracy radius in metres")
    confidence: Mapped[float | None] = field(Double, "Probability that the radius stands for")
    address: Mapped[str | None] = field(Text, "Address as it came in", private=True)
    photo: Mapped[str | None] = field(Text, "Name of the stored photo", private=True)
    state: Mapped[str] = term("state", IncidentState, "Where it stands")
    grid_code: Mapped[str | None] = code(
        "grid_code", "The owner; null: nobody yet", ForeignKey(f"{SCHEMA}.grid.grid_code"), index=True
    )
    division_code: Mapped[str | None] = code(
        "division_code",
        "The community or street that it was escalated to",
        ForeignKey(f"{SCHEMA}.division.division_code"),
    )
    owner_status: Mapped[str | None] = term(
        "owner_status", OwnerStatus, "How sure the owner is", nullable=True
    )
    margin_m: Mapped[float | None] = field(Double, "Metres from the point to the owner's border")
    distance_m: Mapped[float | None] = field(Double, "Metres to the nearest grid, when outside all")
    candidates: Mapped[list[Any] | None] = mapped_column(JSONB, doc="Grids that may own it, with probability")
    edition_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey(f"{SCHEMA}.edition.id"), doc="The edition that the owner was found by"
    )
    due_at: Mapped[dt.datetime | None] = field(DateTime(timezone=True), "When its next step is due")
    closed_at: Mapped[dt.datetime | None] = field(DateTime(timezone=True), "When it was resolved")
    rating: Mapped[int | None] = field(Integer, "What the resident made of it, 1 to 5")
    merged_into: Mapped[str | None] = field(Text, "Number of the incident that it doubles")
    version: Mapped[int] = mapped_column(
        Integer, doc="Counts the steps; a step against an older one is refused", server_default="0"
    )
    geometry: Mapped[Any] = shape("POINT", "The point, once converted", nullable=True)


class IncidentStep(Base):
    """One step in an incident's life; never changed, never deleted."""

    __tablename__ = "incident_step"
    code_column = "sequence"
    __table_args__ = (UniqueConstraint("incident_id", "sequence"),)

    incident_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey(f"{SCHEMA}.incident.id"), index=True, doc="The incident"
    )
    sequence: Mapped[int] = mapped_column(Integer, doc="1, 2, 3 … within the incident")
    at: Mapped[dt.datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), doc="When it happened"
    )
    actor: Mapped[str] = mapped_column(Text, doc="Who did it")
    act: Mapped[str] = mapped_column(Text, doc="reported, assigned, moved, accepted, escalated …")
    from_grid: Mapped[str | None] = mapped_column(Text, doc="Owner before")
    to_grid: Mapped[str | None] = mapped_column(Text, doc="Owner after")
    edition_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey(f"{SCHEMA}.edition.id"), doc="The edition that it went by"
    )
    reason: Mapped[str | None] = mapped_column(Text, doc="Why, in words")
    change: Mapped[dict[str, Any] | None] = mapped_column(JSONB, doc="What else changed, from and to")


class Visit(Base):
    """A grid worker's visit, for the weekly and monthly statistics."""

    __tablename__ = "visit"
    code_column = "id"

    grid_code: Mapped[str] = code("grid_code", "The grid", ForeignKey(f"{SCHEMA}.grid.grid_code"), index=True)
    visited_at: Mapped[dt.datetime] = field(DateTime(timezone=True), "When")
    kind: Mapped[str] = field(Text, "What for: patrol, household, follow-up")
    households: Mapped[int] = field(Integer, "Households seen", server_default="1")
