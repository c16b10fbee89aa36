"""Measure the service map of a district beside plain Folium markers, and the served map over HTTP.

Run: ``python -m bench.map [--points 10000] [--only wangge|warm] [--dry]``. The data are made up: the
demonstration district's 289 grids, and points with names, addresses and numbers that do not repeat. Every
page is one file with its parts inside, is opened from disk in headless Chromium with every other host shut
out, then dragged and zoomed: in a process of its own, which is ended with its browser when it takes too long.
Writes the tables in docs/benchmarks.md between the marks ``bench-map`` and ``bench-map-warm``.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import gzip
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import brotli
import folium
import folium.plugins
import geopandas as gpd
import numpy as np
import shapely
from playwright.sync_api import Page, sync_playwright

from bench._map_warm import warm_table
from gis.demo.district import make_district
from maps.page import on_page
from maps.service_map import service_map

DOCS = Path(__file__).parents[1] / "docs" / "benchmarks.md"
MARKS = "bench-map"
CATEGORIES = (
    "community_office", "party_centre", "police", "health", "pharmacy", "elderly_care", "childcare", "school",
    "canteen", "market", "culture", "sport", "parcel", "repair", "recycling", "charging", "toilet", "transit",
)  # fmt: skip
SYLLABLES = (
    "安康宁和平福寿永兴新华光明文化育才东西南北中山河清泉玉兰梅竹松柏桃李春秋阳景云霞锦绣金银"
    "花园苑庭居里坊巷桥湖塘岭坡石沙柳槐榆枫桂荷莲"
)
KINDS = (
    "便民站",
    "药房",
    "卫生室",
    "菜店",
    "驿站",
    "活动室",
    "公厕",
    "充电棚",
    "食堂",
    "幼儿园",
    "维修铺",
    "警务室",
)


@dataclass(frozen=True)
class Row:
    """What was measured of one page."""

    name: str
    made_s: float
    size: int
    gzipped: int
    brotlied: int
    felt_ms: tuple[float, float, float, float] | None
    """Interactive, longest task while opening and while used, longest frame; None: not within the bound."""


def make_points(count: int, land: gpd.GeoDataFrame, seed: int = 5) -> gpd.GeoDataFrame:
    """Make points inside a district, each with a name, an address and a number of its own."""
    rng = np.random.default_rng(seed)
    west, south, east, north = land.total_bounds
    lon, lat = rng.uniform(west, east, 3 * count), rng.uniform(south, north, 3 * count)
    outline = shapely.union_all(land.geometry.to_numpy())
    shapely.prepare(outline)
    inside = np.flatnonzero(shapely.contains_xy(outline, lon, lat))[:count]
    letters = np.array(list(SYLLABLES))
    stem = ["".join(row) for row in rng.choice(letters, (count, 3))]
    street = ["".join(row) for row in rng.choice(letters, (600, 2))]
    kind = rng.integers(len(CATEGORIES), size=count)
    return gpd.GeoDataFrame(
        {
            "name": [f"{word}{KINDS[at % len(KINDS)]}" for word, at in zip(stem, kind, strict=True)],
            "category": [CATEGORIES[at] for at in kind],
            "address": [
                f"{street[at]}路{number}号"
                for at, number in zip(
                    rng.integers(600, size=count), rng.integers(1, 400, size=count), strict=True
                )
            ],
            "phones": [[f"0938-{number}"] for number in rng.integers(2_000_000, 8_999_999, size=count)],
            "hours": rng.choice(["08:30–17:30", "08:00–20:00", "00:00–24:00", "09:00–21:00"], count),
            "accessible": rng.random(count) < 0.6,
            "verified_on": [
                dt.date(2026, 1, 1) + dt.timedelta(days=int(day)) for day in rng.integers(300, size=count)
            ],
        },
        geometry=gpd.points_from_xy(lon[inside], lat[inside]),
        crs="EPSG:4490",
    )


def ours(grids: gpd.GeoDataFrame, points: gpd.GeoDataFrame) -> str:
    """Make the service map."""
    picture = service_map(
        grids, service_points=points, place="示例区", edition=1, updated_on=dt.date(2026, 11, 1)
    )
    return picture.html()


def plain(points: gpd.GeoDataFrame, *, clustered: bool) -> str:
    """Make a map of the same points as Folium's own markers with pop-ups, clustered or not."""
    lon, lat = points.geometry.x.to_numpy(), points.geometry.y.to_numpy()
    picture = folium.Map([lat.mean(), lon.mean()], tiles=None, zoom_start=13, maxZoom=19)
    parent = folium.plugins.MarkerCluster().add_to(picture) if clustered else picture
    for x, y, name, address, phones in zip(
        lon, lat, points["name"], points["address"], points["phones"], strict=True
    ):
        folium.Marker([y, x], popup=f"{name}<br>{address}<br>{phones[0]}").add_to(parent)
    return on_page(picture, title="folium").render()


