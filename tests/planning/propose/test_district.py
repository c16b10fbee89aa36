from __future__ import annotations

import os
from functools import partial

import numpy as np
import pytest

from gis.errors import InputError
from gis.planning.propose import (
    Problem,
    ProposalSet,
    problem_from_arrays,
    proposals_as_they_are,
    propose,
    propose_district,
)

_BALLAST_MB = 40


def block(households: int = 40) -> Problem:
    """30 units in 5 rows of 6."""
    x, y = (part.ravel() for part in np.meshgrid(np.arange(6), np.arange(5)))
    place = x + 6 * y
    i = np.concatenate([place[x < 5], place[y < 4]])
    j = np.concatenate([place[x < 5] + 1, place[y < 4] + 6])
    outer = 50.0 * ((x == 0) * 1 + (x == 5) + (y == 0) + (y == 4))
    return problem_from_arrays(
        i,
        j,
        np.full(len(i), 50.0),
        households=np.full(30, households),
        area_m2=np.full(30, 2500.0),
        outer_m=outer,
    )


def question(code: str) -> Problem:
    """What stands for reading a community: two cannot be, and one takes its process with it."""
    if code == "unreadable":
        raise InputError("two units overlap", where=code, mend="clean the coverage")
    if code == "strange":
        raise ZeroDivisionError
    if code == "deadly":
        os._exit(9)
    return block(38 + int(code))


def heavy_question(code: str) -> Problem:
    problem = block()
    # Stays with the problem, as its units' shapes would.
    object.__setattr__(problem, "ballast", np.ones(_BALLAST_MB * 125_000))
    return problem


def grids_of(code: str, problem: Problem, found: ProposalSet) -> tuple[str, int]:
    return code, len(set(found.best.labels.tolist()))


@pytest.mark.slow
def test_a_district_is_planned_in_processes_as_each_community_by_itself() -> None:
    options = {"goal": "compact", "seconds": 0.5, "clock_seconds": 120}
    seen = []
    answers = {
        one.community_code: one
        for one in propose_district(
            ["2", "1"], question, proposals_as_they_are, processes=2, seed=4, progress=seen.append, **options
        )
    }
    assert set(answers) == {"1", "2"}
    assert [step.done for step in seen if step.stage == "done"] == [1, 2]
    assert all(0 <= step.share <= 1 for step in seen)
    assert {step.stage for step in seen} > {"done"}
    assert seen[-1].share == 1
    alone = propose(block(40), seed=5, **options)
    assert (answers["2"].kept.best.labels == alone.best.labels).all()


@pytest.mark.slow
def test_what_becomes_of_one_community_loses_no_other(caplog: pytest.LogCaptureFixture) -> None:
    codes = ["1", "unreadable", "deadly", "strange", "2", "3"]
    found = propose_district(codes, question, grids_of, processes=1, goal="compact", seconds=0.3)
    answers = {one.community_code: one for one in found}
    assert set(answers) == set(codes)
    assert [answers[code].kept for code in "123"] == [(code, 3) for code in "123"]
    assert "two units overlap" in str(answers["unreadable"].error)
    assert "ended unexpectedly" in str(answers["deadly"].error)
    assert "unexpected" in str(answers["strange"].error)


@pytest.mark.slow
def test_memory_is_bounded_by_one_community_for_each_process() -> None:
    """Each brings 40 MB of its own; a process that kept them would grow by as much with each."""
    found = propose_district(
        [str(number) for number in range(7)],
        heavy_question,
        grids_of,
        processes=1,
        goal="compact",
        seconds=0.2,
    )
    peaks = [one.peak_mb for one in found]
    assert len(peaks) == 7
    assert peaks[-1] - peaks[0] < _BALLAST_MB


@pytest.mark.slow
def test_whoever_stops_keeps_what_was_found() -> None:
    seen: list[str] = []
    answers = list(
        propose_district(
            ["1", "2", "3", "4"],
            question,
            grids_of,
            processes=1,
            progress=lambda step: seen.append(step.stage),
            cancelled=lambda: "done" in seen,
            goal="compact",
            seconds=0.3,
        )
    )
    # The first was answered before anybody stopped; at most one more was under way.
    assert 1 <= len(answers) <= 2
    assert all(one.kept is not None for one in answers)


def test_two_communities_of_one_code_are_refused() -> None:
    with pytest.raises(InputError, match="same code"):
        next(propose_district(["1", "1"], question, partial(grids_of)))
