"""The map of the quarter-hour circle: both methods, no request, hostile names harmless."""

from __future__ import annotations

import re

import geopandas as gpd
import pytest
import shapely

from gis.errors import InputError
from maps.walking_map import walking_map


def areas(method: str, *sizes: tuple[float, float]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"minutes": [minutes for minutes, _ in sizes], "method": method},
        geometry=[shapely.Point(111.61, 40.81).buffer(size) for _, size in sizes],
        crs=4490,
    )


def page(**more) -> str:
    picture = walking_map(
        areas("network buffer", (5, 0.001), (15, 0.003)),
        areas("circle", (15, 0.004)),
        place="示例社区",
        **more,
    )
    return str(picture.get_root().render())


def test_both_methods_are_named_and_the_far_area_lies_below_the_near_one() -> None:
    html = page()
    assert "示例社区步行一刻钟" in html
    fifteen, five = (
        html.index("15 分钟以内（沿路步行）"),
        html.index("5 分钟以内（沿路步行）", html.index("15 分钟以内（沿路步行）") + 5),
    )
    assert fifteen < five
    assert "15 分钟以内（直线画圈）" in html
    assert "Within 15 min (By the circle)" in page(language="en")


def test_it_asks_nobody() -> None:
    html = page()
    assert not re.findall(r'<(?:script|link|img)[^>]*="https?://', html)
    assert "Content-Security-Policy" in html


def test_homes_are_dotted_by_what_both_say_and_names_are_escaped() -> None:
    homes = gpd.GeoDataFrame(
        {"network_minutes": [4, 20, 4, 20], "circle_minutes": [4, 4, 20, 20], "limit_minutes": 15.0},
        geometry=[shapely.Point(111.61, 40.81 + n / 1e4) for n in range(4)],
        crs=4490,
    )
    points = gpd.GeoDataFrame(
        {"name": ["<script>alert(1)</script>"]}, geometry=[shapely.Point(111.61, 40.81)], crs=4490
    )
    html = page(homes=homes, points=points)
    for words in (
        "画圈算在内，实际沿路走不到",
        "沿路走得到，画圈算在外",
        "两种算法都在范围内",
        "两种算法都在范围外",
    ):
        assert html.count(words) >= 2  # a dot's label and the legend
    assert "<script>alert(1)" not in html


def test_nothing_to_draw_is_said() -> None:
    with pytest.raises(InputError, match="no walking area"):
        walking_map(areas("x"), areas("circle"))
