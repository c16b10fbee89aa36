"""The studio in Chromium: redraw the demonstration community, publish it, and find the answers changed."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import httpx
import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect
from shapely import affinity
from sqlalchemy import text

from gis.crs import GCJ02, from_storage
from gis.demo.community import COMMUNITY, COUNTY, make_community
from gis.layers.database import Database
from gis.service.access import create_token
from gis.service.api.app import create_app
from gis.service.loading import load_place
from gis.settings import Settings
from tests.service.conftest import serving

pytestmark = [pytest.mark.browser, pytest.mark.database]

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


@pytest.fixture(scope="module")
def studio(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    load_place(module_database, make_community(), actor="test")
    with module_database.connection() as connection:
        tokens = {who: create_token(connection, who, "planner", COUNTY) for who in ("王规划", "李规划")}
    settings = Settings(data_dir=tmp_path_factory.mktemp("studio"), _env_file=None)
    with serving(create_app(settings, database=module_database)) as address:
        yield Studio(module_database, address, tokens)


def grid(serial: int) -> str:
    return f"{COMMUNITY}{serial:03d}"


def saved(page: Page) -> None:
    page.wait_for_function("() => studio.queue.open === 0 && !studio.queue.stopped")


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


def test_a_community_is_redrawn_and_published_and_the_answers_follow(studio: Studio, guarded_page) -> None:
    plan = studio.new_plan("从头到尾")
    with guarded_page(allow=studio.address, **DESKTOP) as page:
        studio.open(page, plan)
        # Paint: the total is there while the button is still down, and the server agrees afterwards.
        before = households(page, grid(2))
        moved = paint(page, grid(2), grid(1))
        assert households(page, grid(2)) < before
        assert households(page, grid(1)) + households(page, grid(2)) == 386 + 440
        with studio.client() as client:
            state = client.get(f"/api/v1/plans/{plan}/state").json()
        assert state["labels"][moved["id"]] == grid(1)
        assert state["plan"]["version"] == version(page) == 2

        # Split by a drawn line, from edge to edge.
        choose(page, grid(3))
        page.keyboard.press("s")
        box = page.evaluate(
            """(label) => { const { model, map } = studio; const b = model.boxOfUnits(model.unitsOf(label));
            const r = document.getElementById("map").getBoundingClientRect();
            return [[b[0], b[1]], [b[2], b[3]]].map((q) => { const [lon, lat] = model.toLonLat(q);
              const c = map.latLngToContainerPoint([lat, lon]); return [c.x + r.left, c.y + r.top]; }); }""",
            grid(3),
        )
        (x0, y0), (x1, y1) = box
        page.mouse.click(x0 - 15, (y0 + y1) / 2)
        page.mouse.move((x0 + x1) / 2, (y0 + y1) / 2, steps=3)
        page.mouse.click(x1 + 15, (y0 + y1) / 2)
        page.keyboard.press("Enter")
        expect(page.locator(f'[data-label="{grid(13)}"]')).to_be_visible()
        assert households(page, grid(3)) + households(page, grid(13)) == 420

        # Merge two, and see what it made; a click shows it on the map.
        for label in (grid(10), grid(12)):
            page.locator(f'[data-label="{label}"] input').check()
        page.locator("#merge").click()
        expect(page.locator("#tab-faults .count")).to_have_text(re.compile(r"[12]"))
        page.locator("#tab-faults").click()
        page.locator("#fault-list .fault", has_text="690").click()
        assert page.evaluate("() => studio.layer.marked.size") > 10

        # Undo both, redo one, undo it again: four more steps of the log, none taken out.
        at = version(page)
        for keys, error_count in (("Control+z", 1), ("Control+z", 0), ("Control+y", 1), ("Control+z", 0)):
            page.keyboard.press(keys)
            saved(page)
            shown = page.locator("#tab-faults .count")
            expect(shown).to_be_visible() if error_count else expect(shown).to_be_hidden()
        assert version(page) == at + 4
        page.locator("#tab-log").click()
        expect(page.locator("#steps li")).to_have_count(version(page))

        # Propose, look, take it, and take it back.
        page.locator("#whole").click()
        page.locator("#tab-proposals").click()
        page.locator("#goal").select_option("balanced")
        page.locator("#seconds").fill("2")
        page.locator("#propose").click()
        expect(page.locator("#propose-status")).to_contain_text("搜索完成", timeout=PATIENCE_MS)
        page.locator("#adopt-0").click()
        page.wait_for_function("(was) => studio.model.version > was", arg=at + 4)
        assert page.evaluate(
            "() => [...studio.model.grids.values()].every((row) => row.verdict === 'within')"
        )
        page.keyboard.press("Control+z")
        saved(page)
        page.wait_for_function("() => studio.model.movedHouseholds() < 100")

        # Compare: pictures and figures.
        page.locator("#tab-compare").click()
        expect(page.locator("#moves .move")).to_have_count(1)
        expect(page.locator("#impact tr").first).to_contain_text(str(440 - households(page, grid(2))))
        page.locator('[data-view="swipe"]').click()
        expect(page.locator("#swipe")).to_be_visible()
        page.locator('[data-view="after"]').click()

        # Publish: every reason is asked for, then the new edition answers.
        page.locator("#publish").click()
        publish = page.locator("#publish-now")
        expect(publish).to_be_disabled()
        for field in page.locator(".waiver input").all():
            field.fill("大院户数多,按楼栋分开")
        publish.click()
        expect(page.locator("#state")).to_have_text("已发布", timeout=30_000)
        with studio.client() as client:
            answer = client.get(
                "/api/v1/locate", params={"lon": moved["lon"], "lat": moved["lat"], "crs": "cgcs2000"}
            ).json()
        assert answer["edition"]["number"] == 2
        assert answer["layers"]["basic"]["owner"] == grid(1)


def test_two_planners_at_once_lose_nothing(studio: Studio, guarded_page) -> None:
    plan = studio.new_plan("两人同时")
    with guarded_page(allow=studio.address, expect_status=False, **DESKTOP) as page:
        studio.open(page, plan)
        with studio.client("李规划") as other:
            state = other.get(f"/api/v1/plans/{plan}/state").json()
            theirs = next(unit for unit, label in state["labels"].items() if label == grid(12))
            done = other.post(
                f"/api/v1/plans/{plan}/move", json={"version": 1, "units": [theirs], "label": grid(10)}
            )
            assert done.status_code == 200
        start, end = page.evaluate(BORDER, [grid(2), grid(1)])
        choose(page, grid(1))
        page.keyboard.press("b")
        begin, finish = spot(page, grid(1), start), spot(page, grid(2), end)
        page.mouse.move(begin["x"], begin["y"])
        page.mouse.down()
        page.mouse.move(finish["x"], finish["y"], steps=2)
        page.mouse.up()
        expect(page.locator("#conflict")).to_contain_text("李规划")
        page.locator("#again").click()
        saved(page)
        with studio.client() as client:
            labels = client.get(f"/api/v1/plans/{plan}/state").json()["labels"]
        assert labels[theirs] == grid(10)
        assert labels[finish["id"]] == grid(1)
        assert page.evaluate("(id) => studio.model.label[studio.model.placeOf.get(id)]", theirs) == grid(10)
        # The console tells of the 409 that was meant to come, and of nothing else.
        page.guard.faults = [fault for fault in page.guard.faults if "409" not in fault]


def test_pushing_a_border_shows_the_totals_and_escape_takes_it_back(studio: Studio, guarded_page) -> None:
    plan = studio.new_plan("推边界")
    with guarded_page(allow=studio.address, **DESKTOP) as page:
        studio.open(page, plan)
        start, end = page.evaluate(BORDER, [grid(6), grid(5)])
        begin, finish = spot(page, grid(5), start), spot(page, grid(6), end)
        page.keyboard.press("f")
        page.mouse.move(begin["x"], begin["y"])
        page.mouse.down()
        page.mouse.move(finish["x"], finish["y"], steps=3)
        assert households(page, grid(5)) > 434
        expect(page.locator("#hint")).to_contain_text(str(households(page, grid(5))))
        page.keyboard.press("Escape")
        page.mouse.up()
        assert households(page, grid(5)) == 434
        assert households(page, grid(6)) == 421
        assert version(page) == 1


def test_neighbours_never_have_the_same_colour(studio: Studio, guarded_page) -> None:
    plan = studio.new_plan("颜色")
    with guarded_page(allow=studio.address, **DESKTOP) as page:
        studio.open(page, plan)
        for of, to in ((2, 1), (6, 5), (9, 8), (12, 10)):
            paint(page, grid(of), grid(to))
            alike = page.evaluate(
                """() => { const { model, layer } = studio; return model.pairs.filter(({ a, b }) =>
                model.label[a] !== model.label[b] &&
                layer.colourOf(model.label[a]) === layer.colourOf(model.label[b])).length; }"""
            )
            assert alike == 0


def test_three_thousand_units_stay_fluid(studio: Studio, guarded_page) -> None:
    plan = studio.new_plan("三千单元")
    side = 55
    with studio.database.connection() as connection:
        connection.execute(text("DELETE FROM wangge.plan_unit WHERE plan_id = :p"), {"p": plan})
        connection.execute(
            text(
                "INSERT INTO wangge.plan_unit (plan_id, unit_id, label, households, residents, geometry) "
                "SELECT :p, 'S' || lpad((i * :n + j)::text, 5, '0'), "
                "  :c || lpad((1 + (i * 4 / :n) * 3 + j * 3 / :n)::text, 3, '0'), (i + j) % 3, 2, "
                "  ST_Multi(ST_SetSRID(ST_MakeEnvelope(111.61 + i / 5e3, 40.80 + j / 5e3, "
                "    111.61 + (i + 1) / 5e3, 40.80 + (j + 1) / 5e3), 4490)) "
                "FROM generate_series(0, :n - 1) i, generate_series(0, :n - 1) j"
            ),
            {"p": plan, "n": side, "c": COMMUNITY},
        )
        connection.execute(
            text("UPDATE wangge.plan SET updated_at = now() + interval '1 s' WHERE id = :p"), {"p": plan}
        )
    with guarded_page(allow=studio.address, **DESKTOP) as page:
        studio.open(page, plan)
        assert page.evaluate("() => studio.model.count") == side * side
        choose(page, grid(1))
        page.keyboard.press("b")
        took = page.evaluate(
            """async () => {
              const { model, layer, map } = studio;
              const box = document.getElementById("map");
              const frame = box.getBoundingClientRect();
              const at = (k) => { const [lon, lat] = model.toLonLat(model.at[k]);
                const p = map.latLngToContainerPoint([lat, lon]);
                return { clientX: p.x + frame.left, clientY: p.y + frame.top, bubbles: true, button: 0 }; };
              const units = [...model.unitsOf("150103099901002")];
              const strokes = [];
              for (let from = 0; from < 60; from += 20) {
                const path = units.slice(from, from + 20);
                box.dispatchEvent(new PointerEvent("pointerdown", at(path[0])));
                const times = [];
                for (const place of path.slice(1)) {
                  const frames = layer.frames;
                  const began = performance.now();
                  box.dispatchEvent(new PointerEvent("pointermove", at(place)));
                  while (layer.frames === frames && performance.now() - began < 2000)
                    await new Promise((done) => requestAnimationFrame(done));
                  times.push(performance.now() - began);
                }
                window.dispatchEvent(new PointerEvent("pointerup", at(path[0])));
                strokes.push(times);
              }
              return strokes;
            }"""
        )
        saved(page)
        # Every brush mark is on the canvas; the median of the best stroke, since others use this machine too.
        medians = [sorted(stroke)[len(stroke) // 2] for stroke in took]
        assert min(medians) < 100, took
        assert households(page, grid(1)) > 0


def test_a_drawing_from_qgis_goes_through_a_plan_and_back(studio: Studio, tmp_path: Path) -> None:
    plan, other = studio.new_plan("来自"), studio.new_plan("去往")
    with studio.client() as client:
        state = client.get(f"/api/v1/plans/{plan}/state").json()
        some = [unit for unit, label in state["labels"].items() if label == grid(2)][:6]
        client.post(f"/api/v1/plans/{plan}/move", json={"version": 1, "units": some, "label": grid(1)})
        drawn = client.get(f"/api/v1/plans/{plan}/grids.geojson")
        (tmp_path / "grids.geojson").write_bytes(drawn.content)
        frame = gpd.read_file(tmp_path / "grids.geojson")[["grid_code", "geometry"]]
        # As QGIS saves it: a GeoPackage in the place's metric zone, with names in capitals beside the code.
        frame = frame.rename(columns={"grid_code": "网格编码"}).to_crs(4547)
        frame.to_file(tmp_path / "规划.gpkg", driver="GPKG", layer="drawn")
        upload = {"file": ("规划.gpkg", (tmp_path / "规划.gpkg").read_bytes())}
        looked = client.post(f"/api/v1/plans/{other}/fit", files=upload, data={"field": "网格编码"})
        assert looked.status_code == 200, looked.text
        report = looked.json()["report"]
        assert report["missing"] == []
        assert report["misfit_m2"] < 1
        assert min(row["overlap"] for row in report["by_grid"]) > 0.999
        done = client.post(
            f"/api/v1/plans/{other}/fit", files=upload, data={"field": "网格编码", "version": "1"}
        )
        assert done.status_code == 200, done.text
        before = client.get(f"/api/v1/plans/{plan}/state").json()["labels"]
        after = client.get(f"/api/v1/plans/{other}/state").json()["labels"]
        assert after == before
        table = client.get(f"/api/v1/plans/{other}/units.csv")
        client.post(f"/api/v1/plans/{other}/undo", json={"version": 2})
        back = client.post(
            f"/api/v1/plans/{other}/units.csv",
            files={"file": ("u.csv", table.content)},
            data={"version": "3"},
        )
        assert back.json()["report"] == {
            "assigned": len(before),
            "missing": [],
            "unknown": [],
            "doubled": [],
        }
        assert client.get(f"/api/v1/plans/{other}/state").json()["labels"] == before


def test_it_is_worked_by_keys_and_read_on_a_phone(studio: Studio, guarded_page) -> None:
    plan = studio.new_plan("键盘")
    with guarded_page(allow=studio.address, **DESKTOP) as page:
        studio.open(page, plan, lang="en")
        expect(page.locator("#publish")).to_have_text("Check and publish")
        choose(page, grid(1))
        page.keyboard.press("b")
        page.locator("#map").focus()
        for _ in range(12):
            page.keyboard.press("ArrowRight")
        expect(page.locator("#map-said")).to_contain_text("households")
        unit = page.evaluate("() => studio.model.ids[studio.layer.cursor]")
        page.keyboard.press("Enter")
        saved(page)
        with studio.client() as client:
            assert client.get(f"/api/v1/plans/{plan}/state").json()["labels"][unit] == grid(1)
    with guarded_page(allow=studio.address, **PHONE) as page:
        studio.open(page, plan)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 360
        page.locator("#tab-faults").tap()
        expect(page.locator("#fault-list")).to_be_visible()


# How far the line's next point is from the nearest border of a unit, street or wall, in pixels.
SNAPPED = """() => {
  const { model, map } = studio;
  const p = map.latLngToContainerPoint(map.pm.Draw.Line._hintMarker.getLatLng());
  const pieces = model.pairs.flatMap(({ lines }) => {
    const found = [];
    for (let k = 0; k + 3 < lines.length; k += 4) found.push(lines.slice(k, k + 4));
    return found;
  });
  for (const { lines } of model.streets) for (const line of lines)
    for (let k = 0; k + 3 < line.length; k += 2) pieces.push(line.slice(k, k + 4));
  return Math.min(...pieces.map(([x0, y0, x1, y1]) => {
    const [a, b] = [[x0, y0], [x1, y1]].map((q) => {
      const [lon, lat] = model.toLonLat(q);
      return map.latLngToContainerPoint([lat, lon]);
    });
    const [dx, dy] = [b.x - a.x, b.y - a.y];
    const t = Math.min(1, Math.max(0, ((p.x - a.x) * dx + (p.y - a.y) * dy) / (dx * dx + dy * dy || 1)));
    return Math.hypot(a.x + t * dx - p.x, a.y + t * dy - p.y);
  }));
}"""
# A spot eight pixels beside the middle of the longest border within a grid that is no street's.
BESIDE = """(label) => {
  const { model, map } = studio;
  const box = document.getElementById("map").getBoundingClientRect();
  let best = null;
  for (const { a, b, lines } of model.pairs) {
    if (model.label[a] !== label || model.label[b] !== label) continue;
    for (let k = 0; k + 3 < lines.length; k += 4) {
      const [p, q] = [[lines[k], lines[k + 1]], [lines[k + 2], lines[k + 3]]].map((one) => {
        const [lon, lat] = model.toLonLat(one);
        return map.latLngToContainerPoint([lat, lon]);
      });
      const long = Math.hypot(q.x - p.x, q.y - p.y);
      if (best === null || long > best.long) best = { long, p, q };
    }
  }
  const { long, p, q } = best;
  const [nx, ny] = [-(q.y - p.y) / long, (q.x - p.x) / long];
  return { x: (p.x + q.x) / 2 + 8 * nx + box.left, y: (p.y + q.y) / 2 + 8 * ny + box.top };
}"""


def across(page: Page, label: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """Tell two spots outside a grid, west and east of its middle, on the screen."""
    box = page.evaluate(
        """(label) => { const { model, map } = studio; const b = model.boxOfUnits(model.unitsOf(label));
        const r = document.getElementById("map").getBoundingClientRect();
        return [[b[0], b[1]], [b[2], b[3]]].map((q) => { const [lon, lat] = model.toLonLat(q);
          const c = map.latLngToContainerPoint([lat, lon]); return [c.x + r.left, c.y + r.top]; }); }""",
        label,
    )
    (x0, y0), (x1, y1) = box
    middle = (y0 + y1) / 2
    return (x0 - 18, middle), (x1 + 18, middle)


def test_a_line_snaps_to_units_and_cuts_them_and_escape_leaves_everything(
    studio: Studio, guarded_page
) -> None:
    plan = studio.new_plan("画线")
    with guarded_page(allow=studio.address, **DESKTOP) as page:
        studio.open(page, plan)
        label = grid(6)
        choose(page, label)
        page.keyboard.press("s")
        expect(page.locator("#cut-mode")).to_be_visible()
        beside = page.evaluate(BESIDE, label)
        page.mouse.move(beside["x"] + 2, beside["y"] + 2)
        page.mouse.move(beside["x"], beside["y"], steps=3)
        page.wait_for_timeout(100)
        assert page.evaluate(SNAPPED) < 0.6

        # Escape: the line, then the tool, then what is chosen; nothing was sent.
        page.mouse.click(beside["x"], beside["y"])
        assert page.evaluate("() => studio.cutting.points") == 1
        page.keyboard.press("Escape")
        assert page.evaluate("() => [studio.cutting.points, studio.tools.tool]") == [0, "cut"]
        page.keyboard.press("Escape")
        assert page.evaluate("() => studio.tools.tool") == "choose"
        expect(page.locator("#cut-mode")).to_be_hidden()
        page.keyboard.press("Escape")
        assert page.evaluate("() => studio.model.chosen") is None
        choose(page, label)
        page.keyboard.press("l")
        start = spot(page, label, 0)
        page.mouse.move(start["x"], start["y"])
        page.mouse.down()
        page.mouse.move(start["x"] + 200, start["y"] + 90, steps=4)
        assert page.evaluate("() => studio.layer.lasso.length") > 2
        page.keyboard.press("Escape")
        page.mouse.up()
        assert page.evaluate("() => studio.layer.lasso") is None
        begin, end = page.evaluate(BORDER, [grid(5), label])
        page.keyboard.press("b")
        here, there = spot(page, label, begin), spot(page, grid(5), end)
        page.mouse.move(here["x"], here["y"])
        page.mouse.down()
        page.mouse.move(there["x"], there["y"], steps=2)
        assert households(page, label) != 421 or page.evaluate("() => studio.tools.stroke.was.size") > 0
        page.keyboard.press("Escape")
        page.mouse.up()
        assert (households(page, label), version(page)) == (421, 1)

        # Cutting the units along the line leaves every household where it was.
        page.keyboard.press("Escape")
        count = page.evaluate("() => studio.model.count")
        page.keyboard.press("s")
        page.locator('[name="cut"][value="units"]').check()
        page.locator("#map").focus()
        west, east = across(page, label)
        page.mouse.click(*west)
        page.mouse.move((west[0] + east[0]) / 2, west[1], steps=3)
        page.mouse.click(*east)
        page.keyboard.press("Enter")
        page.wait_for_function("(was) => studio.model.count > was", arg=count)
        assert (households(page, label), version(page)) == (421, 2)
        page.keyboard.press("Control+z")
        page.wait_for_function("(was) => studio.model.count === was", arg=count)


def net(grids: gpd.GeoDataFrame, name: str, letters: str, dx: float, dy: float) -> dict[str, Any]:
    """A department's net: the grids two by two, a little beside where they are."""
    codes = [f"{letters}-{place // 2 + 1:02d}" for place in range(len(grids))]
    moved = grids.geometry.map(lambda shape: affinity.translate(shape, dx, dy))
    frame = gpd.GeoDataFrame({"grid_code": codes}, geometry=moved.to_numpy(), crs=4326)
    return {"name": f"{name}.geojson", "mimeType": "application/geo+json", "buffer": frame.to_json().encode()}


