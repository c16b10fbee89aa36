"""Mend what can be mended in geometries, put them on the lattice, and say what was done to which.

Every step is an array operation over the whole layer; only rows that are invalid are looked at one by
one. Nothing is done that would part neighbours: a vertex goes to its lattice point whichever polygon it
belongs to, valid polygons are not touched beyond that, and a vertex that a mend adds on the border of a
neighbour is added to the neighbour too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.crs import metres_per_degree
from gis.lattice import snap
from gis.layers.repair_account import (
    REDRAW,
    Account,
    Geometries,
    Kind,
    doubled_vertices,
    flat_parts,
    gather,
    latitudes,
)
from gis.layers.repair_polygons import mend_polygons
from gis.layers.report import Action

_DIMENSION: dict[Kind, int] = {"point": 0, "line": 1, "polygon": 2}


@dataclass(frozen=True)
class Change:
    """What was done to one geometry.

    Attributes
    ----------
    position
        Its place in the array.
    action
        ``repaired`` or ``refused``.
    reason
        What was found, and what was done.
    mend
        What the user can do, for a refused one.
    area_change_m2
        Area after less area before, square metres on the ellipsoid; None for points, lines and refusals.
    """

    position: int
    action: Action
    reason: str
    mend: str | None = None
    area_change_m2: float | None = None


@dataclass(frozen=True)
class Repaired:
    """Mended geometries and the account of it.

    Attributes
    ----------
    geometries
        MultiPolygon, MultiLineString or Point, valid, on the lattice; None where refused. Shape (n,).
    changes
        At most one of each row, by position.
    tidied
        How many geometries were tidied in a way that changes no shape: ``clockwise`` shells turned,
        ``single`` parts stored as multi-parts, ``z`` heights dropped.
    """

    geometries: Geometries
    changes: tuple[Change, ...]
    tidied: dict[str, int]

    @property
    def refused(self) -> NDArray[np.bool_]:
        """Mask of the rows that were refused, shape (n,)."""
        mask = np.zeros(len(self.geometries), dtype=bool)
        mask[[change.position for change in self.changes if change.action is Action.REFUSED]] = True
        return mask


def repair_geometries(geometries: Any, *, kind: Kind | None = None, optional: bool = False) -> Repaired:
    """Mend a layer of polygons, lines or points.

    Parameters
    ----------
    geometries
        shapely geometries or None, longitude and latitude in degrees (CGCS2000), shape (n,).
    kind
        What the layer holds; if None, what most of its geometries are.
    optional
        Whether a missing or empty geometry is allowed and stays None.

    Returns
    -------
    Repaired
        As long as the input.
    """
    work = np.array(geometries, dtype=object, copy=True).reshape(-1)
    account = Account(len(work))
    missing = shapely.is_missing(work)
    empty = ~missing & shapely.is_empty(work)
    if not optional:
        account.refuse(missing, "there is no geometry", REDRAW)
        account.refuse(empty, "the geometry is empty", REDRAW)
    work[empty] = None
    _refuse_off_globe(work, account)
    wanted = kind or _usual_kind(work)
    _pick_kind(work, wanted, account)
    flat = shapely.has_z(work)
    account.note("z", flat)
    work = shapely.force_2d(work)
    before = work.copy()
    work = snap(work)
    if wanted == "polygon":
        work = mend_polygons(work, account)
    elif wanted == "line":
        work = _mend_lines(work, account)
    for position in account.refusals:
        work[position] = None
    return Repaired(work, _changes(before, work, account, areas=wanted == "polygon"), account.tidied)


def _usual_kind(work: Geometries) -> Kind:
    dimension = shapely.get_dimensions(work)
    counts = [int((dimension == wanted).sum()) for wanted in (2, 1, 0)]
    kinds: tuple[Kind, Kind, Kind] = ("polygon", "line", "point")
    return kinds[int(np.argmax(counts))]


def _refuse_off_globe(work: Geometries, account: Account) -> None:
    """Refuse coordinates that are not finite or beyond ±180 and ±90, and what goes half round the globe."""
    box = shapely.bounds(work)
    for position in np.flatnonzero(box[:, 2] - box[:, 0] > 180):
        west, east = box[position, [0, 2]]
        account.refusals[int(position)] = (
            f"it reaches from longitude {west:.10g} to {east:.10g}, over half the globe",
            "if it crosses the 180° meridian, cut it there; if not, correct its coordinates",
        )
    coordinates, row = shapely.get_coordinates(work, return_index=True)
    if not len(row):
        return
    with np.errstate(invalid="ignore"):
        good = (np.abs(coordinates[:, 0]) <= 180) & (np.abs(coordinates[:, 1]) <= 90)
        turned = (np.abs(coordinates[:, 0]) <= 90) & (np.abs(coordinates[:, 1]) <= 180)
    bad_rows, first = np.unique(row[~good], return_index=True)
    for position, at in zip(bad_rows, np.flatnonzero(~good)[first], strict=True):
        x, y = coordinates[at]
        reason, mend = f"there is no place at longitude {x:.10g}, latitude {y:.10g}", REDRAW
        if not np.isfinite([x, y]).all():
            reason = "a coordinate is not a finite number, or the named datum does not reach it"
        elif turned[at]:
            mend = "longitude and latitude seem to be swapped: longitude (x) comes first"
        elif 1000 < abs(x) < 1e8:
            mend = "if these are metres, name their reference system, such as EPSG:4527"
        account.refusals[int(position)] = (reason, mend)
    work[list(account.refusals)] = None


def _pick_kind(work: Geometries, kind: Kind, account: Account) -> None:
    """Keep the parts of the wanted dimension of collections; refuse other kinds."""
    types = shapely.get_type_id(work)
    wanted = _DIMENSION[kind]
    collections = np.flatnonzero(types == 7)
    for position in collections:
        parts = shapely.get_parts(flat_parts(work[position]))
        fit = parts[shapely.get_dimensions(parts) == wanted]
        if len(fit):
            work[position] = gather(fit, kind)
            left_out = len(parts) - len(fit)
            mask = np.zeros(account.size, dtype=bool)
            mask[position] = True
            words = f" and {left_out} parts of another kind were left out" if left_out else ""
            account.repair(mask, f"the {kind}s of a collection were taken{words}")
    dimension = shapely.get_dimensions(work)
    wrong = ~shapely.is_missing(work) & ((dimension != wanted) | (shapely.get_type_id(work) == 7))
    names = {0: "a point", 1: "a line", 2: "a polygon"}
    for other in np.unique(dimension[wrong]):
        account.refuse(
            wrong & (dimension == other),
            f"it is {names.get(int(other), 'a collection')}, not a {kind}",
            f"this layer takes {kind}s only",
        )
    work[wrong] = None
    if kind == "point":
        several = shapely.get_type_id(work) == 4
        one = several & (shapely.get_num_geometries(work) == 1)
        account.refuse(several & ~one, "it is several points in one row", "give each point a row of its own")
        work[one] = shapely.get_geometry(work[one], 0)
        work[several & ~one] = None
    if kind == "line":
        rings = shapely.get_type_id(work) == 2
        work[rings] = [shapely.linestrings(shapely.get_coordinates(ring)) for ring in work[rings]]


def _mend_lines(work: Geometries, account: Account) -> Geometries:
    there = ~shapely.is_missing(work)
    doubled = doubled_vertices(work)
    work = shapely.remove_repeated_points(work)
    account.repair(doubled > 0, "duplicate vertices were removed")
    points = there & (shapely.length(work) == 0)
    account.refuse(points, "the line has no length", REDRAW)
    work[points] = None
    single = shapely.get_type_id(work) == 1
    account.note("single", single)
    work[single] = shapely.multilinestrings(work[single, np.newaxis])
    return work


def _changes(before: Geometries, after: Geometries, account: Account, *, areas: bool) -> tuple[Change, ...]:
    found = [
        Change(position, Action.REFUSED, reason, mend)
        for position, (reason, mend) in account.refusals.items()
    ]
    mended = [position for position in account.done if position not in account.refusals]
    change = np.full(len(mended), np.nan)
    if areas and mended:
        east, north = metres_per_degree(latitudes(after[mended]))
        change = (shapely.area(after[mended]) - shapely.area(before[mended])) * east * north
    for position, square_metres in zip(mended, change, strict=True):
        area = round(float(square_metres), 3) + 0.0 if areas else None
        words = "; ".join(dict.fromkeys(account.done[position]))
        found.append(Change(position, Action.REPAIRED, words, None, area))
    return tuple(sorted(found, key=lambda entry: entry.position))
