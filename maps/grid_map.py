"""A plan on a map: the borders of today and of the plan, names and counts; on screen and on a sheet of A3.

Shapes are drawn as SVG, so that the printed sheet is lines at any size.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from html import escape
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis.texts import Language, text
from maps.assets import Delivery
from maps.check_report import ground_layers
from maps.legend import plain_text
from maps.page import Page
from maps.sheet import SheetLayer, SheetMap, head_of, map_words, verdict_style

_SAME = 2e-6
"""Degrees, about 0.2 m: a plan's border runs along today's where it keeps so near. Units bring vertices of
their own to a border, each of which bends it by a lattice step."""


def grid_map(
    grids: gpd.GeoDataFrame,
    *,
    today: gpd.GeoDataFrame | None = None,
    households: Mapping[str, float | None] | None = None,
    streets: gpd.GeoDataFrame | None = None,
    buildings: gpd.GeoDataFrame | None = None,
    households_min: int = 300,
    households_max: int = 500,
    place: str | None = None,
    made_on: dt.date | None = None,
    language: Language = "zh",
    delivery: Delivery = "inline",
) -> SheetMap:
    """Make a planning map.

    Parameters
    ----------
    grids
        Frame ``grids`` of the plan, EPSG:4490.
    today
        Frame ``grids`` of the published edition, to compare with; without it the plan stands alone.
    households
        Grid code → households of the plan, ``None`` where unknown; else the column of that name is read.
    streets, buildings
        Frames to find one's way by.
    households_min, households_max
        The limits; both ends pass.
    place
        Whose plan it is, for the title.
    made_on
        The day that the map says it was made on.
    language
        The map's language.
    delivery
        ``inline``, ``folder`` or ``served``.

    Returns
    -------
    SheetMap
        A Folium map; ``.html()`` is the page, which prints on A3 lying.
    """

    def say(key: str, **values: Any) -> str:
        return text(f"maps.plan.{key}", language, **values)

    limits = {"low": households_min, "high": households_max}
    title = say("title", place=plain_text(place) or text("maps.named.community", language))
    told = [
        made_on and text("maps.report.made_on", language, date=made_on.isoformat()),
        say("within", **limits),
    ]
    head = head_of(escape(title), [escape(one) for one in told if one])
    legend = "".join(
        f'<li class="sheet-verdict sheet-verdict-{style}">{escape(words)}</li>'
        for style, words in (
            ("within", say("within", **limits)),
            ("below", text("maps.report.verdict_below", language)),
            ("above", text("maps.report.verdict_above", language)),
            ("unknown", say("unknown")),
            ("exempt", text("maps.report.verdict_exempt", language)),
        )
    )
    page = Page(title=title, language=language, delivery=delivery)
    layers = ground_layers(streets, buildings, language)
    layers.append(_sizes(grids, _counts(grids, households), limits, say, text("maps.report.grids", language)))
    layers += _borders(grids, today, say)
    return SheetMap(
        layers,
        page,
        before=f'<main class="sheet-plan">{head}',
        after=f'<ul class="sheet-legend">{legend}</ul></main>',
        words=map_words(language),
    )


def _counts(grids: gpd.GeoDataFrame, households: Mapping[str, float | None] | None) -> list[float | None]:
    if households is not None:
        return [households.get(plain_text(code)) for code in grids["grid_code"]]
    if "households" not in grids.columns:
        return [None] * len(grids)
    return [None if pd.isna(value) else float(value) for value in grids["households"]]


def _sizes(
    grids: gpd.GeoDataFrame, counts: list[float | None], limits: dict[str, int], say: Any, label: str
) -> SheetLayer:
    codes = [plain_text(code) for code in grids["grid_code"]]
    types = [plain_text(value) for value in grids.get("grid_type", [""] * len(grids))]
    named = [plain_text(value) for value in grids.get("name", [""] * len(grids))]
    styles = [
        "micro"
        if kind == "micro"
        else verdict_style(count, limits["low"], limits["high"], exempt=kind == "exclusive")
        for count, kind in zip(counts, types, strict=True)
    ]
    called = [name or code[12:] or code for name, code in zip(named, codes, strict=True)]
    sizes = [
        say("unknown") if count is None else say("households", count=f"{count:,.0f}") for count in counts
    ]
    # A micro grid is a part of the grid below it, whose name stands there; no homes are not worth a line.
    names = [
        () if style == "micro" else (name,) if style == "exempt" and not count else (name, size)
        for style, name, size, count in zip(styles, called, sizes, counts, strict=True)
    ]
    told = list(zip(called, codes, sizes, strict=True))
    return SheetLayer(label, "areas", grids.geometry, "grid", styles=styles, names=names, told=told)


def _borders(grids: gpd.GeoDataFrame, today: gpd.GeoDataFrame | None, say: Any) -> list[SheetLayer]:
    """Tell the lines that stay from those that go and come, and mark the land that changes grid."""
    new = _outlines(grids)
    if today is None:
        return [SheetLayer(say("new_border"), "lines", [new], "new")]
    old = _outlines(today)
    by_new, by_old = (shapely.buffer(lines, _SAME, cap_style="flat") for lines in (new, old))
    changed = _changed(grids, today)
    return [
        SheetLayer(say("changed"), "areas", [changed], "changed"),
        SheetLayer(say("kept_border"), "lines", [_lines(shapely.intersection(old, by_new))], "kept"),
        SheetLayer(say("old_border"), "lines", [_lines(shapely.difference(old, by_new))], "old"),
        SheetLayer(say("new_border"), "lines", [_lines(shapely.difference(new, by_old))], "new"),
    ]


def _basic(grids: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    if "grid_type" not in grids.columns:
        return grids
    basic = [plain_text(value) in {"", "basic"} for value in grids["grid_type"]]
    return grids[np.array(basic, dtype=bool)]


def _outlines(grids: gpd.GeoDataFrame) -> Any:
    return shapely.union_all(shapely.boundary(_basic(grids).geometry.to_numpy()))


def _lines(geometry: Any) -> Any:
    parts = shapely.get_parts(geometry)
    return shapely.multilinestrings(parts[shapely.get_type_id(parts) == shapely.GeometryType.LINESTRING])


def _changed(grids: gpd.GeoDataFrame, today: gpd.GeoDataFrame) -> Any:
    """Find the land that belonged to another grid: what each grid holds that it does not hold today."""
    before = dict(zip(_basic(today)["grid_code"].astype(str), _basic(today).geometry, strict=True))
    plan = _basic(grids)
    olds = np.array([before.get(str(code)) for code in plan["grid_code"]], dtype=object)
    kept = ~shapely.is_missing(olds)
    gained = plan.geometry.to_numpy().copy()
    gained[kept] = shapely.difference(gained[kept], olds[kept])
    # What is thinner than two borders may part is no land that changes hands.
    thinned = shapely.buffer(shapely.union_all(gained), -_SAME, join_style="mitre")
    parts = shapely.get_parts(shapely.buffer(thinned, _SAME, join_style="mitre"))
    return shapely.multipolygons(parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON])
