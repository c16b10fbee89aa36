# mypy: allow-untyped-defs, allow-untyped-calls
# ruff: noqa: ANN001, ANN202 - numba infers the types of its kernels
"""One point at a time: owner and margin in a microsecond or two, for a server that answers one question each.

The arrays of :class:`gis.locate.index.GridIndex` cost more to make than a single look-up takes, and so does
handing them to a compiled function: a tenth of a microsecond each, nine to an index. Here all of them are
made once, their addresses stand in a table, and one compiled call asks several indexes about a point. Only
for indexes of one sheet, with numba at hand; the answers are the index's own, to the last digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from gis.crs import metres_per_degree
from gis.lattice import STEPS_PER_DEGREE
from gis.locate.cells import RECORD
from gis.locate.index import GridIndex
from gis.locate.kernels import COMPILED

_KINDS = (
    *(("extent", np.int64, 1), ("entries", np.int32, 1), ("leaves", np.int32, 2), ("records", np.int32, 2)),
    *(
        ("vertices", np.int32, 2),
        ("runs", np.int64, 2),
        ("boxes", np.float64, 2),
        ("polygon_runs", np.int64, 1),
    ),
)
"""The arrays of an index, in the order of the table: name, kind, dimensions."""

if COMPILED:
    from llvmlite import ir
    from numba import carray  # type: ignore[attr-defined]
    from numba.core import types
    from numba.extending import intrinsic

    from gis.compiling import compiled
    from gis.locate.distance_numba import _to_polygon
    from gis.locate.kernels_numba import _decide, _extent, _leaf_of

    def _pointer(_typing_context, address):
        def generate(_context, builder, _signature, arguments):
            return builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())

        return types.voidptr(address), generate

    _at: Any = intrinsic(_pointer)

    @compiled
    def _ask(lon, lat, scale_x, scale_y, table, positions, margins):
        for number in range(len(table)):
            row = table[number]
            extent = carray(_at(row[0]), row[1], np.int64)
            positions[number] = -1
            if number < len(margins):
                margins[number] = np.nan
            fx = np.rint(lon * STEPS_PER_DEGREE) - extent[0]
            fy = np.rint(lat * STEPS_PER_DEGREE) - extent[1]
            if not (fx >= 0.0 and fx < extent[2] and fy >= 0.0 and fy < extent[3]):
                continue
            x, y = np.int64(fx), np.int64(fy)
            entries = carray(_at(row[2]), row[3], np.int32)
            owner = np.int64(entries[(y >> extent[5]) * extent[6] + (x >> extent[4])])
            if owner < -1:
                owner = np.int64(_leaf_of(x, y, owner, extent, entries))
            if owner < -1:
                leaf = np.int64(-2 - owner) >> 1
                leaves = carray(_at(row[4]), (row[5], 2), np.int32)
                records = carray(_at(row[6]), (row[7], RECORD), np.int32)
                owner = np.int64(
                    _decide(x, y, leaves[leaf, 0], leaves[leaf + 1, 0], leaves[leaf, 1], records, True)  # noqa: FBT003 - the closed rule
                )
            positions[number] = owner
            if owner < 0 or number >= len(margins):
                continue
            vertices = carray(_at(row[8]), (row[9], 2), np.int32)
            runs = carray(_at(row[10]), (row[11], 2), np.int64)
            boxes = carray(_at(row[12]), (row[13], 4), np.float64)
            of_polygon = carray(_at(row[14]), row[15], np.int64)
            first, last = of_polygon[owner], of_polygon[owner + 1]
            _, foot_x, foot_y = _to_polygon(
                vertices, runs, boxes, first, last, fx, fy, scale_x, scale_y, np.inf
            )
            margins[number] = np.hypot((foot_x - fx) * scale_x, (foot_y - fy) * scale_y)


class PointLookup:
    """Asks several indexes about one point; made by :func:`point_lookup`. Several threads may ask at once.

    Parameters
    ----------
    indexes
        Compiled polygons, all of the kind that :func:`point_lookup` takes.
    margins
        For how many of them, from the first, the margin is wanted.
    """

    def __init__(self, indexes: Sequence[GridIndex], margins: int) -> None:
        # The table holds addresses: what they point to must live as long as it does.
        self._arrays = [_arrays_of(index) for index in indexes]
        facts = [fact for arrays in self._arrays for one in arrays for fact in (one.ctypes.data, len(one))]
        self._table = np.array(facts, dtype=np.int64).reshape(len(indexes), 2 * len(_KINDS))
        self._margins = margins
        self.ask(0.0, 0.0, 1.0, 1.0)  # compiled now, not at the first question

    def ask(self, lon: float, lat: float, scale_x: float, scale_y: float) -> tuple[list[int], list[float]]:
        """Ask all indexes about a point.

        Parameters
        ----------
        lon, lat
            Degrees, CGCS2000.
        scale_x, scale_y
            Metres per lattice step of longitude and latitude there.

        Returns
        -------
        tuple of list
            The owner's position in each index, −1 outside; and for the first of them, as many as were asked
            for, the margin in metres, NaN outside. A margin of zero, or next to it, may be a point on a
            border, about which the index has more to say.
        """
        positions, margins = np.empty(len(self._table), dtype=np.int64), np.empty(self._margins)
        _ask(lon, lat, scale_x, scale_y, self._table, positions, margins)
        return positions.tolist(), margins.tolist()


def point_lookup(indexes: Sequence[GridIndex], margins: int) -> PointLookup | None:
    """Make the look-up of one point at a time.

    Parameters
    ----------
    indexes
        Compiled polygons.
    margins
        For how many of them, from the first, the margin is wanted.

    Returns
    -------
    PointLookup or None
        None where polygons of one index overlap, an index is wider than 21 degrees, or numba is absent.
    """
    if not COMPILED or any(
        len(index.sheets) != 1 or index.rings.vertices.dtype != np.int32 for index in indexes
    ):
        return None
    return PointLookup(indexes, margins)


def _arrays_of(index: GridIndex) -> list[NDArray[Any]]:
    tree, reach = index.sheets[0], index.reach
    arrays = (
        *(_extent(tree, index.rings.origin), tree.entries, tree.leaves, tree.records),
        *(index.rings.vertices, reach.runs, reach.boxes, reach.polygon_runs),
    )
    for (name, kind, dimensions), array in zip(_KINDS, arrays, strict=True):
        fits = array.dtype == kind and array.ndim == dimensions and array.flags.c_contiguous
        if not fits:  # an address tells nothing of this: a wrong one would be read as it comes
            raise TypeError(f"{name} of an index is not what its kernel reads")
    return list(arrays)


_LOOKUPS: WeakKeyDictionary[GridIndex, PointLookup | None] = WeakKeyDictionary()


def clear_owner(index: GridIndex, lon: float, lat: float, within_m: float) -> int:
    """Name the owner of a point if all its border is farther away than a distance.

    Parameters
    ----------
    index
        The compiled polygons.
    lon, lat
        Degrees, CGCS2000.
    within_m
        Metres.

    Returns
    -------
    int
        Its position; −1 where the border is nearer, the point is outside, or the index is not of the kind
        that :func:`point_lookup` takes.
    """
    if index not in _LOOKUPS:
        _LOOKUPS[index] = point_lookup([index], 1)
    look = _LOOKUPS[index]
    if look is None:
        return -1
    scale_x, scale_y = metres_per_degree(lat)
    (position,), (margin,) = look.ask(
        lon, lat, float(scale_x) / STEPS_PER_DEGREE, float(scale_y) / STEPS_PER_DEGREE
    )
    return position if margin > within_m else -1
