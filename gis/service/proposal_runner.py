"""The processes that search for proposals: so many at a time, each one job, none outliving the server."""

from __future__ import annotations

import multiprocessing
import os
import threading
from weakref import WeakKeyDictionary

from sqlalchemy import Engine

from gis.layers.database import Database, connect
from gis.service.proposing import claim_proposal, give_up_proposal, search


class ProposalRunner:
    """Starts waiting jobs, each in a process of its own.

    Parameters
    ----------
    database
        The database that the jobs are in.
    slots
        How many at a time; half the cores, at least one, unless given. A search uses two threads.
    """

    def __init__(self, database: Database, *, slots: int | None = None) -> None:
        self._database = database
        self._slots = slots or max(1, (os.cpu_count() or 2) // 2)
        self._running = 0
        self._turn = threading.Lock()

    def wake(self) -> None:
        """Start on what is waiting, if there is room; returns at once."""
        with self._turn:
            if self._running >= self._slots:
                return
            self._running += 1
        threading.Thread(target=self._work, name="proposals", daemon=True).start()

    def _work(self) -> None:
        try:
            while (job := self._claim()) is not None:
                self._one(job)
        finally:
            with self._turn:
                self._running -= 1

    def _claim(self) -> int | None:
        with self._database.connection() as connection:
            return claim_proposal(connection)

    def _one(self, proposal_id: int) -> None:
        # Spawned, not forked: the server has threads and open connections. A daemon ends with the server.
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=run_job, args=(self._database.url, proposal_id), daemon=True)
        process.start()
        process.join()
        if process.exitcode:
            with self._database.connection() as connection:
                give_up_proposal(connection, proposal_id, "the search was interrupted")


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


def run_job(url: str, proposal_id: int) -> None:
    """Do one job: what a process of the runner does.

    Parameters
    ----------
    url
        The database.
    proposal_id
        The job.
    """
    database = connect(url)
    try:
        search(database, proposal_id)
    finally:
        database.engine.dispose()