def test_departments_nets_become_one_and_the_old_codes_stay(studio: Studio, guarded_page) -> None:
    plan = studio.new_plan("多网合一")
    basic = make_community()["grids"].query("grid_type == 'basic'").sort_values("grid_code")
    with guarded_page(allow=studio.address, **DESKTOP) as page:
        studio.open(page, plan)
        page.locator("#tab-more").click()
        page.locator("#nets-open").click()
        expect(page.locator("#net-compare")).to_be_disabled()
        page.locator("#net-files").set_input_files(
            [net(basic, "公安", "GA", 0, 0), net(basic, "卫健", "WJ", 9e-4, -6e-4)]
        )
        page.locator("#net-own").click()
        expect(page.locator("#net-list input")).to_have_count(3)
        page.locator("#net-compare").click()
        heat = page.locator("#net-heat tbody tr")
        expect(heat).to_have_count(6, timeout=PATIENCE_MS)
        expect(heat.first).to_contain_text("%")
        page.locator('[data-metric="households"]').click()
        expect(page.locator('[data-metric="households"]')).to_have_attribute("aria-pressed", "true")
        page.locator("#net-shared summary").click()
        expect(page.locator("#net-pairs tbody tr").first).to_be_visible()
        page.locator('[name="net-base"][value="公安"]').check()
        page.locator("#net-go").click()
        expect(page.locator("#net-done")).to_contain_text("6个网格", timeout=PATIENCE_MS)
        expect(page.locator("#net-heirs tbody tr").first).to_contain_text("卫健:WJ-01")
        page.get_by_role("button", name="完成").click()
        expect(page.locator(".grid-row")).to_have_count(6)
        total = page.evaluate(
            "() => [...studio.model.grids.values()].reduce((sum, one) => sum + one.households, 0)"
        )
        assert total == 4635

        # What a grid took the place of is shown where its name is; undone, the twelve are back.
        page.locator("#tab-grids").click()
        page.locator(".grid-row .named").first.click()
        page.locator("#edit-grid").click()
        expect(page.locator("#grid-before")).to_contain_text("公安:GA-01")
        page.keyboard.press("Escape")
        page.keyboard.press("Control+z")
        expect(page.locator(".grid-row")).to_have_count(12)


