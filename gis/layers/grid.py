"""Grids, their boundaries over time, and the editions that publish them.

A grid is an identity. What it is over a period (shape, type, name, theme, parent) is a
:class:`GridBoundary`. An :class:`Edition` is one published state of all boundaries of a county: those whose
period holds its ``effective_from``. So a scheduled edition changes nothing at all before its hour.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import BigInteger, DateTime, ForeignKey, Index, Integer, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY, TSTZRANGE, ExcludeConstraint, Range
from sqlalchemy.orm import Mapped, mapped_column

from gis.layers.base import SCHEMA, Base, code, field, shape, term, texts
from gis.terms import GridType


class ColourTheme(Base):
    """A colour theme: the group of residents that a grid of this colour serves."""

    __tablename__ = "colour_theme"
    code_column = "theme"

    theme: Mapped[str] = field(Text, "Key, such as green", unique=True)
    colour: Mapped[str] = field(Text, "Colour as #rrggbb")
    name_zh: Mapped[str] = field(Text, "Chinese name, with the group served")
    name_en: Mapped[str] = field(Text, "English name, with the group served")


class Grid(Base):
    """A grid's identity: renumbered never, reused never.

    Beside its code and community, the columns say what it was when last published in force; what it is in an
    edition is said by its boundary there.
    """

    __tablename__ = "grid"
    code_column = "grid_code"

    grid_code: Mapped[str] = code("grid_code", "The grid", unique=True)
    grid_type: Mapped[str] = term("grid_type", GridType, "Type")
    name: Mapped[str | None] = field(Text, "Name, if it has one")
    community_code: Mapped[str] = code(
        "community_code", "Its community", ForeignKey(f"{SCHEMA}.division.division_code"), index=True
    )
    parent_code: Mapped[str | None] = code(
        "parent_code",
        "The grid that a micro grid is part of",
        ForeignKey(f"{SCHEMA}.grid.grid_code", deferrable=True, initially="DEFERRED"),
        kind="grid_code",
        index=True,
    )
    colour_theme: Mapped[str | None] = field(Text, "Colour theme", ForeignKey(f"{SCHEMA}.colour_theme.theme"))
    predecessors: Mapped[list[str]] = texts("Codes of the grids that it was made from")


class Edition(Base):
    """One published state of all boundaries of a county; never changed, never deleted."""

    __tablename__ = "edition"
    code_column = "number"
    __table_args__ = (
        UniqueConstraint("county_code", "number"),
        UniqueConstraint("county_code", "effective_from"),
    )

    county_code: Mapped[str] = code(
        "county_code", "The county", ForeignKey(f"{SCHEMA}.division.division_code"), kind="division_code"
    )
    number: Mapped[int] = mapped_column(Integer, doc="1, 2, 3 … within the county")
    effective_from: Mapped[dt.datetime] = mapped_column(
        DateTime(timezone=True), doc="From when it is in force; later than the edition before"
    )
    published_at: Mapped[dt.datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), doc="When it was published"
    )
    published_by: Mapped[str] = mapped_column(Text, doc="Who published it")
    digest: Mapped[str] = mapped_column(Text, doc="SHA-256 of its grids' codes, types and boundaries")
    note: Mapped[str | None] = mapped_column(Text, doc="What changed, in words")


class GridBoundary(Base):
    """What a grid is over a period. Only its end may be set, once, when a later edition closes it."""

    __tablename__ = "grid_boundary"
    code_column = "grid_code"
    __table_args__ = (
        ExcludeConstraint(("grid_code", "="), ("valid", "&&"), name="one_shape_at_a_time", using="gist"),
        Index("ix_grid_boundary_county_valid", "county_code", "valid", postgresql_using="gist"),
    )

    grid_code: Mapped[str] = code("grid_code", "The grid", ForeignKey(f"{SCHEMA}.grid.grid_code"))
    grid_type: Mapped[str] = term("grid_type", GridType, "The grid's type")
    name: Mapped[str | None] = mapped_column(Text, doc="Its name, if it has one")
    parent_code: Mapped[str | None] = code(
        "parent_code",
        "The grid that a micro grid is part of",
        ForeignKey(f"{SCHEMA}.grid.grid_code", deferrable=True, initially="DEFERRED"),
        kind="grid_code",
    )
    colour_theme: Mapped[str | None] = mapped_column(
        Text, ForeignKey(f"{SCHEMA}.colour_theme.theme"), doc="Colour theme"
    )
    predecessors: Mapped[list[str]] = mapped_column(
        ARRAY(Text), doc="Codes of the grids that it was made from", server_default="{}"
    )
    county_code: Mapped[str] = code(
        "county_code", "The county", ForeignKey(f"{SCHEMA}.division.division_code"), kind="division_code"
    )
    valid: Mapped[Range[dt.datetime]] = mapped_column(
        TSTZRANGE, doc="From when to when it is in force; no end: until closed", server_default=text("'[,)'")
    )
    edition_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey(f"{SCHEMA}.edition.id"), index=True, doc="The edition that brought it in"
    )
    geometry: Mapped[Any] = shape("MULTIPOLYGON", "The land")


class OwnerPrecedence(Base):
    """Which layer's answer names the one owner of a point, where several answer."""

    __tablename__ = "owner_precedence"
    code_column = "layer"

    layer: Mapped[str] = field(Text, "basic, exclusive or micro", unique=True)
    rank: Mapped[int] = field(Integer, "The lowest rank that answers names the owner", unique=True)
