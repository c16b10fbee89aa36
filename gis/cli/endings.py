"""The ending of a file's name says what is written into it: one that does not fit is refused at once."""

from __future__ import annotations

from pathlib import Path

from gis.errors import InputError

PAGE = (".html", ".htm")


def ending_of(out: Path, *endings: str) -> str:
    """Return the ending of a name that a command is to write, if it can.

    Parameters
    ----------
    out
        The file.
    endings
        Those that fit, such as ``.pdf``.

    Returns
    -------
    str
        In small letters.

    Raises
    ------
    InputError
        If it has another, or none.
    """
    ending = out.suffix.lower()
    if ending not in endings:
        raise InputError(
            f"{out.name} does not end as what is written does",
            where="--out",
            mend=f"name it {' or '.join(out.stem + one for one in endings)}",
        )
    return ending
