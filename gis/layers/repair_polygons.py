"""Mend polygons: closed, valid, on the lattice, MultiPolygon, shells counter-clockwise.

Mended are self-crossings, spikes, rings listed in the wrong order (a hole before its shell), duplicate
vertices and parts thinner than a centimetre. What has no area is refused. A vertex that a mend adds on the
border of a neighbour is added to the neighbour too, so that the border stays shared.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.crs import metres_per_degree
from gis.lattice import STEPS_PER_DEGREE, snap, to_lattice
from gis.layers.repair_account import (
    REDRAW,
    Account,
    Geometries,
    doubled_vertices,
    flat_parts,
    gather,
    latitudes,
)

_STEP = 1 / STEPS_PER_DEGREE
_SLIVER_M = 0.01
_ROUNDS = 6


def mend_polygons(work: Geometries, account: Account) -> Geometries:
    """Mend a layer of polygons.

    Parameters
    ----------
    work
        Polygons, multi-part polygons or None, on the lattice, shape (n,); changed in place.
    account
        Where what was done is noted.

    Returns
    -------
    numpy.ndarray
        MultiPolygons, None where nothing is left, shape (n,).
    """
    doubled = doubled_vertices(work)
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
    account.refuse(gone, "the polygon has no area", REDRAW)
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
    parts = flat_parts(geometry)
    parts = parts[(shapely.get_dimensions(parts) == 2) & (shapely.area(parts) > 0)]
    return gather(parts, "polygon") if len(parts) else None


def _without_slivers(work: Geometries, account: Account) -> Geometries:
    """Drop parts of a multi-part polygon that are thinner than a centimetre."""
    several = np.flatnonzero(shapely.get_num_geometries(work) > 1)
    if not len(several):
        return work
    parts, row = shapely.get_parts(work[several], return_index=True)
    per_degree = metres_per_degree(np.nan_to_num(latitudes(parts)))[1]
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
            work[several[at]] = gather(parts[keep], "polygon")
            account.done[int(several[at])].append(f"{dropped} slivers thinner than a centimetre were dropped")
    return work


def _share_new_vertices(
    originals: Geometries, work: Geometries, mended: NDArray[np.intp], account: Account
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
