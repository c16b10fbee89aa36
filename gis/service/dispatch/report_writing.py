"""What is written of reports: incidents, history, events and kept answers, in one statement for many."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from sqlalchemy import Connection, text

from gis.service.dispatch.doubles import doubles_among
from gis.service.dispatch.reports import Report, Reported, follow_up_code, hash_of_code
from gis.service.dispatch.rows import MACHINE, event, ownership
from gis.service.owning.locating import Answer
from gis.settings import CHINA_STANDARD_TIME
from gis.terms import IncidentState, OwnerStatus

_SURE = {OwnerStatus.INSIDE, OwnerStatus.EDGE}

_NUMBERS = text(
    """
    SELECT nextval('wangge.incident_number_serial'), nextval(pg_get_serial_sequence('wangge.incident', 'id'))
    FROM generate_series(1, :many)
    """
)
# One statement claims the keys and writes what belongs to those that were free. Keys are claimed in one
# order, so that two of these cannot wait for each other; one that another transaction holds is waited for.
_WRITE = text(
    """
    WITH sent AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(CAST(:sent AS jsonb)) AS row (
            id bigint, incident_number text, county_code text, category text, source text, text text,
            reporter text, reported_at timestamptz, lon float8, lat float8, crs text, accuracy_m float8,
            confidence float8, address text, photo text, state text, due_at timestamptz, version int,
            grid_code text, owner_status text, margin_m float8, distance_m float8, candidates jsonb,
            edition_id bigint, x float8, y float8, actor text, key text, request text, answer jsonb,
            follow_up text)
    ), claimed AS (
        INSERT INTO wangge.kept_answer (actor, key, request, status, answer, incident_id)
        SELECT actor, key, request, 201, answer, id FROM sent WHERE key IS NOT NULL ORDER BY actor, key
        ON CONFLICT DO NOTHING RETURNING incident_id AS id
    ), taken AS MATERIALIZED (
        SELECT * FROM sent WHERE key IS NULL OR id IN (SELECT id FROM claimed)
    ), incidents AS (
        INSERT INTO wangge.incident (
            id, incident_number, county_code, category, source, text, reporter, reported_at, lon, lat, crs,
            accuracy_m, confidence, address, photo, state, due_at, version, grid_code, owner_status, margin_m,
            distance_m, candidates, edition_id, geometry)
        SELECT
            id, incident_number, county_code, category, source, text, reporter, reported_at, lon, lat, crs,
            accuracy_m, confidence, address, photo, state, due_at, version, grid_code, owner_status, margin_m,
            distance_m, nullif(candidates, 'null'), edition_id, ST_SetSRID(ST_MakePoint(x, y), 4490)
        FROM taken ORDER BY id
    ), steps AS (
        INSERT INTO wangge.incident_step (incident_id, sequence, actor, act, to_grid, edition_id, change)
        SELECT step.*
        FROM jsonb_to_recordset(CAST(:steps AS jsonb)) AS step (
            id bigint, sequence int, actor text, act text, to_grid text, edition_id bigint, change jsonb)
        JOIN taken USING (id)
    ), events AS (
        INSERT INTO wangge.event (kind, county_code, division_code, body)
        SELECT event.kind, event.county_code, event.division_code, event.body
        FROM jsonb_to_recordset(CAST(:events AS jsonb)) AS event (
            id bigint, kind text, county_code text, division_code text, body jsonb)
        JOIN taken USING (id)
    ), follow_ups AS (
        INSERT INTO wangge.follow_up (incident_id, hashed)
        SELECT id, follow_up FROM taken WHERE follow_up IS NOT NULL
    )
    SELECT id FROM taken
    """
)
_KEEP_DOUBLES = text(
    """
    UPDATE wangge.kept_answer AS kept
    SET answer = kept.answer || jsonb_build_object('perhaps_doubles', found.numbers)
    FROM jsonb_to_recordset(CAST(:found AS jsonb)) AS found (id bigint, numbers jsonb)
    WHERE kept.incident_id = found.id
    """
)


@dataclass(frozen=True)
class Sent:
    """A report with who sent it.

    Attributes
    ----------
    said
        The report.
    actor
        Who sends it, where no token says so.
    token
        The token that it was sent with; only a dispatcher's will do.
    home
        The county whose queue it goes to where it has no position; the token's unless given.
    key
        The Idempotency-Key: the same key again gives the first answer, and no second incident.
    follow
        Whether a follow-up code is wanted.
    """

    said: Report
    actor: str | None = None
    token: str | None = field(default=None, repr=False)
    home: str | None = None
    key: str | None = field(default=None, repr=False)
    follow: bool = False


@dataclass(frozen=True)
class Weighed:
    """A report that can be taken: what is to be written of it.

    Attributes
    ----------
    sent
        The report.
    actor
        Who sends it.
    at, due
        When it came in, and when it must be accepted.
    answer
        Who owns its position; None without one.
    by_address
        Whether the position was found by the address.
    county
        Whose queue it goes to.
    """

    sent: Sent
    actor: str
    at: dt.datetime
    due: dt.datetime
    answer: Answer | None
    by_address: bool
    county: str

    @property
    def owner(self) -> str | None:
        """The grid that it is given to, where there is no doubt."""
        return self.answer.owner if self.answer and self.answer.status in _SURE else None

    @property
    def state(self) -> IncidentState:
        """Where it stands."""
        return IncidentState.ASSIGNED if self.owner else IncidentState.REPORTED

    @property
    def status(self) -> str | None:
        """How sure the owner is."""
        return str(self.answer.status) if self.answer else None


def write_reports(
    connection: Connection, fresh: Mapping[int, Weighed], keyed: Mapping[int, tuple[str, str]]
) -> dict[int, Reported]:
    """Write incidents with their history, events and kept answers.

    Parameters
    ----------
    connection
        An open transaction.
    fresh
        The reports, by their place among those that were sent together.
    keyed
        Place → who sends, and the digest of the Idempotency-Key.

    Returns
    -------
    dict
        Place → incident; one whose key was taken in the meantime is missing.
    """
    if not fresh:
        return {}
    numbers = connection.execute(_NUMBERS, {"many": len(fresh)}).all()
    answers: dict[int, tuple[int, Reported]] = {}
    rows: list[dict[str, Any]] = []
    steps: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    for (at, taken), (serial, key) in zip(sorted(fresh.items()), numbers, strict=True):
        day = taken.at.astimezone(CHINA_STANDARD_TIME)
        number = f"{day:%Y%m%d}-{serial:06d}"
        code = follow_up_code(taken.sent.key, number) if taken.sent.follow else None
        due = taken.due.isoformat()
        reported = Reported(number, taken.state.value, taken.owner, taken.status, due, [], code)
        rows.append(_row(taken, key, reported, keyed.get(at)))
        steps += _steps(taken, key)
        events += [{"id": key, **one} for one in _events(taken, number)]
        answers[at] = (key, reported)
    written = {"sent": _json(rows), "steps": _json(steps), "events": _json(events)}
    there = set(connection.execute(_WRITE, written).scalars())
    doubles = doubles_among(connection, [key for at, (key, _) in answers.items() if fresh[at].answer])
    kept = [{"id": key, "numbers": found} for key, found in doubles.items() if found]
    if kept:
        connection.execute(_KEEP_DOUBLES, {"found": _json(kept)})
    return {
        at: replace(reported, perhaps_doubles=doubles.get(key, []))
        for at, (key, reported) in answers.items()
        if key in there
    }


def _row(taken: Weighed, key: int, reported: Reported, claim: tuple[str, str] | None) -> dict[str, Any]:
    said, answer = taken.sent.said, taken.answer
    row: dict[str, Any] = {
        "id": key,
        "incident_number": reported.number,
        "county_code": taken.county,
        "category": said.category,
        "source": said.source,
        "text": said.words,
        "reporter": said.reporter,
        "reported_at": taken.at,
        "address": said.address,
        "photo": said.photo,
        "state": taken.state,
        "due_at": taken.due,
        "version": 2 if taken.owner else 1,
        **ownership(answer, taken.owner),
    }
    if answer is not None:
        question = answer.question
        row |= {"x": round(question.lon, 8), "y": round(question.lat, 8), "accuracy_m": question.accuracy_m}
        row["confidence"] = question.confidence if question.accuracy_m else None
        if not taken.by_address:
            row |= {"lon": question.x, "lat": question.y, "crs": question.datum.name}
    if claim is not None:
        row |= {"actor": claim[0], "key": claim[1], "request": said.fingerprint()}
        row["answer"] = replace(reported, follow_up=None).as_dict()
    if reported.follow_up is not None:
        row["follow_up"] = hash_of_code(reported.follow_up)
    return row


def _steps(taken: Weighed, key: int) -> list[dict[str, Any]]:
    edition = taken.answer.compiled.edition.id if taken.answer else None
    first = {
        "id": key,
        "sequence": 1,
        "actor": taken.actor,
        "act": "reported",
        "edition_id": edition,
        "change": {"source": taken.sent.said.source, "owner_status": taken.status},
    }
    if taken.owner is None:
        return [first]
    second = {
        **first,
        "sequence": 2,
        "actor": MACHINE,
        "act": "assigned",
        "to_grid": taken.owner,
        "change": {"owner_status": taken.status},
    }
    return [first, second]


def _events(taken: Weighed, number: str) -> list[dict[str, Any]]:
    facts = {
        "category": taken.sent.said.category,
        "owner_status": taken.status,
        "due_at": taken.due.isoformat(),
    }
    acts = ("reported",) if taken.owner is None else ("reported", "assigned")
    return [event(act, number, county=taken.county, grid=taken.owner, state=act, **facts) for act in acts]


def _json(rows: list[dict[str, Any]]) -> str:
    return orjson.dumps(rows).decode()
