"""What goes into the page of the service map, and nothing else does.

:func:`pack` lists every field that leaves by this way: the columns named below and no others are read from
the frames. Texts are taken as they are; they are escaped where they land (:func:`maps.assets.json_safe`,
``textContent`` in the scripts).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis.crs import metres_per_degree
from gis.errors import InputError
from gis.lattice import snap
from gis.texts import LANGUAGES, Language, catalogue
from maps import legend
from maps.basemaps import Basemap
from maps.legend import plain_text
from maps.packing import (
    EXACT,
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


@dataclass(frozen=True)
class ServiceFrames:
    """The frames of a service map; any but the grids may be missing.

    Attributes
    ----------
    grids, service_points, compounds, buildings, streets, staff
        Frames as in docs/architecture.md.
    areas
        Polygons with ``kind`` (``water``, ``green``) and ``name``.
    border
        The community's outline.
    categories, themes
        A place's own tables for the legend.
    """

    grids: gpd.GeoDataFrame
    service_points: gpd.GeoDataFrame | None = None
    compounds: gpd.GeoDataFrame | None = None
    buildings: gpd.GeoDataFrame | None = None
    streets: gpd.GeoDataFrame | None = None
    areas: gpd.GeoDataFrame | None = None
    staff: pd.DataFrame | None = None
    border: gpd.GeoDataFrame | None = None
    categories: pd.DataFrame | None = None
    themes: pd.DataFrame | None = None


@dataclass(frozen=True)
class Facts:
    """What a service map says about itself.

    Attributes
    ----------
    titles
        Language → title.
    language
        The one it opens in.
    edition, updated_on, approval_number
        Shown where they are given.
    verified_within_days
        A point checked longer ago is marked.
    walking_speed_m_s, detour
        For walking minutes.
    sample
        Whether the data are made up.
    """

    titles: dict[Language, str]
    language: Language = "zh"
    edition: int | None = None
    updated_on: dt.date | None = None
    approval_number: str | None = None
    verified_within_days: int = 365
    walking_speed_m_s: float = 1.1
    detour: float = 1.3
    sample: bool = False


def pack(frames: ServiceFrames, facts: Facts, under: Basemap) -> dict[str, Any]:
    """Put everything that the page's scripts need into one JSON-ready value.

    Parameters
    ----------
    frames
        EPSG:4490 degrees.
    facts
        What is said about the map.
    under
        The basemap.

    Returns
    -------
    dict
        The payload that ``static/js/base.js`` reads.

    Raises
    ------
    InputError
        If a frame lacks a column that it needs.
    """
    _need(frames.grids, "grids", ("grid_code",))
    grids = _located(frames.grids)
    points = _public(frames.service_points)
    frame = Frame.around([grids, points, frames.compounds, frames.streets, frames.areas, frames.border])
    everywhere = _bounds([grids, frames.border, frames.compounds, points, frames.streets])
    centre = [(everywhere[1] + everywhere[3]) / 2, (everywhere[0] + everywhere[2]) / 2]
    per_lon, per_lat = metres_per_degree(centre[0])
    owner = _owners(points, grids)
    signs = legend.categories_of(points["category"] if points is not None else [], frames.categories)
    notes = _notes(grids, points, owner, signs)
    return {
        "version": 1,
        "language": facts.language,
        "titles": facts.titles,
        "texts": {language: _page_texts(language) for language in LANGUAGES},
        "origin": [frame.x, frame.y],
        "units": {"exact": EXACT, "looks": LOOKS, "points": POINTS},
        "metres": [round(float(per_lon), 4), round(float(per_lat), 4)],
        "centre": [round(value, 7) for value in centre],
        "bounds": [round(value, 7) for value in everywhere],
        "facts": {
            "edition": facts.edition,
            "updated_on": facts.updated_on.isoformat() if facts.updated_on else None,
            "approval": facts.approval_number or None,
            "verified_within_days": facts.verified_within_days,
            "speed": facts.walking_speed_m_s,
            "detour": facts.detour,
            "sample": facts.sample,
        },
        "under": {
            "kind": under.kind,
            "datum": under.datum,
            "attribution": under.attribution,
            "pmtiles": under.pmtiles,
        },
        "notes": notes,
        "themes": _themes(grids, frames.themes),
        "categories": [
            {"names": sign.names, "colour": sign.colour, "outline": sign.outline, "glyph": sign.glyph}
            for sign in signs.values()
        ],
        "shapes": {
            "outlines": {sign.outline: legend.OUTLINES[sign.outline] for sign in signs.values()},
            "glyphs": {sign.glyph: legend.GLYPHS[sign.glyph] for sign in signs.values()},
        },
        "border": _border(frames.border, grids, frame),
        "grids": _grids(grids, frames.themes, frames.staff, frame),
        "compounds": _compounds(frames.compounds, frame),
        "buildings": _buildings(frames.buildings, frame),
        "streets": _streets(frames.streets, frame),
        "areas": _areas(frames.areas, frame),
        "points": _points(points, owner, list(signs), frame),
    }


def _need(frame: pd.DataFrame, name: str, columns: tuple[str, ...]) -> None:
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise InputError(
            f"the frame {name} lacks the column {', '.join(missing)}",
            where=name,
            mend="see the table of frames in docs/architecture.md",
        )


def _located(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Leave out the rows that have no shape to draw."""
    geometry = frame.geometry
    return frame[(geometry.notna() & ~geometry.is_empty).to_numpy()].reset_index(drop=True)


