"""Assign a folder of Parquet files on a Dask cluster: many machines, one answer."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pandas as pd
from distributed import Client
from sqlalchemy import Connection, select

from gis.crs import parse_crs
from gis.errors import InputError, UnavailableError
from gis.layers.editions import read_grids
from gis.layers.grid import OwnerPrecedence
from gis.locate.cluster import Outcome, assign_partitions
from gis.locate.index import GridIndex
from gis.service.owning.one_off import editions_as_of

_CONNECT_S = 10


def one_index(connection: Connection, as_of: dt.datetime | None = None) -> GridIndex:
    """Compile the published grids of every county and layer into one index, the owner by precedence.

    Parameters
    ----------
    connection
        An open transaction.
    as_of
        The time whose editions answer; now unless given.

    Returns
    -------
    GridIndex
        Where layers overlap, the first in precedence owns.

    Raises
    ------
    NotFoundError
        If no county had an edition by then.
    """
    editions = editions_as_of(connection, as_of)
    grids = pd.concat([read_grids(connection, edition) for edition in editions], ignore_index=True)
    layers = list(connection.execute(select(OwnerPrecedence.layer).order_by(OwnerPrecedence.rank)).scalars())
    grids = grids.loc[grids["grid_type"].map(layers.index).sort_values(kind="stable").index]
    digest = "+".join(edition.digest for edition in editions)
    return GridIndex.build(
        grids["geometry"].to_numpy(), grids["grid_code"].tolist(), digest=digest, overlap="first"
    )


def assign_folder(
    points: Path,
    out: Path,
    index: GridIndex,
    *,
    cluster: str,
    crs: str | None,
    lon_field: str = "lon",
    lat_field: str = "lat",
) -> Outcome:
    """Give every row of a folder of Parquet files its grid, on a cluster.

    Parameters
    ----------
    points
        The folder; every worker must see it, and ``out``, under the same path.
    out
        Another folder; each file is written under its own name, whole or not at all.
    index
        The grids, sent to each worker once.
    cluster
        The scheduler's address, such as ``tcp://10.0.0.1:8786``.
    crs
        What the coordinates are in; required.
    lon_field, lat_field
        The coordinate columns.

    Returns
    -------
    Outcome
        Files and rows by what became of them.

    Raises
    ------
    UnavailableError
        If the scheduler does not answer.
    """
    datum = parse_crs(crs, where="--crs")
    if not points.is_dir():
        raise InputError(
            "a cluster takes a folder of Parquet files",
            where=str(points),
            mend="give the folder, or leave out --cluster",
        )
    connect: Any = Client  # it carries no types
    try:
        client = connect(cluster, timeout=_CONNECT_S)
    except (OSError, ValueError) as error:
        raise UnavailableError(
            "the cluster's scheduler does not answer", where=cluster, mend="start it: dask scheduler"
        ) from error
    with client:
        return assign_partitions(
            client,
            points.absolute(),
            out.absolute(),
            index,
            lon=lon_field,
            lat=lat_field,
            datum=datum,
            detail=True,
        )