def publish_other(studio: Studio, of: str, to: str) -> int:
    """Publish a plan of somebody else's that moves the units of one grid that touch another."""
    with studio.client("李规划") as client:
        made = client.post(f"/api/v1/communities/{COMMUNITY}/plans", json={"name": "别人的"}).json()["plan"]
        labels = client.get(f"/api/v1/plans/{made['id']}/state").json()["labels"]
        for unit in sorted(unit for unit, label in labels.items() if label == of):
            done = client.post(
                f"/api/v1/plans/{made['id']}/move", json={"version": 1, "units": [unit], "label": to}
            ).json()
            if not any(one["severity"] == "error" for one in done["made"]):
                break
            client.post(f"/api/v1/plans/{made['id']}/undo", json={"version": done["version"]})
            made["id"] = client.post(
                f"/api/v1/communities/{COMMUNITY}/plans", json={"name": "别人的"}
            ).json()["plan"]["id"]
        review = client.get(f"/api/v1/plans/{made['id']}/review").json()
        waivers = {one["key"]: "测试" for one in review["violations"] if one["needs_reason"]}
        out = client.post(
            f"/api/v1/plans/{made['id']}/publish", json={"version": review["version"], "waivers": waivers}
        )
        assert out.status_code == 200, out.text
        return int(out.json()["edition"]["number"])


