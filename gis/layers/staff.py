"""Staff: who looks after a grid or a division, from when to when."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import CheckConstraint, Date, ForeignKey, Text
from sqlalchemy.orm import Mapped

from gis.layers.base import SCHEMA, Base, code, field, term
from gis.terms import StaffRole


class Staff(Base):
    """One person in one role for one grid or division over one time."""

    __tablename__ = "staff"
    code_column = "staff_code"
    __table_args__ = (
        CheckConstraint("(grid_code IS NULL) <> (division_code IS NULL)", name="one_place"),
        CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="time_runs_forward"),
    )

    staff_code: Mapped[str] = field(Text, "Key of this appointment", unique=True)
    person: Mapped[str] = field(Text, "Name of the person")
    role: Mapped[str] = term("role", StaffRole, "Role")
    grid_code: Mapped[str | None] = code(
        "grid_code", "The grid, or", ForeignKey(f"{SCHEMA}.grid.grid_code"), index=True
    )
    division_code: Mapped[str | None] = code(
        "division_code", "the division", ForeignKey(f"{SCHEMA}.division.division_code"), index=True
    )
    valid_from: Mapped[dt.date] = field(Date, "First day")
    valid_to: Mapped[dt.date | None] = field(Date, "First day no longer; null: still")
    public_phone: Mapped[str | None] = field(Text, "The published number")
    private_phone: Mapped[str | None] = field(Text, "A number that stays inside", private=True)
