"""Compile kernels with numba, and keep them on disk for the next start, never older than their sources.

numba knows a kept kernel again by the file that its outermost function stands in. What that function calls
from another file, or reads from there as a constant, may change without numba noticing: after an upgrade
yesterday's machine code would go on answering. Kernels are therefore kept in a folder whose name holds a
digest of every source of their package, of the ground floor's and of numba's version. Other sources, another
folder.

A kernel may call and read what stands in its own package or on the ground floor (the modules of ``gis``
itself), and nothing else of ours.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, overload

import numba

Kernel = Callable[..., Any]

_GROUND = Path(__file__).parent
_LEFT_ALONE_S = 3600.0
"""A folder of other sources is removed when it has not been written to for so long: a program that still runs
with them may be writing there."""

_lock = threading.Lock()


@overload
def njit(function: Kernel, /) -> Kernel: ...
@overload
def njit(*, cache: bool = False, **options: Any) -> Callable[[Kernel], Kernel]: ...
def njit(function: Kernel | None = None, /, *, cache: bool = False, **options: Any) -> Any:
    """Compile a function as ``numba.njit`` does; what is kept on disk is kept beside no other sources.

    Parameters
    ----------
    function
        What numba can compile in its nopython mode.
    cache
        Whether to keep it for the next start, where a folder allows it: ``NUMBA_CACHE_DIR`` where that is
        set, else the package's own ``__pycache__``, else the user's folder of caches.
    **options
        Other options of ``numba.njit``.

    Returns
    -------
    Callable
        The same, compiled at its first call.
    """
    if function is None:
        return lambda decorated: _compiled(decorated, cache, options)
    return _compiled(function, cache, options)


def compiled(function: Kernel) -> Kernel:
    """Compile a kernel that needs no interpreter lock, and keep it for the next start.

    Parameters
    ----------
    function
        What numba can compile in its nopython mode.

    Returns
    -------
    Callable
        The same, compiled at its first call.
    """
    return _compiled(function, True, {"nogil": True})  # noqa: FBT003 - as its caller says it


def _compiled(function: Kernel, cache: bool, options: dict[str, Any]) -> Kernel:
    source = Path(function.__code__.co_filename)
    settings: Any = numba.config
    folder = _folder(source.parent, settings.CACHE_DIR) if cache else None
    if folder is None:
        return _not_kept(function, options)
    with _lock:  # numba reads where to keep a kernel when it is declared
        before, settings.CACHE_DIR = settings.CACHE_DIR, str(folder)
        try:
            kept: Any = numba.njit(cache=True, **options)(function)
        except RuntimeError:  # the folder has gone
            return _not_kept(function, options)
        finally:
            settings.CACHE_DIR = before
    # Had the folder failed numba, it would have chosen another, that knows no digest.
    return kept if folder in Path(kept.stats.cache_path).parents else _not_kept(function, options)


def _not_kept(function: Kernel, options: dict[str, Any]) -> Kernel:
    plain: Kernel = numba.njit(**options)(function)
    return plain


@lru_cache
def _folder(package: Path, wanted: str) -> Path | None:
    """Give the folder for the kernels of a package, made and found writable; None where there is none."""
    try:
        digest = _digest(package)
    except OSError:  # no sources to go by
        return None
    place = hashlib.blake2b(os.fsencode(package), digest_size=4).hexdigest()
    for base in (Path(wanted),) if wanted else (package / "__pycache__", _user_caches() / "wangge"):
        folder = base / f"kernels-{package.name}-{place}-{digest}"
        try:
            is_new = not folder.exists()
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError:
            continue
        if is_new:
            _remove_others(folder, f"kernels-{package.name}-{place}-*")
        return folder
    return None


def _digest(package: Path) -> str:
    """Name the sources that kernels of a package may rest on, and numba's version."""
    digest = hashlib.blake2b(numba.__version__.encode(), digest_size=12)
    for source in sorted({*_GROUND.glob("*.py"), *package.glob("*.py")}):
        content = source.read_bytes()
        digest.update(f"{source.name} {len(content)} ".encode())
        digest.update(content)
    return digest.hexdigest()


def _remove_others(folder: Path, pattern: str) -> None:
    """Remove the folders of other sources of the same package that nobody writes to any more."""
    with contextlib.suppress(OSError):
        for other in folder.parent.glob(pattern):
            if other != folder and time.time() - _written(other) > _LEFT_ALONE_S:
                shutil.rmtree(other, ignore_errors=True)


def _written(folder: Path) -> float:
    """Say when anything in a folder was written last."""
    return max(path.stat().st_mtime for path in (folder, *folder.iterdir()))


def _user_caches() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
