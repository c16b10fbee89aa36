"""From a door to the network: the shortest ways that pass through no wall and no river.

Three kinds of way, in this order: straight to a street; to a gate and from there to a street; and, where the
drawing leaves neither, straight through what is in the way, which is marked so that nobody takes it for more
than it is. A place with no street near it at all has no access and is measured by the circle.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
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
    straight = _to_streets(network, doors, access_m)
    crossing = _crossing(blocks, straight.pop("way"))
    straight["blocked"] = crossing
    found = pd.DataFrame(straight)
    free = found[~found["blocked"]].assign(rank=0)
    gates = _through_gates(network, doors, blocks, access_m)
    usable = pd.concat([free, gates], ignore_index=True)
    # A way through a wall is only taken by a place that has no other.
    stuck = found[found["blocked"] & ~found["place"].isin(usable["place"])].assign(rank=2)
    every = pd.concat([usable, stuck], ignore_index=True).sort_values(
        ["place", "link", "edge", "along"], kind="stable"
    )
    every = every.drop_duplicates(["place", "edge"])
    kept = every[every.groupby("place").cumcount() < ways]
    kind = np.full(len(doors), str(AccessKind.NONE), dtype="<U7")
    best = kept.drop_duplicates("place")
    names = np.array([str(AccessKind.OPEN), str(AccessKind.GATE), str(AccessKind.THROUGH)])
    kind[best["place"].to_numpy(dtype=np.int64)] = names[best["rank"].to_numpy(dtype=np.int64)]
    return Access(
        place=kept["place"].to_numpy(dtype=np.int64),
        edge=kept["edge"].to_numpy(dtype=np.int64),
        along=kept["along"].to_numpy(dtype=np.float64),
        link=kept["link"].to_numpy(dtype=np.float64),
        kind=kind,
    )


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


def _to_streets(network: Network, doors: Geometries, access_m: float) -> dict[str, Any]:
    """Give the straight way from each door to every street that is near enough."""
    place, edge = shapely.STRtree(network.lines).query(doors, predicate="dwithin", distance=access_m)
    order = np.argsort(place, kind="stable")
    place, edge = place[order], edge[order]
    way = shapely.shortest_line(doors[place], network.lines[edge])
    drawn = shapely.length(network.lines[edge])
    at = shapely.line_locate_point(network.lines[edge], shapely.get_point(way, -1))
    # Stated lengths of a graph differ a little from the drawn ones: positions go along in proportion.
    share = np.divide(at, drawn, out=np.zeros_like(at), where=drawn > 0)
    return {
        "place": place.astype(np.int64),
        "edge": edge.astype(np.int64),
        "along": share * network.metres[edge],
        "link": shapely.length(way),
        "way": way,
    }


def _through_gates(
    network: Network, doors: Geometries, blocks: shapely.STRtree, access_m: float
) -> pd.DataFrame:
    """Give the ways from doors to gates that they can walk to, and on to the streets outside."""
    columns = ["place", "edge", "along", "link", "rank"]
    if not len(network.gates):
        return pd.DataFrame(columns=columns)
    onward = _to_streets(network, network.gates, access_m)
    clear = ~_crossing(blocks, onward.pop("way"))
    streets = pd.DataFrame(onward)[clear].rename(columns={"place": "gate", "link": "outside"})
    streets = streets.sort_values(["gate", "outside"], kind="stable")
    streets = streets[streets.groupby("gate").cumcount() < WAYS]
    place, gate = shapely.STRtree(network.gates).query(doors, predicate="dwithin", distance=access_m)
    way = shapely.shortest_line(doors[place], network.gates[gate])
    walked = ~_crossing(blocks, way)
    inside = pd.DataFrame(
        {"place": place[walked], "gate": gate[walked], "inside": shapely.length(way[walked])}
    )
    both = inside.merge(streets, on="gate")
    return both.assign(link=both["inside"] + both["outside"], rank=1)[columns]
