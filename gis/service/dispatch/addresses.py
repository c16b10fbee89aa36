"""Addresses: a gazetteer from the layers themselves, and ranked places for what somebody wrote.

A building's number is unique only within its compound, so "2号楼" alone is answered with the compounds that
have one. An outside geocoder may be hooked in; it is asked only where the layers know nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from geoalchemy2 import WKBElement
from geoalchemy2 import functions as spatial
from sqlalchemy import Connection, delete, func, insert, or_, select

from gis.crs import STORAGE_SRID, metres_per_degree
from gis.errors import InputError
from gis.layers.building import Building
from gis.layers.compound import Compound
from gis.layers.frames import lock, read_frame
from gis.layers.place_name import PlaceName
from gis.layers.service_point import ServicePoint
from gis.layers.street import Street
from gis.service.access import reach_of
from gis.service.dispatch.address_words import Words, building_key, likeness, number_of, plain, take_apart
from gis.terms import BarrierClass

_LOOKED_AT = 400
_WORTH_SHOWING = 0.35
_SURE = 0.9
_CLEARLY_BETTER = 0.05
_LONGEST = 200
_DOOR_M = 20.0
_SLACK_M = 10.0
_ASK_OUTSIDE_BELOW = 0.6
_ORDER = {"building": 0, "compound": 1, "service_point": 2, "street": 3, "outside": 4}


@dataclass(frozen=True)
class Place:
    """A place that an address may mean.

    Attributes
    ----------
    kind
        building, compound, service_point, street or outside (from a hooked geocoder).
    code
        Its code.
    shown
        Its name.
    lon, lat
        Degrees, CGCS2000.
    radius_m
        Metres around the point within which it lies.
    score
        How well it fits, 0 to 1.
    community_code
        Its community.
    """

    kind: str
    code: str
    shown: str
    lon: float
    lat: float
    radius_m: float
    score: float
    community_code: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape."""
        return {**vars(self), "score": round(self.score, 3), "radius_m": round(self.radius_m, 1)}


@dataclass(frozen=True)
class Found:
    """What an address may mean.

    Attributes
    ----------
    places
        The best first.
    needs
        ``compound`` where a building's number is given without one; None where nothing is missing.
    """

    places: tuple[Place, ...]
    needs: str | None = None


Geocoder = Callable[[str], Sequence[Place]]
"""An outside geocoder: an address in, places in CGCS2000 out. It is an operator's choice to hook one in."""


def find_places(
    connection: Connection,
    address: str,
    *,
    within: str | None = None,
    limit: int = 8,
    outside: Geocoder | None = None,
) -> Found:
    """Find the places that an address may mean.

    Parameters
    ----------
    connection
        An open transaction.
    address
        As somebody wrote it.
    within
        Division code: only places in it.
    limit
        How many at most.
    outside
        Asked where the layers know nothing that fits.

    Returns
    -------
    Found
        Ranked.

    Raises
    ------
    InputError
        If the address is empty or far too long.
    """
    if not address.strip() or len(address) > _LONGEST:
        raise InputError(f"an address has 1 to {_LONGEST} letters", where="q")
    words = take_apart(address)
    scored = [(_score(words, row), row) for row in _nearly(connection, words, within)]
    best: dict[str, Place] = {}
    for score, row in sorted(scored, key=lambda one: (-one[0], _ORDER[one[1].kind], one[1].shown)):
        if score >= _WORTH_SHOWING and row.code not in best:
            best[row.code] = Place(
                row.kind, row.code, row.shown, row.lon, row.lat, row.radius_m, score, row.community_code
            )
    places = list(best.values())
    if outside is not None and (not places or places[0].score < _ASK_OUTSIDE_BELOW):
        places += outside(address)
    return Found(tuple(places[:limit]), "compound" if words.building and not words.name else None)


def sure_place(connection: Connection, address: str) -> Place | None:
    """Return the one place that an address means, if only one can be meant.

    Parameters
    ----------
    connection
        An open transaction.
    address
        As somebody wrote it.

    Returns
    -------
    Place or None
        A building, compound or service point; None where it is in doubt.
    """
    found = find_places(connection, address[:_LONGEST])
    if found.needs is not None or not found.places or found.places[0].score < _SURE:
        return None
    best, rest = found.places[0], found.places[1:]
    if best.kind == "street" or any(best.score - other.score < _CLEARLY_BETTER for other in rest):
        return None
    return best


def refresh_gazetteer(connection: Connection, county_code: str) -> int:
    """Fill the gazetteer of a county from its layers, if they say something else than it does.

    Parameters
    ----------
    connection
        An open transaction.
    county_code
        12 digits.

    Returns
    -------
    int
        Names that it holds.
    """
    lock(connection, f"gazetteer:{county_code}")
    names = _names(connection, county_code)
    columns = (PlaceName.kind, PlaceName.code, PlaceName.key, PlaceName.shown, PlaceName.radius_m)
    there = connection.execute(select(*columns).where(PlaceName.county_code == county_code)).all()
    wanted = sorted((row["kind"], row["code"], row["key"], row["shown"], row["radius_m"]) for row in names)
    if sorted(tuple(row) for row in there) != wanted:
        connection.execute(delete(PlaceName).where(PlaceName.county_code == county_code))
        if names:
            connection.execute(insert(PlaceName), names)
    return len(names)


