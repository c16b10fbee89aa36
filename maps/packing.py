"""Frames as compact JSON for a page: columns, whole numbers, differences.

Grid borders keep every bit: they are lattice steps (1e-8°), so that the device decides who owns a position
by the same whole-number arithmetic as :mod:`gis.locate`. What is only looked at is rounded to 1e-6° (0.1 m),
service points to 1e-5° (1 m). A list of numbers is written as its first value and the differences, which
compress to a third; the scripts add them up again.

All coordinates are CGCS2000 and relative to the page's origin, a whole 1e-5° to the south-west of everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis.lattice import to_lattice

Ints = NDArray[np.int64]

EXACT = 1
LOOKS = 100
POINTS = 1000
"""Lattice steps in one unit of each precision."""

_DICTIONARY_PAYS_BELOW = 0.5
_STRETCH_PAYS_FROM = 3
_MOST_CHOICES = 0xD800 - 0x100
_EPOCH = pd.Timestamp("2000-01-01")


@dataclass(frozen=True)
class Frame:
    """The origin that a page's coordinates are relative to.

    Attributes
    ----------
    x, y
        Lattice steps of the origin, multiples of 1,000.
    """

    x: int
    y: int

    @classmethod
    def around(cls, frames: Sequence[gpd.GeoDataFrame | None]) -> Frame:
        """Find the origin for some frames.

        Parameters
        ----------
        frames
            Frames in EPSG:4490 degrees; missing and empty ones are passed over.

        Returns
        -------
        Frame
            At or south-west of every vertex; 0, 0 where there is none.
        """
        boxes = [frame.total_bounds for frame in frames if frame is not None and len(frame)]
        corners = np.array([box[:2] for box in boxes if np.isfinite(box).all()], dtype=np.float64)
        if not len(corners):
            return cls(0, 0)
        west, south = (to_lattice(corners.min(axis=0)) // POINTS * POINTS).tolist()
        return cls(int(west), int(south))

    def units(self, degrees: Any, unit: int) -> Ints:
        """Turn degrees into whole units from the origin.

        Parameters
        ----------
        degrees
            Shape (n, 2), longitude and latitude.
        unit
            ``EXACT``, ``LOOKS`` or ``POINTS``.

        Returns
        -------
        numpy.ndarray
            int64, shape (n, 2).
        """
        steps = to_lattice(degrees).reshape(-1, 2) - np.array([self.x, self.y])
        return np.asarray(np.rint(steps / unit), dtype=np.int64) if unit != EXACT else steps


def pack_rings(geometries: Any, frame: Frame, unit: int) -> list[list[list[int]]]:
    """Pack polygons: a list of rings each, to be filled by the even-odd rule.

    Parameters
    ----------
    geometries
        Shapely polygons or multipolygons, shape (n,); missing and empty ones give no ring.
    frame
        The origin.
    unit
        The precision.

    Returns
    -------
    list
        n × rings × [x, y, dx, dy, …]; a ring's last vertex, which repeats its first, is left out.
    """
    return _pack_lines(geometries, frame, unit, closed=True)


def pack_mosaic(geometries: Any, frame: Frame) -> list[list[list[int] | list[list[int]]]]:
    """Pack polygons that share borders, exactly, each shared stretch of border once.

    Parameters
    ----------
    geometries
        Shapely polygons or multipolygons on the lattice, shape (n,).
    frame
        The origin.

    Returns
    -------
    list
        n × rings; a ring is a list of pieces: ``[x, y, dx, dy, …]`` from the ring's last vertex on, or
        ``[r, from, count]``, which is ``count`` vertices of ring r (counted through all polygons) backwards
        from its vertex ``from``. A ring without shared borders is one piece.
    """
    seen: dict[tuple[int, ...], tuple[int, int]] = {}
    packed: list[list[Any]] = []
    number = 0
    # Turned alike, neighbours run along a shared border in opposite directions.
    for rings in pack_rings(shapely.orient_polygons(np.asarray(geometries, dtype=object)), frame, EXACT):
        polygon: list[Any] = []
        for ring in rings:
            xy = np.cumsum(np.array(ring, dtype=np.int64).reshape(-1, 2), axis=0).tolist()
            polygon.append(_pieces(xy, number, seen))
            number += 1
        packed.append(polygon)
    return packed


def pack_lines(geometries: Any, frame: Frame, unit: int) -> list[list[list[int]]]:
    """Pack lines: a list of parts each.

    Parameters
    ----------
    geometries
        Shapely lines or multilines, shape (n,).
    frame
        The origin.
    unit
        The precision.

    Returns
    -------
    list
        n × parts × [x, y, dx, dy, …].
    """
    return _pack_lines(geometries, frame, unit, closed=False)


def pack_positions(geometries: Any, frame: Frame, unit: int) -> list[int]:
    """Pack one position for each geometry: a point itself, or a point well inside a polygon.

    Parameters
    ----------
    geometries
        Shapely geometries, none missing, shape (n,).
    frame
        The origin.
    unit
        The precision.

    Returns
    -------
    list of int
        x₀, y₀, then the differences to the one before.
    """
    if not len(geometries):
        return []
    at = shapely.get_coordinates(shapely.point_on_surface(geometries))
    return differences(frame.units(at, unit))


def differences(units: Ints) -> list[int]:
    """Write positions as the first one and the differences.

    Parameters
    ----------
    units
        int64, shape (n, 2).

    Returns
    -------
    list of int
        2n numbers.
    """
    return np.diff(units, axis=0, prepend=np.zeros((1, 2), dtype=np.int64)).ravel().tolist()


def pack_texts(values: Sequence[str]) -> dict[str, Any]:
    """Pack a column of texts: joined by line ends, as a dictionary where they repeat, a common start once.

    Parameters
    ----------
    values
        n texts; a line end within one becomes a blank.

    Returns
    -------
    dict
        ``t`` the texts without their common start ``p``; with ``i``, these are the distinct ones and ``i``
        (see :func:`pack_choices`) says which each row has.
    """
    flat = [value.replace("\r", " ").replace("\n", " ") for value in values]
    distinct = list(dict.fromkeys(flat))
    repeats = len(distinct) < min(len(flat) * _DICTIONARY_PAYS_BELOW, _MOST_CHOICES)
    written = distinct if repeats else flat
    start = _common_start(min(written), max(written)) if len(written) > 1 else ""
    packed: dict[str, Any] = {"p": start, "t": "\n".join(text[len(start) :] for text in written)}
    if repeats:
        place = {value: index for index, value in enumerate(distinct)}
        packed["i"] = pack_choices([place[value] for value in flat])
    return packed


def pack_days(values: pd.Series) -> dict[str, Any]:
    """Pack dates as days before the latest of them.

    Parameters
    ----------
    values
        Dates, texts of dates, or missing, shape (n,).

    Returns
    -------
    dict
        ``last``, days since 2000-01-01, and ``ago``: for each row a choice (see :func:`pack_choices`), 0
        where there is no date that can be read, else one more than the days before ``last``.
    """
    # A column may hold dates and texts of dates side by side, so each is read by itself.
    parsed = pd.to_datetime(values.astype("str"), errors="coerce", format="mixed")
    days = (parsed - _EPOCH).dt.days
    if days.isna().all():
        return {"last": 0, "ago": pack_choices([0] * len(days))}
    last = int(days.max())
    # A date from another age is a mistake in the entry, and shown as what it comes to: long ago.
    ago = [0 if pd.isna(day) else min(last - int(day) + 1, _MOST_CHOICES - 1) for day in days]
    return {"last": last, "ago": pack_choices(ago)}


def pack_choices(indexes: Sequence[int]) -> str:
    """Pack small whole numbers as one letter each: A to Z, then U+0100 and on.

    Parameters
    ----------
    indexes
        n numbers from 0 to 55,039, so that no letter is half of a pair.

    Returns
    -------
    str
        n letters, none of which JSON or HTML must escape.
    """
    return "".join(chr(65 + index) if index < 26 else chr(0x100 + index) for index in indexes)


def unpack_choices(letters: str) -> list[int]:
    """Read what :func:`pack_choices` wrote.

    Parameters
    ----------
    letters
        n letters.

    Returns
    -------
    list of int
        n numbers.
    """
    return [ord(one) - (65 if ord(one) < 0x100 else 0x100) for one in letters]


def z_order(units: Ints) -> NDArray[np.int64]:
    """Order positions along Morton's curve, so that the next one is near.

    Parameters
    ----------
    units
        int64, shape (n, 2), from 0 to 2**31.

    Returns
    -------
    numpy.ndarray
        Key, shape (n,): the bits of x and y, one after the other in turn.
    """
    return _spread(units[:, 0]) | (_spread(units[:, 1]) << 1)


def _pack_lines(geometries: Any, frame: Frame, unit: int, *, closed: bool) -> list[list[list[int]]]:
    array = np.asarray(geometries, dtype=object)
    packed: list[list[list[int]]] = [[] for _ in array]
    parts, owner = shapely.get_parts(array, return_index=True)
    if closed:
        parts, of_part = shapely.get_rings(parts, return_index=True)
        owner = owner[of_part]
    coordinates, of_line = shapely.get_coordinates(parts, return_index=True)
    units = frame.units(coordinates, unit)
    # Rounding puts neighbours on one spot; a vertex that moves nowhere is left out.
    kept = np.ones(len(units), dtype=bool)
    kept[1:] = (of_line[1:] != of_line[:-1]) | (units[1:] != units[:-1]).any(axis=1)
    units, of_line = units[kept], of_line[kept]
    starts = np.flatnonzero(np.diff(of_line, prepend=-1))
    for start, end in zip(starts, np.append(starts, len(of_line))[1:], strict=True):
        vertices = units[start : end - 1] if closed else units[start:end]
        if len(vertices) >= (3 if closed else 2):
            packed[int(owner[of_line[start]])].append(differences(vertices))
    return packed


def _pieces(
    xy: list[list[int]], number: int, seen: dict[tuple[int, ...], tuple[int, int]]
) -> list[list[int]]:
    """Take a ring apart into vertices of its own and stretches that earlier rings have the other way round.

    An edge is known by its two ends; ``seen`` says in which ring, and at which vertex it ends there.
    """
    size = len(xy)
    shared = [seen.get((*xy[at], *xy[at - 1])) for at in range(size)]
    for at in range(size):
        seen.setdefault((*xy[at - 1], *xy[at]), (number, at))
    pieces: list[list[int]] = []
    own: list[list[int]] = []

    def close() -> None:
        if own:
            pieces.append(differences(np.array(own, dtype=np.int64)))
            own.clear()

    at = 0
    while at < size:
        start = shared[at]
        if start is None:
            own.append(xy[at])
            at += 1
            continue
        # The edge that ends here begins, in the other ring, where this one ends: one vertex before.
        ring, other = start
        count = 1
        while at + count < size and shared[at + count] == (ring, other - count):
            count += 1
        if count < _STRETCH_PAYS_FROM:
            own.extend(xy[at : at + count])
        else:
            close()
            pieces.append([ring, other - 1, count])
        at += count
    close()
    return pieces


def _common_start(first: str, last: str) -> str:
    """Give what two texts begin with; of the least and the greatest of some, that is what all begin with."""
    for at, (one, other) in enumerate(zip(first, last, strict=False)):
        if one != other:
            return first[:at]
    return min(first, last, key=len)


def _spread(values: NDArray[np.int64]) -> NDArray[np.int64]:
    bits = np.asarray(values, dtype=np.int64) & 0x7FFFFFFF
    for shift, mask in (
        (16, 0x0000FFFF0000FFFF),
        (8, 0x00FF00FF00FF00FF),
        (4, 0x0F0F0F0F0F0F0F0F),
        (2, 0x3333333333333333),
        (1, 0x5555555555555555),
    ):
        bits = (bits | (bits << shift)) & mask
    return bits
