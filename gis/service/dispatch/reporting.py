"""Incidents come in: one report, one incident, however often it is sent, and an owner where none is in doubt.

A position that is surely inside a grid is assigned at once. Anything else (in doubt, outside, no position)
waits in the queue with what is known about it, because nothing is assigned silently.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson
from geoalchemy2 import WKTElement
from sqlalchemy import Connection, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from gis.crs import STORAGE_SRID
from gis.errors import ConflictError, InputError
from gis.layers.follow_up import FollowUp
from gis.layers.incident import Incident, IncidentCategory, IncidentSource, IncidentStep
from gis.layers.record import Event, KeptAnswer
from gis.service.dispatch.addresses import sure_place
from gis.service.dispatch.doubles import OPEN_STATES, perhaps_doubles
from gis.service.owning.compiled import Compiled
from gis.service.owning.locating import Answer, locate, read_question
from gis.settings import CHINA_STANDARD_TIME, Settings
from gis.terms import IncidentState, OwnerStatus

__all__ = ["OPEN_STATES", "Report", "Reported", "event", "hash_of_code", "ownership", "report"]

LONGEST_TEXT = 4000
MACHINE = "wangge"
"""The actor of what the program decides by itself."""
_SURE = {OwnerStatus.INSIDE, OwnerStatus.EDGE}
_CODE_LENGTH = 10


@dataclass(frozen=True)
class Report:
    """What somebody reports.

    Attributes
    ----------
    category, source
        Keys of their tables.
    words
        What was said.
    lon, lat, crs
        Where, in the datum named; None where only an address is known, or nothing.
    accuracy_m, confidence
        How good the position is.
    address
        As it came in.
    reporter
        How to reach who reports.
    reported_at
        When; now unless given.
    photo
        Name of the stored photo.
    """

    category: str
    source: str
    words: str
    lon: float | str | None = None
    lat: float | str | None = None
    crs: str | None = None
    accuracy_m: float | None = None
    confidence: float | None = None
    address: str | None = None
    reporter: str | None = None
    reported_at: dt.datetime | None = None
    photo: str | None = None

    def fingerprint(self) -> str:
        """Return a digest of all that was reported, the name of the photo left out."""
        facts = {key: value for key, value in vars(self).items() if key != "photo"}
        return hashlib.sha256(orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)).hexdigest()


@dataclass(frozen=True)
class Reported:
    """What became of a report.

    Attributes
    ----------
    number
        The incident's number.
    state
        ``reported`` or ``assigned``.
    grid_code
        The owner, where there is no doubt.
    owner_status
        How sure that is; None without a position.
    due_at
        When it must be accepted.
    perhaps_doubles
        Numbers of open incidents of the same category, near and recent.
    follow_up
        The code with which who reported it can follow and rate it; None where nobody asked.
    again
        Whether it was there already: the same report, sent twice.
    """

    number: str
    state: str
    grid_code: str | None
    owner_status: str | None
    due_at: str
    perhaps_doubles: list[str]
    follow_up: str | None = None
    again: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape."""
        return {
            "incident_number": self.number,
            "state": self.state,
            "grid_code": self.grid_code,
            "owner_status": self.owner_status,
            "due_at": self.due_at,
            "perhaps_doubles": self.perhaps_doubles,
            **({"follow_up": self.follow_up} if self.follow_up else {}),
        }


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
    home
        The county whose queue it goes to where it has no position.
    key
        The Idempotency-Key: the same key again gives the first answer, and no second incident.
    follow
        Whether a follow-up code is wanted.

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
    kept = _claim(connection, actor, key, said) if key else None
    if kept is not None:
        number = kept["incident_number"]
        return _from_kept(kept, _follow_up_code(key, number) if follow else None)
    category = _category(connection, said)
    answer, address_point = _located(connection, counties, settings, said)
    county = answer.compiled.edition.county_code if answer else _home(counties, home)
    at = said.reported_at or dt.datetime.now(dt.UTC)
    due = at + dt.timedelta(hours=float(category.accept_hours))
    owner = answer.owner if answer and answer.status in _SURE else None
    state = IncidentState.ASSIGNED if owner else IncidentState.REPORTED
    doubles = [] if answer is None else perhaps_doubles(connection, answer, said.category, at)
    row = connection.execute(
        insert(Incident)
        .values(
            incident_number=_next_number(at),
            county_code=county,
            category=said.category,
            source=said.source,
            text=said.words,
            reporter=said.reporter,
            reported_at=at,
            lon=None if address_point else said.lon,
            lat=None if address_point else said.lat,
            crs=None if address_point or said.lon is None else answer and answer.question.datum.name,
            accuracy_m=answer.question.accuracy_m if answer else None,
            confidence=answer.question.confidence if answer and answer.question.accuracy_m else None,
            address=said.address,
            photo=said.photo,
            state=state,
            due_at=due,
            version=2 if owner else 1,
            **ownership(answer, owner),
        )
        .returning(Incident.id, Incident.incident_number)
    ).one()
    _write_history(connection, row.id, row.incident_number, said, actor, answer, owner, county, due)
    code = None
    if follow:
        code = _follow_up_code(key, row.incident_number)
        connection.execute(insert(FollowUp).values(incident_id=row.id, hashed=hash_of_code(code)))
    done = Reported(
        row.incident_number,
        str(state),
        owner,
        str(answer.status) if answer else None,
        due.isoformat(),
        doubles,
        code,
    )
    if key:
        shown = replace(done, follow_up=None).as_dict()
        connection.execute(
            update(KeptAnswer)
            .where(KeptAnswer.actor == actor, KeptAnswer.key == _hash(key))
            .values(answer=shown, status=201, incident_id=row.id)
        )
    return done


