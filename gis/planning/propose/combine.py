"""From many plans one better: price the pool's grids, look around them, and choose anew."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gis.planning.measure import Floats, Ints
from gis.planning.propose._arrays import Labels, Land, Prices, tally
from gis.planning.propose._columns import look_around
from gis.planning.propose.pool import WIDEST, Choice, Pool
from gis.planning.propose.search import mean_border, price_of

_NEAR = 2.0  # grids within so many mean borders of pricing in are looked around
_EACH = 3  # new grids taken from around one
_ROOM = 400_000


def combine(
    pool: Pool,
    prices: Prices,
    label: Labels,
    generator: np.random.Generator,
    *,
    rounds: int,
    nodes: int,
    regions: int,
    grids: int | None = None,
    widest: int = WIDEST,
    stop: Callable[[], bool],
    better: Callable[[Labels], None],
) -> Labels:
    """Choose the best division that the pool, and what lies around it, has.

    Parameters
    ----------
    pool
        Grids seen; grows.
    prices
        What is minimised.
    label
        The best plan so far. It may have grids out of range, and is kept if nothing better is found.
    generator
        Chooses regions.
    rounds
        How often the relaxation is solved and its good grids looked around.
    nodes
        Limit of the search tree over the whole pool.
    regions
        How many regions are covered anew.
    grids
        How many a division must have, where that is settled.
    widest
        Grids of the pool that one choice over the whole is given at most, the best by reduced cost.
    stop
        Asked between steps.
    better
        Called with every better plan.

    Returns
    -------
    numpy.ndarray
        A labelling that is no dearer.
    """
    land = pool.land
    for _ in range(rounds):
        if stop() or not _enrich(pool, pool.choice(prices)):
            break
    if stop() or not len(pool):
        return label
    choice = pool.choice(prices, grids)
    found = choice.best(label, _price(land, label, prices), nodes=nodes, widest=widest)
    if found is not None and found is not label:
        label = found
        better(label)
    sizes = tally(land, label, int(label.max()) + 1).households
    sizes = sizes[np.bincount(label) > 0]
    if regions and not stop() and bool(((sizes >= pool.fewest) & (sizes <= pool.most)).all()):
        label = choice.improve(label, generator, grids=24, regions=regions, stop=stop)
        better(label)
    return label


def _price(land: Land, label: Labels, prices: Prices) -> float:
    return price_of(land, tally(land, label, int(label.max()) + 1), prices)


def _enrich(pool: Pool, choice: Choice) -> int:
    """Add grids around the good ones that would lower the relaxation; return how many were new."""
    value, duals = choice.relax()
    if not np.isfinite(value):
        return 0
    land = choice.land
    reduced = choice.price - choice.matrix.T @ duals
    asked = np.flatnonzero(reduced < _NEAR * mean_border(land))
    out = np.zeros((_ROOM, 3), dtype=np.int32)
    worth = np.zeros(_ROOM)
    pointer = np.concatenate([[0], np.cumsum(choice.size)])
    count = look_around(land, choice.prices, duals, pointer, choice.row, asked, -1e-3, out, worth)
    fresh = 0
    for number in _best_of_each(out[:count], worth[:count]):
        known, come, go = (int(value) for value in out[number])
        members = choice.members[known]
        if go >= 0:
            members = members[members != go]
        if come >= 0:
            members = np.sort(np.append(members, np.int32(come)))
        fresh += pool.add(members)
    return fresh


def _best_of_each(out: Labels, worth: Floats) -> Ints:
    """Pick the few best finds around each known grid."""
    order = np.lexsort((worth, out[:, 0]))
    known = out[order, 0]
    first = np.searchsorted(known, known)
    return np.asarray(order[np.arange(len(order)) - first < _EACH], dtype=np.int64)
