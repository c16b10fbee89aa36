"""A stored plan in memory: the pure draft, the edition that it is compared with, and who works where.

What an edit does is :mod:`gis.planning.history`'s business. Here it is put beside what is stored: the plan's
row and version, the grid of the base edition that each unit lies in, and the staff that a planner asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis.layers.frames import as_multi
from gis.planning.draft import Draft, Entry
from gis.planning.faces import locate_points
from gis.planning.metrics import Division, households_moved, measure
from gis.service.plans.plan_rows import UNIT_COLUMNS, PlanRow, Rewrite, Step
from gis.terms import GridType

Labels = NDArray[np.object_]
"""The grid of each unit, ``""`` for none; shape (n,)."""


@dataclass(frozen=True, eq=False)
class PlanDraft:
    """A plan as it stands at one version.

    Attributes
    ----------
    row
        The plan's own row.
    core
        The draft: its units, who owns each, and its log.
    base
        The code of the grid of the base edition that each unit lies in, ``""`` for none; shape (n,).
    base_grids
        The basic grids of the base edition.
    streets
        Streets and other barriers, for the cost of borders; None where there are none.
    """

    row: PlanRow
    core: Draft
    base: Labels
    base_grids: gpd.GeoDataFrame
    streets: gpd.GeoDataFrame | None

    @property
    def labels(self) -> Labels:
        """The grid of each unit, ``""`` for none; shape (n,)."""
        return self.core.owner

    @property
    def codes(self) -> list[str]:
        """The codes of the plan's grids, ascending."""
        return sorted(self.core.grids)

    @property
    def unit_ids(self) -> list[str]:
        """The units' ids."""
        return self.core.units.ids

    @property
    def shapes(self) -> NDArray[np.object_]:
        """The units' polygons in degrees, shape (n,)."""
        return self.core.units.shapes

    @property
    def area_m2(self) -> NDArray[np.float64]:
        """The units' areas, shape (n,)."""
        return self.core.units.adjacency.area_m2

    @property
    def households(self) -> NDArray[np.float64]:
        """Of each unit, NaN where unknown, shape (n,)."""
        return self.core.units.households

    @cached_property
    def base_names(self) -> dict[str, str]:
        """Code → name of the basic grids of the base edition."""
        return {
            str(code): "" if pd.isna(name) else str(name)
            for code, name in zip(self.base_grids["grid_code"], self.base_grids["name"], strict=True)
        }

    @cached_property
    def staff(self) -> dict[str, str]:
        """Appointment → the grid that it was asked for, as the log stands."""
        asked: dict[str, str | None] = {}
        for entry in standing_entries(self.core.log):
            for post, pair in (entry.get("staff") or {}).items():
                asked[post] = pair[1]
        return {post: code for post, code in asked.items() if code is not None}

    @cached_property
    def stacks(self) -> tuple[list[int], list[int]]:
        """Places in the log of what can be undone and redone, the next one last."""
        return log_stacks(self.core.log)

    @cached_property
    def totals(self) -> list[dict[str, Any]]:
        """What every grid is and holds, JSON-ready, by code."""
        residents = self._residents()
        found = []
        for code in self.codes:
            figures = self.core.standing.figures(code)
            info = self.core.grids[code]
            if figures is None:
                continue
            found.append(
                {
                    "label": code,
                    "grid_type": info.grid_type,
                    "name": info.name,
                    "colour_theme": info.colour_theme,
                    "locked": info.locked,
                    "predecessors": list(info.predecessors),
                    "staff": sorted(post for post, place in self.staff.items() if place == code),
                    "residents": residents[code],
                    **figures,
                    "area_m2": round(figures["area_m2"], 1),
                    "households": int(figures["households"]),
                }
            )
        return found

    @cached_property
    def compared(self) -> Division:
        """The division with the base edition's beside it, for what is counted as moved."""
        gone = sorted(set(self.base.tolist()) - set(self.core.codes) - {""})
        place = {code: number for number, code in enumerate([*self.core.codes, *gone])}
        before = np.array([place.get(code, -1) for code in self.base.tolist()], dtype=np.int64)
        return replace(self.core.division, before=before)

    @cached_property
    def figures(self) -> dict[str, float | int | None]:
        """Every metric; see :data:`gis.planning.metrics.METRICS`."""
        return measure(self.compared)

    @property
    def households_moved(self) -> int:
        """Households whose grid is another one than in the base edition."""
        division = self.compared
        before = division.labels if division.before is None else division.before
        return int(households_moved(before, division.labels, self.households))

    def after(self, core: Draft, row: PlanRow) -> PlanDraft:
        """Return the plan with another state of its draft.

        Parameters
        ----------
        core
            The draft after a step.
        row
            The plan's row after it.

        Returns
        -------
        PlanDraft
            The same plan, a step on.
        """
        base = self.base
        if core.units is not self.core.units:
            old, new = _same_units(self.core, core)
            base = np.full(len(core.units.ids), "", dtype=object)
            base[new] = self.base[old]
            fresh = np.setdiff1d(np.arange(len(base)), new)
            base[fresh] = base_labels(core.units.shapes[fresh], self.base_grids)
        return replace(self, core=core, row=row, base=base)

    def _residents(self) -> dict[str, int]:
        known = np.nan_to_num(self.core.units.residents)
        sums = self.core.standing.residents_of(known)
        return {code: int(value) for code, value in zip(self.core.codes, sums, strict=True)}


