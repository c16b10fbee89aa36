"""Write points out again with columns added: rows that were read from a CSV file go back letter by letter."""

from __future__ import annotations

import contextlib
import csv
import io
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import shapely

from gis.crs import CGCS2000
from gis.errors import InputError
from gis.layers.csv_text import Dialect, records
from gis.layers.point_stream import FORMATS, CsvRows, PointBatch, PointFile
from gis.layers.whole_file import clear, draft_of, settle, told_plainly

_QUOTED = '"\r\n'
_DECIMALS = 3


class CsvText:
    """Points as the text of a CSV file, with columns added; the head and then the rows, piece by piece.

    Parameters
    ----------
    source
        The file that the rows come from: if it is CSV, each row's own text is kept, and its dialect.
    added
        The columns to add: name → ``text`` or ``number``.
    """

    def __init__(self, source: PointFile, added: Mapping[str, str]) -> None:
        dialect = source.dialect or Dialect("utf-8", bom=True, delimiter=",", guessed=False)
        self._columns = source.columns
        self._added = dict(added)
        self._delimiter = dialect.delimiter
        self.codec = dialect.codec
        if source.form == "csv":
            with source.path.open(encoding=dialect.codec, newline="") as file:
                header = next(records(file, dialect.delimiter))
            head, self._line_end = header.raw, header.line_end or "\n"
        else:
            head, self._line_end = (
                self._joined(_quoted(name, self._delimiter) for name in self._columns),
                "\r\n",
            )
        self.head = self._joined([head, *(_quoted(n, self._delimiter) for n in self._added)]) + self._line_end

    def rows(self, batch: PointBatch, answers: Mapping[str, Any]) -> str:
        """Write a batch with its added cells.

        Parameters
        ----------
        batch
            As read.
        answers
            Added column → n values; None and NaN are empty cells.

        Returns
        -------
        str
            A line for each row.
        """
        tails = [_csv_cells(answers[name], kind, self._delimiter) for name, kind in self._added.items()]
        if isinstance(batch.rows, CsvRows):
            bodies = batch.rows.bodies
            ends = [end or self._line_end for end in batch.rows.ends]
        else:
            bodies = _csv_bodies(batch.rows, self._columns, self._delimiter)
            ends = [self._line_end] * len(bodies)
        return "".join(self._joined(cells) + end for *cells, end in zip(bodies, *tails, ends, strict=True))

    def _joined(self, cells: Iterable[str]) -> str:
        return self._delimiter.join(cells)


