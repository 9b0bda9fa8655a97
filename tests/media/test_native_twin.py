"""The packet path in C beside the one in Python: the same packets and commands, and every byte and figure the same."""

import random  # noqa: TID251 - a seeded walk
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pylibsrtp import Error, Session

from media.codecs.table import PCMA, PCMU
from media.packet_path.interface import Address, Keying
from media.packet_paths import NATIVE, NATIVE_BUILT, PYTHON
from media.rtp.dtmf import DIGITS, DURATION_MAX
from media.rtp.packet import RtpPacket
from media.rtp.rtcp import Report, build_cname, build_report
from media.rtp.srtp import SUITES
from media.tones import RINGBACK, prepare
from media.transcoding.packets import PacketQueue
from tests.support.relay_bed import PACKET_PATH, Party, RelayBed, remote_plan
from tests.support.srtp_party import master, sealer

# Where there is a compiler it has been built; tests/architecture sees to that.
pytestmark = pytest.mark.skipif(not NATIVE_BUILT, reason="the packet path in C has not been built")

STRANGER: Address = ("203.0.113.9", 5)
NETWORKS = ((4, 0xCB007100, 0xCB0071FF),)  # 203.0.113.0/24, where the stranger is
RINGBACK_TONE = prepare(RINGBACK)


@contextmanager
def beds_over(packet_path: str) -> Iterator[None]:
    token = PACKET_PATH.set(packet_path)
    yield
    PACKET_PATH.reset(token)


def new_bed(packet_path: str) -> RelayBed:
    with beds_over(packet_path):
        return RelayBed()


