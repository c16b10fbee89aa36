"""Wangge: locate, divide and map the grids (网格) of Chinese city districts."""

__version__ = "0.1.0"
