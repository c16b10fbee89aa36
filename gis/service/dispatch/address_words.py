"""Addresses made plain, so that the ways in which people write one place come out the same.

Half width, lower case, simplified characters, Arabic numerals before a unit word, one word for "building".
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import opencc

_DIGITS = {sign: value for value, sign in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_TENS = {"十": 10, "百": 100}
_NUMERAL = re.compile(r"([零〇一二三四五六七八九十百两]+)(?=号|栋|幢|座|楼|单元|层|室|期|区|弄|排|院|#)")
_NOISE = re.compile(r"[\s,。,、;:·.()\[\]【】《》「」'\"“”‘’!?/\\|_~—–-]+")
_BUILDING = re.compile(r"([a-z]?\d+[a-z]?)(?:号楼|号院?楼|栋|幢|座|号|#楼?|楼)(?!院|路|街|线)")
_BUILDING_WORD = "号楼"
# 光明小区2-3-501 and 2-501 mean building 2, unit 3, room 501; a room of two digits needs its unit.
_SHORT = re.compile(r"(?<![\d-])-?(\d{1,3})-(?:(\d{1,2})-(\d{2,4})|(\d{3,4}))室?\s*$")
_HYPHENS = re.compile(r"[‐-―−]")
_WITHIN = re.compile(r"\d+(?:单元|门|层|室|户)|\d+$")
_ABOVE = re.compile(
    r"^(?:[^省市区县旗]{2,6}(?:省|自治区))?(?:[^市区县旗]{2,6}市)?(?:[^市区县旗]{1,5}(?<![小社园街])(?:区|县|旗))?(?=.{2})"
)
_NEARBY = re.compile(r"(?:的?(?:附近|旁边|对面|门口|东侧|西侧|南侧|北侧|楼下|前面|后面|一带))+$")


@dataclass(frozen=True)
class Words:
    """An address taken apart.

    Attributes
    ----------
    whole
        All of it, made plain.
    name
        The part that names a place; empty where only a building's number is given.
    building
        The building's number, such as ``2``; None where there is none.
    """

    whole: str
    name: str
    building: str | None


def plain(address: str) -> str:
    """Make an address plain.

    Parameters
    ----------
    address
        As somebody wrote it.

    Returns
    -------
    str
        Half width, simplified, lower case, Arabic numerals before unit words, no spaces or marks.
    """
    half = _HYPHENS.sub("-", unicodedata.normalize("NFKC", address).lower())
    half = _SHORT.sub(lambda found: f"{found[1]}{_BUILDING_WORD}{found[3] or found[4]}室", half)
    simple: str = _simplifier().convert(half)
    return _NOISE.sub("", _NUMERAL.sub(lambda found: str(_value(found[1])), simple))


def take_apart(address: str) -> Words:
    """Find in an address the name of a place and the number of a building.

    Parameters
    ----------
    address
        As somebody wrote it.

    Returns
    -------
    Words
        Its parts.
    """
    whole = plain(address)
    text = _NEARBY.sub("", whole)
    shorter = _ABOVE.sub("", text)
    text = shorter or text
    found = None
    for found in _BUILDING.finditer(text):  # the last one: 示例路12号光明小区2号楼  # noqa: B007
        pass
    if found is None:
        return Words(whole, _WITHIN.sub("", text) or text, None)
    name = text[: found.start()]
    return Words(whole, name, found[1])


def building_key(compound: str, number: str) -> str:
    """Make the key of a building in a compound.

    Parameters
    ----------
    compound
        A name of the compound, made plain.
    number
        The building's number as stored, such as ``2号楼``.

    Returns
    -------
    str
        Such as ``光明小区2号楼``.
    """
    bare = plain(number)
    found = _BUILDING.fullmatch(bare)
    return f"{compound}{found[1] if found else bare.removesuffix('楼')}{_BUILDING_WORD}"


def number_of(key: str) -> str | None:
    """Return the building's number at the end of a key that :func:`building_key` made.

    Parameters
    ----------
    key
        The key.

    Returns
    -------
    str or None
        Such as ``2``.
    """
    found = re.search(r"([a-z]?\d+[a-z]?)号楼$", key)
    return found[1] if found else None


def likeness(asked: str, known: str) -> float:
    """Say how like two plain names are.

    Parameters
    ----------
    asked, known
        What is looked for, and a name of the gazetteer.

    Returns
    -------
    float
        1 for the same; 0.8 to 0.95 where one holds the other; else Dice's measure of pairs of letters.
    """
    if not asked or not known:
        return 0.0
    if asked == known:
        return 1.0
    short, long = sorted((asked, known), key=len)
    if len(short) > 1 and short in long:
        return 0.8 + 0.15 * len(short) / len(long)
    a, b = _pairs(asked), _pairs(known)
    return 0.8 * 2 * len(a & b) / (len(a) + len(b))


def _pairs(word: str) -> set[str]:
    padded = f"^{word}$"
    return {padded[at : at + 2] for at in range(len(padded) - 1)}


def _value(numeral: str) -> int:
    if not any(sign in _TENS for sign in numeral):
        return int("".join(str(_DIGITS[sign]) for sign in numeral))
    total = digit = 0
    for sign in numeral:
        if sign in _TENS:
            total += (digit or 1) * _TENS[sign]
            digit = 0
        else:
            digit = _DIGITS[sign]
    return total + digit


@lru_cache(maxsize=1)
def _simplifier() -> Any:
    return opencc.OpenCC("t2s")
