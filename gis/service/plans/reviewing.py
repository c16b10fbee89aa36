"""Reviewing a plan: what it would become, and what stands in its way; nothing is changed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from sqlalchemy import Connection, select

from gis.codes import county_of
from gis.layers.editions import edition_numbered, read_grids
from gis.layers.grid import Grid
from gis.planning.proof import Proof, prove
from gis.planning.report import CheckReport, Severity, Violation
from gis.planning.rules import check_division
from gis.service.access import Actor
from gis.service.dispatch.redispatching import MovingIncident, incidents_that_move, indexes_of
from gis.service.plans.plan_draft import PlanDraft
from gis.service.plans.plan_grids import NewGrids, make_grids
from gis.service.plans.plan_land import CommunityLand, read_land, staff_of
from gis.service.plans.plan_memory import open_draft
from gis.service.plans.plan_staff import Reposting, plan_staff
from gis.service.plans.seams import Sewn, sew
from gis.settings import CHINA_STANDARD_TIME, settings

NEVER_WAIVED = frozenset(
    {
        "overlap",
        "gap",
        "hole",
        "uncovered",
        "outside",
        "community_crossed",
        "community_missing",
        "geometry_missing",
        "geometry_invalid",
        "code_malformed",
        "code_duplicate",
        "code_community",
        "proof",
    }
)
"""Rules that every point of land having one owner rests on."""

NEEDS_REASON = frozenset({"compound_cut"})
"""Warnings that ask for a reason all the same."""


@dataclass(frozen=True, eq=False)
class Review:
    """What a plan would become, and what stands in its way.

    Attributes
    ----------
    draft
        The plan.
    new
        Its grids.
    sewn
        Them among those of the county.
    report
        The check of them.
    proof
        The proof of the seamless cover.
    staff
        Who would work where.
    incidents
        Open incidents of the county that would change owner.
    effective_from
        From when.
    """

    draft: PlanDraft
    new: NewGrids
    sewn: Sewn
    report: CheckReport
    proof: Proof
    staff: Reposting
    incidents: list[MovingIncident]
    effective_from: dt.datetime

    @property
    def failures(self) -> list[Violation]:
        """What has to be mended or waived before it is published."""
        found = [one for one in self.report.violations if one.severity is Severity.ERROR]
        found += [one for one in self.report.violations if one.rule in NEEDS_REASON and one not in found]
        return found

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        failing = {key_of(one) for one in self.failures}
        return {
            "version": self.draft.row.version,
            "effective_from": self.effective_from.isoformat(),
            "proof": self.proof.as_dict(),
            "totals": self.report.as_dict()["totals"],
            "violations": [
                one.as_dict()
                | {
                    "key": key_of(one),
                    "needs_reason": key_of(one) in failing and one.rule not in NEVER_WAIVED,
                    "stops": one.rule in NEVER_WAIVED and one.severity is Severity.ERROR,
                }
                for one in self.report.violations
            ],
            "staff": self.staff.as_dict(),
            "incidents": [one.as_dict() for one in self.incidents],
            "impact": impact_of(self.draft, self.new),
            **self.new.as_dict(),
        }


def key_of(violation: Violation) -> str:
    """Name a violation, for its waiver.

    Parameters
    ----------
    violation
        The violation.

    Returns
    -------
    str
        Rule and subjects, such as ``size_above:150103099901003``.
    """
    return ":".join([violation.rule, *violation.subjects])


def review_plan(
    connection: Connection, actor: Actor, plan_id: int, effective_from: dt.datetime | None = None
) -> Review:
    """Tell what a plan would become, and what stands in its way; nothing is changed.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who asks.
    plan_id
        The plan.
    effective_from
        From when it would be in force; now unless given.

    Returns
    -------
    Review
        The whole account.

    Raises
    ------
    NotFoundError
        If there is no such plan.
    """
    draft = open_draft(connection, actor, plan_id)
    return review_draft(connection, draft, effective_from or dt.datetime.now(dt.UTC))


def review_draft(connection: Connection, draft: PlanDraft, when: dt.datetime) -> Review:
    """Review a draft that is at hand.

    Parameters
    ----------
    connection
        An open transaction.
    draft
        The plan.
    when
        From when it would be in force.

    Returns
    -------
    Review
        The whole account.
    """
    county = county_of(draft.row.community_code)
    base = edition_numbered(connection, county, draft.row.base_number)
    land = read_land(connection, draft.row.community_code)
    in_force = read_grids(connection, base, community_code=draft.row.community_code)
    ever = connection.execute(
        select(Grid.grid_code).where(Grid.community_code == draft.row.community_code)
    ).scalars()
    new = make_grids(draft, in_force, list(ever))
    sewn = sew(connection, draft.row.community_code, new.grids)
    new = replace(new, grids=sewn.grids)
    serving = staff_of(connection, in_force["grid_code"].tolist(), when)
    staff = plan_staff(draft, new, serving)
    report = _check(new.grids, land, staff, when)
    proof = prove(draft.core, land.community, land.buildings)
    moving: list[MovingIncident] = []
    if is_seamless(proof):
        moving = incidents_that_move(connection, county, indexes_of(sewn.county))
    return Review(draft, new, sewn, report, proof, staff, moving, when)


def _check(grids: gpd.GeoDataFrame, land: CommunityLand, staff: Reposting, when: dt.datetime) -> CheckReport:
    house = settings()
    return check_division(
        grids,
        community=land.community,
        buildings=land.buildings,
        compounds=land.compounds if len(land.compounds) else None,
        staff=staff.posts,
        households_min=house.households_min,
        households_max=house.households_max,
        basis=house.households_basis,
        as_of=when.astimezone(CHINA_STANDARD_TIME).date(),
    )


def is_seamless(proof: Proof) -> bool:
    """Tell whether all land has one owner; parts and cut buildings are the rules' business, and waivable.

    Parameters
    ----------
    proof
        The proof of a draft's cover.

    Returns
    -------
    bool
        True where the cover is valid, equals the community, and no unit is loose.
    """
    return proof.coverage_valid and proof.difference_m2 == 0 and proof.units_loose == 0


def impact_of(draft: PlanDraft, new: NewGrids) -> dict[str, Any]:
    """Tell how many households change grid, and between which.

    Parameters
    ----------
    draft
        The plan.
    new
        Its grids.

    Returns
    -------
    dict
        ``households_moved``, ``units_moved`` and ``moves``: rows of ``from``, ``to``, ``units`` and
        ``households``, the most households first.
    """
    codes = np.array([new.codes.get(label, "") for label in draft.labels.tolist()], dtype=object)
    moved = codes != draft.base
    table = pd.DataFrame(
        {
            "from": draft.base[moved],
            "to": codes[moved],
            "households": np.nan_to_num(draft.households[moved]),
            "units": 1,
        }
    )
    rows = (
        table.groupby(["from", "to"])[["units", "households"]]
        .sum()
        .reset_index()
        .sort_values(["households", "units"], ascending=False)
    )
    return {
        "units_moved": int(moved.sum()),
        "households_moved": int(np.nansum(draft.households[moved])),
        "moves": [
            {
                "from": row["from"] or None,
                "to": row["to"] or None,
                "units": int(row["units"]),
                "households": int(row["households"]),
            }
            for row in rows.to_dict(orient="records")
        ],
    }
