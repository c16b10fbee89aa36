"""Write a layer so that reading it again gives the same rows, field by field."""

from __future__ import annotations

import csv
import datetime as dt
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyogrio
import shapely

from gis.crs import Datum, geometries_from_storage, parse_crs
from gis.errors import InputError
from gis.layers.columns import join_list
from gis.layers.csv_text import guard
from gis.layers.short_names import keep_names, shorten
from gis.layers.whole_file import whole_file

WRITTEN = {
    ".gpkg": "gpkg",
    ".geojson": "geojson",
    ".json": "geojson",
    ".shp": "shp",
    ".csv": "csv",
    ".parquet": "parquet",
    ".geoparquet": "parquet",
}
"""Suffix → format of what can be written."""

_LONGEST_DBF_TEXT = 254
_DECIMALS = 8


def write_layer(
    frame: pd.DataFrame,
    path: str | Path,
    *,
    format: str | None = None,  # noqa: A002
    crs: str = "cgcs2000",
) -> Path:
    """Write a frame to a file, replacing what was there once all is written.

    Lists become ``;``-joined text. In CSV, geometry is WKT in a column ``geometry`` and texts that a
    spreadsheet would change or run are kept from it by a tab (see :mod:`gis.layers.csv_text`); an empty
    text and a null are one there and in a Shapefile.

    Parameters
    ----------
    frame
        A GeoDataFrame in EPSG:4490, or a DataFrame without geometry.
    path
        Where to.
    format
        ``gpkg``, ``geojson``, ``shp``, ``csv`` or ``parquet``; the suffix tells, unless given.
    crs
        What the coordinates are written in. GCJ-02 and BD-09 have no name that GIS files know: such files
        carry none (GeoJSON carries ours), and reading one needs ``crs`` again.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    InputError
        If the format is not written here or not the name's, the folder is not there, the disk does not take
        it, or a text is too long for it.
    """
    target = Path(path)
    form = format or WRITTEN.get(target.suffix.lower())
    if form not in set(WRITTEN.values()):
        raise InputError(
            f"{format or target.suffix or 'no suffix'} is no format that is written here",
            where=target.name,
            mend="use .gpkg, .geojson, .shp, .csv or .parquet",
        )
    told = WRITTEN.get(target.suffix.lower(), form)
    if told != form:
        raise InputError(
            f"the name says {told}, but {form} was asked for",
            where=target.name,
            mend="leave the format out, or change the name",
        )
    datum = parse_crs(crs)
    rows, shapes = _split(frame, datum)
    with whole_file(target) as draft:
        _WRITERS[form](rows, shapes, datum, draft)
        target.with_suffix(".fields.json").unlink(missing_ok=True)
    return target


def _split(frame: pd.DataFrame, datum: Datum) -> tuple[pd.DataFrame, np.ndarray[Any, Any] | None]:
    rows = pd.DataFrame(frame.drop(columns=frame.geometry.name)) if _has_shapes(frame) else frame
    shapes = None
    if isinstance(frame, gpd.GeoDataFrame) and _has_shapes(frame):
        shapes = geometries_from_storage(np.array(frame.geometry.to_numpy(), dtype=object), datum)
    rows = rows.copy(deep=False)
    for name in rows.columns:
        if pd.api.types.infer_dtype(rows[name], skipna=True) == "mixed" and any(map(_is_list, rows[name])):
            rows[name] = [join_list(value) if _is_list(value) else None for value in rows[name]]
    return rows, shapes


def _has_shapes(frame: pd.DataFrame) -> bool:
    return isinstance(frame, gpd.GeoDataFrame) and frame.active_geometry_name is not None


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple, np.ndarray))


def _write_csv(rows: pd.DataFrame, shapes: Any, _: Datum, path: Path) -> None:
    columns = [_csv_cells(rows[name]) for name in rows.columns]
    header = [guard(str(name)) for name in rows.columns]
    if shapes is not None:
        texts = shapely.to_wkt(shapes, rounding_precision=_DECIMALS, trim=True)
        columns.append(["" if text is None else text for text in texts])
        header.append("geometry")
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(header)
        writer.writerows(zip(*columns, strict=True))


def _csv_cells(values: pd.Series) -> list[str]:
    number = pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)
    write = _plain if number else _guarded
    blank = values.isna().tolist()
    return ["" if missing else write(value) for value, missing in zip(values, blank, strict=True)]


def _guarded(value: Any) -> str:
    return guard(_plain(value))


def _plain(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (dt.date, dt.datetime)):
        return value.isoformat()
    return repr(float(value)) if isinstance(value, (float, np.floating)) else str(value)