class Twins:
    """Three parties in both tables on one clock, and chances to do the same to both. `secured`: some of the time each
    has SRTP, under a few keys that come and go. `nat`: what is said of their addresses is not where they are, and they
    change their formats. `networks`: where else they may be. `moves`: what is said of their addresses changes, and they
    send from wherever they were said to be."""

    def __init__(
        self,
        seed: int,
        *,
        secured: bool = False,
        nat: bool = False,
        networks: tuple[tuple[int, int, int], ...] = (),
        moves: bool = False,
    ) -> None:
        self.chance = random.Random(seed)
        self.secured = secured
        self.nat = nat
        self.moves = moves
        self.beds = tuple(new_bed(packet_path) for packet_path in (PYTHON, NATIVE))
        # Each leg's party in the one bed and in the other. The first one's numbers are gone by.
        self.parties = [
            tuple(bed.party(f"{number}", nat=nat, networks=networks, connect=False) for bed in self.beds)
            for number in (1, 2, 3)
        ]
        self.suite = SUITES[seed % len(SUITES)]
        self.keys: list[int | None] = [None] * 3
        self.sealers: dict[tuple[int, int], Session] = {}
        self.heard = [tuple(PacketQueue(lambda: None) for _ in self.beds) for _ in self.parties]
        self.forked = [tuple(PacketQueue(lambda: None) for _ in self.beds) for _ in self.parties]
        self.converted = [tuple(PacketQueue(lambda: None) for _ in self.beds) for _ in self.parties]
        self.made = 0
        for leg in range(3):
            self.settle(leg)
            for bed, party, heard in zip(self.beds, self.parties[leg], self.heard[leg], strict=True):
                bed.table.set_listener(party.stream, heard)
            for bed, party, forked in zip(self.beds, self.parties[leg], self.forked[leg], strict=True):
                bed.table.set_fork(party.stream, forked)

    def settle(self, leg: int, **changes: Any) -> None:
        chance = self.chance
        plan = remote_plan(
            self.place(leg) if self.moves else self.parties[leg][0].address,
            codec=chance.choice([PCMA, PCMU]),
            ptime_ms=chance.choice([10, 20, 20, 30, 60]),
            dtmf=chance.choice([101, None]),
            noise=chance.choice([13, None]),
            renewed=not self.nat or chance.random() < 0.3,
            **changes,
        )
        plan = plan._replace(dtmf_clock_rate_hz=chance.choice([8000, 48000, 48000]))
        if self.nat and chance.random() < 0.5:
            gone, *left = plan.receives
            plan = plan._replace(receives=tuple(left), lingers=(gone,))
        if self.secured:
            self.keys[leg] = key = chance.choice([None, 1, 2, 2])
            if key is not None:
                ours = master(self.suite, 10 * leg + chance.choice([1, 2, 3]))
                plan = plan._replace(keying=Keying(self.suite, ours, self.their_key(leg, key)))
        for bed, party in zip(self.beds, self.parties[leg], strict=True):
            bed.table.set_remote(party.stream, plan, bed.now)

    def place(self, leg: int) -> Address:
        return self.chance.choice([*(party.address for party, _ in self.parties[: leg + 1]), STRANGER])

    def their_key(self, leg: int, key: int) -> bytes:
        return master(self.suite, 100 + 10 * leg + key)

    def command(self, leg: int, other: int) -> None:
        chance = self.chance
        kind, overrides, digit = chance.randrange(9 if self.nat else 8), chance.random() < 0.5, chance.choice(DIGITS)
        duration_ms = chance.choice([100, 100, 3000])
        if kind == 5:
            self.settle(leg, may_send=chance.random() < 0.8, on_hold=chance.random() < 0.2)
            return
        if kind in (6, 7):
            self.convert(leg)
            return
        for bed, party, partner in zip(self.beds, self.parties[leg], self.parties[other], strict=True):
            match kind:
                case 0:
                    bed.table.bridge(party.stream, partner.stream, bed.now)
                case 1:
                    bed.table.join(party.stream, partner.stream)
                case 2:
                    bed.play(party, RINGBACK_TONE, overrides=overrides)
                case 3:
                    bed.table.stop_playing(party.stream)
                case 8:
                    bed.table.expect(party.stream, bed.now)
                case _:
                    bed.send_digit(party, digit, duration_ms)

    def convert(self, leg: int) -> None:
        """All of a leg's audio goes to a converter, or only what needs one, or none."""
        taken, whole = self.chance.random() < 0.7, self.chance.random() < 0.7
        for bed, party, queue in zip(self.beds, self.parties[leg], self.converted[leg], strict=True):
            bed.table.set_converter(party.stream, queue if taken else None, whole)

    def make(self, leg: int, other: int) -> None:
        """What a converter may have made of a leg's audio for another."""
        chance = self.chance
        self.made += chance.choice([160, 160, 160, 320, 8000])
        frames = [(self.made & 0xFFFFFFFF, 0, chance.randbytes(160))]
        codec = chance.choice([PCMA, PCMU])
        for bed, party, sink in zip(self.beds, self.parties[leg], self.parties[other], strict=True):
            bed.table.send_audio(sink.stream, party.stream, codec, frames, bed.now)

    def packet(self, leg: int) -> None:
        party, chance = self.parties[leg][0], self.chance
        if chance.random() < 0.03:
            party.sequence = (party.sequence + chance.choice([1, 2, 50, 200, 5000, -1, -2, -30])) & 0xFFFF
        if chance.random() < 0.01:
            party.timestamp = chance.randrange(2**32)
        if chance.random() < 0.01:
            party.ssrc = chance.randrange(2**32)
        source = party.address if chance.random() < 0.97 else STRANGER
        if self.moves:
            source = self.place(leg)
        if chance.random() < 0.03:
            self.report(leg, party, source)
            return
        content = self.content(leg, party)
        party.sequence = (party.sequence + 1) & 0xFFFF
        for each in self.parties[leg]:
            each.give_bytes(content, source)

    def content(self, leg: int, party: Party) -> bytes:
        chance, kind = self.chance, self.chance.random()
        if kind < 0.02:
            return chance.randbytes(chance.randrange(60))
        if kind < 0.1:
            code = chance.choice([1, 1, 1, chance.randrange(18)])
            event = bytes((code, chance.choice([0, 0x80, 10, 10, 10]))) + chance.randbytes(2)
            if chance.random() < 0.3:  # the next segment of a long one
                party.timestamp = (party.timestamp + DURATION_MAX) & 0xFFFFFFFF
            packet = RtpPacket(101, party.sequence, party.timestamp, party.ssrc, event)
        elif kind < 0.13:
            packet = RtpPacket(13, party.sequence, party.timestamp, party.ssrc, chance.randbytes(2))
        else:
            payload = chance.randbytes(chance.choice([80, 160, 160, 160, 240, 7]))
            codec, marker = chance.choice([PCMA, PCMA, PCMU]), chance.random() < 0.05
            packet = RtpPacket(codec, party.sequence, party.timestamp, party.ssrc, payload, marker)
            party.timestamp = (party.timestamp + len(payload)) & 0xFFFFFFFF
        return self.sealed(leg, packet.render(), Session.protect)

    def report(self, leg: int, party: Party, source: Address) -> None:
        """On the port of RTCP, or on that of RTP, where nobody asked for it."""
        compound = build_report(Report(party.ssrc, None, ())) + build_cname(party.ssrc, "x")
        content = self.sealed(leg, compound, Session.protect_rtcp)
        multiplexed = self.chance.random() < 0.5
        for each in self.parties[leg]:
            if multiplexed:
                each.give_bytes(content, source)
            else:
                each.give_control(content)

    def sealed(self, leg: int, content: bytes, seal: Any) -> bytes:
        """Under the key of the leg, now and then under another one; in clear where there is none, but for what
        may be on its way under the one before."""
        key = self.keys[leg]
        if key is None:
            if not self.secured or self.chance.random() < 0.7:
                return content
            key = 2
        if self.chance.random() < 0.03:
            key = 3 - key
        with_key = self.sealers.get((leg, key))
        if with_key is None:
            with_key = self.sealers[leg, key] = sealer(self.suite, self.their_key(leg, key))
        try:
            sealed: bytes = seal(with_key, content)
        except Error:
            return content  # a number that is too old to be sealed again
        return sealed

    def advance(self) -> None:
        step_s = self.chance.choice([0.0, 0.001, 0.01, 0.02, 0.02, 0.02, 0.1])
        if self.nat and self.chance.random() < 0.05:
            step_s = 4.0
        for bed in self.beds:
            bed.now += step_s
            bed.table.advance(bed.now)

    def check(self) -> None:
        for python, native in self.parties:
            assert python.wire.exclusive == native.wire.exclusive
            assert python.wire.sent == native.wire.sent
            assert python.wire.control == native.wire.control
            assert python.wire.target == native.wire.target
            assert python.stream.figures() == native.stream.figures()
        for in_python, in_c in (*self.heard, *self.forked, *self.converted):
            assert in_python.take() == in_c.take()
        assert self.beds[0].events == self.beds[1].events


