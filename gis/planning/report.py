"""What a check found: violations with their geometry and words, and the sizes of every grid."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

import pandas as pd
import shapely

from gis.texts import Language, text


class Severity(StrEnum):
    """Whether a violation stops a plan from being published, or only asks for a reason."""

    ERROR = "error"
    WARNING = "warning"


class Verdict(StrEnum):
    """What the size of a grid is against the limits."""

    WITHIN = "within"
    BELOW = "below"
    ABOVE = "above"
    UNKNOWN = "unknown"
    EXEMPT = "exempt"


@dataclass(frozen=True, eq=False)
class Violation:
    """One fault of a division.

    Attributes
    ----------
    rule
        The rule's key, such as ``overlap``; its words are the text ``planning.rule.<rule>``.
    severity
        Error or warning.
    subjects
        Codes of the grids (or, for a building or compound, its code first and then the grids).
    facts
        What the words' braces stand for.
    geometry
        Where, in degrees (EPSG:4490), or ``None``.
    area_m2
        Area of ``geometry``, where it is land.
    length_m
        Half its perimeter: the length, where the land is a sliver.
    """

    rule: str
    severity: Severity
    subjects: tuple[str, ...]
    facts: dict[str, Any] = field(default_factory=dict)
    geometry: shapely.Geometry | None = None
    area_m2: float | None = None
    length_m: float | None = None

    def words(self, language: Language = "zh") -> str:
        """Say the fault in words.

        Parameters
        ----------
        language
            ``zh`` or ``en``.

        Returns
        -------
        str
            Plain text, not escaped for anything.
        """
        subjects = ("、" if language == "zh" else ", ").join(self.subjects)
        area = "" if self.area_m2 is None else _amount(self.area_m2)
        length = "" if self.length_m is None else _amount(self.length_m)
        return text(
            f"planning.rule.{self.rule}",
            language,
            **{"subjects": subjects, "area": area, "length": length, **self.facts},
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready, the geometry as GeoJSON and the words in both languages.

        Returns
        -------
        dict
            Plain values.
        """
        return {
            "rule": self.rule,
            "severity": str(self.severity),
            "subjects": list(self.subjects),
            "facts": {key: _plain(value) for key, value in self.facts.items()},
            "words": {"zh": self.words("zh"), "en": self.words("en")},
            "area_m2": _plain(self.area_m2),
            "length_m": _plain(self.length_m),
            "geometry": None if self.geometry is None else shapely.geometry.mapping(self.geometry),
        }


@dataclass(frozen=True, eq=False)
class CheckReport:
    """The whole answer to "is it a good division?".

    Attributes
    ----------
    grids
        One row a grid, in the order given: ``grid_code``, ``grid_type``, ``name``, ``households``,
        ``residents`` (null where unknown), ``buildings`` (how many were counted), ``unknown`` (how many of
        them have no count of households), ``counted_on`` (the oldest count), ``verdict``, ``parts``,
        ``area_m2``.
    violations
        Errors before warnings, then by rule and subject.
    totals
        Sums over the division; see :func:`gis.planning.rules.check_division`.
    households_min, households_max
        The limits; both ends pass.
    basis
        What the limits count, where that was said.
    as_of
        The day that the check is for.
    checked
        Which groups of rules had what they need: ``coverage``, ``community``, ``sizes``, ``buildings``,
        ``compounds``, ``codes``, ``staff``. What is not named here was not looked at.
    """

    grids: pd.DataFrame
    violations: tuple[Violation, ...]
    totals: dict[str, Any]
    households_min: int
    households_max: int
    basis: str | None
    as_of: date | None
    checked: tuple[str, ...]

    @property
    def errors(self) -> tuple[Violation, ...]:
        """The violations that stop a publication."""
        return tuple(found for found in self.violations if found.severity is Severity.ERROR)

    @property
    def passed(self) -> bool:
        """Whether there are no errors."""
        return not self.errors

    def of(self, *rules: str) -> tuple[Violation, ...]:
        """Pick the violations of some rules.

        Parameters
        ----------
        *rules
            Their keys.

        Returns
        -------
        tuple of Violation
            In the report's order.
        """
        return tuple(found for found in self.violations if found.rule in rules)

    def as_dict(self) -> dict[str, Any]:
        """Return the report JSON-ready.

        Returns
        -------
        dict
            Plain values; geometry as GeoJSON in EPSG:4490.
        """
        rows = self.grids.to_dict(orient="records")
        return {
            "passed": self.passed,
            "limits": {"min": self.households_min, "max": self.households_max, "basis": self.basis},
            "as_of": _plain(self.as_of),
            "checked": list(self.checked),
            "totals": {key: _plain(value) for key, value in self.totals.items()},
            "grids": [{str(key): _plain(value) for key, value in row.items()} for row in rows],
            "violations": [found.as_dict() for found in self.violations],
        }


def _amount(value: float) -> str:
    """Write an area or length so that a sliver does not read as nothing."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _plain(value: Any) -> Any:
    """Turn NumPy and pandas scalars, and what holds them, into what JSON knows."""
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    plain = value.item() if hasattr(value, "item") else value
    if (
        plain is None
        or plain is pd.NaT
        or plain is pd.NA
        or (isinstance(plain, float) and not math.isfinite(plain))
    ):
        return None
    if isinstance(plain, date):
        return plain.isoformat()
    if isinstance(plain, float) and plain.is_integer() and abs(plain) < 1e15:
        return int(plain)
    return plain if isinstance(plain, (bool, int, float, str)) else str(plain)
