"""A real browser without a screen: Chromium as the system installed it, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
INSTALL = "install the distribution's package chromium, and pip install playwright"


def missing() -> str | None:
    """Return what the browser lacks and how to get it; None where it is all there."""
    if program() is None:
        return f"no Chromium is installed: {INSTALL}"
    try:
        import playwright.sync_api  # noqa: F401 - for development only
    except ImportError:
        return f"Playwright is not installed: {INSTALL}"
    return None


def program() -> str | None:
    """Return the path of Chromium, None where there is none."""
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


@contextmanager
def browser(**options: Any) -> Iterator[Browser]:
    """Start Chromium and end it again. Raises SystemExit where something is missing."""
    lacks = missing()
    if lacks is not None:
        raise SystemExit(lacks)
    from playwright.sync_api import sync_playwright  # for development only

    with sync_playwright() as playwright:
        # Root has no sandbox in containers; the pages that are opened are our own.
        started = playwright.chromium.launch(
            executable_path=program(), args=["--no-sandbox"], **options
        )
        try:
            yield started
        finally:
            started.close()
