"""GeoPackage, Shapefile, GeoJSON and Parquet as they stand, before anybody has judged their rows.

GeoJSON is read here and not by GDAL, which drops what it does not understand without a word and guesses
at types. A Shapefile's texts are read as bytes and decoded here: its ``.cpg`` is often missing or wrong,
and Chinese field names are often cut in the middle of a character.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pyproj

from gis.crs import WGS84, Datum, datum_of, parse_crs
from gis.errors import CrsError, InputError
from gis.layers.csv_text import check_encoding
from gis.layers.raw_table import RawTable, parse_geojson, parse_wkb
from gis.layers.report import Action, ImportRow, listed

_RFC_7946 = "the file names no datum, so by its format's rule (RFC 7946) its coordinates are wgs84"
_GEOPARQUET = "the file names no datum, so by its format's rule (GeoParquet) its coordinates are wgs84"
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


def read_geopackage(path: Path, *, layer: str | None = None) -> RawTable:
    """Read one layer of a GeoPackage.

    Parameters
    ----------
    path
        The file.
    layer
        The layer's name; needed where there are several.

    Returns
    -------
    RawTable
        Row numbers are features from 1.
    """
    with path.open("rb") as file:
        if file.read(16) != b"SQLite format 3\0":
            raise InputError("it is not a GeoPackage", where=path.name, mend=_BROKEN)
    found = _gdal(lambda: pyogrio.list_layers(path), path)
    names = [str(name) for name, _ in found]
    if layer is None:
        shaped = [str(name) for name, kind in found if kind is not None] or names
        if len(shaped) != 1:
            words = f"the file has several layers: {listed(shaped)}" if shaped else "the file has no layer"
            raise InputError(words, where=path.name, mend="name one (--sheet)" if shaped else _BROKEN)
        layer = shaped[0]
    elif layer not in names:
        raise InputError(
            f"there is no layer {layer!r}", where=path.name, mend=f"choose one of {listed(names)}"
        )
    meta, table = _gdal(lambda: pyogrio.raw.read_arrow(path, layer=layer), path)
    return _from_gdal(meta, table, path)


def read_shapefile(path: Path, *, encoding: str | None = None) -> RawTable:
    """Read a Shapefile whose texts are in any encoding.

    Parameters
    ----------
    path
        The ``.shp``; ``.shx`` and ``.dbf`` must lie beside it.
    encoding
        The encoding of its texts, where the user names one; else that of the ``.cpg`` if the bytes
        agree, else UTF-8 or GB18030, whichever the bytes are.

    Returns
    -------
    RawTable
        Row numbers are features from 1.

    Raises
    ------
    InputError
        If a part is missing or broken.
    """
    parts = {entry.suffix.lower(): entry for entry in path.parent.glob(f"{_escaped(path.stem)}.*")}
    for suffix, holds in (
        (".shx", "the places of its shapes"),
        (".dbf", "its columns, the codes among them"),
    ):
        if suffix not in parts:
            raise InputError(
                f"the Shapefile's {suffix} is missing, which holds {holds}",
                where=path.name,
                mend=f"put {path.stem}{suffix} beside it: the .shp, .shx, .dbf and .prj belong together",
            )
    # ISO-8859-1 turns every byte into one character and back: the bytes come through as they are.
    meta, table = _gdal(lambda: pyogrio.raw.read_arrow(path, encoding="ISO-8859-1"), path)
    codec, note = _shapefile_codec(table, parts.get(".cpg"), encoding, path)
    names = [_decoded(name, codec) for name in table.schema.names]
    doubled = {name for name in names if names.count(name) > 1}
    if doubled:
        names = [name if name not in doubled else f"{name}_{place}" for place, name in enumerate(names)]
    for at, kind in enumerate(table.schema.types):
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            texts = [None if text is None else _decoded(text, codec) for text in table.column(at).to_pylist()]
            table = table.set_column(at, table.schema.names[at], pa.array(texts, pa.string()))
    meta["geometry_name"] = names[-1] if meta["geometry_type"] else ""
    raw = _from_gdal(meta, table.rename_columns(names), path)
    if note:
        raw.notes.append(note)
    return raw


def read_parquet(path: Path) -> RawTable:
    """Read Parquet: GeoParquet, or any with coordinate columns or a geometry column in WKB.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    RawTable
        Row numbers are rows from 1.
    """
    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, pa.ArrowException, OSError) as cause:
        raise InputError("it cannot be read as Parquet", where=path.name, mend=_BROKEN) from cause
    geo = json.loads((table.schema.metadata or {}).get(b"geo", b"{}"))
    name = str(geo.get("primary_column") or "")
    if not name:
        binary = [field.name for field in table.schema if pa.types.is_binary(field.type)]
        name = next((column for column in binary if column in {"geometry", "geom", "wkb_geometry"}), "")
    raw = _from_arrow(table, name)
    if geo:
        about = geo.get("columns", {}).get(name, {})
        if "crs" not in about:
            raw.datum, raw.datum_note = WGS84, _GEOPARQUET
        elif about["crs"] is not None:
            raw.datum = _own_datum(about["crs"], raw, path)
    return raw


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
    name = member.get("properties", {}).get("name") if isinstance(member, dict) else None
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


def _gdal(act: Callable[[], Any], path: Path) -> Any:
    """Call GDAL; its words go no further."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return act()
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, UnicodeDecodeError) as cause:
        raise InputError(
            "it cannot be read: it is broken or of another format", where=path.name, mend=_BROKEN
        ) from cause
    except (
        pyogrio.errors.FeatureError,
        pyogrio.errors.GeometryError,
        RuntimeError,
        pa.ArrowException,
    ) as cause:
        raise InputError("its features cannot be read", where=path.name, mend=_BROKEN) from cause


