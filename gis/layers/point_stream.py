"""Points as they come out of a file, batch by batch: the file is never held in memory.

Each batch keeps its rows just as they stood (a CSV record's own text, an Arrow batch), so that whoever
writes them out again changes nothing in them.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import shapely
from numpy.typing import NDArray

from gis.crs import WGS84, Datum, datum_of, to_storage
from gis.errors import CrsError, InputError
from gis.layers.coordinates import find_coordinate_columns, parse_coordinates
from gis.layers.csv_text import Dialect, Record, detect, records, unguard
from gis.layers.geoparquet_label import read_label
from gis.layers.raw_table import parse_wkb, settle_datum
from gis.layers.report import listed
from gis.layers.source_file import check_file

Floats = NDArray[np.float64]

BATCH_ROWS = 50_000
FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".geoparquet": "parquet",
    ".gpkg": "gpkg",
}
"""Suffix → format of what points are read from and written to."""

_BROKEN = "export it again from the tool that made it"


@dataclass(frozen=True)
class CsvRows:
    """Records of a CSV file, each as its own text with as many cells as the header has.

    Attributes
    ----------
    bodies
        The texts, without their line ends.
    ends
        The line ends.
    delimiter
        Between cells.
    """

    bodies: list[str]
    ends: list[str]
    delimiter: str

    def cells(self) -> list[list[str]]:
        """Return each record's cells."""
        return list(csv.reader(self.bodies, delimiter=self.delimiter))


@dataclass(frozen=True)
class PointBatch:
    """Some rows of a file.

    Attributes
    ----------
    lon, lat
        Degrees, CGCS2000; NaN where there is no usable position. Shape (n,).
    reasons
        Row of the batch → why it has none.
    rows
        The rows as they stood: CSV records, or an Arrow table.
    fraction
        How much of the file has been read, 0 to 1.
    """

    lon: Floats
    lat: Floats
    reasons: dict[int, str]
    rows: CsvRows | pa.Table
    fraction: float