def _public(points: gpd.GeoDataFrame | None) -> gpd.GeoDataFrame | None:
    if points is None:
        return None
    _need(points, "service_points", ("name", "category"))
    if "public" in points.columns:
        # Only a plain "no" hides a point: a column that is missing or empty says nothing.
        points = points[np.array([plain_text(value) != "False" for value in points["public"]], dtype=bool)]
    return points.reset_index(drop=True)


def _bounds(frames: list[gpd.GeoDataFrame | None]) -> list[float]:
    """Find what the map opens on: the bounds of the first frame that has any."""
    for frame in frames:
        if frame is not None and len(frame) and np.isfinite(frame.total_bounds).all():
            return [float(value) for value in frame.total_bounds]
    return [73.5, 18.0, 135.1, 53.6]


def _column(frame: pd.DataFrame, name: str) -> list[str]:
    if name not in frame.columns:
        return [""] * len(frame)
    return [plain_text(value) for value in frame[name]]


def _page_texts(language: Language) -> dict[str, str]:
    prefix = "maps.page."
    own = {
        key.removeprefix(prefix): text for key, text in catalogue(language).items() if key.startswith(prefix)
    }
    for group in ("staff_role", "compound_kind", "grid_type"):
        start = f"terms.{group}."
        own |= {
            f"{group}.{key.removeprefix(start)}": text
            for key, text in catalogue(language).items()
            if key.startswith(start)
        }
    return own


def _owners(points: gpd.GeoDataFrame | None, grids: gpd.GeoDataFrame) -> NDArray[np.int64]:
    """Find the position of each point's grid: as its own column says, else the basic grid it is in."""
    if points is None:
        return np.empty(0, dtype=np.int64)
    owner = np.full(len(points), -1, dtype=np.int64)
    if len(grids):
        types = np.array(_column(grids, "grid_type"), dtype=object)
        basic = np.flatnonzero((types == "basic") | (types == ""))
        geometry = points.geometry.to_numpy()
        at, of_basic = shapely.STRtree(grids.geometry.to_numpy()[basic]).query(snap(geometry), "intersects")
        # Written from the highest position down, so that on a shared border the first grid stays.
        order = np.argsort(-of_basic, kind="stable")
        owner[at[order]] = basic[of_basic[order]]
    if "grid_code" in points.columns:
        place = {code: index for index, code in enumerate(_column(grids, "grid_code"))}
        named = np.array([place.get(code, -1) for code in _column(points, "grid_code")], dtype=np.int64)
        owner = np.where(named >= 0, named, owner)
    return owner


def _notes(
    grids: gpd.GeoDataFrame,
    points: gpd.GeoDataFrame | None,
    owner: NDArray[np.int64],
    signs: dict[str, legend.Category],
) -> list[list[Any]]:
    """List what is missing or odd, as keys of texts with their values."""
    notes: list[list[Any]] = []
    if not len(grids):
        notes.append(["note_no_grids", {}])
    if points is None or not len(points):
        notes.append(["note_no_points", {}])
        return notes
    located = (points.geometry.notna() & ~points.geometry.is_empty).to_numpy()
    if len(grids) and (owner[located] < 0).any():
        notes.append(["note_outside", {"count": int((owner[located] < 0).sum())}])
    if not located.all():
        notes.append(["note_unlocated", {"count": int((~located).sum())}])
    strange = [sign.category for sign in signs.values() if not sign.known]
    if strange:
        notes.append(["note_category", {"names": "、".join(name[:40] for name in strange[:10])}])
    return notes


def _themes(grids: gpd.GeoDataFrame, table: pd.DataFrame | None) -> list[dict[str, Any]]:
    values = grids["colour_theme"] if "colour_theme" in grids.columns else []
    found = legend.themes_of(values, table)
    return [{"names": theme.names, "colour": theme.colour, "mark": theme.mark} for theme in found.values()]


def _border(border: gpd.GeoDataFrame | None, grids: gpd.GeoDataFrame, frame: Frame) -> list[list[int]]:
    source = border if border is not None and len(_located(border)) else grids
    if not len(source):
        return []
    outline = shapely.union_all(source.geometry.to_numpy()[source.geometry.notna().to_numpy()])
    return pack_rings([outline], frame, LOOKS)[0]


