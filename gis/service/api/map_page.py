"""The residents' map, made once for each state of its place and then answered from memory.

Whether the state is still the same is asked of the database at most once a second for each map, so that what
somebody corrects is on the map a second later; while the database is away the last map goes on answering.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass
from weakref import WeakValueDictionary

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from gis.codes import check_code
from gis.errors import UnavailableError
from gis.service.api.packed import Packed, etag, has_it
from gis.service.api.page_language import PageLanguage, keep_language
from gis.service.api.state import Service, TheService
from gis.service.mapping import draw_place
from gis.service.residents.public_layer import place_stamp, read_public_place
from gis.texts import Language

router = APIRouter(include_in_schema=False)

FRESH_S = 1.0
_MOST_KEPT = 128
# The map brings its own policy in the page, by the hash of each script; this one only says who may frame it.
_POLICY = "frame-ancestors 'none'; object-src 'none'; base-uri 'none'"


@dataclass(frozen=True)
class _Page:
    stamp: str
    mark: str
    body: Packed


class MapShelf:
    """The maps that were made last, by community and language."""

    def __init__(self) -> None:
        self._pages: OrderedDict[tuple[str, Language], tuple[float, _Page]] = OrderedDict()
        self._turns: WeakValueDictionary[tuple[str, Language], asyncio.Lock] = WeakValueDictionary()

    async def page(self, service: Service, community_code: str, language: Language) -> _Page:
        """Return a map as its place stands now.

        Parameters
        ----------
        service
            The running service.
        community_code
            12 digits.
        language
            That the page opens in.

        Returns
        -------
        _Page
            Its body and mark.

        Raises
        ------
        NotFoundError
            If there is no such community.
        UnavailableError
            If the database does not answer and this map was never made.
        """
        key = (check_code(community_code, "community_code"), language)
        looked, page = self._pages.get(key, (0.0, None))
        if page is not None and time.monotonic() - looked < FRESH_S:
            return page
        turn = self._turns.setdefault(key, asyncio.Lock())
        async with turn:
            # Whoever waited for the turn finds what the one before looked up.
            looked, page = self._pages.get(key, (0.0, None))
            if page is None or time.monotonic() - looked >= FRESH_S:
                page = await run_in_threadpool(_look, service, key, page)
                self._pages[key] = (time.monotonic(), page)
                self._pages.move_to_end(key)
                while len(self._pages) > _MOST_KEPT:
                    self._pages.popitem(last=False)
        return page


def _look(service: Service, key: tuple[str, Language], page: _Page | None) -> _Page:
    """Return the page itself where nothing changed, else one made anew."""
    try:
        if page is not None:
            with service.database.connection() as connection:
                if place_stamp(connection, key[0]) == page.stamp:
                    return page
        return _make(service, *key)
    except UnavailableError:
        if page is None:
            raise
        return page


def _make(service: Service, community_code: str, language: Language) -> _Page:
    with service.database.connection() as connection:
        place = read_public_place(connection, community_code)
        # In the same snapshot, so that it tells of nothing that the page does not show.
        stamp = place_stamp(connection, community_code)
    html = draw_place(place, service.settings, language=language).html().encode()
    digest = hashlib.sha256(html).hexdigest()
    edition = place.edition.digest[:8] if place.edition else "0"
    return _Page(stamp, f"{edition}.{digest[:12]}", Packed.pack(html))


@router.get("/map/{community_code}")
async def service_map(
    request: Request, service: TheService, community_code: str, language: PageLanguage
) -> Response:
    """Show the residents' service map of a community."""
    state = request.app.state
    if not hasattr(state, "maps"):
        state.maps = MapShelf()
    shelf: MapShelf = state.maps
    page = await shelf.page(service, community_code, language)
    body, coding = page.body.for_client(request.headers.get("accept-encoding", ""))
    headers = {
        "ETag": etag(page.mark, coding),
        "Cache-Control": "no-cache",
        "Vary": "Accept-Encoding, Cookie",
        "Content-Security-Policy": _POLICY,
    }
    if has_it(request.headers.get("if-none-match", ""), page.mark):
        return keep_language(request, Response(status_code=304, headers=headers))
    if coding:
        headers["Content-Encoding"] = coding
    return keep_language(request, Response(body, media_type="text/html", headers=headers))