def test_an_older_draft_is_put_on_the_new_edition_and_a_former_one_comes_back(
    studio: Studio, guarded_page
) -> None:
    plan = studio.new_plan("老底子")
    with studio.client() as client:
        base = client.get(f"/api/v1/plans/{plan}/state").json()["plan"]["base_edition"]
    latest = publish_other(studio, grid(9), grid(11))
    assert latest == base + 1
    with guarded_page(allow=studio.address, **DESKTOP) as page:
        studio.open(page, plan)
        expect(page.locator("#stale")).to_contain_text(f"第{latest}版")
        page.locator("#stale-look").click()
        expect(page.locator("#news tbody tr").first).to_contain_text("009")
        expect(page.locator("#news tbody tr").first).to_contain_text("011")
        page.locator("#news-yes").click()
        expect(page.locator("#stale")).to_be_hidden()
        saved(page)
        page.wait_for_function("(latest) => studio.model.plan.base_edition === latest", arg=latest)
        page.wait_for_function("() => studio.model.movedHouseholds() === 0")
        with studio.client() as client:
            news = client.get(f"/api/v1/plans/{plan}/news").json()
        assert (news["base"], news["latest"], news["units"]) == (latest, latest, {})

        # Back to what was before: said in words, asked for a reason, published as the next edition.
        page.locator("#tab-more").click()
        page.locator(f'[data-back="{base}"]').click()
        dialog = page.locator("#dialog")
        for words in (f"作为第{latest + 1}版发布", f"第{latest}版不会删除", "未结事件"):
            expect(dialog).to_contain_text(words)
        page.locator("#back-reason").fill("划错了")
        page.locator("#back-yes").click()
        expect(page.locator("#stale")).to_contain_text(f"第{latest + 1}版")
        page.locator("#tab-more").click()
        expect(page.locator("#edition-list li").first).to_contain_text("划错了")


