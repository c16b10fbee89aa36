"""Proposals as jobs: asked for, searched by a process of their own, readable meanwhile, adopted as a step.

What a job is and how far it came is a row of ``plan_proposal``; the process that searches
(:mod:`gis.service.plans.searching`) writes it, any server reads it, and a cancellation is a flag in it. See
docs/decisions for why there is no queue beside it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, exists, func, insert, select, text, update

from gis.errors import ConflictError, InputError, NotFoundError
from gis.layers.plan import PlanProposal
from gis.service.access import Actor, require
from gis.service.plans.plan_memory import load_draft
from gis.service.plans.plan_steps import Outcome
from gis.service.plans.plan_store import plan_row
from gis.service.plans.relabelling import relabel
from gis.settings import settings
from gis.terms import Role

GOALS = ("minimal-change", "compact", "balanced")
LONGEST_S = 600.0
ENDED = ("done", "cancelled", "failed")
"""States in which a job has come to its end."""

_SILENT = dt.timedelta(seconds=60)
_MOST_GRIDS = 10_000


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
    others = exists().where(PlanProposal.state.in_(("waiting", "running")))
    stage = "waiting" if connection.execute(select(others)).scalar_one() else "preparing"
    proposal_id = connection.execute(
        insert(PlanProposal)
        .values(
            plan_id=plan_id,
            plan_version=row.version,
            actor=actor.name,
            options=wanted,
            progress={"stage": stage, "done": 0.0, "best": None},
        )
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
        ``id``, ``state``, ``plan_version``, ``options``, ``actor``, ``asked_at``, ``progress`` (``stage``:
        ``waiting`` for other searches, ``preparing``, then the search's own, ``done`` at last; ``done``: 0 to
        1; ``best``: the metrics of the best so far), ``results`` (``units``, ``codes`` and ``plans`` with
        ``variant``, ``labels``, ``metrics``, ``violations``, ``feasible``), ``words``.

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
        .where(PlanProposal.id == proposal_id, PlanProposal.state.not_in(ENDED))
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
            "UPDATE wangge.plan_proposal SET state = 'running', beat_at = now(), "
            "progress = jsonb_set(progress, '{stage}', '\"preparing\"') WHERE id = ("
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
        .where(PlanProposal.id == proposal_id, PlanProposal.state.not_in(ENDED))
        .values(state="failed", finished_at=func.now(), words=[_words(words)])
    )


def _words(words: str) -> dict[str, str]:
    return {"zh": words, "en": words}


def _checked(options: Mapping[str, Any]) -> dict[str, Any]:
    house = settings()
    goal = options.get("goal") or GOALS[0]
    seconds = float(options.get("seconds") or 30.0)
    if goal not in GOALS:
        raise InputError(f"{goal!r} is not a goal", where="goal", mend=f"one of {', '.join(GOALS)}")
    if not 1.0 <= seconds <= LONGEST_S:
        raise InputError("a search takes 1 to 600 seconds", where="seconds", mend="give a time between these")
    fewest = int(options.get("households_min") or house.households_min)
    most = int(options.get("households_max") or house.households_max)
    if not 1 <= fewest <= most:
        raise InputError(
            f"no grid has {fewest} households at least and {most} at most",
            where="households_min",
            mend="give the fewest and the most households of a grid, such as 300 and 500",
        )
    k = None if options.get("k") is None else int(options["k"])
    if k is not None and not 1 <= k <= _MOST_GRIDS:
        raise InputError(f"{k} is no number of grids", where="k", mend="leave it out, and it is chosen")
    return {
        "goal": goal,
        "seconds": seconds,
        "seed": int(options.get("seed") or 0),
        "k": k,
        "households_min": fewest,
        "households_max": most,
    }
