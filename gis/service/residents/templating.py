"""Templates of what is published: autoescaped, with our texts at hand in one language."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gis.service.residents.wording import tel
from gis.texts import Language, text
from maps.legend import GLYPHS, OUTLINES

TEMPLATES = Path(__file__).parent / "site_templates"


@cache
def templates(language: Language) -> Environment:
    """Return the templates of ``site_templates`` in one language.

    They know ``t(key, **values)`` (a text of ``residents.toml``), ``term(group, key)`` (a fixed term),
    ``tel(number)`` and the shapes of signs. Everything that is put in is escaped.

    Parameters
    ----------
    language
        ``zh`` or ``en``.

    Returns
    -------
    jinja2.Environment
        For ``get_template``.
    """
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )

    def said(key: str, **values: Any) -> str:
        return text(f"residents.{key}", language, **values)

    def term(group: str, key: str) -> str:
        return text(f"terms.{group}.{key}", language)

    made.globals.update(t=said, term=term, tel=tel, language=language, outlines=OUTLINES, glyphs=GLYPHS)
    return made
