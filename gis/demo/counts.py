"""Whole counts that add up exactly: households to buildings, residents to households."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gis.errors import InputError

Counts = NDArray[np.int64]


def share_out(
    total: int, weights: ArrayLike, *, least: ArrayLike = 0, most: ArrayLike | None = None
) -> Counts:
    """Share a whole total out by weight, within bounds, by the method of largest remainders.

    Parameters
    ----------
    total
        What the parts shall add up to.
    weights
        Relative size of each part, positive, shape (n,).
    least
        Lower bound of each part, shape (n,) or one for all.
    most
        Upper bound of each part, shape (n,) or one for all; None is no bound.

    Returns
    -------
    numpy.ndarray
        int64, shape (n,), summing to ``total``.

    Raises
    ------
    InputError
        If the bounds leave no way to do it.
    """
    weight = np.asarray(weights, dtype=np.float64)
    low = np.broadcast_to(np.asarray(least, dtype=np.int64), weight.shape)
    high = np.broadcast_to(np.asarray(total if most is None else most, dtype=np.int64), weight.shape)
    if not low.sum() <= total <= high.sum():
        raise InputError(f"{total} cannot be shared out: the bounds allow {low.sum()} to {high.sum()}")
    share = total * weight / weight.sum()
    for _ in range(200):  # what a bound takes away or adds is spread over the parts still free to move
        share = np.clip(share, low, high)
        missing = total - share.sum()
        free = (share < high) if missing > 0 else (share > low)
        if abs(missing) < 1e-9 or not free.any():
            break
        share = share + np.where(free, weight, 0.0) * (missing / weight[free].sum())
    whole: Counts = np.floor(share + 1e-9).astype(np.int64)
    order = np.argsort(-(share - whole), kind="stable")
    room = order[whole[order] < high[order]]
    whole[room[: total - int(whole.sum())]] += 1
    return whole
