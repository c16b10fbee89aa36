"""How probable each grid is when a position comes with an accuracy radius.

The true place is taken to be normally distributed about the given one, alike in all directions, with the
radius as the quantile of the stated confidence (browsers 95 %, Android 68 %): σ = r / √(−2 ln(1 − c)).

The probability of a polygon is then exact. In polar coordinates about the point the density integrates
along each ray to 1 − exp(−ρ²/2), ρ being the distance to the border in σ; summed along the border this is
the winding number less, for each edge, T(h, t₂/h) − T(h, t₁/h): Owen's T function of the edge's line at
distance h, between the places t₁ and t₂ on it. So an edge costs two values of T, and one that is farther
away than the density reaches costs nothing.

Source: D. B. Owen, "Tables for computing bivariate normal probabilities", 1956.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import owens_t

from gis.crs import metres_per_degree
from gis.errors import InputError
from gis.lattice import STEPS_PER_DEGREE
from gis.locate import kernels
from gis.locate.columns import degree_columns
from gis.locate.index import GridIndex
from gis.locate.single import clear_owner

Floats = NDArray[np.float64]

NEGLIGIBLE = 1e-6
"""Probability that is left out: farther away than ``_CUT`` σ there is less than this."""

_CUT = float(np.sqrt(-2 * np.log(NEGLIGIBLE)))
_NUDGE = 1e-6
"""In σ: the half-open rule's move off an edge, so that the sums agree with the owner it names."""


@dataclass(frozen=True)
class Candidates:
    """Who may own each of n points, the most probable first.

    Attributes
    ----------
    position
        int32: positions in the index's codes, point after point.
    probability
        float64, like ``position``; those below ``NEGLIGIBLE`` are left out.
    at
        int64, shape (n + 1,): point i has the candidates ``at[i]`` to ``at[i + 1]``.
    outside
        float64, shape (n,): the probability that the point lies in no polygon; NaN where it is not finite.
    """

    position: NDArray[np.int32]
    probability: Floats
    at: NDArray[np.int64]
    outside: Floats

    def of(self, point: int) -> list[tuple[int, float]]:
        """List the candidates of one point.

        Parameters
        ----------
        point
            Its index.

        Returns
        -------
        list of tuple
            Position and probability, the most probable first.
        """
        part = slice(int(self.at[point]), int(self.at[point + 1]))
        return list(zip(self.position[part].tolist(), self.probability[part].tolist(), strict=True))


def candidates(index: GridIndex, lon: Any, lat: Any, accuracy_m: Any, confidence: Any = 0.95) -> Candidates:
    """Give the probability that each grid owns each point.

    Parameters
    ----------
    index
        The grids. Where they overlap, a probability is that of lying in the grid, first or not.
    lon, lat
        Degrees, CGCS2000, n values each, as :meth:`gis.locate.index.GridIndex.locate` takes them.
    accuracy_m
        Radius in metres, one for all or n; 0 for an exact position.
    confidence
        Probability that the truth lies within the radius, between 0 and 1; one for all or n.

    Returns
    -------
    Candidates
        Struct of arrays.

    Raises
    ------
    InputError
        If a radius is negative or not finite, or a confidence is not between 0 and 1.
    """
    x, y = degree_columns(lon, lat)
    if len(x) == 1 and isinstance(accuracy_m, int | float) and isinstance(confidence, int | float):
        clear = _clear(index, x.item(), y.item(), accuracy_m, confidence)
        if clear is not None:
            return clear
    radius = _spread(accuracy_m, len(x), "accuracy_m")
    level = _spread(confidence, len(x), "confidence")
    _check(radius, level)
    sigma = radius / np.sqrt(-2 * np.log1p(-level))
    point, position, share = _whole(index, x, y, sigma)
    near = np.flatnonzero((sigma > 0) & np.isfinite(x) & np.isfinite(y))
    if len(near):
        which, polygon, loss = _losses(index, x[near], y[near], sigma[near])
        point = np.concatenate([point, near[which]])
        position = np.concatenate([position, polygon])
        share = np.concatenate([share, -loss])
    key, inverse = np.unique(point * len(index.codes) + position, return_inverse=True)
    probability = np.clip(np.bincount(inverse, share, minlength=len(key)), 0.0, 1.0)
    kept = probability >= NEGLIGIBLE
    point, position = np.divmod(key[kept], len(index.codes))
    probability = probability[kept]
    order = np.lexsort([position, -probability, point])
    outside = np.clip(1.0 - np.bincount(point, probability, minlength=len(x)), 0.0, 1.0)
    outside[outside < NEGLIGIBLE] = 0.0
    outside[~(np.isfinite(x) & np.isfinite(y))] = np.nan
    at = np.concatenate([[0], np.cumsum(np.bincount(point, minlength=len(x)))])
    ranked = probability[order]
    return Candidates(position[order].astype(np.int32), ranked.astype(np.float64, copy=False), at, outside)


