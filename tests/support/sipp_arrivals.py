"""Calls that arrive from SIPp and go on to SIPp: the table of test_sipp_arrivals.py and how each is played."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from b2bua.demo.client import Refused
from tests.support.service_under_test import MASKED_NUMBER, ServiceUnderTest, service_under_test, trunk
from tests.support.sipp import Sipp, SippOutcome
from tests.support.sipp_call import NUMBER_A, NUMBER_B, PASSWORD, USERNAME, PortPair

DIALLED = "918045678901"
AT_ONCE = 8
ENDING_S = 30.0
LEGS_END_S = 15.0


@dataclass(frozen=True, slots=True)
class Arrival:
    """What the caller plays, what the called party plays (None: it is never called), and what is dialled.

    `events`: those of a call that is written down; None where a route relays it without a word. `status`: the final
    response that the caller gets in the end. `profile`: of the caller's trunk. `repeats`: equal messages are no
    retransmissions to either SIPp. `hold_ms`: how long who hangs up talks before. `streams`: it is played over TCP too.
    """

    name: str
    caller: str
    called: str | None
    dialled: str = DIALLED
    paired: bool = False
    events: str | None = None
    status: int | None = None
    profile: Mapping[str, object] = field(default_factory=dict)
    repeats: bool = False
    hold_ms: int = 1000
    streams: bool = True


def _fails(status: int, called: str, told: int | None = None) -> Arrival:
    """A failure of the called party's, and what the caller gets for it: the same unless `told`."""
    return Arrival(f"B {called}: {status}", "calls_in_vain", called, status=told or status)


CHALLENGED: Mapping[str, object] = {
    "challenge_username": "caller",
    "challenge_password": "not-a-secret",
    "challenge_algorithms": ["MD5"],
}
_CREDENTIALS: Mapping[str, object] = {"auth_username": USERNAME, "auth_password": PASSWORD}
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
    Arrival("B forks", "calls_and_hangs_up", "forks", repeats=True),
    Arrival("cancelled at once", "calls_and_cancels_at_once", "tries_until_cancelled"),
    Arrival("cancelled before B says anything", "calls_and_cancels_at_once", "silent"),
    Arrival("cancelled in early media", "calls_and_cancels_early_media", "plays_until_cancelled"),
    Arrival("cancelled, and B refuses", "calls_and_cancels_at_once", "refuses_as_cancel_comes"),
    Arrival("cancelled in reliable early media", "calls_and_cancels_early_media", "plays_reliably_until_cancelled"),
    Arrival("BYE before the answer", "calls_and_hangs_up_early", "rings_until_cancelled"),
    Arrival("A asks for an offer", "calls_and_asks_for_an_offer", "answers"),
    Arrival("A changes codec", "calls_and_changes_codec", "answers"),
    Arrival("A is refused fax", "calls_and_is_refused_a_change", "answers"),
    Arrival("A moves", "calls_and_moves", "answers_then_hangs_up"),
    Arrival("A requires 100rel", "calls_reliably", "answers"),
    Arrival("A updates", "calls_and_updates", "answers_after_early_media"),
    Arrival("A refreshes", "calls_with_a_timer", "answers"),
    Arrival("A asks for too short sessions", "calls_for_too_short_sessions", "answers"),
    Arrival("A loses ACKs", "calls_and_loses_acks", "answers", repeats=True),
    Arrival("A has credentials", "calls_with_credentials", "answers", profile=CHALLENGED),
    Arrival("A has a wrong password", "calls_with_wrong_credentials", None, profile=CHALLENGED),
    Arrival("A has no audio", "calls_without_audio", None),
    Arrival("A requires the unknown", "calls_with_an_unknown_extension", None),
    Arrival("no hop left", "calls_with_no_hop_left", None),
    Arrival("B holds and resumes", "calls_and_is_hung_up", "answers_holds_and_resumes"),
    Arrival("B updates", "calls_and_is_hung_up", "answers_and_updates"),
    Arrival("B asks for an offer", "calls_and_is_hung_up", "answers_and_asks_for_an_offer"),
    Arrival("B moves", "calls_and_hangs_up", "answers_and_moves"),
    Arrival("the CANCEL crosses our 200", "calls_and_cancels_too_late", "answers"),
    Arrival("an offer meets ours", "calls_into_glare", "answers"),
    Arrival("the BYE of A crosses ours", "calls_and_hangs_up_too", "answers_then_hangs_up"),
    Arrival("the BYE of B crosses ours", "calls_and_hangs_up", "answers_and_hangs_up_too"),
    Arrival("B asks for fax", "calls_and_is_hung_up", "answers_and_asks_for_fax"),
    Arrival("B requires PRACK", "calls_and_hangs_up", "answers_after_reliable_183"),
    Arrival("B refreshes", "calls_and_is_hung_up", "refreshes_by_update"),
    Arrival("B loses ACKs", "calls_and_hangs_up", "loses_acks", repeats=True, hold_ms=3000),
    Arrival("B challenges", "calls_and_hangs_up", "challenges_407"),
    _fails(404, "unknown_number"),
    _fails(408, "times_out_after_ringing"),
    _fails(480, "unavailable"),
    _fails(486, "busy"),
    _fails(500, "fails"),
    _fails(503, "asks_to_be_left_alone"),
    _fails(600, "busy_everywhere"),
    _fails(603, "rejects"),
    _fails(302, "redirects", told=480),
    _fails(200, "answers_without_sdp", told=502),
    _fails(200, "answers_with_broken_sdp", told=502),
    _fails(200, "answers_with_srtp_unasked", told=502),
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


