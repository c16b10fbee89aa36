"""The language of a page: Chinese, unless its reader chose English.

One rule for every page, the map included: what the address says (``?lang=``), else what this reader chose
before (the cookie ``lang``), else Chinese. The browser's ``Accept-Language`` is not asked: it says how
somebody set up a phone, not what its holder reads, and a link that is sent to a neighbour is to show the same
page. It does choose the words of the API's answers, which programs read.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from gis.texts import Language, as_language

COOKIE = "lang"
_YEAR_S = 31_536_000


def page_language(request: Request) -> Language:
    """Choose the language of a page.

    Parameters
    ----------
    request
        Its query and cookie.

    Returns
    -------
    Language
        ``zh`` or ``en``.
    """
    return as_language(request.query_params.get("lang") or request.cookies.get(COOKIE))


def keep_language(request: Request, response: Response) -> Response:
    """Let a reader's choice hold on every page from now on.

    Parameters
    ----------
    request
        A request; one that names no language chooses nothing.
    response
        Gets the cookie. The map's own switch writes it too, so it is open to scripts; it holds no secret.

    Returns
    -------
    Response
        The same.
    """
    if "lang" in request.query_params:
        response.set_cookie(COOKIE, page_language(request), max_age=_YEAR_S, samesite="strict")
    return response


async def _language_of(request: Request) -> Language:
    # A dependency that is no coroutine is run in a thread, which costs more than the answer.
    return page_language(request)


PageLanguage = Annotated[Language, Depends(_language_of)]
