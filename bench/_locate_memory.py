"""What a fetch from memory costs on the machine: the floor under every look-up."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import numba
import numpy as np

from gis.locate.memory import settle


def clock_hz() -> float:
    """Give the processor's clock as the system states it; 0 where it does not."""
    path = Path("/proc/cpuinfo")
    found = re.search(r"cpu MHz\s*:\s*([\d.]+)", path.read_text()) if path.exists() else None
    return float(found[1]) * 1e6 if found else 0.0


def fetch_seconds(size: int, fetches: int = 1_000_000) -> tuple[float, float]:
    """Measure the fetch of a line of 64 bytes at random from a table: one after another, and many at once."""
    rng = np.random.default_rng(3)
    place = rng.permutation(size // 64)
    table = np.zeros((size // 64, 8), dtype=np.int64)
    table[place, 0] = np.roll(place, -1)
    table = settle(table.tobytes()).view(np.int64).reshape(-1, 8)
    asked = rng.integers(0, len(table), fetches)
    times = []
    for run in (_one_after_another, _many_at_once):
        run(table, asked[:9])
        best = np.inf
        for _ in range(5):
            start = time.perf_counter()
            run(table, asked)
            best = min(best, time.perf_counter() - start)
        times.append(best / fetches)
    return times[0], times[1]


@numba.njit(nogil=True)  # type: ignore[untyped-decorator]
def _one_after_another(table: Any, asked: Any) -> Any:
    place = 0
    for _ in range(len(asked)):
        place = table[np.uint64(place), 0]
    return place


@numba.njit(nogil=True)  # type: ignore[untyped-decorator]
def _many_at_once(table: Any, asked: Any) -> Any:
    total = 0
    for place in asked:
        total += table[np.uint64(place), 0]
    return total
