"""How far it is on foot from every door to every service point.

By the network where there is one: Dijkstra's algorithm from every point at once (``scipy.sparse.csgraph``),
then each door's own ways onto its streets, both ends of each street, and the street that it shares with a
point. Where there is no network, by the circle: the straight line times a stated detour factor. Each answer
says which it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import dijkstra

from gis.errors import InputError
from gis.walking.access import Access, AccessKind, access_of, crosses_a_barrier
from gis.walking.network import Network
from gis.walking.plane import Floats, Geometries, Ints, Plane

SPEED_M_S = 1.1
DETOUR = 1.3
"""Way on foot over the straight line where no network is known. A convention of this project."""
OPEN_GROUND_M = 100.0
"""Two doors so near to each other, with no wall or river between, are joined across open ground."""
SPEEDS_M_S = {"adult": 1.1, "older": 0.8, "wheelchair": 0.7}
"""Speeds of groups of residents: a convention of this project, to be set per place."""
_ROWS = 512


class Basis(StrEnum):
    """What a distance rests on."""

    NETWORK = "network"
    CIRCLE = "circle"


@dataclass(frozen=True, eq=False)
class Walk:
    """Metres on foot from places to points.

    Attributes
    ----------
    metres
        Shape (n, m), float32; infinite where the point is farther than the limit or cannot be walked to.
    place_access, point_access
        :class:`~gis.walking.access.AccessKind` of each, shapes (n,) and (m,); ``none`` means the circle.
    detour
        The factor that the circle's distances carry.
    limit_m
        Nothing beyond it was looked at.
    """

    metres: NDArray[np.float32]
    place_access: NDArray[np.str_]
    point_access: NDArray[np.str_]
    detour: float
    limit_m: float

    def minutes(self, speed_m_s: float = SPEED_M_S) -> NDArray[np.float32]:
        """Return minutes instead of metres.

        Parameters
        ----------
        speed_m_s
            Metres a second.

        Returns
        -------
        numpy.ndarray
            Shape (n, m), float32.
        """
        return np.asarray(self.metres / np.float32(speed_m_s * 60), dtype=np.float32)

    def basis(self) -> NDArray[np.str_]:
        """Say for each place what its distances rest on.

        Returns
        -------
        numpy.ndarray
            :class:`Basis` values, shape (n,).
        """
        return np.where(self.place_access == AccessKind.NONE, str(Basis.CIRCLE), str(Basis.NETWORK))


def doors_of(frame: gpd.GeoDataFrame) -> Geometries:
    """Return a point for each row: the point itself, or one inside the building near its middle.

    Parameters
    ----------
    frame
        Points or polygons, EPSG:4490 degrees.

    Returns
    -------
    numpy.ndarray
        Points in degrees, shape (n,); missing where there is no geometry.
    """
    shapes = np.asarray(frame.geometry.array, dtype=object)
    middle = shapely.centroid(shapes)
    outside = ~shapely.covers(shapes, middle)
    points = np.where(outside, shapely.point_on_surface(shapes), middle)
    points[shapely.is_empty(points)] = None
    return np.asarray(points, dtype=object)


def walking_metres(
    network: Network | None,
    places: Any,
    points: Any,
    *,
    limit_m: float = 15 * 60 * SPEED_M_S,
    detour: float = DETOUR,
) -> Walk:
    """Measure every place against every point.

    Parameters
    ----------
    network
        The network; None measures by the circle alone.
    places
        Points, EPSG:4490 degrees, shape (n,); missing ones reach nothing.
    points
        Points, EPSG:4490 degrees, shape (m,).
    limit_m
        How far to look, metres.
    detour
        For the circle and for open ground.

    Returns
    -------
    Walk
        Metres and what they rest on. It takes 4·n·m bytes.

    Raises
    ------
    InputError
        If the limit or the detour makes no sense.
    """
    if not limit_m > 0 or not detour >= 1:
        raise InputError(
            f"a limit of {limit_m} m with a detour of {detour}",
            where="walking",
            mend="give a limit above 0 and a detour of at least 1",
        )
    places, points = np.asarray(places, dtype=object), np.asarray(points, dtype=object)
    if not len(places) or not len(points) or (shapely.is_missing(places).all()):
        metres = np.full((len(places), len(points)), np.inf, dtype=np.float32)
        return Walk(metres, _no_access(places), _no_access(points), detour, limit_m)
    plane = network.plane if network is not None else Plane.around(np.concatenate((places, points)))
    doors, goals = plane.lay(places), plane.lay(points)
    if network is None:
        metres = _circle(doors, goals, detour, limit_m)
        return Walk(metres, _no_access(doors), _no_access(goals), detour, limit_m)
    ways, ends = access_of(network, doors), access_of(network, goals)
    metres = _by_network(network, ways, ends, limit_m)
    _across_open_ground(network, doors, goals, detour, metres)
    lost, unreachable = ~ways.there, ~ends.there
    if lost.any():
        metres[lost] = _circle(doors[lost], goals, detour, limit_m)
    if unreachable.any():
        metres[:, unreachable] = _circle(doors, goals[unreachable], detour, limit_m)
    metres[metres > limit_m] = np.inf
    return Walk(metres, ways.kind, ends.kind, detour, limit_m)


def nearest_points(walk: Walk, count: int = 3, *, speed_m_s: float = SPEED_M_S) -> pd.DataFrame:
    """List the nearest points of every place.

    Parameters
    ----------
    walk
        What :func:`walking_metres` gave.
    count
        How many.
    speed_m_s
        Metres a second.

    Returns
    -------
    pandas.DataFrame
        ``place`` and ``point`` (row numbers), ``rank`` (from 1), ``metres``, ``minutes``, ``basis``; only
        those within the limit.
    """
    n, m = walk.metres.shape
    count = min(count, m)
    if not n or not count:
        columns = ("place", "point", "rank", "metres", "minutes", "basis")
        return pd.DataFrame({column: [] for column in columns})
    order = (
        np.argpartition(walk.metres, count - 1, axis=1)[:, :count]
        if count < m
        else np.tile(np.arange(m), (n, 1))
    )
    metres = np.take_along_axis(walk.metres, order, axis=1)
    # Equal distances are listed in the order of the points, always the same.
    by = np.lexsort((order, metres), axis=1)
    order, metres = np.take_along_axis(order, by, axis=1), np.take_along_axis(metres, by, axis=1)
    table = pd.DataFrame(
        {
            "place": np.repeat(np.arange(n), count),
            "point": order.reshape(-1),
            "rank": np.tile(np.arange(1, count + 1), n),
            "metres": metres.reshape(-1),
            "minutes": metres.reshape(-1) / (speed_m_s * 60),
            "basis": np.repeat(walk.basis(), count),
        }
    )
    within: pd.DataFrame = table[np.isfinite(table["metres"])].reset_index(drop=True)
    return within


def _by_network(network: Network, ways: Access, ends: Access, limit_m: float) -> NDArray[np.float32]:
    """Join the doors' ways, the network's distances and the points' ways."""
    from_points = node_metres(network, ends, limit_m).T
    metres = np.full((len(ways.kind), len(ends.kind)), np.inf, dtype=np.float32)
    first = np.flatnonzero(np.diff(ways.place, prepend=-1))
    for chunk in np.array_split(np.arange(len(first)), max(1, len(ways.place) // _ROWS)):
        if not len(chunk):
            continue
        low = first[chunk[0]]
        high = first[chunk[-1] + 1] if chunk[-1] + 1 < len(first) else len(ways.place)
        rows = slice(low, high)
        edge, along = ways.edge[rows], ways.along[rows, None].astype(np.float32)
        whole = network.metres[edge][:, None].astype(np.float32)
        cost = np.minimum(
            from_points[network.start[edge]] + along, from_points[network.end[edge]] + (whole - along)
        ) + ways.link[rows, None].astype(np.float32)
        metres[ways.place[first[chunk]]] = np.minimum.reduceat(cost, first[chunk] - low, axis=0)
    one, other = _pairs_on_one_edge(ways, ends)
    direct = np.abs(ways.along[one] - ends.along[other]) + ways.link[one] + ends.link[other]
    np.minimum.at(metres, (ways.place[one], ends.place[other]), direct.astype(np.float32))
    return metres


def node_metres(network: Network, starts: Access, limit_m: float) -> NDArray[np.float32]:
    """Measure from places to every node of the network.

    Parameters
    ----------
    network
        The network.
    starts
        The places' ways onto it.
    limit_m
        How far to look.

    Returns
    -------
    numpy.ndarray
        Shape (places, nodes), float32, infinite beyond the limit.
    """
    count, places = len(network.nodes), len(starts.kind)
    streets = network.matrix().tocoo()
    # Each place is a node of its own with ways out and none in, so that nobody walks through its door.
    rows = np.concatenate((streets.row, starts.place + count, starts.place + count))
    columns = np.concatenate((streets.col, network.start[starts.edge], network.end[starts.edge]))
    out = starts.link + np.stack((starts.along, network.metres[starts.edge] - starts.along))
    lengths = np.concatenate((streets.data, np.maximum(out, 1e-6).reshape(-1)))
    graph = _shortest(rows, columns, lengths, count + places)
    found = np.full((places, count), np.inf, dtype=np.float32)
    block = max(1, 20_000_000 // (count + places))
    for low in range(0, places, block):
        indices = np.arange(low, min(low + block, places))
        found[indices] = dijkstra(graph, directed=True, indices=indices + count, limit=limit_m)[:, :count]
    return found


def _shortest(rows: Ints, columns: Ints, lengths: Floats, size: int) -> sparse.csr_matrix:
    """Make a matrix in which parallel ways count by the shortest (scipy would add them up)."""
    order = np.lexsort((lengths, columns, rows))
    rows, columns, lengths = rows[order], columns[order], lengths[order]
    first = np.ones(len(rows), dtype=bool)
    first[1:] = (rows[1:] != rows[:-1]) | (columns[1:] != columns[:-1])
    return sparse.csr_matrix((lengths[first], (rows[first], columns[first])), shape=(size, size))


def _pairs_on_one_edge(ways: Access, ends: Access) -> tuple[Ints, Ints]:
    one = pd.DataFrame({"edge": ways.edge, "one": np.arange(len(ways.edge))})
    other = pd.DataFrame({"edge": ends.edge, "other": np.arange(len(ends.edge))})
    both = one.merge(other, on="edge")
    return both["one"].to_numpy(dtype=np.int64), both["other"].to_numpy(dtype=np.int64)


def _across_open_ground(
    network: Network, doors: Geometries, goals: Geometries, detour: float, metres: NDArray[np.float32]
) -> None:
    place, point = shapely.STRtree(goals).query(doors, predicate="dwithin", distance=OPEN_GROUND_M)
    if not len(place):
        return
    lines = shapely.shortest_line(doors[place], goals[point])
    free = ~crosses_a_barrier(network, lines)
    straight = (shapely.length(lines[free]) * detour).astype(np.float32)
    np.minimum.at(metres, (place[free], point[free]), straight)


def _circle(doors: Geometries, goals: Geometries, detour: float, limit_m: float) -> NDArray[np.float32]:
    one, other = _xy(doors), _xy(goals)
    metres = np.empty((len(one), len(other)), dtype=np.float32)
    for low in range(0, len(one), _ROWS):
        here = slice(low, low + _ROWS)
        apart = np.hypot(one[here, None, 0] - other[None, :, 0], one[here, None, 1] - other[None, :, 1])
        metres[here] = apart * detour
    metres[~(metres <= limit_m)] = np.inf
    return metres


def _no_access(places: Geometries) -> NDArray[np.str_]:
    return np.full(len(places), str(AccessKind.NONE), dtype="<U7")


def _xy(points: Geometries) -> Floats:
    found = np.full((len(points), 2), np.nan)
    there = ~shapely.is_missing(points)
    found[there] = shapely.get_coordinates(points[there])
    return found
