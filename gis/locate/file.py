"""One file for an index: a header, then arrays as they lie in memory, to be mapped and not read.

Layout: 16 bytes of magic with the format's number, the length of the header (8 bytes, little-endian) and
its CRC-32 (4), the header (JSON: what the index says of itself, and name, type, shape, place and CRC-32 of
each array), then the arrays, each on a border of 64 bytes. Little-endian throughout.
"""

from __future__ import annotations

import json
import os
import struct
import uuid
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gis.errors import InputError

FORMAT = 2
_MAGIC = b"WANGGE LOCATE"
_HEAD = struct.Struct("<13sBxxQI")
_ALIGN = 64
_MEND = "compile the index again from its edition"

Arrays = dict[str, NDArray[Any]]


def pack(about: dict[str, Any], arrays: Arrays) -> bytes:
    """Write facts and arrays into bytes.

    Parameters
    ----------
    about
        JSON-ready facts.
    arrays
        Named arrays, any shape.

    Returns
    -------
    bytes
        The file's content.
    """
    place = 0
    entries = []
    pieces: list[bytes | memoryview] = []
    for name, array in arrays.items():
        data = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        piece = data.reshape(-1).view(np.uint8).data
        entries.append(
            {
                "name": name,
                "type": data.dtype.str,
                "shape": list(data.shape),
                "at": place,
                "crc": zlib.crc32(piece),
            }
        )
        pieces += [piece, b"\0" * (-data.nbytes % _ALIGN)]
        place += -(-data.nbytes // _ALIGN) * _ALIGN
    header = json.dumps({"about": about, "arrays": entries}, ensure_ascii=False).encode()
    header += b" " * (-(_HEAD.size + len(header)) % _ALIGN)
    return b"".join([_HEAD.pack(_MAGIC, FORMAT, len(header), zlib.crc32(header)), header, *pieces])


def unpack(content: bytes | NDArray[np.uint8], *, where: str) -> tuple[dict[str, Any], Arrays]:
    """Look at packed bytes as facts and arrays, copying nothing.

    Parameters
    ----------
    content
        What :func:`pack` made, or a memory map of it.
    where
        The file, for the message.

    Returns
    -------
    tuple
        The facts, and read-only arrays over ``content``.

    Raises
    ------
    InputError
        If it is no index, of another format's number, cut short or damaged.
    """
    data = np.frombuffer(content, dtype=np.uint8)
    if len(data) < _HEAD.size:
        raise InputError("this is not a locate index", where=where, mend=_MEND)
    magic, version, length, crc = _HEAD.unpack(data[: _HEAD.size].tobytes())
    if magic != _MAGIC:
        raise InputError("this is not a locate index", where=where, mend=_MEND)
    if version != FORMAT:
        raise InputError(
            f"the index has format {version}, and this program reads {FORMAT}", where=where, mend=_MEND
        )
    header = data[_HEAD.size : _HEAD.size + length].tobytes()
    if len(header) != length or zlib.crc32(header) != crc:
        raise _damaged(where)
    described = json.loads(header)
    arrays: Arrays = {}
    for entry in described["arrays"]:
        kind = np.dtype(entry["type"])
        start = _HEAD.size + length + entry["at"]
        size = kind.itemsize * int(np.prod(entry["shape"], dtype=np.int64))
        piece = data[start : start + size]
        if len(piece) != size or zlib.crc32(piece.data) != entry["crc"]:
            raise _damaged(where)
        array = piece.view(kind).reshape(entry["shape"])
        array.flags.writeable = False
        arrays[entry["name"]] = array
    return described["about"], arrays


def map_file(path: Path) -> NDArray[np.uint8]:
    """Map a file into memory, read-only.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    numpy.ndarray
        Its bytes.

    Raises
    ------
    InputError
        If it cannot be read, or is empty.
    """
    try:
        return np.memmap(path, dtype=np.uint8, mode="r")
    except (OSError, ValueError) as error:
        raise InputError("the index cannot be read", where=str(path), mend=_MEND) from error


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name, and rename it into place once it is on the disk.

    Parameters
    ----------
    path
        The file; its folder is made where it is missing.
    content
        What it shall hold.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            "the index cannot be written here", where=str(path), mend="name another folder, or make room"
        ) from error


def _damaged(where: str) -> InputError:
    return InputError("the index is cut short or damaged", where=where, mend=_MEND)
