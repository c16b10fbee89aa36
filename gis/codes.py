"""Codes: what a well-formed one is, what it says, and which is the next free one.

Every code is text. Division codes are 12 digits: county 6, street 3, community 3 (levels above the
community end in zeros). The others start with their community's 12 digits, so that their length tells
them apart: grid 15 (serial 001–799 basic, 801–999 exclusive), compound 16, building 17, service point 18.
A micro grid is its parent's 15 digits and two more after a hyphen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from gis.errors import CodeError, ConflictError
from gis.terms import DivisionLevel, GridType

DIVISION_PATTERN = r"^[1-9][0-9]{11}$"
GRID_PATTERN = r"^[1-9][0-9]{11}((?!000|800)[0-9]{3})(-[0-9]{2})?$"
COMPOUND_PATTERN = r"^[1-9][0-9]{15}$"
BUILDING_PATTERN = r"^[1-9][0-9]{16}$"
SERVICE_POINT_PATTERN = r"^[1-9][0-9]{17}$"

PATTERNS: dict[str, tuple[str, str]] = {
    "division_code": (DIVISION_PATTERN, "12 digits: county 6, street 3, community 3"),
    "community_code": (DIVISION_PATTERN, "12 digits: county 6, street 3, community 3"),
    "grid_code": (GRID_PATTERN, "15 digits: community 12 and serial 3 (a micro grid adds -01 to -99)"),
    "compound_code": (COMPOUND_PATTERN, "16 digits: community 12 and 4"),
    "building_code": (BUILDING_PATTERN, "17 digits: community 12 and 5"),
    "point_code": (SERVICE_POINT_PATTERN, "18 digits: community 12 and 6"),
}
"""Column → (pattern, words). The database's CHECK constraints and the import's checks both read this."""

_SERIALS: dict[GridType, range] = {GridType.BASIC: range(1, 800), GridType.EXCLUSIVE: range(801, 1000)}
_DAMAGED = re.compile(r"^[0-9]+(\.[0-9]+)?[eE]\+?[0-9]+$|^[0-9]{5,}\.0+$")


def check_code(value: object, column: str) -> str:
    """Return a code as text, or say what is wrong with it.

    Parameters
    ----------
    value
        What stood in the file. Whole numbers are taken as text where no digit can have been lost.
    column
        A key of ``PATTERNS``.

    Returns
    -------
    str
        The code.

    Raises
    ------
    CodeError
        If it is empty, was turned into a number by a spreadsheet, or breaks the pattern.
    """
    pattern, words = PATTERNS[column]
    text = _as_text(value)
    if not text:
        raise CodeError("the code is empty", where=column, mend=f"give {words}")
    if _DAMAGED.match(text):
        raise CodeError(
            f"{text!r} is a number that a spreadsheet made of a code; its last digits may be lost",
            where=column,
            mend="format the column as text in the spreadsheet and enter the codes again",
        )
    if not re.match(pattern, text):
        raise CodeError(f"{text!r} is not a {column}", where=column, mend=f"give {words}")
    return text


def _as_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        if value != value:  # noqa: PLR0124 - NaN is the only value unlike itself
            return ""
        # Doubles hold whole numbers exactly up to 2**53, but a spreadsheet keeps 15 digits only.
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value).strip()


def division_level(code: str) -> DivisionLevel:
    """Tell the level that a 12-digit division code stands for.

    Parameters
    ----------
    code
        A well-formed division code.

    Returns
    -------
    DivisionLevel
        County where the last six digits are zeros, street where the last three are.
    """
    check_code(code, "division_code")
    if code.endswith("000000"):
        return DivisionLevel.COUNTY
    return DivisionLevel.STREET if code.endswith("000") else DivisionLevel.COMMUNITY


def county_of(code: str) -> str:
    """Return the division code of the county that any code of this house lies in.

    Parameters
    ----------
    code
        A division, grid, compound, building or service-point code.

    Returns
    -------
    str
        12 digits, the last six zeros.
    """
    return code[:6] + "000000"


def community_of(code: str) -> str:
    """Return the community's 12 digits that a grid, compound, building or point code starts with.

    Parameters
    ----------
    code
        A code of 12 digits or more.

    Returns
    -------
    str
        12 digits.
    """
    return code[:12]


def grid_type_of(code: str) -> GridType:
    """Tell a grid's type from its code.

    Parameters
    ----------
    code
        A well-formed grid code.

    Returns
    -------
    GridType
        Micro where it has a hyphen, else by its serial.
    """
    check_code(code, "grid_code")
    if "-" in code:
        return GridType.MICRO
    return GridType.EXCLUSIVE if int(code[12:15]) > 800 else GridType.BASIC


def next_serials(community_code: str, used: Iterable[str], count: int, grid_type: GridType) -> list[str]:
    """Give the next free grid codes of a community: never one that was ever used.

    Parameters
    ----------
    community_code
        The community's 12 digits.
    used
        Every grid code that the community ever had, closed ones included.
    count
        How many are wanted.
    grid_type
        Basic or exclusive.

    Returns
    -------
    list of str
        ``count`` codes, ascending, each past the highest ever used of its type.

    Raises
    ------
    ConflictError
        If the serials of this type are used up.
    """
    check_code(community_code, "community_code")
    serials = _SERIALS[grid_type]
    taken = {int(code[12:15]) for code in used if code[:12] == community_code and "-" not in code}
    highest = max((serial for serial in taken if serial in serials), default=serials.start - 1)
    if highest + count >= serials.stop:
        raise ConflictError(
            f"community {community_code} has used up its {grid_type} serials "
            f"({serials.start:03d}–{serials.stop - 1:03d})",
            mend="reclassify grids of this type, or divide the community",
        )
    return [f"{community_code}{serial:03d}" for serial in range(highest + 1, highest + 1 + count)]
