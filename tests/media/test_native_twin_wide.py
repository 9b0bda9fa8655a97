"""The packet path in C beside the one in Python once more: every codec, header, report and pause that may come."""

from dataclasses import replace
from typing import Any

import pytest

from media.codecs.table import COMFORT_NOISE, G722, OPUS, PCMA, PCMU, TELEPHONE_EVENT, TELEPHONE_EVENT_48000
from media.packet_path.interface import Address
from media.packet_paths import NATIVE_BUILT
from media.rtp.dtmf import DURATION_MAX
from media.rtp.packet import RtpPacket
from media.rtp.rtcp import (
    Report,
    ReportBlock,
    SenderInformation,
    build_bye,
    build_cname,
    build_report,
    compact_ntp,
    ntp_timestamp,
)
from tests.media.test_native_twin import NETWORKS, Twins
from tests.support.relay_bed import OPUS_PAYLOAD_TYPE, Party, remote_plan

pytestmark = pytest.mark.skipif(not NATIVE_BUILT, reason="the packet path in C has not been built")

FORMATS = (
    (PCMU, PCMU),
    (PCMA, PCMA),
    (G722, G722),
    (OPUS_PAYLOAD_TYPE, OPUS),
    (13, COMFORT_NOISE),
    (101, TELEPHONE_EVENT),
    (102, TELEPHONE_EVENT_48000),
)
# What packets have, and how far their source's clock goes on with them.
CONTENTS = (
    (G722, 160, 160),
    (PCMA, 160, 160),
    (PCMU, 320, 320),
    (PCMA, 480, 480),
    (PCMU, 1100, 1100),
    *((OPUS_PAYLOAD_TYPE, size, 960) for size in (1, 3, 80, 1100)),
)
OTHERS = (
    *((13, size, 160) for size in (0, 1, 9)),
    *((101, size, 0) for size in (0, 3, 4, 4, 5)),
    (77, 5, 160),
)


