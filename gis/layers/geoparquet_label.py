"""What a Parquet file says of its geometry: the label ``geo`` of the GeoParquet specification, or none."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyproj

from gis.crs import WGS84, Datum, datum_of
from gis.errors import CrsError, InputError

_RULE = "the file names no datum, so by its format's rule (GeoParquet) its coordinates are wgs84"


@dataclass(frozen=True)
class GeoLabel:
    """What the label says.

    Attributes
    ----------
    column
        The column that holds the geometry; None where there is no label.
    datum
        What its coordinates are in; None where that is not said, or in no words known here.
    note
        Words for the report, where the format's rule decides the datum.
    remarks
        What else there is to say of it.
    """

    column: str | None = None
    datum: Datum | None = None
    note: str | None = None
    remarks: list[str] = field(default_factory=list)


def read_label(schema: pa.Schema, path: Path) -> GeoLabel:
    """Read a Parquet file's label.

    Parameters
    ----------
    schema
        The file's.
    path
        The file, for the message.

    Returns
    -------
    GeoLabel
        Empty where the file has none.

    Raises
    ------
    InputError
        If there is a label that cannot be read, or it names a column that is not there.
    """
    text = (schema.metadata or {}).get(b"geo")
    if text is None:
        return GeoLabel()
    try:
        geo = json.loads(text)
        column = geo.get("primary_column")
        about: Any = geo.get("columns", {}).get(column, {})
        named = "crs" in about
    except (ValueError, AttributeError, TypeError) as cause:
        raise InputError(
            "its label 'geo', which tells where the geometry is, cannot be read",
            where=path.name,
            mend="export it again as GeoParquet",
        ) from cause
    if column is None:
        return GeoLabel()
    if column not in schema.names:
        raise InputError(
            f"its label 'geo' says that the geometry is in column {str(column)[:40]!r}, which is not there",
            where=path.name,
            mend="export it again as GeoParquet",
        )
    if not named:
        return GeoLabel(column, WGS84, _RULE)
    if about["crs"] is None:
        return GeoLabel(column)
    try:
        return GeoLabel(column, datum_of(about["crs"], where=path.name))
    except (CrsError, pyproj.exceptions.CRSError):
        words = "the file's own reference system has no EPSG code, so its name does not count"
        return GeoLabel(column, remarks=[words])