@pytest.mark.parametrize("secured", [False, True], ids=["plain", "secured"])
@pytest.mark.parametrize("seed", range(60))
def test_both_send_the_same_bytes_and_count_the_same(seed: int, secured: bool) -> None:
    walk(Twins(seed, secured=secured))


@pytest.mark.parametrize("seed", range(30))
def test_both_latch_the_same_sources(seed: int) -> None:
    twins = Twins(seed, nat=True)
    walk(twins)
    for party, _ in twins.parties:
        assert party.wire.target in (party.address, STRANGER)


@pytest.mark.parametrize("secured", [False, True], ids=["plain", "secured"])
@pytest.mark.parametrize("nat", [False, True], ids=["public", "nat"])
@pytest.mark.parametrize("seed", range(10))
def test_both_take_the_same_of_declared_networks(seed: int, nat: bool, secured: bool) -> None:
    walk(Twins(seed, secured=secured, nat=nat, networks=NETWORKS))


@pytest.mark.parametrize("secured", [False, True], ids=["plain", "secured"])
@pytest.mark.parametrize("networks", [(), NETWORKS], ids=["anywhere", "networks"])
@pytest.mark.parametrize("seed", range(10))
def test_both_follow_a_leg_that_moves(seed: int, networks: tuple[tuple[int, int, int], ...], secured: bool) -> None:
    walk(Twins(seed, secured=secured, nat=seed % 3 > 0, networks=networks, moves=True))


def walk(twins: Twins) -> None:
    """So many packets and commands, and a look at both tables after each."""
    for _ in range(400):
        leg = twins.chance.randrange(3)
        other = (leg + 1 + twins.chance.randrange(2)) % 3
        if twins.chance.random() < 0.08:
            twins.command(leg, other)
        elif twins.chance.random() < 0.1:
            twins.make(leg, other)
        else:
            twins.packet(leg)
        twins.advance()
        twins.check()
    assert any(party.wire.sent for party, _ in twins.parties)
