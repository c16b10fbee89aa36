"""Codes that tell rows apart: text, whole, filled and each its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely

from gis.errors import InputError
from gis.layers.columns import code_texts, damaged_codes, is_code_column
from gis.layers.report import Action, ImportRow, listed

_SAVE_AS_TEXT = "format the column as text in the spreadsheet and enter the codes again"


def codes_as_text(rows: pd.DataFrame, code_field: str | None = None) -> pd.DataFrame:
    """Turn every column of codes into text.

    Parameters
    ----------
    rows
        A file's rows.
    code_field
        The column that identifies a row, where its name does not tell that it holds codes.

    Returns
    -------
    pandas.DataFrame
        The rows.
    """
    rows = rows.copy(deep=False)
    for name in rows.columns:
        if name == code_field or is_code_column(str(name)):
            rows[name] = code_texts(rows[name])
    return rows


def identify_rows(
    rows: pd.DataFrame,
    code_field: str,
    entries: list[ImportRow],
    geometry: np.ndarray[Any, Any] | None,
    path: Path,
) -> pd.DataFrame:
    """Refuse rows whose code is missing or not theirs alone.

    Parameters
    ----------
    rows
        A file's rows, indexed by row number.
    code_field
        The column that identifies a row.
    entries
        Where refusals are put.
    geometry
        The rows' shapes, where they have any: rows are alike only if these are.
    path
        The file, for the message.

    Returns
    -------
    pandas.DataFrame
        The rows, their codes as text.

    Raises
    ------
    InputError
        If there is no such column.
    """
    refused = {entry.row for entry in entries if entry.action is Action.REFUSED}
    if not len(rows.columns) and not entries:
        raise InputError("there are no rows in it", where=path.name, mend="export it again")
    if code_field not in rows.columns:
        raise InputError(
            f"there is no column {code_field!r}",
            where=path.name,
            mend=f"say which one it is (--field {code_field}=theirs); the columns are {listed(rows.columns)}",
        )
    rows = codes_as_text(rows, code_field)
    codes = rows[code_field]
    entries += [
        ImportRow(int(row), None, Action.REFUSED, code_field, "the code is empty", "give it one")
        for row in rows.index[codes.isna()]
    ]
    bearers = codes[codes.notna() & ~rows.index.isin(list(refused)) & codes.duplicated(keep=False)]
    for code, group in bearers.groupby(bearers):
        places = rows.index.get_indexer(group.index)
        shapes = geometry[places] if geometry is not None else np.full(len(places), None)
        same = _all_alike(rows.iloc[places]) and len({shapely.to_wkb(shape) for shape in shapes}) == 1
        places_named = ", ".join(str(row) for row in group.index[:5]) + (" …" if len(group) > 5 else "")
        for row in group.index[1:] if same else group.index:
            reason = (
                f"it repeats row {group.index[0]} in every column"
                if same
                else f"rows {places_named} bear the same code but differ"
            )
            mend = "leave one of them out" if same else "give each its own code, or join them into one row"
            entries.append(ImportRow(int(row), str(code), Action.REFUSED, code_field, reason, mend))
    return rows


def _all_alike(rows: pd.DataFrame) -> bool:
    return len({tuple(map(str, row)) for row in rows.itertuples(index=False)}) == 1


def refuse_damaged(rows: pd.DataFrame, code_field: str | None, entries: list[ImportRow]) -> None:
    """Refuse the rows with a code that a spreadsheet turned into a number.

    Parameters
    ----------
    rows
        A file's rows, their codes as text.
    code_field
        The column that identifies a row, where its name does not tell that it holds codes.
    entries
        Where refusals are put.
    """
    for name in rows.columns:
        if name != code_field and not is_code_column(str(name)):
            continue
        for at in np.flatnonzero(damaged_codes(rows[name])):
            value = rows[name].iloc[int(at)]
            reason = f"{value!r} is a number that a spreadsheet made of a code; its last digits may be lost"
            entries.append(
                ImportRow(int(rows.index[int(at)]), None, Action.REFUSED, str(name), reason, _SAVE_AS_TEXT)
            )
