"""A file that somebody names: which format it is of, and whether it is there to be read."""

from __future__ import annotations

from pathlib import Path

from gis.errors import InputError

FORMATS: dict[str, str] = {
    ".gpkg": "gpkg",
    ".shp": "shp",
    ".geojson": "geojson",
    ".json": "geojson",
    ".ndjson": "geojson",
    ".geojsonl": "geojson",
    ".geojsons": "geojson",
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".parquet": "parquet",
    ".geoparquet": "parquet",
}
"""Suffix → format."""


def file_format(path: Path) -> str:
    """Tell a file's format by its suffix.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    str
        ``gpkg``, ``shp``, ``geojson``, ``csv``, ``xlsx`` or ``parquet``.

    Raises
    ------
    InputError
        If the suffix is none of ours.
    """
    found = FORMATS.get(path.suffix.lower())
    if found is None:
        mend = "use .gpkg, .shp, .geojson, .csv, .xlsx or .parquet"
        if path.suffix.lower() in {".xls", ".et", ".ods"}:
            mend = "save it as .xlsx or .csv"
        if path.suffix.lower() in {".dbf", ".shx", ".prj", ".cpg"}:
            mend = f"name the Shapefile's {path.stem}.shp"
        if path.suffix.lower() in {".zip", ".rar", ".7z"}:
            mend = "unpack it and name the file inside"
        raise InputError(
            f"{path.suffix or 'a name without a suffix'} is no format known here", where=path.name, mend=mend
        )
    return found


def check_file(path: Path) -> None:
    """Check that a file is there and not empty.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    InputError
        If it is not.
    """
    if not path.is_file():
        what = "it is a folder" if path.is_dir() else "there is no such file"
        raise InputError(what, where=str(path), mend="check the name and the folder")
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as cause:
        raise InputError("the file may not be read", where=str(path), mend="check who may read it") from cause
    if empty:
        raise InputError("the file is empty", where=path.name, mend="export it again")
