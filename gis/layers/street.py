"""Streets and the other barriers that make clear borders: rivers and walls."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped

from gis.layers.base import SCHEMA, Base, code, field, shape, term
from gis.terms import BarrierClass


class Street(Base):
    """A street, lane, river or wall, as a line."""

    __tablename__ = "street"
    code_column = "street_code"

    street_code: Mapped[str] = field(Text, "Key of the line, unique in the county", unique=True)
    name: Mapped[str | None] = field(Text, "Name, if it has one")
    barrier_class: Mapped[str] = term("barrier_class", BarrierClass, "What it is")
    community_code: Mapped[str | None] = code(
        "community_code",
        "Its community; null for a line that several share",
        ForeignKey(f"{SCHEMA}.division.division_code"),
        index=True,
    )
    geometry: Mapped[Any] = shape("MULTILINESTRING", "Centre line")
