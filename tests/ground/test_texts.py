"""The catalogue: both languages for every text, the same braces in both, and every term named."""

from __future__ import annotations

import string

import pytest

from gis import terms
from gis.texts import as_language, catalogue, text


def braces(words: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(words) if name is not None}


def test_both_languages_say_everything_with_the_same_braces() -> None:
    zh, en = catalogue("zh"), catalogue("en")
    assert set(zh) == set(en)
    assert [key for key in zh if not zh[key].strip() or not en[key].strip()] == []
    assert [key for key in zh if braces(zh[key]) != braces(en[key])] == []


@pytest.mark.parametrize(
    ("enumeration", "section"),
    [
        (terms.DivisionLevel, "division_level"),
        (terms.GridType, "grid_type"),
        (terms.CompoundKind, "compound_kind"),
        (terms.BarrierClass, "barrier_class"),
        (terms.HouseholdBasis, "household_basis"),
        (terms.StaffRole, "staff_role"),
        (terms.OwnerStatus, "owner_status"),
        (terms.IncidentState, "incident_state"),
    ],
)
def test_every_term_has_a_name(enumeration: type[terms.StrEnum], section: str) -> None:
    for term in enumeration:
        assert text(f"terms.{section}.{term}", "zh") != text(f"terms.{section}.{term}", "en")


def test_chinese_comes_first() -> None:
    assert as_language(None) == "zh"
    assert as_language("fr") == "zh"
    assert as_language("en-GB,en;q=0.9") == "en"
