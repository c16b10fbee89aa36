"""Grids and points to measure with, made by ourselves and seeded."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.lattice import snap

Floats = NDArray[np.float64]
Shapes = NDArray[np.object_]

ORIGIN = (105.9, 34.5)
CELL_DEG = (0.00315, 0.00261)
"""About 290 m each way at this latitude: a grid of 300 to 500 households in a built-up district."""


def make_grids(count: int, *, bends: int = 23, seed: int = 1) -> Shapes:
    """Make a tessellation of about ``count`` quadrilateral grids with crooked, shared borders.

    Every side has ``bends`` vertices between its corners: 23 give grids of 96 vertices. The outline is
    about square.

    Parameters
    ----------
    count
        How many grids; exactly so many are returned, row by row.
    bends
        Vertices within a side.
    seed
        Of the random generator.

    Returns
    -------
    numpy.ndarray
        shapely Polygons on the lattice, shape (count,).
    """
    rng = np.random.default_rng(seed)
    columns = int(np.ceil(np.sqrt(count)))
    rows = -(-count // columns)
    gx, gy = np.meshgrid(np.arange(columns + 1.0), np.arange(rows + 1.0))
    corner = np.stack([gx, gy], 2) + rng.uniform(-0.25, 0.25, (rows + 1, columns + 1, 2))
    level = _borders(corner[:, :-1], corner[:, 1:], bends, rng)
    upright = _borders(corner[:-1], corner[1:], bends, rng)
    rings = np.concatenate(
        [
            level[:-1, :, :-1],
            upright[:, 1:, :-1],
            level[1:, :, :0:-1],
            upright[:, :-1, :0:-1],
        ],
        axis=2,
    ).reshape(rows * columns, -1, 2)[:count]
    return snap(shapely.polygons(rings * CELL_DEG + ORIGIN))


def _borders(begin: Floats, end: Floats, bends: int, rng: np.random.Generator) -> Floats:
    """Draw crooked lines from corner to corner, both included."""
    share = np.linspace(0, 1, bends + 2)[:-1, None]
    along = end - begin
    across = np.stack([-along[..., 1], along[..., 0]], -1)
    swing = np.cumsum(rng.uniform(-1, 1, (*begin.shape[:2], bends + 1, 1)), axis=2) * 0.012
    swing *= 4 * share * (1 - share)
    line = begin[..., None, :] + share * along[..., None, :] + swing * across[..., None, :]
    return np.concatenate([line, end[..., None, :]], axis=2)


def make_points(grids: Shapes, count: int, kind: str, *, seed: int = 2) -> tuple[Floats, Floats]:
    """Choose points among grids.

    Parameters
    ----------
    grids
        shapely Polygons.
    count
        How many points.
    kind
        ``uniform`` over the extent; ``clustered`` about 200 places as incidents are; ``border``: within
        about 3 m of a vertex of a boundary.
    seed
        Of the random generator.

    Returns
    -------
    tuple of numpy.ndarray
        Longitude and latitude, float64, shape (count,), in random order.
    """
    rng = np.random.default_rng(seed)
    west, south, east, north = shapely.total_bounds(grids)
    low, high = np.array([west, south]), np.array([east, north])
    if kind == "uniform":
        xy = rng.uniform(low, high, (count, 2))
    elif kind == "clustered":
        centres = rng.uniform(low, high, (200, 2))
        spread = (high - low) * 0.01
        xy = centres[rng.integers(0, 200, count)] + rng.normal(size=(count, 2)) * spread
        xy = np.clip(xy, low, high)
    else:
        vertices = shapely.get_coordinates(grids)
        xy = vertices[rng.integers(0, len(vertices), count)] + rng.normal(size=(count, 2)) * 2e-5
    return np.ascontiguousarray(xy[:, 0]), np.ascontiguousarray(xy[:, 1])


def sort_points(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """Sort points as a spatially clustered table holds them: by tiles of 2**-10 of the extent.

    Parameters
    ----------
    lon, lat
        Degrees, shape (n,).

    Returns
    -------
    tuple of numpy.ndarray
        The same points, tile by tile.
    """
    column = ((lon - lon.min()) / np.ptp(lon) * 1023).astype(np.int64)
    row = ((lat - lat.min()) / np.ptp(lat) * 1023).astype(np.int64)
    order = np.argsort(row * 1024 + column, kind="stable")
    return lon[order], lat[order]
