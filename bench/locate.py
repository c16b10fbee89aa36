"""Measure who owns a point: ours beside every tool that answers the same question, in one run.

Run: ``python -m bench.locate [--points 20000000] [--oracle 12000000] [--growth 1000000] [--small]``.
The grids are made up and seeded: crooked tessellations with 96 vertices a grid. Writes the table and the
plot in docs/benchmarks.md between its ``bench-locate`` marks, and the figures of docs/scale.md.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from bench._locate_data import make_grids, make_points, sort_points
from bench._locate_memory import clock_hz, fetch_seconds
from bench._locate_oracle import disagreements
from bench._locate_peers import PEERS, Absent
from gis.locate.counties import Counties
from gis.locate.index import GridIndex
from gis.locate.stream import assign_parquet

Floats = NDArray[np.float64]
Shapes = NDArray[np.object_]
Ints = NDArray[np.int64]
Ours = tuple[int, float, float, dict[tuple[str, str], float]]
Grown = tuple[str, float, float, list[float]]

DOCS = Path(__file__).parents[1] / "docs"
PLOT = DOCS / "bench-locate.svg"
SIZES = (300, 3_000, 30_000)
KINDS = ("uniform", "clustered", "border")
REPEATS = 5
GOAL = 50
"""Times the fastest peer."""
_OTHERS = (
    "What the others do that this does not: every one of them joins any geometry with any other by any "
    "predicate, in any reference system, over tables that change; PostGIS does so under transactions, DuckDB "
    "and SedonaDB beyond memory. Ours answers one question, a point's one owner among polygons compiled "
    "beforehand on a lattice of 1e-8°, and earns its speed by that."
)
ORACLE_HEAD = "| whole-number oracle"
COUNTY = 3_000
"""Grids of a large county, the unit of an index; a nation has about a million grids."""


def codes_of(grids: Shapes) -> list[str]:
    """Give grids codes as a district has them."""
    return [f"62{i // 799:010d}{i % 799 + 1:03d}" for i in range(len(grids))]


def best_of(run: Callable[[], Any], repeats: int = REPEATS) -> float:
    """Give the shortest time of several, in seconds: what disturbs a run only lengthens it."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def measure_ours(sizes: tuple[int, ...], points: int) -> list[Ours]:
    """Measure build, memory and look-ups: a row of the table for each size."""
    rows = []
    for size in sizes:
        grids = make_grids(size)
        codes = codes_of(grids)
        build = best_of(lambda grids=grids, codes=codes: GridIndex.build(grids, codes), 2)
        index = GridIndex.build(grids, codes)
        rates = {}
        for kind in KINDS:
            lon, lat = make_points(grids, points, kind)
            index.locate(lon[:1000], lat[:1000])
            rates[kind, "shuffled"] = points / best_of(
                lambda lon=lon, lat=lat, index=index: index.locate(lon, lat)
            )
            lon, lat = sort_points(lon, lat)
            rates[kind, "sorted"] = points / best_of(
                lambda lon=lon, lat=lat, index=index: index.locate(lon, lat)
            )
        rows.append((size, build, index.nbytes / size, rates))
        print(f"ours, {size} grids: build {build:.2f} s, {index.nbytes / size:.0f} B a grid, "
              f"uniform shuffled {rates['uniform', 'shuffled'] / 1e6:.1f} M/s", flush=True)  # fmt: skip
    return rows


def measure_peers(
    sizes: tuple[int, ...], kinds: tuple[str, ...], scale: float
) -> dict[tuple[str, int, str], Any]:
    """Measure every peer on the same grids and the first of the same points."""
    found = {}
    for size in sizes:
        grids = make_grids(size)
        index = GridIndex.build(grids, codes_of(grids))
        for kind in kinds:
            lon, lat = make_points(grids, max(count for _, count in PEERS.values()), kind)
            for name, (ask, count) in PEERS.items():
                count = max(1000, int(count * scale))  # noqa: PLW2901
                try:
                    measure = ask(grids, lon[:count], lat[:count])
                except Absent as reason:
                    found[name, size, kind] = str(reason)
                    continue
                owned = int((index.locate(lon[:count], lat[:count]) >= 0).sum())
                if abs(measure.pairs - owned) > count * 1e-4:
                    raise SystemExit(f"{name} found {measure.pairs} pairs and we {owned}")
                found[name, size, kind] = count / measure.join_s
                print(f"{name}, {size} grids, {kind}: {count / measure.join_s / 1e6:.3f} M/s", flush=True)
    return found


