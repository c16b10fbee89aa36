"""The residents' service map: a Folium map that opens anywhere and asks nobody.

:func:`service_map` takes frames (see docs/architecture.md) and gives a :class:`ServiceMap`, which is a
``folium.Map``: it can be saved, shown in a notebook, and other Folium layers can be added to it. What it
draws itself goes into the page as data (:mod:`maps.payload`) and is drawn by our own scripts under
``static/js`` on canvas, so that ten thousand points stay light.
"""

from __future__ import annotations

import datetime as dt

import folium
import geopandas as gpd
import pandas as pd
from branca.element import Element
from folium.template import Template

from gis.texts import LANGUAGES, Language, text
from maps.assets import Delivery, json_safe
from maps.basemaps import NO_BASEMAP, Basemap
from maps.legend import plain_text
from maps.page import Origins, Page, PageMap
from maps.payload import Facts, ServiceFrames, pack
from maps.plain_list import plain_list

SCRIPTS = ("base", "geometry", "signs", "scene", "labels", "clusters", "details", "position", "panel", "main")


# What Folium's markers and pop-ups use, should somebody add some. Bootstrap is not among it: they do without,
# and it would restyle the page.
_MARKER_PARTS = {"jquery", "awesome_markers"}
_MARKER_STYLES = {"glyphicons_css", "awesome_markers_font_css", "awesome_markers_css", "awesome_rotate_css"}


class ServiceMap(PageMap):
    """A Folium map whose page is the residents' service map.

    Parameters
    ----------
    frames
        What is on it.
    facts
        What is said about it.
    page
        The page that it stands on.
    under
        The basemap.
    """

    default_js = [  # noqa: RUF012 - Folium's own way to declare parts
        ("leaflet", "part:leaflet/leaflet.js"),
        *((f"wangge_{name}", f"own:js/{name}.js") for name in SCRIPTS),
    ]
    default_css = [  # noqa: RUF012
        ("leaflet_css", "part:leaflet/leaflet.css"),
        ("wangge_map_css", "own:css/service_map.css"),
    ]

    _template = Template("""
        {% macro header(this, kwargs) %}{% endmacro %}
        {% macro html(this, kwargs) %}
        <div id="wg"></div>
        {{ this.plain_list }}
        {{ this.data }}
        {% endmacro %}
        {% macro script(this, kwargs) %}
        var {{ this.get_name() }} = WanggeMap.start("wg", "wg-data");
        {% endmacro %}
    """)

    def __init__(self, frames: ServiceFrames, facts: Facts, page: Page, under: Basemap) -> None:
        packed = pack(frames, facts, under)
        west, south, east, north = packed["bounds"]
        super().__init__(location=[(south + north) / 2, (west + east) / 2], tiles=None)
        # Fixed names make the same frames give the same bytes.
        self._id = "service"
        page.add_child(self, name="map")
        data = f'<script type="application/json" id="wg-data">{json_safe(packed)}</script>'
        self.data = page.block("data", data)
        self.plain_list = page.block("list", plain_list(packed))
        if under.pmtiles:
            reader = ("protomaps", "part:protomaps-leaflet/protomaps-leaflet.js")
            self.default_js = [self.default_js[0], reader, *self.default_js[1:]]
        for number, tiles in enumerate(under.tiles):
            layer = folium.TileLayer(
                tiles.address,
                attr=under.attribution or " ",
                subdomains=tiles.subdomains or "abc",
                max_native_zoom=tiles.max_zoom,
                max_zoom=21,
                control=False,
            )
            layer._id = f"base{number}"  # noqa: SLF001
            super().add_child(layer, name=f"base{number}")

    def add_child(self, child: Element, name: str | None = None, index: int | None = None) -> Element:
        """Add another Folium layer, and with the first one the parts that Folium's markers need.

        Parameters
        ----------
        child
            Any Folium element whose parts are among ours.
        name, index
            As in Folium.

        Returns
        -------
        branca.element.Element
            This map.
        """
        if "default_css" not in vars(self):
            scripts = [part for part in folium.Map.default_js if part[0] in _MARKER_PARTS]
            styles = [part for part in folium.Map.default_css if part[0] in _MARKER_STYLES]
            self.default_js = [self.default_js[0], *scripts, *self.default_js[1:]]
            self.default_css = [self.default_css[0], *styles, *self.default_css[1:]]
        return super().add_child(child, name=name, index=index)


