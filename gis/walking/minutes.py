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
import shapely
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import dijkstra

from gis.errors import InputError
from gis.walking.access import Access, AccessKind, access_of, crosses_a_barrier, spread
from gis.walking.network import Network
from gis.walking.plane import Floats, Geometries, Ints, Plane

SPEED_M_S = 1.1
DETOUR = 1.3
"""Way on foot over the straight line where no network is known. A convention of this project."""
OPEN_GROUND_M = 100.0
"""Two doors so near to each other, with no wall or river between, are joined across open ground."""
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
    check_limits(limit_m, detour)
    places, points = np.asarray(places, dtype=object), np.asarray(points, dtype=object)
    if not len(places) or not len(points) or (shapely.is_missing(places).all()):
        metres = np.full((len(places), len(points)), np.inf, dtype=np.float32)
        return Walk(metres, no_access(places), no_access(points), detour, limit_m)
    plane = network.plane if network is not None else Plane.around(np.concatenate((places, points)))
    doors, goals = plane.lay(places), plane.lay(points)
    if network is None:
        metres = _circle(doors, goals, detour, limit_m)
        return Walk(metres, no_access(doors), no_access(goals), detour, limit_m)
    ways, ends = access_of(network, doors), access_of(network, goals)
    metres = _by_network(network, ways, ends, limit_m)
    place, point, straight = open_ground(network, doors, goals, detour)
    np.minimum.at(metres, (place, point), straight.astype(np.float32))
    lost, unreachable = ~ways.there, ~ends.there
    if lost.any():
        metres[lost] = _circle(doors[lost], goals, detour, limit_m)
    if unreachable.any():
        metres[:, unreachable] = _circle(doors, goals[unreachable], detour, limit_m)
    metres[metres > limit_m] = np.inf
    return Walk(metres, ways.kind, ends.kind, detour, limit_m)


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
    one, other = pairs_on_one_edge(ways, ends)
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
    graph = with_doors(network, starts)
    found = np.full((places, count), np.inf, dtype=np.float32)
    block = max(1, 20_000_000 // (count + places))
    for low in range(0, places, block):
        indices = np.arange(low, min(low + block, places))
        found[indices] = dijkstra(graph, directed=True, indices=indices + count, limit=limit_m)[:, :count]
    return found


def with_doors(network: Network, starts: Access) -> sparse.csr_matrix:
    """Make a graph in which each place is a node of its own behind those of the network.

    Parameters
    ----------
    network
        The network of n nodes.
    starts
        The places' ways onto it.

    Returns
    -------
    scipy.sparse.csr_matrix
        Metres, shape (n + places, n + places). Places have ways out and none in, so that nobody walks through
        somebody's door.
    """
    count = len(network.nodes)
    streets = network.matrix().tocoo()
    rows = np.concatenate((streets.row, starts.place + count, starts.place + count))
    columns = np.concatenate((streets.col, network.start[starts.edge], network.end[starts.edge]))
    out = starts.link + np.stack((starts.along, network.metres[starts.edge] - starts.along))
    lengths = np.concatenate((streets.data, np.maximum(out, 1e-6).reshape(-1)))
    # Parallel ways count by the shortest; scipy would add them up.
    order = np.lexsort((lengths, columns, rows))
    rows, columns, lengths = rows[order], columns[order], lengths[order]
    first = np.ones(len(rows), dtype=bool)
    first[1:] = (rows[1:] != rows[:-1]) | (columns[1:] != columns[:-1])
    size = count + len(starts.kind)
    return sparse.csr_matrix((lengths[first], (rows[first], columns[first])), shape=(size, size))


def pairs_on_one_edge(ways: Access, ends: Access) -> tuple[Ints, Ints]:
    """Find the ways of places and of points that lead to the same edge.

    Parameters
    ----------
    ways, ends
        Of the places and of the points.

    Returns
    -------
    tuple of numpy.ndarray
        Row of the one and of the other, shape (pairs,).
    """
    order = np.argsort(ends.edge, kind="stable")
    edges = ends.edge[order]
    one, other = spread(np.searchsorted(edges, ways.edge), np.searchsorted(edges, ways.edge, side="right"))
    return one, order[other]


def open_ground(
    network: Network, doors: Geometries, goals: Geometries, detour: float
) -> tuple[Ints, Ints, Floats]:
    """Find the doors and points that are near to each other with nothing between.

    Parameters
    ----------
    network
        The network, for its walls and rivers.
    doors, goals
        Points in metres on its plane, shapes (n,) and (m,).
    detour
        Way over straight line.

    Returns
    -------
    tuple of numpy.ndarray
        Row of the door, row of the point, metres; shape (pairs,).
    """
    place, point = shapely.STRtree(goals).query(doors, predicate="dwithin", distance=OPEN_GROUND_M)
    lines = np.asarray(shapely.shortest_line(doors[place], goals[point]), dtype=object)
    free = ~crosses_a_barrier(network, lines)
    return (
        place[free].astype(np.int64),
        point[free].astype(np.int64),
        np.asarray(shapely.length(lines[free]) * detour, dtype=np.float64),
    )


def _circle(doors: Geometries, goals: Geometries, detour: float, limit_m: float) -> NDArray[np.float32]:
    one, other = positions(doors), positions(goals)
    metres = np.empty((len(one), len(other)), dtype=np.float32)
    for low in range(0, len(one), _ROWS):
        here = slice(low, low + _ROWS)
        apart = np.hypot(one[here, None, 0] - other[None, :, 0], one[here, None, 1] - other[None, :, 1])
        metres[here] = apart * detour
    metres[~(metres <= limit_m)] = np.inf
    return metres


def check_limits(limit_m: float, detour: float) -> None:
    """Refuse a limit or a detour that makes no sense.

    Parameters
    ----------
    limit_m
        How far to look, metres.
    detour
        Way over straight line.

    Raises
    ------
    InputError
        If it is one.
    """
    if not 0 < limit_m < np.inf or not 1 <= detour < np.inf:
        raise InputError(
            f"a limit of {limit_m} m with a detour of {detour}",
            where="walking",
            mend="give a limit above 0 and a detour of at least 1",
        )


def no_access(places: Geometries) -> NDArray[np.str_]:
    """Return the kind of access of places where there is no network.

    Parameters
    ----------
    places
        Shape (n,).

    Returns
    -------
    numpy.ndarray
        ``none``, shape (n,).
    """
    return np.full(len(places), str(AccessKind.NONE), dtype="<U7")


def positions(points: Geometries) -> Floats:
    """Return the coordinates of points.

    Parameters
    ----------
    points
        Shape (n,).

    Returns
    -------
    numpy.ndarray
        Shape (n, 2); NaN for missing ones.
    """
    found = np.full((len(points), 2), np.nan)
    there = ~shapely.is_missing(points)
    found[there] = shapely.get_coordinates(points[there])
    return found