def rewrite_between(before: Draft, after: Draft) -> Rewrite:
    """Tell which stored units differ between two states of a draft.

    Parameters
    ----------
    before, after
        The states.

    Returns
    -------
    Rewrite
        What has to be written.
    """
    if before.units is after.units:
        moved = np.flatnonzero(before.owner != after.owner)
        return Rewrite({after.units.ids[row]: after.owner[row] or None for row in moved.tolist()})
    old, new = _same_units(before, after)
    moved = np.flatnonzero(before.owner[old] != after.owner[new])
    ids = after.units.ids
    fresh = np.setdiff1d(np.arange(len(ids)), new).tolist()
    gone = np.setdiff1d(np.arange(len(before.units.ids)), old).tolist()
    return Rewrite(
        {ids[row]: after.owner[row] or None for row in new[moved].tolist()},
        tuple(sorted(before.units.ids[row] for row in gone)),
        stored_units(after, fresh) if fresh else None,
    )


def _same_units(before: Draft, after: Draft) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Find the units that two states share, name and shape: their rows in each, shape (m,)."""
    place = before.units.row_of
    pairs = [(place[name], row) for name, row in after.units.row_of.items() if name in place]
    old, new = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
    one, other = before.units.shapes[old], after.units.shapes[new]
    # What an edit left alone is the very same object; only the others have to be looked at.
    same = np.fromiter((a is b for a, b in zip(one, other, strict=True)), dtype=bool, count=len(one))
    same[~same] = shapely.equals_exact(one[~same], other[~same])
    return old[same], new[same]


def stored_units(draft: Draft, rows: Sequence[int]) -> gpd.GeoDataFrame:
    """Give units as they are stored.

    Parameters
    ----------
    draft
        The draft.
    rows
        Which of its units.

    Returns
    -------
    geopandas.GeoDataFrame
        :data:`gis.service.plans.plan_rows.UNIT_COLUMNS` and geometry (EPSG:4490).
    """
    places = np.asarray(rows, dtype=np.intp)
    frame = draft.units.frame
    columns = {
        name: frame[name].to_numpy(dtype=object)[places].tolist() if name in frame.columns else None
        for name in UNIT_COLUMNS
    }
    columns["label"] = [code or None for code in draft.owner[places].tolist()]
    table = pd.DataFrame(columns, index=pd.RangeIndex(len(places)), dtype=object)
    return gpd.GeoDataFrame(table, geometry=as_multi(draft.units.shapes[places]), crs=4490)


def base_labels(shapes: NDArray[np.object_], grids: gpd.GeoDataFrame) -> Labels:
    """Tell which basic grid of an edition each unit lies in, by a point on its surface.

    Parameters
    ----------
    shapes
        The units' polygons in degrees, shape (n,).
    grids
        The frame ``grids``.

    Returns
    -------
    numpy.ndarray
        Codes, ``""`` for none; shape (n,).
    """
    basic = grids[grids["grid_type"] == GridType.BASIC].sort_values("grid_code")
    points = np.asarray(shapely.point_on_surface(shapes), dtype=object)
    found = locate_points(points, np.asarray(basic.geometry.array, dtype=object))
    codes = [*basic["grid_code"].astype(str), ""]
    return np.array([codes[place] for place in found.tolist()], dtype=object)


def log_stacks(log: Sequence[Entry]) -> tuple[list[int], list[int]]:
    """Tell which entries of a log stand, and which were taken back and can be done again.

    Parameters
    ----------
    log
        As :class:`gis.planning.draft.Draft` holds it.

    Returns
    -------
    tuple of list
        Their places in the log, the latest last.
    """
    done: list[int] = []
    undone: list[int] = []
    for place, entry in enumerate(log):
        if entry["op"] == "undo":
            undone.append(done.pop())
        elif entry["op"] == "redo":
            done.append(undone.pop())
        else:
            done.append(place)
            undone.clear()
    return done, undone


def standing_entries(log: Sequence[Entry]) -> list[Entry]:
    """Pick the entries of a log that were not taken back.

    Parameters
    ----------
    log
        As :class:`gis.planning.draft.Draft` holds it.

    Returns
    -------
    list of dict
        In order.
    """
    return [log[place] for place in sorted(log_stacks(log)[0])]


def log_of(steps: Sequence[Step]) -> tuple[Entry, ...]:
    """Take the draft's log out of a plan's steps.

    Parameters
    ----------
    steps
        All of them, in order.

    Returns
    -------
    tuple of dict
        Without those that stand aside.
    """
    return tuple(step.entry for step in steps if not step.is_aside)
