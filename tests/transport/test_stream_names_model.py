"""Random trunks, calls and failures over one TLS listener: all goes out or fails once, and to whom it may."""

import asyncio
import random  # noqa: TID251 - seeded, the same course each time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count, pairwise

import pytest

from b2bua.sip.routing import ANYBODY, TransportAddress, is_ip_literal
from b2bua.switch.trunks import Trunks
from b2bua.transport.connection import Connection
from b2bua.transport.stream import bind_stream
from b2bua.transport.tls import tls_contexts
from tests.support.configurations import config_of
from tests.support.manual_clock import ManualClock
from tests.support.stream_bed import Keeper
from tests.support.tls_world import TlsWorld, Wire

pytestmark = pytest.mark.sockets

HOSTS = ("203.0.113.5", "203.0.113.6", "198.51.100.7")
PLACES = tuple(TransportAddress("tls", host, port) for host in HOSTS for port in (5061, 5062))
NAMES = ("a.example", "b.example")
MOST_TRUNKS = 4
CALLS = 5
STEPS = 60
TURNS = 60
"""Of the event loop: more than all takes that is under way."""


@dataclass
class Sent:
    """A message, and what it went out over."""

    content: bytes
    destination: TransportAddress
    fallback: TransportAddress | None
    number: int
    call: int
    over: list[Wire] = field(default_factory=list)

    @property
    def is_response(self) -> bool:
        return self.content.startswith(b"SIP/2.0 ")


