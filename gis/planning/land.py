"""The rules of land: no gap, no overlap, one part, one community, no building cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis.errors import InputError
from gis.lattice import snap
from gis.planning import coverage
from gis.planning.coverage import Mosaic, build_mosaic
from gis.planning.measure import Floats, Geometries, Ints, Metres, lonlat
from gis.planning.report import Severity, Violation
from gis.terms import GridType

ERROR, WARNING = Severity.ERROR, Severity.WARNING


@dataclass(frozen=True, eq=False)
class GridRows:
    """The grids as arrays, in the order given.

    Attributes
    ----------
    codes, types
        Of each grid, length n; an empty code where it is missing.
    shapes
        Valid polygons in degrees on the lattice, shape (n,); missing or empty where there is no land.
    sound
        The rows that have land, ascending.
    frame
        The layer itself.
    """

    codes: list[str]
    types: list[str]
    shapes: Geometries
    sound: Ints
    frame: gpd.GeoDataFrame

    def of_type(self, *types: GridType) -> Ints:
        """Pick the rows that have land and are of some types.

        Parameters
        ----------
        *types
            Types of grid.

        Returns
        -------
        numpy.ndarray
            Rows, ascending.
        """
        return np.array([row for row in self.sound if self.types[row] in types], dtype=np.int64)

    def names(self, rows: Any) -> tuple[str, ...]:
        """Give the codes of some rows.

        Parameters
        ----------
        rows
            Row numbers.

        Returns
        -------
        tuple of str
            In their order.
        """
        return tuple(self.codes[int(row)] for row in rows)


def read_grids(frame: gpd.GeoDataFrame) -> tuple[GridRows, list[Violation]]:
    """Read the grids, and mend for the check's own use what is not a sound polygon.

    Parameters
    ----------
    frame
        The layer.

    Returns
    -------
    tuple
        The grids, and violations for those without a border or with a broken one.

    Raises
    ------
    InputError
        If a type is none of :class:`gis.terms.GridType`.
    """
    codes = ["" if pd.isna(code) else str(code).strip() for code in frame["grid_code"]]
    if "grid_type" in frame.columns:
        types = [str(GridType.BASIC) if pd.isna(one) else str(one) for one in frame["grid_type"]]
    else:
        types = [str(GridType.BASIC)] * len(frame)
    for row, one in enumerate(types):
        if one not in set(GridType):
            raise InputError(
                f"{one!r} is not a type of grid",
                where=f"grids, row {row + 1}",
                mend="basic, exclusive or micro",
            )
    shapes = lonlat(frame, where="grids")
    found: list[Violation] = []
    # A figure of eight may have an area of nothing: only its dimension tells that it is a polygon.
    bare = shapely.is_missing(shapes) | shapely.is_empty(shapes) | (shapely.get_dimensions(shapes) < 2)
    shapes = shapes.copy()
    shapes[~bare] = snap(shapes[~bare])
    broken = np.flatnonzero(~bare & ~shapely.is_valid(shapes))
    for row in broken.tolist():
        whole = shapely.make_valid(shapes[row])
        reason = str(shapely.is_valid_reason(shapes[row])).split("[", maxsplit=1)[0]
        found.append(Violation("geometry_invalid", ERROR, (codes[row],), {"reason": reason}, geometry=whole))
        shapes[row] = shapely.union_all([part for part in shapely.get_parts(whole) if part.area > 0])
    bare |= shapely.is_empty(shapes)
    found += [Violation("geometry_missing", ERROR, (codes[row],)) for row in np.flatnonzero(bare)]
    return GridRows(codes, types, shapes, np.flatnonzero(~bare), frame), found


def _sound(frame: gpd.GeoDataFrame | None, where: str) -> tuple[Geometries, Ints]:
    """Read the rows of a layer that have land, snapped and valid."""
    if frame is None:
        return np.zeros(0, dtype=object), np.zeros(0, dtype=np.int64)
    shapes = lonlat(frame, where=where)
    rows = np.flatnonzero(shapely.get_dimensions(shapes) == 2)
    snapped = snap(shapes[rows])
    invalid = ~shapely.is_valid(snapped)
    snapped[invalid] = shapely.buffer(snapped[invalid], 0)
    solid = shapely.area(snapped) > 0
    return snapped[solid], rows[solid]


def lay_out(
    read: GridRows,
    community: gpd.GeoDataFrame | None,
    buildings: gpd.GeoDataFrame | None,
    compounds: gpd.GeoDataFrame | None,
) -> tuple[Mosaic, dict[str, tuple[int, Ints]]]:
    """Lay grids, communities, buildings and compounds on one mosaic.

    Parameters
    ----------
    read
        The grids.
    community, buildings, compounds
        The other layers, where there are any.

    Returns
    -------
    tuple
        The mosaic, grids first; and for each other layer its first place there and the rows that it holds.
    """
    layers: list[Geometries] = [read.shapes[read.sound]]
    spans: dict[str, tuple[int, Ints]] = {}
    place = len(read.sound)
    for name, frame in (("community", community), ("buildings", buildings), ("compounds", compounds)):
        shapes, rows = _sound(frame, name)
        spans[name] = (place, rows)
        layers.append(shapes)
        place += len(shapes)
    return build_mosaic(np.concatenate(layers)), spans


@dataclass(frozen=True, eq=False)
class LandRules:
    """The rules of land, over one mosaic.

    Attributes
    ----------
    read
        The grids.
    mosaic, spans
        What :func:`lay_out` made of them and the other layers.
    metres
        The system to measure in.
    """

    read: GridRows
    mosaic: Mosaic
    spans: dict[str, tuple[int, Ints]]
    metres: Metres

    def check(
        self,
        community: gpd.GeoDataFrame | None,
        buildings: gpd.GeoDataFrame | None,
        compounds: gpd.GeoDataFrame | None,
    ) -> list[Violation]:
        """Check every rule of land that the layers allow.

        Parameters
        ----------
        community, buildings, compounds
            The layers that :func:`lay_out` was given.

        Returns
        -------
        list of Violation
            Each fault once, with geometry, area and length.
        """
        found = self._overlaps() + self._parts() + self._micro()
        found += self._voids(None) if community is None else self._community(community)
        if buildings is not None:
            found += self._cuts("building_cut", ERROR, buildings, "buildings", "building_code")
        if compounds is not None:
            found += self._cuts("compound_cut", WARNING, compounds, "compounds", "compound_code")
        return found

    def _layer(self, name: str) -> Geometries:
        place, rows = self.spans[name]
        return self.mosaic.polygons[place : place + len(rows)]

    def _grids(self, *types: GridType) -> tuple[Ints, Geometries]:
        rows = self.read.of_type(*types)
        return rows, self.mosaic.polygons[np.searchsorted(self.read.sound, rows)]

    def _violation(
        self, rule: str, severity: Severity, subjects: tuple[str, ...], local: Any, **facts: Any
    ) -> Violation:
        where = self.mosaic.to_degrees(np.array([local], dtype=object))
        return Violation(
            rule,
            severity,
            subjects,
            facts,
            geometry=where[0],
            area_m2=float(self.metres.area_m2(where)[0]),
            length_m=float(self.metres.length_m(where)[0]) / 2,
        )

    def _overlaps(self) -> list[Violation]:
        found = []
        for kind, severity in (
            (GridType.BASIC, ERROR),
            (GridType.EXCLUSIVE, WARNING),
            (GridType.MICRO, WARNING),
        ):
            rows, polygons = self._grids(kind)
            pieces = coverage.find_overlaps(polygons)
            found += [
                self._violation("overlap", severity, self.read.names(rows[list(owners)]), piece)
                for piece, owners in zip(pieces.geometry, pieces.owners, strict=True)
            ]
        return found

    def _parts(self) -> list[Violation]:
        rows, polygons = self._grids(GridType.BASIC, GridType.EXCLUSIVE)
        found = []
        for index in np.flatnonzero(shapely.get_num_geometries(polygons) > 1):
            parts = shapely.get_parts(polygons[index])
            order = np.argsort(-shapely.area(parts), kind="stable")
            lesser = shapely.multipolygons(parts[order[1:]])
            severity = ERROR if self.read.types[rows[index]] == GridType.BASIC else WARNING
            found.append(
                self._violation("parts", severity, self.read.names([rows[index]]), lesser, count=len(parts))
            )
        return found

    def _micro(self) -> list[Violation]:
        """Find micro grids that reach out of their parent."""
        if "parent_code" not in self.read.frame.columns:
            return []
        rows, polygons = self._grids(GridType.MICRO)
        place = {self.read.codes[row]: index for index, row in enumerate(self.read.sound)}
        parents = self.read.frame["parent_code"].iloc[rows].tolist()
        found = []
        for row, polygon, parent in zip(rows, polygons, parents, strict=True):
            at = None if pd.isna(parent) else place.get(str(parent))
            if at is None:
                continue
            pieces = coverage.find_outside(np.array([polygon], dtype=object), self.mosaic.polygons[at])
            found += [
                self._violation("parent_crossed", ERROR, self.read.names([row]), piece, parent=str(parent))
                for piece in pieces.geometry
            ]
        return found

    def _voids(self, within: shapely.Geometry | None) -> list[Violation]:
        rows, polygons = self._grids(GridType.BASIC, GridType.EXCLUSIVE)
        pieces, reaches = coverage.find_voids(polygons, within)
        found = []
        for piece, owners, edge in zip(pieces.geometry, pieces.owners, reaches, strict=True):
            rule = "uncovered" if edge or not owners else "gap" if len(owners) > 1 else "hole"
            found.append(self._violation(rule, ERROR, self.read.names(rows[list(owners)]), piece))
        return found

    def _community(self, community: gpd.GeoDataFrame) -> list[Violation]:
        areas = self._layer("community")
        rows = self.spans["community"][1]
        if not len(areas):
            return [Violation("community_missing", ERROR, ())]
        codes = (
            [str(code) for code in community["division_code"].iloc[rows]]
            if "division_code" in community.columns
            else [""] * len(rows)
        )
        whole = coverage.cover(areas)
        found = self._voids(whole)
        # A micro grid is held to its parent instead.
        all_rows, polygons = self._grids(GridType.BASIC, GridType.EXCLUSIVE)
        pieces = coverage.find_outside(polygons, whole)
        found += [
            self._violation("outside", ERROR, self.read.names(all_rows[list(owners)]), piece)
            for piece, owners in zip(pieces.geometry, pieces.owners, strict=True)
        ]
        return found + self._crossings(areas, codes, all_rows, polygons)

    def _crossings(
        self, areas: Geometries, codes: list[str], rows: Ints, polygons: Geometries
    ) -> list[Violation]:
        """Find grids that lie in a second community; the one with most of a grid is its own."""
        if len(areas) < 2:
            return []
        grid, area = shapely.STRtree(areas).query(polygons, predicate="intersects")
        shares = shapely.intersection(polygons[grid], areas[area])
        land, row = coverage.land(shares)
        size: Floats = np.bincount(row, weights=shapely.area(land), minlength=len(shares)).astype(np.float64)
        home = self._homes(codes, rows, grid, area, size)
        found = []
        for pair in np.flatnonzero((size > 0) & (area != home[grid])):
            subjects = self.read.names([rows[grid[pair]]])
            found.append(
                self._violation(
                    "community_crossed", ERROR, subjects, shares[pair], community=codes[area[pair]]
                )
            )
        return found

    def _homes(self, codes: list[str], rows: Ints, grid: Ints, area: Ints, size: Floats) -> Ints:
        home = np.full(len(rows), -1, dtype=np.int64)
        order = np.argsort(size, kind="stable")
        home[grid[order]] = area[order]
        if "community_code" in self.read.frame.columns:
            index_of = {code: index for index, code in enumerate(codes)}
            said = [index_of.get(str(code), -1) for code in self.read.frame["community_code"].iloc[rows]]
            home = np.where(np.array(said, dtype=np.int64) >= 0, said, home)
        return home

    def _cuts(
        self, rule: str, severity: Severity, frame: gpd.GeoDataFrame, layer: str, column: str
    ) -> list[Violation]:
        rows, polygons = self._grids(GridType.BASIC)
        things = self._layer(layer)
        cut, owners, outside = coverage.find_cuts(things, polygons)
        place = self.spans[layer][1]
        names = (
            frame[column]
            if column in frame.columns
            else pd.Series(range(1, len(frame) + 1), index=frame.index)
        )
        return [
            self._violation(
                rule,
                severity,
                (str(names.iloc[place[thing]]), *self.read.names(rows[list(grids)])),
                piece,
                name=str(names.iloc[place[thing]]),
                grids="、".join(self.read.names(rows[list(grids)])),
            )
            for thing, grids, piece in zip(cut, owners, outside, strict=True)
        ]
