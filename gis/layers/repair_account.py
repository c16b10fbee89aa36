"""What a repair has found so far, and the few things that repairs of every kind of geometry need."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import shapely
from numpy.typing import NDArray

Geometries = NDArray[np.object_]
Kind = Literal["polygon", "line", "point"]

REDRAW = "draw it again, or leave the row out"


@dataclass
class Account:
    """What has been found so far, by position.

    Attributes
    ----------
    size
        How many geometries there are.
    done
        What was mended, in words.
    refusals
        Why it was refused, and what the user can do.
    tidied
        How many were tidied in a way that changes no shape, by what was done.
    """

    size: int
    done: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    refusals: dict[int, tuple[str, str | None]] = field(default_factory=dict)
    tidied: dict[str, int] = field(default_factory=dict)

    def refuse(self, mask: NDArray[np.bool_], reason: str, mend: str | None = None) -> None:
        """Note rows that cannot be used; the first reason stands.

        Parameters
        ----------
        mask
            Which, shape (n,).
        reason
            What was found.
        mend
            What the user can do.
        """
        for position in np.flatnonzero(mask):
            self.refusals.setdefault(int(position), (reason, mend))

    def repair(self, mask: NDArray[np.bool_], reason: str) -> None:
        """Note rows that were mended.

        Parameters
        ----------
        mask
            Which, shape (n,).
        reason
            What was found, and what was done.
        """
        for position in np.flatnonzero(mask):
            self.done[int(position)].append(reason)

    def note(self, what: str, mask: NDArray[np.bool_]) -> None:
        """Count rows that were only tidied.

        Parameters
        ----------
        what
            ``clockwise``, ``single`` or ``z``.
        mask
            Which, shape (n,).
        """
        if mask.any():
            self.tidied[what] = self.tidied.get(what, 0) + int(mask.sum())


def flat_parts(geometry: Any) -> Any:
    """Unnest collections in collections, without their empty members.

    Parameters
    ----------
    geometry
        One shapely geometry.

    Returns
    -------
    numpy.ndarray
        Its single parts.
    """
    parts = shapely.get_parts(geometry)
    while (shapely.get_type_id(parts) >= 4).any():
        parts = shapely.get_parts(parts)
    return parts[~shapely.is_empty(parts)]


def gather(parts: Any, kind: Kind) -> Any:
    """Put parts of one kind together.

    Parameters
    ----------
    parts
        Single geometries, one or more.
    kind
        What they are.

    Returns
    -------
    shapely.Geometry
        The one part, or a multi-part geometry.
    """
    if len(parts) == 1:
        return parts[0]
    if kind == "polygon":
        return shapely.multipolygons(parts)
    return shapely.multilinestrings(parts) if kind == "line" else shapely.multipoints(parts)


def doubled_vertices(work: Geometries) -> NDArray[np.int64]:
    """Count the vertices of each geometry that repeat the one before them on their line or ring.

    Parameters
    ----------
    work
        Geometries, shape (n,).

    Returns
    -------
    numpy.ndarray
        int64, shape (n,).
    """
    parts, row = shapely.get_parts(work, return_index=True)
    polygonal = shapely.get_type_id(parts) == 3
    rings, owner = shapely.get_rings(parts[polygonal], return_index=True)
    lines = np.concatenate([parts[~polygonal], rings])
    line_row = np.concatenate([row[~polygonal], row[polygonal][owner]])
    xy, line = shapely.get_coordinates(lines, return_index=True)
    again = (line[1:] == line[:-1]) & (xy[1:] == xy[:-1]).all(axis=1)
    return np.bincount(line_row[line[1:][again]], minlength=len(work)).astype(np.int64)


def latitudes(shapes: Any) -> NDArray[np.float64]:
    """Give the middle latitude of each; NaN where there is none.

    Parameters
    ----------
    shapes
        Geometries, shape (n,).

    Returns
    -------
    numpy.ndarray
        Degrees, shape (n,).
    """
    box = shapely.bounds(shapes)
    return np.asarray((box[:, 1] + box[:, 3]) / 2, dtype=np.float64)
