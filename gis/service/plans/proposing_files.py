"""Proposals for units that lie in a file: no database, no draft."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis.crs import STORAGE_SRID
from gis.errors import InputError
from gis.layers.files import read_layer, write_layer
from gis.layers.report import Action, ImportReport
from gis.planning.propose import Goal, Plan, Problem, Progress, ProposalSet, problem_from_units, propose
from gis.planning.propose.plans import grid_name


@dataclass(frozen=True)
class ProposedFile:
    """What was proposed, and where it was written.

    Attributes
    ----------
    proposals
        The plans.
    grids
        The file with the best plan's grids.
    units
        The file with each unit's grid, one column a plan.
    read
        The account of the units' file.
    unowned
        Units that are in no grid now, though others are, and the households in them.
    """

    proposals: ProposalSet
    grids: Path
    units: Path
    read: ImportReport
    unowned: tuple[int, int] = (0, 0)

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        return {
            "grids": str(self.grids),
            "units": str(self.units),
            **plans_as_dicts(self.proposals),
            "unowned": {"units": self.unowned[0], "households": self.unowned[1]},
            "read": self.read.as_dict(),
        }


def plans_as_dicts(found: ProposalSet) -> dict[str, Any]:
    """Tell what was proposed, JSON-ready and without the units.

    Parameters
    ----------
    found
        The proposals.

    Returns
    -------
    dict
        ``complete``, ``reasons``, and ``plans`` with ``variant``, ``feasible``, ``metrics``, ``violations``.
    """
    return {
        "complete": found.complete,
        "reasons": [reason.as_dict() for reason in found.reasons],
        "plans": [
            {
                "variant": plan.variant,
                "feasible": plan.feasible,
                "metrics": plan.metrics,
                "violations": [one.as_dict() for one in plan.violations],
            }
            for plan in found.plans
        ],
    }


def propose_file(
    units: Path,
    out: Path,
    *,
    households: str = "households",
    unit_id: str | None = None,
    current: str | None = None,
    compounds: Path | None = None,
    barriers: Path | None = None,
    crs: str | None = None,
    households_min: int = 300,
    households_max: int = 500,
    k: int | None = None,
    goal: Goal = "minimal-change",
    seconds: float = 60.0,
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> ProposedFile:
    """Propose divisions of the units in a file, and write them down.

    Parameters
    ----------
    units
        Polygons that tile the land, in any format of :mod:`gis.layers.files`.
    out
        Where the best plan's grids go; beside it, ``….units.csv`` has each unit's grid in every plan.
    households
        The units' column of households.
    unit_id
        The units' column of codes; row numbers unless given.
    current
        The units' column of their present grid.
    compounds
        Polygons with ``compound_code``, to be kept whole.
    barriers
        Lines with ``barrier_class``.
    crs
        What the files are in; needed where they do not say.
    households_min, households_max
        The limits; both ends pass.
    k
        How many grids are wanted; free unless given.
    goal
        ``minimal-change``, ``compact`` or ``balanced``.
    seconds
        The budget.
    seed
        The same seed gives the same plans.
    progress
        Told how far it is.
    cancelled
        Asked whether to stop and give the best so far.

    Returns
    -------
    ProposedFile
        The plans and the files.

    Raises
    ------
    InputError
        If a file cannot be used, or the question makes no sense.
    """
    frame, account = read_units(units, households=households, unit_id=unit_id, crs=crs)
    problem = problem_from_units(
        frame.reset_index(drop=True),
        current=current,
        compounds=None if compounds is None else read_side_layer(compounds, crs, "polygon"),
        barriers=None if barriers is None else read_side_layer(barriers, crs, "line"),
    )
    done = propose(
        problem,
        households_min=households_min,
        households_max=households_max,
        k=k,
        goal=goal,
        seconds=seconds,
        seed=seed,
        progress=progress,
        cancelled=cancelled,
    )
    write_layer(dissolve(problem, done.best, frame), out)
    table = out.with_name(f"{out.stem}.units.csv")
    columns = {f"plan_{number}": grid_names(problem, plan) for number, plan in enumerate(done.plans, start=1)}
    write_layer(pd.DataFrame({"unit_id": frame["unit_id"].tolist()} | columns), table)
    free = problem.current < 0 if problem.has_current else np.zeros(len(problem.current), dtype=bool)
    unowned = (int(free.sum()), int(problem.households[free].sum()))
    return ProposedFile(done, out, table, account, unowned)


def read_units(
    path: Path, *, households: str, unit_id: str | None, crs: str | None
) -> tuple[gpd.GeoDataFrame, ImportReport]:
    """Read a file of units.

    Parameters
    ----------
    path
        Polygons that tile the land, in any format of :mod:`gis.layers.files`.
    households
        The column of households.
    unit_id
        The column of codes; row numbers unless given.
    crs
        What it is in; needed where it does not say.

    Returns
    -------
    tuple
        ``unit_id``, ``households``, the file's other columns and geometry, indexed by row; and the account.

    Raises
    ------
    InputError
        If the file cannot be used.
    """
    fields = {"households": households} | ({"unit_id": unit_id} if unit_id else {})
    frame, account = read_layer(
        path,
        crs=crs,
        fields={ours: theirs for ours, theirs in fields.items() if ours != theirs},
        kinds={"households": "integer"},
        kind="polygon",
    )
    lost = [row for row in account.rows if row.action is Action.REFUSED]
    if lost:
        first = lost[0]
        raise InputError(
            f"{len(lost)} units cannot be used, and without them their land would belong to nobody; "
            f"row {first.row}: {first.field or ''} {first.reason}",
            where=path.name,
            mend=first.mend or "mend these rows, or take them out of the file yourself",
        )
    named = frame["unit_id"] if "unit_id" in frame else frame.index.to_series()
    return gpd.GeoDataFrame(frame.assign(unit_id=named.astype(str))), account


def read_side_layer(path: Path, crs: str | None, kind: Literal["polygon", "line"]) -> gpd.GeoDataFrame:
    """Read what stands on the land or parts it.

    Parameters
    ----------
    path
        Compounds or barriers.
    crs
        What it is in; needed where it does not say.
    kind
        ``polygon`` or ``line``.

    Returns
    -------
    geopandas.GeoDataFrame
        Its good rows.
    """
    frame, _ = read_layer(path, crs=crs, kind=kind)
    return gpd.GeoDataFrame(frame.reset_index(drop=True))


def grid_names(problem: Problem, plan: Plan) -> list[str]:
    """Name the grid of each unit in a plan.

    Parameters
    ----------
    problem
        The question.
    plan
        One of its answers.

    Returns
    -------
    list of str
        Codes of present grids, ``+1``, ``+2`` … for new ones; as long as the units.
    """
    names = {int(label): grid_name(problem, int(label)) for label in np.unique(plan.labels)}
    return [names[int(label)] for label in plan.labels]


def dissolve(problem: Problem, plan: Plan, units: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Put a plan's grids together from its units.

    Parameters
    ----------
    problem
        The question.
    plan
        One of its answers.
    units
        ``households`` and geometry, as the problem has them.

    Returns
    -------
    geopandas.GeoDataFrame
        ``grid_code``, ``households`` and geometry, by code.
    """
    names = np.asarray(grid_names(problem, plan), dtype=object)
    order = np.argsort(names, kind="stable")
    codes, starts = np.unique(names[order], return_index=True)
    parts = np.split(np.asarray(units.geometry.array, dtype=object)[order], starts[1:])
    counts = np.add.reduceat(units["households"].to_numpy(dtype=np.int64)[order], starts)
    return gpd.GeoDataFrame(
        {"grid_code": codes, "households": counts},
        geometry=[shapely.coverage_union_all(part) for part in parts],
        crs=STORAGE_SRID,
    )
