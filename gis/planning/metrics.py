"""What can be measured of a division: one registry of small formulas over a labelling of units.

A labelling is an array: the grid of each unit, as a number. Nothing is dissolved: a grid's area,
perimeter and parts follow from its units and their adjacency. Each metric has a version, so that a
stored figure tells which formula it came from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gis.errors import InputError
from gis.planning.adjacency import Adjacency
from gis.planning.measure import Bools, Floats, Ints, sum_by


@dataclass(frozen=True, eq=False)
class Division:
    """A labelling of units, and what its metrics are computed from; every part is computed once.

    Attributes
    ----------
    labels
        The grid of each unit, 0…k-1, or -1 for a unit in no grid; shape (n,).
    adjacency
        The units' graph.
    households
        Of each unit, NaN where unknown; shape (n,).
    compounds
        The compound of each unit as a number, or -1; shape (n,). ``None`` where there are none.
    before
        Another labelling with the same numbers for the same grids, to count moves from.
    households_min, households_max
        The limits; both ends pass.
    exempt
        Grids that the limits do not bind (exclusive ones), shape (k,).
    """

    labels: Ints
    adjacency: Adjacency
    households: Floats
    compounds: Ints | None = None
    before: Ints | None = None
    households_min: int = 300
    households_max: int = 500
    exempt: Bools | None = None

    def __post_init__(self) -> None:
        n = self.adjacency.unit_count
        for name in ("labels", "households", "compounds", "before"):
            value = getattr(self, name)
            if value is not None and len(value) != n:
                raise InputError(f"{name} has {len(value)} entries for {n} units", where=name)

    @cached_property
    def grid_count(self) -> int:
        """The number of labels (k), empty ones included."""
        return int(self.labels.max(initial=-1)) + 1

    @cached_property
    def cut(self) -> Bools:
        """Whether a grid border runs between each pair of units, shape (m,)."""
        cut: Bools = self.labels[self.adjacency.i] != self.labels[self.adjacency.j]
        return cut

    def _sum(self, values: Floats) -> Floats:
        inside = self.labels >= 0
        return sum_by(self.labels[inside], values[inside], self.grid_count)

    @cached_property
    def units(self) -> Ints:
        """How many units each grid has, shape (k,)."""
        return np.bincount(self.labels[self.labels >= 0], minlength=self.grid_count)

    @cached_property
    def sizes(self) -> Floats:
        """Households of each grid, shape (k,); NaN where a unit's count is unknown."""
        return self._sum(self.households)

    @cached_property
    def area_m2(self) -> Floats:
        """Square metres of each grid, shape (k,)."""
        return self._sum(self.adjacency.area_m2)

    @cached_property
    def perimeter_m(self) -> Floats:
        """Metres round each grid, holes included, shape (k,)."""
        kept = ~self.cut & (self.labels[self.adjacency.i] >= 0)
        within = sum_by(
            self.labels[self.adjacency.i[kept]], self.adjacency.shared_length_m[kept], self.grid_count
        )
        return self._sum(self.adjacency.perimeter_m) - 2 * within

    @cached_property
    def polsby_popper(self) -> Floats:
        """``4 π area / perimeter²`` (Polsby and Popper 1991), shape (k,); NaN for an empty grid."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.units > 0, 4 * np.pi * self.area_m2 / self.perimeter_m**2, np.nan)

    @cached_property
    def parts(self) -> Ints:
        """In how many pieces of land each grid lies, shape (k,); pieces that meet in a point are two."""
        graph = self.adjacency
        return self._components(graph.part_i, graph.part_j, graph.part_unit)

    @cached_property
    def unit_groups(self) -> Ints:
        """Like ``parts``, but a unit that is itself in several pieces holds them together, shape (k,)."""
        graph = self.adjacency
        return self._components(graph.i, graph.j, np.arange(graph.unit_count))

    def _components(self, i: Ints, j: Ints, unit_of: Ints) -> Ints:
        label = self.labels[unit_of]
        same = label[i] == label[j]
        n = len(unit_of)
        graph = coo_array((np.ones(int(same.sum())), (i[same], j[same])), shape=(n, n))
        count, component = connected_components(graph, directed=False)
        of_component = np.empty(count, dtype=np.int64)
        of_component[component] = label
        return np.bincount(of_component[of_component >= 0], minlength=self.grid_count)

    @cached_property
    def bound(self) -> Bools:
        """Which grids the limits bind: those that have units and are not exempt, shape (k,)."""
        bound: Bools = self.units > 0
        return bound if self.exempt is None else bound & ~self.exempt[: self.grid_count]

    @cached_property
    def in_range(self) -> Bools:
        """Which bound grids lie within the limits, shape (k,); an unknown size does not."""
        return (self.sizes >= self.households_min) & (self.sizes <= self.households_max) & self.bound

    @cached_property
    def compounds_cut(self) -> Ints:
        """The compounds whose units are in more than one grid, ascending."""
        if self.compounds is None:
            return np.zeros(0, dtype=np.int64)
        inside = self.compounds >= 0
        pairs = np.unique(np.column_stack([self.compounds[inside], self.labels[inside]]), axis=0)
        compound, grids = np.unique(pairs[:, 0], return_counts=True)
        return np.asarray(compound[grids > 1], dtype=np.int64)


@dataclass(frozen=True)
class Metric:
    """One figure of a division.

    Attributes
    ----------
    key
        Its name in files, API and pages.
    version
        Raised whenever the formula changes.
    unit
        ``households``, ``m``, ``grids``, ``compounds`` or ``1`` (a ratio).
    compute
        The formula; ``None`` where the division does not carry what it needs.
    """

    key: str
    version: int
    unit: str
    compute: Callable[[Division], float | int | None]


def _half_perimeter(d: Division) -> float:
    return float(d.perimeter_m.sum()) / 2


def _border(d: Division) -> float:
    assigned = d.labels >= 0
    inner = float(d.adjacency.shared_length_m[d.cut].sum())
    return inner + float(d.adjacency.outer_m[assigned].sum())


def _off_street(d: Division) -> float | None:
    off = d.adjacency.off_street_m
    return None if off is None else float(off[d.cut].sum())


def _moved(d: Division) -> float | None:
    return None if d.before is None else households_moved(d.before, d.labels, d.households)


def _over(values: Any, how: Callable[[Any], Any]) -> float | None:
    return None if len(values) == 0 else float(how(values))


METRICS: dict[str, Metric] = {
    metric.key: metric
    for metric in (
        Metric("grids", 1, "grids", lambda d: int((d.units > 0).sum())),
        Metric("households_min", 1, "households", lambda d: _over(d.sizes[d.bound], np.min)),
        Metric("households_max", 1, "households", lambda d: _over(d.sizes[d.bound], np.max)),
        Metric("households_mean", 1, "households", lambda d: _over(d.sizes[d.bound], np.mean)),
        Metric("households_spread", 1, "households", lambda d: _over(d.sizes[d.bound], np.std)),
        Metric("in_range", 1, "grids", lambda d: int(d.in_range.sum())),
        Metric("in_range_share", 1, "1", lambda d: _over(d.in_range[d.bound], np.mean)),
        Metric("polsby_popper_mean", 1, "1", lambda d: _over(d.polsby_popper[d.units > 0], np.mean)),
        Metric("polsby_popper_min", 1, "1", lambda d: _over(d.polsby_popper[d.units > 0], np.min)),
        Metric("border_m", 1, "m", _border),
        Metric("half_perimeter_m", 1, "m", _half_perimeter),
        Metric("border_cost_m", 1, "m", lambda d: float(d.adjacency.cost_m[d.cut].sum())),
        Metric("off_street_m", 1, "m", _off_street),
        Metric("grids_in_parts", 1, "grids", lambda d: int((d.parts > 1).sum())),
        Metric("grids_apart", 1, "grids", lambda d: int((d.unit_groups > 1).sum())),
        Metric(
            "compounds_cut",
            1,
            "compounds",
            lambda d: None if d.compounds is None else len(d.compounds_cut),
        ),
        Metric("households_moved", 1, "households", _moved),
    )
}
"""Every metric by its key.

