"""RFC 3389: comfort noise is a sign of life, goes to who takes it, and is nothing to anybody else."""

from media.codecs.table import PCMA
from media.events import MediaStarted
from tests.support.relay_bed import RelayBed, assert_continuous, bridged, signed


def test_trunk_case_10_comfort_noise_resets_the_clock_of_silence() -> None:
    bed, a, b = bridged()
    bed.talk(a, b, packets=1)
    for _ in range(60):
        bed.run(1.0, step_s=0.02)
        a.send(b"\x40", 13)
        b.send()
    assert not [event for event in bed.events if not isinstance(event, MediaStarted)]


def test_rfc3389_comfort_noise_passes_to_a_leg_that_takes_it_and_to_no_other() -> None:
    bed = RelayBed()
    a, b, c = bed.party("a", noise=13), bed.party("b", noise=98, ptime_ms=30), bed.party("c", noise=None)
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
    bed.table.bridge(a.stream, c.stream, bed.now)
    bed.talk(a, packets=1)
    a.send(b"\x40\x01", 13)
    bed.talk(a, packets=1)
    heard = c.heard()
    assert [packet.payload_type for packet in heard] == [PCMA, PCMA]
    assert_continuous(heard)
    assert a.stream.figures().dropped["unmapped"] == 1


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
