"""Routes of what becomes of a plan: proposals for it, its review, its publication, and the way back."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
from collections.abc import AsyncIterator
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Header, Query, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from gis.service.access import Actor
from gis.service.api.json_response import JsonResponse, as_json
from gis.service.api.state import Service, TheActor, TheService
from gis.service.plans import plan_editions, proposing, publishing, reviewing
from gis.service.plans.proposal_runner import runner_of
from gis.service.plans.proposing import ENDED

router = APIRouter(default_response_class=JsonResponse)

_LOOK_S = 0.4
_BREATH_S = 10.0
_COME_BACK_S = 2
_STREAM_HEADERS = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}
"""No proxy is to keep an event back until it has a bufferful, or to pack it."""


class Wish(BaseModel):
    """What to look for."""

    goal: str = Field("minimal-change", description="minimal-change, compact or balanced")
    seconds: float = Field(30.0, ge=1, le=600, description="How long to search")
    seed: int = Field(0, description="The same seed gives the same plans")
    k: int | None = Field(None, ge=1, description="How many grids, where that is settled")
    households_min: int | None = Field(None, ge=1)
    households_max: int | None = Field(None, ge=1)


class Choice(BaseModel):
    """A proposal that was chosen."""

    version: int
    number: int = Field(description="Which of its plans, from 0")


class Publication(BaseModel):
    """A plan to publish."""

    version: int = Field(description="The version that was reviewed")
    effective_from: dt.datetime | None = Field(None, description="With its zone; now if missing")
    waivers: dict[str, str] = Field(default_factory=dict, description="Key of a failure → reason")
    note: str | None = Field(None, max_length=500, description="What changed, in words")


class Return(BaseModel):
    """A former edition to go back to."""

    number: int
    reason: str
    effective_from: dt.datetime | None = None


class Seen(BaseModel):
    """The version that was seen."""

    version: int


@router.get("/plans/{plan_id}/review", summary="What a plan would become, and what stands in its way")
def review(
    service: TheService,
    actor: TheActor,
    plan_id: int,
    effective_from: Annotated[dt.datetime | None, Query(description="Now if missing")] = None,
) -> JsonResponse:
    """Check it, number its grids, and list the incidents and staff that would move; nothing is changed."""
    with service.database.connection() as connection:
        found = reviewing.review_plan(connection, actor, plan_id, effective_from)
        return JsonResponse(found.as_dict())


@router.post("/plans/{plan_id}/publish", summary="Publish a plan as the next edition")
def publish(service: TheService, actor: TheActor, plan_id: int, wanted: Publication) -> JsonResponse:
    """Publish it in one transaction, or refuse it and say what stands in its way."""
    with service.database.connection() as connection:
        done = publishing.publish_plan(
            connection,
            actor,
            plan_id,
            wanted.version,
            effective_from=wanted.effective_from,
            waivers=wanted.waivers,
            note=wanted.note,
        )
    if done.edition.effective_from <= dt.datetime.now(dt.UTC):
        service.current.refresh()
    return JsonResponse(done.as_dict())


@router.post("/plans/{plan_id}/rebase", summary="Put a draft on the latest edition")
def rebase(service: TheService, actor: TheActor, plan_id: int, wanted: Seen) -> JsonResponse:
    """Compare it with the latest edition from here on; every unit stays in its grid."""
    with service.database.connection() as connection:
        draft = publishing.rebase_plan(connection, actor, plan_id, wanted.version)
        return JsonResponse({"plan": draft.row.as_dict()})


@router.get("/plans/{plan_id}/news", summary="What the latest edition changed since a plan was begun")
def news(service: TheService, actor: TheActor, plan_id: int) -> JsonResponse:
    """List the units that it put elsewhere than the plan's base has them."""
    with service.database.connection() as connection:
        return JsonResponse(plan_editions.news_since(connection, actor, plan_id))


@router.get("/communities/{community_code}/editions", summary="The editions of a community's county")
def editions(service: TheService, actor: TheActor, community_code: str) -> JsonResponse:
    """List them, the latest first, with how much each changed in the community."""
    with service.database.connection() as connection:
        return JsonResponse({"editions": plan_editions.list_editions(connection, actor, community_code)})


@router.post("/communities/{community_code}/rollback", summary="Go back to a former edition's grids")
def rollback(service: TheService, actor: TheActor, community_code: str, wanted: Return) -> JsonResponse:
    """Publish the former state once more, as a new edition."""
    with service.database.connection() as connection:
        edition = publishing.roll_back(
            connection,
            actor,
            community_code,
            wanted.number,
            effective_from=wanted.effective_from,
            reason=wanted.reason,
        )
    if edition.effective_from <= dt.datetime.now(dt.UTC):
        service.current.refresh()
    return JsonResponse({"edition": edition.as_dict()})


