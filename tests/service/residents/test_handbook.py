"""The handbook as a printer sees it: pages, ink where it must be, and the fonts inside."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gis.demo.community import COMMUNITY as DEMO
from gis.errors import UnavailableError
from gis.service.loading import load_place
from gis.service.residents import handbook as module
from gis.service.residents.handbook import Handbook, make_handbook
from gis.service.starting import load_demo
from gis.settings import Settings
from tests.service import strange
from tests.service.conftest import COMMUNITY, DAY, place

pytestmark = pytest.mark.database

SETTINGS = Settings(_env_file=None, approval_number="蒙S(2026)示例号")
DPI = 50
A4 = (413, 585)
"""A4 at 50 dots an inch."""


@pytest.fixture(scope="module")
def demo(module_database, tmp_path_factory) -> Handbook:
    load_demo(module_database)
    out = tmp_path_factory.mktemp("handbook") / "handbook.pdf"
    return make_handbook(module_database, DEMO, out, settings=SETTINGS, base_url="https://example.cn/")


@pytest.fixture(scope="module")
def pages(demo) -> list[np.ndarray]:
    return render(demo.path)


def render(path: Path) -> list[np.ndarray]:
    """Print the pages in shades of grey: 0 is ink, 255 paper."""
    done = subprocess.run(["pdftoppm", "-gray", "-r", str(DPI), str(path)], capture_output=True, check=True)
    pages, rest = [], done.stdout
    while rest:
        picture = Image.open(io.BytesIO(rest))
        picture.load()
        head = len(b"P5\n%d %d\n255\n" % picture.size)
        rest = rest[head + picture.width * picture.height :]
        pages.append(np.asarray(picture))
    return pages


def words(path: Path, page: int) -> str:
    done = subprocess.run(
        ["pdftotext", "-layout", "-f", str(page), "-l", str(page), str(path), "-"],
        capture_output=True,
        check=True,
    )
    return done.stdout.decode()


def ink(page: np.ndarray, top: float, bottom: float, left: float = 0.0, right: float = 1.0) -> float:
    """Tell which share of a part of the page is dark."""
    high, wide = page.shape
    part = page[int(top * high) : int(bottom * high), int(left * wide) : int(right * wide)]
    return float((part < 128).mean())


def test_it_is_a4_with_a_page_for_every_grid_and_its_table(demo, pages) -> None:
    assert demo.pages == len(pages)
    assert 20 <= demo.pages <= 30
    for page in pages:
        assert page.shape[1] == pytest.approx(A4[0], abs=1)
        assert page.shape[0] == pytest.approx(A4[1], abs=1)
    assert demo.missing == ("16 个服务点没有电话。", "2 个服务点较久未核实。")


def test_the_cover_says_what_it_is(demo, pages) -> None:
    said = words(demo.path, 1)
    for expected in (
        "网格服务手册",
        "示例社区",
        "更新于 2026-09-18",
        "第 1 版",
        "我家的网格",
        "110",
        "蒙S(2026)示例号",
    ):
        assert expected in said
    assert "示例数据" in said
    assert ink(pages[0], 0.2, 0.36, 0.05, 0.6) > 0.05  # the title is large
    assert ink(pages[0], 0.65, 0.8) > 0.1  # the emergency numbers stand out
    assert ink(pages[0], 0.37, 0.44) < 0.05  # and there is air between


def test_every_basic_grid_has_its_page_with_worker_map_and_table(demo, pages) -> None:
    contents = words(demo.path, 2)
    found = 0
    for line in contents.splitlines():
        parts = line.split()
        if len(parts) > 4 and parts[0].isdigit() and len(parts[0]) == 3:
            number, page = parts[0], int(parts[-1])
            said = words(demo.path, page)
            assert f"网格编号 {DEMO}{number}" in said
            assert "专职网格员" in said
            assert parts[-2] in said  # the phone of the contents is the phone of the page
            drawn = pages[page - 1]
            assert ink(drawn, 0.25, 0.6) > 0.02, number  # the map
            assert _longest_dark_run(drawn[int(0.25 * A4[1]) : int(0.6 * A4[1])]) > 60, number  # its border
            found += 1
    assert found == 12


def _longest_dark_run(part: np.ndarray) -> int:
    """Return the rows of the longest dark stroke down the page, one dot aside at a time."""
    dark = part < 110
    best = np.zeros(dark.shape[1], dtype=int)
    longest = 0
    for row in dark:
        near = np.maximum(best, np.maximum(np.roll(best, 1), np.roll(best, -1)))
        best = np.where(row, near + 1, 0)
        longest = max(longest, int(best.max()))
    return longest


def test_numbers_on_the_map_and_in_the_table_are_white_on_black(pages, demo) -> None:
    # The page of the third grid has seven points: each number is a dark disc in the table's first column.
    page = next(n for n in range(1, demo.pages + 1) if f"{DEMO}003" in words(demo.path, n))
    column = pages[page - 1][int(0.62 * A4[1]) : int(0.92 * A4[1]), 25:45]
    rows = (column < 90).mean(axis=1) > 0.3
    discs = int((np.diff(rows.astype(int)) == 1).sum())
    assert discs >= 7


def test_the_list_of_all_points_marks_those_not_checked_for_long(demo) -> None:
    said = "\n".join(words(demo.path, page) for page in range(demo.pages - 3, demo.pages + 1))
    assert said.count("▲ 202") == 2
    assert "▲ 2025-08-02" in said
    assert "0471-0001010" in said


def test_the_fonts_are_inside_it(demo) -> None:
    listed = subprocess.run(["pdffonts", str(demo.path)], capture_output=True, check=True, text=True).stdout
    rows = listed.splitlines()[2:]
    assert len(rows) >= 2
    for row in rows:
        assert "CJK" in row
        embedded, subset, mapped = row.split()[-5:-2]
        assert (embedded, subset, mapped) == ("yes", "yes", "yes")


def test_in_english_too(database, tmp_path) -> None:
    load_place(database, place(), actor="test", effective_from=DAY)
    done = make_handbook(database, COMMUNITY, tmp_path / "en.pdf", settings=SETTINGS, language="en")
    assert "Grid service handbook" in words(done.path, 1)
    assert "Full-time" in words(done.path, 3)
    assert "0471-0000101" in words(done.path, 3)


def test_everything_strange_is_printed_and_said(database, tmp_path) -> None:
    strange.load_strange(database)
    done = make_handbook(database, COMMUNITY, tmp_path / "x.pdf", settings=SETTINGS)
    said = "".join(words(done.path, page) for page in range(1, done.pages + 1))
    assert "onerror" in said  # as text, not as an element
    assert "界外的点" in said
    assert "1 个服务点不在任何网格内" in said
    assert "没有图标的类别：stall" in said
    assert said.count("长" * 100) == 0
    pages = render(done.path)
    assert all(ink(page, 0.02, 0.98) > 0.002 for page in pages)
    # Nothing runs out of the page.
    assert all((page[:, -6:] < 128).sum() == 0 for page in pages)


def test_without_a_chinese_font_it_says_so(database, tmp_path, monkeypatch) -> None:
    empty = tmp_path / "fc-list"
    empty.write_text("#!/bin/sh\n", encoding="utf-8")
    empty.chmod(0o755)
    monkeypatch.setattr(module.shutil, "which", lambda _: str(empty))
    load_place(database, place(), actor="test", effective_from=DAY)
    with pytest.raises(UnavailableError, match="Chinese"):
        make_handbook(database, COMMUNITY, tmp_path / "x.pdf", settings=SETTINGS)
    assert not (tmp_path / "x.pdf").exists()


def test_nothing_is_fetched_while_it_is_made() -> None:
    with pytest.raises(ValueError, match="loads nothing"):
        module._refuse("https://example.cn/x.png")
