"""The route that names the owners of many points."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from gis.errors import InputError
from gis.service.api.state import TheService
from gis.service.owning.batches import FORMATS, answer_batch, owners_in_force

router = APIRouter(prefix="/api/v1", tags=["locate"])


@router.post("/locate/batch", summary="Which grids own these points: CSV, NDJSON or Arrow stream")
async def locate_batch(
    request: Request,
    service: TheService,
    crs: Annotated[str | None, Query(description="The datum of the coordinates; required")] = None,
) -> StreamingResponse:
    """Answer one row for every row, in order, with all that was sent and what was found.

    The answer begins when the whole batch has come and been looked through, and is then worked out as fast
    as it is taken. The columns `grid`, `status`, `nearest`, `distance_m`,
    `margin_m`, `edition` and `reason` are added.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    form = FORMATS.get(kind)
    if form is None:
        raise InputError(
            f"{kind[:60] or 'a body without a Content-Type'} is no format of batches",
            where="Content-Type",
            mend=f"send {', '.join(FORMATS)}",
        )
    owners = owners_in_force(service.current.in_force.counties)
    folder = await run_in_threadpool(
        lambda: tempfile.TemporaryDirectory(prefix="wangge-batch-", ignore_cleanup_errors=True)
    )
    try:
        body = Path(folder.name) / f"body.{form}"
        with body.open("wb") as file:
            async for piece in request.stream():
                file.write(piece)
        limit = service.settings.batch_row_limit
        pieces = await run_in_threadpool(lambda: answer_batch(form, body, owners, crs, row_limit=limit))
    except BaseException:
        folder.cleanup()
        raise
    return StreamingResponse(_kept(folder, pieces), media_type=kind)


def _kept(folder: tempfile.TemporaryDirectory[str], pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Hold the body until its answer has been taken, or its client has gone."""
    with folder:
        yield from pieces
