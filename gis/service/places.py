"""What anybody may see of a place: its communities and its public layers."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, text

from gis.errors import NotFoundError
from gis.layers.base import PUBLIC_SCHEMA
from gis.service.owning.current import InForce
from gis.service.residents.public_layer import CLOCK_RANGE
from gis.terms import DivisionLevel

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
    # As in the published files: see plain_hours.
    hours = (
        r"jsonb_build_object('hours', regexp_replace(v.hours, :range, '\1-', 'g'))"
        if layer == "service_points"
        else "'{}'::jsonb"
    )
    shape = "ST_AsGeoJSON(v.geometry, 8)::json" if layer != "staff" else "NULL"
    query = text(
        f"""
        SELECT convert_to(json_build_object(
            'type', 'FeatureCollection',
            'features', coalesce(json_agg(json_build_object(
                'type', 'Feature',
                'geometry', {shape},
                'properties', to_jsonb(v) - 'id' - 'geometry' || {hours})), '[]'::json))::text, 'UTF8')
        FROM {PUBLIC_SCHEMA}.{view} AS v WHERE {place} LIKE :within
        """  # noqa: S608 - names from the table above
    )
    asked = {"within": f"{within}%"} | ({"range": CLOCK_RANGE} if layer == "service_points" else {})
    return bytes(connection.execute(query, asked).scalar_one())
