"""The private cluster: made, shared, stopped by its last user, recovered after a kill."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psycopg
import pytest

from gis.errors import UnavailableError
from gis.layers import embedded
from gis.layers.embedded import Cluster

pytestmark = pytest.mark.database


@pytest.fixture(scope="module")
def folder(cluster_folder: Path) -> Path:
    return cluster_folder / "pg"


def plain(url: str) -> str:
    return url.replace("+psycopg", "")


def postmaster(cluster: Cluster) -> int:
    return int((cluster.folder / "data" / "postmaster.pid").read_text().splitlines()[0])


def test_the_last_user_stops_it(folder: Path) -> None:
    first, second = Cluster(folder), Cluster(folder)
    with first.running():
        with second.running() as url, psycopg.connect(plain(url)) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        assert first.is_running()
    assert not first.is_running()


def test_it_never_runs_as_root_and_answers_on_a_socket_only(folder: Path) -> None:
    cluster = Cluster(folder)
    with cluster.running() as url:
        assert Path(f"/proc/{postmaster(cluster)}").stat().st_uid != 0
        with psycopg.connect(plain(url)) as connection:
            row = connection.execute(
                "SELECT current_setting('listen_addresses'), current_setting('fsync')"
            ).fetchone()
        assert row == ("", "on")
    assert cluster.socket_folder.stat().st_mode & 0o077 == 0


def test_it_recovers_from_a_kill_and_keeps_its_data(folder: Path) -> None:
    cluster = Cluster(folder)
    with cluster.running() as url:
        with psycopg.connect(plain(url), autocommit=True) as connection:
            connection.execute("INSERT INTO kept VALUES (43)")
        os.kill(postmaster(cluster), signal.SIGKILL)
    with cluster.running() as url, psycopg.connect(plain(url)) as connection:
        assert connection.execute("SELECT sum(answer) FROM kept").fetchone() == (85,)


def test_an_interrupted_first_start_is_made_again(cluster_folder: Path) -> None:
    half = cluster_folder / "half" / "data"
    half.mkdir(parents=True)
    (half / "postgresql.conf").write_text("half")
    with Cluster(half.parent, durable=False).running() as url, psycopg.connect(plain(url)):
        pass


def test_missing_programs_are_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "find_programs", list)
    with pytest.raises(UnavailableError, match="postgis"), Cluster(folder / "none").running():
        pass
