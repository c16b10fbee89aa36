"""Routes of incidents: reporting, the queue, and every step up to the rating."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Header, Query, Request, UploadFile
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from gis.errors import InputError
from gis.service.access import Actor, require
from gis.service.api.json_response import JsonResponse
from gis.service.api.state import PerhapsActor, Service, TheActor, TheService
from gis.service.dispatch import dispatching, photos, queue, reporting
from gis.service.dispatch.addresses import find_places
from gis.service.dispatch.dispatching import Step
from gis.service.dispatch.reporting import OPEN_STATES, Report
from gis.service.dispatch.visits import record_visit
from gis.settings import CHINA_STANDARD_TIME
from gis.terms import Role

router = APIRouter(prefix="/api/v1", tags=["incidents"], default_response_class=JsonResponse)

PUBLIC_ACTOR = "resident"
PUBLIC_SOURCE = "resident_snapshot"
BATCH_ROWS = 1000

Key = Annotated[
    str | None, Header(alias="Idempotency-Key", description="The same key again: the same incident")
]


class ReportBody(BaseModel):
    """A report."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    category: str = Field(max_length=100)
    text: str = Field(min_length=1, max_length=reporting.LONGEST_TEXT)
    source: str = Field(PUBLIC_SOURCE, max_length=100)
    lon: float | str | None = Field(None, description="Longitude, or easting")
    lat: float | str | None = Field(None, description="Latitude, or northing")
    crs: str | None = Field(None, description="Their datum; required with them")
    accuracy_m: float | None = None
    confidence: float | None = None
    address: str | None = Field(None, max_length=200)
    reporter: str | None = Field(None, max_length=200, description="How to reach who reports")
    reported_at: dt.datetime | None = Field(None, description="When; now if not given")
    county: str | None = Field(None, description="The county, where there is no position")


class BatchBody(BaseModel):
    """Several reports; each is taken or refused by itself."""

    reports: list[dict[str, Any]] = Field(max_length=BATCH_ROWS)


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

    lon: float | str
    lat: float | str
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


class AddressBody(BaseModel):
    """An address as somebody wrote it."""

    model_config = ConfigDict(extra="forbid")

    q: str = Field(max_length=200)
    within: str | None = Field(None, description="Division code")
    limit: int = Field(8, ge=1, le=50)


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


@router.post("/incidents", status_code=201, summary="Report one incident")
def report_one(
    request: Request, service: TheService, actor: PerhapsActor, body: ReportBody, key: Key = None
) -> JsonResponse:
    """Take one report in: from a desk with a token, or from the public without one, at a limited rate."""
    done = _report(request, service, actor, _said(body, actor), key, body.county)
    return JsonResponse(done.as_dict(), status_code=200 if done.again else 201)


@router.post("/incidents/snapshot", status_code=201, summary="A resident's snapshot: a report with a photo")
def report_snapshot(
    request: Request,
    service: TheService,
    actor: PerhapsActor,
    category: Annotated[str, Form(max_length=100)],
    text: Annotated[str, Form(min_length=1, max_length=reporting.LONGEST_TEXT)],
    photo: Annotated[UploadFile | None, File()] = None,
    lon: Annotated[str | None, Form()] = None,
    lat: Annotated[str | None, Form()] = None,
    crs: Annotated[str | None, Form()] = None,
    accuracy_m: Annotated[float | None, Form()] = None,
    address: Annotated[str | None, Form(max_length=200)] = None,
    reporter: Annotated[str | None, Form(max_length=200)] = None,
    key: Key = None,
) -> JsonResponse:
    """Take a report with a photo in. The photo is stored without anything but the picture.

    Where no position is given and the photo holds one, the answer offers it; the report is not placed by it.
    """
    body = ReportBody(
        category=category,
        text=text,
        lon=lon or None,
        lat=lat or None,
        crs=crs or None,
        accuracy_m=accuracy_m,
        address=address or None,
        reporter=reporter or None,
    )
    name = offered = None
    if photo is not None and photo.filename:
        clean = photos.clean_photo(photo.file.read(photos.LARGEST_BYTES + 1))
        name = photos.store_photo(clean.content, service.photos)
        offered = clean.position
    try:
        done = _report(request, service, actor, _said(body, actor, name), key, None)
    except BaseException:
        photos.forget_photo(name, service.photos)
        raise
    if done.again:
        photos.forget_photo(name, service.photos)
    answer = done.as_dict()
    if offered is not None and lon is None:
        answer["photo_position"] = {"lon": offered[0], "lat": offered[1], "crs": "wgs84"}
    return JsonResponse(answer, status_code=200 if done.again else 201)


