"""The quarter-hour circle of a community: who is within reach of what, and where a new point would help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import folium
import geopandas as gpd
import numpy as np
import shapely
from geoalchemy2 import functions as spatial
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from gis.crs import STORAGE_SRID
from gis.errors import InputError
from gis.lattice import snap
from gis.layers.division import Division
from gis.layers.editions import EditionStamp
from gis.layers.frames import read_frame
from gis.layers.service_point import ServicePoint
from gis.layers.street import Street
from gis.service.community_frames import CommunityFrames, read_community
from gis.settings import Settings
from gis.terms import GridType
from gis.texts import Language
from gis.walking.areas import MINUTES, walking_areas
from gis.walking.coverage import QUARTER_HOUR, Coverage, measure_coverage
from gis.walking.minutes import DETOUR, doors_of, walking_metres
from gis.walking.network import Network, network_of_streets
from gis.walking.siting import Siting, cover_most, shorten_most
from maps.assets import Delivery
from maps.walking_map import walking_map

_METRES_PER_DEGREE = 111_000.0
_MOST_SITES = 400


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
    network
        What people walk on; None where no street is loaded and the circle stands in.
    """

    edition: EditionStamp
    coverage: Coverage
    frames: CommunityFrames
    service_points: gpd.GeoDataFrame
    network: Network | None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape: the edition, how it was measured, and the shares by grid and community.

        Returns
        -------
        dict
            ``edition``, ``basis``, ``limit_minutes``, ``speed_m_s``, ``detour`` (of the circle), ``access``
            (homes by how they reach a street), ``community`` and ``grids`` (rows of
            :meth:`gis.walking.coverage.Coverage.shares`).
        """
        coverage = self.coverage
        kinds, counts = np.unique(coverage.walk.place_access, return_counts=True)
        return {
            "edition": self.edition.as_dict(),
            "basis": sorted(set(coverage.buildings["basis"])),
            "limit_minutes": coverage.limit_minutes,
            "speed_m_s": coverage.speed_m_s,
            "detour": coverage.walk.detour,
            "access": {str(kind): int(count) for kind, count in zip(kinds, counts, strict=True)},
            "community": _records(coverage.shares("community_code")),
            "grids": _records(coverage.shares("grid_code")),
        }

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
        return _records(self.coverage.left_out(category))


@dataclass(frozen=True, eq=False)
class Suggestion:
    """Where new points of one category would help most.

    Attributes
    ----------
    category
        The category.
    goal
        ``cover`` or ``shorten``.
    siting
        The choice with its gain and its proof.
    sites
        Points, EPSG:4490, with ``grid_code``; in the order of ``siting.sites``.
    """

    category: str
    goal: str
    siting: Siting
    sites: gpd.GeoDataFrame

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape: the goal, the sites with their grids, and the gain with its bound."""
        rows = zip(self.sites.geometry.x, self.sites.geometry.y, self.sites["grid_code"], strict=True)
        return {
            "category": self.category,
            "goal": self.goal,
            "sites": [{"lon": lon, "lat": lat, "grid_code": code} for lon, lat, code in rows],
            "gain": round(self.siting.gain, 1),
            "bound": round(self.siting.bound, 1),
            "before": round(self.siting.before, 1),
            "after": round(self.siting.after, 1),
            "proven": self.siting.proven,
        }


