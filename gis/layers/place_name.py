"""The gazetteer: every name of the layers that somebody may give as an address, made ready to be searched.

It is derived: filled from compounds, buildings, streets and service points, and filled again when they
change. Nothing is only here.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, Double, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from gis.layers.base import Base, shape


class PlaceName(Base):
    """One name of one place."""

    __tablename__ = "place_name"
    code_column = "id"
    __table_args__ = (
        Index("ix_place_name_key", "key", postgresql_using="gin", postgresql_ops={"key": "gin_trgm_ops"}),
    )

    county_code: Mapped[str] = mapped_column(Text, index=True, doc="The county")
    community_code: Mapped[str | None] = mapped_column(Text, doc="The community, where it lies in one")
    kind: Mapped[str] = mapped_column(Text, doc="compound, building, street or service_point")
    code: Mapped[str] = mapped_column(Text, doc="Code of the place")
    compound_code: Mapped[str | None] = mapped_column(Text, doc="The compound that a building is in")
    shown: Mapped[str] = mapped_column(Text, doc="The name as people are shown it")
    key: Mapped[str] = mapped_column(Text, doc="The name made plain: half width, simplified, Arabic numerals")
    official: Mapped[bool] = mapped_column(Boolean, doc="Whether it is the place's own name, not an alias")
    radius_m: Mapped[float] = mapped_column(Double, doc="Metres around the point within which the place lies")
    geometry: Mapped[Any] = shape("POINT", "A point of the place")
