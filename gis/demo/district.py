"""A made-up district of any size, in the same frames: for scale, not for looks.

The default is as large as Maiji in Tianshui: 35 communities, 289 grids. It is drawn as rows of communities,
each cut into rows of grids, on a board that :class:`gis.demo.ground.Ground` bends; nothing is read from a
file and everything is made as arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis.crs import STORAGE_SRID
from gis.demo.counts import share_out
from gis.demo.ground import Ground, as_multi
from gis.demo.incidents import make_incidents
from gis.demo.people import make_staff
from gis.demo.samples import AS_OF, ordinal, sample_phone
from gis.demo.shapes import block, slab
from gis.errors import InputError
from gis.lattice import snap
from gis.terms import BarrierClass, CompoundKind, DivisionLevel, GridType, HouseholdBasis
from gis.texts import catalogue

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SEED = 20261031
COUNTY = "620503000000"
AREA_CODE = "0938"

_GRID_M = 292.0
_MARGIN_M = 15.0
_SLOT_M = (32.0, 31.5)
_MOST_STREETS = 9
_POINTS_PER_COMMUNITY = 29
_ODD_SIZES = (268, 287, 512, 540, 566)
"""Households of the few grids that are too small or too large: a check of such a district finds some."""
_COUNTED_ON = date(2026, 9, 30)


@dataclass(frozen=True)
class _Board:
    """The drawing: rectangles of communities and grids, whole metres.

    Attributes
    ----------
    community
        West, south, east, north of each, shape (c, 4), north-west first.
    community_row
        Row from the north that each lies in, shape (c,).
    grid
        West, south, east, north of each, shape (g, 4).
    grid_community
        Position of each grid's community, shape (g,).
    serial
        Serial of each grid in its community, from 1, shape (g,).
    """

    community: Floats
    community_row: Ints
    grid: Floats
    grid_community: Ints
    serial: Ints


def make_district(seed: int = SEED, communities: int = 35, grids: int = 289) -> dict[str, pd.DataFrame]:
    """Make a district.

    Parameters
    ----------
    seed
        Of everything that is left to chance.
    communities
        How many, at most 891.
    grids
        How many basic grids; at least one for each community.

    Returns
    -------
    dict
        As :func:`gis.demo.community.make_community` returns, with a county, its streets and all communities.

    Raises
    ------
    InputError
        If there are fewer grids than communities, or too many of either for their codes.
    """
    if not 1 <= communities <= _MOST_STREETS * 99:
        raise InputError(f"{communities} communities", where="communities", mend="give 1 to 891")
    if not communities <= grids <= communities * 799:
        raise InputError(
            f"{grids} grids for {communities} communities",
            where="grids",
            mend="give at least one and at most 799 for each community",
        )
    rng = np.random.default_rng(seed)
    board = _draw(communities, grids, rng)
    width, height = board.community[:, 2].max(), board.community[:, 3].max()
    ground = Ground(105.89, 34.57, width, height, turn=6.0, bend=0.012 * height, waves=2.4)

    parts = _noded_parts(board)
    shapes = _grid_shapes(parts, board, ground)
    street_of, community_codes = _division_codes(board)
    divisions = _divisions(shapes, board, street_of, community_codes)
    frame = _grids(shapes, board, community_codes, rng)
    buildings, compounds = _homes(board, ground, community_codes, rng)
    streets = _streets(parts, board, ground, community_codes)
    points = _service_points(buildings, community_codes, rng)
    staff = make_staff(frame, divisions, area=AREA_CODE, since=date(2026, 1, 1), part_time=(1, 2), rng=rng)
    incidents = make_incidents(frame, buildings, streets, AS_OF, rng, prefix=COUNTY, total=12 * grids + 60)
    return {
        "divisions": divisions,
        "grids": frame,
        "compounds": compounds,
        "buildings": buildings,
        "service_points": points,
        "streets": streets,
        "staff": staff,
        "incidents": incidents,
    }


def _cuts(start: float, end: float, count: int, rng: np.random.Generator) -> Floats:
    """Cut a length into parts that differ by up to a sixth, at whole metres."""
    sizes = rng.uniform(0.85, 1.15, count)
    at = start + (end - start) * np.concatenate(([0.0], np.cumsum(sizes) / sizes.sum()))
    return np.rint(at)


def _evenly(total: int, bins: int) -> Ints:
    """Spread a number over bins that differ by one at most."""
    return np.diff(np.arange(bins + 1, dtype=np.int64) * total // bins)


def _draw(communities: int, grids: int, rng: np.random.Generator) -> _Board:
    """Lay communities out in rows from the north, and grids in rows within each."""
    per_community = rng.permutation(_evenly(grids, communities))
    area = grids * _GRID_M**2
    rows = max(1, round(np.sqrt(communities / 2.2)))
    height = np.sqrt(area / 2.0)
    width = np.rint(area / height)
    community: list[tuple[float, ...]] = []
    grid: list[tuple[float, ...]] = []
    community_row: list[int] = []
    owner: list[int] = []
    serial: list[int] = []
    tops = _cuts(0.0, height, rows, rng)[::-1]
    for row, in_row in enumerate(_evenly(communities, rows)):
        lefts = _cuts(0.0, width, int(in_row), rng)
        for west, east in pairwise(lefts):
            south, north = tops[row + 1], tops[row]
            here = len(community)
            community.append((west, south, east, north))
            community_row.append(row)
            count = int(per_community[here])
            deep = min(count, max(1, round(np.sqrt(count * (north - south) / (east - west)))))
            levels = _cuts(south, north, deep, rng)[::-1]
            number = 0
            for level, across in enumerate(_evenly(count, deep)):
                sides = _cuts(west, east, int(across), rng)
                for left, right in pairwise(sides):
                    number += 1
                    grid.append((left, levels[level + 1], right, levels[level]))
                    owner.append(here)
                    serial.append(number)
    return _Board(
        np.array(community), np.array(community_row), np.array(grid), np.array(owner), np.array(serial)
    )


def _noded_parts(board: _Board) -> NDArray[np.object_]:
    """Return every stretch of border between two corners once, with vertices along it."""
    west, south, east, north = board.grid.T
    corners = np.stack((west, south, east, south, east, north, west, north, west, south), axis=1)
    ring = corners.reshape(-1, 5, 2)
    sides = shapely.linestrings(np.stack((ring[:, :-1], ring[:, 1:]), axis=2).reshape(-1, 2, 2))
    return np.asarray(shapely.segmentize(shapely.get_parts(shapely.union_all(sides)), 45.0))


def _grid_shapes(parts: NDArray[np.object_], board: _Board, ground: Ground) -> NDArray[np.object_]:
    """Put the stretches together to grids, so that neighbours share every vertex."""
    faces = shapely.get_parts(shapely.polygonize(parts))
    middles = shapely.points(
        (board.grid[:, 0] + board.grid[:, 2]) / 2, (board.grid[:, 1] + board.grid[:, 3]) / 2
    )
    at, face = shapely.STRtree(faces).query(middles, predicate="within")
    return np.asarray(ground.place(faces[face[np.argsort(at)]]))


def _division_codes(board: _Board) -> tuple[Ints, list[str]]:
    """Give streets numbers from 091 and their communities from 901."""
    rows = int(board.community_row.max()) + 1
    street = board.community_row * min(rows, _MOST_STREETS) // rows
    first = np.searchsorted(street, street)
    serial = 901 + np.arange(len(street)) - first
    return street, [f"{COUNTY[:6]}{91 + s:03d}{n:03d}" for s, n in zip(street, serial, strict=True)]


def _divisions(
    shapes: NDArray[np.object_], board: _Board, street_of: Ints, codes: list[str]
) -> gpd.GeoDataFrame:
    of_grid = board.grid_community
    communities = [shapely.coverage_union_all(shapes[of_grid == n]) for n in range(len(codes))]
    numbers = np.unique(street_of)
    streets = [shapely.coverage_union_all(shapes[street_of[of_grid] == n]) for n in numbers]
    parents = [f"{COUNTY[:6]}{91 + n:03d}000" for n in numbers]
    levels = [
        DivisionLevel.COUNTY,
        *[DivisionLevel.STREET] * len(streets),
        *[DivisionLevel.COMMUNITY] * len(codes),
    ]
    return gpd.GeoDataFrame(
        {
            "division_code": [COUNTY, *parents, *codes],
            "name": [
                "麦积区（示例数据）",
                *(f"示例{ordinal(int(n))}街道" for n in numbers),
                *(f"示例{n:02d}社区" for n in range(1, len(codes) + 1)),
            ],
            "level": [str(level) for level in levels],
            "parent_code": [None, *[COUNTY] * len(parents), *[f"{code[:9]}000" for code in codes]],
        },
        geometry=list(as_multi([shapely.coverage_union_all(shapes), *streets, *communities])),
        crs=f"EPSG:{STORAGE_SRID}",
    )


def _grids(
    shapes: NDArray[np.object_], board: _Board, codes: list[str], rng: np.random.Generator
) -> gpd.GeoDataFrame:
    community = np.array(codes)[board.grid_community]
    return gpd.GeoDataFrame(
        {
            "grid_code": [f"{code}{n:03d}" for code, n in zip(community, board.serial, strict=True)],
            "grid_type": str(GridType.BASIC),
            "name": [
                f"示例{c + 1:02d}社区{n}号网格"
                for c, n in zip(board.grid_community, board.serial, strict=True)
            ],
            "community_code": community,
            "parent_code": pd.array([None] * len(shapes), dtype="str"),
            "colour_theme": rng.choice(["red", "orange", "yellow", "green", "blue"], len(shapes)),
        },
        geometry=list(as_multi(shapes)),
        crs=f"EPSG:{STORAGE_SRID}",
    )


def _homes(
    board: _Board, ground: Ground, codes: list[str], rng: np.random.Generator
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Fill every grid with one or two compounds, and those with rows of houses."""
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
    number = _serial_within(community)
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
                for c, n in zip(home_community, _serial_within(home_community), strict=True)
            ],
            "compound_code": compound_codes[key],
            "number": _serial_within(key).astype(str),
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


