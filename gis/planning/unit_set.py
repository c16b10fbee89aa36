"""The units of a community as arrays, read once for as many drafts as are made of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import geopandas as gpd
import numpy as np
import shapely

from gis.errors import InputError, NotFoundError
from gis.lattice import snap
from gis.planning.adjacency import Adjacency, adjacency
from gis.planning.measure import Floats, Geometries, Ints, lonlat, require
from gis.planning.sizes import numbers


@dataclass(frozen=True, eq=False)
class UnitSet:
    """The units of a community as arrays, in the frame's order.

    Attributes
    ----------
    frame
        ``unit_id``, ``households``, ``residents``, ``compound_code`` … and geometry on the lattice.
    adjacency
        Their graph.
    barriers, tolerance_m
        What the graph's costs were taken from, for units that are cut later.
    """

    frame: gpd.GeoDataFrame
    adjacency: Adjacency
    barriers: gpd.GeoDataFrame | None = None
    tolerance_m: float = 2.0

    @classmethod
    def of(
        cls, units: gpd.GeoDataFrame, barriers: gpd.GeoDataFrame | None = None, *, tolerance_m: float = 2.0
    ) -> UnitSet:
        """Read units once, for as many drafts as will be made of them.

        Parameters
        ----------
        units
            ``unit_id``, ``households`` and geometry: a valid coverage.
        barriers, tolerance_m
            For the cost of borders; see :func:`gis.planning.adjacency.adjacency`.

        Returns
        -------
        UnitSet
            The units.

        Raises
        ------
        InputError
            If a unit's id stands twice.
        """
        require(units, ("unit_id", "households"), where="units")
        frame = units.reset_index(drop=True)
        frame = frame.set_geometry(gpd.GeoSeries(snap(lonlat(units, where="units")), crs=4490))
        frame["unit_id"] = frame["unit_id"].astype(str)
        if not frame["unit_id"].is_unique:
            double = frame.loc[frame["unit_id"].duplicated(), "unit_id"].iloc[0]
            raise InputError(f"unit {double} stands twice", where="units", mend="give every unit its own id")
        graph = adjacency(frame, barriers, tolerance_m=tolerance_m)
        return cls(frame, graph, barriers, tolerance_m)

    @cached_property
    def ids(self) -> list[str]:
        """The units' ids."""
        return [str(name) for name in self.frame["unit_id"].tolist()]

    @cached_property
    def row_of(self) -> dict[str, int]:
        """The row of each id."""
        return {name: row for row, name in enumerate(self.ids)}

    @cached_property
    def shapes(self) -> Geometries:
        """Polygons in degrees, shape (n,)."""
        return np.asarray(self.frame.geometry.values, dtype=object)

    @cached_property
    def bounds(self) -> Floats:
        """West, south, east, north of each unit, shape (n, 4)."""
        return np.asarray(shapely.bounds(self.shapes), dtype=np.float64)

    @cached_property
    def households(self) -> Floats:
        """Of each unit, NaN where unknown, shape (n,)."""
        return numbers(self.frame, "households", where="units")

    @cached_property
    def residents(self) -> Floats:
        """Of each unit, NaN where unknown, shape (n,)."""
        return numbers(self.frame, "residents", where="units")

    @cached_property
    def compound_codes(self) -> list[str]:
        """The compounds that units are in, ascending."""
        if "compound_code" not in self.frame.columns:
            return []
        return sorted(set(self.frame["compound_code"].dropna().astype(str)))

    @cached_property
    def compounds(self) -> Ints | None:
        """The number of each unit's compound in ``compound_codes``, or -1; ``None`` without compounds."""
        if not self.compound_codes:
            return None
        number = {code: index for index, code in enumerate(self.compound_codes)}
        column = self.frame["compound_code"]
        return np.array([number.get(str(code), -1) for code in column], dtype=np.int64)

    def rows(self, unit_ids: Iterable[str]) -> Ints:
        """Find units by id.

        Parameters
        ----------
        unit_ids
            Their ids.

        Returns
        -------
        numpy.ndarray
            Their rows, each once, ascending.

        Raises
        ------
        NotFoundError
            If an id is not one of a unit.
        """
        try:
            found = {self.row_of[str(name)] for name in unit_ids}
        except KeyError as error:
            raise NotFoundError(f"there is no unit {error.args[0]}", where="units") from None
        return np.array(sorted(found), dtype=np.int64)
