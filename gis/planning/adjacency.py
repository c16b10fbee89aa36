"""Which units touch, along how many metres, and what a grid border there would cost.

The units are a valid coverage on the lattice, so two neighbours carry the very same segments along the
border that they share: neighbours are found by matching segments as whole numbers, with no tolerance.
"""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from scipy.sparse import csr_array

from gis.crs import STORAGE_SRID
from gis.errors import GeometryError
from gis.lattice import snap, to_degrees
from gis.planning.measure import (
    Bools,
    Floats,
    Geometries,
    Ints,
    Metres,
    border_segments,
    group_rows,
    lonlat,
    require,
    sum_by,
)
from gis.terms import BarrierClass

BORDER_COST: dict[BarrierClass | None, float] = {
    BarrierClass.ARTERIAL: 1.0,
    BarrierClass.RIVER: 1.0,
    BarrierClass.WALL: 1.0,
    BarrierClass.LANE: 1.5,
    None: 3.0,
}
"""What a metre of grid border costs along each class of barrier; ``None`` is an open block."""


@dataclass(frozen=True, eq=False)
class Adjacency:
    """The graph of some units, with what the metrics need of their shapes.

    Attributes
    ----------
    i, j
        The m pairs of units that share a border, ``i < j``, sorted; shape (m,).
    shared_length_m
        Metres that each pair shares, shape (m,).
    cost_m
        The same metres weighted by :data:`BORDER_COST`, shape (m,). Equal to ``shared_length_m`` where no
        barriers were given.
    off_street_m
        The metres of each pair along no barrier, shape (m,); ``None`` where no barriers were given.
    area_m2, perimeter_m
        Of each unit, shape (n,).
    outer_m
        Metres of each unit's border that no other unit shares, shape (n,).
    part_unit
        The unit that each of the p polygon parts belongs to, shape (p,): p > n where units are in several
        parts.
    part_i, part_j
        Pairs of parts that share a border, shape (q,): a grid is in one part if and only if its units' parts
        are connected by these.
    epsg
        The system that the metres were taken in.
    """

    i: Ints
    j: Ints
    shared_length_m: Floats
    cost_m: Floats
    off_street_m: Floats | None
    area_m2: Floats
    perimeter_m: Floats
    outer_m: Floats
    part_unit: Ints
    part_i: Ints
    part_j: Ints
    epsg: int = 0

    @property
    def unit_count(self) -> int:
        """How many units there are (n)."""
        return len(self.area_m2)

    @property
    def pair_count(self) -> int:
        """How many pairs of units share a border (m)."""
        return len(self.i)

    def csr(self, weights: Floats | None = None) -> csr_array:
        """Return the graph as a symmetric sparse matrix.

        Parameters
        ----------
        weights
            One for each pair, shape (m,); the shared metres if left out.

        Returns
        -------
        scipy.sparse.csr_array
            Shape (n, n), sorted indices.
        """
        data = self.shared_length_m if weights is None else weights
        n = self.unit_count
        both = csr_array(
            (
                np.concatenate([data, data]),
                (np.concatenate([self.i, self.j]), np.concatenate([self.j, self.i])),
            ),
            shape=(n, n),
        )
        both.sort_indices()
        return both


