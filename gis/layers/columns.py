"""What kind of value a column holds, and how it gets there from whatever a file made of it.

A format keeps few kinds: CSV has texts only, a Shapefile no lists and no truth values, XLSX no whole
numbers. So a column's kind is named by whoever knows it (a layer's model), and its cells are turned into
that kind here, cell by cell accounted for. Codes are text, always.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

ColumnKind = Literal["text", "code", "integer", "number", "boolean", "date", "time", "list"]

_TRUE = {"true", "t", "yes", "y", "1", "是", "有", "对", "√"}
_FALSE = {"false", "f", "no", "n", "0", "否", "无", "没有", "×"}
_SEPARATOR = re.compile(r"(?<!\\)[;；]")
_ESCAPED = re.compile(r"\\([;；\\])")
_CHINESE_DATE = re.compile(r"^([0-9]{4})[年/.\-]([0-9]{1,2})[月/.\-]([0-9]{1,2})日?$")
_DAMAGED = r"^[0-9]+(?:\.[0-9]+)?[eE]\+?[0-9]+$"
_CODE_NAME = re.compile(r"(^|_)code$")
_EXACT = 1e15
_LARGEST = 2**63 - 1


def join_list(items: Sequence[str] | None) -> str | None:
    r"""Join a list's items with ``;`` (an item's own ``;`` and ``\`` get a ``\`` before them).

    Parameters
    ----------
    items
        The items, or None.

    Returns
    -------
    str or None
        Text for a file.
    """
    if items is None:
        return None
    return ";".join(re.sub(r"([;；\\])", r"\\\1", str(item)) for item in items)


def split_list(text: str | None) -> list[str]:
    """Split the text of a list; the inverse of :func:`join_list`, and kind to spaces and full-width ``；``.

    Parameters
    ----------
    text
        Text from a file.

    Returns
    -------
    list of str
        The items that are not empty.
    """
    if not text:
        return []
    # A backslash that is itself escaped does not escape what follows: hide such pairs while splitting.
    hidden = text.replace("\\\\", "\0")
    items = (item.strip().replace("\0", "\\\\") for item in _SEPARATOR.split(hidden))
    return [_ESCAPED.sub(r"\1", item) for item in items if item]


def is_code_column(name: str) -> bool:
    """Tell whether a column holds codes by its name: ``code`` or ``…_code``.

    Parameters
    ----------
    name
        The column's name.

    Returns
    -------
    bool
        Whether it does.
    """
    return bool(_CODE_NAME.search(name))


def code_texts(values: pd.Series) -> pd.Series:
    """Turn a column into text without losing a digit, or with the loss plain to see.

    Whole numbers become their digits. A floating number of 15 digits or fewer is exact and becomes its
    digits too; a longer one was damaged on the way and becomes ``6.20503001001001e+17``, which
    :func:`gis.codes.check_code` knows for what it is.

    Parameters
    ----------
    values
        Any column, shape (n,).

    Returns
    -------
    pandas.Series
        dtype str.
    """
    if _all_texts(values):
        texts = values.astype("str").str.strip()
        return texts.mask(texts == "")
    return pd.Series([_code_text(value) for value in values], index=values.index, dtype="str")


def _all_texts(values: pd.Series) -> bool:
    return pd.api.types.infer_dtype(values, skipna=True) in {"string", "empty"}


def _code_text(value: Any) -> str | None:
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, (float, np.floating)):
        number = float(value)
        return str(int(number)) if number.is_integer() and abs(number) < _EXACT else f"{number:e}"
    return str(value).strip() or None


def damaged_codes(codes: pd.Series) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Find the codes that a spreadsheet turned into numbers, such as ``6.20503E+14``.

    Parameters
    ----------
    codes
        Texts, shape (n,).

    Returns
    -------
    numpy.ndarray
        bool, shape (n,).
    """
    return np.asarray(codes.astype("str").str.match(_DAMAGED).fillna(value=False), dtype=np.bool_)


