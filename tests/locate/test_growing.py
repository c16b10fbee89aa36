"""The same bytes however an index is built: compiled or not, by one thread or by many."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import shapely

from gis.locate import growing_numpy, kernels, kernels_numba, lines
from gis.locate.index import GridIndex
from tests.locate.shapes import patchwork, star, wavy_grids
from tests.locate.test_index import with_hole_and_enclave


def shapes_of(name):
    rng = np.random.default_rng(80)
    return {
        "crooked": lambda: wavy_grids(40, 40, 12, rng),
        "crowded": lambda: np.array([star(3000, rng)]),
        "parts": lambda: with_hole_and_enclave(rng),
        "steps": lambda: patchwork(40, 6, rng),
        "wide": lambda: np.array(
            [shapely.box(-180, -90, 0, 90), shapely.Polygon([(0, -90), (180, 90), (0, 90)])]
        ),
        "overlapping": lambda: np.concatenate([wavy_grids(6, 6, 5, rng), wavy_grids(5, 5, 5, rng)]),
    }[name]()


@pytest.mark.parametrize("name", ["crooked", "crowded", "parts", "steps", "wide", "overlapping"])
def test_the_same_bytes_with_and_without_numba_and_by_any_number_of_threads(name, monkeypatch):
    polygons = shapes_of(name)
    codes = [f"{number:03d}" for number in range(len(polygons))]

    def build():
        return GridIndex.build(polygons, codes, overlap="first").to_bytes()

    usual = build()
    used = set()
    fill = kernels_numba.in_parts

    def watched(run, count, most):
        def noted(start, stop):
            used.add(threading.get_ident())
            run(start, stop)

        fill(noted, count, most)

    if kernels.COMPILED:
        monkeypatch.setattr("gis.locate.growing_numba.in_parts", watched)
        monkeypatch.setattr("gis.locate.growing_numba._AT_ONCE", 97)
        for threads in (1, 5):
            monkeypatch.setattr(kernels_numba, "_threads", lambda threads=threads: threads)
            kernels_numba._pool.cache_clear()
            assert build() == usual
        kernels_numba._pool.cache_clear()
        assert len(used) > 1 or name == "wide"
    for step in ("edges_by_cell", "join", "owners_at_corners", "owners_below", "records_of", "upward"):
        monkeypatch.setattr(kernels, step, getattr(growing_numpy, step))
    monkeypatch.setattr(kernels, "face_lines", lines.face_lines)
    assert build() == usual


def test_a_built_index_lies_in_memory_as_a_received_one():
    index = GridIndex.build(wavy_grids(5, 5, 4, np.random.default_rng(81)), [str(i) for i in range(25)])
    for some in (index, GridIndex.from_bytes(index.to_bytes())):
        for array in some._arrays().values():
            assert array.ctypes.data % 64 == 0
            assert not array.flags.writeable
    assert GridIndex.from_bytes(index.to_bytes()).to_bytes() == index.to_bytes()
