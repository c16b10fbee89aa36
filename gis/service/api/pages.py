"""The pages: templates filled with our texts. The residents' map has a module of its own (map_page)."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import escape
from starlette.responses import HTMLResponse, Response

from gis.service import places
from gis.service.api import map_page
from gis.service.api.page_language import keep_language, page_language
from gis.service.api.state import TheService
from gis.service.residents import verifying
from gis.settings import Settings
from gis.texts import LANGUAGES, Language, text
from maps.assets import part_address
from maps.basemaps import basemap

router = APIRouter(include_in_schema=False)
router.include_router(map_page.router)

_WEB = Path(__file__).parents[1] / "web"
_HTML_LANGUAGES = {"zh": "zh-CN", "en": "en"}


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


@router.get("/wrong/{point_code}")
def wrong(request: Request, service: TheService, point_code: str) -> Response:
    """Show the page on which a resident says that the entry of a service point is wrong."""
    with service.database.connection() as connection:
        entry = verifying.entry_of(connection, point_code)
    return render(
        request, "wrong.html", entry=entry, choices=verifying.WRONG, longest=verifying.LONGEST_WORDS
    )


def render(request: Request, template: str, **values: Any) -> Response:
    """Fill a template of ``gis/service/web``.

    A template knows ``t(key, **values)`` (a text, escaped), ``here`` (its name), ``language``, ``other``,
    ``own(name)`` and ``part(name)`` (addresses of our files and of browser parts).

    Parameters
    ----------
    request
        For its language, see :mod:`gis.service.api.page_language`.
    template
        File name.
    **values
        For the template.

    Returns
    -------
    Response
        The page.
    """
    language = page_language(request)
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
            basemap=_under(request.app.state.service.settings, language),
            **values,
        )
    )
    response = HTMLResponse(html, headers={"Cache-Control": "no-cache", "Vary": "Cookie"})
    return keep_language(request, response)


def _under(settings: Settings, language: Language) -> dict[str, Any] | None:
    """Describe the operator's basemap for ``basemap.js``; None where there is none."""
    under = basemap(settings.basemap, key=settings.basemap_key, address=settings.basemap_url)
    if under.kind == "none":
        return None
    scripts = [part_address("part:protomaps-leaflet/protomaps-leaflet.js")] if under.pmtiles else []
    if under.datum == "gcj02":
        scripts += [f"/static/maps/js/{name}.js" for name in ("base", "geometry")]
    number = settings.approval_number
    approval = [str(escape(text("pages.shell.approval", language, number=number)))] if number else []
    return {
        "datum": under.datum,
        "tiles": [asdict(tiles) for tiles in under.tiles],
        "pmtiles": under.pmtiles,
        "scripts": scripts,
        "credits": [*([under.attribution] if under.attribution else []), *approval],
    }


def _other(language: Language) -> Language:
    return next(one for one in LANGUAGES if one != language)


@cache
def _templates() -> Environment:
    return Environment(loader=FileSystemLoader(_WEB), autoescape=True, undefined=StrictUndefined)