def test_a_drawing_is_shown_with_its_misfit_before_it_is_taken(studio: Studio, guarded_page) -> None:
    plan = studio.new_plan("导入")
    basic = make_community()["grids"].query("grid_type == 'basic'").sort_values("grid_code")
    with guarded_page(allow=studio.address, expect_status=False, **DESKTOP) as page:
        studio.open(page, plan)
        page.locator("#tab-more").click()
        page.locator("#file-in").set_input_files(net(basic, "画的", "HH", 4e-4, 0))
        page.locator("#file-field").fill("没有这列")
        page.locator("#file-go").click()
        expect(page.locator("#file-outcome")).to_contain_text("grid_code", timeout=PATIENCE_MS)
        page.guard.faults.clear()  # the refusal that was meant to come
        page.locator("#file-field").fill("grid_code")
        page.locator("#file-go").click()
        expect(page.locator("#fit-words")).to_contain_text("平方米", timeout=PATIENCE_MS)
        expect(page.locator("#fit-grids tbody tr")).to_have_count(6)
        assert page.evaluate("() => studio.layer.misfit.length") > 0
        assert version(page) == 1
        page.locator("#fit-adopt").click()
        page.wait_for_function("() => studio.model.version === 2")
        assert page.evaluate("() => studio.layer.misfit") is None

        # A table names what it does not know.
        unit = page.evaluate("() => studio.model.ids[0]")
        label = page.evaluate(
            "() => [...studio.model.grids.keys()].find((one) => one !== studio.model.label[0])"
        )
        page.locator("#file-in").set_input_files(
            {
                "name": "u.csv",
                "mimeType": "text/csv",
                "buffer": f"unit_id,grid_code\n{unit},{label}\nnobody,{label}\n".encode(),
            }
        )
        page.locator("#file-go").click()
        expect(page.locator("#file-outcome")).to_contain_text("nobody")
        page.wait_for_function("() => studio.model.version === 3")

        # A free serial for a grid that is another one now; the former code stays with it.
        page.locator("#tab-grids").click()
        page.locator(".grid-row .named").first.click()
        old = page.evaluate("() => studio.model.chosen")
        page.locator("#edit-grid").click()
        page.locator("#dialog summary", has_text="空号").click()
        page.locator("#renumber").click()
        page.wait_for_function("() => studio.model.version === 4")
        assert page.evaluate("(old) => studio.model.grids.has(old)", old) is False
        assert page.evaluate(
            "(old) => [...studio.model.grids.values()].some((one) => one.predecessors.includes(old))", old
        )


