"""One press counts once, whichever way it comes, and reaches the other party."""

import pytest

from b2bua.call.digits import ECHO_S, HELD_MAX, HOLD_S, LONGEST_S, PAUSE_S, Presses
from b2bua.call.effects import ClearDeadline, SendDigit, SetDeadline
from b2bua.call.events import (
    Arrived,
    Deadline,
    DeadlinePassed,
    DigitBegun,
    DigitPressed,
    DigitWay,
    LegAnswered,
    LegHungUp,
    LegMoved,
    Started,
)
from b2bua.call.inputs import State
from b2bua.call.machine import CallMachine
from b2bua.call.model import Leg
from media.packet_path.digits import LONGEST_MS
from tests.support.call_walk import Walk, a_call

DEADLINES = {Leg.A: Deadline.DIGITS_A, Leg.B: Deadline.DIGITS_B}


def event(digit: str, leg: Leg = Leg.A) -> DigitPressed:
    """One that the packet path has told of, and relayed."""
    return DigitPressed(leg, digit, 100, DigitWay.EVENT)


def info(digit: str, leg: Leg = Leg.A, *, events_agreed: bool = False, duration_ms: int = 160) -> DigitPressed:
    return DigitPressed(leg, digit, duration_ms, DigitWay.INFO, events_agreed)


def tone(digit: str, leg: Leg = Leg.A, *, events_agreed: bool = False) -> DigitPressed:
    """One that was heard in the audio."""
    return DigitPressed(leg, digit, 100, DigitWay.TONE, events_agreed)


def talking() -> Walk:
    walk = Walk(CallMachine(a_call()))
    walk.at_once(Started(), LegAnswered(Leg.A, 200, "PCMA"), LegAnswered(Leg.B, 200, "PCMA"))
    assert walk.machine.state is State.BRIDGED
    return walk


@pytest.mark.parametrize("leg", Leg)
def test_an_info_of_a_leg_without_events_is_sent_on_at_once(leg: Leg) -> None:
    walk = talking()
    assert walk.at_once(info("5", leg)) == (SendDigit(leg.other, "5", 160),)
    assert walk.at_once(info("5", leg, duration_ms=80)) == (SendDigit(leg.other, "5", 80),)


def test_an_event_has_been_relayed_already() -> None:
    assert talking().at_once(event("5")) == ()


@pytest.mark.parametrize("leg", Leg)
def test_an_info_that_an_event_may_repeat_waits_and_counts_when_none_comes(leg: Leg) -> None:
    walk = talking()
    assert walk.at_once(info("1", leg, events_agreed=True)) == (SetDeadline(DEADLINES[leg], 0.16 + HOLD_S),)
    assert walk.after(0.3, info("2", leg, events_agreed=True)) == ()
    assert walk.after(0.4, DeadlinePassed(DEADLINES[leg])) == (
        SendDigit(leg.other, "1", 160),
        SendDigit(leg.other, "2", 160),
    )
    # From now on it is known that this phone sends INFO alone.
    assert walk.at_once(info("3", leg, events_agreed=True)) == (SendDigit(leg.other, "3", 160),)


def test_a_phone_that_sends_both_ways_is_heard_once() -> None:
    walk = talking()
    walk.at_once(info("1", events_agreed=True))
    assert walk.after(0.2, event("1")) == (ClearDeadline(Deadline.DIGITS_A),)
    for digit in "123":
        assert walk.after(0.5, info(digit, events_agreed=True)) == ()
        assert walk.after(0.1, event(digit)) == ()
    assert not any(isinstance(effect, SendDigit) for effect in walk.effects)


def test_a_key_of_both_ways_that_is_still_held_is_heard_once() -> None:
    walk = talking()
    walk.at_once(info("1", events_agreed=True))
    assert walk.after(0.02, DigitBegun(Leg.A, "1")) == (ClearDeadline(Deadline.DIGITS_A),)
    assert walk.after(1.5, event("1")) == ()
    for digit in "23":
        assert walk.after(0.5, info(digit, events_agreed=True)) == ()
        assert walk.after(0.02, DigitBegun(Leg.A, digit)) == ()
        assert walk.after(0.1, event(digit)) == ()
    assert not any(isinstance(effect, SendDigit) for effect in walk.effects)


