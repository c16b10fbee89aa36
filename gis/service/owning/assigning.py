"""Assign a file of points to grids: one row out for every row in, in order, and nothing silently."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gis.crs import parse_crs
from gis.layers.coordinates import Extent, looks_swapped
from gis.layers.point_sinks import PointSink
from gis.layers.point_stream import PointBatch, open_points
from gis.layers.report import ImportReport
from gis.service.owning.owners import OwnerLayer, Owners, read_grids_file
from gis.terms import OwnerStatus

__all__ = [
    "ADDED",
    "AssignSummary",
    "OwnerLayer",
    "Owners",
    "assign_file",
    "find_owners",
    "free_names",
    "read_grids_file",
]

Floats = NDArray[np.float64]
Progress = Callable[[int, float], None]
"""Called with rows done and the fraction of the file read."""

ADDED: dict[str, str] = {
    "grid": "text",
    "status": "text",
    "nearest": "text",
    "distance_m": "number",
    "margin_m": "number",
    "edition": "text",
    "reason": "text",
}
"""The columns that are added."""

_SUFFIX = "_wangge"
_SWAPPED = "; with longitude and latitude exchanged it would lie inside: are the columns swapped?"


@dataclass(frozen=True)
class AssignSummary:
    """What became of a file of points.

    Attributes
    ----------
    out
        The file written.
    rows
        Rows read, and written.
    counts
        Rows by status.
    columns
        Our name → the name that the column has in the file.
    notes
        What there is to say of the points and the grids.
    grids_report
        What was done to the grids' file.
    """

    out: Path
    rows: int
    counts: dict[str, int]
    columns: dict[str, str]
    notes: tuple[str, ...]
    grids_report: ImportReport | None = field(default=None, repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Return the summary JSON-ready."""
        return {
            "out": str(self.out),
            "rows": self.rows,
            "counts": self.counts,
            "columns": self.columns,
            "notes": list(self.notes),
            "grids": self.grids_report.as_dict() if self.grids_report is not None else None,
        }


def assign_file(
    points: str | Path,
    *,
    out: str | Path,
    owners: Owners,
    crs: str | None = None,
    lon_field: str | None = None,
    lat_field: str | None = None,
    encoding: str | None = None,
    layer: str | None = None,
    override_crs: bool = False,
    progress: Progress | None = None,
) -> AssignSummary:
    """Find the owner of every point of a file.

    Every input column is kept; from CSV to CSV each row's own text is. Added are ``grid`` (the owner),
    ``status`` (inside, edge, outside, invalid), ``nearest`` (the owner, or the nearest grid of a point
    outside) with ``distance_m`` to it, ``margin_m`` (metres to the nearest edge of the owner), ``edition``
    and ``reason``. Where the input has a column of such a name, ours ends in ``_wangge``.

    Parameters
    ----------
    points
        CSV, Parquet or GeoPackage; read in pieces.
    out
        Where to, in one of the same formats.
    owners
        The grids, from :func:`read_grids_file` or an edition.
    crs
        What the coordinates are in; needed where the file does not say.
    lon_field, lat_field
        The coordinate columns; found by their names unless given.
    encoding
        Of CSV; found out unless given.
    layer
        Of a GeoPackage with several.
    override_crs
        Whether ``crs`` beats the file's own label.
    progress
        Told after every piece.

    Returns
    -------
    AssignSummary
        Counts and remarks.

    Raises
    ------
    InputError
        If the file as a whole cannot be used; a bad row is ``invalid``, with the reason.
    """
    source = open_points(
        Path(points),
        crs=parse_crs(crs) if crs is not None else None,
        lon_field=lon_field,
        lat_field=lat_field,
        encoding=encoding,
        layer=layer,
        override_crs=override_crs,
    )
    columns = free_names(source.columns)
    notes = [*(f"{source.path.name}: {note}" for note in source.notes), *owners.notes]
    renamed = {ours: name for ours, name in columns.items() if ours != name}
    notes += [f"the input has a column {ours!r}, so ours is named {name!r}" for ours, name in renamed.items()]
    counts: Counter[str] = Counter()
    swapped = rows = 0
    extent = owners.extent
    with PointSink(Path(out), source, {columns[ours]: kind for ours, kind in ADDED.items()}) as sink:
        for batch in source.batches():
            answer = find_owners(owners, batch, extent)
            sink.write(batch, {columns[ours]: values for ours, values in answer.items()})
            counts.update(answer["status"])
            swapped += sum(
                "exchanged" in reason or "swapped" in reason for reason in answer["reason"] if reason
            )
            rows += len(batch.lon)
            if progress is not None:
                progress(rows, batch.fraction)
        if not rows:
            sink.finish_empty()
            notes.append(f"{source.path.name}: there are no rows")
    if swapped * 2 > rows:
        notes.append(f"longitude and latitude seem to be swapped in {swapped} of {rows} rows")
    ordered = {status: counts[status] for status in ("inside", "edge", "outside", "invalid")}
    return AssignSummary(Path(out), rows, ordered, columns, tuple(notes), owners.report)


