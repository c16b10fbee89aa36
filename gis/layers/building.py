"""Buildings: where households are counted; never cut by a grid's border."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import CheckConstraint, Date, ForeignKey, Integer, Text
from sqlalchemy.orm import Mapped

from gis.layers.base import SCHEMA, Base, code, field, shape, term
from gis.terms import HouseholdBasis


class Building(Base):
    """One building. Its code holds no grid: a redraw would recode every home."""

    __tablename__ = "building"
    code_column = "building_code"

    building_code: Mapped[str] = code("building_code", "The building", unique=True)
    compound_code: Mapped[str | None] = code(
        "compound_code", "Its compound, if any", ForeignKey(f"{SCHEMA}.compound.compound_code"), index=True
    )
    number: Mapped[str | None] = field(Text, "Number within its compound, such as 2号楼")
    units: Mapped[int | None] = field(
        Integer, "Entrances (单元)", CheckConstraint("units >= 0", name="units_sign")
    )
    floors: Mapped[int | None] = field(Integer, "Floors", CheckConstraint("floors >= 0", name="floors_sign"))
    households: Mapped[int | None] = field(
        Integer,
        "Households counted; null: not counted, which is not zero",
        CheckConstraint("households >= 0", name="households_sign"),
    )
    residents: Mapped[int | None] = field(
        Integer, "Residents counted", CheckConstraint("residents >= 0", name="residents_sign")
    )
    counted_on: Mapped[dt.date | None] = field(Date, "Day of the count")
    basis: Mapped[str | None] = term("basis", HouseholdBasis, "What was counted", nullable=True)
    community_code: Mapped[str] = code(
        "community_code", "Its community", ForeignKey(f"{SCHEMA}.division.division_code"), index=True
    )
    geometry: Mapped[Any] = shape("MULTIPOLYGON", "Footprint")
