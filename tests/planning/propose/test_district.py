from __future__ import annotations

import numpy as np
import pytest

from gis.errors import InputError
from gis.planning.propose import ProposalSet, problem_from_units, propose, propose_district


@pytest.mark.slow
def test_a_district_is_planned_in_processes_as_each_community_by_itself(blocks):
    problems = {
        f"15010300200{number}": problem_from_units(blocks.frame(blocks.cells(6, 5), np.full(30, 38 + number)))
        for number in (1, 2)
    }
    seen = []
    answers = propose_district(
        problems, processes=2, seed=4, progress=seen.append, goal="compact", seconds=0.5, clock_seconds=120
    )

    assert list(answers) == sorted(problems)
    assert sorted(step.done for step in seen) == [1, 2]
    alone = propose(problems["150103002002"], goal="compact", seconds=0.5, clock_seconds=120, seed=5)
    assert (answers["150103002002"].best.labels == alone.best.labels).all()


@pytest.mark.slow
def test_one_community_that_cannot_be_read_stops_no_other(blocks):
    good = problem_from_units(blocks.frame(blocks.cells(6, 5), np.full(30, 40)))
    answers = propose_district({"a": good, "b": good}, processes=1, goal="compact", seconds=0.5, k=1)

    assert all(isinstance(answer, InputError) for answer in answers.values())
    assert not any(isinstance(answer, ProposalSet) for answer in answers.values())
