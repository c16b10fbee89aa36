"""Waiting for a script's state on pages whose policy forbids ``eval``, which ``wait_for_function`` needs."""

from __future__ import annotations

import time
from typing import Any

from playwright.sync_api import Page


def wait_until(page: Page, expression: str, *, seconds: float = 15.0) -> Any:
    """Ask a page again and again until an expression is true, and return its value.

    Parameters
    ----------
    page
        The page.
    expression
        JavaScript; ``undefined`` anywhere along a chain should be guarded with ``?.``.
    seconds
        After so long it is an ``AssertionError``.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = page.evaluate(expression)
        if value:
            return value
        page.wait_for_timeout(40)
    raise AssertionError(f"never became true: {expression}")