def ownership(answer: Answer | None, owner: str | None) -> dict[str, Any]:
    """Return the columns of an incident that say whose it is, as an answer has it.

    Parameters
    ----------
    answer
        The answer; None without a position.
    owner
        The grid that it is given to.

    Returns
    -------
    dict
        Column → value.
    """
    if answer is None:
        return {"grid_code": owner, "owner_status": None, "candidates": None, "geometry": None}
    decisive = answer.decisive
    return {
        "grid_code": owner,
        "owner_status": answer.status.value,
        "margin_m": decisive.margin_m,
        "distance_m": decisive.distance_m if decisive.owner is None else None,
        "candidates": [
            {"grid_code": code, "probability": round(chance, 4)} for code, chance in decisive.candidates
        ],
        "edition_id": answer.compiled.edition.id,
        "geometry": WKTElement(
            f"POINT({answer.question.lon:.8f} {answer.question.lat:.8f})", srid=STORAGE_SRID
        ),
    }


def hash_of_code(code: str) -> str:
    """Return what is stored of a follow-up code.

    Parameters
    ----------
    code
        As the resident types it: case, spaces and hyphens do not matter.

    Returns
    -------
    str
        SHA-256.
    """
    return _hash(code.upper().replace(" ", "").replace("-", ""))


def event(
    kind: str, number: str, *, county: str, grid: str | None, division: str | None = None, **facts: Any
) -> dict[str, Any]:
    """Return the row that tells listeners of an incident: codes and numbers, nothing personal.

    Parameters
    ----------
    kind
        ``reported``, ``assigned``, ``moved`` …
    number
        The incident's.
    county
        Whose queue it is in.
    grid
        Its owner.
    division
        The division that it was escalated to.
    **facts
        More.

    Returns
    -------
    dict
        Column → value of :class:`gis.layers.record.Event`.
    """
    return {
        "kind": kind,
        "county_code": county,
        "division_code": division or (grid[:12] if grid else None),
        "body": {"incident_number": number, "grid_code": grid, **facts},
    }


