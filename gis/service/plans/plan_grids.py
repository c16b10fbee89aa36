"""The grids that a plan would become: dissolved from its units, numbered, with their forerunners and staff.

A grid keeps its code as long as most of its land stays in it; a planner who means otherwise renumbers it. A
grid that came in without a forerunner (drawn elsewhere, say) takes the code of the one that it is mostly the
same land as, each way, if that has no heir. All others have the next free serials.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis.codes import grid_type_of, next_serials
from gis.crs import STORAGE_SRID
from gis.layers.frames import as_multi
from gis.planning.measure import Metres
from gis.service.plans.plan_draft import PlanDraft
from gis.terms import GridType

_SHARE = 0.5
_REMNANT = 0.01
"""A forerunner that gave less than this part of its land is not named as one."""


@dataclass(frozen=True, eq=False)
class NewGrids:
    """What a plan would become.

    Attributes
    ----------
    grids
        The frame ``grids`` with ``predecessors``: everything that the community has from then on, its
        exclusive and micro grids included.
    codes
        Label → code.
    kept
        Labels whose code is that of a grid in force.
    closed
        Codes in force that are no more.
    micro_closed
        Micro grids among them, because a new border runs through them or their grid is no more.
    """

    grids: gpd.GeoDataFrame
    codes: dict[str, str]
    kept: set[str]
    closed: list[str]
    micro_closed: list[str]

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready, without geometry."""
        label_of = {code: label for label, code in self.codes.items()}
        rows = self.grids[self.grids["grid_code"].isin(label_of)]
        return {
            "grids": [
                {
                    "label": label_of[code],
                    "grid_code": code,
                    "kept": label_of[code] in self.kept,
                    "name": name,
                    "grid_type": kind,
                    "predecessors": list(former),
                }
                for code, name, kind, former in zip(
                    rows["grid_code"], rows["name"], rows["grid_type"], rows["predecessors"], strict=True
                )
            ],
            "closed": self.closed,
            "micro_closed": self.micro_closed,
        }


def make_grids(draft: PlanDraft, in_force: gpd.GeoDataFrame, used: Sequence[str]) -> NewGrids:
    """Make the grids of a plan.

    Parameters
    ----------
    draft
        The plan.
    in_force
        The frame ``grids`` of the edition that it is based on, this community's.
    used
        Every grid code that the community ever had.

    Returns
    -------
    NewGrids
        Nothing is stored yet.
    """
    labels = [row["label"] for row in draft.totals]
    shared = _shared_land(draft, labels)
    codes, kept = _number(draft, labels, shared, used)
    shapes = draft.shapes
    land = np.array(
        [shapely.coverage_union_all(shapes[draft.labels == label]) for label in labels], dtype=object
    )
    infos = [draft.core.grids[label] for label in labels]
    own = gpd.GeoDataFrame(
        {
            "grid_code": [codes[label] for label in labels],
            "grid_type": [info.grid_type for info in infos],
            "name": [info.name for info in infos],
            "community_code": draft.row.community_code,
            "parent_code": None,
            "colour_theme": [info.colour_theme for info in infos],
            "predecessors": _forerunners(codes, kept, shared, in_force),
        },
        geometry=as_multi(land),
        crs=STORAGE_SRID,
    )
    lying_on_top = in_force[in_force["grid_type"] != GridType.BASIC]
    exclusive = lying_on_top[lying_on_top["grid_type"] == GridType.EXCLUSIVE]
    exclusive = exclusive[~exclusive["grid_code"].isin(own["grid_code"])]
    micro, micro_closed = _micro(lying_on_top[lying_on_top["grid_type"] == GridType.MICRO], own, used)
    layers = [own, *[layer[own.columns] for layer in (exclusive, micro) if len(layer)]]
    grids = gpd.GeoDataFrame(pd.concat(layers, ignore_index=True), geometry="geometry", crs=STORAGE_SRID)
    closed = sorted(set(in_force["grid_code"]) - set(grids["grid_code"]))
    return NewGrids(grids, codes, kept, closed, micro_closed)


def _shared_land(draft: PlanDraft, labels: Sequence[str]) -> pd.DataFrame:
    """Measure the land that each label (rows) took from each grid in force (columns), in square metres."""
    inside = pd.Series(draft.labels, dtype=object).isin(labels).to_numpy()
    table = pd.DataFrame(
        {
            "label": draft.labels[inside],
            "base": draft.base[inside],
            "area": draft.area_m2[inside],
        }
    )
    table = table[table["base"] != ""]
    shared = table.pivot_table(index="label", columns="base", values="area", aggfunc="sum", fill_value=0.0)
    return shared.reindex(list(labels), fill_value=0.0)


