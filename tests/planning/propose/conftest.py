from __future__ import annotations

from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pytest
import shapely

from gis.crs import metres_per_degree
from gis.lattice import snap
from gis.planning.propose import Problem, problem_from_units

LON, LAT = 111.0, 40.8


def _cells(columns: int, rows: int, x0: float = 0.0, y0: float = 0.0, side_m: float = 50.0):
    """Draw blocks of ``side_m`` metres, row by row from the south-west."""
    east, north = metres_per_degree(LAT)
    x, y = np.meshgrid(np.arange(columns) * side_m + x0, np.arange(rows) * side_m + y0)
    x, y = x.ravel(), y.ravel()
    return snap(
        shapely.box(LON + x / east, LAT + y / north, LON + (x + side_m) / east, LAT + (y + side_m) / north)
    )


def _frame(cells, households, **more) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {
            "unit_id": [f"U{row:03d}" for row in range(1, len(cells) + 1)],
            "households": households,
            **more,
        },
        geometry=np.asarray(cells, dtype=object),
        crs=4490,
    )


def _problem(cells, households, **more) -> Problem:
    columns = {name: value for name, value in more.items() if name in {"grid_code", "compound_code"}}
    options = {name: value for name, value in more.items() if name not in columns}
    if "grid_code" in columns:
        options["current"] = "grid_code"
    return problem_from_units(_frame(cells, households, **columns), **options)


@pytest.fixture(scope="session")
def blocks() -> SimpleNamespace:
    """Towns of square blocks."""
    return SimpleNamespace(cells=_cells, frame=_frame, problem=_problem)


@pytest.fixture(scope="session")
def check():
    """Prove a plan with shapely alone: dissolve, count parts, sum households."""

    def prove(frame: gpd.GeoDataFrame, labels: np.ndarray, low: int = 300, high: int = 500) -> None:
        assert len(labels) == len(frame)
        assert (labels >= 0).all()
        whole = shapely.union_all(frame.geometry.to_numpy())
        area = 0.0
        for grid in np.unique(labels):
            mine = frame[labels == grid]
            land = shapely.coverage_union_all(mine.geometry.to_numpy())
            parts = shapely.get_parts(land)
            assert len(parts) == 1, f"grid {grid} has {len(parts)} parts"
            assert low <= mine["households"].sum() <= high
            area += land.area
        assert area == pytest.approx(whole.area, rel=1e-9)

    return prove
