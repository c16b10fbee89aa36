"""The residents' report and the dispatch console in a real browser, from report to rating."""

from __future__ import annotations

import datetime as dt
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from gis.demo.community import COMMUNITY, COUNTY, make_community
from gis.layers.database import Database
from gis.service.access import create_token
from gis.service.api.app import create_app
from gis.service.loading import load_place
from gis.settings import CHINA_STANDARD_TIME, Settings
from tests.service.conftest import serving

pytestmark = [pytest.mark.browser, pytest.mark.database]

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
DESKTOP = {"viewport": {"width": 1360, "height": 850}, "locale": "zh-CN"}
PHONE = {"viewport": {"width": 360, "height": 760}, "has_touch": True, "locale": "zh-CN"}
PATIENCE_MS = 30_000
"""The first look-up of a process compiles; others use this machine too."""
HOSTILE = (
    "<img src=x onerror=\"document.title='owned'\">${1}`</script><script>document.title='owned'</script>"
)


class Quarter:
    def __init__(self, address: str, token: str) -> None:
        self.address = address
        self.token = token
        frames = make_community()
        grids = frames["grids"]
        basic = grids[grids["grid_type"] == "basic"]
        on_top = grids[grids["grid_type"] != "basic"].geometry.union_all()
        whole = basic[~basic["grid_code"].isin(grids["parent_code"])].iloc[0]
        self.point = whole.geometry.difference(on_top).buffer(-0.0002).representative_point()
        self.grid = str(whole["name"])
        self.other = str(basic["name"].iloc[-1])
        self.other_code = str(basic["grid_code"].iloc[-1])
        self.edge = basic.geometry.iloc[0].intersection(basic.geometry.iloc[1]).representative_point()


@pytest.fixture(scope="module")
def quarter(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Quarter]:
    """The demonstration community, served."""
    when = dt.datetime(2026, 1, 1, tzinfo=CHINA_STANDARD_TIME)
    load_place(module_database, make_community(), actor="test", effective_from=when)
    with module_database.connection() as connection:
        token = create_token(connection, "示例调度员", "dispatcher", COUNTY)
    settings = Settings(data_dir=tmp_path_factory.mktemp("quarter"), _env_file=None)
    with serving(create_app(settings, database=module_database)) as address:
        yield Quarter(address, token)


def shot(page: Page, name: str) -> None:
    """Keep a picture for the README where the run asks for one."""
    folder = os.environ.get("WANGGE_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png")


def search(page: Page, words: str) -> None:
    page.fill("#where", words)
    page.press("#where", "Enter")


def test_the_front_page_opens_three_doors_in_two_languages(guarded_page, quarter: Quarter) -> None:
    with guarded_page(allow=quarter.address, **DESKTOP) as page:
        page.goto(quarter.address)
        for name in ("居民", "调度员", "规划员"):
            expect(page.get_by_role("heading", name=name)).to_be_visible()
        shot(page, "front")
        page.get_by_role("link", name="English").click()
        expect(page.get_by_role("heading", name="Dispatchers")).to_be_visible()
        assert page.evaluate("document.documentElement.lang") == "en"
        page.get_by_role("link", name="Open the service map").click()
        expect(page).to_have_url(re.compile(f"/map/{COMMUNITY}"))


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: run `npm ci`")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_shut_out(guarded_page, quarter: Quarter, scheme: str) -> None:
    with guarded_page(allow=quarter.address, color_scheme=scheme, bypass_csp=True, **DESKTOP) as page:
        pages = (
            ("/", ".doors"),
            ("/report", "#map canvas"),
            (f"/dispatch#token={quarter.token}", "#live.good"),
        )
        for path, drawn in pages:
            page.goto(quarter.address + path)
            expect(page.locator(drawn).first).to_be_visible()
            page.evaluate(AXE.read_text(encoding="utf-8"))
            found = page.evaluate(
                "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa']}).then((r) => r.violations)"
            )
            told = [f"{one['id']}: {one['nodes'][0]['html'][:150]}" for one in found]
            assert told == [], path


def test_the_front_page_fits_a_phone(guarded_page, quarter: Quarter) -> None:
    with guarded_page(allow=quarter.address, **PHONE) as page:
        for path, drawn in (
            ("/", ".doors"),
            ("/report", "canvas"),
            (f"/dispatch#token={quarter.token}", "#live.good"),
        ):
            page.goto(quarter.address + path)
            expect(page.locator(drawn).first).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, path


