"""Compounds (小区), standalone buildings and bungalow areas: what people say they live in."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, Integer, Text
from sqlalchemy.orm import Mapped

from gis.layers.base import SCHEMA, Base, code, field, shape, term, texts
from gis.terms import CompoundKind


class Compound(Base):
    """A compound of any kind."""

    __tablename__ = "compound"
    code_column = "compound_code"

    compound_code: Mapped[str] = code("compound_code", "The compound", unique=True)
    name: Mapped[str] = field(Text, "Official name")
    kind: Mapped[str] = term("kind", CompoundKind, "What it is")
    managed: Mapped[bool | None] = field(Boolean, "Whether a company manages it; null: not known")
    aliases: Mapped[list[str]] = texts("Other names that people use")
    households: Mapped[int | None] = field(
        Integer,
        "Households as its office states them; null: not known, which is not zero",
        CheckConstraint("households >= 0", name="households_sign"),
    )
    residents: Mapped[int | None] = field(
        Integer,
        "Residents as its office states them",
        CheckConstraint("residents >= 0", name="residents_sign"),
    )
    predecessors: Mapped[list[str]] = texts("Codes of the compounds that it was merged from")
    community_code: Mapped[str] = code(
        "community_code", "Its community", ForeignKey(f"{SCHEMA}.division.division_code"), index=True
    )
    geometry: Mapped[Any] = shape("MULTIPOLYGON", "Land within its wall or plot line")
