"""What is reported, what becomes of it for who reports, and the code with which they follow it."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

import orjson

from gis.errors import InputError

LONGEST_TEXT = 4000
_CODE_LENGTH = 10


@dataclass(frozen=True)
class Report:
    """What somebody reports.

    Attributes
    ----------
    category, source
        Keys of their tables.
    words
        What was said.
    lon, lat, crs
        Where, in the datum named; None where only an address is known, or nothing.
    accuracy_m, confidence
        How good the position is.
    address
        As it came in.
    reporter
        How to reach who reports.
    reported_at
        When; now unless given.
    photo
        Name of the stored photo.
    """

    category: str
    source: str
    words: str
    lon: float | str | None = None
    lat: float | str | None = None
    crs: str | None = None
    accuracy_m: float | None = None
    confidence: float | None = None
    address: str | None = None
    reporter: str | None = None
    reported_at: dt.datetime | None = None
    photo: str | None = None

    def check(self) -> None:
        """Make sure that it can be stored at all.

        Raises
        ------
        InputError
            If it says nothing or too much, or holds what no text column takes.
        """
        for where, value in (
            ("text", self.words),
            ("category", self.category),
            ("source", self.source),
            ("address", self.address),
            ("reporter", self.reporter),
        ):
            if value is not None and not _storable(value):
                raise InputError(
                    "this holds a character that cannot be stored",
                    where=where,
                    mend="take control characters out",
                )
        if not self.words.strip() or len(self.words) > LONGEST_TEXT:
            raise InputError(f"say what is the matter in 1 to {LONGEST_TEXT} letters", where="text")

    def fingerprint(self) -> str:
        """Return a digest of all that was reported, the name of the photo left out."""
        facts = {key: value for key, value in vars(self).items() if key != "photo"}
        return hashlib.sha256(orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)).hexdigest()


@dataclass(frozen=True)
class Reported:
    """What became of a report.

    Attributes
    ----------
    number
        The incident's number.
    state
        ``reported`` or ``assigned``.
    grid_code
        The owner, where there is no doubt.
    owner_status
        How sure that is; None without a position.
    due_at
        When it must be accepted.
    perhaps_doubles
        Numbers of open incidents of the same category, near and recent.
    follow_up
        The code with which who reported it can follow and rate it; None where nobody asked.
    again
        Whether it was there already: the same report, sent twice.
    """

    number: str
    state: str
    grid_code: str | None
    owner_status: str | None
    due_at: str
    perhaps_doubles: list[str]
    follow_up: str | None = None
    again: bool = False

    @classmethod
    def from_kept(cls, kept: dict[str, Any], code: str | None) -> Reported:
        """Give the answer again that was kept with an Idempotency-Key.

        Parameters
        ----------
        kept
            What :meth:`as_dict` gave, without the code.
        code
            The follow-up code, where one was wanted.

        Returns
        -------
        Reported
            Marked as there already.
        """
        facts = ("state", "grid_code", "owner_status", "due_at", "perhaps_doubles")
        said: dict[str, Any] = {fact: kept[fact] for fact in facts}
        return cls(number=kept["incident_number"], follow_up=code, again=True, **said)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape."""
        return {
            "incident_number": self.number,
            "state": self.state,
            "grid_code": self.grid_code,
            "owner_status": self.owner_status,
            "due_at": self.due_at,
            "perhaps_doubles": self.perhaps_doubles,
            **({"follow_up": self.follow_up} if self.follow_up else {}),
        }


def hash_of_code(code: str) -> str:
    """Return what is stored of a follow-up code.

    Parameters
    ----------
    code
        As the resident types it: case, spaces and hyphens do not matter.

    Returns
    -------
    str
        SHA-256.
    """
    return digest(code.upper().replace(" ", "").replace("-", ""))


def check_key(key: str) -> None:
    """Make sure that an Idempotency-Key is one.

    Parameters
    ----------
    key
        As it was sent.

    Raises
    ------
    InputError
        If it is too short to be anybody's own, too long, or holds what cannot be printed.
    """
    if not 8 <= len(key) <= 200 or not key.isprintable():
        raise InputError(
            "an Idempotency-Key has 8 to 200 characters", where="Idempotency-Key", mend="send a UUID"
        )


def digest(value: str) -> str:
    """Return the SHA-256 of a text, in hexadecimal digits.

    Parameters
    ----------
    value
        Any text.

    Returns
    -------
    str
        64 digits.
    """
    return hashlib.sha256(value.encode()).hexdigest()


def follow_up_code(key: str | None, number: str) -> str:
    """Make a follow-up code; one made from a key can be told again to who sends the key again.

    Parameters
    ----------
    key
        The report's Idempotency-Key.
    number
        The incident's number.

    Returns
    -------
    str
        Ten letters and digits.
    """
    seed = f"follow-up|{key}|{number}".encode() if key else secrets.token_bytes(32)
    return base64.b32encode(hashlib.sha256(seed).digest()).decode()[:_CODE_LENGTH]


def _storable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return False
    return "\0" not in value
