"""The report of a check: the faults on a map, the sizes as a histogram, and both as tables.

It takes the plain values of ``CheckReport.as_dict()`` (or the API's answer, which is the same), so that this
floor needs nothing of the one that checks.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from gis.texts import Language, text
from maps.assets import Delivery
from maps.legend import plain_text
from maps.page import Page
from maps.sheet import SheetLayer, SheetMap, head_of, map_words

BIN = 50
"""Households of one bar of the histogram, or half, a quarter … of one where the sizes are far apart."""

_MOST_BARS = 24
_CHART = (640.0, 240.0)


def check_report(
    report: Mapping[str, Any],
    grids: gpd.GeoDataFrame,
    *,
    streets: gpd.GeoDataFrame | None = None,
    buildings: gpd.GeoDataFrame | None = None,
    place: str | None = None,
    made_on: dt.date | None = None,
    language: Language = "zh",
    delivery: Delivery = "inline",
) -> SheetMap:
    """Make the report of a check.

    Parameters
    ----------
    report
        ``{"grids": [{grid_code, grid_type, name, households, residents, counted_on, verdict}], "violations":
        [{rule, severity, subjects, words, area_m2, geometry}], "limits": {min, max}, "totals": {…}}``;
        geometry is GeoJSON in EPSG:4490, ``words`` a text or one for each language, missing counts are null.
    grids
        Frame ``grids``, EPSG:4490; joined to the report by ``grid_code``.
    streets, buildings
        Frames to find one's way by.
    place
        What was checked, for the title.
    made_on
        The day that the report says it was made on.
    language
        The report's language.
    delivery
        ``inline``, ``folder`` or ``served``.

    Returns
    -------
    SheetMap
        A Folium map; ``.html()`` is the page.
    """
    limits = report.get("limits") or {}
    low, high = int(limits.get("min", 300)), int(limits.get("max", 500))
    say = _sayer(language)
    title = say("title", place=plain_text(place) or text("maps.named.community", language))
    rows = {str(row["grid_code"]): row for row in report["grids"]}
    faults = list(report["violations"])
    told = [made_on and say("made_on", date=made_on.isoformat()), say("sizes_help", low=low, high=high)]
    before = head_of(escape(title), [escape(one) for one in told if one]) + _tiles(report, say)
    drawn = [code for code in _codes(grids) if code in rows]
    after = (
        '<div class="sheet-body">'
        + _sizes(list(rows.values()), low, high, say)
        + _faults_table(faults, say, language)
        + _grids_table(list(rows.values()), _codes(grids), say)
        + "</div>"
    )
    page = Page(title=title, language=language, delivery=delivery)
    layers = [
        *ground_layers(streets, buildings, language),
        _grid_layer(grids, rows, say, low, high) if drawn else _bare_layer(grids, say),
        _fault_layer(faults, say, language),
    ]
    return SheetMap(
        layers, page, before=f"<main>{before}", after=f"{after}</main>", words=map_words(language)
    )


def ground_layers(
    streets: gpd.GeoDataFrame | None, buildings: gpd.GeoDataFrame | None, language: Language
) -> list[SheetLayer]:
    """Draw streets and buildings under a planner's sheet.

    Parameters
    ----------
    streets, buildings
        The frames of these names, or ``None``.
    language
        ``zh`` or ``en``.

    Returns
    -------
    list of SheetLayer
        Streets below buildings.
    """
    layers = []
    if streets is not None and len(streets):
        classes = [
            plain_text(value) or "street" for value in streets.get("barrier_class", [""] * len(streets))
        ]
        known = [one if one in {"arterial", "river", "wall"} else "street" for one in classes]
        label = text("maps.page.layer_streets", language)
        layers.append(SheetLayer(label, "lines", streets.geometry, "street", styles=known))
    if buildings is not None and len(buildings):
        label = text("maps.page.layer_buildings", language)
        layers.append(SheetLayer(label, "areas", buildings.geometry, "building"))
    return layers


def _sayer(language: Language) -> Any:
    def say(key: str, **values: Any) -> str:
        return text(f"maps.report.{key}", language, **values)

    return say


def _codes(grids: gpd.GeoDataFrame) -> list[str]:
    return [plain_text(code) for code in grids["grid_code"]]


def _number(value: Any) -> str:
    return "" if value is None else f"{value:,.0f}"


def _tiles(report: Mapping[str, Any], say: Any) -> str:
    verdicts = [row.get("verdict") for row in report["grids"]]
    households = (report.get("totals") or {}).get("households")
    faults = len(report["violations"])
    tiles = [
        (say("total_grids"), len(verdicts), ""),
        (say("total_ok"), verdicts.count("within"), ""),
        (say("total_households"), households, ""),
        (say("total_faults"), faults, ' class="sheet-bad"' if faults else ""),
    ]
    cells = "".join(
        f"<div{bad}><dt>{escape(name)}</dt><dd>{_number(value) or escape(say('unknown'))}</dd></div>"
        for name, value, bad in tiles
    )
    return f'<dl class="sheet-tiles">{cells}</dl>'


def _sizes(rows: Sequence[Mapping[str, Any]], low: int, high: int, say: Any) -> str:
    """Draw how many grids have how many households, as SVG that needs no script."""
    counted = [
        float(row["households"])
        for row in rows
        if row.get("households") is not None and row.get("verdict") != "exempt"
    ]
    head = f"<h2>{escape(say('sizes'))}</h2><p>{escape(say('sizes_help', low=low, high=high))}</p>"
    if not counted:
        return f'<section class="sheet-card">{head}<p>{escape(say("unknown"))}</p></section>'
    width = BIN
    while max(counted) / width > _MOST_BARS:
        width *= 2
    # Both limits pass, so the bar that begins at the upper one is not all outside: it is split there.
    edges = np.arange(0, max(*counted, high) + 3 * width, width)
    bars, _ = np.histogram(counted, bins=edges)
    outside, _ = np.histogram([value for value in counted if not low <= value <= high], bins=edges)
    # One empty bar on each side shows that the limits are not the ends of the picture.
    first = max(0, int(min(np.flatnonzero(bars)[0], low // width)) - 1)
    last = int(max(np.flatnonzero(bars)[-1], (high - 1) // width)) + 1
    shown = range(first, last + 1)
    across, up = _CHART
    step = across / len(shown)
    tallest = max(int(bars.max()), 1)

    def x(households: float) -> float:
        return (households / width - first) * step

    drawn = [
        f'<rect class="sheet-band" x="{x(low):.1f}" y="0" width="{x(high) - x(low):.1f}" height="{up:.0f}"/>'
    ]
    for at in shown:
        left = x(float(edges[at])) + step * 0.08
        bottom = up
        for part, style in ((int(bars[at] - outside[at]), "sheet-bar"), (int(outside[at]), "sheet-bar-out")):
            tall = part / tallest * (up - 24)
            bottom -= tall
            if part:
                place = f'x="{left:.1f}" y="{bottom:.1f}" width="{step * 0.84:.1f}" height="{tall:.1f}"'
                drawn.append(f'<rect class="{style}" {place}/>')
        if bars[at]:
            drawn.append(f'<text x="{left + step * 0.42:.1f}" y="{bottom - 6:.1f}">{bars[at]}</text>')
    every = max(1, len(shown) // 12)
    drawn += [
        f'<text x="{x(float(edges[at])):.1f}" y="{up + 18:.0f}">{edges[at]:.0f}</text>'
        for at in range(first, last + 2, every)
    ]
    drawn += [
        f'<line class="sheet-limit" x1="{at:.1f}" x2="{at:.1f}" y1="0" y2="{up:.0f}"/>'
        for at in (x(low), x(high))
    ]
    drawn.append(f'<line class="sheet-axis" x1="0" x2="{across:.0f}" y1="{up:.0f}" y2="{up:.0f}"/>')
    words = "; ".join(
        say("chart_bar", low=int(edges[at]), high=int(edges[at]) + width - 1, count=int(bars[at]))
        for at in shown
        if bars[at]
    )
    label = escape(say("chart_label", bars=words))
    view = f'viewBox="-12 -6 {across + 24:.0f} {up + 34:.0f}"'
    chart = f'<svg class="sheet-chart" {view} role="img" aria-label="{label}">{"".join(drawn)}</svg>'
    return f'<section class="sheet-card">{head}{chart}</section>'


def _faults_table(faults: Sequence[Mapping[str, Any]], say: Any, language: Language) -> str:
    head = f"<h2>{escape(say('faults'))}</h2>"
    if not faults:
        return f'<section class="sheet-card">{head}<p>{escape(say("no_faults"))}</p></section>'
    rows = []
    for at, fault in enumerate(faults):
        words = escape(_words(fault, language))
        if fault.get("geometry"):
            words = f'<button type="button" class="sheet-link" data-shape="fault-{at}">{words}</button>'
        severity = str(fault.get("severity", "error"))
        kind = severity if severity in {"error", "warning", "info"} else "error"
        rows.append(
            f'<tr><td class="sheet-verdict sheet-verdict-{kind}">{escape(say(kind))}</td><td>{words}</td>'
            f'<td class="sheet-number">{_number(fault.get("area_m2"))}</td></tr>'
        )
    names = (say("severity"), say("words"), say("area"))
    return f'<section class="sheet-card">{head}{_table(names, rows)}</section>'


def _grids_table(rows: Sequence[Mapping[str, Any]], drawn: Sequence[str], say: Any) -> str:
    place = {code: at for at, code in enumerate(drawn)}
    lines = []
    for row in rows:
        code = str(row["grid_code"])
        shown = escape(code)
        if code in place:
            shown = (
                f'<button type="button" class="sheet-link" data-shape="grid-{place[code]}">{shown}</button>'
            )
        verdict = _verdict(row)
        households = _number(row.get("households")) or escape(say("unknown"))
        lines.append(
            f'<tr><td class="sheet-code">{shown}</td>'
            f"<td><bdi>{escape(plain_text(row.get('name')))}</bdi></td>"
            f'<td class="sheet-number">{households}</td>'
            f'<td class="sheet-number">{_number(row.get("residents")) or escape(say("unknown"))}</td>'
            f"<td>{escape(plain_text(row.get('counted_on')))}</td>"
            f'<td class="sheet-verdict sheet-verdict-{verdict}">{escape(say(f"verdict_{verdict}"))}</td></tr>'
        )
    names = tuple(
        say(key) for key in ("grid_code", "name", "households", "residents", "counted_on", "verdict")
    )
    head = f"<h2>{escape(say('grids'))}</h2>"
    return f'<section class="sheet-card sheet-wide">{head}{_table(names, lines)}</section>'


def _table(names: Sequence[str], rows: Sequence[str]) -> str:
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    # A region that scrolls must be reachable by keyboard.
    return (
        f'<div class="sheet-scroll" tabindex="0" role="region" aria-label="{escape(names[0])}">{table}</div>'
    )


def _verdict(row: Mapping[str, Any]) -> str:
    verdict = str(row.get("verdict") or "unknown")
    return verdict if verdict in {"within", "below", "above", "exempt"} else "unknown"


def _words(fault: Mapping[str, Any], language: Language) -> str:
    words = fault.get("words") or fault.get("rule") or ""
    if isinstance(words, Mapping):
        words = words.get(language) or next(iter(words.values()), "")
    return plain_text(words)


def _grid_layer(
    grids: gpd.GeoDataFrame, rows: Mapping[str, Mapping[str, Any]], say: Any, low: int, high: int
) -> SheetLayer:
    codes = _codes(grids)
    found = [rows.get(code, {"grid_code": code}) for code in codes]
    counts = [_number(row.get("households")) or say("unknown") for row in found]
    labels = [
        plain_text(row.get("name")) or code[12:] or code for row, code in zip(found, codes, strict=True)
    ]
    told = [
        (name, code, f"{say('households')}: {count} ({low}–{high})", say(f"verdict_{_verdict(row)}"))
        for name, count, code, row in zip(labels, counts, codes, found, strict=True)
    ]
    styles = ["micro" if "-" in code else _verdict(row) for code, row in zip(codes, found, strict=True)]
    names = [
        () if style == "micro" else (name,) if style == "exempt" else (name, count)
        for style, name, count in zip(styles, labels, counts, strict=True)
    ]
    return SheetLayer(say("grids"), "areas", grids.geometry, "grid", styles=styles, names=names, told=told)


def _bare_layer(grids: gpd.GeoDataFrame, say: Any) -> SheetLayer:
    return SheetLayer(
        say("grids"), "areas", grids.geometry, "grid", names=[(code,) for code in _codes(grids)]
    )


def _fault_layer(faults: Sequence[Mapping[str, Any]], say: Any, language: Language) -> SheetLayer:
    shapes = [
        shapely.geometry.shape(fault["geometry"]) if fault.get("geometry") else None for fault in faults
    ]
    # A fault may be a point or a line; a thin ring around it shows on the map like the others.
    seen = [shape if shape is None or shape.area > 0 else shape.buffer(2e-5) for shape in shapes]
    told = [(_words(fault, language), f"{say('area')}: {_number(fault.get('area_m2'))}") for fault in faults]
    return SheetLayer(say("faults"), "areas", seen, "fault", told=told)
