"""Ten million hostile points against whole-number arithmetic that shares nothing with the engine.

Every point is tried against every polygon whose box holds it, with a ray to the north (the engine's goes
west, through cells) in 64-bit whole numbers: each case is small enough that nothing passes 2**62. A point
that no polygon holds, though the engine names an owner, lies on the outer border; it is put to the oracle of
the tests, in Python's unlimited whole numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.lattice import to_lattice
from gis.locate.index import GridIndex
from tests.locate.oracle import Oracle
from tests.locate.shapes import hostile_points, patchwork, star, wavy_grids
from tests.locate.test_index import with_hole_and_enclave

Floats = NDArray[np.float64]
Shapes = NDArray[np.object_]
Ints = NDArray[np.int64]

_CHUNK = 1 << 21


def cases(rng: np.random.Generator) -> dict[str, Shapes]:
    """Make the coverages to ask in: name → polygons on the lattice."""
    return {
        "crooked borders": wavy_grids(14, 14, 22, rng),
        "straight borders": wavy_grids(30, 30, 0, rng),
        "patchwork with holes, enclaves, parts": patchwork(40, 7, rng, stretch=997),
        "patchwork of single steps": patchwork(60, 6, rng),
        "hole, enclave, parts, sliver of one step": with_hole_and_enclave(rng),
        "collinear runs": np.array(
            [
                shapely.segmentize(shapely.box(105 + i * 1e-3, 34, 105.001 + i * 1e-3, 34.003), 1e-4)
                for i in range(9)
            ]
        ),
        "spikes": np.array([star(3000, rng)]),
        "a ring of 100,000 vertices": np.array([star(100_000, rng, radius=0.5, spikes=0)]),
    }


def disagreements(count: int, *, seed: int = 11) -> list[tuple[str, int, int]]:
    """Ask engine and oracle for about ``count`` points over all cases.

    Parameters
    ----------
    count
        How many points.
    seed
        Of the random generator.

    Returns
    -------
    list of tuple
        Name of the case, points asked, disagreements.
    """
    rng = np.random.default_rng(seed)
    made = cases(rng)
    rows = []
    for name, polygons in made.items():
        index = GridIndex.build(polygons, [str(i) for i in range(len(polygons))])
        vertices = len(shapely.get_coordinates(polygons))
        # The big ring costs a thousand times more a point; it is asked fewer.
        share = count // len(made) if vertices < 50_000 else min(count // len(made), 200_000)
        lon, lat = hostile_points(polygons, share, rng)
        wrong = _compare(index, polygons, lon, lat)
        rows.append((name, len(lon), wrong))
    return rows


def _compare(index: GridIndex, polygons: Shapes, lon: Floats, lat: Floats) -> int:
    found = index.locate(lon, lat)
    x, y = to_lattice(lon), to_lattice(lat)
    expected, times = _owners(polygons, x, y)
    doubtful = np.flatnonzero((expected < 0) & (found >= 0))
    if len(doubtful):
        place, back = np.unique(np.column_stack([x[doubtful], y[doubtful]]), axis=0, return_inverse=True)
        oracle = Oracle(polygons, slabs=min(4096, len(shapely.get_coordinates(polygons))))
        answers = np.array([oracle.owner(a, b) for a, b in place.tolist()])
        expected[doubtful] = answers[back.ravel()]
    return int(np.count_nonzero((found != expected) | (times > 1)))


def _owners(polygons: Shapes, x: Ints, y: Ints) -> tuple[Ints, Ints]:
    """Name the polygon that holds each point moved by (ε, ε²), and in how many it is."""
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    owner = np.full(len(x), -1, dtype=np.int64)
    times = np.zeros(len(x), dtype=np.int64)
    for number, polygon in enumerate(polygons):
        edges = _edges(polygon)
        first = np.searchsorted(x, edges[:, [0, 2]].min())
        last = np.searchsorted(x, edges[:, [0, 2]].max(), side="right")
        low, high = edges[:, [1, 3]].min(), edges[:, [1, 3]].max()
        near = first + np.flatnonzero((y[first:last] >= low) & (y[first:last] <= high))
        inside = _odd(edges, x, y, near)
        owner[near[inside]] = number
        times[near[inside]] += 1
    back = np.empty(len(order), dtype=np.int64)
    back[order] = np.arange(len(order))
    return owner[back], times[back]


def _edges(polygon: shapely.Geometry) -> Ints:
    """List the edges that are not upright, from west to east."""
    rows = []
    for ring in shapely.get_rings(shapely.get_parts(polygon)):
        xy = to_lattice(shapely.get_coordinates(ring))
        rows.append(np.hstack([xy[:-1], xy[1:]]))
    edges = np.vstack(rows)
    edges = edges[edges[:, 0] != edges[:, 2]]
    return np.where((edges[:, 0] > edges[:, 2])[:, None], edges[:, [2, 3, 0, 1]], edges)


def _odd(edges: Ints, x: Ints, y: Ints, near: Ints) -> NDArray[np.bool_]:
    """Tell for which of the points an odd number of edges lies to the north; points ascend in x."""
    px, py = x[near], y[near]
    # An edge matters to the points with x1 <= x < x2: the move by ε takes in its western end alone.
    first, last = np.searchsorted(px, edges[:, 0]), np.searchsorted(px, edges[:, 2])
    odd = np.zeros(len(near), dtype=bool)
    big = last - first > _CHUNK // 64
    for x1, y1, x2, y2, a, b in np.column_stack([edges, first, last])[big].tolist():
        odd[a:b] ^= _below(x1, y1, x2, y2, px[a:b], py[a:b])
    edges, first, last = edges[~big], first[~big], last[~big]
    for start in range(0, len(edges), 4096):
        part = slice(start, start + 4096)
        counts = last[part] - first[part]
        which = np.repeat(np.arange(len(counts)), counts)
        at = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts) + first[part][which]
        below = _below(*edges[part][which].T, px[at], py[at])
        np.logical_xor.at(odd, at[below], True)  # noqa: FBT003 - the operand
    return odd


def _below(x1: Any, y1: Any, x2: Any, y2: Any, px: Ints, py: Ints) -> NDArray[np.bool_]:
    """Tell whether a point moved by (ε, ε²) is south of an edge that runs east."""
    side = (x2 - x1) * (py - y1) - (y2 - y1) * (px - x1)
    # On the line, the move east leaves the point south of a rising edge and north of any other.
    return (side < 0) | ((side == 0) & (y2 - y1 > 0))
