"""Batches of points through HTTP: CSV, NDJSON or an Arrow stream in, the same out, a row for every row.

The body has been written to a file before it comes here, so a batch takes the memory of one piece.
All rows of a batch are answered by the same editions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from gis.crs import Datum, parse_crs, to_storage
from gis.errors import InputError, NotFoundError, TooLargeError
from gis.layers.coordinates import find_coordinate_columns, parse_coordinates
from gis.layers.point_stream import PointBatch
from gis.service.owning.assigning import ADDED, assign_file, find_owners
from gis.service.owning.compiled import Compiled
from gis.service.owning.owners import Owners, owners_of

FORMATS: dict[str, str] = {
    "text/csv": "csv",
    "application/x-ndjson": "ndjson",
    "application/ndjson": "ndjson",
    "application/vnd.apache.arrow.stream": "arrow",
}
"""Content type → format."""

_PIECE = 64 * 1024
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
    form: str, body: Path, out: Path, owners: Owners, crs: str | None, *, row_limit: int
) -> Iterator[bytes]:
    """Answer a batch.

    Parameters
    ----------
    form
        A value of ``FORMATS``.
    body
        What was sent.
    out
        A file beside it that may be written.
    owners
        The grids.
    crs
        The datum of its coordinates; required.
    row_limit
        Most rows.

    Returns
    -------
    iterator of bytes
        The answer; whatever is wrong with the batch as a whole has been raised before its first piece.

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
    if form == "csv":
        return _csv(body, out, owners, crs, row_limit)
    # Written whole before the first byte is sent: a batch that is cut short half-way is then one clear error.
    write = {"ndjson": _ndjson, "arrow": _arrow}[form]
    write(body, out, owners, datum, _row_limiter(row_limit))
    return _read(out)


def _csv(body: Path, out: Path, owners: Owners, crs: str | None, row_limit: int) -> Iterator[bytes]:
    with body.open("rb") as file:
        if file.readline(1 << 20).count(b",") > _MOST_COLUMNS:
            raise _too_wide()
    assign_file(body, out=out, owners=owners, crs=crs, progress=_row_limiter(row_limit))
    return _read(out)


def _row_limiter(row_limit: int) -> Callable[[int, float], None]:
    def limit(rows: int, _fraction: float) -> None:
        if rows > row_limit:
            raise TooLargeError(
                f"the batch has more than {row_limit:,} rows",
                where="body",
                mend="send it in parts, or use `wangge assign` on the file",
            )

    return limit


def _ndjson(body: Path, out: Path, owners: Owners, datum: Datum, limit: Callable[[int, float], None]) -> None:
    done = 0
    with body.open("rb") as file, out.open("wb") as answers:
        while lines := _lines(file):
            done += len(lines)
            limit(done, 0.0)
            rows = [_object(line) for line in lines]
            columns = list({key: None for row in rows if row is not None for key in row})
            pair = _coordinates(columns)
            x, y, reasons = parse_coordinates(
                [None if row is None else row.get(pair[0]) for row in rows],
                [None if row is None else row.get(pair[1]) for row in rows],
                datum,
            )
            reasons |= {at: "this line is no JSON object" for at, row in enumerate(rows) if row is None}
            answer = _answers(owners, x, y, reasons, datum)
            for at, row in enumerate(rows):
                given = row if row is not None else {"line": lines[at].decode("utf-8", "replace")}
                found = {name: _plain(answer[name][at]) for name in ADDED}
                answers.write(orjson.dumps({**given, **found}) + b"\n")


def _lines(file: Any) -> list[bytes]:
    lines = []
    for line in file:
        if line.strip():
            lines.append(line.rstrip(b"\r\n"))
        if len(lines) == _ROWS:
            break
    return lines


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if isinstance(row, dict) and len(row) > _MOST_COLUMNS:
        raise _too_wide()
    return row if isinstance(row, dict) else None


def _arrow(body: Path, out: Path, owners: Owners, datum: Datum, limit: Callable[[int, float], None]) -> None:
    done = 0
    try:
        with pa.memory_map(str(body)) as source, pa.ipc.open_stream(source) as reader:
            if len(reader.schema.names) > _MOST_COLUMNS:
                raise _too_wide()
            pair = _coordinates(reader.schema.names)
            schema = reader.schema
            for name, kind in ADDED.items():
                schema = schema.append(pa.field(name, pa.float64() if kind == "number" else pa.string()))
            with pa.OSFile(str(out), "wb") as sink, pa.ipc.new_stream(sink, schema) as writer:
                for batch in reader:
                    done += batch.num_rows
                    limit(done, 0.0)
                    columns = [_cells(batch.column(name)) for name in pair]
                    answer = _answers(owners, *parse_coordinates(columns[0], columns[1], datum), datum)
                    added = [
                        pa.array(np.asarray(answer[name]), from_pandas=True)
                        if kind == "number"
                        else pa.array(list(answer[name]), pa.string())
                        for name, kind in ADDED.items()
                    ]
                    writer.write_batch(pa.RecordBatch.from_arrays([*batch.columns, *added], schema=schema))
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            "the Arrow stream is damaged or cut short", where="body", mend="send it again, whole"
        ) from error


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


def _read(out: Path) -> Iterator[bytes]:
    def pieces() -> Iterator[bytes]:
        with out.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece

    return pieces()