def adjacency(
    units: gpd.GeoDataFrame,
    barriers: gpd.GeoDataFrame | None = None,
    *,
    tolerance_m: float = 2.0,
    epsg: int | None = None,
) -> Adjacency:
    """Build the graph of units.

    Parameters
    ----------
    units
        A valid coverage of polygons (EPSG:4490); only the geometry is read. It is snapped to the lattice.
    barriers
        Streets, rivers and walls: lines with ``barrier_class``. A border within ``tolerance_m`` of several
        takes the cheapest.
    tolerance_m
        How far from a barrier's line a border still runs along it. Units made by
        :func:`gis.planning.units.make_units` lie on the lines; for units from elsewhere give half a street.
    epsg
        The system to take metres in; the one for the units' middle if left out.

    Returns
    -------
    Adjacency
        In the order of the frame's rows.

    Raises
    ------
    GeometryError
        If the units are not a valid coverage: their borders then do not match.
    """
    shapes = snap(lonlat(units, where="units"))
    if len(shapes) and not bool(shapely.coverage_is_valid(shapes)):
        raise GeometryError(
            "the units overlap, or their borders do not match vertex by vertex",
            where="units",
            mend="clean them with gis.planning.validate.clean_units",
        )
    metric = Metres.of(shapes) if epsg is None else Metres(epsg)
    flat = metric.project(shapes)
    segments = border_segments(shapes)
    first, group = group_rows(segments.ends)
    lines = _segment_lines(segments.ends[first])
    length = metric.length_m(lines)
    n = len(shapes)

    # In a valid coverage a segment borders one part, or two.
    order = np.argsort(group, kind="stable")
    counts = np.bincount(group, minlength=len(first))
    start = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
    shared = np.flatnonzero(counts == 2)
    part_a = segments.part[order[start[shared]]]
    part_b = segments.part[order[start[shared] + 1]]
    owner_a, owner_b = segments.part_owner[part_a], segments.part_owner[part_b]
    between = owner_a != owner_b
    shared, part_a, part_b = shared[between], part_a[between], part_b[between]
    low = np.minimum(owner_a[between], owner_b[between])
    high = np.maximum(owner_a[between], owner_b[between])

    key, pair = np.unique(low * max(n, 1) + high, return_inverse=True)
    shared_m = length[shared]
    cost, off = _barrier_cost(lines[shared], shared_m, barriers, metric, tolerance_m)
    m = len(key)
    single = counts == 1
    part_key = np.unique(
        np.minimum(part_a, part_b) * max(len(segments.part_owner), 1) + np.maximum(part_a, part_b)
    )
    return Adjacency(
        i=key // max(n, 1),
        j=key % max(n, 1),
        shared_length_m=sum_by(pair, shared_m, m),
        cost_m=sum_by(pair, cost, m),
        off_street_m=None if off is None else sum_by(pair, off, m),
        area_m2=np.asarray(shapely.area(flat), dtype=np.float64),
        perimeter_m=sum_by(segments.owner, length[group], n),
        outer_m=sum_by(segments.owner[order[start[single]]], length[single], n),
        part_unit=segments.part_owner,
        part_i=part_key // max(len(segments.part_owner), 1),
        part_j=part_key % max(len(segments.part_owner), 1),
        epsg=metric.epsg,
    )


def patch_adjacency(
    graph: Adjacency,
    stay: Bools,
    shapes: Geometries,
    fresh: Geometries,
    barriers: gpd.GeoDataFrame | None = None,
    *,
    tolerance_m: float = 2.0,
) -> Adjacency:
    """Build the graph of units some of which were replaced, looking only at what is near.

    Parameters
    ----------
    graph
        Of the units before.
    stay
        Which of them are still there, shape (n,).
    shapes
        Their polygons, degrees on the lattice, shape (n,).
    fresh
        The polygons in the place of the others, shape (f,): the same land, and along its rim the same
        vertices.
    barriers, tolerance_m
        As for :func:`adjacency`.

    Returns
    -------
    Adjacency
        Of the units that stay, in their order, and then the fresh ones: what :func:`adjacency` gives for all
        of them.
    """
    rim = np.zeros(len(stay), dtype=bool)
    rim[graph.i[~stay[graph.j]]] = True
    rim[graph.j[~stay[graph.i]]] = True
    rim &= stay
    near = gpd.GeoDataFrame(geometry=np.concatenate([shapes[rim], fresh]), crs=STORAGE_SRID)
    local = adjacency(near, barriers, tolerance_m=tolerance_m, epsg=graph.epsg)
    count, ring = int(stay.sum()), int(rim.sum())
    moved = np.cumsum(stay) - 1
    local_to_new = np.concatenate([moved[rim], count + np.arange(len(fresh))])
    old = stay[graph.i] & stay[graph.j]
    new = (local.i >= ring) | (local.j >= ring)
    i = np.concatenate([moved[graph.i[old]], local_to_new[local.i[new]]])
    j = np.concatenate([moved[graph.j[old]], local_to_new[local.j[new]]])
    order = np.lexsort([np.maximum(i, j), np.minimum(i, j)])

    def pairs(before: Floats, after: Floats) -> Floats:
        return np.concatenate([before[old], after[new]])[order]

    def units(before: Floats, after: Floats) -> Floats:
        return np.concatenate([before[stay], after[ring:]])

    part_stays, part_new = stay[graph.part_unit], local.part_unit >= ring
    part_moved = np.cumsum(part_stays) - 1
    rim_parts = np.flatnonzero(rim[graph.part_unit])
    # The parts of the rim come first in the local graph too, in the same order.
    local_part = np.concatenate([part_moved[rim_parts], part_stays.sum() + np.arange(int(part_new.sum()))])
    old_parts = part_stays[graph.part_i] & part_stays[graph.part_j]
    new_parts = part_new[local.part_i] | part_new[local.part_j]
    part_i = np.concatenate([part_moved[graph.part_i[old_parts]], local_part[local.part_i[new_parts]]])
    part_j = np.concatenate([part_moved[graph.part_j[old_parts]], local_part[local.part_j[new_parts]]])
    part_order = np.lexsort([part_j, part_i])
    off = None
    if graph.off_street_m is not None and local.off_street_m is not None:
        off = pairs(graph.off_street_m, local.off_street_m)
    return Adjacency(
        i=np.minimum(i, j)[order],
        j=np.maximum(i, j)[order],
        shared_length_m=pairs(graph.shared_length_m, local.shared_length_m),
        cost_m=pairs(graph.cost_m, local.cost_m),
        off_street_m=off,
        area_m2=units(graph.area_m2, local.area_m2),
        perimeter_m=units(graph.perimeter_m, local.perimeter_m),
        outer_m=units(graph.outer_m, local.outer_m),
        part_unit=np.concatenate(
            [moved[graph.part_unit[part_stays]], local_to_new[local.part_unit[part_new]]]
        ),
        part_i=part_i[part_order],
        part_j=part_j[part_order],
        epsg=graph.epsg,
    )


