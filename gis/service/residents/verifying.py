"""Keeping the public layer true: entries not checked for long, and residents' word that one is wrong."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from geoalchemy2 import functions as spatial
from sqlalchemy import Connection, or_, select
from sqlalchemy.dialects.postgresql import insert

from gis.codes import check_code
from gis.errors import InputError, NotFoundError
from gis.layers.incident import IncidentCategory
from gis.layers.service_point import ServicePoint
from gis.service.access import reach_of
from gis.service.dispatch.reporting import Report, Reported, report
from gis.service.owning.compiled import Compiled
from gis.service.residents.wording import shortened
from gis.settings import CHINA_STANDARD_TIME, Settings
from gis.texts import catalogue, text

WRONG = ("closed", "moved", "phone", "hours", "access", "other")
"""What a resident may say is wrong with an entry."""

WRONG_ENTRY = "wrong_entry"
LONGEST_WORDS = 500
_SOURCE = "resident_snapshot"
_ACCEPT_H, _RESOLVE_H = 24.0, 168.0


def stale_entries(
    connection: Connection, division_code: str, settings: Settings, *, on: dt.date | None = None
) -> list[dict[str, Any]]:
    """List the service points that nobody has checked for too long, for the people who do.

    Parameters
    ----------
    connection
        An open transaction.
    division_code
        A county, street or community: 12 digits.
    settings
        How long is too long.
    on
        Counted from this day; today unless given.

    Returns
    -------
    list of dict
        ``point_code``, ``name``, ``category``, ``address``, ``phones``, ``public``, ``community_code``,
        ``verified_on``, ``days`` since then; never checked first, then the oldest.
    """
    check_code(division_code, "division_code")
    day = on or dt.datetime.now(CHINA_STANDARD_TIME).date()
    oldest = day - dt.timedelta(days=settings.verified_within_days)
    columns = (
        ServicePoint.point_code, ServicePoint.name, ServicePoint.category, ServicePoint.address,
        ServicePoint.phones, ServicePoint.public, ServicePoint.community_code, ServicePoint.verified_on,
    )  # fmt: skip
    rows = connection.execute(
        select(*columns)
        .where(
            ServicePoint.community_code.startswith(reach_of(division_code), autoescape=True),
            or_(ServicePoint.verified_on.is_(None), ServicePoint.verified_on < oldest),
        )
        .order_by(ServicePoint.verified_on.asc().nulls_first(), ServicePoint.point_code)
    ).mappings()
    return [{**row, "days": (day - row["verified_on"]).days if row["verified_on"] else None} for row in rows]


def report_wrong_entry(
    connection: Connection,
    counties: Mapping[str, Compiled],
    settings: Settings,
    point_code: str,
    what: str,
    *,
    words: str = "",
    reporter: str | None = None,
    key: str | None = None,
    photo: str | None = None,
    seen_at: tuple[float, float] | None = None,
) -> Reported:
    """Take a resident's word that the entry of a service point is wrong: it becomes an incident there.

    Parameters
    ----------
    connection
        An open transaction.
    counties
        The editions in force.
    settings
        For the ownership of the incident.
    point_code
        A public service point: 18 digits.
    what
        One of ``WRONG``.
    words
        What they add.
    reporter
        How to reach them, if they want that.
    key
        The Idempotency-Key.
    photo
        Name of a stored photo.
    seen_at
        Longitude and latitude in WGS84 where they say it is, which the words then tell. The incident stays at
        the entry's own place: its grid's people look after the entry.

    Returns
    -------
    Reported
        The incident, with a code to follow it by.

    Raises
    ------
    InputError
        If ``what`` is not one of those, or the words are too long.
    NotFoundError
        If the public is shown no such point.
    """
    check_code(point_code, "point_code")
    if what not in WRONG:
        raise InputError(
            f"{what[:40]!r} is not one of the choices", where="what", mend=f"give {', '.join(WRONG)}"
        )
    if len(words) > LONGEST_WORDS:
        raise InputError("this is too long", where="words", mend=f"say it in {LONGEST_WORDS} characters")
    # From the public layer: a point that residents are not shown does not exist for them.
    name, _, lon, lat = _public_point(connection, point_code)
    _ensure_category(connection)
    what_it_is = [text(f"residents.wrong_entry.what_{what}"), words.strip()]
    if seen_at is not None:
        what_it_is.append(
            text("residents.wrong_entry.seen_at", lon=f"{seen_at[0]:.6f}", lat=f"{seen_at[1]:.6f}")
        )
    said = Report(
        category=WRONG_ENTRY,
        source=_SOURCE,
        words=text(
            "residents.wrong_entry.said",
            name=shortened(name),
            code=point_code,
            text="，".join(filter(None, what_it_is)),
        ),
        lon=lon,
        lat=lat,
        crs="cgcs2000",
        reporter=reporter,
        photo=photo,
    )
    return report(connection, counties, settings, said, actor="resident", key=key, follow=True)


def entry_of(connection: Connection, point_code: str) -> dict[str, str]:
    """Return what a resident needs to see to be sure which entry is meant.

    Parameters
    ----------
    connection
        An open transaction.
    point_code
        A public service point: 18 digits.

    Returns
    -------
    dict
        ``point_code``, ``community_code``, ``name``, ``address``.

    Raises
    ------
    NotFoundError
        If the public is shown no such point.
    """
    name, address, *_ = _public_point(connection, check_code(point_code, "point_code"))
    return {
        "point_code": point_code,
        "community_code": point_code[:12],
        "name": shortened(name or ""),
        "address": shortened(address or ""),
    }


def _public_point(connection: Connection, point_code: str) -> Any:
    """Read a point's name, address, longitude and latitude."""
    found = connection.execute(
        select(
            ServicePoint.name,
            ServicePoint.address,
            spatial.ST_X(ServicePoint.geometry),
            spatial.ST_Y(ServicePoint.geometry),
        ).where(ServicePoint.point_code == point_code, ServicePoint.public)
    ).first()
    if found is None:
        raise NotFoundError("there is no such service point", where="point_code")
    return found


def _ensure_category(connection: Connection) -> None:
    """Add the category where a place has not made one of that name its own."""
    names = {
        f"name_{language}": catalogue(language)["residents.wrong_entry.title"] for language in ("zh", "en")
    }
    connection.execute(
        insert(IncidentCategory)
        .values(category=WRONG_ENTRY, accept_hours=_ACCEPT_H, resolve_hours=_RESOLVE_H, **names)
        .on_conflict_do_nothing()
    )