``border_m`` counts every border once, the community's own included; ``half_perimeter_m`` is half the sum
of the grids' perimeters, which counts the community's own border by half. ``border_cost_m`` and
``off_street_m`` leave the community's own border out: no plan can change it. ``grids_in_parts`` looks at the
land; ``grids_apart`` counts only grids whose units do not hang together, not those that own a unit which is
itself in several pieces.
"""


def measure(division: Division, keys: Iterable[str] | None = None) -> dict[str, float | int | None]:
    """Compute metrics.

    Parameters
    ----------
    division
        The labelling.
    keys
        Which; all if left out.

    Returns
    -------
    dict
        Key → figure; ``None`` where it cannot be told (no barriers, an unknown count …).

    Raises
    ------
    InputError
        If a key is not in :data:`METRICS`.
    """
    wanted = list(METRICS if keys is None else keys)
    for key in wanted:
        if key not in METRICS:
            raise InputError(f"{key!r} is not a metric", where="metrics", mend=f"one of {', '.join(METRICS)}")
    values = {key: METRICS[key].compute(division) for key in wanted}
    return {key: None if value is None or value != value else value for key, value in values.items()}  # noqa: PLR0124 - NaN


def households_moved(before: Ints, after: Ints, households: Floats) -> float:
    """Count the households whose grid changes between two labellings with the same numbers.

    Parameters
    ----------
    before, after
        The grid of each unit, shape (n,).
    households
        Of each unit, shape (n,); an unknown count is taken as none.

    Returns
    -------
    float
        Households; those of a unit that was in no grid, or is in none now, count as moved.
    """
    return float(np.nansum(households[before != after]))


def match_labels(before: Ints, after: Ints, households: Floats) -> Ints:
    """Renumber a fresh labelling so that as many households as possible keep the number of their grid.

    Parameters
    ----------
    before, after
        The grid of each unit, or -1; shape (n,).
    households
        Of each unit, shape (n,). Units with none decide where households do not.

    Returns
    -------
    numpy.ndarray
        ``after`` with the numbers of ``before`` where a grid has a forerunner (an optimal assignment:
        Kuhn–Munkres), and numbers past the highest of ``before`` for the others; shape (n,).
    """
    k_before, k_after = int(before.max(initial=-1)) + 1, int(after.max(initial=-1)) + 1
    both = (before >= 0) & (after >= 0)
    # A unit weighs a little even where nobody lives, so that empty grids keep their numbers too.
    weight = np.nan_to_num(households) + 1e-6
    shared = np.zeros((k_after, max(k_before, 1)))
    np.add.at(shared, (after[both], before[both]), weight[both])
    rows, columns = linear_sum_assignment(-shared)
    number = np.full(k_after, -1, dtype=np.int64)
    kept = shared[rows, columns] > 0
    number[rows[kept]] = columns[kept]
    fresh = np.flatnonzero(number < 0)
    number[fresh] = k_before + np.arange(len(fresh))
    return np.where(after >= 0, number[np.maximum(after, 0)] if k_after else -1, -1)