def _clear(index: GridIndex, lon: float, lat: float, radius: float, level: float) -> Candidates | None:
    """Answer for one point whose circle reaches no border: the usual case, and a tenth of the general way."""
    if not (0 <= radius < np.inf and 0 < level < 1):
        return None
    position = clear_owner(index, lon, lat, _CUT * radius / math.sqrt(-2 * math.log1p(-level)))
    if position < 0:
        return None
    return Candidates(np.array([position], dtype=np.int32), np.ones(1), np.array([0, 1]), np.zeros(1))


def _spread(value: Any, count: int, name: str) -> Floats:
    found = np.asarray(value)
    if found.dtype.kind not in "fiu" or found.ndim > 1 or found.size not in {1, count}:
        raise InputError(
            f"{name} is not one number or {count}", where=name, mend="give one number for each point"
        )
    return np.broadcast_to(found.astype(np.float64).reshape(-1), (count,))


def _check(radius: Floats, level: Floats) -> None:
    wrong = np.flatnonzero(~(np.isfinite(radius) & (radius >= 0)))
    if len(wrong):
        raise InputError(
            f"the accuracy of point {wrong[0] + 1} is not a radius in metres",
            where="accuracy_m",
            mend="give metres, 0 or more; leave the accuracy out where it is unknown",
        )
    wrong = np.flatnonzero(~((level > 0) & (level < 1)))
    if len(wrong):
        raise InputError(
            f"the confidence of point {wrong[0] + 1} is not between 0 and 1",
            where="confidence",
            mend="give 0.95 for a browser's radius, 0.68 for Android's",
        )


def _whole(
    index: GridIndex, x: Floats, y: Floats, sigma: Floats
) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """Give every polygon that a point lies in the probability 1, from which its edges then take away."""
    points, positions = [], []
    exact = sigma == 0
    owner = index.locate(x[exact], y[exact])
    points.append(np.flatnonzero(exact)[owner >= 0])
    positions.append(owner[owner >= 0])
    for sheet in index.sheets:
        owner = kernels.locate(sheet, index.rings.origin, x, y, closed=False)
        mine = np.flatnonzero((owner >= 0) & ~exact)
        points.append(mine)
        positions.append(owner[mine])
    point = np.concatenate(points)
    return point, np.concatenate(positions).astype(np.int64), np.ones(len(point))


def _losses(
    index: GridIndex, x: Floats, y: Floats, sigma: Floats
) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """Integrate along every edge within reach: point, polygon, and what the edge takes from it."""
    xy = np.rint(np.column_stack([x, y]) * STEPS_PER_DEGREE) - np.array(index.rings.origin, dtype=np.float64)
    scale = np.column_stack(metres_per_degree(y)) / STEPS_PER_DEGREE
    point, polygon, vertex = kernels.edges_near(index.rings, index.reach, xy, scale, _CUT * sigma)
    to_sigma = scale[point] / sigma[point, None]
    nudge = np.array([_NUDGE, _NUDGE**2])
    begin = (index.rings.vertices[vertex] - xy[point]) * to_sigma - nudge
    end = (index.rings.vertices[vertex + 1] - xy[point]) * to_sigma - nudge
    along = end - begin
    length = np.hypot(along[:, 0], along[:, 1])
    real = length > 0
    point, polygon, begin, end = point[real], polygon[real], begin[real], end[real]
    unit = along[real] / length[real, None]
    height = begin[:, 0] * unit[:, 1] - begin[:, 1] * unit[:, 0]
    away = np.maximum(np.abs(height), np.finfo(np.float64).tiny)
    first = owens_t(away, (begin * unit).sum(axis=1) / away)
    last = owens_t(away, (end * unit).sum(axis=1) / away)
    return point, polygon, np.sign(height) * (last - first)
