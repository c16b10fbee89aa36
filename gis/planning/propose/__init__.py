"""Proposals: a better division of units into grids.

:func:`problem_from_units` reads the question from frames, :func:`propose` answers it with a few plans, and
:func:`propose_district` does so for many communities at a time.
"""

from __future__ import annotations

from gis.planning.propose.district import (
    CommunityAnswer,
    DistrictProgress,
    proposals_as_they_are,
    propose_district,
    warm_up,
)
from gis.planning.propose.goals import VARIANTS, Goal
from gis.planning.propose.plans import Plan, Progress, ProposalSet, grid_name
from gis.planning.propose.problem import Problem, problem_from_arrays, problem_from_units
from gis.planning.propose.proposing import propose

__all__ = [
    "VARIANTS",
    "CommunityAnswer",
    "DistrictProgress",
    "Goal",
    "Plan",
    "Problem",
    "Progress",
    "ProposalSet",
    "grid_name",
    "problem_from_arrays",
    "problem_from_units",
    "proposals_as_they_are",
    "propose",
    "propose_district",
    "warm_up",
]
