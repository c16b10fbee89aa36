"""IS IT A GOOD DIVISION: every rule of the field, checked at once over a set of grids."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis.codes import GRID_PATTERN
from gis.errors import InputError
from gis.planning import sizes
from gis.planning.land import ERROR, WARNING, GridRows, LandRules, lay_out, read_grids
from gis.planning.measure import Metres, require
from gis.planning.report import CheckReport, Verdict, Violation
from gis.terms import GridType, StaffRole

_SIZE_RULE = {Verdict.BELOW: "size_below", Verdict.ABOVE: "size_above", Verdict.UNKNOWN: "size_unknown"}
_STAFF_RULES = (
    (StaffRole.FULL_TIME, "no_full_time", ERROR),
    (StaffRole.LEADER, "no_leader", WARNING),
    (StaffRole.POLICE, "no_police", WARNING),
)


def check_division(
    grids: gpd.GeoDataFrame,
    *,
    community: gpd.GeoDataFrame | None = None,
    buildings: gpd.GeoDataFrame | None = None,
    compounds: gpd.GeoDataFrame | None = None,
    units: gpd.GeoDataFrame | None = None,
    staff: pd.DataFrame | None = None,
    households_min: int = 300,
    households_max: int = 500,
    basis: str | None = None,
    as_of: date | None = None,
    own_codes: bool = True,
) -> CheckReport:
    """Check a division against every rule that the given layers allow.

    Parameters
    ----------
    grids
        ``grid_code`` and geometry; ``grid_type`` (basic where missing), ``name``, ``community_code``. Where
        neither buildings nor units are given, its own ``households`` are judged, if it has them.
    community
        One community, or several with ``division_code``: what the grids must cover and keep within. Where it
        is missing, only land that the grids enclose between them counts as uncovered.
    buildings
        ``building_code``, ``households`` and geometry; counted where they are given, and never to be cut.
    compounds
        ``compound_code`` and geometry; cut only with a reason.
    units
        ``households`` and geometry, or ``grid_code``: counted where no buildings are given.
    staff
        ``role`` and ``grid_code``, with ``valid_from`` and ``valid_to`` (the first day that
        no longer counts).
    households_min, households_max
        The limits of a basic grid; both ends pass.
    basis
        What the limits count (:class:`gis.terms.HouseholdBasis`); counts on another basis are pointed out.
    as_of
        The day whose staff count; all rows where it is missing.
    own_codes
        Whether the grid codes follow :mod:`gis.codes`; ``False`` for zones of another house.

    Returns
    -------
    CheckReport
        With ``totals``: ``grids``, ``basic``, ``within``, ``below``, ``above``, ``unknown``, ``exempt``,
        ``households``, ``residents``, ``unknown_rows``, ``unassigned_rows``, ``unassigned_households``,
        ``feasible_min`` and ``feasible_max`` (numbers of grids that the total allows), ``errors``,
        ``warnings``, ``area_m2``, and ``joined_vertices``: vertices beside, not on, a neighbour's edge by
        less than a lattice step; no fault, but a publication leads the edge through them.

    Raises
    ------
    InputError
        If a column is missing, a limit makes no sense, or a count is no count.
    """
    if not 0 <= households_min <= households_max or households_max < 1:
        raise InputError(
            f"the limits {households_min} and {households_max} are not a range",
            where="limits",
            mend="give the fewest and the most households of a grid, such as 300 and 500",
        )
    require(grids, ("grid_code",), where="grids")
    read, found = read_grids(grids)
    checked = ["coverage"]
    if own_codes:
        checked.append("codes")
        found += _check_codes(read)
    else:
        found += _check_doubles(read)
    counts, counting = _count(read, _of(community, buildings), _of(community, units))
    table = _table(read, counts, households_min, households_max)
    if counts is not None:
        checked.append("sizes")
        found += _check_sizes(read, table, counts, households_min, households_max, community)
        found += _check_basis(counting, basis)
    mosaic, spans = lay_out(read, community, buildings, compounds)
    table["parts"] = 0
    table.loc[table.index[read.sound], "parts"] = shapely.get_num_geometries(
        mosaic.polygons[: len(read.sound)]
    )
    metres = Metres.of(read.shapes[read.sound])
    found += LandRules(read, mosaic, spans, metres).check(community, buildings, compounds)
    checked += [
        name
        for name, layer in (("community", community), ("buildings", buildings), ("compounds", compounds))
        if layer is not None
    ]
    if staff is not None:
        checked.append("staff")
        found += _check_staff(read, staff, as_of)
    table["area_m2"] = metres.area_m2(read.shapes)
    found.sort(key=lambda one: (one.severity is WARNING, one.rule, one.subjects))
    totals = _totals(table, counts, found, households_min, households_max)
    totals["joined_vertices"] = mosaic.joined
    return CheckReport(
        table, tuple(found), totals, households_min, households_max, basis, as_of, tuple(checked)
    )


def _check_doubles(read: GridRows) -> list[Violation]:
    times = Counter(read.codes)
    return [
        Violation("code_duplicate", ERROR, (code,), {"count": count})
        for code, count in times.items()
        if count > 1
    ]


def _check_codes(read: GridRows) -> list[Violation]:
    found = _check_doubles(read)
    wrong = [code for code in read.codes if not re.match(GRID_PATTERN, code)]
    found += [Violation("code_malformed", ERROR, (code,)) for code in dict.fromkeys(wrong)]
    if "community_code" in read.frame.columns:
        for code, home in zip(read.codes, read.frame["community_code"], strict=True):
            if not pd.isna(home) and re.match(GRID_PATTERN, code) and code[:12] != str(home):
                found.append(Violation("code_community", ERROR, (code,), {"community": str(home)}))
    return found


def _of(community: gpd.GeoDataFrame | None, rows: gpd.GeoDataFrame | None) -> gpd.GeoDataFrame | None:
    """Leave out what is said to belong to a community that is not looked at."""
    if community is None or rows is None:
        return rows
    if "community_code" not in rows.columns or "division_code" not in community.columns:
        return rows
    home = rows["community_code"]
    return rows[home.isna() | home.astype(str).isin(community["division_code"].astype(str))]


def _count(
    read: GridRows, buildings: gpd.GeoDataFrame | None, units: gpd.GeoDataFrame | None
) -> tuple[sizes.Counts | None, pd.DataFrame | None]:
    for rows, where in ((buildings, "buildings"), (units, "units")):
        if rows is not None and "households" in rows.columns:
            shapes = read.shapes.copy()
            shapes[np.setdiff1d(np.arange(len(shapes)), read.sound)] = None
            return sizes.count_rows(rows, read.codes, read.types, shapes, where=where), rows
    if "households" not in read.frame.columns:
        return None, None
    households = sizes.numbers(read.frame, "households", where="grids")
    counts = sizes.Counts(
        owner=np.arange(len(read.codes)),
        households=households,
        residents=sizes.numbers(read.frame, "residents", where="grids"),
        rows=np.zeros(len(read.codes), dtype=np.int64),
        unknown=np.isnan(households).astype(np.int64),
        counted_on=list(read.frame["counted_on"]) if "counted_on" in read.frame else [None] * len(read.codes),
        lost_households=0.0,
        lost_rows=0,
    )
    return counts, read.frame


def _table(read: GridRows, counts: sizes.Counts | None, low: int, high: int) -> pd.DataFrame:
    n = len(read.codes)
    named = "name" in read.frame.columns
    table = pd.DataFrame(
        {
            "grid_code": read.codes,
            "grid_type": read.types,
            "name": list(read.frame["name"]) if named else [None] * n,
            "households": np.full(n, np.nan) if counts is None else counts.households,
            "residents": np.full(n, np.nan) if counts is None else counts.residents,
            "buildings": np.zeros(n, dtype=np.int64) if counts is None else counts.rows,
            "unknown": np.zeros(n, dtype=np.int64) if counts is None else counts.unknown,
        }
    )
    table["counted_on"] = pd.Series([None] * n if counts is None else counts.counted_on, dtype=object)
    table["verdict"] = [
        str(
            Verdict.UNKNOWN
            if counts is None and kind == GridType.BASIC
            else sizes.verdict_of(households, unknown, kind, low, high)
        )
        for households, unknown, kind in zip(
            table["households"], table["unknown"], table["grid_type"], strict=True
        )
    ]
    return table


def _check_sizes(
    read: GridRows, table: pd.DataFrame, counts: sizes.Counts, low: int, high: int, community: Any
) -> list[Violation]:
    found = []
    for row, verdict in enumerate(table["verdict"]):
        rule = _SIZE_RULE.get(Verdict(verdict))
        if rule is None:
            continue
        known = counts.households[row]
        values = {
            "households": 0 if np.isnan(known) else int(known),
            "minimum": low,
            "maximum": high,
            "unknown": int(counts.unknown[row]),
            "rows": int(counts.rows[row]),
        }
        shape = read.shapes[row] if row in read.sound else None
        found.append(Violation(rule, ERROR, (read.codes[row],), values, geometry=shape))
    if counts.lost_rows:
        lost = {"rows": counts.lost_rows, "households": int(counts.lost_households)}
        found.append(Violation("households_unassigned", ERROR, (), lost))
    basic = np.array([kind == GridType.BASIC for kind in read.types])
    if basic.any() and not counts.unknown[basic].any() and (community is None or len(community) == 1):
        subject = (
            ""
            if community is None or "division_code" not in community
            else community["division_code"].iloc[0]
        )
        hopeless = sizes.explain_total(float(np.nansum(counts.households[basic])), low, high, str(subject))
        found += [] if hopeless is None else [hopeless]
    return found


def _check_basis(rows: pd.DataFrame | None, basis: str | None) -> list[Violation]:
    if rows is None or basis is None or "basis" not in rows.columns:
        return []
    other = rows["basis"].dropna().astype(str)
    return [
        Violation("basis_differs", WARNING, (), {"basis": str(basis), "other": str(name), "rows": int(count)})
        for name, count in other[other != basis].value_counts().sort_index().items()
    ]


def _check_staff(read: GridRows, staff: pd.DataFrame, as_of: date | None) -> list[Violation]:
    require(staff, ("role", "grid_code"), where="staff")
    serving = np.ones(len(staff), dtype=bool)
    if as_of is not None:
        day = pd.Timestamp(as_of)
        if "valid_from" in staff.columns:
            begun = pd.to_datetime(staff["valid_from"], errors="coerce")
            serving &= (begun.isna() | (begun <= day)).to_numpy()
        if "valid_to" in staff.columns:
            ended = pd.to_datetime(staff["valid_to"], errors="coerce")
            serving &= (ended.isna() | (ended > day)).to_numpy()
    rows = staff[serving]
    found = []
    for role, rule, severity in _STAFF_RULES:
        staffed = set(rows.loc[rows["role"].astype(str) == role, "grid_code"].dropna().astype(str))
        for code, kind in zip(read.codes, read.types, strict=True):
            if kind != GridType.MICRO and code not in staffed:
                found.append(Violation(rule, severity, (code,)))
    return found


def _totals(
    table: pd.DataFrame, counts: sizes.Counts | None, found: list[Violation], low: int, high: int
) -> dict[str, Any]:
    verdicts = Counter(table["verdict"])
    totals: dict[str, Any] = {
        "grids": len(table),
        "basic": int((table["grid_type"] == GridType.BASIC).sum()),
        **{str(verdict): verdicts.get(str(verdict), 0) for verdict in Verdict},
        "area_m2": float(table.loc[table["grid_type"] == GridType.BASIC, "area_m2"].sum()),
        "errors": sum(one.severity is ERROR for one in found),
        "warnings": sum(one.severity is WARNING for one in found),
    }
    if counts is not None:
        own = table[table["grid_type"] != GridType.MICRO]
        total = float(own["households"].sum()) + counts.lost_households
        possible = sizes.feasible_counts(total, low, high)
        residents = own.loc[own["buildings"] > 0, "residents"]
        totals |= {
            "households": total,
            "residents": None if residents.isna().all() else float(residents.sum()),
            "unknown_rows": int(own["unknown"].sum()),
            "unassigned_rows": counts.lost_rows,
            "unassigned_households": counts.lost_households,
            "feasible_min": possible.start if possible else None,
            "feasible_max": possible.stop - 1 if possible else None,
        }
    return totals