async def play_all(folder: Path, arrivals: Sequence[Arrival], first: int, transport: str) -> dict[str, "ArrivalRun"]:
    """Play them against one service, on four ports each from `first` on; over TCP the service listens on the next."""
    pairs = [PortPair(*range(port, port + 4)) for port in range(first, first + 4 * len(arrivals), 4)]
    listener = first + 4 * len(arrivals)
    suffix = "" if transport == "udp" else f";transport={transport}"
    trunks, routes = [], []
    for index, (pair, arrival) in enumerate(zip(pairs, arrivals, strict=True)):
        for port, profile in ((pair.a, arrival.profile), (pair.b, _CREDENTIALS)):
            trunks.append({**trunk(f"leg-{port}", port), "uri": f"sip:127.0.0.1:{port}{suffix}", **profile})
        to = f"sip:{{user}}@127.0.0.1:{pair.b}"
        routes.append({"match": _routed(index), "to": to, "via": f"leg-{pair.b}"})
    sections = {} if transport == "udp" else {"sip": {"listen": [f"{transport}://127.0.0.1:{listener}"]}}
    places = asyncio.Semaphore(AT_ONCE)
    played: dict[str, ArrivalRun] = {}
    async with service_under_test(folder / "service", trunks, routes=routes, sections=sections) as service:

        async def play(index: int, arrival: Arrival) -> None:
            dialled = _routed(index) if arrival.dialled == DIALLED else arrival.dialled
            port = service.sip_port if transport == "udp" else listener
            run = ArrivalRun(service, arrival, pairs[index], folder / f"arrival-{index}", dialled, port)
            played[arrival.name] = run
            async with places:
                try:
                    await run.play()
                except (Refused, aiohttp.ClientError, OSError, ValueError) as failure:
                    run.problems.append(f"could not be played: {failure!r}")

        async with asyncio.TaskGroup() as group:
            for index, arrival in enumerate(arrivals):
                group.create_task(play(index, arrival))
    return played


def _routed(index: int) -> str:
    """A number of its own for each route: over TCP a caller's port does not say which trunk it is."""
    return f"{DIALLED}{index:02d}"


class ArrivalRun:
    """One of them being played on a pair of trunks; `problems` says all that went otherwise."""

    def __init__(
        self, service: ServiceUnderTest, arrival: Arrival, ports: PortPair, folder: Path, dialled: str, port: int
    ) -> None:
        """`dialled` and `port` of the service: it goes over TCP where that is not the port of its UDP."""
        self.arrival = arrival
        self.problems: list[str] = []
        self.outcomes: list[SippOutcome] = []
        self._service = service
        self._ports = ports
        self._folder = folder
        self._target = ["-s", dialled, f"127.0.0.1:{port}"]
        self._transport = "u1" if port == service.sip_port else "t1"

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
        arguments = ["-d", str(self.arrival.hold_ms)]
        arguments += ["-key", "nonce", "n", "-key", "algorithm", "MD5", "-key", "caller", NUMBER_A]
        arguments += ["-au", "caller", "-ap", "not-a-secret"]
        if self.arrival.repeats:
            arguments.append("-nr")
        if leg == "a":
            arguments += self._target
        folder = self._folder / leg
        folder.mkdir(parents=True)
        return await Sipp.start(
            scenario,
            folder,
            port=port,
            control_port=control,
            arguments=arguments,
            lifetime_s=int(LEGS_END_S),
            transport=self._transport,
        )

    def _judge_legs(self) -> None:
        for outcome in self.outcomes:
            if outcome.exit_status != 0:
                self.problems.append(f"SIPp {outcome.scenario} ended with {outcome.exit_status}")
        if self.arrival.called is not None and self.outcomes:
            received = "\n".join(message.text for message in self.outcomes[0].received)
            if NUMBER_A in received or re.search(rf":{self._ports.a}\b", received):
                self.problems.append("the called party was told the caller's number or port")
        if self.arrival.status is not None and self.outcomes:
            starts = [message.start for message in self.outcomes[-1].received]
            if not starts or not starts[-1].startswith(f"SIP/2.0 {self.arrival.status} "):
                self.problems.append(f"the caller got {starts} in place of {self.arrival.status}")

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
