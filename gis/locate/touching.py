"""Which polygons a point touches, over all sheets, and whose an outer border is where sheets overlap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gis.lattice import STEPS_PER_DEGREE
from gis.locate import kernels
from gis.locate.cells import CellTree
from gis.locate.kernels_numpy import first_met

Floats = NDArray[np.float64]


def touching_pairs(
    sheets: tuple[CellTree, ...], origin: tuple[int, int], lon: Floats, lat: Floats
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """List the pairs of a point and a polygon on whose boundary it lies.

    Parameters
    ----------
    sheets
        All cell trees of an index.
    origin
        Lattice steps of their lower left corner.
    lon, lat
        float64, shape (n,), C-contiguous.

    Returns
    -------
    tuple of numpy.ndarray
        The points, ascending, and the positions, ascending for each; every pair once.
    """
    pairs = []
    for sheet in sheets:
        point, record = kernels.touching_records(sheet, origin, lon, lat)
        if len(point):
            for side in (6, 7):
                number = sheet.records[record, side].astype(np.int64)
                pairs.append(((point << 32) | (number - 1))[number > 0])
    if not pairs:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int32)
    key = np.unique(np.concatenate(pairs))
    return key >> 32, (key & 0xFFFFFFFF).astype(np.int32)


def first_met_among(
    sheets: tuple[CellTree, ...], origin: tuple[int, int], lon: Floats, lat: Floats
) -> NDArray[np.int32]:
    """Name the owner of points that no sheet owns by the half-open rule: on outer borders, or outside.

    Parameters
    ----------
    sheets
        All cell trees of an index.
    origin
        Lattice steps of their lower left corner.
    lon, lat
        float64, shape (n,), C-contiguous.

    Returns
    -------
    numpy.ndarray
        int32, shape (n,): the first met turning anticlockwise from due east; −1 for none.
    """
    owner = np.full(len(lon), -1, dtype=np.int32)
    points, edges = [], []
    for sheet in sheets:
        point, record = kernels.touching_records(sheet, origin, lon, lat)
        steps = np.rint(np.column_stack([lon[point], lat[point]]) * STEPS_PER_DEGREE).astype(np.int64)
        edge = sheet.records[record].astype(np.int64)
        points.append(point)
        edges.append(np.hstack([steps - origin - edge[:, :2], edge[:, [2, 3, 6, 7]]]))
    at, touched = np.concatenate(points), np.concatenate(edges)
    for point in np.unique(at):
        owner[point] = first_met(touched[at == point].tolist())
    return owner
