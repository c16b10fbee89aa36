"""The command line in this process, and the demonstration community behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gis import cli
from gis.demo.community import make_community
from gis.layers.database import Database
from gis.service.loading import load_place
from gis.settings import settings

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command; its exit status, what it said and what it complained of."""

    def call(*arguments: object) -> tuple[int, str, str]:
        status = cli.run([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


@pytest.fixture(scope="module")
def demo_url(module_database: Database) -> str:
    load_place(module_database, make_community(), actor="test")
    return module_database.url


@pytest.fixture
def demo(demo_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Let commands find the demonstration community."""
    monkeypatch.setenv("WANGGE_DATABASE_URL", demo_url)
    monkeypatch.setenv("WANGGE_DATA_DIR", str(tmp_path))
    settings.cache_clear()
    yield
    settings.cache_clear()
