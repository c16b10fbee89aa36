"""Close the slivers between neighbours: narrow overlaps and gaps that a hand or a conversion left.

Basic grids tile the land exactly, and the database refuses an overlap of any width. Hand-drawn borders
differ by decimetres where they should be one line; those are closed here. An overlap that is wider is a
dispute about land, which no program settles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.crs import metres_per_degree
from gis.lattice import snap

Geometries = NDArray[np.object_]

WIDTH_M = 0.5
"""Overlaps and gaps that are narrower are slivers."""

_SNAPPING_M = 0.002
_ROUNDS = 4


@dataclass(frozen=True)
class Closed:
    """Polygons without slivers between them.

    Attributes
    ----------
    geometries
        MultiPolygons on the lattice, shape (n,).
    changes
        Position → square metres gained, for those that changed.
    disputes
        Pairs of positions that overlap by more than a sliver, and the square metres; they are left as they
        are, and so is everything about them.
    """

    geometries: Geometries
    changes: dict[int, float]
    disputes: list[tuple[int, int, float]]


def close_slivers(shapes: Any, *, width_m: float = WIDTH_M) -> Closed:
    """Give narrow overlaps and gaps to the neighbour with the longest border on them.

    Parameters
    ----------
    shapes
        Valid polygons on the lattice, degrees (CGCS2000), shape (n,).
    width_m
        How narrow a sliver is: twice its area by its outline, metres.

    Returns
    -------
    Closed
        As long as the input.
    """
    work = np.array(shapes, dtype=object, copy=True).reshape(-1)
    disputes = _disputes(work, width_m)
    good = np.setdiff1d(np.arange(len(work)), [place for pair in disputes for place in pair[:2]])
    if not good.size:
        return Closed(work, {}, disputes)
    box = shapely.total_bounds(work[good])
    origin = box[:2]
    scale = np.array([float(length) for length in metres_per_degree((box[1] + box[3]) / 2)])
    before = work.copy()
    for _ in range(_ROUNDS):
        # Widths are metres, the same both ways; the way back lands on the very lattice points again.
        metric = shapely.transform(work[good], lambda xy: (xy - origin) * scale)
        if shapely.coverage_is_valid(metric, gap_width=width_m) and not _overlaps(work[good]).size:
            break
        clean = shapely.coverage_clean(metric, gap_width=width_m, snapping_distance=_SNAPPING_M)
        clean = snap(shapely.transform(clean, lambda xy: xy / scale + origin))
        kept = shapely.is_valid(clean) & ~shapely.is_empty(clean)
        work[good[kept]] = clean[kept]
    changed = np.flatnonzero(
        ~shapely.equals_identical(shapely.normalize(_multi(before)), shapely.normalize(_multi(work)))
    )
    gained = (shapely.area(work) - shapely.area(before)) * scale.prod()
    work[changed] = shapely.orient_polygons(_multi(work[changed]))
    return Closed(work, {int(place): float(gained[place]) for place in changed}, disputes)


def _multi(shapes: Geometries) -> Geometries:
    single = shapely.get_type_id(shapes) == 3
    done = shapes.copy()
    done[single] = shapely.multipolygons(shapes[single, np.newaxis])
    return done


def _overlaps(shapes: Geometries) -> NDArray[np.intp]:
    """List the pairs whose interiors share any area, shape (m, 2)."""
    tree = shapely.STRtree(shapes)
    pairs = tree.query(shapes, predicate="intersects").T
    pairs = pairs[pairs[:, 0] < pairs[:, 1]]
    if not len(pairs):
        return np.empty((0, 2), dtype=np.intp)
    inside = shapely.relate_pattern(shapes[pairs[:, 0]], shapes[pairs[:, 1]], "2********")
    return np.asarray(pairs[inside], dtype=np.intp)


def _disputes(shapes: Geometries, width_m: float) -> list[tuple[int, int, float]]:
    pairs = _overlaps(shapes)
    if not len(pairs):
        return []
    shared = shapely.intersection(shapes[pairs[:, 0]], shapes[pairs[:, 1]])
    parts, at = shapely.get_parts(shared, return_index=True)
    box = shapely.bounds(parts)
    east, north = metres_per_degree((box[:, 1] + box[:, 3]) / 2)
    metric = shapely.transform(parts, lambda xy: xy * [float(np.mean(east)), float(np.mean(north))])
    area = shapely.area(metric)
    with np.errstate(divide="ignore", invalid="ignore"):
        wide = np.nan_to_num(2 * area / shapely.length(metric)) > width_m
    total = np.bincount(at, weights=np.where(wide, area, 0.0), minlength=len(pairs))
    return [(int(a), int(b), float(size)) for (a, b), size in zip(pairs, total, strict=True) if size > 0]
