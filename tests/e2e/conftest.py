"""A headless Chromium for every end-to-end test, and pages that are watched while they are used.

``guarded_page`` gives a page that reaches nothing but files and the one server that a test names. Leaving the
``with`` block fails the test if the page asked another host for anything, if a request failed or was answered
with an error, or if something was written to the console as an error or warning::

    def test_front(guarded_page, server):
        with guarded_page(allow=server.address, viewport={"width": 360, "height": 800}) as page:
            page.goto(server.address)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, Route

GuardedPage = Callable[..., AbstractContextManager[Page]]

# Chromium writes these about its own workings, not about a page.
_NOT_THE_PAGES = ("Canvas2D: Multiple readback operations",)


@dataclass
class Guard:
    """What a page did that it should not have."""

    allow: str | None
    faults: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def route(self, route: Route) -> None:
        url = route.request.url
        self.asked.append(url)
        if self._allowed(url):
            route.continue_()
        else:
            self.faults.append(f"asked another host: {url[:200]}")
            route.abort()

    def _allowed(self, url: str) -> bool:
        parts = urlsplit(url)
        if parts.scheme in {"file", "data", "blob", "about"}:
            return True
        return self.allow is not None and parts.netloc == urlsplit(self.allow).netloc

    def failed(self, request: Request) -> None:
        # A download or a tab that was closed ends a request without any fault.
        if request.failure != "net::ERR_ABORTED":
            self.faults.append(f"failed: {request.url[:200]} ({request.failure})")

    def answered(self, response: Response) -> None:
        if response.status >= 400:
            self.faults.append(f"status {response.status}: {response.url[:200]}")

    def wrote(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(_NOT_THE_PAGES):
            self.faults.append(f"console {message.type}: {message.text[:400]}")

    def raised(self, error: Exception) -> None:
        self.faults.append(f"script error: {str(error)[:400]}")


@pytest.fixture
def guarded_page(browser: Browser) -> GuardedPage:
    """A factory of watched pages; see the module's words."""

    @contextmanager
    def opened(allow: str | None = None, *, expect_status: bool = True, **options: Any) -> Iterator[Page]:
        guard = Guard(allow)
        context = browser.new_context(**options)
        context.route("**/*", guard.route)
        context.set_default_timeout(10_000)
        context.on("requestfailed", guard.failed)
        context.on("console", guard.wrote)
        context.on("weberror", lambda error: guard.raised(error.error))
        if expect_status:
            context.on("response", guard.answered)
        page = context.new_page()
        page.guard = guard  # type: ignore[attr-defined]
        try:
            yield page
        finally:
            context.close()
        assert not guard.faults, "\n".join(guard.faults)

    return opened
