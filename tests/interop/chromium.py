"""Chromium whose microphone hears a WAV file, over and over, and what a page of it hears of a call."""

import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

# What pages play is kept, and looked at in the order of the calls: a spectrum of 8 kHz for each look.
LISTENING = """
window.players = [];
const OwnAudio = window.Audio;
window.Audio = function () { const player = new OwnAudio(); window.players.push(player); return player; };
window.spectra = async (milliseconds, begun = () => {}) => {
  const context = new AudioContext({ sampleRate: 8000 });
  const analyser = new AnalyserNode(context, { fftSize: 2048, smoothingTimeConstant: 0 });
  context.createMediaStreamSource(window.players.at(-1).srcObject).connect(analyser);
  await context.resume();
  await new Promise((done) => setTimeout(done, 300));
  begun();
  const found = [];
  for (const until = performance.now() + milliseconds; performance.now() < until;) {
    const levels = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(levels);
    found.push([...levels]);
    await new Promise((done) => setTimeout(done, 40));
  }
  await context.close();
  return found;
};
// The loudest that each tone was, in dB.
window.levels = async (tones, milliseconds = 300, begun = () => {}) => {
  const found = await window.spectra(milliseconds, begun);
  return tones.map((hz) => Math.max(...found.map((levels) => {
    const bin = Math.round(hz * 2048 / 8000);
    return Math.max(...levels.slice(bin - 1, bin + 2), -200);
  })));
};
"""
_LISTEN = """([tones, milliseconds]) => new Promise((begun, failed) => {
  window.listening = window.levels(tones, milliseconds, begun);
  window.listening.catch(failed);
})"""
_AS_ROOT = "--no-sandbox"
AUDIBLE_DB, SILENT_DB = -50.0, -75.0


def _flags(microphone: Path) -> list[str]:
    return [
        _AS_ROOT,
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}",
        "--autoplay-policy=no-user-gesture-required",
    ]


def _program() -> str:
    program = shutil.which("chromium")
    assert program is not None, "missing: chromium; run .ci/interop"
    return program


@asynccontextmanager
async def chromium(microphone: Path | None = None) -> AsyncIterator[Browser]:
    """Debian's Chromium. It has no sandbox here: as root it has none to offer, and it shows our own pages alone."""
    async with async_playwright() as playwright:
        flags = [_AS_ROOT] if microphone is None else _flags(microphone)
        browser = await playwright.chromium.launch(executable_path=_program(), args=flags)
        yield browser
        await browser.close()


class HomedChromium:
    """One with a home of its own, by which its processes are told; its network, or all of it, can be made to go."""

    def __init__(self, context: BrowserContext, home: Path) -> None:
        self.context = context
        self._mark = f"--user-data-dir={home}".encode()

    def vanish(self) -> None:
        """Kill all of it: it says goodbye to nobody."""
        self._signal(signal.SIGKILL)

    def cut_network(self) -> None:
        """Let nothing in or out any more, HTTP or UDP, without its being told."""
        self._signal(signal.SIGSTOP, b"--utility-sub-type=network.")

    def mend_network(self) -> None:
        """Let all of it through again."""
        self._signal(signal.SIGCONT, b"--utility-sub-type=network.")

    def _signal(self, number: int, only: bytes = b"") -> None:
        for line in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                told = line.read_bytes()
                if self._mark in told and only in told:
                    os.kill(int(line.parent.name), number)


@asynccontextmanager
async def homed_chromium(microphone: Path, home: Path) -> AsyncIterator[HomedChromium]:
    """The same browser with a home; it is gone at the end, whatever became of it."""
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            str(home), executable_path=_program(), args=_flags(microphone)
        )
        homed = HomedChromium(context, home)
        try:
            yield homed
        finally:
            homed.vanish()


async def hears(page: Page, present: tuple[float, ...], absent: tuple[float, ...] = (), tries: int = 15) -> None:
    """Wait until a page that was made with `LISTENING` hears some tones and not others; in one look."""
    levels: list[float] = []
    for _ in range(tries):
        levels = await spectrum(page, *present, *absent)
        heard, unheard = levels[: len(present)], levels[len(present) :]
        if all(level > AUDIBLE_DB for level in heard) and all(level < SILENT_DB for level in unheard):
            return
    raise AssertionError(f"of {present}, and not {absent}, the browser hears {levels} dB")


async def spectrum(page: Page, *tones_hz: float) -> list[float]:
    """How loud each of some tones was at its loudest in a third of a second, in dB."""
    await listen(page, *tones_hz, milliseconds=300)
    return await listened(page)


async def listen(page: Page, *tones_hz: float, milliseconds: int) -> None:
    """Have the page listen for some tones from now on: it does when this returns, however busy the browser is."""
    await page.evaluate(_LISTEN, [tones_hz, milliseconds])


async def listened(page: Page) -> list[float]:
    """How loud each of the tones was at its loudest, in dB, once the time for it is over."""
    levels: Any = await page.evaluate("() => window.listening")
    return [float(level) for level in levels]