def _segment_lines(ends: Ints) -> Geometries:
    lines: Geometries = np.asarray(shapely.linestrings(to_degrees(ends).reshape(-1, 2, 2)), dtype=object)
    return lines


def _barrier_cost(
    lines: Geometries,
    length: Floats,
    barriers: gpd.GeoDataFrame | None,
    metric: Metres,
    tolerance_m: float,
) -> tuple[Floats, Floats | None]:
    """Weigh each segment by the cheapest barrier that each of its metres runs along."""
    if barriers is None:
        return length.copy(), None
    require(barriers, ("barrier_class",), where="barriers")
    price_of = {str(name): price for name, price in BORDER_COST.items() if name is not None}
    prices = barriers["barrier_class"].astype(str).map(price_of).to_numpy(dtype=np.float64)
    shapes = lonlat(barriers, where="barriers")
    within = _within_reach(shapes, lines, tolerance_m) & ~np.isnan(prices)
    prices, shapes = prices[within], metric.project(shapes[within])
    flat = metric.project(lines)
    cost = np.zeros(len(lines))
    left = length.copy()
    line, barrier = np.zeros((2, 0), dtype=np.int64)
    if len(shapes) and len(lines):
        line, barrier = shapely.STRtree(shapes).query(flat, predicate="dwithin", distance=tolerance_m)
    zones = np.zeros(len(shapes), dtype=object)
    met = np.unique(barrier)
    zones[met] = shapely.buffer(shapes[met], tolerance_m, quad_segs=4)
    for price in np.unique(prices):
        # Cheapest first, and each pass looks at all barriers up to its price: what is new is this price's.
        asked = np.isin(line, line[prices[barrier] == price]) & (prices[barrier] <= price)
        rows, along = _length_along(flat, zones, line[asked], barrier[asked])
        new = np.clip(along - (length - left)[rows], 0.0, left[rows])
        cost[rows] += price * new
        left[rows] -= new
    left[left < 1e-6 * np.maximum(length, 1.0)] = 0.0
    return cost + BORDER_COST[None] * left, left


def _within_reach(barriers: Geometries, lines: Geometries, tolerance_m: float) -> Bools:
    """Leave out barriers that are nowhere near: an edit looks at a few units of a whole community."""
    if not len(lines):
        return np.zeros(len(barriers), dtype=bool)
    # A degree of longitude has 28 km at least where people live.
    west, south, east, north = (
        shapely.total_bounds(lines) + np.array([-1.0, -1.0, 1.0, 1.0]) * tolerance_m / 28_000
    ).tolist()
    left, bottom, right, top = shapely.bounds(barriers).T  # nan where there is no geometry: out of reach
    return np.asarray((left <= east) & (right >= west) & (bottom <= north) & (top >= south))


def _length_along(lines: Geometries, zones: Geometries, line: Ints, barrier: Ints) -> tuple[Ints, Floats]:
    """Measure how much of each line lies in the zones of its barriers, which are given as pairs."""
    rows, index = np.unique(line, return_inverse=True)
    if not len(rows):
        return rows, np.zeros(0)
    order = np.argsort(index, kind="stable")
    gathered = np.split(zones[barrier[order]], np.cumsum(np.bincount(index))[:-1])
    union = np.array([group[0] if len(group) == 1 else shapely.union_all(group) for group in gathered])
    return rows, np.asarray(shapely.length(shapely.intersection(lines[rows], union)))
