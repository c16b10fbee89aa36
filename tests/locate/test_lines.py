"""A leaf's lines say what its edges say, for nearly every point; and memory lies as it should."""

from __future__ import annotations

import mmap
import re
from pathlib import Path

import numpy as np
import pytest

from gis.locate.index import GridIndex
from gis.locate.kernels_numpy import _decide, _descend
from gis.locate.lines import ASK
from gis.locate.memory import room, settle
from tests.locate.shapes import wavy_grids


def by_lines(tree, x, y, leaf):
    """Answer from the lines alone: the owner, and whether the edges must be asked."""
    line = tree.lines[leaf]
    c = np.ascontiguousarray(line).view(np.int64)[:, :3]
    inside = np.stack([x & ((1 << tree.shift_x) - 1), y & ((1 << tree.shift_y) - 1)], axis=1)
    side = line[:, 6:9].astype(np.int64) * inside[:, :1] - line[:, 9:12].astype(np.int64) * inside[:, 1:] >= c
    code = (line[:, 15] >> (2 * (side @ [1, 2, 4]))) & 3
    return line[np.arange(len(line)), 12 + code], code == ASK


def test_lines_say_what_edges_say():
    polygons = wavy_grids(12, 12, 10, np.random.default_rng(70))
    index = GridIndex.build(polygons, [str(i) for i in range(len(polygons))])
    tree, rng = index.sheets[0], np.random.default_rng(71)
    vertices = index.rings.vertices[rng.integers(0, len(index.rings.vertices), 60_000)]
    xy = vertices + np.rint(rng.normal(size=(60_000, 2)) * rng.choice([1, 30, 2000], (60_000, 1)))
    lon, lat = ((xy + index.rings.origin) / 1e8).T
    _, x, y, leaf, _ = _descend(tree, index.rings.origin, lon, lat)
    x, y, leaf = (array[leaf >= 0] for array in (x, y, leaf))
    assert len(leaf) > 40_000
    owner, ask = by_lines(tree, x, y, leaf)
    np.testing.assert_array_equal(owner[~ask], _decide(tree, x, y, leaf, closed=False)[~ask])
    assert ask.mean() < 0.2


def test_settled_bytes_are_the_same_and_lie_on_a_border():
    for size in (0, 1, 63, 5_000_000):
        content = np.random.default_rng(size).bytes(size)
        settled = settle(content)
        assert settled.tobytes() == content
        assert settled.ctypes.data % 64 == 0
        assert not settled.flags.writeable


@pytest.mark.skipif(not hasattr(mmap, "MADV_HUGEPAGE"), reason="no huge pages here")
def test_memory_lies_in_huge_pages_where_the_system_gives_them():
    enabled = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    if not enabled.exists() or "[never]" in enabled.read_text():
        pytest.skip("the system gives no huge pages")
    taken = room(8 << 20)
    taken[:] = 1
    mappings = re.split(r"\n(?=[0-9a-f]+-[0-9a-f]+ )", Path("/proc/self/smaps").read_text())
    (about,) = (text for text in mappings if holds(text, taken.ctypes.data))
    assert re.search(r"VmFlags:.* hg", about)
    assert not re.search(r"VmFlags:.* sh", about), "shared memory gets none on most systems"


def holds(mapping, address):
    start, end = re.match(r"([0-9a-f]+)-([0-9a-f]+)", mapping).groups()
    return int(start, 16) <= address < int(end, 16)
