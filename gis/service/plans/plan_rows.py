"""What is kept of a plan: how it stands, each step of its log, and the rows that a step changes."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd

UNIT_COLUMNS = ("unit_id", "label", "households", "residents", "compound_code")


@dataclass(frozen=True)
class PlanRow:
    """How a plan stands.

    Attributes
    ----------
    id
        Its number.
    community_code
        The community that it divides.
    name, author
        What its author calls it, and who that is.
    state
        ``draft``, ``review``, ``published`` or ``abandoned``.
    version
        How many steps it has.
    last_step
        Key of its last step; 0 where it has none. Unlike the version it is never given twice, not even
        after a transaction that failed.
    grids
        Code → what the grid is, as :meth:`gis.planning.draft.GridInfo.as_dict` writes it.
    base_edition_id, base_plan_id
        What it was branched from.
    base_number, base_effective_from
        The edition's number, and from when it is in force.
    proof
        The proof of its seamless cover, as it stood at its last check.
    published_edition_id
        What it became.
    created_at, updated_at
        Its life.
    """

    id: int
    community_code: str
    name: str
    author: str
    state: str
    version: int
    last_step: int
    grids: dict[str, dict[str, Any]]
    base_edition_id: int
    base_plan_id: int | None
    base_number: int
    base_effective_from: dt.datetime
    proof: dict[str, Any] | None
    published_edition_id: int | None
    created_at: dt.datetime
    updated_at: dt.datetime

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready, without the keys that stay inside."""
        return {
            "id": self.id,
            "community_code": self.community_code,
            "name": self.name,
            "author": self.author,
            "state": self.state,
            "version": self.version,
            "base_edition": self.base_number,
            "base_plan_id": self.base_plan_id,
            "proof": self.proof,
            "created_at": self.created_at.isoformat(),
            "updated_at": self.updated_at.isoformat(),
        }


@dataclass(frozen=True)
class Step:
    """One step of a plan's log.

    Attributes
    ----------
    id
        Its key.
    sequence
        1, 2, 3 … within the plan; the version that it made.
    at, actor, act
        When, who and what.
    entry
        The log's line as :mod:`gis.planning.history` writes it. A step that changes no grid (a new name, a
        hand-in, the start itself) has ``aside`` instead and is not undone.
    """

    id: int
    sequence: int
    at: dt.datetime
    actor: str
    act: str
    entry: dict[str, Any]

    @property
    def is_aside(self) -> bool:
        """Whether it stands beside the log of changes."""
        return bool(self.entry.get("aside"))

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready, in short."""
        units = self.entry.get("units") or {}
        pieces = (self.entry.get("pieces") or {}).get("added") or []
        named = {code for pair in units.values() for code in pair} | set(self.entry.get("grids") or {})
        left_out = {"op", "units", "grids", "pieces", "staff", "aside", "line"}
        return {
            "sequence": self.sequence,
            "at": self.at.isoformat(),
            "actor": self.actor,
            "act": self.act,
            "units": len(units) + len(pieces),
            "labels": sorted(named - {"", None}),
            "facts": {key: value for key, value in self.entry.items() if key not in left_out},
        }


@dataclass(frozen=True, eq=False)
class Rewrite:
    """The rows of a plan that a step changes.

    Attributes
    ----------
    moved
        Unit id → its grid now; None: in none.
    removed
        Ids of units that were cut, or put together again.
    added
        The units in their place; None where there are none.
    """

    moved: dict[str, str | None] = field(default_factory=dict)
    removed: tuple[str, ...] = ()
    added: gpd.GeoDataFrame | None = None
