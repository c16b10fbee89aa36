"""What is missing, wrong or old, and the mend."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import resources
from typing import Any

from sqlalchemy import text

from gis.errors import WanggeError
from gis.layers.database import current_revision, open_database
from gis.layers.embedded import PACKAGES, find_programs
from gis.settings import Settings

_LEAST_FREE_MB = 500


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
        _space(settings),
        _programs(settings),
        *_database(settings),
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


def _space(settings: Settings) -> Finding:
    folder = settings.data_dir.absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free // 2**20
    mend = "make room, or set WANGGE_DATA_DIR"
    return Finding("free space", f"{free} MB in {folder}", fit=free >= _LEAST_FREE_MB, mend=mend)


def _programs(settings: Settings) -> Finding:
    found = find_programs()
    words = ", ".join(f"{programs.major} in {programs.folder}" for programs in found) or "none with PostGIS"
    needed = settings.database_url is None
    return Finding("PostgreSQL programs", words, fit=bool(found) or not needed, mend=f"install {PACKAGES}")


def _database(settings: Settings) -> Iterator[Finding]:
    kind = "database" if settings.database_url is None else "database (WANGGE_DATABASE_URL)"
    try:
        with open_database(settings) as database, database.connection() as connection:
            version = connection.execute(text("SELECT postgis_lib_version()")).scalar_one()
            yield Finding(kind, f"PostGIS {version}", fit=True)
            yield Finding("schema", f"revision {current_revision(database)}", fit=True)
            some = connection.execute(text("SELECT EXISTS (SELECT FROM wangge.edition)")).scalar_one()
            found = "grids are published" if some else "no grids are published"
            yield Finding("editions", found, fit=some, mend="run `wangge demo`, or import your own grids")
    except WanggeError as error:
        yield Finding(kind, error.message, fit=False, mend=error.mend or "")


def _browser_parts() -> Finding:
    manifest = resources.files("maps") / "static" / "vendor" / "manifest.json"
    if not manifest.is_file():
        return Finding("browser parts", "missing", fit=False, mend="run `make setup` (needs Node.js)")
    parts = json.loads(manifest.read_text(encoding="utf-8"))["parts"]
    return Finding("browser parts", f"{len(parts)} packages", fit=True)
