"""Measure the studio at 3,025 units: every act over HTTP, and a brush stroke in headless Chromium.

Run: ``python -m bench.studio [--rounds 7] [--dry]``. The demonstration community's land is cut into 55 × 55
crooked cells in twelve grids, stored as a plan, and worked on through the API of a served Wangge. What an act
costs is the processor's time of the server and of PostgreSQL together, which others on the machine do not
change; the clock is given beside it. Then the same plan is opened in the page and painted.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import shutil
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import shapely
from geoalchemy2 import WKBElement
from numpy.typing import NDArray
from playwright.sync_api import sync_playwright
from sqlalchemy import Connection, delete, insert, select

from bench._report import write_between
from bench.http import serving
from gis.demo.community import COMMUNITY, COUNTY, make_community
from gis.lattice import snap
from gis.layers.database import check_server, connect, upgrade
from gis.layers.embedded import Cluster
from gis.layers.plan import PlanUnit
from gis.layers.staff import Staff
from gis.service.access import Actor, create_token
from gis.service.loading import load_place
from gis.service.plans.plan_starting import start_plan
from gis.terms import Role

SIDE = 55
CORNERS = 6
"""Vertices between the two ends of a cell's side."""

GOAL_MS = 100

STROKES = """async () => {
  const { model, layer, map, tools } = studio;
  const box = document.getElementById("map");
  const frame = box.getBoundingClientRect();
  const at = (k) => { const [lon, lat] = model.toLonLat(model.at[k]);
    const p = map.latLngToContainerPoint([lat, lon]);
    return { clientX: p.x + frame.left, clientY: p.y + frame.top, bubbles: true, button: 0 }; };
  const units = [...model.unitsOf("%s")];
  const times = [];
  for (let from = 0; from < 100; from += 20) {
    const path = units.slice(from, from + 20);
    box.dispatchEvent(new PointerEvent("pointerdown", at(path[0])));
    for (const place of path.slice(1)) {
      const frames = layer.frames;
      const painted = tools.stroke.was.size;
      const began = performance.now();
      box.dispatchEvent(new PointerEvent("pointermove", at(place)));
      // On the way there everything was this grid's already: nothing to show.
      if (tools.stroke.was.size === painted) continue;
      while (layer.frames === frames && performance.now() - began < 2000)
        await new Promise((done) => requestAnimationFrame(done));
      times.push(performance.now() - began);
    }
    window.dispatchEvent(new PointerEvent("pointerup", at(path[0])));
  }
  return times;
}"""

Floats = NDArray[np.float64]


