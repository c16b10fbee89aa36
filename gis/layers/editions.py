"""Editions: the published states of a county's grids, how to read one and how to write the next.

Nothing published is changed: a redraw closes the boundaries that it replaces and opens new ones, with the
grids' names, types and themes. Publishing within a county is serialised by a lock, and an edition takes force
later than every edition before it; until its hour nothing that is in force is touched.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from geoalchemy2 import WKBElement
from sqlalchemy import ColumnElement, Connection, func, insert, select, update
from sqlalchemy.dialects.postgresql import Range

from gis.crs import STORAGE_SRID
from gis.errors import ConflictError, InputError, NotFoundError
from gis.layers.base import frame_columns
from gis.layers.frames import as_multi, as_wkb, lock, query_frame, write_frame
from gis.layers.grid import Edition, Grid, GridBoundary
from gis.layers.record import Audit, Event
from gis.settings import CHINA_STANDARD_TIME


@dataclass(frozen=True)
class EditionStamp:
    """What every answer about ownership carries.

    Attributes
    ----------
    id
        Surrogate key; stays inside.
    county_code
        The county.
    number
        1, 2, 3 … within the county.
    effective_from
        From when it is in force.
    digest
        SHA-256 of its content.
    """

    id: int
    county_code: str
    number: int
    effective_from: dt.datetime
    digest: str

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape: ``{county_code, number, effective_from, digest}``."""
        return {
            "county_code": self.county_code,
            "number": self.number,
            "effective_from": self.effective_from.isoformat(),
            "digest": self.digest,
        }


FACTS = ("name", "parent_code", "colour_theme", "predecessors")
"""What a grid is in an edition, beside its type and shape."""

_STAMP = (Edition.id, Edition.county_code, Edition.number, Edition.effective_from, Edition.digest)


def edition_at(connection: Connection, county_code: str, as_of: dt.datetime | None = None) -> EditionStamp:
    """Return the edition in force in a county at a time.

    Parameters
    ----------
    connection
        An open transaction.
    county_code
        12 digits.
    as_of
        The time; now unless given.

    Returns
    -------
    EditionStamp
        The latest edition that had taken force by then.

    Raises
    ------
    NotFoundError
        If none had.
    """
    when = as_of or dt.datetime.now(dt.UTC)
    row = connection.execute(
        select(*_STAMP)
        .where(Edition.county_code == county_code, Edition.effective_from <= when)
        .order_by(Edition.effective_from.desc())
        .limit(1)
    ).first()
    if row is None:
        raise NotFoundError(
            f"no edition of county {county_code} was in force at "
            f"{when.astimezone(CHINA_STANDARD_TIME):%Y-%m-%d %H:%M}",
            mend="import grids, or ask for a later date",
        )
    return EditionStamp(*row)


def edition_numbered(connection: Connection, county_code: str, number: int) -> EditionStamp:
    """Return an edition by its number.

    Parameters
    ----------
    connection
        An open transaction.
    county_code
        12 digits.
    number
        Its number.

    Returns
    -------
    EditionStamp
        The edition.

    Raises
    ------
    NotFoundError
        If the county has none of that number.
    """
    row = connection.execute(
        select(*_STAMP).where(Edition.county_code == county_code, Edition.number == number)
    ).first()
    if row is None:
        raise NotFoundError(f"county {county_code} has no edition {number}")
    return EditionStamp(*row)


def counties_published(connection: Connection) -> list[str]:
    """List the counties that have an edition.

    Parameters
    ----------
    connection
        An open transaction.

    Returns
    -------
    list of str
        12-digit codes, sorted.
    """
    return list(
        connection.execute(select(Edition.county_code).distinct().order_by(Edition.county_code)).scalars()
    )


def read_grids(
    connection: Connection, edition: EditionStamp, *, community_code: str | None = None
) -> gpd.GeoDataFrame:
    """Read the grids of an edition.

    Parameters
    ----------
    connection
        An open transaction.
    edition
        Which edition.
    community_code
        Only this community's.

    Returns
    -------
    geopandas.GeoDataFrame
        The frame ``grids``, sorted by code; EPSG:4490.
    """
    return _grids_at(connection, edition.county_code, edition.effective_from, _of_community(community_code))


