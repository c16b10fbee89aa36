"""What comes into the studio and lies beside it: lines, nets, drawings, editions, basemaps, a broken line."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from gis.crs import GCJ02, from_storage
from gis.demo.community import COMMUNITY, COUNTY, make_community
from gis.layers.database import Database
from gis.service.access import create_token
from gis.service.api.app import create_app
from gis.settings import Settings
from tests.e2e.studio_page import (
    AXE,
    BORDER,
    DESKTOP,
    PATIENCE_MS,
    Studio,
    choose,
    grid,
    households,
    net,
    open_studio,
    paint,
    saved,
    spot,
    version,
)
from tests.service.conftest import serving

pytestmark = [pytest.mark.browser, pytest.mark.database]

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


@pytest.fixture(scope="module")
def studio(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    yield from open_studio(module_database, tmp_path_factory.mktemp("studio"))


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
