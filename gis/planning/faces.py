"""Cut land along lines into faces that fit together exactly on the lattice.

All lines are noded at once by snap rounding (GEOS OverlayNG with a grid of one lattice step), so every
face's corner is a lattice point and faces that touch carry the same segments. Whatever is put together from
such faces is a valid coverage; no cleaning comes after.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from gis.lattice import STEPS_PER_DEGREE, to_degrees
from gis.planning.measure import Floats, Geometries, Ints, border_segments, group_rows, sum_by


@dataclass(frozen=True, eq=False)
class Faces:
    """The faces of an arrangement of lines.

    Attributes
    ----------
    geometry
        Polygons in degrees on the lattice, shape (f,).
    point
        A point inside each, degrees, shape (f,).
    """

    geometry: Geometries
    point: Geometries

    def __len__(self) -> int:
        return len(self.geometry)


def cut_faces(*layers: Geometries) -> Faces:
    """Cut the plane along the borders of polygons and along lines.

    Parameters
    ----------
    *layers
        Arrays of polygons and lines in degrees; missing ones are left out.

    Returns
    -------
    Faces
        The bounded faces. Lines that end inside a face do not cut it.
    """
    shapes = np.concatenate([np.asarray(layer, dtype=object) for layer in layers])
    shapes = shapes[~(shapely.is_missing(shapes) | shapely.is_empty(shapes))]
    nothing = np.zeros(0, dtype=object)
    if not len(shapes):
        return Faces(nothing, nothing)
    flat = shapely.get_dimensions(shapes) == 2
    shapes[flat] = shapely.boundary(shapes[flat])
    origin = np.rint(shapely.total_bounds(shapes)[:2] * STEPS_PER_DEGREE)
    local = shapely.transform(shapes, lambda xy: np.rint(xy * STEPS_PER_DEGREE) - origin)
    noded = shapely.union_all(local, grid_size=1.0)
    found = np.asarray(shapely.get_parts(shapely.polygonize([noded])), dtype=object)
    back = shapely.transform(found, lambda xy: to_degrees(np.rint(xy) + origin))
    inside = shapely.transform(shapely.point_on_surface(found), lambda xy: (xy + origin) / STEPS_PER_DEGREE)
    return Faces(np.asarray(back, dtype=object), np.asarray(inside, dtype=object))


def locate_points(points: Geometries, polygons: Geometries) -> Ints:
    """Tell which polygon each point lies in.

    Parameters
    ----------
    points
        Degrees, shape (p,); missing ones are in none.
    polygons
        Degrees, shape (n,).

    Returns
    -------
    numpy.ndarray
        The first polygon that holds the point, or -1; shape (p,).
    """
    found = np.full(len(points), len(polygons), dtype=np.int64)
    if len(polygons) and len(points):
        point, polygon = shapely.STRtree(polygons).query(points, predicate="intersects")
        np.minimum.at(found, point, polygon)
    return np.where(found < len(polygons), found, -1)


def unite(faces: Geometries, labels: Ints, count: int) -> Geometries:
    """Unite faces of a coverage that carry the same label.

    Parameters
    ----------
    faces
        A valid coverage, degrees, shape (f,).
    labels
        0…count-1, or -1 to leave a face out; shape (f,).
    count
        How many labels there are.

    Returns
    -------
    numpy.ndarray
        A polygon or multipolygon for each label, empty where it has no face; shape (count,).
    """
    united = np.full(count, shapely.Polygon(), dtype=object)
    kept = np.flatnonzero(labels >= 0)
    order = kept[np.argsort(labels[kept], kind="stable")]
    held = np.bincount(labels[kept], minlength=count)
    single = held == 1
    begin = np.cumsum(held) - held
    united[single] = faces[order[begin[single]]]
    for label in np.flatnonzero(held > 1):
        united[label] = shapely.coverage_union_all(faces[order[begin[label] : begin[label] + held[label]]])
    return united


def shared_lengths(polygons: Geometries) -> tuple[Ints, Ints, Floats]:
    """Measure, in degrees of arc, how far the members of a coverage border on each other.

    Parameters
    ----------
    polygons
        A valid coverage in degrees, shape (n,).

    Returns
    -------
    tuple of numpy.ndarray
        i, j and the shared length for every pair that borders, both ways round; good for comparing only.
    """
    segments = border_segments(polygons)
    nothing = np.zeros(0, dtype=np.int64)
    if not len(segments.ends):
        return nothing, nothing, np.zeros(0)
    _, group = group_rows(segments.ends)
    order = np.argsort(group, kind="stable")
    twin = np.flatnonzero(group[order][1:] == group[order][:-1])
    a, b = segments.owner[order[twin]], segments.owner[order[twin + 1]]
    ends = to_degrees(segments.ends[order[twin]])
    length = np.hypot((ends[:, 2] - ends[:, 0]) * np.cos(np.radians(ends[:, 1])), ends[:, 3] - ends[:, 1])
    a, b, length = a[a != b], b[a != b], length[a != b]
    n = len(polygons)
    key, pair = np.unique(np.concatenate([a * n + b, b * n + a]), return_inverse=True)
    return key // n, key % n, sum_by(pair, np.concatenate([length, length]), len(key))


def join_to_neighbours(polygons: Geometries, weak: Ints, kind: Ints | None = None) -> Ints:
    """Give each weak member of a coverage to the neighbour that it shares most border with.

    Parameters
    ----------
    polygons
        A valid coverage in degrees, shape (n,).
    weak
        The members to give away, ascending.
    kind
        Of each member, shape (n,): one of a kind goes to its like only, one of kind -1 to any. A weak member
        without a neighbour that takes it stays.

    Returns
    -------
    numpy.ndarray
        The member that each belongs to now, itself where it stays; shape (n,).
    """
    target = np.arange(len(polygons))
    i, j, length = shared_lengths(polygons)
    loose = set(weak.tolist())
    order = np.argsort(-length, kind="stable")
    wishes: dict[int, list[int]] = {}
    for a, b in zip(i[order].tolist(), j[order].tolist(), strict=True):
        if a in loose and (kind is None or kind[a] < 0 or kind[a] == kind[b]):
            wishes.setdefault(a, []).append(b)
    # From the strong outwards, so that a chain of weak ones ends at a strong one.
    while loose:
        joined = {
            a: next(b for b in wishes[a] if b not in loose)
            for a in loose
            if any(b not in loose for b in wishes.get(a, []))
        }
        if not joined:
            break
        for a, b in joined.items():
            target[a] = target[b]
        loose -= set(joined)
    return target
