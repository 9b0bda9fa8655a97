"""Calls between SIPps on lines that lose, repeat, delay and reorder, on real sockets: placed by REST and routed."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.bad_line import BadLine
from tests.support.free_ports import PortLease
from tests.support.lossy_network import Conditions
from tests.support.service_under_test import ServiceUnderTest, service_under_test, trunk
from tests.support.sipp import Sipp, SippOutcome
from tests.support.sipp_call import NUMBER_A, NUMBER_B

# SIPp takes an INVITE that comes again for a repeated one only while what it sent last answered it: legs without 180.
pytestmark = [
    pytest.mark.sipp,
    pytest.mark.sockets,
    pytest.mark.xdist_group("sipp bad lines"),
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]

DIALLED = "918045678901"
LEGS_END_S = 30.0
TALK_S = 4  # SIPp takes no BYE before the ACK, which may need as long
TOLD = ("initiated", "answered", "bridged", "completed")
LINES = {
    "a fifth lost": Conditions(loss=0.2),
    "repeated": Conditions(duplication=0.4, jitter_s=0.02),
    "late": Conditions(delay_s=0.2),
    "all together": Conditions(loss=0.2, duplication=0.2, delay_s=0.1, jitter_s=0.05),
}
PORTS_OF_LEG = 4  # SIPp, its control port, both ends of the line


@dataclass
class Played:
    """What came of one call; the first leg is A's."""

    lines: list[BadLine]
    outcomes: list[SippOutcome] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    sequences: list[int] = field(default_factory=list)
    ending: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """A call over a line: how it comes about, and what each SIPp plays."""

    kind: str
    line: str
    a: str
    b: str


CALLS = [
    Call(kind, line, a, b)
    for line in LINES
    for kind, a, b in (
        ("placed", "answers_without_180", "answers_without_180"),
        ("routed", "calls_and_hangs_up", "answers_without_180"),
    )
]


