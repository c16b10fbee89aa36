"""Our column names in a Shapefile, whose field names hold ten bytes.

Our own names have fixed short forms, so that a Shapefile of ours is understood wherever it went. Any
other long name is cut, and what it was cut from is kept in ``<name>.fields.json`` beside the file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from gis.errors import InputError

LONGEST = 10

SHORT_NAMES: dict[str, str] = {
    "division_code": "div_code",
    "parent_code": "parent_cd",
    "community_code": "comm_code",
    "colour_theme": "colour",
    "compound_code": "cmpd_code",
    "building_code": "bldg_code",
    "households": "households",
    "predecessors": "predecess",
    "counted_on": "counted_on",
    "accessible": "accessible",
    "verified_on": "verified",
    "street_code": "strt_code",
    "barrier_class": "barrier",
    "staff_code": "staff_code",
    "valid_from": "valid_from",
    "public_phone": "pub_phone",
    "incident_number": "incid_no",
    "reported_at": "reported",
    "accuracy_m": "accuracy_m",
    "edition_number": "edition_no",
    "effective_from": "effective",
    "distance_m": "distance_m",
}
"""Ours → short, for those that do not fit (and some that just do, so that nothing else takes their place)."""

_LONG_NAMES = {short: name for name, short in SHORT_NAMES.items()}


def shorten(names: Sequence[str]) -> dict[str, str]:
    """Give each column a field name of ten bytes or fewer, all different.

    Parameters
    ----------
    names
        Column names.

    Returns
    -------
    dict
        Name → field name.
    """
    taken: set[str] = set()
    found: dict[str, str] = {}
    for name in sorted(names, key=lambda name: (name not in SHORT_NAMES, len(name.encode()) > LONGEST)):
        short = SHORT_NAMES.get(name, name)
        number = 0
        while len(short.encode()) > LONGEST or short.casefold() in taken:
            number += 1
            short = _cut(name, LONGEST - len(str(number)) - 1) + f"_{number}"
        taken.add(short.casefold())
        found[name] = short
    return {name: found[name] for name in names}


def keep_names(mapping: dict[str, str], path: Path) -> None:
    """Write what cut names were cut from beside a Shapefile, if any is not one of ours.

    Parameters
    ----------
    mapping
        Name → field name.
    path
        The ``.shp``.
    """
    cut = {short: name for name, short in mapping.items() if short not in (name, SHORT_NAMES.get(name))}
    beside = _beside(path)
    if cut:
        beside.write_text(json.dumps(cut, ensure_ascii=False, indent=1), encoding="utf-8")
    else:
        beside.unlink(missing_ok=True)


def restore_names(rows: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Give the columns of a Shapefile their long names again.

    Parameters
    ----------
    rows
        As read.
    path
        The ``.shp``.

    Returns
    -------
    pandas.DataFrame
        Renamed, wherever the long name is not taken by another column.

    Raises
    ------
    InputError
        If the file of names is broken.
    """
    mapping = dict(_LONG_NAMES)
    beside = _beside(path)
    if beside.is_file():
        try:
            mapping.update({str(short): str(name) for short, name in json.loads(beside.read_bytes()).items()})
        except (ValueError, AttributeError) as cause:
            raise InputError("the names in it cannot be read", where=beside.name, mend="delete it") from cause
    present = set(rows.columns)
    return rows.rename(
        columns={short: name for short, name in mapping.items() if short in present and name not in present}
    )


def _beside(path: Path) -> Path:
    return path.with_suffix(".fields.json")


def _cut(name: str, size: int) -> str:
    return name.encode()[:size].decode(errors="ignore")
