"""Routes that keep what residents are given good: wrong and old entries, and who lives too far off."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, File, Form, Request, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from gis.service.access import require
from gis.service.api import coverage_routes
from gis.service.api.json_response import JsonResponse
from gis.service.api.state import Key, TheActor, TheService, client_of
from gis.service.dispatch import photos
from gis.service.residents import verifying
from gis.terms import Role

router = APIRouter(tags=["residents"], default_response_class=JsonResponse)
router.include_router(coverage_routes.router)

_STAFF = frozenset({Role.PLANNER, Role.DISPATCHER})


What = Literal["closed", "moved", "phone", "hours", "access", "other"]


class WrongEntryBody(BaseModel):
    """What is wrong with an entry."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    what: What
    words: str = Field("", max_length=verifying.LONGEST_WORDS)
    reporter: str | None = Field(
        None, max_length=200, description="How to reach who says so, if they want that"
    )


@router.post(
    "/api/v1/service-points/{point_code}/wrong",
    status_code=201,
    summary="Say that the entry of a service point is wrong",
)
def wrong_entry(
    request: Request,
    service: TheService,
    point_code: str,
    body: WrongEntryBody,
    key: Key = None,
) -> JsonResponse:
    """Take a resident's word that an entry is wrong, at a limited rate; it becomes an incident."""
    service.limiter.take(client_of(request))
    with service.database.connection() as connection:
        done = verifying.report_wrong_entry(
            connection,
            service.current.in_force.counties,
            service.settings,
            point_code,
            body.what,
            words=body.words,
            reporter=body.reporter,
            key=key,
        )
    return JsonResponse(done.as_dict(), status_code=200 if done.again else 201)


@router.post(
    "/api/v1/service-points/{point_code}/wrong/snapshot",
    status_code=201,
    summary="Say that the entry of a service point is wrong, with a photo",
)
def wrong_entry_snapshot(
    request: Request,
    service: TheService,
    point_code: str,
    what: Annotated[What, Form()],
    words: Annotated[str, Form(max_length=verifying.LONGEST_WORDS)] = "",
    reporter: Annotated[str | None, Form(max_length=200)] = None,
    photo: Annotated[UploadFile | None, File()] = None,
    lon: Annotated[float | None, Form(ge=-180, le=180, description="Where it is, in WGS84")] = None,
    lat: Annotated[float | None, Form(ge=-90, le=90)] = None,
    key: Key = None,
) -> JsonResponse:
    """Take a resident's word with a photo, which is stored without anything but the picture.

    The position inside is offered in the answer and goes no further unless it is sent as ``lon``, ``lat``.
    """
    service.limiter.take(client_of(request))
    sent = photo.file if photo is not None and photo.filename else None
    with photos.taken_photo(sent, service.photos) as taken, service.database.connection() as connection:
        done = verifying.report_wrong_entry(
            connection,
            service.current.in_force.counties,
            service.settings,
            point_code,
            what,
            words=words.strip(),
            reporter=(reporter or "").strip() or None,
            key=key,
            photo=taken.name,
            seen_at=None if lon is None or lat is None else (lon, lat),
        )
        taken.again = done.again
    answer = {**done.as_dict(), **(taken.offered() if lon is None else {})}
    return JsonResponse(answer, status_code=200 if done.again else 201)


@router.get(
    "/api/v1/divisions/{division_code}/stale-entries", summary="Service points that nobody checked for long"
)
def stale_entries(service: TheService, actor: TheActor, division_code: str) -> JsonResponse:
    """List the entries to be checked again, for staff."""
    require(actor, _STAFF, division_code)
    with service.database.connection() as connection:
        found = verifying.stale_entries(connection, division_code, service.settings)
    return JsonResponse({"verified_within_days": service.settings.verified_within_days, "entries": found})
