"""What every test may stand on: a real PostGIS of the run's own, and the data beside the repo."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from sqlalchemy import text

from gis.layers.database import Database, check_server, connect, upgrade
from gis.layers.embedded import Cluster

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED_DATA.is_dir():
        pytest.skip("the folder shared/data is not beside the checkout")
    return SHARED_DATA


@pytest.fixture(scope="module")
def cluster_folder() -> Iterator[Path]:
    """A folder that the account of a private cluster can reach.

    Not one of pytest's own: it takes the rights of others away from its root whenever it starts.
    """
    with open_folder() as folder:
        yield folder


@contextmanager
def open_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="wangge-test-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture(scope="session")
def cluster_url() -> Iterator[str]:
    """The URL of a private cluster that lives as long as the test run (one for each xdist worker)."""
    with open_folder() as folder, Cluster(folder / "pg", durable=False).running() as url:
        template = connect(url)
        check_server(template)
        upgrade(template)
        template.engine.dispose()
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium, one for a module: its driver keeps an event loop running, which others need too."""
    path = os.environ.get("WANGGE_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


def _clone(url: str) -> Iterator[Database]:
    name = f"test_{next(_numbers)}"
    admin = connect(url.replace("/wangge?", "/postgres?"))
    with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE wangge"))
    admin.engine.dispose()
    database = connect(url.replace("/wangge?", f"/{name}?"))
    yield database
    database.engine.dispose()


@pytest.fixture
def database(cluster_url: str) -> Iterator[Database]:
    """A fresh, migrated, empty database for one test."""
    yield from _clone(cluster_url)


@pytest.fixture(scope="module")
def module_database(cluster_url: str) -> Iterator[Database]:
    """A fresh, migrated, empty database that one module's tests share."""
    yield from _clone(cluster_url)
