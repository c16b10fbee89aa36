"""Every page as its user opens it, wide and on a phone, with no other host to be reached.

With ``WANGGE_SCREENSHOTS`` naming a folder, what was seen is kept there (`make screenshots`).
"""

from __future__ import annotations

import io
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from gis.demo.community import COMMUNITY
from gis.layers.database import Database
from gis.service.api.app import create_app
from gis.service.checking import check_community
from gis.service.community_frames import read_community
from gis.service.mapping import check_page, community_map, plan_map
from gis.service.residents.handbook import make_handbook
from gis.service.starting import demo_links, load_demo
from gis.settings import Settings
from maps.page import write
from tests.e2e.waiting import wait_until
from tests.service.conftest import serving

pytestmark = [pytest.mark.browser, pytest.mark.database]

WIDE = {"viewport": {"width": 1360, "height": 850}, "locale": "zh-CN"}
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 1.5,
    "is_mobile": True,
    "has_touch": True,
    "locale": "zh-CN",
}
DARK = {**WIDE, "color_scheme": "dark"}
PATIENCE_MS = 30_000


@dataclass
class Served:
    address: str
    links: dict[str, str]
    database: Database
    settings: Settings


@pytest.fixture(scope="module")
def served(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    load_demo(module_database)
    settings = Settings(data_dir=tmp_path_factory.mktemp("served"), _env_file=None)
    with serving(create_app(settings, database=module_database)) as address:
        links = {words.split()[-1]: link for words, link in demo_links(module_database, address)}
        yield Served(address, links, module_database, settings)


def keep(page: Page, name: str, tmp_path: Path) -> None:
    """Take a picture, and see that it is one: a blank page has a handful of colours."""
    folder = Path(os.environ.get("WANGGE_SCREENSHOTS") or tmp_path)
    file = folder / f"{name}.png"
    page.wait_for_timeout(600)
    page.screenshot(path=file)
    with Image.open(file) as picture:
        colours = np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)
    assert len(colours) > 100


@pytest.mark.parametrize(("name", "options"), [("front-wide", WIDE), ("front-phone", PHONE)])
def test_the_first_page(guarded_page, served: Served, tmp_path: Path, name: str, options: dict) -> None:
    with guarded_page(allow=served.address, **options) as page:
        page.goto(served.links["residents"])
        assert page.locator("html").get_attribute("lang").startswith("zh")
        for words in ("居民", "调度员", "规划员"):
            expect(page.get_by_role("heading", name=words)).to_be_visible()
        keep(page, name, tmp_path)


@pytest.mark.parametrize(("name", "options"), [("map-wide", WIDE), ("map-phone", PHONE), ("map-dark", DARK)])
def test_the_service_map_from_the_server(
    guarded_page, served: Served, tmp_path: Path, name: str, options: dict
) -> None:
    with guarded_page(allow=served.address, **options) as page:
        page.goto(f"{served.address}/map/{COMMUNITY}?lang=zh")
        expect(page.get_by_text("示例社区服务站").first).to_be_visible(timeout=PATIENCE_MS)
        keep(page, name, tmp_path)


def test_the_saved_map_from_a_disk(guarded_page, served: Served, tmp_path: Path) -> None:
    with served.database.connection() as connection:
        picture = community_map(connection, COMMUNITY, served.settings, delivery="inline")
    write(picture, tmp_path / "map.html")
    with guarded_page(**PHONE) as page:
        page.goto((tmp_path / "map.html").as_uri())
        expect(page.get_by_text("示例社区服务站").first).to_be_visible(timeout=PATIENCE_MS)
        assert [url for url in page.guard.asked if url.startswith("http")] == []


def printed(pdf: Path, page: int, name: str, tmp_path: Path, *, dots: int = 70) -> Image.Image:
    """Turn a page of a PDF into a picture without any colour, as most printers will."""
    folder = Path(os.environ.get("WANGGE_SCREENSHOTS") or tmp_path)
    first = ["-f", str(page), "-l", str(page), "-singlefile"]
    subprocess.run(
        ["pdftoppm", *first, "-r", str(dots), "-gray", "-png", str(pdf), str(folder / name)], check=True
    )
    with Image.open(folder / f"{name}.png") as picture:
        return picture.convert("L")


