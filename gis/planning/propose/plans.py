"""What a proposal answers: plans with their figures, their faults, and how different they are."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gis.planning.measure import Ints
from gis.planning.metrics import match_labels, measure
from gis.planning.propose._arrays import Labels
from gis.planning.propose.atoms import Contracted
from gis.planning.propose.problem import Problem
from gis.planning.propose.reasons import Reason
from gis.planning.report import Severity, Violation


@dataclass(frozen=True, eq=False)
class Plan:
    """One division of the units into grids.

    Attributes
    ----------
    variant
        What it is best at: ``best``, ``least_change``, ``short_border``, ``compact``, ``even``, ``fewer`` or
        ``alternative``; its words are the text ``proposals.variant.<variant>``.
    labels
        The grid of each unit, shape (n,): a row of the problem's ``grid_codes``, or a number past them for a
        new grid.
    metrics
        Figures by their key in :data:`gis.planning.metrics.METRICS`, and ``price_m`` (what the search
        minimised for the goal, in metres), ``bound_m`` and ``gap`` where a bound was computed.
    violations
        What it breaks, in words; empty where every rule is kept.
    """

    variant: str
    labels: Ints
    metrics: dict[str, float | int | None]
    violations: tuple[Violation, ...] = ()

    @property
    def feasible(self) -> bool:
        """Whether every rule is kept, but for what no plan could keep."""
        return not any(found.severity is Severity.ERROR for found in self.violations)


@dataclass(frozen=True, eq=False)
class ProposalSet:
    """The answer.

    Attributes
    ----------
    plans
        Three to five really different ones where there are so many, the best for the goal first.
    reasons
        What cannot be at all, in words, whichever plan is chosen.
    goal, seed
        As asked.
    complete
        Whether the whole budget of work was done. If so, the same seed gives the same plans on any machine;
        if the clock or a person stopped it, they depend on how far it came.
    """

    plans: tuple[Plan, ...]
    reasons: tuple[Violation, ...]
    goal: str
    seed: int
    complete: bool = True
    seconds: float = 0.0

    @property
    def best(self) -> Plan:
        """The best plan for the goal."""
        return self.plans[0]


@dataclass(frozen=True, eq=False)
class Progress:
    """How far a proposal has come.

    Attributes
    ----------
    stage
        ``first``, ``search``, ``combine`` or ``bound``.
    done
        Share of the work, 0 to 1.
    best
        The best plan so far; ``None`` only before the first.
    """

    stage: str
    done: float
    best: Plan | None = field(default=None)


def describe(
    problem: Problem,
    contracted: Contracted,
    label_of: list[Labels],
    variant: str,
    households_min: int,
    households_max: int,
) -> Plan:
    """Put the components together and measure the whole.

    Parameters
    ----------
    problem
        The question.
    contracted
        Its components.
    label_of
        For each component the grid of each atom, numbered at will.
    variant
        What the plan is best at.
    households_min, households_max
        The limits.

    Returns
    -------
    Plan
        Grids keep the code of the present grid that they share most households with.
    """
    labels = contracted.settled.copy()
    past = contracted.next_number
    for component, label in zip(contracted.components, label_of, strict=True):
        _, number = np.unique(label, return_inverse=True)
        labels[component.units] = past + number[component.atom_of]
        past += int(number.max(initial=-1)) + 1
    free = contracted.settled < 0
    if free.any():
        before = problem.current[free]
        matched = match_labels(before, labels[free], problem.households[free].astype(np.float64))
        known = int(before.max(initial=-1)) + 1
        # Numbers that match_labels gave to new grids must not meet those of locked or oversized ones.
        _, fresh = np.unique(matched[matched >= known], return_inverse=True)
        matched[matched >= known] = contracted.next_number + fresh
        labels[free] = matched
    return measured(problem, labels, variant, households_min, households_max, contracted.loose)


def measured(
    problem: Problem,
    labels: Ints,
    variant: str,
    households_min: int,
    households_max: int,
    loose: Ints,
) -> Plan:
    """Measure a labelling and name what it breaks.

    Parameters
    ----------
    problem
        The question.
    labels
        The grid of each unit.
    variant
        What the plan is best at.
    households_min, households_max
        The limits.
    loose
        How many pieces of each unit nothing can join, shape (n,).

    Returns
    -------
    Plan
        With figures and violations.
    """
    division = problem.division(labels, households_min, households_max)
    found: list[Violation] = []
    sizes = division.sizes
    for grid in np.flatnonzero(division.bound & ~division.in_range):
        facts = {"households": int(sizes[grid]), "minimum": households_min, "maximum": households_max}
        rule = "size_below" if sizes[grid] < households_min else "size_above"
        found.append(Violation(rule, Severity.ERROR, (grid_name(problem, int(grid)),), facts))
    for grid in np.flatnonzero(division.parts > 1):
        # What only a virtual join holds together is a fact of the land and not of the plan.
        apart = int(division.parts[grid]) - int(loose[labels == grid].sum())
        severity = Severity.ERROR if apart > 1 else Severity.WARNING
        pieces = {"count": int(division.parts[grid])}
        found.append(Reason("grid_parts", severity, (grid_name(problem, int(grid)),), pieces))
    if problem.compound_codes:
        for compound in division.compounds_cut:
            grids = np.unique(labels[problem.compounds == compound])
            cutters = {"grids": "、".join(grid_name(problem, int(grid)) for grid in grids)}
            found.append(
                Reason("compound_cut", Severity.WARNING, (problem.compound_codes[compound],), cutters)
            )
    return Plan(variant, labels, measure(division), tuple(found))


def grid_name(problem: Problem, grid: int) -> str:
    """Name a grid of a plan.

    Parameters
    ----------
    problem
        The question.
    grid
        A number in ``labels``.

    Returns
    -------
    str
        Its code, or ``+1``, ``+2`` … for new ones.
    """
    known = len(problem.grid_codes)
    return problem.grid_codes[grid] if grid < known else f"+{grid - known + 1}"


def difference(problem: Problem, one: Ints, other: Ints) -> float:
    """Measure how different two plans are.

    Parameters
    ----------
    problem
        The question.
    one, other
        The grid of each unit in each.

    Returns
    -------
    float
        The share of households that lie in another grid after the grids were matched as well as they can be.
    """
    households = problem.households.astype(np.float64)
    # Matching starts from 0: grids past the known codes may leave gaps.
    one = np.unique(one, return_inverse=True)[1].astype(np.int64)
    other = np.unique(other, return_inverse=True)[1].astype(np.int64)
    matched = match_labels(one, other, households)
    return float(households[matched != one].sum() / max(float(households.sum()), 1.0))
