"""GeoJSON as it stands: not read by GDAL, which drops what it does not understand and guesses types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
import pyproj

from gis.crs import WGS84, Datum, datum_of, parse_crs
from gis.errors import CrsError, InputError
from gis.layers.raw_table import RawTable, parse_geojson
from gis.layers.report import Action, ImportRow

_RFC_7946 = "the file names no datum, so by its format's rule (RFC 7946) its coordinates are wgs84"
_BROKEN = "export it again from the tool that made it"


def read_geojson(path: Path) -> RawTable:
    """Read GeoJSON: a FeatureCollection, a Feature, or one Feature a line.

    Parameters
    ----------
    path
        The file, UTF-8 (or GB18030, which is noted).

    Returns
    -------
    RawTable
        Row numbers are features from 1, or line numbers. What is no feature is refused.

    Raises
    ------
    InputError
        If it is empty, broken, or not GeoJSON.
    """
    content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    if not content.strip():
        raise InputError("the file is empty", where=path.name, mend=_BROKEN)
    notes: list[str] = []
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        content = _from_gb18030(content, path)
        notes.append("the file is GB18030 text; GeoJSON should be UTF-8")
    document = _load(content)
    table: RawTable
    if isinstance(document, dict) and document.get("type") == "FeatureCollection":
        features = document.get("features")
        if not isinstance(features, list):
            raise InputError("the collection has no list of features", where=path.name, mend=_BROKEN)
        table = _from_features(features, list(range(1, len(features) + 1)))
        table.datum, table.datum_note = _geojson_datum(document, path)
    elif isinstance(document, dict) and document.get("type") == "Feature":
        table = _from_features([document], [1])
        table.datum, table.datum_note = _geojson_datum(document, path)
    elif document is None and (lines := _lines(content)):
        table = _from_features([feature for _, feature in lines], [number for number, _ in lines])
        table.datum, table.datum_note = WGS84, _RFC_7946
    elif document is None:
        raise InputError(_where_broken(content), where=path.name, mend=_BROKEN)
    else:
        raise InputError("it is JSON, but no GeoJSON features", where=path.name, mend="export it as GeoJSON")
    table.notes = notes + table.notes
    return table


def _from_gb18030(content: bytes, path: Path) -> bytes:
    try:
        return content.decode("gb18030").encode()
    except UnicodeDecodeError:
        raise InputError("it is not a text file", where=path.name, mend=_BROKEN) from None


def _load(content: bytes) -> Any:
    """Parse JSON; NaN and whole numbers past 64 bits are let through to be judged by row."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            return None


def _lines(content: bytes) -> list[tuple[int, Any]]:
    """Parse one JSON value a line; nothing unless the first is a feature."""
    found: list[tuple[int, Any]] = []
    for number, line in enumerate(content.split(b"\n"), start=1):
        text = line.strip().removeprefix(b"\x1e")
        if not text:
            continue
        feature = _load(text)
        if not found and not (isinstance(feature, dict) and feature.get("type") == "Feature"):
            return []
        found.append((number, feature))
    return found


def _where_broken(content: bytes) -> str:
    try:
        json.loads(content)
    except json.JSONDecodeError as cause:
        return f"its JSON breaks off or goes wrong in line {cause.lineno}, character {cause.colno}"
    except RecursionError:
        return "its JSON is nested too deeply"
    return "it is not JSON"


def _from_features(features: list[Any], numbers: list[int]) -> RawTable:
    entries: list[ImportRow] = []
    kept: list[dict[str, Any]] = []
    shapes: list[Any] = []
    index: list[int] = []
    for number, feature in zip(numbers, features, strict=True):
        if not isinstance(feature, dict) or feature.get("type") != "Feature":
            entries.append(
                ImportRow(
                    number, None, Action.REFUSED, None, "it is not a GeoJSON feature", "export it again"
                )
            )
            continue
        properties = feature.get("properties")
        row = dict(properties) if isinstance(properties, dict) else {}
        if "id" in feature and "id" not in row:
            row["id"] = feature["id"]
        kept.append(row)
        shapes.append(feature.get("geometry"))
        index.append(number)
    columns = list(dict.fromkeys(name for row in kept for name in row))
    cells = {name: pd.Series([row.get(name) for row in kept], dtype=object) for name in columns}
    rows = pd.DataFrame({name: _typed(values) for name, values in cells.items()})
    rows.index = pd.Index(index, name="row", dtype="int64") if columns else pd.RangeIndex(len(index))
    if not columns:
        rows = pd.DataFrame(index=pd.Index(index, name="row", dtype="int64"))
    parsed = parse_geojson(shapes)
    entries += parsed.entries(index)
    return RawTable(rows, parsed.geometry, total=len(features), entries=entries)


def _typed(values: pd.Series) -> pd.Series:
    """Give a column of JSON values its dtype; whole numbers stay whole beside nulls."""
    kind = pd.api.types.infer_dtype(values, skipna=True)
    if kind == "integer":
        return values.astype("Int64") if values.dropna().abs().max() < 2**63 else values
    if kind == "string":
        return values.astype("str")
    if kind == "boolean":
        return values.astype("boolean")
    if kind == "floating":
        return values.astype("float64")
    return values.map(
        lambda value: json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value
    )


def _geojson_datum(document: dict[str, Any], path: Path) -> tuple[Datum | None, str | None]:
    if "crs" not in document:
        return WGS84, _RFC_7946
    member = document["crs"]
    if member is None:
        return None, None
    told = member.get("properties") if isinstance(member, dict) else None
    name = told.get("name") if isinstance(told, dict) else None
    try:
        return parse_crs(name, where=path.name), None
    except CrsError:
        pass
    try:
        return datum_of(name, where=path.name), None
    except (CrsError, pyproj.exceptions.CRSError) as cause:
        raise CrsError(
            f"the file's crs member {str(name)[:60]!r} is not known here",
            where=path.name,
            mend="take the member out and name the datum with --crs",
        ) from cause
