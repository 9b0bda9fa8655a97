"""SIPp as a process: one scenario on one port, bounded in time, with its messages read back."""

import asyncio
import re
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from b2bua.demo.children import ROOT, die_with_parent

SCENARIOS = ROOT / "sipp_scenarios"
_SEPARATOR = re.compile(
    r"^-{40,} (?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+)\n\S+ message (?P<way>received|sent)[^\n]*\n\n", re.MULTILINE
)
_TOLD_AGAIN = f"\n{'-' * 47}\nUnexpected "  # and the same message
_UNEXPECTED = re.compile(r"unexpected message for Call-Id '[^'\n]*': [^\n]*?received '(.*?)\n'", re.DOTALL)
REFUSING_FIRST = frozenset({"asks_for_longer_sessions", "challenges_401", "challenges_407"})
"""Where a repetition of their refusal meets the next INVITE, its ACK comes where SIPp waits for something else."""
UNEXPECTED = 254  # SIPp itself has no such status
_LAST_MESSAGES = 8
_MOST_LOOKS = 500


@dataclass(frozen=True, slots=True)
class SippMessage:
    """A SIP message as SIPp logged it. `at`: seconds of the wall clock."""

    at: float
    received: bool
    text: str

    @property
    def start(self) -> str:
        """Its first line."""
        return self.text.partition("\n")[0].strip()

    def header(self, name: str) -> str:
        """A header's first value, empty when there is none."""
        found = re.search(rf"^{re.escape(name)}:[ \t]*(.*?)[ \t\r]*$", self.text, re.MULTILINE | re.IGNORECASE)
        return found[1] if found else ""


@dataclass(frozen=True, slots=True)
class SippOutcome:
    """What came of one SIPp: 0 is success, -9 one that had to be killed, `UNEXPECTED` one that got what it did not wait
    for, and went on."""

    scenario: str
    exit_status: int
    errors: str
    messages: tuple[SippMessage, ...]

    @property
    def received(self) -> tuple[SippMessage, ...]:
        """What the product sent it."""
        return tuple(message for message in self.messages if message.received)

    def story(self) -> str:
        """Why it failed and the messages around it, for a human."""
        told = [f"{'<-' if message.received else '->'} {message.text.strip()}" for message in self.messages]
        last = "\n\n".join(told[-_LAST_MESSAGES:])
        said = self.errors.strip() or "nothing on its error log"
        return f"SIPp {self.scenario} ended with {self.exit_status}: {said}\n--- its last messages\n{last}"