def test_a_phone_whose_first_event_came_too_late_is_heard_once_from_then_on() -> None:
    walk = talking()
    walk.at_once(info("1", events_agreed=True))
    walk.after(0.16 + HOLD_S, DeadlinePassed(Deadline.DIGITS_A))
    walk.after(0.1, DigitBegun(Leg.A, "1"))
    walk.after(0.1, event("1"))
    walk.after(0.5, info("2", events_agreed=True))
    walk.after(0.1, event("2"))
    assert [effect.digit for effect in walk.effects if isinstance(effect, SendDigit)] == ["1"]


@pytest.mark.parametrize("begun", [DigitBegun(Leg.A, "1"), DigitBegun(Leg.B, "1")])
def test_before_the_talk_a_key_that_is_down_changes_nothing(begun: DigitBegun) -> None:
    walk = Walk(CallMachine(a_call()))
    walk.at_once(Started(), LegAnswered(Leg.A, 200, "PCMA"), begun, LegAnswered(Leg.B, 200, "PCMA"))
    assert walk.machine.impossible_inputs == 0
    assert walk.at_once(info("1", begun.leg, events_agreed=True)) != ()


def test_the_event_may_come_first() -> None:
    walk = talking()
    assert walk.at_once(event("1")) == ()
    assert walk.at_once(info("1", events_agreed=True)) == ()


def test_the_two_legs_do_not_share_what_is_known_of_their_phones() -> None:
    walk = talking()
    walk.at_once(event("1", Leg.A))
    assert walk.at_once(info("1", Leg.B)) == (SendDigit(Leg.A, "1", 160),)


@pytest.mark.parametrize("leg", Leg)
def test_after_a_move_it_is_found_out_anew_how_keys_come(leg: Leg) -> None:
    walk = talking()
    walk.at_once(event("1", leg))
    assert walk.at_once(LegMoved(leg)) == ()
    assert walk.at_once(info("2", leg, events_agreed=True)) == (SetDeadline(DEADLINES[leg], 0.16 + HOLD_S),)
    assert walk.after(0.66, DeadlinePassed(DEADLINES[leg])) == (SendDigit(leg.other, "2", 160),)
    assert walk.at_once(info("3", leg, events_agreed=True)) == (SendDigit(leg.other, "3", 160),)
    walk.at_once(LegMoved(leg))
    walk.at_once(info("4", leg, events_agreed=True))
    assert walk.after(0.1, DigitBegun(leg, "4")) == (ClearDeadline(DEADLINES[leg]),)


def test_a_move_of_one_leg_is_none_of_the_other() -> None:
    walk = talking()
    walk.at_once(event("1"), LegMoved(Leg.B))
    assert walk.at_once(info("2", events_agreed=True)) == ()


def test_what_was_held_when_the_leg_moved_counts_and_tells_nothing_of_the_new_device() -> None:
    walk = talking()
    walk.at_once(info("1", events_agreed=True), LegMoved(Leg.A))
    assert walk.after(0.66, DeadlinePassed(Deadline.DIGITS_A)) == (SendDigit(Leg.B, "1", 160),)
    assert walk.at_once(info("2", events_agreed=True)) == (SetDeadline(Deadline.DIGITS_A, 0.16 + HOLD_S),)
    assert walk.after(0.02, DigitBegun(Leg.A, "2")) == (ClearDeadline(Deadline.DIGITS_A),)


