"""Layers as frames: read a set of rows into a GeoDataFrame, and write a frame as one set.

The columns are the model's (``frame`` in their ``info``). Grids are not read here: their shape depends on
an edition, see :mod:`gis.layers.editions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from geoalchemy2 import Geometry
from geoalchemy2 import functions as spatial
from psycopg import sql
from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Date,
    DateTime,
    Integer,
    Select,
    Text,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from gis.crs import STORAGE_SRID
from gis.errors import InputError
from gis.layers.base import SCHEMA, Base, frame_columns
from gis.layers.schema import layer_model


@dataclass(frozen=True)
class Written:
    """How many rows a frame added, changed and found as they were."""

    added: int
    changed: int
    same: int


def read_frame(
    connection: Connection, layer: str, *where: ColumnElement[bool], private: bool = False
) -> gpd.GeoDataFrame:
    """Read rows of a layer.

    Parameters
    ----------
    connection
        An open transaction.
    layer
        A key of :data:`gis.layers.schema.LAYERS`, other than ``grids``.
    *where
        Conditions on the layer's model.
    private
        Whether the personal columns come along.

    Returns
    -------
    geopandas.GeoDataFrame
        The frame's columns, sorted by code; EPSG:4490. A layer without geometry has null geometries.
    """
    model = layer_model(layer)
    columns = [column for column in frame_columns(model) if private or not column.info.get("private")]
    query = (
        select(*[_selected(column) for column in columns])
        .where(*where)
        .order_by(model.__table__.c[model.code_column])
    )
    return query_frame(connection, query)


def query_frame(connection: Connection, query: Select[Any]) -> gpd.GeoDataFrame:
    """Run a query whose column ``geometry``, if any, is WKB, and return a frame.

    Parameters
    ----------
    connection
        An open transaction.
    query
        The query; see :func:`as_wkb`.

    Returns
    -------
    geopandas.GeoDataFrame
        EPSG:4490; whole-number columns are nullable integers, codes are text.
    """
    result = connection.execute(query)
    names = list(result.keys())
    rows = result.all()
    kinds = {column.name: column.type for column in query.selected_columns}
    data = {name: _typed([row[at] for row in rows], kinds[name]) for at, name in enumerate(names)}
    geometry = data.pop("geometry", None)
    shapes = (
        np.full(len(rows), None) if geometry is None else shapely.from_wkb(np.asarray(geometry, dtype=object))
    )
    return gpd.GeoDataFrame(pd.DataFrame(data), geometry=shapes, crs=STORAGE_SRID)


def as_wkb(column: Any) -> ColumnElement[Any]:
    """Select a geometry column as WKB under the name ``geometry``.

    Parameters
    ----------
    column
        A geometry column.

    Returns
    -------
    sqlalchemy.ColumnElement
        ``ST_AsBinary(column) AS geometry``.
    """
    return spatial.ST_AsBinary(column).label("geometry")


def write_frame(connection: Connection, layer: str, frame: pd.DataFrame) -> Written:
    """Write a frame's rows in one set: new codes are added, known ones updated.

    Parameters
    ----------
    connection
        An open transaction.
    layer
        A key of :data:`gis.layers.schema.LAYERS`; for ``grids`` the identities only.
    frame
        Columns of the layer's frame; those that are missing stay as they are. Geometry in EPSG:4490.

    Returns
    -------
    Written
        Counts of rows.

    Raises
    ------
    InputError
        If the code column is missing.
    """
    return write_model(connection, layer_model(layer), frame)


def write_model(connection: Connection, model: type[Base], frame: pd.DataFrame) -> Written:
    """Write a frame's rows into any model's table; see :func:`write_frame`.

    Parameters
    ----------
    connection
        An open transaction.
    model
        The model.
    frame
        As for :func:`write_frame`.

    Returns
    -------
    Written
        Counts of rows.

    Raises
    ------
    InputError
        If the code column is missing.
    """
    key, table = model.code_column, model.__tablename__
    columns = [column for column in frame_columns(model) if column.name in frame.columns]
    if key not in frame.columns:
        raise InputError(f"the column {key} is missing", where=table, mend=f"name it with --field {key}=…")
    names = [column.name for column in columns]
    identifiers = [sql.Identifier(name) for name in names]
    staging, target = sql.Identifier("staging"), sql.Identifier(SCHEMA, table)
    listed = sql.SQL(", ").join(identifiers)
    others = [name for name in identifiers if name != sql.Identifier(key)]
    changed = sql.SQL("({}) IS DISTINCT FROM ({})").format(
        sql.SQL(", ").join(sql.SQL("t.{}").format(name) for name in others),
        sql.SQL(", ").join(sql.SQL("excluded.{}").format(name) for name in others),
    )
    sets = sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(name) for name in others)
    upsert = sql.SQL(
        "WITH done AS (INSERT INTO {target} AS t ({listed}) SELECT {listed} FROM {staging} "
        "ON CONFLICT ({key}) {act} RETURNING xmax = 0 AS added) "
        "SELECT count(*) FILTER (WHERE added), count(*) FILTER (WHERE NOT added) FROM done"
    ).format(
        target=target,
        listed=listed,
        staging=staging,
        key=sql.Identifier(key),
        act=sql.SQL("DO UPDATE SET {} WHERE {}").format(sets, changed) if others else sql.SQL("DO NOTHING"),
    )
    cursor = connection.connection.cursor()
    cursor.execute(
        sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA").format(
            staging, listed, target
        )
    )
    values = [_written(frame[column.name], column) for column in columns]
    with cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(staging, listed)) as copy:
        for row in zip(*values, strict=True):
            copy.write_row(row)
    cursor.execute(upsert)
    added, updated = cursor.fetchone() or (0, 0)
    cursor.execute(sql.SQL("DROP TABLE {}").format(staging))
    return Written(added, updated, len(frame) - added - updated)


def as_multi(shapes: Any) -> Any:
    """Wrap single shapes into the multi-part kind that is stored.

    Parameters
    ----------
    shapes
        Array of shapely geometries, (n,).

    Returns
    -------
    numpy.ndarray
        The same land; polygons as multipolygons, lines as multilines.
    """
    single = {3: shapely.multipolygons, 1: shapely.multilinestrings}
    kinds = shapely.get_type_id(shapes)
    done = shapes.copy()
    for kind, make in single.items():
        at = np.flatnonzero(kinds == kind)
        if at.size:
            done[at] = make(shapes[at][:, None])
    return done


def lock(connection: Connection, what: str) -> None:
    """Take turns with everyone who locks the same name, until this transaction ends.

    Parameters
    ----------
    connection
        An open transaction.
    what
        Such as ``publish:150103000000``.
    """
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:what, 0))"), {"what": what})


def _selected(column: Column[Any]) -> ColumnElement[Any]:
    return as_wkb(column) if isinstance(column.type, Geometry) else column


def _typed(values: list[Any], kind: Any) -> Any:
    if isinstance(kind, Integer):
        return pd.array(values, dtype="Int64")
    if isinstance(kind, Boolean):
        return pd.array(values, dtype="boolean")
    if isinstance(kind, DateTime):
        return pd.to_datetime(pd.Series(values, dtype=object), utc=True).dt.tz_convert("Asia/Shanghai")
    return pd.Series(values, dtype=object)


def _written(series: pd.Series, column: Column[Any]) -> list[Any]:
    if isinstance(column.type, Geometry):
        shapes = np.asarray(series.array, dtype=object)
        if column.type.geometry_type.startswith("MULTI"):
            shapes = as_multi(shapes)
        return list(shapely.to_wkb(shapely.set_srid(shapes, STORAGE_SRID), hex=True, include_srid=True))
    values = series.astype(object).where(series.notna(), None).tolist()
    if isinstance(column.type, ARRAY):
        return [[] if value is None else list(value) for value in values]
    if isinstance(column.type, Integer):
        return [None if value is None else int(value) for value in values]
    if isinstance(column.type, Date):
        return [None if value is None else pd.Timestamp(value).date() for value in values]
    if isinstance(column.type, Text) and column.nullable:
        # Half of all file formats cannot tell an empty text from none, so only one of them is stored.
        return [None if value == "" else value for value in values]
    return values
