"""RFC 3389: comfort noise is a sign of life, goes to who takes it, and is made noise for anybody else."""

import itertools
import math

import pytest

from media.codecs.linear import from_alaw, from_ulaw, loudness
from media.codecs.table import PCMA, PCMU
from media.events import MediaStarted, PlaybackFinished
from media.rtp.dtmf import EventPayload
from media.rtp.packet import RtpPacket
from media.tones import BUSY, comfort_noises, prepare
from tests.support.relay_bed import (
    Party,
    RelayBed,
    assert_continuous,
    assert_timestamps_grow,
    bridged,
    signed,
)

pytestmark = pytest.mark.usefixtures("each_table")


def test_trunk_case_10_comfort_noise_resets_the_clock_of_silence() -> None:
    bed, a, b = bridged()
    bed.talk(a, b, packets=1)
    for _ in range(60):
        bed.run(1.0, step_s=0.02)
        a.send(b"\x40", 13)
        b.send()
    assert not [event for event in bed.events if not isinstance(event, MediaStarted)]


def test_rfc3389_comfort_noise_passes_to_a_leg_that_takes_it() -> None:
    bed = RelayBed()
    a, b = bed.party("a", noise=13), bed.party("b", noise=98, ptime_ms=30)
    bed.table.bridge(a.stream, b.stream, bed.now)
    bed.talk(a, packets=3)
    began = a.timestamp
    a.send(b"\x40\x01", 13)
    a.timestamp = began + 8000
    bed.run(1.0)
    bed.talk(a, packets=3)
    heard = b.heard()
    assert_continuous(heard)
    [noise] = [packet for packet in heard if packet.payload_type == 98]
    assert noise.payload == b"\x40\x01"
    assert signed(noise.timestamp - heard[0].timestamp, 32) == 480
    assert a.stream.figures().dropped["unmapped"] == 0


@pytest.mark.parametrize("level", [44, 62])
def test_rfc3389_who_takes_comfort_noise_and_hears_no_more_is_not_sent_silence(level: int) -> None:
    """The silence would end what it makes of the packet, and its line would seem dead."""
    bed = RelayBed()
    a, b = bed.party("a", noise=13), bed.party("b", noise=98)
    bed.table.bridge(a.stream, b.stream, bed.now)
    bed.talk(a, packets=3)
    b.heard()
    a.send(bytes([level]), 13)
    bed.run(0.25)
    assert [packet.payload_type for packet in b.heard()] == [98]
    bed.run(1.0)
    heard = b.heard()
    assert_continuous(heard)
    assert len(heard) == pytest.approx(47, abs=1)
    assert level_dbov(heard, PCMA) == pytest.approx(-level, abs=3)
    a.timestamp += 10_000
    bed.talk(a, packets=3)
    assert len(b.heard()) == 3, "it gives way to speech"


NOISE_PAYLOADS = {PCMA: from_alaw, PCMU: from_ulaw}


def paused(level: int = 50, codec: int = PCMA, ptime_ms: int = 20) -> tuple[RelayBed, Party, Party]:
    """A bridge whose A has said comfort noise and then nothing; B takes none."""
    bed = RelayBed()
    a, b = bed.party("a", noise=13), bed.party("b", codec=codec, ptime_ms=ptime_ms)
    bed.table.bridge(a.stream, b.stream, bed.now)
    bed.talk(a, packets=5)
    b.heard()
    a.send(bytes([level]), 13)
    return bed, a, b


def level_dbov(packets: list[RtpPacket], codec: int) -> float:
    return 20 * math.log10(loudness(NOISE_PAYLOADS[codec](b"".join(packet.payload for packet in packets))) / 32768)


@pytest.mark.parametrize("codec", [PCMA, PCMU])
@pytest.mark.parametrize("level", [38, 44, 50, 56, 62])
def test_rfc3389_a_leg_that_takes_no_comfort_noise_hears_noise_as_loud(level: int, codec: int) -> None:
    bed, a, b = paused(level, codec)
    bed.run(1.0)
    heard = b.heard()
    assert {packet.payload_type for packet in heard} == {codec}
    assert len(heard) == pytest.approx(50, abs=1)
    assert level_dbov(heard, codec) == pytest.approx(-level, abs=2)
    assert a.stream.figures().dropped["unmapped"] == 0


