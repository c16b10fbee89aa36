"""From a door to the network: the shortest ways that pass through no wall and no river.

Three kinds of way, in this order: straight to a street; to a gate and from there to a street; and, where the
drawing leaves neither, straight through what is in the way, which is marked so that nobody takes it for more
than it is. A place with no street near it at all has no access and is measured by the circle.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.walking.network import Network
from gis.walking.plane import Floats, Geometries, Ints

ACCESS_M = 250.0
"""A street farther from a door than this is not its street."""
WAYS = 3
"""Ways to the network that are kept for each door, the shortest."""


class AccessKind(StrEnum):
    """How a place reaches the network."""

    OPEN = "open"
    GATE = "gate"
    THROUGH = "through"
    NONE = "none"


@dataclass(frozen=True, eq=False)
class Access:
    """Ways from places to the network.

    Attributes
    ----------
    place
        Row of the place of each way, ascending, shape (w,).
    edge
        Edge that the way leads to, shape (w,).
    along
        Metres from the edge's start to where it arrives, shape (w,).
    link
        Metres from the door to there, shape (w,).
    kind
        :class:`AccessKind` of each place, shape (n,).
    """

    place: Ints
    edge: Ints
    along: Floats
    link: Floats
    kind: NDArray[np.str_]

    @property
    def there(self) -> NDArray[np.bool_]:
        """Whether each place has a way to the network, shape (n,)."""
        return np.asarray(self.kind != AccessKind.NONE)


def access_of(network: Network, doors: Any, *, access_m: float = ACCESS_M, ways: int = WAYS) -> Access:
    """Find the ways from doors to the network.

    Parameters
    ----------
    network
        The network.
    doors
        Points in metres on the network's plane, shape (n,); missing ones have no access.
    access_m
        The longest way to a street, and to a gate, metres.
    ways
        How many ways are kept for each door.

    Returns
    -------
    Access
        By place.
    """
    doors = np.asarray(doors, dtype=object)
    blocks = shapely.STRtree(network.barriers)
    straight = _straight(network, doors, blocks, access_m, ways)
    usable = _joined(straight[~straight.blocked], _through_gates(network, doors, blocks, access_m))
    # A way through a wall is only taken by a place that has no other.
    stuck = straight[straight.blocked & ~np.isin(straight.place, usable.place)]
    every = _joined(usable, stuck)
    # To a micrometre: ways over one corner are as long as each other, whatever the rounding.
    every = every[np.lexsort((every.along, every.edge, np.round(every.link, 6), every.place))]
    _, once = np.unique(every.place * len(network.metres) + every.edge, return_index=True)
    every = every[np.sort(once)]
    kept = every[_rank(every.place) < ways]
    kind = np.full(len(doors), str(AccessKind.NONE), dtype="<U7")
    best = kept[_rank(kept.place) == 0]
    kind[best.place] = np.where(
        best.blocked,
        str(AccessKind.THROUGH),
        np.where(best.by_gate, str(AccessKind.GATE), str(AccessKind.OPEN)),
    )
    return Access(kept.place, kept.edge, kept.along, kept.link, kind)


def crosses_a_barrier(network: Network, ways: Any) -> NDArray[np.bool_]:
    """Tell which ways pass through a wall or a river.

    Parameters
    ----------
    network
        The network.
    ways
        Lines in metres, shape (w,).

    Returns
    -------
    numpy.ndarray
        bool, shape (w,). A way that only touches one, such as from a shop in the wall, passes by it.
    """
    return _crossing(shapely.STRtree(network.barriers), np.asarray(ways, dtype=object))


def _crossing(blocks: shapely.STRtree, ways: Geometries) -> NDArray[np.bool_]:
    crossing = np.zeros(len(ways), dtype=bool)
    if len(blocks) and len(ways):
        crossing[blocks.query(ways, predicate="crosses")[0]] = True
    return crossing


@dataclass(frozen=True, eq=False)
class _Ways:
    """Ways while they are being chosen; every field has the shape (w,)."""

    place: Ints
    edge: Ints
    along: Floats
    link: Floats
    blocked: NDArray[np.bool_]
    by_gate: NDArray[np.bool_]

    def __getitem__(self, rows: Any) -> _Ways:
        return _Ways(*(getattr(self, one.name)[rows] for one in fields(self)))


def _joined(one: _Ways, other: _Ways) -> _Ways:
    return _Ways(*(np.concatenate((getattr(one, at.name), getattr(other, at.name))) for at in fields(_Ways)))


def _rank(places: Ints) -> Ints:
    """Count the rows of each place from 0; the rows of a place stand together."""
    first = np.flatnonzero(np.diff(places, prepend=-1))
    return np.arange(len(places)) - np.repeat(first, np.diff(first, append=len(places)))


def _straight(
    network: Network, doors: Geometries, blocks: shapely.STRtree, access_m: float, ways: int
) -> _Ways:
    """Give the shortest straight ways from each door to a street: the free ones, or else the blocked ones."""
    place, edge = shapely.STRtree(network.lines).query(doors, predicate="dwithin", distance=access_m)
    link = shapely.distance(doors[place], network.lines[edge])
    order = np.lexsort((edge, np.round(link, 6), place))
    place, edge, link = place[order], edge[order], link[order]
    # Only a way that is longer than it is to the next wall or river can cross one.
    perhaps = link > _nearest_block(doors, blocks, access_m)[place]
    # Most doors find enough free ways among the nearest few, so that only the others are looked at whole.
    looked = _rank(place) < 2 * ways
    blocked = np.zeros(len(place), dtype=bool)

    def look(rows: NDArray[np.bool_]) -> None:
        way = shapely.shortest_line(doors[place[rows]], network.lines[edge[rows]])
        blocked[rows] = _crossing(blocks, np.asarray(way, dtype=object))

    look(looked & perhaps)
    enough = np.bincount(place[looked & ~blocked], minlength=len(doors)) >= ways
    rest = ~looked & ~enough[place]
    look(rest & perhaps)
    seen = np.flatnonzero(looked | rest)
    shortest = [some[_rank(place[some]) < ways] for some in (seen[~blocked[seen]], seen[blocked[seen]])]
    kept = np.concatenate(shortest)
    place, edge = place[kept].astype(np.int64), edge[kept].astype(np.int64)
    lines = network.lines[edge]
    drawn = shapely.length(lines)
    at = shapely.line_locate_point(lines, doors[place])
    # Stated lengths of a graph differ a little from the drawn ones: positions go along in proportion.
    share = np.divide(at, drawn, out=np.zeros_like(at), where=drawn > 0)
    along = np.asarray(share * network.metres[edge], dtype=np.float64)
    return _Ways(place, edge, along, link[kept], blocked[kept], np.zeros(len(kept), dtype=bool))


def _nearest_block(doors: Geometries, blocks: shapely.STRtree, access_m: float) -> Floats:
    """Measure from each door to the next wall or river; infinite where none is near."""
    metres = np.full(len(doors), np.inf)
    (door, _), apart = blocks.query_nearest(
        doors, max_distance=access_m, return_distance=True, all_matches=False
    )
    metres[door] = apart
    return metres


def _through_gates(network: Network, doors: Geometries, blocks: shapely.STRtree, access_m: float) -> _Ways:
    """Give the ways from doors to gates that they can walk to, and on to the streets outside."""
    onward = _straight(network, network.gates, blocks, access_m, WAYS)
    onward = onward[~onward.blocked]
    place, gate = shapely.STRtree(network.gates).query(doors, predicate="dwithin", distance=access_m)
    inside = np.asarray(shapely.shortest_line(doors[place], network.gates[gate]), dtype=object)
    walked = ~_crossing(blocks, inside)
    place, gate, length = place[walked], gate[walked], shapely.length(inside[walked])
    # Every way to a gate goes on by each of the gate's own.
    onward = onward[np.argsort(onward.place, kind="stable")]
    begin, end = np.searchsorted(onward.place, gate), np.searchsorted(onward.place, gate, side="right")
    at, way = spread(begin, end)
    return _Ways(
        place=place[at].astype(np.int64),
        edge=onward.edge[way],
        along=onward.along[way],
        link=length[at] + onward.link[way],
        blocked=np.zeros(len(at), dtype=bool),
        by_gate=np.ones(len(at), dtype=bool),
    )


def spread(begin: Any, end: Any) -> tuple[Ints, Ints]:
    """List the members of ranges, one after the other.

    Parameters
    ----------
    begin, end
        Of each range, the end not included, shape (r,).

    Returns
    -------
    tuple of numpy.ndarray
        The range and the member of each, shape (members of all,).
    """
    count = np.asarray(end) - begin
    of = np.repeat(np.arange(len(count)), count)
    return of, np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count) + np.asarray(begin)[of]
