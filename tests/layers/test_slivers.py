"""Slivers between neighbours are closed exactly; wider overlaps are left to people."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.lattice import snap
from gis.layers.slivers import close_slivers

# At 40.8° N a degree of longitude is 84,360 m and one of latitude 111,050 m.
METRE_EAST = 1 / 84_360


def _pair(overlap_m):
    split = 111.61
    boxes = shapely.box([111.6, split - overlap_m * METRE_EAST], 40.8, [split, 111.62], 40.81)
    return snap(boxes)


@pytest.mark.parametrize("overlap_m", [0.001, 0.2, 0.45, -0.001, -0.2, -0.45])
def test_a_narrow_overlap_or_gap_is_closed(overlap_m):
    left = shapely.box(111.6, 40.8, 111.61, 40.81)
    pair = _pair(overlap_m)
    if overlap_m < 0:  # an enclosed gap: a third polygon holds both ends
        frame = snap(
            shapely.box(111.59, 40.79, 111.63, 40.82).difference(shapely.box(111.6, 40.8, 111.62, 40.81))
        )
        pair = np.array([*pair, frame])
    closed = close_slivers(pair)
    assert closed.disputes == []
    assert closed.changes
    assert shapely.coverage_is_valid(closed.geometries)
    assert shapely.intersection(*closed.geometries[:2]).area == 0
    total = shapely.union_all(closed.geometries)
    assert total.equals(shapely.union_all([*pair, left.buffer(0)])) or overlap_m < 0
    assert not shapely.get_parts(total)[0].interiors
    # 1,110 m of border times the width is all the land that changes hands.
    assert abs(sum(closed.changes.values())) <= abs(overlap_m) * 1111 + 0.01


@pytest.mark.parametrize("overlap_m", [0.6, 5.0, 300.0])
def test_a_wide_overlap_is_a_dispute_and_nothing_is_moved(overlap_m):
    pair = _pair(overlap_m)
    closed = close_slivers(pair)
    assert [(a, b) for a, b, _ in closed.disputes] == [(0, 1)]
    assert closed.disputes[0][2] == pytest.approx(overlap_m * 1110.5, rel=2e-3)
    assert closed.changes == {}
    assert shapely.equals_identical(closed.geometries, pair).all()


def test_what_tiles_already_is_left_alone():
    tiles = _pair(0)
    closed = close_slivers(tiles)
    assert closed.changes == {}
    assert shapely.equals_identical(closed.geometries, tiles).all()
    assert close_slivers([]).geometries.shape == (0,)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_shaken_tiles_are_a_coverage_again(seed):
    """Tiles whose vertices were each moved by up to 10 cm on their own share their borders again, exactly."""
    rng = np.random.default_rng(seed)
    column, row = (axis.ravel() for axis in np.meshgrid(np.arange(4), np.arange(4)))
    corners = np.stack([column, row], axis=1)[:, np.newaxis] + [[0, 0], [1, 0], [1, 1], [0, 1]]
    shaken = snap(shapely.polygons([111.6, 40.8] + corners * 0.003 + rng.uniform(-1e-6, 1e-6, corners.shape)))
    shaken = shaken[shapely.is_valid(shaken)]
    closed = close_slivers(shaken)
    assert closed.disputes == []
    pairs = shapely.STRtree(closed.geometries).query(closed.geometries, predicate="overlaps")
    assert pairs.shape[1] == 0
    assert shapely.is_valid(closed.geometries).all()
    assert (
        shapely.get_coordinates(snap(closed.geometries)) == shapely.get_coordinates(closed.geometries)
    ).all()
