"""Calls that arrive from SIPp and go on to SIPp: the table of test_sipp_arrivals.py and how each is played."""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

from tests.support.service_under_test import MASKED_NUMBER, ServiceUnderTest
from tests.support.sipp import Sipp, SippOutcome
from tests.support.sipp_call import NUMBER_A, NUMBER_B, PortPair

DIALLED = "918045678901"
ENDING_S = 30.0
LEGS_END_S = 15.0


@dataclass(frozen=True, slots=True)
class Arrival:
    """What the caller plays, what the called party plays (None: it is never called), and what is dialled.

    `events`: those of a call that is written down; None where a route relays it without a word.
    """

    name: str
    caller: str
    called: str | None
    dialled: str = DIALLED
    paired: bool = False
    events: str | None = None


TALKED = "initiated ringing answered bridged completed"
ARRIVALS = (
    Arrival("B hangs up", "calls_and_is_hung_up", "answers_then_hangs_up"),
    Arrival("A hangs up", "calls_and_hangs_up", "answers"),
    Arrival("B without 180", "calls_and_hangs_up", "answers_without_180"),
    Arrival("early media", "calls_into_early_media", "answers_after_early_media"),
    Arrival("cancelled", "calls_and_cancels", "rings_until_cancelled"),
    Arrival("the 200 of B crosses the CANCEL", "calls_and_cancels", "answers_as_cancel_comes"),
    Arrival("without an offer", "calls_without_offer", "answers"),
    Arrival("hold and resume", "calls_holds_and_resumes", "answers"),
    Arrival("B busy", "calls_a_busy_party", "busy"),
    Arrival("B forks", "calls_and_hangs_up", "forks"),
    Arrival("nobody", "calls_nobody", None, dialled="12345"),
    Arrival("stranger", "calls_as_a_stranger", None, dialled=MASKED_NUMBER),
    Arrival(
        "callback, B hangs up",
        "calls_and_is_hung_up",
        "answers_then_hangs_up",
        dialled=f"+{MASKED_NUMBER}",
        paired=True,
        events=TALKED,
    ),
    Arrival(
        "callback, cancelled",
        "calls_and_cancels",
        "rings_until_cancelled",
        dialled=f"0{MASKED_NUMBER[2:]}",
        paired=True,
        events="initiated ringing failed",
    ),
    Arrival(
        "callback, B busy",
        "calls_a_busy_party",
        "busy",
        dialled=MASKED_NUMBER,
        paired=True,
        events="initiated failed",
    ),
)


class ArrivalRun:
    """One of them being played on a pair of trunks; `problems` says all that went otherwise."""

    def __init__(self, service: ServiceUnderTest, arrival: Arrival, ports: PortPair, folder: Path) -> None:
        self.arrival = arrival
        self.problems: list[str] = []
        self.outcomes: list[SippOutcome] = []
        self._service = service
        self._ports = ports
        self._folder = folder

    async def play(self) -> None:
        """Play it to its end."""
        if self.arrival.paired:
            await self._pair()
        legs: list[Sipp] = []
        try:
            if self.arrival.called is not None:
                legs.append(await self._start("b", self.arrival.called))
            legs.append(await self._start("a", self.arrival.caller))
            self.outcomes = list(await asyncio.gather(*(leg.finish(LEGS_END_S) for leg in legs)))
        finally:
            for leg in legs:
                await leg.kill()
        self._judge_legs()
        if self.arrival.events is not None:
            await self._judge_webhooks(self.arrival.events)

    def report(self) -> str:
        """All that is wrong, and the messages that broke it."""
        stories = "\n\n".join(outcome.story() for outcome in self.outcomes)
        found = "\n".join(f"  * {problem}" for problem in self.problems)
        log = self._service.service.last_words()
        return f"{self.arrival.name}:\n{found}\n\n{stories}\n--- the service's last words\n{log}"

    def _party(self, number: str, port: int) -> str:
        return f"sip:{number}@127.0.0.1:{port}"

    async def _pair(self) -> None:
        """A masked call between the two, so that each may call the number back."""
        legs = [await self._start("first-a", "answers"), await self._start("first-b", "answers_then_hangs_up")]
        try:
            data, _ = await self._service.client.place(
                self._party(NUMBER_A, self._ports.a), self._party(NUMBER_B, self._ports.b), record=False
            )
            if await self._service.ending(str(data["call_sid"]), ENDING_S) is None:
                self.problems.append("the call before did not end")
            await asyncio.gather(*(leg.finish(LEGS_END_S) for leg in legs))
        finally:
            for leg in legs:
                await leg.kill()

    async def _start(self, leg: str, scenario: str) -> Sipp:
        at_a = leg.endswith("a")
        port, control = (self._ports.a, self._ports.control_a) if at_a else (self._ports.b, self._ports.control_b)
        arguments = ["-key", "rtp_port", str(port + 1000 if port < 60_000 else port - 1000), "-d", "1000"]
        arguments += ["-key", "nonce", "n", "-key", "algorithm", "MD5", "-key", "caller", NUMBER_A]
        if scenario == "forks":
            arguments.append("-nr")
        if leg == "a":
            arguments += ["-s", self.arrival.dialled, f"127.0.0.1:{self._service.sip_port}"]
        folder = self._folder / leg
        folder.mkdir(parents=True)
        return await Sipp.start(
            scenario, folder, port=port, control_port=control, arguments=arguments, lifetime_s=int(LEGS_END_S)
        )

    def _judge_legs(self) -> None:
        for outcome in self.outcomes:
            if outcome.exit_status != 0:
                self.problems.append(f"SIPp {outcome.scenario} ended with {outcome.exit_status}")
        if self.arrival.called is not None and self.outcomes:
            received = "\n".join(message.text for message in self.outcomes[0].received)
            if NUMBER_A in received or re.search(rf":{self._ports.a}\b", received):
                self.problems.append("the called party was told the caller's number or port")

    async def _judge_webhooks(self, events: str) -> None:
        def is_end(event: str) -> bool:
            return event in ("call.completed", "call.failed")

        ended = await self._service.webhooks.wait_for(
            lambda webhook: self._is_ours(webhook.data) and is_end(webhook.event), ENDING_S
        )
        if ended is None:
            self.problems.append("no webhook tells of its end")
            return
        told = self._service.events_of(ended.call_sid)
        names = " ".join(webhook.event.removeprefix("call.") for webhook in told if "recording" not in webhook.event)
        if names != events:
            self.problems.append(f"events: {names}; expected: {events}")

    def _is_ours(self, data: dict[str, object]) -> bool:
        party_b = self._party(NUMBER_B, self._ports.b)
        return (data.get("direction"), data.get("party_b")) == ("inbound", party_b)
