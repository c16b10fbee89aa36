"""The seams of a community with its neighbours: where one side gets a corner, the other gets it too."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from sqlalchemy import Connection, select

from gis.codes import county_of
from gis.layers.editions import EditionStamp, edition_at, read_grids
from gis.layers.frames import as_multi
from gis.layers.grid import Edition
from gis.planning.matching import match_borders
from gis.terms import GridType

_NEAR = 1e-7
"""Degrees, a centimetre: neighbours touch, or are apart by less than rounding."""


@dataclass(frozen=True, eq=False)
class Sewn:
    """A community's new grids among those of its county.

    Attributes
    ----------
    grids
        The frame ``grids`` of the community, borders matched.
    neighbours
        The frame ``grids`` of every other community of the county, borders matched.
    touched
        The other communities that have a grid which got a vertex, and nothing else.
    """

    grids: gpd.GeoDataFrame
    neighbours: gpd.GeoDataFrame
    touched: list[str]

    @property
    def state(self) -> gpd.GeoDataFrame:
        """The frame ``grids`` of the community and of those that are touched: what has to be published."""
        return _together(self.grids, self.neighbours[self.neighbours["community_code"].isin(self.touched)])

    @property
    def county(self) -> gpd.GeoDataFrame:
        """The frame ``grids`` of the whole county."""
        return _together(self.grids, self.neighbours)


def sew(connection: Connection, community_code: str, grids: gpd.GeoDataFrame) -> Sewn:
    """Match the borders of a community's new grids with each other and with those around them.

    Parameters
    ----------
    connection
        An open transaction.
    community_code
        12 digits.
    grids
        The frame ``grids`` that the community is to have.

    Returns
    -------
    Sewn
        The very same shapes wherever the borders matched already.
    """
    last = read_grids(connection, last_edition(connection, county_of(community_code)))
    others = last[last["community_code"] != community_code].reset_index(drop=True)
    own = grids.reset_index(drop=True)
    mine = np.flatnonzero(own["grid_type"] == GridType.BASIC)
    ours = np.asarray(own.geometry.array, dtype=object)
    shapes = np.asarray(others.geometry.array, dtype=object)
    basic = np.flatnonzero(others["grid_type"] == GridType.BASIC)
    around = basic[
        np.unique(shapely.STRtree(shapes[basic]).query(ours[mine], predicate="dwithin", distance=_NEAR)[1])
    ]
    matched, changed = match_borders(np.concatenate([ours[mine], shapes[around]]))
    ours[mine] = as_multi(matched[: len(mine)])
    shapes[around] = as_multi(matched[len(mine) :])
    touched = others["community_code"].to_numpy()[around[changed[len(mine) :]]]
    return Sewn(
        own.set_geometry(gpd.GeoSeries(ours, crs=own.crs)),
        others.set_geometry(gpd.GeoSeries(shapes, crs=others.crs)),
        sorted(set(touched.tolist())),
    )


def last_edition(connection: Connection, county: str) -> EditionStamp:
    """Return the latest edition, one that is not in force yet included.

    Parameters
    ----------
    connection
        An open transaction.
    county
        12 digits.

    Returns
    -------
    EditionStamp
        Its stamp.
    """
    latest = connection.execute(
        select(Edition.effective_from)
        .where(Edition.county_code == county)
        .order_by(Edition.number.desc())
        .limit(1)
    ).scalar()
    return edition_at(connection, county, latest)


def _together(some: gpd.GeoDataFrame, others: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    layers = [layer for layer in (others, some) if len(layer)]
    columns = [name for name in some.columns if name in others.columns]
    return gpd.GeoDataFrame(
        pd.concat([layer[columns] for layer in layers], ignore_index=True), geometry="geometry", crs=some.crs
    )
