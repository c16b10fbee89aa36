"""Where grids overlap, leave land to nobody, or reach out of their community: exact to the lattice.

Borders are compared as whole lattice steps. Where a vertex of one border was rounded onto the lattice
beside a neighbour's straight edge, whose ends were rounded too, the two are apart by less than a step along
either axis: rounding made that, not a planner. Such an edge is led through that vertex first (the hot-pixel
rule of snap rounding, Hobby 1999, with pixels twice as wide because both were rounded), all edges at once,
so that no edge drifts. What is left over is a fault however thin it is: a strip of one step (1 mm) is found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from gis.lattice import STEPS_PER_DEGREE
from gis.planning.measure import Bools, Floats, Geometries, Ints, border_segments, group_rows

_ROUNDING_WIDTH = 1e-4
"""Steps (0.1 µm): thinner pieces come of the overlay's floating point; real ones are far wider."""

_REACH = 1.4143
"""Steps: half the diagonal of the square that two roundings can move a vertex within."""

_CONTACT_GRID = 1e-3
"""Steps: where an overlay put a node into a border, its rounding must not break the contact there."""


@dataclass(frozen=True, eq=False)
class Mosaic:
    """Polygons in whole steps from a local origin, with borders that match wherever they meet.

    Attributes
    ----------
    polygons
        Valid polygons or multipolygons, local steps, shape (n,).
    origin
        Lattice steps of the local origin, shape (2,).
    joined
        How many vertices were led into a neighbour's edge: 0 where the input matched vertex by vertex.
    """

    polygons: Geometries
    origin: Floats
    joined: int

    def to_degrees(self, pieces: Geometries) -> Geometries:
        """Turn local pieces into degrees.

        Parameters
        ----------
        pieces
            Geometries in local steps, shape (p,).

        Returns
        -------
        numpy.ndarray
            The same in degrees (CGCS2000), shape (p,).
        """
        moved: Geometries = shapely.transform(pieces, lambda xy: (xy + self.origin) / STEPS_PER_DEGREE)
        return moved


@dataclass(frozen=True, eq=False)
class Pieces:
    """Faulty pieces of land.

    Attributes
    ----------
    geometry
        Each one polygon, local steps, shape (p,).
    owners
        The polygons that each concerns, ascending.
    """

    geometry: Geometries
    owners: list[tuple[int, ...]]

    def __len__(self) -> int:
        return len(self.owners)


def build_mosaic(polygons: Geometries) -> Mosaic:
    """Put polygons on the local lattice and match their borders.

    Parameters
    ----------
    polygons
        Polygons and multipolygons in degrees, shape (n,); grids, communities and buildings together, so that
        all match each other. Missing and invalid ones must be left out before.

    Returns
    -------
    Mosaic
        In the same order.
    """
    if not len(polygons):
        return Mosaic(np.zeros(0, dtype=object), np.zeros(2), 0)
    low = shapely.total_bounds(polygons)[:2]
    origin = np.rint(low * STEPS_PER_DEGREE)
    local: Geometries = shapely.transform(
        shapely.force_2d(polygons), lambda xy: np.rint(xy * STEPS_PER_DEGREE) - origin
    )
    local, joined = _lead_through(local)
    invalid = ~shapely.is_valid(local)
    if invalid.any():
        local[invalid] = _only_polygons(shapely.make_valid(local[invalid]))
    return Mosaic(local, origin, joined)


def _lead_through(local: Geometries) -> tuple[Geometries, int]:
    """Insert into every edge the vertices whose pixel it passes, in order along it."""
    segments = border_segments(shapely.transform(local, lambda xy: xy / STEPS_PER_DEGREE))
    if not len(segments.ends):
        return local, 0
    first, _ = group_rows(segments.ends)
    ends = segments.ends[first]
    lines = shapely.linestrings(ends.astype(np.float64).reshape(-1, 2, 2))
    vertices = np.unique(ends.reshape(-1, 2), axis=0)
    point, line = shapely.STRtree(lines).query(
        shapely.points(vertices.astype(np.float64)), predicate="dwithin", distance=_REACH
    )
    hit = _passes_pixel(ends[line], vertices[point])
    if not hit.any():
        return local, 0
    line, vertex = line[hit], vertices[point[hit]]
    return _rebuild(local, ends, line, vertex), len(np.unique(vertex, axis=0))


