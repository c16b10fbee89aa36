"""Proposals for a whole district that lies in a file: every community by itself, so many at a time.

The file is read once, by a process that ends when it has laid it down in one piece a community; from then on
each process holds one of them, and lays its answer beside it. What is held here at the end is the grids, some
hundreds of rows.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis.crs import STORAGE_SRID
from gis.errors import InputError
from gis.layers.files import write_layer
from gis.layers.report import ImportReport
from gis.planning.propose import (
    CommunityAnswer,
    DistrictProgress,
    Problem,
    ProposalSet,
    problem_from_units,
    propose_district,
)
from gis.service.plans.proposing_files import (
    dissolve,
    grid_names,
    plans_as_dicts,
    read_side_layer,
    read_units,
)


@dataclass(frozen=True)
class ProposedDistrict:
    """What was proposed, and where it was written.

    Attributes
    ----------
    answers
        What became of each community, by code; ``kept`` is a dict with ``feasible``, ``complete``, ``grids``
        (how many), ``reasons`` and ``plans``.
    grids
        The file with the grids of every community's best plan; None where no community has one.
    units
        The file with each unit's grid, one column a plan; None likewise.
    read
        The account of the units' file.
    """

    answers: tuple[CommunityAnswer[dict[str, Any]], ...]
    grids: Path | None
    units: Path | None
    read: ImportReport

    @property
    def feasible(self) -> bool:
        """Whether every community has a plan that keeps every rule."""
        return all(one.kept is not None and one.kept["feasible"] for one in self.answers)

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        return {
            "grids": None if self.grids is None else str(self.grids),
            "units": None if self.units is None else str(self.units),
            "communities": {
                one.community_code: {"peak_mb": one.peak_mb}
                | (one.kept or {})
                | ({} if one.error is None else one.error.as_dict())
                for one in self.answers
            },
            "read": self.read.as_dict(),
        }


def propose_district_file(
    units: Path,
    out: Path,
    *,
    community: str,
    households: str = "households",
    unit_id: str | None = None,
    current: str | None = None,
    compounds: Path | None = None,
    barriers: Path | None = None,
    crs: str | None = None,
    processes: int | None = None,
    seed: int = 0,
    progress: Callable[[DistrictProgress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    **options: Any,
) -> ProposedDistrict:
    """Propose divisions of a district's units, community by community, and write them down.

    Parameters
    ----------
    units, out
        As for :func:`gis.service.plans.proposing_files.propose_file`.
    community
        The units' column with their community.
    households, unit_id, current, compounds, barriers, crs
        As for that function.
    processes
        At a time; the number of cores unless given.
    seed
        The same seed gives the same plans.
    progress
        Told whenever a community has got further.
    cancelled
        Asked whether to stop: what is under way gives its best so far, the rest is not begun.
    **options
        ``goal``, ``seconds`` (for each community), ``k``, ``households_min``, ``households_max``.

    Returns
    -------
    ProposedDistrict
        What became of each community, and the files.

    Raises
    ------
    InputError
        If a file cannot be used as a whole; what is wrong with one community is its answer.
    """
    with tempfile.TemporaryDirectory(prefix="wangge-district-") as folder:
        room = Path(folder)
        sides = {"compounds": (compounds, "polygon"), "barriers": (barriers, "line")}
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=spawn) as reader:
            laid = reader.submit(_lay_down, room, units, community, households, unit_id, crs, sides)
            codes, read = laid.result()
        found = propose_district(
            codes,
            partial(_problem, room, codes, current),
            partial(_keep, room, codes),
            processes=processes,
            seed=seed,
            progress=progress,
            cancelled=cancelled,
            **options,
        )
        answers = tuple(sorted(found, key=lambda one: one.community_code))
        done = [one.community_code for one in answers if one.kept is not None]
        table = out.with_name(f"{out.stem}.units.csv")
        if done:
            grids = [gpd.read_parquet(_piece(room, codes, code, "grids")) for code in done]
            write_layer(gpd.GeoDataFrame(pd.concat(grids, ignore_index=True), crs=STORAGE_SRID), out)
            rows = [pd.read_parquet(_piece(room, codes, code, "rows")) for code in done]
            write_layer(pd.concat(rows, ignore_index=True), table)
    return ProposedDistrict(answers, out if done else None, table if done else None, read)


def _lay_down(
    room: Path,
    units: Path,
    community: str,
    households: str,
    unit_id: str | None,
    crs: str | None,
    sides: dict[str, tuple[Path | None, Any]],
) -> tuple[list[str], ImportReport]:
    """Read the files once and lay down a piece of each for every community."""
    frame, read = read_units(units, households=households, unit_id=unit_id, crs=crs)
    if community not in frame.columns:
        names = ", ".join(str(name) for name in frame.columns if name != "geometry")
        raise InputError(f"the units have no column {community}", where=units.name, mend=f"one of {names}")
    homeless = frame[community].isna()
    if homeless.any():
        raise InputError(
            f"{int(homeless.sum())} units name no community, the first in row {frame.index[homeless][0]}",
            where=units.name,
            mend=f"fill in the column {community}, or leave these rows out",
        )
    homes = frame[community].astype(str)
    codes = sorted(set(homes))
    layers = {
        name: read_side_layer(path, crs, kind) for name, (path, kind) in sides.items() if path is not None
    }
    for code in codes:
        part = frame[homes == code].reset_index(drop=True)
        part.to_parquet(_piece(room, codes, code, "units"))
        around = shapely.box(*part.total_bounds)
        for name, layer in layers.items():
            near = layer.iloc[np.sort(layer.sindex.query(around, predicate="intersects"))]
            near.to_parquet(_piece(room, codes, code, name))
    return codes, read


def _piece(room: Path, codes: list[str], code: str, kind: str) -> Path:
    """Name a file of a community; by its number, since its code is whatever the file says."""
    return room / f"{codes.index(code)}.{kind}.parquet"


def _problem(room: Path, codes: list[str], current: str | None, code: str) -> Problem:
    units = gpd.read_parquet(_piece(room, codes, code, "units"))
    sides = {}
    for name in ("compounds", "barriers"):
        path = _piece(room, codes, code, name)
        if path.exists() and len(layer := gpd.read_parquet(path)):
            sides[name] = layer
    return problem_from_units(units, current=current, **sides)


def _keep(room: Path, codes: list[str], code: str, problem: Problem, found: ProposalSet) -> dict[str, Any]:
    units = gpd.read_parquet(_piece(room, codes, code, "units"))
    grids = dissolve(problem, found.best, units)
    grids.insert(0, "community_code", code)
    grids.to_parquet(_piece(room, codes, code, "grids"))
    names = {f"plan_{number}": grid_names(problem, plan) for number, plan in enumerate(found.plans, start=1)}
    rows = pd.DataFrame({"community_code": code, "unit_id": list(problem.unit_ids)} | names)
    rows.to_parquet(_piece(room, codes, code, "rows"))
    return {"feasible": found.best.feasible, "grids": len(grids)} | plans_as_dicts(found)