def test_a_key_of_the_new_device_takes_nothing_away_of_what_was_held_when_the_leg_moved() -> None:
    walk = talking()
    walk.at_once(info("1", events_agreed=True), LegMoved(Leg.A))
    assert walk.after(0.1, DigitBegun(Leg.A, "2")) == ()
    assert walk.after(0.1, event("2")) == ()
    assert walk.after(0.46, DeadlinePassed(Deadline.DIGITS_A)) == (SendDigit(Leg.B, "1", 160),)
    assert walk.at_once(info("3", events_agreed=True)) == (), "its events are what counts"


def test_the_end_of_a_key_that_was_down_when_the_leg_moved_tells_nothing_of_the_new_device() -> None:
    walk = talking()
    walk.at_once(DigitBegun(Leg.A, "1"), LegMoved(Leg.A))
    assert walk.after(0.1, info("2", events_agreed=True)) == (SetDeadline(Deadline.DIGITS_A, 0.16 + HOLD_S),)
    assert walk.after(0.1, event("1")) == ()
    assert walk.after(0.6, DeadlinePassed(Deadline.DIGITS_A)) == (SendDigit(Leg.B, "2", 160),)


def test_infos_count_again_where_the_session_has_no_events_any_more() -> None:
    walk = talking()
    walk.at_once(event("1"))
    assert walk.at_once(info("2")) == (SendDigit(Leg.B, "2", 160),)


@pytest.mark.parametrize("leg", Leg)
@pytest.mark.parametrize("events_agreed", [True, False])
def test_a_tone_counts_when_nothing_else_has_told_of_it_in_time(leg: Leg, events_agreed: bool) -> None:
    walk = talking()
    for digit in "12":
        assert walk.at_once(tone(digit, leg, events_agreed=events_agreed)) == (
            SetDeadline(DEADLINES[leg], 0.1 + HOLD_S),
        )
        assert walk.after(0.6, DeadlinePassed(DEADLINES[leg])) == (SendDigit(leg.other, digit, 100, was_heard=True),)


def test_tones_beside_events_are_passed_over() -> None:
    walk = talking()
    for digit in "123":
        walk.at_once(tone(digit, events_agreed=True))
        walk.after(0.05, event(digit))
        walk.after(0.1, tone(digit, events_agreed=True))
    assert ClearDeadline(Deadline.DIGITS_A) in walk.effects
    assert not any(isinstance(effect, SendDigit) for effect in walk.effects)


@pytest.mark.parametrize("info_first", [True, False])
@pytest.mark.parametrize("events_agreed", [True, False])
def test_tones_beside_info_are_passed_over(info_first: bool, events_agreed: bool) -> None:
    walk = talking()
    for digit in "12":
        both = [info(digit, events_agreed=events_agreed), tone(digit, events_agreed=events_agreed)]
        for press in both if info_first else reversed(both):
            walk.after(0.1, press)
        walk.after(1.0, DeadlinePassed(Deadline.DIGITS_A))
    sent = [effect for effect in walk.effects if isinstance(effect, SendDigit)]
    assert sent == [SendDigit(Leg.B, digit, 160) for digit in "12"]


@pytest.mark.parametrize("way", DigitWay)
def test_a_tone_that_the_other_line_gives_back_is_no_press(way: DigitWay) -> None:
    walk = talking()
    for digit in "123":
        walk.after(0.2, DigitPressed(Leg.A, digit, 100, way, events_agreed=False))
    walk.after(0.1, DeadlinePassed(Deadline.DIGITS_A))
    for digit in "123":
        assert walk.after(0.2, tone(digit, Leg.B)) == ()
    # Another key, or the same one later, is B's own.
    assert walk.after(0.0, tone("4", Leg.B)) != ()
    walk.after(0.6, DeadlinePassed(Deadline.DIGITS_B))
    assert walk.after(ECHO_S, tone("3", Leg.B)) != ()


