"""Two hours with clocks that differ: both channels stay together, and nothing that follows the clocks is heard."""

import math
from array import array
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.codecs.g711 import ULAW_TO_LINEAR, linear_to_ulaw
from media.recording.slips import QUIET_JUMP, slipped
from media.recording.source_clock import SourceClock
from media.recording.timeline import Timeline
from tests.support.dice import Dice

START = 100.0
RATE_HZ = 8000
FRAME = 160
TWO_HOURS = 7200 * RATE_HZ
WAY_S = 0.030  # the shortest there is through the network, for both
TOGETHER_S = 0.020
ORDINARY, MARK = 1, 2
Heard = tuple[float, int, int, int, int]  # arrival, channel, timestamp, SSRC, code


def bursts(channel: int, ppm: int, jitter_s: float, dice: Dice) -> Iterator[tuple[float, list[Heard]]]:
    """Talk of 1 to 5 s with pauses of 5 to 40 s; when the mark in its middle was said, and what comes of it."""
    timestamp, ssrc = dice.below(1 << 32), 1
    spoken = dice.below(RATE_HZ)
    origin = timestamp - spoken
    while spoken < TWO_HOURS - 10 * RATE_HZ:
        heard: list[Heard] = []
        count = 50 + dice.below(201)
        marked_s = 0.0
        for index in range(count):
            said_s = spoken * (1 + ppm * 1e-6) / RATE_HZ
            mark = index == count // 2
            if mark:
                marked_s = said_s + WAY_S
            if mark or dice.fraction() > 0.05:
                arrival = START + said_s + WAY_S + dice.within(0.0, jitter_s)
                stamp = (origin + spoken) & 0xFFFFFFFF
                heard.append((arrival, channel, stamp, ssrc, MARK if mark else ORDINARY))
            spoken += FRAME
        yield marked_s, sorted(heard)
        spoken += round(dice.within(5.0, 40.0) * 50) * FRAME
        if dice.fraction() < 0.02:
            ssrc += 1
            origin = dice.below(1 << 32)


