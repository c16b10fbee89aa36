"""The question that a proposal answers: these units, these households, this present plan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import geopandas as gpd
import numpy as np
import shapely

from gis.errors import InputError
from gis.planning.adjacency import Adjacency, adjacency
from gis.planning.measure import Bools, Floats, Ints, lonlat, require
from gis.planning.metrics import Division
from gis.planning.sizes import numbers
from gis.planning.validate import validate_units

_MENDS = {
    "units_overlap": "give every piece of land to one unit: QGIS' Coverage clean does it, shapely's too",
    "units_unmatched": "let neighbours share every vertex: QGIS' Coverage clean does it, shapely's too",
    "unit_duplicate": "give every unit a code of its own",
    "households_negative": "correct the count; 0 stands for a unit where nobody lives",
    "households_missing": "count them; 0 stands for a unit where nobody lives",
}
"""Rule that the units break → what to do about it."""


@dataclass(frozen=True, eq=False)
class Problem:
    """Units to be divided into grids.

    Attributes
    ----------
    unit_ids
        Of the n units.
    households
        Of each unit, whole and known, shape (n,).
    adjacency
        The units' graph with lengths, areas and parts.
    current
        The present grid of each unit as a row of ``grid_codes``, or −1; shape (n,).
    grid_codes
        Codes of the present grids.
    compounds
        The compound of each unit as a row of ``compound_codes``, or −1; shape (n,).
    compound_codes
        Codes of the compounds.
    locked
        Whether each present grid must stay as it is, shape (len(grid_codes),).
    """

    unit_ids: tuple[str, ...]
    households: Ints
    adjacency: Adjacency
    current: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    grid_codes: tuple[str, ...] = ()
    compounds: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    compound_codes: tuple[str, ...] = ()
    locked: Bools = field(default_factory=lambda: np.zeros(0, dtype=bool))

    def __post_init__(self) -> None:
        n = self.adjacency.unit_count
        for name in ("current", "compounds"):
            if not len(getattr(self, name)):
                object.__setattr__(self, name, np.full(n, -1, dtype=np.int64))
        if not len(self.locked):
            object.__setattr__(self, "locked", np.zeros(len(self.grid_codes), dtype=bool))
        lengths = {len(self.unit_ids), len(self.households), len(self.current), len(self.compounds)}
        if lengths != {n}:
            raise InputError("units, households, grids and compounds are not of one length", where="problem")
        if len(self.locked) != len(self.grid_codes):
            raise InputError("there is not one lock for each present grid", where="locked")

    @property
    def has_current(self) -> bool:
        """Whether any unit is in a grid now."""
        return bool((self.current >= 0).any())

    @cached_property
    def fixed(self) -> Bools:
        """Whether each unit is in a locked grid, shape (n,)."""
        fixed = np.zeros(len(self.current), dtype=bool)
        held = self.current >= 0
        fixed[held] = self.locked[self.current[held]]
        return fixed

    def division(self, labels: Ints, households_min: int, households_max: int) -> Division:
        """Join a labelling with what its metrics are computed from.

        Parameters
        ----------
        labels
            The grid of each unit, numbered as ``grid_codes`` and then past them; shape (n,).
        households_min, households_max
            The limits.

        Returns
        -------
        Division
            For :func:`gis.planning.metrics.measure`. A locked grid is still bound by the limits.
        """
        return Division(
            labels=labels,
            adjacency=self.adjacency,
            households=self.households.astype(np.float64),
            compounds=self.compounds if self.compound_codes else None,
            before=self.current if self.has_current else None,
            households_min=households_min,
            households_max=households_max,
        )


def problem_from_units(
    units: gpd.GeoDataFrame,
    *,
    households: str = "households",
    current: str | None = None,
    compounds: gpd.GeoDataFrame | str | None = None,
    barriers: gpd.GeoDataFrame | None = None,
    locked: Iterable[str] = (),
    tolerance_m: float = 2.0,
) -> Problem:
    """Read the question from frames.

    Parameters
    ----------
    units
        A valid coverage of polygons with ``unit_id`` (row numbers where it is missing) and households.
    households
        The column of households: whole, not negative, none missing.
    current
        The column with the code of each unit's present grid; null where it is in none.
    compounds
        Polygons with ``compound_code``, to which a unit belongs whose inner point they hold; or the name of a
        column of the units. ``compound_code`` of the units is read if neither is given and it is there.
    barriers
        Streets, rivers and walls with ``barrier_class``; without them every metre of border costs the same.
    locked
        Codes of present grids that must stay as they are.
    tolerance_m
        How far from a barrier's line a border still runs along it.

    Returns
    -------
    Problem
        In the order of the frame's rows.

    Raises
    ------
    InputError
        If units overlap or do not match, or households are missing, negative or not whole; if a locked code
        is not a present grid's.
    """
    require(units, (households,), where="units")
    frame = units.rename(columns={households: "households"}) if households != "households" else units
    if "unit_id" not in frame.columns:
        frame = frame.assign(unit_id=[f"U{row:05d}" for row in range(1, len(frame) + 1)])
    if not len(frame):
        raise InputError("there are no units", where="units", mend="make them with gis.planning.units")
    for found in validate_units(frame):
        if found.severity == "error":
            mend = _MENDS.get(found.rule, "mend the units and try again")
            raise InputError(found.words("en"), where="units", mend=mend)
    counts = numbers(frame, "households", where="units")
    if (counts != np.rint(counts)).any():
        row = int(np.flatnonzero(counts != np.rint(counts))[0])
        raise InputError(
            f"{counts[row]} is not a whole count",
            where=f"units, {frame['unit_id'].iloc[row]}",
            mend="round it",
        )
    grid_of, grid_codes = _codes(frame, current)
    compound_of, compound_codes = _compounds(frame, compounds)
    locks = {str(code) for code in locked}
    unknown = sorted(locks - set(grid_codes))
    if unknown:
        raise InputError(
            f"{unknown[0]} is not a present grid", where="locked", mend="lock a code of the current column"
        )
    return Problem(
        unit_ids=tuple(frame["unit_id"].astype(str)),
        households=counts.astype(np.int64),
        adjacency=adjacency(frame, barriers, tolerance_m=tolerance_m),
        current=grid_of,
        grid_codes=grid_codes,
        compounds=compound_of,
        compound_codes=compound_codes,
        locked=np.array([code in locks for code in grid_codes], dtype=bool),
    )


def problem_from_arrays(
    i: Ints,
    j: Ints,
    shared_length_m: Floats,
    *,
    households: Ints,
    area_m2: Floats,
    outer_m: Floats,
    cost_m: Floats | None = None,
    current: Ints | None = None,
    compounds: Ints | None = None,
    locked: Iterable[int] = (),
) -> Problem:
    """Ask for units that are known as a graph alone, each in one part.

    Parameters
    ----------
    i, j
        Pairs of units that share a border, shape (m,), each pair once.
    shared_length_m
        Metres that each pair shares, shape (m,).
    households, area_m2, outer_m
        Of each unit, shape (n,); ``outer_m`` is the border that no unit shares.
    cost_m
        What a border along each pair costs, shape (m,); the shared metres if left out.
    current, compounds
        Numbers from 0, or −1; shape (n,).
    locked
        Numbers of present grids that must stay as they are.

    Returns
    -------
    Problem
        Codes are the numbers as text.
    """
    n = len(households)
    inside = np.bincount(i, shared_length_m, n) + np.bincount(j, shared_length_m, n)
    low, high = np.minimum(i, j).astype(np.int64), np.maximum(i, j).astype(np.int64)
    order = np.lexsort((high, low))
    lengths = np.asarray(shared_length_m, dtype=np.float64)[order]
    graph = Adjacency(
        i=low[order],
        j=high[order],
        shared_length_m=lengths,
        cost_m=lengths.copy() if cost_m is None else np.asarray(cost_m, dtype=np.float64)[order],
        off_street_m=None,
        area_m2=np.asarray(area_m2, dtype=np.float64),
        perimeter_m=np.asarray(outer_m, dtype=np.float64) + inside,
        outer_m=np.asarray(outer_m, dtype=np.float64),
        part_unit=np.arange(n),
        part_i=low[order],
        part_j=high[order],
    )
    nothing = np.full(n, -1, dtype=np.int64)
    before = nothing if current is None else np.asarray(current, dtype=np.int64)
    walled = nothing if compounds is None else np.asarray(compounds, dtype=np.int64)
    locks = np.zeros(int(before.max(initial=-1)) + 1, dtype=bool)
    locks[list(locked)] = True
    return Problem(
        unit_ids=tuple(str(unit) for unit in range(n)),
        households=np.asarray(households, dtype=np.int64),
        adjacency=graph,
        current=before,
        grid_codes=tuple(str(grid) for grid in range(len(locks))),
        compounds=walled,
        compound_codes=tuple(str(one) for one in range(int(walled.max(initial=-1)) + 1)),
        locked=locks,
    )


def _codes(frame: gpd.GeoDataFrame, column: str | None) -> tuple[Ints, tuple[str, ...]]:
    """Give the codes of a column numbers in ascending order; −1 where there is none."""
    if column is None:
        return np.full(len(frame), -1, dtype=np.int64), ()
    require(frame, (column,), where="units")
    given = frame[column]
    known = given.notna().to_numpy() & (given.astype(str).str.strip() != "").to_numpy()
    names, number = np.unique(given[known].astype(str).to_numpy(dtype=object), return_inverse=True)
    found = np.full(len(frame), -1, dtype=np.int64)
    found[known] = number
    return found, tuple(str(name) for name in names)


def _compounds(
    frame: gpd.GeoDataFrame, compounds: gpd.GeoDataFrame | str | None
) -> tuple[Ints, tuple[str, ...]]:
    if compounds is None:
        return _codes(frame, "compound_code" if "compound_code" in frame.columns else None)
    if isinstance(compounds, str):
        return _codes(frame, compounds)
    require(compounds, ("compound_code",), where="compounds")
    points = shapely.point_on_surface(lonlat(frame, where="units"))
    unit, area = shapely.STRtree(lonlat(compounds, where="compounds")).query(points, predicate="intersects")
    # Compounds that overlap: the first in the layer's order has the unit.
    found = np.full(len(frame), len(compounds), dtype=np.int64)
    np.minimum.at(found, unit, area)
    found[found == len(compounds)] = -1
    return found, tuple(compounds["compound_code"].astype(str))
