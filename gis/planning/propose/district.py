"""A district: many communities, each proposed for by itself, so many at a time in processes of their own.

A process is handed one community's code, reads the question itself, keeps the answer itself, and sends back a
summary. So neither the process that asks nor those that search ever hold more than a community each, however
many there are; and whatever becomes of one community, the others are not lost with it.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import resource
import signal
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

import numpy as np

from gis.errors import InputError, WanggeError
from gis.planning.propose.plans import Progress, ProposalSet
from gis.planning.propose.problem import Problem, problem_from_arrays
from gis.planning.propose.proposing import propose

log = logging.getLogger(__name__)

Kept = TypeVar("Kept")
_Task = tuple[str, int]
_Work = tuple[Callable[[str], Problem], Callable[[str, Problem, ProposalSet], Any], dict[str, Any]]

_TASKS_OF_A_PROCESS = 8
"""After so many communities a process ends and gives its memory back."""

_LOOK_S = 0.2


@dataclass(frozen=True)
class DistrictProgress:
    """How far a district has come.

    Attributes
    ----------
    community_code
        Who has just got further.
    stage
        As in :class:`gis.planning.propose.plans.Progress`; ``done`` where its answer has come.
    done, total
        Communities.
    share
        Of the whole work, 0 to 1; what is under way counts by how far it is.
    """

    community_code: str
    stage: str
    done: int
    total: int
    share: float


@dataclass(frozen=True, eq=False)
class CommunityAnswer(Generic[Kept]):
    """What became of one community.

    Attributes
    ----------
    community_code
        Which.
    kept
        What ``keep`` made of its proposals; None where there are none.
    error
        Why there are none.
    peak_mb
        The most memory that the process which searched it had ever held by then, in 10⁶ bytes.
    """

    community_code: str
    kept: Kept | None
    error: WanggeError | None
    peak_mb: float


def proposals_as_they_are(_code: str, _problem: Problem, found: ProposalSet) -> ProposalSet:
    """Keep a community's proposals whole: for a district that fits into memory.

    Parameters
    ----------
    _code, _problem
        What is not needed for it.
    found
        The proposals.

    Returns
    -------
    ProposalSet
        The same.
    """
    return found


def propose_district(
    codes: Iterable[str],
    problem_of: Callable[[str], Problem],
    keep: Callable[[str, Problem, ProposalSet], Kept],
    *,
    processes: int | None = None,
    seed: int = 0,
    progress: Callable[[DistrictProgress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    **options: Any,
) -> Iterator[CommunityAnswer[Kept]]:
    """Propose for every community of a district.

    Parameters
    ----------
    codes
        The communities.
    problem_of
        Gives a community's problem; called in the process that searches it, so a function of a module, or a
        :func:`functools.partial` of one.
    keep
        Called there with the code, the problem and the proposals; what it returns comes back.
    processes
        At a time; the number of cores if left out.
    seed
        Each community's own seed follows from this and its place in the order of codes.
    progress
        Called whenever a community has got further.
    cancelled
        Asked again and again. Once true, those under way give their best so far, the others are not begun.
    **options
        For :func:`gis.planning.propose.propose`.

    Yields
    ------
    CommunityAnswer
        In the order in which they come; an error in words where a community could not be planned.

    Raises
    ------
    InputError
        If two communities have one code.
    """
    waiting = [(code, seed + place) for place, code in enumerate(sorted(codes))]
    if len({code for code, _ in waiting}) < len(waiting):
        raise InputError("two communities have the same code", where="codes")
    waiting.reverse()
    desk = _Desk(len(waiting), progress)
    stop = multiprocessing.get_context("spawn").Event()
    crew: dict[Connection, _Worker] = {}
    width = max(1, min(processes or os.cpu_count() or 1, len(waiting) or 1))
    try:
        while waiting or crew:
            if cancelled is not None and cancelled():
                stop.set()
                waiting.clear()
            while waiting and len(crew) < width:
                worker = _Worker((problem_of, keep, {"workers": 1, **options}), stop)
                worker.take(waiting.pop())
                crew[worker.pipe] = worker
            for pipe in wait(list(crew), timeout=_LOOK_S):
                worker = crew[pipe]  # type: ignore[index]
                said = worker.hear()
                if isinstance(said, Progress):
                    desk.tell(worker.code, said.stage, said.done)
                    continue
                desk.end(worker.code)
                yield said
                if worker.can_go_on and waiting:
                    worker.take(waiting.pop())
                else:
                    del crew[worker.pipe]
                    worker.dismiss()
    finally:
        for worker in crew.values():
            worker.process.terminate()
            worker.dismiss()


class _Desk:
    """Adds up how far all are."""

    def __init__(self, total: int, progress: Callable[[DistrictProgress], None] | None) -> None:
        self._total = total
        self._progress = progress
        self._under_way: dict[str, float] = {}
        self._done = 0

    def tell(self, code: str, stage: str, done: float) -> None:
        self._under_way[code] = done
        if self._progress is not None:
            share = (self._done + sum(self._under_way.values())) / self._total
            self._progress(DistrictProgress(code, stage, self._done, self._total, share))

    def end(self, code: str) -> None:
        self._under_way.pop(code, None)
        self._done += 1
        self.tell(code, "done", 0.0)
        self._under_way.pop(code)


class _Worker:
    """A process that searches one community after another, and the pipe to it."""

    def __init__(self, work: _Work, stop: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_search, args=(theirs, work, stop), daemon=True)
        self.process.start()
        theirs.close()
        self.code = ""
        self._tasks = 0
        self._lost = False

    @property
    def can_go_on(self) -> bool:
        return self._tasks < _TASKS_OF_A_PROCESS and not self._lost

    def take(self, task: _Task) -> None:
        self.code = task[0]
        self._tasks += 1
        try:
            self.pipe.send(task)
        except OSError:
            # It is gone already; hearing it says so.
            self._lost = True

    def hear(self) -> Any:
        try:
            return self.pipe.recv()
        except (EOFError, OSError):
            self._lost = True
            self.process.join()
            words = f"the process that searched it ended unexpectedly (status {self.process.exitcode})"
            mend = "run it again by itself; with fewer processes if memory ran out"
            return CommunityAnswer(self.code, None, WanggeError(words, where=self.code, mend=mend), 0.0)

    def dismiss(self) -> None:
        self.pipe.close()
        self.process.join()


def _search(pipe: Connection, work: _Work, stop: Any) -> None:
    """Search what comes down the pipe until it is closed: what a process does."""
    problem_of, keep, options = work
    # Ctrl-C reaches every process of a terminal; it is for the one that asked to say what follows.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            code, seed = pipe.recv()
        except EOFError:
            return
        kept = error = None
        try:
            problem = problem_of(code)
            found = propose(
                problem,
                seed=seed,
                # The plan itself stays here; how far it is, is enough.
                progress=lambda now: pipe.send(Progress(now.stage, now.done)),
                cancelled=stop.is_set,
                **options,
            )
            kept = keep(code, problem, found)
        except WanggeError as told:
            error = told
        except Exception:
            log.exception("the search for %s met something unexpected", code)
            words = "the search met something unexpected"
            error = WanggeError(words, where=code, mend="see the log, and run it again by itself")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
        pipe.send(CommunityAnswer(code, kept, error, round(peak, 1)))


def warm_up() -> None:
    """Compile the search, or read it from the cache: half a minute once after an installation, then none."""
    x, y = np.meshgrid(np.arange(4), np.arange(3))
    place = (x + 4 * y).ravel()
    i = np.concatenate([place[x.ravel() < 3], place[y.ravel() < 2]])
    j = np.concatenate([place[x.ravel() < 3] + 1, place[y.ravel() < 2] + 4])
    problem = problem_from_arrays(
        i,
        j,
        np.full(len(i), 50.0),
        households=np.full(12, 70),
        area_m2=np.full(12, 2500.0),
        outer_m=np.full(12, 40.0),
        current=place // 6,
    )
    for goal in ("compact", "minimal-change"):
        propose(problem, goal=goal, seconds=0.2, clock_seconds=600.0)
