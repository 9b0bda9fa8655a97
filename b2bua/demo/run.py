"""The demo from end to end: set up, call, tell, judge, take down."""

import asyncio
import contextlib
import shutil
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

import aiohttp

from b2bua.clock import SystemClock
from b2bua.demo.call import CallDirector, recording_of
from b2bua.demo.carrier import Passed
from b2bua.demo.children import ChildFailed
from b2bua.demo.client import Refused, RestClient
from b2bua.demo.evidence import CallEvidence
from b2bua.demo.promises import Promise, judge
from b2bua.demo.screen import Colour, Screen
from b2bua.demo.sound import level_db
from b2bua.demo.stage import ALICE, BOB, FUNDS_RUPEES, Audience, Stage, set_up
from b2bua.demo.workplace import NoFreePorts, choose_folder
from b2bua.tokens import SystemTokens

_INTERRUPTED: Final = 130
_KEPT_SUFFIXES: Final = (".wav", ".mp3")


@dataclass(frozen=True, slots=True)
class DemoOutcome:
    """What came of the demo. `status`: 0 every promise was kept, 1 not, 130 interrupted. `folder`: what it left."""

    status: int
    promises: tuple[Promise, ...]
    folder: Path


async def run_demo(calls: int, keep: Path | None, out: TextIO) -> DemoOutcome:
    """Run `calls` calls one after another and tell about them on `out` as they go.

    `keep`: all that the demo made stays in a new folder in there; else only recordings stay, in a temporary folder.
    """
    screen = Screen(out)
    folder = choose_folder(keep)
    demo = _Demo(screen, folder)
    status = 1
    with _interruptible() as interrupted:
        try:
            status = await demo.run(calls)
        except asyncio.CancelledError:
            if not interrupted:
                raise
            screen.line("\ninterrupted: everything is taken down")
            status = _INTERRUPTED
        except (ChildFailed, Refused, NoFreePorts, aiohttp.ClientError, OSError) as failure:
            screen.line(f"\nthe demo could not go on: {failure}")
        finally:
            _tidy(folder, keep, failed=status == 1)
    if status == 1:
        screen.line(f"what is left to look at: {folder}")
    return DemoOutcome(status, tuple(demo.promises), folder)


@contextlib.contextmanager
def _interruptible() -> Iterator[list[int]]:
    """SIGINT and SIGTERM cancel the running task once; the list given tells that it was them."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    caught: list[int] = []

    def interrupt(number: int) -> None:
        if not caught and task is not None:
            task.cancel()
        caught.append(number)

    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, interrupt, number)
    try:
        yield caught
        if caught and task is not None:
            task.uncancel()
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def _tidy(folder: Path, keep: Path | None, *, failed: bool) -> None:
    """Without a folder to keep only the recordings stay; of a failed demo all stays."""
    if keep is not None or failed:
        return
    for entry in list(folder.iterdir()):
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.suffix not in _KEPT_SUFFIXES or "-" in entry.stem.removeprefix("call-"):
            entry.unlink()
    if not any(folder.iterdir()):
        folder.rmdir()


class _Demo:
    """One run of the demo."""

    def __init__(self, screen: Screen, folder: Path) -> None:
        self._screen = screen
        self._folder = folder
        self._clock = SystemClock()
        self.promises: list[Promise] = []

    async def run(self, calls: int) -> int:
        """All of it; the exit status."""
        self._screen.line(
            self._screen.paint("maskbridge demo: two phones, one masked call, this machine alone", Colour.BOLD)
        )
        director = CallDirector(self._screen, self._clock)
        audience = Audience(director.on_webhook, director.on_report)
        async with AsyncExitStack() as stack:
            stage = await set_up(stack, self._folder, self._clock, SystemTokens(), audience)
            stack.callback(self._write_sip_log, stage)
            self._show_stage(stage)
            async with RestClient(stage.url, stage.key, self._clock) as client:
                for number in range(1, calls + 1):
                    self._screen.heading(f"Call {number} of {calls}" if calls > 1 else "The call")
                    evidence = await director.direct(stage, client, number)
                    self._show_results(evidence)
                    self._show_promises(judge(evidence))
        left = stage.service.exit_status
        self._show_promises([Promise(left == 0, "The service drained and left with status 0", f"{left}")])
        broken = sum(not promise.kept for promise in self.promises)
        self._screen.line()
        self._screen.line(f"{broken} promises broken" if broken else "every promise kept")
        return 1 if broken else 0

    def _show_stage(self, stage: Stage) -> None:
        fact = self._screen.fact
        host, port = stage.carrier.address
        fact("files", str(stage.folder))
        fact("service", f"{stage.url}  sip udp://127.0.0.1:{stage.ports.sip}  ready in {stage.ready_s:.2f} s")
        fact("toy carrier", f"{host}:{port}  (scaffolding: pyVoIP insists on a registrar)")
        for party in (ALICE, BOB):
            fact(f"phone {party.letter.upper()}", f"{party.number}  registered, its voice carries {party.tone_hz:g} Hz")
        fact("customer", f"{stage.org_id}  key {stage.key[:11]}...  wallet Rs {FUNDS_RUPEES:.2f}")
        fact("webhooks to", stage.receiver.url)

    def _show_results(self, call: CallEvidence) -> None:
        fact = self._screen.fact
        self._screen.line()
        for phone in (call.a, call.b):
            saw = phone.ringing.text("caller") if phone.ringing else "nothing"
            fact(f"phone {phone.party.letter.upper()} saw", saw)
        latency_ms = call.first_audio_ms
        fact("B's 200 to A", "no audio came" if latency_ms is None else f"{latency_ms:.1f} ms to B's first audio at A")
        recording = call.recording
        if recording is not None and recording.wav is not None:
            for side, samples in zip(("left, A", "right, B"), recording.wav.channels, strict=False):
                fact(f"level {side}", f"{level_db(samples):.1f} dB of full scale")
        fact("price", f"{_rupees(call.status.get('price'))} for {call.status.get('duration_sec')} s of talk")
        before, after = _rupees(call.balance_before.get("balance")), _rupees(call.balance_after.get("balance"))
        fact("balance", f"{before} before, {after} after")
        if recording is not None:
            wav, mp3 = recording_of(recording)
            fact("WAV", str(wav))
            fact("MP3", str(mp3))

    def _show_promises(self, promises: list[Promise]) -> None:
        self.promises += promises
        self._screen.line()
        for promise in promises:
            self._screen.promise(promise.kept, promise.text, promise.detail)

    def _write_sip_log(self, stage: Stage) -> None:
        text = "\n".join(_readable(passed) for passed in stage.carrier.passed)
        (self._folder / "carrier.sip").write_text(text, "utf-8")


def _rupees(amount: object) -> str:
    return f"Rs {amount:.2f}" if isinstance(amount, int | float) else f"Rs {amount}"


def _readable(passed: Passed) -> str:
    way = f"{passed.at:.3f}  {passed.source[0]}:{passed.source[1]} -> {passed.destination[0]}:{passed.destination[1]}"
    return f"{way}\n{passed.content.decode('utf-8', 'replace')}\n"
