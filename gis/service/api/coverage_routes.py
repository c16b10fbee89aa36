"""Routes of the quarter-hour circle: who lives too far off, where a point would help, and the page of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import HTMLResponse, Response

from gis.service.access import Actor, require
from gis.service.api.json_response import JsonResponse, as_json
from gis.service.api.pages import render
from gis.service.api.state import Service, TheActor, TheLanguage, TheService
from gis.service.residents import coverage_page, walking
from gis.service.residents.coverage_kept import KeptCoverage, coverage_stamp
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


async def _asked(
    minutes: Minutes = 15.0, group: WalkingGroup = "adult", speed: Speed = None
) -> dict[str, Any]:
    return {"limit_minutes": minutes, "group": group, "speed_m_s": speed}


async def _shown(language: TheLanguage, category: str | None = None, count: Count = 1) -> dict[str, Any]:
    return {"category": category, "count": count, "language": language}


Asked = Annotated[dict[str, Any], Depends(_asked)]
"""How far is near enough, and for whom."""
Shown = Annotated[dict[str, Any], Depends(_shown)]
"""What of it a page shows."""


def _measured(service: Service, actor: Actor, community_code: str, **asked: Any) -> walking.CommunityCoverage:
    require(actor, _PLANNERS, community_code)
    with service.database.connection() as connection:
        return walking.community_coverage(connection, community_code, service.settings, **asked)


def _kept(
    request: Request,
    actor: Actor,
    community_code: str,
    asked: dict[str, Any],
    shown: dict[str, Any],
    write: Callable[..., bytes],
) -> bytes:
    """Give an answer as it was written the last time, or measure and write it anew if anything changed."""
    require(actor, _PLANNERS, community_code)
    service, state = request.app.state.service, request.app.state
    if not hasattr(state, "coverage"):
        state.coverage = KeptCoverage()
    shelf: KeptCoverage = state.coverage
    key = (community_code, write, *asked.values(), *shown.values())
    with service.database.connection() as connection:
        stamp = coverage_stamp(connection, community_code)
        content = shelf.find(key, stamp)
        if content is not None:
            return content
        measured = walking.community_coverage(connection, community_code, service.settings, **asked)
    content = write(measured, **shown)
    shelf.keep(key, stamp, content)
    return content


def _data(measured: walking.CommunityCoverage, **shown: Any) -> bytes:
    return as_json(coverage_page.page_data(measured, **shown))


def _file(measured: walking.CommunityCoverage, **shown: Any) -> bytes:
    return coverage_page.coverage_map(measured, **shown).html().encode()


@router.get(
    "/api/v1/communities/{community_code}/coverage", summary="Households within a quarter of an hour of what"
)
def coverage(
    service: TheService,
    actor: TheActor,
    community_code: str,
    asked: Asked,
) -> JsonResponse:
    """Count the households within reach of each category, by grid and in all, for planners."""
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
    asked: Asked,
    count: Count = 1,
    goal: Annotated[Literal["cover", "shorten"], Query(description="What they are to achieve")] = "cover",
) -> JsonResponse:
    """List the homes that are too far from a category, and the best places for new points with their gain."""
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
    request: Request,
    actor: TheActor,
    community_code: str,
    asked: Asked,
    shown: Shown,
) -> Response:
    """Give everything that the page shows, shapes included, for every category."""
    content = _kept(request, actor, community_code, asked, shown, _data)
    return Response(content, media_type=JsonResponse.media_type)


@router.get(
    "/api/v1/communities/{community_code}/coverage.html",
    summary="The page of the coverage as one file",
    response_class=HTMLResponse,
)
def page_file(
    request: Request,
    actor: TheActor,
    community_code: str,
    asked: Asked,
    shown: Shown,
) -> Response:
    """Make the page as one file that opens anywhere, to be handed on."""
    content = _kept(request, actor, community_code, asked, shown, _file)
    name = f"coverage-{community_code}.html"
    return HTMLResponse(content, headers={"Content-Disposition": f'attachment; filename="{name}"'})


@router.get("/coverage/{community_code}", include_in_schema=False)
def page(request: Request, community_code: str) -> Response:
    """Show the page, which asks for a planner's token and then for its data."""
    return render(request, "coverage.html", community_code=community_code)
