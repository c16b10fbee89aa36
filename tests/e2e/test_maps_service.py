"""The residents' map in a real browser, with every other host out of reach."""

from __future__ import annotations

import datetime as dt
import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import folium
import folium.plugins
import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from playwright.sync_api import Page, expect

from gis.crs import GCJ02, from_storage
from gis.lattice import snap
from gis.locate.index import GridIndex
from maps.assets import STATIC
from maps.basemaps import basemap
from maps.page import on_page, write
from maps.service_map import service_map
from tests.e2e.waiting import wait_until
from tests.maps import sample

pytestmark = pytest.mark.browser

READY = "Boolean(window.WanggeMap?.app?.pointsLayer?.view)"
AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
PHONE = {"viewport": {"width": 360, "height": 800}, "device_scale_factor": 2, "has_touch": True}
DESKTOP = {"viewport": {"width": 1280, "height": 800}}


def _map(**options):
    grids = sample.grids()
    given = {
        "service_points": sample.service_points(),
        "compounds": sample.compounds(),
        "streets": sample.streets(),
        "staff": sample.staff(grids["grid_code"]),
        "place": "示例社区",
        "edition": 3,
        "updated_on": dt.date(2026, 5, 1),
        "approval_number": "蒙S(2026)示例号",
    }
    return service_map(grids, **(given | options))


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the page at / and the parts where the service serves them."""

    page = ""

    def do_GET(self) -> None:
        if self.path == "/":
            body = self.page.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        super().do_GET()

    def translate_path(self, path: str) -> str:
        clean = path.partition("?")[0]
        for prefix, folder in (("/static/vendor/", STATIC / "vendor"), ("/static/maps/", STATIC)):
            if clean.startswith(prefix):
                return str(folder / clean.removeprefix(prefix))
        return str(STATIC / "nothing-here")

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def served() -> Iterator[tuple[str, type[_Handler]]]:
    handler = type("Handler", (_Handler,), {})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler)) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", handler
        server.shutdown()
        thread.join()


def _open(page: Page, picture, tmp_path: Path, **how) -> None:
    write(picture, tmp_path / "map.html", **how)
    page.goto((tmp_path / "map.html").as_uri())
    wait_until(page, READY)


def _ink(page: Page, canvas: str) -> int:
    """How many colours a canvas shows: none but one where nothing was drawn."""
    return page.evaluate(
        """(which) => {
          const canvas = document.querySelector(which + " canvas");
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          const found = new Set();
          for (let at = 0; at < data.length; at += 4 * 97) found.add(data.slice(at, at + 3).join());
          return found.size;
        }""",
        canvas,
    )


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("delivery", ["inline", "folder"])
def test_opens_from_disk_and_asks_nobody(guarded_page, tmp_path, delivery, size):
    with guarded_page(**size) as page:
        _open(page, _map(), tmp_path, delivery=delivery)
        expect(page).to_have_title("示例社区服务地图")
        assert page.evaluate("document.documentElement.lang") == "zh-CN"
        assert "user-scalable" not in page.content()
        assert _ink(page, ".leaflet-wg-ground-pane") > 30
        assert _ink(page, ".leaflet-wg-points-pane") > 30
        expect(page.locator("#wg-list > .wg-item")).to_have_count(40)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert all(url.startswith(("file:", "data:", "blob:")) for url in page.guard.asked)
        if delivery == "inline":
            assert len([url for url in page.guard.asked if url.startswith("file:")]) == 1


def test_opens_from_a_server(guarded_page, served):
    address, handler = served
    handler.page = _map(delivery="served").html()
    with guarded_page(allow=address, **DESKTOP) as page:
        page.goto(address)
        wait_until(page, READY)
        assert _ink(page, ".leaflet-wg-ground-pane") > 30
        assert any("/static/vendor/leaflet/leaflet.js?v=" in url for url in page.guard.asked)


def test_works_without_scripts(guarded_page, tmp_path):
    names = (*sample.HOSTILE, "示例卫生站")
    with guarded_page(java_script_enabled=False, **PHONE) as page:
        write(_map(service_points=sample.service_points(names)), tmp_path / "map.html")
        page.goto((tmp_path / "map.html").as_uri())
        told = page.locator(".wg-plain").inner_text()
        for name in names:
            assert " ".join(name.replace("\x00", "\ufffd").split()) in " ".join(told.split()), name[:40]
        assert page.locator(".wg-plain").bounding_box()["y"] < 40
        assert page.locator("noscript img, noscript script, noscript svg, noscript style").count() == 0
        assert page.locator("a[href^='tel:0471-']").count() >= 40


def test_hostile_names_run_nothing_and_are_shown_as_they_are(guarded_page, tmp_path):
    grids = sample.grids()
    grids["name"] = [*sample.HOSTILE[:12]]
    points = sample.service_points(sample.HOSTILE)
    for column in ("address", "hours"):
        points[column] = [sample.HOSTILE[n % len(sample.HOSTILE)] for n in range(len(points))]
    points["phones"] = [[sample.HOSTILE[n % len(sample.HOSTILE)]] for n in range(len(points))]
    points["category"] = [sample.HOSTILE[n % 6] if n % 3 else "health" for n in range(len(points))]
    picture = service_map(
        grids,
        service_points=points,
        compounds=sample.compounds(sample.HOSTILE[:4]),
        streets=sample.streets().assign(name=list(sample.HOSTILE[:4])),
        staff=sample.staff(grids["grid_code"], person=sample.HOSTILE[1], public_phone=sample.HOSTILE[1]),
        themes=pd.DataFrame([{"colour_theme": "red", "zh": sample.HOSTILE[0], "en": sample.HOSTILE[2]}]),
        place=sample.HOSTILE[0],
        approval_number=sample.HOSTILE[1],
    )
    with guarded_page(**DESKTOP) as page:
        _open(page, picture, tmp_path)
        page.evaluate("""() => {
          const { app } = WanggeMap;
          for (let at = 0; at < app.points.count; at += 1) app.showPoint(at);
          for (let at = 0; at < 12; at += 1) app.showPlace("grid", at);
          for (let at = 0; at < 4; at += 1) app.showPlace("compound", at);
          app.openGroup(app.shown);
          app.map.setZoom(18, { animate: false });
          app.position.set(111.656, 40.8139, 300);
          app.setLanguage("en");
          app.setQuery("script");
        }""")
        page.wait_for_timeout(300)
        assert page.evaluate("window.hacked") is None
        assert page.title().startswith("Service map of </script><script>")
        assert page.locator("#wg img, #wg script, #wg iframe, #wg [onload], #wg [onerror]").count() == 0
        page.evaluate("WanggeMap.app.setQuery('')")
        page.wait_for_timeout(200)
        expect(
            page.locator(".wg-item-name")
            .get_by_text('<img src=x onerror="window.hacked=1">', exact=True)
            .first
        ).to_be_attached()


def test_the_device_names_the_same_grid_as_shapely(guarded_page, tmp_path):
    grids = sample.grids()
    rng = np.random.default_rng(3)
    lon = sample.WEST + rng.uniform(-0.001, 0.0146, 200)
    lat = sample.SOUTH + rng.uniform(-0.001, 0.0088, 200)
    at = snap(shapely.points(lon, lat))
    owners = [
        next(
            (
                code
                for code, shape in zip(grids["grid_code"], grids.geometry, strict=True)
                if shape.intersects(p)
            ),
            None,
        )
        for p in at
    ]
    assert 20 < sum(owner is None for owner in owners) < 120
    with guarded_page(
        geolocation={"longitude": lon[0], "latitude": lat[0]}, permissions=["geolocation"], **PHONE
    ) as page:
        _open(page, _map(), tmp_path)
        for n in range(200):
            page.context.set_geolocation(
                {"longitude": float(lon[n]), "latitude": float(lat[n]), "accuracy": 10}
            )
            told = page.evaluate(
                """() => new Promise((done) => navigator.geolocation.getCurrentPosition(({ coords }) => {
                  const { app } = WanggeMap;
                  const { owner } = app.position.work(coords.longitude, coords.latitude, coords.accuracy);
                  done(owner === null ? null : app.data.grids.code[owner]);
                }))"""
            )
            assert told == owners[n], (lon[n], lat[n])


def test_borders_and_corners_go_where_the_service_sends_them(guarded_page, tmp_path):
    grids = sample.grids()
    corners = shapely.get_coordinates(grids.geometry.to_numpy())
    middles = shapely.get_coordinates(snap(shapely.points((corners[1:] + corners[:-1]) / 2)))
    places = np.vstack([corners, middles])
    index = GridIndex.build(grids.geometry.to_numpy(), grids["grid_code"].tolist())
    positions = index.locate(places[:, 0], places[:, 1])
    with guarded_page(**DESKTOP) as page:
        _open(page, _map(), tmp_path)
        told = page.evaluate(
            "(all) => all.map(([lon, lat]) => WanggeMap.app.borders.owners(lon, lat)[0] ?? -1)",
            places.tolist(),
        )
    assert (positions[: len(corners)] >= 0).all()
    assert told == positions.tolist()


def test_my_position_tells_grid_worker_and_the_nearest(guarded_page, tmp_path):
    where = {"longitude": sample.WEST + 0.005, "latitude": sample.SOUTH + 0.004, "accuracy": 25}
    with guarded_page(geolocation=where, permissions=["geolocation"], **PHONE) as page:
        _open(page, _map(), tmp_path)
        before = len(page.guard.asked)
        page.get_by_role("button", name="我的位置").click()
        code = page.locator("#wg-my-grid").get_attribute("data-code")
        expect(page.locator(f".wg-mine a[href='tel:0471-{code[-7:]}']")).to_be_visible()
        expect(page.locator(".wg-mine .wg-rows li")).to_have_count(3)
        minutes = page.locator(".wg-mine .wg-rows small").all_inner_texts()
        assert all("分钟" in one for one in minutes)
        assert len(page.guard.asked) == before
        kept = page.evaluate("[JSON.stringify(localStorage), document.cookie, location.href]")
        assert not any(str(where["longitude"])[:6] in one for one in kept)


def test_without_permission_the_place_is_pointed_out(guarded_page, tmp_path):
    with guarded_page(**DESKTOP) as page:
        _open(page, _map(), tmp_path)
        page.get_by_role("button", name="我的位置").click()
        expect(page.locator(".wg-mine")).to_contain_text("图上选点")
        page.get_by_role("button", name="图上选点").click()
        page.locator("#wg-map").click(position={"x": 420, "y": 360})
        expect(page.locator("#wg-my-grid")).to_be_visible()


def test_search_finds_points_grids_and_compounds(guarded_page, tmp_path):
    with guarded_page(**DESKTOP) as page:
        _open(page, _map(), tmp_path)
        box = page.get_by_role("searchbox", name="搜索")
        box.fill("服务点7")
        expect(page.locator(".wg-status")).to_have_text("找到 1 个服务点")
        box.fill(f"{sample.COMMUNITY}005")
        expect(page.locator(".wg-place")).to_contain_text("示例5网格")
        box.fill("别名")
        expect(page.locator(".wg-place")).to_have_text("小区示例小区别名")
        page.locator(".wg-place").click()
        expect(page.locator(".leaflet-popup")).to_contain_text("示例小区")
        expect(page.locator(".leaflet-popup")).to_contain_text("别名")
        box.fill("没有这个")
        expect(page.locator(".wg-status")).to_contain_text("没有找到")


def test_a_search_is_not_answered_below_the_card_of_my_position(guarded_page, tmp_path):
    with guarded_page(**PHONE) as page:
        _open(page, _map(), tmp_path)
        page.evaluate("WanggeMap.app.setTall(true); WanggeMap.app.position.set(111.6203, 40.8104, 10)")
        expect(page.locator(".wg-mine")).to_be_visible()
        page.get_by_role("searchbox").fill("别名")
        expect(page.locator(".wg-mine")).to_be_hidden()
        expect(page.locator(".wg-place")).to_be_in_viewport()
        page.get_by_role("searchbox").fill("")
        expect(page.locator(".wg-mine")).to_be_visible()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_text_of_twice_the_size_covers_nothing(guarded_page, tmp_path, language):
    with guarded_page(**PHONE) as page:
        _open(page, _map(language=language), tmp_path)
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        boxes = [
            page.locator(one).bounding_box()
            for one in (".wg-title", ".wg-tools", ".wg-primary", ".wg-second", ".wg-sheet")
        ]
        for at, one in enumerate(boxes):
            assert one["x"] >= 0
            assert one["x"] + one["width"] <= page.viewport_size["width"]
            for other in boxes[at + 1 :]:
                apart = one["y"] + one["height"] <= other["y"] + 1 or one["x"] + one["width"] <= other["x"]
                assert apart, (one, other)


def test_categories_and_layers_can_be_taken_away(guarded_page, tmp_path):
    with guarded_page(**DESKTOP) as page:
        _open(page, _map(), tmp_path)
        page.get_by_role("button", name="药店").click()
        chosen = page.evaluate("WanggeMap.app.shown.length")
        assert 0 < chosen < 40
        expect(page.locator("#wg-list > .wg-item")).to_have_count(chosen)
        page.get_by_role("button", name="全部").click()
        expect(page.locator("#wg-list > .wg-item")).to_have_count(40)
        before = _ink(page, ".leaflet-wg-points-pane")
        page.get_by_label("服务点", exact=True).and_(page.locator("input")).uncheck()
        page.get_by_label("名称", exact=True).uncheck()
        assert _ink(page, ".leaflet-wg-points-pane") < before / 3


def test_a_point_is_opened_by_clicking_its_sign(guarded_page, tmp_path):
    with guarded_page(**DESKTOP) as page:
        _open(page, _map(), tmp_path)
        page.evaluate("WanggeMap.app.map.setView(WanggeMap.app.pointLatLng(5), 19, { animate: false })")
        box = page.locator("#wg-map").bounding_box()
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        card = page.locator(".leaflet-popup")
        expect(card.locator("a[href^='tel:0471-']")).to_be_visible()
        expect(card).to_contain_text("核实")


def test_everything_can_be_reached_by_keyboard(guarded_page, tmp_path):
    with guarded_page(**DESKTOP) as page:
        _open(page, _map(), tmp_path)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "wg-skip"
        seen = []
        for _ in range(40):
            page.keyboard.press("Tab")
            seen.append(
                page.evaluate("((at) => at.id || at.dataset.keep || at.className)(document.activeElement)")
            )
        order = [seen.index(name) for name in ("large", "language", "wg-search", "locate", "pick", "all")]
        assert order == sorted(order)
        assert any("leaflet-container" in name or name == "wg-map" for name in seen)
        page.locator("button.wg-item-name").first.focus()
        page.keyboard.press("Enter")
        expect(page.locator(".leaflet-popup")).to_be_visible()
        assert page.evaluate("document.activeElement.closest('.leaflet-popup') !== null")
        page.keyboard.press("Escape")
        expect(page.locator(".leaflet-popup")).to_have_count(0)
        assert "wg-item-name" in page.evaluate("document.activeElement.className")


def test_languages_and_large_text_stay_as_chosen(guarded_page, tmp_path):
    with guarded_page(**PHONE) as page:
        _open(page, _map(), tmp_path)
        page.get_by_role("button", name="English").click()
        expect(page).to_have_title("Service map of 示例社区")
        expect(page.get_by_role("button", name="My position")).to_be_visible()
        page.get_by_role("button", name="Large text").click()
        assert page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)") > 20
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.reload()
        wait_until(page, READY)
        expect(page.get_by_role("button", name="My position")).to_be_visible()
        assert page.evaluate("document.documentElement.lang") == "en"
        page.goto((tmp_path / "map.html").as_uri() + "?lang=zh")
        expect(page.get_by_role("button", name="我的位置")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_axe_finds_nothing_serious(guarded_page, tmp_path, scheme, size):
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: run `npm ci --ignore-scripts`")
    with guarded_page(color_scheme=scheme, **size) as page:
        _open(page, _map(), tmp_path)
        page.evaluate("""() => {
          WanggeMap.app.position.set(111.656, 40.8139, 40);
          WanggeMap.app.openPoint(3);
          for (const part of document.querySelectorAll("details")) part.open = true;
        }""")
        page.wait_for_timeout(400)
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("axe.run(document).then((result) => result.violations)")
    grave = [
        (one["id"], one["impact"], [node["html"][:160] for node in one["nodes"]][:3])
        for one in found
        if one["impact"] in {"serious", "critical"}
    ]
    assert grave == []


def test_the_list_can_be_made_taller_on_a_phone(guarded_page, tmp_path):
    with guarded_page(**PHONE) as page:
        _open(page, _map(), tmp_path)
        before = page.locator(".wg-panel").bounding_box()["height"]
        page.locator(".wg-sheet").click()
        assert page.locator(".wg-panel").bounding_box()["height"] > 1.4 * before


@pytest.mark.parametrize("large", [False, True], ids=["plain", "large"])
def test_an_open_card_is_whole_on_a_phone_and_everything_on_it_can_be_tapped(guarded_page, tmp_path, large):
    with guarded_page(is_mobile=True, **PHONE) as page:
        _open(page, _map(), tmp_path)
        page.evaluate("(large) => WanggeMap.app.setLarge(large)", large)
        for at in (0, 7, 23):
            page.evaluate("(at) => WanggeMap.app.openPoint(at)", at)
            page.wait_for_timeout(500)
            card, ground = (page.locator(one).bounding_box() for one in (".leaflet-popup", "#wg-map"))
            assert card["y"] >= ground["y"]
            assert card["x"] >= 0
            assert card["x"] + card["width"] <= 360
            close = page.locator(".leaflet-popup-close-button")
            assert min(close.bounding_box()["width"], close.bounding_box()["height"]) >= 44
        close.tap()
        expect(page.locator(".wg-controls")).to_be_visible()
        for target in page.locator(".wg-find button, .wg-tool, .wg-chip, .wg-controls button, .wg-tel").all():
            if target.is_visible():
                assert target.bounding_box()["height"] >= 43.9, target.inner_text()


def test_a_stale_point_says_so(guarded_page, tmp_path):
    with guarded_page(**DESKTOP) as page:
        _open(page, _map(), tmp_path)
        assert page.locator(".wg-item .wg-stale").count() == sum(n % 5 == 0 for n in range(40))


def test_on_amap_the_picture_moves_and_the_answer_does_not(guarded_page, tmp_path):
    where = {"longitude": sample.WEST + 0.005, "latitude": sample.SOUTH + 0.004}
    with guarded_page(**DESKTOP) as page:
        _open(page, _map(), tmp_path)
        plain = page.evaluate(
            "({ longitude, latitude }) => WanggeMap.app.position.work(longitude, latitude, 5).owner", where
        )
        page.context.close()
    shifted = _map(basemap=basemap("amap"))
    html = shifted.html()
    assert "https://webrd01.is.autonavi.com" in html.partition("<title>")[0]
    with guarded_page(**DESKTOP) as page:
        # The tiles themselves are another host's, which is what an operator asked for; here nobody answers.
        page.context.route(
            "**/*autonavi.com/**", lambda route: route.fulfill(status=200, content_type="image/png", body=b"")
        )
        page.on("console", lambda _: None)
        (tmp_path / "amap.html").write_text(html, encoding="utf-8")
        page.goto((tmp_path / "amap.html").as_uri())
        wait_until(page, READY)
        answer = page.evaluate(
            "({ longitude, latitude }) => WanggeMap.app.position.work(longitude, latitude, 5).owner", where
        )
        shown = page.evaluate(
            "({ longitude, latitude }) => WanggeMap.app.ground.shown(longitude, latitude)", where
        )
        back = page.evaluate("([x, y]) => WanggeMap.app.ground.stored(x, y)", shown)
        expect(page.locator(".wg-credit")).to_contain_text("高德地图")
    assert answer == plain
    x, y = from_storage([where["longitude"]], [where["latitude"]], GCJ02)
    assert shown == pytest.approx([x[0], y[0]], abs=1e-9)
    assert back == pytest.approx([where["longitude"], where["latitude"]], abs=1e-9)


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("no grids", "没有网格边界"),
        ("no points", "还没有服务点"),
        ("outside", "不在任何网格内"),
        ("no position", "没有位置"),
        ("no sign", "没有图标的类别"),
        ("nothing", "没有网格边界"),
    ],
)
def test_odd_data_open_all_the_same_and_say_what_is_missing(guarded_page, tmp_path, case, words):
    grids, points = sample.grids(), sample.service_points()
    if case in {"no grids", "nothing"}:
        grids = grids.iloc[:0]
    if case in {"no points", "nothing"}:
        points = points.iloc[:0]
    if case == "outside":
        points.loc[0, "geometry"] = shapely.Point(sample.WEST - 0.01, sample.SOUTH)
    if case == "no position":
        points.loc[0, "geometry"] = None
    if case == "no sign":
        points.loc[0, "category"] = "刻章"
    with guarded_page(**PHONE) as page:
        _open(page, service_map(grids, service_points=points), tmp_path)
        expect(page.locator(".wg-about")).to_contain_text(words)
        page.evaluate("WanggeMap.app.position.set(111.6, 40.8, 20)")
        expect(page.locator(".wg-mine")).to_be_visible()


def test_two_points_on_one_spot_can_both_be_opened(guarded_page, tmp_path):
    points = sample.service_points(count=3)
    points["geometry"] = [points.geometry[0]] * 3
    with guarded_page(**DESKTOP) as page:
        _open(page, _map(service_points=points), tmp_path)
        page.evaluate("WanggeMap.app.openGroup([0, 1, 2])")
        rows = page.locator(".leaflet-popup .wg-row")
        expect(rows).to_have_count(3)
        rows.nth(1).click()
        expect(page.locator(".leaflet-popup .wg-facts")).to_be_visible()


def test_other_folium_layers_can_be_added(guarded_page, tmp_path):
    picture = _map()
    shape = gpd.GeoSeries(
        [shapely.box(sample.WEST, sample.SOUTH, sample.WEST + 0.002, sample.SOUTH + 0.002)], crs=4326
    )
    folium.GeoJson(shape.to_json()).add_to(picture)
    folium.Marker([sample.SOUTH, sample.WEST], popup="示例").add_to(picture)
    with guarded_page(**DESKTOP) as page:
        _open(page, picture, tmp_path)
        expect(page.locator(".leaflet-overlay-pane path")).to_have_count(1)


def test_a_plain_folium_map_opens_from_disk(guarded_page, tmp_path):
    plain = folium.Map([40.81, 111.65], tiles=None, maxZoom=18)
    cluster = folium.plugins.MarkerCluster().add_to(plain)
    for n in range(5):
        folium.Marker([40.81 + n / 1e4, 111.65], popup="示例", icon=folium.Icon(icon="home")).add_to(cluster)
    with guarded_page(**DESKTOP) as page:
        write(on_page(plain, title="示例"), tmp_path / "plain.html", delivery="folder")
        page.goto((tmp_path / "plain.html").as_uri())
        expect(page.locator(".marker-cluster, .awesome-marker").first).to_be_visible()
