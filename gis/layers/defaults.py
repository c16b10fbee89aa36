"""The tables that a place sets for itself, as they stand before it does.

They are only added where their key is missing: what an operator changed stays changed.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from gis.layers.base import Base
from gis.layers.grid import ColourTheme, OwnerPrecedence
from gis.layers.incident import IncidentCategory, IncidentSource
from gis.layers.service_point import ServiceCategory
from gis.texts import catalogue

THEME_COLOURS = {
    "red": "#d1495b",
    "orange": "#e08e2b",
    "yellow": "#e6c229",
    "green": "#2a9d6f",
    "blue": "#2f6db5",
}
"""Told apart by people with any of the common kinds of colour blindness, by lightness if not by hue."""

PRECEDENCE = ("exclusive", "micro", "basic")
"""An exclusive grid owns what happens on its land; a micro grid is a part of its basic grid."""


def add_defaults(connection: Connection) -> None:
    """Add the default categories, sources, colour themes and precedence where they are missing.

    Parameters
    ----------
    connection
        An open transaction.
    """
    categories = _named("terms.service_category.", "category")
    for position, row in enumerate(categories):
        row["position"] = position
    themes = [row | {"colour": THEME_COLOURS[row["theme"]]} for row in _named("terms.colour_theme.", "theme")]
    ranks = [{"layer": layer, "rank": rank} for rank, layer in enumerate(PRECEDENCE, start=1)]
    tables: list[tuple[type[Base], list[dict[str, Any]]]] = [
        (ServiceCategory, categories),
        (ColourTheme, themes),
        (IncidentCategory, _named("incidents.category.", "category")),
        (IncidentSource, _named("incidents.source.", "source")),
        (OwnerPrecedence, ranks),
    ]
    for model, rows in tables:
        connection.execute(insert(model).values(rows).on_conflict_do_nothing())


def _named(prefix: str, key: str) -> list[dict[str, Any]]:
    zh, en = catalogue("zh"), catalogue("en")
    names = [name for name in zh if name.startswith(prefix)]
    return [{key: name.removeprefix(prefix), "name_zh": zh[name], "name_en": en[name]} for name in names]
