"""Plans in and out: a table of unit and grid, and polygons drawn elsewhere, fitted to units."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis.codes import check_code
from gis.errors import InputError
from gis.lattice import snap
from gis.planning.draft import Draft, GridInfo, Texts
from gis.planning.history import Change, Step, commit
from gis.planning.measure import Metres, lonlat, require
from gis.planning.unit_set import UnitSet

_HEADER = ("unit_id", "grid_code", "households")
_FORMULA = ("=", "+", "-", "@", "\t")
_DIGITS = re.compile(r"^[0-9-]+$")
_DAMAGED = re.compile(r"^[0-9]+(\.[0-9]+)?[eE]\+?[0-9]+$")


@dataclass(frozen=True, eq=False)
class Assignment:
    """A plan that came from a file.

    Attributes
    ----------
    owner
        The grid code of each unit, ``""`` where the file names none; shape (n,).
    missing
        Units that the file does not name.
    unknown
        Units that the file names and that do not exist.
    doubled
        Units that the file names more than once, with different grids; the last one counts.
    """

    owner: Texts
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    doubled: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the report JSON-ready.

        Returns
        -------
        dict
            ``missing``, ``unknown``, ``doubled`` and the number of units ``assigned``.
        """
        return {
            "assigned": int((self.owner != "").sum()),
            "missing": list(self.missing),
            "unknown": list(self.unknown),
            "doubled": list(self.doubled),
        }


def to_csv(draft: Draft) -> str:
    """Write a plan as a table that a spreadsheet opens and keeps the codes of.

    Parameters
    ----------
    draft
        The plan.

    Returns
    -------
    str
        CSV with the columns ``unit_id``, ``grid_code`` and ``households``, a byte-order mark first; codes are
        written ``="150103002001001"``, which spreadsheets take as text.
    """
    out = io.StringIO()
    out.write("\ufeff")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(_HEADER)
    for name, code, count in zip(
        draft.units.ids, draft.owner.tolist(), draft.units.households.tolist(), strict=True
    ):
        shown = "" if np.isnan(count) else f"{count:g}" if count % 1 else f"{int(count)}"
        writer.writerow([_plain_cell(name), _code_cell(code), shown])
    return out.getvalue()


