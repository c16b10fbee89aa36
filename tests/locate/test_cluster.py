"""On a cluster of processes nothing is lost and nothing doubled, though a worker is killed half-way."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

distributed = pytest.importorskip("distributed")

from gis.errors import InputError  # noqa: E402
from gis.locate.cluster import assign_partitions  # noqa: E402
from gis.locate.index import GridIndex  # noqa: E402
from gis.locate.stream import Tally  # noqa: E402
from tests.locate.shapes import wavy_grids  # noqa: E402

PARTS, ROWS = 100, 10_000
ROOT = Path(__file__).parents[2]


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "dask", *arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture
def cluster(tmp_path):
    """A scheduler and two workers, each a process of its own."""
    address = tmp_path / "scheduler.json"
    scheduler = start(
        "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-show", "--no-jupyter",
        "--dashboard-address", ":0", "--scheduler-file", str(address),
    )  # fmt: skip
    worker = (
        "worker", "--scheduler-file", str(address), "--nthreads", "1", "--no-nanny", "--no-dashboard",
        "--local-directory", str(tmp_path / "scratch"),
    )  # fmt: skip
    workers = [start(*worker), start(*worker)]
    try:
        yield address, workers
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()


@pytest.mark.slow
def test_a_killed_worker_loses_and_doubles_nothing(cluster, tmp_path):
    address, workers = cluster
    grids = wavy_grids(8, 8, 6, np.random.default_rng(40))
    codes = [f"620503001001{i:03d}" for i in range(1, 65)]
    index = GridIndex.build(grids, codes)
    source, target = tmp_path / "in", tmp_path / "out"
    (source / "day=1").mkdir(parents=True)
    rng = np.random.default_rng(41)
    for part in range(PARTS):
        lon, lat = rng.uniform(104.999, 105.025, ROWS), rng.uniform(33.999, 34.025, ROWS)
        folder = source / "day=1" if part % 2 else source
        pq.write_table(
            pa.table({"id": np.arange(ROWS) + part * ROWS, "lon": lon, "lat": lat}),
            folder / f"{part:03d}.parquet",
        )
    with distributed.Client(scheduler_file=str(address), timeout=60, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=60)
        outcome = _run_and_kill(client, source, target, index, workers[0])
        assert len(client.scheduler_info()["workers"]) == 1
    assert workers[0].poll() is not None
    ids = []
    tally = Tally()
    for path in sorted(source.rglob("*.parquet")):
        before, after = (
            pq.read_table(path, partitioning=None),
            pq.read_table(target / path.relative_to(source), partitioning=None),
        )
        owner = index.locate(before["lon"], before["lat"])
        np.testing.assert_array_equal(
            after["grid"].to_pandas().to_numpy(dtype=object, na_value=None),
            np.array([*codes, None], dtype=object)[owner],
        )
        ids.append(after["id"].to_numpy())
        tally += Tally(len(owner), int((owner >= 0).sum()), int((owner < 0).sum()), 0)
    np.testing.assert_array_equal(np.sort(np.concatenate(ids)), np.arange(PARTS * ROWS))
    assert (outcome.parts, outcome.tally) == (PARTS, tally)
    assert not list(target.rglob(".*"))
    assert len(list(target.rglob("*.parquet"))) == PARTS


def _run_and_kill(client, source, target, index, victim):
    """Run, and kill one worker as soon as a few parts are there, but far from all."""
    done = []
    runner = Thread(target=lambda: done.append(assign_partitions(client, source, target, index)))
    runner.start()
    deadline = time.monotonic() + 60
    while len(list(target.rglob("*.parquet"))) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    at_kill = len(list(target.rglob("*.parquet")))
    victim.kill()
    victim.wait()
    runner.join(timeout=90)
    assert 5 <= at_kill < PARTS
    assert done, "the run did not come to its end"
    return done[0]


def test_folders_that_cannot_do_are_refused(tmp_path):
    index = GridIndex.build(wavy_grids(1, 1, 0, np.random.default_rng(1)), ["1"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no Parquet file"):
        assign_partitions(None, tmp_path / "empty", tmp_path / "out", index)
    pq.write_table(pa.table({"lon": [0.0], "lat": [0.0]}), tmp_path / "empty" / "a.parquet")
    for target in (tmp_path / "empty", tmp_path / "empty" / "out"):
        with pytest.raises(InputError, match="among the parts"):
            assign_partitions(None, tmp_path / "empty", target, index)
