"""The courses a call can take, effect by effect."""

from dataclasses import replace

import pytest

from b2bua.call.effects import (
    Bridge,
    ClearDeadline,
    CloseMedia,
    Dial,
    Effect,
    ExtendReservation,
    HangUp,
    Notify,
    PlayPrompts,
    PlayTone,
    RelayEarlyMedia,
    SetDeadline,
    Settle,
    StartRecording,
    StopRecording,
    Tone,
)
from b2bua.call.events import (
    CallEvent,
    Deadline,
    DeadlinePassed,
    FailureKind,
    HangupRequested,
    LegAnswered,
    LegEarlyMedia,
    LegFailed,
    LegHungUp,
    LegLost,
    LegRinging,
    MediaSilent,
    PromptsHeard,
    RecordingStopped,
    ReservationExtended,
    ReservationRefused,
    Started,
    SystemStopping,
)
from b2bua.call.inputs import State
from b2bua.call.machine import CallMachine
from b2bua.call.model import HangupCause, Leg
from b2bua.call.prompting import DuePrompts, Prompt
from storage.records import CallStatus, Tariff, WebhookEvent
from tests.support.call_walk import CREATED_AT, Walk, a_call

A_ANSWERS = LegAnswered(Leg.A, 200, "PCMA")
B_ANSWERS = LegAnswered(Leg.B, 200, "PCMU")
ENDING = SetDeadline(Deadline.ENDING, 5.0)


def rounded(effects: tuple[Effect, ...]) -> tuple[Effect, ...]:
    """The effects with their deadlines to the microsecond, as far as floats can be compared."""
    return tuple(
        replace(effect, after_s=round(effect.after_s, 6)) if isinstance(effect, SetDeadline) else effect
        for effect in effects
    )


def begun(**changes: object) -> Walk:
    """A call whose A is being dialled."""
    walk = Walk(CallMachine(a_call(**changes)))
    walk.at_once(Started())
    return walk


def waiting(**changes: object) -> Walk:
    """A call whose A has answered after 5 s and whose B is being dialled."""
    walk = begun(**changes)
    walk.after(5, A_ANSWERS)
    return walk


def bridged(**changes: object) -> Walk:
    """A call whose B has answered 7 s after A."""
    walk = waiting(**changes)
    walk.after(7, B_ANSWERS)
    return walk


def test_a_call_from_the_start_to_the_settlement() -> None:
    walk = Walk()
    assert walk.at_once(Started()) == (Dial(Leg.A), SetDeadline(Deadline.RING_A, 45))
    assert walk.machine.record.started_at == CREATED_AT + 1000
    assert walk.after(1, LegRinging(Leg.A, 180)) == (Notify(WebhookEvent.RINGING),)
    assert walk.status() is CallStatus.RINGING
    assert walk.after(4, A_ANSWERS) == (
        Dial(Leg.B),
        PlayTone(Leg.A, Tone.RINGBACK),
        SetDeadline(Deadline.RING_B, 45),
        Notify(WebhookEvent.ANSWERED),
        ClearDeadline(Deadline.RING_A),
    )
    assert walk.status() is CallStatus.ANSWERED
    assert walk.after(2, LegRinging(Leg.B, 180)) == ()
    assert walk.after(5, B_ANSWERS) == (
        Bridge(),
        StartRecording(),
        Notify(WebhookEvent.BRIDGED),
        SetDeadline(Deadline.EXTEND_RESERVATION, 50.0),
        ClearDeadline(Deadline.RING_B),
    )
    assert walk.status() is CallStatus.IN_PROGRESS
    assert walk.after(42.4, LegHungUp(Leg.B)) == (
        HangUp(Leg.A, HangupCause.NORMAL),
        StopRecording(),
        CloseMedia(),
        ENDING,
        ClearDeadline(Deadline.EXTEND_RESERVATION),
    )
    assert walk.after(0.1, RecordingStopped()) == (Settle(WebhookEvent.COMPLETED), ClearDeadline(Deadline.ENDING))
    record = walk.machine.record
    assert (record.status, record.hangup_cause, record.hangup_party) == (CallStatus.COMPLETED, "normal", "b")
    assert record.started_at == CREATED_AT + 1000
    assert record.a_answered_at == CREATED_AT + 6000
    assert record.answered_at == CREATED_AT + 13_000
    assert record.ended_at == CREATED_AT + 55_400
    assert (record.duration_s, record.bill_duration_s, record.price_paise) == (42, 60, 150)
    a, b = record.legs
    assert (a.status, a.ringing_at, a.answered_at, a.ended_at) == (
        "ended",
        CREATED_AT + 2000,
        CREATED_AT + 6000,
        CREATED_AT + 55_400,
    )
    assert (a.sip_status, a.codec, a.hangup_cause) == (200, "PCMA", "normal")
    assert (b.status, b.ringing_at, b.codec, b.hangup_cause) == ("ended", CREATED_AT + 8000, "PCMU", "normal")