def _grids(
    grids: gpd.GeoDataFrame, themes: pd.DataFrame | None, staff: pd.DataFrame | None, frame: Frame
) -> dict[str, Any]:
    shapes = grids.geometry.to_numpy()
    values = _column(grids, "colour_theme")
    known = list(legend.themes_of(values, themes))
    types = [value if value in _GRID_TYPES else "basic" for value in _column(grids, "grid_type")]
    codes = _column(grids, "grid_code")
    return {
        "code": codes,
        "name": _column(grids, "name"),
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
        _need(staff, "staff", ("role", "grid_code", "public_phone"))
        ended = _column(staff, "valid_to")
        columns = zip(
            _column(staff, "role"), _column(staff, "grid_code"), _column(staff, "person"),
            _column(staff, "public_phone"), ended, strict=True,
        )  # fmt: skip
        for role, code, person, phone, end in columns:
            if role in _SHOWN_ROLES and phone and not end and code in people:
                people[code].append([role, person, phone])
    for listed in people.values():
        listed.sort(key=lambda one: _SHOWN_ROLES.index(one[0]))
    return [people[code] for code in codes]


def _compounds(compounds: gpd.GeoDataFrame | None, frame: Frame) -> dict[str, Any]:
    if compounds is None:
        return {"name": [], "kind": [], "at": [], "rings": []}
    drawn = _located(compounds)
    shapes = drawn.geometry.to_numpy()
    aliases = drawn["aliases"] if "aliases" in drawn.columns else [[]] * len(drawn)
    return {
        "name": _column(drawn, "name"),
        "kind": _column(drawn, "kind"),
        "also": [
            " ".join(map(plain_text, value)) if isinstance(value, (list, tuple)) else plain_text(value)
            for value in aliases
        ],
        "at": pack_positions(shapes, frame, LOOKS),
        "rings": pack_rings(shapes, frame, LOOKS),
    }


def _buildings(buildings: gpd.GeoDataFrame | None, frame: Frame) -> dict[str, Any]:
    if buildings is None:
        return {"number": [], "rings": []}
    drawn = _located(buildings)
    return {"number": _column(drawn, "number"), "rings": pack_rings(drawn.geometry.to_numpy(), frame, LOOKS)}


def _streets(streets: gpd.GeoDataFrame | None, frame: Frame) -> dict[str, Any]:
    if streets is None:
        return {"name": [], "class": [], "lines": []}
    drawn = _located(streets)
    return {
        "name": _column(drawn, "name"),
        "class": _column(drawn, "barrier_class"),
        "lines": pack_lines(drawn.geometry.to_numpy(), frame, LOOKS),
    }


def _areas(areas: gpd.GeoDataFrame | None, frame: Frame) -> dict[str, Any]:
    if areas is None:
        return {"kind": [], "name": [], "at": [], "rings": []}
    drawn = _located(areas)
    shapes = drawn.geometry.to_numpy()
    return {
        "kind": _column(drawn, "kind"),
        "name": _column(drawn, "name"),
        "at": pack_positions(shapes, frame, LOOKS),
        "rings": pack_rings(shapes, frame, LOOKS),
    }


def _points(
    points: gpd.GeoDataFrame | None, owner: NDArray[np.int64], signs: list[str], frame: Frame
) -> dict[str, Any]:
    """Pack the service points, those without a position last, the others grid by grid and near to near."""
    if points is None or not len(points):
        return {"count": 0, "located": 0}
    located = (points.geometry.notna() & ~points.geometry.is_empty).to_numpy()
    units = np.zeros((len(points), 2), dtype=np.int64)
    at = shapely.get_coordinates(shapely.centroid(points.geometry.to_numpy()[located]))
    units[located] = frame.units(at, POINTS)
    order = np.lexsort((z_order(units), owner, ~located))
    points, units, owner = points.iloc[order].reset_index(drop=True), units[order], owner[order]
    place = {category: index for index, category in enumerate(signs)}
    phones = points["phones"] if "phones" in points.columns else [""] * len(points)
    access = points["accessible"] if "accessible" in points.columns else [None] * len(points)
    checked = points["verified_on"] if "verified_on" in points.columns else pd.Series([None] * len(points))
    return {
        "count": len(points),
        "located": int(located.sum()),
        "at": differences(units[: int(located.sum())]),
        "grid": np.diff(owner, prepend=0).tolist(),
        "category": pack_choices([place[value or "other"] for value in _column(points, "category")]),
        "name": pack_texts(_column(points, "name")),
        "address": pack_texts(_column(points, "address")),
        "phones": pack_texts([_joined(value) for value in phones]),
        "hours": pack_texts(_column(points, "hours")),
        "access": "".join(_access(value) for value in access),
        "verified": pack_days(checked),
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