def _passes_pixel(ends: Ints, vertex: Ints) -> Bools:
    """Tell whether each edge passes within a step, along either axis, of a vertex that is not its own end."""
    a, b = ends[:, :2], ends[:, 2:]
    d, v = b - a, vertex - a
    own = (v == 0).all(axis=1) | (vertex == b).all(axis=1)
    boxed = ((vertex >= np.minimum(a, b)) & (vertex <= np.maximum(a, b))).all(axis=1)
    cross = d[:, 0] * v[:, 1] - d[:, 1] * v[:, 0]
    hit: Bools = ~own & boxed & (np.abs(cross) < np.abs(d).sum(axis=1))
    return hit


def _rebuild(local: Geometries, ends: Ints, line: Ints, vertex: Ints) -> Geometries:
    parts, owner = shapely.get_parts(local, return_index=True)
    rings, ring_part = shapely.get_rings(parts, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    steps = np.rint(xy).astype(np.int64)
    start = np.flatnonzero(ring[:-1] == ring[1:])
    head, tail = steps[start], steps[start + 1]
    swap = (head[:, 0] > tail[:, 0]) | ((head[:, 0] == tail[:, 0]) & (head[:, 1] > tail[:, 1]))
    directed = np.where(swap[:, None], np.hstack([tail, head]), np.hstack([head, tail]))
    _, group = group_rows(np.vstack([ends, directed]))
    line_of_group = np.full(group.max() + 1, -1, dtype=np.int64)
    line_of_group[group[: len(ends)]] = np.arange(len(ends))
    line_of_start = line_of_group[group[len(ends) :]]

    # Every edge that is to be led through m vertices gets them, sorted along its own direction.
    order = np.argsort(line, kind="stable")
    many = np.bincount(line, minlength=len(ends))
    begin = np.concatenate([[0], np.cumsum(many)[:-1]])
    times = np.where(line_of_start >= 0, many[line_of_start], 0)
    edge = np.repeat(np.arange(len(start)), times)
    offset = np.arange(len(edge)) - np.repeat(np.cumsum(times) - times, times)
    inserted = vertex[order[begin[line_of_start[edge]] + offset]]
    direction = (tail - head)[edge].astype(np.float64)
    along = ((inserted - head[edge]) * direction).sum(axis=1) / (direction**2).sum(axis=1)

    place = np.concatenate([np.arange(len(xy), dtype=np.float64), start[edge].astype(np.float64)])
    fraction = np.concatenate([np.zeros(len(xy)), np.clip(along, 1e-12, 1 - 1e-12)])
    sequence = np.lexsort([fraction, place])
    new_xy = np.vstack([xy, inserted.astype(np.float64)])[sequence]
    new_ring = np.concatenate([ring, ring[start[edge]]])[sequence]
    new_rings = shapely.linearrings(new_xy, indices=new_ring)
    new_parts = shapely.polygons(new_rings, indices=ring_part)
    rebuilt: Geometries = local.copy()
    single = np.bincount(owner, minlength=len(local)) == 1
    rebuilt[owner[single[owner]]] = new_parts[single[owner]]
    if (~single[owner]).any():
        multi, index = np.unique(owner[~single[owner]], return_inverse=True)
        rebuilt[multi] = shapely.multipolygons(new_parts[~single[owner]], indices=index)
    return rebuilt


def _only_polygons(geometries: Geometries) -> Geometries:
    """Keep the polygons of mixed collections."""
    kept = np.asarray(geometries, dtype=object).copy()
    for index in np.flatnonzero(shapely.get_type_id(kept) > 6):
        kept[index] = shapely.union_all(
            [part for part in shapely.get_parts(kept[index]) if part.geom_type in {"Polygon", "MultiPolygon"}]
        )
    return kept


def land(geometries: Geometries) -> tuple[Geometries, Ints]:
    """Take the single polygons out of overlay results.

    Parameters
    ----------
    geometries
        What intersections and differences gave, local steps, shape (n,).

    Returns
    -------
    tuple of numpy.ndarray
        The polygons, shape (p,), and the row that each came from, shape (p,). Lines, points and what only
        the overlay's own rounding made are left out.
    """
    parts, index = shapely.get_parts(geometries, return_index=True)
    collection = shapely.get_type_id(parts) >= 4
    if collection.any():
        inner, inner_index = shapely.get_parts(parts[collection], return_index=True)
        parts = np.concatenate([parts[~collection], inner])
        index = np.concatenate([index[~collection], index[collection][inner_index]])
    real = shapely.get_type_id(parts) == 3
    parts, index = parts[real], index[real]
    thick = 2 * shapely.area(parts) > _ROUNDING_WIDTH * shapely.length(parts)
    return parts[thick], index[thick].astype(np.int64)


def find_overlaps(polygons: Geometries) -> Pieces:
    """Find land that more than one polygon covers; each piece once, with all that cover it.

    Parameters
    ----------
    polygons
        Of one mosaic, local steps, shape (n,).

    Returns
    -------
    Pieces
        Sorted by owners.
    """
    nothing = Pieces(np.zeros(0, dtype=object), [])
    if len(polygons) < 2 or bool(shapely.coverage_is_valid(polygons)):
        return nothing
    suspect = ~shapely.is_empty(shapely.coverage_invalid_edges(polygons))
    i, j = shapely.STRtree(polygons).query(polygons, predicate="intersects")
    keep = (i < j) & (suspect[i] | suspect[j])
    i, j = i[keep], j[keep]
    parts, row = land(shapely.intersection(polygons[i], polygons[j]))
    owners: list[tuple[int, ...]] = [(int(i[r]), int(j[r])) for r in row]
    if len(parts) > 1 and len(land(shapely.intersection(*_touching(parts)))[0]):
        parts, owners = _faces(parts, polygons)
    order = sorted(range(len(owners)), key=lambda n: (owners[n], shapely.bounds(parts[n]).tolist()))
    return Pieces(parts[order], [owners[n] for n in order])


def _touching(parts: Geometries) -> tuple[Geometries, Geometries]:
    a, b = shapely.STRtree(parts).query(parts, predicate="intersects")
    return parts[a[a < b]], parts[b[a < b]]


def _faces(parts: Geometries, polygons: Geometries) -> tuple[Geometries, list[tuple[int, ...]]]:
    """Cut pieces that three or more polygons share apart, so that no land is listed twice."""
    lines = shapely.union_all(shapely.boundary(parts))
    faces, _ = land(np.asarray(shapely.get_parts(shapely.polygonize([lines])), dtype=object))
    inside = shapely.point_on_surface(faces)
    face, owner = shapely.STRtree(polygons).query(inside, predicate="intersects")
    owners: list[list[int]] = [[] for _ in faces]
    for index, polygon in sorted(zip(face.tolist(), owner.tolist(), strict=True)):
        owners[index].append(polygon)
    groups: dict[tuple[int, ...], list[int]] = {}
    for index, group in enumerate(owners):
        if len(group) > 1:
            groups.setdefault(tuple(group), []).append(index)
    merged: list[shapely.Geometry] = []
    names: list[tuple[int, ...]] = []
    for group_owners, indices in groups.items():
        pieces = shapely.get_parts(shapely.union_all(faces[indices]))
        merged.extend(pieces)
        names.extend([group_owners] * len(pieces))
    return np.array(merged, dtype=object), names


def cover(polygons: Geometries) -> shapely.Geometry:
    """Unite the polygons of a mosaic.

    Parameters
    ----------
    polygons
        Local steps, shape (n,).

    Returns
    -------
    shapely.Geometry
        Their union.
    """
    if len(polygons) and bool(shapely.coverage_is_valid(polygons)):
        return shapely.coverage_union_all(polygons)
    return shapely.union_all(polygons)


def find_voids(polygons: Geometries, within: shapely.Geometry | None) -> tuple[Pieces, Bools]:
    """Find land that no polygon covers.

    Parameters
    ----------
    polygons
        Of one mosaic, local steps, shape (n,).
    within
        What they should cover, of the same mosaic; ``None`` where only land that they enclose counts.

    Returns
    -------
    tuple
        The pieces, each with the polygons that it borders on along a line, and whether each reaches the
        border of ``within``, shape (p,).
    """
    union = cover(polygons)
    if within is None:
        shells = [
            shapely.polygons(shapely.get_exterior_ring(part))
            for part in shapely.get_parts(union)
            if shapely.get_num_interior_rings(part)
        ]
        outer = shapely.union_all(shells)
    else:
        outer = within
    parts, _ = land(np.array([shapely.difference(outer, union)], dtype=object))
    if not len(parts):
        return Pieces(parts, []), np.zeros(0, dtype=bool)
    rims = shapely.boundary(parts)
    piece, near = shapely.STRtree(polygons).query(parts, predicate="intersects")
    shared = _contact(rims[piece], shapely.boundary(polygons[near]))
    owners: list[list[int]] = [[] for _ in parts]
    for index, polygon, length in sorted(zip(piece.tolist(), near.tolist(), shared.tolist(), strict=True)):
        if length > 0:
            owners[index].append(polygon)
    if within is None:
        reaches: Bools = np.zeros(len(parts), dtype=bool)
    else:
        reaches = _contact(rims, shapely.boundary(within)) > 0
    return Pieces(parts, [tuple(group) for group in owners]), reaches


def _contact(rims: Geometries, borders: Geometries | shapely.Geometry) -> Floats:
    """Measure the steps along which lines run together."""
    return np.asarray(shapely.length(shapely.intersection(rims, borders, grid_size=_CONTACT_GRID)))


def find_outside(polygons: Geometries, within: shapely.Geometry) -> Pieces:
    """Find land of polygons that lies beyond a border.

    Parameters
    ----------
    polygons
        Of one mosaic, local steps, shape (n,).
    within
        What they should stay in, of the same mosaic.

    Returns
    -------
    Pieces
        Each with the one polygon that it is of.
    """
    shapely.prepare(within)
    leaving = np.flatnonzero(~shapely.covered_by(polygons, within))
    parts, row = land(shapely.difference(polygons[leaving], within))
    return Pieces(parts, [(int(leaving[r]),) for r in row])


def find_cuts(
    things: Geometries, polygons: Geometries
) -> tuple[list[int], list[tuple[int, ...]], Geometries]:
    """Find things (buildings, compounds) that lie in more than one polygon.

    Parameters
    ----------
    things, polygons
        Of one mosaic, local steps, shapes (t,) and (n,).

    Returns
    -------
    tuple
        The things that are cut; the polygons that each lies in, the one with most of it first; and what of
        each lies outside that first polygon but in others, shape (c,).
    """
    solid = np.flatnonzero(shapely.area(things) > 0)
    row, polygon = shapely.STRtree(polygons).query(things[solid], predicate="intersects")
    candidates = np.bincount(row, minlength=len(solid))[row] > 1
    row, polygon = row[candidates], polygon[candidates]
    shares = shapely.intersection(things[solid[row]], polygons[polygon])
    pieces, of_share = land(shares)
    area = np.bincount(of_share, weights=shapely.area(pieces), minlength=len(shares))
    cut: list[int] = []
    names: list[tuple[int, ...]] = []
    outside: list[shapely.Geometry] = []
    order = np.lexsort([polygon, -area, row])
    order = order[area[order] > 0]
    starts = np.flatnonzero(np.diff(row[order], prepend=-1))
    for group in np.split(order, starts[1:]) if len(order) else []:
        # Overlapping polygons may both hold all of a thing: that is the overlap's fault, not a cut.
        rest = shapely.difference(shapely.union_all(shares[group[1:]]), polygons[polygon[group[0]]])
        left, _ = land(np.array([rest], dtype=object))
        if len(left):
            cut.append(int(solid[row[group[0]]]))
            names.append(tuple(int(p) for p in polygon[group]))
            outside.append(shapely.union_all(left))
    return cut, names, np.array(outside, dtype=object)
