"""Routes by which incidents come in: one, several, and a resident's snapshot with a photo."""

from __future__ import annotations

import asyncio
import datetime as dt
from concurrent.futures import Future
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Request, UploadFile
from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictStr
from starlette.concurrency import run_in_threadpool

from gis.errors import ConflictError, InputError
from gis.service.access import require
from gis.service.api.json_response import JsonResponse
from gis.service.api.state import Key, TheActor, TheService, TheToken, client_of, when_it_was
from gis.service.dispatch import photos
from gis.service.dispatch.reporting import Report, Reported, Sent
from gis.service.dispatch.reports import LONGEST_TEXT
from gis.terms import Role

router = APIRouter(prefix="/api/v1", tags=["incidents"], default_response_class=JsonResponse)

PUBLIC_ACTOR = "resident"
PUBLIC_SOURCE = "resident_snapshot"
BATCH_ROWS = 1000


class ReportBody(BaseModel):
    """A report."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    category: str = Field(max_length=100)
    text: str = Field(min_length=1, max_length=LONGEST_TEXT)
    source: str = Field(PUBLIC_SOURCE, max_length=100)
    # Strict: true is no 1.
    lon: StrictFloat | StrictStr | None = Field(None, description="Longitude, or easting")
    lat: StrictFloat | StrictStr | None = Field(None, description="Latitude, or northing")
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


@router.post("/incidents", status_code=201, summary="Report one incident")
async def report_one(
    request: Request, service: TheService, token: TheToken, body: ReportBody, key: Key = None
) -> JsonResponse:
    """Take one report in: from a desk with a token, or from the public without one, at a limited rate."""
    if token is None:
        await run_in_threadpool(service.limiter.take, client_of(request))
    sent = _sent(token, _said(body, public=token is None), key, body.county)
    done = await asyncio.wrap_future(service.intake.send(sent))
    return JsonResponse(done.as_dict(), status_code=200 if done.again else 201)


@router.post("/incidents/snapshot", status_code=201, summary="A resident's snapshot: a report with a photo")
def report_snapshot(
    request: Request,
    service: TheService,
    token: TheToken,
    category: Annotated[str, Form(max_length=100)],
    text: Annotated[str, Form(min_length=1, max_length=LONGEST_TEXT)],
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
    if token is None:
        service.limiter.take(client_of(request))
    sent = photo.file if photo is not None and photo.filename else None
    with photos.taken_photo(sent, service.photos) as taken:
        said = _said(body, taken.name, public=token is None)
        done = service.intake.send(_sent(token, said, key, None)).result()
        taken.again = done.again
    offered = taken.offered() if lon is None else {}
    return JsonResponse({**done.as_dict(), **offered}, status_code=200 if done.again else 201)


@router.post("/incidents/photo-position", summary="The position inside a photo; nothing is stored")
def photo_position(
    request: Request, service: TheService, photo: Annotated[UploadFile, File()]
) -> JsonResponse:
    """Read the position out of a photo so that it can be offered before a report is sent."""
    service.limiter.take(client_of(request))
    position = photos.clean_photo(photo.file.read(photos.LARGEST_BYTES + 1)).position
    found = None if position is None else {"lon": position[0], "lat": position[1], "crs": "wgs84"}
    return JsonResponse({"position": found})


@router.post("/incidents/batch", summary="Report up to 1,000 incidents; each is taken or refused by itself")
def report_batch(
    service: TheService, actor: TheActor, token: TheToken, body: BatchBody, key: Key = None
) -> JsonResponse:
    """Take many reports in. A row that cannot be taken is named with the reason, and the others stay.

    With an Idempotency-Key the whole batch can be sent again: each row has a key of its own made from it.
    """
    require(actor, {Role.DISPATCHER})
    sent: list[tuple[int, Future[Reported]]] = []
    taken: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    for at, row in enumerate(body.reports):
        try:
            said = ReportBody.model_validate(row)
            row_key = f"{key}/{at}" if key else None
            one = _sent(token, _said(said, public=False), row_key, said.county)
            sent.append((at, service.intake.send(one)))
        except ValueError as error:
            refused.append({"row": at, **_pydantic_words(error)})
        except InputError as error:
            refused.append({"row": at, **error.as_dict()["error"]})
    for at, promise in sent:
        try:
            taken.append({"row": at, **promise.result().as_dict()})
        except (InputError, ConflictError) as error:
            refused.append({"row": at, **error.as_dict()["error"]})
    refused.sort(key=lambda one: one["row"])
    return JsonResponse({"taken": taken, "refused": refused})


def _said(body: ReportBody, photo: str | None = None, *, public: bool) -> Report:
    if (body.lon is None) != (body.lat is None):
        raise InputError("one of lon and lat is missing", where="lon, lat", mend="give both, or an address")
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
        reported_at=None if public or body.reported_at is None else when_it_was(body.reported_at),
        photo=photo,
    )


def _sent(token: str | None, said: Report, key: str | None, county: str | None) -> Sent:
    return Sent(said, PUBLIC_ACTOR, token=token, home=county, key=key, follow=token is None)


def _pydantic_words(error: ValueError) -> dict[str, str]:
    first: list[dict[str, Any]] = getattr(error, "errors", list)()
    if not first:
        return {"code": "bad_input", "message": "the row cannot be read"}
    where = ".".join(str(part) for part in first[0]["loc"])
    return {"code": "bad_input", "where": where, "message": first[0]["msg"]}
