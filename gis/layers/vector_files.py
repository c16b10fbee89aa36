"""GeoPackage, Shapefile and Parquet as they stand, before anybody has judged their rows.

A Shapefile's texts are read as bytes and decoded here: its ``.cpg`` is often missing or wrong,
and Chinese field names are often cut in the middle of a character.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pyproj

from gis.crs import Datum, datum_of
from gis.errors import CrsError, InputError
from gis.layers.csv_text import check_encoding
from gis.layers.geoparquet_label import read_label
from gis.layers.raw_table import RawTable, holds_arcs, parse_wkb
from gis.layers.report import ImportRow, listed

_BROKEN = "export it again from the tool that made it"


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
    place = table.schema.get_field_index(meta["geometry_name"] or "")
    arcs = place >= 0 and holds_arcs(table.column(place))
    if arcs:
        # GDAL draws arcs as lines where it hands out one geometry after the other, but not through Arrow.
        lines = _gdal(lambda: pyogrio.raw.read(path, layer=layer, columns=[])[2], path)
        table = table.set_column(place, table.schema.names[place], pa.array(lines, pa.binary()))
    raw = _from_gdal(meta, table, path)
    if arcs:
        raw.notes.append("arcs were drawn as lines of short steps")
    return raw


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
    _check_whole(path, parts[".shx"], parts[".dbf"])
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


def _check_whole(shp: Path, shx: Path, dbf: Path) -> None:
    """Check that no part of a Shapefile breaks off: GDAL would leave the rest out without a word."""
    lengths = {}
    for part in (shp, shx):
        head = _head(part, 100)
        lengths[part] = 2 * int.from_bytes(head[24:28], "big")
        _check_length(part, lengths[part])
    head = _head(dbf, 32)
    rows = int.from_bytes(head[4:8], "little")
    _check_length(dbf, int.from_bytes(head[8:10], "little") + rows * int.from_bytes(head[10:12], "little"))
    shapes = (lengths[shx] - 100) // 8
    if shapes != rows:
        raise InputError(
            f"it has {shapes:,} shapes, but {rows:,} rows of columns (.dbf)",
            where=shp.name,
            mend="the .shp, .shx and .dbf are not of one export; export it again",
        )


def _head(part: Path, size: int) -> bytes:
    with part.open("rb") as file:
        head = file.read(size)
    if len(head) < size:
        raise InputError("it breaks off in its first bytes", where=part.name, mend=_BROKEN)
    return head


def _check_length(part: Path, stated: int) -> None:
    size = part.stat().st_size
    if size < stated:
        raise InputError(
            f"it breaks off: {size:,} of {stated:,} bytes are there", where=part.name, mend=_BROKEN
        )


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
    label = read_label(table.schema, path)
    name = label.column or ""
    if not name:
        binary = [field.name for field in table.schema if pa.types.is_binary(field.type)]
        name = next((column for column in binary if column in {"geometry", "geom", "wkb_geometry"}), "")
    raw = _from_arrow(table, name)
    raw.datum, raw.datum_note = label.datum, label.note
    raw.notes += label.remarks
    return raw


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
