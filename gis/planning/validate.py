"""Units from elsewhere: whether they can be planned with, in words, and how to mend those that nearly fit."""

from __future__ import annotations

from collections import Counter

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gis.crs import STORAGE_SRID
from gis.errors import GeometryError
from gis.lattice import snap
from gis.planning.adjacency import Adjacency, adjacency
from gis.planning.coverage import build_mosaic, find_overlaps
from gis.planning.measure import Floats, Metres, Plane, lonlat, require
from gis.planning.report import Severity, Violation
from gis.planning.sizes import feasible_counts

_NAMED = 5
"""How many subjects a collective finding names."""


def validate_units(
    units: gpd.GeoDataFrame, *, households_min: int = 300, households_max: int = 500
) -> tuple[Violation, ...]:
    """Find what hinders planning with some units.

    Parameters
    ----------
    units
        ``unit_id``, ``households`` and geometry (EPSG:4490).
    households_min, households_max
        The limits of a grid.

    Returns
    -------
    tuple of Violation
        Errors (units that overlap, do not match or have no border; doubled ids; counts that are missing or no
        counts) before warnings (a unit above the limit; land in several pieces; a piece that is too small for
        a grid or that no whole number of grids fits). Empty where all is well.
    """
    require(units, ("unit_id", "households"), where="units")
    ids = units["unit_id"].astype(str).tolist()
    found = [
        Violation("unit_duplicate", Severity.ERROR, (name,), {"count": count})
        for name, count in Counter(ids).items()
        if count > 1
    ]
    counts, wrong = _counts(units, ids)
    found += wrong
    shapes = snap(lonlat(units, where="units"))
    broken = (shapely.get_dimensions(shapes) != 2) | shapely.is_empty(shapes) | ~shapely.is_valid(shapes)
    found += [Violation("units_missing", Severity.ERROR, (ids[row],)) for row in np.flatnonzero(broken)]
    if broken.any():
        return tuple(found)
    if not bool(shapely.coverage_is_valid(shapes)):
        return (*found, *_misfits(units, ids))
    for row in np.flatnonzero(counts > households_max):
        facts = {"households": int(counts[row]), "maximum": households_max}
        found.append(Violation("unit_above", Severity.WARNING, (ids[row],), facts, geometry=shapes[row]))
    found += _pieces(adjacency(units), ids, counts, households_min, households_max)
    return tuple(found)


def clean_units(units: gpd.GeoDataFrame, *, gap_m: float = 0.5) -> gpd.GeoDataFrame:
    """Make a valid coverage on the lattice of polygons that nearly are one.

    Parameters
    ----------
    units
        Polygons (EPSG:4490); overlaps go to the larger neighbour, gaps up to ``gap_m`` wide are closed.
    gap_m
        Metres.

    Returns
    -------
    geopandas.GeoDataFrame
        The same rows with cleaned geometry.

    Raises
    ------
    GeometryError
        If they cannot be made to fit, or a unit vanishes.
    """
    shapes = shapely.make_valid(snap(lonlat(units, where="units")))
    plane = Plane.of(shapes)
    for _ in range(5):
        if bool(shapely.coverage_is_valid(shapes)):
            break
        cleaned = shapely.coverage_clean(plane.project(shapes), gap_width=gap_m, snapping_distance=0.01)
        shapes = snap(plane.unproject(np.asarray(cleaned, dtype=object)))
        gap_m = 0.0
    vanished = np.flatnonzero(shapely.is_empty(shapes))
    if len(vanished) or not bool(shapely.coverage_is_valid(shapes)):
        where = f"units, row {int(vanished[0]) + 1}" if len(vanished) else "units"
        raise GeometryError("the units cannot be made to fit together", where=where, mend="draw it anew")
    return units.set_geometry(gpd.GeoSeries(shapes, index=units.index, crs=STORAGE_SRID))


def _counts(units: gpd.GeoDataFrame, ids: list[str]) -> tuple[Floats, list[Violation]]:
    column = units["households"]
    counts = pd.to_numeric(column, errors="coerce").astype("Float64").to_numpy(float, na_value=np.nan)
    empty = column.isna().to_numpy()
    wrong = ~empty & ~((counts >= 0) & np.isfinite(counts))
    found = [
        Violation("households_negative", Severity.ERROR, (ids[row],), {"value": str(column.iloc[row])})
        for row in np.flatnonzero(wrong)
    ]
    if empty.any():
        named = tuple(ids[row] for row in np.flatnonzero(empty)[:_NAMED])
        found.append(Violation("households_missing", Severity.ERROR, named, {"count": int(empty.sum())}))
    return np.asarray(np.where(wrong, np.nan, counts), dtype=np.float64), found


def _misfits(units: gpd.GeoDataFrame, ids: list[str]) -> list[Violation]:
    mosaic = build_mosaic(snap(lonlat(units, where="units")))
    pieces = find_overlaps(mosaic.polygons)
    where = mosaic.to_degrees(pieces.geometry)
    area = Metres.of(where).area_m2(where) if len(where) else np.zeros(0)
    found = [
        Violation(
            "units_overlap",
            Severity.ERROR,
            tuple(ids[row] for row in owners),
            geometry=piece,
            area_m2=float(size),
        )
        for piece, owners, size in zip(where, pieces.owners, area, strict=True)
    ]
    if not found:
        edges = shapely.coverage_invalid_edges(snap(lonlat(units, where="units")))
        rows = np.flatnonzero(~shapely.is_empty(edges))
        named = tuple(ids[row] for row in rows[:_NAMED])
        found.append(
            Violation("units_unmatched", Severity.ERROR, named, geometry=shapely.union_all(edges[rows]))
        )
    return found


def _pieces(
    graph: Adjacency, ids: list[str], counts: Floats, households_min: int, households_max: int
) -> list[Violation]:
    n = graph.unit_count
    linked = coo_array((np.ones(graph.pair_count), (graph.i, graph.j)), shape=(n, n))
    count, piece = connected_components(linked, directed=False)
    if count < 2:
        return []
    found = [Violation("community_parts", Severity.WARNING, (), {"count": count})]
    total = np.bincount(piece, weights=np.nan_to_num(counts), minlength=count)
    for number in np.flatnonzero(total > 0):
        if feasible_counts(total[number], households_min, households_max):
            continue
        members = tuple(ids[row] for row in np.flatnonzero(piece == number)[:_NAMED])
        facts = {
            "households": int(total[number]),
            "minimum": households_min,
            "maximum": households_max,
        }
        rule = "islet" if total[number] < households_min else "island_infeasible"
        found.append(Violation(rule, Severity.WARNING, members, facts))
    return found
