"""The studio as the tests use it: served, opened in a page, and worked with the pointer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import httpx
from playwright.sync_api import Page, expect
from shapely import affinity

from gis.demo.community import COMMUNITY, COUNTY, make_community
from gis.layers.database import Database
from gis.service.access import create_token
from gis.service.api.app import create_app
from gis.service.loading import load_place
from gis.settings import Settings
from tests.service.conftest import serving

DESKTOP = {"viewport": {"width": 1440, "height": 900}, "locale": "zh-CN"}
AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
PHONE = {"viewport": {"width": 360, "height": 760}, "has_touch": True, "locale": "zh-CN"}
PATIENCE_MS = 120_000
"""A search starts a process and compiles its inner loops, on a machine that may be busy."""

# The middle of the k-th unit of a grid, on the screen.
SPOT = """([label, k]) => {
  const { model, map } = studio;
  const places = model.unitsOf(label);
  const [lon, lat] = model.toLonLat(model.at[places[k % places.length]]);
  const at = map.latLngToContainerPoint([lat, lon]);
  const box = document.getElementById("map").getBoundingClientRect();
  return { x: at.x + box.left, y: at.y + box.top, id: model.ids[places[k % places.length]], lon, lat };
}"""
# A unit of one grid that touches another, and the spot to come from.
BORDER = """([of, to]) => {
  const { model } = studio;
  const lived = (place) => (model.households[place] > 0 ? 0 : 1);
  for (const place of model.unitsOf(of).sort((a, b) => lived(a) - lived(b))) {
    const near = model.neighbours[place].find((other) => model.label[other] === to);
    if (near !== undefined) {
      return [model.unitsOf(to).indexOf(near), model.unitsOf(of).indexOf(place)];
    }
  }
  return null;
}"""


@dataclass
class Studio:
    database: Database
    address: str
    tokens: dict[str, str]

    def client(self, who: str = "王规划") -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.tokens[who]}"}
        return httpx.Client(base_url=self.address, headers=headers, timeout=60)

    def new_plan(self, name: str) -> int:
        with self.client() as client:
            made = client.post(f"/api/v1/communities/{COMMUNITY}/plans", json={"name": name})
            assert made.status_code == 201, made.text
            return int(made.json()["plan"]["id"])

    def open(self, page: Page, plan: int, who: str = "王规划", lang: str = "zh") -> None:
        page.goto(
            f"{self.address}/planner?lang={lang}&community={COMMUNITY}&plan={plan}#token={self.tokens[who]}"
        )
        expect(page.locator(".grid-row").first).to_be_visible(timeout=PATIENCE_MS)
        page.wait_for_function("() => studio.layer.frames > 0")


def open_studio(database: Database, folder: Path) -> Iterator[Studio]:
    """Serve the demonstration community to two planners."""
    load_place(database, make_community(), actor="test")
    with database.connection() as connection:
        tokens = {who: create_token(connection, who, "planner", COUNTY) for who in ("王规划", "李规划")}
    settings = Settings(data_dir=folder, _env_file=None)
    with serving(create_app(settings, database=database)) as address:
        yield Studio(database, address, tokens)


def grid(serial: int) -> str:
    return f"{COMMUNITY}{serial:03d}"


def saved(page: Page) -> None:
    # The first search after an installation compiles its kernels beside, on all cores.
    page.wait_for_function("() => studio.queue.open === 0 && !studio.queue.stopped", timeout=90_000)


def spot(page: Page, label: str, k: int) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(SPOT, [label, k])
    return found


def choose(page: Page, label: str) -> None:
    page.locator("#tab-grids").click()
    page.locator(f'[data-label="{label}"] .named').click()


def households(page: Page, label: str) -> int:
    return int(page.evaluate("(label) => studio.model.grids.get(label).households", label))


def paint(page: Page, of: str, to: str) -> dict[str, Any]:
    """Paint a unit of one grid into its neighbour, from the neighbour's side; return the unit's spot."""
    start, end = page.evaluate(BORDER, [of, to])
    choose(page, to)
    page.keyboard.press("b")
    begin, finish = spot(page, to, start), spot(page, of, end)
    page.mouse.move(begin["x"], begin["y"])
    page.mouse.down()
    page.mouse.move(finish["x"], finish["y"], steps=2)
    page.mouse.up()
    page.keyboard.press("v")
    saved(page)
    choose(page, to)
    return finish


def version(page: Page) -> int:
    return int(page.evaluate("() => studio.model.version"))


def net(grids: gpd.GeoDataFrame, name: str, letters: str, dx: float, dy: float) -> dict[str, Any]:
    """A department's net: the grids two by two, a little beside where they are."""
    codes = [f"{letters}-{place // 2 + 1:02d}" for place in range(len(grids))]
    moved = grids.geometry.map(lambda shape: affinity.translate(shape, dx, dy))
    frame = gpd.GeoDataFrame({"grid_code": codes}, geometry=moved.to_numpy(), crs=4326)
    return {"name": f"{name}.geojson", "mimeType": "application/geo+json", "buffer": frame.to_json().encode()}
