"""CSV and XLSX as tables of cells, with their geometry out of coordinate columns or a WKT column."""

from __future__ import annotations

import datetime as dt
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import openpyxl
import pandas as pd
import shapely
from openpyxl.utils.exceptions import InvalidFileException

from gis.crs import WGS84, Datum, parse_crs
from gis.errors import InputError, TooLargeError
from gis.layers.coordinates import WKT_NAMES, find_coordinate_columns, parse_coordinates
from gis.layers.csv_text import detect, records, unguard
from gis.layers.raw_table import RawTable, parse_texts
from gis.layers.report import Action, ImportRow, listed

_EXCEL_DIGITS = 10**15
_BROKEN_BOOK = (zipfile.BadZipFile, zlib.error, InvalidFileException, ET.ParseError, EOFError)
_SMALL_BOOK = 64 << 20
_MOST_UNPACKED = 200
_OPTIONS = ("--field lon=…", "--field lat=…")


def read_csv(path: Path, *, encoding: str | None = None) -> RawTable:
    """Read a CSV file's cells as text; blank is null.

    Parameters
    ----------
    path
        The file.
    encoding
        Its encoding, where the user names one.

    Returns
    -------
    RawTable
        Without geometry as yet. Rows with more or fewer cells than the header, or quotes that never
        close, are refused.

    Raises
    ------
    InputError
        If the file is empty, has no header, or two columns of one name.
    """
    dialect = detect(path, encoding)
    notes = []
    if dialect.guessed and dialect.encoding != "utf-8":
        notes.append(f"the encoding is not named in the file; its bytes are {dialect.encoding.upper()} text")
    entries: list[ImportRow] = []
    numbers: list[int] = []
    kept: list[list[str | None]] = []
    total = 0
    with path.open(encoding=dialect.codec, newline="") as file:
        found = records(file, dialect.delimiter)
        header = _header([unguard(cell) for cell in _first_cells(found, path)], path)
        width = len(header)
        for record in found:
            total += 1
            cells = record.cells
            if cells is not None and len(cells) > width and not any(cells[width:]):
                cells = cells[:width]
            if cells is None or len(cells) != width:
                entries.append(_ragged(record.number, cells, width))
                continue
            numbers.append(record.number)
            kept.append([unguard(cell) or None for cell in cells])
    rows = pd.DataFrame(
        kept, columns=header, index=pd.Index(numbers, name="row", dtype="int64"), dtype=object
    )
    return RawTable(rows, total=total, notes=notes, entries=entries)


def read_xlsx(path: Path, *, sheet: str | None = None) -> RawTable:
    """Read a sheet of an XLSX file; the header is the first row with two filled cells or more.

    Parameters
    ----------
    path
        The file.
    sheet
        The sheet's name; the first that is not empty, unless given.

    Returns
    -------
    RawTable
        Without geometry as yet. Whole numbers past 15 digits, which Excel has damaged, come as floats.

    Raises
    ------
    InputError
        If it is no XLSX file, the sheet is not there or empty, or two columns have one name.
    """
    _refuse_bomb(path)
    # Opened here, because openpyxl leaves the file open where it breaks off in the middle of a sheet.
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        except (*_BROKEN_BOOK, KeyError, ValueError, OSError) as cause:
            raise _not_a_book(path) from cause
        names = list(book.sheetnames)
        if sheet is not None and sheet not in names:
            raise InputError(
                f"there is no sheet {sheet!r}", where=path.name, mend=f"choose one of {listed(names)}"
            )
        try:
            for name in [sheet] if sheet is not None else names:
                table = _read_sheet(book[name], path)
                if table is not None:
                    if sheet is None and len(names) > 1:
                        table.notes.append(f"the file has {len(names)} sheets; {name!r} was read")
                    return table
        except _BROKEN_BOOK as cause:
            raise _not_a_book(path) from cause
    raise InputError(
        "there is no table in it", where=path.name, mend="put a header and rows in its first sheet"
    )


