"""People's words made fit for a page: names that are too long, numbers that can be called."""

from __future__ import annotations

_LONGEST_NAME = 120
_JOINERS = "\u200c\u200d"
"""Not printable by themselves, but emoji and some scripts are put together with them."""


def tel(number: str) -> str:
    """Return the digits that a ``tel:`` link may hold; empty where there are none.

    Parameters
    ----------
    number
        As published.

    Returns
    -------
    str
        Digits, plus and hyphens only.
    """
    kept = "".join(char for char in number if char.isascii() and (char.isdigit() or char in "+-"))
    return kept if any(char.isdigit() for char in kept) else ""


def shortened(name: str, most: int = _LONGEST_NAME) -> str:
    """Cut a name that no page could hold, and show that it was cut.

    Parameters
    ----------
    name
        Any text.
    most
        Characters that are kept.

    Returns
    -------
    str
        At most that many characters and an ellipsis; control characters are left out.
    """
    kept = (
        char if char.isprintable() or char in _JOINERS else " " if char.isspace() else "" for char in name
    )
    clean = " ".join("".join(kept).split())
    return clean if len(clean) <= most else clean[:most].rstrip() + "…"
