"""The service map over HTTP when it is warm: asked by wrk, with the bytes and without them (304)."""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from bench.http import serving
from gis.demo.community import COMMUNITY, make_community
from gis.layers.database import check_server, connect, upgrade
from gis.layers.embedded import Cluster
from gis.service.loading import load_place

CONNECTIONS = (1, 16)
GOAL_MS = 20.0

_SCRIPT = """
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format("RESULT %f %f %f %d\\n", summary.requests / (summary.duration / 1e6),
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
"""


def warm_table(seconds: int) -> str:
    """Serve the demonstration community, ask for its map and write the table.

    Parameters
    ----------
    seconds
        Of each run of wrk.

    Returns
    -------
    str
        Markdown.
    """
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed: apt-get install wrk")
    with tempfile.TemporaryDirectory(prefix="wangge-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        script = folder / "done.lua"
        script.write_text(_SCRIPT)
        with Cluster(folder / "pg").running() as url:
            database = connect(url)
            check_server(database)
            upgrade(database)
            load_place(
                database, {k: v for k, v in make_community().items() if k != "incidents"}, actor="bench"
            )
            database.engine.dispose()
            with serving("ours", url, folder, 2) as address:
                page = f"{address}/map/{COMMUNITY}"
                mark, size = _first(page)
                lines = []
                # Each worker draws a page once: one connection would warm one, and the next ask the other.
                drive(page, script, max(CONNECTIONS), 2, {})
                for connections in CONNECTIONS:
                    whole = drive(page, script, connections, seconds, {})
                    known = drive(page, script, connections, seconds, {"If-None-Match": mark})
                    lines.append(_line(connections, whole, known))
    head = (
        f"The warm map of the demonstration community, {size / 1000:,.0f} kB by Brotli, asked by wrk on the "
        f"same {os.cpu_count()} cores as server and database ({platform.machine()}, 2 workers, load "
        f"{os.getloadavg()[0]:.1f}, {dt.datetime.now(tz=dt.UTC):%Y-%m-%d}). "
        f"Goal: p99 under {GOAL_MS:.0f} ms.\n\n"
        "| connections | whole, req/s | p50 ms | p99 ms | 304, req/s | p50 ms | p99 ms |\n"
        "|---:|---:|---:|---:|---:|---:|---:|\n"
    )
    return head + "\n".join(lines) + "\n"


def _first(page: str) -> tuple[str, int]:
    request = urllib.request.Request(page, headers={"Accept-Encoding": "br"})  # noqa: S310 - our own server
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return answer.headers["ETag"], len(answer.read())


def drive(
    page: str, script: Path, connections: int, seconds: int, headers: dict[str, str]
) -> tuple[float, float, float]:
    """Run wrk once.

    Parameters
    ----------
    page
        The address.
    script
        That prints the figures.
    connections
        At once.
    seconds
        For how long.
    headers
        Over and above Brotli.

    Returns
    -------
    tuple of float
        Requests a second, p50 and p99 in milliseconds.
    """
    sent = [
        word
        for name, value in ({"Accept-Encoding": "br"} | headers).items()
        for word in ("-H", f"{name}: {value}")
    ]
    run = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(script), *sent, page],
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"RESULT ([\d.]+) ([\d.]+) ([\d.]+) (\d+)", run.stdout)
    assert found is not None, run.stdout
    assert found[4] == "0", "some answers were errors"
    return float(found[1]), float(found[2]), float(found[3])


def _line(connections: int, whole: tuple[float, float, float], known: tuple[float, float, float]) -> str:
    cells = [f"{whole[0]:,.0f}", f"{whole[1]:.2f}", f"{whole[2]:.2f}"]
    cells += [f"{known[0]:,.0f}", f"{known[1]:.2f}", f"{known[2]:.2f}"]
    return f"| {connections} | {' | '.join(cells)} |"