def add_geometry(
    table: RawTable,
    datum: Datum | None,
    *,
    lon_field: str | None = None,
    lat_field: str | None = None,
    wkt_field: str | None = None,
    where: str,
) -> None:
    """Make geometries of a table's WKT column or its coordinate columns, in place.

    Parameters
    ----------
    table
        Rows without geometry. The WKT column is taken away; coordinate columns stay.
    datum
        What the coordinates are in, which tells degrees from metres.
    lon_field, lat_field
        Coordinate columns that the user names.
    wkt_field
        Column of WKT that the user names.
    where
        The file, for the message.
    """
    names = [str(name) for name in table.rows.columns]
    wkt = [name for name in names if name.strip().casefold() in WKT_NAMES]
    if wkt_field is not None:
        if wkt_field not in names:
            raise InputError(
                f"there is no column {wkt_field!r}", where=where, mend=f"the columns are {listed(names)}"
            )
        wkt = [wkt_field]
    if len(wkt) > 1:
        raise InputError(
            f"several columns could hold the geometry: {listed(wkt)}",
            where=where,
            mend="name one (--field geometry=…)",
        )
    numbers = [int(row) for row in table.rows.index]
    if wkt and lon_field is None and lat_field is None:
        parsed = parse_texts(list(table.rows[wkt[0]]))
        table.geometry = parsed.geometry
        table.entries += parsed.entries(numbers, wkt[0])
        if parsed.srid is not None:
            table.datum = parse_crs(str(parsed.srid), where=where)
        table.rows = table.rows.drop(columns=wkt)
        table.notes.append(f"geometry was read from column {wkt[0]!r}")
        return
    pair = find_coordinate_columns(
        names, lon_field=lon_field, lat_field=lat_field, where=where, options=_OPTIONS
    )
    if pair is None:
        return
    x, y, reasons = parse_coordinates(list(table.rows[pair[0]]), list(table.rows[pair[1]]), datum or WGS84)
    points = shapely.points(np.nan_to_num(x), np.nan_to_num(y))
    points[np.isnan(x)] = None
    table.geometry = points
    table.notes.append(f"positions were read from columns {pair[0]!r} and {pair[1]!r}")
    for at, reason in reasons.items():
        missing = reason == "there are no coordinates"
        if not missing:
            mend = "correct the coordinates"
            table.entries.append(
                ImportRow(numbers[at], None, Action.REFUSED, f"{pair[0]}, {pair[1]}", reason, mend)
            )


def _not_a_book(path: Path) -> InputError:
    return InputError(
        "it cannot be read as XLSX", where=path.name, mend="save it again as .xlsx, without a password"
    )


def _refuse_bomb(path: Path) -> None:
    """Refuse a file that unpacks to more than any sheet does: it was made to fill the memory."""
    try:
        with zipfile.ZipFile(path) as book:
            unpacked = sum(part.file_size for part in book.infolist())
    except zipfile.BadZipFile as cause:
        raise _not_a_book(path) from cause
    if unpacked > max(_SMALL_BOOK, _MOST_UNPACKED * path.stat().st_size):
        raise TooLargeError(
            f"{path.stat().st_size >> 10:,} KB unpack to {unpacked >> 20:,} MB, as no sheet of people's does",
            where=path.name,
            mend="save the sheet as .csv",
        )


def _first_cells(found: Iterator[Any], path: Path) -> list[str]:
    record = next(found, None)
    if record is None or record.cells is None:
        raise InputError(
            "there is no header line", where=path.name, mend="name the columns in the first line"
        )
    return list(record.cells)


def _header(cells: list[str], path: Path) -> list[str]:
    names = [cell.strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    names = [name or f"column {place}" for place, name in enumerate(names, start=1)]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise InputError(
            f"several columns are named {', '.join(map(repr, doubled))}",
            where=path.name,
            mend="give each column a name of its own",
        )
    return names


def _ragged(number: int, cells: list[str] | None, width: int) -> ImportRow:
    if cells is None:
        return ImportRow(
            number, None, Action.REFUSED, None, "a quote is not closed", "put a \" at the cell's end"
        )
    reason = f"it has {len(cells)} cells where the header has {width}"
    return ImportRow(
        number, None, Action.REFUSED, None, reason, "put cells that hold the delimiter in quotes"
    )


def _read_sheet(sheet: Any, path: Path) -> RawTable | None:
    header: list[str] | None = None
    columns: list[int] = []
    numbers: list[int] = []
    kept: list[list[Any]] = []
    notes: list[str] = []
    for number, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
        if header is None:
            columns = [at for at, cell in enumerate(cells) if cell is not None and str(cell).strip()]
            if len(columns) >= 2:
                header = _header([str(cells[at]) for at in columns], path)
                if number > 1:
                    notes.append(f"the header was found in row {number}")
            continue
        picked = [_cell(cells[at]) if at < len(cells) else None for at in columns]
        if any(cell is not None for cell in picked):
            numbers.append(number)
            kept.append(picked)
    if header is None:
        return None
    index = pd.Index(numbers, name="row", dtype="int64")
    rows = pd.DataFrame(kept, columns=header, index=index, dtype=object)
    return RawTable(rows, total=len(rows), notes=notes)


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return unguard(value) if value.strip() else None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _EXCEL_DIGITS:
        return float(value)
    if isinstance(value, dt.datetime) and value.time() == dt.time():
        return value.date()
    return value
