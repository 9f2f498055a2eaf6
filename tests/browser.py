"""A real browser without a window: Debian's Chromium, as make unpacks it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from launch import ROOT
from playwright.async_api import Browser, Page, async_playwright

FOLDER = ROOT / ".engines" / "chromium"
LIBRARIES = FOLDER / "root" / "usr" / "lib"


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser with an empty profile."""
    program = LIBRARIES / "chromium" / "chromium"
    assert program.exists(), "there is no browser: make .engines/chromium/.installed unpacks Debian's"
    libraries = [str(folder) for folder in (*LIBRARIES.glob("*-linux-gnu"), *LIBRARIES.glob("*-linux-gnu/pulseaudio"))]
    found: dict[str, str | float | bool] = {
        "LD_LIBRARY_PATH": ":".join(libraries),
        "FONTCONFIG_FILE": str(FOLDER / "fonts.conf"),
    }
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(
            executable_path=program,
            args=["--no-sandbox", "--disable-gpu"],
            env={**os.environ, **found},
        )
        try:
            yield browser
        finally:
            await browser.close()


def complaints(page: Page) -> list[str]:
    """What goes wrong in a page from now on: errors, and what its policy refuses."""
    heard: list[str] = []
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("console", lambda said: heard.append(said.text) if said.type == "error" else None)
    return heard