def _plain_cell(text: str) -> str:
    """Keep a spreadsheet from running a text."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _code_cell(code: str) -> str:
    """Keep a spreadsheet from making a number of a code; only digits and hyphens go into the formula."""
    return f'="{code}"' if _DIGITS.match(code) else _plain_cell(code)


def from_csv(text: str, units: UnitSet) -> Assignment:
    """Read a table of unit and grid.

    Parameters
    ----------
    text
        CSV with the columns ``unit_id`` and ``grid_code``, comma, semicolon or tab between them.
    units
        The units that it should name.

    Returns
    -------
    Assignment
        The plan, and what the file left out, named twice or made up.

    Raises
    ------
    InputError
        If a column is missing, or a code was turned into a number by a spreadsheet.
    """
    lines = text.lstrip("\ufeff")
    head = lines.split("\n", maxsplit=1)[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.DictReader(io.StringIO(lines, newline=""), delimiter=delimiter)
    names = [name.strip() for name in reader.fieldnames or []]
    if not {"unit_id", "grid_code"} <= set(names):
        raise InputError(
            "the table needs the columns unit_id and grid_code",
            where="line 1",
            mend="name them in its first line",
        )
    reader.fieldnames = names
    owner = np.full(len(units.ids), "", dtype=object)
    seen: dict[str, str] = {}
    unknown: list[str] = []
    doubled: list[str] = []
    for row in reader:
        name = _unquote(row.get("unit_id"))
        code = _unquote(row.get("grid_code"))
        if not name:
            continue
        if _DAMAGED.match(code):
            raise InputError(
                f"{code!r} is a number that a spreadsheet made of a code",
                where=f"line {reader.line_num}",
                mend="format the column as text and enter the codes again",
            )
        if name not in units.row_of:
            unknown.append(name)
            continue
        if seen.get(name, code) != code:
            doubled.append(name)
        seen[name] = code
        owner[units.row_of[name]] = code
    missing = tuple(name for name in units.ids if name not in seen)
    return Assignment(owner, missing, tuple(dict.fromkeys(unknown)), tuple(dict.fromkeys(doubled)))


def _unquote(value: Any) -> str:
    text = str(value or "").strip()
    if text.startswith('="') and text.endswith('"'):
        text = text[2:-1]
    return text.removeprefix("'").strip()


def adopt(draft: Draft, assignment: Assignment, *, source: str) -> Change:
    """Make a plan from a file the state of a draft.

    Parameters
    ----------
    draft
        The state.
    assignment
        What was read; units that it does not name stay in their grid.
    source
        Where it came from, for the log.

    Returns
    -------
    Change
        New codes are new basic grids; grids without units are gone.

    Raises
    ------
    CodeError
        If a new code is not a grid code.
    """
    owner = np.where(assignment.owner == "", draft.owner, assignment.owner).astype(object)
    held = set(owner.tolist()) - {""}
    fresh = sorted(held - set(draft.grids))
    grids: dict[str, GridInfo | None] = {check_code(code, "grid_code"): GridInfo() for code in fresh}
    grids |= dict.fromkeys(sorted(set(draft.owner.tolist()) - held - {""}))
    return commit(draft, Step("adopt", {"source": source}, owner, grids))


@dataclass(frozen=True, eq=False)
class Fit:
    """Drawn polygons, fitted to whole units.

    Attributes
    ----------
    assignment
        The plan that comes nearest; a unit of which less than half is drawn over is missing in it.
    misfit
        Where the drawing and the units part: ``unit_id``, ``grid_code`` (what the unit went to),
        ``drawn_code`` (what was drawn over the piece, or null), ``area_m2`` and geometry (EPSG:4490);
        largest first.
    by_grid
        For each drawn grid: ``grid_code``, ``drawn_m2``, ``fitted_m2``, ``misfit_m2``, and ``overlap`` (the
        area that both share over the area that either has).
    """

    assignment: Assignment
    misfit: gpd.GeoDataFrame
    by_grid: pd.DataFrame


def fit_polygons(units: UnitSet, drawn: gpd.GeoDataFrame, *, least_m2: float = 0.01) -> Fit:
    """Fit polygons that were drawn elsewhere (in QGIS) to units.

    Parameters
    ----------
    units
        The units.
    drawn
        ``grid_code`` and polygons (EPSG:4490), which need not be clean.
    least_m2
        Pieces below this are not listed as misfit.

    Returns
    -------
    Fit
        Each unit in the grid that was drawn over most of it; the misfit shown piece by piece.

    Raises
    ------
    InputError
        If a drawn polygon has no code.
    """
    require(drawn, ("grid_code",), where="drawn")
    if drawn["grid_code"].isna().any():
        row = int(np.flatnonzero(drawn["grid_code"].isna())[0])
        raise InputError("the polygon has no grid_code", where=f"drawn, row {row + 1}", mend="give it one")
    shapes = shapely.make_valid(snap(lonlat(drawn, where="drawn")))
    metres = Metres.of(units.shapes)
    codes = sorted(set(drawn["grid_code"].astype(str)))
    column = drawn["grid_code"].astype(str).to_numpy()
    whole = np.array([shapely.union_all(shapes[column == code]) for code in codes], dtype=object)
    unit, grid = shapely.STRtree(whole).query(units.shapes, predicate="intersects")
    pieces = shapely.intersection(units.shapes[unit], whole[grid])
    area = metres.area_m2(pieces)
    best = np.full(len(units.ids), -1, dtype=np.int64)
    order = np.argsort(area, kind="stable")
    best[unit[order]] = grid[order]
    drawn_over = np.bincount(unit, weights=area, minlength=len(best))
    best[drawn_over < units.adjacency.area_m2 / 2] = -1
    owner = np.array(["" if at < 0 else codes[at] for at in best.tolist()], dtype=object)
    missing = tuple(name for name, at in zip(units.ids, best.tolist(), strict=True) if at < 0)
    misfit = _misfit(units, codes, unit, grid, pieces, best, metres, least_m2)
    return Fit(Assignment(owner, missing, (), ()), misfit, _by_grid(units, codes, whole, best, metres))


def _misfit(
    units: UnitSet,
    codes: list[str],
    unit: Any,
    grid: Any,
    pieces: Any,
    best: Any,
    metres: Metres,
    least_m2: float,
) -> gpd.GeoDataFrame:
    other = grid != best[unit]
    # What was drawn over a unit for another grid, and what of a fitted unit nobody drew over.
    left = np.array(units.shapes, dtype=object)
    for row in np.unique(unit):
        left[row] = shapely.difference(left[row], shapely.union_all(pieces[unit == row]))
    bare = np.flatnonzero(best >= 0)
    names = np.array(units.ids, dtype=object)
    fitted = np.array([None if at < 0 else codes[at] for at in best.tolist()], dtype=object)
    rows = np.concatenate([unit[other], bare])
    frame = gpd.GeoDataFrame(
        {
            "unit_id": names[rows],
            "grid_code": fitted[rows],
            "drawn_code": np.concatenate(
                [np.array(codes, dtype=object)[grid[other]], np.full(len(bare), None)]
            ),
        },
        geometry=np.concatenate([pieces[other], left[bare]]),
        crs=4490,
    )
    frame["area_m2"] = metres.area_m2(np.asarray(frame.geometry.values, dtype=object))
    frame = frame[frame["area_m2"] >= least_m2]
    return frame.sort_values("area_m2", ascending=False, kind="stable").reset_index(drop=True)


def _by_grid(units: UnitSet, codes: list[str], whole: Any, best: Any, metres: Metres) -> pd.DataFrame:
    fitted = [
        shapely.coverage_union_all(units.shapes[best == at]) if (best == at).any() else shapely.Polygon()
        for at in range(len(codes))
    ]
    land = np.array(fitted, dtype=object)
    both = metres.area_m2(shapely.intersection(whole, land))
    drawn_m2, fitted_m2 = metres.area_m2(whole), metres.area_m2(land)
    either = drawn_m2 + fitted_m2 - both
    return pd.DataFrame(
        {
            "grid_code": codes,
            "drawn_m2": drawn_m2,
            "fitted_m2": fitted_m2,
            "misfit_m2": either - both,
            "overlap": np.divide(both, either, out=np.zeros(len(codes)), where=either > 0),
        }
    )
