"""The door before all others: plain questions to ``GET /api/v1/locate`` are answered before any routing.

A question that is not plain goes on to the route as if this were not here, and the route gives the same
answers to plain ones; the tests compare the two.
"""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from gis.service.api.state import Service
from gis.texts import Language, as_language

PATH = "/api/v1/locate"

PLAIN = re.compile(
    rb"lon=(-?\d{1,3}(?:\.\d{1,20})?)&lat=(-?\d{1,2}(?:\.\d{1,20})?)&crs=(cgcs2000|wgs84)(?:&lang=(zh|en))?"
)
"""The query of a plain question: longitude, latitude, datum, language."""


class LocateDoor:
    """ASGI middleware that answers plain questions.

    Parameters
    ----------
    app
        What it stands before.
    state
        Where the app's state, and on it the service, is to be found once it has started.
    headers
        What every answer carries.
    """

    def __init__(self, app: ASGIApp, *, state: object, headers: tuple[tuple[bytes, bytes], ...]) -> None:
        self._app = app
        self._state = state
        self._headers = [(b"content-type", b"application/json"), *headers]
        self.head = b"".join(b"%b: %b\r\n" % pair for pair in self._headers)
        """The headers of an answer, as they go over the wire."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 - ASGI's own
        if scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "GET":
            asked = PLAIN.fullmatch(scope["query_string"])
            body = None if asked is None else self.plain(asked, _accepted(scope))
            if body is not None:
                length = (b"content-length", str(len(body)).encode())
                await send(
                    {"type": "http.response.start", "status": 200, "headers": [*self._headers, length]}
                )
                await send({"type": "http.response.body", "body": body})
                return
        await self._app(scope, receive, send)

    def plain(self, asked: re.Match[bytes], accepted: bytes | None) -> bytes | None:
        """Answer a plain question, if that can be done at once.

        Parameters
        ----------
        asked
            The match of ``PLAIN``.
        accepted
            The Accept-Language of the request.

        Returns
        -------
        bytes or None
            The JSON of the answer; None where the route must answer.
        """
        service: Service | None = getattr(self._state, "service", None)
        if service is None or service.current.away:
            return None
        quick = service.quick
        if quick is None or quick.state is not service.current.in_force:
            return None  # it is being made; whoever asks in the meantime is answered by the route
        lon, lat, crs, lang = asked.groups()
        language: Language = "zh" if lang == b"zh" else "en" if lang == b"en" else _spoken(accepted)
        return quick.answer(float(lon), float(lat), crs.decode(), language)


def _accepted(scope: Scope) -> bytes | None:
    for name, value in scope["headers"]:
        if name == b"accept-language":
            return bytes(value)
    return None


def _spoken(accepted: bytes | None) -> Language:
    return "zh" if accepted is None else as_language(accepted.decode("latin-1"))
