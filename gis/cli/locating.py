"""`assign` and `locate`: say which grid owns a point."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
import typer.core
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from gis.cli.accounts import print_account
from gis.crs import parse_crs
from gis.errors import InputError
from gis.settings import settings

if TYPE_CHECKING:
    from gis.locate.cluster import Outcome
    from gis.locate.index import GridIndex
    from gis.service.owning.assigning import AssignSummary, Owners
    from gis.service.owning.owners import FileGrids

_out = Console(soft_wrap=True, highlight=False)
_bar = Console(stderr=True)
Overlap = Literal["refuse", "first"]  # as gis.service.owning.owners has it, which takes long to load
_NEGATIVE = re.compile(r"-(\d|\.\d|inf|nan)", re.IGNORECASE)


class NumbersCommand(typer.core.TyperCommand):
    """A command whose words may be negative numbers: `-2.1` is no option."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]  # noqa: D102 - the parser's own
        # What begins with a space is no option to the parser, and the same number to whoever reads it.
        return super().parse_args(ctx, [f" {word}" if _NEGATIVE.match(word) else word for word in args])


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands.

    Parameters
    ----------
    app
        The command line.
    """
    app.command("assign")(assign)
    app.command("locate", cls=NumbersCommand)(locate)


def assign(
    points: Annotated[Path, typer.Argument(help="CSV, Parquet or GeoPackage.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where to; the suffix names the format.")],
    crs: Annotated[
        str | None, typer.Option(help="Datum of the points: wgs84, cgcs2000, gcj02, bd09, EPSG:…")
    ] = None,
    grids: Annotated[Path | None, typer.Option(help="A file of grids; needs no database.")] = None,
    grid_id: Annotated[str, typer.Option("--id", help="The grids' code column.")] = "grid_code",
    grids_crs: Annotated[
        str | None, typer.Option(help="Datum of the grids' file, where it does not say.")
    ] = None,
    overlap: Annotated[
        Overlap,
        typer.Option(help="Where grids of the file overlap: refuse, or the first in the file owns."),
    ] = "refuse",
    as_of: Annotated[
        dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day whose edition answers.")
    ] = None,
    lon_field: Annotated[str | None, typer.Option(help="Column of the longitude; found by its name.")] = None,
    lat_field: Annotated[str | None, typer.Option(help="Column of the latitude; found by its name.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Of a CSV file; found out.")] = None,
    sheet: Annotated[str | None, typer.Option(help="The layer of a GeoPackage with several.")] = None,
    force_crs: Annotated[
        bool, typer.Option("--force-crs", help="--crs beats the file's own label, known to be wrong.")
    ] = False,
    cluster: Annotated[
        str | None,
        typer.Option(help="A Dask scheduler, tcp://…; POINTS and --out are then folders of Parquet files."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For a program to read.")] = False,
) -> None:
    """Give every point of a file its grid: one row out for each row in, in order.

    Exit status 1 where no row at all has a usable position; the file is written all the same.

    Example: `wangge assign incidents.csv --crs gcj02 -o assigned.csv`
    """
    if grids is not None and as_of is not None:
        raise InputError(
            "--as-of is of the published grids, not of a file", mend="leave out --grids or --as-of"
        )
    if cluster is not None:
        from gis.service.owning.together import assign_folder

        index = _one_index(as_of) if grids is None else _of_file(grids, grid_id, grids_crs, overlap).index()
        parts = assign_folder(
            points,
            out,
            index,
            cluster=cluster,
            crs=crs,
            lon_field=lon_field or "lon",
            lat_field=lat_field or "lat",
        )
        _print_folder(parts, out, as_json=as_json)
        return
    from gis.service.owning.assigning import assign_file

    with _progress(points.name, shown=not as_json) as told:
        owners = _as_of(as_of) if grids is None else _of_file(grids, grid_id, grids_crs, overlap).owners()
        done = assign_file(
            points,
            out=out,
            owners=owners,
            crs=crs,
            lon_field=lon_field,
            lat_field=lat_field,
            encoding=encoding,
            layer=sheet,
            override_crs=force_crs,
            progress=told,
        )
    _print_file(done, as_json=as_json)
    if done.rows and done.counts["invalid"] == done.rows:
        raise InputError(
            "no row has a usable position",
            where=str(points),
            mend=f"the column {done.columns['reason']!r} of {done.out} says why, row by row",
        )


def _of_file(grids: Path, grid_id: str, crs: str | None, overlap: Overlap) -> FileGrids:
    from gis.service.owning.owners import read_grids_file

    return read_grids_file(grids, grid_id=grid_id, crs=crs, overlap=overlap)


def _as_of(when: dt.datetime | None) -> Owners:
    from gis.layers.database import open_database
    from gis.service.owning.one_off import owners_as_of

    with open_database(settings()) as database, database.connection() as connection:
        return owners_as_of(connection, when)


def _one_index(when: dt.datetime | None) -> GridIndex:
    from gis.layers.database import open_database
    from gis.service.owning.together import one_index

    with open_database(settings()) as database, database.connection() as connection:
        return one_index(connection, when)


@contextmanager
def _progress(name: str, *, shown: bool) -> Iterator[Callable[[int, float], None]]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=_bar, transient=True, disable=not shown) as bar:
        task = bar.add_task(name, total=None)

        def told(rows: int, share: float) -> None:
            bar.update(task, completed=rows, total=int(rows / share) if share > 0 else None)

        yield told


def _print_file(done: AssignSummary, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(done.as_dict(), ensure_ascii=False))
        return
    counts = ", ".join(f"{count:,} {status}" for status, count in done.counts.items())
    _out.print(f"{done.rows:,} rows: {counts}. They are in {done.out}.")
    if done.grids_report is not None:
        print_account(_out, done.grids_report)
    said = done.grids_report and f"{done.grids_report.source}: {done.grids_report.summary()}"
    for note in done.notes:
        if note != said:
            _out.print(f"  {note}", markup=False)


def _print_folder(done: Outcome, out: Path, *, as_json: bool) -> None:
    counts = vars(done.tally)
    if as_json:
        typer.echo(json.dumps({"parts": done.parts, "counts": counts}, default=int))
    else:
        told = ", ".join(f"{count:,} {status}" for status, count in counts.items())
        _out.print(f"{done.parts} files: {told}. They are in {out}.")


def locate(
    lon: Annotated[str, typer.Argument(help="Longitude, or easting.")],
    lat: Annotated[str, typer.Argument(help="Latitude, or northing.")],
    crs: Annotated[str | None, typer.Option(help="Datum: wgs84, cgcs2000, gcj02, bd09, EPSG:…")] = None,
    accuracy_m: Annotated[float | None, typer.Option(min=0, help="Accuracy radius in metres.")] = None,
    confidence: Annotated[
        float, typer.Option(help="What the radius stands for: 0.95 browsers, 0.68 Android.")
    ] = 0.95,
    as_of: Annotated[
        dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day whose edition answers.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For a program to read.")] = False,
) -> None:
    """Say which grid owns a point, how sure that is, and whom to call.

    Example: `wangge locate 111.62 40.81 --crs gcj02`
    """
    from gis.layers.database import open_database
    from gis.service.owning.one_off import locate_once
    from gis.service.owning.questions import read_number

    # A slip of the keyboard is told before the database is started for it.
    read_number(lon, "lon")
    read_number(lat, "lat")
    parse_crs(crs, where="--crs")
    with open_database(settings()) as database, database.connection() as connection:
        answer = locate_once(
            connection,
            settings(),
            lon=lon,
            lat=lat,
            crs=crs,
            accuracy_m=accuracy_m,
            confidence=confidence,
            as_of=as_of,
        )
    if as_json:
        typer.echo(json.dumps(answer, ensure_ascii=False, indent=2))
        return
    _out.print(answer["why"], markup=False)
