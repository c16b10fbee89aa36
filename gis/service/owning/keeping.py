"""Compiled editions kept in files, so that a start while the database is away can answer.

One file a county: a line of JSON (stamp, time, sizes), the facts, then the indexes as they lie in memory,
each on a border of 64 bytes. It is written beside and moved into place, whole or not at all. It holds names
and public phones of staff, so only its owner may read it.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import tempfile
from pathlib import Path

import orjson

from gis.errors import WanggeError
from gis.layers.editions import EditionStamp
from gis.locate.file import map_file
from gis.locate.index import GridIndex
from gis.service.owning.compiled import Compiled

log = logging.getLogger(__name__)

_FORMAT = 1
_ALIGN = 64
_ENDING = ".edition"


def keep(compiled: Compiled, folder: Path) -> None:
    """Write a compiled edition into its county's file.

    Parameters
    ----------
    compiled
        The edition.
    folder
        Where the files are; made where it is missing.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    parts = {"facts": orjson.dumps(compiled.facts)}
    parts |= {layer: index.to_bytes() for layer, index in compiled.indexes.items()}
    stamp = compiled.edition
    head = json.dumps(
        {
            "format": _FORMAT,
            "edition": {**stamp.as_dict(), "id": stamp.id},
            "read_at": compiled.read_at.isoformat(),
            "sizes": {name: len(part) for name, part in parts.items()},
        }
    ).encode()
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".", suffix=_ENDING, delete=False) as file:
        for part in (head + b"\n", *parts.values()):
            file.write(part)
            file.write(b"\0" * (-len(part) % _ALIGN))
    Path(file.name).replace(folder / f"{stamp.county_code}{_ENDING}")


def kept(folder: Path) -> dict[str, Compiled]:
    """Open every kept edition; one that is damaged or of another version is passed over.

    Parameters
    ----------
    folder
        Where the files are.

    Returns
    -------
    dict
        County → edition; its indexes lie in the files and are shared between processes.
    """
    found: dict[str, Compiled] = {}
    for path in sorted(folder.glob(f"[0-9]*{_ENDING}")):
        try:
            compiled = _open(path)
        except (WanggeError, ValueError, KeyError, TypeError) as error:
            log.warning("the kept edition %s is of no use: %s", path.name, type(error).__name__)
        else:
            found[compiled.edition.county_code] = compiled
    return found


def _open(path: Path) -> Compiled:
    content = map_file(path)
    end = bytes(content[: 1 << 16]).index(b"\n") + 1
    head = json.loads(bytes(content[:end]))
    if head["format"] != _FORMAT:
        raise ValueError(head["format"])
    at = end + (-end % _ALIGN)
    facts = {}
    indexes = {}
    for name, size in head["sizes"].items():
        part = content[at : at + size]
        if name == "facts":
            facts = orjson.loads(part.tobytes())
        else:
            indexes[name] = GridIndex.from_bytes(part, where=path.name)
        at += size + (-size % _ALIGN)
    stamp = head["edition"]
    edition = EditionStamp(
        stamp["id"],
        stamp["county_code"],
        stamp["number"],
        dt.datetime.fromisoformat(stamp["effective_from"]),
        stamp["digest"],
    )
    return Compiled(edition, indexes, facts, dt.datetime.fromisoformat(head["read_at"]))
