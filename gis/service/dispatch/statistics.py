"""Weekly and monthly statistics of each grid: how many, how many closed, how fast, how often visited."""

from __future__ import annotations

import csv
import datetime as dt
import io
from typing import Any, Literal

from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from sqlalchemy import Connection, text

from gis.errors import InputError
from gis.layers.csv_text import guard
from gis.service.access import reach_of
from gis.texts import Language
from gis.texts import text as words

Period = Literal["week", "month"]
PERIODS: tuple[Period, ...] = ("week", "month")
_LONGEST_DAYS = 3 * 366

COLUMNS = (
    "period",
    "grid_code",
    "name",
    "reported",
    "closed",
    "closure_rate",
    "hours_to_close",
    "late",
    "rating",
    "visits",
    "households_visited",
)
"""What a row holds. Rates are of what was *reported* in the period, whenever closed; ``hours_to_close`` is
the median; merged incidents count with the one that they double, so not here."""

# Days are China's days whatever the server's clock says. A period that begins before `since` is left out.
_QUERY = """
WITH dealt AS (
    SELECT grid_code, date_trunc(:unit, reported_at AT TIME ZONE 'Asia/Shanghai')::date AS period,
        count(*) AS reported,
        count(closed_at) AS closed,
        percentile_cont(0.5) WITHIN GROUP (
            ORDER BY extract(epoch FROM closed_at - reported_at) / 3600.0) AS hours_to_close,
        count(*) FILTER (WHERE due_at < now()) AS late,
        avg(rating) AS rating
    FROM wangge.incident
    WHERE grid_code LIKE :within AND state <> 'merged'
        AND reported_at >= :since AND reported_at < :until
    GROUP BY 1, 2
), seen AS (
    SELECT grid_code, date_trunc(:unit, visited_at AT TIME ZONE 'Asia/Shanghai')::date AS period,
        count(*) AS visits, sum(households) AS households_visited
    FROM wangge.visit
    WHERE grid_code LIKE :within AND visited_at >= :since AND visited_at < :until
    GROUP BY 1, 2
)
SELECT period, grid_code, coalesce(now.name, g.name) AS name, coalesce(reported, 0) AS reported,
    coalesce(closed, 0) AS closed,
    closed::float / nullif(reported, 0) AS closure_rate, hours_to_close, coalesce(late, 0) AS late,
    rating::float AS rating, coalesce(visits, 0) AS visits,
    coalesce(households_visited, 0) AS households_visited
FROM dealt FULL JOIN seen USING (grid_code, period) JOIN wangge.grid AS g USING (grid_code)
    LEFT JOIN current_layers.grid AS now USING (grid_code)
ORDER BY period, grid_code
"""


def statistics(
    connection: Connection,
    division_code: str,
    *,
    period: Period = "week",
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
) -> list[dict[str, Any]]:
    """Count the incidents and visits of each grid by week or month.

    Parameters
    ----------
    connection
        An open transaction.
    division_code
        The grids of this division.
    period
        ``week`` (from Monday) or ``month``, in China's time.
    since, until
        From when, and until before when; the last twelve weeks unless given.

    Returns
    -------
    list of dict
        The keys of ``COLUMNS``; a grid without incidents and visits in a period has no row for it.

    Raises
    ------
    InputError
        If the period is neither, or the time too long or negative.
    """
    if period not in PERIODS:
        raise InputError(f"{period!r} is no period", where="period", mend="give week or month")
    end = until or dt.datetime.now(dt.UTC)
    begin = since or end - dt.timedelta(weeks=12)
    if not dt.timedelta(0) < end - begin <= dt.timedelta(days=_LONGEST_DAYS):
        raise InputError("the time must run forward, for three years at most", where="since")
    rows = connection.execute(
        text(_QUERY),
        {"unit": period, "within": f"{reach_of(division_code)}%", "since": begin, "until": end},
    )
    found = [dict(row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name for it
    for row in found:
        for key, digits in (("closure_rate", 4), ("hours_to_close", 1), ("rating", 2)):
            row[key] = None if row[key] is None else round(float(row[key]), digits)
    return found


def as_csv(rows: list[dict[str, Any]], language: Language) -> bytes:
    """Write statistics as CSV that a spreadsheet opens as it is meant: with a byte-order mark, codes as text.

    Parameters
    ----------
    rows
        From :func:`statistics`.
    language
        Of the header.

    Returns
    -------
    bytes
        UTF-8.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([words(f"dispatch.statistics.{name}", language) for name in COLUMNS])
    for row in rows:
        writer.writerow([_cell(row[name]) for name in COLUMNS])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def as_xlsx(rows: list[dict[str, Any]], language: Language) -> bytes:
    """Write statistics as a workbook: codes as text, numbers as numbers, no formula from any name.

    Parameters
    ----------
    rows
        From :func:`statistics`.
    language
        Of the header.

    Returns
    -------
    bytes
        XLSX.
    """
    book = Workbook()
    sheet = book.active
    assert sheet is not None  # noqa: S101 - a new workbook has a sheet
    sheet.title = words("dispatch.statistics.title", language)[:31]
    sheet.append([words(f"dispatch.statistics.{name}", language) for name in COLUMNS])
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    for at, row in enumerate(rows, start=2):
        for column, name in enumerate(COLUMNS, start=1):
            value = row[name]
            cell = sheet.cell(at, column, value)
            if isinstance(value, str):
                cell.data_type = "s"  # a name that begins with = is a name
                cell.number_format = "@"
            elif name == "closure_rate":
                cell.number_format = "0.0%"
    for column in range(1, len(COLUMNS) + 1):
        sheet.column_dimensions[get_column_letter(column)].width = 18
    sheet.freeze_panes = "A2"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return guard(value) if isinstance(value, str) else str(value)
