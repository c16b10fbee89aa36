"""Memory for tables that are read at random: on a page's border, in huge pages where the system gives them.

Half of what a look-up in a large table costs is finding out where the page lies. A huge page of 2 MB takes
one entry of the processor's translation buffer where small pages take 512.
"""

from __future__ import annotations

import contextlib
import mmap

import numpy as np
from numpy.typing import NDArray

_HUGE = 1 << 21


def settle(content: bytes | bytearray | memoryview) -> NDArray[np.uint8]:
    """Copy bytes to where reading them at random is fastest.

    Parameters
    ----------
    content
        What to copy.

    Returns
    -------
    numpy.ndarray
        uint8, read-only, beginning on a border of 64 bytes at least; the memory lives as long as the array.
    """
    size = len(content)
    room = mmap.mmap(-1, size + 2 * _HUGE)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # a kernel without them
            room.madvise(mmap.MADV_HUGEPAGE)
    whole = np.frombuffer(room, dtype=np.uint8)
    start = -whole.ctypes.data % _HUGE
    settled = whole[start : start + size]
    settled[:] = np.frombuffer(content, dtype=np.uint8)
    settled.flags.writeable = False
    return settled
