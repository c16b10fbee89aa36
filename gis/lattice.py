"""The 1e-8° lattice on which every stored coordinate lies.

A step is 1.1 mm at most. On it a coordinate is a whole number below 2**35, so a cross product of two
differences stays below 2**63 for anything up to half the globe apart in one axis and every predicate can
be exact integer arithmetic. ``round(x * 1e8) / 1e8`` gives the double nearest to the lattice point, and
multiplying that by 1e8 and rounding gives the same whole number back (the error is below 1e-5 of a step).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

STEPS_PER_DEGREE = 100_000_000


def to_lattice(degrees: Any) -> NDArray[np.int64]:
    """Round degrees to whole lattice steps.

    Parameters
    ----------
    degrees
        Finite degrees, any shape, within ±360.

    Returns
    -------
    numpy.ndarray
        int64, the same shape.
    """
    return np.rint(np.asarray(degrees, dtype=np.float64) * STEPS_PER_DEGREE).astype(np.int64)


def to_degrees(steps: Any) -> NDArray[np.float64]:
    """Turn lattice steps back into degrees.

    Parameters
    ----------
    steps
        Whole lattice steps, any shape.

    Returns
    -------
    numpy.ndarray
        float64, the double nearest to each lattice point.
    """
    return np.asarray(np.asarray(steps, dtype=np.float64) / STEPS_PER_DEGREE, dtype=np.float64)


def snap(geometries: Any) -> Any:
    """Move every vertex onto the lattice, each on its own.

    Because a vertex goes where it goes whichever polygon it belongs to, an edge that two neighbours share
    stays shared. Validity is not looked at: rounding can fold a ring that is thinner than a step.

    Parameters
    ----------
    geometries
        A shapely geometry or an array of them, lon/lat in degrees (CGCS2000).

    Returns
    -------
    shapely.Geometry or numpy.ndarray
        Like the input.
    """
    return shapely.transform(geometries, lambda xy: to_degrees(to_lattice(xy)))