def service_map(
    grids: gpd.GeoDataFrame,
    *,
    service_points: gpd.GeoDataFrame | None = None,
    compounds: gpd.GeoDataFrame | None = None,
    buildings: gpd.GeoDataFrame | None = None,
    streets: gpd.GeoDataFrame | None = None,
    areas: gpd.GeoDataFrame | None = None,
    staff: pd.DataFrame | None = None,
    border: gpd.GeoDataFrame | None = None,
    categories: pd.DataFrame | None = None,
    themes: pd.DataFrame | None = None,
    place: str | None = None,
    language: Language = "zh",
    delivery: Delivery = "inline",
    parts_folder: str = "parts",
    basemap: Basemap = NO_BASEMAP,
    edition: int | None = None,
    updated_on: dt.date | None = None,
    approval_number: str | None = None,
    verified_within_days: int = 365,
    walking_speed_m_s: float = 1.1,
    detour: float = 1.3,
    sample: bool = False,
) -> ServiceMap:
    """Make the service map of a community or a whole district.

    Only what a resident may see goes into the page: service points whose ``public`` is not false, and of the
    staff those with a ``public_phone``. Counts of households and residents do not.

    Parameters
    ----------
    grids
        Frame ``grids``, EPSG:4490 degrees. May be empty: the page then says what is missing.
    service_points
        Frame ``service_points``. A ``grid_code`` column, where there is one, says whose each point is;
        otherwise it is found by position.
    compounds, buildings, streets
        The frames of these names.
    areas
        Polygons to find one's way by: columns ``kind`` (``water`` or ``green``), ``name``, geometry.
    staff
        Frame ``staff``; only people with a public phone are shown.
    border
        Polygon of the community; the outline of the basic grids where it is missing.
    categories
        A place's own categories (see :func:`maps.legend.categories_of`).
    themes
        A place's own colour themes and whom they serve (see :func:`maps.legend.themes_of`).
    place
        The name of the place, for the title.
    language
        The language that the page opens in; it carries both.
    delivery
        ``inline`` (one file), ``folder`` (parts beside it) or ``served`` (under ``/static/``).
    parts_folder
        Where the parts lie as seen from the page, for ``folder``.
    basemap
        What lies under it; nothing by default.
    edition
        The number of the edition that the borders are of.
    updated_on
        The day that the page says it was updated on.
    approval_number
        The number of approval of a public map (审图号).
    verified_within_days
        A point checked longer ago than this is marked.
    walking_speed_m_s
        For walking minutes.
    detour
        Way on foot over the straight line, for walking minutes.
    sample
        Whether the data are made up, which the page then says.

    Returns
    -------
    ServiceMap
        A ``folium.Map``; ``.html()`` is the page, :func:`maps.page.write` puts it into a file.

    Raises
    ------
    InputError
        If a frame lacks a column that it needs, or a table of signs names what does not exist.
    UnavailableError
        When it is rendered, if the browser parts are missing.
    """
    frames = ServiceFrames(
        grids=grids,
        service_points=service_points,
        compounds=compounds,
        buildings=buildings,
        streets=streets,
        areas=areas,
        staff=staff,
        border=border,
        categories=categories,
        themes=themes,
    )
    facts = Facts(
        titles={one: _title(place, one) for one in LANGUAGES},
        language=language,
        edition=edition,
        updated_on=updated_on,
        approval_number=plain_text(approval_number) or None,
        verified_within_days=verified_within_days,
        walking_speed_m_s=walking_speed_m_s,
        detour=detour,
        sample=sample,
        served=delivery == "served",
    )
    page = Page(
        title=facts.titles[language],
        language=language,
        delivery=delivery,
        parts_folder=parts_folder,
        origins=Origins(images=basemap.image_origins(), data=basemap.data_origins()),
    )
    return ServiceMap(frames, facts, page, basemap)


def _title(place: str | None, language: Language) -> str:
    named = plain_text(place) or text("maps.named.community", language)
    return text("maps.named.service_map", language, place=named)
