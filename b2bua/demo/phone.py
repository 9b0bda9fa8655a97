"""The demo's end of a softphone process."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from b2bua.demo.carrier import Address
from b2bua.demo.children import ROOT, Child
from b2bua.demo.journal import Journal

#: pyVoIP is under the GPL-3.0: it runs in a process of its own and nothing of ours imports it.
PROGRAM: Final = ROOT / "tests" / "phones" / "pyvoip_phone.py"


@dataclass(frozen=True, slots=True)
class Party:
    """One side of the demo's call: `letter` a or b, its number, the marker tone of its voice and how long it rings."""

    letter: str
    number: str
    tone_hz: float
    ring_s: float


@dataclass(frozen=True, slots=True)
class Report:
    """What a phone said of itself. `at`: monotonic seconds."""

    at: float
    event: str
    facts: dict[str, object]

    def text(self, name: str) -> str:
        """A fact as text, empty when it is not there."""
        value = self.facts.get(name)
        return "" if value is None else str(value)

    def levels_db(self) -> dict[float, float]:
        """How loud each tone was, by its frequency."""
        levels = self.facts.get("levels")
        return {float(tone): float(level) for tone, level in levels.items()} if isinstance(levels, dict) else {}


class SoftPhone:
    """A pyVoIP phone that answers what it is called for; all it reports is in `journal`."""

    def __init__(self, party: Party, folder: Path, on_report: Callable[[Party, Report], None]) -> None:
        self.party = party
        self.journal: Journal[Report] = Journal(lambda report: on_report(party, report))
        self._folder = folder
        self._child: Child | None = None

    @property
    def sip_log(self) -> Path:
        """Every SIP message it received, one after another."""
        return self._folder / f"phone-{self.party.letter}.sip"

    async def start(self, listen_hz: float, sip_port: int, rtp_ports: range, carrier: Address) -> None:
        """Start the process."""
        options = {
            "name": self.party.letter,
            "number": self.party.number,
            "sip-port": sip_port,
            "server": carrier[0],
            "server-port": carrier[1],
            "rtp-low": rtp_ports.start,
            "rtp-high": rtp_ports.stop - 1,
            "tone": self.party.tone_hz,
            "listen": listen_hz,
            "ring": self.party.ring_s,
            "folder": self._folder,
        }
        argv = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        log = self._folder / f"phone-{self.party.letter}.log"
        self._child = await Child.start(sys.executable, str(PROGRAM), *argv, log=log, on_line=self._on_line)

    async def hang_up(self) -> None:
        """Press the red key."""
        if self._child is not None:
            await self._child.say("hangup")

    async def stop(self) -> None:
        """End the process."""
        if self._child is not None:
            await self._child.stop(farewell="quit")

    def last_words(self) -> str:
        """The last lines of its log."""
        return self._child.last_words() if self._child is not None else ""

    def _on_line(self, line: str) -> None:
        try:
            facts = json.loads(line)
            report = Report(float(facts.pop("at")), str(facts.pop("event")), facts)
        except (ValueError, KeyError, TypeError, AttributeError):
            return
        self.journal.add(report)
