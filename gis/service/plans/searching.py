"""Searching for proposals: what a process of the runner does with one job.

It is apart from :mod:`gis.service.plans.proposing` because it loads the search with its compiled loops, which
a server that only asks and shows has no use for.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sqlalchemy import func, select, update

from gis.errors import WanggeError
from gis.layers.database import Database
from gis.layers.plan import PlanProposal
from gis.planning.propose import Plan, Problem, Progress, ProposalSet, problem_from_units, propose, warm_up
from gis.service.plans.plan_draft import PlanDraft
from gis.service.plans.plan_memory import load_draft
from gis.service.plans.proposing import give_up_proposal
from gis.terms import GridType

log = logging.getLogger(__name__)

_WRITE_EVERY_S = 0.3
_LOOK_EVERY_S = 0.5


def search(database: Database, proposal_id: int) -> None:
    """Do a job, in this process.

    Parameters
    ----------
    database
        The database.
    proposal_id
        A job that :func:`claim_proposal` took.
    """
    try:
        with database.connection() as connection:
            row = connection.execute(
                select(PlanProposal.plan_id, PlanProposal.options).where(PlanProposal.id == proposal_id)
            ).one()
        with _Desk(database, proposal_id) as desk:
            with database.connection() as connection:
                draft = load_draft(connection, row.plan_id)
            warm_up()
            problem = desk.problem = problem_of(draft)
            limits = {key: value for key, value in row.options.items() if value is not None}
            found = propose(problem, progress=desk.note, cancelled=desk.cancelled, **limits)
        desk.finish(problem, found)
    except WanggeError as error:
        with database.connection() as connection:
            give_up_proposal(connection, proposal_id, str(error))
    except Exception:
        log.exception("the search for proposal %s met something unexpected", proposal_id)
        with database.connection() as connection:
            give_up_proposal(connection, proposal_id, "the search met something unexpected; see the log")


def problem_of(draft: PlanDraft) -> Problem:
    """Put the question of a plan: its units, their present grids, and what is locked.

    Parameters
    ----------
    draft
        The plan. Exclusive grids are not bound by sizes and stay as they are, like locked ones.

    Returns
    -------
    Problem
        For :func:`gis.planning.propose.propose`.
    """
    held = set(draft.labels.tolist())
    fixed = [
        code
        for code, info in draft.core.grids.items()
        if (info.locked or info.grid_type != GridType.BASIC) and code in held
    ]
    labels = np.array([code or None for code in draft.labels.tolist()], dtype=object)
    return problem_from_units(
        draft.core.units.frame.assign(grid_code=labels),
        current="grid_code",
        barriers=draft.streets,
        locked=fixed,
    )


class _Desk:
    """Where a search writes down how far it is, and where a thread looks whether it is to stop.

    That thread is also the sign of life: the search itself may be silent for long, while its inner loops are
    compiled.

    Attributes
    ----------
    problem
        What is searched; None until it is known.
    """

    def __init__(self, database: Database, proposal_id: int) -> None:
        self.problem: Problem | None = None
        self._database = database
        self._id = proposal_id
        self._written = 0.0
        self._stop = False
        self._best: Plan | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="desk", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_LOOK_EVERY_S):
            try:
                self._write({})
            except WanggeError as error:
                log.warning("proposal %s: %s", self._id, error)

    def note(self, progress: Progress) -> None:
        self._best = progress.best or self._best
        if time.monotonic() - self._written < _WRITE_EVERY_S:
            return
        self._written = time.monotonic()
        values: dict[str, Any] = {
            "progress": {
                "stage": progress.stage,
                "done": round(progress.done, 3),
                "best": None if self._best is None else _plain(self._best.metrics),
            }
        }
        if self._best is not None and self.problem is not None:
            values["results"] = _results(self.problem, [self._best])
        self._write(values)

    def cancelled(self) -> bool:
        return self._stop

    def finish(self, problem: Problem, found: ProposalSet) -> None:
        words = [{"zh": one.words("zh"), "en": one.words("en")} for one in found.reasons]
        state = "cancelled" if self._stop else "done"
        progress = {"stage": "done", "done": 1.0, "best": _plain(found.best.metrics)}
        self._write(
            {
                "state": state,
                "progress": progress,
                "results": _results(problem, found.plans) | {"complete": found.complete},
                "words": words,
                "finished_at": func.now(),
            }
        )

    def _write(self, values: dict[str, Any]) -> None:
        with self._database.connection() as connection:
            self._stop = bool(
                connection.execute(
                    update(PlanProposal)
                    .where(PlanProposal.id == self._id)
                    .values(beat_at=func.now(), **values)
                    .returning(PlanProposal.cancel_asked)
                ).scalar()
            )


def _results(problem: Problem, plans: Any) -> dict[str, Any]:
    most = max(int(plan.labels.max(initial=-1)) for plan in plans) + 1
    codes = [*problem.grid_codes]
    codes += [f"new {number}" for number in range(1, most - len(codes) + 1)]
    return {
        "units": list(problem.unit_ids),
        "codes": codes,
        "plans": [
            {
                "variant": plan.variant,
                "labels": plan.labels.tolist(),
                "metrics": _plain(plan.metrics),
                "feasible": plan.feasible,
                "violations": [
                    {
                        "rule": one.rule,
                        "subjects": list(one.subjects),
                        "words": {"zh": one.words("zh"), "en": one.words("en")},
                    }
                    for one in plan.violations[:50]
                ],
            }
            for plan in plans
        ],
    }


def _plain(metrics: Mapping[str, Any]) -> dict[str, Any]:
    return {key: None if value is None else round(float(value), 4) for key, value in metrics.items()}
