"""Measure the service under load, beside the plain way on the same data, in the same run.

wrk (from Debian) drives ``GET /api/v1/locate`` with random points at 1, 16 and 64 connections, on a plain
FastAPI + asyncpg + ST_Covers route and on ours. Then reports are sent at full rate while others listen to the
feed, and the database is asked what became of them. The table goes into docs/benchmarks.md between its
``bench-http`` marks.

    python -m bench.http --seconds 10 --reports 10000
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import text

from bench._http_reports import Flood, flood
from gis.demo.district import make_district
from gis.layers.database import Database, check_server, connect, upgrade
from gis.layers.embedded import Cluster
from gis.service.access import create_token
from gis.service.loading import load_place

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs" / "benchmarks.md"
CONNECTIONS = (1, 16, 64)
GOAL_TIMES, GOAL_P99 = 5.0, 0.25
_POINTS = 20_000

_SCRIPT = """
local paths = {}
for line in io.lines("%s") do paths[#paths + 1] = line end
local at = math.random(#paths)
request = function()
  at = at %% #paths + 1
  return wrk.format("GET", paths[at])
end
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format("RESULT %%f %%f %%f %%d\\n", summary.requests / (summary.duration / 1e6),
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
"""


@dataclass(frozen=True)
class Load:
    """What one run of wrk measured: requests/s, milliseconds, and answers that were no 200."""

    rate: float
    p50_ms: float
    p99_ms: float
    errors: int


def main() -> None:
    """Run the benchmark and write its table."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--seconds", type=int, default=10)
    asked.add_argument("--reports", type=int, default=10_000)
    asked.add_argument("--listeners", type=int, default=100)
    asked.add_argument("--workers", type=int, default=2, help="of uvicorn, for both sides alike")
    asked.add_argument("--dry", action="store_true", help="print only")
    options = asked.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed: apt-get install wrk")
    with tempfile.TemporaryDirectory(prefix="wangge-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        with Cluster(folder / "pg").running() as url:
            database = connect(url)
            token, points, grids = load(database)
            loads = {}
            for side in ("plain", "ours"):
                with serving(side, url, folder, options.workers) as address:
                    script = write_script(folder, points, side)
                    drive(address, script, 16, 2)  # warm
                    for connections in CONNECTIONS:
                        loads[side, connections] = drive(address, script, connections, options.seconds)
                        print(side, connections, loads[side, connections], flush=True)
            with serving("ours", url, folder, options.workers) as address:
                flooded = asyncio.run(
                    flood(
                        address,
                        token,
                        points,
                        reports=options.reports,
                        connections=64,
                        listeners=options.listeners,
                    )
                )
            with database.connection() as connection:
                rows, keys, numbers = connection.execute(
                    text(
                        "SELECT (SELECT count(*) FROM wangge.incident), "
                        "(SELECT count(*) FROM wangge.kept_answer), "
                        "(SELECT count(DISTINCT incident_number) FROM wangge.incident)"
                    )
                ).one()
            database.engine.dispose()
    assert rows == numbers == keys, "an incident without its key, or two with one number"
    table = told(loads, flooded, int(rows), grids, options.workers)
    print(table)
    if not options.dry:
        write_between(table)


def load(database: Database) -> tuple[str, NDArray[np.float64], int]:
    """Load the made-up district: 35 communities, 289 basic grids.

    Parameters
    ----------
    database
        Empty.

    Returns
    -------
    tuple
        A dispatcher's token, random points inside the district, and the number of basic grids.
    """
    check_server(database)
    upgrade(database)
    frames = make_district()
    load_place(database, frames, actor="bench")
    with database.connection() as connection:
        token = create_token(
            connection, "bench", "dispatcher", str(frames["divisions"]["division_code"].min())
        )
        connection.execute(text("ANALYZE wangge.grid_boundary"))
    grids = frames["grids"]
    basic = grids[grids["grid_type"] == "basic"]
    rng = np.random.default_rng(5)
    west, south, east, north = basic.total_bounds
    drawn = np.column_stack([rng.uniform(west, east, 4 * _POINTS), rng.uniform(south, north, 4 * _POINTS)])
    land = basic.geometry.union_all()
    shapely.prepare(land)
    return token, drawn[shapely.contains_xy(land, drawn[:, 0], drawn[:, 1])][:_POINTS], len(basic)


def write_script(folder: Path, points: NDArray[np.float64], side: str) -> Path:
    """Write the addresses that wrk asks for, and the script that picks them.

    Parameters
    ----------
    folder
        Where to.
    points
        Longitude and latitude.
    side
        ``plain`` or ``ours``.

    Returns
    -------
    pathlib.Path
        The script.
    """
    crs = "" if side == "plain" else "&crs=cgcs2000"
    paths = folder / f"{side}.txt"
    paths.write_text("\n".join(f"/api/v1/locate?lon={x:.7f}&lat={y:.7f}{crs}" for x, y in points) + "\n")
    script = folder / f"{side}.lua"
    script.write_text(_SCRIPT % paths)
    return script


def drive(address: str, script: Path, connections: int, seconds: int) -> Load:
    """Run wrk once.

    Parameters
    ----------
    address
        Of the server.
    script
        From :func:`write_script`.
    connections
        At once.
    seconds
        For how long.

    Returns
    -------
    Load
        The figures.
    """
    run = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(script), address],
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"RESULT ([\d.]+) ([\d.]+) ([\d.]+) (\d+)", run.stdout)
    assert found is not None, run.stdout
    return Load(float(found[1]), float(found[2]), float(found[3]), int(found[4]))


@contextmanager
def serving(side: str, url: str, folder: Path, workers: int) -> Iterator[str]:
    """Serve one side on a free port, with uvloop and httptools and no access log.

    Parameters
    ----------
    side
        ``plain`` or ``ours``.
    url
        The database.
    folder
        For the service's files.
    workers
        Of uvicorn.

    Yields
    ------
    str
        The address.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    plain_url = re.sub(r"^postgresql\+\w+:", "postgresql:", url)
    environment = {
        **os.environ,
        "WANGGE_DATABASE_URL": plain_url if side == "plain" else url,
        "WANGGE_DATA_DIR": str(folder / "data"),
    }
    plain = [
        *("uvicorn", "bench._http_plain:app", "--port", str(port), "--workers", str(workers)),
        *("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"),
    ]
    ours = ["bench._http_ours", str(port), str(workers)]
    server = subprocess.Popen(
        [sys.executable, "-m", *(plain if side == "plain" else ours)],
        cwd=ROOT,
        env=environment,
        start_new_session=True,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until_up(f"{address}/openapi.json", server)
        yield address
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def wait_until_up(url: str, server: subprocess.Popen[bytes]) -> None:
    """Wait until a server answers.

    Parameters
    ----------
    url
        What to ask.
    server
        Its process.
    """
    end = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).read()  # noqa: S310 - our own server
        except OSError:
            assert server.poll() is None, "the server ended"
            assert time.monotonic() < end, "the server does not answer"
            time.sleep(0.1)
        else:
            return


def told(loads: dict[tuple[str, int], Load], flooded: Flood, rows: int, grids: int, workers: int) -> str:
    """Write the figures as Markdown.

    Parameters
    ----------
    loads
        Side and connections → figures.
    flooded
        The flood of reports.
    rows
        Incidents in the database afterwards.
    grids
        Basic grids of the district.
    workers
        Of uvicorn.

    Returns
    -------
    str
        Tables and words.
    """
    lines = [
        f"""One point to its owner over HTTP: {grids} basic grids, random points inside, wrk on the same
{os.cpu_count()} cores as server and database, uvicorn with {workers} worker(s), uvloop and httptools on both
sides, ours with `wangge serve`'s own protocol. The plain route (FastAPI + asyncpg + GiST + `ST_Covers`)
answers with the grid's code alone; ours with edition, margin, candidates, staff, community, compound,
building and reasons.
""",
        "| connections | plain req/s | p50 ms | p99 ms | ours req/s | p50 ms | p99 ms | times | p99 ratio |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for connections in CONNECTIONS:
        plain, ours = loads["plain", connections], loads["ours", connections]
        assert plain.errors == ours.errors == 0, "some answers were no 200"
        cells = [
            str(connections),
            *(f"{plain.rate:,.0f}", f"{plain.p50_ms:.2f}", f"{plain.p99_ms:.2f}"),
            *(f"{ours.rate:,.0f}", f"{ours.p50_ms:.2f}", f"{ours.p99_ms:.2f}"),
            *(f"{ours.rate / plain.rate:.1f}", f"{ours.p99_ms / plain.p99_ms:.2f}"),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lost, doubled = flooded.reports - min(rows, flooded.reports), max(rows - flooded.reports, 0)
    lines.append(
        f"""
Goal: at least {GOAL_TIMES:g} times, and p99 at most {GOAL_P99:g} of the plain route's.

Reports at full rate over 64 connections, one in ten sent twice with its key: {flooded.reports:,} reports in
{flooded.requests:,} requests, {flooded.requests / flooded.seconds:,.0f}/s, p50 {flooded.p50_ms:.0f} ms, p99
{flooded.p99_ms:.0f} ms. In the database afterwards: {rows:,} incidents; **{lost} lost, {doubled} doubled**.
{flooded.listeners} listeners to the feed heard of each {flooded.feed_p50_ms:.0f} ms (p50) and
{flooded.feed_p99_ms:.0f} ms (p99) after it was sent; not heard of: {flooded.unheard}."""
    )
    return "\n".join(lines)


def write_between(table: str) -> None:
    """Put the figures between the marks of docs/benchmarks.md.

    Parameters
    ----------
    table
        Markdown.
    """
    begin, end = "<!-- bench-http:begin -->", "<!-- bench-http:end -->"
    old = DOCS.read_text(encoding="utf-8") if DOCS.exists() else "# Benchmarks\n"
    if begin not in old:
        old = f"{old.rstrip()}\n\n## The service under load\n\n{begin}\n{end}\n"
    new = re.sub(
        f"{re.escape(begin)}.*?{re.escape(end)}", lambda _: f"{begin}\n{table}\n{end}", old, flags=re.DOTALL
    )
    DOCS.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
