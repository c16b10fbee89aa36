"""`map`: pictures of a place."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from gis.errors import InputError
from gis.settings import settings

_out = Console(soft_wrap=True, highlight=False)


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands.

    Parameters
    ----------
    app
        The command line.
    """
    pictures = typer.Typer(help="Pictures of a place.", no_args_is_help=True)
    pictures.command("service")(service)
    app.add_typer(pictures, name="map")


def service(
    community: Annotated[str, typer.Option(help="Code of the community.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The page to write.")],
    parts: Annotated[
        Literal["inline", "folder"],
        typer.Option(help="inline: one file; folder: a folder of parts beside it."),
    ] = "inline",
    language: Annotated[
        Literal["zh", "en"], typer.Option(help="That the page opens in; it has both.")
    ] = "zh",
    as_of: Annotated[
        dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day whose edition is drawn.")
    ] = None,
) -> None:
    """Draw the residents' service map: it opens from a disk, with no network at all.

    Example: `wangge map service --community 150103099901 -o map.html`
    """
    from gis.layers.database import open_database
    from gis.service.mapping import community_map
    from maps.page import write

    if out.suffix.lower() not in {".html", ".htm"}:
        raise InputError(f"{out.name} is not an HTML file", where="--out", mend="name it something.html")
    with open_database(settings()) as database, database.connection() as connection:
        picture = community_map(
            connection, community, settings(), language=language, delivery=parts, as_of=as_of
        )
    write(picture, out)
    _out.print(f"The map is in {out} ({out.stat().st_size / 1024:,.0f} KB); open it in any browser.")
