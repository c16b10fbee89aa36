"""What changes between two plans of the same units: who moves from where to where, and the land that does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis.errors import InputError
from gis.planning.draft import Texts
from gis.planning.faces import locate_points
from gis.planning.measure import Geometries, Ints, lonlat, require
from gis.planning.unit_set import UnitSet


@dataclass(frozen=True, eq=False)
class Comparison:
    """The difference between two plans.

    Attributes
    ----------
    pairs
        One row for each pair of grids between which something moves: ``from_code``, ``to_code`` (``""`` for
        no grid), ``units``, ``households`` (known), ``unknown_units``, ``residents``, ``area_m2``, and
        ``buildings`` and ``incidents`` where those were given; most households first.
    moved
        The land that changes grid, one row for each pair: the same two codes, ``households`` and geometry
        (EPSG:4490).
    totals
        The sums of ``pairs``; ``households_share`` of all households; ``grids_new`` and ``grids_gone``;
        ``staff``, how many staff serve a grid that changes, where staff were given.
    staff
        The rows of the staff whose grid gains, loses or is no more, with ``change`` (``changed`` or
        ``gone``); ``None`` where no staff were given.
    """

    pairs: pd.DataFrame
    moved: gpd.GeoDataFrame
    totals: dict[str, Any]
    staff: pd.DataFrame | None

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready, without the geometry and the persons.

        Returns
        -------
        dict
            ``totals`` and ``pairs``.
        """
        return {"totals": self.totals, "pairs": self.pairs.to_dict(orient="records")}


def compare_plans(
    units: UnitSet,
    before: Texts,
    after: Texts,
    *,
    buildings: gpd.GeoDataFrame | None = None,
    incidents: gpd.GeoDataFrame | None = None,
    staff: pd.DataFrame | None = None,
) -> Comparison:
    """Compare two plans of the same units.

    Parameters
    ----------
    units
        The units.
    before, after
        The grid code of each unit, ``""`` for none, shape (n,).
    buildings, incidents
        Counted by a point on their surface, where they are given (EPSG:4490).
    staff
        ``grid_code`` of each, where they are given.

    Returns
    -------
    Comparison
        The difference.

    Raises
    ------
    InputError
        If a plan is not one of these units.
    """
    for name, plan in (("before", before), ("after", after)):
        if len(plan) != len(units.ids):
            raise InputError(f"the plan has {len(plan)} units of {len(units.ids)}", where=name)
    rows = np.flatnonzero(before != after)
    table = pd.DataFrame({"from_code": before[rows].astype(str), "to_code": after[rows].astype(str)})
    table["units"] = 1
    households, residents = units.households[rows], units.residents[rows]
    table["households"] = np.nan_to_num(households)
    table["unknown_units"] = np.isnan(households).astype(np.int64)
    table["residents"] = np.nan_to_num(residents)
    table["area_m2"] = units.adjacency.area_m2[rows]
    for name, layer in (("buildings", buildings), ("incidents", incidents)):
        if layer is not None:
            table[name] = _held(layer, units, name)[rows]
    keys = ["from_code", "to_code"]
    pairs = table.groupby(keys, as_index=False).sum()
    pairs = pairs.sort_values(["households", *keys], ascending=[False, True, True]).reset_index(drop=True)
    moved = _moved_land(units, rows, table, pairs)
    old, new = set(before.tolist()) - {""}, set(after.tolist()) - {""}
    everyone = float(np.nansum(units.households))
    totals: dict[str, Any] = {name: float(pairs[name].sum()) for name in pairs.columns if name not in keys}
    totals["households_share"] = totals["households"] / everyone if everyone else 0.0
    totals |= {"grids_new": sorted(new - old), "grids_gone": sorted(old - new)}
    serving = None if staff is None else _staff(staff, pairs, new)
    if serving is not None:
        totals["staff"] = len(serving)
    return Comparison(pairs, moved, totals, serving)


def _held(layer: gpd.GeoDataFrame, units: UnitSet, where: str) -> Ints:
    """Count how many members of a layer each unit has."""
    points: Geometries = np.asarray(shapely.point_on_surface(lonlat(layer, where=where)), dtype=object)
    points[shapely.is_empty(points)] = None
    home = locate_points(points, units.shapes)
    return np.bincount(home[home >= 0], minlength=len(units.ids))


def _moved_land(units: UnitSet, rows: Ints, table: pd.DataFrame, pairs: pd.DataFrame) -> gpd.GeoDataFrame:
    members = table.groupby(["from_code", "to_code"]).indices
    shapes = [
        shapely.coverage_union_all(units.shapes[rows[members[a, b]]])
        for a, b in zip(pairs["from_code"], pairs["to_code"], strict=True)
    ]
    return gpd.GeoDataFrame(
        pairs[["from_code", "to_code", "households"]].copy(),
        geometry=np.array(shapes, dtype=object),
        crs=4490,
    )


def _staff(staff: pd.DataFrame, pairs: pd.DataFrame, grids_after: set[str]) -> pd.DataFrame:
    require(staff, ("grid_code",), where="staff")
    touched = set(pairs["from_code"]) | set(pairs["to_code"])
    codes = staff["grid_code"].astype(str)
    serving = staff[codes.isin(touched - {""})].copy()
    serving["change"] = np.where(serving["grid_code"].astype(str).isin(grids_after), "changed", "gone")
    return serving
