"""A file's rows before anybody has judged them, and geometries out of every notation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from gis.crs import Datum
from gis.errors import CrsError
from gis.layers.report import Action, ImportRow

Geometries = NDArray[np.object_]

_EWKT = re.compile(r"^\s*SRID\s*=\s*([0-9]+)\s*;\s*", re.IGNORECASE)
_HEX = re.compile(r"^0[01][0-9A-Fa-f]{8,}$")
_UNREADABLE = "the geometry cannot be read"
_CLOSED = "an unclosed ring was closed"
_ARCS = "it has arcs, which are not read from this format"
_NO_ARCS = "turn them into lines (`ogr2ogr -nlt CONVERT_TO_LINEAR`), or give a GeoPackage"
_ARC_KINDS = range(8, 15)


@dataclass
class RawTable:
    """The rows of a file as they stand.

    Attributes
    ----------
    rows
        The columns but the geometry; the index holds row numbers as the user sees them.
    geometry
        Shapely geometries or None, as long as ``rows``; None if the file holds no geometry at all.
    datum
        What the file itself says its coordinates are in.
    datum_note
        Words for the report, where the format's rule decides the datum.
    total
        Rows found, those that could not be read included.
    notes
        What holds for the whole file.
    entries
        What there is to say of single rows already.
    """

    rows: pd.DataFrame
    geometry: Geometries | None = None
    datum: Datum | None = None
    datum_note: str | None = None
    total: int = 0
    notes: list[str] = field(default_factory=list)
    entries: list[ImportRow] = field(default_factory=list)


@dataclass
class Parsed:
    """Geometries out of texts or bytes.

    Attributes
    ----------
    geometry
        Shapely geometries, None where there was none or it could not be read.
    closed
        Where an unclosed ring was closed.
    unreadable
        Where there was something that could not be read.
    srid
        The one SRID that all carry, or None.
    arcs
        Where there was a geometry with arcs, which cannot be read; None if nowhere.
    """

    geometry: Geometries
    closed: NDArray[np.bool_]
    unreadable: NDArray[np.bool_]
    srid: int | None = None
    arcs: NDArray[np.bool_] | None = None

    def entries(self, rows: Sequence[int], field_name: str = "geometry") -> list[ImportRow]:
        """Say what was closed and what could not be read.

        Parameters
        ----------
        rows
            Row numbers as the user sees them, shape (n,).
        field_name
            The column that the geometries came from.

        Returns
        -------
        list of ImportRow
            Repairs and refusals.
        """
        found = [
            ImportRow(int(rows[int(at)]), None, Action.REPAIRED, field_name, _CLOSED)
            for at in np.flatnonzero(self.closed)
        ]
        found += [
            ImportRow(int(rows[int(at)]), None, Action.REFUSED, field_name, *self._why(int(at)))
            for at in np.flatnonzero(self.unreadable)
        ]
        return found

    def _why(self, at: int) -> tuple[str, str]:
        if self.arcs is not None and self.arcs[at]:
            return _ARCS, _NO_ARCS
        return _UNREADABLE, "draw it again, or export it again"


def parse_wkb(values: Sequence[bytes | None]) -> Parsed:
    """Read geometries from well-known binary.

    Parameters
    ----------
    values
        Bytes (ISO or extended) or None, shape (n,).

    Returns
    -------
    Parsed
        As long as the input.
    """
    cells = np.empty(len(values), dtype=object)
    cells[:] = values
    return _read(cells, shapely.from_wkb)


def parse_texts(values: Sequence[str | None]) -> Parsed:
    """Read geometries from text: WKT, EWKT, WKB in hexadecimal or GeoJSON, whichever a cell holds.

    Parameters
    ----------
    values
        Texts, blank or None, shape (n,).

    Returns
    -------
    Parsed
        As long as the input.
    """
    cells = np.empty(len(values), dtype=object)
    cells[:] = [value.strip() or None if isinstance(value, str) else None for value in values]
    srids = {int(match[1]) for cell in cells if cell is not None and (match := _EWKT.match(cell))}
    if srids:
        cells[:] = [None if cell is None else _EWKT.sub("", cell) for cell in cells]
    first = next((cell for cell in cells if cell is not None), "")
    if first.startswith("{"):
        return parse_geojson([None if cell is None else _loads(cell) for cell in cells])
    parsed = _read(cells, shapely.from_wkb if _HEX.match(first) else shapely.from_wkt)
    if len(srids) == 1:
        parsed.srid = srids.pop()
    return parsed


def parse_geojson(values: list[Any]) -> Parsed:
    """Read geometries from GeoJSON's geometry objects.

    Parameters
    ----------
    values
        Dicts as JSON gave them, None, or whatever else stood there; shape (n,).

    Returns
    -------
    Parsed
        As long as the input.
    """
    there = np.array([value is not None for value in values], dtype=bool)
    cells = np.empty(len(values), dtype=object)
    cells[:] = [None if value is None else _dumps(value) for value in values]
    geometry = shapely.from_geojson(cells, on_invalid="ignore")
    closed = np.zeros(len(cells), dtype=bool)
    for at in np.flatnonzero(there & shapely.is_missing(geometry)):
        mended = shapely.from_geojson(_dumps(_with_closed_rings(values[int(at)])), on_invalid="ignore")
        geometry[at] = mended
        closed[at] = mended is not None
    return Parsed(geometry, closed, there & shapely.is_missing(geometry))


def _read(cells: Geometries, reader: Any) -> Parsed:
    there = np.array([cell is not None for cell in cells], dtype=bool)
    arcs = None
    # NumPy would warn of every NaN among the coordinates; such rows are refused later, with a reason.
    with np.errstate(invalid="ignore", over="ignore"):
        try:
            geometry = reader(cells, on_invalid="ignore")
        except NotImplementedError:
            arcs = np.array([_has_arcs(cell, reader) for cell in cells], dtype=bool)
            cells = cells.copy()
            cells[arcs] = None
            geometry = reader(cells, on_invalid="ignore")
        failed = there & shapely.is_missing(geometry)
        if arcs is not None:
            failed &= ~arcs
        if failed.any():
            geometry[failed] = reader(cells[failed], on_invalid="fix")
    srids = np.unique(shapely.get_srid(geometry[~shapely.is_missing(geometry)]))
    srid = int(srids[0]) if len(srids) == 1 and srids[0] > 0 else None
    unreadable = there & shapely.is_missing(geometry)
    return Parsed(geometry, failed & ~unreadable, unreadable, srid, arcs)


def _has_arcs(cell: Any, reader: Any) -> bool:
    try:
        reader(cell, on_invalid="ignore")
    except NotImplementedError:
        return True
    return False


def holds_arcs(column: pa.ChunkedArray) -> bool:
    """Tell whether a column of well-known binary holds circular strings, curve polygons or their kin.

    Parameters
    ----------
    column
        Bytes or null, shape (n,).

    Returns
    -------
    bool
        Whether one of its kinds of geometry is one of arcs; collections are not looked into.
    """
    for head in pc.binary_slice(column, 0, 5).unique().to_pylist():
        if head:
            number = int.from_bytes(head[1:], "little" if head[0] == 1 else "big")
            # The three highest bits are EWKB's flags; ISO counts Z, M and ZM by thousands.
            if (number & 0x1FFFFFFF) % 1000 in _ARC_KINDS:
                return True
    return False


def _loads(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _dumps(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        # Whole numbers beyond 64 bits: no coordinate is one.
        return "null"


def _with_closed_rings(geometry: Any) -> Any:
    """Close the rings of a polygon's or multipolygon's GeoJSON; anything else goes back as it is."""
    if not isinstance(geometry, dict):
        return geometry
    kind, nested = geometry.get("type"), geometry.get("coordinates")
    if kind == "GeometryCollection" and isinstance(geometry.get("geometries"), list):
        return {**geometry, "geometries": [_with_closed_rings(part) for part in geometry["geometries"]]}
    if not isinstance(nested, list):
        return geometry
    if kind == "Polygon":
        return {"type": kind, "coordinates": [_closed(ring) for ring in nested]}
    if kind == "MultiPolygon":
        parts = [[_closed(ring) for ring in part] if isinstance(part, list) else part for part in nested]
        return {"type": kind, "coordinates": parts}
    return geometry


def _closed(ring: Any) -> Any:
    if isinstance(ring, list) and len(ring) >= 3 and ring[0] != ring[-1]:
        return [*ring, ring[0]]
    return ring


def settle_datum(
    given: Datum | None, own: Datum | None, *, override: bool, own_note: str | None, where: str
) -> tuple[Datum, list[str]]:
    """Decide what a file's coordinates are in; never guess.

    Parameters
    ----------
    given
        What the user says.
    own
        What the file says.
    override
        Whether the user's word beats the file's: its label is known to be wrong.
    own_note
        Words for the report where ``own`` is a format's rule and not the file's word; the user's word
        beats a rule.
    where
        The file, for the message.

    Returns
    -------
    tuple
        The datum, and notes for the report.

    Raises
    ------
    CrsError
        If nobody says, or the two contradict each other.
    """
    if given is None and own is None:
        raise CrsError(
            "the file does not say what its coordinates are in, and that is never guessed",
            where=where,
            mend="name it (--crs): cgcs2000, wgs84, gcj02, bd09 or an EPSG code",
        )
    if given is None or own is None:
        settled = given or own
        assert settled is not None  # noqa: S101 - both None was refused above
        return settled, [own_note or f"coordinates are {settled.name}"]
    if own_note is not None and given != own:
        return given, [
            f"coordinates are {given.name}, as was said; by the format's own rule they would be {own.name}"
        ]
    if given == own or (given.is_storage and own.is_storage):
        return given, [f"coordinates are {given.name}"]
    if override:
        return given, [
            f"coordinates were read as {given.name}; the file's own label {own.name} was overruled"
        ]
    raise CrsError(
        f"the file says {own.name}, but {given.name} was given",
        where=where,
        mend="leave --crs out to believe the file, or add --force-crs if its label is wrong",
    )
