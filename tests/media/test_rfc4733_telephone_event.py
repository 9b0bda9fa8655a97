"""RFC 4733: a key press is reported exactly once, whatever happens to its packets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.rtp.dtmf import DIGITS, DigitWatch, EventPayload, PressedDigit, event_payloads, parse_event


def press(
    watch: DigitWatch, payloads: tuple[bytes, ...], timestamp: int, ssrc: int = 1, now: float = 0.0
) -> list[PressedDigit]:
    return [digit for payload in payloads for digit in watch.packet(ssrc, timestamp, payload, now)]


@pytest.mark.parametrize("digit", DIGITS)
def test_trunk_case_11_each_digit_is_reported_once_with_its_length(digit: str) -> None:
    assert press(DigitWatch(), event_payloads(digit, 100), 1600) == [PressedDigit(digit, 100)]


def test_trunk_case_11_payloads_grow_and_end_three_times() -> None:
    events = [parse_event(payload) for payload in event_payloads("5", 100, interval_ms=20)]
    assert [(event.duration, event.end) for event in events if event] == [
        (160, False),
        (320, False),
        (480, False),
        (640, False),
        (800, True),
        (800, True),
        (800, True),
    ]
    assert {event.event for event in events if event} == {5}


@given(st.lists(st.sampled_from(range(7)), max_size=20))
def test_trunk_case_11_lost_repeated_and_reordered_packets_never_double_a_digit(order: list[int]) -> None:
    watch = DigitWatch()
    payloads = event_payloads("7", 100)
    found = press(watch, tuple(payloads[index] for index in order), 1600)
    found += watch.sweep(10.0)
    assert [digit.digit for digit in found] == (["7"] if order else [])


def test_two_presses_of_one_key_are_two() -> None:
    watch = DigitWatch()
    assert len(press(watch, event_payloads("1", 60), 1600) + press(watch, event_payloads("1", 60), 4000)) == 2


def test_trunk_case_11_a_lost_end_is_ended_by_time() -> None:
    watch = DigitWatch()
    assert press(watch, event_payloads("9", 100)[:3], 1600, now=5.0) == []
    assert watch.sweep(5.2) == ()
    assert watch.sweep(5.4) == (PressedDigit("9", 60),)
    assert watch.sweep(9.0) == ()
    # Its end packets, after all.
    assert press(watch, event_payloads("9", 100)[-3:], 1600, now=5.5) == []


def test_trunk_case_11_a_lost_end_is_ended_by_the_next_key() -> None:
    watch = DigitWatch()
    press(watch, event_payloads("1", 100)[:2], 1600)
    assert press(watch, event_payloads("2", 100), 3200) == [PressedDigit("1", 40), PressedDigit("2", 100)]


def test_trunk_case_11_late_packets_of_the_key_before_do_not_end_the_new_one() -> None:
    watch = DigitWatch()
    press(watch, event_payloads("1", 100), 1600)
    press(watch, event_payloads("2", 100)[:2], 3200)
    assert press(watch, event_payloads("0", 100)[-1:], 800) == []
    assert watch.pressed


def test_trunk_case_11_segments_of_a_long_event_are_one_press() -> None:
    watch = DigitWatch()
    first = EventPayload(3, False, 10, 0xFFFF).render()
    second = EventPayload(3, False, 10, 800).render()
    last = EventPayload(3, True, 10, 8000).render()
    found = [*watch.packet(1, 1000, first, 0.0), *watch.packet(1, 1000 + 0xFFFF, second, 0.1)]
    assert found == []
    assert watch.packet(1, 1000 + 0xFFFF, last, 0.2) == (PressedDigit("3", 0xFFFF // 8 + 1000),)


def test_trunk_case_11_the_same_timestamp_of_another_source_is_another_press() -> None:
    watch = DigitWatch()
    assert (
        len(press(watch, event_payloads("4", 60), 1600, ssrc=1) + press(watch, event_payloads("4", 60), 1600, ssrc=2))
        == 2
    )


def test_trunk_case_11_a_key_is_told_of_once_when_it_goes_down() -> None:
    watch = DigitWatch()
    begun = []
    for payload in event_payloads("1", 100):
        watch.packet(1, 1600, payload, 0.0)
        begun.append(watch.begun)
    assert begun == ["1", None, None, None, None, None, None]
    watch.packet(1, 3200, event_payloads("2", 100)[0], 0.0)
    assert watch.begun == "2"
    watch.packet(1, 4800, event_payloads("2", 100)[0], 0.0)
    assert watch.begun == "2"
    watch.packet(1, 6400, event_payloads("3", 100)[-1], 0.0)
    assert watch.begun is None


def test_events_that_are_no_digits_are_not_reported() -> None:
    assert DigitWatch().packet(1, 1, EventPayload(16, True, 10, 800).render(), 0.0) == ()


def test_a_flood_of_presses_is_cut() -> None:
    watch = DigitWatch()
    end = EventPayload(1, True, 10, 800).render()
    assert len([digit for n in range(1000) for digit in watch.packet(1, n * 1600, end, 0.0)]) == 32
    watch.packet(1, 1_900_000, EventPayload(1, False, 10, 800).render(), 0.0)
    assert watch.begun is None
    watch.sweep(1.0)
    assert len(watch.packet(1, 2_000_000, end, 1.0)) == 1


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2**32 - 1), st.binary(max_size=8)), max_size=30))
def test_any_payloads_are_taken(packets: list[tuple[int, int, bytes]]) -> None:
    watch = DigitWatch()
    for ssrc, timestamp, payload in packets:
        watch.packet(ssrc, timestamp, payload, 0.0)


def test_an_unknown_digit_cannot_be_sent() -> None:
    with pytest.raises(ValueError, match="substring"):
        event_payloads("X", 100)
