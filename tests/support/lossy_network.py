"""A datagram network in memory on a manual clock: loss, repeats, delay and reordering by a pattern list or a seed."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from b2bua.sip.routing import TransportAddress
from tests.support.manual_clock import ManualClock
from tests.support.seeded_tokens import SeededTokens

Receive = Callable[[bytes, TransportAddress, TransportAddress], object]


@dataclass(frozen=True, slots=True)
class Carried:
    """One datagram that was handed to the network."""

    at: float
    content: bytes
    source: TransportAddress
    destination: TransportAddress
    copies: int

    @property
    def first_line(self) -> str:
        """The start line of the SIP message in it."""
        return self.content.split(b"\r\n", 1)[0].decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Conditions:
    """What happens to datagrams: chances of 0..1, times in seconds. Jitter above the gap of two datagrams reorders."""

    loss: float = 0.0
    duplication: float = 0.0
    delay_s: float = 0.0
    jitter_s: float = 0.0


class Wire:
    """One attached address: what `SipEndpoint.attach` takes as a transport."""

    def __init__(self, network: "LossyNetwork", local: TransportAddress) -> None:
        self._network = network
        self.local = local

    def send(self, content: bytes, destination: TransportAddress, _fallback: TransportAddress | None = None) -> None:
        """Hand a datagram to the network."""
        self._network.carry(content, self.local, destination)


class LossyNetwork:
    """Connects receivers by address.

    `pattern`: for each datagram in turn the copies delivered (0 loses it); after its end the conditions decide.
    `unreachable`: called with (content, source, destination) when nobody has the destination's address, as ICMP would
    tell.
    `gate`: asked first about each datagram, with (content, source, destination): False loses it.
    """

    def __init__(
        self,
        clock: ManualClock,
        conditions: Conditions = Conditions(),
        *,
        seed: str | int = 0,
        pattern: Iterable[int] = (),
        keep: bool = True,
    ) -> None:
        self.clock = clock
        self.conditions = conditions
        self.carried: list[Carried] = []
        self.lost = 0
        self.unreachable: Callable[[bytes, TransportAddress, TransportAddress], object] | None = None
        self.gate: Callable[[bytes, TransportAddress, TransportAddress], bool] | None = None
        self._chance = SeededTokens(seed)
        self._pattern: Iterator[int] = iter(pattern)
        self._keep = keep
        self._receivers: dict[TransportAddress, Receive] = {}

    @property
    def keeps(self) -> bool:
        """Whether what it carries is kept in `carried`: SIP is, media are not."""
        return self._keep

    def attach(self, local: TransportAddress, receive: Receive) -> Wire:
        """Give `local` to a receiver, which is called with (content, source, local)."""
        self._receivers[local] = receive
        return Wire(self, local)

    def detach(self, local: TransportAddress) -> None:
        """Take the receiver of `local` away: datagrams to it are lost."""
        self._receivers.pop(local, None)

    def follow(self, pattern: Iterable[int]) -> None:
        """Use a new pattern list from the next datagram on."""
        self._pattern = iter(pattern)

    def carry(self, content: bytes, source: TransportAddress, destination: TransportAddress) -> None:
        """Take a datagram and schedule its deliveries."""
        passes = self.gate is None or self.gate(content, source, destination)
        copies = self._copies() if passes else 0
        if self._keep:
            self.carried.append(Carried(self.clock.time(), bytes(content), source, destination, copies))
        if copies == 0:
            self.lost += 1
        for _ in range(copies):
            delay_s = self.conditions.delay_s
            if self.conditions.jitter_s:
                delay_s += self.conditions.jitter_s * self._chance.fraction()
            self.clock.call_later(delay_s, lambda: self._deliver(content, source, destination))

    def _copies(self) -> int:
        planned = next(self._pattern, None)
        if planned is not None:
            return planned
        if self.conditions.loss and self._chance.fraction() < self.conditions.loss:
            return 0
        if self.conditions.duplication and self._chance.fraction() < self.conditions.duplication:
            return 2
        return 1

    def _deliver(self, content: bytes, source: TransportAddress, destination: TransportAddress) -> None:
        receive = self._receivers.get(destination)
        if receive is not None:
            receive(content, source, destination)
        elif self.unreachable is not None:
            self.unreachable(content, source, destination)
