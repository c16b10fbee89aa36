"""Service points (便民服务点) and the table of their categories."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Boolean, Date, ForeignKey, Integer, Text
from sqlalchemy.orm import Mapped

from gis.layers.base import SCHEMA, Base, code, field, shape, texts


class ServiceCategory(Base):
    """A category of service points; a place sets its own."""

    __tablename__ = "service_category"
    code_column = "category"

    category: Mapped[str] = field(Text, "Key, such as health", unique=True)
    name_zh: Mapped[str] = field(Text, "Chinese name")
    name_en: Mapped[str] = field(Text, "English name")
    position: Mapped[int] = field(Integer, "Order in legends and lists", server_default="0")


class ServicePoint(Base):
    """A place where residents get something done."""

    __tablename__ = "service_point"
    code_column = "point_code"

    point_code: Mapped[str] = code("point_code", "The service point", unique=True)
    name: Mapped[str] = field(Text, "Name")
    category: Mapped[str] = field(
        Text, "Category", ForeignKey(f"{SCHEMA}.service_category.category"), index=True
    )
    address: Mapped[str | None] = field(Text, "Address as people say it")
    phones: Mapped[list[str]] = texts("Public phones")
    hours: Mapped[str | None] = field(Text, "Opening hours, in words")
    accessible: Mapped[bool | None] = field(Boolean, "Whether a wheelchair gets in; null: not known")
    verified_on: Mapped[dt.date | None] = field(Date, "Day on which somebody last checked this entry")
    public: Mapped[bool] = field(Boolean, "Whether residents are shown it", server_default="true")
    community_code: Mapped[str | None] = code(
        "community_code", "Its community", ForeignKey(f"{SCHEMA}.division.division_code"), index=True
    )
    geometry: Mapped[Any] = shape("POINT", "Its door")
