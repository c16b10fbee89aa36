"""Weekly and monthly statistics, and the files that a spreadsheet opens."""

from __future__ import annotations

import csv
import io

import openpyxl
import pytest
from sqlalchemy import text

from gis.service.dispatch.statistics import COLUMNS
from tests.service.conftest import COMMUNITY, Town

pytestmark = pytest.mark.database

ONE, TWO = COMMUNITY + "001", COMMUNITY + "002"

FILL = text(
    """
    INSERT INTO wangge.incident
        (incident_number, reported_at, state, grid_code, closed_at, rating, due_at,
        county_code, category, source, text)
    SELECT number, reported::timestamptz, state, grid, closed::timestamptz, rating, due::timestamptz,
        :county, 'noise', 'hotline', 'x'
    FROM (VALUES
        ('n1', '2026-03-01T23:30+08', 'rated', :one, '2026-03-02T01:30+08', 5, NULL),
        ('n2', '2026-03-02T00:30+08', 'resolved', :one, '2026-03-02T10:30+08', NULL, NULL),
        ('n3', '2026-03-03T09:00+08', 'assigned', :one, NULL, NULL, '2026-03-03T11:00+08'),
        ('n4', '2026-03-03T09:00+08', 'merged', :one, NULL, NULL, NULL),
        ('n5', '2026-03-20T09:00+08', 'reported', NULL, NULL, NULL, NULL)
    ) AS t (number, reported, state, grid, closed, rating, due)
    """
)
VISITS = text(
    """
    INSERT INTO wangge.visit (grid_code, visited_at, kind, households)
    VALUES (:one, '2026-03-04T10:00+08', 'household', 3), (:two, '2026-03-05T10:00+08', 'patrol', 1)
    """
)


@pytest.fixture
def busy(town: Town) -> Town:
    with town.database.connection() as connection:
        connection.execute(FILL, {"county": "150103000000", "one": ONE})
        connection.execute(VISITS, {"one": ONE, "two": TWO})
        # Nobody can do so any more once it is published; such a name comes with the edition.
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(
            text("UPDATE wangge.grid_boundary SET name = '=HYPERLINK(1)' WHERE grid_code = :two"),
            {"two": TWO},
        )
    return town


def ask(town: Town, **params: str):
    params = {"since": "2026-02-01", "until": "2026-04-01", **params}
    return town.client.get("/api/v1/statistics", params=params, headers=town.as_("planner"))


def test_weeks_begin_on_monday_in_chinas_time(busy: Town) -> None:
    rows = {(row["period"], row["grid_code"]): row for row in ask(busy).json()["rows"]}
    assert set(rows) == {("2026-02-23", ONE), ("2026-03-02", ONE), ("2026-03-02", TWO)}
    sunday, week = rows["2026-02-23", ONE], rows["2026-03-02", ONE]
    assert (sunday["reported"], sunday["closed"], sunday["hours_to_close"], sunday["rating"]) == (
        1,
        1,
        2.0,
        5.0,
    )
    assert (week["reported"], week["closed"], week["closure_rate"], week["late"]) == (2, 1, 0.5, 1)
    assert (week["visits"], week["households_visited"]) == (1, 3)
    assert rows["2026-03-02", TWO]["closure_rate"] is None


def test_months(busy: Town) -> None:
    rows = {(row["period"], row["grid_code"]): row for row in ask(busy, period="month").json()["rows"]}
    assert rows["2026-03-01", ONE]["reported"] == 3
    assert rows["2026-03-01", ONE]["closure_rate"] == pytest.approx(0.6667)


def test_files_keep_codes_as_text_and_run_nothing(busy: Town) -> None:
    plain = ask(busy, format="csv", lang="en")
    rows = list(csv.reader(io.StringIO(plain.content.decode("utf-8-sig"))))
    assert rows[0][1] == "Grid code"
    assert rows[1][1] == "\t" + ONE
    assert [row[2] for row in rows[1:]].count("\t=HYPERLINK(1)") == 1
    assert "attachment" in plain.headers["content-disposition"]
    book = openpyxl.load_workbook(io.BytesIO(ask(busy, format="xlsx").content))
    sheet = book.active
    assert sheet.max_column == len(COLUMNS)
    assert sheet["B2"].value == ONE
    formulas = [cell for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]
    assert formulas == []
    assert "=HYPERLINK(1)" in [sheet.cell(at, 3).value for at in range(2, sheet.max_row + 1)]


def test_nonsense_is_refused(busy: Town) -> None:
    assert ask(busy, period="century").status_code == 422
    assert ask(busy, since="2026-05-01").status_code == 422
    assert ask(busy, division="150104000000").status_code == 403
    assert busy.client.get("/api/v1/statistics").status_code == 401


def test_a_visit_is_recorded_and_counted(town: Town) -> None:
    def send(role: str, **body: object) -> int:
        visited = {
            "grid_code": ONE,
            "visited_at": "2026-03-04T10:00:00",
            "kind": "household",
            "households": 2,
        }
        return town.client.post("/api/v1/visits", json=visited | body, headers=town.as_(role)).status_code

    assert send("dispatcher") == 201
    assert send("dispatcher", visited_at="2026-03-05T10:00:00+08:00") == 201
    assert send("planner") == 403
    assert send("dispatcher", grid_code=COMMUNITY + "077") == 404
    assert send("dispatcher", grid_code="1.5E14") == 422
    assert send("dispatcher", households=-1) == 422
    row = ask(town).json()["rows"][0]
    assert (row["grid_code"], row["visits"], row["households_visited"], row["reported"]) == (ONE, 2, 4, 0)
