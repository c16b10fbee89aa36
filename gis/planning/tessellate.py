"""Divide a block among the things that stand in it, each getting the land that is nearest to it.

The Voronoi cells of points along the things' outlines, united by thing and clipped to the block: the
enclosed tessellation of Fleischmann, Feliciotti, Romice and Porta (2020).
"""

from __future__ import annotations

import numpy as np
import shapely

from gis.planning.measure import Geometries, Ints

_SHRINK_M = 0.2


def tessellate(block: shapely.Geometry, seeds: Geometries, spacing_m: float = 2.0) -> Geometries:
    """Divide a block among seeds.

    Parameters
    ----------
    block
        A polygon in metres.
    seeds
        Polygons in metres that do not overlap, shape (s,), s ≥ 1.
    spacing_m
        How far apart the points along their outlines are.

    Returns
    -------
    numpy.ndarray
        Land of each seed in metres, shape (s,): together the block, but for rounding; empty where a seed has
        no outline in it.
    """
    points, owner = _outline_points(seeds, spacing_m)
    if len(np.unique(owner)) < 2:
        lands = np.full(len(seeds), shapely.Polygon(), dtype=object)
        lands[owner[0] if len(owner) else 0] = block
        return lands
    diagram = shapely.voronoi_polygons(shapely.multipoints(points), extend_to=block, ordered=True)
    cells = np.asarray(shapely.get_parts(diagram), dtype=object)
    order = np.argsort(owner, kind="stable")
    held = np.bincount(owner, minlength=len(seeds))
    lands = np.array([_join(group) for group in np.split(cells[order], np.cumsum(held)[:-1])], dtype=object)
    broken = ~shapely.is_valid(lands)
    lands[broken] = shapely.buffer(lands[broken], 0)
    clipped: Geometries = shapely.intersection(lands, block)
    return clipped


def _join(cells: Geometries) -> shapely.Geometry:
    """Unite cells of one diagram; a diagram of nearly regular points may not quite fit together."""
    try:
        return shapely.coverage_union_all(cells) if len(cells) else shapely.Polygon()
    except shapely.GEOSException:
        return shapely.union_all(shapely.buffer(cells, 0), grid_size=0.001)


def _outline_points(seeds: Geometries, spacing_m: float) -> tuple[Geometries, Ints]:
    """Put points along each outline, a little inside so that neighbours wall to wall share none."""
    smaller = shapely.buffer(seeds, -_SHRINK_M, join_style="mitre")
    outline = np.where(shapely.is_empty(smaller), seeds, smaller)
    xy, owner = shapely.get_coordinates(shapely.segmentize(outline, spacing_m), return_index=True)
    # Millimetres are enough, and points that are nearly one would make cells of no width.
    rounded = np.rint(xy * 1000) / 1000
    _, first = np.unique(rounded, axis=0, return_index=True)
    first.sort()
    return rounded[first], owner[first].astype(np.int64)