def test_ringing_is_told_once_whatever_says_so() -> None:
    walk = begun()
    assert walk.at_once(LegEarlyMedia(Leg.A, 183)) == (Notify(WebhookEvent.RINGING),)
    assert walk.at_once(LegRinging(Leg.A, 180)) == ()
    assert walk.at_once(LegEarlyMedia(Leg.A, 183)) == ()
    assert walk.machine.impossible_inputs == 0


def test_an_a_that_never_rings_is_told_as_answered_alone() -> None:
    walk = waiting()
    assert [effect.event for effect in walk.effects if isinstance(effect, Notify)] == [WebhookEvent.ANSWERED]
    assert walk.machine.record.legs[0].ringing_at is None


def test_bs_early_media_is_relayed_once() -> None:
    walk = waiting()
    assert walk.at_once(LegEarlyMedia(Leg.B, 183)) == (RelayEarlyMedia(),)
    assert walk.at_once(LegEarlyMedia(Leg.B, 183)) == ()
    assert walk.machine.record.legs[1].status == "ringing"


def test_a_call_that_is_not_to_be_recorded_is_not() -> None:
    assert StartRecording() not in bridged(record=False).effects


def test_what_the_switch_adds_is_in_the_record() -> None:
    walk = bridged()
    walk.machine.note_trunk(Leg.A, "carrier")
    walk.machine.note_recording("2026/01/01/8a6e0804.wav")
    walk.machine.note_sequence(4)
    walk.at_once(LegHungUp(Leg.A))
    walk.machine.note_media(Leg.B, 3, 1.5, 4.2)
    record = walk.machine.record
    assert (record.recording_path, record.sequence) == ("2026/01/01/8a6e0804.wav", 4)
    assert record.legs[0].trunk == "carrier"
    assert (record.legs[1].packets_lost, record.legs[1].jitter_ms, record.legs[1].mos) == (3, 1.5, 4.2)


def failed(leg: Leg, sip_status: int, rang: bool = False) -> LegFailed:
    return LegFailed(leg, FailureKind.RESPONSE, sip_status, rang)


