"""The service points as plain HTML, for browsers that run no scripts; everything in it is escaped.

It stands inside ``<noscript>``, so that a browser with scripts does not even parse it.
"""

from __future__ import annotations

import datetime as dt
from html import escape
from typing import Any

import numpy as np

from gis.texts import Language, text
from maps.packing import unpack_choices

MOST = 1000
"""More points than this, a district's, are not written twice into a page; the list then says so."""

_EPOCH = dt.date(2000, 1, 1)


def plain_list(packed: dict[str, Any]) -> str:
    """Write the list of grids and service points.

    Parameters
    ----------
    packed
        What :func:`maps.payload.pack` gave.

    Returns
    -------
    str
        A ``<noscript>`` element.
    """
    language: Language = packed["language"]

    def say(key: str, **values: Any) -> str:
        return escape(text(f"maps.page.{key}", language, **values))

    facts = packed["facts"]
    lines = [f"<h1>{_name(packed['titles'][language])}</h1>"]
    if facts["updated_on"]:
        lines.append(f"<p>{say('updated_on', date=facts['updated_on'])}</p>")
    if facts["approval"]:
        lines.append(f"<p>{say('approval', number=facts['approval'])}</p>")
    lines.append(f"<p>{escape(text('maps.plain.no_script', language))}</p>")
    lines += [f"<p>{say(key, **values)}</p>" for key, values in packed["notes"]]
    lines += _grids(packed, language)
    count = packed["points"]["count"]
    if count > MOST:
        lines.append(f"<p>{escape(text('maps.plain.long_list', language, count=count))}</p>")
    else:
        lines += _points(packed, language)
    return f'<noscript><div class="wg-plain">{"".join(lines)}</div></noscript>'


def _name(value: str) -> str:
    return f"<bdi>{escape(value)}</bdi>"


def _tel(number: str) -> str:
    digits = "".join(char for char in number if char.isascii() and (char.isdigit() or char in "+-"))
    return f'<a href="tel:{digits}">{escape(number)}</a>' if digits else escape(number)


def _grids(packed: dict[str, Any], language: Language) -> list[str]:
    grids = packed["grids"]
    rows = []
    for code, name, people in zip(grids["code"], grids["name"], grids["staff"], strict=True):
        told = "; ".join(
            f"{escape(text(f'terms.staff_role.{role}', language))} {_name(person)} {_tel(phone)}"
            for role, person, phone in people
        )
        rows.append(f"<li>{_name(name or code)} <small>{escape(code)}</small> {told}</li>")
    return (
        [f"<h2>{escape(text('maps.page.layer_grids', language))}</h2><ul>{''.join(rows)}</ul>"]
        if rows
        else []
    )


def _points(packed: dict[str, Any], language: Language) -> list[str]:
    points = packed["points"]
    if not points["count"]:
        return []
    names, addresses, phones, hours = (
        _texts(points[column]) for column in ("name", "address", "phones", "hours")
    )
    grids = np.cumsum(points["grid"]).tolist()
    categories = unpack_choices(points["category"])
    ago, last = unpack_choices(points["verified"]["ago"]), points["verified"]["last"]
    shown = sorted(range(points["count"]), key=lambda at: (categories[at], names[at]))
    lines = []
    category = -1
    for at in shown:
        if categories[at] != category:
            lines.append("</ul>" if category >= 0 else "")
            category = categories[at]
            lines.append(f"<h2>{_name(packed['categories'][category]['names'][language])}</h2><ul>")
        told = [addresses[at], hours[at]]
        if grids[at] >= 0:
            told.append(packed["grids"]["name"][grids[at]] or packed["grids"]["code"][grids[at]])
        if ago[at] > 0:
            day = _EPOCH + dt.timedelta(days=last - ago[at] + 1)
            told.append(text("maps.page.verified", language, date=day.isoformat()))
        numbers = " ".join(_tel(number) for number in phones[at].split(";") if number)
        words = " · ".join(_name(one) for one in told if one)
        lines.append(
            f"<li>{_name(names[at] or text('maps.page.name_missing', language))} {numbers}<br>{words}</li>"
        )
    return [*lines, "</ul>"]


def _texts(column: Any) -> list[str]:
    texts = [column["p"] + text for text in column["t"].split("\n")]
    return [texts[index] for index in unpack_choices(column["i"])] if "i" in column else texts
