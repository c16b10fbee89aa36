"""What the site and the handbook say of a community: its grids, their people, their points, what is missing.

Made from a :class:`~gis.service.residents.public_layer.PublicPlace` alone, so only what is public can stand
here. Texts are plain; the templates escape them.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np

from gis.service.residents.public_layer import PublicPlace
from gis.terms import GridType
from gis.texts import Language, text
from maps.grid_drawing import DrawnLayers, draw_grid
from maps.legend import Category, Theme


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
    also
        Other names that people use for these.
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
    also: tuple[str, ...]
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