@pytest.mark.parametrize(
    ("event", "cause", "status", "party"),
    [
        (failed(Leg.A, 486), "busy", CallStatus.FAILED, "a"),
        (failed(Leg.A, 603), "rejected", CallStatus.FAILED, "a"),
        (failed(Leg.A, 404), "invalid_number", CallStatus.FAILED, "system"),
        (failed(Leg.A, 480), "unreachable", CallStatus.FAILED, "system"),
        (failed(Leg.A, 408), "unreachable", CallStatus.FAILED, "system"),
        (failed(Leg.A, 408, rang=True), "no_answer", CallStatus.NO_ANSWER, "system"),
        (failed(Leg.A, 503), "network_error", CallStatus.FAILED, "system"),
        (LegFailed(Leg.A, FailureKind.NO_RESPONSE), "unreachable", CallStatus.FAILED, "system"),
        (LegFailed(Leg.A, FailureKind.TRANSPORT), "unreachable", CallStatus.FAILED, "system"),
        (LegFailed(Leg.A, FailureKind.CAPACITY), "network_error", CallStatus.FAILED, "system"),
    ],
)
def test_an_a_that_fails_ends_the_call_without_a_tone(
    event: LegFailed, cause: str, status: CallStatus, party: str
) -> None:
    walk = begun()
    assert walk.after(1, event) == (StopRecording(), CloseMedia(), ENDING, ClearDeadline(Deadline.RING_A))
    record = walk.machine.record
    assert (record.hangup_cause, record.status, record.hangup_party) == (cause, status, party)
    assert (record.duration_s, record.bill_duration_s, record.price_paise) == (0, 0, 0)
    assert record.ended_at == CREATED_AT + 2000
    assert (record.legs[0].status, record.legs[0].sip_status) == ("failed", event.sip_status)
    assert record.legs[1].status == "idle"


def test_an_a_with_unusable_media_is_hung_up() -> None:
    walk = begun()
    assert HangUp(Leg.A, HangupCause.NETWORK_ERROR) in walk.at_once(LegFailed(Leg.A, FailureKind.MEDIA, 200))


@pytest.mark.parametrize("rings", [True, False])
def test_an_a_that_rings_out_is_cancelled_and_did_not_answer(rings: bool) -> None:
    walk = begun()
    if rings:
        walk.after(1, LegRinging(Leg.A, 180))
    assert walk.after(44, DeadlinePassed(Deadline.RING_A))[0] == HangUp(Leg.A, HangupCause.NO_ANSWER)
    assert walk.at_once(RecordingStopped())[0] == Settle(WebhookEvent.NO_ANSWER)
    assert walk.status() is CallStatus.NO_ANSWER
    assert walk.machine.record.hangup_cause == "no_answer"


@pytest.mark.parametrize(
    ("event", "cause", "q850", "tone", "party"),
    [
        (failed(Leg.B, 486), HangupCause.B_BUSY, None, Tone.BUSY, "b"),
        (failed(Leg.B, 603), HangupCause.B_REJECTED, None, Tone.BUSY, "b"),
        (failed(Leg.B, 408, rang=True), HangupCause.B_NO_ANSWER, None, Tone.CONGESTION, "system"),
        (failed(Leg.B, 404), HangupCause.B_UNREACHABLE, 1, Tone.UNREACHABLE, "system"),
        (failed(Leg.B, 500), HangupCause.B_UNREACHABLE, 41, Tone.UNREACHABLE, "system"),
        (LegFailed(Leg.B, FailureKind.CAPACITY), HangupCause.B_UNREACHABLE, 34, Tone.UNREACHABLE, "system"),
        (LegHungUp(Leg.B), HangupCause.B_REJECTED, None, Tone.BUSY, "b"),
        (LegLost(Leg.B), HangupCause.B_UNREACHABLE, 41, Tone.UNREACHABLE, "system"),
    ],
)
def test_a_hears_why_b_failed_and_is_hung_up_then(
    event: CallEvent, cause: HangupCause, q850: int | None, tone: Tone, party: str
) -> None:
    walk = waiting()
    assert walk.after(3, event) == (
        PlayTone(Leg.A, tone),
        SetDeadline(Deadline.FAILURE_TONE, 4.0),
        ClearDeadline(Deadline.RING_B),
    )
    assert walk.status() is CallStatus.ANSWERED
    assert walk.after(4, DeadlinePassed(Deadline.FAILURE_TONE)) == (
        HangUp(Leg.A, cause, q850=q850),
        StopRecording(),
        CloseMedia(),
        ENDING,
    )
    assert walk.at_once(RecordingStopped())[0] == Settle(WebhookEvent.FAILED)
    record = walk.machine.record
    assert (record.hangup_cause, record.hangup_party, record.price_paise) == (cause.value, party, 0)
    assert (record.legs[0].status, record.legs[1].status) == ("ended", "failed")
    assert (record.legs[0].ended_at, record.legs[1].ended_at) == (CREATED_AT + 13_000, CREATED_AT + 9000)


