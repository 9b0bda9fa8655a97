"""A recording true to time: where packets lie on the recording's clock."""

from array import array
from collections.abc import Iterable, Sequence

import pytest

from media.codecs.g711 import ALAW_TO_LINEAR, ULAW_TO_LINEAR
from media.recording.timeline import (
    CHUNK_LIMIT,
    FRAME_BYTES,
    MOST_SOURCES,
    REORDER_LIMIT,
    SETTLE_PACKETS,
    Timeline,
)

START = 5000.0
PCMU, PCMA = 0, 8
LEFT, RIGHT = 0, 1
FRAME = 160


def payload(mark: int) -> bytes:
    """A 20 ms packet whose every sample tells which packet it is."""
    return bytes([mark]) * FRAME


def channel(pcm: bytes, side: int) -> "array[int]":
    """One side's samples of interleaved PCM."""
    samples = array("h")
    samples.frombytes(pcm)
    return samples[side::2]


def whole(timeline: Timeline, length_s: float) -> bytes:
    """All of a recording that lasted so long."""
    return b"".join(timeline.finish(START + length_s))


def packets(
    timeline: Timeline,
    side: int,
    marks: Iterable[int],
    *,
    first_at: float = 0.0,
    timestamp: int = 1000,
    ssrc: int = 7,
    codec: int = PCMU,
) -> None:
    """One packet for each mark, 20 ms apart."""
    for index, mark in enumerate(marks):
        at = START + first_at + index * 0.02
        timeline.put(side, at, (timestamp + index * FRAME) & 0xFFFFFFFF, ssrc, codec, payload(mark))


@pytest.mark.parametrize(("codec", "table"), [(PCMU, ULAW_TO_LINEAR), (PCMA, ALAW_TO_LINEAR)])
def test_every_code_becomes_its_linear_sample(codec: int, table: Sequence[int]) -> None:
    timeline = Timeline(START)
    timeline.put(RIGHT, START, 0, 1, codec, bytes(range(256)))
    pcm = whole(timeline, 256 / 8000)
    assert list(channel(pcm, RIGHT)) == list(table)
    assert not any(channel(pcm, LEFT))


def test_both_sides_lie_at_their_own_arrival() -> None:
    timeline = Timeline(START)
    packets(timeline, LEFT, [1, 2, 3], first_at=0.0)
    packets(timeline, RIGHT, [4, 5], first_at=0.5, codec=PCMA)
    pcm = whole(timeline, 1.0)
    left, right = channel(pcm, LEFT), channel(pcm, RIGHT)
    expected = [ULAW_TO_LINEAR[mark] for mark in (1, 2, 3) for _ in range(FRAME)]
    assert list(left[: 3 * FRAME]) == expected
    assert not any(left[3 * FRAME :])
    assert not any(right[:4000])
    assert list(right[4000 : 4000 + 2 * FRAME]) == [ALAW_TO_LINEAR[mark] for mark in (4, 5) for _ in range(FRAME)]


def test_trunk_case_16_a_lost_packet_is_silence_of_its_length() -> None:
    timeline = Timeline(START)
    for index in (0, 1, 3):
        timeline.put(LEFT, START + index * 0.02, index * FRAME, 7, PCMU, payload(index + 1))
    left = channel(whole(timeline, 0.08), LEFT)
    assert not any(left[2 * FRAME : 3 * FRAME])
    assert left[3 * FRAME] == ULAW_TO_LINEAR[4]


def test_silence_suppression_keeps_what_follows_in_its_place() -> None:
    timeline = Timeline(START)
    packets(timeline, LEFT, [1, 2])
    packets(timeline, LEFT, [3], first_at=3.0, timestamp=1000 + 24_000)
    left = channel(whole(timeline, 4.0), LEFT)
    assert not any(left[2 * FRAME : 24_000])
    assert left[24_000] == ULAW_TO_LINEAR[3]
    assert timeline.reanchored == 0


def test_jitter_does_not_move_a_packet() -> None:
    timeline = Timeline(START)
    for index, jitter_s in enumerate([0.0, 0.03, 0.011, 0.039, 0.0]):
        timeline.put(LEFT, START + index * 0.02 + jitter_s, index * FRAME, 7, PCMU, payload(index + 1))
    left = channel(whole(timeline, 0.1), LEFT)
    assert list(left) == [ULAW_TO_LINEAR[mark] for mark in range(1, 6) for _ in range(FRAME)]


