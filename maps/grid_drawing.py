"""A grid drawn on paper: SVG from the layers, for a page that is printed, in black and white too.

The grid stands out by its thick border and by being the only white land; service points are
numbers that a table beside the drawing explains. Nothing rests on colour. The drawing is self-contained.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from gis.crs import metres_per_degree
from gis.texts import Language, text
from maps.legend import plain_text

_WIDTHS = {"arterial": 14.0, "lane": 7.0}
_MARGIN = 0.12
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


@dataclass
class _Sheet:
    """The paper: metres on the ground to units on the sheet, y down."""

    west: float
    north: float
    east_m: float
    north_m: float
    scale: float
    width: float
    height: float
    parts: list[str] = field(default_factory=list)

    def xy(self, lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(
            (
                (lonlat[:, 0] - self.west) * self.east_m * self.scale,
                (self.north - lonlat[:, 1]) * self.north_m * self.scale,
            )
        )

    def lay(self, shapes: Any) -> Any:
        return shapely.transform(np.asarray(shapes, dtype=object), self.xy)


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
    sheet = _sheet(chosen.geometry.to_numpy(), width, height)
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
    _furniture(sheet, language)
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


def _sheet(shapes: Any, width: float, height: float) -> _Sheet:
    west, south, east, north = shapely.total_bounds(shapes)
    per_lon, per_lat = (float(one) for one in metres_per_degree((south + north) / 2))
    wide, high = max((east - west) * per_lon, 40.0), max((north - south) * per_lat, 40.0)
    scale = min(width / (wide * (1 + 2 * _MARGIN)), height / (high * (1 + 2 * _MARGIN)))
    middle = ((west + east) / 2, (south + north) / 2)
    return _Sheet(
        west=middle[0] - width / 2 / scale / per_lon,
        north=middle[1] + height / 2 / scale / per_lat,
        east_m=per_lon,
        north_m=per_lat,
        scale=scale,
        width=width,
        height=height,
    )


def _path(shape: Any) -> str:
    """Write a geometry as the ``d`` of a path, to a tenth of a unit."""
    steps = []
    for part in shapely.get_parts(shape):
        rings = [part] if part.geom_type == "LineString" else [part.exterior, *part.interiors]
        for ring in rings:
            xy = np.round(shapely.get_coordinates(ring), 1)
            closed = ring.geom_type == "LinearRing"
            dots = "L".join(f"{x:g} {y:g}" for x, y in (xy[:-1] if closed else xy))
            steps.append(f"M{dots}{'Z' if closed else ''}")
    return "".join(steps)


def _in_sight(sheet: _Sheet, frame: gpd.GeoDataFrame | None) -> tuple[gpd.GeoDataFrame | None, Any]:
    """Lay a frame on the sheet and keep what is on it."""
    if frame is None or not len(frame):
        return None, np.empty(0, dtype=object)
    drawn = _located(frame)
    laid = sheet.lay(drawn.geometry.to_numpy())
    seen = shapely.intersects(laid, shapely.box(-20, -20, sheet.width + 20, sheet.height + 20))
    return drawn[seen], laid[seen]


def _ground(sheet: _Sheet, layers: DrawnLayers, inside: Any) -> None:
    sheet.parts.append('<rect width="100%" height="100%" fill="#e9e9e6"/>')
    sheet.parts.append(f'<path d="{_path(inside)}" fill="#fff"/>')
    _, compounds = _in_sight(sheet, layers.compounds)
    for shape in compounds:
        sheet.parts.append(
            f'<path d="{_path(shape)}" fill="#000" fill-opacity=".035" stroke="#8d8d85" stroke-width=".7" '
            'stroke-dasharray="4 2"/>'
        )
    _, buildings = _in_sight(sheet, layers.buildings)
    if len(buildings):
        near = shapely.intersects(buildings, inside)
        for shapes, fill in ((buildings[~near], "#dcdcd7"), (buildings[near], "#c9c9c2")):
            if len(shapes):
                d = "".join(_path(shape) for shape in shapes)
                sheet.parts.append(f'<path d="{d}" fill="{fill}" stroke="#77776f" stroke-width=".5"/>')


def _streets(sheet: _Sheet, streets: gpd.GeoDataFrame | None) -> None:
    drawn, laid = _in_sight(sheet, streets)
    if drawn is None:
        return
    kinds = drawn["barrier_class"].astype(str).to_numpy()
    for shape in laid[kinds == "river"]:
        d = _path(shape)
        wide = max(6.0, 22 * sheet.scale)
        sheet.parts.append(f'<path d="{d}" fill="none" stroke="#9db8c6" stroke-width="{wide:.1f}"/>')
        sheet.parts.append(
            f'<path d="{d}" fill="none" stroke="#fff" stroke-width="1" stroke-dasharray="10 6"/>'
        )
    for edge, colour in ((1.6, "#77776f"), (0.0, "#fff")):
        for kind, metres in _WIDTHS.items():
            wide = max(3.0, metres * sheet.scale)
            d = "".join(_path(shape) for shape in laid[kinds == kind])
            if d:
                sheet.parts.append(
                    f'<path d="{d}" fill="none" stroke="{colour}" stroke-width="{wide + edge:.1f}" '
                    'stroke-linejoin="round"/>'
                )
    d = "".join(_path(shape) for shape in laid[kinds == "wall"])
    if d:
        sheet.parts.append(f'<path d="{d}" fill="none" stroke="#55554e" stroke-width="1.4"/>')


def _borders(sheet: _Sheet, grids: gpd.GeoDataFrame, inside: Any, *, whole: bool) -> None:
    _, others = _in_sight(sheet, _basic(grids))
    d = "".join(_path(shape) for shape in others)
    thin = 2.6 if whole else 1.4
    sheet.parts.append(
        f'<path d="{d}" fill="none" stroke="#222" stroke-width="{thin}" stroke-dasharray="9 4 2 4"/>'
    )
    sheet.parts.append(
        f'<path d="{_path(inside)}" fill="none" stroke="#fff" stroke-width="7" stroke-linejoin="round"/>'
        f'<path d="{_path(inside)}" fill="none" stroke="#111" stroke-width="4" stroke-linejoin="round"/>'
    )


def _text(
    xy: Any, words: str, size: float, *, weight: int = 400, ink: str = "#222", turn: float = 0.0
) -> str:
    x, y = xy
    rotated = f' transform="rotate({turn:.1f} {x:.1f} {y:.1f})"' if turn else ""
    # The halo is the same words below in white: paint-order is not known to every renderer.
    common = (
        f'x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" font-weight="{weight}" text-anchor="middle"{rotated}'
    )
    said = escape(words)
    return (
        f'<text {common} stroke="#fff" stroke-width="3" stroke-linejoin="round" fill="#fff">{said}</text>'
        f'<text {common} fill="{ink}">{said}</text>'
    )


def _street_names(sheet: _Sheet, streets: gpd.GeoDataFrame | None, inside: Any, *, whole: bool) -> None:
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
        sheet.parts.append(_text(middle + across, words, size, ink="#444", turn=turn))


def _house_numbers(sheet: _Sheet, layers: DrawnLayers, inside: Any) -> None:
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


def _compound_names(sheet: _Sheet, layers: DrawnLayers, inside: Any) -> None:
    drawn, laid = _in_sight(sheet, layers.compounds)
    if drawn is None:
        return
    _, houses = _in_sight(sheet, layers.buildings)
    built = shapely.union_all(houses)
    for name, shape in zip(drawn["name"], laid, strict=True):
        land = shapely.intersection(shape, inside)
        words = plain_text(name)[:16]
        if words and shapely.area(land) > 3000:
            x, y = _roomiest(shapely.difference(land, built), len(words) * 12.5)
            sheet.parts.append(_text((x, y + 4.5), words, 12.5, weight=700))


def _grid_names(sheet: _Sheet, grids: gpd.GeoDataFrame, grid_code: str | None) -> None:
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
        x, y = _roomiest(land, 60)
        sheet.parts.append(_text((x, y + 5), words, 15 if grid_code is None else 13, weight=700, ink="#333"))


def _roomiest(land: Any, long: float) -> tuple[float, float]:
    """Find the middle of the widest place for some words: the largest ellipse, as long as they are."""
    stretch = min(1.0, 26.0 / max(long, 26.0))
    squeezed = shapely.transform(land, lambda xy: xy * (stretch, 1.0))
    parts = shapely.get_parts(squeezed)
    areas = parts[shapely.get_dimensions(parts) == 2]
    if not len(areas):
        x, y = shapely.get_coordinates(shapely.point_on_surface(land))[0]
        return float(x), float(y)
    largest = areas[np.argmax(shapely.area(areas))]
    radius = shapely.maximum_inscribed_circle(largest, tolerance=1.0)
    x, y = shapely.get_coordinates(radius)[0]
    return float(x / stretch), float(y)


def _points(sheet: _Sheet, points: Any, numbers: Any) -> None:
    places = np.asarray(points, dtype=object)
    if not len(places):
        return
    there = ~(shapely.is_missing(places) | shapely.is_empty(places))
    xy = _apart(shapely.get_coordinates(sheet.lay(places[there])), 19.0)
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


def _apart(xy: NDArray[np.float64], least: float) -> NDArray[np.float64]:
    """Push circles that would lie on each other apart, always in the same way."""
    placed = xy.copy()
    for _ in range(60 if len(placed) <= _MOST_NUMBERED else 0):
        delta = placed[:, None] - placed[None]
        away = np.hypot(delta[..., 0], delta[..., 1])
        close = (away < least) & ~np.eye(len(placed), dtype=bool)
        if not close.any():
            break
        one, other = np.nonzero(close)
        way = delta[one, other]
        # Two at the very same spot go apart along a direction of their own.
        turn = (one + 1.0) * 2.399963 * np.where(one < other, 1, -1)
        same = away[one, other] < 1e-6
        way[same] = np.column_stack((np.cos(turn[same]), np.sin(turn[same])))
        length = np.maximum(np.hypot(way[:, 0], way[:, 1]), 1e-9)
        push = way / length[:, None] * ((least - away[one, other]) / 2 + 0.2)[:, None]
        np.add.at(placed, one, push * 0.5)
    return placed


def _furniture(sheet: _Sheet, language: Language) -> None:
    """Draw the scale and the north arrow."""
    metres = next(m for m in (500, 200, 100, 50, 20, 10) if m * sheet.scale <= sheet.width / 4 or m == 10)
    long = metres * sheet.scale
    x, y = 18.0, sheet.height - 20.0
    sheet.parts.append(
        f'<rect x="{x - 8:.1f}" y="{y - 20:.1f}" width="{long + 16:.1f}" height="32" fill="#fff" '
        f'fill-opacity=".88"/><path d="M{x:.1f} {y - 4:.1f}v6h{long:.1f}v-6" fill="none" stroke="#111" '
        f'stroke-width="1.5"/><text x="{x + long / 2:.1f}" y="{y - 6:.1f}" font-size="11" '
        f'text-anchor="middle" fill="#111">{metres} m</text>'
    )
    north = escape(text("residents.drawing.north", language))
    x, y = sheet.width - 28.0, 14.0
    sheet.parts.append(
        f'<circle cx="{x:.1f}" cy="{y + 16:.1f}" r="21" fill="#fff" fill-opacity=".88"/>'
        f'<path d="M{x:.1f} {y:.1f}l7 20-7-5-7 5z" fill="#111"/><text x="{x:.1f}" y="{y + 33:.1f}" '
        f'font-size="11" font-weight="700" text-anchor="middle" fill="#111">{north}</text>'
    )
