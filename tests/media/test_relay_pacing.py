"""Tones on the clock: no drift, a bounded burst after a stall, an end."""

import pytest

from media.codecs.table import PCMU
from media.events import PlaybackFinished
from media.packet_path.pacing import CATCH_UP_FRAMES
from media.tones import BUSY, RINGBACK, prepare
from tests.support.relay_bed import RelayBed

pytestmark = pytest.mark.usefixtures("each_table")

RINGBACK_TONE = prepare(RINGBACK)
BUSY_TONE = prepare(BUSY)


def test_a_tone_does_not_drift() -> None:
    bed = RelayBed()
    a = bed.party("a")
    bed.play(a, RINGBACK_TONE)
    # A clock that never fits the frames.
    bed.run(60.0, step_s=0.0073)
    heard = a.heard()
    assert abs(len(heard) - 3000) <= 1
    assert (heard[-1].timestamp - heard[0].timestamp) % 2**32 == (len(heard) - 1) * 160
    assert heard[150].payload == heard[0].payload


def test_the_burst_after_a_stall_is_bounded_and_timestamps_stay_true() -> None:
    bed = RelayBed()
    a = bed.party("a")
    bed.play(a, RINGBACK_TONE)
    bed.run(0.1)
    before = a.heard()
    bed.run(2.0, step_s=2.0)
    burst = a.heard()
    assert len(burst) <= CATCH_UP_FRAMES
    assert burst[0].marker
    assert burst[0].sequence == (before[-1].sequence + 1) & 0xFFFF
    elapsed = (burst[-1].timestamp - before[0].timestamp) % 2**32
    assert abs(elapsed - 2.1 * 8000) <= 320


def test_a_tone_with_an_end_ends() -> None:
    bed = RelayBed()
    a = bed.party("a")
    bed.play(a, BUSY_TONE)
    bed.run(3.9)
    assert bed.events == []
    bed.run(0.3)
    assert bed.events == [PlaybackFinished("a", "busy")]
    assert len(a.heard()) == 200
    bed.run(1.0)
    assert a.heard() == []


def test_a_tone_with_an_end_ends_on_time_although_frames_were_left_out() -> None:
    bed = RelayBed()
    a = bed.party("a")
    bed.play(a, BUSY_TONE)
    bed.run(1.0)
    bed.run(2.0, step_s=2.0)
    bed.run(1.1)
    assert bed.events == [PlaybackFinished("a", "busy")]
    assert len(a.heard()) < 110


def test_a_tone_with_an_end_ends_even_where_nothing_may_be_sent() -> None:
    bed = RelayBed()
    a = bed.party("a", connect=False)
    bed.play(a, BUSY_TONE)
    bed.run(4.2)
    assert bed.events == [PlaybackFinished("a", "busy")]
    assert a.heard() == []


def test_a_tone_replaces_a_tone_and_a_stopped_one_does_not_finish() -> None:
    bed = RelayBed()
    a = bed.party("a")
    bed.play(a, BUSY_TONE)
    bed.run(1.0)
    bed.play(a, RINGBACK_TONE)
    a.heard()
    bed.run(1.0)
    assert 49 <= len(a.heard()) <= 51
    bed.table.stop_playing(a.stream)
    bed.run(4.0)
    assert a.heard() == []
    assert bed.events == []


def test_a_tone_is_in_the_legs_codec_even_when_that_changes() -> None:
    bed = RelayBed()
    a = bed.party("a", connect=False)
    bed.play(a, RINGBACK_TONE)
    bed.run(0.1)
    assert a.heard() == []
    bed.connect(a)
    bed.run(0.1)
    first = a.heard()
    assert {packet.payload_type for packet in first} == {8}
    assert first[0].marker
    bed.connect(a, codec=PCMU, renewed=False)
    bed.run(0.1)
    assert {packet.payload_type for packet in a.heard()} == {0}


def test_a_removed_leg_stops_its_tone() -> None:
    bed = RelayBed()
    a = bed.party("a")
    bed.play(a, RINGBACK_TONE)
    bed.run(0.1)
    a.heard()
    bed.table.remove(a.stream, bed.now)
    bed.run(1.0)
    assert a.heard() == []
    assert bed.table.next_due is None


def test_who_sleeps_until_something_is_due_sends_every_frame_in_time() -> None:
    bed = RelayBed()
    bed.now += 0.001  # between two points of the grid
    a, b, c = bed.party("a"), bed.party("b"), bed.party("c", dtmf=None)
    heard_at: dict[str, list[float]] = {"a": [], "b": [], "c": []}
    bed.play(a, RINGBACK_TONE)
    bed.send_digit(b, "5", 400)
    bed.send_digit(c, "5", 400)
    end = bed.now + 0.38
    while bed.table.next_due <= end:
        bed.now = max(bed.now, bed.table.next_due)
        bed.table.advance(bed.now)
        for name, party in (("a", a), ("b", b), ("c", c)):
            heard_at[name] += [bed.now] * len(party.heard())
    for times in heard_at.values():
        assert times == pytest.approx([times[0] + 0.02 * index for index in range(19)], abs=1e-6)