def test_a_token_in_the_fragment_leaves_the_address_at_once(guarded_page, quarter: Quarter) -> None:
    with guarded_page(allow=quarter.address, **DESKTOP) as page:
        page.goto(f"{quarter.address}/dispatch#token={quarter.token}")
        expect(page.locator("#who")).to_contain_text("示例调度员")
        assert quarter.token not in page.url
        assert not any(quarter.token in asked for asked in page.guard.asked)
        page.reload()
        expect(page.locator("#who")).to_contain_text("示例调度员")


def test_a_wrong_token_is_refused_and_a_typed_one_lets_in(guarded_page, quarter: Quarter) -> None:
    with guarded_page(allow=quarter.address, expect_status=False, **DESKTOP) as page:
        page.goto(f"{quarter.address}/dispatch")
        page.fill("#token", quarter.token)
        page.press("#token", "Enter")
        expect(page.locator("#who")).to_contain_text("示例调度员")


def test_from_report_to_rating(guarded_page, quarter: Quarter) -> None:
    out = io.BytesIO()
    picture = Image.new("RGB", (80, 60), "olive")
    exif = Image.Exif()
    lon, lat = quarter.point.x, quarter.point.y
    exif.get_ifd(0x8825).update({1: "N", 2: (lat, 0.0, 0.0), 3: "E", 4: (lon, 0.0, 0.0)})
    picture.save(out, "JPEG", exif=exif)
    photo = {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": out.getvalue()}

    with (
        guarded_page(allow=quarter.address, **DESKTOP) as desk,
        guarded_page(allow=quarter.address, **PHONE) as phone,
    ):
        desk.goto(f"{quarter.address}/dispatch#token={quarter.token}")
        expect(desk.locator("#live")).to_have_text("实时")

        phone.goto(f"{quarter.address}/report")
        phone.locator("#category option").first.wait_for(state="attached")
        phone.select_option("#category", "noise")
        phone.fill("#text", f"示例：夜间施工 {HOSTILE}")
        phone.set_input_files("#photo", photo)
        phone.click("#use-photo")
        expect(phone.locator("#place")).to_contain_text(quarter.grid, timeout=PATIENCE_MS)
        phone.click("#send")
        expect(phone.locator("#sent")).to_contain_text("已收到")
        number = phone.input_value("#number")
        shot(phone, "report")

        line = desk.locator(f'#queue [data-number="{number}"]')
        expect(line).to_contain_text(quarter.grid)  # it came by itself
        line.click()
        expect(desk.locator("#incident-number")).to_have_text(number)
        expect(desk.locator("img.photo")).to_be_visible()
        shot(desk, "dispatch")
        desk.locator("body").press("c")
        expect(desk.locator("#incident-state")).to_have_text("已受理")
        desk.locator('[data-act="resolve"]').click()
        desk.fill("#step-reason", "已现场劝停")
        desk.get_by_role("button", name="确定").click()
        expect(desk.locator("#incident-state")).to_have_text("已办结")
        expect(desk.locator("#history")).to_contain_text("已现场劝停")
        expect(line).to_have_count(0)

        phone.click("#look")
        expect(phone.locator("#state")).to_contain_text("已办结")
        phone.click('[data-stars="5"]')
        expect(phone.locator("#rating")).to_have_text("★★★★★")
        assert desk.title() != "owned"
        assert phone.title() != "owned"


def test_a_coordinate_an_address_and_a_click_name_the_owner(guarded_page, quarter: Quarter) -> None:
    with guarded_page(allow=quarter.address, **DESKTOP) as page:
        page.goto(f"{quarter.address}/dispatch#token={quarter.token}")
        expect(page.locator("#live")).to_have_text("实时")
        search(page, f"{quarter.point.x:.7f}，{quarter.point.y:.7f}")
        expect(page.locator("#answer-owner")).to_have_text(quarter.grid)
        expect(page.locator("#panel")).to_contain_text("距边界")
        expect(page.locator('#panel a[href^="tel:"]').first).to_be_visible()
        search(page, f"{quarter.edge.x:.8f} {quarter.edge.y:.8f}")
        expect(page.locator("#answer-status")).to_contain_text("边界")
        search(page, "2号楼")
        expect(page.locator("#places button").first).to_be_visible()
        expect(page.locator("#panel h2")).to_have_text("是哪个小区的？")
        page.locator("#places button").first.click()
        expect(page.locator("#answer-owner")).to_be_visible()
        page.locator("#map").click(position={"x": 300, "y": 300})
        expect(page.locator("#answer-why")).not_to_be_empty()


def test_names_on_the_map_can_be_read_from_near_and_far(guarded_page, quarter: Quarter) -> None:
    with guarded_page(allow=quarter.address, **DESKTOP) as page:
        page.goto(f"{quarter.address}/dispatch#token={quarter.token}")
        expect(page.locator(".grid-name.grid span").first).to_be_visible(timeout=PATIENCE_MS)
        for _ in range(3):
            page.locator(".leaflet-control-zoom-out").click()
            page.wait_for_timeout(400)
        # Twelve grids' names do not fit into what is left; the community's stands for them.
        expect(page.locator(".grid-name.community")).to_have_count(1)
        expect(page.locator(".grid-name")).to_have_count(1)
        for _ in range(5):
            page.locator(".leaflet-control-zoom-out").click()
            page.wait_for_timeout(400)
        expect(page.locator(".grid-name")).to_have_count(0)
        # What is looked for is seen from near, whatever was on the screen before.
        page.click("#tab-statistics")
        search(page, f"{quarter.point.x:.7f}, {quarter.point.y:.7f}")
        expect(page.locator("#answer-owner")).to_have_text(quarter.grid, timeout=PATIENCE_MS)
        expect(page.locator("#work")).to_be_visible()
        expect(page.locator(".grid-name.grid span").first).to_be_visible()


def test_on_a_phone_an_answer_comes_to_the_eye(guarded_page, quarter: Quarter) -> None:
    with guarded_page(allow=quarter.address, **PHONE) as page:
        page.goto(f"{quarter.address}/dispatch?lang=en#token={quarter.token}")
        expect(page.locator("#live")).to_have_text("Live")
        search(page, f"{quarter.point.x:.7f}, {quarter.point.y:.7f}")
        expect(page.locator("#answer-owner")).to_have_text(quarter.grid)
        expect(page.locator("#answer-owner")).to_be_in_viewport()
        expect(page.locator("#panel .people a").first).to_be_in_viewport()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_by_hand_with_the_keyboard_alone(guarded_page, quarter: Quarter) -> None:
    with guarded_page(allow=quarter.address, **DESKTOP) as page:
        page.goto(f"{quarter.address}/dispatch?lang=en#token={quarter.token}")
        expect(page.locator("#live")).to_have_text("Live")
        page.keyboard.press("/")
        page.keyboard.type(f"{quarter.edge.x:.8f}, {quarter.edge.y:.8f}")
        page.keyboard.press("Enter")
        expect(page.locator("#answer-status")).to_contain_text("border")
        page.locator("#report-here").focus()
        page.keyboard.press("Enter")
        page.keyboard.type("sample: a loose manhole cover")
        page.fill("#form-accuracy", "40")
        page.locator("#form-text").focus()
        page.locator('#record button[type="submit"]').focus()
        page.keyboard.press("Enter")
        expect(page.locator("#incident-state")).to_have_text("Reported")
        page.locator("body").press("a")
        page.select_option("#step-grid", quarter.other_code)
        page.fill("#step-reason", "rang the caller")
        page.locator("#step-reason").press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("#incident-state")).to_have_text("Assigned")
        expect(page.locator("#history")).to_contain_text("rang the caller")
        page.keyboard.press("Escape")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        expect(page.locator("#incident-title")).to_be_visible()


