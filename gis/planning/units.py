"""Units: the smallest pieces that grids are made of; once made, every redraw only moves them."""

from __future__ import annotations

from gis.planning.adjacency import BORDER_COST, Adjacency, adjacency

__all__ = ["BORDER_COST", "Adjacency", "adjacency"]
