"""The route that names the owners of many points."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.background import BackgroundTask
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

    The columns `grid`, `status`, `nearest`, `distance_m`, `margin_m`, `edition` and `reason` are added.
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
    folder = Path(await run_in_threadpool(tempfile.mkdtemp, prefix="wangge-batch-"))
    try:
        body = folder / f"body.{form}"
        with body.open("wb") as file:
            async for piece in request.stream():
                file.write(piece)
        limit = service.settings.batch_row_limit
        pieces = await run_in_threadpool(
            lambda: answer_batch(form, body, folder / f"out.{form}", owners, crs, row_limit=limit)
        )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    tidy = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
    return StreamingResponse(pieces, media_type=kind, background=tidy)