class PointSink:
    """A file of points in the making; it takes its name only when all of it is written.

    Use it as a context: leaving it by an error leaves no file behind.

    Parameters
    ----------
    path
        Where to; the suffix tells the format.
    source
        The file that the rows come from.
    added
        The columns to add: name → ``text`` or ``number``.
    """

    def __init__(self, path: Path, source: PointFile, added: Mapping[str, str]) -> None:
        form = FORMATS.get(path.suffix.lower())
        if form is None:
            raise InputError(
                f"{path.suffix or 'a name without a suffix'} is no format that is written here",
                where=path.name,
                mend="use .csv, .parquet or .gpkg",
            )
        if path.exists() and path.samefile(source.path):
            raise InputError("the output is the input itself", where=str(path), mend="give it another name")
        self.path = path
        self.source = source
        self.added = dict(added)
        self._draft = draft_of(path)
        self._write = {"csv": self._write_csv, "parquet": self._write_parquet, "gpkg": self._write_gpkg}[form]
        self._open: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is not None:
                with contextlib.suppress(Exception):  # closing may fail as writing did, which is told already
                    self._close()
                return
            with told_plainly(self.path):
                self._close()
                settle(self._draft, self.path)
        finally:
            clear(self._draft)

    def _close(self) -> None:
        if self._open is not None:
            self._open.close()

    def write(self, batch: PointBatch, answers: Mapping[str, Any]) -> None:
        """Write a batch with its added cells.

        Parameters
        ----------
        batch
            As read.
        answers
            Added column → n values; None and NaN are null.

        Raises
        ------
        InputError
            If the disk does not take it.
        """
        with told_plainly(self.path):
            self._write(batch, answers)

    def finish_empty(self) -> None:
        """Write the head of a file that has no rows."""
        none: dict[str, list[Any]] = {name: [] for name in self.added}
        if self._open is None and not self._draft.exists():
            rows: Any = CsvRows([], [], ",")
            if self.source.form != "csv":
                rows = pa.table({name: pa.array([], pa.string()) for name in self.source.columns})
            self.write(PointBatch(np.empty(0), np.empty(0), {}, rows, 1.0), none)

    def _write_csv(self, batch: PointBatch, answers: Mapping[str, Any]) -> None:
        if self._open is None:
            self._text = CsvText(self.source, self.added)
            self._open = self._draft.open("w", encoding=self._text.codec, newline="")
            self._open.write(self._text.head)
        self._open.write(self._text.rows(batch, answers))

    def _table(self, batch: PointBatch, answers: Mapping[str, Any]) -> pa.Table:
        table = _as_table(batch.rows, self.source.columns)
        for name, kind in self.added.items():
            if kind == "number":
                values = pa.array(np.asarray(answers[name], dtype=np.float64), from_pandas=True)
            else:
                values = pa.array(list(answers[name]), pa.string())
            table = table.append_column(name, values)
        return table

    def _write_parquet(self, batch: PointBatch, answers: Mapping[str, Any]) -> None:
        table = self._table(batch, answers)
        if self._open is None:
            self._open = pq.ParquetWriter(self._draft, table.schema)
        self._open.write_table(table.cast(self._open.schema))

    def _write_gpkg(self, batch: PointBatch, answers: Mapping[str, Any]) -> None:
        table = self._table(batch, answers)
        datum = self.source.datum
        name = self.source.geometry_name
        if self.source.coordinates is not None or name is None:
            points = shapely.points(np.nan_to_num(batch.lon), np.nan_to_num(batch.lat))
            points[np.isnan(batch.lon)] = None
            name, datum = "geom", CGCS2000
            table = table.append_column(name, pa.array(shapely.to_wkb(points).tolist(), pa.binary()))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pyogrio.raw.write_arrow(
                table.replace_schema_metadata(),
                self._draft,
                layer=self.path.stem,
                driver="GPKG",
                geometry_name=name,
                geometry_type="Point",
                crs=f"EPSG:{datum.epsg}" if datum.epsg is not None else None,
                append=self._draft.exists(),
            )


def _as_table(rows: CsvRows | pa.Table, columns: Sequence[str]) -> pa.Table:
    if not isinstance(rows, CsvRows):
        return rows
    cells = rows.cells()
    arrays = [pa.array([row[at] for row in cells], pa.string()) for at in range(len(columns))]
    return pa.table(dict(zip(_distinct(columns), arrays, strict=True)))


def _distinct(columns: Sequence[str]) -> list[str]:
    return [
        name if name not in columns[:place] else f"{name}_{place + 1}" for place, name in enumerate(columns)
    ]


def _csv_bodies(table: pa.Table, columns: Sequence[str], delimiter: str) -> list[str]:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\0")
    writer.writerows(zip(*(table.column(name).to_pylist() for name in columns), strict=True))
    return out.getvalue().split("\0")[:-1]


def _csv_cells(values: Sequence[Any], kind: str, delimiter: str) -> list[str]:
    if kind == "number":
        return ["" if value != value else f"{value:.{_DECIMALS}f}" for value in values]  # noqa: PLR0124 - NaN
    # Grids, statuses and reasons repeat: each different one is quoted once.
    cells = {value: "" if value is None else _quoted(value, delimiter) for value in set(values)}
    return [cells[value] for value in values]


def _quoted(text: str, delimiter: str) -> str:
    if delimiter in text or any(letter in text for letter in _QUOTED):
        return '"' + text.replace('"', '""') + '"'
    return text
