"""The command line in the hands of somebody in a hurry: full disks, closed pipes, slips of the keyboard."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gis import cli

GRIDS = Path(__file__).resolve().parents[2] / "data" / "boundaries" / "grids.geojson"
WANGGE = [sys.executable, "-c", "from gis.cli import main; main()"]

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*words: object) -> tuple[int, str]:
        return cli.run([str(word) for word in words]), capsys.readouterr().err

    return call


@pytest.fixture
def points(tmp_path: Path) -> Path:
    path = tmp_path / "in.csv"
    path.write_text("id,lon,lat\n1,111.62,40.81\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["frobnicate"], "see `wangge --help`"),
        (["token", "create", "--role", "king"], "see `wangge token create --help`"),
        (["token", "create", "--days", "99999999999"], "'--days'"),
        (["demo", "--seed", "-5"], "'--seed'"),
        (["serve", "--host", "no.such.host.invalid"], "no address of this machine"),
        (["serve", "--host", "192.0.2.1"], "--host"),
        (["import", "grids", "none.gpkg"], "there is no such file"),
        (["import", "grids", "none.zip"], "unpack it"),
    ],
)
def test_a_slip_is_one_line_with_the_mend(run: Run, words: list[str], said: str) -> None:
    status, error = run(*words)
    assert status == 1
    assert said in error
    assert len(error.strip().splitlines()) == 1


def test_a_folder_for_an_output_is_told(run: Run, points: Path, tmp_path: Path) -> None:
    (tmp_path / "out.csv").mkdir()
    status, error = run("assign", points, "--crs", "wgs84", "--grids", GRIDS, "-o", tmp_path / "out.csv")
    assert status == 1
    assert "it is a folder" in error
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["in.csv", "out.csv"]


def test_a_file_without_one_usable_position_is_no_success(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id,lon,lat\n1,40.81,111.62\n2,nan,inf\n", encoding="utf-8")
    out = tmp_path / "out.csv"
    status, error = run("assign", tmp_path / "in.csv", "--crs", "wgs84", "--grids", GRIDS, "-o", out)
    assert status == 1
    assert "no row has a usable position" in error
    assert "seem to be swapped" in out.read_text(encoding="utf-8")


def test_a_fault_of_the_machine_is_told_without_a_traceback(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    status, error = run("check", "--grids", GRIDS, "--html", tmp_path / "file" / "report.html")
    assert status == 1
    assert "this program" not in error
    assert "folder" in error
    assert len(error.strip().splitlines()) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_an_output_that_takes_nothing_is_told() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*WANGGE, "--help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr.strip() == "wangge: the disk is full — make room, or write elsewhere"


def test_a_reader_that_has_seen_enough_is_no_fault() -> None:
    ends = os.pipe()
    os.close(ends[0])
    with os.fdopen(ends[1], "w") as closed:
        done = subprocess.run(
            [*WANGGE, "--help"], stdout=closed, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr == ""


def test_ctrl_c_leaves_nothing_half_written(tmp_path: Path) -> None:
    rows = "".join(f"{n},{111.6 + n % 400 / 1e4:.4f},40.81\n" for n in range(800_000))
    (tmp_path / "in.csv").write_text("id,lon,lat\n" + rows, encoding="utf-8")
    out = tmp_path / "out.csv"
    out.write_text("before", encoding="utf-8")
    words = ["assign", tmp_path / "in.csv", "--crs", "wgs84", "--grids", GRIDS, "-o", out]
    with subprocess.Popen(
        [*WANGGE, *map(str, words)],
        stderr=subprocess.PIPE,
        text=True,
        # A suite that runs in a shell's background hands down that Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - nothing of ours runs in the child
    ) as running:
        while running.poll() is None and not (tmp_path / ".out.part.csv").exists():
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 130
        assert running.stderr is not None
        assert "Traceback" not in running.stderr.read()
    assert out.read_text(encoding="utf-8") == "before"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["in.csv", "out.csv"]