def assert_legible(picture: Image.Image) -> None:
    """See that there is paper, ink on it, and greys between: nothing pale on white, no black slab."""
    shares = np.bincount(np.asarray(picture).ravel() // 32, minlength=8) / picture.width / picture.height
    assert shares[7] > 0.25
    assert 0.002 < shares[0] + shares[1] < 0.4
    assert shares[2:7].sum() > 0.02


def test_the_map_and_its_list_on_paper(guarded_page, served: Served, tmp_path: Path) -> None:
    # From a dark window too: paper is light.
    with guarded_page(allow=served.address, **DARK) as page:
        page.goto(f"{served.address}/map/{COMMUNITY}?lang=zh")
        expect(page.get_by_text("示例社区服务站").first).to_be_visible(timeout=PATIENCE_MS)
        page.wait_for_timeout(600)
        page.pdf(path=tmp_path / "map.pdf", format="A4")
    assert_legible(printed(tmp_path / "map.pdf", 1, "map-print", tmp_path))
    words = subprocess.run(
        ["pdftotext", str(tmp_path / "map.pdf"), "-"], capture_output=True, text=True, check=True
    ).stdout
    assert "示例社区服务站" in words
    assert "0471-0001010" in words
    assert "网格与网格员" in words
    assert "我的位置" not in words


def test_a_page_of_the_handbook(served: Served, tmp_path: Path) -> None:
    book = make_handbook(served.database, COMMUNITY, tmp_path / "book.pdf", settings=served.settings)
    assert book.pages > 12
    assert_legible(printed(book.path, 3, "handbook-page", tmp_path))


def test_a_wrong_entry_is_told_from_the_map(guarded_page, served: Served, tmp_path: Path) -> None:
    with guarded_page(allow=served.address, **PHONE) as page:
        page.goto(f"{served.address}/map/{COMMUNITY}?lang=zh")
        wait_until(page, "Boolean(window.WanggeMap?.app?.pointsLayer?.view)", seconds=30)
        page.evaluate("WanggeMap.app.openPoint(3)")
        page.get_by_role("link", name="信息有误").click()
        expect(page.get_by_role("heading", name="信息有误")).to_be_visible(timeout=PATIENCE_MS)
        page.select_option("#what", "hours")
        photo = io.BytesIO()
        exif = Image.Exif()
        exif.get_ifd(0x8825).update({1: "N", 2: (40.0, 48.0, 30.0), 3: "E", 4: (111.0, 36.0, 18.0)})
        Image.new("RGB", (80, 60), "#396").save(photo, "JPEG", exif=exif)
        page.set_input_files(
            "#photo", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": photo.getvalue()}
        )
        expect(page.locator("#photo-offer")).to_be_visible(timeout=PATIENCE_MS)
        page.click("#use-photo")
        keep(page, "wrong-phone", tmp_path)
        page.click("#send")
        expect(page.locator("#sent")).to_contain_text("查询码", timeout=PATIENCE_MS)
        # Nothing of it is left for the next: no photo, no place.
        expect(page.locator(".file-pick")).to_contain_text("还没有选文件")
        expect(page.locator("#place")).to_be_hidden()


def test_a_report_forgets_its_photo_once_it_is_sent(guarded_page, served: Served) -> None:
    photo = io.BytesIO()
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (40.0, 48.0, 36.0), 3: "E", 4: (111.0, 37.0, 12.0)})
    Image.new("RGB", (80, 60), "#396").save(photo, "JPEG", exif=exif)
    taken = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": photo.getvalue()}
    with guarded_page(allow=served.address, **PHONE) as page:
        page.goto(f"{served.address}/report?lang=zh")
        page.locator("#category option").first.wait_for(state="attached")
        page.fill("#text", "示例：路灯不亮")
        page.set_input_files("#photo", taken)
        page.click("#use-photo")
        expect(page.locator("#place")).not_to_have_text("还没有标出位置。", timeout=PATIENCE_MS)
        page.click("#send")
        expect(page.locator("#sent")).to_contain_text("已收到", timeout=PATIENCE_MS)
        expect(page.locator(".file-pick")).to_contain_text("还没有选文件")
        expect(page.locator("#photo-offer")).to_be_hidden()