def find_owners(owners: Owners, batch: PointBatch, extent: Extent) -> dict[str, Any]:
    """Answer a batch of points.

    Parameters
    ----------
    owners
        The grids.
    batch
        The points.
    extent
        That of the grids, which tells swapped coordinates and 0, 0 for what they are.

    Returns
    -------
    dict
        The columns of ``ADDED``, n values each; None and NaN are null.
    """
    size = len(batch.lon)
    lon, lat = batch.lon.copy(), batch.lat.copy()
    reasons: list[str | None] = [None] * size
    for row, reason in batch.reasons.items():
        reasons[row] = reason
    west, south, east, north = extent
    if not (west <= 0 <= east and south <= 0 <= north):
        for row in np.flatnonzero((lon == 0) & (lat == 0)).tolist():
            lon[row] = lat[row] = np.nan
            reasons[row] = "0, 0 is what systems write for an unknown position"
    found = _Answer.blank(size)
    left = np.flatnonzero(np.isfinite(lon))
    for layer in owners.layers:
        owner = layer.index.locate(lon[left], lat[left])
        hit = left[owner >= 0]
        found.take(layer, hit, lon, lat, reasons)
        left = left[owner < 0]
    if left.size:
        found.nearest_of(owners.layers, left, lon, lat)
        turned = looks_swapped(lon[left], lat[left], extent)
        for row, swapped in zip(left.tolist(), turned.tolist(), strict=True):
            reasons[row] = "outside every grid" + (_SWAPPED if swapped else "")
    return {
        "grid": found.grid,
        "status": found.status,
        "nearest": found.nearest,
        "distance_m": found.distance,
        "margin_m": found.margin,
        "edition": found.edition,
        "reason": reasons,
    }


@dataclass
class _Answer:
    """The added columns of a batch in the making."""

    grid: list[str | None]
    status: list[str]
    nearest: list[str | None]
    distance: Floats
    margin: Floats
    edition: list[str | None]

    @classmethod
    def blank(cls, size: int) -> _Answer:
        none: list[str | None] = [None] * size
        return cls(
            list(none),
            [OwnerStatus.INVALID.value] * size,
            list(none),
            np.full(size, np.nan),
            np.full(size, np.nan),
            list(none),
        )

    def take(
        self, layer: OwnerLayer, rows: NDArray[np.intp], lon: Floats, lat: Floats, reasons: list[str | None]
    ) -> None:
        """Fill in the rows that a layer owns."""
        if not rows.size:
            return
        detail = layer.index.locate_detail(lon[rows], lat[rows])
        codes = layer.index.codes
        self.distance[rows] = 0.0
        self.margin[rows] = detail.margin_m
        for at, (row, position, status) in enumerate(
            zip(rows.tolist(), detail.position.tolist(), detail.status.tolist(), strict=True)
        ):
            code = codes[position]
            self.grid[row] = self.nearest[row] = code
            self.status[row] = status
            self.edition[row] = layer.edition
            if status == OwnerStatus.EDGE:
                touched = [codes[other] for other in detail.touching_of(at).tolist()]
                reasons[row] = f"on the border of {' and '.join(touched)}"

    def nearest_of(
        self, layers: Sequence[OwnerLayer], rows: NDArray[np.intp], lon: Floats, lat: Floats
    ) -> None:
        """Fill in the rows that nobody owns: the nearest grid of any layer."""
        best = np.full(len(rows), np.inf)
        for layer in layers:
            detail = layer.index.locate_detail(lon[rows], lat[rows])
            for at in np.flatnonzero(detail.distance_m < best).tolist():
                row = int(rows[at])
                self.nearest[row] = layer.index.codes[int(detail.nearest[at])]
                self.edition[row] = layer.edition
            best = np.fmin(best, detail.distance_m)
        self.distance[rows] = best
        for row in rows.tolist():
            self.status[row] = OwnerStatus.OUTSIDE.value


def free_names(taken: Iterable[str]) -> dict[str, str]:
    """Name our columns so that none is the input's, whatever the case of its letters.

    Parameters
    ----------
    taken
        The input's columns.

    Returns
    -------
    dict
        Each name of ``ADDED`` → itself, or what ends in ``_wangge``.
    """
    known = {name.casefold() for name in taken}
    found = {}
    for ours in ADDED:
        name, number = ours, 1
        while name.casefold() in known:
            name = f"{ours}{_SUFFIX}" if number == 1 else f"{ours}{_SUFFIX}_{number}"
            number += 1
        found[ours] = name
    return found
