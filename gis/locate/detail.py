"""All that an answer about ownership says of a point: owner, how sure, and who else is near."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyproj
from numpy.typing import NDArray

from gis.crs import metres_per_degree
from gis.lattice import STEPS_PER_DEGREE
from gis.locate import kernels
from gis.locate.cells import CellTree
from gis.locate.distance import Reach
from gis.locate.edges import Rings
from gis.locate.touching import touching_pairs
from gis.terms import OwnerStatus

Floats = NDArray[np.float64]

_ELLIPSOID = pyproj.Geod(ellps="GRS80")  # CGCS2000's to within 0.1 mm on the minor axis

_INSIDE, _EDGE, _OUTSIDE, _INVALID = range(4)
_STATUSES = np.array(
    [
        status.value
        for status in (OwnerStatus.INSIDE, OwnerStatus.EDGE, OwnerStatus.OUTSIDE, OwnerStatus.INVALID)
    ]
)


@dataclass(frozen=True)
class Detail:
    """What is known of n points; all arrays but ``touching`` have shape (n,) or, ``touching_at``, (n + 1,).

    Attributes
    ----------
    position
        int32: the owner, −1 for none.
    status
        Values of :class:`gis.terms.OwnerStatus`: ``inside``, ``edge`` (on a boundary), ``outside``,
        ``invalid`` (not finite).
    margin_m
        float64: metres to the nearest edge of the owner; NaN where there is none.
    touching
        int32: the positions of all polygons whose boundary the points lie on.
    touching_at
        int64: those of point i are ``touching[touching_at[i]:touching_at[i + 1]]``, ascending.
    nearest
        int32: of an outside point, the polygon that is nearest; else the owner; −1 where invalid.
    distance_m
        float64: metres to ``nearest`` along the ellipsoid, 0 where it is the owner; NaN where invalid.
    """

    position: NDArray[np.int32]
    status: NDArray[np.str_]
    margin_m: Floats
    touching: NDArray[np.int32]
    touching_at: NDArray[np.int64]
    nearest: NDArray[np.int32]
    distance_m: Floats

    def touching_of(self, point: int) -> NDArray[np.int32]:
        """List the polygons whose boundary a point lies on.

        Parameters
        ----------
        point
            Its index.

        Returns
        -------
        numpy.ndarray
            int32 positions, ascending; empty where it lies on none.
        """
        return self.touching[self.touching_at[point] : self.touching_at[point + 1]]


def describe(
    rings: Rings,
    reach: Reach,
    sheets: tuple[CellTree, ...],
    lon: Floats,
    lat: Floats,
    owner: NDArray[np.int32],
) -> Detail:
    """Add to the owners of points all that there is to say.

    Parameters
    ----------
    rings
        The boundaries.
    reach
        Their boxes.
    sheets
        The cell trees.
    lon, lat
        float64 degrees, shape (n,).
    owner
        int32 positions, shape (n,), as located.

    Returns
    -------
    Detail
        Everything.
    """
    finite = np.isfinite(lon) & np.isfinite(lat)
    point, polygon = touching_pairs(sheets, rings.origin, lon, lat)
    touched = np.bincount(point, minlength=len(lon))
    status = np.where(owner >= 0, _INSIDE, _OUTSIDE)
    status[touched > 0] = _EDGE
    status[~finite] = _INVALID
    xy = np.rint(np.column_stack([lon, lat]) * STEPS_PER_DEGREE) - np.array(rings.origin, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        scale = np.column_stack(metres_per_degree(lat)) / STEPS_PER_DEGREE
    margin = np.full(len(lon), np.nan)
    nearest = owner.copy()
    distance = np.where(owner >= 0, 0.0, np.nan)
    owned, lost = np.flatnonzero(owner >= 0), np.flatnonzero(finite & (owner < 0))
    if len(owned):
        foot = kernels.nearest_on(rings, reach, owner[owned], xy[owned], scale[owned])
        margin[owned] = np.hypot(*((foot - xy[owned]) * scale[owned]).T)
        margin[point[polygon == owner[point]]] = 0.0  # and not a rounding error beside it
    if len(lost):
        nearest[lost], foot = kernels.nearest_polygon(rings, reach, xy[lost], scale[lost])
        reached = (foot + rings.origin) / STEPS_PER_DEGREE
        distance[lost] = _ELLIPSOID.inv(lon[lost], lat[lost], reached[:, 0], reached[:, 1])[2]
    at = np.concatenate([[0], np.cumsum(touched)])
    return Detail(owner, _STATUSES[status], margin, polygon, at, nearest, distance)
