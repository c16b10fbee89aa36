"""Units: the smallest pieces that grids are made of; once made, every redraw only moves them.

Streets, rivers, walls and the community's border cut it into blocks; a block is divided among the compounds
and loose buildings in it, and a compound's land among its buildings. Every building lies wholly in one unit;
the units fit together exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gis.crs import STORAGE_SRID
from gis.errors import GeometryError, InputError
from gis.lattice import snap
from gis.planning.adjacency import BORDER_COST, Adjacency, adjacency
from gis.planning.coverage import build_mosaic, cover, find_outside, find_voids
from gis.planning.faces import cut_faces, join_to_neighbours, locate_points, unite
from gis.planning.measure import Geometries, Ints, Metres, Plane, lonlat, require
from gis.planning.sizes import numbers
from gis.planning.tessellate import tessellate
from gis.planning.validate import clean_units, validate_units

__all__ = [
    "BORDER_COST",
    "Adjacency",
    "adjacency",
    "building_units",
    "clean_units",
    "estimate_households",
    "make_units",
    "validate_units",
]


_ROUNDING_M = 0.003
"""A face narrower than this (twice its area over its perimeter) was made by rounding to the lattice."""


@dataclass(frozen=True, eq=False)
class _Ground:
    """What stands on the land, in metres of the plane: groups of touching buildings, and compounds."""

    groups: Geometries
    group_of: Ints
    compound_of_group: Ints
    compounds: Geometries


@dataclass(frozen=True, eq=False)
class _Cell:
    """A piece of a block before fitting: its land in metres, its compound and its group of buildings."""

    land: shapely.Geometry
    compound: int
    group: int


def make_units(
    community: gpd.GeoDataFrame,
    buildings: gpd.GeoDataFrame,
    barriers: gpd.GeoDataFrame | None = None,
    compounds: gpd.GeoDataFrame | None = None,
    *,
    narrow_m: float = 8.0,
    smallest_m2: float = 100.0,
) -> gpd.GeoDataFrame:
    """Make the units of a community.

    Parameters
    ----------
    community
        Its border (one row or several), with ``division_code``.
    buildings
        Polygons with ``households`` (see :func:`estimate_households`), and where known ``residents``,
        ``compound_code``. Buildings that touch stay together in one unit. Points are left out of the
        geometry, but counted where they stand.
    barriers
        Streets, rivers and walls: lines, or polygons whose borders count. Ends that lead nowhere cut nothing.
    compounds
        Polygons with ``compound_code``; a unit lies in one compound at most.
    narrow_m, smallest_m2
        Empty land narrower (twice its area over its perimeter) or smaller than this, such as the strip
        between two carriageways, joins the neighbour that it shares most border with.

    Returns
    -------
    geopandas.GeoDataFrame
        ``unit_id`` (U00001 … from north-west to south-east), ``households`` and ``residents`` (null where a
        building's is unknown, 0 where nobody lives), ``buildings``, ``community_code``, ``compound_code``,
        ``grid_code`` (null) and geometry: a valid coverage on the lattice, EPSG:4490.

    Raises
    ------
    InputError
        If the buildings have no ``households``.
    GeometryError
        If the community has no area.
    """
    require(buildings, ("households",), where="buildings")
    border = snap(shapely.make_valid(lonlat(community, where="community")))
    border = border[shapely.get_dimensions(border) == 2]
    if not len(border):
        raise GeometryError(
            "the community has no area", where="community", mend="give its border as a polygon"
        )
    plane = Plane.of(border)
    walls = np.zeros(0, dtype=object) if barriers is None else snap(lonlat(barriers, where="barriers"))
    walls = walls[shapely.intersects(walls, shapely.box(*shapely.total_bounds(border)))]
    ground = _stand(buildings, compounds, plane)
    blocks = cut_faces(border, walls)
    own = blocks.geometry[locate_points(blocks.point, border) >= 0]
    cells = _fill(plane.project(own), ground)
    lands, names = _fit(cells, ground, own, plane, narrow_m, smallest_m2)
    return _describe(_trim(lands, border), names, buildings, compounds, community)


def _stand(buildings: gpd.GeoDataFrame, compounds: gpd.GeoDataFrame | None, plane: Plane) -> _Ground:
    raw = lonlat(buildings, where="buildings")
    shapes = plane.project(snap(raw))
    solid = np.flatnonzero(shapely.get_dimensions(shapes) == 2)
    shapes[solid] = shapely.buffer(shapes[solid], 0)
    solid = solid[shapely.area(shapes[solid]) > 0]
    # Walls that touch cannot be told apart by the land nearest to each: such buildings stay together.
    i, j = shapely.STRtree(shapes[solid]).query(shapes[solid], predicate="dwithin", distance=0.05)
    n = len(solid)
    count, component = connected_components(
        coo_array((np.ones(len(i)), (i, j)), shape=(n, n)), directed=False
    )
    group_of = np.full(len(buildings), -1, dtype=np.int64)
    group_of[solid] = component
    order = np.argsort(component, kind="stable")
    held = np.bincount(component, minlength=count)
    members = np.split(shapes[solid][order], np.cumsum(held)[:-1]) if count else []
    groups = np.array([m[0] if len(m) == 1 else shapely.union_all(m) for m in members], dtype=object)
    if compounds is None or not len(compounds):
        return _Ground(groups, group_of, np.full(count, -1, dtype=np.int64), np.zeros(0, dtype=object))
    areas = plane.project(snap(lonlat(compounds, where="compounds")))
    areas = np.where(shapely.is_missing(areas), shapely.Polygon(), areas)
    areas = shapely.buffer(areas, 0)
    compound = locate_points(shapely.point_on_surface(groups), areas)
    if "compound_code" in buildings.columns and "compound_code" in compounds.columns:
        index_of = {str(code): index for index, code in enumerate(compounds["compound_code"])}
        said = np.array([index_of.get(str(code), -1) for code in buildings["compound_code"]], dtype=np.int64)
        known = np.flatnonzero((said >= 0) & (group_of >= 0))
        compound[group_of[known]] = said[known]
    return _Ground(groups, group_of, compound, np.asarray(areas, dtype=object))


def _fill(blocks: Geometries, ground: _Ground) -> list[_Cell]:
    """Divide every block among its compounds and loose groups, and each compound's land among its groups."""
    home = locate_points(shapely.point_on_surface(ground.groups), blocks)
    by_block = pd.Series(np.arange(len(home))).groupby(home).indices
    block_hit, compound_hit = (
        shapely.STRtree(ground.compounds).query(blocks, predicate="intersects")
        if len(ground.compounds)
        else (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    )
    cells: list[_Cell] = []
    for index, block in enumerate(blocks):
        groups = np.asarray(by_block.get(index, []), dtype=np.int64)
        cells += _fill_block(block, groups, np.sort(compound_hit[block_hit == index]), ground)
    return cells


def _fill_block(block: shapely.Geometry, groups: Ints, compounds: Ints, ground: _Ground) -> list[_Cell]:
    seeds: list[shapely.Geometry] = []
    kinds: list[tuple[int, Ints]] = []
    taken = shapely.Polygon()
    for compound in np.union1d(compounds, ground.compound_of_group[groups]):
        if compound < 0:
            continue
        own = groups[ground.compound_of_group[groups] == compound]
        stand = shapely.union_all([ground.compounds[compound], *ground.groups[own]])
        land = shapely.difference(shapely.intersection(stand, block), taken)
        if shapely.area(land) > 1.0:
            taken = shapely.union(taken, land)
            seeds.append(land)
            kinds.append((int(compound), own))
    for group in groups[ground.compound_of_group[groups] < 0]:
        seeds.append(shapely.intersection(ground.groups[group], block))
        kinds.append((-1, np.array([group])))
    if not seeds:
        return [_Cell(block, -1, -1)]
    lands = tessellate(block, np.array(seeds, dtype=object))
    cells: list[_Cell] = []
    for land, (compound, own) in zip(lands, kinds, strict=True):
        if len(own) < 2:
            cells.append(_Cell(land, compound, int(own[0]) if len(own) else -1))
            continue
        inner = tessellate(land, shapely.intersection(ground.groups[own], block))
        cells += [_Cell(piece, compound, int(group)) for piece, group in zip(inner, own, strict=True)]
    return cells


def _fit(
    cells: list[_Cell],
    ground: _Ground,
    blocks: Geometries,
    plane: Plane,
    narrow_m: float,
    smallest_m2: float,
) -> tuple[Geometries, list[tuple[int, int]]]:
    """Cut all land along cells and buildings at once, and put the faces together by cell."""
    cells = [cell for cell in cells if not shapely.is_empty(cell.land)]
    lands = plane.unproject(np.array([cell.land for cell in cells], dtype=object))
    groups = plane.unproject(ground.groups)
    # The blocks' own borders, and not the lines that they were cut by: those would be rounded twice.
    faces = cut_faces(blocks, lands, groups)
    inside = locate_points(faces.point, blocks) >= 0
    geometry, point = faces.geometry[inside], faces.point[inside]
    cell_of_group = np.full(len(groups) + 1, -1, dtype=np.int64)
    for index, cell in enumerate(cells):
        if cell.group >= 0:
            cell_of_group[cell.group] = index
    in_group = locate_points(point, groups)
    label = np.where(cell_of_group[in_group] >= 0, cell_of_group[in_group], locate_points(point, lands))
    # What is thinner than rounding goes with the neighbour that it runs along, or spurs would be left.
    flat = plane.project(geometry)
    thin = np.flatnonzero(2 * shapely.area(flat) < _ROUNDING_M * shapely.length(flat))
    label = label[join_to_neighbours(geometry, thin)]
    # Faces in no cell are rounding's too; each is a piece of its own that a neighbour takes below.
    stray = np.flatnonzero(label < 0)
    label[stray] = len(cells) + np.arange(len(stray))
    united = unite(geometry, label, len(cells) + len(stray))
    parts, owner = shapely.get_parts(united, return_index=True)
    # A cell may have lost all its faces to a building's unit.
    owner = owner[~shapely.is_empty(parts)]
    parts = parts[~shapely.is_empty(parts)]
    names = [(cells[o].compound, cells[o].group) if o < len(cells) else (-1, -1) for o in owner]
    flat = plane.project(parts)
    area = np.asarray(shapely.area(flat))
    # A building's cell may lose a corner to a neighbour's wall; the piece with the building stays it.
    anchored = np.array([group >= 0 for _, group in names])
    if anchored.any():
        seats = shapely.point_on_surface(groups)
        holds = np.array(
            [
                group >= 0 and shapely.intersects(part, seats[group])
                for part, (_, group) in zip(parts, names, strict=True)
            ]
        )
        anchored &= holds
    narrow = (2 * area < narrow_m * shapely.length(flat)) | (area < smallest_m2)
    broken_off = np.array([group >= 0 for _, group in names]) & ~anchored
    weak = np.flatnonzero(~anchored & (narrow | broken_off | (owner >= len(cells))))
    # A strip of a compound's own land joins that compound or none: it must be able to move with it.
    target = join_to_neighbours(parts, weak, np.array([compound for compound, _ in names]))
    kept, final = np.unique(target, return_inverse=True)
    return unite(parts, final, len(kept)), [names[k] for k in kept.tolist()]


def _trim(lands: Geometries, border: Geometries) -> Geometries:
    """Hold units to the border as a check will see it, where rounding put two corners side by side on it."""
    mosaic = build_mosaic(np.concatenate([lands, border]))
    count = len(lands)
    whole = cover(mosaic.polygons[count:])
    missing, _ = find_voids(mosaic.polygons[:count], whole)
    if not len(missing) and not len(find_outside(mosaic.polygons[:count], whole)):
        return lands
    matched = snap(mosaic.to_degrees(mosaic.polygons))
    faces = cut_faces(matched)
    inside = locate_points(faces.point, matched[count:]) >= 0
    geometry = faces.geometry[inside]
    label = locate_points(faces.point[inside], matched[:count])
    label = label[join_to_neighbours(geometry, np.flatnonzero(label < 0))]
    return unite(geometry, label, count)


def _describe(
    lands: Geometries,
    names: list[tuple[int, int]],
    buildings: gpd.GeoDataFrame,
    compounds: gpd.GeoDataFrame | None,
    community: gpd.GeoDataFrame,
) -> gpd.GeoDataFrame:
    x0, y0, x1, y1 = shapely.bounds(lands).T
    order = np.lexsort([x0 + x1, -np.rint((y0 + y1) * 200)])
    lands = lands[order]
    codes = (
        None if compounds is None or "compound_code" not in compounds else list(compounds["compound_code"])
    )
    compound = [None if codes is None or names[o][0] < 0 else str(codes[names[o][0]]) for o in order]
    units = gpd.GeoDataFrame(
        {
            "unit_id": [f"U{number:05d}" for number in range(1, len(lands) + 1)],
            "compound_code": pd.Series(compound, dtype=object),
            "grid_code": pd.Series([None] * len(lands), dtype=object),
        },
        geometry=lands,
        crs=STORAGE_SRID,
    )
    home = building_units(units, buildings)
    held = np.bincount(home[home >= 0], minlength=len(units))
    units["buildings"] = held
    for column in ("households", "residents"):
        counts = numbers(buildings, column, where="buildings")
        known = (home >= 0) & ~np.isnan(counts)
        total = np.bincount(home[known], weights=counts[known], minlength=len(units))
        unknown = np.bincount(home[(home >= 0) & np.isnan(counts)], minlength=len(units)) > 0
        units[column] = np.where(unknown, np.nan, total)
    units["community_code"] = (
        str(community["division_code"].iloc[0]) if "division_code" in community.columns else None
    )
    if "basis" in buildings.columns and len(set(buildings["basis"].dropna())) == 1:
        units["basis"] = str(buildings["basis"].dropna().iloc[0])
    return units


def building_units(units: gpd.GeoDataFrame, buildings: gpd.GeoDataFrame) -> Ints:
    """Tell which unit each building stands in, by a point on its surface.

    Parameters
    ----------
    units, buildings
        The layers (EPSG:4490).

    Returns
    -------
    numpy.ndarray
        Row of the unit, or -1; shape (b,).
    """
    points = np.asarray(shapely.point_on_surface(lonlat(buildings, where="buildings")), dtype=object)
    points[shapely.is_empty(points)] = None
    return locate_points(points, lonlat(units, where="units"))


def estimate_households(
    buildings: gpd.GeoDataFrame, *, m2_per_household: float = 90.0, storey_m: float = 3.0
) -> gpd.GeoDataFrame:
    """Estimate households from floor area where they are not known, and say so in ``basis``.

    Parameters
    ----------
    buildings
        Footprints (EPSG:4490), with ``floors`` or ``height_m`` where known. A building without either takes
        the median number of floors of those that have one (one floor where none has).
    m2_per_household
        Gross floor area of a household.
    storey_m
        Height of a storey, metres.

    Returns
    -------
    geopandas.GeoDataFrame
        A copy with ``households`` filled in where it was empty, and ``basis`` ``estimated`` there.

    Raises
    ------
    InputError
        If an area or height is not positive.
    """
    if m2_per_household <= 0 or storey_m <= 0:
        raise InputError("floor area and storey height are more than nothing", where="estimate")
    done = buildings.copy()
    shapes = lonlat(buildings, where="buildings")
    floors = numbers(buildings, "floors", where="buildings")
    floors = np.where(
        np.isnan(floors), np.rint(numbers(buildings, "height_m", where="buildings") / storey_m), floors
    )
    typical: Any = np.nanmedian(floors) if np.isfinite(floors).any() else 1.0
    floors = np.maximum(np.where(np.isnan(floors), typical, floors), 1.0)
    estimate = np.rint(Metres.of(shapes).area_m2(shapes) * floors / m2_per_household)
    known = numbers(buildings, "households", where="buildings")
    empty = np.isnan(known)
    done["households"] = np.where(empty, estimate, known)
    basis = (
        buildings["basis"].astype(object)
        if "basis" in buildings.columns
        else pd.Series(None, index=buildings.index, dtype=object)
    )
    done["basis"] = basis.where(~empty, "estimated")
    return done
