"""The planner's page of the quarter-hour circle: everything that it shows, and the page in one file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis.crs import STORAGE_SRID
from gis.errors import InputError
from gis.service.residents.suggesting import Suggestion, suggest_each
from gis.service.residents.walking import CommunityCoverage, records
from gis.texts import Language
from gis.walking.areas import MINUTES, walking_areas
from gis.walking.coverage import Coverage, measure_coverage
from gis.walking.minutes import doors_of
from maps.assets import Delivery
from maps.walking_map import CategoryReach, WalkingMap, walking_data, walking_map


def page_data(
    measured: CommunityCoverage, *, category: str | None = None, count: int = 1, language: Language = "zh"
) -> dict[str, Any]:
    """Gather what the page shows.

    Parameters
    ----------
    measured
        What :func:`gis.service.residents.walking.community_coverage` gave.
    category
        The category that the page opens with; one without a point may be asked for. The one that most
        households are left out of, unless given.
    count
        How many new points of each category are placed.
    language
        Of the words.

    Returns
    -------
    dict
        Ready for JSON, for ``coverage.js``.

    Raises
    ------
    InputError
        If there is no such category, or nothing to draw.
    """
    coverage, frames = measured.coverage, measured.frames
    if category is not None:
        measured.check_category(category)
    shown = [*coverage.categories]
    if category is not None and category not in shown:
        shown.append(category)
    by_streets, circle = _asked(measured, shown), _asked(measured, shown, by_circle=True)
    suggested = suggestions(measured, shown, count)
    shares, circled = (one.shares("community_code").set_index("category") for one in (by_streets, circle))
    by_grid = by_streets.shares("grid_code")
    by_group = pd.DataFrame(
        {
            group: by_streets.at_speed(speed).shares("community_code").set_index("category")["share"]
            for group, speed in measured.speeds_m_s.items()
        }
    )
    reaches = []
    for at, one in enumerate(shown):
        points = measured.service_points[measured.service_points["category"] == one]
        places = doors_of(points)
        there = places[~shapely.is_missing(places)]
        drawn: Any = {"minutes": _limits(coverage.limit_minutes), "speed_m_s": coverage.speed_m_s}
        new = suggested.get(one)
        reaches.append(
            CategoryReach(
                category=one,
                points=points,
                network_areas=walking_areas(measured.network, there, **drawn)
                if len(there) and measured.network is not None
                else None,
                circle_areas=walking_areas(None, there, detour=coverage.walk.detour, **drawn)
                if len(there)
                else None,
                network_minutes=by_streets.minutes[:, at],
                circle_minutes=circle.minutes[:, at],
                community=_row(shares, one),
                circle=_row(circled, one),
                groups=_row(by_group, one),
                grids=records(by_grid[by_grid["category"] == one].drop(columns="category")),
                suggestion=None if new is None else new.as_dict(),
                newly=[] if new is None else new.newly.tolist(),
            )
        )
    homes = gpd.GeoDataFrame(
        coverage.buildings[["building_code", "grid_code", "households"]],
        geometry=frames.buildings.geometry.to_numpy(),
        crs=STORAGE_SRID,
    )
    facts = {
        key: value for key, value in measured.as_dict().items() if key not in {"community", "grids", "groups"}
    }
    return walking_data(
        reaches,
        facts,
        buildings=homes,
        grids=frames.grids,
        streets=frames.streets,
        place=frames.name,
        names=measured.categories,
        chosen=category,
        language=language,
    )


def coverage_map(
    measured: CommunityCoverage,
    *,
    category: str | None = None,
    count: int = 1,
    language: Language = "zh",
    delivery: Delivery = "inline",
) -> WalkingMap:
    """Make the page: shares, who is left out, where a point would help, by the streets and by the circle.

    Parameters
    ----------
    measured
        What :func:`gis.service.residents.walking.community_coverage` gave.
    category, count, language
        As for :func:`page_data`.
    delivery
        ``inline``, ``folder`` or ``served``.

    Returns
    -------
    WalkingMap
        A Folium map; ``.html()`` is the page.
    """
    data = page_data(measured, category=category, count=count, language=language)
    return walking_map(data, language=language, delivery=delivery)


def suggestions(
    measured: CommunityCoverage, categories: Sequence[str], count: int = 1
) -> dict[str, Suggestion]:
    """Place new points of several categories; none where the community has no place for one.

    Parameters
    ----------
    measured
        What :func:`gis.service.residents.walking.community_coverage` gave.
    categories
        The categories.
    count
        How many new points of each.

    Returns
    -------
    dict
        Category → where its new points would bring the most households within reach.
    """
    try:
        return {one.category: one for one in suggest_each(measured, categories, count)}
    except InputError as error:
        if error.where != "sites":
            raise
        return {}


def _asked(measured: CommunityCoverage, shown: Sequence[str], *, by_circle: bool = False) -> Coverage:
    """Measure the categories that are shown: by the streets, or by the circle alone."""
    coverage, frames = measured.coverage, measured.frames
    if not by_circle and list(shown) == coverage.categories:
        return coverage
    return measure_coverage(
        None if by_circle else measured.network,
        frames.buildings,
        measured.service_points,
        frames.grids,
        limit_minutes=coverage.limit_minutes,
        speed_m_s=coverage.speed_m_s,
        detour=coverage.walk.detour,
        look_minutes=coverage.walk.limit_m / 60 / coverage.speed_m_s,
        categories=shown,
    )


def _limits(limit_minutes: float) -> list[float]:
    return sorted({*(float(one) for one in MINUTES if one < limit_minutes), limit_minutes})


def _row(table: pd.DataFrame, category: str) -> dict[str, Any]:
    """Return a category's row as plain values; a community without buildings has none."""
    if category not in table.index:
        return {"households": 0, "within": 0, "share": None, "buildings_left_out": 0, "buildings_unknown": 0}
    row = table.loc[category]
    return {
        str(key): None if pd.isna(value) else value.item() if isinstance(value, np.generic) else value
        for key, value in row.items()
    }