WATCH = """
  window.bench = { long: [], frames: [] };
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.bench.long.push([entry.startTime, entry.duration]);
  }).observe({ type: "longtask", buffered: true });
  addEventListener("load", () => requestAnimationFrame(() => setTimeout(() => {
    window.bench.ready = performance.now();
  })));
"""


LONGEST_S = 120.0
"""So long a page may take to be opened and used as often as asked; then its browser is killed."""


def measure(name: str, made_s: float, html: str, folder: Path, opens: int) -> Row:
    """Note a page's size and, in a process of its own, what a visitor would feel."""
    data = html.encode()
    file = folder / "page.html"
    file.write_bytes(data)
    child = subprocess.Popen(
        [sys.executable, "-m", "bench.map", "--open", str(file), "--opens", str(opens)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        told, _ = child.communicate(timeout=LONGEST_S)
        felt = tuple(float(value) for value in told.split())
    except subprocess.TimeoutExpired:
        for pid in reversed([child.pid, *_children(child.pid)]):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        child.communicate()
        felt = None
    return Row(
        name, made_s, len(data), len(gzip.compress(data, 9)), len(brotli.compress(data, quality=11)), felt
    )


def _children(pid: int) -> list[int]:
    """List the processes that a process started, and those that these started."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            parents.setdefault(parent, []).append(int(stat.parent.name))
    found = list(parents.get(pid, []))
    for child in found:
        found += parents.get(child, [])
    return found


def open_page(file: Path, opens: int) -> None:
    """Open a page several times and print the medians of what was felt."""
    chromium = (
        os.environ.get("WANGGE_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    )
    opened = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for _ in range(opens):
            context = browser.new_context(viewport={"width": 1280, "height": 800})
            context.route(
                "**/*",
                lambda route: route.continue_() if route.request.url.startswith("file") else route.abort(),
            )
            context.add_init_script(WATCH)
            page = context.new_page()
            page.goto(file.as_uri(), wait_until="load", timeout=300_000)
            while not page.evaluate("window.bench.ready"):
                page.wait_for_timeout(100)
            ready = page.evaluate("window.bench.ready")
            page.wait_for_timeout(600)
            opening = page.evaluate("Math.max(0, ...window.bench.long.map(([, length]) => length))")
            opened.append((ready, opening, *_used(page)))
            context.close()
        browser.close()
    print(*np.median(np.array(opened), axis=0))


def _used(page: Page) -> tuple[float, float]:
    """Drag four times and turn the wheel six times; the longest task and the longest frame of it."""
    page.evaluate("""() => {
      window.bench.long.length = 0;
      let last = performance.now();
      const tick = (now) => {
        window.bench.frames.push(now - last);
        last = now;
        requestAnimationFrame(tick);
      };
      requestAnimationFrame(tick);
    }""")
    box = page.locator(".leaflet-container").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for dx, dy in ((-260, 0), (0, -200), (260, 0), (0, 200)):
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + dx, y + dy, steps=12)
        page.mouse.up()
        page.wait_for_timeout(350)
    for turn in (-120, -120, -120, 120, 120, 120):
        page.mouse.move(x, y)
        page.mouse.wheel(0, turn)
        page.wait_for_timeout(500)
    longest = page.evaluate("Math.max(0, ...window.bench.long.map(([, length]) => length))")
    return longest, page.evaluate("Math.max(...window.bench.frames)")


def table(rows: list[Row], count: int, grids: int, opens: int) -> str:
    """Write the table of docs/benchmarks.md."""
    head = (
        f"{count:,} points, {grids} grids; {platform.machine()}, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f}; headless Chromium, page from disk, all parts inside; median of {opens}; "
        f"{dt.datetime.now(tz=dt.UTC):%Y-%m-%d}.\n\n"
        "| page | made in | size | gzip | brotli | interactive | longest task: opening "
        "| … dragging and zooming | longest frame |\n|---|---|---|---|---|---|---|---|---|\n"
    )
    lines = [
        f"| {row.name} | {row.made_s:.1f} s | {row.size / 1000:,.0f} kB | {row.gzipped / 1000:,.0f} kB | "
        f"{row.brotlied / 1000:,.0f} kB | "
        + (
            " | ".join(f"{value:,.0f} ms" for value in row.felt_ms)
            if row.felt_ms
            else f"not within {LONGEST_S:.0f} s | | | "
        )
        + " |"
        for row in rows
    ]
    words = (
        "\n\nA longest task of 0 means that none reached 50 ms, which is what a browser calls long. Folium's "
        "pages have the points alone; ours has the grids, search, list and position as well.\n"
    )
    return head + "\n".join(lines) + words


def write_between(text: str, marks: str = MARKS, file: Path = DOCS) -> None:
    """Put a text between marks of the benchmarks page; new marks go to the end of the map's section."""
    page = file.read_text(encoding="utf-8") if file.exists() else "# Benchmarks\n"
    start, end = f"<!-- {marks}:begin -->", f"<!-- {marks}:end -->"
    block = f"{start}\n{text}{end}"
    if start in page:
        page = re.sub(f"{re.escape(start)}.*?{re.escape(end)}", lambda _: block, page, flags=re.DOTALL)
    elif marks != MARKS and (of_map := f"<!-- {MARKS}:end -->") in page:
        page = page.replace(of_map, f"{of_map}\n\n{block}")
    else:
        page = f"{page.rstrip()}\n\n## Service map\n\n{block}\n"
    file.write_text(page, encoding="utf-8")


def main() -> None:
    """Run it all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--opens", type=int, default=3, help="how often each page is opened")
    parser.add_argument("--seconds", type=int, default=5, help="of each run of wrk")
    parser.add_argument("--only", choices=["wangge", "warm"], help="our page alone, or the served map alone")
    parser.add_argument("--dry", action="store_true", help="print only")
    parser.add_argument("--open", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.open:
        open_page(options.open, options.opens)
        return
    if options.only != "warm":
        opened = pages(options.points, options.opens, ours_alone=options.only == "wangge")
        print(opened)
        # One row alone would put the others out of the page.
        if not options.dry and not options.only:
            write_between(opened)
    if options.only != "wangge":
        warm = warm_table(options.seconds)
        print(warm)
        if not options.dry:
            write_between(warm, f"{MARKS}-warm")


def pages(count: int, opens: int, *, ours_alone: bool) -> str:
    """Measure the pages one by one; returns the table."""
    grids = make_district()["grids"]
    points = make_points(count, grids)
    makers = {
        "wangge service map": lambda: ours(grids, points),
        "folium.plugins.MarkerCluster": lambda: plain(points, clustered=True),
        "folium.Marker": lambda: plain(points, clustered=False),
    }
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, make in list(makers.items())[: 1 if ours_alone else None]:
            started = time.perf_counter()
            html = make()
            rows.append(measure(name, time.perf_counter() - started, html, Path(folder), opens))
            print(rows[-1], flush=True)
    return table(rows, count, len(grids), opens)


if __name__ == "__main__":
    main()
