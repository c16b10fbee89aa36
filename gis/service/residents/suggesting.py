"""Where a new service point would help most, for whom, and by how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from gis.crs import STORAGE_SRID
from gis.errors import InputError
from gis.lattice import snap
from gis.service.residents.walking import METRES_PER_DEGREE, CommunityCoverage
from gis.terms import BarrierClass, GridType
from gis.walking.minutes import doors_of, walking_metres
from gis.walking.siting import Siting, cover_most, shorten_most

Goal = Literal["cover", "shorten"]

_MOST_SITES = 400
"""Candidates where several points are placed together: more would take the programme minutes."""
_MOST_TRIED = 4000
"""Candidates for a single point, which are simply tried one by one."""
_AT_A_STREET_M = 15.0
_BESIDE_M = 30.0


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
        Points, EPSG:4490, with ``grid_code`` and ``streets`` (names of the streets that meet there); in the
        order of ``siting.sites``.
    candidates
        How many places were weighed.
    places
        How many there are; where they are too many, evenly chosen ones are weighed.
    newly
        Rows of the buildings that come within reach, shape (b,).
    """

    category: str
    goal: Goal
    siting: Siting
    sites: gpd.GeoDataFrame
    candidates: int
    places: int
    newly: NDArray[np.int64]

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape: the goal, the sites with their grids, and the gain with its bound.

        Returns
        -------
        dict
            ``unit`` says what ``gain``, ``before`` and ``after`` count: households within reach, or
            household-minutes of all ways together.
        """
        sites = self.sites
        rows = zip(sites.geometry.x, sites.geometry.y, sites["grid_code"], sites["streets"], strict=True)
        return {
            "category": self.category,
            "goal": self.goal,
            "unit": "households" if self.goal == "cover" else "household-minutes",
            "sites": [
                {"lon": lon, "lat": lat, "grid_code": code, "streets": streets}
                for lon, lat, code, streets in rows
            ],
            "candidates": self.candidates,
            "places": self.places,
            "buildings_newly_within": len(self.newly),
            "gain": round(self.siting.gain, 1),
            "bound": round(self.siting.bound, 1),
            "before": round(self.siting.before, 1),
            "after": round(self.siting.after, 1),
            "proven": self.siting.proven,
        }


def suggest_points(
    measured: CommunityCoverage, category: str, count: int = 1, *, goal: Goal = "cover"
) -> Suggestion:
    """Find where new points of a category would help most.

    Candidates are the junctions of the streets in the community; without streets, its buildings.

    Parameters
    ----------
    measured
        What :func:`gis.service.residents.walking.community_coverage` gave.
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
        If the goal or the category is unknown, or there are fewer candidates than new points.
    """
    measured.check_category(category)
    return suggest_each(measured, [category], count, goal=goal)[0]


def suggest_each(
    measured: CommunityCoverage, categories: Sequence[str], count: int = 1, *, goal: Goal = "cover"
) -> list[Suggestion]:
    """Find where new points of several categories would help most, each category for itself.

    Parameters
    ----------
    measured
        What :func:`gis.service.residents.walking.community_coverage` gave.
    categories
        The categories.
    count
        How many new points of each.
    goal
        As for :func:`suggest_points`.

    Returns
    -------
    list of Suggestion
        One for each category; the ways to the candidates are measured once for all of them.

    Raises
    ------
    InputError
        If the goal is unknown, or there are fewer candidates than new points.
    """
    if goal not in {"cover", "shorten"}:
        raise InputError(f"{goal!r} is not a goal", where="goal", mend="give cover or shorten")
    coverage, frames = measured.coverage, measured.frames
    places = _places(measured)
    step = max(1, -(-len(places) // (_MOST_TRIED if count == 1 else _MOST_SITES)))
    sites = np.asarray(snap(places[::step]), dtype=object)
    walk = walking_metres(
        measured.network,
        doors_of(frames.buildings),
        sites,
        limit_m=coverage.walk.limit_m,
        detour=coverage.walk.detour,
    )
    minutes = walk.minutes(coverage.speed_m_s)
    households = (
        coverage.buildings["households"].astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
    )
    found = []
    for category in categories:
        today = np.full(len(households), np.inf)
        if category in coverage.categories:
            today = coverage.minutes[:, coverage.column(category)].astype(np.float64)
        if goal == "cover":
            siting = cover_most(minutes, households, today, count, limit_minutes=coverage.limit_minutes)
        else:
            siting = shorten_most(minutes, households, today, count, most_minutes=2 * coverage.limit_minutes)
        chosen = sites[siting.sites]
        then = minutes[:, siting.sites].min(axis=1, initial=np.inf)
        newly = (today > coverage.limit_minutes) & (then <= coverage.limit_minutes) & coverage.lived_in
        facts = {
            "grid_code": _grid_codes(chosen, frames.grids),
            "streets": _street_names(chosen, frames.streets),
        }
        placed = gpd.GeoDataFrame(facts, geometry=list(chosen), crs=STORAGE_SRID)
        found.append(
            Suggestion(category, goal, siting, placed, len(sites), len(places), np.flatnonzero(newly))
        )
    return found


def _places(measured: CommunityCoverage) -> NDArray[np.object_]:
    """Return the places where a point could stand, on the land of the community."""
    frames, network = measured.frames, measured.network
    if network is not None:
        land = shapely.union_all(frames.grids.geometry.to_numpy())
        shapely.prepare(land)
        places = network.plane.lift(shapely.points(network.nodes))
        places = places[shapely.dwithin(places, land, _BESIDE_M / METRES_PER_DEGREE)]
        if len(places):
            return np.asarray(places, dtype=object)
    doors = doors_of(frames.buildings)
    return np.asarray(doors[~shapely.is_missing(doors)], dtype=object)


def _grid_codes(points: NDArray[np.object_], grids: gpd.GeoDataFrame) -> list[str | None]:
    basic = grids[grids["grid_type"] == str(GridType.BASIC)].sort_values("grid_code")
    shapes, codes = basic.geometry.to_numpy(), basic["grid_code"].tolist()
    # A junction is a corner of several grids: the first by code stands for them.
    near = [np.flatnonzero(shapely.dwithin(shapes, point, 1e-6)) for point in points]
    return [codes[found[0]] if len(found) else None for found in near]


def _street_names(points: NDArray[np.object_], streets: gpd.GeoDataFrame) -> list[list[str]]:
    walked = streets[streets["barrier_class"].isin([str(BarrierClass.ARTERIAL), str(BarrierClass.LANE)])]
    named = walked[walked["name"].notna()]
    shapes, names = named.geometry.to_numpy(), named["name"].astype(str).to_numpy(dtype=object)
    near = [shapely.dwithin(shapes, point, _AT_A_STREET_M / METRES_PER_DEGREE) for point in points]
    return [list(dict.fromkeys(names[found])) for found in near]
