"""Write a layer as it stands, or as it stood, into a file that can be imported again."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
from geoalchemy2 import Geometry
from sqlalchemy import Connection

from gis.crs import STORAGE_SRID
from gis.errors import InputError, NotFoundError
from gis.layers.base import frame_columns
from gis.layers.editions import (
    EditionStamp,
    counties_published,
    edition_at,
    edition_numbered,
    read_grids,
)
from gis.layers.files import write_layer
from gis.layers.frames import read_frame
from gis.layers.schema import layer_model


@dataclass(frozen=True)
class Exported:
    """What an export wrote.

    Attributes
    ----------
    path
        The file.
    layer
        The layer.
    rows
        How many rows.
    editions
        The editions that grids were taken from.
    """

    path: Path
    layer: str
    rows: int
    editions: tuple[EditionStamp, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        return {
            "path": str(self.path),
            "layer": self.layer,
            "rows": self.rows,
            "editions": [edition.as_dict() for edition in self.editions],
        }


def export_layer(
    connection: Connection,
    layer: str,
    path: str | Path,
    *,
    format: str | None = None,  # noqa: A002
    crs: str = "cgcs2000",
    county_code: str | None = None,
    edition: int | None = None,
    as_of: dt.datetime | None = None,
    private: bool = False,
) -> Exported:
    """Export a layer.

    Parameters
    ----------
    connection
        An open transaction.
    layer
        A key of :data:`gis.layers.schema.LAYERS`.
    path
        Where to.
    format
        See :func:`gis.layers.files.write_layer`; the suffix tells, unless given.
    crs
        What the coordinates are written in.
    county_code
        Only this county's rows; needed with ``edition``.
    edition
        For grids: an edition's number.
    as_of
        For grids: the time whose edition is wanted; now unless given.
    private
        Whether the personal columns come along.

    Returns
    -------
    Exported
        The file and what is in it.

    Raises
    ------
    InputError
        If an edition is asked of a layer that has none, or without its county.
    NotFoundError
        If nothing was in force then.
    """
    model = layer_model(layer)
    editions: tuple[EditionStamp, ...] = ()
    if layer == "grids":
        editions = _editions(connection, county_code, edition, as_of)
        frames = [read_grids(connection, stamp) for stamp in editions]
        frame = gpd.GeoDataFrame(pd.concat(frames, ignore_index=True), geometry="geometry", crs=STORAGE_SRID)
    else:
        if edition is not None or as_of is not None:
            raise InputError(
                f"the layer {layer} has no editions", where=layer, mend="leave --edition and --as-of out"
            )
        where = []
        if county_code is not None:
            key = next((name for name in (model.code_column, "division_code") if name in _keyed(model)), None)
            if key is None:
                raise InputError(f"the rows of {layer} belong to no county", where=layer, mend="leave it out")
            where.append(model.__table__.c[key].startswith(county_code[:6]))
        frame = read_frame(connection, layer, *where, private=private)
    if not any(isinstance(column.type, Geometry) for column in frame_columns(model)) and layer != "grids":
        frame = pd.DataFrame(frame.drop(columns="geometry"))
    return Exported(write_layer(frame, path, format=format, crs=crs), layer, len(frame), editions)


def _keyed(model: Any) -> set[str]:
    """Name the columns whose codes begin with the county's six digits."""
    names = {"division_code", "community_code", "compound_code", "building_code", "point_code"}
    return {column.name for column in frame_columns(model) if column.name in names}


def _editions(
    connection: Connection, county_code: str | None, number: int | None, as_of: dt.datetime | None
) -> tuple[EditionStamp, ...]:
    if number is not None:
        if county_code is None:
            raise InputError(
                "an edition's number counts within its county", where="edition", mend="name the county"
            )
        return (edition_numbered(connection, county_code, number),)
    counties = [county_code] if county_code is not None else counties_published(connection)
    if not counties:
        raise NotFoundError("no grids have been published yet", where="grids", mend="import grids first")
    return tuple(edition_at(connection, county, as_of) for county in counties)