class Bench:
    """The service, with a pair of lines for each call."""

    def __init__(self, first_port: int, folder: Path) -> None:
        self.folder = folder
        self.first_port = first_port
        self.service: ServiceUnderTest | None = None
        self.played: list[Played] = []
        self.live: dict[str, object] = {}
        self.wallet: dict[str, object] = {}

    def ports(self, number: int, leg: str) -> range:
        """The ports of a leg of the call with this number."""
        first = self.first_port + PORTS_OF_LEG * (2 * number + (leg == "b"))
        return range(first, first + PORTS_OF_LEG)

    def outer(self, number: int, leg: str) -> int:
        """Where the service sees a leg's phone."""
        return self.ports(number, leg)[2]

    async def play(self, number: int) -> Played:
        """Play a call to its end."""
        assert self.service is not None
        call = CALLS[number]
        async with AsyncExitStack() as stack:
            lines = []
            for leg in "ab":
                phone, _, outer, inner = self.ports(number, leg)
                line = BadLine(
                    (phone, outer, inner, self.service.sip_port), LINES[call.line], f"{call.kind} {call.line} {leg}"
                )
                await line.open()
                stack.callback(line.close)
                lines.append(line)
            played = Played(lines)
            legs = [await self._start(stack, number, "b", call.b)]
            legs.insert(0, await self._start(stack, number, "a", call.a))
            if call.kind == "placed":
                await self._place_and_hang_up(number)
            played.outcomes = list(await asyncio.gather(*(leg.finish(LEGS_END_S) for leg in legs)))
            await self._learn_of_end(number, played)
        return played

    async def _place_and_hang_up(self, number: int) -> None:
        assert self.service is not None
        data, _ = await self.service.client.place(*self._parties(number), record=False)
        call_sid = str(data["call_sid"])
        bridged = await self.service.webhooks.wait_for(
            lambda webhook: webhook.call_sid == call_sid and webhook.event == "call.bridged", LEGS_END_S
        )
        if bridged is not None:
            await asyncio.sleep(TALK_S)
            await self.service.client.post(f"/v1/masking/calls/{call_sid}/hangup")

    def _parties(self, number: int) -> tuple[str, str]:
        return (
            f"sip:{NUMBER_A}@127.0.0.1:{self.outer(number, 'a')}",
            f"sip:{NUMBER_B}@127.0.0.1:{self.outer(number, 'b')}",
        )

    async def _start(self, stack: AsyncExitStack, number: int, leg: str, scenario: str) -> Sipp:
        phone, control, _, inner = self.ports(number, leg)
        arguments = ["-key", "caller", NUMBER_A, "-d", str(1000 * TALK_S)]
        if scenario.startswith("calls"):
            arguments += ["-s", DIALLED, f"127.0.0.1:{inner}"]
        folder = self.folder / f"{number}{leg}"
        folder.mkdir()
        sipp = await Sipp.start(scenario, folder, port=phone, control_port=control, arguments=arguments)
        stack.push_async_callback(sipp.kill)
        return sipp

    async def _learn_of_end(self, number: int, played: Played) -> None:
        assert self.service is not None
        port = str(self.outer(number, "b"))
        ended = await self.service.webhooks.wait_for(
            lambda webhook: webhook.event == "call.completed" and port in str(webhook.data.get("party_b")), LEGS_END_S
        )
        if ended is not None:
            told = self.service.events_of(ended.call_sid)
            played.events = [webhook.event.removeprefix("call.") for webhook in told]
            played.sequences = [webhook.sequence for webhook in told]
            played.ending = dict(ended.data)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    """All of them, played at once against one service."""
    folder = tmp_path_factory.mktemp("sipp-bad-lines")
    lease = PortLease(2 * PORTS_OF_LEG * len(CALLS))
    request.addfinalizer(lease.close)
    bench = Bench(lease.first, folder)
    numbers = range(len(CALLS))
    trunks = [
        trunk(f"{leg}-{number}", bench.outer(number, leg), invite_timeout_s=30) for number in numbers for leg in "ab"
    ]

    def routes(org_id: str) -> list[dict[str, object]]:
        return [
            {
                "trunk": f"a-{number}",
                "match": DIALLED,
                "to": f"sip:{{user}}@127.0.0.1:{bench.outer(number, 'b')}",
                "via": f"b-{number}",
                "org": org_id,
            }
            for number in numbers
        ]

    async with service_under_test(folder / "service", trunks, routes=routes) as service:
        bench.service = service
        results = await asyncio.gather(*(bench.play(number) for number in numbers))
        bench.live = await service.command("calls", "--live")
        bench.wallet = await service.client.get("/v1/masking/billing")
        bench.played = list(results)
        yield bench


@pytest.mark.parametrize("number", range(len(CALLS)), ids=lambda number: "-".join(vars(CALLS[number]).values()))
async def test_a_call_over_a_bad_line(bench: Bench, number: int) -> None:
    call, seen = CALLS[number], bench.played[number]
    for outcome in seen.outcomes:
        assert outcome.exit_status == 0, outcome.story()
    assert seen.events == list(TOLD)
    assert seen.sequences == [1, 2, 3, 4]
    assert (seen.ending["hangup_cause"], seen.ending["price"]) == (
        "api_hangup" if call.kind == "placed" else "normal",
        1.5,
    )
    secrets = ((NUMBER_B, seen.lines[1]), (NUMBER_A, seen.lines[0]))
    for outcome, (number_of_other, line) in zip(seen.outcomes, secrets, strict=True):
        received = "\n".join(message.text for message in outcome.received)
        assert number_of_other not in received
        assert not re.search(rf":({line.phone_port}|{line.outer_port})\b", received)


async def test_each_call_is_charged_once_and_none_is_left(bench: Bench) -> None:
    assert bench.live == {"data": []}
    assert (bench.wallet["balance"], bench.wallet["reserved"]) == (100_000 - 1.5 * len(CALLS), 0)


async def test_the_lines_were_bad(bench: Bench) -> None:
    lossy = [
        line for call, seen in zip(CALLS, bench.played, strict=True) for line in seen.lines if LINES[call.line].loss
    ]
    assert sum(line.lost for line in lossy) > len(lossy)
