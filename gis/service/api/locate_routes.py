"""Routes that name the owner of a point."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from starlette.concurrency import run_in_threadpool

from gis.service.api.json_response import JsonResponse
from gis.service.api.state import Service, TheLanguage, TheService
from gis.service.owning.answers import answer_as_dict
from gis.service.owning.locating import county_of_point, locate
from gis.service.owning.questions import as_of_time, read_question
from gis.texts import Language

router = APIRouter(prefix="/api/v1", tags=["locate"], default_response_class=JsonResponse)


Number = Annotated[object, WithJsonSchema({"type": ["number", "string"]})]
"""Whatever was sent for a number: :func:`read_question` reads them all by one rule, and says what is none."""


class LocateBody(BaseModel):
    """A point to be located."""

    model_config = ConfigDict(extra="forbid")

    lon: Number = Field(description="Longitude, or easting")
    lat: Number = Field(description="Latitude, or northing")
    crs: str | None = Field(None, description="cgcs2000, wgs84, gcj02, bd09 or an EPSG code; required")
    accuracy_m: Number = Field(None, description="Radius in metres")
    confidence: Number = Field(None, description="Probability that the radius stands for; 0.95 if not given")
    layers: list[str] | None = Field(None, description="basic, exclusive, micro; all if not given")
    as_of: str | None = Field(None, description="A date or time; now if not given")


@router.get("/locate", summary="Which grid owns this point")
async def locate_get(
    service: TheService,
    language: TheLanguage,
    lon: Annotated[str, Query(description="Longitude, or easting")],
    lat: Annotated[str, Query(description="Latitude, or northing")],
    crs: Annotated[
        str | None, Query(description="cgcs2000, wgs84, gcj02, bd09 or an EPSG code; required")
    ] = None,
    accuracy_m: Annotated[str | None, Query(description="Radius in metres")] = None,
    confidence: Annotated[str | None, Query(description="Probability that the radius stands for")] = None,
    layers: Annotated[str | None, Query(description="basic,exclusive,micro; all if not given")] = None,
    as_of: Annotated[str | None, Query(description="A date or time; now if not given")] = None,
) -> JsonResponse:
    """Name the owner of one point, with how sure that is, whom to call, and why."""
    wanted = None if layers is None else [layer.strip() for layer in layers.split(",")]
    point = {"lon": lon, "lat": lat, "crs": crs, "accuracy_m": accuracy_m, "confidence": confidence}
    return JsonResponse(await _located(service, language, point, wanted, as_of))


@router.post("/locate", summary="Which grid owns this point; the position stays out of every address")
async def locate_post(service: TheService, language: TheLanguage, body: LocateBody) -> JsonResponse:
    """Name the owner of one point, given in the body so that no log of addresses holds it."""
    point = body.model_dump(include={"lon", "lat", "crs", "accuracy_m", "confidence"})
    return JsonResponse(await _located(service, language, point, body.layers, body.as_of))


async def _located(
    service: Service, language: Language, point: dict[str, Any], layers: list[str] | None, as_of: str | None
) -> dict[str, Any]:
    when = as_of_time(as_of)
    counties = service.current.in_force.counties
    question = read_question(**point, in_force=counties.values())
    if when is not None:
        code = county_of_point(counties, question.lon, question.lat).edition.county_code
        # An edition of another day is compiled when it is first asked for; that is no work for the loop.
        counties = {code: await run_in_threadpool(service.current.at, code, when)}
    answer = locate(counties, question, service.settings, layers=layers)
    return answer_as_dict(
        answer,
        service.settings,
        language,
        away=service.current.away and when is None,
        away_since=service.current.checked_at,
    )