class WideTwins(Twins):
    """Any of the codecs, and what comes with packets and reports that are not as usual."""

    def settle(self, leg: int, **changes: Any) -> None:
        chance = self.chance
        received = [each for each in FORMATS if chance.random() < 0.85]
        lingers = [received.pop(chance.randrange(len(received)))] if len(received) > 2 and chance.random() < 0.3 else []
        plan = remote_plan(
            None if chance.random() < 0.05 else self.parties[leg][0].address,
            codec=chance.choice([PCMA, PCMU, G722, OPUS]),
            ptime_ms=chance.choice([10, 20, 20, 20, 30, 40, 60]),
            dtmf=chance.choice([101, None]),
            noise=chance.choice([13, None]),
            renewed=not self.nat or chance.random() < 0.3,
            elsewhere=chance.random() < 0.1,
            may_receive=chance.random() < 0.93,
            **changes,
        )
        plan = plan._replace(
            dtmf_clock_rate_hz=chance.choice([8000, 48000]), receives=tuple(received), lingers=tuple(lingers)
        )
        for bed, party in zip(self.beds, self.parties[leg], strict=True):
            bed.table.set_remote(party.stream, plan, bed.now)

    def make(self, leg: int, other: int) -> None:
        chance, frames = self.chance, []
        for _ in range(chance.randrange(4)):
            self.made += chance.choice([160, 160, 160, 320, 8000, 960, 960, -160])
            payload = chance.randbytes(chance.choice([160, 160, 80, 1275, 1]))
            frames.append((self.made & 0xFFFFFFFF, chance.choice([0, 0, 128]), payload))
        codec = chance.choice([PCMA, PCMU, G722, OPUS])
        for bed, party, sink in zip(self.beds, self.parties[leg], self.parties[other], strict=True):
            bed.table.send_audio(sink.stream, party.stream, codec, frames, bed.now)

    def command(self, leg: int, other: int) -> None:
        if self.chance.random() > 0.06:
            super().command(leg, other)
            return
        for party in self.parties[leg]:
            party.wire.broken = not party.wire.broken

    def packet(self, leg: int) -> None:
        party = self.parties[leg][0]
        if self.chance.random() < 0.12:
            self.report(leg, party, party.address)
            return
        if self.chance.random() < 0.005:
            party.sequence = self.chance.choice([0, 65535, 65530, 32768])
        super().packet(leg)

    def content(self, leg: int, party: Party) -> bytes:
        chance, kind = self.chance, self.chance.random()
        if kind > 0.6:
            return super().content(leg, party)
        if kind > 0.57:
            return chance.randbytes(chance.choice([0, 1, 2, 11, 12, 13, 1499, 1500, 1501, 4095]))
        payload_type, size, ticks = chance.choice(CONTENTS if kind < 0.35 else OTHERS)
        payload = chance.randbytes(size)
        if payload_type == 101:
            payload = bytes((chance.choice([1, 1, 2, 15, 16]),))[:size] + payload[1:]
        marker = chance.random() < 0.1
        packet = RtpPacket(payload_type, party.sequence, party.timestamp, party.ssrc, payload, marker).render()
        if payload_type == 101 and chance.random() < 0.2:
            ticks = DURATION_MAX
        party.timestamp = (party.timestamp + ticks) & 0xFFFFFFFF
        return self.decorated(packet)

    def decorated(self, packet: bytes) -> bytes:
        """With contributing sources, an extension and padding, some of which are not as long as they say."""
        chance = self.chance
        if chance.random() < 0.8:
            return packet
        sources, first, behind = chance.choice([0, 1, 15]), packet[0], packet[12:]
        inserted = chance.randbytes(4 * sources)
        if chance.random() < 0.5:
            words = chance.choice([0, 1, 3])
            first |= 0x10
            inserted += bytes(2) + chance.choice([words, words, words + 1, 0xFFFF]).to_bytes(2, "big")
            inserted += chance.randbytes(4 * words)
        if chance.random() < 0.5:
            padding = chance.choice([1, 4, 255, 0, 200])
            first |= 0x20
            behind += bytes(max(padding - 1, 0)) + bytes((padding,))
        return bytes((first | sources,)) + packet[1:12] + inserted + behind

    def report(self, leg: int, party: Party, source: Address) -> None:
        compound = self.compound(leg, party)
        if self.chance.random() < 0.1:
            compound = compound[: self.chance.randrange(len(compound))]
        if self.chance.random() < 0.2 and compound:
            changed = bytearray(compound)
            changed[self.chance.randrange(len(changed))] = self.chance.randrange(256)
            compound = bytes(changed)
        multiplexed = self.chance.random() < 0.5
        for each in self.parties[leg]:
            if multiplexed:
                each.give_bytes(compound, source)
            else:
                each.give_control(compound)

    def compound(self, leg: int, party: Party) -> bytes:
        chance = self.chance
        sender = None
        if chance.random() < 0.6:
            sender = SenderInformation(chance.randrange(2**64), chance.randrange(2**32), 1, 2)
        blocks = tuple(self.block(leg) for _ in range(chance.choice([0, 1, 1, 2, 5, 31])))
        compound = build_report(Report(chance.choice([party.ssrc, party.ssrc, 9]), sender, blocks))
        compound *= chance.choice([1, 1, 2])
        if chance.random() < 0.5:
            compound += build_cname(party.ssrc, "x")
        if chance.random() < 0.3:
            compound += build_bye(party.ssrc) * chance.choice([1, 30, 31, 32, 40])
        return compound

    def block(self, leg: int) -> ReportBlock:
        chance = self.chance
        seen = compact_ntp(ntp_timestamp(self.beds[0].now - chance.random() * 70))
        block = ReportBlock(0xABC00001 + leg, 0, 0, 0, chance.randrange(2**32), seen, chance.choice([0, 2**20]))
        return replace(
            block,
            ssrc=chance.choice([block.ssrc, block.ssrc, 5]),
            lost=chance.choice([0, 5, -3, 0x7FFFFF, -0x800000]),
            last_report=chance.choice([seen, seen, seen + 70 * 0x10000 & 0xFFFFFFFF, 0]),
            delay=chance.choice([block.delay, chance.randrange(2**20), 2**32 - 1]),
        )

    def advance(self) -> None:
        step_s = self.chance.choice([0.0, 0.001, 0.005, 0.02, 0.02, 0.02, 0.02, 0.1])
        if self.chance.random() < 0.03:
            step_s = self.chance.choice([1 / 7, 0.25, 0.3, 0.5, 3.0, 6.0, 31.0, 400.0, 40_000.0])
        for bed in self.beds:
            bed.now += step_s
            bed.table.advance(bed.now)

    def check(self) -> None:
        super().check()
        for party in (each for pair in self.parties for each in pair):
            party.wire.sent.clear()
            party.wire.control.clear()


@pytest.mark.parametrize("seed", range(24))
def test_both_do_the_same_with_whatever_comes(seed: int) -> None:
    twins = WideTwins(seed, nat=seed % 2 == 0, networks=NETWORKS if seed % 3 == 0 else ())
    for _ in range(400):
        leg = twins.chance.randrange(3)
        other, kind = (leg + 1 + twins.chance.randrange(2)) % 3, twins.chance.random()
        if kind < 0.08:
            twins.command(leg, other)
        elif kind < 0.16:
            twins.make(leg, other)
        else:
            twins.packet(leg)
        twins.advance()
        twins.check()
