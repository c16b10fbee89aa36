"""The demonstration community: made up, at the figures of a real one, in the frames of the architecture.

The figures are Shengshi's in Huimin, Hohhot: 1 km², seven compounds, six standalone buildings, one bungalow
area, 4,635 households, 9,281 people, twelve grids. Nothing else in it is: streets, names, people, numbers
and borders are made up, and community 901 of street 099 does not exist.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis.crs import STORAGE_SRID, metres_per_degree
from gis.demo.counts import share_out
from gis.demo.ground import Ground, as_multi
from gis.demo.houses import House, houses
from gis.demo.incidents import make_incidents
from gis.demo.people import make_staff
from gis.demo.places import PLACES
from gis.demo.quarter import (
    GRIDS,
    HEIGHT,
    HUTONG_ENDS,
    HUTONGS,
    LOTS,
    SPACING,
    STREETS,
    WIDTH,
    lot_shapes,
    quarter_blocks,
)
from gis.demo.samples import AS_OF, sample_phone
from gis.terms import BarrierClass, CompoundKind, DivisionLevel, GridType, HouseholdBasis

SEED = 20261031
COUNTY = "150103000000"
STREET = "150103099000"
COMMUNITY = "150103099901"
AREA_CODE = "0471"
AREA_M2 = 1_000_000.0
RESIDENTS = 9281

_ANCHOR = Ground(111.62, 40.81, WIDTH, HEIGHT, turn=-4.0, bend=24.0)
_LAYERS = ("divisions", "grids", "compounds", "buildings", "service_points", "streets", "staff", "incidents")
_COUNTED_ON = date(2026, 9, 30)


def make_community(seed: int = SEED) -> dict[str, pd.DataFrame]:
    """Make the demonstration community.

    Parameters
    ----------
    seed
        Of everything that is left to chance: who lives where, courtyards, shops, incidents. Streets, lots,
        grids and the figures are the same for every seed.

    Returns
    -------
    dict
        ``divisions``, ``grids``, ``compounds``, ``buildings``, ``service_points``, ``streets`` (rivers and
        walls among them, by ``barrier_class``): GeoDataFrames in EPSG:4490 on the lattice; ``staff`` and
        ``incidents``: DataFrames. Columns as in docs/architecture.md.
    """
    rng = np.random.default_rng(seed)
    drawn = quarter_blocks()
    ground = _to_size(drawn)
    land = ground.place(drawn)
    lots = lot_shapes()

    grids = _grids(drawn, land, lots, ground)
    community = shapely.coverage_union_all(land)
    divisions = _divisions(community)
    buildings = _buildings(houses(rng), ground, rng)
    compounds = _compounds(lots, buildings, ground)
    streets = _streets(lots, ground)
    points = _service_points(ground)
    staff = make_staff(grids, divisions, area=AREA_CODE, since=date(2026, 1, 1), part_time=(3, 6), rng=rng)
    incidents = make_incidents(grids, buildings, streets, AS_OF, rng, prefix=COMMUNITY)
    made = (divisions, grids, compounds, buildings, points, streets, staff, incidents)
    return dict(zip(_LAYERS, made, strict=True))


def _to_size(drawn: NDArray[np.object_]) -> Ground:
    """Scale the drawing so that the community measures its square kilometre on the ellipsoid."""
    whole = shapely.union_all(drawn)
    flat = shapely.transform(_ANCHOR.place(whole), lambda xy: xy * np.array(metres_per_degree(_ANCHOR.lat)))
    return replace(_ANCHOR, scale=float(np.sqrt(AREA_M2 / shapely.area(flat))))


def _frame(columns: dict[str, Any], geometry: Any) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns, geometry=list(geometry), crs=f"EPSG:{STORAGE_SRID}")


def _divisions(community: Any) -> gpd.GeoDataFrame:
    """County, street and community; only the community has a border, for only it is drawn."""
    return _frame(
        {
            "division_code": [COUNTY, STREET, COMMUNITY],
            "name": ["回民区（示例数据）", "示例街道", "示例社区"],
            "level": [str(DivisionLevel.COUNTY), str(DivisionLevel.STREET), str(DivisionLevel.COMMUNITY)],
            "parent_code": [None, COUNTY, STREET],
        },
        [None, None, as_multi([community])[0]],
    )


def _grids(
    drawn: NDArray[np.object_], land: NDArray[np.object_], lots: dict[str, Any], ground: Ground
) -> gpd.GeoDataFrame:
    """Make basic grids of whole blocks, micro grids of one block each, exclusive grids of their lots."""
    tree = shapely.STRtree(drawn)
    rows: list[tuple[str, str, str, str | None, str | None, Any]] = []
    micro: list[tuple[str, str, str, str | None, str | None, Any]] = []
    for serial, plan in enumerate(GRIDS, start=1):
        code = f"{COMMUNITY}{serial:03d}"
        inside = tree.query(shapely.points(plan.inside), predicate="within")[1]
        rows.append(
            (code, GridType.BASIC, plan.name, None, plan.theme, shapely.coverage_union_all(land[inside]))
        )
        if plan.micro:
            micro += [
                (f"{code}-{n:02d}", GridType.MICRO, f"{plan.name}{n}号微网格", code, plan.theme, land[part])
                for n, part in enumerate(inside, start=1)
            ]
    exclusive = [lot for lot in LOTS if lot.exclusive]
    rows += [
        (f"{COMMUNITY}{serial}", GridType.EXCLUSIVE, lot.exclusive, None, None, ground.place(lots[lot.key]))
        for serial, lot in enumerate(exclusive, start=801)
    ]
    rows += micro
    codes, kinds, names, parents, themes, shapes = zip(*rows, strict=True)
    return _frame(
        {
            "grid_code": codes,
            "grid_type": [str(kind) for kind in kinds],
            "name": names,
            "community_code": COMMUNITY,
            "parent_code": parents,
            "colour_theme": themes,
        },
        as_multi(list(shapes)),
    )


def _buildings(drawn: list[House], ground: Ground, rng: np.random.Generator) -> gpd.GeoDataFrame:
    """Set the houses down and settle people in them, exactly as many as the figures say."""
    uv = np.array([(house.u, house.v) for house in drawn])
    lot_of = np.array([house.lot for house in drawn])
    flats = np.array([house.dwellings for house in drawn])
    heading = ground.heading(uv)
    households = np.zeros(len(drawn), dtype=np.int64)
    compound_codes = _compound_codes()
    for lot in LOTS:
        here = lot_of == lot.key
        if not here.any():
            continue
        heading[here] = heading[here].mean()  # the houses of one lot stand parallel
        home = here & (flats > 0)
        if lot.households:
            weight = flats[home] * rng.uniform(0.9, 1.1, home.sum())
            households[home] = share_out(lot.households, weight, least=1, most=flats[home])
    lived_in = households > 0
    residents = np.zeros(len(drawn), dtype=np.int64)
    residents[lived_in] = share_out(
        RESIDENTS,
        households[lived_in] * rng.uniform(1.7, 2.3, lived_in.sum()),
        least=households[lived_in],
        most=households[lived_in] * 6,
    )
    home = flats > 0
    return _frame(
        {
            "building_code": [f"{COMMUNITY}{n:05d}" for n in range(1, len(drawn) + 1)],
            "compound_code": [compound_codes.get(key) for key in lot_of],
            "number": [house.number for house in drawn],
            "units": pd.array([house.units or None for house in drawn], dtype="Int64"),
            "floors": pd.array([house.floors for house in drawn], dtype="Int64"),
            "households": pd.array(households, dtype="Int64"),
            "residents": pd.array(residents, dtype="Int64"),
            "counted_on": _COUNTED_ON,
            "basis": str(HouseholdBasis.RESIDENT),
            "community_code": COMMUNITY,
        },
        as_multi(ground.set_down([house.outline for house in drawn], uv, heading)),
    ).assign(units=lambda frame: frame["units"].where(home))


def _compound_codes() -> dict[str, str]:
    homes = [lot.key for lot in LOTS if lot.kind is not None]
    return {key: f"{COMMUNITY}{n:04d}" for n, key in enumerate(homes, start=1)}


def _compounds(lots: dict[str, Any], buildings: pd.DataFrame, ground: Ground) -> gpd.GeoDataFrame:
    homes = [lot for lot in LOTS if lot.kind is not None]
    codes = _compound_codes()
    sums = buildings.groupby("compound_code")[["households", "residents"]].sum()
    in_order = sums.loc[[codes[lot.key] for lot in homes]]
    # Two former compounds became one when their wall came down: what predecessors are for.
    former = {"C": [f"{COMMUNITY}0091", f"{COMMUNITY}0092"]}
    return _frame(
        {
            "compound_code": [codes[lot.key] for lot in homes],
            "name": [lot.name for lot in homes],
            "kind": [str(lot.kind) for lot in homes],
            "managed": [lot.managed for lot in homes],
            "aliases": [list(lot.aliases) for lot in homes],
            "households": pd.array(in_order["households"].to_numpy(), dtype="Int64"),
            "residents": pd.array(in_order["residents"].to_numpy(), dtype="Int64"),
            "community_code": COMMUNITY,
            "predecessors": [former.get(lot.key, []) for lot in homes],
        },
        as_multi(ground.place([lots[lot.key] for lot in homes])),
    )


def _streets(lots: dict[str, Any], ground: Ground) -> gpd.GeoDataFrame:
    """Streets, river, dead-end lanes, and the walls with their gates left open."""
    named = [street for street in STREETS if street.barrier_class is not None]
    rows: list[tuple[str, str, Any]] = [(s.name, str(s.barrier_class), s.line()) for s in named]
    for name, v in HUTONGS:
        line = shapely.segmentize(
            shapely.linestrings([(HUTONG_ENDS[0] + 2, v), (HUTONG_ENDS[1] - 2, v)]), SPACING
        )
        rows.append((name, str(BarrierClass.LANE), line))
    for lot in LOTS:
        if lot.gates and lot.kind is not CompoundKind.BUNGALOW:
            wall = shapely.boundary(lots[lot.key])
            foot = shapely.line_interpolate_point(
                wall, shapely.line_locate_point(wall, shapely.points(lot.gates))
            )
            gates = shapely.union_all(shapely.buffer(foot, 5.0))
            standing = shapely.line_merge(shapely.difference(wall, gates))
            rows.append((f"{lot.name}围墙", str(BarrierClass.WALL), standing))
    names, classes, lines = zip(*rows, strict=True)
    return _frame(
        {
            "street_code": [f"{COMMUNITY}R{n:03d}" for n in range(1, len(rows) + 1)],
            "name": names,
            "barrier_class": classes,
            "community_code": COMMUNITY,
        },
        as_multi(ground.place(list(lines))),
    )


def _service_points(ground: Ground) -> gpd.GeoDataFrame:
    numbers = range(1, len(PLACES) + 1)
    return _frame(
        {
            "point_code": [f"{COMMUNITY}{n:06d}" for n in numbers],
            "name": [place.name for place in PLACES],
            "category": [place.category for place in PLACES],
            "address": [place.address for place in PLACES],
            "phones": [
                [sample_phone(AREA_CODE, 1000 + 10 * n + k) for k in range(place.phones)]
                for n, place in zip(numbers, PLACES, strict=True)
            ],
            "hours": [place.hours for place in PLACES],
            "accessible": pd.array([place.accessible for place in PLACES], dtype="boolean"),
            "verified_on": [place.verified_on for place in PLACES],
            "public": [place.public for place in PLACES],
            "community_code": COMMUNITY,
        },
        ground.place(shapely.points([(place.u, place.v) for place in PLACES])),
    )
