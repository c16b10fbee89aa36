"""Mend what can be mended in geometries, put them on the lattice, and say what was done to which.

Every step is an array operation over the whole layer; only rows that are invalid are looked at one by
one. Nothing is done that would part neighbours: a vertex goes to its lattice point whichever polygon it
belongs to, valid polygons are not touched beyond that, and a vertex that a mend adds on the border of a
neighbour is added to the neighbour too.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.crs import metres_per_degree
from gis.lattice import STEPS_PER_DEGREE, snap, to_lattice
from gis.layers.report import Action

Geometries = NDArray[np.object_]
Kind = Literal["polygon", "line", "point"]

_STEP = 1 / STEPS_PER_DEGREE
_SLIVER_M = 0.01
_ROUNDS = 6
_DIMENSION: dict[Kind, int] = {"point": 0, "line": 1, "polygon": 2}
_REDRAW = "draw it again, or leave the row out"


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


@dataclass
class _Account:
    """What has been found so far."""

    size: int
    done: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    refusals: dict[int, tuple[str, str | None]] = field(default_factory=dict)
    tidied: dict[str, int] = field(default_factory=dict)

    def refuse(self, mask: NDArray[np.bool_], reason: str, mend: str | None = None) -> None:
        for position in np.flatnonzero(mask):
            self.refusals.setdefault(int(position), (reason, mend))

    def repair(self, mask: NDArray[np.bool_], reason: str) -> None:
        for position in np.flatnonzero(mask):
            self.done[int(position)].append(reason)

    def note(self, what: str, mask: NDArray[np.bool_]) -> None:
        if mask.any():
            self.tidied[what] = self.tidied.get(what, 0) + int(mask.sum())


def repair_polygons(geometries: Any) -> Repaired:
    """Mend polygons: closed, valid, on the lattice, MultiPolygon, shells counter-clockwise.

    Mended are self-crossings, spikes, rings listed in the wrong order (a hole before its shell),
    duplicate vertices, parts thinner than a centimetre, members of a collection that are no polygons, and
    heights. Refused are missing and empty geometries, other kinds, coordinates that are not on the globe,
    and what has no area.

    Parameters
    ----------
    geometries
        shapely geometries or None, longitude and latitude in degrees (CGCS2000), shape (n,).

    Returns
    -------
    Repaired
        As long as the input.
    """
    return repair_geometries(geometries, kind="polygon")


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
    account = _Account(len(work))
    missing = shapely.is_missing(work)
    empty = ~missing & shapely.is_empty(work)
    if not optional:
        account.refuse(missing, "there is no geometry", _REDRAW)
        account.refuse(empty, "the geometry is empty", _REDRAW)
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
        work = _mend_polygons(work, account)
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


def _refuse_off_globe(work: Geometries, account: _Account) -> None:
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
        reason, mend = f"there is no place at longitude {x:.10g}, latitude {y:.10g}", _REDRAW
        if not np.isfinite([x, y]).all():
            reason = "a coordinate is not a finite number, or the named datum does not reach it"
        elif turned[at]:
            mend = "longitude and latitude seem to be swapped: longitude (x) comes first"
        elif 1000 < abs(x) < 1e8:
            mend = "if these are metres, name their reference system, such as EPSG:4527"
        account.refusals[int(position)] = (reason, mend)
    work[list(account.refusals)] = None


def _pick_kind(work: Geometries, kind: Kind, account: _Account) -> None:
    """Keep the parts of the wanted dimension of collections; refuse other kinds."""
    types = shapely.get_type_id(work)
    wanted = _DIMENSION[kind]
    collections = np.flatnonzero(types == 7)
    for position in collections:
        parts = shapely.get_parts(_flat_parts(work[position]))
        fit = parts[shapely.get_dimensions(parts) == wanted]
        if len(fit):
            work[position] = _gather(fit, kind)
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


def _flat_parts(geometry: Any) -> Any:
    """Unnest collections in collections, without their empty members."""
    parts = shapely.get_parts(geometry)
    while (shapely.get_type_id(parts) >= 4).any():
        parts = shapely.get_parts(parts)
    return parts[~shapely.is_empty(parts)]


def _gather(parts: Any, kind: Kind) -> Any:
    if len(parts) == 1:
        return parts[0]
    if kind == "polygon":
        return shapely.multipolygons(parts)
    return shapely.multilinestrings(parts) if kind == "line" else shapely.multipoints(parts)


def _mend_lines(work: Geometries, account: _Account) -> Geometries:
    there = ~shapely.is_missing(work)
    doubled = _doubled_vertices(work)
    work = shapely.remove_repeated_points(work)
    account.repair(doubled > 0, "duplicate vertices were removed")
    points = there & (shapely.length(work) == 0)
    account.refuse(points, "the line has no length", _REDRAW)
    work[points] = None
    single = shapely.get_type_id(work) == 1
    account.note("single", single)
    work[single] = shapely.multilinestrings(work[single, np.newaxis])
    return work


def _mend_polygons(work: Geometries, account: _Account) -> Geometries:
    doubled = _doubled_vertices(work)
    account.repair(doubled > 0, "duplicate vertices were removed")
    for position in np.flatnonzero(doubled):
        work[position] = _without_repeats(work[position])
    originals = work.copy()
    there = ~shapely.is_missing(work)
    crossed = there & ~shapely.is_valid(work)
    for position in np.flatnonzero(crossed):
        faults = _words(shapely.is_valid_reason(work[position]))
        account.done[int(position)].append(faults)
        work[position] = _made_valid(work[position])
    work = _without_slivers(work, account)
    gone = there & (shapely.is_missing(work) | shapely.is_empty(work))
    account.refuse(gone, "the polygon has no area", _REDRAW)
    work[gone] = None
    _share_new_vertices(originals, work, np.flatnonzero(crossed & ~gone), account)
    there = ~shapely.is_missing(work)
    turned = np.zeros(len(work), dtype=bool)
    shells, row = shapely.get_parts(work[there], return_index=True)
    turned[np.flatnonzero(there)[row[~shapely.is_ccw(shapely.get_exterior_ring(shells))]]] = True
    account.note("clockwise", turned & ~crossed)
    work[there] = shapely.orient_polygons(work[there])
    single = shapely.get_type_id(work) == 3
    account.note("single", single)
    work[single] = shapely.multipolygons(work[single, np.newaxis])
    return work


def _doubled_vertices(work: Geometries) -> NDArray[np.int64]:
    """Count the vertices of each geometry that repeat the one before them on their line or ring."""
    parts, row = shapely.get_parts(work, return_index=True)
    polygonal = shapely.get_type_id(parts) == 3
    rings, owner = shapely.get_rings(parts[polygonal], return_index=True)
    lines = np.concatenate([parts[~polygonal], rings])
    line_row = np.concatenate([row[~polygonal], row[polygonal][owner]])
    xy, line = shapely.get_coordinates(lines, return_index=True)
    again = (line[1:] == line[:-1]) & (xy[1:] == xy[:-1]).all(axis=1)
    return np.bincount(line_row[line[1:][again]], minlength=len(work)).astype(np.int64)


def _without_repeats(geometry: Any) -> Any:
    try:
        return shapely.remove_repeated_points(geometry)
    except shapely.errors.GEOSException:
        # A ring that shrinks to nothing: the next step drops it.
        return geometry


def _words(reason: str) -> str:
    """Put GEOS's name of a fault in the field's words."""
    place = ""
    if "[" in reason:
        numbers = reason[reason.index("[") + 1 : -1].split()
        place = f" at {float(numbers[0]):.8f}, {float(numbers[1]):.8f}" if len(numbers) >= 2 else ""
    head = reason.split("[", maxsplit=1)[0].strip().lower()
    if "ring self-intersection" in head or "self-intersection" in head:
        return f"a self-crossing{place} was resolved"
    if "hole" in head or "nested" in head:
        return f"rings listed in the wrong order or inside one another{place} were put right"
    if "interior is disconnected" in head:
        return f"a hole that cut the polygon apart{place} was resolved"
    if "too few points" in head:
        return f"a ring with fewer than three different vertices{place} was dropped"
    return f"an invalid ring{place} was put right"


def _made_valid(geometry: Any) -> Any:
    """Return the valid polygons that an invalid one means, on the lattice, or None if none is left."""
    current = _shells_first(geometry)
    for _ in range(_ROUNDS):
        current = _polygons_of(shapely.make_valid(current, method="structure", keep_collapsed=False))
        if current is None:
            return None
        current = _without_repeats(snap(current))
        if shapely.is_valid(current):
            return current
    # Rounding keeps folding it: let GEOS snap-round, which ends on the same lattice.
    return _polygons_of(snap(shapely.set_precision(shapely.make_valid(current, method="structure"), _STEP)))


def _shells_first(geometry: Any) -> Any:
    """Put the largest ring of each polygon first: some tools write a hole before its shell."""
    mended = []
    for part in shapely.get_parts(geometry):
        rings = shapely.get_rings(part)
        sizes = shapely.area(shapely.polygons(rings))
        first = int(np.argmax(sizes))
        if first and shapely.is_ring(rings[first]):
            part = shapely.polygons(rings[first], np.delete(rings, first))  # noqa: PLW2901
        mended.append(part)
    return mended[0] if len(mended) == 1 else shapely.multipolygons(mended)


def _polygons_of(geometry: Any) -> Any:
    parts = _flat_parts(geometry)
    parts = parts[(shapely.get_dimensions(parts) == 2) & (shapely.area(parts) > 0)]
    return _gather(parts, "polygon") if len(parts) else None


def _without_slivers(work: Geometries, account: _Account) -> Geometries:
    """Drop parts of a multi-part polygon that are thinner than a centimetre."""
    several = np.flatnonzero(shapely.get_num_geometries(work) > 1)
    if not len(several):
        return work
    parts, row = shapely.get_parts(work[several], return_index=True)
    per_degree = metres_per_degree(np.nan_to_num(_latitudes(parts)))[1]
    with np.errstate(invalid="ignore", divide="ignore"):
        width = 2 * shapely.area(parts) / shapely.length(parts) * per_degree
    thin = ~(width >= _SLIVER_M)
    for at in np.unique(row[thin]):
        mine = row == at
        keep = mine & ~thin
        if not keep.any():
            keep = mine & (shapely.area(parts) == shapely.area(parts[mine]).max())
        dropped = int(mine.sum() - keep.sum())
        if dropped:
            work[several[at]] = _gather(parts[keep], "polygon")
            account.done[int(several[at])].append(f"{dropped} slivers thinner than a centimetre were dropped")
    return work


def _latitudes(shapes: Any) -> NDArray[np.float64]:
    """Give the middle latitude of each; NaN where there is none."""
    box = shapely.bounds(shapes)
    return np.asarray((box[:, 1] + box[:, 3]) / 2, dtype=np.float64)


def _share_new_vertices(
    originals: Geometries, work: Geometries, mended: NDArray[np.intp], account: _Account
) -> None:
    """Add a vertex that a mend made on a neighbour's edge to the neighbour, so that the edge stays shared."""
    fresh: list[Any] = []
    for position in mended:
        old = {tuple(pair) for pair in to_lattice(shapely.get_coordinates(originals[position])).tolist()}
        new = np.unique(shapely.get_coordinates(work[position]), axis=0)
        steps = to_lattice(new).tolist()
        fresh.extend(new[[index for index, pair in enumerate(steps) if tuple(pair) not in old]])
    if not fresh:
        return
    points = shapely.points(np.unique(np.array(fresh), axis=0))
    edges = shapely.boundary(work)
    tree = shapely.STRtree(edges)
    for point, row in tree.query(points, predicate="dwithin", distance=1.5 * _STEP).T:
        xy = shapely.get_coordinates(points[point])[0]
        if (shapely.get_coordinates(work[row]) == xy).all(axis=1).any():
            continue
        added = _with_vertex(work[row], xy)
        if added is not None and shapely.is_valid(added):
            work[row] = added
            account.done[int(row)].append("a vertex was added where a mended neighbour has one")


