"""Questions about a point: read from what somebody sent, and refused where they cannot be meant."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable
from dataclasses import dataclass

from gis.crs import Datum, parse_crs, to_storage
from gis.errors import InputError
from gis.service.owning.compiled import Compiled
from gis.settings import CHINA_STANDARD_TIME
from gis.terms import GridType

DEFAULT_CONFIDENCE = 0.95
"""What a browser's accuracy radius stands for."""
_LARGEST_ACCURACY_M = 50_000.0
_MEND_RADIUS = "give metres, 0 to 50,000"
_MEND_LEVEL = "give 0.95 for a browser's radius, 0.68 for Android's"
_MEND_POINT = "give longitude and latitude as plain numbers, and the datum that they are in"


@dataclass(frozen=True)
class Question:
    """A point that somebody asks about.

    Attributes
    ----------
    x, y
        As given: longitude or easting, latitude or northing.
    datum
        What they are written in.
    lon, lat
        Degrees, CGCS2000.
    accuracy_m
        Radius in metres; None: exact.
    confidence
        Probability that the radius stands for.
    """

    x: float
    y: float
    datum: Datum
    lon: float
    lat: float
    accuracy_m: float | None = None
    confidence: float = DEFAULT_CONFIDENCE


def read_question(
    lon: object,
    lat: object,
    crs: str | None,
    *,
    accuracy_m: object = None,
    confidence: object = None,
    in_force: Iterable[Compiled] = (),
) -> Question:
    """Read a question, refusing what cannot be meant.

    Parameters
    ----------
    lon, lat
        Longitude and latitude, or easting and northing; numbers, or texts that are numbers.
    crs
        Their datum; required.
    accuracy_m
        Radius in metres.
    confidence
        Probability that the radius stands for; 0.95 as browsers mean it, unless given.
    in_force
        The editions that tell whether swapped axes would land inside.

    Returns
    -------
    Question
        With its position in CGCS2000.

    Raises
    ------
    InputError
        If a number is missing, not finite, or out of range; it says so when swapping would help.
    CrsError
        If the datum is missing or unknown.
    """
    datum = parse_crs(crs)
    x, y = read_number(lon, "lon"), read_number(lat, "lat")
    if x == 0 and y == 0:
        raise InputError(
            "0, 0 is what a device sends that has no position",
            where="lon, lat",
            mend="send the position once the device has one, or an address",
        )
    radius = None if accuracy_m is None else read_number(accuracy_m, "accuracy_m", _MEND_RADIUS)
    if radius is not None and not 0 <= radius <= _LARGEST_ACCURACY_M:
        raise InputError(f"an accuracy of {radius:g} m is not one", where="accuracy_m", mend=_MEND_RADIUS)
    level = DEFAULT_CONFIDENCE if confidence is None else read_number(confidence, "confidence", _MEND_LEVEL)
    if not 0 < level < 1:
        raise InputError(
            f"a confidence of {level:g} is not a probability",
            where="confidence",
            mend=_MEND_LEVEL,
        )
    position = _convert(x, y, datum)
    if position is None:
        raise InputError(
            f"{x:g}, {y:g} is no position in {datum.name}",
            where="lon, lat",
            mend=_swap_words(x, y, datum, in_force) or _MEND_POINT,
        )
    return Question(x, y, datum, *position, radius or None, level)


def as_of_time(value: str | None) -> dt.datetime | None:
    """Read a date or time as_of which something is asked.

    Parameters
    ----------
    value
        ``2026-03-01`` (midnight, China's time) or a time with its offset; None or empty: now.

    Returns
    -------
    datetime.datetime or None
        With a time zone.

    Raises
    ------
    InputError
        If it is neither.
    """
    if not value:
        return None
    try:
        when = dt.datetime.fromisoformat(value)
    except ValueError:
        raise InputError(
            "this is no date or time", where="as_of", mend="write 2026-03-01 or 2026-03-01T08:00:00+08:00"
        ) from None
    return when if when.tzinfo else when.replace(tzinfo=CHINA_STANDARD_TIME)


def swapped_in(question: Question, in_force: Iterable[Compiled]) -> str | None:
    """Name the grid that a point would be in with its axes swapped.

    Parameters
    ----------
    question
        The question.
    in_force
        The editions.

    Returns
    -------
    str or None
        The code of a basic grid.
    """
    position = _convert(question.y, question.x, question.datum)
    inside = None if position is None else _grid_at(*position, in_force)
    return None if inside is None else inside[1]


def read_number(value: object, where: str, mend: str = _MEND_POINT) -> float:
    """Read a number, refusing what only looks like one.

    Parameters
    ----------
    value
        A number, or a text that is one.
    where
        Its field.
    mend
        What to do where it is none.

    Returns
    -------
    float
        Finite.

    Raises
    ------
    InputError
        If it is missing, none, or not finite.
    """
    # Python reads more than numbers: 1_05.8 as 105.8, and true as 1.
    read = None if isinstance(value, bool) or (isinstance(value, str) and "_" in value) else value
    try:
        number = float(read)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        message = "it is missing" if value in (None, "") else "this is not a number"
        raise InputError(message, where=where, mend=mend) from None
    if not math.isfinite(number):
        raise InputError(f"{number:g} is not a number that can be used", where=where, mend=mend)
    return number


def _convert(x: float, y: float, datum: Datum) -> tuple[float, float] | None:
    """Convert to CGCS2000; None where the numbers are no position in that datum."""
    if (datum.epsg is None or datum.is_storage) and not (-180 <= x <= 180 and -90 <= y <= 90):
        return None
    lons, lats = to_storage([x], [y], datum)
    lon, lat = float(lons[0]), float(lats[0])
    good = math.isfinite(lon) and math.isfinite(lat) and abs(lon) <= 180 and abs(lat) <= 90
    return (lon, lat) if good else None


def _swap_words(x: float, y: float, datum: Datum, in_force: Iterable[Compiled]) -> str | None:
    position = _convert(y, x, datum)
    inside = None if position is None else _grid_at(*position, in_force)
    return None if inside is None else f"swap them: {y:g}, {x:g} lies inside {inside[1]}"


def _grid_at(lon: float, lat: float, in_force: Iterable[Compiled]) -> tuple[Compiled, str] | None:
    for compiled in in_force:
        index = compiled.indexes.get(GridType.BASIC)
        if index is not None:
            position = int(index.locate(lon, lat)[0])
            if position >= 0:
                return compiled, index.codes[position]
    return None