def test_a_batch_says_what_it_refused_and_statistics_are_drawn(guarded_page, quarter: Quarter) -> None:
    x, y = quarter.point.x, quarter.point.y
    with guarded_page(allow=quarter.address, accept_downloads=True, **DESKTOP) as page:
        page.goto(f"{quarter.address}/dispatch#token={quarter.token}")
        expect(page.locator("#live")).to_have_text("实时")
        page.click("#tab-batch")
        page.fill("#batch-paste", f"key,lon,lat\na,{x},{y}\nb,east,{y}\n")
        page.click("#batch-go")
        expect(page.locator("#batch-summary")).to_contain_text("2 行")
        expect(page.locator("#batch-summary")).to_contain_text("坐标无效 1")
        page.select_option("#batch-what", "reports")
        page.fill("#batch-paste", f'category,text,lon,lat\nnoise,"示例,一",{x},{y}\nufo,二,{x},{y}\n')
        page.click("#batch-go")
        expect(page.locator("#batch-summary")).to_contain_text("1 行已登记，1 行未接受")
        with page.expect_download() as download:
            page.get_by_role("link", name="下载未接受的行").click()
        refused = Path(download.value.path()).read_text(encoding="utf-8-sig")
        assert "there is no category 'ufo'" in refused
        page.click("#tab-statistics")
        expect(page.locator("#statistics canvas").first).to_be_visible()
        expect(page.locator("#statistics table")).to_contain_text(quarter.grid)
        expect(page.get_by_role("link", name="下载 Excel")).to_be_visible()
        expect(page.locator("#tiles .tile")).to_have_count(4)
        expect(page.locator('[aria-sort="descending"]')).to_contain_text("上报")
        page.locator('[data-by="name"]').click()
        expect(page.locator('[aria-sort="ascending"]')).to_contain_text("网格")
        assert page.evaluate("document.activeElement.dataset.by") == "name"
        names = page.locator(".stat-table tbody th").all_inner_texts()
        assert len(names) > 0
        page.select_option("#period", "month")
        expect(page.locator("#tiles small").first).to_contain_text(re.compile("上月|上期"))
        shot(page, "statistics")


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: run `npm ci`")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_dispatcher_is_shut_out(guarded_page, quarter: Quarter, scheme: str) -> None:
    x, y = quarter.point.x, quarter.point.y
    with guarded_page(allow=quarter.address, color_scheme=scheme, bypass_csp=True, **DESKTOP) as page:
        page.goto(f"{quarter.address}/dispatch#token={quarter.token}")
        expect(page.locator("#live")).to_have_text("实时")
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found: list[str] = []

        def look(where: str) -> None:
            told = page.evaluate(
                "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa']}).then((r) => r.violations)"
            )
            found.extend(f"{where}: {one['id']}: {one['nodes'][0]['html'][:150]}" for one in told)

        search(page, f"{quarter.edge.x:.8f} {quarter.edge.y:.8f}")
        expect(page.locator("#answer-status")).to_contain_text("边界")
        look("answer")
        page.locator("#report-here").click()
        look("form")
        page.fill("#form-text", "示例：井盖松动")
        page.fill("#form-accuracy", "40")
        page.locator('#record button[type="submit"]').click()
        expect(page.locator("#incident-state")).to_be_visible(timeout=PATIENCE_MS)
        page.wait_for_timeout(5500)  # until what was told has gone: it is read by itself
        look("incident")
        page.locator("body").press("a")
        expect(page.locator("#step-reason")).to_be_visible()
        look("assign")
        page.keyboard.press("Escape")
        page.click("#keys")
        look("keys")
        page.keyboard.press("Escape")
        page.click("#tab-batch")
        page.fill("#batch-paste", f"key,lon,lat\na,{x},{y}\n")
        page.click("#batch-go")
        expect(page.locator("#batch-summary")).to_be_visible()
        look("batch")
        page.click("#tab-statistics")
        expect(page.locator("#statistics canvas").first).to_be_visible()
        look("statistics")
        assert found == []


