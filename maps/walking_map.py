"""How far one walks in a quarter of an hour, and how far the circle would have it: both on one map.

The circle is drawn as a line, the land that the streets really reach is filled, and every home is dotted by
what the two say of it. Which method each area is of stands in its label and in the legend.
"""

from __future__ import annotations

import json
from html import escape
from typing import Any

import folium
import geopandas as gpd
import pandas as pd
import shapely
from branca.element import Element

from gis.errors import InputError
from gis.texts import Language, text
from maps.assets import Delivery
from maps.page import Page

_FILL = {5: "#0b5d50", 10: "#3f8f7f", 15: "#8cc4b5"}
_INK = "#0b5d50"
_CIRCLE = "#b3261e"
_HOMES = {"both": "#3d4a4f", "circle_only": "#b3261e", "network_only": "#2a6cb8", "neither": "#a39f94"}


def walking_map(
    network_areas: gpd.GeoDataFrame,
    circle_areas: gpd.GeoDataFrame,
    *,
    homes: gpd.GeoDataFrame | None = None,
    points: gpd.GeoDataFrame | None = None,
    grids: gpd.GeoDataFrame | None = None,
    streets: gpd.GeoDataFrame | None = None,
    place: str = "",
    language: Language = "zh",
    delivery: Delivery = "inline",
) -> folium.Map:
    """Draw walking areas by the network and by the circle on one map.

    Parameters
    ----------
    network_areas, circle_areas
        ``minutes``, ``method``, geometry in EPSG:4490, as :func:`gis.walking.areas.walking_areas` gives them.
    homes
        Points with ``network_minutes``, ``circle_minutes`` and ``limit_minutes``: within reach by which.
    points
        Service points: ``name`` and geometry.
    grids, streets
        To find one's way by.
    place
        For the title.
    language
        ``zh`` or ``en``.
    delivery
        ``inline``, ``folder`` or ``served``.

    Returns
    -------
    folium.Map
        On a page of ours: it asks nobody for anything. ``.get_root().render()`` is the page.

    Raises
    ------
    InputError
        If there is no area to draw.
    """
    if not len(network_areas) and not len(circle_areas):
        raise InputError("there is no walking area to draw", mend="give at least one service point")

    def say(key: str, **values: Any) -> str:
        return text(f"residents.walking.{key}", language, **values)

    page = Page(title=say("title", place=place), language=language, delivery=delivery)
    west, south, east, north = shapely.total_bounds(
        pd.concat([network_areas.geometry, circle_areas.geometry]).to_numpy()
    )
    picture = folium.Map(location=[(south + north) / 2, (west + east) / 2], tiles=None, zoom_start=15)
    page.add_child(picture)
    picture.fit_bounds([[south, west], [north, east]])
    for frame, colour, weight in ((streets, "#b9b3a4", 2.0), (grids, "#6b6a62", 1.0)):
        if frame is not None and len(frame):
            _lines(frame, colour, weight).add_to(picture)
    reached = folium.FeatureGroup(name=escape(say("network")))
    for minutes, shape in _merged(network_areas):
        style = {"color": _INK, "weight": 1, "fillColor": _FILL.get(int(minutes), _INK), "fillOpacity": 0.35}
        _area(shape, style, say("within", minutes=f"{minutes:g}", method=say("network"))).add_to(reached)
    circled = folium.FeatureGroup(name=escape(say("circle")))
    for minutes, shape in _merged(circle_areas):
        style = {"color": _CIRCLE, "weight": 2, "dashArray": "6 6", "fillOpacity": 0}
        _area(shape, style, say("within", minutes=f"{minutes:g}", method=say("circle"))).add_to(circled)
    reached.add_to(picture)
    circled.add_to(picture)
    if homes is not None and len(homes):
        _homes(homes, say).add_to(picture)
    if points is not None and len(points):
        _points(points, say("points")).add_to(picture)
    folium.LayerControl(collapsed=False).add_to(picture)
    page.html.add_child(Element(_legend(say, homes=homes is not None and len(homes) > 0)))
    return picture


def _legend(say: Any, *, homes: bool) -> str:
    rows = [(f"background:{_FILL[10]}", say("network")), (f"border-top:2px dashed {_CIRCLE}", say("circle"))]
    if homes:
        rows += [(f"background:{colour};border-radius:50%", say(kind)) for kind, colour in _HOMES.items()]
    listed = "".join(
        f'<li style="display:flex;align-items:center;gap:8px"><span style="width:12px;height:12px;{mark}">'
        f"</span>{escape(words)}</li>"
        for mark, words in rows
    )
    return (
        '<ul style="position:fixed;left:10px;bottom:10px;z-index:1000;margin:0;padding:8px 12px;'
        "list-style:none;background:#fff;color:#222;border-radius:6px;font:14px/1.6 system-ui,sans-serif;"
        f'box-shadow:0 1px 6px rgb(0 0 0/.3)">{listed}</ul>'
    )


def _merged(areas: gpd.GeoDataFrame) -> list[tuple[float, Any]]:
    """Join the areas of all points by minutes, the farthest first, so that near ones lie on top."""
    found = [
        (float(minutes), shapely.union_all(part.geometry.to_numpy()))
        for minutes, part in areas.groupby("minutes")
    ]
    return sorted(found, key=lambda pair: -pair[0])


def _area(shape: Any, style: dict[str, Any], words: str) -> folium.GeoJson:
    data = json.loads(shapely.to_geojson(shapely.set_precision(shape, 1e-6)))
    drawn = folium.GeoJson(data, style_function=lambda _: style)
    drawn.add_child(folium.Tooltip(escape(words)))
    return drawn


def _lines(frame: gpd.GeoDataFrame, colour: str, weight: float) -> folium.GeoJson:
    shapes = frame.geometry.to_numpy()
    shapes = shapes[~shapely.is_missing(shapes)]
    data = json.loads(shapely.to_geojson(shapely.geometrycollections(list(shapes))))
    return folium.GeoJson(
        data,
        control=False,
        style_function=lambda _: {"color": colour, "weight": weight, "fillOpacity": 0},
    )


def _homes(homes: gpd.GeoDataFrame, say: Any) -> folium.FeatureGroup:
    """Dot every home by what the two methods say of it, in words too."""
    group = folium.FeatureGroup(name=escape(say("homes")))
    limit = homes["limit_minutes"].to_numpy()
    by_network = homes["network_minutes"].to_numpy() <= limit
    by_circle = homes["circle_minutes"].to_numpy() <= limit
    for network, circle, at in zip(by_network, by_circle, homes.geometry, strict=True):
        kind = {
            (True, True): "both",
            (False, True): "circle_only",
            (True, False): "network_only",
            (False, False): "neither",
        }[bool(network), bool(circle)]
        folium.CircleMarker(
            [at.y, at.x],
            radius=4 if kind in {"circle_only", "network_only"} else 2.5,
            stroke=False,
            fill=True,
            fill_color=_HOMES[kind],
            fill_opacity=0.9,
            tooltip=escape(say(kind)),
        ).add_to(group)
    return group


def _points(points: gpd.GeoDataFrame, name: str) -> folium.FeatureGroup:
    group = folium.FeatureGroup(name=escape(name))
    for words, at in zip(points["name"], points.geometry, strict=True):
        folium.CircleMarker(
            [at.y, at.x],
            radius=7,
            color="#fff",
            weight=2,
            fill=True,
            fill_color="#111",
            fill_opacity=1,
            tooltip=escape(str(words)),
        ).add_to(group)
    return group
