"""A recording true to time, as properties: a network that loses, repeats, delays and reorders moves nothing."""

from array import array

from hypothesis import given, settings
from hypothesis import strategies as st

from media.codecs.g711 import ULAW_TO_LINEAR
from media.recording.timeline import FRAME_BYTES, Timeline

START = 100.0
FRAME = 160
COUNT = 60

Fate = tuple[int, float, float]
FATE = st.tuples(
    st.integers(min_value=0, max_value=2),  # copies
    st.floats(min_value=0.0, max_value=0.04),  # delay of the first, s
    st.floats(min_value=0.0, max_value=0.19),  # further delay of the second, s
)


def arrivals(fates: list[Fate], timestamp: int) -> list[tuple[float, int, int]]:
    """(arrival, timestamp, mark) in order of arrival; the first packet comes undelayed."""
    heard = [(START, timestamp & 0xFFFFFFFF, 1)]
    for index, (copies, delay_s, more_s) in enumerate(fates, start=1):
        sent = START + index * 0.02
        mark = index % 100 + 1
        stamp = (timestamp + index * FRAME) & 0xFFFFFFFF
        heard += [(sent + min(delay_s + copy * more_s, 0.19), stamp, mark) for copy in range(copies)]
    return sorted(heard)


@settings(max_examples=60, deadline=None)
@given(
    fates=st.lists(FATE, min_size=COUNT, max_size=COUNT),
    timestamp=st.integers(min_value=0, max_value=2**32 - 1),
    side=st.integers(min_value=0, max_value=1),
    drain_every=st.integers(min_value=1, max_value=40),
)
def test_each_packet_that_came_lies_in_its_place_and_all_else_is_silence(
    fates: list[Fate], timestamp: int, side: int, drain_every: int
) -> None:
    timeline = Timeline(START)
    pcm = bytearray()
    for number, (arrival, stamp, mark) in enumerate(arrivals(fates, timestamp)):
        if number % drain_every == 0:
            pcm += timeline.drain(arrival)
        timeline.put(side, arrival, stamp, 5, 0, bytes([mark]) * FRAME)
    length_s = (COUNT + 10) * 0.02
    for chunk in timeline.finish(START + length_s):
        pcm += chunk
    samples = array("h")
    samples.frombytes(bytes(pcm))
    heard = [0] * (COUNT + 10)
    heard[0] = 1
    for index, (copies, _, _) in enumerate(fates, start=1):
        heard[index] = index % 100 + 1 if copies else 0
    expected = [ULAW_TO_LINEAR[mark] if mark else 0 for mark in heard for _ in range(FRAME)]
    assert list(samples[side::2]) == expected
    assert not any(samples[1 - side :: 2])
    assert timeline.discarded == 0


@settings(max_examples=60, deadline=None)
@given(
    noise=st.lists(
        st.tuples(
            st.integers(min_value=0, max_value=1),
            st.floats(min_value=-1.0, max_value=70.0),
            st.integers(min_value=0, max_value=2**32 - 1),
            st.integers(min_value=0, max_value=6),
            st.sampled_from([0, 8, 13, 101]),
            st.binary(max_size=400),
        ),
        max_size=60,
    ),
    length_s=st.floats(min_value=0.0, max_value=3.0),
)
def test_whatever_is_put_the_length_is_the_talk_time(
    noise: list[tuple[int, float, int, int, int, bytes]], length_s: float
) -> None:
    timeline = Timeline(START)
    for channel, after_s, timestamp, ssrc, codec, content in noise:
        timeline.put(channel, START + after_s, timestamp, ssrc, codec, content)
    total = sum(map(len, timeline.finish(START + length_s)))
    assert total == round((START + length_s - START) * 8000) * FRAME_BYTES
