"""The doctor tells a broken installation plainly, each fault with its mend."""

from __future__ import annotations

import datetime as dt
import fcntl
import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyproj
import pytest
from sqlalchemy import text

from gis.layers.database import Database
from gis.layers.embedded import Cluster
from gis.service import doctoring
from gis.service.doctoring import Finding, examine
from gis.settings import Settings


def look(settings: Settings) -> dict[str, Finding]:
    return {finding.what: finding for finding in examine(settings)}


@pytest.fixture
def named(module_database: Database, tmp_path: Path) -> Settings:
    return Settings(database_url=module_database.url, data_dir=tmp_path, port=_free_port())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.database
def test_a_sound_installation_is_told_so(named: Settings) -> None:
    found = look(named)
    assert [what for what, finding in found.items() if not finding.fit] == ["editions"]
    assert "wangge demo" in found["editions"].mend


@pytest.mark.database
def test_a_taken_port_is_told(named: Settings) -> None:
    with socket.socket() as other:
        other.bind((named.host, named.port))
        other.listen()
        found = look(named)["port"]
    assert (found.fit, found.found) == (False, f"{named.host}:{named.port} is taken")
    assert f"--port {named.port + 80}" in found.mend


@pytest.mark.database
def test_a_full_disk_and_a_closed_folder_are_told(named: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(named.data_dir)
    monkeypatch.setattr(doctoring.shutil, "disk_usage", lambda _: usage._replace(free=3 << 20))
    monkeypatch.setattr(doctoring, "_may_write", lambda _: False)
    found = look(named)
    assert found["free space"].found.startswith("3 MB")
    assert not found["free space"].fit
    assert not found["folder of the data"].fit


@pytest.mark.database
def test_a_clock_that_runs_away_is_told(named: Settings, module_database: Database) -> None:
    with module_database.connection() as connection:
        late = dt.datetime.now(dt.UTC) + dt.timedelta(hours=2)
        statement = "INSERT INTO wangge.audit (at, actor, act, subject) VALUES (:at, 'x', 'x', 'x')"
        connection.execute(text(statement), {"at": late})
    found = look(named)["clock"]
    assert not found.fit
    assert "was written at" in found.found


def test_postgis_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctoring, "find_programs", list)
    monkeypatch.setattr("gis.layers.embedded.find_programs", list)
    found = look(Settings(data_dir=tmp_path, port=_free_port()))
    assert "postgis" in found["PostgreSQL programs"].mend
    assert found["database"].found == "PostgreSQL with PostGIS is not installed"


def test_changed_browser_parts_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vendor = tmp_path / "static" / "vendor"
    monkeypatch.setattr(doctoring.resources, "files", lambda _: tmp_path)
    assert doctoring._browser_parts().found == "missing"
    vendor.mkdir(parents=True)
    parts = [{"name": "leaflet", "files": {"leaflet.js": "0" * 64}}]
    (vendor / "manifest.json").write_text(json.dumps({"parts": parts}), encoding="utf-8")
    found = doctoring._browser_parts().found
    assert found == "1 files are missing or were changed, such as leaflet/leaflet.js"
    (vendor / "manifest.json").write_text("{", encoding="utf-8")
    assert not doctoring._browser_parts().fit


def test_foreign_proj_data_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Foreign:
        """A converter that goes by the data of another version."""

        def __init__(self, *_: object, **__: object) -> None: ...

        def transform(self, lon: float, lat: float) -> tuple[float, float]:
            return lon * 1e5, lat * 1e5

    def broken(*_: object, **__: object) -> None:
        raise pyproj.exceptions.ProjError("no database")

    assert doctoring._projections().fit
    monkeypatch.setenv("PROJ_DATA", "/elsewhere")
    for convert in (Foreign, broken):
        monkeypatch.setattr(pyproj.Transformer, "from_crs", convert)
        found = doctoring._projections()
        assert not found.fit
        assert "PROJ_DATA" in found.mend


@contextmanager
def held(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.mark.database
def test_a_lock_that_hangs_is_told_with_its_holder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctoring, "_LOCK_WAIT_S", 0.2)
    cluster = Cluster(tmp_path / "pg")
    with held(cluster.folder / "users.lock"):
        found = look(Settings(data_dir=tmp_path, port=_free_port()))["database"]
    assert not found.fit
    assert f"process {os.getpid()} " in found.found
    assert cluster.stuck_holder(wait_s=0) is None
