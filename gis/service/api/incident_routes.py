"""Routes of incidents: the queue, and every step up to the rating."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictStr
from sqlalchemy import Connection
from starlette.responses import Response

from gis.service.access import Actor
from gis.service.api.json_response import JsonResponse
from gis.service.api.state import Key, Service, TheActor, TheService, client_of, when_it_was
from gis.service.dispatch import dispatching, photos, queue
from gis.service.dispatch.once import once
from gis.service.dispatch.reporting import OPEN_STATES
from gis.service.dispatch.steps import Step
from gis.service.dispatch.visits import record_visit

router = APIRouter(prefix="/api/v1", tags=["incidents"], default_response_class=JsonResponse)


class StepBody(BaseModel):
    """What goes with a step."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    version: int | None = Field(
        None, description="The version that it was decided on; refused if it moved on"
    )
    reason: str | None = Field(None, max_length=1000)


class AssignBody(StepBody):
    """By hand, to a grid."""

    grid_code: str


class MoveBody(StepBody):
    """To another position."""

    lon: StrictFloat | StrictStr
    lat: StrictFloat | StrictStr
    crs: str | None = None
    accuracy_m: float | None = None
    confidence: float | None = None


class MergeBody(StepBody):
    """Into the incident that it doubles."""

    into: str


