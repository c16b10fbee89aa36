"""Who owns a point, told slowly and beyond doubt: Python's whole numbers, a real (tiny) move, another ray.

The engine decides symbolically with a ray to the west. Here a point is moved in earnest, by 2**-80 of a
lattice step east and 2**-160 north, with everything scaled up by 2**160, and the ray goes north. On the
outer border it is moved along each edge that it touches and then a little to the left of it.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cmp_to_key
from itertools import pairwise

import numpy as np
import shapely

from gis.lattice import to_lattice

SCALE = 2**160
STEP = 2**80


class Oracle:
    """Owners of lattice points among polygons (shapely, degrees), overlapping or not."""

    def __init__(self, polygons, slabs=256):
        self.edges = []
        for number, polygon in enumerate(polygons):
            for part in shapely.get_parts(polygon):
                for ring in shapely.get_rings(part):
                    xy = to_lattice(shapely.get_coordinates(ring)).tolist()
                    for (x1, y1), (x2, y2) in pairwise(xy):
                        if (x1, y1) != (x2, y2):
                            self.edges.append((x1, y1, x2, y2, number))
        self.west = min(min(e[0], e[2]) for e in self.edges)
        east = max(max(e[0], e[2]) for e in self.edges)
        self.slab = max(1, (east - self.west) // slabs)
        self.at = defaultdict(list)
        for edge in self.edges:
            low, high = sorted((edge[0], edge[2]))
            for slab in range((low - self.west) // self.slab, (high - self.west) // self.slab + 1):
                self.at[slab].append(edge)

    def near(self, x):
        return self.at.get((x - self.west) // self.slab, ())

    def covering(self, x, y, dx=STEP, dy=1):
        """Name the polygons that hold the point once moved by (dx, dy) / SCALE; dx must not be 0."""
        px, py = x * SCALE + dx, y * SCALE + dy
        odd = defaultdict(bool)
        for edge in self.near(x):
            if edge[1] < y and edge[3] < y:
                continue
            if (edge[0] * SCALE > px) != (edge[2] * SCALE > px):
                eastward = edge[:4] if edge[0] < edge[2] else (*edge[2:4], *edge[:2])
                (x1, y1, x2, y2), number = eastward, edge[4]
                if (x2 - x1) * (py - y1 * SCALE) < (y2 - y1) * (px - x1 * SCALE):
                    odd[number] ^= True
        return sorted(number for number, inside in odd.items() if inside)

    def touched(self, x, y):
        """List the edges that the point lies on."""
        return [
            e
            for e in self.near(x)
            if (e[2] - e[0]) * (y - e[1]) == (e[3] - e[1]) * (x - e[0])
            and min(e[0], e[2]) <= x <= max(e[0], e[2])
            and min(e[1], e[3]) <= y <= max(e[1], e[3])
        ]

    def touching(self, x, y):
        return sorted({e[4] for e in self.touched(x, y)})

    def owner(self, x, y):
        """Name the one owner, −1 for none."""
        here = self.covering(x, y)
        if here:
            return here[0]
        directions = set()
        for x1, y1, x2, y2, _ in self.touched(x, y):
            directions |= {(x1 - x, y1 - y), (x2 - x, y2 - y)}
        directions.discard((0, 0))
        for ux, uy in sorted(directions, key=cmp_to_key(_anticlockwise)):
            # Along the edge by 2**-100 of it, then to the left by 2**-150 of its length.
            beyond = self.covering(x, y, ux * 2**60 - uy * 2**10, uy * 2**60 + ux * 2**10)
            if beyond:
                return beyond[0]
        return -1


def _anticlockwise(a, b):
    def lower(d):
        return d[1] < 0 or (d[1] == 0 and d[0] < 0)

    if lower(a) != lower(b):
        return 1 if lower(a) else -1
    turn = a[0] * b[1] - a[1] * b[0]
    return (turn < 0) - (turn > 0)


def owners(oracle, lon, lat):
    """Ask the oracle for every point, −1 where not finite."""
    finite = np.isfinite(lon) & np.isfinite(lat)
    found = np.full(len(lon), -1, dtype=np.int32)
    x, y = to_lattice(lon[finite]).tolist(), to_lattice(lat[finite]).tolist()
    found[finite] = [oracle.owner(a, b) for a, b in zip(x, y, strict=True)]
    return found
