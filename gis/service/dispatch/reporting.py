"""Incidents come in: one report, one incident, however often it is sent, and an owner where none is in doubt.

A position that is surely inside a grid is assigned at once. Anything else (in doubt, outside, no position)
waits in the queue with what is known about it, because nothing is assigned silently.

Reports are taken in together: a hundred cost the database as many statements as one, and one commit. Each is
taken or refused by itself all the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from sqlalchemy import Connection, text

from gis.errors import ConflictError, InputError, WanggeError
from gis.service.access import Actor, actors_of, require, unauthorised
from gis.service.dispatch.addresses import sure_place
from gis.service.dispatch.doubles import OPEN_STATES, doubles_among
from gis.service.dispatch.reports import Report, Reported, digest, follow_up_code, hash_of_code
from gis.service.dispatch.rows import MACHINE, event, ownership
from gis.service.owning.compiled import Compiled
from gis.service.owning.locating import Answer, locate, read_question
from gis.settings import CHINA_STANDARD_TIME, Settings
from gis.terms import IncidentState, OwnerStatus, Role

__all__ = ["OPEN_STATES", "Report", "Reported", "Sent", "report", "report_many"]

_SURE = {OwnerStatus.INSIDE, OwnerStatus.EDGE}
_DISPATCHERS = frozenset({Role.DISPATCHER})

_KINDS = text(
    """
    SELECT (SELECT jsonb_object_agg(category, accept_hours) FROM wangge.incident_category),
           (SELECT jsonb_agg(source ORDER BY source) FROM wangge.incident_source)
    """
)
_KEPT = text(
    """
    SELECT kept.actor, kept.key, kept.request, kept.answer
    FROM wangge.kept_answer AS kept
    JOIN unnest(CAST(:actors AS text[]), CAST(:keys AS text[])) AS asked (actor, key) USING (actor, key)
    """
)
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
class _Taken:
    """A report that can be taken: what is to be written of it."""

    sent: Sent
    actor: str
    home: str | None
    at: dt.datetime
    due: dt.datetime
    answer: Answer | None
    by_address: bool
    county: str

    @property
    def owner(self) -> str | None:
        return self.answer.owner if self.answer and self.answer.status in _SURE else None

    @property
    def state(self) -> IncidentState:
        return IncidentState.ASSIGNED if self.owner else IncidentState.REPORTED

    @property
    def status(self) -> str | None:
        return str(self.answer.status) if self.answer else None


def report(
    connection: Connection,
    counties: Mapping[str, Compiled],
    settings: Settings,
    said: Report,
    *,
    actor: str,
    home: str | None = None,
    key: str | None = None,
    follow: bool = False,
) -> Reported:
    """Take one report in.

    Parameters
    ----------
    connection
        An open transaction: all of it happens, or nothing.
    counties
        The editions in force.
    settings
        The threshold of doubt.
    said
        The report.
    actor
        Who sends it.
    home, key, follow
        As in :class:`Sent`.

    Returns
    -------
    Reported
        The incident.

    Raises
    ------
    InputError
        If a field is missing or wrong; it says which.
    ConflictError
        If the key came before with another report.
    """
    sent = Sent(said, actor, home=home, key=key, follow=follow)
    (done,) = report_many(connection, counties, settings, [sent])
    if isinstance(done, WanggeError):
        raise done
    return done


def report_many(
    connection: Connection, counties: Mapping[str, Compiled], settings: Settings, sent: Sequence[Sent]
) -> list[Reported | WanggeError]:
    """Take reports in together; each is taken or refused by itself.

    Parameters
    ----------
    connection
        An open transaction: all of it happens, or nothing.
    counties
        The editions in force.
    settings
        The threshold of doubt.
    sent
        The reports.

    Returns
    -------
    list of Reported or WanggeError
        The incident, or why the report is refused; in the order of ``sent``.
    """
    done: dict[int, Reported | WanggeError] = {}
    who = actors_of(connection, {one.token for one in sent if one.token is not None})
    actors: dict[int, tuple[str, str | None]] = {}
    for at, one in enumerate(sent):
        try:
            _check(one)
            actors[at] = _actor(one, who)
        except WanggeError as error:
            done[at] = error
    keyed = {at: (actors[at][0], digest(sent[at].key or "")) for at in actors if sent[at].key}
    done |= _answered(connection, sent, keyed)
    hours, sources = connection.execute(_KINDS).one()
    fresh: dict[int, _Taken] = {}
    first: set[tuple[str, str]] = set()
    for at in actors.keys() - done.keys():
        if at in keyed and keyed[at] in first:
            continue  # the same key twice in one go: the second is answered from the first
        try:
            fresh[at] = _weigh(
                connection, counties, settings, sent[at], actors[at], hours or {}, sources or []
            )
        except WanggeError as error:
            done[at] = error
        else:
            first |= {keyed[at]} if at in keyed else set()
    done |= _write(connection, fresh, keyed)
    # What is left had a key that somebody else was just claiming, or that came twice.
    done |= _answered(connection, sent, {at: keyed[at] for at in keyed.keys() - done.keys()})
    refused = ConflictError("the report with this key was refused just now", where="Idempotency-Key")
    return [done.get(at, refused) for at in range(len(sent))]


def _check(one: Sent) -> None:
    one.said.check()
    if one.key is not None and (not 8 <= len(one.key) <= 200 or not one.key.isprintable()):
        raise InputError(
            "an Idempotency-Key has 8 to 200 characters", where="Idempotency-Key", mend="send a UUID"
        )


def _actor(one: Sent, who: Mapping[str, Actor]) -> tuple[str, str | None]:
    """Return who sends a report and the county of its queue."""
    if one.token is None:
        return one.actor or MACHINE, one.home
    actor = who.get(one.token)
    if actor is None:
        raise unauthorised()
    require(actor, _DISPATCHERS)
    return actor.name, one.home or actor.division_code[:6] + "000000"


def _answered(
    connection: Connection, sent: Sequence[Sent], keyed: Mapping[int, tuple[str, str]]
) -> dict[int, Reported | WanggeError]:
    """Return the kept answers of those whose key came before."""
    if not keyed:
        return {}
    pairs = sorted(set(keyed.values()))
    asked = {"actors": [actor for actor, _ in pairs], "keys": [key for _, key in pairs]}
    kept = {(row.actor, row.key): row for row in connection.execute(_KEPT, asked)}
    found: dict[int, Reported | WanggeError] = {}
    for at, pair in keyed.items():
        row, one = kept.get(pair), sent[at]
        if row is None:
            continue
        if row.request != one.said.fingerprint():
            found[at] = ConflictError(
                "this Idempotency-Key came before with another report",
                where="Idempotency-Key",
                mend="send a new key with each new report",
            )
        else:
            code = follow_up_code(one.key, row.answer["incident_number"]) if one.follow else None
            found[at] = Reported.from_kept(row.answer, code)
    return found


def _weigh(
    connection: Connection,
    counties: Mapping[str, Compiled],
    settings: Settings,
    one: Sent,
    actor: tuple[str, str | None],
    hours: Mapping[str, float],
    sources: Sequence[str],
) -> _Taken:
    """Find out what a report becomes; nothing is written yet."""
    said = one.said
    for name, value, known in (("category", said.category, sorted(hours)), ("source", said.source, sources)):
        if value not in known:
            raise InputError(
                f"there is no {name} {value[:40]!r}", where=name, mend=f"give {', '.join(known)}"
            )
    answer, by_address = _located(connection, counties, settings, said)
    at = said.reported_at or dt.datetime.now(dt.UTC)
    county = answer.compiled.edition.county_code if answer else _home(counties, actor[1])
    due = at + dt.timedelta(hours=float(hours[said.category]))
    return _Taken(one, *actor, at, due, answer, by_address, county)


def _located(
    connection: Connection, counties: Mapping[str, Compiled], settings: Settings, said: Report
) -> tuple[Answer | None, bool]:
    """Locate a report by its position, else by its address where only one place can be meant."""
    if said.lon is not None or said.lat is not None:
        question = read_question(
            said.lon,
            said.lat,
            said.crs,
            accuracy_m=said.accuracy_m,
            confidence=said.confidence,
            in_force=counties.values(),
        )
        return locate(counties, question, settings), False
    found = sure_place(connection, said.address) if said.address else None
    if found is None:
        return None, False
    question = read_question(found.lon, found.lat, "cgcs2000", accuracy_m=found.radius_m, confidence=0.95)
    return locate(counties, question, settings), True


def _home(counties: Mapping[str, Compiled], home: str | None) -> str:
    if home is not None:
        return home
    if len(counties) == 1:
        return next(iter(counties))
    raise InputError(
        "a report without a position must say which county it belongs to",
        where="county",
        mend="send lon, lat and crs, or use a token of that county",
    )


def _write(
    connection: Connection, fresh: Mapping[int, _Taken], keyed: Mapping[int, tuple[str, str]]
) -> dict[int, Reported]:
    """Write the incidents with their history, events and kept answers; leave out whose key is taken."""
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


def _row(taken: _Taken, key: int, reported: Reported, claim: tuple[str, str] | None) -> dict[str, Any]:
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


def _steps(taken: _Taken, key: int) -> list[dict[str, Any]]:
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


def _events(taken: _Taken, number: str) -> list[dict[str, Any]]:
    facts = {
        "category": taken.sent.said.category,
        "owner_status": taken.status,
        "due_at": taken.due.isoformat(),
    }
    acts = ("reported",) if taken.owner is None else ("reported", "assigned")
    return [event(act, number, county=taken.county, grid=taken.owner, state=act, **facts) for act in acts]


def _json(rows: list[dict[str, Any]]) -> str:
    return orjson.dumps(rows).decode()