def _with_vertex(polygon: Any, xy: NDArray[np.float64]) -> Any:
    """Insert a vertex into the edge that passes within a step or so of it."""
    parts = []
    for part in shapely.get_parts(polygon):
        rings = []
        for ring in shapely.get_rings(part):
            vertices = shapely.get_coordinates(ring)
            edges = shapely.linestrings(np.stack([vertices[:-1], vertices[1:]], axis=1))
            distance = shapely.distance(edges, shapely.Point(xy))
            at = int(np.argmin(distance))
            near = distance[at] <= 1.5 * _STEP
            rings.append(shapely.linearrings(np.insert(vertices, at + 1, xy, axis=0) if near else vertices))
        parts.append(shapely.polygons(rings[0], rings[1:] or None))
    return parts[0] if len(parts) == 1 else shapely.multipolygons(parts)


def _changes(before: Geometries, after: Geometries, account: _Account, *, areas: bool) -> tuple[Change, ...]:
    found = [
        Change(position, Action.REFUSED, reason, mend)
        for position, (reason, mend) in account.refusals.items()
    ]
    mended = [position for position in account.done if position not in account.refusals]
    change = np.full(len(mended), np.nan)
    if areas and mended:
        east, north = metres_per_degree(_latitudes(after[mended]))
        change = (shapely.area(after[mended]) - shapely.area(before[mended])) * east * north
    for position, square_metres in zip(mended, change, strict=True):
        area = round(float(square_metres), 3) + 0.0 if areas else None
        words = "; ".join(dict.fromkeys(account.done[position]))
        found.append(Change(position, Action.REPAIRED, words, None, area))
    return tuple(sorted(found, key=lambda entry: entry.position))
