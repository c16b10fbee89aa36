"""Proposals for units that lie in a file: no database, no draft."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis.crs import STORAGE_SRID
from gis.layers.files import read_layer, write_layer
from gis.layers.report import ImportReport
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
    """

    proposals: ProposalSet
    grids: Path
    units: Path
    read: ImportReport

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        return {
            "grids": str(self.grids),
            "units": str(self.units),
            "complete": self.proposals.complete,
            "reasons": [reason.as_dict() for reason in self.proposals.reasons],
            "plans": [
                {
                    "variant": plan.variant,
                    "feasible": plan.feasible,
                    "metrics": plan.metrics,
                    "violations": [found.as_dict() for found in plan.violations],
                }
                for plan in self.proposals.plans
            ],
            "read": self.read.as_dict(),
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
    fields = {"households": households} | ({"unit_id": unit_id} if unit_id else {})
    frame, account = read_layer(
        units,
        crs=crs,
        fields={ours: theirs for ours, theirs in fields.items() if ours != theirs},
        kinds={"households": "integer"},
        kind="polygon",
    )
    problem = problem_from_units(
        gpd.GeoDataFrame(frame.reset_index(drop=True)),
        current=current,
        compounds=None if compounds is None else _layer(compounds, crs, "polygon"),
        barriers=None if barriers is None else _layer(barriers, crs, "line"),
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
    shapes = np.asarray(frame.geometry.array, dtype=object)
    write_layer(_grids(problem, done.best, shapes, frame["households"]), out)
    table = out.with_name(f"{out.stem}.units.csv")
    columns = {f"plan_{number}": _names(problem, plan) for number, plan in enumerate(done.plans, start=1)}
    named = frame["unit_id"].astype(str).tolist() if "unit_id" in frame else list(map(str, frame.index))
    write_layer(pd.DataFrame({"unit_id": named} | columns), table)
    return ProposedFile(done, out, table, account)


def _layer(path: Path, crs: str | None, kind: Any) -> gpd.GeoDataFrame:
    frame, _ = read_layer(path, crs=crs, kind=kind)
    return gpd.GeoDataFrame(frame.reset_index(drop=True))


def _names(problem: Problem, plan: Plan) -> list[str]:
    names = {int(label): grid_name(problem, int(label)) for label in np.unique(plan.labels)}
    return [names[int(label)] for label in plan.labels]


def _grids(problem: Problem, plan: Plan, shapes: Any, households: pd.Series) -> gpd.GeoDataFrame:
    names = np.asarray(_names(problem, plan), dtype=object)
    order = np.argsort(names, kind="stable")
    codes, starts = np.unique(names[order], return_index=True)
    parts = np.split(shapes[order], starts[1:])
    counts = np.add.reduceat(households.to_numpy(dtype=np.int64)[order], starts)
    return gpd.GeoDataFrame(
        {"grid_code": codes, "households": counts},
        geometry=[shapely.coverage_union_all(part) for part in parts],
        crs=STORAGE_SRID,
    )
