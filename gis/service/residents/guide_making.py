"""Making a community's guide of its public layer: who owns each point, who serves, what is missing."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import shapely

from gis.locate.index import GridIndex
from gis.service.residents.guide import GridGuide, Guide, Person, Point
from gis.service.residents.public_layer import PublicPlace
from gis.service.residents.wording import shortened
from gis.terms import GridType, StaffRole
from maps.legend import categories_of, plain_text, themes_of

_ROLES = (StaffRole.FULL_TIME, StaffRole.LEADER, StaffRole.PART_TIME, StaffRole.POLICE)


def make_guide(place: PublicPlace, *, verified_within_days: int, on: dt.date | None = None) -> Guide:
    """Put together what is said of a community.

    Parameters
    ----------
    place
        Its public layer.
    verified_within_days
        A point checked longer ago counts as stale.
    on
        Counted from this day; the place's own ``updated_on`` unless given, so that the same edition says the
        same on every day.

    Returns
    -------
    Guide
        With what is missing.
    """
    day = on or place.updated_on
    oldest = day - dt.timedelta(days=verified_within_days) if day else dt.date.min
    points = _points(place, oldest)
    owners = _owners(place, points)
    themes = themes_of(place.grids["colour_theme"], place.themes)
    names = dict(zip(place.grids["grid_code"], map(plain_text, place.grids["name"]), strict=True))
    compounds = _compounds(place)
    people = _people(place)
    grids = []
    order = [str(kind) for kind in GridType]
    columns = ("grid_code", "grid_type", "colour_theme", "parent_code")
    rows = zip(*[place.grids[column].tolist() for column in columns], strict=True)
    for code, kind, theme, parent in sorted(rows, key=lambda row: (order.index(row[1]), row[0])):
        own = [point for point, owner in zip(points, owners[str(kind)], strict=True) if owner == code]
        grids.append(
            GridGuide(
                code=code,
                name=shortened(names[code], 60) or code,
                kind=str(kind),
                theme=themes.get(plain_text(theme)),
                people=tuple(people.get(code, ())),
                points=tuple(_numbered(own)),
                compounds=tuple(name for name, _ in compounds.get(code, ()) if name),
                also=tuple(one for _, aliases in compounds.get(code, ()) for one in aliases),
                parent=shortened(names.get(parent) or parent or "", 60) or None,
            )
        )
    outside = [
        point for point, owner in zip(points, owners[str(GridType.BASIC)], strict=True) if owner is None
    ]
    guide = Guide(
        place=place,
        name=shortened(place.name, 60),
        above=tuple(shortened(name, 60) for name in place.parents.sort_values("division_code")["name"]),
        updated_on=place.updated_on,
        on=day,
        grids=tuple(grids),
        people=tuple(people.get(place.code, ())),
        outside=tuple(_numbered(outside)),
        points=tuple(_numbered(points)),
        notes=(),
    )
    return Guide(**{**vars(guide), "notes": _notes(guide)})


def _numbered(points: list[Point]) -> list[Point]:
    return [Point(**{**vars(point), "number": number}) for number, point in enumerate(points, start=1)]


def _points(place: PublicPlace, oldest: dt.date) -> list[Point]:
    frame = place.service_points
    signs = categories_of(frame["category"], place.categories)
    order = {key: at for at, key in enumerate(signs)}
    found = []
    for row in frame.to_dict("records"):
        checked = row["verified_on"]
        known = isinstance(checked, dt.date)
        access = row["accessible"]
        shape = row["geometry"]
        found.append(
            Point(
                number=0,
                code=row["point_code"],
                name=shortened(plain_text(row["name"])),
                category=signs[plain_text(row["category"]) or "other"],
                address=shortened(plain_text(row["address"]), 200),
                phones=tuple(shortened(phone, 40) for phone in row["phones"] or ()),
                hours=shortened(plain_text(row["hours"])),
                accessible=bool(access) if access in {True, False} else None,
                verified_on=checked if known else None,
                stale=not known or checked < oldest,
                at=None if shape is None or shapely.is_empty(shape) else shape,
            )
        )
    return sorted(found, key=lambda point: (order[point.category.category], point.name, point.code))


def _owners(place: PublicPlace, points: list[Point]) -> dict[str, list[str | None]]:
    """Return for each type of grid the code of the one that each point is in, by the half-open rule."""
    shapes = np.array([point.at for point in points], dtype=object)
    lon, lat = shapely.get_x(shapes).astype(np.float64), shapely.get_y(shapes).astype(np.float64)
    found: dict[str, list[str | None]] = {}
    for kind in GridType:
        grids = place.grids[place.grids["grid_type"] == str(kind)]
        if grids.empty or not points:
            found[str(kind)] = [None] * len(points)
            continue
        index = GridIndex.build(grids.geometry.to_numpy(), grids["grid_code"].tolist(), overlap="first")
        found[str(kind)] = [index.codes[at] if at >= 0 else None for at in index.locate(lon, lat)]
    return found


def _compounds(place: PublicPlace) -> dict[str, list[tuple[str, list[str]]]]:
    """List the compounds of each grid, by name and other names: those that share land with it."""
    shapes = place.compounds.geometry.to_numpy()
    grids = place.grids.geometry.to_numpy()
    grid, compound = shapely.STRtree(shapes).query(grids, predicate="intersects")
    shared = shapely.area(shapely.intersection(grids[grid], shapes[compound]))
    part = shared / np.maximum(np.minimum(shapely.area(shapes[compound]), shapely.area(grids[grid])), 1e-15)
    names = [shortened(plain_text(name), 60) for name in place.compounds["name"]]
    others = [[shortened(plain_text(one), 60) for one in also] for also in place.compounds["aliases"]]
    codes = place.grids["grid_code"].tolist()
    found: dict[str, list[tuple[str, list[str]]]] = {}
    for at, of, share in sorted(zip(grid, compound, part, strict=True), key=lambda pair: (pair[0], pair[1])):
        if share > 0.02:
            found.setdefault(codes[at], []).append((names[of], others[of]))
    return found


def _people(place: PublicPlace) -> dict[str, list[Person]]:
    roles = [str(role) for role in _ROLES]
    found: dict[str, list[Person]] = {}
    for row in place.staff.to_dict("records"):
        where = row["grid_code"] or row["division_code"]
        found.setdefault(where, []).append(
            Person(shortened(row["person"], 60), str(row["role"]), shortened(row["public_phone"], 40))
        )
    for people in found.values():
        people.sort(key=lambda one: (roles.index(one.role), one.name, one.phone))
    return found


def _notes(guide: Guide) -> tuple[tuple[str, dict[str, Any]], ...]:
    """List what is missing or odd, with how many."""
    basic = guide.of_kind(GridType.BASIC)
    nobody = [grid.serial for grid in basic if not any(p.role == StaffRole.FULL_TIME for p in grid.people)]
    unsigned = sorted({point.category.category for point in guide.points if not point.category.known})
    spots: dict[bytes, int] = {}
    for point in guide.points:
        if point.at is not None:
            key = shapely.to_wkb(point.at)
            spots[key] = spots.get(key, 0) + 1
    counts = {
        "no_grids": 0 if basic else 1,
        "no_points": 0 if guide.points else 1,
        "no_border": 0 if guide.place.community.geometry.notna().all() else 1,
        "outside": len(guide.outside) if basic else 0,
        "same_spot": sum(count for count in spots.values() if count > 1),
        "no_phone": sum(not point.phones for point in guide.points),
        "stale": sum(point.stale for point in guide.points),
    }
    notes: list[tuple[str, dict[str, Any]]] = [(key, {"count": n}) for key, n in counts.items() if n]
    if nobody:
        notes.append(("no_worker", {"count": len(nobody), "serials": "、".join(nobody[:12])}))
    if unsigned:
        notes.append(("no_sign", {"names": "、".join(shortened(name, 40) for name in unsigned[:10])}))
    return tuple(notes)
