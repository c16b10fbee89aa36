"""Every text that a page, a map or a handbook shows, in Chinese and English.

The catalogue is the TOML files beside this module, one for a part of the house; a key is
``file.section.name`` and its value a table ``{ zh = "…", en = "…" }``. ``{braces}`` are filled in with
:meth:`str.format`. A text is plain text: whoever puts it into HTML, JavaScript or CSV escapes it there.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any, Literal

from gis.errors import InputError

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")


@cache
def catalogue(language: Language) -> dict[str, str]:
    """Return every text of one language, by key.

    Parameters
    ----------
    language
        ``zh`` or ``en``.

    Returns
    -------
    dict
        Key → text.
    """
    found: dict[str, str] = {}
    for file in sorted(resources.files(__package__).iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".toml"):
            table = tomllib.loads(file.read_text(encoding="utf-8"))
            _flatten(table, file.name.removesuffix(".toml"), language, found)
    return found


def text(key: str, language: Language = "zh", **values: Any) -> str:
    """Return one text, filled in.

    Parameters
    ----------
    key
        ``file.section.name``.
    language
        ``zh`` or ``en``.
    **values
        What its braces stand for.

    Returns
    -------
    str
        Plain text, not escaped for anything.
    """
    found = catalogue(language)[key]
    return found.format(**values) if values else found


def as_language(value: str | None) -> Language:
    """Read a language from a query or header; Chinese unless English is asked for.

    Parameters
    ----------
    value
        Such as ``en``, ``zh-CN`` or an Accept-Language header's first entry.

    Returns
    -------
    Language
        ``zh`` or ``en``.
    """
    return "en" if value is not None and value.strip().lower().startswith("en") else "zh"


def _flatten(table: dict[str, Any], prefix: str, language: Language, into: dict[str, str]) -> None:
    for name, value in table.items():
        key = f"{prefix}.{name}"
        if isinstance(value, dict) and set(value) == set(LANGUAGES):
            into[key] = str(value[language])
        elif isinstance(value, dict):
            _flatten(value, key, language, into)
        else:
            raise InputError(f"the text {key} needs both zh and en", where=prefix)
