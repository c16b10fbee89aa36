"""`import` and `export`: layers from files and into files."""

from __future__ import annotations

import datetime as dt
import getpass
import json
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gis.cli.accounts import print_account
from gis.errors import InputError
from gis.settings import CHINA_STANDARD_TIME, settings

_out = Console(soft_wrap=True, highlight=False)

# Spelt out here so that the help can list them without loading the database's libraries; a test holds them
# to gis.layers.schema.LAYERS.
Layer = StrEnum(
    "Layer",
    ["divisions", "grids", "compounds", "buildings", "service_points", "streets", "staff", "incidents"],
)


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands.

    Parameters
    ----------
    app
        The command line.
    """
    app.command("import")(import_file)
    app.command("export")(export_file)


def import_file(
    layer: Annotated[Layer, typer.Argument(help="Which layer.")],
    file: Annotated[Path, typer.Argument(help="GeoPackage, Shapefile, GeoJSON, CSV, XLSX or Parquet.")],
    crs: Annotated[
        str | None,
        typer.Option(help="Datum: cgcs2000, wgs84, gcj02, bd09, EPSG:…; needed where the file has none."),
    ] = None,
    field: Annotated[
        list[str] | None, typer.Option(help="ours=theirs, for a column of another name; repeat.")
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="Of a CSV file or Shapefile; found out.")] = None,
    sheet: Annotated[
        str | None, typer.Option(help="The layer of a GeoPackage, or sheet of an XLSX file.")
    ] = None,
    force_crs: Annotated[
        bool, typer.Option("--force-crs", help="--crs beats the file's own label, known to be wrong.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Grids: the file is the whole new state of its communities.")
    ] = False,
    effective_from: Annotated[
        dt.datetime | None,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"], help="Grids: from when the new edition is in force (now)."
        ),
    ] = None,
    note: Annotated[str | None, typer.Option(help="Grids: what the edition is, in words.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report only; change nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For a program to read.")] = False,
) -> None:
    """Take a file into a layer: known codes are updated, new ones added, bad rows refused and reported.

    Exit status 1 where rows were refused; what was good is kept all the same.

    Example: `wangge import buildings 楼栋.shp --crs gcj02 --field building_code=LDBM --dry-run`
    """
    from gis.layers.database import open_database
    from gis.layers.importing import import_layer
    from gis.layers.source_file import check_file, file_format

    file_format(file)
    check_file(file)

    with (
        open_database(settings()) as database,
        database.connection() as connection,
        _out.status(f"{file.name} → {layer}"),
    ):
        done = import_layer(
            connection,
            layer,
            file,
            actor=f"command line ({getpass.getuser()})",
            crs=crs,
            fields=_mapping(field or ()),
            encoding=encoding,
            file_layer=sheet,
            override_crs=force_crs,
            replace=replace,
            effective_from=_in_china(effective_from),
            note=note,
            dry_run=dry_run,
        )
    if as_json:
        typer.echo(json.dumps(done.as_dict(), ensure_ascii=False))
    else:
        print_account(_out, done.report)
        written = done.written
        would = "would be " if dry_run else ""
        _out.print(
            f"{layer}: {would}{written.added} added, {written.changed} changed, {written.same} as they were"
        )
        for edition in done.editions:
            _out.print(
                f"edition {edition.number} of {edition.county_code}, in force from "
                f"{edition.effective_from.astimezone(CHINA_STANDARD_TIME):%Y-%m-%d %H:%M}, "
                f"digest {edition.digest[:12]}"
            )
    if done.report.refused:
        raise typer.Exit(1)


def export_file(
    layer: Annotated[Layer, typer.Argument(help="Which layer.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where to; the suffix names the format.")],
    format_: Annotated[
        str | None,
        typer.Option("--format", help="gpkg, geojson, shp, csv or parquet, where the suffix does not tell."),
    ] = None,
    crs: Annotated[str, typer.Option(help="Datum to write in.")] = "cgcs2000",
    county: Annotated[str | None, typer.Option(help="Only this county's rows.")] = None,
    edition: Annotated[
        int | None, typer.Option(min=1, help="Grids: an edition's number; needs --county.")
    ] = None,
    as_of: Annotated[
        dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Grids: the day whose edition is wanted.")
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="With the personal columns; handle the file accordingly.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For a program to read.")] = False,
) -> None:
    """Write a layer into a file that can be imported again, field by field.

    Example: `wangge export grids -o grids.gpkg --as-of 2026-01-01`
    """
    from gis.layers.database import open_database
    from gis.layers.exporting import export_layer

    with open_database(settings()) as database, database.connection() as connection:
        done = export_layer(
            connection,
            layer,
            out,
            format=format_,
            crs=crs,
            county_code=county,
            edition=edition,
            as_of=_in_china(as_of),
            private=private,
        )
    if as_json:
        typer.echo(json.dumps(done.as_dict(), ensure_ascii=False))
    else:
        editions = ", ".join(f"edition {stamp.number} of {stamp.county_code}" for stamp in done.editions)
        _out.print(f"{done.rows} rows of {layer}{f' ({editions})' if editions else ''} are in {done.path}.")


def _mapping(fields: Iterable[str]) -> dict[str, str]:
    found = {}
    for field in fields:
        ours, equals, theirs = field.partition("=")
        if not equals or not ours.strip() or not theirs.strip():
            raise InputError(
                f"{field!r} maps nothing", where="--field", mend="write ours=theirs, such as name=MC"
            )
        found[ours.strip()] = theirs.strip()
    return found


def _in_china(when: dt.datetime | None) -> dt.datetime | None:
    return None if when is None else when.replace(tzinfo=CHINA_STANDARD_TIME)