class VisitBody(BaseModel):
    """A grid worker's visit."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    grid_code: str
    visited_at: dt.datetime | None = Field(None, description="When; now if not given")
    kind: str = Field("patrol", min_length=1, max_length=40, description="patrol, household, follow-up")
    households: int = Field(1, ge=0, le=10_000, description="Households seen")


class RateBody(BaseModel):
    """What the resident made of it."""

    model_config = ConfigDict(extra="forbid")

    follow_up: str = Field(max_length=40)
    stars: int = Field(ge=1, le=5)


class FollowBody(BaseModel):
    """The number and code that were shown when it was reported."""

    model_config = ConfigDict(extra="forbid")

    incident_number: str = Field(max_length=40)
    follow_up: str = Field(max_length=40)


@router.get("/me", tags=["service"], summary="Whose token this is")
def me(actor: TheActor) -> JsonResponse:
    """Say who is asking, and how far they reach."""
    return JsonResponse({"name": actor.name, "role": actor.role, "division_code": actor.division_code})


@router.get("/incidents/kinds", summary="Categories with their time limits, and sources")
def kinds(service: TheService) -> JsonResponse:
    """List what an incident may be."""
    with service.database.connection() as connection:
        return JsonResponse(queue.kinds(connection))


@router.get("/incidents", summary="The queue of my division")
def incidents(
    service: TheService,
    actor: TheActor,
    state: Annotated[str | None, Query(description="Comma-separated; the open ones if not given")] = None,
    grid: str | None = None,
    limit: int = 300,
    offset: int = 0,
) -> JsonResponse:
    """List what needs a person first, then by deadline."""
    states = OPEN_STATES if state is None else tuple(part.strip() for part in state.split(","))
    with service.database.connection() as connection:
        return JsonResponse(
            queue.queue(connection, actor, states=states, grid_code=grid, limit=limit, offset=offset)
        )


@router.get("/incidents/{number}", summary="One incident with its history")
def incident(service: TheService, actor: TheActor, number: str) -> JsonResponse:
    """Return everything about one incident."""
    with service.database.connection() as connection:
        return JsonResponse(queue.one_incident(connection, actor, number))


@router.get("/incidents/{number}/photo", summary="The photo of an incident")
def incident_photo(service: TheService, actor: TheActor, number: str) -> Response:
    """Return the photo; it may show people, so no cache may keep it."""
    with service.database.connection() as connection:
        name = queue.photo_of(connection, actor, number)
    content = photos.read_photo(name, service.photos)
    return Response(content, media_type="image/jpeg", headers={"Cache-Control": "no-store"})


@router.post("/incidents/{number}/assign", summary="Give it to a grid by hand, or transfer it; with a reason")
def assign(
    service: TheService, actor: TheActor, number: str, body: AssignBody, key: Key = None
) -> JsonResponse:
    """Assign or transfer."""
    return _made(
        service,
        actor,
        number,
        "assign",
        body,
        key,
        lambda connection, number, step: dispatching.assign(connection, number, body.grid_code, step),
    )


@router.post("/incidents/{number}/accept", summary="Take it on")
def accept(
    service: TheService, actor: TheActor, number: str, body: StepBody, key: Key = None
) -> JsonResponse:
    """Accept."""
    return _made(service, actor, number, "accept", body, key, dispatching.accept)


@router.post("/incidents/{number}/resolve", summary="Close it, with what was done")
def resolve(
    service: TheService, actor: TheActor, number: str, body: StepBody, key: Key = None
) -> JsonResponse:
    """Resolve."""
    return _made(service, actor, number, "resolve", body, key, dispatching.resolve)


@router.post("/incidents/{number}/escalate", summary="Report it up: to the community, then the street")
def escalate(
    service: TheService, actor: TheActor, number: str, body: StepBody, key: Key = None
) -> JsonResponse:
    """Escalate."""
    return _made(service, actor, number, "escalate", body, key, dispatching.escalate)


@router.post("/incidents/{number}/return", summary="Return it one level, or to the queue; with a reason")
def give_back(
    service: TheService, actor: TheActor, number: str, body: StepBody, key: Key = None
) -> JsonResponse:
    """Return. Who returns it may not reach it any more, so only its number is told."""
    return _made(service, actor, number, "return", body, key, dispatching.give_back, shown=None)


@router.post("/incidents/{number}/move", summary="Correct its position; another owner is offered")
def move(service: TheService, actor: TheActor, number: str, body: MoveBody, key: Key = None) -> JsonResponse:
    """Move the pin."""
    position = body.model_dump(include={"lon", "lat", "crs", "accuracy_m", "confidence"})
    counties = service.current.in_force.counties

    def moved(connection: Connection, number: str, step: Step) -> dict[str, Any]:
        done = dispatching.move(connection, counties, service.settings, number, position, step)
        return {"offer": done["offer"]}

    return _made(service, actor, number, "move", body, key, moved)


@router.post("/incidents/{number}/merge", summary="Merge it into the one that it doubles")
def merge(
    service: TheService, actor: TheActor, number: str, body: MergeBody, key: Key = None
) -> JsonResponse:
    """Merge."""
    return _made(
        service,
        actor,
        number,
        "merge",
        body,
        key,
        lambda connection, number, step: dispatching.merge(connection, number, body.into, step),
        shown=body.into,
    )


@router.post("/follow", summary="Follow what I reported")
def follow(request: Request, service: TheService, body: FollowBody) -> JsonResponse:
    """Tell a resident how far their report is. The code comes in the body, which no log holds."""
    service.limiter.take(client_of(request))
    with service.database.connection() as connection:
        incident_id = dispatching.check_follow_up(connection, body.incident_number, body.follow_up)
        return JsonResponse(queue.followed(connection, incident_id))


@router.post("/incidents/{number}/rating", summary="Rate what I reported, once it is resolved")
def rate(request: Request, service: TheService, number: str, body: RateBody, key: Key = None) -> JsonResponse:
    """Rate, as the resident who reported it."""
    service.limiter.take(client_of(request))
    asked = {"act": "rate", "incident_number": number, **body.model_dump()}

    def rated() -> dict[str, Any]:
        dispatching.rate(connection, number, body.follow_up, body.stars)
        return {}

    with service.database.connection() as connection:
        once(connection, "resident", key, asked, rated)
    return JsonResponse({"incident_number": number, "rating": body.stars})


@router.post("/visits", status_code=201, summary="Record a grid worker's visit, for the statistics")
def visit(service: TheService, actor: TheActor, body: VisitBody, key: Key = None) -> JsonResponse:
    """Record a visit."""
    when = when_it_was(body.visited_at) if body.visited_at else dt.datetime.now(dt.UTC)

    def visited() -> dict[str, Any]:
        record_visit(connection, actor, body.grid_code, when=when, kind=body.kind, households=body.households)
        return {"grid_code": body.grid_code, "visited_at": when.isoformat()}

    with service.database.connection() as connection:
        done = once(connection, actor.name, key, {"act": "visit", **body.model_dump()}, visited)
    return JsonResponse(dict(done), status_code=201)


def _made(
    service: Service,
    actor: Actor,
    number: str,
    name: str,
    body: StepBody,
    key: str | None,
    act: Callable[[Connection, str, Step], Mapping[str, Any] | str],
    *,
    shown: str | None = "",
) -> JsonResponse:
    """Make a step, once for a key, and answer with the incident as it is now.

    ``shown`` is another incident to answer with, or None for none but its number.
    """
    asked = {"act": name, "incident_number": number, **body.model_dump()}
    with service.database.connection() as connection:

        def made() -> Mapping[str, Any]:
            done = act(connection, number, Step(actor, body.version, body.reason))
            return done if isinstance(done, Mapping) else {}

        kept = once(connection, actor.name, key, asked, made)
        if shown is None:
            return JsonResponse({"incident_number": number})
        return JsonResponse({**queue.one_incident(connection, actor, shown or number), **kept})