class Sipp:
    """One running SIPp."""

    def __init__(
        self, scenario: str, process: asyncio.subprocess.Process, folder: Path, sink: socket.socket | None
    ) -> None:
        self.scenario = scenario
        self._process = process
        self._folder = folder
        self._sink = sink

    @classmethod
    async def start(
        cls,
        scenario: str,
        folder: Path,
        *,
        port: int,
        control_port: int,
        arguments: Sequence[str] = (),
        host: str = "127.0.0.1",
        calls: int = 1,
        lifetime_s: int = 40,
        log_messages: bool = True,
        transport: str = "u1",
        rtp_port: int | None = None,
    ) -> "Sipp":
        """Start `scenario`.xml on `port`, in an empty folder of its own; returns when it listens.

        `transport` as SIPp's -t has it: u1 UDP, t1 TCP on one connection, tn TCP on a connection for each call.
        `log_messages` False is for many calls: one line for each message in short.log, and counters in stat.csv.
        `rtp_port`: where its SDP points; None for a port that nobody else has, where nothing is read.
        """
        argv = ["sipp", "-sf", str(SCENARIOS / f"{scenario}.xml"), "-i", host, "-p", str(port), "-m", str(calls)]
        argv += ["-t", transport, "-cp", str(control_port), "-nostdin", "-timeout", f"{lifetime_s}s", "-timeout_error"]
        # It binds ports for RTP, used or not, and gives up when a hundred are taken: an address for each SIPp alone.
        argv += ["-mi", f"127.77.{control_port >> 8}.{control_port & 255}"]
        # Its watchdog tells, as an error, and at last ends it, where the machine kept it waiting for half a second.
        argv += ["-watchdog_interval", "0"]
        if scenario in REFUSING_FIRST:
            argv += ["-default_behaviors", "all,-abortunexp"]
        argv += ["-recv_timeout", f"{lifetime_s * 1000}", "-trace_err", "-error_file", "errors.log"]
        if log_messages:
            argv += ["-trace_msg", "-message_file", "messages.log"]
        else:
            argv += [
                "-trace_shortmsg",
                "-shortmessage_file",
                "short.log",
                "-trace_stat",
                "-stf",
                "stat.csv",
                "-fd",
                "1",
            ]
        if transport == "tn":
            argv += ["-max_socket", "100"]  # its own default is more than many systems let it open
        sink = _bound(host) if rtp_port is None else None
        argv += ["-key", "rtp_port", str(rtp_port if sink is None else sink.getsockname()[1])]
        with (folder / "screen.log").open("wb") as screen:
            process = await asyncio.create_subprocess_exec(
                *argv,
                *arguments,
                cwd=folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=screen,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        started = cls(scenario, process, folder, sink)
        await started._listening(port, "udp" if transport.startswith("u") else "tcp")
        return started

    async def finish(self, patience_s: float) -> SippOutcome:
        """Wait for its end, kill it when that does not come; what it saw."""
        try:
            await asyncio.wait_for(self._process.wait(), patience_s)
        except TimeoutError:
            await self.kill()
        status = self._process.returncode
        assert status is not None
        self._let_go()
        errors = self._read("errors.log")
        if not errors and status not in (0, -9):
            errors = self._read("screen.log")[-2000:]
        messages = tuple(parse_messages(self._read("messages.log")))
        if status == 0 and any(not _is_repeated_ack(text, messages) for text in unexpected_in(errors)):
            status = UNEXPECTED
        return SippOutcome(self.scenario, status, errors, messages)

    async def kill(self) -> None:
        """End it now, by its own process id."""
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        self._let_go()

    def peek(self) -> tuple[SippMessage, ...]:
        """What it has logged so far."""
        return tuple(parse_messages(self._read("messages.log")))

    def _read(self, name: str) -> str:
        path = self._folder / name
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def _let_go(self) -> None:
        if self._sink is not None:
            self._sink.close()

    async def _listening(self, port: int, protocol: str) -> None:
        for _ in range(_MOST_LOOKS):
            if self._process.returncode is not None or _is_bound(port, protocol):
                return
            await asyncio.sleep(0.02)


def unexpected_in(errors: str) -> list[str]:
    """The messages that SIPp was not to get, by its error log, where it has gone on all the same."""
    return [found[1].rstrip("\n") for found in _UNEXPECTED.finditer(errors)]


def _is_repeated_ack(text: str, messages: Sequence[SippMessage]) -> bool:
    """Whether it is an ACK that has come before: its response was repeated (RFC 3261 17.1.1.2)."""
    alike = [message for message in messages if message.received and message.text == text]
    return text.startswith("ACK ") and len(alike) > 1


def parse_messages(log: str) -> Iterator[SippMessage]:
    """The messages of a -trace_msg log."""
    heads = list(_SEPARATOR.finditer(log))
    ends = [*(head.start() for head in heads[1:]), len(log)][: len(heads)]
    for head, end in zip(heads, ends, strict=True):
        at = datetime.strptime(head["at"], "%Y-%m-%d %H:%M:%S.%f").astimezone().timestamp()
        text = log[head.end() : end].partition(_TOLD_AGAIN)[0]
        yield SippMessage(at, head["way"] == "received", text.rstrip("\n"))


def _bound(host: str) -> socket.socket:
    """Never read. Unbound, a port could be one of the product's own media, to which it rightly sends nothing, and what
    is sent there met ICMP errors."""
    sink = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    sink.bind((host, 0))
    return sink


def _is_bound(port: int, protocol: str) -> bool:
    """Whether a socket has the port, a listening one with TCP, found out without touching it."""
    wanted = f":{port:04X} " if protocol == "udp" else f":{port:04X} [0:]+ 0A "
    tables = (Path(f"/proc/net/{protocol}{family}") for family in ("", "6"))
    return any(re.search(wanted, table.read_text("ascii")) for table in tables if table.exists())
