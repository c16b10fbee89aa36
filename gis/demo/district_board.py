"""The drawing that a made-up district comes from: communities and grids as rectangles in rows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.demo.ground import Ground

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_GRID_M = 292.0


@dataclass(frozen=True)
class Board:
    """The drawing: rectangles of communities and grids, whole metres.

    Attributes
    ----------
    community
        West, south, east, north of each, shape (c, 4), north-west first.
    community_row
        Row from the north that each lies in, shape (c,).
    grid
        West, south, east, north of each, shape (g, 4).
    grid_community
        Position of each grid's community, shape (g,).
    serial
        Serial of each grid in its community, from 1, shape (g,).
    """

    community: Floats
    community_row: Ints
    grid: Floats
    grid_community: Ints
    serial: Ints


def serial_within(group: Ints) -> Ints:
    """Give the members of each group numbers from 1, in their order.

    Parameters
    ----------
    group
        The group of each, shape (n,).

    Returns
    -------
    numpy.ndarray
        Shape (n,).
    """
    order = np.argsort(group, kind="stable")
    together = group[order]
    serial = np.empty(len(group), dtype=np.int64)
    serial[order] = np.arange(len(group)) - np.searchsorted(together, together) + 1
    return serial


def _cuts(start: float, end: float, count: int, rng: np.random.Generator) -> Floats:
    """Cut a length into parts that differ by up to a sixth, at whole metres."""
    sizes = rng.uniform(0.85, 1.15, count)
    at = start + (end - start) * np.concatenate(([0.0], np.cumsum(sizes) / sizes.sum()))
    return np.rint(at)


def _evenly(total: int, bins: int) -> Ints:
    """Spread a number over bins that differ by one at most."""
    return np.diff(np.arange(bins + 1, dtype=np.int64) * total // bins)


def draw(communities: int, grids: int, rng: np.random.Generator) -> Board:
    """Lay communities out in rows from the north, and grids in rows within each.

    Parameters
    ----------
    communities, grids
        How many of each.
    rng
        What is left to chance.

    Returns
    -------
    Board
        The drawing.
    """
    per_community = rng.permutation(_evenly(grids, communities))
    area = grids * _GRID_M**2
    rows = max(1, round(np.sqrt(communities / 2.2)))
    height = np.sqrt(area / 2.0)
    width = np.rint(area / height)
    community: list[tuple[float, ...]] = []
    grid: list[tuple[float, ...]] = []
    community_row: list[int] = []
    owner: list[int] = []
    serial: list[int] = []
    tops = _cuts(0.0, height, rows, rng)[::-1]
    for row, in_row in enumerate(_evenly(communities, rows)):
        lefts = _cuts(0.0, width, int(in_row), rng)
        for west, east in pairwise(lefts):
            south, north = tops[row + 1], tops[row]
            here = len(community)
            community.append((west, south, east, north))
            community_row.append(row)
            count = int(per_community[here])
            deep = min(count, max(1, round(np.sqrt(count * (north - south) / (east - west)))))
            levels = _cuts(south, north, deep, rng)[::-1]
            number = 0
            for level, across in enumerate(_evenly(count, deep)):
                sides = _cuts(west, east, int(across), rng)
                for left, right in pairwise(sides):
                    number += 1
                    grid.append((left, levels[level + 1], right, levels[level]))
                    owner.append(here)
                    serial.append(number)
    return Board(
        np.array(community), np.array(community_row), np.array(grid), np.array(owner), np.array(serial)
    )


def noded_parts(board: Board) -> NDArray[np.object_]:
    """Return every stretch of border between two corners once, with vertices along it.

    Parameters
    ----------
    board
        The drawing.

    Returns
    -------
    numpy.ndarray
        LineStrings on the board, shape (s,).
    """
    west, south, east, north = board.grid.T
    corners = np.stack((west, south, east, south, east, north, west, north, west, south), axis=1)
    ring = corners.reshape(-1, 5, 2)
    sides = shapely.linestrings(np.stack((ring[:, :-1], ring[:, 1:]), axis=2).reshape(-1, 2, 2))
    return np.asarray(shapely.segmentize(shapely.get_parts(shapely.union_all(sides)), 45.0))


def grid_shapes(parts: NDArray[np.object_], board: Board, ground: Ground) -> NDArray[np.object_]:
    """Put the stretches together to grids, so that neighbours share every vertex.

    Parameters
    ----------
    parts
        As :func:`noded_parts` returns.
    board
        The drawing.
    ground
        Where the board lies.

    Returns
    -------
    numpy.ndarray
        Polygons in degrees, shape (g,), in the board's order.
    """
    faces = shapely.get_parts(shapely.polygonize(parts))
    middles = shapely.points(
        (board.grid[:, 0] + board.grid[:, 2]) / 2, (board.grid[:, 1] + board.grid[:, 3]) / 2
    )
    at, face = shapely.STRtree(faces).query(middles, predicate="within")
    return np.asarray(ground.place(faces[face[np.argsort(at)]]))
