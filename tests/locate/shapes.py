"""Polygons to test with, made by ourselves: tessellations and awkward figures, all on the lattice."""

from __future__ import annotations

import numpy as np
import shapely

from gis.lattice import snap, to_degrees, to_lattice

LON, LAT = 105.0, 34.0


def wavy_grids(rows, columns, bends, rng, *, cell=0.003, origin=(LON, LAT)):
    """Make a tessellation of quadrilaterals whose shared borders have ``bends`` vertices each."""
    gx, gy = np.meshgrid(np.arange(columns + 1.0), np.arange(rows + 1.0))
    inner = (gx > 0) & (gx < columns) & (gy > 0) & (gy < rows)
    corner = np.stack(
        [gx + inner * rng.uniform(-0.3, 0.3, gx.shape), gy + inner * rng.uniform(-0.3, 0.3, gx.shape)], 2
    )
    share = np.linspace(0, 1, bends + 2)[1:-1, None]

    def border(a, b):
        along = a + share * (b - a)
        across = np.array([a[1] - b[1], b[0] - a[0]])
        return along + across * rng.uniform(-0.04, 0.04, (bends, 1)) * (share * (1 - share) * 4)

    level = {(r, c): border(corner[r, c], corner[r, c + 1]) for r in range(rows + 1) for c in range(columns)}
    upright = {
        (r, c): border(corner[r, c], corner[r + 1, c]) for r in range(rows) for c in range(columns + 1)
    }
    made = []
    for r in range(rows):
        for c in range(columns):
            ring = np.vstack(
                [
                    corner[r, c], level[r, c], corner[r, c + 1], upright[r, c + 1],
                    corner[r + 1, c + 1], level[r + 1, c][::-1], corner[r + 1, c], upright[r, c][::-1],
                ]
            )  # fmt: skip
            made.append(shapely.Polygon(ring * cell + origin))
    return snap(np.array(made))


def patchwork(size, labels, rng, *, stretch=1, origin=(LON, LAT), empty=True):
    """Dissolve the half-squares of a small board by random label: holes, enclaves, parts that touch.

    With ``empty`` label 0 is left out, so that there are inner and outer borders to nobody's land.
    """
    west, south = to_lattice(origin)
    x, y = (a.ravel() for a in np.meshgrid(np.arange(size), np.arange(size)))
    squares = np.stack([np.column_stack(p) for p in ((x, y), (x + 1, y), (x + 1, y + 1), (x, y + 1))], 1)
    falling = rng.random(len(squares)) < 0.5
    squares[falling] = squares[falling][:, [1, 2, 3, 0]]
    triangles = np.vstack([squares[:, [0, 1, 2]], squares[:, [0, 2, 3]]]) * stretch + [west, south]
    halves = shapely.polygons(to_degrees(triangles))
    label = rng.integers(0, labels, len(halves))
    parts = [
        shapely.union_all(halves[label == k]) for k in range(1 if empty else 0, labels) if (label == k).any()
    ]
    return np.array(parts)


def star(vertices, rng, *, radius=0.01, centre=(LON, LAT), spikes=0.4):
    """Make a ring of many vertices: ``spikes`` of the radius deep, or (at 0) as crooked as a coast."""
    angle = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    length = 1 - spikes * rng.random(vertices)
    if spikes == 0:
        wander = np.cumsum(rng.normal(size=vertices)) / vertices
        length += 3 * (wander - wander[-1] * angle / (2 * np.pi))
    return snap(
        shapely.Polygon(np.column_stack([np.cos(angle), np.sin(angle)]) * radius * length[:, None] + centre)
    )


def hostile_points(polygons, count, rng):
    """Choose points where an answer may go wrong: vertices, middles of edges, steps beside them, and inside.

    Returns
    -------
    tuple of numpy.ndarray
        Longitude and latitude, shape (about count,).
    """
    xy = shapely.get_coordinates(polygons)
    middle = (xy[:-1] + xy[1:]) / 2
    low, high = xy.min(axis=0), xy.max(axis=0)
    reach = high - low
    quarter = max(1, count // 6)

    def near(points):
        chosen = to_lattice(points[rng.integers(0, len(points), quarter)])
        return to_degrees(chosen + rng.integers(-1, 2, chosen.shape))

    made = np.vstack(
        [
            xy[rng.integers(0, len(xy), quarter)],
            near(xy),
            near(middle),
            # The height of one vertex and the meridian of another: rays through vertices, cells' borders.
            np.column_stack([rng.choice(xy[:, 0], quarter), rng.choice(xy[:, 1], quarter)]),
            rng.uniform(low - reach * 0.02, high + reach * 0.02, (2 * quarter, 2)),
        ]
    )
    return np.ascontiguousarray(made[:, 0]), np.ascontiguousarray(made[:, 1])
