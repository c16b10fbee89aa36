"""What no sample may be taken for: names that say 示例, and telephone numbers that nobody can have.

A local number in China never begins with 0 (that is the trunk prefix), so ``0471-0000123`` looks like a
number of Hohhot and can be dialled to nobody.
"""

from __future__ import annotations

from datetime import date

AS_OF = date(2026, 10, 31)
"""The day that the made-up places are made up for: counts, checks and incidents lie before it."""

_ORDINALS = "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉戌亥"


def ordinal(number: int) -> str:
    """Name the n-th of several by the old cyclic signs, as contracts do with parties.

    Parameters
    ----------
    number
        From 0.

    Returns
    -------
    str
        甲, 乙, … 亥, then 甲二, 乙二 …
    """
    turn, at = divmod(number, len(_ORDINALS))
    return _ORDINALS[at] if turn == 0 else f"{_ORDINALS[at]}{turn + 1}"


def sample_phone(area: str, number: int) -> str:
    """Make up a telephone number that cannot exist.

    Parameters
    ----------
    area
        Trunk prefix and area code, such as ``0471``.
    number
        0 to 999,999.

    Returns
    -------
    str
        Such as ``0471-0000123``.
    """
    return f"{area}-0{number:06d}"