@pytest.mark.parametrize("leg", Leg)
def test_what_an_info_says_of_its_length_is_believed_as_far_as_it_is_heard(leg: Leg) -> None:
    walk = talking()
    pressed = info("1", leg, events_agreed=True, duration_ms=999_999)
    assert walk.at_once(pressed) == (SetDeadline(DEADLINES[leg], LONGEST_S + HOLD_S),)
    presses = Presses()
    presses.sounds(info("1", duration_ms=999_999), 100.0)
    assert presses.comes_back(tone("1", Leg.B), 100.0 + LONGEST_S + ECHO_S - 0.01)
    assert not presses.comes_back(tone("1", Leg.B), 100.0 + LONGEST_S + ECHO_S + 0.01)


def test_a_press_is_believed_to_last_as_long_as_the_packet_path_sends_one() -> None:
    assert LONGEST_S * 1000 == LONGEST_MS


@pytest.mark.parametrize("leg", Leg)
def test_what_was_held_comes_back_once_it_was_sent_on(leg: Leg) -> None:
    walk = talking()
    for digit in "12":
        walk.at_once(info(digit, leg, events_agreed=True, duration_ms=1000))
    assert walk.after(1.0 + HOLD_S, DeadlinePassed(DEADLINES[leg])) == (
        SendDigit(leg.other, "1", 1000),
        SendDigit(leg.other, "2", 1000),
    )
    assert walk.after(1.0 + 0.5, tone("1", leg.other)) == ()
    assert walk.after(1.0 + PAUSE_S, tone("2", leg.other)) == ()
    assert walk.after(ECHO_S, tone("2", leg.other)) != ()


def test_an_info_that_only_repeats_an_event_is_not_heard_a_second_time() -> None:
    walk = talking()
    walk.at_once(event("1"))
    walk.after(0.5, info("1", events_agreed=True, duration_ms=3000))
    assert walk.after(ECHO_S, tone("1", Leg.B)) != ()


def test_what_waits_to_be_heard_comes_back_later() -> None:
    presses = Presses()
    for _ in range(5):
        presses.sounds(info("1", duration_ms=1000), 100.0)
    assert presses.comes_back(tone("1", Leg.B), 105.0 + 4 * PAUSE_S + ECHO_S - 0.01)
    assert not presses.comes_back(tone("1", Leg.B), 105.0 + 4 * PAUSE_S + ECHO_S + 0.01)
    assert not presses.comes_back(info("1", Leg.B), 100.0)


def test_a_voice_taken_for_a_key_does_not_keep_events_from_being_taken() -> None:
    walk = talking()
    walk.at_once(tone("7", events_agreed=True))
    walk.after(0.6, DeadlinePassed(Deadline.DIGITS_A))
    walk.at_once(tone("1", events_agreed=True))
    walk.after(0.2, event("1"))
    walk.after(0.2, tone("2", events_agreed=True))
    walk.after(0.0, event("2"))
    assert [effect.digit for effect in walk.effects if isinstance(effect, SendDigit)] == ["7"]


def test_held_presses_are_limited() -> None:
    presses = Presses()
    for _ in range(HELD_MAX + 5):
        assert not presses.take(info("1", events_agreed=True))
    assert len(presses.release()) == HELD_MAX
    assert presses.held == []


def test_before_and_after_the_talk_digits_go_nowhere() -> None:
    walk = Walk(CallMachine(a_call()))
    walk.at_once(Started())
    assert walk.at_once(info("1")) == ()
    walk.at_once(LegAnswered(Leg.A, 200, "PCMA"))
    assert walk.at_once(info("1")) == walk.at_once(info("1", Leg.B)) == ()
    walk.at_once(LegAnswered(Leg.B, 200, "PCMA"))
    walk.at_once(info("1", events_agreed=True))
    assert ClearDeadline(Deadline.DIGITS_A) in walk.at_once(LegHungUp(Leg.A))
    assert walk.at_once(info("1"), DeadlinePassed(Deadline.DIGITS_A)) == ()


def test_a_caller_that_waits_may_press_keys_too() -> None:
    walk = Walk(CallMachine(a_call(direction="inbound")))
    walk.at_once(Arrived())
    assert walk.at_once(info("1")) == ()
    assert walk.machine.impossible_inputs == 0
