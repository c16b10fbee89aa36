"""What colours and signs stand for: service categories and grid themes, from tables a place may set.

Colour never carries a meaning alone. A category has an outline *and* a glyph *and* a colour; a theme has a
colour *and* a mark that stands beside the grid's number. The colours keep 3:1 against both papers, and the
five themes stay apart for people who see no red or no green (checked in the tests).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from gis.errors import InputError
from gis.texts import LANGUAGES, Language, catalogue

_SHAPES = tomllib.loads((Path(__file__).parent / "signs.toml").read_text(encoding="utf-8"))

OUTLINES: dict[str, str] = _SHAPES["outlines"]
"""Outline → path on a 24 × 24 field. They are filled with the category's colour."""

GLYPHS: dict[str, str] = _SHAPES["glyphs"]
"""Glyph → path on the same field, filled with white by the even-odd rule."""

MARKS = ("circle", "triangle", "square", "diamond", "star", "bar")


_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True)
class Category:
    """How one service category is shown.

    Attributes
    ----------
    category
        The value of the column ``category``.
    names
        Language → name.
    colour
        ``#rrggbb``.
    outline, glyph
        Keys of ``OUTLINES`` and ``GLYPHS``.
    known
        False where the table had no row for it, and the sign is the general one.
    """

    category: str
    names: dict[Language, str]
    colour: str
    outline: str
    glyph: str
    known: bool = True


@dataclass(frozen=True)
class Theme:
    """How the grids of one colour theme are shown, and whom they serve.

    Attributes
    ----------
    theme
        The value of the column ``colour_theme``.
    names
        Language → what the legend says.
    colour
        ``#rrggbb``.
    mark
        One of ``MARKS``, beside the grid's number.
    """

    theme: str
    names: dict[Language, str]
    colour: str
    mark: str


_SIGNS: dict[str, tuple[str, str, str]] = {
    "community_office": ("#b3261e", "house", "people"),
    "party_centre": ("#d03a2b", "square", "star"),
    "police": ("#1b4fa8", "shield", "badge"),
    "health": ("#0a7d55", "circle", "cross"),
    "pharmacy": ("#17877e", "hexagon", "pill"),
    "elderly_care": ("#b4456f", "circle", "heart"),
    "childcare": ("#a8590a", "octagon", "blocks"),
    "school": ("#5a4bb0", "square", "book"),
    "canteen": ("#c24d0e", "circle", "bowl"),
    "market": ("#94600c", "hexagon", "bag"),
    "culture": ("#8e3fa0", "octagon", "note"),
    "sport": ("#3d7a1c", "octagon", "weights"),
    "parcel": ("#7c5a3c", "square", "box"),
    "repair": ("#50636f", "hexagon", "wrench"),
    "recycling": ("#4d7331", "square", "bin"),
    "charging": ("#0d7a94", "diamond", "bolt"),
    "toilet": ("#3f6ea5", "square", "figures"),
    "shelter": ("#c0392f", "diamond", "tent"),
    "transit": ("#2a6cb8", "circle", "bus"),
    "other": ("#5f6670", "circle", "dot"),
}

_THEMES: dict[str, tuple[str, str]] = {
    "red": ("#c8372d", "star"),
    "orange": ("#e08a1e", "diamond"),
    "yellow": ("#d6bc1f", "triangle"),
    "green": ("#1f8a5b", "square"),
    "blue": ("#2f6fd0", "circle"),
}


def default_categories() -> dict[str, Category]:
    """Return the sign of every category that the project ships.

    Returns
    -------
    dict
        Category → its sign.
    """
    return {
        key: Category(key, _named(f"terms.service_category.{key}", key), *sign)
        for key, sign in _SIGNS.items()
    }


def default_themes() -> dict[str, Theme]:
    """Return the five-colour scheme, each grid named after its colour.

    Returns
    -------
    dict
        Theme → how it is shown.
    """
    return {key: Theme(key, _named(f"terms.colour_theme.{key}", key), *look) for key, look in _THEMES.items()}


