"""Ownership for a single command: compile what was in force, answer, and be done.

A running service keeps its editions in memory (:mod:`gis.service.owning.current`); a command line compiles
them for the one question or file that it has.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Connection

from gis.errors import NotFoundError
from gis.layers.editions import EditionStamp, counties_published, edition_at
from gis.service.owning.answers import answer_as_dict
from gis.service.owning.compiled import Compiled, compile_edition
from gis.service.owning.locating import locate
from gis.service.owning.owners import Owners, owners_of
from gis.service.owning.questions import read_question
from gis.settings import CHINA_STANDARD_TIME, Settings
from gis.texts import Language


def compile_counties(connection: Connection, as_of: dt.datetime | None = None) -> dict[str, Compiled]:
    """Compile the edition of every county that was in force at a time.

    Parameters
    ----------
    connection
        An open transaction.
    as_of
        The time; now unless given. Without a time zone it is China's.

    Returns
    -------
    dict
        County code → compiled edition.

    Raises
    ------
    NotFoundError
        If no county had an edition by then.
    """
    day = None if as_of is None else _with_zone(as_of).date()
    return {
        stamp.county_code: compile_edition(connection, stamp, on=day)
        for stamp in editions_as_of(connection, as_of)
    }


def editions_as_of(connection: Connection, as_of: dt.datetime | None = None) -> list[EditionStamp]:
    """List the edition of every county that was in force at a time.

    Parameters
    ----------
    connection
        An open transaction.
    as_of
        The time; now unless given. Without a time zone it is China's.

    Returns
    -------
    list of EditionStamp
        By county; one that was not published by then is left out.

    Raises
    ------
    NotFoundError
        If no county had an edition by then.
    """
    when = None if as_of is None else _with_zone(as_of)
    found = []
    for county in counties_published(connection):
        try:
            found.append(edition_at(connection, county, when))
        except NotFoundError:
            continue
    if not found:
        raise NotFoundError(
            "no grids were published" + (f" on {when.date()}" if when else ""),
            mend="`wangge demo` loads a made-up place, `wangge import grids …` your own",
        )
    return found


def _with_zone(when: dt.datetime) -> dt.datetime:
    return when if when.tzinfo else when.replace(tzinfo=CHINA_STANDARD_TIME)


def owners_as_of(connection: Connection, as_of: dt.datetime | None = None) -> Owners:
    """Give the published grids as the owners for a file of points.

    Parameters
    ----------
    connection
        An open transaction.
    as_of
        The time whose editions answer; now unless given.

    Returns
    -------
    Owners
        Every county's layers, each county's in its order of precedence.
    """
    return owners_of(compile_counties(connection, as_of))


def locate_once(
    connection: Connection,
    settings: Settings,
    *,
    lon: float | str,
    lat: float | str,
    crs: str | None,
    accuracy_m: float | None = None,
    confidence: float | None = None,
    as_of: dt.datetime | None = None,
    language: Language = "zh",
) -> dict[str, Any]:
    """Say who owns one point.

    Parameters
    ----------
    connection
        An open transaction.
    settings
        Thresholds and limits.
    lon, lat
        The point, in ``crs``.
    crs
        Its datum; required.
    accuracy_m
        Radius in metres.
    confidence
        Probability that the radius stands for.
    as_of
        The time whose edition answers; now unless given.
    language
        Of the words.

    Returns
    -------
    dict
        As the API answers it; see :func:`gis.service.owning.answers.answer_as_dict`.
    """
    counties = compile_counties(connection, as_of)
    question = read_question(
        lon, lat, crs, accuracy_m=accuracy_m, confidence=confidence, in_force=counties.values()
    )
    return answer_as_dict(locate(counties, question, settings), settings, language)
