"""Publishing: from a plan to an edition, in one transaction, or not at all.

What stops a plan is listed before it is published. Some of it may be waived with a reason each; land that
nobody or more than one grid would own may not. A scheduled edition takes force at its hour; going back is
publishing the former state once more.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from sqlalchemy import Connection, insert, select

from gis.codes import county_of
from gis.errors import ConflictError, InputError, RuleError
from gis.layers.editions import (
    EditionStamp,
    digest_of,
    edition_at,
    edition_numbered,
    publish_edition,
    read_grids,
)
from gis.layers.frames import lock
from gis.layers.grid import Edition, Grid
from gis.layers.record import Audit
from gis.planning.report import CheckReport, Severity, Violation
from gis.planning.rules import check_division
from gis.service.access import Actor, require
from gis.service.plan_draft import PlanDraft
from gis.service.plan_grids import NewGrids, make_grids
from gis.service.plan_land import CommunityLand, read_land, staff_of
from gis.service.plan_memory import forget_draft, load_draft
from gis.service.plan_proof import prove
from gis.service.plan_staff import Reposting, plan_staff, post_staff
from gis.service.plan_steps import note_step, turn_in_community
from gis.settings import CHINA_STANDARD_TIME, settings
from gis.terms import Role

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

_REASON_LENGTH = 500
_PATIENCE = dt.timedelta(minutes=5)
"""An effective time that is past by no more than this is taken for now: the page was open for a while."""


@dataclass(frozen=True, eq=False)
class Review:
    """What a plan would become, and what stands in its way.

    Attributes
    ----------
    draft
        The plan.
    new
        Its grids.
    report
        The check of them.
    proof
        The proof of the seamless cover.
    staff
        Who would work where.
    effective_from
        From when.
    """

    draft: PlanDraft
    new: NewGrids
    report: CheckReport
    proof: dict[str, Any]
    staff: Reposting
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
            "proof": self.proof,
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
            **self.new.as_dict(),
        }


@dataclass(frozen=True, eq=False)
class Published:
    """What was published.

    Attributes
    ----------
    edition
        The edition.
    review
        What it was made of.
    """

    edition: EditionStamp
    review: Review

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        return {"edition": self.edition.as_dict(), **self.review.new.as_dict()}


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
    draft = load_draft(connection, plan_id)
    require(actor, (Role.PLANNER,), draft.row.community_code)
    return _review(connection, draft, effective_from or dt.datetime.now(dt.UTC))


def publish_plan(
    connection: Connection,
    actor: Actor,
    plan_id: int,
    version: int,
    *,
    effective_from: dt.datetime | None = None,
    waivers: Mapping[str, str] | None = None,
    note: str | None = None,
) -> Published:
    """Publish a plan as the next edition.

    Parameters
    ----------
    connection
        An open transaction: all of it happens when that is committed, or nothing does.
    actor
        Who publishes.
    plan_id, version
        The plan, and the version that was reviewed.
    effective_from
        From when; now unless given, and not in the past.
    waivers
        Key of a failure (:func:`key_of`) → the reason for which it is let pass.
    note
        What changed, in words.

    Returns
    -------
    Published
        The edition.

    Raises
    ------
    ConflictError
        If the plan has gone on since it was reviewed, or somebody published other borders of this
        community since it was begun.
    RuleError
        If a failure is not waived, or cannot be.
    InputError
        If the time is past, or a waiver has no reason.
    """
    when = _not_past(effective_from)
    reasons = _checked_reasons(waivers or {})
    draft = load_draft(connection, plan_id, for_update=True)
    community = draft.row.community_code
    require(actor, (Role.PLANNER,), community)
    turn_in_community(connection, community)
    lock(connection, f"publish:{county_of(community)}")
    _check_base(connection, draft)
    review = _review(connection, draft, when)
    used = _check_failures(review, reasons)
    grids = review.new.grids
    edition = publish_edition(
        connection,
        county_code=county_of(community),
        grids=grids,
        communities=[community],
        effective_from=when,
        actor=actor.name,
        note=note or draft.row.name,
    )
    post_staff(connection, review.staff, when.astimezone(CHINA_STANDARD_TIME).date())
    if used:
        connection.execute(
            insert(Audit).values(
                actor=actor.name,
                act="waive",
                subject=f"edition {edition.county_code} {edition.number}",
                after={"plan": plan_id, "waivers": used},
            )
        )
    note_step(
        connection,
        actor,
        plan_id,
        version,
        "publish",
        {"edition": edition.number, "waivers": used},
        values={"state": "published", "published_edition_id": edition.id, "proof": review.proof},
        states=("draft", "review"),
    )
    return Published(edition, review)


def roll_back(
    connection: Connection,
    actor: Actor,
    community_code: str,
    number: int,
    *,
    effective_from: dt.datetime | None = None,
    reason: str,
) -> EditionStamp:
    """Go back to the grids that a community had in a former edition, by publishing them once more.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who does it.
    community_code
        12 digits.
    number
        The former edition of its county.
    effective_from
        From when; now unless given.
    reason
        Why, in words.

    Returns
    -------
    EditionStamp
        The new edition.

    Raises
    ------
    NotFoundError
        If there is no such edition.
    RuleError
        If nothing would change.
    InputError
        If no reason is given, or the time is past.
    """
    require(actor, (Role.PLANNER,), community_code)
    when = _not_past(effective_from)
    why = _checked_reasons({"reason": reason})["reason"]
    county = county_of(community_code)
    lock(connection, f"publish:{county}")
    former = read_grids(
        connection, edition_numbered(connection, county, number), community_code=community_code
    )
    last = _last(connection, county)
    edition = publish_edition(
        connection,
        county_code=county,
        grids=former,
        communities=[community_code],
        effective_from=when,
        actor=actor.name,
        note=why,
    )
    if edition.number == last.number:
        raise RuleError(
            f"the grids of edition {number} are those of edition {last.number}: nothing would change",
            where="number",
            mend="choose another edition",
        )
    return edition


def rebase_plan(connection: Connection, actor: Actor, plan_id: int, version: int) -> PlanDraft:
    """Put a draft on the latest edition, after somebody published other borders of its community.

    Every unit stays in the grid that the draft puts it in; grids in force that the draft does not know are
    not added to it.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who does it.
    plan_id, version
        The plan, and the version that was seen.

    Returns
    -------
    PlanDraft
        The plan, compared with the new base from here on.

    Raises
    ------
    ConflictError
        If the plan has gone on since.
    """
    row = load_draft(connection, plan_id, for_update=True).row
    last = _last(connection, county_of(row.community_code))
    note_step(
        connection,
        actor,
        plan_id,
        version,
        "rebase",
        {"edition": last.number},
        values={"base_edition_id": last.id},
    )
    forget_draft(connection, plan_id)
    return load_draft(connection, plan_id)


def _review(connection: Connection, draft: PlanDraft, when: dt.datetime) -> Review:
    county = county_of(draft.row.community_code)
    base = edition_numbered(connection, county, draft.row.base_number)
    land = read_land(connection, draft.row.community_code)
    in_force = read_grids(connection, base, community_code=draft.row.community_code)
    ever = connection.execute(
        select(Grid.grid_code).where(Grid.community_code == draft.row.community_code)
    ).scalars()
    new = make_grids(draft, in_force, list(ever))
    serving = staff_of(connection, in_force["grid_code"].tolist(), when)
    staff = plan_staff(draft, new, serving)
    report = _check(new.grids, land, staff, when)
    return Review(draft, new, report, prove(draft, new.grids, land), staff, when)


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


def _check_failures(review: Review, reasons: dict[str, str]) -> dict[str, str]:
    """Refuse what is not waived; return the waivers that were needed."""
    failures = {key_of(one): one for one in review.failures}
    stop = [one for one in failures.values() if one.rule in NEVER_WAIVED]
    open_ones = [key for key, one in failures.items() if one.rule not in NEVER_WAIVED and key not in reasons]
    if stop or open_ones or not review.proof["holds"]:
        first = next(iter(stop), None) or (failures[open_ones[0]] if open_ones else None)
        words = "the cover of the community is not proved" if first is None else first.words("en")
        count = len(stop) + len(open_ones)
        raise RuleError(
            f"the plan cannot be published: {words}" + (f" (and {count - 1} more)" if count > 1 else ""),
            where=f"plan {review.draft.row.id}",
            mend="mend what can be mended, and give a reason for each of the others",
            details={
                "stops": [key_of(one) for one in stop],
                "needs_reason": open_ones,
                "proof": review.proof,
            },
        )
    return {key: reason for key, reason in reasons.items() if key in failures}


def _check_base(connection: Connection, draft: PlanDraft) -> None:
    """Refuse a plan whose community got other borders since the plan was begun."""
    county = county_of(draft.row.community_code)
    last = _last(connection, county)
    if last.id == draft.row.base_edition_id:
        return
    base = edition_numbered(connection, county, draft.row.base_number)
    then, now = (read_grids(connection, one, community_code=draft.row.community_code) for one in (base, last))
    if digest_of(then) != digest_of(now):
        raise ConflictError(
            f"edition {last.number} changed this community's grids after the plan was begun "
            f"from edition {base.number}",
            where=f"plan {draft.row.id}",
            mend="compare the plan with that edition, and base it on it",
            details={"base": base.number, "last": last.number},
        )


def _last(connection: Connection, county: str) -> EditionStamp:
    """Return the latest edition, one that is not in force yet included."""
    latest = connection.execute(
        select(Edition.effective_from)
        .where(Edition.county_code == county)
        .order_by(Edition.number.desc())
        .limit(1)
    ).scalar()
    return edition_at(connection, county, latest)


def _not_past(effective_from: dt.datetime | None) -> dt.datetime:
    now = dt.datetime.now(dt.UTC)
    if effective_from is None:
        return now
    if effective_from.tzinfo is None:
        raise InputError(
            "the time names no zone", where="effective_from", mend="write it as 2026-12-01T00:00:00+08:00"
        )
    if effective_from < now - _PATIENCE:
        raise InputError(
            "an edition cannot take force in the past", where="effective_from", mend="give now or later"
        )
    return max(effective_from, now)


def _checked_reasons(waivers: Mapping[str, str]) -> dict[str, str]:
    reasons = {key: reason.strip() for key, reason in waivers.items()}
    empty = [key for key, reason in reasons.items() if not reason or len(reason) > _REASON_LENGTH]
    if empty:
        raise InputError(
            f"a reason has 1 to {_REASON_LENGTH} letters",
            where=empty[0],
            mend="say why it is let pass",
        )
    return reasons


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
