"""`coverage`: who lives within a quarter of an hour of what, as a page, a table or JSON."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from gis.cli.endings import PAGE, ending_of
from gis.settings import settings

if TYPE_CHECKING:
    from gis.service.residents.walking import CommunityCoverage

_out = Console(soft_wrap=True, highlight=False)
_SHARES = (
    "unit", "code", "category", "households", "within", "share", "share_5", "share_10", "share_15",
    "buildings_left_out", "buildings_unknown", "basis",
)  # fmt: skip


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands.

    Parameters
    ----------
    app
        The command line.
    """
    app.command("coverage")(coverage)


def coverage(
    community: Annotated[str, typer.Option(help="Code of the community.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file: .html (a page), .csv or .json.")],
    category: Annotated[
        str | None,
        typer.Option(
            help="One category: CSV and JSON list the homes left out of it, the page opens with it."
        ),
    ] = None,
    minutes: Annotated[float, typer.Option(min=1, max=60, help="What counts as within reach.")] = 15.0,
    group: Annotated[
        Literal["adult", "older", "wheelchair"], typer.Option(help="Whose walking speed, from the settings.")
    ] = "adult",
    speed: Annotated[
        float | None, typer.Option(min=0.1, max=5, help="Metres a second, in place of the group's.")
    ] = None,
    points: Annotated[int, typer.Option(min=1, max=5, help="How many new points to place.")] = 1,
    network: Annotated[
        Path | None,
        typer.Option(help="A walking network that OSMnx saved (GraphML), in place of the streets loaded."),
    ] = None,
    language: Annotated[Literal["zh", "en"], typer.Option(help="Of the page.")] = "zh",
) -> None:
    """Measure who lives within a quarter of an hour of what, and where a new point would help most.

    Along the streets where they are loaded; else by the circle, and then it says so.

    Example: `wangge coverage --community 150103099901 --category toilet -o coverage.html`
    """
    from gis.layers.database import open_database
    from gis.layers.whole_file import whole_file
    from gis.service.residents.walking import community_coverage
    from gis.walking.osmnx_graph import read_osmnx

    write = {".html": _page, ".htm": _page, ".csv": _csv, ".json": _json}[
        ending_of(out, *PAGE, ".csv", ".json")
    ]
    with open_database(settings()) as database, database.connection() as connection:
        measured = community_coverage(
            connection,
            community,
            settings(),
            limit_minutes=minutes,
            group=group,
            speed_m_s=speed,
            network=None if network is None else read_osmnx(network),
        )
    if category is not None:
        measured.check_category(category)
    out.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(out) as draft:
        write(measured, draft, category, points, language)
    _tell(measured)
    _out.print(f"It is in {out} ({out.stat().st_size / 1024:,.0f} KB).", markup=False)


def _page(measured: CommunityCoverage, out: Path, category: str | None, points: int, language: Any) -> None:
    from gis.service.residents.coverage_page import coverage_map
    from maps.page import write

    write(coverage_map(measured, category=category, count=points, language=language), out)


def _csv(measured: CommunityCoverage, out: Path, category: str | None, points: int, language: Any) -> None:  # noqa: ARG001
    """Write the shares by community and grid, or the homes left out of one category."""
    from gis.layers.csv_text import guard

    if category is None:
        facts = measured.as_dict()
        rows = [{"unit": "community", "code": row["community_code"], **row} for row in facts["community"]]
        rows += [{"unit": "grid", "code": row["grid_code"], **row} for row in facts["grids"]]
        columns: tuple[str, ...] = _SHARES
    else:
        rows = measured.left_out(category) if category in measured.coverage.categories else []
        columns = ("building_code", "grid_code", "community_code", "households", "minutes", "basis")
    # With a mark of its encoding, which spreadsheets need for Chinese.
    with out.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        # A spreadsheet turns long codes into numbers, and runs what begins like a formula.
        guarded = (
            {key: guard(one) if isinstance(one, str) else one for key, one in row.items()} for row in rows
        )
        writer.writerows(guarded)


def _json(measured: CommunityCoverage, out: Path, category: str | None, points: int, language: Any) -> None:  # noqa: ARG001
    from gis.service.residents.coverage_page import suggestions

    wanted = [category] if category is not None else measured.coverage.categories
    suggested = suggestions(measured, wanted, points)
    facts = measured.as_dict()
    facts["suggestions"] = [one.as_dict() for one in suggested.values()]
    if category is not None and category in measured.coverage.categories:
        facts["left_out"] = {category: measured.left_out(category)}
    text = json.dumps(facts, ensure_ascii=False, indent=1, default=str)
    out.write_text(text + "\n", encoding="utf-8")


def _tell(measured: CommunityCoverage) -> None:
    """Print the shares, the worst first, and how they were measured."""
    facts = measured.as_dict()
    how = {
        "network": "on foot along the streets",
        "circle": f"by the circle (straight line × {facts['detour']:g}): no street is loaded",
        "mixed": f"along the streets; by the circle (× {facts['detour']:g}) where none is near",
    }[facts["method"]]
    title = (
        f"{measured.frames.name}: within {facts['limit_minutes']:g} min at {facts['speed_m_s']:g} m/s, {how}"
    )
    table = Table(title=title, title_justify="left")
    for name in ("category", "5 min", "10 min", "15 min", "within", "of", "buildings left out"):
        table.add_column(name, justify="left" if name == "category" else "right")
    for row in sorted(facts["community"], key=lambda row: (row["share"] is None, row["share"])):
        shares = [
            "—" if row[key] is None else f"{row[key]:.1%}" for key in ("share_5", "share_10", "share_15")
        ]
        counts = (row["within"], row["households"], row["buildings_left_out"])
        table.add_row(row["category"], *shares, *(f"{count:,}" for count in counts))
    _out.print(table)
