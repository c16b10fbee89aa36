"""Each layer of the service map as columns: the fields named here leave by it, and no others."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis.errors import InputError
from gis.lattice import snap
from maps import legend
from maps.legend import plain_text
from maps.packing import (
    LOOKS,
    POINTS,
    Frame,
    differences,
    pack_choices,
    pack_days,
    pack_lines,
    pack_mosaic,
    pack_positions,
    pack_rings,
    pack_texts,
    z_order,
)

TINTS = 6
_SHOWN_ROLES = ("full_time", "leader", "police")
_GRID_TYPES = ("basic", "exclusive", "micro")
_ACCESS = {True: "1", False: "0"}


def need(frame: pd.DataFrame, name: str, columns: tuple[str, ...]) -> None:
    """Refuse a frame that lacks a column.

    Parameters
    ----------
    frame
        The frame.
    name
        Its name, for the message.
    columns
        Those without which nothing can be drawn.

    Raises
    ------
    InputError
        If one is missing.
    """
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise InputError(
            f"the frame {name} lacks the column {', '.join(missing)}",
            where=name,
            mend="see the table of frames in docs/architecture.md",
        )


def located(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Leave out the rows that have no shape to draw.

    Parameters
    ----------
    frame
        Any frame with geometry.

    Returns
    -------
    geopandas.GeoDataFrame
        The other rows, numbered anew.
    """
    geometry = frame.geometry
    return frame[(geometry.notna() & ~geometry.is_empty).to_numpy()].reset_index(drop=True)


def column(frame: pd.DataFrame, name: str) -> list[str]:
    """Return a column as plain texts.

    Parameters
    ----------
    frame
        The frame.
    name
        The column; one that is missing counts as empty.

    Returns
    -------
    list of str
        One for each row.
    """
    if name not in frame.columns:
        return [""] * len(frame)
    return [plain_text(value) for value in frame[name]]


def pack_grids(
    grids: gpd.GeoDataFrame, themes: pd.DataFrame | None, staff: pd.DataFrame | None, frame: Frame
) -> dict[str, Any]:
    """Pack the grids, exactly, with the people whose number is public.

    Parameters
    ----------
    grids
        Located rows of the frame.
    themes
        A place's own colour themes.
    staff
        The frame, if there is one.
    frame
        The page's origin.

    Returns
    -------
    dict
        ``code``, ``name``, ``type``, ``theme``, ``tint``, ``at``, ``rings``, ``staff``.
    """
    shapes = grids.geometry.to_numpy()
    values = column(grids, "colour_theme")
    known = list(legend.themes_of(values, themes))
    types = [value if value in _GRID_TYPES else "basic" for value in column(grids, "grid_type")]
    codes = column(grids, "grid_code")
    return {
        "code": codes,
        "name": column(grids, "name"),
        "type": [_GRID_TYPES.index(value) for value in types],
        "theme": [known.index(value) if value else -1 for value in values],
        "tint": _tints(shapes),
        "at": pack_positions(shapes, frame, LOOKS),
        "rings": pack_mosaic(snap(shapes), frame),
        "staff": _staff(codes, staff),
    }


def _tints(shapes: Any) -> list[int]:
    """Give neighbours different tints, greedily from the grid with the most neighbours down."""
    tints = np.full(len(shapes), -1, dtype=np.int64)
    first, second = shapely.STRtree(shapes).query(shapes, "intersects") if len(shapes) else ([], [])
    neighbours: list[set[int]] = [set() for _ in range(len(shapes))]
    for one, other in zip(first, second, strict=True):
        if one != other:
            neighbours[int(one)].add(int(other))
    for grid in sorted(range(len(shapes)), key=lambda at: (-len(neighbours[at]), at)):
        taken = {int(tints[other]) for other in neighbours[grid]}
        tints[grid] = next((tint for tint in range(TINTS) if tint not in taken), grid % TINTS)
    return [int(tint) for tint in tints]


def _staff(codes: list[str], staff: pd.DataFrame | None) -> list[list[list[str]]]:
    """List for each grid the people whose number is public: role, person, phone; the worker first."""
    people: dict[str, list[list[str]]] = {code: [] for code in codes}
    if staff is not None and len(staff):
        need(staff, "staff", ("role", "grid_code", "public_phone"))
        ended = column(staff, "valid_to")
        columns = zip(
            column(staff, "role"), column(staff, "grid_code"), column(staff, "person"),
            column(staff, "public_phone"), ended, strict=True,
        )  # fmt: skip
        for role, code, person, phone, end in columns:
            if role in _SHOWN_ROLES and phone and not end and code in people:
                people[code].append([role, person, phone])
    for listed in people.values():
        listed.sort(key=lambda one: _SHOWN_ROLES.index(one[0]))
    return [people[code] for code in codes]


