"""`up`, `serve`, `token`, `doctor` and `demo`: the service as a whole."""

from __future__ import annotations

import datetime as dt
import errno
import json
import socket
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from gis.errors import InputError
from gis.settings import Settings, settings
from gis.terms import Role

_out = Console(soft_wrap=True, highlight=False)


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands.

    Parameters
    ----------
    app
        The command line.
    """
    app.command("up")(up)
    app.command("serve")(serve)
    app.command("doctor")(doctor)
    app.command("demo")(demo)
    token = typer.Typer(help="Keys to the parts that are not public.", no_args_is_help=True)
    token.command("create")(token_create)
    token.command("list")(token_list)
    token.command("revoke")(token_revoke)
    app.add_typer(token, name="token")


Host = Annotated[str | None, typer.Option(help="Address to serve on (127.0.0.1).")]
Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Port to serve on (8000).")]


def up(
    host: Host = None,
    port: Port = None,
    demo_place: Annotated[
        bool,
        typer.Option("--demo/--no-demo", help="Load the demonstration community where nothing is loaded."),
    ] = True,
    migrate_only: Annotated[
        bool, typer.Option("--migrate-only", help="Bring the database's schema up to this version, and stop.")
    ] = False,
) -> None:
    """Make everything ready and serve: database, schema, demonstration community, pages.

    Example: `wangge up --port 8080`
    """
    from gis.layers.database import open_database
    from gis.service.loading import is_empty
    from gis.service.starting import demo_links, load_demo

    chosen = _chosen(host, port)
    if not migrate_only:
        _refuse_taken_port(chosen)
    with open_database(chosen, migrate=True) as database:
        if migrate_only:
            _out.print("The schema is up to date.")
            return
        if demo_place and is_empty(database):
            with _out.status("示例社区 · loading the demonstration community"):
                load_demo(database)
        _print_links(demo_links(database, f"http://{chosen.host}:{chosen.port}"))
        _serve(chosen)


def serve(host: Host = None, port: Port = None) -> None:
    """Serve what is there, loading and changing nothing.

    Example: `wangge serve --host 0.0.0.0 --port 80`
    """
    chosen = _chosen(host, port)
    _refuse_taken_port(chosen)
    _out.print(f"http://{chosen.host}:{chosen.port}/")
    _serve(chosen)


def demo(
    place: Annotated[
        str, typer.Argument(help="community, or district (35 communities, 289 grids).")
    ] = "community",
    seed: Annotated[int | None, typer.Option(min=0, help="Seed; the same seed makes the same place.")] = None,
) -> None:
    """Load a made-up place: the demonstration community, or a whole district for scale.

    Example: `wangge demo district`
    """
    from gis.layers.database import open_database
    from gis.service.starting import load_demo

    if place not in {"community", "district"}:
        raise InputError(f"there is no made-up place {place!r}", mend="choose community or district")
    with open_database(settings()) as database, _out.status(f"loading the made-up {place}"):
        for stamp in load_demo(database, place=place, seed=seed):
            _out.print(f"{stamp.county_code}: edition {stamp.number}, digest {stamp.digest[:12]}")


def doctor(as_json: Annotated[bool, typer.Option("--json", help="For a program to read.")] = False) -> None:
    """Say what is missing, wrong or old, and the mend.

    Example: `wangge doctor --json`
    """
    from gis.service.doctoring import examine

    findings = examine(settings())
    if as_json:
        typer.echo(json.dumps([finding.as_dict() for finding in findings], ensure_ascii=False, indent=2))
    else:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in ("", "what", "found", "mend"):
            table.add_column(column)
        for finding in findings:
            mark = "[green]✓[/]" if finding.fit else "[red]✗[/]"
            table.add_row(mark, finding.what, finding.found, "" if finding.fit else finding.mend)
        _out.print(table)
    if not all(finding.fit for finding in findings):
        raise typer.Exit(1)


def token_create(
    role: Annotated[Role, typer.Option(help="What it may do.")],
    division: Annotated[str, typer.Option(help="Code of the division that it reaches, with all below.")],
    name: Annotated[str, typer.Option(help="Who holds it; the actor in every record.")],
    days: Annotated[
        int | None, typer.Option(min=1, max=36500, help="Days until it ends; none: never.")
    ] = None,
) -> None:
    """Make a token and show it once; only its hash is kept.

    Example: `wangge token create --role dispatcher --division 150103099901 --name desk-1`
    """
    from gis.layers.database import open_database
    from gis.service.access import create_token

    ends = None if days is None else dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
    with open_database(settings()) as database, database.connection() as connection:
        made = create_token(connection, name, role, division, ends)
    typer.echo(made)


def token_list() -> None:
    """List the tokens: who holds them, what they may do, until when.

    Example: `wangge token list`
    """
    from gis.layers.database import open_database
    from gis.service.access import list_tokens

    table = Table("name", "role", "division", "expires", "revoked", box=None, header_style="bold")
    with open_database(settings()) as database, database.connection() as connection:
        for row in list_tokens(connection):
            dates = [str(value.date()) if value else "" for value in (row.expires_at, row.revoked_at)]
            table.add_row(row.name, row.role, row.division_code, *dates)
    _out.print(table)


def token_revoke(name: Annotated[str, typer.Argument(help="Who holds it.")]) -> None:
    """Revoke a token: from now on it opens nothing.

    Example: `wangge token revoke desk-1`
    """
    from gis.layers.database import open_database
    from gis.service.access import revoke_token

    with open_database(settings()) as database, database.connection() as connection:
        revoke_token(connection, name)


def _chosen(host: str | None, port: int | None) -> Settings:
    given = {"host": host, "port": port}
    return settings().model_copy(update={name: value for name, value in given.items() if value is not None})


def _refuse_taken_port(chosen: Settings) -> None:
    with socket.socket(socket.AF_INET6 if ":" in chosen.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((chosen.host, chosen.port))
        except socket.gaierror:
            raise InputError(
                f"{chosen.host!r} is no address of this machine",
                where="--host",
                mend="give 127.0.0.1, or 0.0.0.0 for every address that it has",
            ) from None
        except OSError as error:
            raise InputError(
                f"cannot serve on {chosen.host}:{chosen.port} ({error.strerror})", **_mend_of(error, chosen)
            ) from None


def _mend_of(error: OSError, chosen: Settings) -> dict[str, str]:
    if error.errno == errno.EADDRNOTAVAIL:
        return {"where": "--host", "mend": "give an address of this machine, such as 127.0.0.1 or 0.0.0.0"}
    free = chosen.port + 80 if chosen.port + 80 <= 65535 else 8000
    mend = f"stop what uses it, or choose another: wangge up --port {free if free >= 1024 else 8000}"
    return {"where": "--port", "mend": mend}


def _print_links(links: list[tuple[str, str]]) -> None:
    width = max(len(name.encode("gbk", "replace")) for name, _ in links)
    for name, address in links:
        _out.print(f"  {name}{' ' * (width - len(name.encode('gbk', 'replace')))}  {address}", markup=False)


def _serve(chosen: Settings) -> None:
    import uvicorn

    from gis.service.api.app import create_app
    from gis.service.api.quick_protocol import QuickProtocol

    Path(chosen.data_dir).mkdir(parents=True, exist_ok=True)
    # No access log: it would hold what people asked for.
    uvicorn.run(
        create_app(chosen, own_process=True),
        host=chosen.host,
        port=chosen.port,
        http=QuickProtocol,
        access_log=False,
        log_level="warning",
        server_header=False,
        # A console that listens to the feed never ends its request by itself.
        timeout_graceful_shutdown=3,
    )
