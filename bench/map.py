"""Measure the service map of a district beside plain Folium markers, in one run and one browser.

Run: ``python -m bench.map [--points 10000]``. The data are made up: the demonstration district's 289 grids,
and points with names, addresses and numbers that do not repeat. Every page is one file with its parts inside,
is opened from disk in headless Chromium with every other host shut out, then dragged and zoomed. Writes the
table in docs/benchmarks.md between its ``bench-map`` marks.
"""

from __future__ import annotations

import argparse
import datetime as dt
import gzip
import os
import platform
import re
import shutil
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
from playwright.sync_api import Browser, Page, sync_playwright

from gis.demo.district import make_district
from maps.page import on_page
from maps.service_map import service_map

DOCS = Path(__file__).parents[1] / "docs" / "benchmarks.md"
START, END = "<!-- bench-map:begin -->", "<!-- bench-map:end -->"
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
    interactive_ms: float
    opening_ms: float
    worst_ms: float
    frame_ms: float


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


PATIENCE_S = 60.0
"""After so long on one page no further gesture or opening is tried."""


def measure(browser: Browser, name: str, made_s: float, html: str, folder: Path, opens: int) -> Row:
    """Open a page, drag and zoom it, and note what a visitor would feel."""
    data = html.encode()
    file = folder / f"{name}.html"
    file.write_bytes(data)
    opened = []
    patience = time.perf_counter() + PATIENCE_S
    for _ in range(opens):
        if opened and time.perf_counter() > patience:
            break
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.route(
            "**/*", lambda route: route.continue_() if route.request.url.startswith("file") else route.abort()
        )
        context.add_init_script(WATCH)
        page = context.new_page()
        page.goto(file.as_uri(), wait_until="load", timeout=300_000)
        while not page.evaluate("window.bench.ready"):
            page.wait_for_timeout(100)
        ready = page.evaluate("window.bench.ready")
        opening = page.evaluate("Math.max(0, ...window.bench.long.map(([, length]) => length))")
        worst, frame = _used(page)
        opened.append((ready, opening, worst, frame))
        context.close()
    ready, opening, worst, frame = np.median(np.array(opened), axis=0)
    return Row(
        name, made_s, len(data), len(gzip.compress(data, 9)), len(brotli.compress(data, quality=11)),
        ready, opening, worst, frame,
    )  # fmt: skip


def _used(page: Page) -> tuple[float, float]:
    """Drag four times and turn the wheel six times; the longest task and the longest frame of it."""
    page.wait_for_timeout(600)
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
    patience = time.perf_counter() + PATIENCE_S
    for dx, dy in ((-260, 0), (0, -200), (260, 0), (0, 200)):
        if time.perf_counter() > patience:
            break  # nobody would go on dragging a page that answers so late
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + dx, y + dy, steps=12)
        page.mouse.up()
        page.wait_for_timeout(350)
    for turn in (-120, -120, -120, 120, 120, 120):
        if time.perf_counter() > patience:
            break
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
        f"{row.brotlied / 1000:,.0f} kB | {row.interactive_ms:,.0f} ms | {row.opening_ms:,.0f} ms | "
        f"{row.worst_ms:,.0f} ms | {row.frame_ms:,.0f} ms |"
        for row in rows
    ]
    words = (
        "\n\nA longest task of 0 means that none reached 50 ms, which is what a browser calls long. Folium's "
        "pages have the points alone; ours has the grids, search, list and position as well.\n"
    )
    return head + "\n".join(lines) + words


def write_between(text: str, file: Path = DOCS) -> None:
    """Put a text between the marks of the benchmarks page, which is begun where it is missing."""
    page = file.read_text(encoding="utf-8") if file.exists() else "# Benchmarks\n"
    block = f"{START}\n{text}{END}"
    if START in page:
        page = re.sub(f"{re.escape(START)}.*?{re.escape(END)}", lambda _: block, page, flags=re.DOTALL)
    else:
        page = f"{page.rstrip()}\n\n## Service map\n\n{block}\n"
    file.write_text(page, encoding="utf-8")


def main() -> None:
    """Run it all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--opens", type=int, default=3, help="how often each page is opened")
    parser.add_argument("--only", choices=["wangge"], help="measure our page alone and write nothing")
    options = parser.parse_args()
    grids = make_district()["grids"]
    points = make_points(options.points, grids)
    makers = {
        "wangge service map": lambda: ours(grids, points),
        "folium.plugins.MarkerCluster": lambda: plain(points, clustered=True),
        "folium.Marker": lambda: plain(points, clustered=False),
    }
    if options.only:
        makers = {"wangge service map": makers["wangge service map"]}
    rows = []
    chromium = (
        os.environ.get("WANGGE_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    )
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, make in makers.items():
            started = time.perf_counter()
            html = make()
            made_s = time.perf_counter() - started
            rows.append(measure(browser, name, made_s, html, Path(folder), options.opens))
            print(rows[-1], flush=True)
            # After each page: ten thousand plain markers may take longer than anybody waits.
            if not options.only:
                write_between(table(rows, options.points, len(grids), options.opens))
        browser.close()
    print(table(rows, options.points, len(grids), options.opens))


if __name__ == "__main__":
    main()
