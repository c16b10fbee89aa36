"""Batches of points through HTTP: CSV, NDJSON or an Arrow stream in, the same out, a row for every row.

The body has been written to a file before it comes here. An answer that began while the body still came
could not say any more that the whole is too long, cut short or of another encoding: its status is sent by
then, and a client that only reads when it has sent everything, as nearly all do, would wait for ever on a
server that waits for it. So what is wrong with the whole is found by one look through the file, and only then
does the answer begin, a piece at a time, each worked out when the client takes it: a batch takes the memory
of one piece. All rows of a batch are answered by the same editions, and each is sent back as it stood.
"""

from __future__ import annotations

import codecs
import io
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from gis.crs import Datum, parse_crs, to_storage
from gis.errors import InputError, NotFoundError, TooLargeError
from gis.layers.coordinates import find_coordinate_columns, parse_coordinates
from gis.layers.point_sinks import CsvText
from gis.layers.point_stream import PointBatch, open_points
from gis.service.owning.arrow_stream import check_coordinates, look_through, numbers_or_texts
from gis.service.owning.assigning import ADDED, find_owners, free_names
from gis.service.owning.compiled import Compiled
from gis.service.owning.owners import Owners, owners_of

FORMATS: dict[str, str] = {
    "text/csv": "csv",
    "application/x-ndjson": "ndjson",
    "application/ndjson": "ndjson",
    "application/vnd.apache.arrow.stream": "arrow",
}
"""Content type → format."""

_ROWS = 20_000
_MOST_COLUMNS = 1000
_LINES_A_ROW = 10
"""Line ends for each row, more than which nobody sends; rows of quoted texts may have several."""
_OPTIONS = ("lon_field", "lat_field")


@dataclass(frozen=True)
class Batch:
    """What was sent.

    Attributes
    ----------
    form
        A value of ``FORMATS``.
    body
        It, as a file that stays until the last piece of the answer has been taken.
    crs
        The datum of its coordinates; required.
    encoding
        Of CSV, where the sender names it.
    lon_field, lat_field
        The columns of the coordinates; found by their names unless given.
    """

    form: str
    body: Path
    crs: str | None
    encoding: str | None = None
    lon_field: str | None = None
    lat_field: str | None = None

    def coordinates(self, columns: list[str]) -> tuple[str, str]:
        """Return the columns of longitude and latitude.

        Parameters
        ----------
        columns
            All of them.

        Returns
        -------
        tuple of str
            Two of them.

        Raises
        ------
        InputError
            If they are not there, or cannot be told.
        """
        pair = find_coordinate_columns(
            columns, lon_field=self.lon_field, lat_field=self.lat_field, where="body", options=_OPTIONS
        )
        if pair is None:
            raise InputError(
                "no column looks like a longitude or latitude",
                where="body",
                mend=f"name them lon and lat, or say which they are ({', '.join(_OPTIONS)})",
            )
        return pair


@dataclass(frozen=True)
class BatchAnswer:
    """The answer to a batch.

    Attributes
    ----------
    pieces
        Each is worked out when it is asked for.
    charset
        What its text is encoded in; None where it is no text, or always UTF-8.
    """

    pieces: Iterator[bytes]
    charset: str | None = None


def owners_in_force(counties: Mapping[str, Compiled]) -> Owners:
    """Return who can own a point now, in the order of precedence.

    Parameters
    ----------
    counties
        The editions in force, taken once for the whole batch.

    Returns
    -------
    Owners
        For :func:`answer_batch`.

    Raises
    ------
    NotFoundError
        If nothing is in force.
    """
    owners = owners_of(counties)
    if not owners.layers:
        raise NotFoundError("no grids are in force yet", mend="import grids with `wangge import grids …`")
    return owners


def answer_batch(batch: Batch, owners: Owners, *, row_limit: int) -> BatchAnswer:
    """Answer a batch, a piece at a time.

    Parameters
    ----------
    batch
        What was sent.
    owners
        The grids.
    row_limit
        Most rows.

    Returns
    -------
    BatchAnswer
        Whatever is wrong with the batch as a whole has been raised before the first piece; what is wrong
        with a row is said in that row.

    Raises
    ------
    InputError
        If the body cannot be read, names no coordinates, or has absurdly many columns.
    TooLargeError
        If it has too many rows.
    """
    datum = parse_crs(batch.crs)
    if batch.body.stat().st_size == 0:
        raise InputError("the body is empty", where="body", mend="send rows with longitude and latitude")
    answer: Callable[..., BatchAnswer] = {"csv": _csv, "ndjson": _ndjson, "arrow": _arrow}[batch.form]
    return answer(batch, owners, datum, row_limit)


