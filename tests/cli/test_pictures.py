"""`map`, `coverage` and `handbook`: names that fit, and files that are there whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gis.demo.community import COMMUNITY
from tests.layers.test_whole_file import a_small_disk

Run = Callable[..., tuple[int, str, str]]

PLACE = ("--community", COMMUNITY)


@pytest.mark.parametrize(
    ("words", "fits"),
    [
        (["handbook", *PLACE, "-o", "book.txt"], "book.pdf"),
        (["handbook", *PLACE, "-o", "book"], "book.pdf"),
        (["map", "service", *PLACE, "-o", "map.pdf"], "map.html or map.htm"),
        (["map", "plan", "--plan", "1", "-o", "plan.png"], "plan.html or plan.htm or plan.pdf"),
        (["coverage", *PLACE, "-o", "c.xlsx"], "c.html or c.htm or c.csv or c.json"),
    ],
)
def test_an_ending_that_does_not_fit_is_refused_before_any_work(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], fits: str
) -> None:
    monkeypatch.chdir(tmp_path)
    status, _, error = run(*words)
    assert status == 1
    assert f"— name it {fits}\n" in error
    assert not list(tmp_path.iterdir())


@pytest.mark.database
@pytest.mark.parametrize(
    "words",
    [
        ["handbook", *PLACE, "-o", "a.pdf"],
        ["map", "service", *PLACE, "-o", "a.html"],
        ["map", "service", *PLACE, "--parts", "folder", "-o", "a.htm"],
        ["coverage", *PLACE, "-o", "a.html"],
        ["coverage", *PLACE, "-o", "a.csv"],
        ["coverage", *PLACE, "-o", "a.json"],
    ],
)
def test_a_disk_that_fills_up_leaves_the_former_file(
    run: Run, demo: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    target = tmp_path / words[-1]
    target.write_text("before", encoding="utf-8")
    with a_small_disk():
        status, _, error = run(*words)
    assert status == 1
    assert len(error.strip().splitlines()) == 1
    assert "this program" not in error
    assert target.read_text(encoding="utf-8") == "before"
    files = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()]
    assert not [file for file in files if ".part" in file]
    # The right size of disk takes the same command.
    status, out, _ = run(*words)
    assert status == 0
    assert target.stat().st_size > 1000
    assert "KB)" in out
