"""`map`, `publish-site` and `handbook`: pictures and pages of a place."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from gis.cli.endings import PAGE, ending_of
from gis.errors import UnavailableError
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
    pictures.command("plan")(plan)
    app.add_typer(pictures, name="map")
    app.command("publish-site")(publish)
    app.command("handbook")(handbook)


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

    ending_of(out, *PAGE)
    with open_database(settings()) as database, database.connection() as connection:
        picture = community_map(
            connection, community, settings(), language=language, delivery=parts, as_of=as_of
        )
    write(picture, out)
    _out.print(f"The map is in {out} ({out.stat().st_size / 1024:,.0f} KB); open it in any browser.")


def plan(
    number: Annotated[int, typer.Option("--plan", min=1, help="Number of the plan.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The page, or the PDF, to write.")],
    language: Annotated[Literal["zh", "en"], typer.Option(help="Of the map.")] = "zh",
) -> None:
    """Draw a plan for the printed notice: old and new borders, names and counts, on A3 lying.

    Example: `wangge map plan --plan 1 -o plan.pdf`
    """
    from gis.layers.database import open_database
    from gis.layers.whole_file import whole_file
    from gis.service.mapping import plan_map
    from maps.page import write

    ending = ending_of(out, *PAGE, ".pdf")
    with open_database(settings()) as database, database.connection() as connection:
        picture = plan_map(connection, number, language=language)
    if ending == ".pdf":
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder, whole_file(out) as draft:
            page = Path(folder) / "plan.html"
            write(picture, page)
            _print(page, draft)
    else:
        write(picture, out)
    _out.print(f"The map is in {out} ({out.stat().st_size / 1024:,.0f} KB).")


def _print(page: Path, out: Path) -> None:
    """Print a page as its own style says, by the browser that is installed."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        raise UnavailableError(
            "a PDF needs Chromium", mend="install chromium, or write .html and print it yourself"
        )
    unboxed = ["--no-sandbox"] if os.getuid() == 0 else []  # Chromium has no sandbox for root
    words = ["--headless", "--disable-gpu", "--no-pdf-header-footer", "--virtual-time-budget=8000", *unboxed]
    profile, target = f"--user-data-dir={page.parent / 'profile'}", f"--print-to-pdf={out.absolute()}"
    done = subprocess.run(
        [browser, *words, profile, target, page.as_uri()],
        capture_output=True,
        timeout=120,
        check=False,
    )
    if done.returncode != 0 or not out.is_file():
        raise UnavailableError("Chromium did not print the page", mend="write .html and print it yourself")


Community = Annotated[str, typer.Option(help="Code of the community.")]
BaseUrl = Annotated[str | None, typer.Option(help="Where the site will stand: for QR codes and the feed.")]


def publish(
    community: Community,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder; an earlier site in it is replaced.")],
    base_url: BaseUrl = None,
    with_handbook: Annotated[
        bool, typer.Option("--handbook/--no-handbook", help="Make the handbook too.")
    ] = True,
) -> None:
    """Publish a community as a static site: map, lists, a page for each grid, data, feed and QR codes.

    Example: `wangge publish-site --community 150103099901 --base-url https://example.cn/grids/ -o site/`
    """
    from gis.layers.database import open_database
    from gis.service.residents.site import publish_site

    with open_database(settings()) as database, _out.status("publishing"):
        site = publish_site(
            database, community, out, settings=settings(), base_url=base_url, with_handbook=with_handbook
        )
    for words in site.missing:
        _out.print(f"  {words}", markup=False)
    _out.print(f"{len(site.files)} files are in {site.folder}; digest {site.digest[:12]}")


def handbook(
    community: Community,
    out: Annotated[Path, typer.Option("--out", "-o", help="The PDF to write.")],
    language: Annotated[Literal["zh", "en"], typer.Option(help="Of the handbook.")] = "zh",
    base_url: BaseUrl = None,
) -> None:
    """Make the residents' service handbook (服务手册) as a PDF, A4.

    Example: `wangge handbook --community 150103099901 -o handbook.pdf`
    """
    from gis.layers.database import open_database
    from gis.service.residents.handbook import make_handbook

    ending_of(out, ".pdf")
    with open_database(settings()) as database, _out.status("setting the handbook"):
        make_handbook(database, community, out, settings=settings(), language=language, base_url=base_url)
    _out.print(f"The handbook is in {out} ({out.stat().st_size / 1024:,.0f} KB).")
