"""Borders that share every vertex: a new corner on a neighbour's straight edge becomes a vertex of that too.

A corner that is rounded onto the lattice lies beside the edge that it was drawn on, by less than a step. Left
so, the two polygons overlap or part by a hair that no planner can see and the database refuses.
"""

from __future__ import annotations

import numpy as np
import shapely

from gis.lattice import STEPS_PER_DEGREE, snap
from gis.planning.coverage import build_mosaic
from gis.planning.measure import Bools, Geometries

_ROUNDS = 4
"""An edge led through a vertex may come to pass another; once is the rule, twice is rare."""

_ROUNDING = 2.0 / STEPS_PER_DEGREE
"""Degrees: as far as being led through neighbours' corners can move a border, with some to spare."""


def match_borders(shapes: Geometries) -> tuple[Geometries, Bools]:
    """Lead every edge through the neighbours' vertices that it passes within a lattice step.

    Parameters
    ----------
    shapes
        Valid polygons on the lattice, degrees (CGCS2000), shape (n,).

    Returns
    -------
    tuple of numpy.ndarray
        The polygons on the lattice, and which of them have other vertices than before; both of shape (n,).
        Where nothing had to be led the very same objects come back.
    """
    matched = np.array(shapes, dtype=object, copy=True)
    for _ in range(_ROUNDS):
        mosaic = build_mosaic(matched)
        if not mosaic.joined:
            break
        matched = snap(mosaic.to_degrees(mosaic.polygons))
    changed: Bools = ~shapely.equals_identical(shapely.normalize(shapes), shapely.normalize(matched))
    # What merely begins its rings elsewhere is left as it was.
    matched[~changed] = np.asarray(shapes, dtype=object)[~changed]
    return matched, changed


def same_but_for_rounding(some: Geometries, others: Geometries) -> Bools:
    """Tell which pairs of polygons are apart by no more than their borders' being matched.

    Parameters
    ----------
    some, others
        Polygons in degrees, shape (n,).

    Returns
    -------
    numpy.ndarray
        Shape (n,).
    """
    near: Bools = shapely.hausdorff_distance(some, others) <= _ROUNDING
    return near
