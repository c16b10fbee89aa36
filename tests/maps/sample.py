"""Small frames for the tests of the maps: twelve slanted grids, and points with odd ones among them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis.lattice import snap

COMMUNITY = "150103099902"
WEST, SOUTH = 111.65, 40.81
STEP_LON, STEP_LAT = 0.0034, 0.0026

HOSTILE = (
    "</script><script>window.hacked=1</script>",
    '<img src=x onerror="window.hacked=1">',
    "${window.hacked=1}",
    "`+(window.hacked=1)+`",
    "{{ 7*7 }}{% raw %}",
    "{{ cycler.__init__.__globals__.os.abort() }}{#",
    "\"'><svg onload=window.hacked=1>",
    "<!--<script>",
    "javascript:window.hacked=1",
    "\u202eأهلا بالعالم\u202c שלום",
    "🏥👨‍👩‍👧‍👦 服务站 🀄",
    "社" * 4000,
    "a\u2028b\u2029c\x00d",
    "]]></style><style>*{display:none}",
    "\\u003cscript\\u003e",
    "  ",
)
"""Names that must be shown as they are, or not at all, and never run."""


def grids(rows: int = 3, columns: int = 4) -> gpd.GeoDataFrame:
    """Basic grids that share their borders, numbered from the north-west."""
    rng = np.random.default_rng(7)
    xs = WEST + STEP_LON * np.arange(columns + 1)[:, None] + rng.uniform(-6e-4, 6e-4, (columns + 1, rows + 1))
    ys = SOUTH + STEP_LAT * np.arange(rows + 1)[None, :] + rng.uniform(-4e-4, 4e-4, (columns + 1, rows + 1))
    corner = np.stack([xs, ys], axis=-1)
    shapes, codes, themes = [], [], []
    for row in range(rows - 1, -1, -1):
        for column in range(columns):
            ring = [
                corner[column, row],
                corner[column + 1, row],
                corner[column + 1, row + 1],
                corner[column, row + 1],
            ]
            shapes.append(shapely.MultiPolygon([shapely.Polygon(ring)]))
            codes.append(f"{COMMUNITY}{len(codes) + 1:03d}")
            themes.append(("red", "orange", "yellow", "green", "blue")[(row + column) % 5])
    return gpd.GeoDataFrame(
        {
            "grid_code": codes,
            "grid_type": "basic",
            "name": [f"示例{number}网格" for number in range(1, len(codes) + 1)],
            "community_code": COMMUNITY,
            "parent_code": None,
            "colour_theme": themes,
        },
        geometry=list(snap(np.array(shapes))),
        crs="EPSG:4490",
    )


def service_points(names: tuple[str, ...] = (), count: int = 40) -> gpd.GeoDataFrame:
    """Points in several categories; ``names`` come first, the others are called after their number."""
    rng = np.random.default_rng(11)
    called = [*names, *(f"示例服务点{number}" for number in range(len(names), count))]
    total = len(called)
    at = np.column_stack(
        [WEST + rng.uniform(0.0008, 0.0128, total), SOUTH + rng.uniform(0.0008, 0.0068, total)]
    )
    kinds = ("community_office", "health", "pharmacy", "canteen", "toilet", "police", "school")
    return gpd.GeoDataFrame(
        {
            "point_code": [f"{COMMUNITY}{number:06d}" for number in range(1, total + 1)],
            "name": called,
            "category": [kinds[number % len(kinds)] for number in range(total)],
            "address": [f"示例街{number}号" for number in range(total)],
            "phones": [[f"0471-{number:07d}"] for number in range(total)],
            "hours": "08:30–17:30",
            "accessible": [number % 2 == 0 for number in range(total)],
            "verified_on": [dt.date(2020 if number % 5 == 0 else 2099, 1, 1) for number in range(total)],
            "public": True,
            "community_code": COMMUNITY,
        },
        geometry=gpd.points_from_xy(at[:, 0], at[:, 1]),
        crs="EPSG:4490",
    )


def streets() -> gpd.GeoDataFrame:
    """One street of each class."""
    lines = [
        shapely.LineString(
            [(WEST, SOUTH + up), (WEST + 0.007, SOUTH + up + 4e-4), (WEST + 0.0136, SOUTH + up)]
        )
        for up in (0.0002, 0.0026, 0.0052, 0.0076)
    ]
    return gpd.GeoDataFrame(
        {
            "street_code": [f"S{number}" for number in range(4)],
            "name": ["示例大街", "示例巷", "示例河", ""],
            "barrier_class": ["arterial", "lane", "river", "wall"],
            "community_code": COMMUNITY,
        },
        geometry=lines,
        crs="EPSG:4490",
    )


def compounds(names: tuple[str, ...] = ("示例小区",)) -> gpd.GeoDataFrame:
    """Compounds inside the first grids."""
    west = [WEST + 0.0010 + number * STEP_LON for number in range(len(names))]
    shapes = [shapely.box(x, SOUTH + 0.0058, x + 0.0016, SOUTH + 0.0070) for x in west]
    return gpd.GeoDataFrame(
        {"name": list(names), "kind": "compound", "aliases": [["别名"]] * len(names)},
        geometry=shapes,
        crs="EPSG:4490",
    )


def staff(codes: pd.Series, **changes: Any) -> pd.DataFrame:
    """A worker with a public number and a part-timer with none for each grid."""
    rows = []
    for code in codes:
        for role, phone in (("full_time", f"0471-{code[-7:]}"), ("part_time", None), ("leader", None)):
            row = {"staff_code": f"{code}{role}", "person": f"示例{role}", "role": role, "grid_code": code}
            dates = {"division_code": None, "valid_from": "2026-01-01", "valid_to": None}
            rows.append(row | dates | {"public_phone": phone} | changes)
    return pd.DataFrame(rows)
