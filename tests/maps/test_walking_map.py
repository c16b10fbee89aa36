"""The page of the quarter-hour circle: what it carries, no request, hostile names harmless."""

from __future__ import annotations

import json
import re
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from gis.errors import InputError
from maps.walking_map import CategoryReach, walking_data, walking_map

HOSTILE = "</script><script>alert(1)</script>"
CODE = "150103099901001"
FACTS = {
    "method": "network",
    "network": {"source": "streets", "nodes": 3, "edges": 2},
    "limit_minutes": 15.0,
    "looked_minutes": 30.0,
    "group": "adult",
    "speed_m_s": 1.1,
    "speeds_m_s": {"adult": 1.1, "older": 0.8},
    "detour": 1.3,
    "access": {"open": 2},
    "buildings_in_no_grid": 0,
    "edition": {"number": 1},
}


def areas(*sizes: tuple[float, float]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"minutes": [minutes for minutes, _ in sizes], "method": "network buffer"},
        geometry=[shapely.Point(111.61, 40.81).buffer(size) for _, size in sizes],
        crs=4490,
    )


def reach(category: str = "toilet", within: int = 40, **changed: Any) -> CategoryReach:
    row = {
        "households": 100,
        "within": within,
        "share": within / 100,
        "share_5": 0.1,
        "buildings_left_out": 1,
    }
    facts: dict[str, Any] = {
        "category": category,
        "points": gpd.GeoDataFrame({"name": [HOSTILE]}, geometry=[shapely.Point(111.61, 40.81)], crs=4490),
        "network_areas": areas((5, 0.001), (15, 0.003)),
        "circle_areas": areas((5, 0.002), (15, 0.004)),
        "network_minutes": np.array([4.256, np.inf]),
        "circle_minutes": np.array([3.0, 14.9]),
        "community": row,
        "circle": row | {"within": 100, "share": 1.0},
        "groups": {"adult": 0.4, "older": 0.2},
        "grids": [{"grid_code": CODE, **row}],
        "suggestion": None,
        "newly": [],
    }
    return CategoryReach(**(facts | changed))


def page_data(*reaches: CategoryReach, **more: Any) -> dict[str, Any]:
    land = shapely.box(111.60, 40.80, 111.62, 40.82)
    frames = {
        "buildings": gpd.GeoDataFrame(
            {
                "building_code": ["b0", "b1"],
                "grid_code": CODE,
                "households": pd.array([40, None], dtype="Int64"),
            },
            geometry=[shapely.box(111.61, 40.81, 111.6102, 40.8102), None],
            crs=4490,
        ),
        "grids": gpd.GeoDataFrame(
            {"grid_code": [CODE], "name": [HOSTILE], "grid_type": "basic"}, geometry=[land], crs=4490
        ),
        "streets": gpd.GeoDataFrame(
            {"barrier_class": ["lane"]},
            geometry=[shapely.LineString([(111.5, 40.8), (111.7, 40.8)])],
            crs=4490,
        ),
    }
    return walking_data(reaches, FACTS, place="示例社区", **(frames | more))


def test_every_category_comes_with_both_methods_and_the_neediest_is_chosen() -> None:
    data = page_data(reach("health", 90), reach("toilet", 40))
    assert data["title"] == "示例社区 · 步行一刻钟服务圈"
    assert data["chosen"] == "toilet"
    assert page_data(reach("health", 90), reach("toilet"), chosen="health")["chosen"] == "health"
    assert [one["name"] for one in data["categories"]] == ["卫生服务站", "公共厕所"]
    toilet = data["categories"][1]
    assert toilet["network"] == [4.26, None]
    assert toilet["circle"] == [3.0, 14.9]
    for method in ("network_areas", "circle_areas"):
        assert [one["minutes"] for one in toilet[method]] == [5.0, 15.0]
        lat, lon = toilet[method][0]["shape"][0][0][0]
        assert (lat, lon) == pytest.approx((40.81, 111.61), abs=0.01)
    # A building without a shape or a count stays in its row.
    assert data["buildings"]["households"] == [40, None]
    assert [len(shape) for shape in data["buildings"]["shape"]] == [1, 0]
    # The streets go on beyond the land, and do not make it smaller.
    assert data["bounds"][0][1] == pytest.approx(111.61, abs=1e-6)


def test_a_place_has_its_own_names_and_both_languages() -> None:
    names = pd.DataFrame({"category": ["toilet"], "zh": ["公厕"], "en": ["WC"]})
    assert page_data(reach(), names=names)["categories"][0]["name"] == "公厕"
    english = page_data(reach(), names=names, language="en")
    assert english["categories"][0]["name"] == "WC"
    assert english["words"]["map_network"] == "On foot along the streets"
    assert set(english["words"]) == set(page_data(reach())["words"])


def test_the_page_asks_nobody_and_keeps_hostile_names_as_data() -> None:
    data = page_data(reach())
    html = walking_map(data).html()
    assert not re.findall(r'<(?:script|link|img)[^>]*="https?://', html)
    assert "Content-Security-Policy" in html
    assert "'unsafe-inline'" not in html
    assert "<script>alert(1)" not in html
    carried = re.search(r'<script type="application/json" id="coverage-data">(.*?)</script>', html, re.DOTALL)
    assert carried
    assert json.loads(carried[1]) == json.loads(json.dumps(data))
    assert html == walking_map(data).html()


def test_a_community_of_nothing_is_told_and_one_without_points_is_drawn() -> None:
    empty = page_data()
    assert empty["categories"] == []
    assert empty["chosen"] is None
    nothing = gpd.GeoDataFrame(
        {
            key: []
            for key in ("building_code", "grid_code", "households", "name", "grid_type", "barrier_class")
        },
        geometry=[],
        crs=4490,
    )
    with pytest.raises(InputError, match="nothing to draw"):
        page_data(buildings=nothing, grids=nothing, streets=nothing)
