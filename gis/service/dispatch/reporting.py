"""Incidents come in: one report, one incident, however often it is sent, and an owner where none is in doubt.

A position that is surely inside a grid is assigned at once. Anything else (in doubt, outside, no position)
waits in the queue with what is known about it, because nothing is assigned silently.

Reports are taken in together: a hundred cost the database as many statements as one, and one commit. Each is
taken or refused by itself all the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, text

from gis.errors import ConflictError, InputError, WanggeError
from gis.service.access import Actor, actors_of, require, unauthorised
from gis.service.dispatch.addresses import sure_place
from gis.service.dispatch.doubles import OPEN_STATES
from gis.service.dispatch.report_writing import Sent, Weighed, write_reports
from gis.service.dispatch.reports import Report, Reported, check_key, digest, follow_up_code
from gis.service.dispatch.rows import MACHINE
from gis.service.owning.compiled import Compiled
from gis.service.owning.locating import Answer, locate
from gis.service.owning.questions import read_question
from gis.settings import Settings
from gis.terms import Role

__all__ = ["OPEN_STATES", "Report", "Reported", "Sent", "report", "report_many"]

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
    fresh: dict[int, Weighed] = {}
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
    done |= write_reports(connection, fresh, keyed)
    # What is left had a key that somebody else was just claiming, or that came twice.
    done |= _answered(connection, sent, {at: keyed[at] for at in keyed.keys() - done.keys()})
    refused = ConflictError("the report with this key was refused just now", where="Idempotency-Key")
    return [done.get(at, refused) for at in range(len(sent))]


def _check(one: Sent) -> None:
    one.said.check()
    if one.key is not None:
        check_key(one.key)


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
) -> Weighed:
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
    return Weighed(one, actor[0], at, due, answer, by_address, county)


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
