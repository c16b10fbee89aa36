"""What every layer's model is made of.

A layer's columns are declared once, in its model; import checks, frames, API schemas and the data
dictionary are read off it. ``info`` on a column says what the others need to know:

``frame``
    It travels in the layer's frame and files (see docs/architecture.md).
``private``
    It is personal: never in a log, a URL, a public route or a public view.
``required``
    An import refuses a row without it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar, cast

from geoalchemy2 import Geometry
from sqlalchemy import BigInteger, CheckConstraint, Column, Identity, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedColumn, mapped_column

from gis.codes import PATTERNS
from gis.crs import STORAGE_SRID

SCHEMA = "wangge"
CURRENT_SCHEMA = "current_layers"
PUBLIC_SCHEMA = "public_layers"

_NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """The root of every model; all tables are in the schema ``wangge``."""

    metadata = MetaData(schema=SCHEMA, naming_convention=_NAMING)

    code_column: ClassVar[str]
    """The column that identifies a row to people: what a re-import matches on."""

    id: Mapped[int] = mapped_column(
        BigInteger, Identity(), primary_key=True, doc="Surrogate key; never shown to people", sort_order=-1
    )


def code(column: str, doc: str, *args: Any, **options: Any) -> MappedColumn[Any]:
    """Declare a column that holds a code of :mod:`gis.codes`, checked by the database.

    Parameters
    ----------
    column
        The column's own name.
    doc
        Its line in the data dictionary.
    *args
        Foreign keys.
    **options
        ``kind`` (a key of ``PATTERNS``, the column's name unless given) and what
        :func:`sqlalchemy.orm.mapped_column` takes.

    Returns
    -------
    sqlalchemy.orm.MappedColumn
        A text column.
    """
    pattern, words = PATTERNS[options.pop("kind", column)]
    check = CheckConstraint(f"{column} ~ '{pattern}'", name=f"{column}_form")
    info = {"frame": True, **options.pop("info", {})}
    return mapped_column(column, Text, *args, check, doc=f"{doc}; {words}", info=info, **options)


def term(column: str, terms: type[StrEnum], doc: str, **options: Any) -> MappedColumn[Any]:
    """Declare a column that holds one of the field's fixed terms.

    Parameters
    ----------
    column
        The column's own name.
    terms
        The terms.
    doc
        Its line in the data dictionary.
    **options
        What :func:`sqlalchemy.orm.mapped_column` takes.

    Returns
    -------
    sqlalchemy.orm.MappedColumn
        A text column with a check.
    """
    listed = ", ".join(f"'{value}'" for value in terms)
    check = CheckConstraint(f"{column} IN ({listed})", name=f"{column}_term")
    info = {"frame": True, "terms": terms, **options.pop("info", {})}
    words = " / ".join(terms)
    return mapped_column(column, Text, check, doc=f"{doc}: {words}", info=info, **options)


def field(kind: Any, doc: str, *args: Any, **options: Any) -> MappedColumn[Any]:
    """Declare a plain column that travels in the layer's frame.

    Parameters
    ----------
    kind
        SQLAlchemy's type.
    doc
        Its line in the data dictionary.
    *args
        Foreign keys and checks.
    **options
        ``private`` and what :func:`sqlalchemy.orm.mapped_column` takes.

    Returns
    -------
    sqlalchemy.orm.MappedColumn
        The column.
    """
    info = {"frame": True, "private": options.pop("private", False), **options.pop("info", {})}
    return mapped_column(kind, *args, doc=doc, info=info, **options)


def texts(doc: str, **options: Any) -> MappedColumn[Any]:
    """Declare a column that holds a list of texts, never null.

    Parameters
    ----------
    doc
        Its line in the data dictionary.
    **options
        What :func:`field` takes.

    Returns
    -------
    sqlalchemy.orm.MappedColumn
        A ``text[]`` column.
    """
    return field(ARRAY(Text), doc, nullable=False, server_default="{}", **options)


def shape(kind: str, doc: str, **options: Any) -> MappedColumn[Any]:
    """Declare the geometry column, CGCS2000 (EPSG:4490), with a GiST index.

    Parameters
    ----------
    kind
        ``MULTIPOLYGON``, ``MULTILINESTRING`` or ``POINT``.
    doc
        Its line in the data dictionary.
    **options
        What :func:`sqlalchemy.orm.mapped_column` takes.

    Returns
    -------
    sqlalchemy.orm.MappedColumn
        The column.
    """
    column = Geometry(kind, srid=STORAGE_SRID, spatial_index=True, nullable=options.get("nullable", False))
    return mapped_column(
        column, doc=f"{doc}; EPSG:{STORAGE_SRID}, 1e-8° lattice", info={"frame": True}, **options
    )


def frame_columns(model: type[Base]) -> list[Column[Any]]:
    """List the columns of a layer's frame, in order, the geometry last.

    Parameters
    ----------
    model
        The layer's model.

    Returns
    -------
    list of sqlalchemy.Column
        Those marked ``frame``.
    """
    columns = [column for column in cast("Table", model.__table__).columns if column.info.get("frame")]
    return sorted(columns, key=lambda column: isinstance(column.type, Geometry))
