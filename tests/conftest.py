"""What every test may stand on: a real PostGIS of the run's own, and the data beside the repo."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
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


@pytest.fixture(scope="session")
def cluster_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a private cluster that lives as long as the test run (one for each xdist worker)."""
    folder = tmp_path_factory.mktemp("cluster")
    for parent in (folder, *folder.parents):
        if parent.owner() == folder.owner() and os.getuid() == 0 and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o011)  # the account that runs it must get through
    with Cluster(folder / "pg", durable=False).running() as url:
        template = connect(url)
        check_server(template)
        upgrade(template)
        template.engine.dispose()
        yield url


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