def publish_edition(
    connection: Connection,
    *,
    county_code: str,
    grids: gpd.GeoDataFrame,
    communities: Sequence[str],
    effective_from: dt.datetime,
    actor: str,
    note: str | None = None,
) -> EditionStamp:
    """Publish the next edition of a county: the whole new state of the grids of some communities.

    Parameters
    ----------
    connection
        An open transaction; all of it happens or nothing does.
    county_code
        12 digits.
    grids
        The frame ``grids`` of every grid that these communities have from now on. A column of
        :data:`FACTS` that it lacks stays as it was in the edition before.
    communities
        Which communities it is the new state of; the others stay as they are.
    effective_from
        From when; later than every edition before.
    actor
        Who publishes.
    note
        What changed, in words.

    Returns
    -------
    EditionStamp
        The new edition; the former one where nothing would change.

    Raises
    ------
    ConflictError
        If an edition that takes force as late is there already.
    InputError
        If a grid belongs to none of the communities.
    RuleError
        If two basic grids overlap; the database says so when the transaction ends.
    """
    strangers = sorted(set(grids["community_code"]) - set(communities))
    if strangers:
        raise InputError(f"grids of other communities are among them: {', '.join(strangers[:5])}")
    lock(connection, f"publish:{county_code}")
    last = _last_edition(connection, county_code)
    if last is not None and effective_from <= last.effective_from:
        raise ConflictError(
            f"edition {last.number} takes force at {last.effective_from.isoformat()}, not before this one",
            where="effective_from",
            mend="publish with a later date",
        )
    before = _grids_at(connection, county_code, last.effective_from if last else effective_from)
    shapes = shapely.normalize(as_multi(np.asarray(grids.geometry.array, dtype=object)))
    after = _with_facts(
        grids.assign(geometry=gpd.GeoSeries(shapes, index=grids.index, crs=STORAGE_SRID)), before
    )
    same, closed = _compare(before, after, communities)
    if last is not None and same.all() and not closed:
        return last
    _write_identities(connection, after, effective_from)
    kept = before[~before["grid_code"].isin(closed) & ~before["grid_code"].isin(after["grid_code"])]
    state = pd.concat([kept, after])[["grid_code", "grid_type", "geometry"]]
    stamp = _insert_edition(
        connection,
        county_code=county_code,
        number=(last.number if last else 0) + 1,
        effective_from=effective_from,
        digest=digest_of(state),
        actor=actor,
        note=note,
    )
    _close(connection, closed, effective_from)
    opened = after[~same]
    _open(connection, opened, stamp)
    body = {"number": stamp.number, "effective_from": effective_from.isoformat(), "digest": stamp.digest}
    changed = {"opened": sorted(opened["grid_code"]), "closed": sorted(closed)}
    connection.execute(
        insert(Event).values(kind="edition_changed", county_code=county_code, body=body | changed)
    )
    connection.execute(
        insert(Audit).values(
            actor=actor,
            act="publish",
            subject=f"edition {county_code} {stamp.number}",
            before={"number": last.number, "digest": last.digest} if last else None,
            after=body | changed,
        )
    )
    return stamp


