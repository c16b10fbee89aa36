"""How a labelling of units stands: figures of every grid, totals, and violations, in a few milliseconds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gis.planning.measure import Floats, Ints, sum_by
from gis.planning.metrics import Division
from gis.planning.report import Severity, Verdict, Violation
from gis.planning.sizes import explain_total

_SIZE_RULE = {Verdict.BELOW: "size_below", Verdict.ABOVE: "size_above", Verdict.UNKNOWN: "size_unknown"}
_NAMED = 5


@dataclass(frozen=True, eq=False)
class Standing:
    """Figures and violations of a division whose grids have codes.

    Attributes
    ----------
    division
        The labelling.
    codes
        The grids' codes, by label.
    compound_codes
        The compounds' codes, by number.
    bounds
        West, south, east and north of each unit, degrees, shape (n, 4).
    unit_ids
        The units' ids, length n.
    """

    division: Division
    codes: list[str]
    compound_codes: list[str]
    bounds: Floats
    unit_ids: list[str]

    @cached_property
    def known(self) -> Floats:
        """Households of each grid over the units whose count is known, shape (k,)."""
        return self._sum(np.nan_to_num(self.division.households))

    @cached_property
    def unknown(self) -> Ints:
        """How many units of each grid have no count, shape (k,)."""
        missing = np.isnan(self.division.households) & (self.division.labels >= 0)
        return np.bincount(self.division.labels[missing], minlength=len(self.codes))

    @cached_property
    def unit_counts(self) -> Ints:
        """How many units each grid has, shape (k,)."""
        labels = self.division.labels
        return np.bincount(labels[labels >= 0], minlength=len(self.codes))

    def _sum(self, values: Floats) -> Floats:
        inside = self.division.labels >= 0
        return sum_by(self.division.labels[inside], values[inside], len(self.codes))

    def residents_of(self, residents: Floats) -> Floats:
        """Sum residents by grid.

        Parameters
        ----------
        residents
            Of each unit, shape (n,).

        Returns
        -------
        numpy.ndarray
            Shape (k,), NaN where a unit's is unknown.
        """
        return self._sum(residents)

    @cached_property
    def verdicts(self) -> list[Verdict | None]:
        """Of each grid; ``None`` for one without units."""
        low, high = self.division.households_min, self.division.households_max
        exempt = self.division.exempt
        found: list[Verdict | None] = []
        for label in range(len(self.codes)):
            if not self.unit_counts[label]:
                found.append(None)
            elif exempt is not None and exempt[label]:
                found.append(Verdict.EXEMPT)
            elif self.known[label] > high:
                found.append(Verdict.ABOVE)
            elif self.unknown[label]:
                found.append(Verdict.UNKNOWN)
            else:
                found.append(Verdict.BELOW if self.known[label] < low else Verdict.WITHIN)
        return found

    @cached_property
    def totals(self) -> dict[str, Any]:
        """Of the whole plan; see :class:`gis.planning.draft.Change`."""
        counts = Counter(self.verdicts)
        loose = self.division.labels < 0
        return {
            "grids": int((self.unit_counts > 0).sum()),
            **{str(verdict): counts.get(verdict, 0) for verdict in Verdict},
            "households": float(np.nansum(self.division.households)),
            "unassigned_units": int(loose.sum()),
            "unassigned_households": float(np.nansum(self.division.households[loose])),
        }

    @cached_property
    def _place(self) -> dict[str, int]:
        return {code: label for label, code in enumerate(self.codes)}

    def figures(self, code: str) -> dict[str, Any] | None:
        """Give a grid's figures.

        Parameters
        ----------
        code
            Its code.

        Returns
        -------
        dict or None
            ``units``, ``households`` (known), ``unknown``, ``verdict``, ``parts``, ``area_m2``,
            ``polsby_popper``; ``None`` for a grid that is no more or has no units.
        """
        label = self._place.get(code)
        if label is None or not self.unit_counts[label]:
            return None
        return {
            "units": int(self.unit_counts[label]),
            "households": float(self.known[label]),
            "unknown": int(self.unknown[label]),
            "verdict": str(self.verdicts[label]),
            "parts": int(self.division.parts[label]),
            "area_m2": float(self.division.area_m2[label]),
            "polsby_popper": float(self.division.polsby_popper[label]),
        }

    @cached_property
    def violations(self) -> tuple[Violation, ...]:
        """Sizes, parts, compounds and units in no grid; geometry is the box of the units in question."""
        return (*self._sizes(), *self._parts(), *self._compounds(), *self._loose())

    def _sizes(self) -> list[Violation]:
        found = []
        for label, verdict in enumerate(self.verdicts):
            rule = None if verdict is None else _SIZE_RULE.get(verdict)
            if rule is None:
                continue
            facts = {
                "households": int(self.known[label]),
                "minimum": self.division.households_min,
                "maximum": self.division.households_max,
                "unknown": int(self.unknown[label]),
                "rows": int(self.unit_counts[label]),
            }
            where = self._box(np.flatnonzero(self.division.labels == label))
            found.append(Violation(rule, Severity.ERROR, (self.codes[label],), facts, geometry=where))
        if not np.isnan(self.division.households).any():
            total = float(self.division.households[self._bound_units()].sum())
            hopeless = explain_total(total, self.division.households_min, self.division.households_max)
            found += [] if hopeless is None or total == 0 else [hopeless]
        return found

    def _bound_units(self) -> Ints:
        exempt = self.division.exempt
        if exempt is None:
            return np.arange(len(self.division.labels))
        free = np.append(exempt, False)[self.division.labels]
        return np.flatnonzero(~free)

    def _parts(self) -> list[Violation]:
        found = []
        parts, groups = self.division.parts, self.division.unit_groups
        for label in np.flatnonzero(parts > 1).tolist():
            members = np.flatnonzero(self.division.labels == label)
            apart = self._lesser(members) if groups[label] > 1 else members
            severity = Severity.ERROR if groups[label] > 1 else Severity.WARNING
            facts = {"count": int(parts[label])}
            area = float(self.division.adjacency.area_m2[apart].sum()) if groups[label] > 1 else None
            found.append(
                Violation(
                    "parts" if groups[label] > 1 else "parts_of_unit",
                    severity,
                    (self.codes[label],),
                    facts,
                    geometry=self._box(apart),
                    area_m2=area,
                )
            )
        return found

    def _lesser(self, members: Ints) -> Ints:
        """Find the units of a grid outside its largest piece."""
        graph = self.division.adjacency
        row = np.full(graph.unit_count, -1, dtype=np.int64)
        row[members] = np.arange(len(members))
        inside = (row[graph.i] >= 0) & (row[graph.j] >= 0)
        pairs = (row[graph.i[inside]], row[graph.j[inside]])
        n = len(members)
        linked = coo_array((np.ones(len(pairs[0])), pairs), shape=(n, n))
        count, piece = connected_components(linked, directed=False)
        largest = int(np.argmax(sum_by(piece.astype(np.int64), graph.area_m2[members], count)))
        return np.asarray(members[piece != largest])

    def _compounds(self) -> list[Violation]:
        found = []
        numbers = self.division.compounds
        for number in self.division.compounds_cut.tolist():
            members = np.flatnonzero(numbers == number)
            labels = np.unique(self.division.labels[members])
            # Sorted: the order of the making of grids changes with undo, and a violation's identity must not.
            grids = tuple(sorted(self.codes[label] for label in labels.tolist() if label >= 0))
            code = self.compound_codes[number]
            facts = {"name": code, "grids": "、".join(grids)}
            found.append(
                Violation(
                    "compound_split", Severity.WARNING, (code, *grids), facts, geometry=self._box(members)
                )
            )
        return found

    def _loose(self) -> list[Violation]:
        loose = np.flatnonzero(self.division.labels < 0)
        if not len(loose):
            return []
        # No subjects: it stays one and the same violation while units are given away one by one.
        facts = {
            "count": len(loose),
            "households": int(np.nansum(self.division.households[loose])),
            "units": "、".join(self.unit_ids[row] for row in loose[:_NAMED].tolist()),
        }
        return [Violation("units_loose", Severity.ERROR, (), facts, geometry=self._box(loose))]

    def _box(self, members: Ints) -> shapely.Geometry:
        low, high = self.bounds[members, :2].min(axis=0), self.bounds[members, 2:].max(axis=0)
        return shapely.box(*low, *high)
