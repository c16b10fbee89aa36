"""Load a whole place at once: the frames of every layer, and its grids as a new edition."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pandas as pd
from sqlalchemy import exists, select

from gis.codes import county_of
from gis.layers.database import Database
from gis.layers.division import Division
from gis.layers.editions import EditionStamp, publish_edition
from gis.layers.frames import write_frame
from gis.settings import CHINA_STANDARD_TIME

FOUNDED = dt.datetime(2026, 1, 1, tzinfo=CHINA_STANDARD_TIME)
"""From when the demonstration's first edition is in force."""

_BEFORE_GRIDS = ("divisions", "compounds", "buildings", "service_points", "streets")


def is_empty(database: Database) -> bool:
    """Tell whether nothing has been loaded yet.

    Parameters
    ----------
    database
        The database.

    Returns
    -------
    bool
        True where there is no division.
    """
    with database.connection() as connection:
        return not connection.execute(select(exists().select_from(Division))).scalar_one()


def load_place(
    database: Database,
    frames: Mapping[str, Any],
    *,
    actor: str,
    effective_from: dt.datetime = FOUNDED,
    note: str | None = None,
) -> list[EditionStamp]:
    """Load the layers of one or more counties in one transaction.

    Parameters
    ----------
    database
        The database.
    frames
        Layer → frame, as in docs/architecture.md; ``incidents`` are not among what is loaded here.
    actor
        Who loads, for the audit.
    effective_from
        From when the edition of the grids is in force.
    note
        What the edition is, in words.

    Returns
    -------
    list of EditionStamp
        One for each county.
    """
    grids = frames["grids"]
    with database.connection() as connection:
        for layer in _BEFORE_GRIDS:
            if layer in frames:
                write_frame(connection, layer, frames[layer])
        counties = grids["grid_code"].map(county_of)
        stamps = [
            publish_edition(
                connection,
                county_code=str(county),
                grids=part,
                communities=sorted(set(part["community_code"])),
                effective_from=effective_from,
                actor=actor,
                note=note,
            )
            for county, part in grids.groupby(counties)
        ]
        if "staff" in frames:
            write_frame(connection, "staff", pd.DataFrame(frames["staff"]))
    return stamps
