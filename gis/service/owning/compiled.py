"""An edition compiled for answering: indexes of every layer and the facts that an answer names.

A :class:`Compiled` never changes. A new edition, or a change of staff or compounds, makes a new one, so an
answer that was begun with one is finished with it: stamp and content cannot come from two editions.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from sqlalchemy import Connection, func, or_, select

from gis.errors import WanggeError
from gis.layers.base import Base
from gis.layers.building import Building
from gis.layers.compound import Compound
from gis.layers.division import Division
from gis.layers.editions import EditionStamp, read_grids
from gis.layers.frames import as_wkb, query_frame
from gis.layers.grid import OwnerPrecedence
from gis.layers.staff import Staff
from gis.locate.index import GridIndex
from gis.service.access import reach_of
from gis.settings import CHINA_STANDARD_TIME
from gis.terms import DivisionLevel, GridType, StaffRole

log = logging.getLogger(__name__)

Facts = Mapping[str, Any]

GRID_LAYERS: tuple[str, ...] = tuple(GridType)
PLACE_LAYERS = ("communities", "compounds", "buildings")

_STAFF_ORDER = (StaffRole.FULL_TIME, StaffRole.LEADER, StaffRole.PART_TIME, StaffRole.POLICE)


@dataclass(frozen=True)
class Compiled:
    """One edition of one county, ready to answer.

    Attributes
    ----------
    edition
        Which edition.
    indexes
        Layer (``basic``, ``exclusive``, ``micro``, ``communities``, ``compounds``, ``buildings``) → index;
        a layer without polygons is missing.
    facts
        JSON-ready: ``grids``, ``divisions``, ``compounds``, ``buildings`` by code, ``staff`` by the code of
        their grid or division (public phones only), ``precedence`` (grid layers, the first that answers
        names the owner).
    read_at
        When the facts were read.
    """

    edition: EditionStamp
    indexes: Mapping[str, GridIndex] = field(repr=False)
    facts: Facts = field(repr=False)
    read_at: dt.datetime

    @property
    def precedence(self) -> tuple[str, ...]:
        """The grid layers of this county, the one that names the owner first."""
        return tuple(layer for layer in self.facts["precedence"] if layer in self.indexes)

    def grid(self, code: str) -> dict[str, Any]:
        """Return a grid's facts.

        Parameters
        ----------
        code
            Its code.

        Returns
        -------
        dict
            ``grid_code``, ``name``, ``grid_type``, ``colour_theme``, ``community_code``, ``parent_code``.
        """
        return dict(self.facts["grids"][code])

    def staff_of(self, code: str) -> list[dict[str, Any]]:
        """List who looks after a grid or division and may be called.

        Parameters
        ----------
        code
            Of the grid or division; a micro grid without staff of its own has its parent's.

        Returns
        -------
        list of dict
            ``person``, ``role``, ``phone``; the full-time worker first.
        """
        staff: list[dict[str, Any]] = self.facts["staff"].get(code) or []
        parent = self.facts["grids"].get(code, {}).get("parent_code")
        return self.staff_of(parent) if not staff and parent else [dict(person) for person in staff]


def compile_edition(
    connection: Connection,
    edition: EditionStamp,
    *,
    former: Compiled | None = None,
    on: dt.date | None = None,
) -> Compiled:
    """Compile an edition with what surrounds its grids.

    Parameters
    ----------
    connection
        An open transaction.
    edition
        Which edition.
    former
        What was compiled before; its indexes serve again where the edition is the same.
    on
        The day on which the staff serve; today unless given.

    Returns
    -------
    Compiled
        Ready to answer.
    """
    now = dt.datetime.now(dt.UTC)
    grids = read_grids(connection, edition)
    indexes: dict[str, GridIndex] = {}
    if former is not None and former.edition.digest == edition.digest:
        indexes |= {layer: former.indexes[layer] for layer in GRID_LAYERS if layer in former.indexes}
    else:
        for layer in GRID_LAYERS:
            part = grids[grids["grid_type"] == layer]
            if len(part):
                indexes[layer] = GridIndex.build(
                    part.geometry.to_numpy(),
                    part["grid_code"].tolist(),
                    digest=edition.digest,
                    overlap="refuse" if layer == GridType.BASIC else "first",
                )
    prefix = reach_of(edition.county_code)
    divisions = _frame(connection, Division, prefix)
    compounds = _frame(connection, Compound, prefix)
    buildings = _frame(connection, Building, prefix)
    communities = divisions[divisions["level"] == DivisionLevel.COMMUNITY]
    places = zip(
        PLACE_LAYERS,
        (communities, compounds, buildings),
        ("division_code", "compound_code", "building_code"),
        strict=True,
    )
    for layer, frame, code in places:
        index = _place_index(frame, code, layer, former)
        if index is not None:
            indexes[layer] = index
    facts = {
        "grids": _by_code(
            grids,
            ("grid_code", "name", "grid_type", "colour_theme", "community_code", "parent_code"),
        ),
        "divisions": _by_code(divisions, ("division_code", "name", "level", "parent_code")),
        "compounds": _by_code(compounds, ("compound_code", "name", "kind", "community_code")),
        "buildings": _by_code(buildings, ("building_code", "number", "compound_code", "community_code")),
        "bounds": _bounds(communities),
        "staff": _staff(connection, prefix, on or now.astimezone(CHINA_STANDARD_TIME).date()),
        "precedence": list(
            connection.execute(select(OwnerPrecedence.layer).order_by(OwnerPrecedence.rank)).scalars()
        ),
    }
    return Compiled(edition, indexes, facts, now)


def _frame(connection: Connection, model: type[Base], prefix: str) -> gpd.GeoDataFrame:
    table = model.__table__
    code = table.c[model.code_column]
    wanted = [
        column
        for column in table.c
        if column.name
        in {
            model.code_column,
            "name",
            "level",
            "parent_code",
            "kind",
            "number",
            "compound_code",
            "community_code",
        }
    ]
    query = select(*wanted, as_wkb(table.c.geometry)).where(code.like(f"{prefix}%")).order_by(code)
    return query_frame(connection, query)


def _place_index(frame: gpd.GeoDataFrame, code: str, layer: str, former: Compiled | None) -> GridIndex | None:
    """Index a layer that only adds to an answer: what cannot be indexed is left out, and the log says so.

    The former index serves again where no shape has changed, so that a new member of staff costs no stall.
    """
    usable = frame[frame.geometry.notna() & ~frame.geometry.is_empty]
    if not len(usable):
        return None
    shapes, codes = usable.geometry.to_numpy(), usable[code].tolist()
    content = hashlib.sha256("|".join(codes).encode())
    for shape in shapely.to_wkb(shapes):
        content.update(shape)
    before = None if former is None else former.indexes.get(layer)
    if before is not None and before.digest == content.hexdigest():
        return before
    try:
        return GridIndex.build(shapes, codes, digest=content.hexdigest(), overlap="first")
    except WanggeError as error:
        log.warning("%s cannot be looked up: %s", layer, error)
        return None


def _by_code(frame: gpd.GeoDataFrame, columns: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    plain = frame[list(columns)].astype(object)
    plain = plain.where(plain.notna(), None)
    records = plain.to_dict(orient="records")
    return {record[columns[0]]: record for record in records}


def _bounds(communities: gpd.GeoDataFrame) -> dict[str, list[float]]:
    known = communities[communities.geometry.notna()]
    boxes = known.geometry.bounds.to_numpy().tolist()
    return dict(zip(known["division_code"].tolist(), boxes, strict=True))


def _staff(connection: Connection, prefix: str, on: dt.date) -> dict[str, list[dict[str, Any]]]:
    place = func.coalesce(Staff.grid_code, Staff.division_code)
    rows = connection.execute(
        select(place, Staff.person, Staff.role, Staff.public_phone)
        .where(
            place.like(f"{prefix}%"),
            Staff.public_phone.is_not(None),
            Staff.valid_from <= on,
            or_(Staff.valid_to.is_(None), Staff.valid_to > on),
        )
        .order_by(place, Staff.staff_code)
    ).all()
    rank = {str(role): at for at, role in enumerate(_STAFF_ORDER)}
    order = np.argsort([rank[row[2]] for row in rows], kind="stable")
    found: dict[str, list[dict[str, Any]]] = {}
    for at in order:
        code, person, role, phone = rows[int(at)]
        found.setdefault(code, []).append({"person": person, "role": role, "phone": phone})
    return found
