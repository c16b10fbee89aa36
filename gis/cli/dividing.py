"""`check` and `propose`: say whether it is a good division, and find a better one."""

from __future__ import annotations

import datetime as dt
import json
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from gis.cli.accounts import print_account
from gis.errors import InputError
from gis.settings import settings

if TYPE_CHECKING:
    from gis.planning.propose import DistrictProgress
    from gis.service.checking import Checked

_out = Console(soft_wrap=True, highlight=False)
_SHOWN = 20


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands.

    Parameters
    ----------
    app
        The command line.
    """
    app.command("check")(check)
    app.command("propose")(propose)


def check(
    community: Annotated[
        str | None, typer.Option(help="Code of a published community; or give --grids.")
    ] = None,
    grids: Annotated[Path | None, typer.Option(help="A file of grids; needs no database.")] = None,
    grid_id: Annotated[str, typer.Option("--id", help="The grids' code column.")] = "grid_code",
    units: Annotated[Path | None, typer.Option(help="A file of units with households.")] = None,
    households: Annotated[str, typer.Option(help="The units' column of households.")] = "households",
    unit_grid: Annotated[
        str | None, typer.Option(help="The units' column with their grid; else position decides.")
    ] = None,
    unit_point: Annotated[
        str | None, typer.Option(help="The units' columns with a point of their own, as X,Y.")
    ] = None,
    unit_point_crs: Annotated[str | None, typer.Option(help="What that point is in.")] = None,
    crs: Annotated[
        str | None, typer.Option(help="Datum of files that do not say: cgcs2000, gcj02, EPSG:…")
    ] = None,
    least: Annotated[
        int | None, typer.Option("--min", min=0, help="Fewest households of a grid (300).")
    ] = None,
    most: Annotated[int | None, typer.Option("--max", min=1, help="Most households of a grid (500).")] = None,
    as_of: Annotated[
        dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day whose edition is checked.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write a report with a map of the faults.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For a program to read.")] = False,
) -> None:
    """Check a division: sizes, seamless cover, buildings and compounds cut, codes, staff.

    Exit status 1 where there are errors.

    Example: `wangge check --community 150103099901 --html report.html`
    """
    from gis.layers.database import open_database
    from gis.service.checking import check_community, check_files

    if (community is None) == (grids is None):
        raise InputError(
            "name either a published community or a file", mend="give --community CODE or --grids FILE"
        )
    chosen = settings()
    least = chosen.households_min if least is None else least
    most = chosen.households_max if most is None else most
    if grids is not None:
        done = check_files(
            grids,
            grid_id=grid_id,
            units=units,
            households=households,
            unit_grid=unit_grid,
            unit_point=_pair(unit_point),
            unit_point_crs=unit_point_crs,
            crs=crs,
            households_min=least,
            households_max=most,
        )
    else:
        with open_database(chosen) as database, database.connection() as connection:
            done = check_community(
                connection, str(community), chosen, as_of=as_of, households_min=least, households_max=most
            )
    if html is not None:
        from gis.layers.whole_file import whole_file
        from gis.service.mapping import check_page

        with whole_file(html) as draft:
            draft.write_text(check_page(done), encoding="utf-8")
    if as_json:
        typer.echo(json.dumps(done.report.as_dict(), ensure_ascii=False))
    else:
        _print(done)
        if html is not None:
            _out.print(f"The report is in {html}.")
    if not done.report.passed:
        raise typer.Exit(1)


def propose(
    units: Annotated[Path, typer.Option(help="A file of units: polygons that tile the land.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the best plan's grids go.")],
    households: Annotated[str, typer.Option(help="The units' column of households.")] = "households",
    unit_id: Annotated[str | None, typer.Option("--id", help="The units' code column; row numbers.")] = None,
    current: Annotated[str | None, typer.Option(help="The units' column of their present grid.")] = None,
    compounds: Annotated[Path | None, typer.Option(help="A file of compounds, to be kept whole.")] = None,
    barriers: Annotated[Path | None, typer.Option(help="A file of streets, rivers and walls.")] = None,
    crs: Annotated[str | None, typer.Option(help="Datum of files that do not say.")] = None,
    least: Annotated[int, typer.Option("--min", min=0, help="Fewest households of a grid.")] = 300,
    most: Annotated[int, typer.Option("--max", min=1, help="Most households of a grid.")] = 500,
    k: Annotated[int | None, typer.Option("--k", min=1, help="How many grids; free unless given.")] = None,
    goal: Annotated[
        Literal["minimal-change", "compact", "balanced"], typer.Option(help="What the best plan is best at.")
    ] = "minimal-change",
    seconds: Annotated[float, typer.Option(min=1, help="The budget, on two free cores.")] = 60,
    seed: Annotated[int, typer.Option(help="The same seed gives the same plans.")] = 0,
    community: Annotated[
        str | None,
        typer.Option(help="The units' column of communities: each is proposed for by itself, in parallel."),
    ] = None,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Communities at a time, with --community (all cores).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For a program to read.")] = False,
) -> None:
    """Propose three to five divisions of units into grids; Ctrl-C stops early with the best so far.

    Exit status 1 where no plan keeps every rule; the nearest one is written, and the reasons are told. With
    --community the units are a district's, --seconds is for each community, and one that cannot be planned
    does not stop the others.

    Example: `wangge propose --units units.gpkg --households HH --goal compact --seconds 30 -o plan.geojson`
    """
    wanted: dict[str, Any] = {
        "households": households,
        "unit_id": unit_id,
        "current": current,
        "compounds": compounds,
        "barriers": barriers,
        "crs": crs,
        "households_min": least,
        "households_max": most,
        "k": k,
        "goal": goal,
        "seconds": seconds,
        "seed": seed,
    }
    if community is not None:
        _propose_district(units, out, community, processes, as_json=as_json, wanted=wanted)
        return
    if processes is not None:
        raise InputError(
            "one community is one search",
            where="--processes",
            mend="name the units' communities by --community",
        )
    from gis.service.plans.proposing_files import propose_file

    with (
        Progress(console=Console(stderr=True), transient=True, disable=as_json) as bar,
        stopped_early() as cancelled,
    ):
        task = bar.add_task("propose", total=1.0)
        done = propose_file(
            units,
            out,
            progress=lambda now: bar.update(task, completed=now.done, description=now.stage),
            cancelled=cancelled,
            **wanted,
        )
    plans = done.proposals.plans
    if as_json:
        typer.echo(json.dumps(done.as_dict(), ensure_ascii=False, default=float))
    else:
        if done.read.rows or done.read.notes:
            print_account(_out, done.read)
        if done.unowned[0]:
            _out.print(
                f"{done.unowned[0]} units with {done.unowned[1]:,} households are in no grid now; "
                "they count as moved, whichever grid they come to."
            )
        for reason in done.proposals.reasons:
            _out.print(reason.words("en"), markup=False)
        shown = [
            key
            for key in plans[0].metrics
            # What the search minimised, faults included, tells nobody anything.
            if key != "price_m" and any(plan.metrics.get(key) is not None for plan in plans)
        ]
        table = Table("", *[plan.variant for plan in plans], box=None, header_style="bold")
        for key in shown:
            table.add_row(key, *[_figure(plan.metrics.get(key)) for plan in plans])
        _out.print(table)
        for found in plans[0].violations:
            _out.print(f"  {found.words('en')}", markup=False)
        _out.print(
            f"The best plan's grids are in {done.grids}, each unit's grid in every plan in {done.units}."
        )
    if not plans[0].feasible:
        raise typer.Exit(1)


def _propose_district(
    units: Path, out: Path, community: str, processes: int | None, *, as_json: bool, wanted: dict[str, Any]
) -> None:
    from gis.service.plans.proposing_district import propose_district_file

    with (
        Progress(console=Console(stderr=True), transient=True, disable=as_json) as bar,
        stopped_early() as cancelled,
    ):
        task = bar.add_task("propose", total=1.0)

        def tell(now: DistrictProgress) -> None:
            words = f"{now.done} of {now.total} communities"
            bar.update(task, completed=now.share, description=words)

        done = propose_district_file(
            units,
            out,
            community=community,
            processes=processes,
            progress=tell,
            cancelled=cancelled,
            **wanted,
        )
    if as_json:
        typer.echo(json.dumps(done.as_dict(), ensure_ascii=False, default=float))
    else:
        table = Table(
            "community", "grids", "in range", "compactness", "", box=None, header_style="bold", pad_edge=False
        )
        for one in done.answers:
            if one.kept is None:
                table.add_row(escape(one.community_code), "", "", "", f"[red]{escape(str(one.error))}[/]")
                continue
            best = one.kept["plans"][0]
            words = "; ".join(found["words"]["en"] for found in one.kept["reasons"] + best["violations"])
            figures = [
                _figure(best["metrics"].get(key)) for key in ("grids", "in_range", "polsby_popper_mean")
            ]
            table.add_row(escape(one.community_code), *figures, escape(words))
        _out.print(table)
        if done.grids is not None:
            _out.print(f"The best plans' grids are in {done.grids}, each unit's grid in {done.units}.")
    if not done.feasible:
        raise typer.Exit(1)


@contextmanager
def stopped_early() -> Iterator[Callable[[], bool]]:
    """Turn Ctrl-C into a wish to stop, so that the best so far is not lost.

    Yields
    ------
    callable
        Whether Ctrl-C was pressed.
    """
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield pressed.is_set
        return
    before = signal.signal(signal.SIGINT, lambda *_: pressed.set())
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before)


def _figure(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 or float(value).is_integer() else f"{value:.4g}"


def _pair(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 2 or not all(parts):
        raise InputError(
            f"{text!r} is not two columns", where="--unit-point", mend="give X,Y, such as easting,northing"
        )
    return parts[0], parts[1]


def _print(done: Checked) -> None:
    totals, report = done.report.totals, done.report
    for account in done.read:
        print_account(_out, account)
    edition = f", edition {done.edition.number}" if done.edition else ""
    _out.print(f"[bold]{done.title}[/]{edition}: {totals['grids']} grids, {totals['basic']} of them basic")
    if totals["households"] is not None:
        _out.print(
            f"{totals['within']} of {totals['basic']} hold {report.households_min}–{report.households_max} "
            f"households: {totals['below']} below, {totals['above']} above, {totals['unknown']} not known; "
            f"{totals['households']:,.0f} households in all"
        )
    if not report.violations:
        _out.print("[green]No fault was found.[/]")
        return
    table = Table("", "rule", "what", box=None, pad_edge=False, header_style="bold")
    for found in report.violations[:_SHOWN]:
        mark = "[red]error[/]" if found in report.errors else "[yellow]warning[/]"
        table.add_row(mark, found.rule, found.words("en"))
    _out.print(table)
    left = len(report.violations) - _SHOWN
    if left > 0:
        _out.print(f"… and {left} more; --html or --json has them all.")