@pytest.mark.parametrize("event", [DeadlinePassed(Deadline.RING_B), LegFailed(Leg.B, FailureKind.MEDIA, 200)])
def test_a_b_that_is_not_down_yet_is_hung_up_before_the_tone(event: CallEvent) -> None:
    effects = waiting().after(3, event)
    assert isinstance(effects[0], HangUp)
    assert effects[0].leg is Leg.B
    assert isinstance(effects[1], PlayTone)


@pytest.mark.parametrize("event", [LegHungUp(Leg.A), LegLost(Leg.A), SystemStopping()])
def test_ending_the_tone_early_keeps_bs_failure_as_the_cause(event: CallEvent) -> None:
    walk = waiting()
    walk.at_once(failed(Leg.B, 486))
    effects = walk.after(1, event)
    assert walk.machine.state is State.ENDING
    assert (HangUp(Leg.A, HangupCause.B_BUSY) in effects) == isinstance(event, SystemStopping)
    assert walk.machine.record.hangup_cause == "b_busy"


def test_an_a_that_gives_up_cancels_b_at_once() -> None:
    walk = waiting()
    walk.at_once(LegRinging(Leg.B, 180))
    assert walk.at_once(LegHungUp(Leg.A))[0] == HangUp(Leg.B, HangupCause.A_HANGUP_BEFORE_BRIDGE)
    record = walk.machine.record
    assert (record.status, record.hangup_cause) == (CallStatus.FAILED, "a_hangup_before_bridge")
    assert (record.hangup_party, record.price_paise) == ("a", 0)


def test_a_200_that_crosses_our_cancel_is_taken_down_and_never_bridged() -> None:
    walk = waiting()
    walk.at_once(LegHungUp(Leg.A))
    assert walk.after(0.01, B_ANSWERS) == (HangUp(Leg.B, HangupCause.A_HANGUP_BEFORE_BRIDGE),)
    walk.at_once(RecordingStopped())
    assert walk.after(0.01, B_ANSWERS) == (HangUp(Leg.B, HangupCause.A_HANGUP_BEFORE_BRIDGE),)
    assert Bridge() not in walk.effects
    assert walk.machine.record.price_paise == 0


def test_a_200_that_crosses_the_ring_timeouts_cancel_does_not_stop_the_tone() -> None:
    walk = waiting()
    walk.after(45, DeadlinePassed(Deadline.RING_B))
    assert walk.after(0.01, B_ANSWERS) == (HangUp(Leg.B, HangupCause.B_NO_ANSWER),)
    assert walk.machine.state is State.TELLING_A


def test_the_487_of_a_cancelled_leg_is_noted() -> None:
    walk = waiting()
    walk.after(45, DeadlinePassed(Deadline.RING_B))
    assert walk.at_once(failed(Leg.B, 487, rang=True)) == ()
    leg = walk.machine.record.legs[1]
    assert (leg.sip_status, leg.hangup_cause) == (487, "b_no_answer")


@pytest.mark.parametrize("leg", Leg)
def test_a_party_that_hangs_up_ends_the_call_for_both(leg: Leg) -> None:
    walk = bridged()
    assert walk.after(94, LegHungUp(leg))[0] == HangUp(leg.other, HangupCause.NORMAL)
    record = walk.machine.record
    assert (record.hangup_party, record.hangup_cause) == (leg.value, "normal")
    assert (record.duration_s, record.bill_duration_s, record.price_paise) == (94, 120, 300)
    assert walk.at_once(LegHungUp(leg.other)) == ()