@dataclass
class PointFile:
    """A file of points that is ready to be read.

    Attributes
    ----------
    path
        The file.
    form
        ``csv``, ``parquet`` or ``gpkg``.
    columns
        Its columns, without the geometry.
    datum
        What its coordinates are in.
    coordinates
        The two columns that hold them; None where it is the geometry.
    geometry_name
        The geometry's column, or None.
    dialect
        How a CSV file is written.
    layer
        The layer of a GeoPackage.
    notes
        What there is to say of the file.
    """

    path: Path
    form: str
    columns: list[str]
    datum: Datum
    coordinates: tuple[str, str] | None
    geometry_name: str | None = None
    dialect: Dialect | None = None
    layer: str | None = None
    notes: list[str] = field(default_factory=list)

    def batches(self) -> Iterator[PointBatch]:
        """Read the file once.

        Yields
        ------
        PointBatch
            In the file's order.
        """
        if self.form == "csv":
            yield from self._csv_batches()
            return
        tables = self._parquet_tables() if self.form == "parquet" else self._gpkg_tables()
        for table, fraction in tables:
            x, y, reasons = self._arrow_positions(table)
            yield self._batch(x, y, reasons, table, fraction)

    def count_rows(self, at_most: int) -> int:
        """Count the rows of a CSV file as :meth:`batches` gives them, without looking into them.

        Parameters
        ----------
        at_most
            Where to stop counting.

        Returns
        -------
        int
            Rows below the header; ``at_most`` where there may be more.
        """
        assert self.dialect is not None  # noqa: S101 - a CSV file has one
        with self.path.open(encoding=self.dialect.codec, newline="") as file:
            found = records(file, self.dialect.delimiter, empty_rows=True)
            return sum(1 for _ in itertools.islice(found, at_most + 1)) - 1

    def _batch(self, x: Floats, y: Floats, reasons: dict[int, str], rows: Any, fraction: float) -> PointBatch:
        lon, lat = np.full(len(x), np.nan), np.full(len(x), np.nan)
        known = np.flatnonzero(np.isfinite(x))
        lon[known], lat[known] = to_storage(x[known], y[known], self.datum)
        with np.errstate(invalid="ignore"):
            off = np.isfinite(x) & ~((np.abs(lon) <= 180) & (np.abs(lat) <= 90))
        lon[off] = lat[off] = np.nan
        for row in np.flatnonzero(off):
            reasons[int(row)] = f"{self.datum.name} does not reach {x[row]:.10g}, {y[row]:.10g}"
        return PointBatch(lon, lat, reasons, rows, fraction)

    def _csv_batches(self) -> Iterator[PointBatch]:
        assert self.dialect is not None  # noqa: S101 - a CSV file has one
        assert self.coordinates is not None  # noqa: S101 - and its points are in columns
        places = [self.columns.index(name) for name in self.coordinates]
        size = max(self.path.stat().st_size, 1)
        with (
            self.path.open("rb") as binary,
            io.TextIOWrapper(binary, encoding=self.dialect.codec, newline="") as file,
        ):
            # One row out for every row in, the empty ones too.
            found = records(file, self.dialect.delimiter, empty_rows=True)
            next(found)
            while True:
                batch = self._csv_batch(itertools.islice(found, BATCH_ROWS), places, self.dialect.delimiter)
                if not len(batch[0].bodies):
                    return
                rows, x, y, broken = batch
                x_number, y_number, reasons = parse_coordinates(x, y, self.datum)
                fraction = min(binary.tell() / size, 1.0)
                yield self._batch(x_number, y_number, reasons | broken, rows, fraction)

    def _csv_batch(
        self, found: Iterable[Record], places: Sequence[int], delimiter: str
    ) -> tuple[CsvRows, list[str], list[str], dict[int, str]]:
        """Take the texts and the two coordinate cells of some records, and let the records go."""
        rows = CsvRows([], [], delimiter)
        x: list[str] = []
        y: list[str] = []
        broken: dict[int, str] = {}
        width = len(self.columns)
        for row, record in enumerate(found):
            cells = record.cells
            if cells is None:
                broken[row] = "a quote in this line is not closed"
            elif len(cells) > width and any(cells[width:]):
                broken[row] = f"the row has {len(cells)} cells where the header has {width}"
            if cells is None or len(cells) != width:
                rows.bodies.append(_aligned(record, width, delimiter))
                cells = [*(cells or []), *[""] * width] if row not in broken else [""] * width
            else:
                rows.bodies.append(record.raw)
            rows.ends.append(record.line_end)
            x.append(unguard(cells[places[0]]))
            y.append(unguard(cells[places[1]]))
        return rows, x, y, broken

    def _parquet_tables(self) -> Iterator[tuple[pa.Table, float]]:
        with pq.ParquetFile(self.path) as file:
            total, done = max(file.metadata.num_rows, 1), 0
            for batch in file.iter_batches(batch_size=BATCH_ROWS):
                done += batch.num_rows
                yield pa.Table.from_batches([batch]), done / total

    def _gpkg_tables(self) -> Iterator[tuple[pa.Table, float]]:
        total = max(int(pyogrio.read_info(self.path, layer=self.layer)["features"]), 1)
        done = 0
        with pyogrio.raw.open_arrow(
            self.path, layer=self.layer, batch_size=BATCH_ROWS, use_pyarrow=True
        ) as source:
            for batch in source[1]:
                done += batch.num_rows
                yield pa.Table.from_batches([batch]), min(done / total, 1.0)

    def _arrow_positions(self, table: pa.Table) -> tuple[Floats, Floats, dict[int, str]]:
        if self.coordinates is not None:
            columns = [table.column(name).to_pylist() for name in self.coordinates]
            return parse_coordinates(columns[0], columns[1], self.datum)
        shapes = parse_wkb(table.column(self.geometry_name).to_pylist()).geometry
        points = (shapely.get_type_id(shapes) == 0) & ~shapely.is_empty(shapes)
        x, y = np.full(len(shapes), np.nan), np.full(len(shapes), np.nan)
        x[points], y[points] = shapely.get_x(shapes[points]), shapely.get_y(shapes[points])
        x, y, reasons = parse_coordinates(x, y, self.datum)  # type: ignore[arg-type]
        for row in np.flatnonzero(~shapely.is_missing(shapes) & ~shapely.is_empty(shapes) & ~points):
            reasons[int(row)] = "its geometry is not a point"
        return x, y, reasons


def _aligned(record: Record, width: int, delimiter: str) -> str:
    """Write a record with as many cells as the header has, without losing any."""
    cells = record.cells
    if cells is not None and len(cells) < width:
        return record.raw + delimiter * (width - len(cells))
    if cells is None:
        cells = [record.raw, *[""] * (width - 1)]
    out = io.StringIO()
    whole = [*cells[: width - 1], delimiter.join(cells[width - 1 :]).rstrip(delimiter)]
    csv.writer(out, delimiter=delimiter, lineterminator="").writerow(whole)
    return out.getvalue()


