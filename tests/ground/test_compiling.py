"""Kernels kept on disk answer as their sources say now, whichever file of theirs was changed."""

from __future__ import annotations

import ast
import importlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

numba = pytest.importorskip("numba")

from gis import compiling  # noqa: E402 - needs numba

ROOT = Path(__file__).parents[2]
OUTER = """
from gis.compiling import njit
from kernels.inner import FACTOR, shifted

@njit(nogil=True, cache=True)
def answer(x):
    return FACTOR * shifted(x)
"""
INNER = """
from gis.compiling import compiled

FACTOR = {factor}

@compiled
def shifted(x):
    return x + {shift}
"""
ASK = "from kernels.outer import answer; print(answer(1))"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Give a package with a kernel that rests on another file."""
    folder = tmp_path / "kernels"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "outer.py").write_text(OUTER)
    write_inner(folder, factor=10, shift=1)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "mine"))
    yield folder
    forget()


def write_inner(folder, *, factor, shift):
    (folder / "inner.py").write_text(INNER.format(factor=factor, shift=shift))


def forget():
    compiling._folder.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == "kernels"]:
        del sys.modules[name]
    importlib.invalidate_caches()


def ask():
    """Import the kernels afresh, as a new start would: answer, whether it was kept, and where."""
    forget()
    answer = importlib.import_module("kernels.outer").answer
    path = answer.stats.cache_path
    return answer(1), bool(answer.stats.cache_hits), path and Path(path)


def test_a_change_in_another_file_is_seen(package):
    value, kept, path = ask()
    assert (value, kept) == (20, False)
    assert package / "__pycache__" in path.parents
    assert ask() == (20, True, path)
    write_inner(package, factor=10, shift=5)
    assert ask()[:2] == (60, False)
    write_inner(package, factor=100, shift=5)  # a constant from another file is built in, too
    assert ask()[:2] == (600, False)
    assert ask()[:2] == (600, True)
    write_inner(package, factor=10, shift=1)  # back again: what was kept for these sources is theirs
    assert ask() == (20, True, path)


def test_the_operators_folder_is_used_and_old_sources_leave_it(package, tmp_path, monkeypatch):
    caches = tmp_path / "caches"
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(caches))
    assert caches in ask()[2].parents
    assert str(caches) == numba.config.CACHE_DIR, "kernels of other packages go where they went"
    (old,) = caches.iterdir()
    other = caches / "kernels-elsewhere-00000000-00"
    other.mkdir()
    write_inner(package, factor=1, shift=1)
    assert ask()[0] == 2
    assert old.exists(), "somebody may still be running with these sources"
    long_ago = time.time() - 7200
    for place in (old, *old.iterdir(), other):
        os.utime(place, (long_ago, long_ago))
    write_inner(package, factor=1, shift=2)
    assert ask()[0] == 3
    assert not old.exists()
    assert other.exists(), "kernels of other packages are not ours to remove"


def test_where_the_package_cannot_be_written_to_the_users_folder_is_used(package, tmp_path):
    (package / "__pycache__").write_text("in the way")
    value, kept, path = ask()
    assert (value, kept) == (20, False)
    assert tmp_path / "mine" / "wangge" in path.parents
    assert ask() == (20, True, path)


def test_where_nothing_can_be_written_it_is_compiled_all_the_same(package, tmp_path):
    (package / "__pycache__").write_text("in the way")
    (tmp_path / "mine").write_text("in the way")
    assert ask() == (20, False, None)


def test_processes_that_start_at_once_do_not_disturb_one_another(package):
    paths = os.pathsep.join([str(package.parent), str(ROOT)])
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"} | {"PYTHONPATH": paths}
    command = [sys.executable, "-c", ASK]
    started = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) for _ in range(2)]
    assert [int(process.communicate(timeout=120)[0]) for process in started] == [20, 20]
    assert ask()[:2] == (20, True)


def test_every_kernel_is_kept_so():
    for path in (ROOT / "gis").rglob("*.py"):
        if path.name == "compiling.py":
            continue
        imported = {
            alias.name
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.ImportFrom) and node.module == "numba"
            for alias in node.names
        }
        assert not imported & {"njit", "jit"}, f"{path.name} compiles past gis.compiling"
