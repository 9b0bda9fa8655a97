"""Money: pulses and paise, and the record of a finished call."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.call.model import HangupCause, HangupParty, Leg
from b2bua.call.rating import bill_duration_s, paid_talk_s, price_paise, rate_without
from b2bua.call.record import finish, finish_interrupted, terminal_event, with_leg
from storage.records import CallRecord, CallStatus, Tariff, WebhookEvent
from tests.support.call_walk import CREATED_AT, a_call

BRIDGED = a_call(
    status=CallStatus.IN_PROGRESS,
    started_at=CREATED_AT + 10,
    a_answered_at=CREATED_AT + 2000,
    answered_at=CREATED_AT + 5000,
)


@pytest.mark.parametrize(
    ("rate", "free_legs", "left"), [(150, 0, 150), (150, 1, 75), (151, 1, 76), (150, 2, 0), (0, 1, 0)]
)
def test_a_leg_that_costs_nothing_is_half_the_rate(rate: int, free_legs: int, left: int) -> None:
    assert rate_without(rate, free_legs) == left


@pytest.mark.parametrize(
    ("duration_s", "billed_s", "paise"),
    [(0, 60, 150), (1, 60, 150), (60, 60, 150), (61, 120, 300), (94, 120, 300), (120, 120, 300), (7200, 7200, 18_000)],
)
def test_whole_pulses_at_least_one(duration_s: int, billed_s: int, paise: int) -> None:
    assert bill_duration_s(duration_s, 60) == billed_s
    assert price_paise(billed_s, 150) == paise


@pytest.mark.parametrize(
    ("billed_s", "rate", "paise"),
    [(60, 150, 150), (30, 150, 75), (60, 0, 0), (1, 150, 3), (60, 1, 1), (61, 100, 102), (7200, 1, 120)],
)
def test_a_price_is_rounded_up_to_a_paisa_once(billed_s: int, rate: int, paise: int) -> None:
    """Not pulse by pulse: a minute in pulses of a second costs what the tariff says of a minute."""
    assert price_paise(billed_s, rate) == paise


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(1, 600))
def test_the_price_is_that_of_the_billed_seconds_and_less_than_a_paisa_more(
    duration_s: int, rate: int, pulse_s: int
) -> None:
    billed_s = bill_duration_s(duration_s, pulse_s)
    assert billed_s % pulse_s == 0
    assert duration_s <= billed_s < duration_s + pulse_s or (duration_s == 0 and billed_s == pulse_s)
    # Of the whole, not of each pulse: fractions of a paisa added up to a fifth more at a pulse of a second.
    assert 0 <= price_paise(billed_s, rate) * 60 - billed_s * rate < 60


@given(st.integers(1, 10_000), st.integers(1, 10_000), st.integers(1, 600))
def test_what_is_reserved_pays_for_just_the_pulses_it_was_reserved_for(pulses: int, rate: int, pulse_s: int) -> None:
    reserved = price_paise(pulses * pulse_s, rate)
    paid_s = paid_talk_s(reserved, rate, pulse_s)
    assert paid_s is not None
    assert paid_s >= pulses * pulse_s
    assert price_paise(paid_s, rate) == reserved
    assert price_paise(paid_s + pulse_s, rate) > reserved


def test_what_costs_nothing_is_paid_for_however_long_it_lasts() -> None:
    assert paid_talk_s(0, 0, 60) is None


@pytest.mark.parametrize(("talk_ms", "duration_s"), [(0, 0), (499, 0), (500, 1), (1500, 2), (2500, 3), (60_499, 60)])
def test_a_duration_is_rounded_to_whole_seconds_and_the_pulses_follow_it(talk_ms: int, duration_s: int) -> None:
    record = finish(BRIDGED, HangupCause.NORMAL, 0, talk_ms, HangupParty.A)
    assert record.duration_s == duration_s
    assert record.bill_duration_s == 60
    assert record.ended_at == CREATED_AT + 5000 + talk_ms


def test_a_call_that_was_never_bridged_costs_nothing() -> None:
    record = finish(a_call(), HangupCause.BUSY, CREATED_AT + 700, None)
    assert (record.status, record.price_paise, record.ended_at) == (CallStatus.FAILED, 0, CREATED_AT + 700)


def test_an_organisations_own_tariff_counts() -> None:
    record = finish(replace(BRIDGED, tariff=Tariff(100, 15)), HangupCause.NORMAL, 0, 31_000)
    assert (record.bill_duration_s, record.price_paise) == (45, 75)


def test_a_crash_bills_what_was_reserved_by_pulses_that_are_no_whole_paise() -> None:
    """3 paise were set aside for each second by versions that rounded each pulse: no more than they is charged."""
    by_the_second = replace(BRIDGED, tariff=Tariff(150, 1))
    assert finish_interrupted(by_the_second, CREATED_AT + 5000 + 60_000, 180).price_paise == 150
    assert finish_interrupted(by_the_second, CREATED_AT + 5000 + 60_000, 150).price_paise == 150


def test_a_crash_bills_a_bridged_call_to_the_last_sign_of_life() -> None:
    talking = with_leg(BRIDGED, Leg.A, status="answered", answered_at=CREATED_AT + 2000)
    record = finish_interrupted(talking, CREATED_AT + 5000 + 61_000)
    assert (record.status, record.hangup_cause) == (CallStatus.COMPLETED, "system_restart")
    assert (record.duration_s, record.price_paise, record.hangup_party) == (61, 300, "system")
    assert (record.legs[0].status, record.legs[0].ended_at) == ("ended", record.ended_at)
    assert terminal_event(record) is WebhookEvent.COMPLETED


@pytest.mark.parametrize(
    ("reserved_paise", "longest_s", "duration_s", "price"),
    [(150, None, 60, 150), (300, None, 120, 300), (300, 90, 90, 300), (None, 90, 90, 300), (None, None, 3600, 9000)],
)
def test_a_crash_bills_no_talk_that_was_not_paid_for_or_not_asked_for(
    reserved_paise: int | None, longest_s: int | None, duration_s: int, price: int
) -> None:
    talking = replace(BRIDGED, max_duration_s=longest_s)
    record = finish_interrupted(talking, CREATED_AT + 5000 + 3_600_000, reserved_paise)
    assert (record.duration_s, record.price_paise) == (duration_s, price)
    assert record.ended_at == CREATED_AT + 5000 + duration_s * 1000


def test_a_crash_right_after_the_bridge_bills_one_pulse() -> None:
    record = finish_interrupted(BRIDGED, CREATED_AT)
    assert (record.ended_at, record.duration_s, record.price_paise) == (CREATED_AT + 5000, 0, 150)


@pytest.mark.parametrize(
    "record",
    [a_call(), a_call(status=CallStatus.ANSWERED, started_at=CREATED_AT + 5, a_answered_at=CREATED_AT + 9000)],
)
def test_a_crash_before_the_bridge_costs_nothing(record: CallRecord) -> None:
    finished = finish_interrupted(record, CREATED_AT + 3000)
    assert (finished.status, finished.hangup_cause, finished.price_paise) == (CallStatus.FAILED, "system_restart", 0)
    assert finished.ended_at == max(CREATED_AT + 3000, record.a_answered_at or 0)
    assert terminal_event(finished) is WebhookEvent.FAILED


@pytest.mark.parametrize(
    ("direction", "legs"), [("click_to_call", ["failed", "idle"]), ("inbound", ["failed", "failed"])]
)
def test_a_crash_before_anybody_rings_leaves_no_leg_idle_that_was_dialled(direction: str, legs: list[str]) -> None:
    """An INVITE goes out once the call is written down, and nothing more is written until its phone rings."""
    finished = finish_interrupted(a_call(direction=direction), CREATED_AT + 3000)
    assert [leg.status for leg in finished.legs] == legs
    a, b = finished.legs
    assert (a.ended_at, a.hangup_cause) == (CREATED_AT + 3000, "system_restart")
    assert b.ended_at == (None if b.status == "idle" else CREATED_AT + 3000)


def test_a_finished_record_is_not_finished_again() -> None:
    record = finish(BRIDGED, HangupCause.NORMAL, 0, 1000)
    assert finish_interrupted(record, CREATED_AT + 10**6) is record
