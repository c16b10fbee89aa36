"""What the site and the handbook say of a community: its grids, their people, their points, what is missing.

Made from a :class:`~gis.service.residents.public_layer.PublicPlace` alone, so only what is public can stand
here. Texts are plain; the templates escape them.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from gis.locate.index import GridIndex
from gis.service.residents.public_layer import PublicPlace
from gis.terms import GridType, StaffRole
from gis.texts import Language, text
from maps.grid_drawing import DrawnLayers, draw_grid
from maps.legend import Category, Theme, categories_of, plain_text, themes_of

_ROLES = (StaffRole.FULL_TIME, StaffRole.LEADER, StaffRole.PART_TIME, StaffRole.POLICE)
_LONGEST_NAME = 120
_JOINERS = "\u200c\u200d"
"""Not printable by themselves, but emoji and some scripts are put together with them."""


@dataclass(frozen=True)
class Person:
    """Somebody with a published number.

    Attributes
    ----------
    name
        As published.
    role
        One of :class:`gis.terms.StaffRole`.
    phone
        As published.
    """

    name: str
    role: str
    phone: str


@dataclass(frozen=True)
class Point:
    """A service point.

    Attributes
    ----------
    number
        Its number on the drawing and in the table of its grid, from 1.
    code, name, address, hours
        As published; empty where it is not known.
    category
        How it is shown.
    phones
        As published.
    accessible
        Whether a wheelchair gets in; None where nobody looked.
    verified_on
        When it was checked last.
    stale
        Whether that is too long before the guide's day, or never was.
    at
        Position, shapely Point or None.
    """

    number: int
    code: str
    name: str
    category: Category
    address: str
    phones: tuple[str, ...]
    hours: str
    accessible: bool | None
    verified_on: dt.date | None
    stale: bool
    at: Any


@dataclass(frozen=True)
class GridGuide:
    """One grid.

    Attributes
    ----------
    code, name
        Name is the code where it has none.
    kind
        One of :class:`gis.terms.GridType`.
    theme
        Its colour theme, if it has one.
    people
        Grid worker first.
    points
        Those on its land, numbered.
    compounds
        Names of the compounds that lie in it or reach into it.
    parent
        Name of the grid that a micro grid is part of.
    """

    code: str
    name: str
    kind: str
    theme: Theme | None
    people: tuple[Person, ...]
    points: tuple[Point, ...]
    compounds: tuple[str, ...]
    parent: str | None

    @property
    def serial(self) -> str:
        """The part of the code that tells the community's grids apart."""
        return self.code[12:]


@dataclass(frozen=True)
class Guide:
    """A community.

    Attributes
    ----------
    place
        What it was made from.
    name
        The community's.
    above
        Names of the divisions above it, the highest first.
    updated_on
        The day of its newest part; None where nothing in it has a date.
    on
        The day against which entries count as stale.
    grids
        Basic ones first, then exclusive, then micro; by code.
    people
        Published numbers of the community itself.
    outside
        Service points in no basic grid.
    points
        Every service point once, by category and name, numbered through.
    notes
        What is missing: key of ``residents.missing`` and its values.
    """

    place: PublicPlace
    name: str
    above: tuple[str, ...]
    updated_on: dt.date | None
    on: dt.date | None
    grids: tuple[GridGuide, ...]
    people: tuple[Person, ...]
    outside: tuple[Point, ...]
    points: tuple[Point, ...]
    notes: tuple[tuple[str, dict[str, Any]], ...]

    def of_kind(self, *kinds: str) -> list[GridGuide]:
        """List the grids of some kinds.

        Parameters
        ----------
        *kinds
            Of :class:`gis.terms.GridType`.

        Returns
        -------
        list of GridGuide
            In order.
        """
        return [grid for grid in self.grids if grid.kind in kinds]

    def owner_of(self) -> dict[str, GridGuide]:
        """Return the basic grid of each service point that has one, by the point's code.

        Returns
        -------
        dict
            Point code → grid.
        """
        return {point.code: grid for grid in self.of_kind(GridType.BASIC) for point in grid.points}

    def by_category(self) -> list[tuple[Category, list[Point]]]:
        """Sort the points by category, in the legend's order.

        Returns
        -------
        list of tuple
            (category, its points by name).
        """
        found: dict[str, tuple[Category, list[Point]]] = {}
        for point in self.points:
            found.setdefault(point.category.category, (point.category, []))[1].append(point)
        return list(found.values())

    def drawing(self, grid: GridGuide | None, language: Language, **size: float) -> str:
        """Draw a grid with its numbered points, or the whole community.

        Parameters
        ----------
        grid
            The grid; None draws them all.
        language
            Of its few words.
        **size
            ``width`` and ``height``.

        Returns
        -------
        str
            SVG; empty where there is no border to draw.
        """
        place = self.place
        layers = DrawnLayers(place.grids, place.compounds, place.buildings, place.streets)
        points = () if grid is None else grid.points
        named = self.name if grid is None else grid.name
        return draw_grid(
            layers,
            None if grid is None else grid.code,
            points=np.array([point.at for point in points], dtype=object),
            numbers=np.array([point.number for point in points], dtype=object),
            language=language,
            title=text("residents.drawing.of", language, name=named),
            **size,
        )


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
                compounds=tuple(compounds.get(code, ())),
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


def tel(number: str) -> str:
    """Return the digits that a ``tel:`` link may hold; empty where there are none.

    Parameters
    ----------
    number
        As published.

    Returns
    -------
    str
        Digits, plus and hyphens only.
    """
    kept = "".join(char for char in number if char.isascii() and (char.isdigit() or char in "+-"))
    return kept if any(char.isdigit() for char in kept) else ""


def shortened(name: str, most: int = _LONGEST_NAME) -> str:
    """Cut a name that no page could hold, and show that it was cut.

    Parameters
    ----------
    name
        Any text.
    most
        Characters that are kept.

    Returns
    -------
    str
        At most that many characters and an ellipsis; control characters are left out.
    """
    kept = (
        char if char.isprintable() or char in _JOINERS else " " if char.isspace() else "" for char in name
    )
    clean = " ".join("".join(kept).split())
    return clean if len(clean) <= most else clean[:most].rstrip() + "…"


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


def _compounds(place: PublicPlace) -> dict[str, list[str]]:
    """List the compounds of each grid: those that share land with it, however they were drawn."""
    shapes = place.compounds.geometry.to_numpy()
    grids = place.grids.geometry.to_numpy()
    grid, compound = shapely.STRtree(shapes).query(grids, predicate="intersects")
    shared = shapely.area(shapely.intersection(grids[grid], shapes[compound]))
    part = shared / np.maximum(np.minimum(shapely.area(shapes[compound]), shapely.area(grids[grid])), 1e-15)
    names = place.compounds["name"].map(plain_text).tolist()
    codes = place.grids["grid_code"].tolist()
    found: dict[str, list[str]] = {}
    for at, of, share in sorted(zip(grid, compound, part, strict=True), key=lambda pair: (pair[0], pair[1])):
        if share > 0.02 and names[of]:
            found.setdefault(codes[at], []).append(shortened(names[of], 60))
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