def digest_of(grids: pd.DataFrame) -> str:
    """Compute the digest of a state of grids: the same land gives the same digest, in any order.

    Parameters
    ----------
    grids
        Columns ``grid_code``, ``grid_type`` and geometry.

    Returns
    -------
    str
        SHA-256 over the sorted ``code|type|WKB`` of the normalised shapes, 64 hexadecimal digits.
    """
    shapes = shapely.to_wkb(shapely.normalize(np.asarray(grids["geometry"].array, dtype=object)), hex=True)
    lines = sorted(
        f"{code}|{kind}|{shape}"
        for code, kind, shape in zip(grids["grid_code"], grids["grid_type"], shapes, strict=True)
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def facts_of(grids: pd.DataFrame) -> list[tuple[Any, ...]]:
    """Tell what each grid is, so that two states can be compared: everything but its land.

    Parameters
    ----------
    grids
        ``grid_code``, ``grid_type`` and :data:`FACTS`.

    Returns
    -------
    list of tuple
        Code, type, name, parent, theme and predecessors (a tuple), in the frame's order; None where unknown.
    """
    columns = [_plain(grids[name]) for name in ("grid_code", "grid_type", *FACTS)]
    return list(zip(*columns, strict=True))


def _of_community(community_code: str | None) -> list[ColumnElement[bool]]:
    return [] if community_code is None else [Grid.community_code == community_code]


def _grids_at(
    connection: Connection, county_code: str, when: dt.datetime, where: Sequence[ColumnElement[bool]] = ()
) -> gpd.GeoDataFrame:
    facts = [getattr(GridBoundary, column.name, column) for column in frame_columns(Grid)]
    query = (
        select(*facts, as_wkb(GridBoundary.geometry))
        .join(GridBoundary, GridBoundary.grid_code == Grid.grid_code)
        .where(GridBoundary.county_code == county_code, GridBoundary.valid.contains(when), *where)
        .order_by(Grid.grid_code)
    )
    return query_frame(connection, query)


def _last_edition(connection: Connection, county_code: str) -> EditionStamp | None:
    row = connection.execute(
        select(*_STAMP).where(Edition.county_code == county_code).order_by(Edition.number.desc()).limit(1)
    ).first()
    return None if row is None else EditionStamp(*row)


def _compare(
    before: gpd.GeoDataFrame, after: gpd.GeoDataFrame, communities: Sequence[str]
) -> tuple[pd.Series, list[str]]:
    """Tell which new rows are as they were, and which old codes are to be closed."""
    old = before[before["community_code"].isin(communities)]
    prints = dict(zip(old["grid_code"], _prints(old), strict=True))
    same = pd.Series(
        [prints.get(code) == now for code, now in zip(after["grid_code"], _prints(after), strict=True)],
        index=after.index,
        dtype=bool,
    )
    kept = set(after.loc[same, "grid_code"])
    return same, [code for code in old["grid_code"] if code not in kept]


def _prints(grids: gpd.GeoDataFrame) -> list[tuple[Any, ...]]:
    shapes = shapely.to_wkb(shapely.normalize(np.asarray(grids.geometry.array, dtype=object)))
    return list(zip(facts_of(grids), shapes, strict=True))


def _plain(column: pd.Series) -> list[Any]:
    """Give plain values: None for every kind of missing, a tuple for every list."""
    if column.name == "predecessors":
        return [tuple(map(str, value)) if isinstance(value, (list, tuple)) else () for value in column]
    return [None if pd.isna(value) else str(value) for value in column]


def _with_facts(grids: gpd.GeoDataFrame, before: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Add the facts that a frame does not tell, as they were."""
    former = before.set_index("grid_code")
    known = {
        name: grids["grid_code"].map(former[name].to_dict()).astype(object)
        for name in FACTS
        if name not in grids.columns
    }
    return grids.assign(**known)


def _write_identities(connection: Connection, grids: gpd.GeoDataFrame, effective_from: dt.datetime) -> None:
    """Write what the grids are; ahead of an edition's hour only the codes that are new."""
    rows = pd.DataFrame(grids.drop(columns="geometry"))
    rows["predecessors"] = pd.Series(
        [list(codes) for codes in _plain(rows["predecessors"])], index=rows.index
    )
    if effective_from > dt.datetime.now(dt.UTC):
        codes = rows["grid_code"].tolist()
        known = connection.execute(select(Grid.grid_code).where(Grid.grid_code.in_(codes))).scalars()
        rows = rows[~rows["grid_code"].isin(list(known))]
    if len(rows):
        write_frame(connection, "grids", rows)


def _insert_edition(
    connection: Connection,
    *,
    county_code: str,
    number: int,
    effective_from: dt.datetime,
    digest: str,
    actor: str,
    note: str | None,
) -> EditionStamp:
    row = connection.execute(
        insert(Edition)
        .values(
            county_code=county_code,
            number=number,
            effective_from=effective_from,
            digest=digest,
            published_by=actor,
            note=note,
        )
        .returning(*_STAMP)
    ).one()
    return EditionStamp(*row)


def _close(connection: Connection, codes: Sequence[str], when: dt.datetime) -> None:
    if not codes:
        return
    connection.execute(
        update(GridBoundary)
        .where(GridBoundary.grid_code.in_(codes), func.upper_inf(GridBoundary.valid))
        .values(valid=func.tstzrange(func.lower(GridBoundary.valid), when, "[)"))
    )


def _open(connection: Connection, grids: gpd.GeoDataFrame, edition: EditionStamp) -> None:
    shapes = shapely.to_wkb(np.asarray(grids.geometry.array, dtype=object))
    rows = [
        {
            "grid_code": code,
            "grid_type": kind,
            "county_code": edition.county_code,
            "valid": Range(edition.effective_from, None, bounds="[)"),
            "edition_id": edition.id,
            "geometry": WKBElement(shape, srid=STORAGE_SRID),
            **dict(zip(FACTS, facts, strict=True)),
        }
        for (code, kind, *facts), shape in zip(facts_of(grids), shapes, strict=True)
    ]
    if rows:
        connection.execute(insert(GridBoundary), rows)
