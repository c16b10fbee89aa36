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
from sqlalchemy import Connection, insert

from gis.codes import county_of
from gis.errors import ConflictError, InputError, RuleError
from gis.layers.editions import (
    EditionStamp,
    edition_at,
    edition_numbered,
    facts_of,
    publish_edition,
    read_grids,
)
from gis.layers.frames import lock
from gis.layers.record import Audit
from gis.planning.matching import same_but_for_rounding
from gis.planning.measure import Geometries
from gis.service.access import Actor, require
from gis.service.dispatch.redispatching import incidents_that_move, indexes_of, move_incidents
from gis.service.plans.plan_draft import PlanDraft
from gis.service.plans.plan_memory import forget_draft, load_draft
from gis.service.plans.plan_staff import post_staff
from gis.service.plans.plan_steps import note_step, turn_in_community
from gis.service.plans.reviewing import NEVER_WAIVED, Review, is_seamless, key_of, review_draft
from gis.service.plans.seams import last_edition, sew
from gis.settings import CHINA_STANDARD_TIME
from gis.terms import Role

_REASON_LENGTH = 500
_PATIENCE = dt.timedelta(minutes=5)
"""An effective time that is past by no more than this is taken for now: the page was open for a while."""


@dataclass(frozen=True, eq=False)
class Published:
    """What was published.

    Attributes
    ----------
    edition
        The edition.
    review
        What it was made of.
    moved
        How many open incidents were given to their new owner; 0 where it takes force later.
    """

    edition: EditionStamp
    review: Review
    moved: int

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        return {
            "edition": self.edition.as_dict(),
            "incidents_moved": self.moved,
            **self.review.new.as_dict(),
        }


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
    review = review_draft(connection, draft, when)
    used = _check_failures(review, reasons)
    edition = publish_edition(
        connection,
        county_code=county_of(community),
        grids=review.sewn.state,
        communities=[community, *review.sewn.touched],
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
        values={"state": "published", "published_edition_id": edition.id, "proof": review.proof.as_dict()},
        states=("draft", "review"),
    )
    moved = 0
    if edition.effective_from <= dt.datetime.now(dt.UTC):
        moved = move_incidents(connection, review.incidents, edition, actor=actor.name)
    return Published(edition, review, moved)


def settle_incidents(connection: Connection, county_code: str) -> int:
    """Give the open incidents of a county to their owners by the edition in force.

    What a scheduled edition needs at its hour; done twice, it changes nothing the second time.

    Parameters
    ----------
    connection
        An open transaction.
    county_code
        12 digits.

    Returns
    -------
    int
        How many were moved.
    """
    lock(connection, f"publish:{county_code}")
    edition = edition_at(connection, county_code)
    indexes = indexes_of(read_grids(connection, edition))
    return move_incidents(connection, incidents_that_move(connection, county_code, indexes), edition)


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
    last = last_edition(connection, county)
    sewn = sew(connection, community_code, former)
    edition = publish_edition(
        connection,
        county_code=county,
        grids=sewn.state,
        communities=[community_code, *sewn.touched],
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
    if edition.effective_from <= dt.datetime.now(dt.UTC):
        settle_incidents(connection, county)
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
    last = last_edition(connection, county_of(row.community_code))
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


def _check_failures(review: Review, reasons: dict[str, str]) -> dict[str, str]:
    """Refuse what is not waived; return the waivers that were needed."""
    failures = {key_of(one): one for one in review.failures}
    stop = [one for one in failures.values() if one.rule in NEVER_WAIVED]
    open_ones = [key for key, one in failures.items() if one.rule not in NEVER_WAIVED and key not in reasons]
    if stop or open_ones or not is_seamless(review.proof):
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
                "proof": review.proof.as_dict(),
            },
        )
    return {key: reason for key, reason in reasons.items() if key in failures}


def _check_base(connection: Connection, draft: PlanDraft) -> None:
    """Refuse a plan whose community got other borders since the plan was begun."""
    county = county_of(draft.row.community_code)
    last = last_edition(connection, county)
    if last.id == draft.row.base_edition_id:
        return
    base = edition_numbered(connection, county, draft.row.base_number)
    then, now = (read_grids(connection, one, community_code=draft.row.community_code) for one in (base, last))
    # A neighbour's publication may have given them a vertex on the seam; that is nobody's redraw.
    if facts_of(then) != facts_of(now) or not same_but_for_rounding(_shapes(then), _shapes(now)).all():
        raise ConflictError(
            f"edition {last.number} changed this community's grids after the plan was begun "
            f"from edition {base.number}",
            where=f"plan {draft.row.id}",
            mend="compare the plan with that edition, and base it on it",
            details={"base": base.number, "last": last.number},
        )


def _shapes(grids: gpd.GeoDataFrame) -> Geometries:
    return np.asarray(grids.geometry.array, dtype=object)


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
