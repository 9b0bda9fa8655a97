"""The packet path in C beside the one in Python: the same packets and commands, and every byte and figure the same."""

import os
import random  # noqa: TID251 - a seeded walk
from dataclasses import dataclass
from typing import Any

import pytest

from media.codecs.g711 import ALAW_TO_ULAW, ULAW_TO_ALAW
from media.codecs.table import BY_NUMBER, PCMA, PCMU
from media.digit_tones import digit_tones
from media.packet_path.interface import Address, StreamFigures, StreamPlan
from media.packet_path.stream import Send
from media.rtp.dtmf import DIGITS
from media.rtp.packet import RtpPacket
from media.tones import RINGBACK, Tone, comfort_noises, prepare, silence
from media.transcoding.packets import QUEUE_PACKETS, PacketQueue
from tests.support.relay_bed import TIMEOUTS, KeptWire, Party, RelayBed, remote_plan

# Where there is a compiler it has been built; tests/architecture sees to that.
native: Any = pytest.importorskip("media.packet_path._native")

STRANGER: Address = ("203.0.113.9", 5)
RINGBACK_TONE = prepare(RINGBACK)


@dataclass
class NativeWire(KeptWire):
    """A wire that the table in C sends by itself."""

    send: Send | None = None

    def aim(self, target: Address, exclusive: bool) -> Send:
        self.send = super().aim(target, exclusive)
        return self.send


def native_tone(tone: Tone) -> Any:
    encoded = [(codec, BY_NUMBER[codec].silence or 0, one_pass) for codec, one_pass in tone.encoded.items()]
    return native.Tone(tone.name, tone.samples, tone.endless, encoded, list(tone.packets.items()))


class Twins:
    """Three parties in both tables on one clock, and chances to do the same to both."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.events: list[object] = []
        self.bed = RelayBed()
        keys = [native_tone(digit_tones()[digit]) for digit in DIGITS]
        outside = native.Surroundings(
            native_tone(silence()), keys, ALAW_TO_ULAW, ULAW_TO_ALAW, None, map(native_tone, comfort_noises())
        )
        self.table = native.Table(self.events.append, 3, outside)
        self.ringback = native_tone(RINGBACK_TONE)
        self.parties: list[Party] = []
        self.streams: list[Any] = []
        self.heard: list[PacketQueue] = []
        self.native_heard: list[Any] = []
        told_fd = os.eventfd(0, os.EFD_NONBLOCK)
        for number in (1, 2, 3):
            self.parties.append(self.bed.party(f"{number}", connect=False))
            plan = StreamPlan(
                f"{number}", 0xABC00000 + number, 65530, 0xFFFFFF00, f"cname{number}", False, (), TIMEOUTS
            )
            self.streams.append(self.table.open(number, plan, NativeWire(), self.bed.now))
            self.settle(number - 1)
            self.heard.append(PacketQueue(lambda: None))
            self.native_heard.append(native.Converter(QUEUE_PACKETS, told_fd))
            self.bed.table.set_listener(self.parties[-1].stream, self.heard[-1])
            self.table.set_listener(self.streams[-1], self.native_heard[-1])
        os.close(told_fd)

    def settle(self, leg: int, **changes: Any) -> None:
        chance = self.chance
        plan = remote_plan(
            self.parties[leg].address,
            codec=chance.choice([PCMA, PCMU]),
            ptime_ms=chance.choice([10, 20, 20, 30, 60]),
            dtmf=chance.choice([101, None]),
            noise=chance.choice([13, None]),
            **changes,
        )
        self.bed.table.set_remote(self.parties[leg].stream, plan, self.bed.now)
        self.table.set_remote(self.streams[leg], plan, None, self.bed.now)

    def command(self, leg: int, other: int) -> None:
        bed, chance, stream, now = self.bed, self.chance, self.streams[leg], self.bed.now
        party = self.parties[leg]
        match chance.randrange(6):
            case 0:
                bed.table.bridge(party.stream, self.parties[other].stream, now)
                self.table.bridge(stream, self.streams[other], now)
            case 1:
                bed.table.join(party.stream, self.parties[other].stream)
                self.table.join(stream, self.streams[other])
            case 2:
                overrides = chance.random() < 0.5
                bed.play(party, RINGBACK_TONE, overrides=overrides)
                self.table.play(stream, self.ringback, overrides, now)
            case 3:
                bed.table.stop_playing(party.stream)
                self.table.stop_playing(stream)
            case 4:
                digit = chance.randrange(16)
                bed.send_digit(party, DIGITS[digit], 100)
                self.table.send_digit(stream, digit, 100, now)
            case _:
                self.settle(
                    leg,
                    may_send=chance.random() < 0.8,
                    may_receive=chance.random() < 0.8,
                    on_hold=chance.random() < 0.2,
                )

    def packet(self, leg: int) -> None:
        party, chance = self.parties[leg], self.chance
        if chance.random() < 0.03:
            party.sequence = (party.sequence + chance.choice([1, 2, 50, 200, 5000, -1, -2, -30])) & 0xFFFF
        if chance.random() < 0.01:
            party.timestamp = chance.randrange(2**32)
        if chance.random() < 0.01:
            party.ssrc = chance.randrange(2**32)
        kind = chance.random()
        if kind < 0.02:
            content = chance.randbytes(chance.randrange(60))
        elif kind < 0.05:
            content = RtpPacket(13, party.sequence, party.timestamp, party.ssrc, chance.randbytes(2)).render()
        elif kind < 0.1:
            event = bytes((chance.randrange(18), chance.choice([0, 0x80, 10]))) + chance.randbytes(2)
            content = RtpPacket(101, party.sequence, party.timestamp, party.ssrc, event).render()
        else:
            payload = chance.randbytes(chance.choice([80, 160, 160, 160, 240, 7]))
            codec, marker = chance.choice([PCMA, PCMA, PCMU]), chance.random() < 0.05
            content = RtpPacket(codec, party.sequence, party.timestamp, party.ssrc, payload, marker).render()
            party.timestamp = (party.timestamp + len(payload)) & 0xFFFFFFFF
        party.sequence = (party.sequence + 1) & 0xFFFF
        source = party.address if chance.random() < 0.97 else STRANGER
        party.give_bytes(content, source)
        self.table.datagram(self.streams[leg], content, source, self.bed.now)

    def advance(self) -> None:
        self.bed.now += self.chance.choice([0.0, 0.001, 0.01, 0.02, 0.02, 0.02, 0.1])
        self.bed.table.advance(self.bed.now)
        self.table.advance(self.bed.now)

    def check(self) -> None:
        for party, stream in zip(self.parties, self.streams, strict=True):
            assert party.wire.sent == stream.wire.sent
            assert party.wire.control == stream.wire.control
            assert party.stream.figures() == StreamFigures(*stream.figures())
        assert len(self.bed.events) == len(self.events)
        for heard, native_heard in zip(self.heard, self.native_heard, strict=True):
            assert [tuple(packet) for packet in heard.take()] == native_heard.take()


@pytest.mark.parametrize("seed", range(60))
def test_both_send_the_same_bytes_and_count_the_same(seed: int) -> None:
    twins = Twins(seed)
    for _ in range(400):
        leg = twins.chance.randrange(3)
        if twins.chance.random() < 0.06:
            twins.command(leg, (leg + 1 + twins.chance.randrange(2)) % 3)
        else:
            twins.packet(leg)
        twins.advance()
        twins.check()
    assert any(party.wire.sent for party in twins.parties)