def community_coverage(
    connection: Connection,
    community_code: str,
    settings: Settings,
    *,
    limit_minutes: float = QUARTER_HOUR,
    speed_m_s: float | None = None,
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
        The walking speed.
    limit_minutes
        What counts as within reach.
    speed_m_s
        Of a group of residents; the settings' unless given.

    Returns
    -------
    CommunityCoverage
        Home by home.

    Raises
    ------
    InputError
        If the limit or the speed makes no sense.
    NotFoundError
        If there is no such community.
    """
    speed = settings.walking_speed_m_s if speed_m_s is None else speed_m_s
    if not 0 < limit_minutes <= 120 or not 0.1 <= speed <= 5:
        raise InputError(
            f"{limit_minutes} minutes at {speed} m/s",
            where="walking",
            mend="give 1 to 120 minutes, 0.1 to 5 m/s",
        )
    frames = read_community(connection, community_code)
    land = select(Division.geometry).where(Division.division_code == community_code).scalar_subquery()
    degrees = limit_minutes * 60 * speed / _METRES_PER_DEGREE * 1.2
    streets, points = frames.streets, frames.service_points[frames.service_points["public"].astype(bool)]
    if frames.community.geometry.notna().all():
        streets = read_frame(connection, "streets", spatial.ST_DWithin(Street.geometry, land, degrees))
        points = read_frame(
            connection,
            "service_points",
            ServicePoint.public.is_(True),
            spatial.ST_DWithin(ServicePoint.geometry, land, degrees),
        )
    network = network_of_streets(streets)
    coverage = measure_coverage(
        network, frames.buildings, points, frames.grids, limit_minutes=limit_minutes, speed_m_s=speed
    )
    return CommunityCoverage(frames.edition, coverage, frames, points, network)


def suggest_points(
    measured: CommunityCoverage, category: str, count: int = 1, *, goal: str = "cover"
) -> Suggestion:
    """Find where new points of a category would help most.

    Candidates are the junctions of the streets in the community; without streets, its buildings.

    Parameters
    ----------
    measured
        What :func:`community_coverage` gave.
    category
        The category; one that has no point yet may be asked for too.
    count
        How many new points.
    goal
        ``cover`` (most households newly within reach) or ``shorten`` (most household-minutes saved).

    Returns
    -------
    Suggestion
        The sites with their gain, and whether it is proven that no others gain more.

    Raises
    ------
    InputError
        If the goal is unknown or there are fewer candidates than new points.
    """
    if goal not in {"cover", "shorten"}:
        raise InputError(f"{goal!r} is not a goal", where="goal", mend="give cover or shorten")
    coverage = measured.coverage
    sites = _candidates(measured)
    walk = walking_metres(
        measured.network,
        doors_of(measured.frames.buildings),
        sites,
        limit_m=coverage.walk.limit_m,
        detour=DETOUR,
    )
    households = (
        coverage.buildings["households"].astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
    )
    today = (
        coverage.minutes[:, coverage.column(category)]
        if category in coverage.categories
        else np.full(len(coverage.buildings), np.inf)
    )
    minutes = walk.minutes(coverage.speed_m_s)
    if goal == "cover":
        siting = cover_most(minutes, households, today, count, limit_minutes=coverage.limit_minutes)
    else:
        siting = shorten_most(minutes, households, today, count, most_minutes=2 * coverage.limit_minutes)
    chosen = sites[siting.sites]
    return Suggestion(
        category,
        goal,
        siting,
        gpd.GeoDataFrame(
            {"grid_code": _grid_codes(chosen, measured.frames.grids)}, geometry=list(chosen), crs=STORAGE_SRID
        ),
    )


def coverage_map(
    measured: CommunityCoverage,
    category: str,
    *,
    language: Language = "zh",
    delivery: Delivery = "inline",
    minutes: Sequence[float] = MINUTES,
) -> folium.Map:
    """Draw who is within reach of a category, by the streets and by the circle, on one map.

    Parameters
    ----------
    measured
        What :func:`community_coverage` gave.
    category
        A category that has a point.
    language
        ``zh`` or ``en``.
    delivery
        ``inline``, ``folder`` or ``served``.
    minutes
        Of the areas by the streets; the circle is drawn for the limit.

    Returns
    -------
    folium.Map
        ``.get_root().render()`` is the page.

    Raises
    ------
    InputError
        If the category has no point.
    """
    coverage, frames = measured.coverage, measured.frames
    column = coverage.column(category)
    points = measured.service_points[measured.service_points["category"] == category]
    doors, goals = doors_of(frames.buildings), doors_of(points)
    circle = walking_metres(None, doors, goals, limit_m=coverage.walk.limit_m, detour=DETOUR)
    homes = gpd.GeoDataFrame(
        {
            "network_minutes": coverage.minutes[:, column],
            "circle_minutes": circle.minutes(coverage.speed_m_s).min(axis=1),
            "limit_minutes": coverage.limit_minutes,
        },
        geometry=list(doors),
        crs=STORAGE_SRID,
    )
    speed = coverage.speed_m_s
    return walking_map(
        walking_areas(measured.network, goals, minutes=minutes, speed_m_s=speed),
        walking_areas(None, goals, minutes=(coverage.limit_minutes,), speed_m_s=speed),
        homes=homes[~shapely.is_missing(doors)],
        points=points,
        grids=frames.grids,
        streets=frames.streets,
        place=frames.name,
        language=language,
        delivery=delivery,
    )


def _candidates(measured: CommunityCoverage) -> NDArray[np.object_]:
    """Return the places where a point could stand, on the land of the community."""
    frames, network = measured.frames, measured.network
    land = shapely.union_all(frames.grids.geometry.to_numpy())
    if network is not None:
        places = network.plane.lift(shapely.points(network.nodes))
        near = shapely.dwithin(places, land, 30 / _METRES_PER_DEGREE)
        places = places[near]
        if len(places):
            return np.asarray(snap(places[:_MOST_SITES]), dtype=object)
    doors = doors_of(frames.buildings)
    doors = doors[~shapely.is_missing(doors)]
    step = max(1, len(doors) // _MOST_SITES)
    return np.asarray(snap(doors[::step]), dtype=object)


def _grid_codes(points: NDArray[np.object_], grids: gpd.GeoDataFrame) -> list[str | None]:
    basic = grids[grids["grid_type"] == str(GridType.BASIC)]
    shapes, codes = basic.geometry.to_numpy(), basic["grid_code"].tolist()
    if not len(shapes) or not len(points):
        return [None] * len(points)
    # A junction is a corner of several grids: the first by code stands for them.
    return [
        next(
            (code for code, near in zip(codes, shapely.dwithin(shapes, point, 1e-6), strict=True) if near),
            None,
        )
        for point in points
    ]


def _records(table: Any) -> list[dict[str, Any]]:
    plain = table.astype(object).where(table.notna(), None)
    rows: list[dict[str, Any]] = plain.to_dict("records")
    return rows