@router.post("/incidents/photo-position", summary="The position inside a photo; nothing is stored")
def photo_position(
    request: Request, service: TheService, photo: Annotated[UploadFile, File()]
) -> JsonResponse:
    """Read the position out of a photo so that it can be offered before a report is sent."""
    service.limiter.take(_client(request))
    position = photos.clean_photo(photo.file.read(photos.LARGEST_BYTES + 1)).position
    found = None if position is None else {"lon": position[0], "lat": position[1], "crs": "wgs84"}
    return JsonResponse({"position": found})


@router.post("/incidents/batch", summary="Report up to 1,000 incidents; each is taken or refused by itself")
def report_batch(
    request: Request, service: TheService, actor: TheActor, body: BatchBody, key: Key = None
) -> JsonResponse:
    """Take many reports in. A row that cannot be taken is named with the reason, and the others stay.

    With an Idempotency-Key the whole batch can be sent again: each row has a key of its own made from it.
    """
    require(actor, {Role.DISPATCHER})
    taken, refused = [], []
    for at, row in enumerate(body.reports):
        try:
            said = ReportBody.model_validate(row)
            row_key = f"{key}/{at}" if key else None
            done = _report(request, service, actor, _said(said, actor), row_key, said.county)
            taken.append({"row": at, **done.as_dict()})
        except ValueError as error:
            refused.append({"row": at, **_pydantic_words(error)})
        except InputError as error:
            refused.append({"row": at, **error.as_dict()["error"]})
    return JsonResponse({"taken": taken, "refused": refused})


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
def assign(service: TheService, actor: TheActor, number: str, body: AssignBody) -> JsonResponse:
    """Assign or transfer."""
    with service.database.connection() as connection:
        dispatching.assign(connection, number, body.grid_code, _step(actor, body))
        return JsonResponse(queue.one_incident(connection, actor, number))


@router.post("/incidents/{number}/accept", summary="Take it on")
def accept(service: TheService, actor: TheActor, number: str, body: StepBody) -> JsonResponse:
    """Accept."""
    with service.database.connection() as connection:
        dispatching.accept(connection, number, _step(actor, body))
        return JsonResponse(queue.one_incident(connection, actor, number))


@router.post("/incidents/{number}/resolve", summary="Close it, with what was done")
def resolve(service: TheService, actor: TheActor, number: str, body: StepBody) -> JsonResponse:
    """Resolve."""
    with service.database.connection() as connection:
        dispatching.resolve(connection, number, _step(actor, body))
        return JsonResponse(queue.one_incident(connection, actor, number))


@router.post("/incidents/{number}/escalate", summary="Report it up: to the community, then the street")
def escalate(service: TheService, actor: TheActor, number: str, body: StepBody) -> JsonResponse:
    """Escalate."""
    with service.database.connection() as connection:
        dispatching.escalate(connection, number, _step(actor, body))
        return JsonResponse(queue.one_incident(connection, actor, number))


@router.post("/incidents/{number}/return", summary="Return it one level, or to the queue; with a reason")
def give_back(service: TheService, actor: TheActor, number: str, body: StepBody) -> JsonResponse:
    """Return."""
    with service.database.connection() as connection:
        dispatching.give_back(connection, number, _step(actor, body))
        return JsonResponse({"incident_number": number})


@router.post("/incidents/{number}/move", summary="Correct its position; another owner is offered")
def move(service: TheService, actor: TheActor, number: str, body: MoveBody) -> JsonResponse:
    """Move the pin."""
    position = body.model_dump(include={"lon", "lat", "crs", "accuracy_m", "confidence"})
    counties = service.current.in_force.counties
    with service.database.connection() as connection:
        done = dispatching.move(connection, counties, service.settings, number, position, _step(actor, body))
        return JsonResponse({**queue.one_incident(connection, actor, number), "offer": done["offer"]})


@router.post("/incidents/{number}/merge", summary="Merge it into the one that it doubles")
def merge(service: TheService, actor: TheActor, number: str, body: MergeBody) -> JsonResponse:
    """Merge."""
    with service.database.connection() as connection:
        dispatching.merge(connection, number, body.into, _step(actor, body))
        return JsonResponse(queue.one_incident(connection, actor, body.into))


