"""The published site: whole, harmless, the same every time, and at work without a network."""

from __future__ import annotations

import hashlib
import json
import re
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from gis.errors import ConflictError, InputError, NotFoundError
from gis.layers.frames import write_frame
from gis.service.loading import load_place
from gis.service.residents.site import MANIFEST, Site, publish_site
from gis.settings import Settings
from tests.service import strange
from tests.service.conftest import COMMUNITY, COUNTY, DAY, STREET, frame, place, publish

pytestmark = pytest.mark.database

SETTINGS = Settings(_env_file=None)
AXE = Path(__file__).parents[3] / "node_modules" / "axe-core" / "axe.min.js"
ATOM = "{http://www.w3.org/2005/Atom}"
BASE = "https://example.cn/services/"


def publish_to(database, out: Path, community: str = COMMUNITY, **options) -> Site:
    return publish_site(
        database, community, out, settings=SETTINGS, **({"with_handbook": False, "base_url": BASE} | options)
    )


def read_xml(content: bytes) -> ET.Element:
    return ET.fromstring(content)  # noqa: S314 - written by the code under test


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def loaded(module_database):
    load_place(module_database, place(), actor="test", effective_from=DAY)
    return module_database


@pytest.fixture(scope="module")
def site(loaded, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("site") / "out"
    publish_site(loaded, COMMUNITY, out, settings=SETTINGS, base_url=BASE)
    return out


def test_the_same_edition_gives_the_same_bytes(loaded, site, tmp_path) -> None:
    again = publish_site(loaded, COMMUNITY, tmp_path / "again", settings=SETTINGS, base_url=BASE)
    assert contents(tmp_path / "again") == contents(site)
    assert again.edition == 1
    manifest = json.loads((site / MANIFEST).read_text("utf-8"))
    assert set(manifest["files"]) == set(contents(site)) - {MANIFEST}
    assert manifest["edition"]["number"] == 1


def test_the_index_is_searched_by_the_names_that_people_use(site) -> None:
    for path in ("index.html", "en/index.html"):
        index = (site / path).read_text("utf-8")
        assert re.search('data-find="[^"]*光明小区[^"]* 光明里 老机械厂宿舍 ', index)


def test_a_page_for_every_grid_in_both_languages_chinese_first(site) -> None:
    for serial in ("001", "002", "801"):
        zh = (site / "grids" / f"{COMMUNITY}{serial}.html").read_text("utf-8")
        en = (site / "en" / "grids" / f"{COMMUNITY}{serial}.html").read_text("utf-8")
        assert '<html lang="zh-CN">' in zh
        assert '<html lang="en">' in en
        assert f'href="../en/grids/{COMMUNITY}{serial}.html"' in zh
        assert f'href="../../grids/{COMMUNITY}{serial}.html"' in en
    first = (site / "grids" / f"{COMMUNITY}001.html").read_text("utf-8")
    assert "示例甲" in first
    assert 'href="tel:0471-0000101"' in first
    assert "示例卫生站" in first
    assert "user-scalable" not in first


def test_every_link_inside_the_site_leads_somewhere(site) -> None:
    pages = [path for path in site.rglob("*.html") if path.name != "map.html"]
    assert len(pages) == 10
    for page in pages:
        for address in re.findall(r'(?:href|src)="([^"]+)"', page.read_text("utf-8")):
            if not address.startswith(("tel:", "#", BASE)):
                assert (page.parent / address.partition("#")[0]).resolve().is_file(), f"{page}: {address}"


def test_the_feed_is_atom_and_tells_each_change(loaded, site, tmp_path) -> None:
    feed = read_xml((site / "feed.xml").read_bytes())
    assert feed.tag == f"{ATOM}feed"
    assert len(feed.findall(f"{ATOM}entry")) == 1
    assert feed.findtext(f"{ATOM}id", "").startswith("urn:uuid:")
    assert {link.get("href") for link in feed.findall(f"{ATOM}link")} == {
        f"{BASE}feed.xml",
        f"{BASE}index.html",
    }


def test_a_later_edition_changes_the_feed_and_takes_old_pages_away(database, tmp_path) -> None:
    load_place(database, place(), actor="test", effective_from=DAY)
    out = tmp_path / "site"
    publish_to(database, out)
    (out / "own.html").write_text("the operator's own", encoding="utf-8")
    publish(database, 111.612, DAY.replace(month=5))
    before = (out / "feed.xml").read_bytes()
    publish_to(database, out)
    feed = read_xml((out / "feed.xml").read_bytes())
    titles = [entry.findtext(f"{ATOM}title") for entry in feed.findall(f"{ATOM}entry")]
    assert titles == ["第 2 版", "第 1 版"]
    content = feed.findtext(f"{ATOM}entry/{ATOM}content", "")
    assert "调整 2 个网格的边界：001、002" in content
    # The entry that was there before is the same one still.
    old = read_xml(before).findtext(f"{ATOM}entry/{ATOM}id")
    assert [entry.findtext(f"{ATOM}id") for entry in feed.findall(f"{ATOM}entry")][1] == old
    # A page of a site from before that is no more goes; what is not ours stays.
    manifest = json.loads((out / MANIFEST).read_text("utf-8"))
    manifest["files"]["grids/gone.html"] = "0"
    manifest["files"]["../outside.html"] = "0"
    (out / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    (out / "grids" / "gone.html").write_text("x", encoding="utf-8")
    (tmp_path / "outside.html").write_text("x", encoding="utf-8")
    publish_to(database, out)
    assert not (out / "grids" / "gone.html").exists()
    assert (out / "own.html").exists()
    assert (tmp_path / "outside.html").exists()


def test_what_is_not_ours_is_not_written_over(loaded, tmp_path) -> None:
    (tmp_path / "index.html").write_text("somebody's", encoding="utf-8")
    with pytest.raises(ConflictError, match="something else"):
        publish_to(loaded, tmp_path)
    assert (tmp_path / "index.html").read_text() == "somebody's"


@pytest.mark.parametrize(
    "address", ["example.cn", "ftp://example.cn/", "https://x/?a=1", "javascript:alert(1)"]
)
def test_a_base_address_that_is_none_is_refused(loaded, tmp_path, address) -> None:
    with pytest.raises(InputError, match="address"):
        publish_to(loaded, tmp_path / "x", base_url=address)


def test_an_unknown_community_leaves_nothing_behind(loaded, tmp_path) -> None:
    with pytest.raises(NotFoundError):
        publish_to(loaded, tmp_path / "x", community="150103099999")
    assert list(tmp_path.iterdir()) == []


def test_the_qr_code_is_the_address_of_its_page(site) -> None:
    from gis.service.residents.site import qr_svg  # noqa: PLC0415

    page = (site / "grids" / f"{COMMUNITY}001.html").read_text("utf-8")
    assert qr_svg(f"{BASE}grids/{COMMUNITY}001.html") in page
    assert qr_svg(f"{BASE}grids/{COMMUNITY}002.html") not in page


def test_without_a_base_address_there_is_no_code_and_all_else(loaded, tmp_path) -> None:
    publish_to(loaded, tmp_path / "x", base_url=None)
    page = (tmp_path / "x" / "grids" / f"{COMMUNITY}001.html").read_text("utf-8")
    assert "qr-box" not in page
    assert "示例甲" in page
    assert b"example.cn" not in (tmp_path / "x" / "feed.xml").read_bytes()


def test_everything_strange_comes_out_harmless_and_is_said(database, tmp_path) -> None:
    strange.load_strange(database)
    out = tmp_path / "site"
    done = publish_to(database, out)
    missing = " ".join(done.missing)
    for words in (
        "1 个服务点不在任何网格内",
        "2 个服务点与别的服务点在同一位置",
        "8 个服务点没有电话",
        "没有图标的类别：stall",
    ):
        assert words in missing
    pages = {path: path.read_text("utf-8") for path in out.rglob("*.html") if path.name != "map.html"}
    for path, html in pages.items():
        assert "<img src=x" not in html, path
        assert "<script>alert" not in html, path
        assert 'href="javascript:' not in html, path
        assert "\u202e" not in html, path
        assert strange.LONG_NAME not in html, path
    listed = pages[out / "services.html"]
    assert "长" * 120 + "…" in listed
    assert "👩🏽‍⚕️ 便民站 🏥" in listed
    assert "خدمة" in listed
    assert "\x07" not in listed
    assert "\x0b" not in listed
    assert "界外的点" in listed
    assert 'href="tel:0471-0000002"' in listed
    assert "见门口" in listed
    read_xml((out / "feed.xml").read_bytes())
    points = (out / "data" / "service_points.csv").read_text("utf-8-sig")
    assert "\t=HYPERLINK" in points


def test_a_community_without_grids_still_has_a_site(database, tmp_path) -> None:
    frames = place()
    bare = frame(
        {"division_code": [COUNTY, STREET, "150103099902"], "name": ["示例区", "示例街道", "无网格社区"],
         "level": ["county", "street", "community"], "parent_code": [None, COUNTY, STREET]},
        [None, None, None],
    )  # fmt: skip
    with database.connection() as connection:
        write_frame(connection, "divisions", bare)
    never = publish_to(database, tmp_path / "never", community="150103099902")
    assert never.edition is None
    load_place(database, frames, actor="test", effective_from=DAY)
    done = publish_to(database, tmp_path / "bare", community="150103099902")
    for site in (never, done):
        words = " ".join(site.missing)
        assert "还没有网格边界" in words
        assert "还没有登记服务点" in words
        assert "社区边界尚未录入" in words
        index = (site.folder / "index.html").read_text("utf-8")
        assert "还没有网格边界" in index
        assert (site.folder / "map.html").exists()


@pytest.mark.slow
def test_fifty_thousand_points_are_paged(database, tmp_path) -> None:
    load_place(database, strange.crowd(50_000), actor="test", effective_from=DAY)
    started = time.perf_counter()
    publish_to(database, tmp_path / "site", with_handbook=True)
    assert time.perf_counter() - started < 240
    pages = sorted((tmp_path / "site").glob("services*.html"))
    assert len(pages) == 100
    assert max(path.stat().st_size for path in pages) < 2_000_000
    assert 'href="services-2.html"' in (tmp_path / "site" / "services.html").read_text("utf-8")


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_from_a_disk_with_no_network_in_a_real_browser(site, browser, scheme, width) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    for path in ("index.html", f"grids/{COMMUNITY}001.html", "services.html", "en/index.html", "map.html"):
        page.goto((site / path).as_uri())
        page.wait_for_load_state("load")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        if AXE.is_file() and path != "map.html":
            faults = _axe(page)
            assert not faults, (path, faults)
    assert [address for address in asked if not address.startswith(("file:", "data:", "blob:"))] == []
    assert said == []
    page.close()


def _axe(page) -> list[str]:
    # The page's own policy forbids foreign scripts: the tool comes in by the debugger instead.
    page.evaluate(AXE.read_text("utf-8") + "; undefined")
    found = page.evaluate("axe.run(document, { preload: false }).then((result) => result.violations)")
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:120]}"
        for one in found
        if one["impact"] in {"serious", "critical"}
    ]


@pytest.mark.browser
def test_grids_are_found_by_compound_worker_or_name_from_the_keyboard(site, browser) -> None:
    page = browser.new_page()
    page.goto((site / "index.html").as_uri())
    page.get_by_role("searchbox").fill("光明")
    shown = page.locator(".grid:visible")
    assert shown.count() == 1
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/grids/{COMMUNITY}001.html")
    page.go_back()
    page.get_by_role("searchbox").fill("没有这样的小区")
    assert page.locator("#find-none").is_visible()
    page.close()


@pytest.mark.browser
def test_an_entry_grows_stale_on_the_readers_day(site, browser) -> None:
    page = browser.new_page()
    page.clock.set_fixed_time("2026-10-01T08:00:00Z")
    page.goto((site / "services.html").as_uri())
    assert page.locator(".stale:visible").count() == 0
    page.clock.set_fixed_time("2028-10-01T08:00:00Z")
    page.reload()
    assert page.locator(".stale:visible").count() == 1
    page.close()