def test_a_stroke_waits_while_the_server_is_away(studio: Studio, guarded_page) -> None:
    plan = studio.new_plan("断线")
    with guarded_page(allow=studio.address, expect_status=False, **DESKTOP) as page:
        studio.open(page, plan)
        away = {"times": 2}

        def broken(route: Route) -> None:
            if away["times"] == 0:
                route.fallback()
                return
            away["times"] -= 1
            route.fulfill(status=503, json={"error": {"code": "unavailable", "message": "away"}})

        page.route("**/move", broken)
        start, end = page.evaluate(BORDER, [grid(2), grid(1)])
        choose(page, grid(1))
        page.keyboard.press("b")
        begin, finish = spot(page, grid(1), start), spot(page, grid(2), end)
        page.mouse.move(begin["x"], begin["y"])
        page.mouse.down()
        page.mouse.move(finish["x"], finish["y"], steps=2)
        page.mouse.up()
        expect(page.locator("#saved")).to_contain_text("连接中断")
        assert households(page, grid(1)) > 386
        expect(page.locator("#saved")).to_contain_text("第2步", timeout=30_000)
        with studio.client() as client:
            labels = client.get(f"/api/v1/plans/{plan}/state").json()["labels"]
        assert labels[finish["id"]] == grid(1)
        page.guard.faults = [fault for fault in page.guard.faults if "503" not in fault]


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: run `npm ci`")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_planner_is_shut_out(studio: Studio, guarded_page, scheme: str) -> None:
    plan = studio.new_plan(f"无障碍 {scheme}")
    basic = make_community()["grids"].query("grid_type == 'basic'").sort_values("grid_code")
    with guarded_page(allow=studio.address, color_scheme=scheme, bypass_csp=True, **DESKTOP) as page:
        studio.open(page, plan)
        paint(page, grid(2), grid(1))
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found: list[str] = []

        def look(where: str) -> None:
            told = page.evaluate(
                "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa']}).then((r) => r.violations)"
            )
            found.extend(f"{where}: {one['id']}: {one['nodes'][0]['html'][:150]}" for one in told)

        for tab in ("grids", "faults", "proposals", "compare", "log", "more"):
            page.locator(f"#tab-{tab}").click()
            page.wait_for_timeout(300)
            look(tab)
        page.locator('[data-view="swipe"]').click()
        page.wait_for_timeout(400)  # colours change by and by
        look("swipe")
        page.locator('[data-view="after"]').click()
        page.locator("#nets-open").click()
        page.locator("#net-files").set_input_files(
            [net(basic, "公安", "GA", 0, 0), net(basic, "卫健", "WJ", 9e-4, -6e-4)]
        )
        page.locator("#net-compare").click()
        expect(page.locator("#net-heat")).to_be_visible(timeout=PATIENCE_MS)
        look("nets")
        page.keyboard.press("Escape")
        page.locator("#publish").click()
        expect(page.locator("#publish-now")).to_be_visible(timeout=PATIENCE_MS)
        look("publish")
        page.keyboard.press("Escape")
        choose(page, grid(2))
        page.locator("#edit-grid").click()
        look("edit")
        assert found == []


