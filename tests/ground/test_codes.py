"""Codes: well-formed, undamaged, next free and never reused."""

from __future__ import annotations

import pytest

from gis.codes import check_code, county_of, division_level, grid_type_of, next_serials
from gis.errors import CodeError, ConflictError
from gis.terms import DivisionLevel, GridType

COMMUNITY = "150103099901"


@pytest.mark.parametrize(
    "value", ["150103099901001", 150103099901001, " 150103099901001 ", "150103099901001-02"]
)
def test_a_grid_code_comes_through_as_text(value: object) -> None:
    assert check_code(value, "grid_code").startswith("150103099901001")


@pytest.mark.parametrize(
    "value", ["6.20503E+14", "6.20503e14", "150103099901001.0", 6.20503e20, 1.5010309990100112e17]
)
def test_what_a_spreadsheet_did_to_a_code_is_told(value: object) -> None:
    with pytest.raises(CodeError, match="spreadsheet"):
        check_code(value, "grid_code")


@pytest.mark.parametrize("value", ["", None, float("nan"), "  "])
def test_an_empty_code_is_told(value: object) -> None:
    with pytest.raises(CodeError, match="empty"):
        check_code(value, "grid_code")


@pytest.mark.parametrize(
    "value", ["15010309990100", "150103099901000", "150103099901800", "050103099901001", "１５０103099901001"]
)
def test_a_malformed_grid_code_is_told(value: str) -> None:
    with pytest.raises(CodeError, match="grid_code"):
        check_code(value, "grid_code")


def test_the_level_is_in_the_zeros() -> None:
    assert division_level("150103000000") is DivisionLevel.COUNTY
    assert division_level("150103099000") is DivisionLevel.STREET
    assert division_level(COMMUNITY) is DivisionLevel.COMMUNITY
    assert county_of(COMMUNITY + "001") == "150103000000"


def test_the_type_is_in_the_serial() -> None:
    assert grid_type_of(COMMUNITY + "799") is GridType.BASIC
    assert grid_type_of(COMMUNITY + "801") is GridType.EXCLUSIVE
    assert grid_type_of(COMMUNITY + "001-01") is GridType.MICRO


def test_a_serial_is_never_reused() -> None:
    used = [COMMUNITY + "001", COMMUNITY + "007", COMMUNITY + "803", "150103099902500"]
    assert next_serials(COMMUNITY, used, 2, GridType.BASIC) == [COMMUNITY + "008", COMMUNITY + "009"]
    assert next_serials(COMMUNITY, used, 1, GridType.EXCLUSIVE) == [COMMUNITY + "804"]
    assert next_serials(COMMUNITY, [], 1, GridType.BASIC) == [COMMUNITY + "001"]


def test_used_up_serials_are_told() -> None:
    assert next_serials(COMMUNITY, [COMMUNITY + "798"], 1, GridType.BASIC) == [COMMUNITY + "799"]
    with pytest.raises(ConflictError, match="001–799"):
        next_serials(COMMUNITY, [COMMUNITY + "798"], 2, GridType.BASIC)
