"""A leg that leaves SRTP by a re-INVITE: what its far end has sent before it has our answer is still on its way."""

import pytest

from media.codecs.table import PCMA
from media.packet_path.stream import LINGER_S
from media.rtp.packet import RtpPacket
from media.rtp.rtcp import Report, SenderInformation, build_cname, build_report
from media.rtp.srtp import AEAD_AES_128_GCM, SUITES, Suite
from tests.support.relay_bed import Party, RelayBed, remote_plan
from tests.support.srtp_party import SecureParty, master, sealer, secure_party

pytestmark = pytest.mark.usefixtures("each_table")

STRANGER = ("203.0.113.66", 4000)


def left(suite: Suite = SUITES[0], **of_a: bool) -> tuple[RelayBed, SecureParty, Party]:
    """A leg that has just left SRTP, bridged to one that never had it."""
    bed = RelayBed()
    a, b = secure_party(bed, "a", suite, **of_a), bed.party("b")
    bed.table.bridge(a.stream, b.stream, bed.now)
    bed.talk(a, packets=5)
    b.heard()
    bed.table.set_remote(a.stream, remote_plan(a.address, renewed=False), bed.now)
    return bed, a, b


def say_plainly(a: SecureParty, payload: bytes) -> None:
    Party.give(a, RtpPacket(PCMA, a.sequence, a.timestamp, a.ssrc, payload))
    a.sequence += 1
    a.timestamp += 160


def dropped(party: Party, reason: str) -> int:
    figures = party.stream.figures()
    return int(figures.dropped[reason])


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_what_is_on_its_way_is_opened_and_what_is_plain_stays_so(suite: Suite) -> None:
    _, a, b = left(suite)
    a.send(b"\x11" * 160)
    say_plainly(a, b"\x22" * 160)
    a.send(b"\x33" * 160)
    say_plainly(a, b"\x44" * 160)
    assert [packet.payload for packet in b.heard()] == [bytes([code]) * 160 for code in (0x11, 0x22, 0x33, 0x44)]
    assert dropped(a, "unauthentic") == 0


def test_late_ones_that_overtake_each_other_are_each_heard_once() -> None:
    _, a, b = left()
    own = sealer(a.suite, master(a.suite, a.own_key))
    numbers = [a.sequence + n for n in (1, 0, 3, 1, 2, 0)]
    packets = {
        n: own.protect(RtpPacket(PCMA, n, 160 * n, a.ssrc, bytes([n]) * 160).render()) for n in sorted(set(numbers))
    }
    for number in numbers:
        a.give_bytes(packets[number])
    assert sorted(packet.payload[0] for packet in b.heard()) == sorted(set(numbers))
    assert dropped(a, "replayed") == 2


def test_the_key_before_is_understood_too() -> None:
    bed = RelayBed()
    a, b = secure_party(bed, "a"), bed.party("b")
    bed.table.bridge(a.stream, b.stream, bed.now)
    bed.talk(a, packets=5)
    old = a.sealer
    a.rekey(3)
    a.connect(renewed=False)
    bed.table.set_remote(a.stream, remote_plan(a.address, renewed=False), bed.now)
    b.heard()
    a.give_bytes(old.protect(RtpPacket(PCMA, a.sequence, a.timestamp, a.ssrc, b"\x11" * 160).render()))
    a.sequence += 1
    say_plainly(a, b"\x22" * 160)
    assert [packet.payload[0] for packet in b.heard()] == [0x11, 0x22]


@pytest.mark.parametrize("suite", [SUITES[0], AEAD_AES_128_GCM], ids=lambda suite: suite.name)
@pytest.mark.parametrize("step", [0x3000, -0x3000, -1000])
def test_plain_audio_may_begin_at_any_number(suite: Suite, step: int) -> None:
    bed, a, b = left(suite)
    a.sequence = (a.sequence + step) & 0x7FFF
    for code in range(10):
        say_plainly(a, bytes([code]) * 160)
        bed.run(0.02)
    assert [packet.payload[0] for packet in b.heard()][-8:] == list(range(2, 10))


def test_it_comes_to_an_end() -> None:
    bed, a, b = left()
    bed.run(LINGER_S + 0.1)
    b.heard()
    say_plainly(a, b"\x22" * 160)
    sealed = a.sealer.protect(RtpPacket(PCMA, a.sequence, a.timestamp, a.ssrc, b"\x11" * 160).render())
    a.give_bytes(sealed)
    assert [packet.payload for packet in b.heard()] == [b"\x22" * 160, sealed[12:]]


def test_a_second_plain_description_does_not_prolong_it() -> None:
    bed, a, b = left()
    bed.run(LINGER_S - 0.5)
    bed.table.set_remote(a.stream, remote_plan(a.address, renewed=False), bed.now)
    a.send(b"\x11" * 160)
    assert b.heard()[-1].payload == b"\x11" * 160
    bed.run(0.6)
    b.heard()
    a.send(b"\x11" * 160)
    assert b.heard()[-1].payload != b"\x11" * 160


def test_its_reports_are_read_in_both_ways() -> None:
    bed, a, _ = left()
    compound = build_report(Report(a.ssrc, SenderInformation(1 << 32, 0, 1, 160), ())) + build_cname(a.ssrc, "a")
    for give in (a.give_control, a.give_bytes):
        for packet in (a.sealer.protect_rtcp(compound), compound):
            bed.run(0.1)
            give(packet)
            assert a.heard_at == bed.now
    assert dropped(a, "malformed") == 0


def test_strangers_stay_strangers() -> None:
    _, a, b = left()
    a.send(source=STRANGER)
    Party.give(a, RtpPacket(PCMA, a.sequence, a.timestamp, a.ssrc, b"\xd5" * 160), STRANGER)
    assert b.heard() == []
    assert dropped(a, "stranger") == 2


def test_back_to_srtp_takes_no_plain_rtp() -> None:
    _, a, b = left()
    a.connect(renewed=False)
    say_plainly(a, b"\x22" * 160)
    assert b.heard() == []
    assert dropped(a, "unauthentic") == 1
    a.send(b"\x11" * 160)
    assert [packet.payload[0] for packet in b.heard()] == [0x11]
