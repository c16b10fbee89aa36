"""Routes that show a place: communities, public layers, checks, texts, and whether the service is well."""

from __future__ import annotations

import hashlib
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from gis.codes import check_code
from gis.errors import NotFoundError
from gis.service import places
from gis.service.access import reach_of, require
from gis.service.api.json_response import JsonResponse, as_json
from gis.service.api.state import TheActor, TheService
from gis.service.checking import check_community
from gis.terms import Role
from gis.texts import LANGUAGES, Language, catalogue

router = APIRouter(default_response_class=JsonResponse)

_PAGE_TEXTS = (
    "pages.", "dispatch.", "studio.", "planning.", "proposals.", "terms.", "incidents.",
    "residents.wrong_entry.",
)  # fmt: skip
_STAFF = frozenset({Role.PLANNER, Role.DISPATCHER})


@router.get("/healthz", tags=["service"], summary="Whether the service answers, and from what")
async def health(service: TheService) -> JsonResponse:
    """Say which editions are in force, when that was last confirmed, and whether the database is away."""
    current = service.current
    editions = [compiled.edition.as_dict() for compiled in current.in_force.counties.values()]
    return JsonResponse(
        {
            "status": "degraded" if current.away else "ok",
            "database": "away" if current.away else "ok",
            "checked_at": current.checked_at,
            "editions": editions,
        }
    )


@router.get("/api/v1/texts/{language}", tags=["pages"], summary="Every text of the pages in one language")
async def texts(request: Request, language: Language) -> Response:
    """Return the catalogue that the pages' scripts read."""
    if language not in LANGUAGES:
        raise NotFoundError(f"there are no texts in {language!r}", mend="choose zh or en")
    found = {key: value for key, value in catalogue(language).items() if key.startswith(_PAGE_TEXTS)}
    return _marked(request, as_json(found), "application/json")


@router.get("/api/v1/communities", tags=["places"], summary="The communities with grids in force")
async def communities(service: TheService) -> JsonResponse:
    """List the communities; answered from memory."""
    return JsonResponse({"communities": places.communities(service.current.in_force)})


@router.get(
    "/api/v1/communities/{community_code}/check", tags=["places"], summary="Sizes and faults of a division"
)
def check(service: TheService, actor: TheActor, community_code: str) -> JsonResponse:
    """Check the grids in force of a community. For staff: it counts households, which nobody else is told."""
    require(actor, _STAFF, check_code(community_code, "community_code"))
    with service.database.connection() as connection:
        checked = check_community(connection, community_code, service.settings)
    edition = checked.edition.as_dict() if checked.edition else None
    return JsonResponse({"edition": edition, "title": checked.title, **checked.report.as_dict()})


@router.get("/api/v1/layers/{layer}", tags=["places"], summary="A public layer as GeoJSON")
def layer_geojson(
    request: Request,
    service: TheService,
    layer: str,
    division: Annotated[str, Query(description="12 digits of a county, street or community")],
) -> Response:
    """Return a layer as the public may see it: no counts, no private numbers."""
    check_code(division, "division_code")
    with service.database.connection() as connection:
        body = places.public_layer(connection, layer, reach_of(division))
    return _marked(request, body, "application/geo+json")


def _marked(request: Request, body: bytes, kind: str) -> Response:
    """Answer with a mark of the content, or with 304 to who has it already."""
    mark = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    headers = {"ETag": mark, "Cache-Control": "no-cache"}
    # A proxy that packs the body makes the mark a weak one.
    if mark in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=kind, headers=headers)