@router.post("/plans/{plan_id}/proposals", status_code=202, summary="Ask for proposals")
def ask(service: TheService, actor: TheActor, plan_id: int, wanted: Wish) -> JsonResponse:
    """Start a search in a process of its own; follow it under ``events``."""
    with service.database.connection() as connection:
        job = proposing.ask_proposal(connection, actor, plan_id, wanted.model_dump())
    runner_of(service.database).wake()
    return JsonResponse(job, status_code=202)


@router.get("/plans/{plan_id}/proposals", summary="A plan's searches")
def proposals(service: TheService, actor: TheActor, plan_id: int) -> JsonResponse:
    """List them, the latest first; what a former server left waiting goes on."""
    with service.database.connection() as connection:
        found = proposing.list_proposals(connection, actor, plan_id)
    if any(job["state"] in {"waiting", "running"} for job in found):
        runner_of(service.database).wake()
    return JsonResponse({"proposals": found})


@router.get("/plans/{plan_id}/proposals/{proposal_id}", summary="How far a search is, and what it found")
def proposal(service: TheService, actor: TheActor, plan_id: int, proposal_id: int) -> JsonResponse:
    """Show the best so far at any time."""
    with service.database.connection() as connection:
        return JsonResponse(proposing.show_proposal(connection, actor, plan_id, proposal_id))


@router.post("/plans/{plan_id}/proposals/{proposal_id}/cancel", summary="Stop a search")
def cancel(service: TheService, actor: TheActor, plan_id: int, proposal_id: int) -> JsonResponse:
    """Ask it to stop; what it found stays."""
    with service.database.connection() as connection:
        return JsonResponse(proposing.cancel_proposal(connection, actor, plan_id, proposal_id))


@router.post("/plans/{plan_id}/proposals/{proposal_id}/adopt", summary="Choose one of the proposals")
def adopt(
    service: TheService, actor: TheActor, plan_id: int, proposal_id: int, wanted: Choice
) -> JsonResponse:
    """Put the plan's units into the proposal's grids, as one step that can be undone."""
    with service.database.connection() as connection:
        done = proposing.adopt_proposal(
            connection, actor, plan_id, wanted.version, proposal_id, wanted.number
        )
        return JsonResponse(done.as_dict())


@router.get(
    "/plans/{plan_id}/proposals/{proposal_id}/events",
    summary="Follow a search",
    response_class=StreamingResponse,
)
async def events(
    request: Request,
    service: TheService,
    actor: TheActor,
    plan_id: int,
    proposal_id: int,
    last_event_id: Annotated[str | None, Header(description="The last event that was seen")] = None,
) -> Response:
    """Send a server-sent event whenever the search has got further, until it ends.

    Every event tells the whole of how it stands, so whoever was cut off misses nothing by coming back; who
    comes back with the last event of a search that has ended is told, by 204, not to come again.
    """
    told = _told(await run_in_threadpool(_job, service, actor, plan_id, proposal_id))
    if told.ended and told.id == last_event_id:
        return Response(status_code=204)
    stream = _follow(request, service, actor, plan_id, proposal_id, last_event_id)
    return StreamingResponse(stream, media_type="text/event-stream", headers=_STREAM_HEADERS)


class _Told(NamedTuple):
    """One event: its name for whoever comes back, its bytes, and whether it is the last."""

    id: str
    body: bytes
    ended: bool


async def _follow(
    request: Request, service: Service, actor: Actor, plan_id: int, proposal_id: int, seen: str | None
) -> AsyncIterator[bytes]:
    # Sent at once: a proxy passes the head on with the first bytes.
    yield b"retry: %d\n\n" % (_COME_BACK_S * 1000)
    quiet = 0.0
    while not await request.is_disconnected():
        told = _told(await run_in_threadpool(_job, service, actor, plan_id, proposal_id))
        if told.id != seen:
            seen, quiet = told.id, 0.0
            yield told.body
        if told.ended:
            return
        await asyncio.sleep(_LOOK_S)
        quiet += _LOOK_S
        if quiet >= _BREATH_S:
            # A proxy closes a stream that says nothing for long.
            quiet = 0.0
            yield b": still searching\n\n"


def _told(job: dict[str, Any]) -> _Told:
    """Make the event of a job as it stands; what it found is asked for once, at the end."""
    news = as_json({key: job[key] for key in ("id", "state", "progress")})
    name = hashlib.sha256(news).hexdigest()[:16]
    body = b"id: %s\nevent: progress\ndata: %s\n\n" % (name.encode(), news)
    return _Told(name, body, job["state"] in ENDED)


def _job(service: Service, actor: Actor, plan_id: int, proposal_id: int) -> dict[str, Any]:
    with service.database.connection() as connection:
        return proposing.show_proposal(connection, actor, plan_id, proposal_id)
