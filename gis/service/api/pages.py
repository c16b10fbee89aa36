"""The pages: templates filled with our texts, and the residents' map."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from gis.service import places
from gis.service.api.state import TheLanguage, TheService
from gis.service.mapping import community_map
from gis.texts import LANGUAGES, Language, as_language, text
from maps.assets import part_address

router = APIRouter(include_in_schema=False)

_WEB = Path(__file__).parents[1] / "web"
_HTML_LANGUAGES = {"zh": "zh-CN", "en": "en"}
# The map brings its own policy in the page, by the hash of each script; this one only says who may frame it.
_MAP_POLICY = "frame-ancestors 'none'; object-src 'none'; base-uri 'none'"


@router.get("/")
def front(request: Request, service: TheService) -> Response:
    """Show the three doors: residents, dispatchers, planners."""
    listed = places.communities(service.current.in_force)
    return render(request, "front.html", communities=listed)


@router.get("/dispatch")
def dispatch(request: Request) -> Response:
    """Show the dispatch console."""
    return render(request, "dispatch.html")


@router.get("/planner")
def planner(request: Request) -> Response:
    """Show the planner's page."""
    return render(request, "planner.html")


@router.get("/report")
def report(request: Request) -> Response:
    """Show the page on which a resident reports something and follows it."""
    return render(request, "report.html")


@router.get("/map/{community_code}")
def service_map(service: TheService, community_code: str, language: TheLanguage) -> Response:
    """Show the residents' service map of a community."""
    with service.database.connection() as connection:
        picture = community_map(connection, community_code, service.settings, language=language)
    html = str(picture.html())
    headers = {"Content-Security-Policy": _MAP_POLICY, "Cache-Control": "no-cache"}
    return HTMLResponse(html, headers=headers)


def render(request: Request, template: str, **values: Any) -> Response:
    """Fill a template of ``gis/service/web``.

    A template knows ``t(key, **values)`` (a text, escaped), ``here`` (its name), ``language``, ``other``,
    ``own(name)`` and ``part(name)`` (addresses of our files and of browser parts).

    Parameters
    ----------
    request
        Its query ``lang`` or cookie ``lang`` chooses the language; Chinese otherwise.
    template
        File name.
    **values
        For the template.

    Returns
    -------
    Response
        The page.
    """
    language = as_language(request.query_params.get("lang") or request.cookies.get("lang"))
    files = request.app.state.files

    def own(name: str) -> str:
        return f"/static/{name}?v={files.mark(name)}"

    def t(key: str, **filled: Any) -> str:
        return text(key, language, **filled)

    html = (
        _templates()
        .get_template(template)
        .render(
            t=t,
            own=own,
            part=lambda name: part_address(f"part:{name}"),
            here=template.removesuffix(".html"),
            language=language,
            html_language=_HTML_LANGUAGES[language],
            other=_other(language),
            **values,
        )
    )
    response = HTMLResponse(html, headers={"Cache-Control": "no-cache", "Vary": "Cookie"})
    if "lang" in request.query_params:
        response.set_cookie("lang", language, max_age=31_536_000, samesite="strict", httponly=True)
    return response


def _other(language: Language) -> Language:
    return next(one for one in LANGUAGES if one != language)


@cache
def _templates() -> Environment:
    return Environment(loader=FileSystemLoader(_WEB), autoescape=True, undefined=StrictUndefined)
