"""Plans in and out: tables of unit and grid, polygons drawn elsewhere, departments' nets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
from sqlalchemy import Connection

from gis.errors import InputError
from gis.layers.building import Building
from gis.layers.columns import join_list
from gis.layers.files import read_layer
from gis.layers.frames import read_frame
from gis.planning.crosswalk import make_crosswalk, merge_nets
from gis.planning.exchange import Fit, fit_polygons, from_csv, to_csv
from gis.service.access import Actor, require
from gis.service.plans.plan_draft import Labels, PlanDraft
from gis.service.plans.plan_memory import open_draft
from gis.service.plans.plan_steps import Outcome
from gis.service.plans.relabelling import relabel
from gis.terms import Role

_MISFITS_SHOWN = 200


def export_units(connection: Connection, actor: Actor, plan_id: int) -> str:
    """Write which unit is in which grid, as CSV.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who asks.
    plan_id
        The plan.

    Returns
    -------
    str
        As :func:`gis.planning.exchange.to_csv` writes it.
    """
    return to_csv(open_draft(connection, actor, plan_id).core)


def export_grids(connection: Connection, actor: Actor, plan_id: int) -> str:
    """Write a plan's grids as GeoJSON, in CGCS2000, which its readers may take as WGS84.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who asks.
    plan_id
        The plan.

    Returns
    -------
    str
        A FeatureCollection.
    """
    frame = open_draft(connection, actor, plan_id).core.grids_frame()
    frame["predecessors"] = frame["predecessors"].map(join_list)
    # The numbers are those of WGS84; GeoJSON knows no other name for them.
    return str(frame.set_crs(4326, allow_override=True).to_json())


def import_units(
    connection: Connection, actor: Actor, plan_id: int, version: int, text: str, *, source: str
) -> tuple[Outcome, dict[str, Any]]:
    """Take over which unit is in which grid from a CSV file.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who does it.
    plan_id, version
        The plan, and the version that was seen.
    text
        Its content, with the columns ``unit_id`` and ``grid_code``.
    source
        The file's name, for the log.

    Returns
    -------
    tuple
        What came of it, and the report: ``assigned``, ``missing``, ``unknown``, ``doubled``.

    Raises
    ------
    InputError
        If the file cannot be used, or names no unit of the plan.
    """
    draft = open_draft(connection, actor, plan_id)
    read = from_csv(text, draft.core.units)
    labels = _named(draft, read.owner)
    if not labels:
        raise InputError(
            "the file names no unit of this plan",
            where=source,
            mend="export the plan's own table first, and change that",
            details=read.as_dict(),
        )
    done = relabel(connection, actor, plan_id, version, labels, op="import", facts={"source": source})
    return done, read.as_dict()


def read_drawing(path: Path, *, field: str = "grid_code", crs: str | None = None) -> gpd.GeoDataFrame:
    """Read polygons that were drawn elsewhere.

    Parameters
    ----------
    path
        GeoPackage, GeoJSON, Shapefile …
    field
        The column with the grids' codes or names.
    crs
        What they are in, where the file does not say.

    Returns
    -------
    geopandas.GeoDataFrame
        ``grid_code`` and geometry (EPSG:4490).

    Raises
    ------
    InputError
        If the file or the column cannot be used.
    """
    frame, report = read_layer(path, crs=crs, kind="polygon")
    if field not in frame.columns:
        raise InputError(
            f"the file has no column {field}",
            where=path.name,
            mend=f"choose one of {', '.join(str(name) for name in frame.columns if name != 'geometry')}",
        )
    if frame.empty:
        raise InputError("no usable polygon is in it", where=path.name, mend=report.summary())
    return gpd.GeoDataFrame({"grid_code": frame[field]}, geometry=frame.geometry, crs=frame.crs)


def fit_drawing(connection: Connection, actor: Actor, plan_id: int, drawn: gpd.GeoDataFrame) -> Fit:
    """Fit drawn polygons to a plan's units, and tell where they part; the plan is not changed.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who asks.
    plan_id
        The plan.
    drawn
        ``grid_code`` and geometry.

    Returns
    -------
    Fit
        The nearest plan by whole units, and the misfit.
    """
    return fit_polygons(open_draft(connection, actor, plan_id).core.units, drawn)


def adopt_drawing(
    connection: Connection,
    actor: Actor,
    plan_id: int,
    version: int,
    drawn: gpd.GeoDataFrame,
    *,
    source: str,
) -> tuple[Outcome, dict[str, Any]]:
    """Take over polygons that were drawn elsewhere, fitted to units.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who does it.
    plan_id, version
        The plan, and the version that was seen.
    drawn
        ``grid_code`` and geometry; a code that the plan does not have becomes a new grid.
    source
        The file's name, for the log.

    Returns
    -------
    tuple
        What came of it, and the report of :func:`fit_as_dict`.

    Raises
    ------
    InputError
        If nothing is drawn over any unit.
    """
    draft = open_draft(connection, actor, plan_id)
    fit = fit_polygons(draft.core.units, drawn)
    labels = _named(draft, fit.assignment.owner)
    if not labels:
        raise InputError(
            "nothing is drawn over the units of this plan", where=source, mend="check the datum of the file"
        )
    done = relabel(connection, actor, plan_id, version, labels, op="draw", facts={"source": source})
    return done, fit_as_dict(fit)


def fit_as_dict(fit: Fit) -> dict[str, Any]:
    """Return a fit JSON-ready.

    Parameters
    ----------
    fit
        The fit.

    Returns
    -------
    dict
        ``assigned``, ``missing``, ``misfit_m2``, ``by_grid`` and the largest pieces of ``misfit`` as GeoJSON.
    """
    return {
        **fit.assignment.as_dict(),
        "misfit_m2": round(float(fit.misfit["area_m2"].sum()), 1),
        "by_grid": fit.by_grid.round(4).to_dict(orient="records"),
        "misfit": fit.misfit.head(_MISFITS_SHOWN).to_geo_dict(),
    }


def crosswalk(
    connection: Connection, actor: Actor, community_code: str, nets: Mapping[str, gpd.GeoDataFrame]
) -> list[dict[str, Any]]:
    """Tell what the nets of several departments share.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who asks.
    community_code
        12 digits.
    nets
        Name of the net → ``grid_code`` and geometry.

    Returns
    -------
    list of dict
        Rows of :func:`gis.planning.crosswalk.make_crosswalk`.
    """
    require(actor, (Role.PLANNER,), community_code)
    buildings = read_frame(connection, "buildings", Building.community_code == community_code)
    rows = make_crosswalk(nets, buildings).to_dict(orient="records")
    return [{str(key): value for key, value in row.items()} for row in rows]


def merge_departments(
    connection: Connection,
    actor: Actor,
    plan_id: int,
    version: int,
    nets: Mapping[str, gpd.GeoDataFrame],
    base: str,
) -> tuple[Outcome, dict[str, Any]]:
    """Make a plan of several departments' nets: the base net's grids, heirs of the others.

    Parameters
    ----------
    connection
        An open transaction.
    actor
        Who does it.
    plan_id, version
        The plan, and the version that was seen.
    nets
        Name of the net → ``grid_code`` and geometry.
    base
        The net whose grids stay.

    Returns
    -------
    tuple
        What came of it; and ``missing``, ``predecessors`` (code in the base net → ``net:code``) and
        ``left_out``, which the log keeps too.

    Raises
    ------
    InputError
        If the base is not one of the nets, or covers no unit.
    """
    draft = open_draft(connection, actor, plan_id)
    merged = merge_nets(draft.core.units, nets, base)
    labels = _named(draft, merged.assignment.owner)
    if not labels:
        raise InputError(f"the net {base} covers no unit of this plan", where="base")
    report = {
        "predecessors": {code: list(names) for code, names in merged.predecessors.items()},
        "left_out": merged.left_out.to_dict(orient="records"),
    }
    done = relabel(
        connection, actor, plan_id, version, labels, op="merge_nets", facts=report | {"base": base}
    )
    return done, report | merged.assignment.as_dict()


def _named(draft: PlanDraft, owner: Labels) -> dict[str, str]:
    return {name: code for name, code in zip(draft.unit_ids, owner.tolist(), strict=True) if code}
