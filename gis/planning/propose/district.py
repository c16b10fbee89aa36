"""A district: many communities, each proposed for by itself in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

import numpy as np

from gis.errors import WanggeError
from gis.planning.propose.plans import ProposalSet
from gis.planning.propose.problem import Problem, problem_from_arrays
from gis.planning.propose.proposing import propose


@dataclass(frozen=True)
class DistrictProgress:
    """How far a district has come.

    Attributes
    ----------
    community_code
        Whose answer has just come.
    done, total
        Communities.
    feasible
        Whether its best plan keeps every rule.
    """

    community_code: str
    done: int
    total: int
    feasible: bool


def propose_district(
    problems: Mapping[str, Problem],
    *,
    processes: int | None = None,
    seed: int = 0,
    progress: Callable[[DistrictProgress], None] | None = None,
    **options: Any,
) -> dict[str, ProposalSet | WanggeError]:
    """Propose for every community of a district.

    Parameters
    ----------
    problems
        Community code → its problem.
    processes
        At a time; the number of cores if left out. Each starts afresh after a few communities, so that memory
        stays bounded by ``processes`` communities whatever the number of them.
    seed
        Each community's own seed follows from this and its place in the order of codes.
    progress
        Called after each community.
    **options
        For :func:`gis.planning.propose.propose`.

    Returns
    -------
    dict
        In the order of the codes; an error in words where a community could not be planned, so that one never
        stops the others.
    """
    codes = sorted(problems)
    width = max(1, min(processes or os.cpu_count() or 1, len(codes) or 1))
    found: dict[str, ProposalSet | WanggeError] = {}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(width, mp_context=context, max_tasks_per_child=8) as pool:
        waiting = {
            pool.submit(_one, problems[code], seed + place, options): code for place, code in enumerate(codes)
        }
        for done, one in enumerate(as_completed(waiting), start=1):
            code = waiting[one]
            found[code] = one.result()
            if progress is not None:
                answer = found[code]
                feasible = isinstance(answer, ProposalSet) and answer.best.feasible
                progress(DistrictProgress(code, done, len(codes), feasible))
    return {code: found[code] for code in codes}


def _one(problem: Problem, seed: int, options: dict[str, Any]) -> ProposalSet | WanggeError:
    try:
        return propose(problem, seed=seed, **{"workers": 1, **options})
    except WanggeError as error:
        return error


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
