"""The quarter-hour circle of a community: who is within reach of what, at whose speed, by which method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import geopandas as gpd
import numpy as np
import pandas as pd
from geoalchemy2 import functions as spatial
from sqlalchemy import Connection, select

from gis.errors import InputError
from gis.layers.division import Division
from gis.layers.editions import EditionStamp
from gis.layers.frames import read_frame
from gis.layers.service_point import ServicePoint
from gis.layers.street import Street
from gis.service.community_frames import CommunityFrames, read_community
from gis.service.residents.public_layer import categories as category_table
from gis.settings import Settings
from gis.walking.areas import MINUTES
from gis.walking.coverage import QUARTER_HOUR, Coverage, check_walkers, measure_coverage
from gis.walking.network import Network, network_of_streets

METRES_PER_DEGREE = 111_000.0

Group = Literal["adult", "older", "wheelchair"]
GROUPS: tuple[Group, ...] = get_args(Group)


@dataclass(frozen=True, eq=False)
class CommunityCoverage:
    """A community's coverage with what it was measured on.

    Attributes
    ----------
    edition
        The edition whose grids it is counted by.
    coverage
        Home by home.
    frames
        The community.
    service_points
        The public points that were reached, neighbours' included.
    categories
        ``category``, ``zh``, ``en``: the table of categories, those without a point included.
    network
        What people walk on; None where no street is loaded and the circle stands in.
    group
        Whose speed it is; None where a speed was given.
    speeds_m_s
        Speed of each group.
    """

    edition: EditionStamp
    coverage: Coverage
    frames: CommunityFrames
    service_points: gpd.GeoDataFrame
    categories: pd.DataFrame
    network: Network | None
    group: Group | None
    speeds_m_s: dict[Group, float]

    @property
    def basis(self) -> str:
        """How its homes were measured: ``network``, ``circle`` or ``mixed``."""
        kinds = sorted(set(self.coverage.buildings["basis"]))
        if not kinds:
            return "circle" if self.network is None else "network"
        return kinds[0] if len(kinds) == 1 else "mixed"

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape: the edition, how it was measured, and the shares by grid and community.

        Returns
        -------
        dict
            ``edition``, ``method`` (network, circle or mixed), ``basis`` (the same as a list), ``network``
            (what it was made from, its size; null where there is none), ``limit_minutes``,
            ``looked_minutes`` (longer ways are not known), ``group``,
            ``speed_m_s``, ``speeds_m_s``, ``detour`` (of the circle), ``access`` (homes by how they reach a
            street), ``buildings``, ``buildings_in_no_grid``, ``community`` and ``grids`` (rows of
            :meth:`gis.walking.coverage.Coverage.shares`), ``groups`` (shares within the limit at each
            group's speed).
        """
        coverage = self.coverage
        kinds, counts = np.unique(coverage.walk.place_access, return_counts=True)
        network = self.network
        return {
            "edition": self.edition.as_dict(),
            "method": self.basis,
            "basis": sorted(set(coverage.buildings["basis"])),
            "network": network
            and {"source": network.source, "nodes": len(network.nodes), "edges": len(network.metres)},
            "limit_minutes": coverage.limit_minutes,
            "looked_minutes": round(coverage.walk.limit_m / 60 / coverage.speed_m_s, 1),
            "group": self.group,
            "speed_m_s": coverage.speed_m_s,
            "speeds_m_s": self.speeds_m_s,
            "detour": coverage.walk.detour,
            "access": {str(kind): int(count) for kind, count in zip(kinds, counts, strict=True)},
            "buildings": len(coverage.buildings),
            "buildings_in_no_grid": int(coverage.buildings["grid_code"].isna().sum()),
            "community": records(coverage.shares("community_code")),
            "grids": records(coverage.shares("grid_code")),
            "groups": self.group_shares(),
        }

    def group_shares(self) -> list[dict[str, Any]]:
        """Count the households within the limit at the speed of each group.

        Returns
        -------
        list of dict
            ``group``, ``speed_m_s``, ``category``, ``within``, ``share``.
        """
        found = []
        for group, speed in self.speeds_m_s.items():
            shares = self.coverage.at_speed(speed).shares("community_code")
            rows = shares[["category", "within", "share"]].assign(group=group, speed_m_s=speed)
            found += records(rows[["group", "speed_m_s", "category", "within", "share"]])
        return found

    def left_out(self, category: str) -> list[dict[str, Any]]:
        """List the homes that are farther from a category than the limit.

        Parameters
        ----------
        category
            A category of service points.

        Returns
        -------
        list of dict
            Rows of :meth:`gis.walking.coverage.Coverage.left_out`.
        """
        return records(self.coverage.left_out(category))

    def check_category(self, category: str) -> None:
        """Refuse a category that there is none of.

        Parameters
        ----------
        category
            A category; one that has no point yet will do.

        Raises
        ------
        InputError
            If neither the table of categories nor any point has it.
        """
        known = [*dict.fromkeys([*self.categories["category"], *self.coverage.categories])]
        if category not in known:
            raise InputError(
                f"there is no category {category!r}",
                where="category",
                mend=f"choose one of {', '.join(known)}",
            )