@pytest.mark.parametrize("leg", Leg)
def test_a_dialog_lost_in_talk_is_a_completed_call(leg: Leg) -> None:
    walk = bridged()
    assert walk.after(10, LegLost(leg))[0] == HangUp(leg.other, HangupCause.NETWORK_ERROR)
    record = walk.machine.record
    assert (record.status, record.hangup_cause) == (CallStatus.COMPLETED, "network_error")
    assert (record.hangup_party, record.price_paise) == ("system", 150)


def test_a_dialog_of_a_lost_before_the_bridge_is_a_network_error() -> None:
    walk = waiting()
    assert walk.after(1, LegLost(Leg.A))[0] == HangUp(Leg.B, HangupCause.NETWORK_ERROR)
    assert walk.status() is CallStatus.FAILED


@pytest.mark.parametrize("leg", Leg)
def test_silence_ends_a_bridged_call_as_completed_and_a_waiting_one_as_failed(leg: Leg) -> None:
    for walk, status in ((bridged(), CallStatus.COMPLETED), (waiting(), CallStatus.FAILED)):
        effects = walk.after(45, MediaSilent(leg))
        assert effects[:2] == (HangUp(Leg.A, HangupCause.MEDIA_TIMEOUT), HangUp(Leg.B, HangupCause.MEDIA_TIMEOUT))
        record = walk.machine.record
        assert (record.status, record.hangup_cause, record.hangup_party) == (status, "media_timeout", "system")


def test_silence_of_a_that_has_not_answered_means_nothing() -> None:
    walk = begun()
    walk.at_once(LegEarlyMedia(Leg.A, 183))
    assert walk.after(30, MediaSilent(Leg.A)) == ()


@pytest.mark.parametrize("event", [HangupRequested(), SystemStopping()])
@pytest.mark.parametrize("legs_up", [0, 1, 2, 3])
def test_the_client_and_the_process_can_end_a_call_at_any_time(event: CallEvent, legs_up: int) -> None:
    walk = [Walk(), begun(), waiting(), bridged()][legs_up]
    cause = HangupCause.API_HANGUP if isinstance(event, HangupRequested) else HangupCause.SYSTEM_RESTART
    effects = walk.after(1, event)
    up = [(), (Leg.A,), (Leg.A, Leg.B), (Leg.A, Leg.B)][legs_up]
    assert effects[: len(up) + 2] == (*(HangUp(leg, cause) for leg in up), StopRecording(), CloseMedia())
    record = walk.machine.record
    assert record.status is (CallStatus.COMPLETED if legs_up == 3 else CallStatus.FAILED)
    assert (record.hangup_cause, record.hangup_party) == (cause.value, "system")


def test_a_client_that_hangs_up_during_the_tone_is_the_cause() -> None:
    walk = waiting()
    walk.at_once(failed(Leg.B, 486))
    assert walk.at_once(HangupRequested())[0] == HangUp(Leg.A, HangupCause.API_HANGUP)
    assert walk.machine.record.hangup_cause == "api_hangup"


def test_a_recording_that_does_not_close_holds_the_settlement_up_so_long_and_no_longer() -> None:
    walk = bridged()
    walk.after(10, LegHungUp(Leg.A))
    assert walk.after(5, DeadlinePassed(Deadline.ENDING)) == (Settle(WebhookEvent.COMPLETED),)
    assert walk.at_once(RecordingStopped()) == ()
    assert walk.machine.record.duration_s == 10


def test_a_recording_that_ends_by_itself_does_not_end_the_call() -> None:
    walk = bridged()
    assert walk.at_once(RecordingStopped()) == ()
    assert walk.machine.state is State.BRIDGED


