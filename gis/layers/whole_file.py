"""Files that are there whole or not at all: written beside their place, and moved into it at the end."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyogrio

from gis.errors import InputError

_FULL_BELOW = 1 << 20
_GDAL_SAID_NO = (
    pyogrio.errors.DataSourceError,
    pyogrio.errors.DataLayerError,
    pyogrio.errors.FeatureError,
    pyogrio.errors.FieldError,
)


def draft_of(target: Path) -> Path:
    """Check that a file can be made, and name its draft.

    Parameters
    ----------
    target
        Where the file is to be.

    Returns
    -------
    pathlib.Path
        A hidden file beside it; one that an earlier run left there is gone.

    Raises
    ------
    InputError
        If the folder is not there, or the name is that of a folder.
    """
    if target.is_dir():
        raise InputError("it is a folder", where=str(target), mend="name a file in it")
    if not target.parent.is_dir():
        raise InputError("there is no such folder", where=str(target.parent), mend="make it first")
    draft = target.with_name(f".{target.stem}.part{target.suffix}")
    with told_plainly(target):
        clear(draft)
    return draft


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Write a file as a draft, which takes its name if all goes well and is taken away otherwise.

    Parameters
    ----------
    target
        Where the file is to be; with a Shapefile, the ``.shp``.

    Yields
    ------
    pathlib.Path
        Where to write it now.

    Raises
    ------
    InputError
        If there is no such folder, or the disk does not take the file.
    """
    draft = draft_of(target)
    try:
        with told_plainly(target):
            yield draft
            settle(draft, target)
    finally:
        clear(draft)


@contextmanager
def told_plainly(target: Path) -> Iterator[None]:
    """Say in plain words that a file could not be written, whatever library was writing it.

    Parameters
    ----------
    target
        The file that is meant.

    Yields
    ------
    None
        To whoever writes.

    Raises
    ------
    InputError
        In place of the library's error.
    """
    try:
        yield
    except (OSError, pa.ArrowException, *_GDAL_SAID_NO) as cause:
        raise InputError(_reason(target.parent), where=str(target), mend=_MEND) from cause


_MEND = "check who may write there and the space left; nothing was left half-written"


def _reason(folder: Path) -> str:
    """Tell a full disk from a closed folder: GDAL's errors do not."""
    if not os.access(folder, os.W_OK):
        return "this account may not write there"
    if shutil.disk_usage(folder).free < _FULL_BELOW:
        return "the disk is full"
    return "the file cannot be written"


def settle(draft: Path, target: Path) -> None:
    """Put a finished draft, and a Shapefile's other parts, in its place.

    Parameters
    ----------
    draft
        As :func:`draft_of` named it.
    target
        The file.
    """
    for part in _parts(draft):
        part.replace(target.with_name(target.stem + part.name.removeprefix(draft.stem)))


def clear(draft: Path) -> None:
    """Take away what there is of a draft.

    Parameters
    ----------
    draft
        As :func:`draft_of` named it.
    """
    for part in _parts(draft):
        part.unlink(missing_ok=True)


def _parts(draft: Path) -> list[Path]:
    return [entry for entry in draft.parent.iterdir() if entry.name.startswith(f"{draft.stem}.")]
