"""What the database's refusals mean, in words of the field.

Each SQLSTATE that can come up has a line in one table. The database's own text never reaches a user: it may
hold a row's values. The cause is chained, and only shown at the log's debug level.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from gis.errors import ConflictError, InputError, RuleError, UnavailableError, WanggeError

log = logging.getLogger(__name__)

CHANGE_REFUSED = "WG001"
"""SQLSTATE of our own trigger: a published or logged row was to be changed."""
OVERLAP_REFUSED = "WG002"
"""SQLSTATE of our own trigger: two basic grids overlap. Its DETAIL holds their codes and nothing else."""

_Maker = Callable[[str | None], WanggeError]


def _busy(_where: str | None) -> WanggeError:
    return ConflictError("somebody else was changing the same thing", mend="try again")


def _away(_where: str | None) -> WanggeError:
    return UnavailableError(
        "the database does not answer", mend="start it, or check WANGGE_DATABASE_URL; see `wangge doctor`"
    )


_MEANINGS: dict[str, _Maker] = {
    CHANGE_REFUSED: lambda _: RuleError(
        "what is published or logged is never changed", mend="publish a new edition"
    ),
    OVERLAP_REFUSED: lambda where: RuleError(
        "two basic grids overlap", where=where, mend="run `wangge check` and mend their borders"
    ),
    "23505": lambda where: ConflictError("it exists already", where=where, mend="use another code"),
    "23503": lambda where: InputError(
        "it refers to something that is not there", where=where, mend="load that first"
    ),
    "23514": lambda where: InputError(
        "a value breaks a rule of its column", where=where, mend="see docs/data-dictionary.md"
    ),
    "23P01": lambda where: ConflictError("a grid has two shapes at one time", where=where),
    "23502": lambda where: InputError("a required value is missing", where=where),
    "42501": lambda _: UnavailableError(
        "the database account may not do this", mend="grant it the schema wangge and CREATE EXTENSION"
    ),
    "28": lambda _: UnavailableError(
        "the database refuses the account or password", mend="check WANGGE_DATABASE_URL"
    ),
    "3D": lambda _: UnavailableError(
        "there is no database of that name", mend="create it, or check WANGGE_DATABASE_URL"
    ),
    "22": lambda where: InputError("a value does not fit its column", where=where),
    "40": _busy,
    "55P03": _busy,
    "08": _away,
    "53": _away,
    "57": _away,
}
"""SQLSTATE, or its class (first two characters), → the error that it means."""


@contextmanager
def told() -> Iterator[None]:
    """Turn the database's exceptions into ours.

    Yields
    ------
    None
        For the length of the work.

    Raises
    ------
    WanggeError
        What the refusal means.
    """
    try:
        yield
    except DBAPIError as error:
        raise explain(error.orig) from error
    except SQLAlchemyError as error:
        raise explain(None) from error
    except psycopg.Error as error:
        raise explain(error) from error


def explain(cause: object) -> WanggeError:
    """Say what a refusal of the database means.

    Parameters
    ----------
    cause
        psycopg's exception; None where the pool gave up before it came to one.

    Returns
    -------
    WanggeError
        To be raised from the cause.
    """
    log.debug("the database refused: %s", type(cause).__name__)
    state = getattr(cause, "sqlstate", None)
    if state is None and isinstance(cause, psycopg.DataError):
        # Refused on this side: text with a NUL, or a value that no type of the database takes.
        return InputError("a value holds what cannot be stored", mend="take control characters out of it")
    if state is None:
        return _away(None)
    diagnostics = getattr(cause, "diag", None)
    if state == OVERLAP_REFUSED:
        where = getattr(diagnostics, "message_detail", None)
    else:
        where = getattr(diagnostics, "constraint_name", None) or getattr(diagnostics, "column_name", None)
    meaning = _MEANINGS.get(state) or _MEANINGS.get(state[:2])
    if meaning is None:
        log.error("unexpected refusal of the database: SQLSTATE %s (%s)", state, where)
        return WanggeError("the database refused, and this program does not know why", mend="see the log")
    return meaning(where)
