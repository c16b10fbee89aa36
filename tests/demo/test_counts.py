from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis.demo.counts import share_out
from gis.errors import InputError


@given(
    parts=st.lists(
        st.tuples(st.floats(0.1, 50), st.integers(0, 5), st.integers(0, 60)), min_size=1, max_size=40
    ),
    place=st.floats(0, 1),
)
def test_parts_add_up_exactly_and_keep_their_bounds(parts, place):
    weight = np.array([part[0] for part in parts])
    least = np.array([part[1] for part in parts])
    most = least + np.array([part[2] for part in parts])
    total = int(least.sum() + round(place * (most.sum() - least.sum())))
    shared = share_out(total, weight, least=least, most=most)
    assert shared.sum() == total
    assert (shared >= least).all()
    assert (shared <= most).all()


def test_without_bounds_a_part_is_within_one_of_its_share():
    weight = np.array([3.0, 2.0, 2.0, 1.0])
    assert share_out(101, weight).tolist() == [38, 25, 25, 13]


def test_what_cannot_be_shared_out_is_said():
    with pytest.raises(InputError, match="bounds allow 4 to 8"):
        share_out(9, [1, 1, 1, 1], least=1, most=2)
