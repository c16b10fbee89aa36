"""The planner's page of the quarter-hour circle: from the server and from a disk, wide, on a phone, by keys.

With ``WANGGE_SCREENSHOTS`` naming a folder, what was seen is kept there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from gis.demo.community import COMMUNITY, make_community
from gis.layers.database import Database
from gis.service.access import create_token
from gis.service.api.app import create_app
from gis.service.loading import load_place
from gis.service.residents.coverage_page import coverage_map
from gis.service.residents.walking import community_coverage
from gis.settings import Settings
from gis.walking.osmnx_graph import read_osmnx
from maps.page import write
from tests.e2e.test_every_page import PATIENCE_MS, PHONE, WIDE, Served, keep
from tests.service.conftest import serving

pytestmark = [pytest.mark.browser, pytest.mark.database]


@pytest.fixture(scope="module")
def served(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    load_place(module_database, make_community(), actor="test")
    settings = Settings(data_dir=tmp_path_factory.mktemp("served"), _env_file=None)
    with module_database.connection() as connection:
        token = create_token(connection, "planner", "planner", COMMUNITY)
    with serving(create_app(settings, database=module_database)) as address:
        links = {"coverage": f"{address}/coverage/{COMMUNITY}#token={token}"}
        yield Served(address, links, module_database, settings)


def chosen(page: Page) -> str:
    return page.locator("tr.cov-chosen .cov-pick").inner_text()


@pytest.mark.parametrize(("name", "options"), [("coverage-wide", WIDE), ("coverage-phone", PHONE)])
def test_a_planner_sees_who_is_left_out_and_where_a_point_would_help(
    guarded_page, served: Served, tmp_path: Path, name: str, options: dict
) -> None:
    with guarded_page(allow=served.address, **options) as page:
        page.goto(served.links["coverage"])
        expect(page.locator("#cov-method")).to_contain_text("沿街道网络步行", timeout=PATIENCE_MS)
        assert "token" not in page.url
        assert chosen(page) == "便民市场"
        expect(page.locator(".cov-map")).to_have_count(2)
        expect(page.locator("#cov-where")).to_contain_text("没有更好的选择")
        expect(page.locator("#cov-differ")).to_contain_text("沿路其实走不到")
        # Nothing is wider than the window: tables are pushed aside inside their own frames.
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.locator("#cov-chosen h2").first.scroll_into_view_if_needed()
        page.evaluate("document.querySelector('#cov-chosen').scrollIntoView()")
        keep(page, name, tmp_path)


def test_a_category_is_chosen_by_keyboard_and_the_maps_move_together(guarded_page, served: Served) -> None:
    with guarded_page(allow=served.address, **WIDE) as page:
        page.goto(served.links["coverage"])
        expect(page.locator(".cov-map")).to_have_count(2, timeout=PATIENCE_MS)
        page.get_by_role("button", name="社区食堂").focus()
        page.keyboard.press("Enter")
        assert chosen(page) == "社区食堂"
        expect(page.locator("#cov-chosen h2").first).to_have_text("社区食堂：两种算法并排看")
        scales = page.locator(".cov-map .leaflet-control-scale-line")
        before = scales.all_inner_texts()
        page.locator(".cov-map").first.locator(".leaflet-control-zoom-in").click()
        page.wait_for_timeout(300)
        after = scales.all_inner_texts()
        assert after[0] == after[1] != before[0]


def test_older_residents_have_a_measurement_of_their_own(guarded_page, served: Served) -> None:
    with guarded_page(allow=served.address, **WIDE) as page:
        page.goto(served.links["coverage"])
        expect(page.locator(".cov-facts")).to_contain_text("1.1 米/秒", timeout=PATIENCE_MS)
        page.select_option("#group", "older")
        expect(page.locator(".cov-facts")).to_contain_text("老年人（0.8 米/秒）", timeout=PATIENCE_MS)
        with page.expect_download(timeout=PATIENCE_MS) as saved:
            page.click("#save")
        assert saved.value.suggested_filename == f"coverage-{COMMUNITY}.html"


def test_who_has_no_token_is_asked_for_one_and_sees_nothing(guarded_page, served: Served) -> None:
    with guarded_page(allow=served.address, **WIDE) as page:
        page.goto(f"{served.address}/coverage/{COMMUNITY}")
        expect(page.locator("#token")).to_be_visible(timeout=PATIENCE_MS)
        assert "示例" not in page.inner_text("#coverage")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_saved_page_opens_from_a_disk_in_english_and_passes_axe(
    guarded_page, served: Served, tmp_path: Path, scheme: str
) -> None:
    with served.database.connection() as connection:
        measured = community_coverage(connection, COMMUNITY, served.settings, limit_minutes=10)
    write(coverage_map(measured, language="en"), tmp_path / "coverage.html")
    with guarded_page(**WIDE, color_scheme=scheme) as page:
        page.goto((tmp_path / "coverage.html").as_uri())
        expect(page.locator("#cov-method")).to_contain_text("Method: on foot along the street network")
        assert page.locator("html").get_attribute("lang") == "en"
        assert [url for url in page.guard.asked if url.startswith("http")] == []
        page.evaluate((Path("node_modules") / "axe-core" / "axe.min.js").read_text("utf-8"))
        found = page.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa']})")
        grave = [(one["id"], one["nodes"][0]["html"][:200]) for one in found["violations"]]
        assert grave == []


def test_real_streets_of_shenzhen_are_drawn(
    guarded_page, served: Served, shared_data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A community laid over part of Futian: its homes along real streets, measured on the OSMnx graph."""
    # Its data are nobody's to put into the repository's figures.
    monkeypatch.delenv("WANGGE_SCREENSHOTS", raising=False)
    measured = shenzhen(served, shared_data)
    assert measured.basis == "network"
    write(coverage_map(measured), tmp_path / "shenzhen.html")
    with guarded_page(**WIDE) as page:
        page.goto((tmp_path / "shenzhen.html").as_uri())
        expect(page.locator("#cov-method")).to_contain_text("1,719 个路口")
        expect(page.locator(".cov-map")).to_have_count(2)
        page.evaluate("document.querySelector('#cov-chosen').scrollIntoView()")
        keep(page, "coverage-shenzhen", tmp_path)


