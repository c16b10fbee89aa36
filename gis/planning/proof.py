"""The proof that a plan is seamless: computed from the dissolved grids, and stored with the plan."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from gis.lattice import snap
from gis.planning.coverage import build_mosaic, cover, find_cuts, land
from gis.planning.draft import Draft
from gis.planning.measure import Metres, lonlat


@dataclass(frozen=True)
class Proof:
    """What was proved of a plan.

    Attributes
    ----------
    coverage_valid
        Whether the grids fit together vertex by vertex: no overlap, no gap narrower than a unit.
    difference_m2
        Land that only the grids or only the community has, square metres.
    grids_in_parts
        Codes of the grids that lie in several parts.
    holes
        How many holes grids have; a hole that another grid fills is an enclave, not a gap.
    units_loose
        How many units are in no grid.
    buildings_uncovered, buildings_cut
        How many buildings stand, wholly or partly, in no grid, and how many in several; ``None`` where no
        buildings were given.
    """

    coverage_valid: bool
    difference_m2: float
    grids_in_parts: tuple[str, ...]
    holes: int
    units_loose: int
    buildings_uncovered: int | None
    buildings_cut: int | None

    @property
    def holds(self) -> bool:
        """Whether the plan is seamless, in whole grids, with every building in one."""
        return (
            self.coverage_valid
            and self.difference_m2 == 0
            and not self.grids_in_parts
            and not self.units_loose
            and not self.buildings_uncovered
            and not self.buildings_cut
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready.

        Returns
        -------
        dict
            Plain values, with ``holds``.
        """
        return {**asdict(self), "grids_in_parts": list(self.grids_in_parts), "holds": self.holds}


def prove(draft: Draft, community: gpd.GeoDataFrame, buildings: gpd.GeoDataFrame | None = None) -> Proof:
    """Prove, or disprove, that a plan tiles its community.

    Parameters
    ----------
    draft
        The plan.
    community
        The community's border (EPSG:4490).
    buildings
        Its buildings.

    Returns
    -------
    Proof
        The findings.
    """
    grids = draft.grids_frame()
    shapes = np.asarray(grids.geometry.values, dtype=object)
    codes = grids["grid_code"].tolist()
    border = snap(lonlat(community, where="community"))
    border = border[shapely.get_dimensions(border) == 2]
    houses = np.zeros(0, dtype=object)
    if buildings is not None:
        houses = snap(lonlat(buildings, where="buildings"))
        houses = houses[shapely.get_dimensions(houses) == 2]
        houses = np.where(shapely.is_valid(houses), houses, shapely.buffer(houses, 0))
    mosaic = build_mosaic(np.concatenate([shapes, border, houses]))
    count = len(shapes)
    own = mosaic.polygons[:count]
    whole, wanted = cover(own), cover(mosaic.polygons[count : count + len(border)])
    strays, _ = land(np.array([shapely.symmetric_difference(whole, wanted)], dtype=object))
    metres = Metres.of(border, shapes)
    uncovered = cut = None
    if buildings is not None:
        stand = mosaic.polygons[count + len(border) :]
        outside, row = land(shapely.difference(stand, whole))
        uncovered = len(np.unique(row)) if len(outside) else 0
        cut = len(find_cuts(stand, own)[0]) if count else 0
    return Proof(
        coverage_valid=bool(shapely.coverage_is_valid(shapes)),
        difference_m2=float(metres.area_m2(mosaic.to_degrees(strays)).sum()) if len(strays) else 0.0,
        grids_in_parts=tuple(codes[at] for at in np.flatnonzero(shapely.get_num_geometries(shapes) > 1)),
        holes=int(shapely.get_num_interior_rings(shapely.get_parts(shapes)).sum()),
        units_loose=int((draft.labels < 0).sum()),
        buildings_uncovered=uncovered,
        buildings_cut=cut,
    )
