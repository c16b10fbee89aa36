"""Who lives within a quarter of an hour of what: households by grid and community, and who is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis.errors import InputError
from gis.terms import GridType
from gis.walking.minutes import DETOUR, SPEED_M_S, Walk, doors_of, walking_metres
from gis.walking.network import Network
from gis.walking.plane import Geometries

QUARTER_HOUR = 15.0


@dataclass(frozen=True, eq=False)
class Coverage:
    """How far every home is from the nearest point of every category.

    Attributes
    ----------
    buildings
        ``building_code``, ``community_code``, ``grid_code`` (the basic grid it lies in), ``households``
        (nullable: unknown is not none), ``basis`` (network or circle), ``access``; one row a building.
    categories
        The categories, in the order of the columns of ``minutes``.
    minutes
        Shape (buildings, categories), float32; infinite where no point can be walked to within the limit.
    nearest
        Row of the nearest point in the frame of points, same shape; -1 where there is none.
    walk
        The distances that it rests on.
    limit_minutes
        What counts as within reach.
    speed_m_s
        How fast they walk.
    """

    buildings: pd.DataFrame
    categories: list[str]
    minutes: NDArray[np.float32]
    nearest: NDArray[np.int64]
    walk: Walk
    limit_minutes: float
    speed_m_s: float

    def shares(self, by: str = "grid_code") -> pd.DataFrame:
        """Count the households within reach of each category.

        Parameters
        ----------
        by
            ``grid_code`` or ``community_code``.

        Returns
        -------
        pandas.DataFrame
            ``by``, ``category``, ``households`` (known ones), ``within``, ``share`` (null where no household
            is known), ``buildings_left_out``, ``buildings_unknown`` (without a count), ``basis`` (network,
            circle or mixed).

        Raises
        ------
        InputError
            If ``by`` is something else.
        """
        if by not in {"grid_code", "community_code"}:
            raise InputError(f"{by!r} is not a unit of this count", mend="give grid_code or community_code")
        within = self.minutes <= self.limit_minutes
        known = self.buildings["households"].fillna(0).to_numpy(dtype=np.int64)
        unknown = self.buildings["households"].isna().to_numpy()
        basis = self.buildings.groupby(by, dropna=True)["basis"].agg(_one_or_mixed)
        lived_in = unknown | (known > 0)
        tables = []
        for column, category in enumerate(self.categories):
            counts = pd.DataFrame(
                {
                    by: self.buildings[by],
                    "households": known,
                    "within": known * within[:, column],
                    "buildings_left_out": (lived_in & ~within[:, column]).astype(np.int64),
                    "buildings_unknown": unknown.astype(np.int64),
                }
            )
            sums = counts.groupby(by, dropna=True).sum().reset_index()
            sums.insert(1, "category", category)
            tables.append(sums)
        table = pd.concat(tables, ignore_index=True)
        share = table["within"] / table["households"].where(table["households"] > 0)
        table.insert(4, "share", share.astype("Float64"))
        table["basis"] = table[by].map(basis)
        return table.sort_values([by, "category"], ignore_index=True)

    def left_out(self, category: str) -> pd.DataFrame:
        """List the homes that are farther from a category than the limit.

        Parameters
        ----------
        category
            One of ``categories``.

        Returns
        -------
        pandas.DataFrame
            ``building_code``, ``grid_code``, ``community_code``, ``households``, ``minutes`` (null beyond
            what was looked at), ``basis``; the most households first.
        """
        minutes = self.minutes[:, self.column(category)]
        lived_in = self.buildings["households"].isna() | (self.buildings["households"] > 0)
        columns = ["building_code", "grid_code", "community_code", "households", "basis"]
        table = self.buildings[columns].assign(
            minutes=pd.array(np.where(np.isfinite(minutes), minutes, np.nan), dtype="Float64")
        )
        out = table[(minutes > self.limit_minutes) & lived_in]
        return out.sort_values(
            ["households", "building_code"], ascending=[False, True], ignore_index=True, na_position="last"
        )

    def column(self, category: str) -> int:
        """Return the column of a category.

        Parameters
        ----------
        category
            One of ``categories``.

        Returns
        -------
        int
            Its position.

        Raises
        ------
        InputError
            If it is not among them.
        """
        if category not in self.categories:
            raise InputError(
                f"no service point is of the category {category!r}",
                where="category",
                mend=f"choose one of {', '.join(self.categories) or 'none: there are no points'}",
            )
        return self.categories.index(category)


def measure_coverage(
    network: Network | None,
    buildings: gpd.GeoDataFrame,
    service_points: gpd.GeoDataFrame,
    grids: gpd.GeoDataFrame,
    *,
    limit_minutes: float = QUARTER_HOUR,
    speed_m_s: float = SPEED_M_S,
    detour: float = DETOUR,
    look_minutes: float | None = None,
    categories: Sequence[str] | None = None,
) -> Coverage:
    """Measure how far every building is from every category of service points.

    Parameters
    ----------
    network
        The network; None measures by the circle.
    buildings
        Frame ``buildings``.
    service_points
        Frame ``service_points``; points of neighbouring communities count, for people walk there too.
    grids
        Frame ``grids``; the basic ones say whose each building is.
    limit_minutes
        What counts as within reach.
    speed_m_s
        How fast they walk.
    detour
        For the circle.
    look_minutes
        How far to look for those beyond; twice the limit unless given.
    categories
        Only these, in this order; every one that occurs unless given. One without a point is out of reach.

    Returns
    -------
    Coverage
        Home by home.
    """
    look = limit_minutes * 2 if look_minutes is None else max(look_minutes, limit_minutes)
    doors = doors_of(buildings)
    walk = walking_metres(
        network, doors, doors_of(service_points), limit_m=look * 60 * speed_m_s, detour=detour
    )
    of_point = service_points["category"].astype(str).to_numpy(dtype=object)
    wanted = sorted(set(of_point)) if categories is None else list(categories)
    minutes = np.full((len(buildings), len(wanted)), np.inf, dtype=np.float32)
    nearest = np.full((len(buildings), len(wanted)), -1, dtype=np.int64)
    walked = walk.minutes(speed_m_s)
    for column, category in enumerate(wanted):
        rows = np.flatnonzero(of_point == category)
        if not len(rows) or not len(buildings):
            continue
        best = np.argmin(walked[:, rows], axis=1)
        minutes[:, column] = walked[np.arange(len(buildings)), rows[best]]
        nearest[:, column] = np.where(np.isfinite(minutes[:, column]), rows[best], -1)
    facts = pd.DataFrame(
        {
            "building_code": buildings["building_code"].to_numpy(dtype=object),
            "community_code": buildings["community_code"].to_numpy(dtype=object),
            "grid_code": _grid_of(doors, grids),
            "households": pd.array(buildings["households"], dtype="Int64"),
            "basis": walk.basis(),
            "access": walk.place_access,
        }
    )
    return Coverage(facts, wanted, minutes, nearest, walk, limit_minutes, speed_m_s)


def _grid_of(doors: Geometries, grids: gpd.GeoDataFrame) -> NDArray[np.object_]:
    """Find the basic grid of each door; on a shared border the lowest code."""
    basic = grids[grids["grid_type"] == str(GridType.BASIC)].sort_values("grid_code", ascending=False)
    found = np.full(len(doors), None, dtype=object)
    door, grid = shapely.STRtree(basic.geometry.to_numpy()).query(doors, predicate="intersects")
    order = np.argsort(grid, kind="stable")
    found[door[order]] = basic["grid_code"].to_numpy(dtype=object)[grid[order]]
    return found


def _one_or_mixed(values: pd.Series) -> str:
    kinds = values.unique()
    return str(kinds[0]) if len(kinds) == 1 else "mixed"
