"""Debian's Firefox, whose microphone hears a tone. It is driven as Chromium is, over WebDriver BiDi."""

import os
import shlex
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, async_playwright

from b2bua.demo.children import ROOT

_SETTINGS: dict[str, str | float | bool] = {
    "media.navigator.streams.fake": True,
    "media.autoplay.default": 0,
    # A loudspeaker that takes what it gets: without one the clock of what is played stands still.
    "media.cubeb.force_mock_context": True,
    # An address of loopback is met from another such one alone, and only a page that may use the microphone has any
    # but the one address that its way into the world begins at.
    "media.peerconnection.ice.loopback": True,
    "permissions.default.microphone": 1,
}


@asynccontextmanager
async def firefox(home: Path, tone_hz: float) -> AsyncIterator[Browser]:
    """One whose files are in a new folder, `home`."""
    assert shutil.which("firefox-esr") is not None, "missing: firefox-esr; run .ci/interop"
    front = _front(home)
    async with async_playwright() as playwright:
        browser = await playwright.firefox.launch(
            channel="moz-firefox",
            executable_path=front,
            env={**os.environ, "HOME": str(home)},
            firefox_user_prefs={**_SETTINGS, "media.navigator.audio.fake_frequency": int(tone_hz)},
        )
        yield browser
        await browser.close()


def _front(home: Path) -> Path:
    """A program that is started with Firefox's flags alone."""
    home.mkdir()
    front = home / "front"
    command = shlex.join([sys.executable, "-m", "tests.interop.firefox_front"])
    front.write_text(f'#!/bin/sh\ncd {shlex.quote(str(ROOT))} && exec {command} "$@"\n')
    front.chmod(0o700)
    return front