def _claim(connection: Connection, actor: str, key: str | None, said: Report) -> dict[str, Any] | None:
    """Be the first with a key, or return the answer of who was; waits for one who is at it."""
    assert key is not None  # noqa: S101 - the caller has one
    if not 8 <= len(key) <= 200:
        raise InputError(
            "an Idempotency-Key has 8 to 200 characters", where="Idempotency-Key", mend="send a UUID"
        )
    row = {"actor": actor, "key": _hash(key), "request": said.fingerprint(), "status": 0, "answer": {}}
    first = connection.execute(
        upsert(KeptAnswer).values(row).on_conflict_do_nothing().returning(KeptAnswer.id)
    ).first()
    if first is not None:
        return None
    before = connection.execute(
        select(KeptAnswer.request, KeptAnswer.answer).where(
            KeptAnswer.actor == actor, KeptAnswer.key == row["key"]
        )
    ).one()
    if before.request != row["request"]:
        raise ConflictError(
            "this Idempotency-Key came before with another report",
            where="Idempotency-Key",
            mend="send a new key with each new report",
        )
    answer: dict[str, Any] = before.answer
    return answer


def _from_kept(kept: dict[str, Any], code: str | None) -> Reported:
    return Reported(
        kept["incident_number"],
        kept["state"],
        kept["grid_code"],
        kept["owner_status"],
        kept["due_at"],
        kept["perhaps_doubles"],
        code,
        again=True,
    )


def _category(connection: Connection, said: Report) -> Any:
    if not said.words.strip() or len(said.words) > LONGEST_TEXT:
        raise InputError(f"say what is the matter in 1 to {LONGEST_TEXT} letters", where="text")
    hours = select(IncidentCategory.accept_hours).where(IncidentCategory.category == said.category)
    source = select(IncidentSource.id).where(IncidentSource.source == said.source)
    found = connection.execute(
        select(hours.scalar_subquery().label("accept_hours"), source.scalar_subquery().label("source"))
    ).one()
    if found.accept_hours is None:
        raise _unknown(connection, "category", said.category, IncidentCategory.category)
    if found.source is None:
        raise _unknown(connection, "source", said.source, IncidentSource.source)
    return found


def _unknown(connection: Connection, name: str, value: str, column: Any) -> InputError:
    known = connection.execute(select(column).order_by(column)).scalars()
    return InputError(f"there is no {name} {value[:40]!r}", where=name, mend=f"give {', '.join(known)}")


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


def _next_number(at: dt.datetime) -> Any:
    day = at.astimezone(CHINA_STANDARD_TIME).strftime("%Y%m%d-")
    return func.concat(day, func.to_char(func.nextval(text("'wangge.incident_number_serial'")), "FM000000"))


def _write_history(
    connection: Connection,
    incident_id: int,
    number: str,
    said: Report,
    actor: str,
    answer: Answer | None,
    owner: str | None,
    county: str,
    due: dt.datetime,
) -> None:
    edition = answer.compiled.edition.id if answer else None
    status = str(answer.status) if answer else None
    steps: list[dict[str, Any]] = [
        {
            "incident_id": incident_id,
            "sequence": 1,
            "actor": actor,
            "act": "reported",
            "to_grid": None,
            "edition_id": edition,
            "change": {"source": said.source, "owner_status": status},
        }
    ]
    facts = {"category": said.category, "owner_status": status, "due_at": due.isoformat()}
    told = [event("reported", number, county=county, grid=owner, state="reported", **facts)]
    if owner is not None:
        steps.append(
            {
                "incident_id": incident_id,
                "sequence": 2,
                "actor": MACHINE,
                "act": "assigned",
                "to_grid": owner,
                "edition_id": edition,
                "change": {"owner_status": status},
            }
        )
        told.append(event("assigned", number, county=county, grid=owner, state="assigned", **facts))
    connection.execute(insert(IncidentStep), steps)
    connection.execute(insert(Event), told)


def _follow_up_code(key: str | None, number: str) -> str:
    """Make a follow-up code; one made from a key can be told again to who sends the key again."""
    seed = f"follow-up|{key}|{number}".encode() if key else secrets.token_bytes(32)
    return base64.b32encode(hashlib.sha256(seed).digest()).decode()[:_CODE_LENGTH]


def _hash(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()
