"""Which look-ups and steps of building are used: compiled ones, or NumPy's where numba is absent or unwanted.

Chosen once, when this module is first imported. ``WANGGE_WITHOUT_NUMBA=1`` asks for NumPy's.
"""

from __future__ import annotations

import importlib.util
import os

COMPILED = not os.environ.get("WANGGE_WITHOUT_NUMBA") and importlib.util.find_spec("numba") is not None

if COMPILED:
    from gis.locate.distance_numba import edges_near, nearest_on, nearest_polygon
    from gis.locate.growing_numba import (
        edges_by_cell,
        face_lines,
        join,
        owners_at_corners,
        owners_below,
        records_of,
        upward,
    )
    from gis.locate.kernels_numba import in_parts, locate, locate_into, partition, touching_records
else:
    from gis.locate.distance_numpy import edges_near, nearest_on, nearest_polygon
    from gis.locate.growing_numpy import (
        edges_by_cell,
        join,
        owners_at_corners,
        owners_below,
        records_of,
        upward,
    )
    from gis.locate.kernels_numpy import in_parts, locate, locate_into, partition, touching_records
    from gis.locate.lines import face_lines

__all__ = [
    "COMPILED",
    "edges_by_cell",
    "edges_near",
    "face_lines",
    "in_parts",
    "join",
    "locate",
    "locate_into",
    "nearest_on",
    "nearest_polygon",
    "owners_at_corners",
    "owners_below",
    "partition",
    "records_of",
    "touching_records",
    "upward",
]
