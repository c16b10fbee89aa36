"""A plane in metres for one place: everything that is measured on foot is measured on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.crs import (
    Datum,
    from_storage,
    geometries_from_storage,
    geometries_to_storage,
    metric_epsg,
    parse_crs,
)
from gis.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Geometries = NDArray[np.object_]


@dataclass(frozen=True)
class Plane:
    """A projected system in metres; its scale is true to 1:2,500 or better within its zone.

    Attributes
    ----------
    datum
        The system, chosen by :func:`gis.crs.metric_epsg`.
    """

    datum: Datum

    @classmethod
    def around(cls, geometries: Any) -> Plane:
        """Choose the plane for a place.

        Parameters
        ----------
        geometries
            Shapely geometries in EPSG:4490 degrees; missing ones are passed over.

        Returns
        -------
        Plane
            The zone of the middle of their bounds.

        Raises
        ------
        InputError
            If none of them has a position.
        """
        west, south, east, north = shapely.total_bounds(np.asarray(geometries, dtype=object))
        if not np.isfinite([west, south, east, north]).all():
            raise InputError("no geometry here has a position", mend="give at least one point, line or area")
        return cls(parse_crs(f"EPSG:{metric_epsg((west + east) / 2, (south + north) / 2)}"))

    def lay(self, geometries: Any) -> Geometries:
        """Lay geometries on the plane.

        Parameters
        ----------
        geometries
            Array of shapely geometries, EPSG:4490 degrees, shape (n,).

        Returns
        -------
        numpy.ndarray
            The same in metres.
        """
        return np.asarray(
            geometries_from_storage(np.asarray(geometries, dtype=object), self.datum), dtype=object
        )

    def lift(self, geometries: Any) -> Geometries:
        """Take geometries off the plane.

        Parameters
        ----------
        geometries
            Array of shapely geometries in metres, shape (n,).

        Returns
        -------
        numpy.ndarray
            The same in EPSG:4490 degrees, not snapped.
        """
        return np.asarray(
            geometries_to_storage(np.asarray(geometries, dtype=object), self.datum), dtype=object
        )

    def xy(self, lon: Any, lat: Any) -> Floats:
        """Lay positions on the plane.

        Parameters
        ----------
        lon, lat
            Degrees, EPSG:4490, shape (n,).

        Returns
        -------
        numpy.ndarray
            Metres, shape (n, 2).
        """
        return np.column_stack(from_storage(lon, lat, self.datum))
