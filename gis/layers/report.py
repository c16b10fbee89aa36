"""What an import kept, changed and refused, row by row, in words that the owner of the file can act on.

A report never grows with the good rows: it names the rows that it has something to say about and counts
the rest. Row numbers are those that the user sees in the file: the spreadsheet row (the header is row 1)
in CSV and XLSX, the feature's place from 1 elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import pandas as pd

_MOST_NAMED = 20
_LONGEST_NAME = 40


def listed(names: Iterable[object]) -> str:
    """List names for a message: not too many, none too long, nothing that moves a terminal's cursor.

    Parameters
    ----------
    names
        Such as a file's columns.

    Returns
    -------
    str
        Joined by commas.
    """
    texts = ["".join(letter for letter in str(name) if letter.isprintable()) for name in names]
    shown = [text if len(text) <= _LONGEST_NAME else f"{text[:_LONGEST_NAME]}…" for text in texts]
    more = len(shown) - _MOST_NAMED
    return ", ".join(shown[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


class Action(StrEnum):
    """What became of a row."""

    KEPT = "kept"
    REPAIRED = "repaired"
    REFUSED = "refused"


@dataclass(frozen=True)
class ImportRow:
    """One thing to say about one row.

    Attributes
    ----------
    row
        The row's number as the user sees it.
    code
        The row's code, where it has one.
    action
        ``kept`` (only remarked on), ``repaired`` or ``refused``.
    field
        The column or ``geometry``.
    reason
        What was found.
    mend
        What the user can do about it.
    """

    row: int
    code: str | None
    action: Action
    field: str | None
    reason: str
    mend: str | None = None


@dataclass(frozen=True)
class ImportReport:
    """The account of one file.

    Attributes
    ----------
    source
        The file's name.
    total
        Rows found.
    rows
        What there is to say, by row number.
    notes
        What holds for the whole file: the datum, a guessed encoding, tidying that changes no shape.
    """

    source: str
    total: int
    rows: tuple[ImportRow, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def refused(self) -> int:
        """How many rows were refused."""
        return len({entry.row for entry in self.rows if entry.action is Action.REFUSED})

    @property
    def repaired(self) -> int:
        """How many rows were repaired and kept."""
        gone = {entry.row for entry in self.rows if entry.action is Action.REFUSED}
        return len({entry.row for entry in self.rows if entry.action is Action.REPAIRED} - gone)

    @property
    def kept(self) -> int:
        """How many rows went through as they were."""
        return self.total - self.refused - self.repaired

    @property
    def counts(self) -> dict[str, int]:
        """Rows by action; the three add up to ``total``."""
        return {"kept": self.kept, "repaired": self.repaired, "refused": self.refused}

    def as_dict(self) -> dict[str, Any]:
        """Return the report JSON-ready: source, total, counts, notes and rows."""
        rows = [{**asdict(entry), "action": entry.action.value} for entry in self.rows]
        return {
            "source": self.source,
            "total": self.total,
            **self.counts,
            "notes": list(self.notes),
            "rows": rows,
        }

    def to_frame(self) -> pd.DataFrame:
        """Return one line for each entry: row, code, action, field, reason, mend."""
        columns = ["row", "code", "action", "field", "reason", "mend"]
        frame = pd.DataFrame([asdict(entry) for entry in self.rows], columns=columns)
        return frame.astype({"row": "int64", "action": "str"})

    def extended(self, rows: list[ImportRow], notes: list[str] | None = None) -> ImportReport:
        """Return a report with more said, such as what a database refused later.

        Parameters
        ----------
        rows
            Further entries.
        notes
            Further notes.

        Returns
        -------
        ImportReport
            A new report, ordered by row.
        """
        merged = tuple(sorted([*self.rows, *rows], key=lambda entry: entry.row))
        return ImportReport(self.source, self.total, merged, (*self.notes, *(notes or ())))

    def summary(self) -> str:
        """Return one line: the counts, and the commonest reasons of refusal."""
        line = f"{self.total} rows: {self.kept} kept, {self.repaired} repaired, {self.refused} refused"
        reasons = Counter(entry.reason for entry in self.rows if entry.action is Action.REFUSED)
        if reasons:
            line += " (" + "; ".join(f"{many} × {why}" for why, many in reasons.most_common(3)) + ")"
        return line