def measure_files(rows: int) -> float:
    """Measure Parquet to Parquet, all columns kept, in rows/s."""
    grids = make_grids(3_000)
    index = GridIndex.build(grids, codes_of(grids))
    lon, lat = make_points(grids, rows, "clustered")
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.parquet", Path(folder) / "out.parquet"
        table = pa.table({"id": np.arange(rows), "lon": lon, "lat": lat})
        pq.write_table(table, source, use_dictionary=False, row_group_size=1 << 20)
        return rows / best_of(lambda: assign_parquet(index, source, target), 3)


def measure_growth(most: int, points: int) -> list[Grown]:
    """Measure one index as grids grow, each grid of 8 vertices, and the largest cut into counties."""
    rows = []
    size = 100
    while size <= most:
        grids = make_grids(size, bends=1)
        codes = codes_of(grids)
        start = time.perf_counter()
        index = GridIndex.build(grids, codes)
        build = time.perf_counter() - start
        rates = [
            points / best_of(lambda p=p, index=index: index.locate(*p), 3) for p in _orders(grids, points)
        ]
        rows.append((f"one index of {size:,} grids", build, index.nbytes / size, rates))
        print(rows[-1], flush=True)
        size *= 10
    rows.append(_measure_counties(grids, codes, points))
    print(rows[-1], flush=True)
    return rows


def _orders(grids: Shapes, points: int) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    lon, lat = make_points(grids, points, "uniform")
    return (lon, lat), sort_points(lon, lat)


def _measure_counties(grids: Shapes, codes: list[str], points: int) -> Grown:
    """Measure one index a county, asked together."""
    side = int(np.ceil(np.sqrt(len(grids))))
    block = int(np.sqrt(COUNTY))
    row, column = np.divmod(np.arange(len(grids)), side)
    county = row // block * (side // block + 1) + column // block
    _, county = np.unique(county, return_inverse=True)
    start = time.perf_counter()
    members = [np.flatnonzero(county == number) for number in range(county.max() + 1)]
    indexes = [GridIndex.build(grids[some], [codes[i] for i in some]) for some in members]
    build = time.perf_counter() - start
    joined = Counties.join(indexes)
    print(f"{len(indexes)} counties joined in {time.perf_counter() - start - build:.2f} s", flush=True)
    rates = [points / best_of(lambda p=p: joined.locate(*p), 3) for p in _orders(grids, points)]
    size = (sum(index.nbytes for index in indexes) + joined.outlines.nbytes) / len(grids)
    return (f"{len(grids):,} grids, one index for each of {len(indexes)} counties", build, size, rates)


def report(
    ours: list[Ours],
    peers: dict[tuple[str, int, str], Any],
    files: float,
    growth: list[Grown],
    oracle: list[tuple[str, int, int]],
    options: argparse.Namespace,
) -> str:
    """Write all of it as Markdown."""
    lines = [
        f"Measured {dt.datetime.now(dt.UTC):%Y-%m-%d} on {os.cpu_count()} cores ({platform.machine()}, "
        f"Python {platform.python_version()}) by `make bench-locate`"
        + (" **in its small form: not to be quoted**" if options.small else "")
        + ". Million points per second; look-ups only, everything in memory, the best of several.",
        "",
        "| Wangge, grids | build | memory a grid | "
        + " | ".join(f"{kind}, {order}" for kind in KINDS for order in ("shuffled", "sorted"))
        + " |",
        "|---|" + "---|" * 8,
    ]
    for size, build, memory, rates in ours:
        cells = " | ".join(
            f"{rates[kind, order] / 1e6:.1f}" for kind in KINDS for order in ("shuffled", "sorted")
        )
        lines.append(f"| {size:,} | {build:.2f} s | {memory / 1000:.1f} kB | {cells} |")
    asked = list(dict.fromkeys((size, kind) for _, size, kind in peers))
    if asked:
        lines += [
            "",
            "| the same question, shuffled points | "
            + " | ".join(f"{size:,} grids, {kind}" for size, kind in asked)
            + " |",
            "|---|" + "---|" * len(asked),
        ]
        mine = {(size, kind): rates[kind, "shuffled"] for size, _, _, rates in ours for kind in KINDS}
        lines.append("| **Wangge** | " + " | ".join(f"**{mine[key] / 1e6:.1f}**" for key in asked) + " |")
        for name in PEERS:
            lines.append(
                f"| {name} | " + " | ".join(_cell(peers[name, *key], mine[key]) for key in asked) + " |"
            )
        lines += ["", _goal_line(mine, peers, asked), "", _memory_line(ours)]
        if not options.dry:
            _plot(mine, peers, asked)
        lines += ["", f"![Points per second by tool]({PLOT.name})"]
    lines += [
        "",
        _OTHERS,
    ]
    if files:
        lines += [
            "",
            f"Parquet to Parquet, 3 columns in and 4 out, 3,000 grids: {files / 1e6:.1f} M rows/s.",
        ]
    if growth:
        lines += [
            "",
            "| grids of 8 vertices | build | memory a grid | uniform, shuffled | uniform, sorted |",
            "|---|---|---|---|---|",
        ]
        for name, build, memory, rates in growth:
            lines.append(
                f"| {name} | {build:.2f} s | {memory / 1000:.2f} kB | "
                + " | ".join(f"{rate / 1e6:.1f}" for rate in rates)
                + " |"
            )
    if oracle:
        lines += ["", *oracle_table(oracle)]
    return "\n".join(lines)


