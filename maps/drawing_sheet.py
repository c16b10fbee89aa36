"""Paper for drawings of grids: metres on the ground to units on a sheet, and what any map needs on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.crs import metres_per_degree
from gis.texts import Language, text

_MARGIN = 0.12
_ROUNDS = 60


@dataclass
class Sheet:
    """The paper: metres on the ground to units on the sheet, y down.

    Attributes
    ----------
    west, north
        Degrees of its upper left corner.
    east_m, north_m
        Metres in a degree of longitude and of latitude.
    scale
        Units in a metre.
    width, height
        In units.
    parts
        What was drawn so far, as SVG.
    """

    west: float
    north: float
    east_m: float
    north_m: float
    scale: float
    width: float
    height: float
    parts: list[str] = field(default_factory=list)

    def xy(self, lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn degrees into units.

        Parameters
        ----------
        lonlat
            Shape (n, 2), EPSG:4490.

        Returns
        -------
        numpy.ndarray
            Shape (n, 2).
        """
        return np.column_stack(
            (
                (lonlat[:, 0] - self.west) * self.east_m * self.scale,
                (self.north - lonlat[:, 1]) * self.north_m * self.scale,
            )
        )

    def lay(self, shapes: Any) -> Any:
        """Lay shapes on the sheet.

        Parameters
        ----------
        shapes
            Shapely geometries in EPSG:4490, shape (n,).

        Returns
        -------
        numpy.ndarray
            The same in units.
        """
        return shapely.transform(np.asarray(shapes, dtype=object), self.xy)


def sheet_for(shapes: Any, width: float, height: float) -> Sheet:
    """Make a sheet that some shapes fill but for a margin.

    Parameters
    ----------
    shapes
        Shapely geometries in EPSG:4490, shape (n,).
    width, height
        In units.

    Returns
    -------
    Sheet
        Empty.
    """
    west, south, east, north = shapely.total_bounds(shapes)
    per_lon, per_lat = (float(one) for one in metres_per_degree((south + north) / 2))
    wide, high = max((east - west) * per_lon, 40.0), max((north - south) * per_lat, 40.0)
    scale = min(width / (wide * (1 + 2 * _MARGIN)), height / (high * (1 + 2 * _MARGIN)))
    middle = ((west + east) / 2, (south + north) / 2)
    return Sheet(
        west=middle[0] - width / 2 / scale / per_lon,
        north=middle[1] + height / 2 / scale / per_lat,
        east_m=per_lon,
        north_m=per_lat,
        scale=scale,
        width=width,
        height=height,
    )


def path_of(shape: Any) -> str:
    """Write a geometry as the ``d`` of a path, to a tenth of a unit.

    Parameters
    ----------
    shape
        On the sheet.

    Returns
    -------
    str
        Moves and lines; a ring is closed.
    """
    steps = []
    for part in shapely.get_parts(shape):
        rings = [part] if part.geom_type == "LineString" else [part.exterior, *part.interiors]
        for ring in rings:
            xy = np.round(shapely.get_coordinates(ring), 1)
            closed = ring.geom_type == "LinearRing"
            dots = "L".join(f"{x:g} {y:g}" for x, y in (xy[:-1] if closed else xy))
            steps.append(f"M{dots}{'Z' if closed else ''}")
    return "".join(steps)


def lettering(
    xy: Any, words: str, size: float, *, weight: int = 400, ink: str = "#222", turn: float = 0.0
) -> str:
    """Write words with a halo, escaped.

    Parameters
    ----------
    xy
        The middle of their foot.
    words
        Any text.
    size
        Of the letters.
    weight, ink
        As CSS has them.
    turn
        Degrees clockwise.

    Returns
    -------
    str
        SVG.
    """
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


def roomiest(land: Any, long: float) -> tuple[float, float]:
    """Find the middle of the widest place for some words: the largest ellipse, as long as they are.

    Parameters
    ----------
    land
        On the sheet.
    long
        Length of the words.

    Returns
    -------
    tuple of float
        x and y.
    """
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


def pushed_apart(xy: NDArray[np.float64], least: float) -> NDArray[np.float64]:
    """Push circles that would lie on each other apart, always in the same way.

    Parameters
    ----------
    xy
        Their middles, shape (n, 2).
    least
        How far apart two of them are to be.

    Returns
    -------
    numpy.ndarray
        Shape (n, 2).
    """
    placed = xy.copy()
    for _ in range(_ROUNDS):
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


def furnish(sheet: Sheet, language: Language) -> None:
    """Draw the scale and the north arrow.

    Parameters
    ----------
    sheet
        Drawn on.
    language
        Of the arrow's letter.
    """
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
