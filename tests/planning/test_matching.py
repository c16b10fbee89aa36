from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Polygon

from gis.lattice import snap
from gis.planning.coverage import build_mosaic, find_overlaps
from gis.planning.matching import match_borders, same_but_for_rounding

EAST, SOUTH = 111.0, 40.0


def meeting(rise: float, place: float) -> np.ndarray:
    """One polygon above a slanted street, and two below that meet on it."""
    left, right = (EAST, SOUTH), (EAST + 0.01, SOUTH + rise)
    corner = (EAST + 0.01 * place, SOUTH + rise * place)
    shapes = [
        Polygon([left, right, (EAST + 0.01, SOUTH + 0.02), (EAST, SOUTH + 0.02)]),
        Polygon([left, corner, (EAST + 0.005, SOUTH - 0.01), (EAST, SOUTH - 0.01)]),
        Polygon([corner, right, (EAST + 0.01, SOUTH - 0.01), (EAST + 0.005, SOUTH - 0.01)]),
    ]
    return snap(np.array(shapes, dtype=object))


@given(st.floats(-0.005, 0.005), st.floats(0.01, 0.99))
@settings(max_examples=200, deadline=None)
def test_a_corner_on_a_slanted_street_becomes_a_vertex_of_both_sides(rise: float, place: float) -> None:
    shapes = meeting(rise, place)
    matched, changed = match_borders(shapes)
    assert shapely.coverage_is_valid(matched)
    assert shapely.equals_identical(matched, snap(matched)).all()
    assert same_but_for_rounding(shapes, matched).all()
    # Only the side that had no vertex there gets one; land is neither lost nor won.
    assert not changed[1:].any()
    assert shapely.is_valid(matched).all()
    assert len(find_overlaps(build_mosaic(matched).polygons)) == 0


def test_the_street_as_it_was_drawn_parts_its_two_sides() -> None:
    shapes = meeting(0.0033, 0.31)
    assert not shapely.coverage_is_valid(shapes)
    assert match_borders(shapes)[1].tolist() == [True, False, False]


def test_what_matches_already_comes_back_as_it_was() -> None:
    shapes = match_borders(meeting(0.0033, 0.31))[0]
    again, changed = match_borders(shapes)
    assert not changed.any()
    assert all(one is other for one, other in zip(again, shapes, strict=True))


@pytest.mark.parametrize("metres", [0.01, 1.0])
def test_a_border_that_somebody_moved_is_not_taken_for_rounding(metres: float) -> None:
    shapes = meeting(0.0033, 0.31)
    moved = shapely.transform(shapes, lambda xy: xy + np.array([metres / 85_000, 0]))
    assert not same_but_for_rounding(shapes, moved).any()
