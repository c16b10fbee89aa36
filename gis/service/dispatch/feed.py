"""The live feed: what happened, to everyone who listens, and to those who come back, from where they left.

Events get their numbers, and transactions theirs, before they commit, so a lower number may become visible
after a higher one. Therefore the feed does not go by numbers. It keeps the *snapshot* of its last reading
and asks for what that snapshot could not see: nothing is left out and nothing comes twice, whatever commits
when. What a listener comes back with is the snapshot's *horizon*: every transaction before it had ended. Who
comes back may see an event twice (each carries its own number), and never misses one.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import psycopg
from psycopg.rows import tuple_row

log = logging.getLogger(__name__)

_AT_MOST = 1000
_WAITING = 20_000

_COLUMNS = "event.id, event.at, event.kind, event.county_code, event.division_code, event.body"
# The snapshot is that of the statement itself: what it could not see, the next reading asks for.
_NEW = f"""
    WITH now AS MATERIALIZED (SELECT pg_current_snapshot() AS snapshot)
    SELECT now.snapshot::text, {_COLUMNS}
    FROM now LEFT JOIN wangge.event
        ON event.xact >= pg_snapshot_xmin(%(last)s::pg_snapshot)
        AND event.xact < pg_snapshot_xmax(now.snapshot)
        AND NOT pg_visible_in_snapshot(event.xact, %(last)s::pg_snapshot)
        AND event.id > %(foreign)s
    ORDER BY event.id LIMIT %(most)s
"""  # noqa: S608 - our own names
_MISSED = f"""
    SELECT {_COLUMNS} FROM wangge.event
    WHERE event.xact >= %(last)s::text::xid8 AND event.xact < pg_snapshot_xmax(pg_current_snapshot())
        AND event.id > %(foreign)s
    ORDER BY event.id LIMIT %(most)s
"""  # noqa: S608 - our own names
# What was restored from another server's backup carries that server's transactions, maybe of days to come.
_START = """
    SELECT pg_current_snapshot()::text, coalesce(max(id), 0) FROM wangge.event
    WHERE xact >= pg_snapshot_xmax(pg_current_snapshot())
