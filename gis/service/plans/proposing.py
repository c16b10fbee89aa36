"""Proposals as jobs: asked for, searched by a process of their own, readable meanwhile, adopted as a step.

What a job is and how far it came is a row of ``plan_proposal``; the process that searches writes it, any
server reads it, and a cancellation is a flag in it. See docs/decisions for why there is no queue beside it.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sqlalchemy import Connection, func, insert, select, text, update

from gis.errors import ConflictError, InputError, NotFoundError, WanggeError
from gis.layers.database import Database
from gis.layers.plan import PlanProposal
from gis.planning.propose import Plan, Problem, Progress, ProposalSet, problem_from_units, propose
from gis.service.access import Actor, require
from gis.service.plans.plan_draft import PlanDraft
from gis.service.plans.plan_memory import load_draft
from gis.service.plans.plan_steps import Outcome
from gis.service.plans.plan_store import plan_row
from gis.service.plans.redrawing import relabel
from gis.settings import settings
from gis.terms import GridType, Role

log = logging.getLogger(__name__)

GOALS = ("minimal-change", "compact", "balanced")
LONGEST_S = 600.0
_WRITE_EVERY_S = 0.3
_LOOK_EVERY_S = 0.5
_SILENT = dt.timedelta(seconds=60)
_ENDED = ("done", "cancelled", "failed")


def ask_proposal(
    connection: Connection, actor: Actor, plan_id: int, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Ask for proposals for a plan; a runner has to be woken to start on them.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who asks.
    plan_id
        The plan.
    options
        ``goal``, ``seconds``, ``seed``, ``k``, ``households_min``, ``households_max``; all may be missing.

    Returns
    -------
    dict
        The job as :func:`show_proposal` shows it.

    Raises
    ------
    NotFoundError
        If there is no such plan.
    InputError
        If an option makes no sense.
    """
    row = plan_row(connection, plan_id)
    require(actor, (Role.PLANNER,), row.community_code)
    wanted = _checked(options)
    proposal_id = connection.execute(
        insert(PlanProposal)
        .values(plan_id=plan_id, plan_version=row.version, actor=actor.name, options=wanted)
        .returning(PlanProposal.id)
    ).scalar_one()
    return show_proposal(connection, actor, plan_id, proposal_id)


def show_proposal(connection: Connection, actor: Actor, plan_id: int, proposal_id: int) -> dict[str, Any]:
    """Show how far a job is, and what it found.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who asks.
    plan_id, proposal_id
        The plan and the job.

    Returns
    -------
    dict
        ``id``, ``state``, ``plan_version``, ``options``, ``actor``, ``asked_at``, ``progress`` (``stage``,
        ``done``, ``best``), ``results`` (``units``, ``codes`` and ``plans`` with ``variant``, ``labels``,
        ``metrics``, ``violations``, ``feasible``), ``words``.

    Raises
    ------
    NotFoundError
        If the plan has no such job.
    """
    require(actor, (Role.PLANNER,), plan_row(connection, plan_id).community_code)
    row = connection.execute(
        select(
            PlanProposal.id,
            PlanProposal.state,
            PlanProposal.plan_version,
            PlanProposal.options,
            PlanProposal.actor,
            PlanProposal.asked_at,
            PlanProposal.progress,
            PlanProposal.results,
            PlanProposal.words,
            PlanProposal.cancel_asked,
        ).where(PlanProposal.plan_id == plan_id, PlanProposal.id == proposal_id)
    ).first()
    if row is None:
        raise NotFoundError(f"plan {plan_id} has no proposal {proposal_id}")
    return dict(row._mapping) | {"asked_at": row.asked_at.isoformat()}  # noqa: SLF001 - SQLAlchemy's own name


def list_proposals(connection: Connection, actor: Actor, plan_id: int) -> list[dict[str, Any]]:
    """List a plan's jobs, the latest first, without what they found.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who asks.
    plan_id
        The plan.

    Returns
    -------
    list of dict
        ``id``, ``state``, ``plan_version``, ``options``, ``actor``, ``asked_at``.
    """
    require(actor, (Role.PLANNER,), plan_row(connection, plan_id).community_code)
    rows = connection.execute(
        select(
            PlanProposal.id,
            PlanProposal.state,
            PlanProposal.plan_version,
            PlanProposal.options,
            PlanProposal.actor,
            PlanProposal.asked_at,
        )
        .where(PlanProposal.plan_id == plan_id)
        .order_by(PlanProposal.id.desc())
        .limit(50)
    )
    return [dict(row) | {"asked_at": row["asked_at"].isoformat()} for row in rows.mappings()]


def cancel_proposal(connection: Connection, actor: Actor, plan_id: int, proposal_id: int) -> dict[str, Any]:
    """Ask a job to stop; what it found so far stays.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who asks.
    plan_id, proposal_id
        The plan and the job.

    Returns
    -------
    dict
        The job as :func:`show_proposal` shows it; one that had not begun is cancelled at once.
    """
    show_proposal(connection, actor, plan_id, proposal_id)
    connection.execute(
        update(PlanProposal)
        .where(PlanProposal.id == proposal_id, PlanProposal.state.not_in(_ENDED))
        .values(cancel_asked=True)
    )
    connection.execute(
        update(PlanProposal)
        .where(PlanProposal.id == proposal_id, PlanProposal.state == "waiting")
        .values(state="cancelled", finished_at=func.now())
    )
    return show_proposal(connection, actor, plan_id, proposal_id)


