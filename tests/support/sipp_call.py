"""One masked call between two SIPp legs: placed over REST, watched by webhook, judged from every side."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.digest_check import digest_mistakes
from tests.support.rtp_probe import RtpProbe
from tests.support.service_under_test import ServiceUnderTest
from tests.support.sipp import Sipp, SippMessage, SippOutcome

NUMBER_A, NUMBER_B = "9876543210", "9123456789"
USERNAME, PASSWORD, NONCE = "masking", "open sesame", "4f9c0be0a6b5"
ENDING_S = 30.0
LEGS_END_S = 10.0


@dataclass(frozen=True, slots=True)
class Case:
    """A behaviour: what each leg plays, what is asked of the API, what must come of it.

    `b` None: B must never be dialled. `hold_a_ms`, `hold_b_ms`: how long a leg that hangs up talks before.
    `repeats`: retransmissions by the product are what is tested, or unavoidable. `challenge`: (leg, method, header,
    algorithm) of the credentials to be verified. `hears`: the speech of B's early media and of both must arrive.
    `srtp_a`, `srtp_b`: what the profiles of the legs' trunks say of SRTP; `session_timer_s`: what both say of that.
    """

    name: str
    a: str
    b: str | None
    status: str
    cause: str
    events: str
    party: str | None = None
    hold_a_ms: int = 1000
    hold_b_ms: int = 1000
    ring_timeout_s: int = 5
    max_duration_s: int | None = None
    api_hangup_after: str | None = None
    record: bool = False
    repeats: bool = False
    plain_sipp: tuple[str, ...] = ()
    challenge: tuple[str, str, str, str] | None = None
    hears: bool = False
    srtp_a: str = "off"
    srtp_b: str = "off"
    session_timer_s: int = 0


@dataclass(frozen=True, slots=True)
class PortPair:
    """Ports of the two legs' trunks and of their SIPps' control sockets."""

    a: int
    b: int
    control_a: int
    control_b: int


class CaseRun:
    """A case being played on a pair of trunks; `problems` says all that went otherwise."""

    def __init__(
        self, service: ServiceUnderTest, case: Case, ports: PortPair, folder: Path, transport: str = "u1"
    ) -> None:
        self.case = case
        self.problems: list[str] = []
        self.outcomes: list[SippOutcome] = []
        self._service = service
        self._ports = ports
        self._folder = folder
        self._transport = transport

    async def play(self) -> None:
        """Play it to its end."""
        probe_a, probe_b = await RtpProbe.open(), await RtpProbe.open()
        legs: list[Sipp] = []
        try:
            legs.append(await self._start("a", self.case.a, probe_a))
            if self.case.b is not None:
                legs.append(await self._start("b", self.case.b, probe_b))
            call_sid = await self._place()
            listening = self._hear(legs, probe_a, probe_b) if self.case.hears else asyncio.sleep(0)
            ending, _ = await asyncio.gather(self._reach_end(call_sid), listening)
            self.outcomes = list(await asyncio.gather(*(leg.finish(LEGS_END_S if ending else 0.1) for leg in legs)))
            self.problems += self._sipp_problems()
            if ending:
                self.problems += self._webhook_problems(call_sid)
                status = await self._service.client.get(f"/v1/masking/calls/{call_sid}")
                self.problems += self._status_problems(status)
        finally:
            for leg in legs:
                await leg.kill()
            probe_a.close()
            probe_b.close()

    def report(self) -> str:
        """All that is wrong, and the messages that broke it."""
        stories = "\n\n".join(outcome.story() for outcome in self.outcomes)
        found = "\n".join(f"  * {problem}" for problem in self.problems)
        log = self._service.service.last_words()
        return f"{self.case.name}:\n{found}\n\n{stories}\n--- the service's last words\n{log}"

    async def _start(self, leg: str, scenario: str, probe: RtpProbe) -> Sipp:
        port, control = (self._ports.a, self._ports.control_a) if leg == "a" else (self._ports.b, self._ports.control_b)
        hold_ms = self.case.hold_a_ms if leg == "a" else self.case.hold_b_ms
        algorithm = self.case.challenge[3] if self.case.challenge else "MD5"
        arguments = ["-key", "nonce", NONCE, "-key", "algorithm", algorithm, "-d", str(hold_ms)]
        if scenario in self.case.plain_sipp:
            arguments.append("-nr")
        folder = self._folder / leg
        folder.mkdir(parents=True)
        return await Sipp.start(
            scenario,
            folder,
            port=port,
            control_port=control,
            arguments=arguments,
            transport=self._transport,
            rtp_port=probe.port,
        )

    async def _place(self) -> str:
        extra: dict[str, object] = {"ring_timeout_sec": self.case.ring_timeout_s, "record": self.case.record}
        if self.case.max_duration_s is not None:
            extra["max_duration_sec"] = self.case.max_duration_s
        party_a, party_b = f"sip:{NUMBER_A}@127.0.0.1:{self._ports.a}", f"sip:{NUMBER_B}@127.0.0.1:{self._ports.b}"
        data, _ = await self._service.client.place(party_a, party_b, **extra)
        return str(data["call_sid"])

    async def _reach_end(self, call_sid: str) -> bool:
        event = self.case.api_hangup_after
        if event is not None:
            await self._service.webhooks.wait_for(
                lambda webhook: webhook.call_sid == call_sid and webhook.event == event, ENDING_S
            )
            await asyncio.sleep(0.5)
            reply = await self._service.client.post(f"/v1/masking/calls/{call_sid}/hangup")
            if reply.status != 202:
                self.problems.append(f"POST hangup gave {reply.status}: {reply.body!r}")
        ending = await self._service.ending(call_sid, ENDING_S)
        if ending is None:
            told = [webhook.event for webhook in self._service.events_of(call_sid)]
            status = await self._service.client.get(f"/v1/masking/calls/{call_sid}")
            self.problems.append(f"no end after {ENDING_S:g} s: events {told}, status {status}")
        return ending is not None

    async def _hear(self, legs: list[Sipp], probe_a: RtpProbe, probe_b: RtpProbe) -> None:
        """B speaks from its INVITE on, A too: ringback, B's early media and both voices must be heard where they go."""
        tone_a, tone_b = 700.0, 1000.0
        port_a, port_b = await _media_port(legs[0]), await _media_port(legs[1])
        if port_a is None or port_b is None:
            self.problems.append("an INVITE without an m=audio line, or none at all")
            return
        await asyncio.sleep(0.3)
        await asyncio.gather(probe_a.speak(port_a, tone_a, 4.3), probe_b.speak(port_b, tone_b, 4.3))
        ringback, early = probe_a.first_heard(400.0), probe_a.first_heard(tone_b)
        at_b = probe_b.first_heard(tone_a)
        answered = next((message.at for message in legs[1].peek() if message.start == "SIP/2.0 200 OK"), None)
        if ringback is None:
            self.problems.append("A heard no ringback while B was dialled")
        if early is None or at_b is None:
            self.problems.append(f"B's voice at A: {early}, A's voice at B: {at_b}")
        elif early >= at_b:
            told = f"A heard ringback at {ringback}, B at {early}; B heard A at {at_b}; B answered at {answered}"
            self.problems.append(f"B's early media did not reach A before the bridge: {told}")
        if answered is None:
            self.problems.append("B sent no 200")

    def _sipp_problems(self) -> Iterator[str]:
        for outcome in self.outcomes:
            if outcome.exit_status != 0:
                yield f"SIPp {outcome.scenario} ended with {outcome.exit_status}"
        hidden = ((NUMBER_B, self._ports.b), (NUMBER_A, self._ports.a))
        for outcome, (number, port) in zip(self.outcomes, hidden, strict=False):
            received = "\n".join(message.text for message in outcome.received)
            if number in received or re.search(rf":{port}\b", received):
                yield f"SIPp {outcome.scenario} was told the other party's number or port"
            if not self.case.repeats:
                yield from _repetitions(outcome)
        if self.case.challenge is not None:
            yield from self._credential_problems(*self.case.challenge)

    def _credential_problems(self, leg: str, method: str, header: str, algorithm: str) -> Iterator[str]:
        received = self.outcomes[0 if leg == "a" else 1].received
        challenged = [message for message in received if message.start.startswith(f"{method} ")]
        if len(challenged) != 2:
            yield f"{len(challenged)} {method} came instead of two"
            return
        first, second = challenged
        uri = second.start.split(" ")[1]
        yield from digest_mistakes(
            second.header(header),
            method=method,
            uri=uri,
            username=USERNAME,
            password=PASSWORD,
            nonce=NONCE,
            algorithm=algorithm,
        )
        if first.header("Call-ID") != second.header("Call-ID"):
            yield "the second try has another Call-ID"
        if int(second.header("CSeq").split()[0]) != int(first.header("CSeq").split()[0]) + 1:
            yield "the second try's CSeq is not one more"

    def _webhook_problems(self, call_sid: str) -> Iterator[str]:
        told = self._service.events_of(call_sid)
        # The recording is ready at some time after the end.
        names = " ".join(webhook.event.removeprefix("call.") for webhook in told if webhook.event != "recording.ready")
        if names != self.case.events:
            yield f"events: {names}; expected: {self.case.events}"
        if [webhook.sequence for webhook in told] != list(range(1, len(told) + 1)):
            yield f"sequences {[webhook.sequence for webhook in told]}"
        if not all(webhook.signed and webhook.signed_v2 for webhook in told):
            yield "a signature is wrong"

    def _status_problems(self, status: dict[str, object]) -> Iterator[str]:
        found = (status.get("status"), status.get("hangup_cause"))
        if found != (self.case.status, self.case.cause):
            yield f"status and cause {found}; expected {(self.case.status, self.case.cause)}"
        if self.case.party is not None and status.get("hangup_party") != self.case.party:
            yield f"hangup_party {status.get('hangup_party')}; expected {self.case.party}"
        price = status.get("price")
        bridged = "bridged" in self.case.events
        if (price or 0) != (1.5 if bridged else 0):
            yield f"price {price} of a call that was {'' if bridged else 'not '}bridged"


def _repetitions(outcome: SippOutcome) -> Iterator[str]:
    """Requests that came twice with the same bytes: retransmissions that nothing called for."""
    counted = Counter(message.text for message in outcome.received if not message.start.startswith("ACK "))
    for text, times in counted.items():
        if times > 1:
            yield f"SIPp {outcome.scenario} got {times} times: {text.partition(chr(10))[0].strip()}"


async def _media_port(leg: Sipp) -> int | None:
    """Where the product listens for this leg's RTP, by the INVITE's SDP; None when none came in 10 s."""
    for _ in range(200):
        invite = next((message for message in leg.peek() if _is_invite(message)), None)
        if invite is not None:
            found = re.search(r"^m=audio (\d+)", invite.text, re.MULTILINE)
            return int(found[1]) if found else None
        await asyncio.sleep(0.05)
    return None


def _is_invite(message: SippMessage) -> bool:
    return message.received and message.start.startswith("INVITE ")
