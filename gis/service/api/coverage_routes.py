"""Routes of the quarter-hour circle: who lives too far off, where a point would help, and the page of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, Response

from gis.service.access import Actor, require
from gis.service.api.json_response import JsonResponse
from gis.service.api.pages import render
from gis.service.api.state import Service, TheActor, TheLanguage, TheService
from gis.service.residents import coverage_page, walking
from gis.service.residents.suggesting import suggest_points
from gis.terms import Role

router = APIRouter(default_response_class=JsonResponse)

_PLANNERS = frozenset({Role.PLANNER})

Minutes = Annotated[float, Query(gt=0, le=60, description="What counts as within reach")]
WalkingGroup = Annotated[
    walking.Group, Query(description="Whose walking speed: the settings have one for each")
]
Speed = Annotated[
    float | None, Query(ge=0.1, le=5, description="Metres a second, in place of the group's speed")
]
Count = Annotated[int, Query(ge=1, le=5, description="How many new points")]


def _measured(service: Service, actor: Actor, community_code: str, **asked: Any) -> walking.CommunityCoverage:
    require(actor, _PLANNERS, community_code)
    with service.database.connection() as connection:
        return walking.community_coverage(connection, community_code, service.settings, **asked)


@router.get(
    "/api/v1/communities/{community_code}/coverage", summary="Households within a quarter of an hour of what"
)
def coverage(
    service: TheService,
    actor: TheActor,
    community_code: str,
    minutes: Minutes = 15.0,
    group: WalkingGroup = "adult",
    speed: Speed = None,
) -> JsonResponse:
    """Count the households within reach of each category, by grid and in all, for planners."""
    asked = {"limit_minutes": minutes, "group": group, "speed_m_s": speed}
    return JsonResponse(_measured(service, actor, community_code, **asked).as_dict())


@router.get(
    "/api/v1/communities/{community_code}/coverage/{category}",
    summary="Homes left out, and where a point would help",
)
def left_out(
    service: TheService,
    actor: TheActor,
    community_code: str,
    category: str,
    minutes: Minutes = 15.0,
    group: WalkingGroup = "adult",
    speed: Speed = None,
    count: Count = 1,
    goal: Annotated[Literal["cover", "shorten"], Query(description="What they are to achieve")] = "cover",
) -> JsonResponse:
    """List the homes that are too far from a category, and the best places for new points with their gain."""
    asked = {"limit_minutes": minutes, "group": group, "speed_m_s": speed}
    measured = _measured(service, actor, community_code, **asked)
    suggested = suggest_points(measured, category, count, goal=goal)
    known = category in measured.coverage.categories
    return JsonResponse(
        {
            "edition": measured.edition.as_dict(),
            "method": measured.basis,
            "left_out": measured.left_out(category) if known else None,
            "suggestion": suggested.as_dict(),
        }
    )


@router.get(
    "/api/v1/communities/{community_code}/coverage-page", summary="What the page of the coverage shows"
)
def page_data(
    service: TheService,
    actor: TheActor,
    community_code: str,
    language: TheLanguage,
    category: str | None = None,
    minutes: Minutes = 15.0,
    group: WalkingGroup = "adult",
    speed: Speed = None,
    count: Count = 1,
) -> JsonResponse:
    """Give everything that the page shows, shapes included, for every category."""
    asked = {"limit_minutes": minutes, "group": group, "speed_m_s": speed}
    measured = _measured(service, actor, community_code, **asked)
    return JsonResponse(coverage_page.page_data(measured, category=category, count=count, language=language))


@router.get(
    "/api/v1/communities/{community_code}/coverage.html",
    summary="The page of the coverage as one file",
    response_class=HTMLResponse,
)
def page_file(
    service: TheService,
    actor: TheActor,
    community_code: str,
    language: TheLanguage,
    category: str | None = None,
    minutes: Minutes = 15.0,
    group: WalkingGroup = "adult",
    speed: Speed = None,
    count: Count = 1,
) -> Response:
    """Make the page as one file that opens anywhere, to be handed on."""
    asked = {"limit_minutes": minutes, "group": group, "speed_m_s": speed}
    measured = _measured(service, actor, community_code, **asked)
    picture = coverage_page.coverage_map(measured, category=category, count=count, language=language)
    name = f"coverage-{measured.frames.code}.html"
    return HTMLResponse(picture.html(), headers={"Content-Disposition": f'attachment; filename="{name}"'})


@router.get("/coverage/{community_code}", include_in_schema=False)
def page(request: Request, community_code: str) -> Response:
    """Show the page, which asks for a planner's token and then for its data."""
    return render(request, "coverage.html", community_code=community_code)
