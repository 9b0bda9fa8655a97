"""Hard case 24: while B rings A hears ringback or B's early media, and never silence."""

import pytest

from media.codecs.table import PCMA
from media.rtp.packet import RtpPacket
from media.tones import BUSY, RINGBACK, prepare
from tests.support.relay_bed import FRAME_S, Party, RelayBed, assert_continuous, assert_timestamps_grow

pytestmark = pytest.mark.usefixtures("each_table")

SPEECH = b"\x21" * 160


def ringing() -> tuple[RelayBed, Party, Party]:
    """A hears ringback, and B's early media from their first packet on."""
    bed = RelayBed()
    a, b = bed.party("a"), bed.party("b")
    bed.play(a, prepare(RINGBACK))
    bed.table.join(b.stream, a.stream)
    return bed, a, b


def announce(bed: RelayBed, b: Party, packets: int) -> None:
    for _ in range(packets):
        b.send(SPEECH)
        bed.run(FRAME_S)


def of_ringback(packets: list[RtpPacket]) -> list[RtpPacket]:
    return [packet for packet in packets if packet.payload != SPEECH]


def test_ringback_comes_back_where_early_media_stop() -> None:
    bed, a, b = ringing()
    announce(bed, b, 50)
    heard = a.heard()
    assert of_ringback(heard) == []
    bed.run(2.5)
    assert a.heard() == [], "a pause of an announcement is not filled"
    bed.run(2.5)
    ring = a.heard()
    assert len(ring) > 80
    announce(bed, b, 5)
    again = a.heard()
    assert [packet.payload for packet in again] == [SPEECH] * 5
    assert {packet.payload_type for packet in ring} == {PCMA}
    assert_continuous([*heard, *ring, *again])
    assert_timestamps_grow([*heard, *ring, *again])


def test_it_does_not_come_back_once_both_talk() -> None:
    bed, a, b = ringing()
    announce(bed, b, 5)
    bed.table.bridge(a.stream, b.stream, bed.now)
    a.heard()
    bed.run(6.0)
    assert {packet.payload for packet in a.heard()} == {b"\xd5" * 160}


def test_it_does_not_come_back_once_it_was_stopped_or_another_tone_has_told_how_it_ended() -> None:
    bed, a, b = ringing()
    announce(bed, b, 5)
    bed.table.stop_playing(a.stream)
    a.heard()
    bed.run(6.0)
    assert a.heard() == []
    bed, a, b = ringing()
    announce(bed, b, 5)
    bed.play(a, prepare(BUSY), overrides=True)
    bed.run(10.0)
    a.heard()
    bed.run(6.0)
    assert a.heard() == []


def test_it_does_not_come_back_while_the_party_holds() -> None:
    bed, a, b = ringing()
    announce(bed, b, 5)
    bed.connect(a, may_send=False)
    a.heard()
    bed.run(6.0)
    assert a.heard() == []
