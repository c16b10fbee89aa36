"""How the command line tells of files that were read: what was kept, repaired and refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from gis.layers.report import ImportReport

_SHOWN = 20


def print_account(out: Console, report: ImportReport) -> None:
    """Print the account of one file.

    Parameters
    ----------
    out
        Where to.
    report
        The account.
    """
    out.print(f"{report.source}: {report.summary()}", markup=False)
    for note in report.notes:
        out.print(f"  {note}", markup=False)
    for row in report.rows[:_SHOWN]:
        field = f" {row.field}:" if row.field else ""
        mend = f" — {row.mend}" if row.mend else ""
        out.print(f"  row {row.row} {row.code or ''} {row.action}:{field} {row.reason}{mend}", markup=False)
    left = len(report.rows) - _SHOWN
    if left > 0:
        out.print(f"  … and {left} more; --json has them all.")
