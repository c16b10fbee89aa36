"""Routes of the live feed and of the statistics."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from typing import Annotated

import psycopg
from fastapi import APIRouter, Header, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from gis.errors import InputError
from gis.layers.refusals import told
from gis.service.access import Actor, reach_of, require
from gis.service.api.json_response import JsonResponse
from gis.service.api.state import Service, TheActor, TheLanguage, TheService
from gis.service.dispatch.feed import Told
from gis.service.dispatch.statistics import as_csv, as_xlsx, statistics
from gis.service.owning.questions import as_of_time
from gis.terms import Role

router = APIRouter(prefix="/api/v1", default_response_class=JsonResponse)

_BEAT_S = 15.0
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@router.get("/feed", tags=["incidents"], summary="What happens in my division, as server-sent events")
async def feed(
    service: TheService,
    actor: TheActor,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID")] = None,
) -> StreamingResponse:
    """Tell what happens, as it happens; with Last-Event-ID also what happened since.

    Each event's data carry its own number as ``event_id``: one that was seen already may come again, and
    none is left out. ``look_afresh`` means that too much happened to tell it one by one.
    """
    last = None if last_event_id is None else _number(last_event_id)
    return StreamingResponse(
        _events(service, actor, last),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@router.get("/statistics", tags=["incidents"], summary="Weekly or monthly statistics of each grid")
def statistics_route(
    service: TheService,
    actor: TheActor,
    language: TheLanguage,
    period: str = "week",
    since: str | None = None,
    until: str | None = None,
    division: str | None = None,
    format: Annotated[str, Query(pattern="^(json|csv|xlsx)$")] = "json",  # noqa: A002 - the query's own name
) -> Response:
    """Count incidents and visits; as JSON, CSV or XLSX."""
    where = division or actor.division_code
    require(actor, frozenset(Role), where)
    if period not in {"week", "month"}:
        raise InputError(f"{period[:20]!r} is no period", where="period", mend="give week or month")
    with service.database.connection() as connection:
        rows = statistics(
            connection,
            where,
            period="week" if period == "week" else "month",
            since=as_of_time(since),
            until=as_of_time(until),
        )
    if format == "json":
        return JsonResponse({"division_code": where, "period": period, "rows": rows})
    name = f"statistics-{where}-{period}-{dt.datetime.now(dt.UTC):%Y%m%d}.{format}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    body = as_csv(rows, language) if format == "csv" else as_xlsx(rows, language)
    kind = "text/csv; charset=utf-8" if format == "csv" else _XLSX
    return Response(body, media_type=kind, headers=headers)


async def _events(service: Service, actor: Actor, last: int | None) -> AsyncIterator[bytes]:
    prefix = reach_of(actor.division_code)
    # Listen first, then read what was missed: what falls between the two comes twice, not never.
    listener = service.feed.listen(asyncio.get_running_loop())
    seen: frozenset[int] = frozenset()
    try:
        yield b"retry: 2000\n: connected\n\n"
        horizon = service.feed.horizon
        if last is not None:
            missed = await run_in_threadpool(_missed, service, last)
            if missed is None:
                yield b"event: look_afresh\nid: %d\ndata: {}\n\n" % (horizon or 0)
            seen = frozenset(one.id for one in missed or ())
            yield b"".join(one.line for one in missed or () if one.concerns(prefix))
        elif horizon is not None:
            yield b"id: %d\n\n" % horizon
        while True:
            try:
                async with asyncio.timeout(_BEAT_S):
                    await listener.woken.wait()
            except TimeoutError:
                yield b": still here\n\n"
            news, over = listener.take()
            lines = b"".join(one.lines(prefix, seen) for one in news)
            if lines:
                yield lines
            if over:
                return
    finally:
        service.feed.leave(listener)


def _missed(service: Service, last: int) -> list[Told] | None:
    with (
        told(),
        psycopg.connect(service.database.plain_url, autocommit=True, connect_timeout=5) as connection,
    ):
        return service.feed.since(connection, last)


def _number(value: str) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > 18:
        raise InputError(
            "Last-Event-ID is no number of this feed", where="Last-Event-ID", mend="leave it out"
        )
    return int(value)
