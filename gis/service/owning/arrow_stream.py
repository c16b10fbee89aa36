"""Arrow streams from strangers: looked through before a single value of theirs is touched.

Arrow's reader takes offsets and lengths as they come, so a stream that was damaged on the way, or made to
do harm, ends the whole process when its values are read. Here every batch is validated first. What unpacks
into far more than was sent (compressed buffers, views and runs that share one value) is refused by name.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from gis.errors import InputError

_END = b"\xff\xff\xff\xff\0\0\0\0"
_RECORD_BATCH, _DICTIONARY = "record batch", "dictionary"
_MEND = "send it again, whole"
_SHARING = (
    pa.types.is_string_view,
    pa.types.is_binary_view,
    pa.types.is_list_view,
    pa.types.is_large_list_view,
    pa.types.is_run_end_encoded,
)


def look_through(body: Path) -> Iterator[tuple[pa.Schema, int]]:
    """Make sure that a stream can be read, batch by batch.

    Parameters
    ----------
    body
        The stream, as a file.

    Yields
    ------
    tuple
        The schema, and the rows of one batch more; at first 0, for the schema alone.

    Raises
    ------
    InputError
        If it is damaged, cut short, or not plain.
    """
    try:
        _refuse_packed(body)
        with pa.memory_map(str(body)) as source, pa.ipc.open_stream(source) as reader:
            _refuse_shared(reader.schema)
            yield reader.schema, 0
            for batch in reader:
                yield reader.schema, batch.num_rows
                batch.validate(full=True)
            end = source.tell()
    except (pa.ArrowException, OSError, struct.error) as error:
        raise InputError("the Arrow stream is damaged or cut short", where="body", mend=_MEND) from error
    with body.open("rb") as file:
        modern = file.read(4) == _END[:4]
        file.seek(max(end - len(_END), 0))
        # A stream that stops between two batches reads well; only the end mark tells that it was all.
        if modern and file.read(len(_END)) != _END:
            raise InputError(
                "the Arrow stream has no end mark: it may be cut short",
                where="body",
                mend="close the stream's writer before sending it",
            )


def check_coordinates(schema: pa.Schema, names: tuple[str, str]) -> None:
    """Make sure that two columns hold what may be coordinates.

    Parameters
    ----------
    schema
        The stream's.
    names
        The columns'.

    Raises
    ------
    InputError
        If one is of another kind.
    """
    for name in names:
        kind = schema.field(name).type
        value = kind.value_type if pa.types.is_dictionary(kind) else kind
        if not (_is_number(value) or (value is kind and _is_text(kind))):
            raise InputError(
                f"column {name!r} is of Arrow's type {str(kind)[:60]}, which is no number",
                where="body",
                mend="send it as float64",
            )


def numbers_or_texts(column: Any) -> Any:
    """Return what a column of coordinates holds.

    Parameters
    ----------
    column
        An Arrow array that :func:`check_coordinates` let pass.

    Returns
    -------
    numpy.ndarray or list
        n numbers, or texts that may be numbers.
    """
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if _is_number(column.type):
        return column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return column.to_pylist()


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind))


def _refuse_packed(body: Path) -> None:
    """Refuse compressed buffers, going by the messages' heads alone: nothing is unpacked."""
    with pa.memory_map(str(body)) as source:
        reader = pa.ipc.MessageReader.open_stream(source)
        while True:
            try:
                message = reader.read_next_message()
            except StopIteration:
                return
            if message.type in {_RECORD_BATCH, _DICTIONARY} and _is_packed(message):
                raise InputError(
                    "the Arrow stream is compressed", where="body", mend="write it without compression"
                )


def _is_packed(message: Any) -> bool:
    """Tell whether a message's head names a compression.

    Of ``Message`` the head is field 2, of ``DictionaryBatch`` the data are field 1, of ``RecordBatch`` the
    compression is field 3 (Apache Arrow, format/Message.fbs).
    """
    head = message.metadata.to_pybytes()
    (root,) = struct.unpack_from("<I", head, 0)
    table = _table(head, root, 2)
    if table is not None and message.type == _DICTIONARY:
        table = _table(head, table, 1)
    return table is not None and _field(head, table, 3) is not None


def _field(head: bytes, table: int, number: int) -> int | None:
    """Return where a table of a FlatBuffer holds a field; None where it has none."""
    entries = table - struct.unpack_from("<i", head, table)[0]
    (size,) = struct.unpack_from("<H", head, entries)
    at = 4 + 2 * number
    offset = struct.unpack_from("<H", head, entries + at)[0] if at < size else 0
    return table + offset if offset else None


def _table(head: bytes, table: int, number: int) -> int | None:
    at = _field(head, table, number)
    return None if at is None else at + struct.unpack_from("<I", head, at)[0]


def _refuse_shared(schema: pa.Schema) -> None:
    """Refuse kinds in which many rows share one value: writing them out would multiply it."""
    for field in schema:
        waiting = [field.type]
        while waiting:
            kind = waiting.pop()
            if any(shares(kind) for shares in _SHARING):
                raise InputError(
                    f"column {field.name[:40]!r} is of a type that is not taken here",
                    where="body",
                    mend="send plain columns: numbers and strings, no views and no run-end encoding",
                )
            waiting += [kind.field(at).type for at in range(kind.num_fields)]
            if pa.types.is_dictionary(kind):
                waiting.append(kind.value_type)
            elif isinstance(kind, pa.BaseExtensionType):
                waiting.append(kind.storage_type)