def test_a_late_packet_still_lands_while_its_part_is_open() -> None:
    timeline = Timeline(START)
    packets(timeline, LEFT, [1] * 101)
    timeline.put(LEFT, START + 2.06, 1000 + 103 * FRAME, 7, PCMU, payload(3))
    assert len(timeline.drain(START + 2.20)) == 16_000 * FRAME_BYTES
    timeline.put(LEFT, START + 2.21, 1000 + 101 * FRAME, 7, PCMU, payload(2))
    rest = channel(whole(timeline, 2.3), LEFT)
    assert list(rest[FRAME : 3 * FRAME]) == [ULAW_TO_LINEAR[2]] * FRAME + [0] * FRAME


def test_nothing_is_written_until_it_is_known_where_a_new_source_lies() -> None:
    timeline = Timeline(START)
    timeline.put(LEFT, START + 1.08, 1000, 7, PCMU, payload(1))
    packets(timeline, LEFT, [2] * 10, first_at=1.02, timestamp=1000 + FRAME)
    assert len(timeline.drain(START + 3.0)) == round(0.88 * 8000) * FRAME_BYTES
    assert len(timeline.drain(START + 3.08)) == round(2.0 * 8000) * FRAME_BYTES
    packets(timeline, LEFT, [3], first_at=3.12, timestamp=1000 + 106 * FRAME)
    left = channel(whole(timeline, 4.0), LEFT)
    assert left.index(ULAW_TO_LINEAR[3]) == round((3.12 - 2.88) * 8000)


def test_a_known_source_holds_nothing_back() -> None:
    timeline = Timeline(START)
    packets(timeline, LEFT, [1] * SETTLE_PACKETS)
    assert len(timeline.drain(START + 1.0)) == 8000 * FRAME_BYTES - REORDER_LIMIT * FRAME_BYTES


def test_a_packet_too_late_for_its_part_is_dropped_and_moves_nothing() -> None:
    timeline = Timeline(START)
    packets(timeline, LEFT, [1] + [9] * 19)
    timeline.put(LEFT, START + 0.40, 1000 + 0 * FRAME, 7, PCMU, payload(2))
    packets(timeline, LEFT, [9] * 5, first_at=0.4, timestamp=1000 + 20 * FRAME)
    left = channel(whole(timeline, 0.5), LEFT)
    assert list(left) == [ULAW_TO_LINEAR[1]] * FRAME + [ULAW_TO_LINEAR[9]] * 24 * FRAME
    assert timeline.discarded == 1
    assert timeline.reanchored == 0


def test_a_duplicate_changes_nothing() -> None:
    once, twice = Timeline(START), Timeline(START)
    packets(once, LEFT, [1, 2, 3])
    for index, mark in enumerate([1, 2, 3]):
        for _ in range(2):
            twice.put(LEFT, START + index * 0.02, 1000 + index * FRAME, 7, PCMU, payload(mark))
    assert whole(once, 0.1) == whole(twice, 0.1)
    assert twice.heard == once.heard == [3 * FRAME, 0]


def test_the_timestamp_wraps_around() -> None:
    timeline = Timeline(START)
    packets(timeline, LEFT, range(1, 11), timestamp=0xFFFFFFFF - 3 * FRAME)
    left = channel(whole(timeline, 0.2), LEFT)
    assert list(left) == [ULAW_TO_LINEAR[mark] for mark in range(1, 11) for _ in range(FRAME)]


def test_trunk_case_16_a_new_source_starts_at_its_arrival() -> None:
    timeline = Timeline(START)
    packets(timeline, LEFT, [1, 2])
    packets(timeline, LEFT, [3, 4], first_at=1.0, timestamp=99, ssrc=8)
    left = channel(whole(timeline, 2.0), LEFT)
    assert left[8000] == ULAW_TO_LINEAR[3]
    assert not any(left[2 * FRAME : 8000])


def test_packets_of_the_old_source_that_come_after_the_new_one_keep_their_place() -> None:
    timeline = Timeline(START)
    packets(timeline, LEFT, [1, 2])
    timeline.put(LEFT, START + 0.10, 99, 8, PCMU, payload(5))
    timeline.put(LEFT, START + 0.101, 1000 + 2 * FRAME, 7, PCMU, payload(3))
    timeline.put(LEFT, START + 0.12, 99 + FRAME, 8, PCMU, payload(6))
    left = channel(whole(timeline, 0.2), LEFT)
    assert left[2 * FRAME] == ULAW_TO_LINEAR[3]
    assert left[800] == ULAW_TO_LINEAR[5]
    assert left[960] == ULAW_TO_LINEAR[6]