"""
_NEXT = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"


@dataclass(frozen=True)
class Told:
    """One event.

    Attributes
    ----------
    id
        Its number.
    kind
        reported, assigned, moved, escalated, closed, edition_changed …
    county_code, division_code
        Where it happened.
    line
        It as server-sent events have it: ``id`` is what a listener comes back with, ``data`` holds codes
        and numbers and nothing personal.
    """

    id: int
    kind: str
    county_code: str | None
    division_code: str | None
    line: bytes

    def concerns(self, prefix: str) -> bool:
        """Tell whether it happened within a division.

        Parameters
        ----------
        prefix
            The digits that every code within starts with.

        Returns
        -------
        bool
            True also where it happened somewhere in the county and it is not known where.
        """
        if self.division_code is not None:
            return self.division_code.startswith(prefix)
        return self.county_code is None or self.county_code.startswith(prefix[:6])


class News:
    """Events that were read together; what a division hears of them is put together once for all who listen.

    Parameters
    ----------
    events
        In order of their numbers.
    """

    def __init__(self, events: Sequence[Told]) -> None:
        self.events = events
        self._lines: dict[str, bytes] = {}

    def lines(self, prefix: str, but: frozenset[int] = frozenset()) -> bytes:
        """Return what is to be sent to a listener.

        Parameters
        ----------
        prefix
            The digits that every code within their division starts with.
        but
            Numbers of events that they have already.

        Returns
        -------
        bytes
            Server-sent events; empty where nothing concerns them.
        """
        if but and any(one.id in but for one in self.events):
            return b"".join(one.line for one in self.events if one.id not in but and one.concerns(prefix))
        found = self._lines.get(prefix)
        if found is None:
            found = b"".join(one.line for one in self.events if one.concerns(prefix))
            self._lines[prefix] = found
        return found


@dataclass(eq=False)
class Listener:
    """Somebody who listens; lives in the event loop.

    Attributes
    ----------
    loop
        Their event loop.
    woken
        Set where there is something to take, or nothing more will come.
    """

    loop: asyncio.AbstractEventLoop
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    _waiting: list[News] = field(default_factory=list)
    _over: bool = False

    def take(self) -> tuple[list[News], bool]:
        """Take what has come; in the event loop.

        Returns
        -------
        tuple
            The news, and whether that was all: who reads too slowly is cut off, and comes back.
        """
        news, self._waiting = self._waiting, []
        self.woken.clear()
        return news, self._over

    def put(self, news: News) -> None:
        """Hand news over; in the event loop.

        Parameters
        ----------
        news
            What happened.
        """
        if self._over:
            return
        self._waiting.append(news)
        if sum(len(one.events) for one in self._waiting) > _WAITING:
            # Half a story is worse than none: what was missed is told when they come back.
            self._waiting = []
            self._over = True
        self.woken.set()

    def end(self) -> None:
        """Tell them that nothing more will come on this connection; in the event loop."""
        self._over = True
        self.woken.set()


class Feed:
    """Reads events in the listening thread and gives them to listeners."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        self._listeners: set[Listener] = set()
        self._snapshot: str | None = None
        self._foreign = 0

    def listen(self, loop: asyncio.AbstractEventLoop) -> Listener:
        """Start listening.

        Parameters
        ----------
        loop
            The listener's event loop.

        Returns
        -------
        Listener
            To be handed to :meth:`leave` at the end.
        """
        listener = Listener(loop)
        with self._lock:
            self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """Stop listening.

        Parameters
        ----------
        listener
            Who leaves.
        """
        with self._lock:
            self._listeners.discard(listener)

    @property
    def horizon(self) -> int | None:
        """The transaction before which every one had ended at the last reading; None before the first."""
        return None if self._snapshot is None else _horizon(self._snapshot)

    def close(self) -> None:
        """Send every listener away; who comes back is told what was missed."""
        self._each(Listener.end)

    def read(self, connection: psycopg.Connection[Any]) -> None:
        """Read what is new and hand it on; called in the listening thread.

        Parameters
        ----------
        connection
            Any connection, in autocommit mode.
        """
        with self._reading, connection.cursor(row_factory=tuple_row) as cursor:
            if self._snapshot is None:
                # What happened before this process began is for those who come back. Who is listening
                # already, because the database was away until now, had better come back.
                self._snapshot, self._foreign = cursor.execute(_START).fetchone() or ("1:1:", 0)
                self.close()
                return
            values = {"last": self._snapshot, "foreign": self._foreign, "most": _WAITING + 1}
            rows = cursor.execute(_NEW, values).fetchall()
            if len(rows) > _WAITING:
                self.close()
            elif rows[0][1] is not None:
                # With the horizon of the reading before: who is cut off half-way gets all of them again.
                news = News([_told(row[1:], _horizon(self._snapshot)) for row in rows])
                self._each(Listener.put, news)
            # Only now: should this reading have failed, the next one asks for the same.
            self._snapshot = rows[0][0]

    def since(self, connection: psycopg.Connection[Any], last: int) -> list[Told] | None:
        """Read what a listener missed.

        Parameters
        ----------
        connection
            An open connection of psycopg, in autocommit mode.
        last
            The horizon that it came back with.

        Returns
        -------
        list of Told or None
            In order of their numbers; None where it is too much to tell one by one, or the horizon is no
            number of this database: the listener had better look afresh.
        """
        (next_one,) = connection.execute(_NEXT).fetchone() or (0,)
        if self._snapshot is None or last > next_one:
            return None
        values = {"last": str(last), "foreign": self._foreign, "most": _AT_MOST + 1}
        rows = connection.execute(_MISSED, values).fetchall()
        return None if len(rows) > _AT_MOST else [_told(row, last) for row in rows]

    def _each(self, act: Callable[..., None], *values: Any) -> None:
        """Do something with every listener, each in its own event loop: one call wakes all of a loop."""
        with self._lock:
            listeners = list(self._listeners)
        for loop in {listener.loop for listener in listeners}:
            theirs = [listener for listener in listeners if listener.loop is loop]
            try:
                loop.call_soon_threadsafe(_all, act, theirs, values)
            except RuntimeError:  # the loop is closed: nobody listens there any more
                log.debug("listeners were gone")


def _all(act: Callable[..., None], listeners: list[Listener], values: tuple[Any, ...]) -> None:
    for listener in listeners:
        act(listener, *values)


def _horizon(snapshot: str) -> int:
    """Return the lowest transaction that a snapshot saw running: the first part of ``xmin:xmax:running``."""
    return int(snapshot.partition(":")[0])


def _told(row: tuple[Any, ...], horizon: int) -> Told:
    number, at, kind, county, division, body = row
    data = {"event_id": number, "at": at, "county_code": county, "division_code": division, **body}
    # Written once, for however many listen.
    line = b"id: %d\nevent: %s\ndata: %s\n\n" % (horizon, kind.encode(), orjson.dumps(data))
    return Told(number, kind, county, division, line)