def categories_of(values: Iterable[Any], table: pd.DataFrame | None = None) -> dict[str, Category]:
    """Find the sign of every category that occurs; none is left without one.

    Parameters
    ----------
    values
        Categories as they occur, missing ones included.
    table
        A place's own: columns ``category``, and any of ``zh``, ``en``, ``colour``, ``outline``, ``glyph``.

    Returns
    -------
    dict
        Category → sign, in the table's order and then the defaults'; unknown ones last, with ``known`` false.

    Raises
    ------
    InputError
        If the table names an outline, glyph or colour that does not exist.
    """
    signs = default_categories()
    rows = [] if table is None else table.to_dict("records")
    own = {str(row["category"]): _own_category(row, signs) for row in rows}
    ordered = {**own, **{key: sign for key, sign in signs.items() if key not in own}}
    wanted = {plain_text(value) or "other" for value in values}
    found = {key: sign for key, sign in ordered.items() if key in wanted}
    general = ordered["other"]
    for key in sorted(wanted - set(found)):
        names: dict[Language, str] = dict.fromkeys(LANGUAGES, key)
        found[key] = Category(key, names, general.colour, general.outline, general.glyph, known=False)
    return found


def themes_of(values: Iterable[Any], table: pd.DataFrame | None = None) -> dict[str, Theme]:
    """Find how every colour theme that occurs is shown.

    Parameters
    ----------
    values
        Themes as they occur; missing ones are passed over.
    table
        A place's own: columns ``colour_theme``, and any of ``zh``, ``en``, ``colour``, ``mark``.

    Returns
    -------
    dict
        Theme → how it is shown, in the table's order and then the defaults'; unknown ones grey, last.

    Raises
    ------
    InputError
        If the table names a mark or colour that does not exist.
    """
    themes = default_themes()
    rows = [] if table is None else table.to_dict("records")
    own = {str(row["colour_theme"]): _own_theme(row, themes) for row in rows}
    ordered = {**own, **{key: theme for key, theme in themes.items() if key not in own}}
    wanted = {plain_text(value) for value in values} - {""}
    found = {key: theme for key, theme in ordered.items() if key in wanted}
    for key in sorted(wanted - set(found)):
        found[key] = Theme(key, dict.fromkeys(LANGUAGES, key), "#6b7280", "bar")
    return found


def plain_text(value: Any) -> str:
    """Turn a cell of a frame into text that a page can carry; missing ones into none.

    Control characters and lone surrogates, which neither HTML nor UTF-8 can hold, become U+FFFD.

    Parameters
    ----------
    value
        Text, a number, or what pandas writes for a missing value.

    Returns
    -------
    str
        Trimmed text, empty where there is none.
    """
    if value is None or (not isinstance(value, str) and pd.api.types.is_scalar(value) and pd.isna(value)):
        return ""
    return _UNPRINTABLE.sub("\ufffd", str(value)).strip()


def _named(key: str, otherwise: str) -> dict[Language, str]:
    return {language: catalogue(language).get(key, otherwise) for language in LANGUAGES}


def _own_category(row: dict[Any, Any], defaults: dict[str, Category]) -> Category:
    key = str(row["category"])
    base = defaults.get(key, defaults["other"])
    where = f"categories: {key}"
    return Category(
        key,
        _own_names(row, base.names if key in defaults else dict.fromkeys(LANGUAGES, key)),
        _own_colour(row, base.colour, where),
        _one_of(row, "outline", base.outline, OUTLINES, where),
        _one_of(row, "glyph", base.glyph, GLYPHS, where),
        known=key in defaults or bool(plain_text(row.get("glyph"))),
    )


def _own_theme(row: dict[Any, Any], defaults: dict[str, Theme]) -> Theme:
    key = str(row["colour_theme"])
    base = defaults.get(key) or Theme(key, dict.fromkeys(LANGUAGES, key), "#6b7280", "bar")
    where = f"themes: {key}"
    colour = _own_colour(row, base.colour, where)
    return Theme(key, _own_names(row, base.names), colour, _one_of(row, "mark", base.mark, MARKS, where))


def _own_names(row: dict[Any, Any], otherwise: dict[Language, str]) -> dict[Language, str]:
    return {language: plain_text(row.get(language)) or otherwise[language] for language in LANGUAGES}


def _own_colour(row: dict[Any, Any], otherwise: str, where: str) -> str:
    colour = plain_text(row.get("colour")) or otherwise
    digits = colour.removeprefix("#")
    if not colour.startswith("#") or len(digits) != 6 or not set(digits.lower()) <= set("0123456789abcdef"):
        raise InputError(f"{colour!r} is not a colour", where=where, mend="give #rrggbb")
    return colour.lower()


def _one_of(row: dict[Any, Any], column: str, otherwise: str, known: Iterable[str], where: str) -> str:
    value = plain_text(row.get(column)) or otherwise
    if value not in known:
        raise InputError(f"{value!r} is not a known {column}", where=where, mend=f"give {', '.join(known)}")
    return value