def _serial_within(group: Ints) -> Ints:
    """Give the members of each group numbers from 1, in their order."""
    order = np.argsort(group, kind="stable")
    together = group[order]
    serial = np.empty(len(group), dtype=np.int64)
    serial[order] = np.arange(len(group)) - np.searchsorted(together, together) + 1
    return serial


def _compounds(
    board: _Board,
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


def _streets(parts: NDArray[np.object_], board: _Board, ground: Ground, codes: list[str]) -> gpd.GeoDataFrame:
    """Gather the stretches of border to streets: one for each line and community on its south or west."""
    middle = shapely.get_coordinates(shapely.line_interpolate_point(parts, 0.5, normalized=True))
    bounds = shapely.bounds(parts)
    level = bounds[:, 1] == bounds[:, 3]
    across = np.where(level, bounds[:, 1], bounds[:, 0])
    boxes = shapely.box(*board.community.T)
    side = np.where(level[:, None], [0.0, 1.0], [1.0, 0.0])
    tree = shapely.STRtree(boxes)
    owner = np.full((len(parts), 2), -1, dtype=np.int64)
    for n, step in enumerate((-0.5, 0.5)):
        at, community = tree.query(shapely.points(middle + step * side), predicate="within")
        owner[at, n] = community
    is_river = level & (across == board.community[:, 1].min())
    is_border = owner[:, 0] != owner[:, 1]
    kind = np.where(
        is_river, BarrierClass.RIVER, np.where(is_border, BarrierClass.ARTERIAL, BarrierClass.LANE)
    )
    table = pd.DataFrame(
        {
            "community": np.where(owner[:, 0] >= 0, owner[:, 0], owner[:, 1]),
            "level": level,
            "across": across,
            "kind": kind.astype(str),
        }
    )
    group = table.groupby(list(table.columns), sort=True).ngroup().to_numpy()
    first = table.iloc[np.unique(group, return_index=True)[1]]
    order = np.argsort(group, kind="stable")
    lines = shapely.line_merge(shapely.multilinestrings(ground.place(parts[order]), indices=group[order]))
    community = first["community"].to_numpy()
    serial = _serial_within(community)
    ends = {"river": "河", "arterial": "街", "lane": "巷"}
    return gpd.GeoDataFrame(
        {
            "street_code": [f"{codes[c]}R{n:03d}" for c, n in zip(community, serial, strict=True)],
            "name": [
                "示例河" if k == "river" else f"示例{c + 1:02d}社区{n}号{ends[k]}"
                for c, n, k in zip(community, serial, first["kind"], strict=True)
            ],
            "barrier_class": first["kind"].to_numpy(),
            "community_code": np.array(codes)[community],
        },
        geometry=list(as_multi(lines)),
        crs=f"EPSG:{STORAGE_SRID}",
    )


def _service_points(
    buildings: gpd.GeoDataFrame, codes: list[str], rng: np.random.Generator
) -> gpd.GeoDataFrame:
    """Put every category once and some of them again before the doors of each community's houses."""
    names = {
        key.rsplit(".", 1)[1]: name
        for key, name in catalogue("zh").items()
        if key.startswith("terms.service_category.")
    }
    keys = list(names)
    count = _POINTS_PER_COMMUNITY
    community_of = buildings["community_code"].to_numpy()
    corners = np.asarray(shapely.get_coordinates(shapely.centroid(buildings.geometry.to_numpy())))
    south = shapely.bounds(buildings.geometry.to_numpy())[:, 1]
    chosen, category = [], []
    for code in codes:
        here = np.flatnonzero(community_of == code)
        chosen.append(rng.choice(here, count, replace=len(here) < count))
        category += [*keys, *rng.choice(keys, count - len(keys))]
    house = np.concatenate(chosen)
    lonlat = np.column_stack((corners[house, 0], south[house] - 2e-5))  # two metres before its south front
    numbers = np.tile(np.arange(1, count + 1), len(codes))
    open_always = rng.random(len(house)) < 0.3
    return gpd.GeoDataFrame(
        {
            "point_code": [f"{c}{n:06d}" for c, n in zip(community_of[house], numbers, strict=True)],
            "name": [f"示例{names[key]}{n}" for n, key in enumerate(category, start=1)],
            "category": category,
            "address": [f"示例路{n}号" for n in range(1, len(house) + 1)],
            "phones": [[sample_phone(AREA_CODE, 100_000 + n)] for n in range(len(house))],
            "hours": np.where(open_always, "00:00–24:00", "08:30–17:30"),
            "accessible": pd.array(rng.random(len(house)) < 0.7, dtype="boolean"),
            "verified_on": [AS_OF - timedelta(days=int(d)) for d in rng.integers(1, 500, len(house))],
            "public": rng.random(len(house)) > 0.03,
            "community_code": community_of[house],
        },
        geometry=snap(shapely.points(lonlat)),
        crs=f"EPSG:{STORAGE_SRID}",
    )
