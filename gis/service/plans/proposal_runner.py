"""The processes that search for proposals: so many at a time, none outliving the server.

A process goes on to the next job that waits, and ends when nobody has asked for a while. While nobody waits
for it, it loads the search's libraries and compiled loops: one is started when somebody opens a plan, so that
the first search finds all that ready.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import threading
import time
from weakref import WeakKeyDictionary

from sqlalchemy import Engine

from gis.errors import UnavailableError
from gis.layers.database import Database, connect
from gis.service.plans.proposing import claim_proposal, give_up_proposal

log = logging.getLogger(__name__)

_IDLE_S = 180.0
_LOOK_S = 0.4


class ProposalRunner:
    """Keeps as many processes at work as there is room for, while there is work.

    Parameters
    ----------
    database
        The database that the jobs are in.
    slots
        How many at a time; half the cores, at least one, unless given. A search uses two threads.
    """

    def __init__(self, database: Database, *, slots: int | None = None) -> None:
        self._url = database.url
        self._slots = slots or max(1, (os.cpu_count() or 2) // 2)
        self._running = 0
        self._turn = threading.Lock()

    def wake(self) -> None:
        """See to it that what is waiting, or will be, is taken up; returns at once."""
        with self._turn:
            if self._running >= self._slots:
                return
            self._running += 1
        threading.Thread(target=self._watch, name="proposals", daemon=True).start()

    def _watch(self) -> None:
        try:
            # Spawned, not forked: the server has threads and open connections. A daemon ends with the server.
            context = multiprocessing.get_context("spawn")
            process = context.Process(target=run_jobs, args=(self._url,), daemon=True)
            process.start()
            process.join()
        except (OSError, RuntimeError) as error:
            # No room for another process: whoever waits is told, and need not wait for ever.
            log.error("no process could be started to search for proposals: %s", error)  # noqa: TRY400
            give_up_waiting(self._url)
        finally:
            with self._turn:
                self._running -= 1


_runners: WeakKeyDictionary[Engine, ProposalRunner] = WeakKeyDictionary()
_turn = threading.Lock()


def runner_of(database: Database) -> ProposalRunner:
    """Return this process's runner for a database.

    Parameters
    ----------
    database
        The database.

    Returns
    -------
    ProposalRunner
        Always the same one.
    """
    with _turn:
        runner = _runners.get(database.engine)
        if runner is None:
            runner = _runners[database.engine] = ProposalRunner(database)
        return runner


def give_up_waiting(url: str) -> None:
    """Give every job up that still waits, because nobody can do it.

    Parameters
    ----------
    url
        The database.
    """
    database = connect(url)
    try:
        with database.connection() as connection:
            while (job := claim_proposal(connection)) is not None:
                give_up_proposal(connection, job, "no process could be started for the search; see the log")
    except UnavailableError as error:
        log.warning("%s", error)
    finally:
        database.engine.dispose()


def run_jobs(url: str, *, idle_s: float = _IDLE_S) -> None:
    """Do what is waiting, until nothing has waited for a while: what a process of the runner does.

    Parameters
    ----------
    url
        The database.
    idle_s
        How long to wait for another job, seconds.
    """
    database = connect(url)
    ready = False
    try:
        last = time.monotonic()
        while time.monotonic() - last < idle_s:
            try:
                with database.connection() as connection:
                    job = claim_proposal(connection)
            except UnavailableError:
                # It may be back in a moment; whatever waits in it waits until then.
                time.sleep(_LOOK_S)
                continue
            if job is not None:
                # Loaded only now: the job is marked as being prepared before that takes its seconds.
                from gis.service.plans.searching import search  # noqa: PLC0415

                search(database, job)
                ready, last = True, time.monotonic()
            elif not ready:
                from gis.planning.propose import warm_up  # noqa: PLC0415

                warm_up()
                ready, last = True, time.monotonic()
            else:
                time.sleep(_LOOK_S)
    finally:
        database.engine.dispose()