def _nearly(connection: Connection, words: Words, within: str | None) -> list[Any]:
    """Fetch the names that may fit: alike by trigrams, or one within the other."""
    name = words.name
    columns = (
        PlaceName.kind,
        PlaceName.code,
        PlaceName.key,
        PlaceName.shown,
        PlaceName.radius_m,
        PlaceName.community_code,
        PlaceName.compound_code,
        PlaceName.official,
        spatial.ST_X(PlaceName.geometry).label("lon"),
        spatial.ST_Y(PlaceName.geometry).label("lat"),
    )
    wanted = f"{name}{words.building}号楼" if words.building else name
    alike = func.similarity(PlaceName.key, wanted)
    query = (
        select(*columns).order_by(alike.desc(), func.length(PlaceName.key), PlaceName.id).limit(_LOOKED_AT)
    )
    if name:
        holds = [PlaceName.key.contains(piece, autoescape=True) for piece in _pieces(name)]
        query = query.where(or_(alike > 0.1, *holds))
    else:
        query = query.where(PlaceName.kind == "building", PlaceName.key.endswith(wanted, autoescape=True))
    if within is not None:
        query = query.where(PlaceName.community_code.startswith(reach_of(within)))
    return list(connection.execute(query).all())


def _pieces(name: str) -> list[str]:
    """List the pairs of letters of a name: whatever is meant shares one of them."""
    return sorted({name[at : at + 2] for at in range(max(len(name) - 1, 1))})[:40]


def _score(words: Words, row: Any) -> float:
    number = number_of(row.key) if row.kind == "building" else None
    known = row.key.removesuffix(f"{number}号楼") if number else row.key
    if words.building is None:
        like = likeness(words.name, known)
        return like * 0.7 if number else like
    if not words.name:
        return 0.7 if number == words.building else 0.0
    if number == words.building:
        return likeness(words.name, known)
    if number is not None:
        return 0.0
    # The building is not known: its compound is a hint. A service point's address may end in a number itself.
    hint = likeness(words.name, known) * 0.75
    return (
        max(hint, likeness(f"{words.name}{words.building}号", known)) if row.kind == "service_point" else hint
    )


def _names(connection: Connection, county_code: str) -> list[dict[str, Any]]:
    prefix = reach_of(county_code)
    compounds = read_frame(connection, "compounds", Compound.community_code.startswith(prefix))
    buildings = read_frame(connection, "buildings", Building.community_code.startswith(prefix))
    streets = read_frame(connection, "streets", Street.community_code.startswith(prefix))
    # Anybody may ask, so a point that residents are not shown is not found by its name either.
    shown = (ServicePoint.community_code.startswith(prefix), ServicePoint.public.is_(True))
    points = read_frame(connection, "service_points", *shown)
    streets = streets[streets["name"].notna() & (streets["barrier_class"] != BarrierClass.WALL)]
    called = {row.compound_code: [row.name, *row.aliases] for row in compounds.itertuples()}
    numbered = buildings[buildings["number"].notna()]
    found = [
        *_rows(compounds, "compound", lambda row: [(row.name, name) for name in called[row.compound_code]]),
        *_rows(numbered, "building", lambda row: _building_names(row, called.get(row.compound_code, [""]))),
        *_rows(streets, "street", lambda row: [(row.name, row.name)]),
        *_rows(points, "service_point", lambda row: [(row.name, name) for name in (row.name, row.address)]),
    ]
    return [{"county_code": county_code, **row} for row in found if row["key"]]


def _building_names(row: Any, compound: list[str]) -> list[tuple[str, str | None]]:
    shown = f"{compound[0]}{row.number}" + ("号楼" if row.number.isdigit() else "")
    return [(shown, building_key(plain(name), row.number)) for name in compound]


def _rows(
    frame: Any, kind: str, names: Callable[[Any], list[tuple[str, str | None]]]
) -> Iterator[dict[str, Any]]:
    """Give a row of the gazetteer for each name of each place; the first of a place is its own name."""
    points, radii = _middles(frame)
    code = {"compound": "compound_code", "building": "building_code", "street": "street_code"}.get(
        kind, "point_code"
    )
    for at, row in enumerate(frame.itertuples()):
        for place, (shown, name) in enumerate(names(row)):
            yield {
                "community_code": row.community_code,
                "kind": kind,
                "code": getattr(row, code),
                "compound_code": row.compound_code if kind == "building" else None,
                "shown": shown,
                "key": plain(name or ""),
                "official": place == 0,
                "radius_m": float(radii[at]),
                "geometry": points[at],
            }


def _middles(frame: Any) -> tuple[list[WKBElement], Any]:
    """Give a point of each shape, and the metres around it within which the shape lies."""
    shapes = frame.geometry.to_numpy()
    if not len(shapes):
        return [], np.empty(0)
    points = shapely.point_on_surface(shapes)
    per_lon, per_lat = metres_per_degree(shapely.get_y(points))
    west, south, east, north = shapely.bounds(shapes).T
    x, y = shapely.get_x(points), shapely.get_y(points)
    reach = np.hypot(np.maximum(east - x, x - west) * per_lon, np.maximum(north - y, y - south) * per_lat)
    radius = np.round(np.where(reach > 0, reach + _SLACK_M, _DOOR_M), 1)
    return [WKBElement(one, srid=STORAGE_SRID) for one in shapely.to_wkb(points)], radius