def cast_column(values: pd.Series, kind: ColumnKind) -> tuple[pd.Series, dict[int, str]]:
    """Turn a column's cells into a kind.

    Parameters
    ----------
    values
        Texts, numbers, dates or None, shape (n,).
    kind
        What is wanted.

    Returns
    -------
    tuple
        The column (text and code: str, integer: Int64, number: float64, boolean: boolean, others: object
        with None for null; a list is never null), and position → reason for the cells that could not be
        turned.
    """
    if kind == "code":
        return code_texts(values), {}
    if kind == "text" and _all_texts(values):
        texts = values.astype("str")
        return texts.mask(texts == ""), {}
    found: list[Any] = []
    bad: dict[int, str] = {}
    known: dict[Any, Any] = {}
    for position, value in enumerate(values):
        # Cells repeat: each different text is turned once.
        if isinstance(value, str) and value in known:
            turned = known[value]
        else:
            turned = _turned(value, kind)
            if isinstance(value, str):
                known[value] = turned
        if turned is _UNFIT or turned is _BEYOND:
            why = f"is not {_WORDS[kind]}" if turned is _UNFIT else "is beyond every number that is kept here"
            bad[position] = f"{str(value)[:40]!r} {why}"
            turned = None
        found.append(list(turned or ()) if kind == "list" else turned)
    return pd.Series(found, index=values.index, dtype=_DTYPES.get(kind, "object")), bad


_UNFIT = object()
_BEYOND = object()


def _turned(value: Any, kind: ColumnKind) -> Any:
    if not isinstance(value, (list, tuple, np.ndarray)) and pd.isna(value):
        return None
    try:
        return _TURN[kind](value.strip() if isinstance(value, str) and kind != "text" else value)
    except ValueError:
        return _UNFIT
    except OverflowError:
        return _BEYOND


def _text(value: Any) -> str | None:
    if isinstance(value, (float, np.floating)):
        number = float(value)
        return str(int(number)) if number.is_integer() and abs(number) < _EXACT else repr(number)
    if isinstance(value, (list, tuple, np.ndarray)):
        return join_list(list(value))
    return str(value) or None


def _integer(value: Any) -> int | None:
    if value == "":
        return None
    if isinstance(value, (float, np.floating)):
        if not float(value).is_integer():
            raise ValueError
        return _storable(int(value))
    text = str(value).replace(",", "").replace("，", "")
    return _storable(int(text.removesuffix(".0")))


def _storable(number: int) -> int:
    """Let through what a column of whole numbers can hold."""
    if abs(number) > _LARGEST:
        raise OverflowError
    return number


def _number(value: Any) -> float | None:
    if value == "":
        return None
    number = float(value)
    if not np.isfinite(number):
        raise ValueError
    return number


def _boolean(value: Any) -> bool | None:
    if value == "":
        return None
    key = str(value).casefold().removesuffix(".0")
    if key in _TRUE:
        return True
    if key in _FALSE:
        return False
    raise ValueError


def _date(value: Any) -> dt.date | None:
    if isinstance(value, (dt.datetime, pd.Timestamp)):
        return value.date()
    if isinstance(value, dt.date):
        return value
    if value == "":
        return None
    text = str(value)
    written = _CHINESE_DATE.match(text)
    if written:
        return dt.date(int(written[1]), int(written[2]), int(written[3]))
    return dt.datetime.fromisoformat(text).date()


def _time(value: Any) -> dt.datetime | None:
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    if isinstance(value, dt.datetime):
        return value
    return None if value == "" else dt.datetime.fromisoformat(str(value).replace("/", "-"))


def _list(value: Any) -> list[str]:
    if isinstance(value, str):
        return split_list(value)
    if isinstance(value, (list, tuple, np.ndarray)):
        return [str(item) for item in value]
    return split_list(_text(value))


_TURN: dict[str, Callable[[Any], Any]] = {
    "text": _text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "time": _time,
    "list": _list,
}

_DTYPES: dict[str, str] = {"text": "str", "integer": "Int64", "number": "float64", "boolean": "boolean"}

_WORDS: dict[str, str] = {
    "text": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "date": "a date; write it as 2026-03-01",
    "time": "a time; write it as 2026-03-01T08:30:00+08:00",
    "list": "a list",
}
