"""What is missing, wrong or old, and the mend."""

from __future__ import annotations

import datetime as dt
import errno
import hashlib
import importlib.metadata
import json
import os
import shutil
import socket
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import pyproj
from sqlalchemy import Connection, text

from gis.errors import WanggeError
from gis.layers.database import current_revision, open_database
from gis.layers.embedded import PACKAGES, Cluster, find_programs
from gis.settings import Settings

_LEAST_FREE_MB = 500
_MOST_SKEW_S = 5.0
_LOCK_WAIT_S = 5.0
_ZONE_37, _ZONE_37_EASTING_M = "EPSG:4525", 37_552_313.473
"""The CGCS2000 zone of 111° east, and what 111.62, 40.81 is there."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    what
        The part.
    found
        What is there.
    fit
        Whether it will do.
    mend
        What to do where it will not do.
    """

    what: str
    found: str
    fit: bool
    mend: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape."""
        return asdict(self)


def examine(settings: Settings) -> list[Finding]:
    """Look at every part that the service stands on.

    Parameters
    ----------
    settings
        The settings of this process.

    Returns
    -------
    list of Finding
        In the order in which they should be mended.
    """
    return [
        _python(),
        *_libraries(),
        _projections(),
        *_folder(settings),
        _programs(settings),
        *_database(settings),
        _port(settings),
        _browser_parts(),
    ]


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Finding("Python", version, fit=sys.version_info >= (3, 11), mend="install Python 3.11 or newer")


def _libraries() -> Iterator[Finding]:
    for name in ("shapely", "geopandas", "folium", "fastapi"):
        try:
            yield Finding(name, importlib.metadata.version(name), fit=True)
        except importlib.metadata.PackageNotFoundError:
            yield Finding(name, "missing", fit=False, mend="run `make setup`")
    try:
        import weasyprint  # noqa: F401, PLC0415 - importing it is what shows whether Pango is there
    except OSError:
        packages = "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"
        yield Finding("Pango, for handbooks", "missing", fit=False, mend=f"install {packages}")


def _projections() -> Finding:
    """Convert a position whose answer is known: with foreign data PROJ gets it wrong, or not at all."""
    named = [name for name in ("PROJ_DATA", "PROJ_LIB") if os.environ.get(name)]
    mend = f"unset {' and '.join(named)}, which name another" if named else "run `make setup` again"
    try:
        convert = pyproj.Transformer.from_crs("EPSG:4490", _ZONE_37, always_xy=True)
        easting, _ = convert.transform(111.62, 40.81)
    except pyproj.exceptions.ProjError:
        return Finding("PROJ data", "of another version, or missing", fit=False, mend=mend)
    off = abs(easting - _ZONE_37_EASTING_M)
    if not off < 0.1:
        return Finding("PROJ data", f"converts a known position {off:,.1f} m wrong", fit=False, mend=mend)
    return Finding("PROJ data", f"PROJ {pyproj.proj_version_str} converts a known position rightly", fit=True)


def _folder(settings: Settings) -> Iterator[Finding]:
    """Look at the folder of the data: room, rights, and who holds its locks."""
    place = settings.data_dir.absolute()
    cluster = None
    if settings.database_url is None and find_programs():
        try:
            cluster = Cluster(settings.data_dir / "pg").folder
            place = cluster
        except WanggeError:
            pass  # told of by the database's own finding
    there = next(folder for folder in (place, *place.parents) if folder.is_dir())
    free = shutil.disk_usage(there).free // 2**20
    mend = "make room, or set WANGGE_DATA_DIR"
    yield Finding("free space", f"{free} MB in {there}", fit=free >= _LEAST_FREE_MB, mend=mend)
    if not _may_write(there):
        mend = "give it to this account, or set WANGGE_DATA_DIR"
        yield Finding("folder of the data", f"{there} may not be written to", fit=False, mend=mend)


def _may_write(folder: Path) -> bool:
    return os.access(folder, os.W_OK)


def _programs(settings: Settings) -> Finding:
    found = find_programs()
    words = ", ".join(f"{programs.major} in {programs.folder}" for programs in found) or "none with PostGIS"
    needed = settings.database_url is None
    return Finding("PostgreSQL programs", words, fit=bool(found) or not needed, mend=f"install {PACKAGES}")


def _database(settings: Settings) -> Iterator[Finding]:
    kind = "database" if settings.database_url is None else "database (WANGGE_DATABASE_URL)"
    try:
        if settings.database_url is None:
            holder = Cluster(settings.data_dir / "pg").stuck_holder(wait_s=_LOCK_WAIT_S)
            if holder is not None:
                found = f"process {holder or '(unknown)'} has kept it to itself for a while"
                mend = "wait for it; if it hangs, end that process: its lock goes with it"
                yield Finding(kind, found, fit=False, mend=mend)
                return
        with open_database(settings) as database, database.connection() as connection:
            version = connection.execute(text("SELECT postgis_lib_version()")).scalar_one()
            yield Finding(kind, f"PostGIS {version}", fit=True)
            yield Finding("schema", f"revision {current_revision(database)}", fit=True)
            some = connection.execute(text("SELECT EXISTS (SELECT FROM wangge.edition)")).scalar_one()
            found = "grids are published" if some else "no grids are published"
            yield Finding("editions", found, fit=some, mend="run `wangge demo`, or import your own grids")
            yield _clock(connection)
    except WanggeError as error:
        yield Finding(kind, error.message, fit=False, mend=error.mend or "")


def _clock(connection: Connection) -> Finding:
    """Hold this machine's clock to the database's, and both to the newest thing that was written."""
    theirs, newest = connection.execute(
        text("SELECT clock_timestamp(), (SELECT max(at) FROM wangge.audit)")
    ).one()
    ahead = (dt.datetime.now(dt.UTC) - theirs).total_seconds()
    if abs(ahead) > _MOST_SKEW_S:
        way = "ahead of" if ahead > 0 else "behind"
        found = f"this machine's is {abs(ahead):,.0f} s {way} the database's"
        return Finding("clock", found, fit=False, mend="set both by a time server (NTP)")
    if newest is not None and (newest - theirs).total_seconds() > _MOST_SKEW_S:
        found = f"it says {theirs:%Y-%m-%d %H:%M}, but something was written at {newest:%Y-%m-%d %H:%M}"
        return Finding("clock", found, fit=False, mend="set it by a time server (NTP)")
    return Finding("clock", "agrees with the database's", fit=True)


def _port(settings: Settings) -> Finding:
    address = f"{settings.host}:{settings.port}"
    mend = f"stop what uses it, or serve on another: wangge up --port {settings.port + 80}"
    try:
        with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((settings.host, settings.port))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            mend = "set WANGGE_HOST to an address of this machine, or take a port above 1023"
            return Finding("port", f"{address} cannot be served on", fit=False, mend=mend)
        ours = _answers(settings)
        return Finding("port", f"{address} is {'served by Wangge' if ours else 'taken'}", fit=ours, mend=mend)
    return Finding("port", f"{address} is free", fit=True)


def _answers(settings: Settings) -> bool:
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104 - asked, not served
    try:
        with urllib.request.urlopen(f"http://{host}:{settings.port}/healthz", timeout=2) as answer:
            return "editions" in json.load(answer)
    except (OSError, ValueError):
        return False


def _browser_parts() -> Finding:
    folder = Path(str(resources.files("maps") / "static" / "vendor"))
    mend = "run `make setup` (needs Node.js)"
    try:
        parts = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["parts"]
    except (OSError, ValueError, KeyError):
        return Finding("browser parts", "missing", fit=False, mend=mend)
    wrong = [
        f"{part['name']}/{name}"
        for part in parts
        for name, digest in part["files"].items()
        if _digest(folder / part["name"] / name) != digest
    ]
    if wrong:
        found = f"{len(wrong)} files are missing or were changed, such as {wrong[0]}"
        return Finding("browser parts", found, fit=False, mend=f"remove {folder} and {mend}")
    return Finding("browser parts", f"{len(parts)} packages, each file as it was made", fit=True)


def _digest(file: Path) -> str | None:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return None
