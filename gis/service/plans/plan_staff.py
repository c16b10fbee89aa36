"""Who works where after a plan: staff go with their grid, unless the planner says otherwise."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import pandas as pd
from sqlalchemy import Connection, insert, select, update

from gis.layers.staff import Staff
from gis.service.plans.plan_draft import PlanDraft
from gis.service.plans.plan_grids import NewGrids


@dataclass(frozen=True, eq=False)
class Reposting:
    """Who would work where.

    Attributes
    ----------
    posts
        The frame ``staff`` as it would be.
    moves
        ``staff_code``, ``role``, ``from`` and ``to`` (a grid's code; None: no place) of those who move.
    """

    posts: pd.DataFrame
    moves: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        return {"moved": len(self.moves), "moves": self.moves}


def plan_staff(draft: PlanDraft, new: NewGrids, staff: pd.DataFrame) -> Reposting:
    """Tell who works where after a plan.

    Parameters
    ----------
    draft
        The plan. Who was asked for elsewhere goes there; the others stay with their grid.
    new
        Its grids.
    staff
        The frame ``staff`` of those in office.

    Returns
    -------
    Reposting
        Nothing is stored yet.
    """
    asked = {post: new.codes[label] for post, label in draft.staff.items() if label in new.codes}
    still = set(new.grids["grid_code"])

    def place(post: Any, grid: Any) -> Any:
        if pd.isna(grid):
            return None
        if str(post) in asked:
            return asked[str(post)]
        code = new.codes.get(str(grid), str(grid))
        return code if code in still else None

    posts = pd.DataFrame(staff.drop(columns="geometry", errors="ignore")).copy()
    before = [None if pd.isna(code) else str(code) for code in posts["grid_code"]]
    after = [place(post, grid) for post, grid in zip(posts["staff_code"], posts["grid_code"], strict=True)]
    moves = [
        {"staff_code": str(post), "role": str(role), "from": old, "to": now}
        for post, role, old, now in zip(posts["staff_code"], posts["role"], before, after, strict=True)
        if old is not None and old != now
    ]
    posts["grid_code"] = pd.Series(after, index=posts.index, dtype=object)
    lost = {move["staff_code"] for move in moves if move["to"] is None}
    return Reposting(posts[~posts["staff_code"].isin(lost)], moves)


def post_staff(connection: Connection, reposting: Reposting, day: dt.date) -> None:
    """Write the moves: the old appointment ends on a day, and a new one begins.

    Appointments count whole days. Where an edition takes force within a day, its staff are in their new grids
    from the beginning of that day, and nobody is in two places or in none.

    Parameters
    ----------
    connection
        An open transaction.
    reposting
        Who moves.
    day
        The first day in the new place.
    """
    for move in reposting.moves:
        old = connection.execute(
            select(
                Staff.person,
                Staff.role,
                Staff.valid_from,
                Staff.valid_to,
                Staff.public_phone,
                Staff.private_phone,
            ).where(Staff.staff_code == move["staff_code"])
        ).one()
        begun = old.valid_from < day
        if begun:
            connection.execute(
                update(Staff).where(Staff.staff_code == move["staff_code"]).values(valid_to=day)
            )
        if move["to"] is None:
            continue
        if not begun:
            # It would have lasted no day at all: it is the same appointment, elsewhere.
            connection.execute(
                update(Staff).where(Staff.staff_code == move["staff_code"]).values(grid_code=move["to"])
            )
            continue
        connection.execute(
            insert(Staff).values(
                staff_code=f"{move['staff_code']}@{day:%Y%m%d}",
                person=old.person,
                role=old.role,
                grid_code=move["to"],
                valid_from=day,
                valid_to=old.valid_to,
                public_phone=old.public_phone,
                private_phone=old.private_phone,
            )
        )
