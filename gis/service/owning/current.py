"""The editions in force, in memory: swapped whole, kept up to date by notice, by polling and by the clock.

One thread listens on the database's channel ``wangge_event``. A notice of a new edition is acted on at once;
polling finds what a missed notice would have told, staff and compounds that anybody changed by any tool, and
the day's turn; a scheduled edition takes force at its hour. While the database is away the last state goes on
answering, and says how old it is.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psycopg
from sqlalchemy import Connection, text

from gis.errors import NotFoundError, UnavailableError, WanggeError
from gis.layers.database import Database
from gis.layers.editions import EditionStamp, edition_at
from gis.service.owning.compiled import Compiled, compile_edition
from gis.service.owning.keeping import keep, kept
from gis.settings import CHINA_STANDARD_TIME

log = logging.getLogger(__name__)

CHANNEL = "wangge_event"
_KEPT_OLD = 8
_LONGEST_WAIT_S = 0.5
_RETRY_S = 1.0
_BREATH_S = 0.03

# What the surroundings of the grids are made of. The counters tell of a change by any tool.
_FINGERPRINT = text(
    """
    SELECT CURRENT_DATE::text, coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint
    FROM pg_stat_user_tables
    WHERE schemaname = 'wangge'
      AND relname IN ('division', 'grid', 'compound', 'building', 'staff', 'owner_precedence')
    """
)
_IN_FORCE = text(
    """
    SELECT DISTINCT ON (county_code) id, county_code, number, effective_from, digest
    FROM wangge.edition WHERE effective_from <= clock_timestamp()
    ORDER BY county_code, effective_from DESC
    """
)
_NEXT = text("SELECT min(effective_from) FROM wangge.edition WHERE effective_from > clock_timestamp()")


@dataclass(frozen=True)
class InForce:
    """The state that answers come from, taken once for each request.

    Attributes
    ----------
    counties
        County → its edition in force.
    fingerprint
        Of what surrounds the grids; another one means that something changed.
    """

    counties: Mapping[str, Compiled]
    fingerprint: tuple[Any, ...]


class Current:
    """Keeps the editions in force in memory.

    Parameters
    ----------
    database
        The database; None answers from the kept files alone.
    folder
        Where compiled editions are kept.
    poll_s
        Seconds between looks at the database when no notice comes.
    on_event
        Called in the listening thread with the listening connection after every notice, and at least
        every ``poll_s`` seconds.
    on_change
        Called with each county's compiled edition when it is new here; its failure is logged and no more.
    """

    def __init__(
        self,
        database: Database | None,
        folder: Path,
        *,
        poll_s: float = 5.0,
        on_event: Callable[[psycopg.Connection[Any]], None] | None = None,
        on_change: Callable[[Compiled], None] | None = None,
    ) -> None:
        self._database = database
        self._folder = folder
        self._poll_s = poll_s
        self._on_event = on_event
        self._on_change = on_change
        self._state = InForce(MappingProxyType({}), ())
        self._checked_at: dt.datetime | None = None
        self._away = True
        self._next_hour: dt.datetime | None = None
        self._old: OrderedDict[tuple[int, dt.date], Compiled] = OrderedDict()
        self._old_lock = threading.Lock()
        self._refreshing = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def in_force(self) -> InForce:
        """The state now. Take it once, and answer a whole request from it."""
        return self._state

    @property
    def checked_at(self) -> dt.datetime | None:
        """When the database last said that this is the state; None: never in this process."""
        return self._checked_at

    @property
    def away(self) -> bool:
        """Whether the database did not answer the last time that it was asked."""
        return self._away

    def start(self) -> None:
        """Load the state, from the database or else from the kept files, and start listening."""
        # What was kept comes first: an edition that is still in force need not be indexed again, and the
        # indexes lie in files that the workers of a server share.
        self._state = InForce(MappingProxyType(kept(self._folder)), ())
        try:
            self.refresh()
        except UnavailableError:
            log.warning("the database is away: answering from the editions kept in files")
        if self._database is not None:
            self._thread = threading.Thread(target=self._listen, name="editions in force", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop listening."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def refresh(self) -> None:
        """Bring the state up to the database, now.

        Raises
        ------
        UnavailableError
            If the database does not answer; the state stays as it was.
        """
        if self._database is None:
            raise UnavailableError("there is no database")
        with self._refreshing:
            try:
                with self._database.connection() as connection:
                    changed = self._take_over(connection)
            except UnavailableError:
                self._away = True
                raise
            self._checked_at = dt.datetime.now(dt.UTC)
            self._away = False
            for compiled in changed:
                self._pass_on(compiled)

    def county(self, county_code: str) -> Compiled:
        """Return a county's edition in force.

        Parameters
        ----------
        county_code
            12 digits.

        Returns
        -------
        Compiled
            The edition.

        Raises
        ------
        NotFoundError
            If it has none.
        """
        found = self._state.counties.get(county_code)
        if found is None:
            raise NotFoundError(f"county {county_code} has no edition in force", mend="import its grids")
        return found

    def at(self, county_code: str, when: dt.datetime) -> Compiled:
        """Return the edition that was, or will be, in force in a county at a time.

        Parameters
        ----------
        county_code
            12 digits.
        when
            The time.

        Returns
        -------
        Compiled
            The edition, with the staff of that day.

        Raises
        ------
        NotFoundError
            If none was in force then.
        UnavailableError
            If it must be read and the database does not answer.
        """
        if self._database is None:
            raise UnavailableError("there is no database, so only the edition in force can be asked")
        day = when.astimezone(CHINA_STANDARD_TIME).date()
        with self._database.connection() as connection:
            stamp = edition_at(connection, county_code, when)
            key = (stamp.id, day)
            with self._old_lock:
                known = self._old.get(key)
                if known is not None:
                    self._old.move_to_end(key)
                    return known
            now = self._state.counties.get(county_code)
            known = compile_edition(connection, stamp, former=now, on=day)
        with self._old_lock:
            self._old[key] = known
            while len(self._old) > _KEPT_OLD:
                self._old.popitem(last=False)
        return known

    def _take_over(self, connection: Connection) -> list[Compiled]:
        before = self._state
        fingerprint = tuple(connection.execute(_FINGERPRINT).one())
        stamps = [EditionStamp(*row) for row in connection.execute(_IN_FORCE)]
        self._next_hour = connection.execute(_NEXT).scalar_one_or_none()
        fresh: dict[str, Compiled] = {}
        for stamp in stamps:
            former = before.counties.get(stamp.county_code)
            if former is not None and former.edition == stamp and fingerprint == before.fingerprint:
                fresh[stamp.county_code] = former
            else:
                fresh[stamp.county_code] = compile_edition(connection, stamp, former=former)
        changed = [one for code, one in fresh.items() if before.counties.get(code) is not one]
        if changed or fresh.keys() != before.counties.keys() or fingerprint != before.fingerprint:
            # One assignment: whoever took the state before goes on with the whole of the old one.
            self._state = InForce(MappingProxyType(fresh), fingerprint)
        return changed

    def _pass_on(self, compiled: Compiled) -> None:
        log.info("edition %s of %s is in force", compiled.edition.number, compiled.edition.county_code)
        try:
            keep(compiled, self._folder)
            if self._on_change is not None:
                self._on_change(compiled)
        except (OSError, WanggeError) as error:
            log.warning("what follows from a new edition was not done: %s", error)

    def _listen(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen_on_one_connection()
            except (psycopg.Error, OSError, WanggeError) as error:
                self._away = True
                log.warning("the database is away (%s); look-ups go on", type(error).__name__)
                self._stopping.wait(_RETRY_S)
            except Exception:
                # This thread is what keeps answers true: it goes on whatever happens.
                log.exception("the listening thread met something unexpected")
                self._stopping.wait(_RETRY_S)

    def _listen_on_one_connection(self) -> None:
        assert self._database is not None  # noqa: S101 - start() made sure
        with psycopg.connect(self._database.plain_url, autocommit=True, connect_timeout=5) as connection:
            connection.execute(f"LISTEN {CHANNEL}")
            self._catch_up(connection)
            looked = dt.datetime.now(dt.UTC)
            while not self._stopping.is_set():
                notices = [one.payload for one in connection.notifies(timeout=self._wait(), stop_after=1)]
                if notices:
                    # A burst of notices is read as one: a short breath, and all that came by then.
                    self._stopping.wait(_BREATH_S)
                    notices += [one.payload for one in connection.notifies(timeout=0)]
                now = dt.datetime.now(dt.UTC)
                due = (now - looked).total_seconds() >= self._poll_s
                struck = self._next_hour is not None and now >= self._next_hour
                if due or struck or any(notice.endswith(" edition_changed") for notice in notices):
                    self.refresh()
                    looked = now
                if (due or notices) and self._on_event is not None:
                    self._on_event(connection)

    def _catch_up(self, connection: psycopg.Connection[Any]) -> None:
        self.refresh()
        if self._on_event is not None:
            self._on_event(connection)

    def _wait(self) -> float:
        if self._next_hour is None:
            return _LONGEST_WAIT_S
        left = (self._next_hour - dt.datetime.now(dt.UTC)).total_seconds()
        return min(max(left, 0.0), _LONGEST_WAIT_S)