def community_coverage(
    connection: Connection,
    community_code: str,
    settings: Settings,
    *,
    limit_minutes: float = QUARTER_HOUR,
    group: Group = "adult",
    speed_m_s: float | None = None,
    network: Network | None = None,
) -> CommunityCoverage:
    """Measure who in a community is within reach of what.

    Streets and public service points are read as far beyond the border as people walk in the time.

    Parameters
    ----------
    connection
        An open transaction.
    community_code
        12 digits.
    settings
        The walking speeds and the detour.
    limit_minutes
        What counts as within reach.
    group
        Whose speed of the settings is taken.
    speed_m_s
        Another speed than the group's.
    network
        What people walk on, in place of the streets that are loaded.

    Returns
    -------
    CommunityCoverage
        Home by home.

    Raises
    ------
    InputError
        If the limit, the group or the speed makes no sense.
    NotFoundError
        If there is no such community.
    """
    speeds = speeds_of(settings)
    if group not in speeds:
        raise InputError(f"there is no group {group!r}", where="group", mend=f"choose {', '.join(GROUPS)}")
    speed = speeds[group] if speed_m_s is None else speed_m_s
    check_walkers(limit_minutes, speed)
    # The shares of every group are given, so that it is looked as far as the fastest get.
    farthest = max(limit_minutes, *MINUTES) * max(speed, *speeds.values())
    frames = read_community(connection, community_code)
    streets, points = frames.streets, frames.service_points[frames.service_points["public"].astype(bool)]
    if frames.community.geometry.notna().all():
        land = select(Division.geometry).where(Division.division_code == community_code).scalar_subquery()
        degrees = farthest * 60 / METRES_PER_DEGREE * 1.2
        streets = read_frame(connection, "streets", spatial.ST_DWithin(Street.geometry, land, degrees))
        points = read_frame(
            connection,
            "service_points",
            ServicePoint.public.is_(True),
            spatial.ST_DWithin(ServicePoint.geometry, land, degrees),
        )
    walked = network_of_streets(streets) if network is None else network
    coverage = measure_coverage(
        walked,
        frames.buildings,
        points,
        frames.grids,
        limit_minutes=limit_minutes,
        speed_m_s=speed,
        detour=settings.walking_detour,
        look_minutes=max(2 * limit_minutes, farthest / speed),
    )
    return CommunityCoverage(
        edition=frames.edition,
        coverage=coverage,
        frames=frames,
        service_points=points,
        categories=category_table(connection),
        network=walked,
        group=group if speed_m_s is None else None,
        speeds_m_s=speeds,
    )


def speeds_of(settings: Settings) -> dict[Group, float]:
    """Return the walking speed of each group of residents.

    Parameters
    ----------
    settings
        The operator's.

    Returns
    -------
    dict
        Group → metres a second.
    """
    return {
        "adult": settings.walking_speed_m_s,
        "older": settings.walking_speed_older_m_s,
        "wheelchair": settings.walking_speed_wheelchair_m_s,
    }


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Turn a table into plain rows.

    Parameters
    ----------
    table
        Any frame without geometry.

    Returns
    -------
    list of dict
        Missing values are None.
    """
    columns = [
        [None if gone else value for gone, value in zip(column.isna().tolist(), column.tolist(), strict=True)]
        for _, column in table.items()
    ]
    names = [str(name) for name in table.columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
