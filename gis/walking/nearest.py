"""The nearest point of every category from every door, without measuring every pair.

The same ways, network, open ground and circle as :func:`gis.walking.minutes.walking_metres`, but one run of
Dijkstra's algorithm from all points of a category at once (the multi-source form: each node learns which
point is nearest, and how far it is), so that the work grows with the categories and not with the points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import KDTree

from gis.walking.access import Access, access_of
from gis.walking.minutes import (
    DETOUR,
    SPEED_M_S,
    Walk,
    check_limits,
    no_access,
    open_ground,
    pairs_on_one_edge,
    positions,
    with_doors,
)
from gis.walking.network import Network
from gis.walking.plane import Floats, Geometries, Ints, Plane


@dataclass(frozen=True, eq=False)
class Nearest(Walk):
    """Metres on foot from places to the nearest point of each category.

    ``metres`` has a column for each category, in their order; ``point_access`` one entry for each point.

    Attributes
    ----------
    point
        Row of that point, shape (n, categories); -1 where none is within the limit.
    """

    point: Ints


def nearest_metres(
    network: Network | None,
    places: Any,
    points: Any,
    category: Any,
    categories: Sequence[str],
    *,
    limit_m: float = 15 * 60 * SPEED_M_S,
    detour: float = DETOUR,
) -> Nearest:
    """Find the nearest point of every category from every place.

    Parameters
    ----------
    network
        The network; None measures by the circle alone.
    places
        Points, EPSG:4490 degrees, shape (n,); missing ones reach nothing.
    points
        Points, EPSG:4490 degrees, shape (m,); missing ones are nobody's nearest.
    category
        Of each point, shape (m,).
    categories
        Those that are asked for; one without a point is out of everybody's reach.
    limit_m
        How far to look, metres.
    detour
        For the circle and for open ground.

    Returns
    -------
    Nearest
        Of points that are equally near one is named, always the same.

    Raises
    ------
    InputError
        If the limit or the detour makes no sense.
    """
    check_limits(limit_m, detour)
    places, points = np.asarray(places, dtype=object), np.asarray(points, dtype=object)
    column = {name: at for at, name in enumerate(categories)}
    group = np.array([column.get(name, -1) for name in category], dtype=np.int64)
    found = _Found.nothing(len(places), len(categories))
    kinds = no_access(places), no_access(points)
    if not shapely.is_missing(places).all() and not shapely.is_missing(points).all():
        plane = network.plane if network is not None else Plane.around(np.concatenate((places, points)))
        doors, goals = plane.lay(places), plane.lay(points)
        if network is not None:
            ways, ends = access_of(network, doors), access_of(network, goals)
            kinds = ways.kind, ends.kind
            _by_network(network, ways, ends, group, limit_m, found)
            place, point, metres = open_ground(network, doors, goals, detour)
            # A place with no street near it is measured by the circle alone, as is a point.
            on_it = ways.there[place]
            found.take(place[on_it], point[on_it], metres[on_it], group)
            _by_circle(doors, goals, np.where(ends.there, -1, group), detour, limit_m, found)
            lost = np.flatnonzero(~ways.there)
            _by_circle(doors, goals, group, detour, limit_m, found, rows=lost)
        else:
            _by_circle(doors, goals, group, detour, limit_m, found)
    out = ~(found.metres <= limit_m)
    found.metres[out], found.point[out] = np.inf, -1
    return Nearest(found.metres.astype(np.float32), *kinds, detour, limit_m, found.point)


@dataclass(frozen=True, eq=False)
class _Found:
    """The nearest so far, shape (places, categories)."""

    metres: Floats
    point: Ints

    @classmethod
    def nothing(cls, places: int, categories: int) -> _Found:
        return cls(np.full((places, categories), np.inf), np.full((places, categories), -1, dtype=np.int64))

    def take(self, place: Ints, point: Ints, metres: Floats, group: Ints) -> None:
        """Take in single ways from places to points, where they are shorter."""
        asked = group[point] >= 0
        place, point, metres = place[asked], point[asked], metres[asked]
        cell = place * self.metres.shape[1] + group[point]
        order = np.lexsort((point, metres, cell))
        best = order[np.flatnonzero(np.diff(cell[order], prepend=-1))]
        best = best[metres[best] < self.metres.ravel()[cell[best]]]
        self.metres.ravel()[cell[best]] = metres[best]
        self.point.ravel()[cell[best]] = point[best]


def _by_network(
    network: Network, ways: Access, ends: Access, group: Ints, limit_m: float, found: _Found
) -> None:
    metres, point = _at_nodes(network, ends, group, found.metres.shape[1], limit_m)
    first = np.flatnonzero(np.diff(ways.place, prepend=-1))
    count = np.diff(first, append=len(ways.place))
    for turn in range(int(count.max(initial=0))):
        way = first[count > turn] + turn
        place, edge = ways.place[way], ways.edge[way]
        for node, on_edge in (
            (network.start[edge], ways.along[way]),
            (network.end[edge], network.metres[edge] - ways.along[way]),
        ):
            cost = metres[node] + (on_edge + ways.link[way])[:, None]
            better = cost < found.metres[place]
            found.metres[place] = np.where(better, cost, found.metres[place])
            found.point[place] = np.where(better, point[node], found.point[place])
    one, other = pairs_on_one_edge(ways, ends)
    direct = np.abs(ways.along[one] - ends.along[other]) + ways.link[one] + ends.link[other]
    found.take(ways.place[one], ends.place[other], direct, group)


def _at_nodes(
    network: Network, ends: Access, group: Ints, categories: int, limit_m: float
) -> tuple[Floats, Ints]:
    """Measure from every node to the nearest point of each category; shapes (nodes, categories)."""
    count = len(network.nodes)
    metres = np.full((count, categories), np.inf)
    point = np.full((count, categories), -1, dtype=np.int64)
    graph = with_doors(network, ends)
    for one in range(categories):
        goals = np.flatnonzero((group == one) & ends.there)
        if len(goals):
            far, _, source = dijkstra(
                graph, indices=goals + count, min_only=True, limit=limit_m, return_predecessors=True
            )
            metres[:, one] = far[:count]
            point[:, one] = np.where(np.isfinite(far[:count]), source[:count] - count, -1)
    return metres, point


def _by_circle(
    doors: Geometries,
    goals: Geometries,
    group: Ints,
    detour: float,
    limit_m: float,
    found: _Found,
    *,
    rows: Ints | None = None,
) -> None:
    """Measure straight lines times the detour, to the points whose group is not -1."""
    if rows is None:
        rows = np.arange(len(doors))
    rows = rows[~shapely.is_missing(doors[rows])]
    there = ~shapely.is_missing(goals) & (group >= 0)
    at, to = positions(doors[rows]), positions(goals)
    for one in np.unique(group[there]):
        own = np.flatnonzero(there & (group == one))
        if len(rows):
            apart, nearest = KDTree(to[own]).query(at, distance_upper_bound=limit_m / detour * (1 + 1e-9))
            hit = np.isfinite(apart)
            found.take(rows[hit], own[nearest[hit]], apart[hit] * detour, group)
