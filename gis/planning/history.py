"""The append-only log of a draft: commit, undo, redo, replay.

An entry holds what an operation did, unit by unit and grid by grid, both before and after. Undo and redo are
entries too: nothing is ever taken out of the log, and :func:`replay` rebuilds any state from the first one
and the log alone. An entry is JSON-ready: ``op`` and what it was asked for; ``units`` {id: [from, to]};
``grids`` {code: [before, after]}; and, where units were cut, ``pieces`` {removed: […], added: […]}.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis.crs import STORAGE_SRID
from gis.errors import ConflictError
from gis.planning.adjacency import patch_adjacency
from gis.planning.draft import Draft, Entry, GridInfo, Texts
from gis.planning.measure import Geometries
from gis.planning.report import Violation
from gis.planning.unit_set import UnitSet

PIECE_COLUMNS = ("unit_id", "households", "residents", "compound_code", "buildings", "community_code")


@dataclass(frozen=True, eq=False)
class Change:
    """What an operation did.

    Attributes
    ----------
    draft
        The state after it.
    entry
        Its line of the log.
    totals
        Of the whole plan: ``grids``, ``within``, ``below``, ``above``, ``unknown``, ``exempt``,
        ``households``, ``unassigned_units``, ``unassigned_households``.
    grids
        Code → figures, for the grids whose units or nature changed; ``None`` for one that is no more.
    made, cured
        The violations that it brought, and those that it took away.
    """

    draft: Draft
    entry: Entry
    totals: dict[str, Any]
    grids: dict[str, dict[str, Any] | None]
    made: tuple[Violation, ...]
    cured: tuple[Violation, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready, for a page that follows along.

        Returns
        -------
        dict
            Plain values.
        """
        return {
            "entry": self.entry,
            "totals": self.totals,
            "grids": self.grids,
            "made": [one.as_dict() for one in self.made],
            "cured": [one.as_dict() for one in self.cured],
        }


@dataclass(frozen=True, eq=False)
class Step:
    """What an operation is about to change; turned into a log entry by :func:`commit`.

    Attributes
    ----------
    op
        Its name.
    facts
        What it was asked for, JSON-ready.
    owner
        The units' grids after it, shape (n,); ``None`` where they stay.
    grids
        Code → what the grid is after it, or ``None`` for one that is no more.
    pieces
        Units that were cut, and what they were cut into.
    """

    op: str
    facts: dict[str, Any]
    owner: Texts | None = None
    grids: dict[str, GridInfo | None] = field(default_factory=dict)
    pieces: dict[str, list[dict[str, Any]]] | None = None


def commit(draft: Draft, step: Step) -> Change:
    """Write a step into a draft's log, and say what it did.

    Parameters
    ----------
    draft
        The state before it.
    step
        The change.

    Returns
    -------
    Change
        The state after it, totals, and violations made and cured.

    Raises
    ------
    ConflictError
        If it would touch a locked grid's units, or changes nothing.
    """
    owner = draft.owner if step.owner is None else step.owner
    moved = np.flatnonzero(owner != draft.owner)
    touched = set(draft.owner[moved].tolist()) | set(owner[moved].tolist())
    if step.op != "lock":
        refuse_locked(draft, touched | set(step.grids))
    infos = {
        code: [
            draft.grids[code].as_dict() if code in draft.grids else None,
            None if info is None else info.as_dict(),
        ]
        for code, info in step.grids.items()
    }
    infos = {code: pair for code, pair in infos.items() if pair[0] != pair[1]}
    if not len(moved) and not infos and step.pieces is None:
        raise ConflictError("nothing would change", where=step.op)
    entry: Entry = {
        "op": step.op,
        **step.facts,
        "units": {draft.units.ids[row]: [draft.owner[row], owner[row]] for row in moved.tolist()},
        "grids": infos,
    }
    if step.pieces is not None:
        entry["pieces"] = step.pieces
    return _report(draft, apply_entry(draft, entry, forward=True, log_entry=entry), entry)


def refuse_locked(draft: Draft, codes: Iterable[str]) -> None:
    """Refuse to touch a locked grid.

    Parameters
    ----------
    draft
        The state.
    codes
        The grids that an operation would change.

    Raises
    ------
    ConflictError
        If one of them is locked.
    """
    for code in sorted(codes):
        if code in draft.grids and draft.grids[code].locked:
            raise ConflictError(f"grid {code} is locked", where="grid_code", mend="unlock it first")


def apply_entry(draft: Draft, entry: Entry, *, forward: bool, log_entry: Entry) -> Draft:
    """Apply what an entry says to a draft, or take it back, and lengthen the log.

    Parameters
    ----------
    draft
        The state.
    entry
        What to apply.
    forward
        Whether to do it, or to take it back.
    log_entry
        What to add to the log: the entry itself, or an undo or redo of it.

    Returns
    -------
    Draft
        The new state.

    Raises
    ------
    ConflictError
        If the units are not in the grids that the entry takes them from.
    """
    before, after = (0, 1) if forward else (1, 0)
    if "pieces" in entry:
        draft = _swap_pieces(draft, entry["pieces"], forward=forward)
    rows = np.array([draft.units.row_of.get(name, -1) for name in entry["units"]], dtype=np.int64)
    pairs = list(entry["units"].values())
    if (rows < 0).any() or [draft.owner[row] for row in rows.tolist()] != [pair[before] for pair in pairs]:
        raise ConflictError("the log does not fit the units", where=entry["op"], mend="open the plan again")
    owner = draft.owner.copy()
    owner[rows] = [pair[after] for pair in pairs]
    grids = dict(draft.grids)
    for code, pair in entry["grids"].items():
        if pair[after] is None:
            grids.pop(code, None)
        else:
            grids[code] = GridInfo.from_dict(pair[after])
    return replace(draft, owner=owner, grids=grids, log=(*draft.log, log_entry))