def test_max_duration_ends_the_call_and_is_all_that_is_billed() -> None:
    walk = bridged(max_duration_s=60)
    assert SetDeadline(Deadline.MAX_DURATION, 60) in walk.effects
    assert not any(effect == SetDeadline(Deadline.EXTEND_RESERVATION, 50.0) for effect in walk.effects)
    assert walk.after(60.7, DeadlinePassed(Deadline.MAX_DURATION))[0] == HangUp(Leg.A, HangupCause.MAX_DURATION)
    record = walk.machine.record
    assert (record.status, record.hangup_cause) == (CallStatus.COMPLETED, "max_duration")
    assert (record.duration_s, record.bill_duration_s, record.price_paise) == (61, 60, 150)


def test_the_reservation_is_extended_pulse_by_pulse_without_drift() -> None:
    walk = bridged(max_duration_s=150)
    assert rounded(walk.after(50.2, DeadlinePassed(Deadline.EXTEND_RESERVATION))) == (
        ExtendReservation(reserved_pulses=1, pulses=1),
        SetDeadline(Deadline.EXTENSION_ANSWER, 39.8),
    )
    assert rounded(walk.after(0.3, ReservationExtended(1))) == (
        ClearDeadline(Deadline.EXTENSION_ANSWER),
        SetDeadline(Deadline.EXTEND_RESERVATION, 59.5),
    )
    walk.after(59.5, DeadlinePassed(Deadline.EXTEND_RESERVATION))
    # 180 s are reserved now, more than the call may last.
    assert walk.after(0.1, ReservationExtended(1)) == (ClearDeadline(Deadline.EXTENSION_ANSWER),)


@pytest.mark.parametrize(("pulse_s", "after_s", "pulses"), [(1, 0, 10), (6, 0, 2), (10, 0, 1), (15, 5, 1), (30, 20, 1)])
def test_short_pulses_are_asked_for_several_at_once_and_ten_seconds_ahead(
    pulse_s: int, after_s: int, pulses: int
) -> None:
    """Half a pulse ahead was half a second ahead: no database answers each second of every call so soon."""
    walk = bridged(tariff=Tariff(rate_paise_per_minute=100, pulse_s=pulse_s))
    assert SetDeadline(Deadline.EXTEND_RESERVATION, after_s) in walk.effects
    asked = walk.after(after_s, DeadlinePassed(Deadline.EXTEND_RESERVATION))
    assert asked[0] == ExtendReservation(1, pulses)
    told = walk.at_once(ReservationExtended(pulses))
    assert told[1] == SetDeadline(Deadline.EXTEND_RESERVATION, (1 + pulses) * pulse_s - 10 - after_s)


def test_fewer_pulses_than_were_asked_for_are_what_is_paid_for() -> None:
    walk = bridged(tariff=Tariff(rate_paise_per_minute=60, pulse_s=1))
    walk.at_once(DeadlinePassed(Deadline.EXTEND_RESERVATION), ReservationExtended(4))
    assert walk.at_once(DeadlinePassed(Deadline.EXTEND_RESERVATION))[0] == ExtendReservation(5, 10)
    assert walk.at_once(ReservationRefused())[-1] == SetDeadline(Deadline.BALANCE_END, 5.0)


def test_no_pulses_are_asked_for_beyond_the_longest_the_call_may_last() -> None:
    walk = bridged(max_duration_s=13, tariff=Tariff(rate_paise_per_minute=60, pulse_s=2))
    walk.at_once(DeadlinePassed(Deadline.EXTEND_RESERVATION), ReservationExtended(5))
    assert walk.after(2, DeadlinePassed(Deadline.EXTEND_RESERVATION))[0] == ExtendReservation(6, 1)
    assert walk.at_once(ReservationExtended(1)) == (ClearDeadline(Deadline.EXTENSION_ANSWER),)


