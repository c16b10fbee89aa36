"""How many households each grid has, and what that is against the limits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis.errors import InputError
from gis.planning.measure import Bools, Floats, Geometries, Ints, lonlat, require, sum_by
from gis.planning.report import Severity, Verdict, Violation
from gis.terms import GridType


@dataclass(frozen=True, eq=False)
class Counts:
    """What was counted in each grid.

    Attributes
    ----------
    owner
        The grid of each counted row (basic or exclusive), or -1; shape (r,).
    households, residents
        Of each grid, shape (n,): the sum over the rows whose count is known; NaN where no row's is, though
        there are rows.
    rows
        How many rows were counted in each grid, shape (n,).
    unknown
        How many of them have no count of households, shape (n,).
    counted_on
        The oldest count in each grid, or ``None``; shape (n,).
    lost_households
        Households of rows that are in no grid.
    lost_rows
        How many rows are in no grid.
    """

    owner: Ints
    households: Floats
    residents: Floats
    rows: Ints
    unknown: Ints
    counted_on: list[Any]
    lost_households: float
    lost_rows: int


def numbers(frame: pd.DataFrame, column: str, *, where: str) -> Floats:
    """Read a column of counts.

    Parameters
    ----------
    frame
        A layer.
    column
        Its column; all unknown where it is missing.
    where
        The layer's name, for the message.

    Returns
    -------
    numpy.ndarray
        float64, NaN where unknown, shape (n,).

    Raises
    ------
    InputError
        If a count is negative, infinite or no number.
    """
    if column not in frame.columns:
        return np.full(len(frame), np.nan)
    values = pd.to_numeric(frame[column], errors="coerce").astype("Float64").to_numpy(float, na_value=np.nan)
    wrong = frame[column].notna().to_numpy() & ~(values >= 0) | np.isinf(values)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"{frame[column].iloc[row]!r} is not a count of {column}",
            where=f"{where}, row {row + 1}",
            mend="give 0 or more, or leave it empty where it is not known",
        )
    return np.asarray(values, dtype=np.float64)


def own_points(rows: gpd.GeoDataFrame, *, where: str) -> Geometries:
    """Give the point that decides which grid each row belongs to.

    Parameters
    ----------
    rows
        Buildings or units. A second geometry column ``point`` (such as a centre of population) is used
        where it is there; else a point on the surface.
    where
        The layer's name, for messages.

    Returns
    -------
    numpy.ndarray
        Points in degrees, shape (r,); ``None`` where there is no geometry.
    """
    if "point" in rows.columns and rows.geometry.name != "point":
        return lonlat(rows.set_geometry("point"), where=where)
    points: Geometries = np.asarray(shapely.point_on_surface(lonlat(rows, where=where)), dtype=object)
    points[shapely.is_empty(points)] = None
    return points


def assign_rows(
    rows: gpd.GeoDataFrame, codes: list[str], shapes: Geometries, order: Ints, *, where: str
) -> Ints:
    """Tell which grid each building or unit belongs to.

    Parameters
    ----------
    rows
        Buildings or units. Where a row's own ``grid_code`` says, that holds; else its point decides.
    codes
        Codes of the grids, length n.
    shapes
        Their polygons in degrees, shape (n,).
    order
        Which grids may own a row, the preferred first: of two that hold a point the earlier owns it.
    where
        The layer's name, for messages.

    Returns
    -------
    numpy.ndarray
        Index of the grid, or -1; shape (r,).
    """
    owner = np.full(len(rows), -1, dtype=np.int64)
    said: Bools = np.zeros(len(rows), dtype=bool)
    if "grid_code" in rows.columns:
        column = rows["grid_code"]
        said = (column.notna() & (column.astype(str).str.strip() != "")).to_numpy()
        index_of = {codes[index]: int(index) for index in order[::-1]}
        owner[said] = [index_of.get(str(code).strip(), -1) for code in column[said]]
    if not said.all() and len(order):
        points = own_points(rows, where=where)[~said]
        point, rank = shapely.STRtree(shapes[order]).query(points, predicate="intersects")
        best = np.full(len(points), len(order), dtype=np.int64)
        np.minimum.at(best, point, rank)
        owner[~said] = np.where(best < len(order), order[np.minimum(best, len(order) - 1)], -1)
    return owner


def count_rows(
    rows: gpd.GeoDataFrame, codes: list[str], types: list[str], shapes: Geometries, *, where: str
) -> Counts:
    """Count households and residents of every grid.

    Parameters
    ----------
    rows
        Buildings or units with ``households`` and, where they are known, ``residents``, ``counted_on`` and
        ``grid_code``.
    codes, types
        Of the grids, length n. A row in an exclusive grid is counted there and not in the basic grid
        beneath; micro grids are counted again on their own.
    shapes
        Their polygons in degrees, shape (n,).
    where
        The layer's name, for messages.

    Returns
    -------
    Counts
        In the order of the grids.
    """
    require(rows, ("households",), where=where)
    n = len(codes)
    households, residents = (numbers(rows, name, where=where) for name in ("households", "residents"))
    kind = np.array(types, dtype=object)
    by_code = np.argsort(np.array(codes, dtype=str), kind="stable")
    ordered = [by_code[kind[by_code] == name] for name in (GridType.EXCLUSIVE, GridType.BASIC)]
    owner = assign_rows(rows, codes, shapes, np.concatenate(ordered), where=where)
    micro = by_code[kind[by_code] == GridType.MICRO]
    memberships = [owner]
    if len(micro):
        memberships.append(
            assign_rows(rows.drop(columns="grid_code", errors="ignore"), codes, shapes, micro, where=where)
        )
    grid = np.concatenate([member[member >= 0] for member in memberships])
    row = np.concatenate([np.flatnonzero(member >= 0) for member in memberships])
    held = np.bincount(grid, minlength=n)
    dates: list[Any] = [None] * n
    if "counted_on" in rows.columns:
        day = pd.to_datetime(rows["counted_on"], errors="coerce").iloc[row].reset_index(drop=True)
        for index, oldest in day.groupby(grid).min().dropna().items():
            dates[int(str(index))] = oldest.date()
    return Counts(
        owner=owner,
        households=_known_sum(grid, households[row], held),
        residents=_known_sum(grid, residents[row], held),
        rows=held,
        unknown=np.bincount(grid[np.isnan(households[row])], minlength=n),
        counted_on=dates,
        lost_households=float(np.nansum(households[owner < 0])),
        lost_rows=int((owner < 0).sum()),
    )


def _known_sum(grid: Ints, values: Floats, held: Ints) -> Floats:
    known = ~np.isnan(values)
    total = sum_by(grid[known], values[known], len(held))
    total[(np.bincount(grid[known], minlength=len(held)) == 0) & (held > 0)] = np.nan
    return total


def verdict_of(
    households: float, unknown: int, grid_type: str, households_min: int, households_max: int
) -> Verdict:
    """Judge one grid's size.

    Parameters
    ----------
    households
        The sum over what is known, NaN where nothing is.
    unknown
        How many buildings have no count.
    grid_type
        Only basic grids are bound by the limits.
    households_min, households_max
        The limits; both ends pass.

    Returns
    -------
    Verdict
        Above where what is known is already too much; unknown where the rest could decide.
    """
    if grid_type != GridType.BASIC:
        return Verdict.EXEMPT
    if households > households_max:
        return Verdict.ABOVE
    if unknown or math.isnan(households):
        return Verdict.UNKNOWN
    return Verdict.BELOW if households < households_min else Verdict.WITHIN


def feasible_counts(total: float, households_min: int, households_max: int) -> range:
    """Tell into how many grids a total can be cut at all.

    Parameters
    ----------
    total
        Households.
    households_min, households_max
        The limits of one grid.

    Returns
    -------
    range
        Every whole k with ``k · min ≤ total ≤ k · max``; empty where there is none.
    """
    most = math.floor(total / households_min) if households_min > 0 else math.floor(max(total, 1))
    return range(max(1, math.ceil(total / households_max)), most + 1)


def explain_total(
    total: float, households_min: int, households_max: int, subject: str = ""
) -> Violation | None:
    """Say in words why a total cannot be cut into grids, where it cannot.

    Parameters
    ----------
    total
        Households to cut.
    households_min, households_max
        The limits of one grid.
    subject
        The community's code.

    Returns
    -------
    Violation or None
        A warning of the rule ``total_infeasible``; ``None`` where some number of grids fits.
    """
    if feasible_counts(total, households_min, households_max):
        return None
    fewer = math.floor(total / households_max)
    values = {
        "total": int(total) if float(total).is_integer() else total,
        "minimum": households_min,
        "maximum": households_max,
        "fewer": fewer,
        "fewer_hold": fewer * households_max,
        "more": fewer + 1,
        "more_need": (fewer + 1) * households_min,
    }
    rule = "total_infeasible" if fewer else "total_too_small"
    return Violation(rule, Severity.WARNING, (subject,) if subject else (), values)