def _write_geojson(rows: pd.DataFrame, shapes: Any, datum: Datum, path: Path) -> None:
    columns = [[_json_cell(value) for value in rows[name]] for name in rows.columns]
    names = [str(name) for name in rows.columns]
    texts = shapely.to_geojson(shapes) if shapes is not None else [None] * len(rows)
    with path.open("wb") as file:
        file.write(b'{"type":"FeatureCollection",\n')
        if not datum.is_storage:
            name = f"urn:ogc:def:crs:EPSG::{datum.epsg}" if datum.epsg is not None else datum.name
            file.write(b'"crs":' + orjson.dumps({"type": "name", "properties": {"name": name}}) + b",\n")
        file.write(b'"features":[\n')
        cells: Iterable[tuple[Any, ...]] = zip(*columns, strict=True) if columns else ((),) * len(rows)
        for place, (text, row) in enumerate(zip(texts, cells, strict=True)):
            properties = orjson.dumps(dict(zip(names, row, strict=True)))
            shape = b"null" if text is None else text.encode()
            start = b",\n" if place else b""
            file.write(
                start + b'{"type":"Feature","properties":' + properties + b',"geometry":' + shape + b"}"
            )
        file.write(b"\n]}\n")


def _json_cell(value: Any) -> Any:
    if value is None or pd.isna(value):
        return None
    if isinstance(value, np.generic):
        return value.item()
    return value.isoformat() if isinstance(value, (dt.date, dt.datetime)) else value


def _write_gpkg(rows: pd.DataFrame, shapes: Any, datum: Datum, path: Path) -> None:
    _write_gdal(
        _arrow(rows, shapes),
        shapes,
        datum,
        path,
        "GPKG",
        layer=path.stem.removeprefix(".").removesuffix(".part"),
    )


def _write_shp(rows: pd.DataFrame, shapes: Any, datum: Datum, path: Path) -> None:
    if shapes is None:
        raise InputError("a Shapefile needs geometry", where=path.name, mend="write .csv or .parquet")
    mapping = shorten([str(name) for name in rows.columns])
    for name in rows.columns:
        texts = [value for value in rows[name] if isinstance(value, str)]
        long = next((text for text in texts if len(text.encode()) > _LONGEST_DBF_TEXT), None)
        if long is not None:
            raise InputError(
                f"column {name!r} holds a text longer than the {_LONGEST_DBF_TEXT} bytes "
                f"that a Shapefile keeps: {long[:30]!r} …",
                where=path.name,
                mend="write .gpkg instead",
            )
    table = _arrow(rows.rename(columns=mapping), shapes, times_as_text=True)
    _write_gdal(table, shapes, datum, path, "ESRI Shapefile", encoding="UTF-8")
    keep_names(mapping, path)


def _write_gdal(table: pa.Table, shapes: Any, datum: Datum, path: Path, driver: str, **more: Any) -> None:
    if shapes is not None:
        more |= {"geometry_name": "geometry", "geometry_type": _geometry_type(shapes)}
        more["crs"] = f"EPSG:{datum.epsg}" if datum.epsg is not None else None
    with warnings.catch_warnings():
        # A missing CRS is meant, and GDAL's other remarks are no news here.
        warnings.simplefilter("ignore")
        pyogrio.raw.write_arrow(table, path, driver=driver, **more)


def _geometry_type(shapes: Any) -> str:
    names = {
        0: "Point",
        1: "LineString",
        3: "Polygon",
        4: "MultiPoint",
        5: "MultiLineString",
        6: "MultiPolygon",
    }
    types = {int(kind) for kind in np.unique(shapely.get_type_id(shapes)) if kind >= 0}
    if len(types) == 1:
        return names.get(types.pop(), "Unknown")
    return "MultiPolygon" if types <= {3, 6} and types else "Unknown"


def _arrow(rows: pd.DataFrame, shapes: Any, *, times_as_text: bool = False) -> pa.Table:
    arrays = {str(name): _arrow_column(rows[name], times_as_text=times_as_text) for name in rows.columns}
    if shapes is not None:
        arrays["geometry"] = pa.array(shapely.to_wkb(shapes).tolist(), pa.binary())
    return pa.table(arrays)


def _arrow_column(values: pd.Series, *, times_as_text: bool) -> pa.Array:
    if values.dtype == object:
        blank = values.isna().tolist()
        found = [None if missing else value for value, missing in zip(values, blank, strict=True)]
        if any(isinstance(value, dt.datetime) for value in found):
            return pa.array([None if value is None else value.isoformat() for value in found], pa.string())
        kinds = {type(value) for value in found if value is not None}
        if len(kinds) > 1 or not kinds:
            return pa.array([None if value is None else _plain(value) for value in found], pa.string())
        return pa.array(found)
    if times_as_text and pd.api.types.is_datetime64_any_dtype(values.dtype):
        return pa.array([None if pd.isna(value) else value.isoformat() for value in values], pa.string())
    array = pa.Array.from_pandas(values)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return array.cast(pa.string()) if pa.types.is_large_string(array.type) else array


def _write_parquet(rows: pd.DataFrame, shapes: Any, datum: Datum, path: Path) -> None:
    plain = rows.reset_index(drop=True)
    if shapes is None:
        plain.to_parquet(path, index=False)
        return
    crs = f"EPSG:{datum.epsg}" if datum.epsg is not None else None
    gpd.GeoDataFrame(plain, geometry=shapes, crs=crs).to_parquet(path, index=False)


_WRITERS = {
    "csv": _write_csv,
    "geojson": _write_geojson,
    "gpkg": _write_gpkg,
    "shp": _write_shp,
    "parquet": _write_parquet,
}
