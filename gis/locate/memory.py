"""Memory for tables that are read at random: on a page's border, in huge pages where the system gives them.

Half of what a look-up in a large table costs is finding out where the page lies. A huge page of 2 MB takes
one entry of the processor's translation buffer where small pages take 512.
"""

from __future__ import annotations

import contextlib
import mmap
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

_HUGE = 1 << 21
_LINE = 64


def room(size: int) -> NDArray[np.uint8]:
    """Take memory where reading it at random is fastest.

    Parameters
    ----------
    size
        Bytes.

    Returns
    -------
    numpy.ndarray
        uint8, zeros, beginning on a border of 64 bytes at least; the memory lives as long as the array.
    """
    if not hasattr(mmap, "MADV_HUGEPAGE"):
        taken = mmap.mmap(-1, size + 2 * _HUGE)
    else:
        # Private: what is shared, as Python has it unless told, gets huge pages on hardly any system.
        taken = mmap.mmap(-1, size + 2 * _HUGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        with contextlib.suppress(OSError):  # a kernel without them
            taken.madvise(mmap.MADV_HUGEPAGE)
    whole = np.frombuffer(taken, dtype=np.uint8)
    start = -whole.ctypes.data % _HUGE
    return whole[start : start + size]


def settle(content: bytes | bytearray | memoryview) -> NDArray[np.uint8]:
    """Copy bytes to where reading them at random is fastest.

    Parameters
    ----------
    content
        What to copy.

    Returns
    -------
    numpy.ndarray
        uint8, read-only, as :func:`room` gives it.
    """
    settled = room(len(content))
    settled[:] = np.frombuffer(content, dtype=np.uint8)
    settled.flags.writeable = False
    return settled


def settle_arrays(arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Copy arrays to where reading them at random is fastest, side by side.

    Parameters
    ----------
    arrays
        Named arrays of any shape.

    Returns
    -------
    dict
        The same, C-contiguous and read-only, each beginning on a border of 64 bytes.
    """
    starts = np.cumsum([0, *(-(-array.nbytes // _LINE) * _LINE for array in arrays.values())])
    whole = room(int(starts[-1]))

    def copy(array: NDArray[Any], start: int) -> NDArray[Any]:
        settled = whole[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
        settled[...] = array
        settled.flags.writeable = False
        return settled

    with ThreadPoolExecutor() as pool:
        return dict(zip(arrays, pool.map(copy, arrays.values(), starts.tolist()[:-1]), strict=True))
