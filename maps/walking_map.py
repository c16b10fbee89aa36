"""Who lives within a quarter of an hour of what: two maps side by side, by the streets and by the circle.

The page carries everything for every category as data; ``coverage.js`` draws it and lets a planner choose the
category. The same script draws what the server's own page asks for, so that there is one way to show it.
Colour never stands alone: what is left out has a dashed outline, and every figure is in the tables too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from folium.template import Template
from numpy.typing import NDArray

from gis.errors import InputError
from gis.texts import Language, catalogue, text
from maps.assets import Delivery, json_safe
from maps.legend import categories_of, plain_text
from maps.page import Page, PageMap

_TEXTS = "walking.page."
_DIGITS = 6
_COARSE_DEG = 1.5e-5
"""Areas are pictures: a metre and a half is less than a pixel of them."""


@dataclass(frozen=True, eq=False)
class CategoryReach:
    """What is shown of one category.

    Attributes
    ----------
    category
        The category.
    points
        ``name`` and geometry (points, EPSG:4490).
    network_areas, circle_areas
        ``minutes`` and geometry, ascending; None where there is no network, or no point.
    network_minutes, circle_minutes
        Of every building to the nearest point, shape (n,); infinite beyond what was looked at.
    community, circle
        ``households``, ``within``, ``share``, ``share_5`` …, ``buildings_left_out``, by either method.
    groups
        Share within the limit of each group of residents.
    grids
        The same rows by grid, with ``grid_code``.
    suggestion
        ``sites``, ``gain`` … of the best new point; None where none was looked for.
    newly
        Rows of the buildings that it brings within reach.
    """

    category: str
    points: gpd.GeoDataFrame
    network_areas: gpd.GeoDataFrame | None
    circle_areas: gpd.GeoDataFrame | None
    network_minutes: NDArray[np.floating]
    circle_minutes: NDArray[np.floating]
    community: Mapping[str, Any]
    circle: Mapping[str, Any]
    groups: Mapping[str, float | None]
    grids: Sequence[Mapping[str, Any]]
    suggestion: Mapping[str, Any] | None
    newly: Sequence[int]


class WalkingMap(PageMap):
    """A page with two maps side by side; made by :func:`walking_map`.

    Parameters
    ----------
    data
        What :func:`walking_data` gave.
    page
        The page that it stands on.
    """

    default_js = [  # noqa: RUF012 - Folium's own way to declare parts
        ("leaflet", "part:leaflet/leaflet.js"),
        ("wangge_base", "own:js/base.js"),
        ("wangge_coverage", "own:js/coverage.js"),
    ]
    default_css = [  # noqa: RUF012
        ("leaflet_css", "part:leaflet/leaflet.css"),
        ("wangge_coverage_css", "own:css/coverage.css"),
    ]

    _template = Template("""
        {% macro header(this, kwargs) %}{% endmacro %}
        {% macro html(this, kwargs) %}
        <main id="coverage" class="cov cov-alone"></main>
        {{ this.data }}
        {% endmacro %}
        {% macro script(this, kwargs) %}
        WanggeMap.coverage(document.getElementById("coverage"),
          JSON.parse(document.getElementById("coverage-data").textContent));
        {% endmacro %}
    """)

    def __init__(self, data: Mapping[str, Any], page: Page) -> None:
        (south, west), (north, east) = data["bounds"]
        super().__init__(location=[(south + north) / 2, (west + east) / 2], tiles=None)
        self._id = "coverage"
        page.add_child(self, name="map")
        block = f'<script type="application/json" id="coverage-data">{json_safe(data)}</script>'
        self.data = page.block("data", block)


def walking_map(
    data: Mapping[str, Any], *, language: Language = "zh", delivery: Delivery = "inline"
) -> WalkingMap:
    """Make the page from its data.

    Parameters
    ----------
    data
        What :func:`walking_data` gave.
    language
        ``zh`` or ``en``, as the data's words are.
    delivery
        ``inline``, ``folder`` or ``served``.

    Returns
    -------
    WalkingMap
        A Folium map on a page of ours: it asks nobody for anything. ``.html()`` is the page.
    """
    return WalkingMap(data, Page(title=str(data["title"]), language=language, delivery=delivery))


def walking_data(
    reaches: Sequence[CategoryReach],
    facts: Mapping[str, Any],
    *,
    buildings: gpd.GeoDataFrame,
    grids: gpd.GeoDataFrame,
    streets: gpd.GeoDataFrame,
    place: str,
    names: pd.DataFrame | None = None,
    chosen: str | None = None,
    language: Language = "zh",
) -> dict[str, Any]:
    """Gather what the page shows, as plain values.

    Parameters
    ----------
    reaches
        The categories, in the order of the table.
    facts
        ``method`` (network, circle or mixed), ``limit_minutes``, ``speed_m_s``, ``group``, ``speeds_m_s``,
        ``detour``, ``access``, ``edition`` and what else is told of how it was measured.
    buildings
        ``building_code``, ``grid_code``, ``households`` and geometry, EPSG:4490, shape (n,).
    grids, streets
        Frames of these names.
    place
        For the title.
    names
        ``category``, ``zh``, ``en``: a place's own names of categories.
    chosen
        The category that the page opens with; the one that most households are left out of, unless given.
    language
        Of the words.

    Returns
    -------
    dict
        Ready for JSON.

    Raises
    ------
    InputError
        If nothing of it has a position.
    """
    frames = [buildings, grids, streets]
    boxes = np.array([frame.total_bounds for frame in frames if len(frame)]).reshape(-1, 4)
    boxes = boxes[np.isfinite(boxes).all(axis=1)]
    if not len(boxes):
        raise InputError(
            "there is nothing to draw: no grid, no building and no street has a position",
            where="coverage",
            mend="import the community's grids and buildings first",
        )
    # Streets are read far beyond the border: the land that is judged fills the map.
    west, south, east, north = boxes[0] if len(buildings) else boxes[-1]
    basic = grids[grids["grid_type"].astype(str) != "micro"]
    signs = categories_of([one.category for one in reaches], names)
    words = {
        key.removeprefix(_TEXTS): value
        for key, value in catalogue(language).items()
        if key.startswith(_TEXTS)
    }
    most = max(reaches, key=lambda one: one.community["households"] - one.community["within"], default=None)
    return {
        "title": text("walking.page.title", language, place=plain_text(place)),
        "language": language,
        "words": words,
        "facts": dict(facts),
        "bounds": [_at(south, west), _at(north, east)],
        "grids": [
            {
                "code": plain_text(code),
                "name": plain_text(name),
                "type": plain_text(kind),
                "shape": _rings(shape),
            }
            for code, name, kind, shape in zip(
                basic["grid_code"], basic["name"], basic["grid_type"], basic.geometry, strict=True
            )
        ],
        "streets": [
            {"kind": plain_text(kind), "lines": _lines(shape)}
            for kind, shape in zip(streets["barrier_class"], streets.geometry, strict=True)
        ],
        "buildings": {
            "code": [plain_text(code) for code in buildings["building_code"]],
            "grid": [plain_text(code) for code in buildings["grid_code"]],
            "households": [None if pd.isna(many) else int(many) for many in buildings["households"]],
            "shape": [_rings(shape) for shape in buildings.geometry],
        },
        "chosen": chosen or (most.category if most is not None else None),
        "categories": [
            _category(one, signs[one.category].names[language], signs[one.category].colour) for one in reaches
        ],
    }


def _category(one: CategoryReach, name: str, colour: str) -> dict[str, Any]:
    return {
        "category": one.category,
        "name": name,
        "colour": colour,
        "points": [
            {"name": plain_text(named), "at": _at(at.y, at.x)}
            for named, at in zip(one.points["name"], one.points.geometry, strict=True)
            if at is not None
        ],
        "network": _minutes(one.network_minutes),
        "circle": _minutes(one.circle_minutes),
        "network_areas": _areas(one.network_areas),
        "circle_areas": _areas(one.circle_areas),
        "community": dict(one.community),
        "community_circle": dict(one.circle),
        "groups": dict(one.groups),
        "grids": [dict(row) for row in one.grids],
        "suggestion": None if one.suggestion is None else dict(one.suggestion),
        "newly": [int(row) for row in one.newly],
    }


def _minutes(values: NDArray[np.floating]) -> list[float | None]:
    return [None if not np.isfinite(value) else round(float(value), 2) for value in values]


def _areas(areas: gpd.GeoDataFrame | None) -> list[dict[str, Any]]:
    if areas is None:
        return []
    rows = zip(areas["minutes"], areas["method"], areas.geometry, strict=True)
    return [
        {"minutes": float(limit), "method": str(how), "shape": _rings(shapely.simplify(shape, _COARSE_DEG))}
        for limit, how, shape in rows
    ]


def _at(lat: float, lon: float) -> list[float]:
    return [round(float(lat), _DIGITS), round(float(lon), _DIGITS)]


def _rings(shape: Any) -> list[list[list[list[float]]]]:
    """Write an area as Leaflet has it: polygons of rings of [lat, lon], the outer ring first."""
    if shape is None:
        return []
    parts = shapely.get_parts(shape)
    return [
        [_path(ring) for ring in shapely.get_rings(part)] for part in parts if part.geom_type == "Polygon"
    ]


def _lines(shape: Any) -> list[list[list[float]]]:
    return [] if shape is None else [_path(part) for part in shapely.get_parts(shape)]


def _path(line: Any) -> list[list[float]]:
    found: list[list[float]] = np.round(shapely.get_coordinates(line)[:, ::-1], _DIGITS).tolist()
    return found
