"""The land within 5, 10 and 15 minutes on foot, as polygons to be shown.

With a network the method is the *network buffer*: every stretch of street that is reached in time, cut at
ten metres, widened to 30 m on both sides. The polygon is a picture; whether a home is within reach is
answered home by home in :mod:`gis.walking.minutes`. Without a network it is a circle whose radius is the way
divided by the stated detour factor. The column ``method`` says which.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from gis.crs import STORAGE_SRID
from gis.walking.access import access_of
from gis.walking.minutes import DETOUR, SPEED_M_S, node_metres
from gis.walking.network import Network
from gis.walking.plane import Geometries, Plane

MINUTES = (5, 10, 15)
NETWORK_BUFFER = "network buffer"
CIRCLE = "circle"
_PIECE_M = 10.0
_WIDTH_M = 30.0


def walking_areas(
    network: Network | None,
    points: Any,
    *,
    minutes: Sequence[float] = MINUTES,
    speed_m_s: float = SPEED_M_S,
    detour: float = DETOUR,
) -> gpd.GeoDataFrame:
    """Draw the land within some minutes of each point.

    Parameters
    ----------
    network
        The network; None draws circles.
    points
        Points, EPSG:4490 degrees, shape (n,).
    minutes
        How long people walk.
    speed_m_s
        Metres a second.
    detour
        For the circles.

    Returns
    -------
    geopandas.GeoDataFrame
        ``point`` (row number), ``minutes``, ``method``, geometry in EPSG:4490; n × minutes rows. A point with
        no street near it has a circle even where there is a network.
    """
    points = np.asarray(points, dtype=object)
    limits = sorted(float(one) for one in minutes)
    plane = network.plane if network is not None else Plane.around(points)
    doors = plane.lay(points)
    reached = np.zeros(len(points), dtype=bool)
    shapes = np.empty((len(points), len(limits)), dtype=object)
    if network is not None:
        access = access_of(network, doors)
        reached = access.there
        shapes[reached] = _buffers(network, doors, np.array(limits) * 60 * speed_m_s, reached)
    for column, limit in enumerate(limits):
        radius = limit * 60 * speed_m_s / detour
        shapes[~reached, column] = shapely.buffer(doors[~reached], radius, quad_segs=24)
    return gpd.GeoDataFrame(
        {
            "point": np.repeat(np.arange(len(points)), len(limits)),
            "minutes": np.tile(limits, len(points)),
            "method": np.repeat(np.where(reached, NETWORK_BUFFER, CIRCLE), len(limits)),
        },
        geometry=plane.lift(shapes.reshape(-1)),
        crs=STORAGE_SRID,
    )


def _buffers(network: Network, doors: Geometries, limits_m: Any, reached: Any) -> Geometries:
    """Draw the network buffers of the doors that have access, shape (doors, limits)."""
    access = access_of(network, doors)
    metres = node_metres(network, access, float(limits_m[-1]))
    pieces, edge, low, high = _pieces(network)
    whole = network.metres[edge]
    shapes = np.empty((int(reached.sum()), len(limits_m)), dtype=object)
    for row, place in enumerate(np.flatnonzero(reached)):
        first, last = metres[place, network.start[edge]], metres[place, network.end[edge]]
        # A piece counts where both its ends are in time.
        far = np.maximum(
            np.minimum(first + low, last + whole - low), np.minimum(first + high, last + whole - high)
        )
        own = access.place == place
        for way in np.flatnonzero(own):
            here = edge == access.edge[way]
            on_edge = access.link[way] + np.maximum(
                np.abs(low[here] - access.along[way]), np.abs(high[here] - access.along[way])
            )
            far[here] = np.minimum(far[here], on_edge)
        for column, limit in enumerate(limits_m):
            lines = shapely.multilinestrings(pieces[far <= limit])
            streets = shapely.buffer(shapely.line_merge(lines), _WIDTH_M, quad_segs=4)
            yard = shapely.buffer(doors[place], min(_WIDTH_M * 2, float(limit)), quad_segs=8)
            shapes[row, column] = shapely.simplify(shapely.union(streets, yard), 0.5)
    return shapes


def _pieces(network: Network) -> tuple[Geometries, Any, Any, Any]:
    """Cut the edges into pieces; return them with their edge and their two ends' metres along it."""
    fine = shapely.segmentize(network.lines, _PIECE_M)
    xy, edge = shapely.get_coordinates(fine, return_index=True)
    same = edge[1:] == edge[:-1]
    step = np.where(same, np.hypot(*(xy[1:] - xy[:-1]).T), 0.0)
    along = np.concatenate(([0.0], np.cumsum(step)))
    begins = np.flatnonzero(np.diff(edge, prepend=-1))
    along -= along[begins][edge]
    # Stated lengths stretch the drawn ones.
    drawn = np.maximum(shapely.length(network.lines), 1e-9)
    along *= (network.metres / drawn)[edge]
    lines = shapely.linestrings(np.stack((xy[:-1], xy[1:]), axis=1)[same])
    return lines, edge[:-1][same], along[:-1][same], along[1:][same]