def pack_compounds(compounds: gpd.GeoDataFrame | None, frame: Frame) -> dict[str, Any]:
    """Pack the compounds.

    Parameters
    ----------
    compounds
        The frame, if there is one.
    frame
        The page's origin.

    Returns
    -------
    dict
        ``name``, ``kind``, ``also``, ``at``, ``rings``.
    """
    if compounds is None:
        return {"name": [], "kind": [], "also": [], "at": [], "rings": []}
    drawn = located(compounds)
    shapes = drawn.geometry.to_numpy()
    aliases = drawn["aliases"] if "aliases" in drawn.columns else [[]] * len(drawn)
    return {
        "name": column(drawn, "name"),
        "kind": column(drawn, "kind"),
        "also": [
            "、".join(map(plain_text, value)) if isinstance(value, (list, tuple)) else plain_text(value)
            for value in aliases
        ],
        "at": pack_positions(shapes, frame, LOOKS),
        "rings": pack_rings(shapes, frame, LOOKS),
    }


def pack_buildings(buildings: gpd.GeoDataFrame | None, frame: Frame) -> dict[str, Any]:
    """Pack the buildings.

    Parameters
    ----------
    buildings
        The frame, if there is one.
    frame
        The page's origin.

    Returns
    -------
    dict
        ``number``, ``rings``.
    """
    if buildings is None:
        return {"number": [], "rings": []}
    drawn = located(buildings)
    return {"number": column(drawn, "number"), "rings": pack_rings(drawn.geometry.to_numpy(), frame, LOOKS)}


def pack_streets(streets: gpd.GeoDataFrame | None, frame: Frame) -> dict[str, Any]:
    """Pack the streets, rivers and walls.

    Parameters
    ----------
    streets
        The frame, if there is one.
    frame
        The page's origin.

    Returns
    -------
    dict
        ``name``, ``class``, ``lines``.
    """
    if streets is None:
        return {"name": [], "class": [], "lines": []}
    drawn = located(streets)
    return {
        "name": column(drawn, "name"),
        "class": column(drawn, "barrier_class"),
        "lines": pack_lines(drawn.geometry.to_numpy(), frame, LOOKS),
    }


def pack_areas(areas: gpd.GeoDataFrame | None, frame: Frame) -> dict[str, Any]:
    """Pack water and green.

    Parameters
    ----------
    areas
        The polygons, if there are any.
    frame
        The page's origin.

    Returns
    -------
    dict
        ``kind``, ``name``, ``at``, ``rings``.
    """
    if areas is None:
        return {"kind": [], "name": [], "at": [], "rings": []}
    drawn = located(areas)
    shapes = drawn.geometry.to_numpy()
    return {
        "kind": column(drawn, "kind"),
        "name": column(drawn, "name"),
        "at": pack_positions(shapes, frame, LOOKS),
        "rings": pack_rings(shapes, frame, LOOKS),
    }


def pack_points(
    points: gpd.GeoDataFrame | None,
    owner: NDArray[np.int64],
    signs: list[str],
    frame: Frame,
    *,
    codes: bool = False,
) -> dict[str, Any]:
    """Pack the service points, those without a position last, the others grid by grid and near to near.

    Parameters
    ----------
    points
        Those that are public.
    owner
        The position of each point's grid, −1 for none; shape (n,).
    signs
        The categories, in the order of the legend.
    frame
        The page's origin.
    codes
        Whether the points' codes go with them, by which an entry is reported as wrong.

    Returns
    -------
    dict
        ``count``, ``located`` and a column for each field.
    """
    if points is None or not len(points):
        return {"count": 0, "located": 0}
    there = (points.geometry.notna() & ~points.geometry.is_empty).to_numpy()
    units = np.zeros((len(points), 2), dtype=np.int64)
    at = shapely.get_coordinates(shapely.centroid(points.geometry.to_numpy()[there]))
    units[there] = frame.units(at, POINTS)
    order = np.lexsort((z_order(units), owner, ~there))
    points, units, owner = points.iloc[order].reset_index(drop=True), units[order], owner[order]
    place = {category: index for index, category in enumerate(signs)}
    phones = points["phones"] if "phones" in points.columns else [""] * len(points)
    access = points["accessible"] if "accessible" in points.columns else [None] * len(points)
    checked = points["verified_on"] if "verified_on" in points.columns else pd.Series([None] * len(points))
    return {
        "count": len(points),
        "located": int(there.sum()),
        "at": differences(units[: int(there.sum())]),
        "grid": np.diff(owner, prepend=0).tolist(),
        "category": pack_choices([place[value or "other"] for value in column(points, "category")]),
        "name": pack_texts(column(points, "name")),
        "address": pack_texts(column(points, "address")),
        "phones": pack_texts([_joined(value) for value in phones]),
        "hours": pack_texts(column(points, "hours")),
        "access": "".join(_access(value) for value in access),
        "verified": pack_days(checked),
        **({"code": pack_texts(column(points, "point_code"))} if codes else {}),
    }


def _joined(value: Any) -> str:
    """Write a list of phones as one text; a list may come as one from a file already."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return ";".join(text for text in map(plain_text, value) if text)
    return plain_text(value)


def _access(value: Any) -> str:
    if plain_text(value) in {"True", "1", "yes"}:
        return _ACCESS[True]
    return _ACCESS[False] if plain_text(value) in {"False", "0", "no"} else "-"
