"""A small community in PostGIS and an app that runs on it."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import httpx
import pandas as pd
import pytest
import uvicorn
from fastapi import FastAPI
from shapely import MultiLineString, MultiPolygon, Point, box

from gis.layers.database import Database
from gis.layers.editions import EditionStamp, publish_edition
from gis.service.access import create_token
from gis.service.api.app import create_app
from gis.service.loading import load_place
from gis.settings import Settings

COUNTY, STREET, COMMUNITY = "150103000000", "150103099000", "150103099901"
WEST, SOUTH, EAST, NORTH = 111.60, 40.80, 111.62, 40.81
MIDDLE = 111.61
DAY = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def frame(columns: dict[str, Any], geometry: list[Any]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns, geometry=geometry, crs=4490)


def grids(split: float = MIDDLE) -> gpd.GeoDataFrame:
    """Two basic grids side by side, and an exclusive one on the first."""
    return frame(
        {
            "grid_code": [COMMUNITY + "001", COMMUNITY + "002", COMMUNITY + "801"],
            "grid_type": ["basic", "basic", "exclusive"],
            "name": ["第一网格", "第二<b>网格", "示例学校"],
            "community_code": COMMUNITY,
            "parent_code": None,
            "colour_theme": ["red", "green", None],
        },
        [
            MultiPolygon([box(WEST, SOUTH, split, NORTH)]),
            MultiPolygon([box(split, SOUTH, EAST, NORTH)]),
            MultiPolygon([box(WEST + 0.002, SOUTH + 0.002, WEST + 0.004, SOUTH + 0.004)]),
        ],
    )


def place() -> dict[str, pd.DataFrame]:
    compound = COMMUNITY + "0001"
    return {
        "divisions": frame(
            {
                "division_code": [COUNTY, STREET, COMMUNITY],
                "name": ["示例区", "示例街道", "示例社区"],
                "level": ["county", "street", "community"],
                "parent_code": [None, COUNTY, STREET],
            },
            [None, None, MultiPolygon([box(WEST, SOUTH, EAST, NORTH)])],
        ),
        "grids": grids(),
        "compounds": frame(
            {
                "compound_code": [compound, COMMUNITY + "0002"],
                "name": ["光明小区", "和平小区"],
                "kind": "compound",
                "managed": [True, None],
                "aliases": [["光明里", "老机械厂宿舍"], []],
                "households": [400, 300],
                "residents": [900, 600],
                "community_code": COMMUNITY,
            },
            [
                MultiPolygon([box(WEST + 0.005, SOUTH + 0.001, WEST + 0.009, SOUTH + 0.005)]),
                MultiPolygon([box(MIDDLE + 0.001, SOUTH + 0.001, MIDDLE + 0.005, SOUTH + 0.005)]),
            ],
        ),
        "buildings": frame(
            {
                "building_code": [COMMUNITY + "00001", COMMUNITY + "00002", COMMUNITY + "00003"],
                "compound_code": [compound, compound, COMMUNITY + "0002"],
                "number": ["1号楼", "2号楼", "2号楼"],
                "units": [3, 2, 2],
                "floors": 6,
                "households": [200, 200, 400],
                "residents": [450, 450, 800],
                "counted_on": dt.date(2026, 9, 30),
                "basis": "resident",
                "community_code": COMMUNITY,
            },
            [
                MultiPolygon([box(WEST + 0.006, SOUTH + 0.002, WEST + 0.0065, SOUTH + 0.0022)]),
                MultiPolygon([box(WEST + 0.007, SOUTH + 0.002, WEST + 0.0075, SOUTH + 0.0022)]),
                MultiPolygon([box(MIDDLE + 0.002, SOUTH + 0.002, MIDDLE + 0.0025, SOUTH + 0.0022)]),
            ],
        ),
        "service_points": frame(
            {
                "point_code": [COMMUNITY + "000001", COMMUNITY + "000002"],
                "name": ["示例卫生站", "不公开的点"],
                "category": ["health", "other"],
                "address": ["示例路12号", None],
                "phones": [["0471-0000001"], []],
                "hours": ["8:00–17:00", None],
                "accessible": pd.array([True, None], dtype="boolean"),
                "verified_on": [dt.date(2026, 9, 1), None],
                "public": [True, False],
                "community_code": COMMUNITY,
            },
            [Point(WEST + 0.003, SOUTH + 0.008), Point(WEST + 0.004, SOUTH + 0.008)],
        ),
        "streets": frame(
            {
                "street_code": ["R1"],
                "name": ["示例路"],
                "barrier_class": ["arterial"],
                "community_code": [COMMUNITY],
            },
            [MultiLineString([[(MIDDLE, SOUTH), (MIDDLE, NORTH)]])],
        ),
        "staff": pd.DataFrame(
            {
                "staff_code": ["S1", "S2", "S3", "S4"],
                "person": ["示例甲", "示例乙", "示例丙", "示例丁"],
                "role": ["full_time", "leader", "full_time", "leader"],
                "grid_code": [COMMUNITY + "001", COMMUNITY + "001", COMMUNITY + "002", None],
                "division_code": [None, None, None, COMMUNITY],
                "valid_from": dt.date(2026, 1, 1),
                "valid_to": [None, None, None, None],
                "public_phone": ["0471-0000101", None, "0471-0000103", "0471-0000104"],
                "private_phone": ["13800000001", "13800000002", None, None],
            }
        ),
    }


def publish(database: Database, split: float, when: dt.datetime) -> EditionStamp:
    with database.connection() as connection:
        return publish_edition(
            connection,
            county_code=COUNTY,
            grids=grids(split),
            communities=[COMMUNITY],
            effective_from=when,
            actor="test",
        )


@dataclass
class Town:
    """A running app on a loaded database, and tokens for it."""

    database: Database
    settings: Settings
    app: FastAPI
    client: httpx.Client
    address: str
    tokens: dict[str, str] = field(default_factory=dict)

    def as_(self, role: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[role]}"}

    def locate(self, lon: float, lat: float, **more: Any) -> httpx.Response:
        return self.client.get("/api/v1/locate", params={"lon": lon, "lat": lat, "crs": "cgcs2000", **more})


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serve an app on a free port of this machine, as uvicorn does it for users."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False, lifespan="on"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + 60
        while not server.started:
            assert thread.is_alive(), "the app did not start"
            assert time.monotonic() < deadline
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        if thread.is_alive():  # somebody still listens to a stream
            server.force_exit = True
            thread.join(timeout=30)


def open_town(database: Database, folder: Path, **settings: Any) -> Iterator[Town]:
    load_place(database, place(), actor="test", effective_from=DAY)
    with database.connection() as connection:
        tokens = {
            role: create_token(connection, f"the {role}", role, COUNTY)
            for role in ("planner", "dispatcher", "admin")
        }
    chosen = Settings(data_dir=folder, _env_file=None, **settings)
    app = create_app(chosen, database=database)
    with serving(app) as address, httpx.Client(base_url=address, timeout=30) as client:
        yield Town(database, chosen, app, client, address, tokens)


@pytest.fixture
def town(database: Database, tmp_path: Path) -> Iterator[Town]:
    yield from open_town(database, tmp_path)


@pytest.fixture(scope="module")
def shared_town(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """For tests that only read, or that do not mind each other's rows."""
    yield from open_town(module_database, tmp_path_factory.mktemp("town"))
