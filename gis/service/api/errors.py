"""Errors as the API answers them: one JSON shape for everything, and nothing of the inside in it."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from gis.errors import InputError, NotFoundError, TooManyError, UnavailableError, WanggeError
from gis.service.api.json_response import JsonResponse

log = logging.getLogger(__name__)

_HTTP_CODES = {
    400: "bad_request",
    401: "unauthorised",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "wrong_type",
}
_NO_FIELDS = {"query", "path", "header", "float", "str"}
"""Parts of pydantic's places that are no field's name: where it came in, and which of two types it tried."""
_NO_JSON = "the body is no JSON"
_HTTP_MENDS = {
    404: "see /openapi.json for every address",
    405: "see /openapi.json for the method of this address",
}


def install(app: FastAPI) -> None:
    """Let an app answer every error in our shape.

    Parameters
    ----------
    app
        The app.
    """
    app.add_exception_handler(WanggeError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _unexpected)


def error_response(error: WanggeError) -> Response:
    """Answer one of our errors.

    Parameters
    ----------
    error
        The error.

    Returns
    -------
    Response
        ``{"error": {code, message, where, mend, details}}`` with its status.
    """
    headers = {}
    if isinstance(error, TooManyError | UnavailableError):
        headers["Retry-After"] = str(error.retry_after_s)
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JsonResponse(error.as_dict(), status_code=error.status, headers=headers)


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, WanggeError)  # noqa: S101 - registered for it
    if error.status >= 500:
        log.warning("%s %s: %s", request.method, request.url.path, error.code)
    return error_response(error)


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    found = [
        {"where": _place(one), "message": _NO_JSON if one["type"] == "json_invalid" else one["msg"]}
        for one in error.errors()[:20]
        # The values themselves are left out: they may be personal.
    ]
    first = found[0] if found else {"where": None, "message": "the request cannot be read"}
    return error_response(
        InputError(
            _lower(first["message"] or ""),
            where=first["where"],
            mend="see /openapi.json for what this address takes",
            details=found if len(found) > 1 else None,
        )
    )


async def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    if isinstance(error.__cause__, WanggeError):
        return error_response(error.__cause__)
    if error.status_code == 404:
        return error_response(NotFoundError("there is nothing at this address", mend=_HTTP_MENDS[404]))
    body: dict[str, Any] = {
        "code": _HTTP_CODES.get(error.status_code, "error"),
        "message": _lower(str(error.detail)),
    }
    if error.status_code in _HTTP_MENDS:
        body["mend"] = _HTTP_MENDS[error.status_code]
    return JsonResponse({"error": body}, status_code=error.status_code, headers=error.headers)


async def _gone(_request: Request, _error: Exception) -> Response:
    # Nobody is there to read it.
    return Response(status_code=400)


async def _unexpected(request: Request, error: Exception) -> Response:
    # The trace names code, not values; the query string, which may hold a position, stays out of the log.
    log.error("%s %s failed unexpectedly", request.method, request.url.path, exc_info=error)
    return error_response(
        WanggeError("something went wrong here, and it is not your fault", mend="see the log")
    )


def _place(error: dict[str, Any]) -> str:
    if error["type"] == "json_invalid":
        return f"body, character {error['loc'][-1]}"
    parts = [str(part) for part in error["loc"] if part not in _NO_FIELDS]
    return ".".join(parts) if parts else "body"


def _lower(words: str) -> str:
    return words[:1].lower() + words[1:]
