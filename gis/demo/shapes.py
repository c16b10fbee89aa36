"""Outlines of houses: metres about the house's own middle, its long side east–west, its front south."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def block(width: float, depth: float) -> Floats:
    """Draw a plain rectangle.

    Parameters
    ----------
    width
        East–west, metres.
    depth
        North–south, metres.

    Returns
    -------
    numpy.ndarray
        Open ring, shape (4, 2).
    """
    x, y = width / 2, depth / 2
    return np.array([[-x, -y], [x, -y], [x, y], [-x, y]])


def slab(units: int, unit_width: float = 15.0, depth: float = 11.5) -> Floats:
    """Draw a slab block: one stairwell for each unit (单元), standing out on the north side.

    Parameters
    ----------
    units
        How many stairwells.
    unit_width
        Width of one unit, metres.
    depth
        Metres; the stairwells come on top of it.

    Returns
    -------
    numpy.ndarray
        Open ring, shape (2 + 4 * units, 2).
    """
    x, y = units * unit_width / 2, depth / 2
    ring = [(-x, -y), (x, -y)]
    for unit in reversed(range(units)):
        middle = -x + (unit + 0.5) * unit_width
        ring += [(middle + 1.6, y), (middle + 1.6, y + 1.4), (middle - 1.6, y + 1.4), (middle - 1.6, y)]
    ring[2:2] = [(x, y)]
    return np.array([*ring, (-x, y)])


def tower(size: float = 25.0, notch: float = 4.0) -> Floats:
    """Draw a point tower: a square with notched corners and a recess in its north side.

    Parameters
    ----------
    size
        Side, metres.
    notch
        Depth of the notches, metres.

    Returns
    -------
    numpy.ndarray
        Open ring, shape (16, 2).
    """
    x, n = size / 2, notch
    return np.array(
        [
            *(
                (-x + n, -x),
                (x - n, -x),
                (x - n, -x + n),
                (x, -x + n),
                (x, x - n),
                (x - n, x - n),
                (x - n, x),
            ),
            *((2.5, x), (2.5, x - n), (-2.5, x - n), (-2.5, x), (-x + n, x), (-x + n, x - n), (-x, x - n)),
            *((-x, -x + n), (-x + n, -x + n)),
        ]
    )


def wings(width: float, depth: float, wing: float, arms: str = "U") -> Floats:
    """Draw a house of several wings about a yard that is open to the south.

    Parameters
    ----------
    width
        Of the whole, east–west, metres.
    depth
        Of the whole, north–south, metres.
    wing
        Depth of each wing, metres.
    arms
        ``U`` (wings west, north and east), ``L`` (west and north), ``E`` (three arms southward) or ``H``.

    Returns
    -------
    numpy.ndarray
        Open ring.
    """
    x, y, w = width / 2, depth / 2, wing
    rings = {
        "U": [(-x, -y), (-x + w, -y), (-x + w, y - w), (x - w, y - w), (x - w, -y), (x, -y), (x, y), (-x, y)],
        "L": [(-x, -y), (-x + w, -y), (-x + w, y - w), (x, y - w), (x, y), (-x, y)],
        "E": [
            *((-x, -y), (-x + w, -y), (-x + w, y - w), (-w / 2, y - w), (-w / 2, -y), (w / 2, -y)),
            *((w / 2, y - w), (x - w, y - w), (x - w, -y), (x, -y), (x, y), (-x, y)),
        ],
        "H": [
            *((-x, -y), (-x + w, -y), (-x + w, -w / 2), (x - w, -w / 2), (x - w, -y), (x, -y)),
            *((x, y), (x - w, y), (x - w, w / 2), (-x + w, w / 2), (-x + w, y), (-x, y)),
        ],
    }
    return np.array(rings[arms])
