"""The land within 5, 10 and 15 minutes on foot, as polygons to be shown.

With a network the method is the *network buffer*: every stretch of street that is reached in time, cut at
ten metres, widened to 30 m on both sides. The polygon is a picture; whether a home is within reach is
answered home by home in :mod:`gis.walking.minutes`. Without a network it is a circle whose radius is the way
divided by the stated detour factor. The column ``method`` says which.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from gis.crs import STORAGE_SRID
from gis.walking.access import Access, access_of
from gis.walking.minutes import DETOUR, SPEED_M_S, node_metres
from gis.walking.network import Network
from gis.walking.plane import Floats, Geometries, Plane

MINUTES = (5, 10, 15)
NETWORK_BUFFER = "network buffer"
CIRCLE = "circle"
_WIDTH_M = 30.0


def walking_areas(
    network: Network | None,
    points: Any,
    *,
    minutes: Sequence[float] = MINUTES,
    speed_m_s: float = SPEED_M_S,
    detour: float = DETOUR,
) -> gpd.GeoDataFrame:
    """Draw the land within some minutes of whichever point is nearest.

    Parameters
    ----------
    network
        The network; None draws circles.
    points
        Points, EPSG:4490 degrees, shape (n,), of which none is missing; at least one.
    minutes
        How long people walk.
    speed_m_s
        Metres a second.
    detour
        For the circles.

    Returns
    -------
    geopandas.GeoDataFrame
        ``minutes``, ``method`` (``mixed`` where some points have no street near them), geometry in EPSG:4490;
        one row for each of the minutes, ascending.
    """
    points = np.asarray(points, dtype=object)
    limits = sorted(float(one) for one in minutes)
    plane = network.plane if network is not None else Plane.around(points)
    doors = plane.lay(points)
    reached = np.zeros(len(points), dtype=bool)
    drawn = [np.empty(0, dtype=object)] * len(limits)
    if network is not None:
        access = access_of(network, doors)
        reached = access.there
        far = np.full(len(network.pieces[0]), np.inf)
        for _, one in _far(network, access, limits[-1] * 60 * speed_m_s):
            far = np.minimum(far, one)
        drawn = [_buffer(network, far, doors[reached], limit * 60 * speed_m_s) for limit in limits]
    shapes = [
        shapely.union_all(
            [*parts, *shapely.buffer(doors[~reached], limit * 60 * speed_m_s / detour, quad_segs=24)]
        )
        for parts, limit in zip(drawn, limits, strict=True)
    ]
    method = NETWORK_BUFFER if reached.all() else "mixed" if reached.any() else CIRCLE
    return gpd.GeoDataFrame(
        {"minutes": limits, "method": method},
        geometry=plane.lift(np.array(shapes, dtype=object)),
        crs=STORAGE_SRID,
    )


def _far(network: Network, access: Access, limit_m: float) -> Iterator[tuple[int, Floats]]:
    """Measure from each place that has access to the farther end of every piece of street."""
    metres = node_metres(network, access, limit_m)
    _, edge, low, high = network.pieces
    whole = network.metres[edge]
    for place in np.flatnonzero(access.there):
        first, last = metres[place, network.start[edge]], metres[place, network.end[edge]]
        # A piece counts where both its ends are in time.
        far = np.maximum(
            np.minimum(first + low, last + whole - low), np.minimum(first + high, last + whole - high)
        )
        for way in np.flatnonzero(access.place == place):
            here = edge == access.edge[way]
            on_edge = access.link[way] + np.maximum(
                np.abs(low[here] - access.along[way]), np.abs(high[here] - access.along[way])
            )
            far[here] = np.minimum(far[here], on_edge)
        yield int(place), far


def _buffer(network: Network, far: Floats, doors: Geometries, limit_m: float) -> Geometries:
    """Widen the pieces that are reached in time, and add a yard around each door."""
    lines = shapely.line_merge(shapely.multilinestrings(network.pieces[0][far <= limit_m]))
    streets = shapely.buffer(shapely.simplify(lines, 0.2), _WIDTH_M, quad_segs=4)
    yards = shapely.buffer(doors, min(_WIDTH_M * 2, limit_m), quad_segs=8)
    return np.array([shapely.simplify(shapely.union_all([streets, *yards]), 0.5)], dtype=object)