@pytest.mark.parametrize("jump", [0x1000_0000, 0x7000_0000, 0x9000_0000, 0xFFF0_0000, 40_000, 2**32 - 40_000])
def test_a_timestamp_jump_anchors_to_arrival_again(jump: int) -> None:
    timeline = Timeline(START)
    packets(timeline, LEFT, [1] * 25)
    packets(timeline, LEFT, [2] * 25, first_at=0.5, timestamp=(1000 + 25 * FRAME + jump) & 0xFFFFFFFF)
    left = channel(whole(timeline, 1.0), LEFT)
    assert list(left) == [ULAW_TO_LINEAR[1]] * 4000 + [ULAW_TO_LINEAR[2]] * 4000
    assert timeline.reanchored == 1


@pytest.mark.parametrize("back", [3 * FRAME, 1000, REORDER_LIMIT - FRAME])
def test_timestamps_that_go_back_a_little_take_nothing_of_what_was_said(back: int) -> None:
    """They are too near for the packets to come too late; but each lies where another one does."""
    timeline = Timeline(START)
    packets(timeline, LEFT, [1] * 60, timestamp=50_000)
    timeline.drain(START + 1.2)
    given = timeline.written
    packets(timeline, LEFT, [2] * 60, first_at=1.2, timestamp=50_000 + 60 * FRAME - back)
    left = channel(whole(timeline, 2.4), LEFT)
    assert list(left) == [ULAW_TO_LINEAR[1]] * (60 * FRAME - given) + [ULAW_TO_LINEAR[2]] * 60 * FRAME
    assert (timeline.reanchored, timeline.discarded) == (1, 0)


def test_a_reordered_packet_beside_a_changed_repetition_of_another_moves_nothing() -> None:
    timeline = Timeline(START)
    packets(timeline, LEFT, [1] * 10)
    for index in (12, 10, 9, 11, 13):
        timeline.put(LEFT, START + 0.26, 1000 + index * FRAME, 7, PCMU, payload(2))
    left = channel(whole(timeline, 0.28), LEFT)
    assert list(left) == [ULAW_TO_LINEAR[1]] * 10 * FRAME + [ULAW_TO_LINEAR[2]] * 4 * FRAME
    assert (timeline.reanchored, timeline.discarded) == (0, 1)


def test_reordered_packets_that_overlap_by_little_are_recorded() -> None:
    """Timestamps by a clock, or that count not quite what is sent: a packet's place is free but for an end of it."""
    timeline = Timeline(START)
    for index in (0, 1, 2, 3, 5, 6, 4, 7, 8, 11, 9, 10, 12):
        timeline.put(LEFT, START + index / 50, 1000 + index * FRAME, 7, PCMU, payload(2) + payload(2)[:8])
    left = channel(whole(timeline, 13 / 50), LEFT)
    assert list(left) == [ULAW_TO_LINEAR[2]] * 13 * FRAME
    assert (timeline.reanchored, timeline.discarded) == (0, 0)


def test_trunk_case_16_a_hold_that_stops_the_timestamps_is_silence_as_long_as_it_was() -> None:
    timeline = Timeline(START)
    packets(timeline, LEFT, [1] * 10)
    packets(timeline, LEFT, [2] * 10, first_at=5.0, timestamp=1000 + 10 * FRAME)
    left = channel(whole(timeline, 6.0), LEFT)
    assert not any(left[1600:40_000])
    assert list(left[40_000:41_600]) == [ULAW_TO_LINEAR[2]] * 1600


def test_a_burst_after_a_stall_moves_nothing() -> None:
    timeline = Timeline(START)
    packets(timeline, LEFT, [1] * 10)
    for index in range(10, 40):
        timeline.put(LEFT, START + 0.8, 1000 + index * FRAME, 7, PCMU, payload(2))
    packets(timeline, LEFT, [3] * 10, first_at=0.8, timestamp=1000 + 40 * FRAME)
    left = channel(whole(timeline, 1.0), LEFT)
    assert list(left[6400:]) == [ULAW_TO_LINEAR[3]] * 1600
    assert list(left[4800:6400]) == [ULAW_TO_LINEAR[2]] * 1600
    assert timeline.reanchored == 0
    assert timeline.discarded > 0