def _goal_line(
    mine: dict[tuple[int, str], float], peers: dict[tuple[str, int, str], Any], asked: list[tuple[int, str]]
) -> str:
    """Say where the goal holds, and where not."""
    times = []
    for size, kind in asked:
        name, rate = max(
            ((n, peers[n, size, kind]) for n in PEERS if not isinstance(peers[n, size, kind], str)),
            key=lambda peer: peer[1],
        )
        ratio = mine[size, kind] / rate
        verdict = "holds" if ratio >= GOAL else "does not hold"
        times.append(f"{size:,} grids, {kind}: {ratio:.0f}× ({name}), {verdict}")
    return f"**Goal: {GOAL} times the fastest peer.** " + "; ".join(times) + "."


def _memory_line(ours: list[Ours]) -> str:
    """Say what a point costs beside what one fetch from memory costs on this machine."""
    clock = clock_hz()
    parts = []
    for megabytes in (1, 8, 64):
        one, many = fetch_seconds(megabytes << 20)
        parts.append(f"{megabytes} MB {one * 1e9:.0f} ns alone and {many * 1e9:.1f} ns among many")
    costs = [
        f"{size:,} grids, {kind}: {2 / rates[kind, 'shuffled'] * 1e9:.1f} ns"
        + (f" ({2 / rates[kind, 'shuffled'] * clock:.0f} cycles)" if clock else "")
        for size, _, _, rates in ours
        for kind in ("uniform", "border")
    ]
    return (
        "Memory of the machine, one fetch of a line at random from a table of "
        + ", ".join(parts)
        + ". A shuffled point costs a core: "
        + "; ".join(costs)
        + "."
    )


def _cell(rate: float | str, ours: list[Ours]) -> str:
    return rate if isinstance(rate, str) else f"{rate / 1e6:.2f} ({ours / rate:,.0f}×)"


def _plot(
    mine: dict[tuple[int, str], float], peers: dict[tuple[str, int, str], Any], asked: list[tuple[int, str]]
) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "wangge"
    from matplotlib import pyplot as plt

    key = next((k for k in asked if k == (3_000, "uniform")), asked[0])
    bars = [("Wangge", mine[key])] + [
        (n, peers[n, *key]) for n in PEERS if not isinstance(peers[n, *key], str)
    ]
    bars.sort(key=lambda bar: bar[1])
    figure, axes = plt.subplots(figsize=(8, 0.5 * len(bars) + 1.2), layout="constrained")
    axes.barh(
        [n for n, _ in bars],
        [r for _, r in bars],
        color=["#c8102e" if n == "Wangge" else "#8a94a0" for n, _ in bars],
    )
    axes.set_xscale("log")
    axes.set_xlabel(f"points per second (logarithmic), {key[0]:,} grids, {key[1]}, shuffled")
    for place, (_, rate) in enumerate(bars):
        axes.annotate(f" {rate / 1e6:.2f} M", (rate, place), va="center")
    axes.margins(x=0.15)
    figure.savefig(PLOT, metadata={"Date": None})


