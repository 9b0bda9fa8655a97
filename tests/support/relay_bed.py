"""A stream table without sockets, thread or clock: packets in by hand, what is sent kept.

`PACKET_PATH` says which table new beds have: the one in Python, or the one in C.
"""

import itertools
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from media.codecs.table import (
    BY_NUMBER,
    CLOCK_RATE_HZ,
    COMFORT_NOISE,
    OPUS,
    PCMA,
    PCMU,
    TELEPHONE_EVENT,
    TELEPHONE_EVENT_48000,
)
from media.events import MediaEvent
from media.packet_path.interface import Address, PlaybackPlan, RemotePlan, StreamPlan, Timeouts
from media.packet_path.stream import Packet, Send, Stream
from media.packet_path.table import StreamTable
from media.packet_paths import NATIVE, PYTHON
from media.rtp.packet import RtpPacket, parse_packet
from media.tones import Tone

PACKET_PATH: ContextVar[str] = ContextVar("packet path", default=PYTHON)
TIMEOUTS = Timeouts(early_s=30.0, bridged_s=45.0, hold_s=300.0)
FRAME_S = 0.02
OPUS_PAYLOAD_TYPE = 107


@dataclass
class KeptWire:
    """A wire that keeps what it is given."""

    target: Address | None = None
    exclusive: bool = False
    sent: list[bytes] = field(default_factory=list)
    sent_to: list[Address] = field(default_factory=list)
    control: list[tuple[bytes, Address]] = field(default_factory=list)
    closed: bool = False
    broken: bool = False

    def aim(self, target: Address, exclusive: bool) -> Send:
        self.target, self.exclusive = target, exclusive

        def send(packet: Packet) -> None:
            if self.broken:
                raise OSError("the network is unreachable")
            self.sent.append(bytes(packet))
            self.sent_to.append(target)

        return send

    def send_control(self, packet: bytes, target: Address) -> None:
        self.control.append((packet, target))

    def close(self) -> None:
        self.closed = True


@dataclass
class Party:
    """A leg's far end: what it sends goes into the table, what the table sends to it is in `heard()`."""

    bed: "RelayBed"
    stream: Any
    wire: KeptWire
    address: Address
    ssrc: int
    sequence: int = 0
    timestamp: int = 0

    @property
    def in_python(self) -> Stream | None:
        """What the table in Python has of the leg, to be looked into; None for the one in C."""
        return self.stream if isinstance(self.stream, Stream) else None

    @property
    def our_ssrc(self) -> int:
        """Under which SSRC it is sent to."""
        inside = self.in_python
        return self.stream.inside.ssrc if inside is None else inside.outbound.ssrc

    @property
    def heard_at(self) -> float:
        """When it was heard last."""
        inside = self.in_python
        return self.stream.inside.heard_at if inside is None else inside.inbound.heard_at

    @property
    def extended_highest(self) -> int:
        """The newest sequence number received from it, without wraps."""
        inside = self.in_python
        return self.stream.inside.extended_highest if inside is None else inside.inbound.reception.extended_highest

    @property
    def has_sink(self) -> bool:
        """Whether what it says goes anywhere."""
        inside = self.in_python
        return self.stream.inside.has_sink if inside is None else inside.inbound.sink is not None

    @property
    def has_partner(self) -> bool:
        """Whether it is bridged with a leg that is there."""
        inside = self.in_python
        return self.stream.inside.has_partner if inside is None else inside.partner is not None

    def send(
        self,
        payload: bytes = b"\xd5" * 160,
        payload_type: int = PCMA,
        *,
        marker: bool = False,
        source: Address | None = None,
    ) -> None:
        """The next audio packet; numbers and timestamp go on by themselves."""
        self.give(RtpPacket(payload_type, self.sequence, self.timestamp, self.ssrc, payload, marker), source)
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.timestamp = (self.timestamp + len(payload)) & 0xFFFFFFFF

    def send_event(self, payload: bytes, timestamp: int, *, marker: bool = False, payload_type: int = 101) -> None:
        self.give(RtpPacket(payload_type, self.sequence, timestamp, self.ssrc, payload, marker))
        self.sequence = (self.sequence + 1) & 0xFFFF

    def give(self, packet: RtpPacket, source: Address | None = None) -> None:
        self.give_bytes(packet.render(), source)

    def give_bytes(self, packet: bytes, source: Address | None = None) -> None:
        self.bed.table.relay.buffer[: len(packet)] = packet
        self.bed.table.relay.datagram(self.stream, len(packet), source or self.address, self.bed.now)

    def give_control(self, packet: bytes, source: Address | None = None) -> None:
        self.bed.table.relay.buffer[: len(packet)] = packet
        from_address = source or (self.address[0], self.address[1] + 1)
        self.bed.table.relay.control(self.stream, len(packet), from_address, self.bed.now)

    def heard(self) -> list[RtpPacket]:
        """What was sent to it since the last time it was asked."""
        packets = [parse_packet(packet) for packet in self.wire.sent]
        self.wire.sent.clear()
        assert None not in packets
        return [packet for packet in packets if packet is not None]