def shenzhen(served: Served, shared_data: Path):
    import dataclasses  # noqa: PLC0415

    import geopandas as gpd  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415
    import shapely  # noqa: PLC0415

    from gis.walking.coverage import measure_coverage  # noqa: PLC0415

    network = read_osmnx(shared_data / "shenzhen_roads" / "shenzhen_futian.graphml")
    with served.database.connection() as connection:
        base = community_coverage(connection, COMMUNITY, served.settings)
    rng = np.random.default_rng(20261121)
    edge = rng.choice(len(network.lines), 500, p=network.metres / network.metres.sum())
    beside = shapely.offset_curve(network.lines[edge], 25)
    at = shapely.line_interpolate_point(beside, rng.random(500), normalized=True)
    at = at[~shapely.is_empty(at)]
    homes = network.plane.lift(shapely.buffer(at, 11, cap_style="square"))
    west, south, east, north = shapely.total_bounds(homes)
    middle = (west + east) / 2
    grids = gpd.GeoDataFrame(
        {
            "grid_code": [f"{COMMUNITY}001", f"{COMMUNITY}002"],
            "name": ["西片网格", "东片网格"],
            "grid_type": "basic",
        },
        geometry=[shapely.box(west, south, middle, north), shapely.box(middle, south, east, north)],
        crs=4490,
    )
    buildings = gpd.GeoDataFrame(
        {
            "building_code": [f"{COMMUNITY}{n:05d}" for n in range(len(homes))],
            "community_code": COMMUNITY,
            "households": pd.array(rng.integers(20, 80, len(homes)), dtype="Int64"),
        },
        geometry=homes,
        crs=4490,
    )
    nodes = network.plane.lift(shapely.points(network.nodes[rng.choice(len(network.nodes), 5)]))
    points = gpd.GeoDataFrame(
        {"name": [f"示例点{n}" for n in range(5)], "category": ["health"] * 3 + ["market"] * 2},
        geometry=nodes,
        crs=4490,
    )
    streets = gpd.GeoDataFrame(
        {"barrier_class": "lane", "name": None}, index=range(len(network.lines)),
        geometry=network.plane.lift(network.lines), crs=4490,
    )  # fmt: skip
    frames = dataclasses.replace(base.frames, grids=grids, buildings=buildings, streets=streets)
    return dataclasses.replace(
        base,
        coverage=measure_coverage(network, buildings, points, grids),
        frames=frames,
        service_points=points,
        network=network,
    )
