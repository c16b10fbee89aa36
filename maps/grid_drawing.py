"""A grid drawn on paper: SVG from the layers, for a page that is printed, in black and white too.

The grid stands out by its thick border and by being the only white land; service points are
numbers that a table beside the drawing explains. Nothing rests on colour. The drawing is self-contained.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from gis.texts import Language, text
from maps.drawing_sheet import Sheet, furnish, lettering, path_of, pushed_apart, roomiest, sheet_for
from maps.legend import plain_text

_WIDTHS = {"arterial": 14.0, "lane": 7.0}
_MOST_NUMBERED = 150
"""More points than this cannot be told apart by numbers on one sheet: they are dots."""
_FONT = "'Noto Sans CJK SC','Noto Sans SC','PingFang SC','Microsoft YaHei',sans-serif"


@dataclass(frozen=True)
class DrawnLayers:
    """The frames that a drawing takes its lines from, EPSG:4490; any may be missing.

    Attributes
    ----------
    grids, compounds, buildings, streets
        Frames as in docs/architecture.md.
    """

    grids: gpd.GeoDataFrame
    compounds: gpd.GeoDataFrame | None = None
    buildings: gpd.GeoDataFrame | None = None
    streets: gpd.GeoDataFrame | None = None


def draw_grid(
    layers: DrawnLayers,
    grid_code: str | None,
    *,
    points: Any = (),
    numbers: Any = (),
    language: Language = "zh",
    width: float = 720.0,
    height: float = 560.0,
    title: str | None = None,
) -> str:
    """Draw one grid with its surroundings, or all grids of a community.

    Parameters
    ----------
    layers
        What to draw.
    grid_code
        The grid that stands out; None draws them all, each with its number.
    points
        Service points, shapely Points in EPSG:4490, shape (n,).
    numbers
        What stands in each point's circle, shape (n,).
    language
        For the scale and the north arrow.
    width, height
        Of the sheet, in its own units.
    title
        What a screen reader says.

    Returns
    -------
    str
        An ``<svg>`` element; the same frames give the same bytes. Empty where there is nothing to draw.
    """
    grids = _located(layers.grids)
    chosen = grids[grids["grid_code"].astype(str) == grid_code] if grid_code is not None else _basic(grids)
    if not len(chosen):
        return ""
    sheet = sheet_for(chosen.geometry.to_numpy(), width, height)
    mark = "".join(char for char in str(grid_code or "all") if char.isalnum())
    inside = shapely.union_all(sheet.lay(chosen.geometry.to_numpy()))
    _ground(sheet, layers, inside)
    _streets(sheet, layers.streets)
    _borders(sheet, grids, inside, whole=grid_code is None)
    _street_names(sheet, layers.streets, inside, whole=grid_code is None)
    if grid_code is not None:
        _house_numbers(sheet, layers, inside)
        _compound_names(sheet, layers, inside)
    _grid_names(sheet, grids, grid_code)
    _points(sheet, points, numbers)
    furnish(sheet, language)
    name = escape(title or text("residents.drawing.title", language), quote=True)
    body = "".join(sheet.parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="drawing" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'role="img" aria-label="{name}" font-family="{_FONT}"><title>{name}</title>'
        f'<defs><clipPath id="sheet{mark}"><rect width="{width:.0f}" height="{height:.0f}"/></clipPath>'
        "</defs>"
        f'<g clip-path="url(#sheet{mark})">{body}</g>'
        f'<rect x=".5" y=".5" width="{width - 1:.0f}" height="{height - 1:.0f}" fill="none" '
        f'stroke="#222" stroke-width="1"/></svg>'
    )


def _located(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    shapes = frame.geometry.to_numpy()
    return frame[~(shapely.is_missing(shapes) | shapely.is_empty(shapes))]


def _basic(grids: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return grids[grids["grid_type"].astype(str) == "basic"]


def _in_sight(sheet: Sheet, frame: gpd.GeoDataFrame | None) -> tuple[gpd.GeoDataFrame | None, Any]:
    """Lay a frame on the sheet and keep what is on it."""
    if frame is None or not len(frame):
        return None, np.empty(0, dtype=object)
    drawn = _located(frame)
    laid = sheet.lay(drawn.geometry.to_numpy())
    seen = shapely.intersects(laid, shapely.box(-20, -20, sheet.width + 20, sheet.height + 20))
    return drawn[seen], laid[seen]


def _ground(sheet: Sheet, layers: DrawnLayers, inside: Any) -> None:
    sheet.parts.append('<rect width="100%" height="100%" fill="#e9e9e6"/>')
    sheet.parts.append(f'<path d="{path_of(inside)}" fill="#fff"/>')
    _, compounds = _in_sight(sheet, layers.compounds)
    for shape in compounds:
        sheet.parts.append(
            f'<path d="{path_of(shape)}" fill="#000" fill-opacity=".035" stroke="#8d8d85" stroke-width=".7" '
            'stroke-dasharray="4 2"/>'
        )
    _, buildings = _in_sight(sheet, layers.buildings)
    if len(buildings):
        near = shapely.intersects(buildings, inside)
        for shapes, fill in ((buildings[~near], "#dcdcd7"), (buildings[near], "#c9c9c2")):
            if len(shapes):
                d = "".join(path_of(shape) for shape in shapes)
                sheet.parts.append(f'<path d="{d}" fill="{fill}" stroke="#77776f" stroke-width=".5"/>')


def _streets(sheet: Sheet, streets: gpd.GeoDataFrame | None) -> None:
    drawn, laid = _in_sight(sheet, streets)
    if drawn is None:
        return
    kinds = drawn["barrier_class"].astype(str).to_numpy()
    for shape in laid[kinds == "river"]:
        d = path_of(shape)
        wide = max(6.0, 22 * sheet.scale)
        sheet.parts.append(f'<path d="{d}" fill="none" stroke="#9db8c6" stroke-width="{wide:.1f}"/>')
        sheet.parts.append(
            f'<path d="{d}" fill="none" stroke="#fff" stroke-width="1" stroke-dasharray="10 6"/>'
        )
    for edge, colour in ((1.6, "#77776f"), (0.0, "#fff")):
        for kind, metres in _WIDTHS.items():
            wide = max(3.0, metres * sheet.scale)
            d = "".join(path_of(shape) for shape in laid[kinds == kind])
            if d:
                sheet.parts.append(
                    f'<path d="{d}" fill="none" stroke="{colour}" stroke-width="{wide + edge:.1f}" '
                    'stroke-linejoin="round"/>'
                )
    d = "".join(path_of(shape) for shape in laid[kinds == "wall"])
    if d:
        sheet.parts.append(f'<path d="{d}" fill="none" stroke="#55554e" stroke-width="1.4"/>')


def _borders(sheet: Sheet, grids: gpd.GeoDataFrame, inside: Any, *, whole: bool) -> None:
    _, others = _in_sight(sheet, _basic(grids))
    d = "".join(path_of(shape) for shape in others)
    thin = 2.6 if whole else 1.4
    sheet.parts.append(
        f'<path d="{d}" fill="none" stroke="#222" stroke-width="{thin}" stroke-dasharray="9 4 2 4"/>'
    )
    sheet.parts.append(
        f'<path d="{path_of(inside)}" fill="none" stroke="#fff" stroke-width="7" stroke-linejoin="round"/>'
        f'<path d="{path_of(inside)}" fill="none" stroke="#111" stroke-width="4" stroke-linejoin="round"/>'
    )


def _street_names(sheet: Sheet, streets: gpd.GeoDataFrame | None, inside: Any, *, whole: bool) -> None:
    drawn, laid = _in_sight(sheet, streets)
    if drawn is None:
        return
    frame = shapely.box(12, 12, sheet.width - 12, sheet.height - 12)
    for name, kind, shape in zip(drawn["name"], drawn["barrier_class"].astype(str), laid, strict=True):
        words = plain_text(name)[:24]
        if kind == "wall" or not words or (whole and kind == "lane"):
            continue
        seen = shapely.get_parts(shapely.line_merge(shapely.intersection(shape, frame)))
        if not len(seen):
            continue
        line = max(seen, key=lambda part: part.length)
        size = 12.0 if kind == "arterial" else 10.0
        long = size * len(words) * 1.05
        if line.geom_type != "LineString" or line.length < long + 14:
            continue
        at = line.length * 0.38
        low, high = (
            shapely.get_coordinates(shapely.line_interpolate_point(line, at + step))[0]
            for step in (-long / 2, long / 2)
        )
        turn = float(np.degrees(np.arctan2(high[1] - low[1], high[0] - low[0])))
        turn = turn - 180 if turn > 90 else turn + 180 if turn < -90 else turn
        middle = (low + high) / 2
        # A third of the size below the line, across it: letters then stand on its middle.
        across = np.array([-np.sin(np.radians(turn)), np.cos(np.radians(turn))]) * size * 0.35
        if shapely.distance(shapely.boundary(inside), shapely.points(middle)) < size:
            # A name on the border would break its line: it goes to the outer side.
            aside = across / np.hypot(*across) * size * 1.25
            out = min((aside, -aside), key=lambda step: inside.contains(shapely.points(middle + step)))
            middle = middle + out
        sheet.parts.append(lettering(middle + across, words, size, ink="#444", turn=turn))


def _house_numbers(sheet: Sheet, layers: DrawnLayers, inside: Any) -> None:
    drawn, laid = _in_sight(sheet, layers.buildings)
    if drawn is None:
        return
    near = shapely.intersects(laid, inside)
    middles = shapely.get_coordinates(shapely.point_on_surface(laid[near]))
    for number, (x, y) in zip(drawn["number"][near], middles, strict=True):
        words = plain_text(number)
        if 0 < len(words) <= 5:
            sheet.parts.append(
                f'<text x="{x:.1f}" y="{y + 2.6:.1f}" font-size="7.5" text-anchor="middle" '
                f'fill="#333">{escape(words)}</text>'
            )


def _compound_names(sheet: Sheet, layers: DrawnLayers, inside: Any) -> None:
    drawn, laid = _in_sight(sheet, layers.compounds)
    if drawn is None:
        return
    _, houses = _in_sight(sheet, layers.buildings)
    built = shapely.union_all(houses)
    for name, shape in zip(drawn["name"], laid, strict=True):
        land = shapely.intersection(shape, inside)
        words = plain_text(name)[:16]
        if words and shapely.area(land) > 3000:
            x, y = roomiest(shapely.difference(land, built), len(words) * 12.5)
            sheet.parts.append(lettering((x, y + 4.5), words, 12.5, weight=700))


def _grid_names(sheet: Sheet, grids: gpd.GeoDataFrame, grid_code: str | None) -> None:
    drawn, laid = _in_sight(sheet, _basic(grids))
    if drawn is None:
        return
    furniture = [
        shapely.box(0, sheet.height - 58, sheet.width / 4 + 40, sheet.height),
        shapely.box(sheet.width - 66, 0, sheet.width, 66),
    ]
    window = shapely.difference(
        shapely.box(14, 14, sheet.width - 14, sheet.height - 14), shapely.union_all(furniture)
    )
    for code, name, shape in zip(drawn["grid_code"], drawn["name"], laid, strict=True):
        if str(code) == grid_code:
            continue
        land = shapely.intersection(shape, window)
        if shapely.area(land) < 1500:
            continue
        words = (plain_text(name) or str(code))[:14] if grid_code is None else str(code)[12:]
        x, y = roomiest(land, 60)
        sheet.parts.append(
            lettering((x, y + 5), words, 15 if grid_code is None else 13, weight=700, ink="#333")
        )


def _points(sheet: Sheet, points: Any, numbers: Any) -> None:
    places = np.asarray(points, dtype=object)
    if not len(places):
        return
    there = ~(shapely.is_missing(places) | shapely.is_empty(places))
    xy = shapely.get_coordinates(sheet.lay(places[there]))
    xy = pushed_apart(xy, 19.0) if len(xy) <= _MOST_NUMBERED else xy
    xy = np.clip(xy, 11, (sheet.width - 11, sheet.height - 11))
    if len(xy) > _MOST_NUMBERED:
        dots = "".join(f"M{x:.1f} {y:.1f}h.01" for x, y in xy)
        sheet.parts.append(f'<path d="{dots}" stroke="#111" stroke-width="4" stroke-linecap="round"/>')
        return
    for (x, y), number in zip(xy, np.asarray(numbers, dtype=object)[there], strict=True):
        size = 11 if len(str(number)) < 3 else 9
        sheet.parts.append(
            f'<g><circle cx="{x:.1f}" cy="{y:.1f}" r="9" fill="#111" stroke="#fff" stroke-width="1.6"/>'
            f'<text x="{x:.1f}" y="{y + size * 0.36:.1f}" font-size="{size}" font-weight="700" '
            f'text-anchor="middle" fill="#fff">{escape(str(number))}</text></g>'
        )
