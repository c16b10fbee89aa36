"""The proof that a plan covers its community once and without a seam: figures, not a promise."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from gis.planning.coverage import build_mosaic
from gis.planning.coverage import land as find_land
from gis.planning.measure import Metres
from gis.service.plan_draft import PlanDraft
from gis.service.plan_land import CommunityLand
from gis.terms import GridType


def prove(draft: PlanDraft, grids: gpd.GeoDataFrame, land: CommunityLand) -> dict[str, Any]:
    """Prove the cover of a community.

    Parameters
    ----------
    draft
        The plan.
    grids
        The frame ``grids`` that it would become.
    land
        The community and its buildings.

    Returns
    -------
    dict
        ``coverage_valid``: the units neither overlap nor leave a seam; ``left_over_m2``: the symmetric
        difference of the units' union and the community; ``units_in_no_grid``; ``in_parts`` and
        ``with_holes``: grids in several parts, or with a hole; ``buildings`` and ``buildings_covered``;
        ``holds``: whether every one of them is as it must be (parts and holes are judged by the rules).
    """
    units = draft.shapes
    valid = bool(shapely.coverage_is_valid(units))
    whole = shapely.coverage_union_all(units) if valid else shapely.union_all(units)
    metres = Metres.of(units)
    border = np.asarray(land.community.geometry.array, dtype=object)[0]
    # Both borders are led through each other's vertices first: what is left after that is no rounding.
    mosaic = build_mosaic(np.array([whole, border], dtype=object))
    pieces, _ = find_land(np.array([shapely.symmetric_difference(*mosaic.polygons)], dtype=object))
    left_over = float(metres.area_m2(mosaic.to_degrees(pieces)).sum())
    ownland = grids[grids["grid_type"] != GridType.MICRO]
    shapes = np.asarray(ownland.geometry.array, dtype=object)
    own = shapes[ownland["grid_type"].to_numpy() == GridType.BASIC]
    holes = np.array(
        [int(shapely.get_num_interior_rings(shapely.get_parts(shape)).sum()) for shape in own], dtype=np.int64
    )
    houses = np.asarray(land.buildings.geometry.array, dtype=object)
    inside = shapely.point_on_surface(houses[~shapely.is_missing(houses)])
    covered = np.unique(shapely.STRtree(shapes).query(inside, predicate="intersects")[0]).size
    lost = int((draft.core.labels < 0).sum())
    return {
        "version": draft.row.version,
        "coverage_valid": valid,
        "left_over_m2": round(left_over, 4),
        "units": len(units),
        "units_in_no_grid": lost,
        "in_parts": int((shapely.get_num_geometries(own) > 1).sum()),
        "with_holes": int((holes > 0).sum()),
        "buildings": len(inside),
        "buildings_covered": int(covered),
        "holds": valid and left_over == 0.0 and lost == 0 and covered == len(inside),
    }
