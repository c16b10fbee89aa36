"""Proposals: a better division of units into grids."""
