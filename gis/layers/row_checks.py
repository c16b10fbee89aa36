"""What a layer's model asks of a row: read off the model, and checked before anything is stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
import pandas as pd
from geoalchemy2 import Geometry
from sqlalchemy import CheckConstraint, Column, Connection, Table, select
from sqlalchemy.types import Boolean, Date, DateTime, Double, Integer

from gis.codes import PATTERNS, community_of, division_level, grid_type_of
from gis.errors import InputError, WanggeError
from gis.layers.base import Base, frame_columns
from gis.layers.columns import ColumnKind
from gis.layers.report import Action, ImportRow
from gis.layers.schema import LAYERS

_Refuse = Callable[[Any, str, Callable[[Any], str], str | None], None]


def column_kind(model: type[Base], column: Column[Any]) -> ColumnKind:
    """Tell what kind of value a column holds.

    Parameters
    ----------
    model
        The layer's model.
    column
        One of its columns, other than the geometry.

    Returns
    -------
    str
        A kind of :mod:`gis.layers.columns`.
    """
    if getattr(column.type, "item_type", None) is not None:
        return "list"
    for types, kind in _KINDS:
        if isinstance(column.type, types):
            return kind
    return "code" if _code_rule(column) is not None or column.name == model.code_column else "text"


_KINDS: tuple[tuple[type[Any], ColumnKind], ...] = (
    (Boolean, "boolean"),
    (Integer, "integer"),
    (Double, "number"),
    (DateTime, "time"),
    (Date, "date"),
)


def _code_rule(column: Column[Any]) -> tuple[str, str] | None:
    """Find the pattern that the model holds a column's codes to, and its words."""
    for constraint in column.constraints:
        if isinstance(constraint, CheckConstraint) and str(constraint.name).endswith(f"{column.name}_form"):
            rule = str(constraint.sqltext)
            return next((known for known in PATTERNS.values() if f"'{known[0]}'" in rule), None)
    return None


def complete_columns(layer: str, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Fill columns that a file does not have and that its codes tell.

    Parameters
    ----------
    layer
        The layer.
    frame
        Its rows, with their code column.

    Returns
    -------
    tuple
        The rows, and notes for the report.
    """
    notes = []
    rules: dict[str, dict[str, tuple[str, Any]]] = {
        "divisions": {"level": ("division_code", division_level)},
        "grids": {"grid_type": ("grid_code", grid_type_of), "community_code": ("grid_code", community_of)},
        "compounds": {"community_code": ("compound_code", community_of)},
        "buildings": {"community_code": ("building_code", community_of)},
        "service_points": {"community_code": ("point_code", community_of)},
    }
    for name, (source, derive) in rules.get(layer, {}).items():
        if name not in frame.columns:
            frame = frame.assign(
                **{name: pd.Series([_told(derive, code) for code in frame[source]], frame.index, "str")}
            )
            notes.append(f"{name} is not in the file; it was read off {source}")
    return frame, notes


def _told(derive: Any, code: str) -> str | None:
    try:
        return str(derive(code))
    except WanggeError:
        return None  # the code's own check refuses the row


def check_columns(model: type[Base], frame: pd.DataFrame, where: str) -> None:
    """Check that the columns which every row needs are there.

    Parameters
    ----------
    model
        The layer's model.
    frame
        The rows.
    where
        The file, for the message.

    Raises
    ------
    InputError
        If one is missing.
    """
    missing = [
        column.name
        for column in frame_columns(model)
        if not column.nullable and column.server_default is None and column.name not in frame.columns
    ]
    if missing:
        raise InputError(
            f"the column{'s' if len(missing) > 1 else ''} {', '.join(missing)} "
            f"{'are' if len(missing) > 1 else 'is'} needed and not in it",
            where=where,
            mend=" ".join(f"--field {name}=…" for name in missing) + " names what they are called there",
        )


def check_rows(
    connection: Connection, model: type[Base], frame: pd.DataFrame, entries: list[ImportRow]
) -> pd.DataFrame:
    """Refuse the rows that break what the model declares.

    Parameters
    ----------
    connection
        An open transaction, to see what rows may refer to.
    model
        The layer's model.
    frame
        The rows, indexed by row number.
    entries
        Where refusals are put.

    Returns
    -------
    pandas.DataFrame
        The rows that may go in.
    """
    refused: dict[int, tuple[str, str, str | None]] = {}

    def refuse(mask: Any, column: str, words: Any, mend: str | None) -> None:
        for at in np.flatnonzero(np.asarray(mask, dtype=bool)).tolist():
            value = frame[column].iloc[at]
            refused.setdefault(at, (column, words(value), mend))

    for column in frame_columns(model):
        if column.name not in frame.columns or isinstance(column.type, Geometry):
            continue
        values = frame[column.name]
        there = values.notna()
        if not column.nullable and column.server_default is None:
            refuse(~there, column.name, lambda _: "a value is needed here", "fill it in")
        rule = _code_rule(column)
        if rule is not None:
            good = values.astype("str").str.match(rule[0]).fillna(value=False)
            refuse(
                there & ~good,
                column.name,
                lambda value: f"{value!r} is not a code of this kind",
                f"give {rule[1]}",
            )
        terms = column.info.get("terms")
        if terms is not None:
            known = [str(term) for term in terms]
            refuse(
                there & ~values.isin(known),
                column.name,
                lambda value: f"{value!r} is not known",
                f"use {', '.join(known)}",
            )
    _check_references(connection, model, frame, refused, refuse)
    codes = frame[model.code_column]
    for at, (name, reason, mend) in refused.items():
        entries.append(
            ImportRow(int(frame.index[at]), str(codes.iloc[at]), Action.REFUSED, name, reason, mend)
        )
    return frame[~np.isin(np.arange(len(frame)), list(refused))]


def _check_references(
    connection: Connection,
    model: type[Base],
    frame: pd.DataFrame,
    refused: Mapping[int, Any],
    refuse: _Refuse,
) -> None:
    """Refuse rows that name something which is neither stored nor among the file's good rows."""
    table = cast("Table", model.__table__)
    again = True
    while again:
        count = len(refused)
        for column in frame_columns(model):
            if column.name not in frame.columns:
                continue
            for key in column.foreign_keys:
                target = key.column
                named = frame[column.name].dropna().unique().tolist()
                stored = set(connection.execute(select(target).where(target.in_(named))).scalars())
                if target.table is table:
                    good = ~np.isin(np.arange(len(frame)), list(refused))
                    stored |= set(frame[target.name][good])
                unknown = frame[column.name].notna() & ~frame[column.name].isin(list(stored))
                layer = next((name for name, its in LAYERS.items() if its.__table__ is target.table), None)
                mend = f"load it into {layer} first"
                if layer is None:  # a short table that the place sets for itself
                    known = connection.execute(select(target).order_by(target)).scalars()
                    mend = f"use {', '.join(map(str, known))}"
                refuse(unknown, column.name, lambda value: f"there is no {value!r}", mend)
        # A row that is refused may be what another one refers to.
        again = len(refused) > count