def piece_records(
    columns: Mapping[str, Sequence[Any]], shapes: Geometries, owner: Texts
) -> list[dict[str, Any]]:
    """Write units down for the log.

    Parameters
    ----------
    columns
        Of units, as a :class:`~gis.planning.unit_set.UnitSet` has them: name → a value for each.
    shapes
        Their polygons, degrees on the lattice.
    owner
        The grid of each.

    Returns
    -------
    list of dict
        JSON-ready, the geometry as hexadecimal WKB.
    """
    plain = {
        name: [None if pd.isna(value) else value for value in columns[name]]
        for name in PIECE_COLUMNS
        if name in columns
    }
    wkb = shapely.to_wkb(shapes, hex=True)
    return [
        {**{name: values[row] for name, values in plain.items()}, "grid_code": code, "wkb": str(wkb[row])}
        for row, code in enumerate(owner.tolist())
    ]


def _swap_pieces(draft: Draft, pieces: dict[str, list[dict[str, Any]]], *, forward: bool) -> Draft:
    """Put the pieces of cut units in the place of the units, or the other way round."""
    gone, come = (pieces["removed"], pieces["added"]) if forward else (pieces["added"], pieces["removed"])
    if any(one["unit_id"] not in draft.units.row_of for one in gone):
        raise ConflictError("the log does not fit the units", where="cut", mend="open the plan again")
    stay = np.ones(len(draft.owner), dtype=bool)
    stay[draft.units.rows(one["unit_id"] for one in gone)] = False
    geometry = np.asarray(shapely.from_wkb([one["wkb"] for one in come]), dtype=object)
    old = draft.units
    kept = np.flatnonzero(stay)
    # Lists, and one frame of them: every further step on a frame costs as much as cutting a unit.
    columns: dict[str, list[Any]] = {
        str(name): [*values.to_numpy(dtype=object)[kept].tolist(), *(one.get(str(name)) for one in come)]
        for name, values in pd.DataFrame(old.frame.drop(columns="geometry")).items()
    }
    frame = gpd.GeoDataFrame(columns, geometry=np.concatenate([old.shapes[kept], geometry]), crs=STORAGE_SRID)
    graph = patch_adjacency(
        old.adjacency, stay, old.shapes, geometry, old.barriers, tolerance_m=old.tolerance_m
    )
    units = UnitSet(frame, graph, old.barriers, old.tolerance_m)
    owner = np.concatenate([draft.owner[stay], np.array([one["grid_code"] for one in come], dtype=object)])
    return replace(draft, units=units, owner=owner)


def _report(before: Draft, after: Draft, entry: Entry) -> Change:
    # The same rule broken by the same grids is the same violation, whatever the numbers are by now.
    old = {(one.rule, one.subjects): one for one in before.violations}
    new = {(one.rule, one.subjects): one for one in after.violations}
    touched = {code for pair in entry["units"].values() for code in pair} | set(entry["grids"])
    touched |= {one["grid_code"] for one in entry.get("pieces", {}).get("added", [])}
    return Change(
        draft=after,
        entry=after.log[-1],
        totals=after.standing.totals,
        grids={code: after.standing.figures(code) for code in sorted(touched - {""})},
        made=tuple(one for key, one in new.items() if key not in old),
        cured=tuple(one for key, one in old.items() if key not in new),
    )


def _stacks(log: Sequence[Entry]) -> tuple[list[int], list[int]]:
    """Tell which entries stand, and which were taken back and can be done again."""
    done: list[int] = []
    undone: list[int] = []
    for number, entry in enumerate(log):
        if entry["op"] == "undo":
            undone.append(done.pop())
        elif entry["op"] == "redo":
            done.append(undone.pop())
        else:
            done.append(number)
            undone.clear()
    return done, undone


def undo(draft: Draft) -> Change:
    """Take the last standing operation back; the log grows by an entry that says so.

    Parameters
    ----------
    draft
        The state.

    Returns
    -------
    Change
        The state before that operation.

    Raises
    ------
    ConflictError
        If there is nothing to take back.
    """
    return _turn(draft, "undo")


def redo(draft: Draft) -> Change:
    """Do again what was taken back last.

    Parameters
    ----------
    draft
        The state.

    Returns
    -------
    Change
        The state after that operation.

    Raises
    ------
    ConflictError
        If nothing was taken back since the last operation.
    """
    return _turn(draft, "redo")


def _turn(draft: Draft, op: str) -> Change:
    stack = _stacks(draft.log)[0 if op == "undo" else 1]
    if not stack:
        raise ConflictError(f"there is nothing to {op}", where=op)
    entry = draft.log[stack[-1]]
    done = apply_entry(draft, entry, forward=op == "redo", log_entry={"op": op, "of": stack[-1]})
    return _report(draft, done, entry)


def replay(start: Draft, log: Iterable[Entry]) -> Draft:
    """Rebuild a state from a stored log.

    Parameters
    ----------
    start
        The draft that the log began with.
    log
        Its entries, as stored.

    Returns
    -------
    Draft
        The last state.

    Raises
    ------
    ConflictError
        If the log does not fit the units that the draft is made of.
    """
    state = start
    for entry in log:
        if entry["op"] in {"undo", "redo"}:
            past = state.log[entry["of"]]
            state = apply_entry(state, past, forward=entry["op"] == "redo", log_entry=entry)
        else:
            state = apply_entry(state, entry, forward=True, log_entry=entry)
    return state
