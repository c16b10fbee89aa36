"""Several departments' nets over the same land (多网合一): what they share, and one net made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis.errors import InputError
from gis.lattice import snap
from gis.planning.exchange import Assignment, fit_polygons
from gis.planning.measure import Geometries, Metres, lonlat, require
from gis.planning.sizes import numbers
from gis.planning.unit_set import UnitSet


@dataclass(frozen=True, eq=False)
class MergedPlan:
    """One net made of several.

    Attributes
    ----------
    assignment
        The plan of the base net, fitted to units.
    predecessors
        Base code → ``net:code`` of every grid, of any net, that it takes over land or households of; most
        households first.
    left_out
        Grids of the other nets of which the merged plan covers less than half: ``net``, ``grid_code``,
        ``covered_share``.
    """

    assignment: Assignment
    predecessors: dict[str, tuple[str, ...]]
    left_out: pd.DataFrame


def make_crosswalk(
    nets: Mapping[str, gpd.GeoDataFrame],
    buildings: gpd.GeoDataFrame | None = None,
    *,
    least_m2: float = 1.0,
) -> pd.DataFrame:
    """List what the grids of every two nets share.

    Parameters
    ----------
    nets
        Name of each department's net → its grids, ``grid_code`` and geometry (EPSG:4490). Nets may overlap
        one another and themselves, and need not cover everything.
    buildings
        With ``households``; a building belongs to a pair where a point on its surface lies in both.
    least_m2
        Pairs that share less land than this and no building are left out.

    Returns
    -------
    pandas.DataFrame
        ``net_a``, ``code_a``, ``net_b``, ``code_b``, ``area_m2``, ``share_a`` and ``share_b`` (of each one's
        land), and ``buildings``, ``households`` (known) and ``unknown`` where buildings are given; the
        largest first within each pair of nets.

    Raises
    ------
    InputError
        If there are fewer than two nets.
    """
    if len(nets) < 2:
        raise InputError("a crosswalk needs two nets or more", where="nets")
    read = {name: _read(name, frame) for name, frame in nets.items()}
    metres = Metres.of(*(shapes for _, shapes in read.values()))
    inside = (
        None if buildings is None else {name: _held(shapes, buildings) for name, (_, shapes) in read.items()}
    )
    weights = None if buildings is None else numbers(buildings, "households", where="buildings")
    tables = []
    for a, b in combinations(read, 2):
        codes_a, shapes_a = read[a]
        codes_b, shapes_b = read[b]
        i, j = shapely.STRtree(shapes_b).query(shapes_a, predicate="intersects")
        area = metres.area_m2(shapely.intersection(shapes_a[i], shapes_b[j]))
        table = pd.DataFrame(
            {"net_a": a, "code_a": codes_a[i], "net_b": b, "code_b": codes_b[j], "area_m2": area}
        )
        table["share_a"] = area / metres.area_m2(shapes_a)[i]
        table["share_b"] = area / metres.area_m2(shapes_b)[j]
        if inside is not None and weights is not None:
            both = pd.DataFrame(inside[a], columns=["house", "i"]).merge(
                pd.DataFrame(inside[b], columns=["house", "j"]), on="house"
            )
            both["households"] = np.nan_to_num(weights)[both["house"]]
            both["unknown"] = np.isnan(weights)[both["house"]].astype(np.int64)
            sums = both.groupby(["i", "j"]).agg(
                buildings=("house", "size"), households=("households", "sum"), unknown=("unknown", "sum")
            )
            pairs = pd.MultiIndex.from_arrays([i, j])
            for column in sums.columns:
                table[column] = sums[column].reindex(pairs).fillna(0).to_numpy()
        keep = table["area_m2"] >= least_m2
        if "buildings" in table.columns:
            keep |= table["buildings"] > 0
        tables.append(table[keep].sort_values("area_m2", ascending=False, kind="stable"))
    return pd.concat(tables, ignore_index=True)


def _read(name: str, frame: gpd.GeoDataFrame) -> tuple[Geometries, Geometries]:
    require(frame, ("grid_code",), where=f"net {name}")
    shapes = shapely.make_valid(snap(lonlat(frame, where=f"net {name}")))
    sound = shapely.get_dimensions(shapes) == 2
    codes, shapes = np.asarray(frame["grid_code"].astype(str).to_numpy()[sound], dtype=object), shapes[sound]
    names, place = np.unique(codes, return_inverse=True)
    if len(names) == len(codes):
        return codes, shapes
    # A grid drawn in several pieces is one grid.
    return names, np.array([shapely.union_all(shapes[place == at]) for at in range(len(names))], dtype=object)


def _held(shapes: Geometries, buildings: gpd.GeoDataFrame) -> Geometries:
    """Pair each building with every grid of a net that it stands in."""
    points = np.asarray(shapely.point_on_surface(lonlat(buildings, where="buildings")), dtype=object)
    points[shapely.is_empty(points)] = None
    return np.asarray(shapely.STRtree(shapes).query(points, predicate="intersects").T)


def merge_nets(
    units: UnitSet, nets: Mapping[str, gpd.GeoDataFrame], base: str, *, least_share: float = 0.01
) -> MergedPlan:
    """Make one plan of several nets: the base net's grids, fitted to units, heirs of the others.

    Parameters
    ----------
    units
        The units.
    nets
        Name → grids, as for :func:`make_crosswalk`.
    base
        The net whose grids and codes stay.
    least_share
        A grid of another net is a predecessor where at least this share of its land, or of its households,
        goes to the base grid.

    Returns
    -------
    MergedPlan
        The plan, with every predecessor's code kept.

    Raises
    ------
    InputError
        If the base is not one of the nets.
    """
    if base not in nets:
        raise InputError(f"{base!r} is not one of the nets", where="base", mend=f"one of {', '.join(nets)}")
    fit = fit_polygons(units, nets[base])
    owner = fit.assignment.owner
    weight = pd.DataFrame({"households": np.nan_to_num(units.households), "area": units.adjacency.area_m2})
    heirs: dict[str, list[tuple[float, str]]] = {code: [] for code in sorted(set(owner.tolist()) - {""})}
    lost = []
    for name, frame in nets.items():
        codes, shapes = _read(name, frame)
        if name == base:
            for code, found in heirs.items():
                found.append((np.inf, f"{name}:{code}"))
            continue
        for code in sorted(set(codes.tolist())):
            share = _unit_shares(units, shapely.union_all(shapes[codes == code]))
            held = weight.mul(share, axis=0).groupby(owner).sum()
            total = held.sum()
            inside = held.drop(index="", errors="ignore")
            part = (inside / total.where(total > 0, 1.0)).max(axis=1)
            for target in part.index[part >= least_share]:
                heirs[str(target)].append((float(inside.loc[target, "households"]), f"{name}:{code}"))
            whole = Metres.of(units.shapes).area_m2(np.array([shapely.union_all(shapes[codes == code])]))[0]
            covered = float(inside["area"].sum()) / whole if whole > 0 else 0.0
            if covered < 0.5:
                lost.append({"net": name, "grid_code": code, "covered_share": covered})
    return MergedPlan(
        fit.assignment,
        {
            code: tuple(name for _, name in sorted(found, key=lambda one: (-one[0], one[1])))
            for code, found in heirs.items()
        },
        pd.DataFrame(lost, columns=["net", "grid_code", "covered_share"]),
    )


def _unit_shares(units: UnitSet, shape: shapely.Geometry) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Tell what share of each unit's land a grid covers."""
    share = np.zeros(len(units.ids))
    rows = shapely.STRtree(units.shapes).query(shape, predicate="intersects")
    share[rows] = shapely.area(shapely.intersection(units.shapes[rows], shape)) / shapely.area(
        units.shapes[rows]
    )
    return share
