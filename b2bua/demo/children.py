"""Child processes that never outlive the demo."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import b2bua

#: Where the packages lie: the children's working folder, so that `-m b2bua` means this very code.
ROOT: Final = Path(b2bua.__file__).resolve().parent.parent
_LIBC: Final = ctypes.CDLL(None)
_PR_SET_PDEATHSIG: Final = 1
_LONGEST_LINE_BYTES: Final = 1024 * 1024
_MOST_LOG_LINES: Final = 15


class ChildFailed(Exception):
    """A child process could not do what it was started for."""


class Child:
    """A process in a session of its own (ctrl-C of the terminal is ours alone) that the kernel ends with us."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path, reading: asyncio.Task[None] | None) -> None:
        self._process = process
        self._log = log
        self._reading = reading

    @classmethod
    async def start(cls, *argv: str, log: Path, on_line: Callable[[str], None] | None = None) -> "Child":
        """Start it; what it says on stderr goes to `log`, on stdout there too or line by line to `on_line`."""
        with log.open("ab") as file:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.PIPE if on_line else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE if on_line else file,
                stderr=file,
                cwd=ROOT,
                env=environment(),
                start_new_session=True,
                preexec_fn=die_with_parent,
                limit=_LONGEST_LINE_BYTES,
            )
        reading = asyncio.create_task(_read_lines(process, on_line)) if on_line else None
        return cls(process, log, reading)

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        return self._process.returncode is None

    @property
    def exit_status(self) -> int | None:
        """What it ended with, None while it runs; negative when a signal ended it."""
        return self._process.returncode

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def last_words(self) -> str:
        """The last lines of its log."""
        lines = self._log.read_text("utf-8", "replace").splitlines()
        return "\n".join(lines[-_MOST_LOG_LINES:])

    async def say(self, line: str) -> None:
        """A line for its stdin; nothing when it has gone."""
        if self._process.stdin is not None and self.running:
            self._process.stdin.write(f"{line}\n".encode())
            try:
                await self._process.stdin.drain()
            except ConnectionError:
                return

    async def stop(self, farewell: str | None = None, patience_s: float = 5.0) -> int:
        """End it (by a line on its stdin, else SIGTERM), with SIGKILL after `patience_s`; its exit status."""
        if self.running and farewell is not None:
            await self.say(farewell)
        elif self.running:
            self._signal(signal.SIGTERM)
        try:
            status = await asyncio.wait_for(self._process.wait(), patience_s)
        except TimeoutError:
            self._signal(signal.SIGKILL)
            status = await self._process.wait()
        if self._reading is not None:
            await self._reading
        return status

    def _signal(self, number: signal.Signals) -> None:
        try:
            self._process.send_signal(number)
        except ProcessLookupError:
            return


async def run_once(*argv: str, timeout_s: float = 30.0) -> str:
    """Run a command to its end; its stdout. Raises `ChildFailed` with its stderr when it fails."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env=environment(),
        start_new_session=True,
        preexec_fn=die_with_parent,
    )
    try:
        stdout, stderr = await asyncio.wait_for(process.communicate(), timeout_s)
    except BaseException:
        if process.returncode is None:
            process.kill()
            await process.wait()
        raise
    if process.returncode != 0:
        said = stderr.decode("utf-8", "replace").strip()
        raise ChildFailed(f"{' '.join(argv[1:])} ended with {process.returncode}: {said}")
    return stdout.decode("utf-8", "replace")


def product(*arguments: str) -> tuple[str, ...]:
    """The command line of a `maskbridge` command."""
    return (sys.executable, "-m", "b2bua", *arguments)


def environment() -> dict[str, str]:
    """Our environment without settings that would override the demo's configuration, and this code first."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MASKBRIDGE_")}
    path = kept.get("PYTHONPATH")
    return kept | {"PYTHONPATH": f"{ROOT}{os.pathsep}{path}" if path else str(ROOT)}


async def _read_lines(process: asyncio.subprocess.Process, on_line: Callable[[str], None]) -> None:
    assert process.stdout is not None
    while line := await process.stdout.readline():
        on_line(line.decode("utf-8", "replace").rstrip("\n"))


def die_with_parent() -> None:
    """For a process about to become another program: the kernel kills it when its parent dies."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