class Listener:
    """Keeps where marks came out of a timeline."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self.found: tuple[list[int], list[int]] = ([], [])
        self._before = [0, 0]

    def listen(self, until: float) -> None:
        first = self._timeline.written
        while pcm := self._timeline.drain(until):
            for channel in (0, 1):
                samples = array("h", pcm)[channel::2]
                if ULAW_TO_LINEAR[MARK] in samples:
                    self._note(channel, first, samples)
            first = self._timeline.written

    def _note(self, channel: int, first: int, samples: "array[int]") -> None:
        at = first + samples.index(ULAW_TO_LINEAR[MARK])
        if not self.found[channel] or at - self.found[channel][-1] > 4 * FRAME:
            self.found[channel].append(at)


@pytest.mark.parametrize(
    ("ppm_a", "ppm_b", "jitter_s"),
    [(100, -100, 0.08), (-100, 100, 0.0), (200, -200, 0.08), (-200, 200, 0.04), (0, 200, 0.08), (0, 0, 0.08)],
)
def test_trunk_case_16_two_hours_of_talk_and_pauses_keep_the_channels_together(
    ppm_a: int, ppm_b: int, jitter_s: float
) -> None:
    timeline = Timeline(START)
    said: tuple[list[float], list[float]] = ([], [])
    heard: list[Heard] = []
    for channel, ppm in enumerate((ppm_a, ppm_b)):
        for marked_s, burst in bursts(channel, ppm, jitter_s, Dice(1000 * ppm + channel)):
            said[channel].append(marked_s)
            heard += burst
    listener = Listener(timeline)
    ordinary, mark = bytes([ORDINARY]) * FRAME, bytes([MARK]) * FRAME
    listened_at = START
    for arrival, channel, timestamp, ssrc, code in sorted(heard):
        if arrival >= listened_at + 1.0:
            listened_at = arrival
            listener.listen(arrival)
        timeline.put(channel, arrival, timestamp, ssrc, 0, mark if code == MARK else ordinary)
    listener.listen(START + 7300.0)
    worst: list[float] = []
    for channel in (0, 1):
        assert len(listener.found[channel]) == len(said[channel]) > 200
        off = [at / RATE_HZ - marked_s for at, marked_s in zip(listener.found[channel], said[channel], strict=True)]
        worst.append(max(map(abs, off)))
    assert sum(worst) <= TOGETHER_S, worst
    assert timeline.discarded == 0
    assert timeline.reanchored == 0


@pytest.mark.parametrize("ppm", [-200, -100, 0, 100, 200])
def test_trunk_case_16_the_ratio_of_the_clocks_is_known_and_two_hours_of_jitter_do_not_shake_it(ppm: int) -> None:
    clock, dice = SourceClock(), Dice(ppm)
    worst = 0.0
    for stamp in range(0, TWO_HOURS, FRAME):
        said = stamp * (1 + ppm * 1e-6)
        if dice.fraction() > 0.05:
            clock.observe(stamp, round(said + dice.within(0.0, 640.0)))
        if stamp > 50 * FRAME:
            worst = max(worst, abs(stamp + clock.delay_at(stamp) - said))
    assert clock.drift * 1e6 == pytest.approx(ppm, abs=5)
    assert worst < 0.005 * RATE_HZ


def test_a_line_of_a_known_clock_grows_by_it_between_the_packets() -> None:
    """A minute without a packet is 12 ms of drift at 200 ppm: what counts is how far off the line a packet is."""
    clock, minute = SourceClock(200e-6, learned=True), 60 * RATE_HZ
    clock.observe(0, 0)
    assert clock.delay_at(minute) == pytest.approx(96)
    clock.observe(minute, minute + 40)
    assert clock.delay_at(minute) == pytest.approx(40)
    assert clock.delay_at(2 * minute) == pytest.approx(136)


@pytest.mark.parametrize("step_s", [-0.03, 0.03, 0.4])
def test_another_way_through_the_network_is_no_drift(step_s: float) -> None:
    clock, dice = SourceClock(), Dice(7)
    worst = 0.0
    for stamp in range(0, 600 * RATE_HZ, FRAME):
        way = 1000 + (step_s * RATE_HZ if stamp > 240 * RATE_HZ else 0)
        clock.observe(stamp, round(stamp + way + dice.within(0.0, 80.0)))
        worst = max(worst, abs(clock.drift))
    assert worst < 20e-6


@pytest.mark.parametrize("every_s", [0.2, 0.5, 1.0])
def test_the_line_is_not_drawn_through_the_jitter_of_packets_that_come_seldom(every_s: float) -> None:
    """Up to 100 ms of it; of a few packets alone, even the least has much."""
    clock, dice = SourceClock(), Dice(11)
    worst = 0.0
    for stamp in range(0, TWO_HOURS, round(every_s * RATE_HZ)):
        clock.observe(stamp, round(stamp + dice.within(0.0, 800.0)))
        if stamp > 300 * RATE_HZ:
            worst = max(worst, abs(clock.delay_at(stamp)))
    assert worst < 0.020 * RATE_HZ


def test_more_than_crystals_drift_is_not_followed() -> None:
    clock = SourceClock()
    for stamp in range(0, 120 * RATE_HZ, FRAME):
        clock.observe(stamp, round(stamp * 1.002))
    assert clock.drift == pytest.approx(500e-6)


@pytest.mark.parametrize("ppm", [100, -100])
def test_a_fast_clock_is_told_as_such_and_still_known_after_its_timestamps_jump(ppm: int) -> None:
    timeline = Timeline(START)
    payload = bytes([ORDINARY]) * FRAME
    for index in range(120 * 50):
        jump = 5_000_000 if index == 120 * 50 - 1 else 0
        arrival = START + index * FRAME / RATE_HZ * (1 - ppm * 1e-6)
        timeline.put(0, arrival, index * FRAME + jump, 1, 0, payload)
        timeline.drain(arrival)
    assert timeline.reanchored == 1
    drift_ppm = timeline.drift_of(0)
    assert drift_ppm is not None
    assert drift_ppm == pytest.approx(ppm, abs=5)


def tone(first: int, count: int) -> bytes:
    """A loud tone of 250 Hz, in u-law."""
    return linear_to_ulaw(round(8000 * math.sin(2 * math.pi * n / 32)) for n in range(first, first + count))


@pytest.mark.parametrize("ppm", [-200, 200])
def test_speech_without_a_pause_follows_its_clock_sample_by_sample_and_does_not_click(ppm: int) -> None:
    """Ten minutes: 120 ms of drift, and so 960 samples."""
    timeline, dice = Timeline(START), Dice(1)
    frames = [tone(first, FRAME) for first in range(0, 32 * FRAME, FRAME)]
    count = 30_000
    heard = []
    for index in range(count):
        said = index * FRAME * (1 + ppm * 1e-6)
        heard.append(((said + dice.within(0.0, 640.0)) / RATE_HZ, index))
    samples = array("h")
    for number, (arrival_s, index) in enumerate(sorted(heard)):
        timeline.put(0, START + arrival_s, index * FRAME, 1, 0, frames[index % 32])
        if number % 50 == 0:
            samples.frombytes(timeline.drain(START + arrival_s))
    for pcm in timeline.finish(START + 601):
        samples.frombytes(pcm)
    left = samples[0::2]
    end = len(left)
    while not left[end - 1]:
        end -= 1
    assert end / RATE_HZ == pytest.approx(count * FRAME * (1 + ppm * 1e-6) / RATE_HZ, abs=0.005)
    assert 900 < timeline.moved < 1100
    steepest = max(abs(after - before) for before, after in pairwise(left[1000 : end - 1]))
    assert steepest <= 8000 * 2 * math.pi / 32 + QUIET_JUMP + 256  # and what u-law rounds


def test_a_line_that_moves_earlier_cuts_a_pause_and_no_word() -> None:
    timeline = Timeline(START)
    for index in range(100):
        timeline.put(0, START + index * 0.02 + 0.05, index * FRAME, 1, 0, bytes([1]) * FRAME)
    timeline.drain(START + 2.4)
    for index in range(110, 200):
        timeline.put(0, START + index * 0.02, index * FRAME, 1, 0, bytes([2]) * FRAME)
    samples = array("h", b"".join(timeline.finish(START + 5.0)))[0::2]
    first = timeline.written - len(samples)
    assert samples.index(ULAW_TO_LINEAR[2]) + first == 110 * FRAME
    assert samples.count(ULAW_TO_LINEAR[2]) == 90 * FRAME
    assert timeline.moved == 0


def test_a_pause_that_no_unknown_clock_can_be_trusted_over_draws_the_line_anew() -> None:
    timeline = Timeline(START)
    for index in range(60):
        timeline.put(0, START + index * 0.02, index * FRAME, 1, 0, bytes([1]) * FRAME)
    while timeline.drain(START + 300.0):
        pass
    for index in range(15_000, 15_060):
        timeline.put(0, START + index * 0.02 + 0.06, index * FRAME, 1, 0, bytes([2]) * FRAME)
    assert timeline.reanchored == 0
    samples = array("h", b"".join(timeline.finish(START + 302.0)))[0::2]
    assert samples.index(ULAW_TO_LINEAR[2]) + timeline.written - len(samples) == round(300.06 * RATE_HZ)


@given(
    codes=st.binary(min_size=1, max_size=480),
    codec=st.sampled_from([0, 8]),
    wanted=st.integers(min_value=-1000, max_value=1000),
    urgent=st.booleans(),
)
def test_a_slip_is_as_long_as_it_says_and_goes_the_way_that_is_wanted(
    codes: bytes, codec: int, wanted: int, urgent: bool
) -> None:
    payload, moved = slipped(codes, codec, wanted, urgent=urgent)
    assert len(payload) == len(codes) + moved > 0
    assert abs(moved) <= abs(wanted)
    assert moved * wanted >= 0
    assert set(payload) <= set(codes)


def test_speech_gives_one_sample_at_its_flattest_and_silence_as_much_as_is_wanted() -> None:
    speech = tone(0, FRAME)
    assert slipped(speech, 0, 50, urgent=False)[1] == 1
    assert slipped(speech, 0, -50, urgent=False)[1] == -1
    buzz = linear_to_ulaw([20_000, -20_000, 0] * 50)
    assert slipped(buzz, 0, -1, urgent=False)[1] == 0
    assert slipped(buzz, 0, -1, urgent=True)[1] == -1
    silence = linear_to_ulaw([8, -8] * 80)
    assert slipped(silence, 0, 50, urgent=False)[1] == 50
    assert slipped(silence, 0, -500, urgent=False)[1] == -80
    short = silence[:40]
    assert slipped(short, 0, 500, urgent=False) == (short + short, 40), "there is no more of it to say again"


@settings(max_examples=60, deadline=None)
@given(
    delays=st.lists(st.floats(min_value=0.0, max_value=0.15), min_size=120, max_size=120),
    turns=st.lists(st.floats(min_value=0.0, max_value=3.0), max_size=30),
)
def test_however_the_pieces_are_fetched_they_are_the_same_recording(delays: list[float], turns: list[float]) -> None:
    heard = sorted((index * 0.02 + delay, index) for index, delay in enumerate([0.0, *delays]))
    recordings = []
    for fetched_at in (sorted(turns), []):
        timeline, pcm, rest = Timeline(START), bytearray(), list(fetched_at)
        for at, index in heard:
            while rest and rest[0] <= at:
                pcm += timeline.drain(START + rest.pop(0))
            timeline.put(1, START + at, index * FRAME, 1, 8, bytes([index]) * FRAME)
        for piece in timeline.finish(START + 3.0):
            pcm += piece
        recordings.append(bytes(pcm))
    assert recordings[0] == recordings[1]


def clock_over(delays: list[float]) -> SourceClock:
    """A clock after a packet each 20 ms, its windows of two seconds with these delays in turn."""
    clock = SourceClock()
    for index in range(len(delays) * 101):
        clock.observe(index * FRAME, round(index * FRAME + delays[index // 101]))
    return clock


def test_a_least_delay_a_little_off_the_line_is_still_of_the_same_way() -> None:
    """9 ms to and fro are what is left of the jitter; 11 ms are another way, and what was learned of the old counts no
    more."""
    assert clock_over([0.0, 72.0] * 10).learned
    assert not clock_over([0.0, 88.0] * 10).learned


@pytest.mark.parametrize(("windows", "learned"), [(15, False), (17, True)])
def test_the_ratio_takes_half_a_minute_of_windows(windows: int, learned: bool) -> None:
    assert clock_over([0.0] * windows).learned is learned


STEEP = bytes(linear_to_ulaw([8000, 8000, -8000, -8000] * (FRAME // 4)))


@pytest.mark.parametrize(("earlier", "moved"), [(72, False), (88, True)])
def test_speech_that_is_nowhere_flat_is_moved_from_10_ms_off_its_line_on(earlier: int, moved: bool) -> None:
    timeline = Timeline(START)
    for index in range(300):
        arrival = START + (index * FRAME + 400 - (earlier if index >= 150 else 0)) / RATE_HZ
        timeline.put(0, arrival, index * FRAME, 1, 0, STEEP)
        timeline.drain(arrival)
    assert bool(timeline.moved) is moved


def test_speech_that_lies_before_its_line_is_given_out_where_it_lies() -> None:
    """The way has become 150 ms longer, and speech follows by a sample a packet: none of it may be passed by until it
    has got there."""
    timeline = Timeline(START)
    samples = array("h")
    count = 1_000
    for index in range(count):
        arrival = START + (index * FRAME + (1200 if index >= 150 else 0)) / RATE_HZ
        timeline.put(0, arrival, index * FRAME, 1, 0, STEEP)
        samples.frombytes(timeline.drain(arrival))
    for pcm in timeline.finish(START + count * FRAME / RATE_HZ):
        samples.frombytes(pcm)
    assert timeline.moved > 100
    assert 0 not in samples[0::2]
    assert timeline.discarded == 0
