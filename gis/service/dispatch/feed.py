"""The live feed: what happened, to everyone who listens, and to those who come back, from where they left.

Events get their numbers before their transactions commit, so a lower number may become visible after a higher
one. A number is therefore *settled* only when every transaction that was running when it was seen has ended.
Events are sent as soon as they are visible; the number that a listener comes back with is the last settled
one. Who comes back may see an event twice (each carries its own number), and never misses one.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
import psycopg
from psycopg.rows import tuple_row

log = logging.getLogger(__name__)

_AT_MOST = 1000
_WAITING = 20_000
_REMEMBERED = 20_000

_NEW = """
    SELECT id, at, kind, county_code, division_code, body FROM wangge.event
    WHERE id > %s ORDER BY id LIMIT %s
"""
_CLOCK = """
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
           pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
           coalesce((SELECT max(id) FROM wangge.event), 0)
"""


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
    _waiting: list[Told] = field(default_factory=list)
    _over: bool = False

    def give(self, events: list[Told]) -> None:
        """Hand events over from another thread.

        Parameters
        ----------
        events
            What happened.
        """
        self._call(self._put, events)

    def send_away(self) -> None:
        """Tell them, from another thread, that nothing more will come on this connection."""
        self._call(self._end)

    def take(self) -> tuple[list[Told], bool]:
        """Take what has come; in the event loop.

        Returns
        -------
        tuple
            The events, and whether that was all: who reads too slowly is cut off, and comes back.
        """
        events, self._waiting = self._waiting, []
        self.woken.clear()
        return events, self._over

    def _call(self, function: Callable[..., None], *values: Any) -> None:
        try:
            self.loop.call_soon_threadsafe(function, *values)
        except RuntimeError:  # the loop is closed: nobody listens any more
            log.debug("a listener was gone")

    def _put(self, events: list[Told]) -> None:
        if self._over:
            return
        self._waiting += events
        if len(self._waiting) > _WAITING:
            # Half a story is worse than none: what was missed is told when they come back.
            self._waiting = []
            self._over = True
        self.woken.set()

    def _end(self) -> None:
        self._over = True
        self.woken.set()


class Feed:
    """Reads events in the listening thread and gives them to listeners."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: set[Listener] = set()
        self._settled: int | None = None
        self._mark: tuple[int, int] | None = None
        self._sent: set[int] = set()

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
    def settled(self) -> int:
        """The last number that nothing can come before any more."""
        return self._settled or 0

    def close(self) -> None:
        """Send every listener away; who comes back is told what was missed."""
        with self._lock:
            for listener in self._listeners:
                listener.send_away()

    def read(self, connection: psycopg.Connection[Any]) -> None:
        """Read what is new and hand it on; called in the listening thread.

        Parameters
        ----------
        connection
            Any connection, in autocommit mode.
        """
        with connection.cursor(row_factory=tuple_row) as cursor:
            # The clock first: what is visible afterwards was visible then, or came later.
            oldest_running, next_one, highest = cursor.execute(_CLOCK).fetchone() or (0, 0, 0)
            if self._settled is None:
                # What happened before this process began is for those who come back with a number. Who is
                # listening already, because the database was away until now, had better come back with one.
                self._settled, self._mark = self._start(cursor, highest), (highest, next_one)
                self.close()
            after = self._settled
            while True:
                rows = cursor.execute(_NEW, (after, _AT_MOST)).fetchall()
                fresh = [row for row in rows if row[0] not in self._sent]
                self._give([_told(row, self._settled) for row in fresh])
                self._sent.update(row[0] for row in fresh)
                if len(rows) < _AT_MOST:
                    break
                after = rows[-1][0]
            # Only now: what had ended when the clock was read has been told by this reading.
            if self._mark is not None and oldest_running >= self._mark[1]:
                self._settle(self._mark[0])
                self._mark = None
            if self._mark is None and highest > self._settled:
                self._mark = (highest, next_one)
            if len(self._sent) > _REMEMBERED:
                # A transaction that runs for very long must not fill the memory.
                self._settle(sorted(self._sent)[-_REMEMBERED // 2])

    def _start(self, cursor: psycopg.Cursor[Any], highest: int) -> int:
        """Count what is there as seen; whether it is settled shows at the next look."""
        settled = max(0, highest - _AT_MOST)
        self._sent = {row[0] for row in cursor.execute(_NEW, (settled, _AT_MOST)).fetchall()}
        return settled

    def _settle(self, until: int) -> None:
        self._settled = max(self._settled or 0, until)
        self._sent = {one for one in self._sent if one > self._settled}

    def _give(self, events: list[Told]) -> None:
        if not events:
            return
        with self._lock:
            for listener in self._listeners:
                listener.give(events)


def events_since(connection: psycopg.Connection[Any], last: int, limit: int = _AT_MOST) -> list[Told] | None:
    """Read what a listener missed.

    Parameters
    ----------
    connection
        An open connection of psycopg.
    last
        The number that it came back with.
    limit
        More than this is not told one by one.

    Returns
    -------
    list of Told or None
        In order of their numbers; None where it is too much, and the listener had better look afresh.
    """
    rows = connection.execute(_NEW, (last, limit + 1)).fetchall()
    return None if len(rows) > limit else [_told(row, last) for row in rows]


def _told(row: tuple[Any, ...], settled: int) -> Told:
    number, at, kind, county, division, body = row
    data = {"event_id": number, "at": at, "county_code": county, "division_code": division, **body}
    # Written once, for however many listen.
    line = b"id: %d\nevent: %s\ndata: %s\n\n" % (min(settled, number), kind.encode(), orjson.dumps(data))
    return Told(number, kind, county, division, line)