def test_a_balance_that_runs_out_warns_both_and_ends_the_call_with_the_paid_time() -> None:
    walk = bridged()
    walk.after(50, DeadlinePassed(Deadline.EXTEND_RESERVATION))
    assert rounded(walk.after(1, ReservationRefused())) == (
        PlayTone(Leg.A, Tone.BALANCE_WARNING),
        PlayTone(Leg.B, Tone.BALANCE_WARNING),
        ClearDeadline(Deadline.EXTENSION_ANSWER),
        SetDeadline(Deadline.BALANCE_END, 9.0),
    )
    effects = walk.after(9.6, DeadlinePassed(Deadline.BALANCE_END))
    assert effects[0] == HangUp(Leg.A, HangupCause.BALANCE_EXHAUSTED)
    record = walk.machine.record
    assert (record.status, record.hangup_cause) == (CallStatus.COMPLETED, "balance_exhausted")
    assert (record.duration_s, record.bill_duration_s, record.price_paise) == (61, 60, 150)


def test_an_extension_that_nobody_answers_ends_the_call_half_a_minute_past_the_paid_time_as_a_failure_of_ours() -> None:
    """No answer tells nothing of the balance, which may be plenty."""
    walk = bridged()
    asked = walk.after(50, DeadlinePassed(Deadline.EXTEND_RESERVATION))
    assert asked[1] == SetDeadline(Deadline.EXTENSION_ANSWER, 40.0)
    walk.after(40, DeadlinePassed(Deadline.EXTENSION_ANSWER))
    record = walk.machine.record
    assert (record.status, record.hangup_cause) == (CallStatus.COMPLETED, "network_error")
    assert (record.duration_s, record.price_paise) == (90, 300), "what was used is paid for"
    assert walk.at_once(ReservationExtended(1)) == ()


def test_an_answer_past_the_paid_time_takes_the_call_up_where_it_is() -> None:
    walk = bridged()
    walk.after(50, DeadlinePassed(Deadline.EXTEND_RESERVATION))
    assert walk.after(25, ReservationExtended(1)) == (
        ClearDeadline(Deadline.EXTENSION_ANSWER),
        SetDeadline(Deadline.EXTEND_RESERVATION, 35.0),
    )


def test_a_refusal_past_the_paid_time_ends_the_call_at_once_and_bills_what_was_paid_for() -> None:
    walk = bridged()
    walk.after(50, DeadlinePassed(Deadline.EXTEND_RESERVATION))
    assert walk.after(25, ReservationRefused())[-1] == SetDeadline(Deadline.BALANCE_END, 0.0)
    walk.at_once(DeadlinePassed(Deadline.BALANCE_END))
    record = walk.machine.record
    assert (record.hangup_cause, record.duration_s, record.price_paise) == ("balance_exhausted", 75, 150)


@pytest.mark.parametrize("jump_ms", [-3_600_000, 3_600_000])
def test_trunk_case_17_a_jump_of_the_wall_clock_changes_neither_length_nor_price(jump_ms: int) -> None:
    walk = bridged()
    answered_at = walk.machine.record.answered_at
    assert answered_at is not None
    walk.wall_ms += jump_ms
    walk.after(42.4, LegHungUp(Leg.A))
    record = walk.machine.record
    assert (record.duration_s, record.price_paise) == (42, 150)
    assert record.ended_at == answered_at + 42_400
    assert record.legs[0].ended_at == record.ended_at


# Prompts before the bridge.

DUE = DuePrompts((Prompt.CONSENT_NOTICE,), (Prompt.WHISPER_B, Prompt.CONSENT_NOTICE), 7.5)


def prompting(**changes: object) -> Walk:
    """A call whose B has answered 7 s after A, and whose parties hear their prompts."""
    walk = Walk(CallMachine(a_call(**changes), DUE))
    walk.at_once(Started())
    walk.after(5, A_ANSWERS)
    assert walk.after(7, B_ANSWERS) == (
        PlayPrompts(DUE.a, DUE.b),
        SetDeadline(Deadline.PROMPTS, 12.5),
        ClearDeadline(Deadline.RING_B),
    )
    assert (walk.machine.state, walk.status()) == (State.PROMPTING, CallStatus.ANSWERED)
    assert walk.machine.record.answered_at is None
    return walk


