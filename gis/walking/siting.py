"""Where a new service point would help most, and by how much.

Two questions, each a mixed-integer programme for HiGHS (``scipy.optimize.milp``), proven to the stated gap;
for a single point all sites are simply tried:

maximal covering
    Which sites bring the most households within reach that are out of it today (Church and ReVelle 1974).
p-median
    Which sites take the most household-minutes off the ways to the nearest point (Hakimi 1964), with today's
    points staying where they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from gis.errors import InputError

Floats = NDArray[np.float64]
_TIME_S = 60.0
_OPTIMAL = 0
_TIME_OUT = 1


@dataclass(frozen=True, eq=False)
class Siting:
    """The best sites that were found.

    Attributes
    ----------
    sites
        Rows of the chosen candidates, ascending.
    gain
        Households newly within reach, or household-minutes saved.
    bound
        No choice of as many sites gains more than this.
    before, after
        Households within reach, or household-minutes, today and then.
    """

    sites: NDArray[np.int64]
    gain: float
    bound: float
    before: float
    after: float

    @property
    def proven(self) -> bool:
        """Whether no better choice exists."""
        return bool(self.bound - self.gain <= 1e-6 * max(1.0, abs(self.bound)))


def cover_most(
    minutes: Any,
    households: Any,
    today: Any,
    count: int = 1,
    *,
    limit_minutes: float = 15.0,
    time_s: float = _TIME_S,
) -> Siting:
    """Choose the sites that bring the most households within reach.

    Parameters
    ----------
    minutes
        From each home to each candidate, shape (n, c); infinite where it cannot be walked to.
    households
        Of each home, shape (n,); unknown counts as none.
    today
        Minutes from each home to the nearest point of this category today, shape (n,).
    count
        How many new points.
    limit_minutes
        What counts as within reach.
    time_s
        When to stop proving.

    Returns
    -------
    Siting
        Sites that gain nothing are not chosen. Of sites that gain the same, those that shorten the ways the
        most, as far as one swap at a time finds them.
    """
    minutes, today = np.asarray(minutes, dtype=np.float64), np.asarray(today, dtype=np.float64)
    reach = minutes <= limit_minutes
    weight, covered = _weights(households), today <= limit_minutes
    before = float(weight[covered].sum())
    missing = np.flatnonzero(~covered & (weight > 0) & reach.any(axis=1))
    _check(count, reach.shape[1])
    if not len(missing):
        return Siting(np.empty(0, dtype=np.int64), 0.0, 0.0, before, before)
    # Homes that the same sites reach are one home.
    patterns, which = np.unique(reach[missing], axis=0, return_inverse=True)
    demand = np.bincount(which.reshape(-1), weights=weight[missing]).astype(np.float64)
    homes, candidates = patterns.shape
    if count == 1:
        chosen = np.array([int(np.argmax(demand @ patterns))])
        bound = -float((demand @ patterns).max())
    else:
        costs: Floats = np.concatenate((np.zeros(candidates), -demand))
        covering = sparse.hstack(
            (sparse.csr_matrix(-patterns.astype(float)), sparse.eye(homes)), format="csr"
        )
        chosen, bound = _solve(
            costs, covering, np.full(homes, -np.inf), np.zeros(homes), candidates, count, time_s
        )
    gain = float(demand[patterns[:, chosen].any(axis=1)].sum())
    chosen = _swapped(chosen, patterns, demand, minutes, np.minimum(today, 2 * limit_minutes), weight)
    return Siting(chosen, gain, max(gain, -bound), before, before + gain)


def _swapped(
    chosen: NDArray[np.int64], patterns: Any, demand: Floats, minutes: Floats, now: Floats, weight: Floats
) -> NDArray[np.int64]:
    """Swap sites for others that bring as many within reach and leave shorter ways."""
    chosen = chosen.copy()
    for _ in range(3):
        before = chosen.copy()
        for at in range(len(chosen)):
            others = np.delete(chosen, at)
            gains = demand @ (patterns | patterns[:, others].any(axis=1)[:, None])
            least = np.minimum(now, minutes[:, others].min(axis=1, initial=np.inf))
            saved = weight @ np.maximum(least[:, None] - minutes, 0.0)
            as_good = gains >= gains[chosen[at]] - 1e-9
            as_good[others] = False
            best = int(np.argmax(np.where(as_good, saved, -1.0)))
            if saved[best] > saved[chosen[at]] + 1e-9:
                chosen[at] = best
        if (chosen == before).all():
            break
    return np.sort(chosen)


def shorten_most(
    minutes: Any,
    households: Any,
    today: Any,
    count: int = 1,
    *,
    most_minutes: float = 30.0,
    time_s: float = _TIME_S,
) -> Siting:
    """Choose the sites that take the most household-minutes off the ways.

    Parameters
    ----------
    minutes
        From each home to each candidate, shape (n, c).
    households
        Of each home, shape (n,); unknown counts as none.
    today
        Minutes to the nearest point today, shape (n,).
    count
        How many new points.
    most_minutes
        A way that is longer, or not there, counts as this long.
    time_s
        When to stop proving.

    Returns
    -------
    Siting
        In household-minutes.
    """
    weight = _weights(households)
    now = np.minimum(np.nan_to_num(np.asarray(today, dtype=np.float64), posinf=most_minutes), most_minutes)
    _check(count, np.asarray(minutes).shape[1])
    saved = np.maximum(now[:, None] - np.asarray(minutes, dtype=np.float64), 0.0) * weight[:, None]
    saved[~np.isfinite(saved)] = 0.0
    before = float((now * weight).sum())
    home, site = np.nonzero(saved > 0)
    if not len(home):
        return Siting(np.empty(0, dtype=np.int64), 0.0, 0.0, before, before)
    if count == 1:
        gains = saved.sum(axis=0)
        best = int(np.argmax(gains))
        gain = float(gains[best])
        return Siting(np.array([best]), gain, gain, before, before - gain)
    candidates, pairs = saved.shape[1], len(home)
    costs = np.concatenate((np.zeros(candidates), -saved[home, site]))
    row = np.arange(pairs)
    # A way counts only where its site is built, and one way for each home.
    built = sparse.csr_matrix(
        (np.r_[np.ones(pairs), -np.ones(pairs)], (np.r_[row, row], np.r_[candidates + row, site])),
        shape=(pairs, candidates + pairs),
    )
    one_each = sparse.csr_matrix(
        (np.ones(pairs), (home, candidates + row)), shape=(len(weight), candidates + pairs)
    )
    most = np.concatenate((np.zeros(pairs), np.ones(len(weight))))
    chosen, bound = _solve(
        costs, sparse.vstack((built, one_each)), np.full(len(most), -np.inf), most, candidates, count, time_s
    )
    gain = float(saved[:, chosen].max(axis=1).sum()) if len(chosen) else 0.0
    return Siting(chosen, gain, max(gain, -bound), before, before - gain)


def _weights(households: Any) -> Floats:
    weight = np.asarray(households, dtype=np.float64)
    return np.asarray(np.nan_to_num(weight, nan=0.0), dtype=np.float64)


def _check(count: int, candidates: int) -> None:
    if not candidates:
        raise InputError(
            "there is no place where a point could stand",
            where="sites",
            mend="load the community's streets or buildings",
        )
    if not 1 <= count <= candidates:
        raise InputError(
            f"{count} new points from {candidates} candidates",
            where="count",
            mend="give 1 to the number of sites",
        )


def _solve(
    costs: Floats, matrix: Any, least: Floats, most: Floats, candidates: int, count: int, time_s: float
) -> tuple[NDArray[np.int64], float]:
    """Minimise with at most ``count`` of the first ``candidates`` at one; give them and the bound."""
    number = sparse.csr_matrix(
        (np.ones(candidates), (np.zeros(candidates, dtype=np.int64), np.arange(candidates))),
        shape=(1, len(costs)),
    )
    whole = np.zeros(len(costs))
    whole[:candidates] = 1
    found = milp(
        costs,
        integrality=whole,
        bounds=Bounds(0, 1),
        constraints=[LinearConstraint(matrix, least, most), LinearConstraint(number, 0, count)],
        options={"time_limit": time_s},
    )
    if found.status not in {_OPTIMAL, _TIME_OUT} or found.x is None:
        return np.empty(0, dtype=np.int64), float(costs.sum())
    bound = found.mip_dual_bound
    return np.flatnonzero(found.x[:candidates] > 0.5), float(found.fun if bound is None else bound)