def _limit(rows: int, row_limit: int, *, more: bool = False) -> None:
    if rows > row_limit:
        raise TooLargeError(
            f"the batch has {'more than ' if more else ''}{row_limit if more else rows:,} rows, "
            f"and {row_limit:,} are the most",
            where="body",
            mend="send it in parts, or use `wangge assign` on the file",
        )


def _csv(sent: Batch, owners: Owners, datum: Datum, row_limit: int) -> BatchAnswer:
    with sent.body.open("rb") as file:
        if file.readline(1 << 20).count(b",") > _MOST_COLUMNS:
            raise _too_wide()
    try:
        source = open_points(
            sent.body,
            crs=datum,
            encoding=sent.encoding,
            lon_field=sent.lon_field,
            lat_field=sent.lat_field,
            options=_OPTIONS,
        )
    except InputError as error:
        error.where = "body"
        raise
    if len(source.columns) > _MOST_COLUMNS:
        raise _too_wide()
    # A line end may stand within quotes: records are counted only where line ends are too many.
    ends = _line_ends(sent.body)
    if ends > row_limit:
        _limit(ends, row_limit * _LINES_A_ROW, more=True)
        _limit(source.count_rows(row_limit + 1), row_limit, more=True)
    names = free_names(source.columns)
    text = CsvText(source, {names[ours]: kind for ours, kind in ADDED.items()})

    def pieces() -> Iterator[bytes]:
        # One encoder for all: a byte-order mark stands at the beginning only.
        encode = codecs.getincrementalencoder(text.codec)().encode
        yield encode(text.head)
        for batch in source.batches():
            answer = find_owners(owners, batch, owners.extent)
            yield encode(text.rows(batch, {names[ours]: values for ours, values in answer.items()}))

    return BatchAnswer(pieces(), source.dialect.encoding if source.dialect else None)


def _line_ends(body: Path) -> int:
    with body.open("rb") as file:
        return sum(
            max(piece.count(b"\n"), piece.count(b"\r")) for piece in iter(lambda: file.read(1 << 20), b"")
        )


def _ndjson(sent: Batch, owners: Owners, datum: Datum, row_limit: int) -> BatchAnswer:
    with sent.body.open("rb") as file:
        _limit(sum(1 for line in file if line.strip()), row_limit)
    with sent.body.open("rb") as file:
        rows = [row for row in map(_object, _lines(file)) if isinstance(row, dict)]
    if not rows:
        raise InputError(
            f"none of the first {_ROWS:,} lines is a JSON object",
            where="body",
            mend="send an object in each line, with no list around them",
        )
    columns = list({key: None for row in rows for key in row})
    pair = sent.coordinates(columns)
    names = free_names(columns)

    def pieces() -> Iterator[bytes]:
        with sent.body.open("rb") as file:
            while lines := _lines(file):
                yield _ndjson_piece(lines, owners, datum, pair, names)

    return BatchAnswer(pieces())


def _ndjson_piece(
    lines: list[bytes], owners: Owners, datum: Datum, pair: tuple[str, str], names: Mapping[str, str]
) -> bytes:
    read = [_object(line) for line in lines]
    x, y, reasons = parse_coordinates(
        [None if isinstance(row, str) else _cell(row.get(pair[0])) for row in read],
        [None if isinstance(row, str) else _cell(row.get(pair[1])) for row in read],
        datum,
    )
    reasons |= {at: row for at, row in enumerate(read) if isinstance(row, str)}
    answer = _answers(owners, x, y, reasons, datum)
    answers = []
    for at, (line, row) in enumerate(zip(lines, read, strict=True)):
        given = {"line": line.decode("utf-8", "replace")} if isinstance(row, str) else row
        # A row further down may have a field of our name that the first rows had not: it is kept.
        own = names if given.keys().isdisjoint(names.values()) else free_names(given)
        found = orjson.dumps({own[ours]: _plain(answer[ours][at]) for ours in ADDED})
        # A row is not written anew: its number of thirty digits would not be the same again.
        stood = orjson.dumps(given) if isinstance(row, str) else line.rstrip()
        answers.append(stood[:-1] + (b"," if given else b"") + found[1:])
    return b"\n".join(answers) + b"\n"


