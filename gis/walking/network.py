"""The walking network of a place: street lines, noded, with what nobody walks through beside it.

People walk along arterials and lanes, both ways. They do not walk through a wall or a river: a way from a
door to a street may not cross one. Where a street line crosses a river there is a bridge, and where a wall
is interrupted there is a gate; both follow from the drawing, and nobody has to enter them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from scipy import sparse

from gis.errors import InputError
from gis.terms import BarrierClass
from gis.walking.plane import Floats, Geometries, Ints, Plane

WALKED = (BarrierClass.ARTERIAL, BarrierClass.LANE)
BLOCKING = (BarrierClass.RIVER, BarrierClass.WALL)
GATE_M = 15.0
"""Two ends of one wall that are no farther apart stand on either side of a gate."""
JOIN_M = 2.0
"""A street that ends so close to another was meant to meet it."""
_STEP_M = 0.01
_PIECE_M = 10.0


@dataclass(frozen=True, eq=False)
class Network:
    """Where people walk, in metres.

    Attributes
    ----------
    plane
        What the metres are measured on.
    nodes
        Positions, shape (n, 2).
    start, end
        Node of either end of each edge, shape (m,).
    metres
        Length of each edge, shape (m,).
    lines
        Shape of each edge from start to end, shape (m,).
    barriers
        Walls and rivers, lines in metres, shape (b,).
    gates
        Points in metres, shape (g,).
    source
        ``streets`` or ``graph``: what it was made from.
    """

    plane: Plane
    nodes: Floats
    start: Ints
    end: Ints
    metres: Floats
    lines: Geometries
    barriers: Geometries
    gates: Geometries
    source: str

    @cached_property
    def pieces(self) -> tuple[Geometries, Ints, Floats, Floats]:
        """The edges cut at ten metres: lines, edge of each, its ends in metres along it; shapes (p,)."""
        fine = shapely.segmentize(self.lines, _PIECE_M)
        xy, edge = shapely.get_coordinates(fine, return_index=True)
        same = edge[1:] == edge[:-1]
        step = np.where(same, np.hypot(*(xy[1:] - xy[:-1]).T), 0.0)
        along = np.concatenate(([0.0], np.cumsum(step)))
        begins = np.flatnonzero(np.diff(edge, prepend=-1))
        along -= along[begins][edge]
        # Stated lengths stretch the drawn ones.
        drawn = np.maximum(shapely.length(self.lines), 1e-9)
        along *= (self.metres / drawn)[edge]
        lines = shapely.linestrings(np.stack((xy[:-1], xy[1:]), axis=1)[same])
        return lines, edge[:-1][same].astype(np.int64), along[:-1][same], along[1:][same]

    def matrix(self) -> sparse.csr_matrix:
        """Return the lengths between neighbouring nodes, both ways.

        Returns
        -------
        scipy.sparse.csr_matrix
            Shape (n, n); of parallel edges the shortest.
        """
        count = len(self.nodes)
        low, high = np.minimum(self.start, self.end), np.maximum(self.start, self.end)
        order = np.lexsort((self.metres, high, low))
        low, high, metres = low[order], high[order], self.metres[order]
        first = np.ones(len(low), dtype=bool)
        first[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
        keep = first & (low != high)
        half = sparse.coo_matrix((metres[keep], (low[keep], high[keep])), shape=(count, count))
        return (half + half.T).tocsr()


def network_of_streets(
    streets: gpd.GeoDataFrame, *, gate_m: float = GATE_M, join_m: float = JOIN_M
) -> Network | None:
    """Make the walking network of the frame ``streets``.

    Parameters
    ----------
    streets
        Frame ``streets``, EPSG:4490 degrees; ``barrier_class`` says what each line is.
    gate_m
        The widest gap in a wall that counts as a gate, metres.
    join_m
        How near to another street an end counts as meeting it, metres.

    Returns
    -------
    Network or None
        None where there is no street to walk on.

    Raises
    ------
    InputError
        If the frame lacks ``barrier_class``.
    """
    if "barrier_class" not in streets.columns:
        raise InputError("the column barrier_class is missing", where="streets", mend="say what each line is")
    shapes = streets.geometry.to_numpy()
    drawn = streets[~(shapely.is_missing(shapes) | shapely.is_empty(shapes))]
    kinds = drawn["barrier_class"].astype(str)
    walked = drawn.geometry[kinds.isin([str(kind) for kind in WALKED])].to_numpy()
    if not len(walked):
        return None
    plane = Plane.around(walked)
    walls = drawn.geometry[kinds == str(BarrierClass.WALL)].to_numpy()
    rivers = drawn.geometry[kinds == str(BarrierClass.RIVER)].to_numpy()
    walls = plane.lay(walls)
    return _noded(
        plane,
        shapely.get_parts(plane.lay(walked)),
        barriers=np.concatenate((shapely.get_parts(walls), shapely.get_parts(plane.lay(rivers)))),
        gates=find_gates(walls, gate_m),
        join_m=join_m,
    )


def find_gates(walls: Any, gate_m: float = GATE_M) -> Geometries:
    """Find the gates: where a wall is interrupted.

    Parameters
    ----------
    walls
        One line or multi-line for each wall, metres, shape (w,).
    gate_m
        The widest gap that counts, metres.

    Returns
    -------
    numpy.ndarray
        The middle of each gap, points, shape (g,).
    """
    parts, of_wall = shapely.get_parts(shapely.line_merge(np.asarray(walls, dtype=object)), return_index=True)
    parts, of_wall = parts[~shapely.is_closed(parts)], of_wall[~shapely.is_closed(parts)]
    if not len(parts):
        return np.empty(0, dtype=object)
    ends = np.concatenate((shapely.get_point(parts, 0), shapely.get_point(parts, -1)))
    wall, part = np.tile(of_wall, 2), np.tile(np.arange(len(parts)), 2)
    one, other = shapely.STRtree(ends).query(ends, predicate="dwithin", distance=gate_m)
    # A short piece between two gates must not take its own two ends for a gate, unless it is the whole wall.
    alone = np.bincount(of_wall)[wall] == 1
    fits = (one < other) & (wall[one] == wall[other]) & ((part[one] != part[other]) | alone[one])
    one, other = one[fits], other[fits]
    order = np.argsort(shapely.distance(ends[one], ends[other]), kind="stable")
    taken: set[int] = set()
    pairs = []
    for at in order:  # each end stands beside one gate only, the narrowest first
        if not taken & {int(one[at]), int(other[at])}:
            taken |= {int(one[at]), int(other[at])}
            pairs.append(at)
    xy = (
        shapely.get_coordinates(ends[one[pairs]]) + shapely.get_coordinates(ends[other[pairs]])
    ) / 2  # fmt: skip
    return np.asarray(shapely.points(xy), dtype=object)


def network_of_edges(plane: Plane, lines: Any, metres: Any, *, source: str) -> Network:
    """Make a network of edges that meet at their ends already.

    Parameters
    ----------
    plane
        What they are measured on.
    lines
        Lines in metres, shape (m,).
    metres
        Their lengths as stated, shape (m,).
    source
        What they come from.

    Returns
    -------
    Network
        Without barriers or gates.
    """
    none = np.empty(0, dtype=object)
    return _assembled(plane, np.asarray(lines, dtype=object), np.asarray(metres), none, none, source)


def _noded(
    plane: Plane, lines: Geometries, *, barriers: Geometries, gates: Geometries, join_m: float
) -> Network:
    joined = np.concatenate((lines, _joints(lines, join_m)))
    # Snap rounding makes every line that passes a vertex, even by a rounding error, meet there.
    edges = shapely.get_parts(shapely.line_merge(shapely.union_all(joined, grid_size=_STEP_M)))
    return _assembled(plane, edges, shapely.length(edges), barriers, gates, "streets")


def _joints(lines: Geometries, join_m: float) -> Geometries:
    """Return short lines from ends that hang just short of another street to that street."""
    if join_m <= 0:
        return np.empty(0, dtype=object)
    own = np.tile(np.arange(len(lines)), 2)
    ends = np.concatenate((shapely.get_point(lines, 0), shapely.get_point(lines, -1)))
    at, line = shapely.STRtree(lines).query(ends, predicate="dwithin", distance=join_m)
    foreign = own[at] != line
    gaps = shapely.shortest_line(ends[at[foreign]], lines[line[foreign]])
    return np.asarray(gaps[shapely.length(gaps) > _STEP_M], dtype=object)


def _assembled(
    plane: Plane, lines: Geometries, metres: Floats, barriers: Geometries, gates: Geometries, source: str
) -> Network:
    ends = np.concatenate(
        (
            shapely.get_coordinates(shapely.get_point(lines, 0)),
            shapely.get_coordinates(shapely.get_point(lines, -1)),
        )
    )
    nodes, place = np.unique(np.round(ends, 3), axis=0, return_inverse=True)
    place = place.reshape(-1)
    return Network(
        plane=plane,
        nodes=nodes,
        start=place[: len(lines)].astype(np.int64),
        end=place[len(lines) :].astype(np.int64),
        metres=np.asarray(metres, dtype=np.float64),
        lines=lines,
        barriers=barriers,
        gates=gates,
        source=source,
    )