def test_the_operators_basemap_lies_under_both_maps(studio: Studio, guarded_page, tmp_path: Path) -> None:
    plan = studio.new_plan("底图")
    settings = Settings(data_dir=tmp_path, basemap="osm", approval_number="GS(2026)0001", _env_file=None)
    asked: list[str] = []
    tile = io.BytesIO()
    Image.new("RGB", (256, 256), "#dfe8ee").save(tile, "PNG")

    def served(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(body=tile.getvalue(), content_type="image/png")

    with studio.database.connection() as connection:
        token = create_token(connection, "调度员", "dispatcher", COUNTY)
    with (
        serving(create_app(settings, database=studio.database)) as address,
        guarded_page(allow=address, **DESKTOP) as page,
    ):
        page.route("https://tile.openstreetmap.org/**", served)
        policy = httpx.get(f"{address}/planner").headers["content-security-policy"]
        images = next(rule for rule in policy.split("; ") if rule.startswith("img-src")).split()[1:]
        assert images == ["'self'", "data:", "blob:", "https://tile.openstreetmap.org"]
        there = replace(studio, address=address)
        there.open(page, plan)
        expect(page.locator(".leaflet-tile-loaded").first).to_be_attached()
        expect(page.locator(".leaflet-control-attribution")).to_contain_text("© OpenStreetMap contributors")
        expect(page.locator(".leaflet-control-attribution")).to_contain_text("审图号：GS(2026)0001")
        assert page.evaluate("() => studio.layer.veil") < 1
        asked.clear()
        page.goto(f"{address}/dispatch#token={token}")
        expect(page.locator("#live")).to_have_text("实时")
        expect(page.locator(".leaflet-tile-loaded").first).to_be_attached()
        expect(page.locator(".leaflet-control-attribution")).to_contain_text("© OpenStreetMap contributors")
        assert asked
    # Without one: no tile, no words, no other host in the policy.
    with guarded_page(allow=studio.address, **DESKTOP) as page:
        studio.open(page, plan)
        expect(page.locator(".leaflet-control-attribution")).to_have_count(0)
        policy = httpx.get(f"{studio.address}/planner").headers["content-security-policy"]
        assert "http" not in policy


def test_tiles_in_gcj02_are_laid_where_they_belong(studio: Studio, guarded_page, tmp_path: Path) -> None:
    plan = studio.new_plan("高德底图")
    settings = Settings(data_dir=tmp_path, basemap="amap", _env_file=None)
    tile = io.BytesIO()
    Image.new("RGB", (256, 256), "#dfe8ee").save(tile, "PNG")
    lon, lat = 111.62, 40.81
    with (
        serving(create_app(settings, database=studio.database)) as address,
        guarded_page(allow=address, **DESKTOP) as page,
    ):
        page.route(
            "**/appmaptile?**", lambda route: route.fulfill(body=tile.getvalue(), content_type="image/png")
        )
        replace(studio, address=address).open(page, plan)
        expect(page.locator(".leaflet-tile-loaded").first).to_be_attached()
        page.wait_for_timeout(1000)
        # What the tile under a position says that the position is.
        shown = page.evaluate(
            """([lon, lat]) => {
              const { map } = studio;
              const c = map.latLngToContainerPoint([lat, lon]);
              const box = map.getContainer().getBoundingClientRect();
              for (const img of document.querySelectorAll(".leaflet-tile-loaded")) {
                const r = img.getBoundingClientRect();
                const [x, y] = [(c.x + box.left - r.left) / r.width, (c.y + box.top - r.top) / r.height];
                if (x < 0 || y < 0 || x >= 1 || y >= 1) continue;
                const q = new URL(img.src).searchParams;
                const n = 2 ** q.get("z");
                const [wx, wy] = [(Number(q.get("x")) + x) / n, (Number(q.get("y")) + y) / n];
                return [wx * 360 - 180, Math.atan(Math.sinh(Math.PI * (1 - 2 * wy))) * 180 / Math.PI];
              }
              return null;
            }""",
            [lon, lat],
        )
        wanted = [float(value[0]) for value in from_storage([lon], [lat], GCJ02)]
        assert abs(wanted[0] - lon) > 3e-3  # a few hundred metres
        # Two pixels at this zoom.
        assert abs(shown[0] - wanted[0]) < 5e-5
        assert abs(shown[1] - wanted[1]) < 5e-5