def test_a_first_packet_that_came_late_does_not_hold_the_others_back() -> None:
    timeline = Timeline(START)
    timeline.put(LEFT, START + 0.1, 0, 7, PCMU, payload(1))
    packets(timeline, LEFT, [2] * 20, first_at=0.1, timestamp=FRAME * 5)
    left = channel(whole(timeline, 0.6), LEFT)
    assert list(left[800:4000]) == [ULAW_TO_LINEAR[2]] * 3200


@pytest.mark.parametrize("length_s", [0.0, 0.003, 0.5, 12.3456, 65.0])
def test_trunk_case_16_the_length_is_the_talk_time_whatever_came(length_s: float) -> None:
    timeline = Timeline(START)
    packets(timeline, LEFT, [1] * 5, first_at=-0.05)
    packets(timeline, RIGHT, [1] * 5, first_at=length_s - 0.03)
    drained = b"".join(iter(lambda: timeline.drain(START + length_s / 2), b""))
    total = drained + whole(timeline, length_s)
    assert len(total) == round(length_s * 8000) * FRAME_BYTES


def test_a_packet_across_the_start_keeps_only_its_end() -> None:
    timeline = Timeline(START)
    timeline.put(LEFT, START - 0.01, 0, 7, PCMU, bytes(range(FRAME)))
    left = channel(whole(timeline, 0.02), LEFT)
    assert list(left) == [ULAW_TO_LINEAR[code] for code in range(80, FRAME)] + [0] * 80


def test_drained_parts_are_bounded_and_leave_the_reorder_window_open() -> None:
    timeline = Timeline(START)
    assert timeline.drain(START + REORDER_LIMIT / 8000) == b""
    assert len(timeline.drain(START + 3600)) == CHUNK_LIMIT * FRAME_BYTES


@pytest.mark.parametrize(
    ("arrival", "codec", "content"), [(3600.0, PCMU, payload(1)), (0.0, 96, payload(1)), (0.0, PCMU, b"")]
)
def test_what_cannot_be_placed_is_counted_and_takes_no_memory(arrival: float, codec: int, content: bytes) -> None:
    timeline = Timeline(START)
    timeline.put(LEFT, START + arrival, 0, 7, codec, content)
    assert timeline.discarded == 1
    assert not any(whole(timeline, 0.1))


def test_sources_are_bounded_and_the_oldest_is_forgotten() -> None:
    timeline = Timeline(START)
    timeline.put(LEFT, START, 0, 1, PCMU, payload(1))
    for ssrc in range(2, 2 + MOST_SOURCES):
        timeline.put(LEFT, START + 0.1, 0, ssrc, PCMU, payload(2))
    timeline.put(LEFT, START + 0.23, FRAME * 11, 1, PCMU, payload(3))
    left = channel(whole(timeline, 0.5), LEFT)
    assert left.index(ULAW_TO_LINEAR[3]) == 1840  # its arrival; its timestamp alone says 1760


def test_a_line_that_moves_by_more_than_a_pause_takes_nothing_of_what_was_said_before_it() -> None:
    timeline = Timeline(START)
    given, arrival = b"", 0.0
    for index in (*range(160), *range(161, 260)):
        arrival = max(arrival + 0.001, index * 0.02 + (0.05 if index < 160 else 0.0))
        timeline.put(LEFT, START + arrival, index * FRAME, 7, PCMU, payload(2 if index == 159 else 3))
        given += timeline.drain(START + arrival)
    left = channel(given + whole(timeline, 5.3), LEFT)
    assert timeline.gaps[LEFT] == 1
    assert list(left).count(ULAW_TO_LINEAR[2]) >= FRAME - 1


@pytest.mark.parametrize(("talk_s", "late"), [(10, 320), (40, 0)])
def test_a_long_pause_draws_the_line_anew_unless_the_drift_is_known(talk_s: int, late: int) -> None:
    timeline = Timeline(START)
    given = b""
    first = (talk_s + 30) * 50
    for index in (*range(talk_s * 50), *range(first, first + 60)):
        at = START + index * 0.02 + (0.04 if index >= first else 0.0)
        timeline.put(LEFT, at, index * FRAME, 7, PCMU, payload(2 if index >= first else 3))
        given += timeline.drain(at)
    left = channel(given + whole(timeline, talk_s + 32), LEFT)
    assert left.index(ULAW_TO_LINEAR[2]) == first * FRAME + late
