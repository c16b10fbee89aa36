"""What anybody may see of a place: its communities, its public layers, its check and its service map."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
from geoalchemy2 import functions as spatial
from sqlalchemy import Connection, func, or_, select, text

from gis.codes import check_code, county_of
from gis.errors import NotFoundError
from gis.layers.base import PUBLIC_SCHEMA
from gis.layers.building import Building
from gis.layers.compound import Compound
from gis.layers.division import Division
from gis.layers.editions import EditionStamp, edition_at, read_grids
from gis.layers.frames import read_frame
from gis.layers.grid import ColourTheme
from gis.layers.service_point import ServiceCategory, ServicePoint
from gis.layers.staff import Staff
from gis.layers.street import Street
from gis.planning.report import CheckReport
from gis.planning.rules import check_division
from gis.service.current import InForce
from gis.settings import CHINA_STANDARD_TIME, Settings
from gis.terms import DivisionLevel
from gis.texts import Language
from maps.basemaps import basemap
from maps.service_map import service_map

_VIEWS = {
    "divisions": ("division", "division_code"),
    "grids": ("grid", "community_code"),
    "compounds": ("compound", "community_code"),
    "buildings": ("building", "community_code"),
    "service_points": ("service_point", "community_code"),
    "streets": ("street", "community_code"),
    "staff": ("staff", "coalesce(grid_code, division_code)"),
}
PUBLIC_LAYERS = tuple(_VIEWS)
_NEARBY_DEG = 0.001


def communities(state: InForce) -> list[dict[str, Any]]:
    """List the communities of every county with an edition in force; the database is not asked.

    Parameters
    ----------
    state
        The editions in force.

    Returns
    -------
    list of dict
        ``community_code``, ``name``, ``street``, ``county``, ``grids`` (their number by type), ``bounds``
        (west, south, east, north; null where the border is not known), ``edition``; by code.
    """
    found = []
    for compiled in state.counties.values():
        divisions = compiled.facts["divisions"]
        counts: dict[str, dict[str, int]] = {}
        for grid in compiled.facts["grids"].values():
            of = counts.setdefault(grid["community_code"], {})
            of[grid["grid_type"]] = of.get(grid["grid_type"], 0) + 1
        for code, division in divisions.items():
            if division["level"] == DivisionLevel.COMMUNITY:
                street = divisions.get(division["parent_code"] or "")
                county = divisions.get(compiled.edition.county_code)
                found.append(
                    {
                        "community_code": code,
                        "name": division["name"],
                        "street": street["name"]
                        if street and street["level"] == DivisionLevel.STREET
                        else None,
                        "county": county["name"] if county else None,
                        "grids": counts.get(code, {}),
                        "bounds": compiled.facts["bounds"].get(code),
                        "edition": compiled.edition.as_dict(),
                    }
                )
    return sorted(found, key=lambda one: str(one["community_code"]))


def public_layer(connection: Connection, layer: str, within: str) -> bytes:
    """Write a layer, as the public may see it, as GeoJSON.

    Parameters
    ----------
    connection
        An open transaction.
    layer
        One of ``PUBLIC_LAYERS``.
    within
        Digits that the codes start with.

    Returns
    -------
    bytes
        A FeatureCollection in CGCS2000, which GeoJSON's readers may take as WGS84.

    Raises
    ------
    NotFoundError
        If there is no such public layer.
    """
    if layer not in _VIEWS:
        raise NotFoundError(f"there is no public layer {layer!r}", mend=f"choose one of {', '.join(_VIEWS)}")
    view, place = _VIEWS[layer]
    shape = "ST_AsGeoJSON(v.geometry, 8)::json" if layer != "staff" else "NULL"
    query = text(
        f"""
        SELECT convert_to(json_build_object(
            'type', 'FeatureCollection',
            'features', coalesce(json_agg(json_build_object(
                'type', 'Feature',
                'geometry', {shape},
                'properties', to_jsonb(v) - 'id' - 'geometry')), '[]'::json))::text, 'UTF8')
        FROM {PUBLIC_SCHEMA}.{view} AS v WHERE {place} LIKE :within
        """  # noqa: S608 - names from the table above
    )
    return bytes(connection.execute(query, {"within": f"{within}%"}).scalar_one())


def check_community(
    connection: Connection, community_code: str, settings: Settings
) -> tuple[EditionStamp, CheckReport]:
    """Check the grids in force of a community against the rules.

    Parameters
    ----------
    connection
        An open transaction.
    community_code
        12 digits.
    settings
        The limits.

    Returns
    -------
    tuple
        The edition that was checked, and the report.

    Raises
    ------
    NotFoundError
        If there is no such community, or no edition.
    """
    check_code(community_code, "community_code")
    community = _community(connection, community_code)
    edition = edition_at(connection, county_of(community_code))
    grids = read_grids(connection, edition, community_code=community_code)
    buildings = read_frame(connection, "buildings", Building.community_code == community_code)
    compounds = read_frame(connection, "compounds", Compound.community_code == community_code)
    staff = read_frame(connection, "staff", Staff.grid_code.in_(grids["grid_code"].tolist()))
    report = check_division(
        grids,
        community=community if community.geometry.notna().all() else None,
        buildings=buildings if len(buildings) else None,
        compounds=compounds if len(compounds) else None,
        staff=staff,
        households_min=settings.households_min,
        households_max=settings.households_max,
        basis=settings.households_basis,
        as_of=dt.datetime.now(CHINA_STANDARD_TIME).date(),
    )
    return edition, report


def community_map(connection: Connection, community_code: str, settings: Settings, language: Language) -> str:
    """Make the residents' service map of a community, its parts served by us.

    Parameters
    ----------
    connection
        An open transaction.
    community_code
        12 digits.
    settings
        The basemap and the words that a public map must carry.
    language
        That the page opens in.

    Returns
    -------
    str
        An HTML page.

    Raises
    ------
    NotFoundError
        If there is no such community, or no edition.
    """
    check_code(community_code, "community_code")
    border = _community(connection, community_code)
    edition = edition_at(connection, county_of(community_code))
    grids = read_grids(connection, edition, community_code=community_code)
    land = select(Division.geometry).where(Division.division_code == community_code).scalar_subquery()
    near = spatial.ST_DWithin(Street.geometry, land, _NEARBY_DEG)
    streets = read_frame(connection, "streets", or_(Street.community_code == community_code, near))
    points = read_frame(
        connection,
        "service_points",
        ServicePoint.community_code == community_code,
        ServicePoint.public.is_(True),
    )
    staff = read_frame(
        connection,
        "staff",
        Staff.grid_code.in_(grids["grid_code"].tolist()),
        Staff.public_phone.is_not(None),
        Staff.valid_from <= func.current_date(),
        func.coalesce(Staff.valid_to > func.current_date(), True),
    )
    verified = points["verified_on"].dropna()
    picture = service_map(
        grids,
        service_points=points,
        compounds=read_frame(connection, "compounds", Compound.community_code == community_code),
        buildings=read_frame(connection, "buildings", Building.community_code == community_code),
        streets=streets,
        staff=staff,
        border=border if border.geometry.notna().all() else None,
        categories=_categories(connection),
        themes=_themes(connection),
        place=str(border["name"].iloc[0]),
        language=language,
        delivery="served",
        basemap=basemap(settings.basemap, key=settings.basemap_key, address=settings.basemap_url),
        edition=edition.number,
        updated_on=max([edition.effective_from.astimezone(CHINA_STANDARD_TIME).date(), *verified]),
        approval_number=settings.approval_number,
        verified_within_days=settings.verified_within_days,
        walking_speed_m_s=settings.walking_speed_m_s,
    )
    return str(picture.html())


def _community(connection: Connection, community_code: str) -> Any:
    frame = read_frame(connection, "divisions", Division.division_code == community_code)
    if not len(frame) or frame["level"].iloc[0] != DivisionLevel.COMMUNITY:
        raise NotFoundError(f"there is no community {community_code}", mend="see /api/v1/communities")
    return frame


def _categories(connection: Connection) -> pd.DataFrame:
    rows = connection.execute(
        select(ServiceCategory.category, ServiceCategory.name_zh, ServiceCategory.name_en).order_by(
            ServiceCategory.position, ServiceCategory.category
        )
    ).all()
    return pd.DataFrame(rows, columns=["category", "zh", "en"])


def _themes(connection: Connection) -> pd.DataFrame:
    columns = (ColourTheme.theme, ColourTheme.colour, ColourTheme.name_zh, ColourTheme.name_en)
    rows = connection.execute(select(*columns).order_by(ColourTheme.id)).all()
    return pd.DataFrame(rows, columns=["colour_theme", "colour", "zh", "en"])