@router.post("/follow", summary="Follow what I reported")
def follow(request: Request, service: TheService, body: FollowBody) -> JsonResponse:
    """Tell a resident how far their report is. The code comes in the body, which no log holds."""
    service.limiter.take(_client(request))
    with service.database.connection() as connection:
        incident_id = dispatching.check_follow_up(connection, body.incident_number, body.follow_up)
        return JsonResponse(queue.followed(connection, incident_id))


@router.post("/incidents/{number}/rating", summary="Rate what I reported, once it is resolved")
def rate(request: Request, service: TheService, number: str, body: RateBody) -> JsonResponse:
    """Rate, as the resident who reported it."""
    service.limiter.take(_client(request))
    with service.database.connection() as connection:
        dispatching.rate(connection, number, body.follow_up, body.stars)
    return JsonResponse({"incident_number": number, "rating": body.stars})


@router.post("/visits", status_code=201, summary="Record a grid worker's visit, for the statistics")
def visit(service: TheService, actor: TheActor, body: VisitBody) -> JsonResponse:
    """Record a visit."""
    when = _aware(body.visited_at) if body.visited_at else dt.datetime.now(dt.UTC)
    with service.database.connection() as connection:
        record_visit(connection, actor, body.grid_code, when=when, kind=body.kind, households=body.households)
    return JsonResponse({"grid_code": body.grid_code, "visited_at": when}, status_code=201)


@router.get("/addresses", tags=["locate"], summary="Places that an address may mean")
def addresses(
    service: TheService,
    q: Annotated[str, Query(description="As somebody wrote it", max_length=200)],
    within: Annotated[str | None, Query(description="Division code")] = None,
    limit: Annotated[int, Query(ge=1, le=50)] = 8,
) -> JsonResponse:
    """Rank the places of the layers; `needs` says where the compound of a building is missing."""
    return _places(service, q, within, limit)


@router.post("/addresses", tags=["locate"], summary="The same; the address stays out of every URL")
def addresses_post(service: TheService, body: AddressBody) -> JsonResponse:
    """Rank the places of the layers for an address in the body, so that no log of addresses holds it."""
    return _places(service, body.q, body.within, body.limit)


def _places(service: Service, q: str, within: str | None, limit: int) -> JsonResponse:
    with service.database.connection() as connection:
        found = find_places(connection, q, within=within, limit=limit, outside=service.geocoder)
    return JsonResponse({"places": [place.as_dict() for place in found.places], "needs": found.needs})


def _said(body: ReportBody, actor: Actor | None, photo: str | None = None) -> Report:
    if (body.lon is None) != (body.lat is None):
        raise InputError("one of lon and lat is missing", where="lon, lat", mend="give both, or an address")
    public = actor is None
    return Report(
        category=body.category,
        source=PUBLIC_SOURCE if public else body.source,
        words=body.text,
        lon=body.lon,
        lat=body.lat,
        crs=body.crs,
        accuracy_m=body.accuracy_m,
        confidence=body.confidence,
        address=body.address,
        reporter=body.reporter,
        reported_at=None if public or body.reported_at is None else _aware(body.reported_at),
        photo=photo,
    )


def _report(
    request: Request, service: Service, actor: Actor | None, said: Report, key: str | None, county: str | None
) -> reporting.Reported:
    if actor is None:
        service.limiter.take(_client(request))
    else:
        require(actor, {Role.DISPATCHER})
    home = county or (actor.division_code[:6] + "000000" if actor else None)
    with service.database.connection() as connection:
        return reporting.report(
            connection,
            service.current.in_force.counties,
            service.settings,
            said,
            actor=actor.name if actor else PUBLIC_ACTOR,
            home=home,
            key=key,
            follow=actor is None,
        )


def _step(actor: Actor, body: StepBody) -> Step:
    return Step(actor, body.version, body.reason)


def _client(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def _aware(when: dt.datetime) -> dt.datetime:
    aware = when if when.tzinfo else when.replace(tzinfo=CHINA_STANDARD_TIME)
    if aware > dt.datetime.now(dt.UTC) + dt.timedelta(minutes=5):
        raise InputError("this is in the future", where="reported_at", mend="give when it was reported")
    return aware


def _pydantic_words(error: ValueError) -> dict[str, str]:
    first: list[dict[str, Any]] = getattr(error, "errors", list)()
    if not first:
        return {"code": "bad_input", "message": "the row cannot be read"}
    where = ".".join(str(part) for part in first[0]["loc"])
    return {"code": "bad_input", "where": where, "message": first[0]["msg"]}
