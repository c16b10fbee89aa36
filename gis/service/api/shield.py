"""What every request passes: a limit on its body, and headers that keep a browser to our own pages."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gis.errors import TooLargeError
from gis.service.api.errors import error_response

MEGABYTE = 1024 * 1024


def content_policy(images: tuple[str, ...] = (), data: tuple[str, ...] = ()) -> str:
    """Say what a page of ours may load: our own files, and what an operator's basemap needs.

    Parameters
    ----------
    images, data
        Origins of a basemap's tiles and files.

    Returns
    -------
    str
        The header's value.
    """
    rules = {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:", "blob:", *images],
        "connect-src": ["'self'", *data],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
    return "; ".join(f"{name} {' '.join(dict.fromkeys(values))}" for name, values in rules.items())


def security_headers(policy: str) -> tuple[tuple[bytes, bytes], ...]:
    """List the headers that every answer carries.

    Parameters
    ----------
    policy
        The Content-Security-Policy.

    Returns
    -------
    tuple
        Names and values, as ASGI has them.
    """
    return (
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"permissions-policy", b"geolocation=(self), camera=(self), microphone=()"),
        (b"content-security-policy", policy.encode()),
    )


class Shield:
    """ASGI middleware: refuses bodies over the limit, and adds the security headers to every answer.

    Parameters
    ----------
    app
        What it stands before.
    body_limit
        Bytes.
    policy
        The Content-Security-Policy of answers that bring none of their own.
    """

    def __init__(self, app: ASGIApp, *, body_limit: int, policy: str) -> None:
        self._app = app
        self._limit = body_limit
        self._headers = security_headers(policy)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 - ASGI's own
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = message.setdefault("headers", [])
                there = {name for name, _ in given}
                message["headers"] = [*given, *(pair for pair in self._headers if pair[0] not in there)]
            await send(message)

        if self._declared(scope) > self._limit:
            await error_response(self._too_large())(scope, receive, guarded)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._limit:
                raise self._too_large()
            return message

        await self._app(scope, counted, guarded)

    @staticmethod
    def _declared(scope: Scope) -> int:
        for name, value in scope["headers"]:
            if name == b"content-length":
                return int(value) if value.isdigit() else 0
        return 0

    def _too_large(self) -> TooLargeError:
        return TooLargeError(
            f"the body is larger than {self._limit // MEGABYTE} MB",
            mend="send it in parts, use `wangge assign` on the file, or raise WANGGE_BODY_LIMIT_MB",
        )