def _number(
    draft: PlanDraft, labels: Sequence[str], shared: pd.DataFrame, used: Sequence[str]
) -> tuple[dict[str, str], set[str]]:
    taken: dict[str, dict[str, float]] = {
        str(label): {str(base): float(area) for base, area in row.items()}
        for label, row in shared.to_dict(orient="index").items()
    }
    whole = {
        base: float(draft.area_m2[draft.base == base].sum()) for base in sorted(set(draft.base.tolist()))
    }
    codes = {
        label: label for label in labels if label in whole and taken[label][label] > _SHARE * whole[label]
    }
    for label in labels:
        row = taken[label]
        if label in codes or draft.core.grids[label].predecessors or not row:
            continue
        base = max(row, key=row.__getitem__)
        total = float(draft.area_m2[draft.labels == label].sum())
        if row[base] > _SHARE * max(whole[base], total) and base not in codes.values():
            codes[label] = base
    wrong_type = [label for label in codes if draft.core.grids[label].grid_type != grid_type_of(codes[label])]
    for label in wrong_type:
        del codes[label]
    kept = set(codes)
    # A new grid got its serial in the draft; another plan may have been published with that one since.
    free = [label for label in labels if label not in codes and label not in used]
    codes |= {label: label for label in free if grid_type_of(label) == draft.core.grids[label].grid_type}
    for kind in (GridType.BASIC, GridType.EXCLUSIVE):
        new = [label for label in labels if label not in codes and draft.core.grids[label].grid_type == kind]
        if new:
            spent = [*used, *codes.values()]
            fresh = next_serials(draft.row.community_code, spent, len(new), kind)
            codes |= dict(zip(_west_to_east(draft, new), fresh, strict=True))
    return codes, kept


def _west_to_east(draft: PlanDraft, labels: Sequence[str]) -> list[str]:
    """Put new grids in the order that grids are first numbered in: west to east, then north to south."""
    shapes = draft.shapes
    centre = {label: shapely.total_bounds(shapes[draft.labels == label]) for label in labels}
    return sorted(
        labels, key=lambda label: (centre[label][0] + centre[label][2], -centre[label][1] - centre[label][3])
    )


def _forerunners(
    codes: dict[str, str], kept: set[str], shared: pd.DataFrame, in_force: gpd.GeoDataFrame
) -> list[list[str]]:
    """Name the grids that each was made from; one that keeps its code adds those that went up in it."""
    said = {
        str(code): list(former) if isinstance(former, (list, tuple)) else []
        for code, former in zip(in_force["grid_code"], in_force["predecessors"], strict=True)
    }
    gone = [str(base) for base in shared.columns if base not in {codes[label] for label in kept}]
    heir = {base: str(shared[base].idxmax()) for base in gone}
    found = []
    for label in shared.index:
        row = shared.loc[label]
        if label in kept:
            own = [*said.get(codes[label], []), *(base for base in gone if heir[base] == label)]
        else:
            floor = _REMNANT * float(row.sum())
            own = sorted(str(base) for base, area in row.items() if area > floor)
        found.append(list(dict.fromkeys(own)))
    return found


def _micro(
    micro: gpd.GeoDataFrame, own: gpd.GeoDataFrame, used: Sequence[str]
) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Keep the micro grids that still lie in one basic grid, under its code; close the others."""
    if micro.empty:
        return micro, []
    basic = own[own["grid_type"] == GridType.BASIC]
    metres = Metres.of(np.asarray(basic.geometry.array, dtype=object))
    inner = metres.project(np.asarray(micro.geometry.array, dtype=object))
    outer = metres.project(np.asarray(basic.geometry.array, dtype=object))
    # Half a metre of play: the micro grid's border and the grid's were drawn by different hands.
    row, home = shapely.STRtree(outer).query(shapely.buffer(inner, -0.5), predicate="covered_by")
    parent_of = dict(zip(row.tolist(), basic["grid_code"].to_numpy()[home].tolist(), strict=True))
    taken = set(used)
    kept_rows: list[int] = []
    codes: list[str] = []
    for place, (code, former) in enumerate(zip(micro["grid_code"], micro["parent_code"], strict=True)):
        parent = parent_of.get(place)
        if parent is None:
            continue
        new = str(code) if parent == former else _next_micro(parent, taken)
        if new is None:
            continue
        taken.add(new)
        kept_rows.append(place)
        codes.append(new)
    kept = micro.iloc[kept_rows].copy()
    kept["predecessors"] = [
        list(former or []) if new == old else [str(old)]
        for new, old, former in zip(codes, kept["grid_code"], kept["predecessors"], strict=True)
    ]
    kept["parent_code"] = [parent_of[place] for place in kept_rows]
    kept["grid_code"] = codes
    return kept, sorted(set(micro["grid_code"]) - set(codes))


def _next_micro(parent: str, taken: set[str]) -> str | None:
    return next((f"{parent}-{n:02d}" for n in range(1, 100) if f"{parent}-{n:02d}" not in taken), None)
