"""Read a layer from a file and write it to one: every format, one set of rules, an account by row.

=========== ============================ ===========================================================
format      suffix                       what to know
=========== ============================ ===========================================================
GeoPackage  .gpkg                        keeps every kind of value
GeoJSON     .geojson .json .ndjson …     without a ``crs`` member it is wgs84 (RFC 7946), and says so
Shapefile   .shp (+ .shx .dbf .prj)      names of 10 bytes: mapped there and back; any encoding
CSV         .csv .tsv .txt               cells are text; a tab keeps codes safe from spreadsheets
XLSX        .xlsx                        read only; codes must be text cells
Parquet     .parquet .geoparquet         keeps every kind of value
=========== ============================ ===========================================================

The rules of reading:

- The datum is the file's own or the user's word, and never guessed; if both speak they must agree.
- ``fields`` maps *ours* to *theirs*. A column of theirs that already has one of our names, while another
  was mapped to that name, is set aside as ``<name>_file``: what was said wins over what is alike.
- Codes come as text. A row whose code a spreadsheet turned into a number is refused, as is one whose code
  another, different row bears too.
- Geometry comes in EPSG:4490, mended and on the lattice. A row past mending is refused; the others stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely

from gis.crs import STORAGE_SRID, Datum, geometries_to_storage, parse_crs
from gis.errors import GeometryError, InputError
from gis.layers.columns import ColumnKind, cast_column
from gis.layers.coordinates import Extent, swapped_hint
from gis.layers.file_writers import write_layer
from gis.layers.geojson_files import read_geojson
from gis.layers.raw_table import RawTable, settle_datum
from gis.layers.repair import repair_geometries
from gis.layers.repair_account import Kind
from gis.layers.report import Action, ImportReport, ImportRow, listed
from gis.layers.row_identity import codes_as_text, identify_rows, refuse_damaged
from gis.layers.short_names import restore_names
from gis.layers.source_file import check_file, file_format
from gis.layers.table_files import add_geometry, read_csv, read_xlsx
from gis.layers.vector_files import read_geopackage, read_parquet, read_shapefile

__all__ = ["read_layer", "write_layer"]

_TIDIED = {
    "clockwise": "{} polygons had clockwise shells, and are stored counter-clockwise",
    "single": "{} single parts are stored as multi-part geometries",
    "z": "the heights of {} geometries were left out",
}


def read_layer(
    path: str | Path,
    *,
    crs: str | None = None,
    fields: Mapping[str, str] | None = None,
    encoding: str | None = None,
    layer: str | None = None,
    geometry: bool | Literal["optional"] = True,
    kind: Kind | None = None,
    kinds: Mapping[str, ColumnKind] | None = None,
    code_field: str | None = None,
    override_crs: bool = False,
    extent: Extent | None = None,
) -> tuple[pd.DataFrame, ImportReport]:
    """Read a layer: what is good comes back, everything else is told of.

    Parameters
    ----------
    path
        The file; its suffix tells the format.
    crs
        What its coordinates are in; needed where the file does not say.
    fields
        Ours → theirs. ``lon``, ``lat`` and ``geometry`` (WKT) name the columns that a table's geometry is
        made of, which are found by their usual names otherwise.
    encoding
        Of CSV and Shapefile; found out unless given.
    layer
        The layer of a GeoPackage or sheet of an XLSX file.
    geometry
        Whether rows have one: True (needed), ``"optional"`` or False (a plain table).
    kind
        ``polygon``, ``line`` or ``point``; what most rows are, unless given.
    kinds
        Our columns → the kind of their values; others stay as the file has them.
    code_field
        Our name of the column that identifies a row: it must be there, filled and different.
    override_crs
        Whether ``crs`` beats a label in the file that is known to be wrong.
    extent
        The district: positions that lie in it only with longitude and latitude swapped are told of.

    Returns
    -------
    tuple
        A GeoDataFrame in EPSG:4490 on the lattice (a DataFrame if ``geometry`` is False), indexed by row
        number as the user sees it, and the report.

    Raises
    ------
    InputError
        If the file as a whole cannot be used: it is not there, empty or broken, or a column is missing.
    CrsError
        If its datum is not known, or contradicts the one given.
    """
    source = Path(path)
    given = parse_crs(crs) if crs is not None else None
    raw = _read_raw(source, encoding=encoding, layer=layer, geometry=geometry is not False)
    if raw.geometry is None and geometry is not False and file_format(source) in {"csv", "xlsx", "parquet"}:
        named = fields or {}
        add_geometry(
            raw,
            given,
            lon_field=named.get("lon"),
            lat_field=named.get("lat"),
            wkt_field=named.get("geometry"),
            where=source.name,
        )
    if file_format(source) == "shp":
        raw.rows = restore_names(raw.rows, source)
    rows = _renamed(
        raw, {ours: theirs for ours, theirs in (fields or {}).items() if ours != "geometry"}, source
    )
    entries = list(raw.entries)
    rows = _cast(rows, kinds or {}, entries)
    if code_field is not None:
        rows = identify_rows(rows, code_field, entries, raw.geometry, source)
    else:
        rows = codes_as_text(rows)
    refuse_damaged(rows, code_field, entries)
    shapes, notes = _shapes(raw, given, geometry, kind, override_crs, extent, entries, source)
    codes = rows[code_field].to_dict() if code_field is not None else {}
    known = [_with_code(entry, codes) for entry in entries]
    report = ImportReport(source.name, raw.total, tuple(sorted(known, key=lambda entry: entry.row)))
    report = report.extended([], [*raw.notes, *notes])
    gone = {entry.row for entry in known if entry.action is Action.REFUSED}
    keep = ~rows.index.isin(list(gone))
    if shapes is None:
        return rows[keep], report
    rows = rows.drop(columns=[name for name in ("geometry",) if name in rows.columns])
    frame = gpd.GeoDataFrame(rows[keep], geometry=shapes[keep], crs=f"EPSG:{STORAGE_SRID}")
    return frame, report


def _read_raw(path: Path, *, encoding: str | None, layer: str | None, geometry: bool) -> RawTable:
    form = file_format(path)
    check_file(path)
    if form == "gpkg":
        return read_geopackage(path, layer=layer)
    if form == "shp":
        return read_shapefile(path, encoding=encoding)
    if form == "geojson":
        return read_geojson(path)
    if form == "parquet":
        return read_parquet(path)
    table = read_csv(path, encoding=encoding) if form == "csv" else read_xlsx(path, sheet=layer)
    if not geometry:
        table.geometry = None
    return table


def _renamed(raw: RawTable, fields: Mapping[str, str], path: Path) -> pd.DataFrame:
    rows = raw.rows
    names = [str(name) for name in rows.columns]
    missing = sorted({theirs for theirs in fields.values() if theirs not in names})
    if missing:
        raise InputError(
            f"there is no column {', '.join(map(repr, missing))}",
            where=path.name,
            mend=f"the columns are {listed(names)}",
        )
    doubled = sorted({theirs for theirs in fields.values() if list(fields.values()).count(theirs) > 1})
    if doubled:
        raise InputError(
            f"column {doubled[0]!r} is mapped to several of ours", where=path.name, mend="map it to one"
        )
    aside = [ours for ours, theirs in fields.items() if ours in names and ours not in fields.values()]
    raw.notes += [
        f"column {ours!r} was set aside as '{ours}_file', because {fields[ours]!r} was mapped to {ours!r}"
        for ours in aside
    ]
    mapping = {theirs: ours for ours, theirs in fields.items()}
    mapping.update({ours: f"{ours}_file" for ours in aside})
    return rows.rename(columns=mapping)


def _cast(rows: pd.DataFrame, kinds: Mapping[str, ColumnKind], entries: list[ImportRow]) -> pd.DataFrame:
    rows = rows.copy(deep=False)
    for name, kind in kinds.items():
        if name not in rows.columns:
            continue
        rows[name], bad = cast_column(rows[name], kind)
        mend = "correct the cell, or leave it blank if it is not known"
        entries += [
            ImportRow(int(rows.index[at]), None, Action.REFUSED, name, reason, mend)
            for at, reason in bad.items()
        ]
    return rows


def _shapes(
    raw: RawTable,
    given: Datum | None,
    geometry: bool | Literal["optional"],
    kind: Kind | None,
    override_crs: bool,
    extent: Extent | None,
    entries: list[ImportRow],
    path: Path,
) -> tuple[np.ndarray[Any, Any] | None, list[str]]:
    """Convert and mend the geometries; say what was done to which row."""
    if geometry is False:
        return None, []
    if raw.geometry is None:
        if geometry == "optional":
            return np.full(len(raw.rows), None, dtype=object), []
        raise GeometryError(
            "no geometry was found in it",
            where=path.name,
            mend="name its columns (--field lon=… --field lat=…, or --field geometry=… for WKT); "
            f"the columns are {listed(raw.rows.columns)}",
        )
    datum, notes = settle_datum(
        given, raw.datum, override=override_crs, own_note=raw.datum_note, where=path.name
    )
    shapes = np.array(raw.geometry, dtype=object)
    far = _beyond_conversion(shapes, datum)
    originals = shapes.copy()
    shapes[far] = None
    shapes = geometries_to_storage(shapes, datum)
    if extent is not None:
        box = shapely.bounds(shapes[~far])
        hint = swapped_hint((box[:, 0] + box[:, 2]) / 2, (box[:, 1] + box[:, 3]) / 2, extent)
        if hint is not None:
            raise GeometryError(
                hint, where=path.name, mend="exchange the two columns, or name them the other way"
            )
    shapes[far] = originals[far]
    said = {entry.row for entry in entries if entry.action is Action.REFUSED}
    repaired = repair_geometries(shapes, kind=kind, optional=geometry == "optional")
    numbers = raw.rows.index
    for change in repaired.changes:
        row = int(numbers[change.position])
        if change.action is Action.REFUSED and row in said:
            continue
        area = change.area_change_m2
        reason = change.reason + (
            f" (area {area:+.2f} m²)" if area is not None and abs(area) >= 0.005 else ""
        )
        entries.append(ImportRow(row, None, change.action, "geometry", reason, change.mend))
    notes += [_TIDIED[what].format(many) for what, many in repaired.tidied.items()]
    return repaired.geometries, notes


def _beyond_conversion(shapes: np.ndarray[Any, Any], datum: Datum) -> np.ndarray[Any, Any]:
    """Find shapes with coordinates that no conversion takes: they go on as they are, to be refused."""
    degrees = datum.epsg is None or bool(pyproj.CRS.from_epsg(datum.epsg).is_geographic)
    coordinates, row = shapely.get_coordinates(shapes, return_index=True)
    limit = 360.0 if degrees else 1e8
    with np.errstate(invalid="ignore"):
        bad = ~(np.abs(coordinates) <= limit).all(axis=1)
    far = np.zeros(len(shapes), dtype=bool)
    far[row[bad]] = True
    return far


def _with_code(entry: ImportRow, codes: Mapping[Any, Any]) -> ImportRow:
    code = codes.get(entry.row)
    if entry.code is not None or code is None or pd.isna(code):
        return entry
    return ImportRow(entry.row, str(code), entry.action, entry.field, entry.reason, entry.mend)