def _lines(file: Any) -> list[bytes]:
    if file.tell() == 0 and file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
        file.seek(0)
    filled = (line.rstrip(b"\r\n") for line in file if line.strip())
    return list(itertools.islice(filled, _ROWS))


def _object(line: bytes) -> dict[str, Any] | str:
    """Read a line; a text says why it is no row."""
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return "this line is no JSON, in which NaN and Infinity are none either"
    if not isinstance(row, dict):
        return "this line is no JSON object"
    if len(row) > _MOST_COLUMNS:
        return f"this line has {len(row):,} fields, and {_MOST_COLUMNS:,} are the most"
    return row


def _cell(value: Any) -> Any:
    """Return a coordinate as a number or as a text that will be none."""
    if isinstance(value, bool | list | dict):
        return orjson.dumps(value).decode()
    return value


def _arrow(sent: Batch, owners: Owners, datum: Datum, row_limit: int) -> BatchAnswer:
    rows = 0
    for schema, more in look_through(sent.body):
        if not rows and not more and len(schema.names) > _MOST_COLUMNS:
            raise _too_wide()
        rows += more
        _limit(rows, row_limit, more=True)
    pair = sent.coordinates(schema.names)
    names = free_names(schema.names)
    check_coordinates(schema, pair)
    for ours, kind in ADDED.items():
        schema = schema.append(pa.field(names[ours], pa.float64() if kind == "number" else pa.string()))

    def pieces() -> Iterator[bytes]:
        out = io.BytesIO()
        with (
            pa.memory_map(str(sent.body)) as source,
            pa.ipc.open_stream(source) as reader,
            pa.ipc.new_stream(out, schema) as writer,
        ):
            for whole in reader:
                for start in range(0, whole.num_rows, _ROWS):
                    writer.write_batch(_arrow_piece(whole.slice(start, _ROWS), owners, datum, pair, schema))
                    yield _taken(out)
        yield _taken(out)

    return BatchAnswer(pieces())


def _arrow_piece(
    batch: pa.RecordBatch, owners: Owners, datum: Datum, pair: tuple[str, str], schema: pa.Schema
) -> pa.RecordBatch:
    columns = [numbers_or_texts(batch.column(name)) for name in pair]
    answer = _answers(owners, *parse_coordinates(columns[0], columns[1], datum), datum)
    added = [
        pa.array(np.asarray(answer[ours]), from_pandas=True)
        if kind == "number"
        else pa.array(list(answer[ours]), pa.string())
        for ours, kind in ADDED.items()
    ]
    return pa.RecordBatch.from_arrays([*batch.columns, *added], schema=schema)


def _taken(out: io.BytesIO) -> bytes:
    piece = out.getvalue()
    out.seek(0)
    out.truncate()
    return piece


def _answers(owners: Owners, x: Any, y: Any, reasons: dict[int, str], datum: Datum) -> dict[str, Any]:
    lon, lat = np.full(len(x), np.nan), np.full(len(x), np.nan)
    known = np.flatnonzero(np.isfinite(x))
    lon[known], lat[known] = to_storage(x[known], y[known], datum)
    with np.errstate(invalid="ignore"):
        off = np.isfinite(x) & ~((np.abs(lon) <= 180) & (np.abs(lat) <= 90))
    lon[off] = lat[off] = np.nan
    for row in np.flatnonzero(off).tolist():
        reasons[row] = f"{datum.name} does not reach {x[row]:.10g}, {y[row]:.10g}"
    return find_owners(owners, PointBatch(lon, lat, reasons, [], 1.0), owners.extent)


def _too_wide() -> InputError:
    return InputError(
        f"the batch has more than {_MOST_COLUMNS} columns",
        where="body",
        mend="send lon, lat and a key of yours",
    )


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return None if math.isnan(value) else float(value)
    return value
