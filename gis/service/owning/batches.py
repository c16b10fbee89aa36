"""Batches of points through HTTP: CSV, NDJSON or an Arrow stream in, the same out, a row for every row.

The body has been written to a file before it comes here: few clients read an answer while they still send.
What is wrong with the whole is found by one look through that file, and only then does the answer begin, a
piece at a time, each worked out when the client takes it: a batch takes the memory of one piece.
All rows of a batch are answered by the same editions.
"""

from __future__ import annotations

import codecs
import io
import itertools
import math
from collections.abc import Iterator, Mapping
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


def answer_batch(
    form: str, body: Path, owners: Owners, crs: str | None, *, row_limit: int
) -> Iterator[bytes]:
    """Answer a batch, a piece at a time.

    Parameters
    ----------
    form
        A value of ``FORMATS``.
    body
        What was sent; it stays until the last piece has been taken.
    owners
        The grids.
    crs
        The datum of its coordinates; required.
    row_limit
        Most rows.

    Returns
    -------
    iterator of bytes
        The answer, each piece worked out when it is asked for. Whatever is wrong with the batch as a whole
        has been raised before the first; what is wrong with a row is said in that row.

    Raises
    ------
    InputError
        If the body cannot be read, names no coordinates, or has absurdly many columns.
    TooLargeError
        If it has too many rows.
    """
    datum = parse_crs(crs)
    if body.stat().st_size == 0:
        raise InputError("the body is empty", where="body", mend="send rows with longitude and latitude")
    return {"csv": _csv, "ndjson": _ndjson, "arrow": _arrow}[form](body, owners, datum, row_limit)


def _limit(rows: int, row_limit: int) -> None:
    if rows > row_limit:
        raise TooLargeError(
            f"the batch has {rows:,} rows, and {row_limit:,} are the most",
            where="body",
            mend="send it in parts, or use `wangge assign` on the file",
        )


def _csv(body: Path, owners: Owners, datum: Datum, row_limit: int) -> Iterator[bytes]:
    with body.open("rb") as file:
        if file.readline(1 << 20).count(b",") > _MOST_COLUMNS:
            raise _too_wide()
    source = open_points(body, crs=datum)
    # A line end may stand within quotes: records are counted only where line ends are too many.
    if _line_ends(body) > row_limit:
        _limit(source.count_rows(), row_limit)
    names = free_names(source.columns)
    text = CsvText(source, {names[ours]: kind for ours, kind in ADDED.items()})

    def pieces() -> Iterator[bytes]:
        # One encoder for all: a byte-order mark stands at the beginning only.
        encode = codecs.getincrementalencoder(text.codec)().encode
        yield encode(text.head)
        for batch in source.batches():
            answer = find_owners(owners, batch, owners.extent)
            yield encode(text.rows(batch, {names[ours]: values for ours, values in answer.items()}))

    return pieces()


def _line_ends(body: Path) -> int:
    with body.open("rb") as file:
        return sum(
            max(piece.count(b"\n"), piece.count(b"\r")) for piece in iter(lambda: file.read(1 << 20), b"")
        )


def _ndjson(body: Path, owners: Owners, datum: Datum, row_limit: int) -> Iterator[bytes]:
    with body.open("rb") as file:
        _limit(sum(1 for line in file if line.strip()), row_limit)
    with body.open("rb") as file:
        columns = list({key: None for row in map(_object, _lines(file)) for key in row or ()})
    pair = _coordinates(columns)
    names = free_names(columns)

    def pieces() -> Iterator[bytes]:
        with body.open("rb") as file:
            while lines := _lines(file):
                yield _ndjson_piece(lines, owners, datum, pair, names)

    return pieces()


def _ndjson_piece(
    lines: list[bytes], owners: Owners, datum: Datum, pair: tuple[str, str], names: Mapping[str, str]
) -> bytes:
    rows = [_object(line) for line in lines]
    x, y, reasons = parse_coordinates(
        [None if row is None else row.get(pair[0]) for row in rows],
        [None if row is None else row.get(pair[1]) for row in rows],
        datum,
    )
    wrong = f"this line is no JSON object of at most {_MOST_COLUMNS} fields"
    reasons |= {at: wrong for at, row in enumerate(rows) if row is None}
    answer = _answers(owners, x, y, reasons, datum)
    answers = []
    for at, row in enumerate(rows):
        given = row if row is not None else {"line": lines[at].decode("utf-8", "replace")}
        # A row further down may have a field of our name that the first rows had not: it is kept.
        own = names if given.keys().isdisjoint(names.values()) else free_names(given)
        answers.append(orjson.dumps({**given, **{own[ours]: _plain(answer[ours][at]) for ours in ADDED}}))
    return b"\n".join(answers) + b"\n"


def _lines(file: Any) -> list[bytes]:
    filled = (line.rstrip(b"\r\n") for line in file if line.strip())
    return list(itertools.islice(filled, _ROWS))


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return row if isinstance(row, dict) and len(row) <= _MOST_COLUMNS else None


def _arrow(body: Path, owners: Owners, datum: Datum, row_limit: int) -> Iterator[bytes]:
    try:
        with pa.memory_map(str(body)) as source, pa.ipc.open_stream(source) as reader:
            schema = reader.schema
            if len(schema.names) > _MOST_COLUMNS:
                raise _too_wide()
            # Nothing is copied: whether the stream is whole is known before the first byte is sent.
            _limit(sum(batch.num_rows for batch in reader), row_limit)
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            "the Arrow stream is damaged or cut short", where="body", mend="send it again, whole"
        ) from error
    pair = _coordinates(schema.names)
    names = free_names(schema.names)
    for ours, kind in ADDED.items():
        schema = schema.append(pa.field(names[ours], pa.float64() if kind == "number" else pa.string()))

    def pieces() -> Iterator[bytes]:
        out = io.BytesIO()
        with (
            pa.memory_map(str(body)) as source,
            pa.ipc.open_stream(source) as reader,
            pa.ipc.new_stream(out, schema) as writer,
        ):
            for whole in reader:
                for start in range(0, whole.num_rows, _ROWS):
                    writer.write_batch(_arrow_piece(whole.slice(start, _ROWS), owners, datum, pair, schema))
                    yield _taken(out)
        yield _taken(out)

    return pieces()


def _arrow_piece(
    batch: pa.RecordBatch, owners: Owners, datum: Datum, pair: tuple[str, str], schema: pa.Schema
) -> pa.RecordBatch:
    columns = [_cells(batch.column(name)) for name in pair]
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


def _cells(column: Any) -> Any:
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        return column.to_numpy(zero_copy_only=False)
    return column.to_pylist()


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


def _coordinates(columns: list[str]) -> tuple[str, str]:
    pair = find_coordinate_columns(columns, where="body", options=("lon", "lat")) if columns else None
    if pair is None:
        raise InputError(
            "no column looks like a longitude or latitude", where="body", mend="name them lon and lat"
        )
    return pair


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
