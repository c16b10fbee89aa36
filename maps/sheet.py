"""A working map of a few styled layers, for planners: what a check report and a plan are drawn on.

Unlike the service map it is small and plain: shapes as SVG, so that a printer gets lines and not dots, one
class of ``sheet.css`` a shape, and words that are put in as text. It is a ``folium.Map`` too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import shapely
from folium.template import Template

from gis.texts import Language, text
from maps.assets import json_safe
from maps.packing import LOOKS, Frame, pack_lines, pack_positions, pack_rings
from maps.page import Page, PageMap


@dataclass(frozen=True)
class SheetLayer:
    """Shapes that are drawn alike and shown or hidden together.

    Attributes
    ----------
    label
        What the layer control calls it; empty keeps it out of there.
    kind
        Whether the shapes are ``areas`` or ``lines``.
    geometries
        Shapely geometries, EPSG:4490 degrees, shape (n,); missing ones are passed over.
    style
        A class of ``sheet.css`` for all of them.
    styles
        A further class for each, shape (n,).
    names
        Lines of text that stand on each, shape (n,).
    told
        Lines of text in each one's pop-up, shape (n,).
    """

    label: str
    kind: Literal["areas", "lines"]
    geometries: Sequence[Any]
    style: str
    styles: Sequence[str] | None = None
    names: Sequence[Sequence[str]] | None = None
    told: Sequence[Sequence[str]] | None = None


class SheetMap(PageMap):
    """A Folium map of styled layers, on a page of its own.

    Parameters
    ----------
    layers
        From the lowest up.
    page
        The page that it stands on.
    before, after
        HTML around the map, escaped already.
    words
        Texts for the map's own buttons.
    """

    default_js = [  # noqa: RUF012 - Folium's own way to declare parts
        ("leaflet", "part:leaflet/leaflet.js"),
        ("wangge_base", "own:js/base.js"),
        ("wangge_geometry", "own:js/geometry.js"),
        ("wangge_sheet", "own:js/sheet.js"),
    ]
    default_css = [  # noqa: RUF012
        ("leaflet_css", "part:leaflet/leaflet.css"),
        ("wangge_map_css", "own:css/service_map.css"),
        ("wangge_sheet_css", "own:css/sheet.css"),
    ]

    _template = Template("""
        {% macro header(this, kwargs) %}{% endmacro %}
        {% macro html(this, kwargs) %}
        {{ this.before }}
        <div id="sheet-map" class="sheet-map"></div>
        {{ this.after }}
        {{ this.data }}
        {% endmacro %}
        {% macro script(this, kwargs) %}
        var {{ this.get_name() }} = WanggeMap.sheet("sheet-map", "sheet-data");
        {% endmacro %}
    """)

    def __init__(
        self, layers: Sequence[SheetLayer], page: Page, *, before: str, after: str, words: dict[str, str]
    ) -> None:
        packed = _packed(layers, words)
        super().__init__(location=packed["centre"], tiles=None)
        self._id = "sheet"
        page.add_child(self, name="map")
        self.before = page.block("before", before)
        self.after = page.block("after", after)
        data = f'<script type="application/json" id="sheet-data">{json_safe(packed)}</script>'
        self.data = page.block("data", data)


def verdict_style(households: float | None, low: int, high: int, *, exempt: bool = False) -> str:
    """Choose the class that a grid is drawn with by its size.

    Parameters
    ----------
    households
        Its count, or ``None`` where it is unknown.
    low, high
        The limits; both ends pass.
    exempt
        Whether the limits do not apply to it.

    Returns
    -------
    str
        ``exempt``, ``unknown``, ``below``, ``above`` or ``within``.
    """
    if exempt:
        return "exempt"
    if households is None:
        return "unknown"
    if households < low:
        return "below"
    return "above" if households > high else "within"


def _packed(layers: Sequence[SheetLayer], words: dict[str, str]) -> dict[str, Any]:
    arrays = [np.asarray(list(layer.geometries), dtype=object) for layer in layers]
    shapes = [gpd.GeoDataFrame(geometry=array, crs=4490) for array in arrays]
    frame = Frame.around(shapes)
    boxes = np.array([box.total_bounds for box in shapes if len(box)], dtype=np.float64).reshape(-1, 4)
    boxes = boxes[np.isfinite(boxes).all(axis=1)]
    if not len(boxes):
        boxes = np.array([[73.5, 18.0, 135.1, 53.6]])
    west, south = boxes[:, :2].min(axis=0).tolist()
    east, north = boxes[:, 2:].max(axis=0).tolist()
    return {
        "origin": [frame.x, frame.y],
        "units": {"looks": LOOKS},
        "metres": [1, 1],
        "under": {"datum": "cgcs2000"},
        "centre": [round((south + north) / 2, 7), round((west + east) / 2, 7)],
        "bounds": [round(value, 7) for value in (west, south, east, north)],
        "words": words,
        "layers": [_layer(layer, array, frame) for layer, array in zip(layers, arrays, strict=True)],
    }


def _layer(layer: SheetLayer, array: Any, frame: Frame) -> dict[str, Any]:
    present = np.flatnonzero(~(shapely.is_missing(array) | shapely.is_empty(array)))
    shapes = array[present]
    pack = pack_rings if layer.kind == "areas" else pack_lines

    def picked(values: Sequence[Any] | None) -> list[Any] | None:
        return None if values is None else [values[at] for at in present.tolist()]

    return {
        "label": layer.label,
        "kind": layer.kind,
        "style": layer.style,
        "styles": picked(layer.styles),
        "parts": pack(shapes, frame, LOOKS),
        "at": pack_positions(shapes, frame, LOOKS),
        "names": picked(layer.names),
        "told": picked(layer.told),
        "rows": present.tolist(),
    }


def head_of(title: str, told: Sequence[str]) -> str:
    """Write the head of a sheet.

    Parameters
    ----------
    title, told
        HTML, escaped already.

    Returns
    -------
    str
        A ``<header>``.
    """
    words = "".join(f"<span>{one}</span>" for one in told if one)
    return (
        '<header class="sheet-head"><span class="wg-seal" aria-hidden="true">网格</span>'
        f"<div><h1>{title}</h1><p>{words}</p></div></header>"
    )


def map_words(language: Language) -> dict[str, str]:
    """Collect the texts that a sheet's scripts show.

    Parameters
    ----------
    language
        ``zh`` or ``en``.

    Returns
    -------
    dict
        Key → text.
    """
    return {key: text(f"maps.page.{key}", language) for key in ("zoom_in", "zoom_out", "close", "map")}
