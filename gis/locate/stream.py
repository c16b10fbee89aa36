"""Owners for whole files: Parquet in, Parquet out, a batch in memory at a time.

Reading, looking up and writing overlap: the next batch is decoded while this one is looked up and the last
one is encoded. The outcome is renamed into place when it is complete, so a file that is there is whole.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gis.crs import CGCS2000, Datum, to_storage
from gis.errors import InputError
from gis.locate.columns import degree_columns
from gis.locate.index import GridIndex

BATCH_ROWS = 1 << 20
_MANY_CODES = 1 << 15
_VALUES_AT_ONCE = 1 << 16
"""Values that the writer encodes at once; its default of 1,024 costs a fifth more time."""

OWNER_COLUMN = "grid"
DETAIL_COLUMNS = ("status", "margin_m", "nearest", "distance_m")
_ADDED = (OWNER_COLUMN, *DETAIL_COLUMNS)


@dataclass(frozen=True)
class Tally:
    """What became of the rows of a file or of several.

    Attributes
    ----------
    rows
        All rows; every one is written.
    owned
        Those with an owner.
    outside
        Those outside every grid.
    invalid
        Those without a finite position.
    """

    rows: int = 0
    owned: int = 0
    outside: int = 0
    invalid: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.rows + other.rows,
            self.owned + other.owned,
            self.outside + other.outside,
            self.invalid + other.invalid,
        )


def assign_batch(
    index: GridIndex,
    batch: pa.RecordBatch,
    *,
    lon: str = "lon",
    lat: str = "lat",
    datum: Datum = CGCS2000,
    detail: bool = False,
) -> tuple[pa.RecordBatch, Tally]:
    """Add the owner of each row.

    Parameters
    ----------
    index
        The grids.
    batch
        Rows with a position each.
    lon, lat
        Names of the columns of x and y in ``datum``.
    datum
        What the positions are written in.
    detail
        Whether to add ``DETAIL_COLUMNS`` too.

    Returns
    -------
    tuple
        The batch with ``grid_code`` (null where there is no owner) and what else was asked for, row for row;
        and the tally.

    Raises
    ------
    InputError
        If a column is missing, not numbers, or one to be added is there already.
    """
    _check_columns(batch.schema, lon, lat, detail=detail)
    return _assigned(index, pa.array(index.codes, pa.string()), batch, lon, lat, datum, detail=detail)


def _assigned(
    index: GridIndex,
    codes: pa.Array,
    batch: pa.RecordBatch,
    lon: str,
    lat: str,
    datum: Datum,
    *,
    detail: bool,
) -> tuple[pa.RecordBatch, Tally]:
    """Do what :func:`assign_batch` says, the index's codes at hand."""
    x, y = to_storage(*degree_columns(batch.column(lon), batch.column(lat)), datum)
    added: dict[str, pa.Array]
    if detail:
        found = index.locate_detail(x, y)
        position = found.position
        status = pa.array(found.status.tolist(), pa.string())
        added = {
            OWNER_COLUMN: _coded(position, codes),
            "status": status.dictionary_encode(),
            "margin_m": pa.array(found.margin_m, from_pandas=True),
            "nearest": _coded(found.nearest, codes),
            "distance_m": pa.array(found.distance_m, from_pandas=True),
        }
    else:
        position = index.locate(x, y)
        added = {OWNER_COLUMN: _coded(position, codes)}
    owned = int(np.count_nonzero(position >= 0))
    invalid = len(x) - int(np.count_nonzero(np.isfinite(x) & np.isfinite(y)))
    for name, column in added.items():
        batch = batch.append_column(name, column)
    return batch, Tally(len(x), owned, len(x) - owned - invalid, invalid)


def assign_parquet(
    index: GridIndex,
    source: Path | str,
    target: Path | str,
    *,
    lon: str = "lon",
    lat: str = "lat",
    datum: Datum = CGCS2000,
    keep: Sequence[str] | None = None,
    detail: bool = False,
) -> Tally:
    """Add the owner of each row of a Parquet file.

    Parameters
    ----------
    index
        The grids.
    source
        A Parquet file with a position in each row.
    target
        The file to write; replaced when all rows are written, and left alone if something fails.
    lon, lat
        Names of the columns of x and y in ``datum``.
    datum
        What the positions are written in.
    keep
        Columns of the source to write too; ``None`` for all.
    detail
        Whether to add ``DETAIL_COLUMNS`` too.

    Returns
    -------
    Tally
        Rows by what became of them.

    Raises
    ------
    InputError
        If the source cannot be read or is damaged, or lacks a column, or the target cannot be written.
    """
    source, target = Path(source), Path(target)
    tally = Tally()
    with _opened(source) as file, _renamed_when_whole(target) as partial, ThreadPoolExecutor(2) as pool:
        _check_columns(file.schema_arrow, lon, lat, detail=detail, where=str(source))
        wanted = list(file.schema_arrow.names if keep is None else keep)
        _check_kept(file.schema_arrow, wanted, str(source))
        read = list(dict.fromkeys([*wanted, lon, lat]))
        writer: pq.ParquetWriter | None = None
        writing: Future[None] | None = None
        codes = pa.array(index.codes, pa.string())
        try:
            for batch in _read_ahead(file, read, pool, str(source)):
                done, some = _assigned(index, codes, batch, lon, lat, datum, detail=detail)
                done = done.select([name for name in done.schema.names if name in wanted or name not in read])
                tally += some
                if writing is not None:
                    writing.result()
                writer = writer or _writer(partial, done.schema)
                writing = pool.submit(writer.write_batch, done, row_group_size=BATCH_ROWS)
            if writing is not None:
                writing.result()
        finally:
            if writer is not None:
                writer.close()
    return tally


