"""Divisions: county (区县) → street (街道) → community (社区); any level below the county may be missing."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped

from gis.layers.base import SCHEMA, Base, code, field, shape, term
from gis.terms import DivisionLevel


class Division(Base):
    """One division of the tree."""

    __tablename__ = "division"
    code_column = "division_code"

    division_code: Mapped[str] = code("division_code", "The division", unique=True)
    level: Mapped[str] = term("level", DivisionLevel, "Level of the tree")
    name: Mapped[str] = field(Text, "Name as people say it")
    parent_code: Mapped[str | None] = code(
        "parent_code",
        "The division above; null for the county",
        ForeignKey(f"{SCHEMA}.division.division_code", deferrable=True, initially="DEFERRED"),
        kind="division_code",
        index=True,
    )
    geometry: Mapped[Any] = shape("MULTIPOLYGON", "Boundary; null where it is not known", nullable=True)
