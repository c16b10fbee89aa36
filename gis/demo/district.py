"""A made-up district of any size, in the same frames: for scale, not for looks.

The default is as large as Maiji in Tianshui: 35 communities, 289 grids. It is drawn as rows of communities,
each cut into rows of grids, on a board that :class:`gis.demo.ground.Ground` bends; nothing is read from a
file and everything is made as arrays.
"""

from __future__ import annotations

from datetime import date, timedelta

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis.crs import STORAGE_SRID
from gis.demo.district_board import Board, Ints, draw, grid_shapes, noded_parts, serial_within
from gis.demo.district_homes import make_homes
from gis.demo.ground import Ground, as_multi
from gis.demo.incidents import make_incidents
from gis.demo.people import make_staff
from gis.demo.samples import AS_OF, ordinal, sample_phone
from gis.errors import InputError
from gis.lattice import snap
from gis.terms import BarrierClass, DivisionLevel, GridType
from gis.texts import catalogue

SEED = 20261031
COUNTY = "620503000000"
AREA_CODE = "0938"

_MOST_STREETS = 9
_POINTS_PER_COMMUNITY = 29


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
    board = draw(communities, grids, rng)
    width, height = board.community[:, 2].max(), board.community[:, 3].max()
    ground = Ground(105.89, 34.57, width, height, turn=6.0, bend=0.012 * height, waves=2.4)

    parts = noded_parts(board)
    shapes = grid_shapes(parts, board, ground)
    street_of, community_codes = _division_codes(board)
    divisions = _divisions(shapes, board, street_of, community_codes)
    frame = _grids(shapes, board, community_codes, rng)
    buildings, compounds = make_homes(board, ground, community_codes, rng)
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


def _division_codes(board: Board) -> tuple[Ints, list[str]]:
    """Give streets numbers from 091 and their communities from 901."""
    rows = int(board.community_row.max()) + 1
    street = board.community_row * min(rows, _MOST_STREETS) // rows
    first = np.searchsorted(street, street)
    serial = 901 + np.arange(len(street)) - first
    return street, [f"{COUNTY[:6]}{91 + s:03d}{n:03d}" for s, n in zip(street, serial, strict=True)]


def _divisions(
    shapes: NDArray[np.object_], board: Board, street_of: Ints, codes: list[str]
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
    shapes: NDArray[np.object_], board: Board, codes: list[str], rng: np.random.Generator
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


def _streets(parts: NDArray[np.object_], board: Board, ground: Ground, codes: list[str]) -> gpd.GeoDataFrame:
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
    serial = serial_within(community)
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