def report_scale(ours: list[Ours], files: float) -> str:
    """Say what a province and the nation need, from what was measured."""
    size, build, memory, rates = next((row for row in ours if row[0] == COUNTY), ours[-1])
    rate = rates["clustered", "shuffled"]
    rows = [
        "| | grids | indexes in memory | to compile all | 100 M look-ups | 100 M rows of Parquet |",
        "|---|---|---|---|---|---|",
    ]
    for name, grids in (("county", 3_000), ("province", 40_000), ("nation", 1_000_000)):
        rows.append(
            f"| {name} | {grids:,} | {grids * memory / 1e6:,.0f} MB | {grids * build / size:,.1f} s | "
            f"{1e8 / rate:.1f} s | {f'{1e8 / files:.0f} s' if files else 'not measured'} |"
        )
    return "\n".join(rows)


def write_between(path: Path, name: str, text: str, *, heading: str) -> None:
    """Put a text between the marks of one benchmark; make the file or the marks where they are missing."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    old = path.read_text(encoding="utf-8") if path.exists() else "# Benchmarks\n"
    if begin not in old:
        old = f"{old.rstrip()}\n\n## {heading}\n\n{begin}\n{end}\n"
    new = re.sub(
        f"{re.escape(begin)}.*?{re.escape(end)}", lambda _: f"{begin}\n{text}\n{end}", old, flags=re.DOTALL
    )
    path.write_text(new, encoding="utf-8")


def oracle_table(oracle: list[tuple[str, int, int]]) -> list[str]:
    """Write the table of points asked of the oracle too; the ring of one shape has fewer places to ask at."""
    return [
        f"{ORACLE_HEAD} | points | disagreements |",
        "|---|---|---|",
        *(f"| {name} | {count:,} | {wrong} |" for name, count, wrong in oracle),
        f"| all | {sum(row[1] for row in oracle):,} | {sum(row[2] for row in oracle)} |",
    ]


def renew_oracle(oracle: list[tuple[str, int, int]], *, dry: bool) -> None:
    """Put a new oracle's table where the old one stands, or only print it."""
    table = "\n".join(oracle_table(oracle))
    print(table)
    if dry:
        return
    page = DOCS / "benchmarks.md"
    text = page.read_text(encoding="utf-8")
    at = text.index(ORACLE_HEAD)
    end = text.index("<!-- bench-locate:end -->")
    page.write_text(f"{text[:at]}{table}\n{text[end:]}", encoding="utf-8")
    if sum(row[2] for row in oracle):
        raise SystemExit("the engine and the oracle disagree")


def main(arguments: list[str]) -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--points", type=int, default=20_000_000, help="for ours; peers get 200,000 to a million"
    )
    parser.add_argument("--oracle", type=int, default=12_000_000, help="hostile points; 0 for none")
    parser.add_argument(
        "--only-oracle", action="store_true", help="only the oracle, into the table it stands in"
    )
    parser.add_argument("--only-files", action="store_true", help="only Parquet to Parquet, and print it")
    parser.add_argument(
        "--growth", type=int, default=1_000_000, help="most grids of the growth table; 0 for none"
    )
    parser.add_argument("--small", action="store_true", help="a twentieth of everything, to try it out")
    parser.add_argument("--dry", action="store_true", help="print, and write no file")
    options = parser.parse_args(arguments)
    share = 0.05 if options.small else 1.0
    if options.only_oracle:
        renew_oracle(disagreements(int(options.oracle * share)), dry=options.dry)
        return
    points = int(options.points * share)
    # First: the peers' databases leave the disk busy.
    files = measure_files(points)
    print(f"Parquet to Parquet: {files / 1e6:.1f} M rows/s", flush=True)
    if options.only_files:
        return
    ours = measure_ours(SIZES[:2] if options.small else SIZES, points)
    peers = measure_peers((3_000,), ("uniform",), share) if options.small else {
        **measure_peers(SIZES, ("uniform",), 1.0), **measure_peers((3_000,), ("clustered", "border"), 1.0)
    }  # fmt: skip
    growth = measure_growth(int(options.growth * share), points) if options.growth else []
    oracle = disagreements(int(options.oracle * share)) if options.oracle else []
    text = report(ours, peers, files, growth, oracle, options)
    scale = report_scale(ours, files)
    print(text, scale, sep="\n\n")
    if not options.dry:
        write_between(DOCS / "benchmarks.md", "bench-locate", text, heading="Who owns a point")
        write_between(DOCS / "scale.md", "bench-locate", scale, heading="Measured")
    if sum(row[2] for row in oracle):
        raise SystemExit("the engine and the oracle disagree")


if __name__ == "__main__":
    main(sys.argv[1:])
