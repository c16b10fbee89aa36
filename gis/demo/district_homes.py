"""The compounds and houses of a made-up district, and how many households live in each."""

from __future__ import annotations

from datetime import date

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis.crs import STORAGE_SRID
from gis.demo.counts import share_out
from gis.demo.district_board import Board, Ints, serial_within
from gis.demo.ground import Ground, as_multi
from gis.demo.shapes import block, slab
from gis.terms import CompoundKind, HouseholdBasis

_MARGIN_M = 15.0
_SLOT_M = (32.0, 31.5)
_ODD_SIZES = (268, 287, 512, 540, 566)
"""Households of the few grids that are too small or too large: a check of such a district finds some."""
_COUNTED_ON = date(2026, 9, 30)


def make_homes(
    board: Board, ground: Ground, codes: list[str], rng: np.random.Generator
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Fill every grid with one or two compounds, and those with rows of houses.

    Parameters
    ----------
    board
        The drawing.
    ground
        Where it lies.
    codes
        The communities' codes, shape (c,).
    rng
        What is left to chance.

    Returns
    -------
    tuple
        The frames ``buildings`` and ``compounds``.
    """
    count = len(board.grid)
    inner = board.grid + np.array([1, 1, -1, -1]) * _MARGIN_M
    size = inner[:, 2:] - inner[:, :2]
    slots = np.maximum(1, (size // _SLOT_M)).astype(np.int64)
    each = slots.prod(axis=1)
    grid = np.repeat(np.arange(count), each)
    within = np.arange(each.sum()) - np.repeat(np.cumsum(each) - each, each)
    column, row = within % slots[grid, 0], within // slots[grid, 0]
    pitch = size / slots
    uv = np.column_stack(
        (
            inner[grid, 0] + (column + 0.5) * pitch[grid, 0],
            inner[grid, 3] - (row + 0.5) * pitch[grid, 1],
        )
    )
    two = rng.random(count) < 0.3
    half = np.where(two, slots[:, 0] // 2, slots[:, 0])
    east = column >= half[grid]

    chance = rng.random(len(grid))
    kept = (chance > 0.05) | (within == 0) | (column == half[grid])  # a few slots stay green
    public = kept & (chance > 0.93) & (within > 0)
    grid, uv, east, public = grid[kept], uv[kept], east[kept], public[kept]

    units = np.where(public, 0, rng.integers(1, 3, len(grid)))
    floors = np.where(public, rng.integers(1, 5, len(grid)), rng.integers(4, 7, len(grid)))
    flats = units * floors * 2
    households = _households(grid, count, flats, rng)
    residents = np.zeros_like(households)
    lived_in = households > 0
    residents[lived_in] = share_out(
        round(households.sum() * 2.3),
        households[lived_in] * rng.uniform(1.9, 2.7, lived_in.sum()),
        least=households[lived_in],
    )

    # Compounds are numbered in each community, grid by grid, the western one first.
    compounds = np.column_stack(
        (np.repeat(np.arange(count), 1 + two), np.concatenate([[0, 1][: 1 + t] for t in two]))
    )
    key = np.searchsorted(compounds[:, 0] * 2 + compounds[:, 1], grid * 2 + east)
    community = board.grid_community[compounds[:, 0]]
    number = serial_within(community)
    compound_codes = np.array([f"{codes[c]}{n:04d}" for c, n in zip(community, number, strict=True)])
    order = np.argsort(key, kind="stable")
    grid, uv, public, key = grid[order], uv[order], public[order], key[order]
    units, floors, households, residents = units[order], floors[order], households[order], residents[order]
    home_community = board.grid_community[grid]
    outlines = {0: block(24.0, 14.0), 1: slab(1, 20.0), 2: slab(2, 13.0)}
    heading = ground.heading((board.grid[:, :2] + board.grid[:, 2:]) / 2)[grid]
    buildings = gpd.GeoDataFrame(
        {
            "building_code": [
                f"{codes[c]}{n:05d}"
                for c, n in zip(home_community, serial_within(home_community), strict=True)
            ],
            "compound_code": compound_codes[key],
            "number": serial_within(key).astype(str),
            "units": pd.array(units, dtype="Int64"),
            "floors": pd.array(floors, dtype="Int64"),
            "households": pd.array(households, dtype="Int64"),
            "residents": pd.array(residents, dtype="Int64"),
            "counted_on": _COUNTED_ON,
            "basis": str(HouseholdBasis.RESIDENT),
            "community_code": np.array(codes)[home_community],
        },
        geometry=list(as_multi(ground.set_down([outlines[int(u)] for u in units], uv, heading))),
        crs=f"EPSG:{STORAGE_SRID}",
    )
    buildings["units"] = buildings["units"].where(buildings["households"] > 0)
    return buildings, _compounds(board, ground, codes, compounds, compound_codes, half, buildings)


def _households(grid: Ints, count: int, flats: Ints, rng: np.random.Generator) -> Ints:
    """Give every grid a number of households within the limits, but a few, and share it among its homes."""
    wanted = rng.integers(306, 496, count)
    if count > 20 * len(_ODD_SIZES):
        wanted[rng.choice(count, len(_ODD_SIZES), replace=False)] = _ODD_SIZES
    households = np.zeros(len(grid), dtype=np.int64)
    weight = flats * rng.uniform(0.8, 1.2, len(flats))
    bounds = np.searchsorted(grid, np.arange(count + 1))
    for n in range(count):
        here = np.arange(bounds[n], bounds[n + 1])
        home = here[flats[here] > 0]
        total = min(int(wanted[n]), int(flats[home].sum()))
        households[home] = share_out(total, weight[home], least=1, most=flats[home])
    return households


def _compounds(
    board: Board,
    ground: Ground,
    codes: list[str],
    compounds: Ints,
    compound_codes: NDArray[np.str_],
    half: Ints,
    buildings: pd.DataFrame,
) -> gpd.GeoDataFrame:
    of_grid, is_east = compounds[:, 0], compounds[:, 1] == 1
    inner = board.grid + np.array([1, 1, -1, -1]) * (_MARGIN_M - 6)
    slots = np.maximum(1, (board.grid[:, 2] - board.grid[:, 0] - 2 * _MARGIN_M) // _SLOT_M[0])
    split = (
        board.grid[:, 0] + _MARGIN_M + half * (board.grid[:, 2] - board.grid[:, 0] - 2 * _MARGIN_M) / slots
    )
    lone = np.bincount(of_grid)[of_grid] == 1
    west = np.where(is_east, split[of_grid] + 1.5, inner[of_grid, 0])
    east = np.where(is_east | lone, inner[of_grid, 2], split[of_grid] - 1.5)
    shapes = shapely.segmentize(shapely.box(west, inner[of_grid, 1], east, inner[of_grid, 3]), 45.0)
    sums = buildings.groupby("compound_code")[["households", "residents"]].sum().reindex(compound_codes)
    return gpd.GeoDataFrame(
        {
            "compound_code": compound_codes,
            "name": [
                f"示例{c + 1:02d}社区{code[12:]}小区"
                for c, code in zip(board.grid_community[of_grid], compound_codes, strict=True)
            ],
            "kind": str(CompoundKind.COMPOUND),
            "managed": of_grid % 7 != 0,
            "aliases": [[] for _ in compound_codes],
            "households": pd.array(sums["households"].to_numpy(), dtype="Int64"),
            "residents": pd.array(sums["residents"].to_numpy(), dtype="Int64"),
            "community_code": np.array(codes)[board.grid_community[of_grid]],
            "predecessors": [[] for _ in compound_codes],
        },
        geometry=list(as_multi(ground.place(shapes))),
        crs=f"EPSG:{STORAGE_SRID}",
    )