def open_points(
    path: Path,
    *,
    crs: Datum | None = None,
    lon_field: str | None = None,
    lat_field: str | None = None,
    encoding: str | None = None,
    layer: str | None = None,
    override_crs: bool = False,
    options: tuple[str, str] = ("--lon-field", "--lat-field"),
) -> PointFile:
    """Look at a file of points and get ready to read it.

    Parameters
    ----------
    path
        CSV, Parquet or GeoPackage.
    crs
        What its coordinates are in; needed where the file does not say.
    lon_field, lat_field
        The coordinate columns; found by their names unless given.
    encoding
        Of CSV; found out unless given.
    layer
        Of a GeoPackage with several.
    override_crs
        Whether ``crs`` beats the file's own label.
    options
        How the user names the coordinate columns, for the message.

    Returns
    -------
    PointFile
        Nothing but its head has been read.

    Raises
    ------
    InputError
        If the file cannot be used, or its coordinates are not found or ambiguous.
    CrsError
        If nobody says what they are in.
    """
    form = FORMATS.get(path.suffix.lower())
    if form is None:
        raise InputError(
            f"{path.suffix or 'a name without a suffix'} is no format of points",
            where=path.name,
            mend="use .csv, .parquet or .gpkg",
        )
    check_file(path)
    if form == "csv":
        opened = _open_csv(path, encoding)
        own: Datum | None = None
        notes: list[str] = []
    else:
        opened, own, notes = _open_parquet(path) if form == "parquet" else _open_gpkg(path, layer)
    if opened.geometry_name is None or lon_field is not None or lat_field is not None:
        pair = find_coordinate_columns(
            opened.columns, lon_field=lon_field, lat_field=lat_field, where=path.name, options=options
        )
        if pair is None:
            raise InputError(
                "no column looks like a longitude or latitude",
                where=path.name,
                mend=f"name them ({', '.join(options)}); the columns are {listed(opened.columns)}",
            )
        opened.coordinates, own, notes = pair, None, []
    opened.datum, said = settle_datum(
        crs, own, override=override_crs, own_note=notes[0] if notes else None, where=path.name
    )
    opened.notes += said
    return opened


def _open_csv(path: Path, encoding: str | None) -> PointFile:
    dialect = detect(path, encoding)
    with path.open(encoding=dialect.codec, newline="") as file:
        header = next(records(file, dialect.delimiter), None)
    if header is None or header.cells is None:
        raise InputError(
            "there is no header line", where=path.name, mend="name the columns in the first line"
        )
    columns = [unguard(cell).strip() for cell in header.cells]
    notes = []
    if dialect.guessed and dialect.encoding != "utf-8":
        notes.append(f"the encoding is not named in the file; its bytes are {dialect.encoding.upper()} text")
    return PointFile(path, "csv", columns, WGS84, None, dialect=dialect, notes=notes)


def _open_parquet(path: Path) -> tuple[PointFile, Datum | None, list[str]]:
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError) as cause:
        raise InputError("it cannot be read as Parquet", where=path.name, mend=_BROKEN) from cause
    label = read_label(schema, path)
    columns = [column for column in schema.names if column != label.column]
    opened = PointFile(path, "parquet", columns, WGS84, None, geometry_name=label.column)
    opened.notes += label.remarks
    return opened, label.datum, [] if label.note is None else [label.note]


def _open_gpkg(path: Path, layer: str | None) -> tuple[PointFile, Datum | None, list[str]]:
    try:
        names = [str(name) for name, _ in pyogrio.list_layers(path)]
        if layer is None and len(names) != 1:
            raise InputError(
                f"the file has several layers: {listed(names)}" if names else "the file has no layer",
                where=path.name,
                mend="name one (--sheet)" if names else _BROKEN,
            )
        if layer is not None and layer not in names:
            raise InputError(
                f"there is no layer {layer!r}", where=path.name, mend=f"choose one of {listed(names)}"
            )
        info = pyogrio.read_info(path, layer=layer or names[0])
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as cause:
        raise InputError("it cannot be read as a GeoPackage", where=path.name, mend=_BROKEN) from cause
    columns = [str(name) for name in info["fields"]]
    geometry = info["geometry_name"] or None
    own = None
    notes: list[str] = []
    if geometry is not None and info["crs"] is not None:
        try:
            own = datum_of(info["crs"], where=path.name)
        except CrsError:
            own = None
    opened = PointFile(path, "gpkg", columns, WGS84, None, geometry_name=geometry, layer=layer or names[0])
    return opened, own, notes
