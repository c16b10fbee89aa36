"""Who lives within a quarter of an hour of what: households by grid and community, and who is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy import sparse

from gis.errors import InputError
from gis.terms import GridType
from gis.walking.areas import MINUTES
from gis.walking.minutes import DETOUR, SPEED_M_S, Basis, doors_of
from gis.walking.nearest import Nearest, nearest_metres
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
    walk
        The distances that it rests on, and the nearest points.
    limit_minutes
        What counts as within reach.
    speed_m_s
        How fast they walk.
    """

    buildings: pd.DataFrame
    categories: list[str]
    walk: Nearest
    limit_minutes: float
    speed_m_s: float

    @cached_property
    def minutes(self) -> NDArray[np.float32]:
        """Minutes to the nearest point, shape (buildings, categories); infinite beyond what was looked at."""
        return self.walk.minutes(self.speed_m_s)

    @property
    def lived_in(self) -> NDArray[np.bool_]:
        """Whether somebody lives in each building, as far as is known, shape (buildings,)."""
        households = self.buildings["households"]
        return np.asarray(households.isna() | (households > 0).fillna(value=False), dtype=bool)

    def at_speed(self, speed_m_s: float) -> Coverage:
        """Ask the same of people who walk at another speed; nothing is measured again.

        Parameters
        ----------
        speed_m_s
            Metres a second.

        Returns
        -------
        Coverage
            With its minutes.

        Raises
        ------
        InputError
            If they get farther in the time than was looked.
        """
        check_walkers(self.limit_minutes, speed_m_s)
        if max(self.limit_minutes, *MINUTES) * 60 * speed_m_s > self.walk.limit_m * (1 + 1e-9):
            raise InputError(
                f"at {speed_m_s} m/s they get farther than {self.walk.limit_m:.0f} m",
                where="speed",
                mend="measure once more, at the highest speed",
            )
        return replace(self, speed_m_s=speed_m_s)

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
            is known), ``share_5``, ``share_10``, ``share_15``, ``buildings_left_out``, ``buildings_unknown``
            (without a count), ``basis`` (network, circle or mixed).

        Raises
        ------
        InputError
            If ``by`` is something else.
        """
        if by not in {"grid_code", "community_code"}:
            raise InputError(f"{by!r} is not a unit of this count", mend="give grid_code or community_code")
        unit, names = pd.factorize(self.buildings[by], sort=True)
        rows = np.flatnonzero(unit >= 0)
        counted = sparse.csr_matrix(
            (np.ones(len(rows)), (unit[rows], rows)), shape=(len(names), len(self.buildings))
        )
        known = self.buildings["households"].fillna(0).to_numpy(dtype=np.float64)
        unknown = self.buildings["households"].isna().to_numpy()
        within = self.minutes <= self.limit_minutes
        households = counted @ known
        reached = counted @ (known[:, None] * within)
        kinds = self.buildings["basis"].to_numpy(dtype=str)
        by_streets = counted @ (kinds == Basis.NETWORK)
        homes = counted @ np.ones(len(kinds))
        basis = np.where(by_streets == homes, Basis.NETWORK, np.where(by_streets > 0, "mixed", Basis.CIRCLE))
        many = len(self.categories)
        table = pd.DataFrame(
            {
                by: np.repeat(np.asarray(names, dtype=object), many),
                "category": np.tile(np.array(self.categories, dtype=object), len(names)),
                "households": np.repeat(households, many).astype(np.int64),
                "within": reached.reshape(-1).astype(np.int64),
                "share": _share(reached, households),
                **{
                    f"share_{step:g}": _share(counted @ (known[:, None] * (self.minutes <= step)), households)
                    for step in MINUTES
                },
                "buildings_left_out": (counted @ (self.lived_in[:, None] & ~within))
                .reshape(-1)
                .astype(np.int64),
                "buildings_unknown": np.repeat(counted @ unknown, many).astype(np.int64),
                "basis": np.repeat(basis, many),
            }
        )
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
        columns = ["building_code", "grid_code", "community_code", "households", "basis"]
        table = self.buildings[columns].assign(
            minutes=pd.array(np.where(np.isfinite(minutes), minutes, np.nan), dtype="Float64")
        )
        out = table[(minutes > self.limit_minutes) & self.lived_in]
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
        How far to look for those beyond; twice the limit unless given, and never less than the longest of
        :data:`gis.walking.areas.MINUTES`.
    categories
        Only these, in this order; every one that occurs unless given. One without a point is out of reach.

    Returns
    -------
    Coverage
        Home by home.

    Raises
    ------
    InputError
        If the limit, the speed or the detour makes no sense.
    """
    check_walkers(limit_minutes, speed_m_s)
    look = max(limit_minutes * 2 if look_minutes is None else look_minutes, limit_minutes, *MINUTES)
    doors = doors_of(buildings)
    of_point = service_points["category"].astype(str).to_numpy(dtype=object)
    wanted = sorted(set(of_point)) if categories is None else list(categories)
    walk = nearest_metres(
        network,
        doors,
        doors_of(service_points),
        of_point,
        wanted,
        limit_m=look * 60 * speed_m_s,
        detour=detour,
    )
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
    return Coverage(facts, wanted, walk, limit_minutes, speed_m_s)


def _grid_of(doors: Geometries, grids: gpd.GeoDataFrame) -> NDArray[np.object_]:
    """Find the basic grid of each door; on a shared border the lowest code."""
    basic = grids[grids["grid_type"] == str(GridType.BASIC)].sort_values("grid_code", ascending=False)
    found = np.full(len(doors), None, dtype=object)
    door, grid = shapely.STRtree(basic.geometry.to_numpy()).query(doors, predicate="intersects")
    order = np.argsort(grid, kind="stable")
    found[door[order]] = basic["grid_code"].to_numpy(dtype=object)[grid[order]]
    return found


def check_walkers(limit_minutes: float, speed_m_s: float) -> None:
    """Refuse a time or a speed at which nobody walks.

    Parameters
    ----------
    limit_minutes
        What counts as within reach.
    speed_m_s
        How fast they walk.

    Raises
    ------
    InputError
        If it is one.
    """
    if not 0 < limit_minutes <= 120 or not 0.1 <= speed_m_s <= 5:
        raise InputError(
            f"{limit_minutes:g} minutes at {speed_m_s:g} m/s",
            where="walking",
            mend="give up to 120 minutes, and 0.1 to 5 m/s",
        )


def _share(reached: Any, households: NDArray[np.float64]) -> Any:
    """Divide; null where no household is known."""
    whole = np.where(households > 0, households, np.nan)[:, None]
    share = np.where(np.isfinite(whole), np.asarray(reached) / whole, np.nan)
    return pd.array(share.reshape(-1), dtype="Float64")