def main() -> None:
    """Measure, print, and write the table."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rounds", type=int, default=7, help="how often each act is done")
    asked.add_argument("--dry", action="store_true", help="print only")
    options = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="wangge-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        with Cluster(folder / "pg").running() as url:
            database = connect(url)
            check_server(database)
            upgrade(database)
            load_place(database, make_community(), actor="bench")
            with database.connection() as connection:
                token = create_token(connection, "bench", Role.PLANNER, COUNTY)
                plan = start_plan(connection, Actor("bench", Role.PLANNER, COUNTY), COMMUNITY, "bench").row.id
                replace_units(connection, plan)
                posts = list(
                    connection.execute(select(Staff.staff_code).where(Staff.grid_code.is_not(None))).scalars()
                )
            database.engine.dispose()
            with serving("ours", url, folder, 1) as address:
                rows = measure_acts(Desk(address, token, plan), posts, options.rounds)
                strokes = measure_strokes(address, token, plan)
    words = table(rows, strokes, options.rounds)
    print(words)
    if not options.dry:
        write_between(words, "bench-studio", "The studio at 3,000 units")


def replace_units(connection: Connection, plan: int) -> None:
    """Put crooked cells in the place of a plan's units."""
    draft = make_community()["divisions"]
    land = draft.loc[draft["division_code"] == COMMUNITY].geometry.iloc[0]
    cells = crooked_cells(np.array(land.bounds))
    i, j = np.divmod(np.arange(SIDE * SIDE), SIDE)
    serial = 1 + (i * 4 // SIDE) * 3 + j * 3 // SIDE
    connection.execute(delete(PlanUnit).where(PlanUnit.plan_id == plan))
    connection.execute(
        insert(PlanUnit),
        [
            {
                "plan_id": plan,
                "unit_id": f"S{row:05d}",
                "label": f"{COMMUNITY}{serial[row]:03d}",
                "households": int((i[row] + j[row]) % 3),
                "residents": 2,
                "geometry": WKBElement(shapely.to_wkb(shapely.multipolygons([cells[row]])), srid=4490),
            }
            for row in range(SIDE * SIDE)
        ],
    )


def crooked_cells(bounds: Floats, seed: int = 3) -> NDArray[np.object_]:
    """Cut a box into cells whose shared sides are crooked lines, on the lattice."""
    drawn = np.random.default_rng(seed)
    low, step = bounds[:2], (bounds[2:] - bounds[:2]) / SIDE
    shape = (SIDE + 1, SIDE + 1)
    knot = np.stack(np.meshgrid(np.arange(SIDE + 1), np.arange(SIDE + 1), indexing="ij"), -1).astype(float)
    knot += drawn.uniform(-0.2, 0.2, (*shape, 2))
    along = np.linspace(0, 1, CORNERS + 2)[:, None]

    def sides(one: Floats, other: Floats) -> Floats:
        line = one[..., None, :] * (1 - along) + other[..., None, :] * along
        line[..., 1:-1, :] += drawn.uniform(-0.05, 0.05, line[..., 1:-1, :].shape)
        return line

    across, up = sides(knot[:-1], knot[1:]), sides(knot[:, :-1], knot[:, 1:])
    rings = np.concatenate(
        [across[:, :-1, :-1], up[1:, :, :-1], across[:, 1:, :0:-1], up[:-1, :, :0:-1]], axis=2
    ).reshape(SIDE * SIDE, -1, 2)
    rings = np.concatenate([rings, rings[:, :1]], axis=1) * step + low
    return np.asarray(snap(shapely.polygons(rings)))


class Desk:
    """A planner at the API, and the processor's time that the other side spends."""

    def __init__(self, address: str, token: str, plan: int) -> None:
        self.client = httpx.Client(
            base_url=f"{address}/api/v1/plans/{plan}",
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
        )
        self.version = int(self.client.get("/state").json()["plan"]["version"])

    def state(self) -> dict[str, Any]:
        """Tell how the plan stands."""
        return dict(self.client.get("/state").json())

    def act(self, path: str, method: str = "POST", **body: Any) -> tuple[float, float, float, int]:
        """Do one thing; seconds of the server, of PostgreSQL, of the clock, and bytes of the answer."""
        server, database = spent()
        began = time.perf_counter()
        answer = self.client.request(method, path, json={"version": self.version, **body})
        clock = time.perf_counter() - began
        server_after, database_after = spent()
        assert answer.status_code == 200, answer.text[:300]
        self.version = int(answer.json()["version"])
        return server_after - server, database_after - database, clock, len(answer.content)


def spent() -> tuple[float, float]:
    """Seconds of the processor that this process's servers, and their PostgreSQL, have used so far."""
    mine, theirs = 0.0, 0.0
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            words = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
            ours, postgres = b"bench._http_ours" in words, words.startswith(b"postgres: wangge")
            if not ours and not postgres:
                continue
            used = sum(
                int((task / "schedstat").read_text().split()[0]) for task in (folder / "task").iterdir()
            )
        except (OSError, ValueError):
            continue  # it has ended
        if ours:
            mine += used / 1e9
        else:
            theirs += used / 1e9
    return mine, theirs


def measure_acts(
    desk: Desk, posts: list[str], rounds: int
) -> dict[str, list[tuple[float, float, float, int]]]:
    """Do every act a few times."""
    bounds = make_community()["divisions"].set_index("division_code").loc[[COMMUNITY]].total_bounds
    west, south, east, north = bounds.tolist()
    labels = desk.state()["labels"]
    a, b, c = (f"{COMMUNITY}{serial:03d}" for serial in (1, 2, 10))
    of_a = sorted(unit for unit, label in labels.items() if label == a)
    many = sorted(labels)[:1500]
    first = (west + (east - west) / 4, south + (north - south) / 3)
    level = south + (north - south) / 6
    line = [(west - 1e-4, level), (first[0] + 1e-4, level + 3e-5)]
    took: dict[str, list[tuple[float, float, float, int]]] = defaultdict(list)
    undo: Callable[[], Any] = lambda: desk.act("/undo")  # noqa: E731
    for turn in range(rounds + 1):
        acts: dict[str, Callable[[], tuple[float, float, float, int]]] = {
            "move one unit": lambda: desk.act("/move", units=of_a[-1:], label=b),
            "undo": undo,
            "redo": lambda: desk.act("/redo"),
            "": undo,
            "move 1,500 units": lambda: desk.act("/move", units=many, label=b),
            "undo 1,500": undo,
            "split by a line": lambda: desk.act("/split", label=a, line=line),
            " ": undo,
            "merge two": lambda: desk.act("/merge", labels=[a, b]),
            "  ": undo,
            "cut units along a line": lambda: desk.act("/split", label=a, line=line, cut=True),
            "undo the cut": undo,
            "lock": lambda: desk.act(f"/grids/{c}", "PATCH", locked=True),
            "unlock": lambda: desk.act(f"/grids/{c}", "PATCH", locked=False),
            "renumber": lambda: desk.act(f"/grids/{c}", "PATCH", renumber=True),
            "   ": undo,
            "set type": lambda: desk.act(f"/grids/{c}", "PATCH", grid_type="exclusive"),
            "    ": undo,
            "set name and theme": lambda turn=turn: desk.act(  # type: ignore[misc]
                f"/grids/{c}", "PATCH", name=f"第{turn}", colour_theme="blue"
            ),
            "staff": lambda turn=turn: desk.act(f"/grids/{c}", "PATCH", staff=[posts[turn]]),  # type: ignore[misc]
        }
        for name, act in acts.items():
            done = act()
            if turn and name.strip():
                took[name].append(done)
    return took


def measure_strokes(address: str, token: str, plan: int) -> list[float]:
    """Paint in the page; milliseconds from a move of the pointer to the frame that shows it."""
    chromium = os.environ.get("WANGGE_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900}, locale="zh-CN")
        page.goto(f"{address}/planner?community={COMMUNITY}&plan={plan}#token={token}")
        page.wait_for_selector(".grid-row", timeout=60_000)
        page.wait_for_function("() => studio.layer.frames > 0")
        page.locator(f'[data-label="{COMMUNITY}001"] .named').click()
        page.keyboard.press("b")
        times: list[float] = page.evaluate(STROKES % f"{COMMUNITY}002")
        browser.close()
    return times


def table(rows: dict[str, list[tuple[float, float, float, int]]], strokes: list[float], rounds: int) -> str:
    """Write the figures as Markdown."""
    about = (
        f"{SIDE * SIDE:,} units with {4 * (CORNERS + 1)} corners each in 12 grids on the demonstration "
        f"community's land, its streets and buildings; one worker, one plan, {rounds} rounds; "
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, "
        f"{dt.datetime.now(tz=dt.UTC):%Y-%m-%d}. Goal: every act answers in under {GOAL_MS} ms."
    )
    lines = [
        about,
        "",
        "| act | server, ms of processor | PostgreSQL, ms of processor | by the clock, ms | answer, kB |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, done in rows.items():
        server, database, clock, size = (statistics.median(column) for column in zip(*done, strict=True))
        lines.append(
            f"| {name} | {server * 1e3:.0f} | {database * 1e3:.0f} | {clock * 1e3:.0f} | {size / 1e3:.1f} |"
        )
    ordered = sorted(strokes)
    brush = (
        f"A brush mark is on the canvas of headless Chromium after {statistics.median(ordered):.0f} ms "
        f"(median of {len(ordered)} moves of the pointer; {ordered[int(len(ordered) * 0.95)]:.0f} ms at the "
        f"95th percentile). Goal: {GOAL_MS} ms."
    )
    return "\n".join([*lines, "", brush])


if __name__ == "__main__":
    main()
