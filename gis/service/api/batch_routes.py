"""The route that names the owners of many points."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from email.message import Message
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from gis.errors import InputError
from gis.service.api.state import TheService, client_of
from gis.service.owning.batches import FORMATS, Batch, BatchAnswer, answer_batch, owners_in_force

router = APIRouter(prefix="/api/v1", tags=["locate"])


class _Answer(StreamingResponse):
    """An answer that lets go of what it holds when it has been taken, or its client has gone."""

    def __init__(self, answer: BatchAnswer, kind: str, let_go: Callable[[], None]) -> None:
        charset = "" if answer.charset is None else f"; charset={answer.charset}"
        super().__init__(answer.pieces, media_type=kind + charset)
        self._let_go = let_go

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._let_go()


@router.post("/locate/batch", summary="Which grids own these points: CSV, NDJSON or Arrow stream")
async def locate_batch(
    request: Request,
    service: TheService,
    crs: Annotated[str | None, Query(description="The datum of the coordinates; required")] = None,
    lon_field: Annotated[
        str | None, Query(description="Column of the longitude or easting; found by its name")
    ] = None,
    lat_field: Annotated[
        str | None, Query(description="Column of the latitude or northing; found by its name")
    ] = None,
) -> StreamingResponse:
    """Answer one row for every row, in order, with all that was sent and what was found.

    The answer begins when the whole batch has come and been looked through, so that its status is true of
    all of it, and is then worked out as fast as it is taken. The columns `grid`, `status`, `nearest`,
    `distance_m`, `margin_m`, `edition` and `reason` are added. CSV is read in the encoding that the
    Content-Type names, else in what its bytes are.
    """
    kind, encoding = _kind(request)
    form = FORMATS.get(kind)
    if form is None:
        raise InputError(
            f"{kind[:60] or 'a body without a Content-Type'} is no format of batches",
            where="Content-Type",
            mend=f"send {', '.join(FORMATS)}",
        )
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise InputError("the body is packed", where="Content-Encoding", mend="send it unpacked")
    owners = owners_in_force(service.current.in_force.counties)
    leave = service.batches.enter(client_of(request))
    folder = None
    try:
        folder = await run_in_threadpool(
            lambda: tempfile.TemporaryDirectory(prefix="wangge-batch-", ignore_cleanup_errors=True)
        )
        body = Path(folder.name) / f"body.{form}"
        with body.open("wb") as file:
            async for piece in request.stream():
                file.write(piece)
        batch = Batch(form, body, crs, encoding, lon_field, lat_field)
        limit = service.settings.batch_row_limit
        answer = await run_in_threadpool(lambda: answer_batch(batch, owners, row_limit=limit))
    except BaseException:
        leave()
        if folder is not None:
            folder.cleanup()
        raise

    def let_go() -> None:
        leave()
        folder.cleanup()

    return _Answer(answer, kind, let_go)


def _kind(request: Request) -> tuple[str, str | None]:
    """Return the content type and the charset that it names."""
    header = Message()
    header["Content-Type"] = request.headers.get("content-type", "")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    charset = header.get_param("charset")
    return kind, charset if isinstance(charset, str) and charset else None