def _coded(position: NDArray[np.int32], codes: pa.Array) -> pa.DictionaryArray:
    """Name positions by code without writing a text for each row; null for −1.

    A file holds the list of codes once for each group of rows: of many, only those that occur.
    """
    if len(codes) > _MANY_CODES:
        occurs = np.zeros(len(codes) + 1, dtype=bool)
        occurs[position] = True
        some = np.flatnonzero(occurs[:-1])
        place = np.full(len(codes) + 1, -1, dtype=np.int32)
        place[some] = np.arange(len(some), dtype=np.int32)
        position, codes = place[position], codes.take(pa.array(some))
    return pa.DictionaryArray.from_arrays(pa.array(position, mask=position < 0), codes)


def _check_columns(schema: pa.Schema, lon: str, lat: str, *, detail: bool, where: str | None = None) -> None:
    for name in (lon, lat):
        if schema.names.count(name) != 1:
            raise InputError(
                f"there is no column {name!r}"
                if name not in schema.names
                else f"two columns are named {name!r}",
                where=where,
                mend=f"name the columns of the position; there are: {', '.join(schema.names[:20])}",
            )
    for name in (OWNER_COLUMN, *(DETAIL_COLUMNS if detail else ())):
        if name in schema.names:
            raise InputError(
                f"there is a column {name!r} already", where=where, mend="rename it, or do not keep it"
            )


def _check_kept(schema: pa.Schema, wanted: list[str], where: str) -> None:
    absent = [name for name in wanted if name not in schema.names]
    if absent:
        raise InputError(
            f"there is no column {absent[0]!r}", where=where, mend="keep only columns that are there"
        )


@contextlib.contextmanager
def _opened(source: Path) -> Iterator[pq.ParquetFile]:
    try:
        file = pq.ParquetFile(source, memory_map=True)
    except (OSError, pa.ArrowInvalid) as error:
        raise _unreadable(str(source)) from error
    with file:
        yield file


def _read_ahead(
    file: pq.ParquetFile, columns: list[str], pool: ThreadPoolExecutor, where: str
) -> Iterator[pa.RecordBatch]:
    """Decode the next batch while the caller works on this one; at least one, be it empty."""
    batches = file.iter_batches(BATCH_ROWS, columns=columns)
    ahead: Future[Any] = pool.submit(next, batches, None)
    empty = file.schema_arrow.empty_table().select(columns)
    first = True
    while True:
        try:
            batch = ahead.result()
        except (OSError, pa.ArrowException) as error:
            raise _unreadable(where) from error
        if batch is None:
            if first:
                yield pa.RecordBatch.from_arrays(
                    [c.combine_chunks() for c in empty.columns], schema=empty.schema
                )
            return
        first = False
        ahead = pool.submit(next, batches, None)
        yield batch


def _unreadable(where: str) -> InputError:
    return InputError(
        "this is not a whole Parquet file", where=where, mend="give a complete Parquet file, or convert it"
    )


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """Open a writer that spends its time where it pays.

    Coordinates and margins hardly repeat and hardly shrink: no dictionary, compression or statistics for
    them. Nor statistics of the codes: rows come in any order, so that the least and greatest code of a
    group say nothing, and to find them took a third of all processor time.
    """
    texts = [field.name for field in schema if _is_text(field.type)]
    others = [field.name for field in schema if not pa.types.is_floating(field.type)]
    told = [name for name in others if name not in _ADDED]
    return pq.ParquetWriter(
        path,
        schema,
        compression={field.name: "snappy" if field.name in others else "none" for field in schema},
        use_dictionary=texts or False,
        write_statistics=told or False,
        write_batch_size=_VALUES_AT_ONCE,
    )


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind))


@contextlib.contextmanager
def _renamed_when_whole(target: Path) -> Iterator[Path]:
    """Give a hidden name beside the target; rename it to the target at the end, or remove it."""
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:  # of the source none gets this far
        raise InputError(
            "the outcome cannot be written here", where=str(target), mend="name another folder, or make room"
        ) from error
