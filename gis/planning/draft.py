"""A plan as pure data: which unit is in which grid, and the log of how it came about.

A draft is never changed: every operation (:mod:`gis.planning.operations`, :mod:`gis.planning.cutting`)
returns a new one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gis.codes import next_serials
from gis.errors import NotFoundError
from gis.planning.faces import unite
from gis.planning.measure import Ints, require
from gis.planning.metrics import Division
from gis.planning.report import Violation
from gis.planning.standing import Standing
from gis.planning.unit_set import UnitSet
from gis.terms import GridType

Entry = dict[str, Any]
"""One JSON-ready line of a log; see :mod:`gis.planning.history`."""

Texts = NDArray[np.object_]
"""An array of text."""


@dataclass(frozen=True)
class GridInfo:
    """What a grid of a draft is, besides its units.

    Attributes
    ----------
    grid_type, name, colour_theme
        As in the grids layer.
    locked
        Whether operations must leave its units alone.
    predecessors
        Codes that it took the place of.
    """

    grid_type: str = str(GridType.BASIC)
    name: str | None = None
    colour_theme: str | None = None
    locked: bool = False
    predecessors: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready.

        Returns
        -------
        dict
            Plain values.
        """
        return {
            "grid_type": self.grid_type,
            "name": self.name,
            "colour_theme": self.colour_theme,
            "locked": self.locked,
            "predecessors": list(self.predecessors),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> GridInfo:
        """Read what :meth:`as_dict` wrote.

        Parameters
        ----------
        values
            Plain values.

        Returns
        -------
        GridInfo
            The same.
        """
        return cls(**{**values, "predecessors": tuple(values.get("predecessors", ()))})


@dataclass(frozen=True, eq=False)
class Draft:
    """A state of a plan.

    Attributes
    ----------
    units
        What it is made of.
    owner
        The grid code of each unit, ``""`` for one in no grid; object array of text, shape (n,).
    grids
        Code → what the grid is; in the order of their making.
    community_code
        Whose plan it is.
    used_codes
        Every grid code that the community ever had: serials are never used again.
    log
        What was done, oldest first; append-only.
    households_min, households_max
        The limits.
    """

    units: UnitSet
    owner: Texts
    grids: dict[str, GridInfo]
    community_code: str
    used_codes: frozenset[str] = frozenset()
    log: tuple[Entry, ...] = ()
    households_min: int = 300
    households_max: int = 500

    @cached_property
    def codes(self) -> list[str]:
        """The grids' codes; their places are the labels of :attr:`division`."""
        return list(self.grids)

    @cached_property
    def labels(self) -> Ints:
        """The place of each unit's grid in ``codes``, or -1; shape (n,)."""
        place = {code: index for index, code in enumerate(self.codes)}
        return np.array([place.get(code, -1) for code in self.owner.tolist()], dtype=np.int64)

    @cached_property
    def division(self) -> Division:
        """The labelling with what its metrics need."""
        return Division(
            self.labels,
            self.units.adjacency,
            self.units.households,
            compounds=self.units.compounds,
            households_min=self.households_min,
            households_max=self.households_max,
            exempt=np.array([info.grid_type != GridType.BASIC for info in self.grids.values()], dtype=bool),
        )

    @cached_property
    def standing(self) -> Standing:
        """Totals of every grid, and violations."""
        return Standing(
            self.division, self.codes, self.units.compound_codes, self.units.bounds, self.units.ids
        )

    @property
    def violations(self) -> tuple[Violation, ...]:
        """What is wrong with it now, as far as units tell: sizes, parts, compounds, units in no grid."""
        return self.standing.violations

    def units_of(self, code: str) -> Ints:
        """Find the units of a grid.

        Parameters
        ----------
        code
            Its code.

        Returns
        -------
        numpy.ndarray
            Their rows, ascending.

        Raises
        ------
        NotFoundError
            If the draft has no such grid.
        """
        self.info(code)
        return np.flatnonzero(self.owner == code)

    def info(self, code: str) -> GridInfo:
        """Look a grid up.

        Parameters
        ----------
        code
            Its code.

        Returns
        -------
        GridInfo
            What it is.

        Raises
        ------
        NotFoundError
            If the draft has no such grid.
        """
        if code not in self.grids:
            raise NotFoundError(f"the draft has no grid {code}", where="grid_code")
        return self.grids[code]

    def next_code(self, grid_type: str = str(GridType.BASIC)) -> str:
        """Give the next free serial of the community.

        Parameters
        ----------
        grid_type
            Basic or exclusive.

        Returns
        -------
        str
            A grid code that was never used, in no edition and not in this draft.
        """
        used = self.used_codes | set(self.grids)
        return next_serials(self.community_code, used, 1, GridType(grid_type))[0]

    def grids_frame(self) -> gpd.GeoDataFrame:
        """Dissolve the units into grids.

        Returns
        -------
        geopandas.GeoDataFrame
            A row for each grid that has units: ``grid_code``, ``grid_type``, ``name``, ``community_code``,
            ``colour_theme``, ``predecessors``, ``households``, ``residents`` and geometry (EPSG:4490).
        """
        shapes = unite(self.units.shapes, self.labels, len(self.codes))
        held = np.flatnonzero(self.division.units > 0)
        infos = [self.grids[self.codes[place]] for place in held]
        return gpd.GeoDataFrame(
            {
                "grid_code": [self.codes[place] for place in held],
                "grid_type": [info.grid_type for info in infos],
                "name": pd.Series([info.name for info in infos], dtype=object),
                "community_code": self.community_code,
                "colour_theme": pd.Series([info.colour_theme for info in infos], dtype=object),
                "predecessors": pd.Series([list(info.predecessors) for info in infos], dtype=object),
                "households": self.division.sizes[held],
                "residents": self.standing.residents_of(self.units.residents)[held],
            },
            geometry=shapes[held],
            crs=4490,
        )


def start_draft(
    units: UnitSet,
    community_code: str,
    grids: pd.DataFrame | None = None,
    *,
    used_codes: Iterable[str] = (),
    households_min: int = 300,
    households_max: int = 500,
) -> Draft:
    """Start a draft from the grids that the units are in now.

    Parameters
    ----------
    units
        With ``grid_code`` where a unit is in a grid.
    community_code
        The community's 12 digits.
    grids
        ``grid_code`` and, where known, ``grid_type``, ``name``, ``colour_theme``, ``predecessors`` of those
        of today.
    used_codes
        Every grid code that the community ever had.
    households_min, households_max
        The limits.

    Returns
    -------
    Draft
        With an empty log.
    """
    owner = np.full(len(units.ids), "", dtype=object)
    if "grid_code" in units.frame.columns:
        column = units.frame["grid_code"]
        owner[:] = ["" if pd.isna(code) else str(code) for code in column]
    infos: dict[str, GridInfo] = {}
    if grids is not None:
        require(grids, ("grid_code",), where="grids")
        for row in grids.to_dict(orient="records"):
            infos[str(row["grid_code"])] = GridInfo(
                grid_type=_text(row.get("grid_type")) or str(GridType.BASIC),
                name=_text(row.get("name")),
                colour_theme=_text(row.get("colour_theme")),
                predecessors=tuple(row.get("predecessors") or ()),
            )
    for code in sorted(set(owner.tolist()) - {""}):
        infos.setdefault(code, GridInfo())
    return Draft(
        units,
        owner,
        infos,
        community_code,
        frozenset(str(code) for code in used_codes) | frozenset(infos),
        households_min=households_min,
        households_max=households_max,
    )


def _text(value: Any) -> str | None:
    return None if value is None or pd.isna(value) else str(value)
