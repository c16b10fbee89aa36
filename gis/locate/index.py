"""The index that answers who owns a point: exact, immutable, one file.

**Who owns a point.** Points and boundaries are rounded to the 1e-8° lattice, and everything after that is
whole-number arithmetic. A point is decided as if it had moved east by ε and north by ε² (the half-open
rule), so on an edge or vertex that neighbours share it belongs to exactly one of them: to the one just
north of due east. On the *outer* border that may be nobody's land; the point then belongs to the first
grid that is met turning anticlockwise from due east, so no point of the closed land is without an owner.
The rule looks at shapes only: the order of the polygons, of their rings and of their vertices changes
nothing, nor does a vertex more on a straight edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gis.errors import GeometryError
from gis.locate import kernels
from gis.locate.cells import CellTree
from gis.locate.columns import degree_columns
from gis.locate.detail import Detail, describe
from gis.locate.distance import Reach, survey
from gis.locate.edges import Rings, read_rings, refuse_invalid
from gis.locate.file import map_file, pack, unpack, write_whole
from gis.locate.growing import grow
from gis.locate.joining import join_rings
from gis.locate.memory import settle, settle_arrays
from gis.locate.overlap import lay_in_sheets, overlapping_pairs
from gis.locate.touching import first_met_among

_NAMED_IN_A_MESSAGE = 5
_RING_ARRAYS = ("vertices", "ring_at", "polygon_at")
_REACH_ARRAYS = ("runs", "boxes", "polygon_runs", "packed", "order", "levels")
_SHEET_FACTS = ("width", "height", "shift_x", "shift_y", "columns")
_SHEET_ARRAYS = ("entries", "leaves", "records", "lines")


@dataclass(frozen=True, eq=False)
class GridIndex:
    """Owners of points among polygons, compiled once and never changed.

    Use :meth:`build` or :meth:`open`. Reading from several threads is safe.

    Attributes
    ----------
    codes
        The polygons' codes; a *position* is an index into them.
    digest
        Digest of the edition that it was compiled from; empty where there is none.
    rings
        The snapped boundaries.
    sheets
        Cell trees; more than one only where polygons overlap.
    reach
        Boxes for the distances.
    """

    codes: tuple[str, ...] = field(repr=False)
    digest: str
    rings: Rings = field(repr=False)
    sheets: tuple[CellTree, ...] = field(repr=False)
    reach: Reach = field(repr=False)

    @classmethod
    def build(
        cls,
        polygons: Any,
        codes: Sequence[str],
        *,
        digest: str = "",
        overlap: Literal["refuse", "first"] = "refuse",
    ) -> GridIndex:
        """Compile polygons into an index.

        Parameters
        ----------
        polygons
            Array or GeoSeries of n shapely Polygons or MultiPolygons, lon/lat degrees, CGCS2000; holes,
            islands and enclaves as they come. They are snapped to the lattice here.
        codes
            Their n codes, all different.
        digest
            Digest of the edition.
        overlap
            ``refuse`` where polygons must not overlap; ``first`` lets the lower position win.

        Returns
        -------
        GridIndex
            The index.

        Raises
        ------
        InputError
            If codes and polygons do not go together.
        GeometryError
            If a boundary is missing, empty, not polygonal or invalid once snapped, or polygons overlap and
            must not.
        """
        named = tuple(str(code) for code in codes)
        rings, snapped = read_rings(polygons, named)
        # GEOS works beside the kernels: both let go of the interpreter's lock.
        with ThreadPoolExecutor(1) as beside:
            checked = beside.submit(refuse_invalid, snapped, named, rings.origin)
            edges = join_rings(rings, np.ones(len(named), dtype=bool))
            reach = survey(rings)
            checked.result()
            overlapping = beside.submit(overlapping_pairs, snapped, edges)
            width, height = (int(size) + 1 for size in rings.vertices.max(axis=0))
            whole = grow(edges, width, height) if overlap == "refuse" else None
            pairs = overlapping.result()
        if len(pairs) and overlap == "refuse":
            raise _overlap_error(pairs, named)
        sheet = lay_in_sheets(len(named), pairs)
        apart = [join_rings(rings, sheet == number) for number in range(int(sheet.max()) + 1) if len(pairs)]
        sheets = (whole,) if whole else tuple(grow(some, width, height) for some in apart or [edges])
        if max(width, height) < 2**31:
            rings = replace(rings, vertices=rings.vertices.astype(np.int32))
        built = cls(named, digest, rings, sheets, reach)
        return cls._of(built._about(), settle_arrays(built._arrays()))

    def __len__(self) -> int:
        return len(self.codes)

    def locate(self, lon: Any, lat: Any) -> NDArray[np.int32]:
        """Name the owner of each point.

        Parameters
        ----------
        lon, lat
            Degrees, CGCS2000: NumPy arrays, pandas or Arrow columns, lists or scalars, n values each.

        Returns
        -------
        numpy.ndarray
            int32, shape (n,): positions in ``codes``; −1 outside every polygon or where not finite.

        Raises
        ------
        InputError
            If a column is not numbers, or the lengths differ.
        """
        x, y = degree_columns(lon, lat)
        if len(self.sheets) == 1:
            return kernels.locate(self.sheets[0], self.rings.origin, x, y, closed=True)
        owner = np.full(len(x), len(self.codes), dtype=np.int32)
        for sheet in self.sheets:
            found = kernels.locate(sheet, self.rings.origin, x, y, closed=False)
            np.minimum(owner, found, out=owner, where=found >= 0)
        owner[owner == len(self.codes)] = -1
        lost = np.flatnonzero(owner < 0)
        owner[lost] = first_met_among(self.sheets, self.rings.origin, x[lost], y[lost])
        return owner

    def locate_detail(self, lon: Any, lat: Any) -> Detail:
        """Name the owner of each point, how sure that is, and who else is near.

        Parameters
        ----------
        lon, lat
            As in :meth:`locate`.

        Returns
        -------
        Detail
            Struct of arrays.

        Raises
        ------
        InputError
            If a column is not numbers, or the lengths differ.
        """
        x, y = degree_columns(lon, lat)
        return describe(self.rings, self.reach, self.sheets, x, y, self.locate(x, y))

    @property
    def nbytes(self) -> int:
        """Bytes that all arrays take in memory."""
        return sum(array.nbytes for array in self._arrays().values())

    def to_bytes(self) -> bytes:
        """Write the index into bytes, the same as :meth:`save` writes into a file.

        Returns
        -------
        bytes
            For :meth:`from_bytes`.
        """
        return pack(self._about(), self._arrays())

    @classmethod
    def from_bytes(cls, content: bytes | NDArray[np.uint8], *, where: str = "index") -> GridIndex:
        """Look at bytes as an index; bytes are copied once to where they are read fastest, a map is not.

        Parameters
        ----------
        content
            What :meth:`to_bytes` gave.
        where
            Their source, for the message.

        Returns
        -------
        GridIndex
            The index.

        Raises
        ------
        InputError
            If they are no index, of another version, or damaged.
        """
        if isinstance(content, bytes):
            content = settle(content)
        return cls._of(*unpack(content, where=where))

    def save(self, path: Path | str) -> None:
        """Write the index into one file, in place of what was there, whole or not at all.

        Parameters
        ----------
        path
            The file.

        Raises
        ------
        InputError
            If it cannot be written.
        """
        write_whole(Path(path), self.to_bytes())

    @classmethod
    def open(cls, path: Path | str) -> GridIndex:
        """Map a saved index into memory.

        Parameters
        ----------
        path
            The file.

        Returns
        -------
        GridIndex
            The index; its arrays lie in the file and are shared between processes.

        Raises
        ------
        InputError
            If there is none, it has another version, or is damaged.
        """
        return cls.from_bytes(map_file(Path(path)), where=str(path))

    @classmethod
    def _of(cls, about: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> GridIndex:
        """Put an index together from what :meth:`_about` and :meth:`_arrays` give."""
        sheets = tuple(
            CellTree(*facts, *(arrays[f"sheet{number}.{name}"] for name in _SHEET_ARRAYS))
            for number, facts in enumerate(about["sheets"])
        )
        rings = Rings(tuple(about["origin"]), *(arrays[f"rings.{name}"] for name in _RING_ARRAYS))
        reach = Reach(*(arrays[f"reach.{name}"] for name in _REACH_ARRAYS))
        return cls(tuple(about["codes"]), about["digest"], rings, sheets, reach)

    def _about(self) -> dict[str, Any]:
        return {
            "codes": self.codes,
            "digest": self.digest,
            "origin": self.rings.origin,
            "sheets": [[getattr(sheet, name) for name in _SHEET_FACTS] for sheet in self.sheets],
        }

    def _arrays(self) -> dict[str, NDArray[Any]]:
        arrays = {f"rings.{name}": getattr(self.rings, name) for name in _RING_ARRAYS}
        arrays |= {f"reach.{name}": getattr(self.reach, name) for name in _REACH_ARRAYS}
        for number, sheet in enumerate(self.sheets):
            arrays |= {f"sheet{number}.{name}": getattr(sheet, name) for name in _SHEET_ARRAYS}
        return arrays


def _overlap_error(pairs: NDArray[np.int64], codes: tuple[str, ...]) -> GeometryError:
    named = [(codes[a], codes[b]) for a, b in pairs.tolist()]
    shown = ", ".join(f"{a} and {b}" for a, b in named[:_NAMED_IN_A_MESSAGE])
    more = len(named) - _NAMED_IN_A_MESSAGE
    return GeometryError(
        f"{shown}{f' and {more} more pairs' if more > 0 else ''} overlap",
        where=named[0][0],
        mend="repair the boundaries, or let the first one win where the layer allows overlaps",
        details={"pairs": named},
    )