def test_the_console_says_when_the_feed_and_the_database_are_away(guarded_page, quarter: Quarter) -> None:
    away = {"error": {"code": "unavailable", "message": "the database does not answer"}}
    with guarded_page(allow=quarter.address, expect_status=False, **DESKTOP) as page:
        page.route("**/api/v1/feed", lambda route: route.fulfill(status=503, json=away))
        page.route("**/healthz", lambda route: route.fulfill(json={"status": "degraded", "database": "away"}))
        page.goto(f"{quarter.address}/dispatch#token={quarter.token}")
        expect(page.locator("#live")).to_have_text("正在重新连接……")
        expect(page.locator("#away")).to_contain_text("数据库暂时连接不上")
        # Looking up goes on; an error while a dialog is open is told above it.
        search(page, f"{quarter.point.x:.7f}, {quarter.point.y:.7f}")
        expect(page.locator("#answer-owner")).to_have_text(quarter.grid)
        page.route("**/api/v1/incidents", lambda route: route.fulfill(status=503, json=away))
        page.locator("#report-here").click()
        page.fill("#form-text", "示例")
        page.click("#keys")
        page.evaluate("document.getElementById('record').requestSubmit()")
        expect(page.locator("#told .bad")).to_contain_text("没有成功")
        top = page.evaluate("document.querySelector('#told').matches(':popover-open')")
        assert top
        page.guard.faults = [fault for fault in page.guard.faults if "503" not in fault]