class RelayBed:
    """A stream table and its parties on a clock that only `run` moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.events: list[MediaEvent] = []
        self.table: Any = new_table(self.events)
        self._streams = 0

    def party(
        self,
        leg: str,
        *,
        codec: int = PCMA,
        dtmf: int | None = 101,
        nat: bool = False,
        networks: tuple[tuple[int, int, int], ...] = (),
        connect: bool = True,
        **changes: Any,
    ) -> Party:
        self._streams += 1
        number = self._streams
        plan = StreamPlan(leg, 0xABC00000 + number, 65530, 0xFFFFFF00, f"cname{number}", nat, networks, TIMEOUTS)
        wire = KeptWire()
        if isinstance(self.table, StreamTable):
            stream: Any = Stream(number, plan, wire)
            self.table.add(stream, self.now)
        else:
            stream = self.table.open(number, plan, wire, self.now)
        party = Party(self, stream, wire, (f"192.0.2.{number}", 4000), 7000 + number, 100 * number, 16000 * number)
        if connect:
            self.connect(party, codec=codec, dtmf=dtmf, **changes)
        return party

    def connect(self, party: Party, **changes: Any) -> None:
        self.table.set_remote(party.stream, remote_plan(party.address, **changes), self.now)

    def play(self, party: Party, tone: Tone, *, overrides: bool = False) -> None:
        self.table.play(party.stream, PlaybackPlan(tone, overrides), self.now)

    def send_digit(self, party: Party, digit: str, duration_ms: int) -> None:
        self.table.send_digit(party.stream, digit, duration_ms, self.now)

    def run(self, seconds: float, step_s: float = 0.005) -> None:
        """Move the clock, doing what falls due on the way."""
        end = self.now + seconds
        while self.now < end - 1e-9:
            self.now = min(self.now + step_s, end)
            self.table.advance(self.now)

    def talk(self, *parties: Party, packets: int, payload_type: int = PCMA) -> None:
        """Let parties send at the pace of 20 ms."""
        for _ in range(packets):
            for party in parties:
                party.send(payload_type=payload_type)
            self.run(FRAME_S)


def new_table(events: list[MediaEvent]) -> Any:
    """A table of the packet path that is to be tested."""
    if PACKET_PATH.get() == NATIVE:
        from tests.support.native_bed import NativeTable  # it is there where the extension has been built

        return NativeTable(events.append)
    return StreamTable(events.append)


def remote_plan(
    remote: Address | None,
    *,
    codec: int = PCMA,
    dtmf: int | None = 101,
    may_send: bool = True,
    on_hold: bool = False,
    renewed: bool = True,
    may_receive: bool = True,
    noise: int | None = None,
    ptime_ms: int = 20,
    elsewhere: bool = False,
) -> RemotePlan:
    receives: tuple[tuple[int, int], ...] = ((PCMA, PCMA), (PCMU, PCMU), (101, TELEPHONE_EVENT))
    if codec not in (PCMA, PCMU):
        payload_type = OPUS_PAYLOAD_TYPE if codec == OPUS else codec
        event = TELEPHONE_EVENT_48000 if codec == OPUS else TELEPHONE_EVENT
        receives = ((payload_type, codec), (PCMA, PCMA), (101, event))
    if noise is not None:
        receives = (*receives, (noise, COMFORT_NOISE))
    control = None if remote is None else (remote[0], remote[1] + 1)
    return RemotePlan(
        remote,
        control,
        codec,
        OPUS_PAYLOAD_TYPE if codec == OPUS else codec,
        dtmf,
        receives,
        may_send,
        on_hold,
        renewed,
        may_receive,
        noise_payload_type=noise,
        ptime_ms=ptime_ms,
        dtmf_clock_rate_hz=BY_NUMBER[codec].clock_rate_hz if codec in BY_NUMBER else CLOCK_RATE_HZ,
        elsewhere=elsewhere,
    )


def signed(difference: int, bits: int) -> int:
    half = 1 << (bits - 1)
    return (difference + half) % (1 << bits) - half


def assert_continuous(packets: list[RtpPacket]) -> None:
    assert len({packet.ssrc for packet in packets}) <= 1
    for before, after in itertools.pairwise(packets):
        assert (after.sequence - before.sequence) & 0xFFFF == 1


def assert_timestamps_grow(packets: list[RtpPacket]) -> None:
    for before, after in itertools.pairwise(packets):
        assert signed(after.timestamp - before.timestamp, 32) > 0


def bridged(codec_a: int = PCMA, codec_b: int = PCMA) -> tuple[RelayBed, Party, Party]:
    bed = RelayBed()
    a, b = bed.party("a", codec=codec_a), bed.party("b", codec=codec_b)
    bed.table.bridge(a.stream, b.stream, bed.now)
    return bed, a, b
