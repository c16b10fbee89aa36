"""The one family of errors that Wangge raises at a user.

Every error says *what* was wrong, *where*, and *what to do* (``mend``). The command line prints them in
one line and ends with status 1; the API answers them in one JSON shape with ``status``. No text of a
database or a library goes into any of them: the cause is chained with ``raise … from`` and only logged.
"""

from __future__ import annotations

from typing import Any, ClassVar


class WanggeError(Exception):
    """Something that a user can be told about.

    Parameters
    ----------
    message
        What was wrong, in words of the field.
    where
        The file, row, column, code or option that it was found in.
    mend
        What to do about it.
    details
        Further facts for a program, JSON-ready.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500

    def __init__(
        self, message: str, *, where: str | None = None, mend: str | None = None, details: Any = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.mend = mend
        self.details = details

    def __str__(self) -> str:
        head = f"{self.where}: {self.message}" if self.where else self.message
        return f"{head} — {self.mend}" if self.mend else head

    def as_dict(self) -> dict[str, Any]:
        """Return the API's JSON shape: ``{"error": {code, message, where, mend, details}}``."""
        body: dict[str, Any] = {"code": self.code, "message": self.message}
        for key in ("where", "mend", "details"):
            value = getattr(self, key)
            if value is not None:
                body[key] = value
        return {"error": body}


class InputError(WanggeError):
    """A value, row or file that cannot be used as it is."""

    code = "bad_input"
    status = 422


class CrsError(InputError):
    """A datum or coordinate reference system that is missing or unknown."""

    code = "unknown_crs"


class CodeError(InputError):
    """A code that breaks the rules of :mod:`gis.codes`."""

    code = "bad_code"


class GeometryError(InputError):
    """A geometry that is of the wrong kind, or past repair."""

    code = "bad_geometry"


class UnauthorisedError(WanggeError):
    """No token, or one that is unknown, revoked or out of date."""

    code = "unauthorised"
    status = 401


class ForbiddenError(WanggeError):
    """A token whose role or division does not reach this far."""

    code = "forbidden"
    status = 403


class NotFoundError(WanggeError):
    """A code, number or date that nothing answers to."""

    code = "not_found"
    status = 404


class ConflictError(WanggeError):
    """A change that was made against a state which has moved on."""

    code = "conflict"
    status = 409


class RuleError(WanggeError):
    """An act that the rules of the field forbid, such as publishing a plan with unwaived failures."""

    code = "rule_broken"
    status = 409


class TooLargeError(WanggeError):
    """More bytes, rows or columns than this way in takes."""

    code = "too_large"
    status = 413


class TooManyError(WanggeError):
    """More requests than this client may make for now.

    Parameters
    ----------
    message
        What was wrong.
    retry_after_s
        Seconds after which to try again.
    **more
        As for :class:`WanggeError`.
    """

    code = "too_many"
    status = 429

    def __init__(self, message: str, *, retry_after_s: int = 60, **more: Any) -> None:
        super().__init__(message, **more)
        self.retry_after_s = retry_after_s


class UnavailableError(WanggeError):
    """The database, or another part that this act needs, does not answer now.

    Parameters
    ----------
    message
        What was wrong.
    retry_after_s
        Seconds after which to try again.
    **more
        As for :class:`WanggeError`.
    """

    code = "unavailable"
    status = 503

    def __init__(self, message: str, *, retry_after_s: int = 5, **more: Any) -> None:
        super().__init__(message, **more)
        self.retry_after_s = retry_after_s
