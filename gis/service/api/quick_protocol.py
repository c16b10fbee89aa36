"""uvicorn's HTTP protocol with a shorter way for plain questions: answered where their bytes arrive.

Most of what a plain ``GET /api/v1/locate`` costs is not the look-up but what a general server does around it:
a scope, a task, two messages, headers checked one by one. Here a request that comes whole, in one piece, on
an idle connection, and asks a plain question, is answered at once with the bytes of the long way.
Anything else (a body, ``Connection: close``, HTTP/1.0, pieces, several at once, an access log) takes the long
way as if this were not here: its parser never sees what was answered here, and sees all of the rest.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from gis.service.api.locate_door import PATH, PLAIN, LocateDoor

_WHOLE = re.compile(
    rb"GET "
    + PATH.encode()
    + rb"\?([^ \r\n]{1,200}) HTTP/1\.1\r\n((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~]*\r\n)*)\r\n"
)
# What changes how a request is read or a connection goes on; keeping it alive is what happens anyway.
_SPECIAL = re.compile(
    rb"(?im)^(?:content-length|transfer-encoding|expect|upgrade|connection(?!:[ \t]*keep-alive[ \t]*\r))[:\r]"
)
_LANGUAGE = re.compile(rb"(?im)^accept-language:[ \t]*([^\r]*)\r")


class QuickProtocol(HttpToolsProtocol):
    """Answers plain questions without a task; see the module.

    Parameters
    ----------
    config, server_state, app_state, _loop
        As uvicorn gives them to every protocol.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        app: Any = self.app
        while app is not None and not isinstance(getattr(app, "door", None), LocateDoor):
            app = getattr(app, "app", None)
        self._door: LocateDoor | None = (
            None if app is None or (self.access_log and config.access_log) else app.door
        )
        self._within = False
        self._defaults: tuple[Any, bytes] = (None, b"")

    def data_received(self, data: bytes) -> None:  # noqa: D102 - asyncio's own
        if self._door is not None and data.startswith(b"GET /api/v1/locate?") and self._idle():
            answer = self._answered(self._door, data)
            if answer is not None:
                self._unset_keepalive_if_required()
                self.server_state.total_requests += 1
                self.transport.write(answer)
                self.timeout_keep_alive_task = self.loop.call_later(
                    self.timeout_keep_alive, self.timeout_keep_alive_handler
                )
                return
        super().data_received(data)

    def on_message_begin(self) -> None:  # noqa: D102 - the parser's own
        self._within = True
        super().on_message_begin()

    def on_message_complete(self) -> None:  # noqa: D102 - the parser's own
        self._within = False
        super().on_message_complete()

    def _idle(self) -> bool:
        """Tell whether the next byte begins a request, and nothing waits to be answered before it."""
        return (
            not self._within
            and (self.cycle is None or self.cycle.response_complete)
            and not self.pipeline
            and not self.flow.write_paused
            and self.limit_concurrency is None
            and not self.transport.is_closing()
        )

    def _answered(self, door: LocateDoor, data: bytes) -> bytes | None:
        whole = _WHOLE.fullmatch(data)
        asked = None if whole is None else PLAIN.fullmatch(whole[1])
        if whole is None or asked is None or self.root_path or _SPECIAL.search(whole[2]):
            return None
        language = _LANGUAGE.search(whole[2])
        body = door.plain(asked, None if language is None else language[1])
        if body is None:
            return None
        known, defaults = self._defaults
        if known is not self.server_state.default_headers:
            # uvicorn makes them anew once a second, for the date.
            known = self.server_state.default_headers
            defaults = b"HTTP/1.1 200 OK\r\n" + b"".join(b"%b: %b\r\n" % pair for pair in known) + door.head
            self._defaults = (known, defaults)
        return b"%bcontent-length: %d\r\n\r\n%b" % (defaults, len(body), body)