def test_the_report_of_a_check_from_a_disk(guarded_page, served: Served, tmp_path: Path) -> None:
    with served.database.connection() as connection:
        done = check_community(connection, COMMUNITY, served.settings, households_max=430)
    (tmp_path / "report.html").write_text(check_page(done), encoding="utf-8")
    with guarded_page(**WIDE) as page:
        page.goto((tmp_path / "report.html").as_uri())
        expect(page.get_by_text("示例花苑网格").first).to_be_visible(timeout=PATIENCE_MS)
        keep(page, "check-wide", tmp_path)


@pytest.mark.parametrize(("name", "options"), [("dispatch-wide", WIDE), ("dispatch-phone", PHONE)])
def test_the_dispatch_console(guarded_page, served: Served, tmp_path: Path, name: str, options: dict) -> None:
    with guarded_page(allow=served.address, **options) as page:
        page.goto(served.links["dispatcher"])
        expect(page.locator("#live")).to_have_text("实时", timeout=PATIENCE_MS)
        page.fill("#where", "111.62, 40.81")
        page.press("#where", "Enter")
        expect(page.locator("#answer-owner")).to_have_text("示例中心网格", timeout=PATIENCE_MS)
        assert "[object" not in page.inner_text("body")
        assert "token" not in page.url
        keep(page, name, tmp_path)


@pytest.mark.parametrize(("name", "options"), [("planner-wide", WIDE), ("planner-phone", PHONE)])
def test_the_planners_studio(guarded_page, served: Served, tmp_path: Path, name: str, options: dict) -> None:
    with guarded_page(allow=served.address, **options) as page:
        page.goto(served.links["planner"])
        start = page.get_by_role("button", name="开始", exact=True)
        # The first to come is asked to begin a plan; the next finds it.
        expect(start.or_(page.locator(".grid-row").first).first).to_be_visible(timeout=PATIENCE_MS)
        if start.is_visible():
            start.click()
        expect(page.locator(".grid-row").first).to_be_attached(timeout=PATIENCE_MS)
        page.wait_for_timeout(1500)
        assert "token" not in page.url
        keep(page, name, tmp_path)


def test_a_plan_on_a3(guarded_page, served: Served, tmp_path: Path) -> None:
    token = served.links["planner"].partition("token=")[2]
    headers = {"Authorization": f"Bearer {token}"}
    with served.database.connection() as connection:
        today = read_community(connection, COMMUNITY).grids
    with httpx.Client(base_url=f"{served.address}/api/v1", headers=headers, timeout=60) as client:
        plan = client.post(f"/communities/{COMMUNITY}/plans", json={"name": "示例方案"}).json()["plan"]
        number, version = plan["id"], plan["version"]
        # The northern half of the middle grid goes to its western neighbour.
        middle, west = COMMUNITY + "009", COMMUNITY + "008"
        box = today.loc[today["grid_code"] == middle].total_bounds
        half = (box[1] + box[3]) / 2
        line = [[box[0], half], [box[2], half]]
        split = client.post(
            f"/plans/{number}/split", json={"version": version, "label": middle, "line": line}
        )
        assert split.status_code == 200, split.text
        [north] = {label for label in split.json()["units"].values() if label != middle}
        wanted = {"version": split.json()["version"], "labels": [west, north], "into": west}
        merged = client.post(f"/plans/{number}/merge", json=wanted)
        assert merged.status_code == 200, merged.text
    with served.database.connection() as connection:
        write(plan_map(connection, number), tmp_path / "plan.html")
    with guarded_page(**WIDE) as page:
        page.goto((tmp_path / "plan.html").as_uri())
        expect(page.locator(".sheet-name").first).to_be_visible(timeout=PATIENCE_MS)
        page.wait_for_timeout(600)
        page.pdf(path=tmp_path / "plan.pdf", prefer_css_page_size=True, print_background=True)
    assert_legible(printed(tmp_path / "plan.pdf", 1, "plan-a3", tmp_path, dots=55))
