"""Who can own the points of a file: the grids of an edition, or those of another file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from gis.errors import GeometryError, InputError
from gis.lattice import STEPS_PER_DEGREE
from gis.layers.coordinates import Extent
from gis.layers.files import read_layer
from gis.layers.report import ImportReport
from gis.locate.index import GridIndex
from gis.service.owning.compiled import Compiled


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


def owners_from_file(
    grids: str | Path,
    *,
    grid_id: str,
    crs: str | None = None,
    encoding: str | None = None,
    layer: str | None = None,
    override_crs: bool = False,
) -> Owners:
    """Compile the grids of a file; invalid rings are mended and reported.

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

    Returns
    -------
    Owners
        One layer. Its edition is the file's name and the digest of its codes and shapes.

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
    codes = [str(code) for code in frame[grid_id]]
    digest = _digest(codes, shapes)
    notes = [report.summary()] if report.refused or report.repaired else []
    try:
        index = GridIndex.build(shapes, codes, digest=digest)
    except GeometryError as fault:
        pairs = (fault.details or {}).get("pairs") if isinstance(fault.details, dict) else None
        if not pairs:
            raise
        index = GridIndex.build(shapes, codes, digest=digest, overlap="first")
        named = ", ".join(f"{a} and {b}" for a, b in pairs[:3])
        notes.append(
            f"{len(pairs)} pairs of grids overlap, such as {named}; where they do, the one that stands "
            "first in the file owns the point"
        )
    layer_of_file = OwnerLayer(index, f"{path.name} {digest[:12]}")
    return Owners((layer_of_file,), report, tuple(f"{path.name}: {note}" for note in notes))


def _digest(codes: Sequence[str], shapes: Any) -> str:
    """Give the SHA-256 of codes and normalised shapes, in the order of the codes."""
    total = hashlib.sha256()
    binary = shapely.to_wkb(shapely.normalize(shapes), byte_order=1)
    for code, content in sorted(zip(codes, binary, strict=True)):
        total.update(code.encode() + b"\0" + content)
    return total.hexdigest()
