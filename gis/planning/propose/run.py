"""One run's bookkeeping: what it has at hand, what a plan is worth to it, and the best so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from gis.planning.propose._arrays import Labels, Prices, inner_cost, tally
from gis.planning.propose.atoms import Component, Contracted
from gis.planning.propose.goals import VARIANTS
from gis.planning.propose.plans import Plan, Progress, describe
from gis.planning.propose.problem import Problem
from gis.planning.propose.search import Weights, households_away, price_of, prices_of

_FORBIDDEN = 1e7  # metres for each household out of range, where plans are compared


@dataclass
class Run:
    """What one call has at hand, and the best plan so far.

    Attributes
    ----------
    problem, contracted, fewest, most, goal, seconds
        The question, its components, the limits of households, and the budget.
    grids
        How many grids each component must have, or None where that is free.
    progress, stop
        Who is told how far it is; whether to end.
    generator
        Of all random numbers.
    best, price
        The best plan of each component for the goal, and its price.
    bound
        What no plan of a component can undercut, where that was proved.
    variants
        What each variant came to, by component, the newest last.
    work, spent
        The whole work and what is done of it, in flips.
    """

    problem: Problem
    contracted: Contracted
    fewest: int
    most: int
    goal: str
    seconds: float
    grids: list[int | None]
    progress: Callable[[Progress], None] | None
    stop: Callable[[], bool]
    generator: np.random.Generator
    best: list[Labels] = field(default_factory=list)
    price: list[float] = field(default_factory=list)
    bound: list[float] = field(default_factory=list)
    variants: dict[str, dict[int, list[Labels]]] = field(default_factory=dict)
    work: float = np.inf
    spent: float = 0.0

    @property
    def components(self) -> tuple[Component, ...]:
        """The pieces of land that are planned by themselves."""
        return self.contracted.components

    @property
    def own(self) -> Weights:
        """The goal's own weights."""
        return VARIANTS[self.goal][0][1]

    def search_prices(self, number: int, weights: Weights) -> Prices:
        """Price what a search passes through; the mean size is that of grids that fill 0.9 of the limit.

        Parameters
        ----------
        number
            The component.
        weights
            What is preferred.

        Returns
        -------
        Prices
            A household out of range costs little enough for a hot chain to pass through.
        """
        component = self.components[number]
        grids = self.grids[number] or max(1, round(component.households / (0.9 * self.most)))
        return prices_of(component.land, weights, self.fewest, self.most, grids)

    def prices(self, number: int, weights: Weights) -> Prices:
        """Price a component's plans: between them, one that keeps the rule always wins.

        Parameters
        ----------
        number
            The component.
        weights
            What is preferred.

        Returns
        -------
        Prices
            With households out of range forbidden.
        """
        return self.search_prices(number, weights)._replace(out_of_range=_FORBIDDEN)

    def priced(self, number: int, label: Labels, weights: Weights) -> float:
        """Price a component's plan; another number of grids than was asked for is out of the question.

        Parameters
        ----------
        number
            The component.
        label
            The grid of each atom.
        weights
            What is preferred.

        Returns
        -------
        float
            Metres.
        """
        land = self.components[number].land
        totals = tally(land, label, int(label.max()) + 1)
        price = price_of(land, totals, self.prices(number, weights))
        wanted = self.grids[number]
        if wanted is not None:
            price += _FORBIDDEN * 1e3 * abs(int((totals.atoms > 0).sum()) - wanted)
        return price

    def take(self, number: int, label: Labels) -> bool:
        """Keep a component's plan if it is the best for the goal.

        Parameters
        ----------
        number
            The component.
        label
            The grid of each atom.

        Returns
        -------
        bool
            Whether it was.
        """
        price = self.priced(number, label, self.own)
        if price < self.price[number] - 1e-9:
            self.price[number] = price
            self.best[number] = label.copy()
            return True
        return False

    def note(self, variant: str, number: int, label: Labels) -> None:
        """Remember what a variant came to.

        Parameters
        ----------
        variant
            Its name.
        number
            The component.
        label
            The grid of each atom.
        """
        self.variants.setdefault(variant, {}).setdefault(number, []).append(label)

    def plan(self, variant: str = "best", labels: list[Labels] | None = None) -> Plan:
        """Put the components together and measure the whole.

        Parameters
        ----------
        variant
            What the plan is best at.
        labels
            The plan of each component; the best if left out.

        Returns
        -------
        Plan
            With its price for the goal, and with bound and gap where there is a proof.
        """
        chosen = labels or self.best
        found = describe(self.problem, self.contracted, chosen, variant, self.fewest, self.most)
        found.metrics["price_m"] = float(
            sum(self.priced(number, label, self.own) for number, label in enumerate(chosen))
        )
        cost = sum(self.cost(number, label) for number, label in enumerate(chosen))
        found.metrics["cost_m"] = cost
        if len(self.bound) == len(self.components) and sum(self.bound) > 0:
            bound = float(sum(self.bound))
            found.metrics["bound_m"] = bound
            found.metrics["gap"] = max(0.0, 1 - bound / cost) if cost > 0 else 0.0
        return found

    def cost(self, number: int, label: Labels) -> float:
        """Sum what is bounded: inner borders by class, and households moved.

        Parameters
        ----------
        number
            The component.
        label
            The grid of each atom.

        Returns
        -------
        float
            Metres.
        """
        land = self.components[number].land
        moved = self.prices(number, self.own).moved
        return inner_cost(land, label) + moved * households_away(land, label)

    def tell(self, stage: str, *, better: bool) -> None:
        """Report how far it is, and the best plan if it is new.

        Parameters
        ----------
        stage
            As in :class:`gis.planning.propose.plans.Progress`.
        better
            Whether there is a better plan.
        """
        if self.progress is not None:
            done = min(self.spent / self.work, 1.0)
            self.progress(Progress(stage, done, self.plan() if better else None))
