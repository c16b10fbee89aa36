"""Columns of degrees in whatever shape they come, as float64 arrays, without a Python object a row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gis.errors import InputError

Floats = NDArray[np.float64]

_NUMBER_KINDS = "fiub"


def degree_columns(lon: Any, lat: Any) -> tuple[Floats, Floats]:
    """Take longitude and latitude from arrays, lists, pandas or Arrow columns.

    A float64 column without nulls is looked at where it lies; others are converted once. Nulls become NaN.

    Parameters
    ----------
    lon, lat
        Numbers: scalars, or columns of n.

    Returns
    -------
    tuple of numpy.ndarray
        float64, C-contiguous, shape (n,) each.

    Raises
    ------
    InputError
        If a column holds something else than numbers, is not a column, or the lengths differ.
    """
    x, y = _floats(lon, "lon"), _floats(lat, "lat")
    if len(x) != len(y):
        raise InputError(
            f"lon has {len(x)} values and lat has {len(y)}",
            where="lat",
            mend="give one latitude for each longitude",
        )
    return x, y


def _floats(column: Any, name: str) -> Floats:
    home = type(column).__module__.partition(".")[0]
    if home == "pyarrow":
        found = _from_arrow(column, name)
    elif home == "pandas" and hasattr(column, "to_numpy"):
        found = _from_pandas(column, name)
    else:
        found = np.asarray(column)
    if found.dtype.kind not in _NUMBER_KINDS or found.dtype == np.bool_:
        raise _not_numbers(name)
    if found.ndim > 1:
        raise InputError(f"{name} has {found.ndim} dimensions", where=name, mend="give one column of numbers")
    return np.ascontiguousarray(found.reshape(-1), dtype=np.float64)


def _from_pandas(column: Any, name: str) -> NDArray[Any]:
    try:
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
    except (TypeError, ValueError) as error:
        raise _not_numbers(name) from error


def _from_arrow(column: Any, name: str) -> NDArray[Any]:
    import pyarrow as pa  # noqa: PLC0415 - only who hands over Arrow needs it

    kind = column.type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)):
        raise _not_numbers(name)
    if kind != pa.float64():
        column = column.cast(pa.float64())
    if isinstance(column, pa.ChunkedArray):
        return np.asarray(column.to_numpy())
    return np.asarray(column.to_numpy(zero_copy_only=False))


def _not_numbers(name: str) -> InputError:
    return InputError(
        f"{name} is not a column of numbers",
        where=name,
        mend="give degrees as numbers, not text, and name the right column",
    )
