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
from gis.lattice import snap
from gis.texts import LANGUAGES, Language, catalogue
from maps import legend
from maps.basemaps import Basemap
from maps.legend import plain_text
from maps.packed_layers import (
    column,
    located,
    need,
    pack_areas,
    pack_buildings,
    pack_compounds,
    pack_grids,
    pack_points,
    pack_streets,
)
from maps.packing import EXACT, LOOKS, POINTS, Frame, pack_rings


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
    served
        Whether the page comes from the service, which takes reports and keeps the reader's language.
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
    served: bool = False


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
    need(frames.grids, "grids", ("grid_code",))
    grids = located(frames.grids)
    points = _public(frames.service_points)
    frame = Frame.around([grids, points, frames.compounds, frames.streets, frames.areas, frames.border])
    everywhere = _bounds([grids, frames.border, frames.compounds, points, frames.streets])
    per_lon, per_lat = metres_per_degree((everywhere[1] + everywhere[3]) / 2)
    owner = _owners(points, grids)
    signs = legend.categories_of(points["category"] if points is not None else [], frames.categories)
    notes = _notes(grids, points, owner, signs)
    return {
        "language": facts.language,
        "titles": facts.titles,
        "texts": {language: _page_texts(language) for language in LANGUAGES},
        "origin": [frame.x, frame.y],
        "units": {"exact": EXACT, "looks": LOOKS, "points": POINTS},
        "metres": [round(float(per_lon), 4), round(float(per_lat), 4)],
        "bounds": [round(value, 7) for value in everywhere],
        "facts": {
            "edition": facts.edition,
            "updated_on": facts.updated_on.isoformat() if facts.updated_on else None,
            "approval": facts.approval_number or None,
            "verified_within_days": facts.verified_within_days,
            "speed": facts.walking_speed_m_s,
            "detour": facts.detour,
            "sample": facts.sample,
            "served": facts.served,
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
        "grids": pack_grids(grids, frames.themes, frames.staff, frame),
        "compounds": pack_compounds(frames.compounds, frame),
        "buildings": pack_buildings(frames.buildings, frame),
        "streets": pack_streets(frames.streets, frame),
        "areas": pack_areas(frames.areas, frame),
        "points": pack_points(points, owner, list(signs), frame, codes=facts.served),
    }


def _public(points: gpd.GeoDataFrame | None) -> gpd.GeoDataFrame | None:
    if points is None:
        return None
    need(points, "service_points", ("name", "category"))
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
        types = np.array(column(grids, "grid_type"), dtype=object)
        basic = np.flatnonzero((types == "basic") | (types == ""))
        geometry = points.geometry.to_numpy()
        at, of_basic = shapely.STRtree(grids.geometry.to_numpy()[basic]).query(snap(geometry), "intersects")
        # Written from the highest position down, so that on a shared border the first grid stays.
        order = np.argsort(-of_basic, kind="stable")
        owner[at[order]] = basic[of_basic[order]]
    if "grid_code" in points.columns:
        place = {code: index for index, code in enumerate(column(grids, "grid_code"))}
        named = np.array([place.get(code, -1) for code in column(points, "grid_code")], dtype=np.int64)
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
    there = (points.geometry.notna() & ~points.geometry.is_empty).to_numpy()
    if len(grids) and (owner[there] < 0).any():
        notes.append(["note_outside", {"count": int((owner[there] < 0).sum())}])
    if not there.all():
        notes.append(["note_unlocated", {"count": int((~there).sum())}])
    strange = [sign.category for sign in signs.values() if not sign.known]
    if strange:
        notes.append(["note_category", {"names": "、".join(name[:40] for name in strange[:10])}])
    return notes


def _themes(grids: gpd.GeoDataFrame, table: pd.DataFrame | None) -> list[dict[str, Any]]:
    values = grids["colour_theme"] if "colour_theme" in grids.columns else []
    found = legend.themes_of(values, table)
    return [{"names": theme.names, "colour": theme.colour, "mark": theme.mark} for theme in found.values()]


def _border(border: gpd.GeoDataFrame | None, grids: gpd.GeoDataFrame, frame: Frame) -> list[list[int]]:
    source = border if border is not None and len(located(border)) else grids
    if not len(source):
        return []
    outline = shapely.union_all(source.geometry.to_numpy()[source.geometry.notna().to_numpy()])
    return pack_rings([outline], frame, LOOKS)[0]
