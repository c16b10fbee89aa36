"""The planners' sheets in a real browser, with every other host out of reach."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from maps.check_report import check_report
from maps.grid_map import grid_map
from maps.page import write
from tests.maps import sample
from tests.maps.test_sheets import _moved, overlap, report

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
SIZE = {"viewport": {"width": 1280, "height": 900}}


def _pictures():
    plan, today, _ = _moved()
    hostile = [overlap() | {"words": name} for name in sample.HOSTILE]
    return {
        "report": check_report(report(violations=[overlap()]), sample.grids(), streets=sample.streets()),
        "hostile": check_report(report(violations=hostile), sample.grids().assign(name=sample.HOSTILE[:12])),
        "plan": grid_map(plan, today=today, streets=sample.streets(), place=sample.HOSTILE[0]),
    }


@pytest.mark.parametrize("which", ["report", "hostile", "plan"])
@pytest.mark.parametrize("delivery", ["inline", "folder"])
def test_opens_from_disk_and_asks_nobody(guarded_page, tmp_path, which, delivery):
    write(_pictures()[which], tmp_path / "sheet.html", delivery=delivery)
    with guarded_page(**SIZE) as page:
        page.goto((tmp_path / "sheet.html").as_uri())
        assert page.locator(".sheet-map path.sheet-grid").count() == 12
        expect(page.locator(".sheet-name").first).to_be_visible()
        assert page.evaluate("window.hacked") is None
        assert page.locator("main img").count() == 0


def test_a_fault_of_the_table_is_shown_on_the_map(guarded_page, tmp_path):
    write(_pictures()["report"], tmp_path / "sheet.html")
    with guarded_page(**SIZE) as page:
        page.goto((tmp_path / "sheet.html").as_uri())
        before = page.evaluate("WanggeMap.app.map.getZoom()")
        page.get_by_role("button", name="网格重叠").click()
        expect(page.locator(".leaflet-popup")).to_contain_text("网格重叠")
        assert page.evaluate("WanggeMap.app.map.getZoom()") > before
        page.get_by_label("问题清单", exact=True).and_(page.locator("input")).uncheck()
        assert page.locator("path.sheet-fault").count() == 0


@pytest.mark.parametrize("which", ["report", "plan"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(guarded_page, tmp_path, which, scheme):
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: run `npm ci --ignore-scripts`")
    write(_pictures()[which], tmp_path / "sheet.html")
    with guarded_page(color_scheme=scheme, **SIZE) as page:
        page.goto((tmp_path / "sheet.html").as_uri())
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("axe.run(document).then((result) => result.violations)")
    grave = [
        (one["id"], [node["html"][:160] for node in one["nodes"]][:3])
        for one in found
        if one["impact"] in {"serious", "critical"}
    ]
    assert grave == []


def test_a_plan_prints_on_one_sheet_of_a3(guarded_page, tmp_path):
    write(_pictures()["plan"], tmp_path / "sheet.html")
    with guarded_page(**SIZE) as page:
        page.goto((tmp_path / "sheet.html").as_uri())
        pdf = page.pdf(prefer_css_page_size=True, print_background=True)
    assert pdf.count(b"/Type /Page\n") == 1
    assert b"/MediaBox [0 0 1191" in pdf or b"/MediaBox [0 0 1190" in pdf
