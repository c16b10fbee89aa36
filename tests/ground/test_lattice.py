"""The lattice: whole numbers, there and back, and shared edges stay shared."""

from __future__ import annotations

import numpy as np
import shapely
from hypothesis import given
from hypothesis import strategies as st

from gis.lattice import snap, to_degrees, to_lattice


@given(st.lists(st.integers(-180 * 10**8, 180 * 10**8), min_size=1))
def test_every_lattice_point_comes_back_as_itself(steps: list[int]) -> None:
    assert to_lattice(to_degrees(steps)).tolist() == steps


@given(st.floats(-180, 180))
def test_a_point_moves_by_half_a_step_at_most_and_only_once(degrees: float) -> None:
    once = to_degrees(to_lattice(degrees))
    assert abs(float(once) - degrees) <= 0.5e-8 * (1 + 1e-6)
    assert to_degrees(to_lattice(once)) == once


def test_neighbours_keep_their_common_edge() -> None:
    rng = np.random.default_rng(7)
    x, y = 111.6 + rng.random(2) / 100, 40.8 + rng.random(2) / 100
    left = shapely.polygons([[111.5, 40.7], [x[0], y[0]], [x[1], y[1]]])
    right = shapely.polygons([[111.9, 40.9], [x[0], y[0]], [x[1], y[1]]])
    snapped = snap(np.array([left, right]))
    shared = set(map(tuple, shapely.get_coordinates(snapped[0]))) & set(
        map(tuple, shapely.get_coordinates(snapped[1]))
    )
    assert len(shared) == 2
