"""The plans that are handed out: the best, and those really different from it and each other."""

from __future__ import annotations

from gis.planning.propose.plans import Plan, difference
from gis.planning.propose.run import Run

DIFFERENT = 0.02
"""Two plans are different where at least this share of households is grouped otherwise."""


def different_plans(run: Run) -> tuple[Plan, ...]:
    """Keep the best plan and those that are really different from it and from each other.

    Parameters
    ----------
    run
        What was found.

    Returns
    -------
    tuple of Plan
        One to five, the best first.
    """
    plans = [run.plan()]
    others = []
    for name, parts in run.variants.items():
        newest = [
            parts[number][-1] if parts.get(number) else run.best[number]
            for number in range(len(run.components))
        ]
        others.append(run.plan("alternative" if name == "best" else name, newest))
        # What one chain came to, beside what was chosen out of all.
        first = [
            min(parts[number], key=lambda label: run.priced(number, label, run.own))
            if parts.get(number)
            else run.best[number]
            for number in range(len(run.components))
        ]
        others.append(run.plan("alternative", first))
        others += [
            run.plan("alternative", [parts[0][one]])
            for one in range(len(parts.get(0, [])) if len(run.components) == 1 else 0)
        ][:4]
    others.sort(key=lambda plan: (not plan.feasible, plan.variant == "alternative"))
    for plan in others:
        if plans[0].feasible and not plan.feasible:
            continue
        if all(difference(run.problem, plan.labels, one.labels) >= DIFFERENT for one in plans):
            plans.append(plan)
        if len(plans) == 5:
            break
    return tuple(plans)