def _from_gdal(meta: dict[str, Any], table: pa.Table, path: Path) -> RawTable:
    name = meta.get("geometry_name") or ("wkb_geometry" if meta["geometry_type"] else "")
    raw = _from_arrow(table, name)
    if meta["crs"] is not None and raw.geometry is not None:
        raw.datum = _own_datum(meta["crs"], raw, path)
    return raw


def _own_datum(crs: Any, raw: RawTable, path: Path) -> Datum | None:
    try:
        return datum_of(crs, where=path.name)
    except (CrsError, pyproj.exceptions.CRSError):
        raw.notes.append("the file's own reference system has no EPSG code, so its name does not count")
        return None


def _from_arrow(table: pa.Table, geometry_name: str) -> RawTable:
    index = pd.RangeIndex(1, table.num_rows + 1, name="row")
    geometry = None
    entries: list[ImportRow] = []
    if geometry_name in table.schema.names:
        parsed = parse_wkb(table.column(geometry_name).to_pylist())
        geometry = parsed.geometry
        entries = parsed.entries(list(index))
        table = table.drop_columns([geometry_name])
    rows = table.to_pandas(date_as_object=True, types_mapper=_DTYPES.get, ignore_metadata=True)
    rows.index = index
    return RawTable(rows, geometry, total=len(rows), entries=entries)


_DTYPES: dict[pa.DataType, Any] = {
    **{
        kind: pd.Int64Dtype()
        for kind in (pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32())
    },
    pa.bool_(): pd.BooleanDtype(),
}


def _escaped(stem: str) -> str:
    return "".join(f"[{letter}]" if letter in "[]*?" else letter for letter in stem)


def _decoded(text: str, codec: str) -> str:
    # A text cut in the middle of a character loses that character, not the file.
    return text.encode("latin-1").decode(codec, errors="ignore")


def _shapefile_codec(
    table: pa.Table, cpg: Path | None, given: str | None, path: Path
) -> tuple[str, str | None]:
    """Choose the codec of a Shapefile's texts by who says so and what the bytes agree with."""
    if given is not None:
        return check_encoding(given, path.name), None
    texts = [name.encode("latin-1") for name in table.schema.names]
    for at, kind in enumerate(table.schema.types):
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            texts += [text.encode("latin-1") for text in table.column(at).unique().to_pylist() if text]
    foreign = [text for text in texts if not text.isascii()]
    named = None
    if cpg is not None and (label := cpg.read_text("latin-1").strip()):
        try:
            named = check_encoding(label, path.name)
        except InputError:
            named = None
    if named is not None and all(_fits(text, named) for text in foreign):
        return named, None
    if not foreign:
        return "utf-8", None
    codec = "utf-8" if all(_fits(text, "utf-8") for text in foreign) else "gb18030"
    if not all(_fits(text, codec) for text in foreign):
        raise InputError(
            "its texts are neither UTF-8 nor GB18030",
            where=path.name,
            mend="name their encoding (--encoding), such as Big5 or cp1252",
        )
    what = "has no .cpg" if named is None else f"has a .cpg that says {named}, which its bytes are not"
    return codec, f"the Shapefile {what}; its texts were read as {codec.upper()}"


def _fits(text: bytes, codec: str) -> bool:
    """Whether bytes are text in a codec, if a character cut off at the end is forgiven."""
    for cut in range(min(4, len(text))):
        try:
            text[: len(text) - cut].decode(codec)
        except UnicodeDecodeError:
            continue
        return True
    return False
