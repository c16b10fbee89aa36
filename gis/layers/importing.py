"""Take a file into a layer: what is asked of a row is read off the model, and every row is answered for.

Good rows go in as one set, whatever the others are like: known codes are updated, new ones added. A row
that the database refuses for a reason that cannot be seen beforehand is found by halving the set.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import geopandas as gpd
import numpy as np
import pandas as pd
import psycopg
from geoalchemy2 import Geometry
from sqlalchemy import Column, Connection, func, insert, select, text
from sqlalchemy.exc import DBAPIError

from gis.codes import county_of
from gis.crs import STORAGE_SRID
from gis.errors import InputError, NotFoundError, UnavailableError
from gis.layers.base import frame_columns
from gis.layers.coordinates import Extent
from gis.layers.division import Division
from gis.layers.editions import EditionStamp, edition_at, publish_edition, read_grids
from gis.layers.files import read_layer
from gis.layers.frames import Written, lock, write_frame
from gis.layers.record import Audit
from gis.layers.refusals import explain
from gis.layers.repair_account import Kind
from gis.layers.report import Action, ImportReport, ImportRow
from gis.layers.row_checks import check_columns, check_rows, column_kind, complete_columns
from gis.layers.schema import layer_model
from gis.layers.slivers import close_slivers
from gis.settings import CHINA_STANDARD_TIME
from gis.terms import GridType

_SHAPES: dict[str, Kind] = {"MULTIPOLYGON": "polygon", "MULTILINESTRING": "line", "POINT": "point"}
_PRIVATE_REFUSED = "incidents are reported and assigned, not loaded"


@dataclass(frozen=True)
class Imported:
    """What an import did.

    Attributes
    ----------
    layer
        The layer.
    report
        The account by row.
    written
        Rows added, changed and found as they were.
    editions
        The editions that an import of grids published.
    dry_run
        Whether all of it was undone again.
    """

    layer: str
    report: ImportReport
    written: Written
    editions: tuple[EditionStamp, ...] = ()
    dry_run: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        return {
            "layer": self.layer,
            "added": self.written.added,
            "changed": self.written.changed,
            "same": self.written.same,
            "dry_run": self.dry_run,
            "editions": [edition.as_dict() for edition in self.editions],
            "report": self.report.as_dict(),
        }


def import_layer(
    connection: Connection,
    layer: str,
    path: str | Path,
    *,
    actor: str,
    crs: str | None = None,
    fields: Mapping[str, str] | None = None,
    encoding: str | None = None,
    file_layer: str | None = None,
    override_crs: bool = False,
    replace: bool = False,
    effective_from: dt.datetime | None = None,
    note: str | None = None,
    dry_run: bool = False,
) -> Imported:
    """Import a file into a layer.

    Parameters
    ----------
    connection
        An open transaction; all that is good goes in, or with ``dry_run`` nothing.
    layer
        A key of :data:`gis.layers.schema.LAYERS`, other than ``incidents``.
    path
        The file; see :func:`gis.layers.files.read_layer`.
    actor
        Who imports, for the audit.
    crs
        What its coordinates are in; needed where the file does not say.
    fields
        Ours → theirs.
    encoding
        Of CSV and Shapefile; found out unless given.
    file_layer
        The layer of a GeoPackage or sheet of an XLSX file.
    override_crs
        Whether ``crs`` beats a label in the file that is known to be wrong.
    replace
        For grids: whether the file is the whole new state of its communities, so that grids which are not
        in it are closed. Otherwise those stay.
    effective_from
        For grids: from when the new edition is in force; now unless given.
    note
        For grids: what the edition is, in words.
    dry_run
        Whether to undo everything and only report.

    Returns
    -------
    Imported
        Counts, the report, and the editions published.

    Raises
    ------
    InputError
        If the file as a whole cannot be used, or a column that every row needs is missing.
    RuleError
        If grids would overlap those of other communities.
    """
    model = layer_model(layer)
    if layer == "incidents":
        raise InputError(_PRIVATE_REFUSED, where=layer, mend="use `wangge assign`, or report them by the API")
    columns = frame_columns(model)
    shape = next((column for column in columns if isinstance(column.type, Geometry)), None)
    kinds = {column.name: column_kind(model, column) for column in columns if column is not shape}
    frame, report = read_layer(
        path,
        crs=crs,
        fields=fields,
        encoding=encoding,
        layer=file_layer,
        geometry=_wanted(layer, shape),
        kind=_SHAPES[cast("Geometry", shape.type).geometry_type] if shape is not None else "polygon",
        kinds=kinds,
        code_field=model.code_column,
        override_crs=override_crs,
        extent=_extent(connection) if layer != "divisions" else None,
    )
    frame = frame[[name for name in frame.columns if name in kinds or name == "geometry"]]
    entries: list[ImportRow] = []
    frame, notes = complete_columns(layer, frame)
    check_columns(model, frame, Path(path).name)
    frame = check_rows(connection, model, frame, entries)
    savepoint = connection.begin_nested()
    editions: tuple[EditionStamp, ...] = ()
    if layer == "grids":
        when = effective_from or dt.datetime.now(CHINA_STANDARD_TIME)
        refused = {entry.code for entry in [*report.rows, *entries] if entry.action is Action.REFUSED}
        written, editions = _publish(
            connection,
            frame,
            entries,
            notes,
            actor=actor,
            when=when,
            note=note,
            replace=replace,
            refused={code for code in refused if code is not None},
        )
    else:
        written = _write(connection, layer, frame.sort_values(model.code_column), entries)
    report = report.extended(entries, notes)
    connection.execute(
        insert(Audit).values(
            actor=actor,
            act="import",
            subject=layer,
            after={
                "file": Path(path).name,
                **report.counts,
                "added": written.added,
                "changed": written.changed,
            },
        )
    )
    if dry_run:
        savepoint.rollback()
    else:
        savepoint.commit()
    return Imported(layer, report, written, editions, dry_run)


def _wanted(layer: str, shape: Column[Any] | None) -> bool | Literal["optional"]:
    if layer == "grids":
        return True
    if shape is None:
        return False
    return "optional" if shape.nullable else True


def _extent(connection: Connection) -> Extent | None:
    box = connection.execute(
        select(*(getattr(func, f"ST_{side}")(func.ST_Extent(Division.geometry)) for side in _SIDES))
    ).one()
    return None if box[0] is None else (float(box[0]), float(box[1]), float(box[2]), float(box[3]))


_SIDES = ("XMin", "YMin", "XMax", "YMax")


def _write(connection: Connection, layer: str, frame: pd.DataFrame, entries: list[ImportRow]) -> Written:
    """Write a set; if the database refuses it, halve it until the rows at fault are alone."""
    if not len(frame):
        return Written(0, 0, 0)
    savepoint = connection.begin_nested()
    try:
        written = write_frame(connection, layer, frame)
        connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        connection.execute(text("SET CONSTRAINTS ALL DEFERRED"))
    except (DBAPIError, psycopg.Error) as error:
        savepoint.rollback()
        meaning = explain(error.orig if isinstance(error, DBAPIError) else error)
        if isinstance(meaning, UnavailableError):
            raise meaning from error
        if len(frame) == 1:
            code = str(frame[layer_model(layer).code_column].iloc[0])
            entries.append(
                ImportRow(
                    int(frame.index[0]), code, Action.REFUSED, meaning.where, meaning.message, meaning.mend
                )
            )
            return Written(0, 0, 0)
    else:
        savepoint.commit()
        return written
    half = len(frame) // 2
    first = _write(connection, layer, frame.iloc[:half], entries)
    rest = _write(connection, layer, frame.iloc[half:], entries)
    return Written(first.added + rest.added, first.changed + rest.changed, first.same + rest.same)


def _publish(
    connection: Connection,
    frame: gpd.GeoDataFrame,
    entries: list[ImportRow],
    notes: list[str],
    *,
    actor: str,
    when: dt.datetime,
    note: str | None,
    replace: bool,
    refused: set[str],
) -> tuple[Written, tuple[EditionStamp, ...]]:
    """Publish the grids of a file as the next edition of each of their counties."""
    written = Written(0, 0, 0)
    editions = []
    for county, rows in frame.groupby(frame["grid_code"].map(county_of)):
        lock(connection, f"publish:{county}")
        now = _existing(connection, str(county), when)
        closable = now["grid_code"].isin(refused) if replace else np.ones(len(now), dtype=bool)
        good, stay = _settled(rows, now[closable], entries, notes)
        if not len(good):
            continue
        # A column that the file lacks stays as it is: only the file's columns are written.
        state = pd.concat([good, stay[[name for name in good.columns if name in stay.columns]]])
        stamp = publish_edition(
            connection,
            county_code=str(county),
            grids=gpd.GeoDataFrame(state, geometry="geometry", crs=STORAGE_SRID),
            communities=sorted(set(good["community_code"])),
            effective_from=when,
            actor=actor,
            note=note,
        )
        connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        connection.execute(text("SET CONSTRAINTS ALL DEFERRED"))
        editions.append(stamp)
        written = _counted(written, now, good)
    return written, tuple(editions)


def _existing(connection: Connection, county: str, when: dt.datetime) -> gpd.GeoDataFrame:
    try:
        return read_grids(connection, edition_at(connection, county, when))
    except NotFoundError:
        columns = [
            "grid_code",
            "grid_type",
            "name",
            "community_code",
            "parent_code",
            "colour_theme",
            "predecessors",
        ]
        return gpd.GeoDataFrame(pd.DataFrame(columns=columns), geometry=gpd.GeoSeries([]), crs=STORAGE_SRID)


def _settled(
    rows: gpd.GeoDataFrame, now: gpd.GeoDataFrame, entries: list[ImportRow], notes: list[str]
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Close slivers among the basic grids that are to be; refuse rows that overlap by more.

    Returns the rows that go in, and the stored grids of their communities that stay.
    """
    good = rows
    while True:
        here = now["community_code"].isin(good["community_code"]) & ~now["grid_code"].isin(good["grid_code"])
        stay = now[here]
        frames = [good[good["grid_type"] == GridType.BASIC], stay[stay["grid_type"] == GridType.BASIC]]
        codes = [str(code) for frame in frames for code in frame["grid_code"]]
        closed = close_slivers(np.concatenate([frame.geometry.to_numpy() for frame in frames]))
        if not closed.disputes:
            break
        ours = len(frames[0])
        gone: dict[Any, str] = {}
        for a, b, size in closed.disputes:
            for at, other in ((a, b), (b, a)):
                if at < ours:
                    gone.setdefault(frames[0].index[at], f"it overlaps grid {codes[other]} by {size:.1f} m²")
        mend = "draw the border between the two as one line"
        entries += [
            ImportRow(int(row), str(good["grid_code"][row]), Action.REFUSED, "geometry", reason, mend)
            for row, reason in gone.items()
        ]
        good = good.drop(index=list(gone))
    for at, gained in closed.changes.items():
        words = f"slivers along its borders were closed (area {gained:+.2f} m²)"
        if at < len(frames[0]):
            row = int(frames[0].index[at])
            entries.append(ImportRow(row, codes[at], Action.REPAIRED, "geometry", words))
        else:
            notes.append(f"of grid {codes[at]}, which is not in the file, {words}")
    shapes = dict(zip(codes, closed.geometries, strict=True))
    return _reshaped(good, shapes), _reshaped(stay, shapes)


def _reshaped(frame: gpd.GeoDataFrame, shapes: Mapping[str, Any]) -> gpd.GeoDataFrame:
    found = [shapes.get(code, shape) for code, shape in zip(frame["grid_code"], frame.geometry, strict=True)]
    return frame.set_geometry(gpd.GeoSeries(found, index=frame.index, crs=STORAGE_SRID))


def _counted(written: Written, now: gpd.GeoDataFrame, rows: gpd.GeoDataFrame) -> Written:
    known = dict(zip(now["grid_code"], now.geometry, strict=True))
    same = added = 0
    for code, shape in zip(rows["grid_code"], rows.geometry, strict=True):
        if code not in known:
            added += 1
        elif known[code].normalize() == shape.normalize():
            same += 1
    changed = len(rows) - added - same
    return Written(written.added + added, written.changed + changed, written.same + same)
