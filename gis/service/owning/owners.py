"""Who can own the points of a file: the grids of an edition, or those of another file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.errors import GeometryError, InputError
from gis.lattice import STEPS_PER_DEGREE
from gis.layers.coordinates import Extent
from gis.layers.defaults import PRECEDENCE
from gis.layers.files import read_layer
from gis.layers.report import ImportReport
from gis.locate.index import GridIndex
from gis.service.owning.compiled import Compiled

Overlap = Literal["refuse", "first"]


@dataclass(frozen=True)
class OwnerLayer:
    """An index that answers, and the edition that its answers carry.

    Attributes
    ----------
    index
        The compiled grids.
    edition
        Their edition, in words.
    """

    index: GridIndex
    edition: str


@dataclass(frozen=True)
class Owners:
    """Who can own a point: the first layer in whose land it lies names the owner.

    Attributes
    ----------
    layers
        In order of precedence.
    report
        What was done to the grids' file, where they came from one.
    notes
        What else there is to say of the grids.
    """

    layers: tuple[OwnerLayer, ...]
    report: ImportReport | None = None
    notes: tuple[str, ...] = ()

    @cached_property
    def extent(self) -> Extent:
        """West, south, east and north of all layers, degrees."""
        boxes = []
        for layer in self.layers:
            rings = layer.index.rings
            low = (rings.vertices.min(axis=0) + np.array(rings.origin)) / STEPS_PER_DEGREE
            high = (rings.vertices.max(axis=0) + np.array(rings.origin)) / STEPS_PER_DEGREE
            boxes.append((*low, *high))
        west, south, east, north = np.array(boxes).T
        return float(west.min()), float(south.min()), float(east.max()), float(north.max())


def owners_of(counties: Mapping[str, Compiled]) -> Owners:
    """Return the grids of compiled editions as owners, each county's layers in its order of precedence.

    Parameters
    ----------
    counties
        County → edition, taken once for all that is asked.

    Returns
    -------
    Owners
        No layers where there are no editions.
    """
    return Owners(
        tuple(
            OwnerLayer(
                compiled.indexes[layer],
                f"{county[:6]} {compiled.edition.number} {compiled.edition.digest[:12]}",
            )
            for county, compiled in counties.items()
            for layer in compiled.precedence
        )
    )


@dataclass(frozen=True)
class FileGrids:
    """The grids of a file, apart by type; made by :func:`read_grids_file`.

    Attributes
    ----------
    name
        The file's name.
    layers
        Shapes and codes of each type, the first in precedence first; all in one where the file names no
        types.
    report
        What was done to the file.
    overlap
        ``refuse`` or ``first``.
    """

    name: str
    layers: tuple[tuple[NDArray[np.object_], list[str]], ...]
    report: ImportReport
    overlap: Overlap

    def owners(self) -> Owners:
        """Compile each layer by itself.

        Returns
        -------
        Owners
            Its edition is the file's name and the digest of all codes and shapes.

        Raises
        ------
        GeometryError
            If two grids of one layer overlap and must not.
        """
        notes = [self.report.summary()] if self.report.refused or self.report.repaired else []
        layers = []
        for shapes, codes in self.layers:
            index, pairs = self._compile(shapes, codes)
            layers.append(OwnerLayer(index, f"{self.name} {self._digest[:12]}"))
            if pairs:
                notes.append(
                    f"{_listed(pairs)}; where they do, the one that stands first in the file owns the point"
                )
        return Owners(tuple(layers), self.report, tuple(f"{self.name}: {note}" for note in notes))

    def index(self) -> GridIndex:
        """Compile all layers into one index, the owner by precedence.

        Returns
        -------
        GridIndex
            The index.

        Raises
        ------
        GeometryError
            If two grids of one layer overlap and must not.
        """
        owners = self.owners()
        if len(owners.layers) == 1:
            return owners.layers[0].index
        return GridIndex.build(*self._together, digest=self._digest, overlap="first")

    def _compile(
        self, shapes: NDArray[np.object_], codes: list[str]
    ) -> tuple[GridIndex, list[tuple[str, str]]]:
        try:
            return GridIndex.build(shapes, codes, digest=self._digest), []
        except GeometryError as fault:
            pairs = fault.details.get("pairs") if isinstance(fault.details, dict) else None
            if not pairs:
                raise
            if self.overlap == "refuse":
                raise GeometryError(
                    _listed(pairs),
                    where=self.name,
                    mend="mend the boundaries; or give --overlap first, and where two overlap the one that "
                    "stands first in the file owns the point",
                    details=fault.details,
                ) from fault
            return GridIndex.build(shapes, codes, digest=self._digest, overlap="first"), pairs

    @cached_property
    def _together(self) -> tuple[NDArray[np.object_], list[str]]:
        """Shapes and codes of all layers, in the order of precedence."""
        shapes = np.concatenate([shapes for shapes, _ in self.layers])
        return shapes, [code for _, codes in self.layers for code in codes]

    @cached_property
    def _digest(self) -> str:
        """The SHA-256 of codes and normalised shapes, in the order of the codes."""
        total = hashlib.sha256()
        shapes, codes = self._together
        binary = shapely.to_wkb(shapely.normalize(shapes), byte_order=1)
        for code, content in sorted(zip(codes, binary, strict=True)):
            total.update(code.encode() + b"\0" + content)
        return total.hexdigest()


def read_grids_file(
    grids: str | Path,
    *,
    grid_id: str,
    crs: str | None = None,
    encoding: str | None = None,
    layer: str | None = None,
    override_crs: bool = False,
    overlap: Overlap = "refuse",
) -> FileGrids:
    """Read the grids of a file; invalid rings are mended and reported.

    Grids of several types lie over each other by design: where the file has the column ``grid_type``, each
    type is a layer, exclusive before micro before basic grids.

    Parameters
    ----------
    grids
        Polygons, in any format of :mod:`gis.layers.files`.
    grid_id
        The column with their codes.
    crs
        What they are in; needed where the file does not say.
    encoding
        Of CSV and Shapefile.
    layer
        Of a GeoPackage with several.
    override_crs
        Whether ``crs`` beats the file's own label.
    overlap
        What becomes of grids of one type that overlap: ``refuse`` them, or the ``first`` in the file owns.

    Returns
    -------
    FileGrids
        To be compiled.

    Raises
    ------
    InputError
        If the file or the column cannot be used, a code is there twice, or no polygon is left.
    """
    path = Path(grids)
    frame, report = read_layer(
        path,
        crs=crs,
        encoding=encoding,
        layer=layer,
        kind="polygon",
        code_field=grid_id,
        override_crs=override_crs,
    )
    doubled = [entry for entry in report.rows if entry.field == grid_id and "same code" in entry.reason]
    if doubled:
        codes = sorted({entry.code or "" for entry in doubled})
        raise InputError(
            f"{grid_id} is no identifier: {len(codes)} values stand in several rows, such as {codes[0]!r}",
            where=path.name,
            mend="name the column that differs in every row (--id), or join the rows of each grid into one",
            details={"codes": codes},
        )
    if not len(frame):
        raise InputError("no usable polygon is in it", where=path.name, mend=report.summary())
    shapes = np.array(frame.geometry.to_numpy(), dtype=object)
    named = np.array([str(code) for code in frame[grid_id]], dtype=object)
    kinds = np.array(frame["grid_type"].astype(str) if "grid_type" in frame.columns else [""] * len(frame))
    # Somebody else's column of this name, with other values, says nothing of our types.
    known = bool(np.isin(kinds, PRECEDENCE).all())
    parts = [kinds == kind for kind in PRECEDENCE] if known else [np.ones(len(frame), dtype=bool)]
    layers = tuple((shapes[part], named[part].tolist()) for part in parts if part.any())
    return FileGrids(path.name, layers, report, overlap)


def _listed(pairs: Sequence[tuple[str, str]]) -> str:
    named = ", ".join(f"{a} and {b}" for a, b in pairs[:3])
    return f"{len(pairs)} pair{'s' if len(pairs) > 1 else ''} of grids overlap, such as {named}"
