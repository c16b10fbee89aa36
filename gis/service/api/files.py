"""Static files: read once, told apart by their content, packed for those who take Brotli or gzip.

An address with the content's mark (``?v=…``) may be kept for ever; any other is asked about again each time
and mostly answered with 304.
"""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gis.errors import NotFoundError
from gis.service.api.errors import error_response
from gis.service.api.packed import Packed, etag, has_it

_SERVED = {".css", ".js", ".mjs", ".json", ".svg", ".png", ".jpg", ".gif", ".ico", ".woff2", ".txt", ".map"}
_PACKED = {".css", ".js", ".mjs", ".json", ".svg", ".txt", ".map"}
_MARK = 12


@dataclass(frozen=True)
class _File:
    changed: int
    mark: str
    kind: str
    body: Packed


class Files:
    """ASGI app that serves the files under a folder.

    Parameters
    ----------
    folder
        The folder; nothing outside it is ever served.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._known: dict[str, _File] = {}

    def mark(self, name: str) -> str:
        """Return the mark of a file's content, for ``?v=``.

        Parameters
        ----------
        name
            Path below the folder.

        Returns
        -------
        str
            12 hexadecimal digits; empty where there is no such file.
        """
        found = self._find(name)
        return "" if found is None else found.mark

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 - ASGI
        request = Request(scope)
        name = request.path_params.get("path", "") or scope["path"].removeprefix(scope.get("root_path", ""))
        found = self._find(name.lstrip("/")) if request.method in {"GET", "HEAD"} else None
        if found is None:
            await error_response(NotFoundError("there is no such file"))(scope, receive, send)
            return
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("v", [""])[0]
        body, coding = found.body.for_client(request.headers.get("accept-encoding", ""))
        headers = {
            "ETag": etag(found.mark, coding),
            "Cache-Control": "public, max-age=31536000, immutable" if asked == found.mark else "no-cache",
            "Vary": "Accept-Encoding",
        }
        if has_it(request.headers.get("if-none-match", ""), found.mark):
            await Response(status_code=304, headers=headers)(scope, receive, send)
            return
        if coding:
            headers["Content-Encoding"] = coding
        response = Response(body, media_type=found.kind, headers=headers)
        if request.method == "HEAD":
            response.body = b""
        await response(scope, receive, send)

    def _find(self, name: str) -> _File | None:
        path = (self._folder / name).resolve()
        if path.suffix not in _SERVED or not path.is_relative_to(self._folder):
            return None
        try:
            changed = path.stat().st_mtime_ns
        except OSError:
            return None
        known = self._known.get(name)
        if known is None or known.changed != changed:
            known = self._known[name] = _read(path, changed)
        return known


def _read(path: Path, changed: int) -> _File:
    content = path.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if path.suffix in {".js", ".mjs"}:
        kind = "text/javascript"
    body = Packed.pack(content, text=path.suffix in _PACKED)
    return _File(changed, hashlib.sha256(content).hexdigest()[:_MARK], kind, body)
