"""Owners for more files than one machine should read: the same batch on Dask distributed.

The index travels once to each worker, as bytes, and to each that joins later. A part of the source is a
task, its outcome a file renamed into place when it is whole: a task that runs twice, because a worker died
on it or was slow to say that it had finished, writes the same file again. So nothing is lost or doubled.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from distributed import Client, Worker, WorkerPlugin, as_completed, get_worker

from gis.crs import CGCS2000, Datum
from gis.errors import InputError
from gis.locate.index import GridIndex
from gis.locate.stream import Tally, assign_parquet


class IndexPlugin(WorkerPlugin):
    """Holds the index on a worker.

    Parameters
    ----------
    content
        The index as bytes.
    name
        What the tasks ask for.
    """

    def __init__(self, content: bytes, name: str) -> None:
        self.content = content
        self.name = name
        self.index: GridIndex | None = None

    def setup(self, worker: Worker) -> None:  # noqa: ARG002 - Dask's signature
        """Open the index where the plugin has arrived.

        Parameters
        ----------
        worker
            The worker.
        """
        self.index = GridIndex.from_bytes(self.content)


@dataclass(frozen=True)
class Outcome:
    """What a run over a folder did.

    Attributes
    ----------
    parts
        Files written.
    tally
        Rows by what became of them.
    """

    parts: int
    tally: Tally


def assign_partitions(
    client: Client,
    source: Path | str,
    target: Path | str,
    index: GridIndex,
    *,
    lon: str = "lon",
    lat: str = "lat",
    datum: Datum = CGCS2000,
    detail: bool = False,
) -> Outcome:
    """Add the owner of each row of a folder of Parquet files.

    Parameters
    ----------
    client
        Of the cluster; every worker must see both folders under the same paths.
    source
        A folder; every ``*.parquet`` in or below it is a part.
    target
        Another folder; each part is written under its own name, in place of what was there.
    index
        The grids.
    lon, lat
        Names of the columns of x and y in ``datum``.
    datum
        What the positions are written in.
    detail
        As :func:`gis.locate.stream.assign_parquet` has it.

    Returns
    -------
    Outcome
        Counts over all parts.

    Raises
    ------
    InputError
        If there are no parts, the folders are one, or a part cannot be read; parts done until then stay.
    """
    source, target = Path(source).resolve(), Path(target).resolve()
    parts = sorted(path for path in source.rglob("*.parquet") if not path.name.startswith("."))
    if not parts:
        raise InputError(
            "there is no Parquet file here", where=str(source), mend="give a folder of .parquet files"
        )
    if target == source or source in target.parents:
        raise InputError(
            "the outcome would lie among the parts", where=str(target), mend="give a folder of its own"
        )
    content = index.to_bytes()
    name = f"wangge-index-{hashlib.sha256(content).hexdigest()[:16]}"
    client.register_plugin(IndexPlugin(content, name), name=name)
    try:
        futures = [
            client.submit(
                _assign_part,
                name,
                str(part),
                str(target / part.relative_to(source)),
                lon=lon,
                lat=lat,
                datum=datum,
                detail=detail,
                pure=False,
            )
            for part in parts
        ]
        tally = Tally()
        for _, some in as_completed(futures, with_results=True, loop=client.loop):  # type: ignore[no-untyped-call]
            tally += some
    finally:
        client.unregister_worker_plugin(name)  # type: ignore[no-untyped-call]
    for leftover in target.rglob(".*.partial"):  # of workers that were killed
        leftover.unlink(missing_ok=True)
    return Outcome(len(parts), tally)


def _assign_part(
    name: str, source: str, target: str, *, lon: str, lat: str, datum: Datum, detail: bool
) -> Tally:
    plugin = get_worker().plugins[name]
    if not isinstance(plugin, IndexPlugin) or plugin.index is None:
        raise TypeError(name)
    return assign_parquet(plugin.index, source, target, lon=lon, lat=lat, datum=datum, detail=detail)
