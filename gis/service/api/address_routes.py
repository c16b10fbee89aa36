"""Routes that name the places that an address may mean."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from gis.service.api.json_response import JsonResponse
from gis.service.api.state import Service, TheService
from gis.service.dispatch.addresses import find_places

router = APIRouter(prefix="/api/v1", tags=["locate"], default_response_class=JsonResponse)


class AddressBody(BaseModel):
    """An address as somebody wrote it."""

    model_config = ConfigDict(extra="forbid")

    q: str = Field(max_length=200)
    within: str | None = Field(None, description="Division code")
    limit: int = Field(8, ge=1, le=50)


@router.get("/addresses", summary="Places that an address may mean")
def addresses(
    service: TheService,
    q: Annotated[str, Query(description="As somebody wrote it", max_length=200)],
    within: Annotated[str | None, Query(description="Division code")] = None,
    limit: Annotated[int, Query(ge=1, le=50)] = 8,
) -> JsonResponse:
    """Rank the places of the layers; `needs` says where the compound of a building is missing."""
    return _places(service, q, within, limit)


@router.post("/addresses", summary="The same; the address stays out of every URL")
def addresses_post(service: TheService, body: AddressBody) -> JsonResponse:
    """Rank the places of the layers for an address in the body, so that no log of addresses holds it."""
    return _places(service, body.q, body.within, body.limit)


def _places(service: Service, q: str, within: str | None, limit: int) -> JsonResponse:
    with service.database.connection() as connection:
        found = find_places(connection, q, within=within, limit=limit, outside=service.geocoder)
    return JsonResponse({"places": [place.as_dict() for place in found.places], "needs": found.needs})