@pytest.mark.parametrize(("level", "heard_dbov"), [(0, -38), (30, -38), (127, -68)])
def test_rfc3389_noise_is_neither_louder_nor_softer_than_can_be_borne(level: int, heard_dbov: int) -> None:
    bed, _, b = paused(level, PCMU)
    bed.run(1.0)
    assert level_dbov(b.heard(), PCMU) == pytest.approx(heard_dbov, abs=3)


def test_rfc3389_speech_takes_the_place_of_the_noise_at_once_and_by_the_clock() -> None:
    bed, a, b = paused()
    bed.run(1.0)
    a.timestamp += 8000
    bed.talk(a, packets=5)
    bed.run(0.3)
    heard = b.heard()
    spoken = [packet for packet in heard if packet.payload == b"\xd5" * 160]
    assert len(spoken) == 5
    assert spoken == heard[-5:]
    assert spoken[0].marker
    assert_continuous(heard)
    assert_timestamps_grow(heard)
    steps = [signed(after.timestamp - before.timestamp, 32) for before, after in itertools.pairwise(heard)]
    assert all(120 <= step <= 200 for step in steps)


def test_rfc3389_a_new_level_is_heard_without_a_break() -> None:
    bed, a, b = paused(62)
    bed.run(1.0)
    quiet = b.heard()
    a.send(bytes([38]), 13)
    bed.run(1.0)
    loud = b.heard()
    assert level_dbov(quiet, PCMA) == pytest.approx(-62, abs=2)
    assert level_dbov(loud, PCMA) == pytest.approx(-38, abs=2)
    steps = {signed(y.timestamp - x.timestamp, 32) for x, y in itertools.pairwise([*quiet, *loud])}
    assert steps == {160}


def test_rfc3389_what_waits_to_be_repacketised_goes_before_the_noise() -> None:
    bed, _, b = paused(ptime_ms=30)
    # Five packets of 20 ms: three of 30 ms, and 10 ms that waited.
    bed.run(0.1)
    heard = b.heard()
    assert heard[0].payload == b"\xd5" * 240
    assert {len(packet.payload) for packet in heard} == {240}
    assert_continuous(heard)
    assert_timestamps_grow(heard)


def test_rfc3389_noise_is_not_made_before_a_bridge_or_from_what_comes_late() -> None:
    bed = RelayBed()
    a, b = bed.party("a", noise=13), bed.party("b")
    bed.table.join(a.stream, b.stream)
    a.send(b"\x32", 13)
    bed.run(0.2)
    assert b.heard() == []
    bed.table.bridge(a.stream, b.stream, bed.now)
    a.sequence += 1
    bed.talk(a, packets=5)
    b.heard()
    a.sequence -= 6
    a.send(b"\x32", 13)
    bed.run(0.1)
    assert b.heard() == []
    assert a.stream.figures().dropped["unmapped"] == 2


def test_rfc3389_noise_ends_when_its_source_holds_or_goes() -> None:
    for end in ("hold", "close"):
        bed, a, b = paused(38)
        bed.run(0.1)
        if end == "hold":
            bed.connect(a, noise=13, may_receive=False, on_hold=True)
        else:
            bed.table.remove(a.stream, bed.now)
        b.heard()
        bed.run(1.0)
        heard = b.heard()
        assert level_dbov(heard, PCMA) < -70


def test_rfc3389_noise_gives_way_to_events_and_not_to_tones_that_override() -> None:
    bed, a, b = paused()
    bed.run(0.1)
    a.send_event(EventPayload(5, True, 10, 800).render(), a.timestamp, marker=True)
    b.heard()
    bed.run(0.1)
    assert b.heard() == []
    bed.play(b, prepare(BUSY), overrides=True)
    a.send(b"\x32", 13)
    bed.run(0.1)
    assert b.heard()[-1].payload != comfort_noises()[2].frame(PCMA, 0, 160)
    bed.run(5.0)
    assert PlaybackFinished("b", "busy") in bed.events


def test_rfc3389_comfort_noise_is_no_audio_for_the_recorder() -> None:
    bed = RelayBed()
    a, b = bed.party("a", noise=13), bed.party("b", noise=13)
    bed.table.bridge(a.stream, b.stream, bed.now)
    kept: list[int] = []

    class Codecs:
        def put(self, channel: int, arrival: float, rtp_timestamp: int, ssrc: int, codec: int, payload: bytes) -> None:
            kept.append(codec)

    bed.table.set_tap(a.stream, 0, Codecs())
    for payload_type in (PCMA, 13, PCMA):
        a.send(payload_type=payload_type)
    assert kept == [PCMA, PCMA]
