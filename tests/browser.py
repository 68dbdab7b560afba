"""A real browser for tests."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(os.environ.get("OPSSPINE_CHROMIUM", "/usr/bin/chromium"))
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--disable-lcd-text",
)  # fmt: skip


def make() -> Iterator[Any]:
    """Chromium, driven by Playwright; skips where there is none."""
    if not PROGRAM.exists():
        pytest.skip(f"no Chromium at {PROGRAM}; set OPSSPINE_CHROMIUM to run this")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(PROGRAM), args=list(QUIET))
        yield browser
        browser.close()