def test_the_bridge_and_what_is_paid_begin_when_the_prompts_have_been_heard() -> None:
    walk = prompting(max_duration_s=30)
    assert walk.after(7.5, PromptsHeard()) == (
        Bridge(),
        StartRecording(),
        Notify(WebhookEvent.BRIDGED),
        SetDeadline(Deadline.MAX_DURATION, 30),
        ClearDeadline(Deadline.PROMPTS),
    )
    assert walk.machine.record.answered_at == CREATED_AT + 20_500
    assert walk.status() is CallStatus.IN_PROGRESS
    walk.after(94, LegHungUp(Leg.A))
    assert (walk.machine.record.duration_s, walk.machine.record.price_paise) == (94, 300)


def test_prompts_whose_end_is_not_told_are_not_waited_for_and_not_recorded_after() -> None:
    walk = prompting()
    effects = walk.after(12.5, DeadlinePassed(Deadline.PROMPTS))
    assert Bridge() in effects
    assert StartRecording() not in effects
    assert walk.at_once(PromptsHeard()) == ()
    assert walk.machine.state is State.BRIDGED


def test_without_a_notice_the_deadline_takes_no_recording_away() -> None:
    walk = Walk(CallMachine(a_call(), DuePrompts((), (Prompt.WHISPER_B,), 2.0)))
    walk.at_once(Started(), A_ANSWERS, B_ANSWERS)
    assert StartRecording() in walk.after(7.0, DeadlinePassed(Deadline.PROMPTS))


@pytest.mark.parametrize(
    ("event", "up", "cause"),
    [
        (LegHungUp(Leg.A), Leg.B, HangupCause.A_HANGUP_BEFORE_BRIDGE),
        (LegLost(Leg.A), Leg.B, HangupCause.NETWORK_ERROR),
        (MediaSilent(Leg.A), None, HangupCause.MEDIA_TIMEOUT),
        (MediaSilent(Leg.B), None, HangupCause.MEDIA_TIMEOUT),
        (HangupRequested(), None, HangupCause.API_HANGUP),
        (SystemStopping(), None, HangupCause.SYSTEM_RESTART),
    ],
)
def test_a_call_that_ends_amid_its_prompts_was_never_connected(
    event: CallEvent, up: Leg | None, cause: HangupCause
) -> None:
    walk = prompting()
    assert walk.after(1, event) == (
        *[HangUp(leg, cause) for leg in Leg if up in (None, leg)],
        StopRecording(),
        CloseMedia(),
        ENDING,
        ClearDeadline(Deadline.PROMPTS),
    )
    record = walk.machine.record
    assert (record.status, record.hangup_cause, record.price_paise) == (CallStatus.FAILED, cause.value, 0)
    assert [leg.status for leg in record.legs] == ["ended", "ended"]


@pytest.mark.parametrize(
    ("event", "tone", "cause"),
    [(LegHungUp(Leg.B), Tone.BUSY, "b_rejected"), (LegLost(Leg.B), Tone.UNREACHABLE, "b_unreachable")],
)
def test_a_is_told_when_b_does_not_hear_its_prompts_out(event: CallEvent, tone: Tone, cause: str) -> None:
    walk = prompting()
    assert walk.after(1, event) == (
        PlayTone(Leg.A, tone),
        SetDeadline(Deadline.FAILURE_TONE, 4.0),
        ClearDeadline(Deadline.PROMPTS),
    )
    assert walk.at_once(PromptsHeard()) == ()
    walk.after(4, DeadlinePassed(Deadline.FAILURE_TONE))
    assert (walk.machine.record.status, walk.machine.record.hangup_cause) == (CallStatus.FAILED, cause)
