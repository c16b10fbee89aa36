"""A community in which everything that goes wrong with service points has gone wrong at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import shapely
from shapely import Point
from sqlalchemy import insert

from gis.layers.database import Database
from gis.layers.service_point import ServiceCategory
from gis.service.loading import load_place
from tests.service.conftest import COMMUNITY, DAY, NORTH, SOUTH, WEST, frame, place

LONG_NAME = "长" * 4000
EMOJI = "👩🏽‍⚕️ 便民站 🏥"
RTL = "مركز \u202eevil\u202c خدمة"
SCRIPT = "<img src=x onerror=alert(1)></script><script>alert(2)</script>"
FORMULA = '=HYPERLINK("http://evil.example","x")'
CONTROL = "铃\x07声\x0b站"
STALL = "stall"

ROWS: list[tuple[str, float, float]] = [
    ("界外的点", WEST - 0.003, NORTH + 0.003),
    ("同一处甲", WEST + 0.012, SOUTH + 0.006),
    ("同一处乙", WEST + 0.012, SOUTH + 0.006),
    (LONG_NAME, WEST + 0.005, SOUTH + 0.006),
    (EMOJI, WEST + 0.006, SOUTH + 0.006),
    (RTL, WEST + 0.007, SOUTH + 0.006),
    (SCRIPT, WEST + 0.008, SOUTH + 0.006),
    (FORMULA, WEST + 0.009, SOUTH + 0.006),
    (CONTROL, WEST + 0.010, SOUTH + 0.006),
]


def strange_place() -> dict[str, Any]:
    frames = place()
    count = len(ROWS)
    more = frame(
        {
            "point_code": [f"{COMMUNITY}{900 + n:06d}" for n in range(count)],
            "name": [name for name, _, _ in ROWS],
            "category": [STALL] * count,
            "address": [SCRIPT] * count,
            "phones": [[]] * (count - 1) + [["javascript:alert(3)", "见门口", "0471-0000002"]],
            "hours": [None] * count,
            "accessible": pd.array([None] * count, dtype="boolean"),
            "verified_on": [None] * count,
            "public": True,
            "community_code": COMMUNITY,
        },
        [Point(lon, lat) for _, lon, lat in ROWS],
    )
    frames["service_points"] = pd.concat([frames["service_points"], more], ignore_index=True)
    frames["grids"]["name"] = ["第一网格", SCRIPT, None]
    frames["staff"]["person"] = ["示例甲", "示例乙", SCRIPT, "示例丁"]
    return frames


def load_strange(database: Database) -> None:
    """Load it, with a category that has no sign."""
    with database.connection() as connection:
        connection.execute(insert(ServiceCategory).values(category=STALL, name_zh="摊点", name_en="Stall"))
    load_place(database, strange_place(), actor="test", effective_from=DAY)


def crowd(count: int) -> dict[str, Any]:
    """The small community with very many service points."""
    frames = place()
    rng = np.random.default_rng(7)
    lon, lat = WEST + 0.02 * rng.random(count), SOUTH + 0.01 * rng.random(count)
    frames["service_points"] = frame(
        {
            "point_code": [f"{COMMUNITY}{n:06d}" for n in range(count)],
            "name": [f"示例点{n}" for n in range(count)],
            "category": rng.choice(["health", "parcel", "toilet", "other"], count),
            "address": "示例路",
            "phones": [["0471-0000001"]] * count,
            "hours": "8:00–17:00",
            "accessible": pd.array([True] * count, dtype="boolean"),
            "verified_on": DAY.date(),
            "public": True,
            "community_code": COMMUNITY,
        },
        list(shapely.points(lon, lat)),
    )
    return frames