def adopt_proposal(
    connection: Connection, actor: Actor, plan_id: int, version: int, proposal_id: int, number: int
) -> Outcome:
    """Put the units of a plan into the grids of a proposal, as one step that can be undone.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who chooses.
    plan_id, version
        The plan, and the version that was seen.
    proposal_id
        The job.
    number
        Which of its plans, from 0; the best so far while it runs.

    Returns
    -------
    Outcome
        What came of it.

    Raises
    ------
    NotFoundError
        If it has no such plan.
    ConflictError
        If units were cut since, or the plan has gone on.
    """
    job = show_proposal(connection, actor, plan_id, proposal_id)
    results = job["results"] or {}
    plans = results.get("plans") or []
    if not 0 <= number < len(plans):
        raise NotFoundError(
            f"proposal {proposal_id} has no plan {number}", mend=f"choose one of 0 to {len(plans) - 1}"
        )
    draft = load_draft(connection, plan_id)
    if set(results["units"]) != set(draft.unit_ids):
        raise ConflictError(
            "units were cut since this was proposed",
            where=f"proposal {proposal_id}",
            mend="ask for a new proposal",
        )
    codes = results["codes"]
    labels = dict(zip(results["units"], (codes[label] for label in plans[number]["labels"]), strict=True))
    facts = {"proposal": proposal_id, "number": number, "variant": plans[number]["variant"]}
    return relabel(connection, actor, plan_id, version, labels, op="propose", facts=facts)


def claim_proposal(connection: Connection) -> int | None:
    """Take the next waiting job; give up those whose worker has fallen silent.

    Parameters
    ----------
    connection
        An open transaction.

    Returns
    -------
    int or None
        Its number, marked as running.
    """
    connection.execute(
        update(PlanProposal)
        .where(PlanProposal.state == "running", PlanProposal.beat_at < dt.datetime.now(dt.UTC) - _SILENT)
        .values(state="failed", finished_at=func.now(), words=[_words("the search was interrupted")])
    )
    return connection.execute(
        text(
            "UPDATE wangge.plan_proposal SET state = 'running', beat_at = now() WHERE id = ("
            "SELECT id FROM wangge.plan_proposal WHERE state = 'waiting' ORDER BY id "
            "FOR UPDATE SKIP LOCKED LIMIT 1) RETURNING id"
        )
    ).scalar()


def give_up_proposal(connection: Connection, proposal_id: int, words: str) -> None:
    """Mark a job as failed, unless it ended by itself.

    Parameters
    ----------
    connection
        An open transaction.
    proposal_id
        The job.
    words
        Why, in English.
    """
    connection.execute(
        update(PlanProposal)
        .where(PlanProposal.id == proposal_id, PlanProposal.state.not_in(_ENDED))
        .values(state="failed", finished_at=func.now(), words=[_words(words)])
    )


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
            draft = load_draft(connection, row.plan_id)
        problem = problem_of(draft)
        limits = {key: value for key, value in row.options.items() if value is not None}
        with _Desk(database, proposal_id, problem) as desk:
            found = propose(problem, progress=desk.note, cancelled=desk.cancelled, **limits)
        desk.finish(found)
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
    """

    def __init__(self, database: Database, proposal_id: int, problem: Problem) -> None:
        self._database = database
        self._id = proposal_id
        self._problem = problem
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
        if self._best is not None:
            values["results"] = _results(self._problem, [self._best])
        self._write(values)

    def cancelled(self) -> bool:
        return self._stop

    def finish(self, found: ProposalSet) -> None:
        words = [{"zh": one.words("zh"), "en": one.words("en")} for one in found.reasons]
        state = "cancelled" if self._stop else "done"
        progress = {"stage": "done", "done": 1.0, "best": _plain(found.best.metrics)}
        self._write(
            {
                "state": state,
                "progress": progress,
                "results": _results(self._problem, found.plans) | {"complete": found.complete},
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


def _words(words: str) -> dict[str, str]:
    return {"zh": words, "en": words}


def _checked(options: Mapping[str, Any]) -> dict[str, Any]:
    house = settings()
    goal = options.get("goal") or GOALS[0]
    seconds = float(options.get("seconds") or 30.0)
    if goal not in GOALS:
        raise InputError(f"{goal!r} is not a goal", where="goal", mend=f"one of {', '.join(GOALS)}")
    if not 1.0 <= seconds <= LONGEST_S:
        raise InputError("a search takes 1 to 600 seconds", where="seconds")
    return {
        "goal": goal,
        "seconds": seconds,
        "seed": int(options.get("seed") or 0),
        "k": None if options.get("k") is None else int(options["k"]),
        "households_min": int(options.get("households_min") or house.households_min),
        "households_max": int(options.get("households_max") or house.households_max),
    }
