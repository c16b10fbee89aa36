"""What a plan changes, against an edition or another plan of its community."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
from sqlalchemy import Connection, select

from gis.codes import county_of
from gis.errors import InputError
from gis.layers.building import Building
from gis.layers.editions import edition_numbered, read_grids
from gis.layers.frames import as_wkb, query_frame, read_frame
from gis.layers.incident import Incident
from gis.planning.compare import Comparison, compare_plans
from gis.planning.faces import locate_points
from gis.planning.unit_set import UnitSet
from gis.service.access import Actor
from gis.service.dispatch.reporting import OPEN_STATES
from gis.service.plans.plan_draft import Labels, PlanDraft, base_labels
from gis.service.plans.plan_land import staff_of
from gis.service.plans.plan_memory import open_draft


def compare(
    connection: Connection,
    actor: Actor,
    plan_id: int,
    *,
    with_plan: int | None = None,
    with_edition: int | None = None,
) -> tuple[PlanDraft, Comparison]:
    """Compare a plan with another one, or with an edition; with the one that it is based on unless said.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who asks.
    plan_id
        The plan: what is after.
    with_plan
        Another plan: what is before.
    with_edition
        The number of an edition of the county: what is before.

    Returns
    -------
    tuple
        The plan, and the difference: units, buildings, households, open incidents and staff.

    Raises
    ------
    InputError
        If the other plan is of another community.
    """
    draft = open_draft(connection, actor, plan_id)
    before = draft.base
    if with_plan is not None:
        before = _labels_of_plan(open_draft(connection, actor, with_plan), draft)
    elif with_edition is not None:
        county = county_of(draft.row.community_code)
        edition = edition_numbered(connection, county, with_edition)
        grids = read_grids(connection, edition, community_code=draft.row.community_code)
        before = base_labels(draft.shapes, grids)
    codes = sorted(set(before.tolist()) - {""})
    found = compare_plans(
        draft.core.units,
        before,
        draft.labels,
        buildings=read_frame(connection, "buildings", Building.community_code == draft.row.community_code),
        incidents=_open_incidents(connection, county_of(draft.row.community_code)),
        staff=staff_of(connection, codes, draft.row.updated_at),
    )
    return draft, found


def _labels_of_plan(other: PlanDraft, draft: PlanDraft) -> Labels:
    """Tell which grid of another plan each unit lies in; its units may have been cut otherwise."""
    if other.row.community_code != draft.row.community_code:
        raise InputError(
            f"plan {other.row.id} is of community {other.row.community_code}",
            mend="choose one of this community",
        )
    units: UnitSet = draft.core.units
    points = _points(units)
    found = locate_points(points, other.shapes)
    labels = [*other.labels.tolist(), ""]
    return np.array([labels[place] for place in found.tolist()], dtype=object)


def _points(units: UnitSet) -> Any:
    return np.asarray(units.frame.geometry.representative_point().array, dtype=object)


def _open_incidents(connection: Connection, county_code: str) -> gpd.GeoDataFrame:
    return query_frame(
        connection,
        select(Incident.incident_number, as_wkb(Incident.geometry)).where(
            Incident.county_code == county_code,
            Incident.state.in_(OPEN_STATES),
            Incident.geometry.is_not(None),
        ),
    )
