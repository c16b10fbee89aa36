"""The intake: reports that come in at once are taken in together, in one transaction.

A commit costs the database as much for one report as for a hundred, and so do the questions before it. One
thread takes what has come, takes it in, and in the meantime the next reports come together; there is no
waiting for company. A report is answered when its transaction is committed, and not before.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future

from gis.errors import UnavailableError, WanggeError
from gis.layers.database import Database
from gis.service.dispatch.reporting import Sent, report_many
from gis.service.dispatch.reports import Reported
from gis.service.owning.compiled import Compiled
from gis.settings import Settings

log = logging.getLogger(__name__)

_TOGETHER = 100
_WAITING = 5_000

_Promise = tuple[Sent, "Future[Reported]"]


class Intake:
    """Takes reports in, those that come at once together.

    Parameters
    ----------
    database
        Called for the database; it may raise that there is none.
    counties
        Called for the editions in force.
    settings
        The threshold of doubt.
    """

    def __init__(
        self,
        database: Callable[[], Database],
        counties: Callable[[], Mapping[str, Compiled]],
        settings: Settings,
    ) -> None:
        self._database = database
        self._counties = counties
        self._settings = settings
        self._queue: queue.Queue[_Promise | None] = queue.Queue(_WAITING)
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def send(self, sent: Sent) -> Future[Reported]:
        """Hand a report in.

        Parameters
        ----------
        sent
            The report.

        Returns
        -------
        concurrent.futures.Future
            What became of it once it is stored; or the error that refuses it.

        Raises
        ------
        UnavailableError
            If so many wait already that this one would wait too long.
        """
        if self._thread is None:
            self._start()
        promise: Future[Reported] = Future()
        try:
            self._queue.put_nowait((sent, promise))
        except queue.Full:
            raise UnavailableError(
                "too many reports are waiting", mend="send it again, with its key"
            ) from None
        return promise

    def close(self) -> None:
        """Take in what waits, and end."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(timeout=30)

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="intake", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            together, over = self._come()
            if together:
                self._take_in(together)
            if over:
                return

    def _come(self) -> tuple[list[_Promise], bool]:
        """Wait for a report, and take with it what else has come by then."""
        first = self._queue.get()
        if first is None:
            return [], True
        together = [first]
        while len(together) < _TOGETHER:
            try:
                one = self._queue.get_nowait()
            except queue.Empty:
                break
            if one is None:
                return together, True
            together.append(one)
        return together, False

    def _take_in(self, together: Sequence[_Promise]) -> None:
        try:
            with self._database().connection() as connection:
                sent = [one for one, _ in together]
                outcomes = report_many(connection, self._counties(), self._settings, sent)
        except Exception as error:
            if len(together) == 1 or isinstance(error, UnavailableError):
                if not isinstance(error, WanggeError):
                    log.exception("a report met something unexpected")
                for _, promise in together:
                    promise.set_exception(error)
                return
            # One of them is at fault, and the transaction is undone: each by itself.
            for one in together:
                self._take_in([one])
            return
        for (_, promise), outcome in zip(together, outcomes, strict=True):
            if isinstance(outcome, WanggeError):
                promise.set_exception(outcome)
            else:
                promise.set_result(outcome)
