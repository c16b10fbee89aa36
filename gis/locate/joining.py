"""Shared edges once: from rings, of which neighbours run along the same border, to edges with both owners."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gis.locate import kernels
from gis.locate.edges import Edges, Ints, Rings


def join_rings(rings: Rings, members: NDArray[np.bool_]) -> Edges:
    """Turn the rings of some polygons into upward edges, an edge that two of them share once.

    Parameters
    ----------
    rings
        The rings of all polygons.
    members
        bool, shape (polygons,): which to take; they must not overlap.

    Returns
    -------
    Edges
        In the order in which the rings first run along them.
    """
    owner = np.repeat(np.arange(1, len(members) + 1), np.diff(rings.polygon_at))
    owner[~np.repeat(members, np.diff(rings.polygon_at))] = 0
    return join_edges(*kernels.upward(rings.vertices, rings.ring_at, owner))


def join_edges(xy: Ints, left: Ints, right: Ints) -> Edges:
    """Make one edge of two equal ones that have land on opposite sides.

    Parameters
    ----------
    xy
        int64, shape (n, 4): upward edges; written over.
    left, right
        int64, shape (n,): position + 1 of the polygon on that side, 0 for none; written over.

    Returns
    -------
    Edges
        In the same order.
    """
    return Edges(*kernels.join(xy, left, right))