class Counting(Keeper):
    """Keeps how often each message failed."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: Counter[bytes] = Counter()

    def transport_failed(
        self, destination: TransportAddress, *, unopened: bool = False, requests: frozenset[bytes] | None = None
    ) -> None:
        self.failures.update(requests or ())

    def unanswerable(self, content: bytes, destination: TransportAddress) -> None:
        self.failures[content] += 1


def written(number: int, call: int, *, response: bool) -> bytes:
    first = "SIP/2.0 200 OK" if response else "OPTIONS sip:192.0.2.1 SIP/2.0"
    return (
        f"{first}\r\nVia: SIP/2.0/TLS 203.0.113.5:5061;branch=z9hG4bK{number}\r\n"
        "From: <sip:a@203.0.113.5>;tag=a\r\nTo: <sip:b@203.0.113.5>;tag=b\r\n"
        f"Call-ID: {call}\r\nCSeq: {number} OPTIONS\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def trunks_of(dice: random.Random) -> Trunks:
    """At shared hosts, with shared and with own names, verified or not."""
    tables = []
    for number in range(dice.randint(1, MOST_TRUNKS)):
        host = f"sip{number}.example" if dice.random() < 0.3 else dice.choice(HOSTS[:2])
        name = dice.choice([f'tls_server_name = "{name}"\n' for name in NAMES] + [""])
        verify = "" if dice.random() < 0.7 else "tls_verify = false\n"
        port = dice.choice(PLACES).port
        tables.append(f'[[trunks]]\nname = "t{number}"\nuri = "sips:{host}:{port}"\n{name}{verify}')
    trunks = Trunks(config_of("\n".join(tables)).trunks, ManualClock())
    for trunk in trunks:
        if not is_ip_literal(trunk.config.uri.host):
            trunks.resolved(trunk, dice.sample(PLACES, 2))
    return trunks


class Play:
    """One random course of things, and what has to hold of it."""

    def __init__(self, dice: random.Random, world: TlsWorld, keeper: Counting, clock: ManualClock, trunks: Trunks):
        self.world, self.trunks, self._keeper, self._clock, self._dice = world, trunks, keeper, clock, dice
        self._sent: dict[bytes, Sent] = {}
        self._brought: list[tuple[Wire, int, int]] = []
        self._numbers = count(1)
        called = {each for trunk in trunks for each in trunk.destinations}
        named = {each._replace(expected=dice.choice((NAMES[0], ANYBODY))) for each in PLACES}
        self.addresses = sorted(called | {*PLACES} | named)

    async def settle(self) -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)
        assert not self.world.busy, "what is tried ends"

    async def go(self) -> None:
        """Let things happen, often before what was begun has ended."""
        steps = [self._send] * 11 + [self._connect] * 3 + [self._bring] * 3 + [self._cut] * 2 + [self._turn]
        for _ in range(STEPS):
            self._dice.choice(steps)()
            for _ in range(self._dice.randrange(4)):
                await asyncio.sleep(0)
        await self.settle()

    def _send(self) -> None:
        """To anybody, with any other way, or what belongs to something that came; a response once."""
        fallback, number, response = self._dice.choice([None, *self.addresses]), next(self._numbers), False
        destination, call = self._dice.choice(self.addresses), self._dice.randrange(CALLS)
        if self._brought and self._dice.random() < 0.5:
            wire, asked, call = self._dice.choice(self._brought)
            destination, response = wire.connection.remote, self._dice.random() < 0.6
            number = asked if response else number
        content = written(number, call, response=response)
        if content not in self._sent:
            self._sent[content] = Sent(content, destination, fallback, number, call)
            self.world.send(content, destination, fallback)

    def _connect(self) -> None:
        at = self._dice.choice(PLACES)
        self.world.come(at if self._dice.random() < 0.5 else at._replace(port=40_000 + self._dice.randrange(3)))

    def _bring(self) -> None:
        for wire in self._dice.sample(self.world.usable(), min(1, len(self.world.usable()))):
            number, call = next(self._numbers), self._dice.randrange(CALLS)
            wire.bring(written(number, call, response=False))
            self._brought.append((wire, number, call))

    def _cut(self) -> None:
        for wire in self._dice.sample(self.world.usable(), min(1, len(self.world.usable()))):
            wire.abort()

    def _turn(self) -> None:
        self.world.down ^= {self._dice.choice(PLACES)}
        self._clock.advance(self._dice.choice((0, 1, 31)))

    def check(self) -> None:
        for wire in self.world.wires:
            for content in wire.taken:
                if content in self._sent:
                    self._sent[content].over.append(wire)
        for content, sent in self._sent.items():
            failed = self._keeper.failures[content]
            assert len(sent.over) <= 1, f"{sent} went out more than once"
            assert failed == 1 or (failed == 0 and sent.over), f"{sent} failed {failed} times"
            assert all(self._may_take(wire, sent) for wire in sent.over), f"{sent} went to who has not proved its name"
        assert sum(self.world.attempts.values()) <= 2 * len(self._sent), "two ways, each once"

    def _may_take(self, wire: Wire, sent: Sent) -> bool:
        """As it answers what came over it, or is of a call that did, or else by who is there."""
        asked = any(over is wire and number == sent.number for over, number, _ in self._brought)
        of_call = any(over is wire and call == sent.call for over, _, call in self._brought)
        ways = [way for way in (sent.destination, sent.fallback) if way and way.place == wire.connection.remote.place]
        if ways and sent.is_response and asked:
            return True
        return any(self._is_for(wire.connection, way, sent, of_call=of_call) for way in ways)

    def _is_for(self, connection: Connection, way: TransportAddress, sent: Sent, *, of_call: bool) -> bool:
        known, met = self.trunks.identity_of(way), connection.identity
        name = way.expected if known is None else known.server_name if known.verify else ANYBODY
        if name in ("", ANYBODY):
            return True
        related = of_call and not sent.is_response
        if not connection.opened:
            return (sent.is_response or related) and (known is None or not known.listens)
        return related or (met is not None and met.verify and met.server_name == name)

    async def send_thrice(self, destination: TransportAddress, fallback: TransportAddress | None) -> list[int]:
        """How many connections each time has made."""
        opened = [self.world.counters().get("connections opened", 0)]
        for _ in range(3):
            self.world.send(written(next(self._numbers), CALLS, response=False), destination, fallback)
            await self.settle()
            opened.append(self.world.counters().get("connections opened", 0))
        return [after - before for before, after in pairwise(opened)]


@asynccontextmanager
async def play_of(seed: int) -> AsyncIterator[Play]:
    dice = random.Random(seed)
    keeper, clock, trunks, loop = Counting(), ManualClock(), trunks_of(dice), asyncio.get_running_loop()
    contexts = tls_contexts(None, None, None)
    bound = bind_stream("127.0.0.1", 0)
    world = TlsWorld(bound, keeper, loop, tls=contexts, identify=trunks.identity_of, scheduler=clock)
    names = [*NAMES, *HOSTS, *(f"sip{number}.example" for number in range(MOST_TRUNKS))]
    proves = {place: {name for name in names if dice.random() < 0.6} for place in PLACES}
    world.set_up(lambda: dice.randrange(4), proves, {place for place in PLACES if dice.random() < 0.25})
    try:
        yield Play(dice, world, keeper, clock, trunks)
    finally:
        await world.close()


@pytest.mark.parametrize("seed", range(40))
async def test_each_message_goes_out_or_fails_once_and_to_whom_it_may(seed: int) -> None:
    async with play_of(seed) as play:
        await play.go()
        play.check()


@pytest.mark.parametrize("seed", range(8))
async def test_what_was_opened_for_a_message_is_used_again_for_the_next_one_alike(seed: int) -> None:
    async with play_of(seed) as play:
        await play.go()
        for destination in play.addresses:
            for fallback in (None, *play.addresses[:: len(play.addresses) // 4]):
                assert (await play.send_thrice(destination, fallback))[1:] == [0, 0], (destination, fallback)
