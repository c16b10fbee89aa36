"""What a planner does to a draft by units: move, merge, name, lock, renumber. Each returns a new state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gis.errors import ConflictError, InputError
from gis.planning.draft import Draft, GridInfo
from gis.planning.history import Change, Step, commit, refuse_locked
from gis.terms import GridType


def move_units(draft: Draft, unit_ids: Iterable[str], to: str | None) -> Change:
    """Give units to a grid.

    Parameters
    ----------
    draft
        The state.
    unit_ids
        Which units.
    to
        The grid's code; ``None`` makes a new basic grid of them, with the next free serial.

    Returns
    -------
    Change
        A grid that lost its last unit is gone.

    Raises
    ------
    NotFoundError
        If a unit or the grid is not known.
    ConflictError
        If a locked grid is concerned, or nothing would change.
    """
    rows = draft.units.rows(unit_ids)
    grids: dict[str, GridInfo | None] = {}
    if to is None:
        to = draft.next_code()
        grids[to] = GridInfo()
    else:
        refuse_locked(draft, [to])
        draft.info(to)
    owner = draft.owner.copy()
    owner[rows] = to
    left = set(owner.tolist())
    grids |= dict.fromkeys(set(draft.owner[rows].tolist()) - left - {""})
    return commit(draft, Step("move", {"to": to}, owner, grids))


def merge_grids(draft: Draft, codes: Iterable[str], into: str | None = None) -> Change:
    """Join grids to one.

    Parameters
    ----------
    draft
        The state.
    codes
        Two grids or more.
    into
        The one whose code, type and name stay; the one with most households if left out.

    Returns
    -------
    Change
        The grid keeps the others' codes as predecessors.

    Raises
    ------
    InputError
        If fewer than two grids are named, or ``into`` is none of them.
    """
    names = list(dict.fromkeys(codes))
    if len(names) < 2:
        raise InputError("a merge needs two grids or more", where="grid_code")
    sizes = {code: draft.standing.known[draft.codes.index(code)] for code in names if draft.info(code)}
    keep = max(names, key=lambda code: (sizes[code], code)) if into is None else into
    if keep not in names:
        raise InputError(f"grid {keep} is not one of those to merge", where="into")
    refuse_locked(draft, names)
    owner = draft.owner.copy()
    grids: dict[str, GridInfo | None] = {}
    heirs = list(draft.grids[keep].predecessors)
    for code in names:
        if code != keep:
            owner[draft.units_of(code)] = keep
            grids[code] = None
            heirs += [*draft.grids[code].predecessors, code]
    grids[keep] = replace(draft.grids[keep], predecessors=tuple(dict.fromkeys(heirs)))
    return commit(draft, Step("merge", {"codes": names, "into": keep}, owner, grids))


def set_grid(
    draft: Draft,
    code: str,
    *,
    grid_type: str | None = None,
    name: str | None = None,
    colour_theme: str | None = None,
) -> Change:
    """Set what a grid is; what is left out stays.

    Parameters
    ----------
    draft
        The state.
    code
        The grid.
    grid_type
        Basic or exclusive. Serials differ by type, so a change gives the grid the next free one of the other.
    name, colour_theme
        Text; an empty one clears it.

    Returns
    -------
    Change
        The change.

    Raises
    ------
    InputError
        If the type is not one that units can make up.
    """
    info = draft.info(code)
    new = replace(
        info,
        name=info.name if name is None else name.strip() or None,
        colour_theme=info.colour_theme if colour_theme is None else colour_theme.strip() or None,
    )
    if grid_type is None or grid_type == info.grid_type:
        return commit(draft, Step("set", {"code": code}, None, {code: new}))
    if grid_type not in {GridType.BASIC, GridType.EXCLUSIVE}:
        raise InputError(
            f"{grid_type!r} is not a type for a plan", where="grid_type", mend="basic or exclusive"
        )
    return _rename(draft, code, replace(new, grid_type=str(grid_type)), "set")


def renumber_grid(draft: Draft, code: str) -> Change:
    """Give a grid the next free serial, for one that is no longer what its code stood for.

    Parameters
    ----------
    draft
        The state.
    code
        The grid.

    Returns
    -------
    Change
        The grid keeps its old code as a predecessor.
    """
    return _rename(draft, code, draft.info(code), "renumber")


def _rename(draft: Draft, code: str, info: GridInfo, op: str) -> Change:
    refuse_locked(draft, [code])
    fresh = draft.next_code(info.grid_type)
    owner = draft.owner.copy()
    owner[draft.units_of(code)] = fresh
    heir = replace(info, predecessors=tuple(dict.fromkeys([*info.predecessors, code])))
    return commit(draft, Step(op, {"code": code, "to": fresh}, owner, {code: None, fresh: heir}))


def lock_grids(draft: Draft, codes: Iterable[str], *, locked: bool = True) -> Change:
    """Lock grids, so that no operation touches their units, or unlock them.

    Parameters
    ----------
    draft
        The state.
    codes
        Which grids.
    locked
        Whether to lock or to unlock.

    Returns
    -------
    Change
        The change.

    Raises
    ------
    ConflictError
        If they are so already.
    """
    names = list(dict.fromkeys(codes))
    if all(draft.info(code).locked == locked for code in names):
        raise ConflictError("nothing would change", where="lock")
    infos: dict[str, GridInfo | None] = {code: replace(draft.info(code), locked=locked) for code in names}
    return commit(draft, Step("lock", {"codes": names, "locked": locked}, None, infos))
