"""Proposals: a better division of units into grids.

:func:`problem_from_units` reads the question from frames, :func:`propose` answers it with a few plans.
"""

from __future__ import annotations

from gis.planning.propose.plans import Plan, Progress, ProposalSet
from gis.planning.propose.problem import Problem, problem_from_arrays, problem_from_units
from gis.planning.propose.proposing import Goal, propose

__all__ = [
    "Goal",
    "Plan",
    "Problem",
    "Progress",
    "ProposalSet",
    "problem_from_arrays",
    "problem_from_units",
    "propose",
]
