"""What each edition changed in a community: codes of grids, for the feed and the site's front page."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from gis.codes import county_of
from gis.layers.grid import Edition, Grid, GridBoundary
from gis.settings import CHINA_STANDARD_TIME


@dataclass(frozen=True)
class Change:
    """What one edition changed in a community: codes only.

    Attributes
    ----------
    number
        The edition.
    effective_from
        From when.
    digest
        Of the county's whole state.
    opened, redrawn, closed
        Codes of grids that are new, have another border, or are no more; sorted.
    """

    number: int
    effective_from: dt.datetime
    digest: str
    opened: tuple[str, ...]
    redrawn: tuple[str, ...]
    closed: tuple[str, ...]


def read_changes(connection: Connection, community_code: str) -> tuple[Change, ...]:
    """List the editions that changed a community's grids.

    Parameters
    ----------
    connection
        An open transaction.
    community_code
        12 digits.

    Returns
    -------
    tuple of Change
        Those in force by now, the latest first.
    """
    county = county_of(community_code)
    rows = connection.execute(
        select(GridBoundary.grid_code, func.lower(GridBoundary.valid), func.upper(GridBoundary.valid))
        .join(Grid, Grid.grid_code == GridBoundary.grid_code)
        .where(GridBoundary.county_code == county, Grid.community_code == community_code)
    ).all()
    begun: dict[dt.datetime, set[str]] = {}
    ended: dict[dt.datetime, set[str]] = {}
    for code, start, end in rows:
        begun.setdefault(start, set()).add(code)
        if end is not None:
            ended.setdefault(end, set()).add(code)
    editions = connection.execute(
        select(Edition.number, Edition.effective_from, Edition.digest)
        .where(Edition.county_code == county, Edition.effective_from <= func.now())
        .order_by(Edition.number.desc())
    ).all()
    changes = []
    for number, when, digest in editions:
        new, old = begun.get(when, set()), ended.get(when, set())
        if new or old:
            changes.append(
                Change(
                    number,
                    when.astimezone(CHINA_STANDARD_TIME),
                    digest,
                    opened=tuple(sorted(new - old)),
                    redrawn=tuple(sorted(new & old)),
                    closed=tuple(sorted(old - new)),
                )
            )
    return tuple(changes)
