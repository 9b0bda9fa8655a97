"""The courses of a call that arrives, effect by effect."""

import pytest

from b2bua.call.effects import (
    Answer,
    Bridge,
    ClearDeadline,
    CloseMedia,
    Dial,
    FinalResponse,
    HangUp,
    Notify,
    RelayEarlyMedia,
    ReportProgress,
    SetDeadline,
    Settle,
    StartRecording,
    StopRecording,
)
from b2bua.call.events import (
    AnswerSent,
    Arrived,
    CallEvent,
    Deadline,
    DeadlinePassed,
    FailureKind,
    HangupRequested,
    LegAnswered,
    LegAnsweredAhead,
    LegEarlyMedia,
    LegFailed,
    LegHungUp,
    LegLost,
    LegProgressed,
    LegRinging,
    MediaSilent,
    RecordingStopped,
    SystemFailed,
    SystemStopping,
)
from b2bua.call.hangup import CLEARINGS, final_for_caller
from b2bua.call.inputs import State
from b2bua.call.machine import CallMachine
from b2bua.call.model import HangupCause, Leg
from storage.records import CallStatus, WebhookEvent
from tests.support.call_walk import CREATED_AT, Walk, a_call

B_ANSWERS = LegAnswered(Leg.B, 200, "PCMU")
ENDING = SetDeadline(Deadline.ENDING, 5.0)


def connecting(**changes: object) -> Walk:
    """A call that has arrived and whose B is being dialled."""
    walk = Walk(CallMachine(a_call(direction="inbound", **changes)))
    walk.at_once(Arrived())
    return walk


def alerting(**changes: object) -> Walk:
    """A call whose B rings."""
    walk = connecting(**changes)
    walk.after(1, LegRinging(Leg.B, 180))
    return walk


def test_a_call_from_its_arrival_to_the_settlement() -> None:
    walk = Walk(CallMachine(a_call(direction="inbound")))
    assert walk.at_once(Arrived()) == (Dial(Leg.B), SetDeadline(Deadline.RING_B, 45))
    assert walk.machine.state is State.CONNECTING
    assert walk.machine.record.started_at == CREATED_AT + 1000
    assert walk.after(1, LegProgressed(Leg.B, 199)) == (ReportProgress(199),)
    assert walk.status() is CallStatus.INITIATED
    assert walk.after(1, LegRinging(Leg.B, 180)) == (ReportProgress(180), Notify(WebhookEvent.RINGING))
    assert walk.status() is CallStatus.RINGING
    assert walk.after(1, LegRinging(Leg.B, 182)) == (ReportProgress(182),)
    assert walk.after(1, LegEarlyMedia(Leg.B, 183)) == (RelayEarlyMedia(), ReportProgress(183, with_media=True))
    assert walk.after(1, LegEarlyMedia(Leg.B, 183)) == (ReportProgress(183, with_media=True),)
    assert walk.after(5, B_ANSWERS) == (
        Answer(),
        Bridge(),
        StartRecording(),
        Notify(WebhookEvent.ANSWERED, CallStatus.ANSWERED),
        Notify(WebhookEvent.BRIDGED),
        SetDeadline(Deadline.EXTEND_RESERVATION, 50.0),
        ClearDeadline(Deadline.RING_B),
    )
    assert walk.status() is CallStatus.IN_PROGRESS
    assert walk.after(20, LegHungUp(Leg.A)) == (
        HangUp(Leg.B, HangupCause.NORMAL),
        StopRecording(),
        CloseMedia(),
        ENDING,
        ClearDeadline(Deadline.EXTEND_RESERVATION),
    )
    assert walk.at_once(RecordingStopped())[0] == Settle(WebhookEvent.COMPLETED)
    record = walk.machine.record
    assert (record.status, record.hangup_cause, record.hangup_party) == (CallStatus.COMPLETED, "normal", "a")
    assert record.a_answered_at == record.answered_at == CREATED_AT + 11_000
    assert (record.duration_s, record.price_paise) == (20, 150)
    assert [(leg.status, leg.sip_status) for leg in record.legs] == [("ended", 200), ("ended", 200)]


def test_early_media_as_the_first_sign_is_ringing_too() -> None:
    walk = connecting()
    assert walk.at_once(LegEarlyMedia(Leg.B, 183)) == (
        RelayEarlyMedia(),
        ReportProgress(183, with_media=True),
        Notify(WebhookEvent.RINGING),
    )
    assert walk.machine.state is State.ALERTING


def test_bs_failure_is_as_final_response() -> None:
    walk = alerting()
    failed = LegFailed(Leg.B, FailureKind.RESPONSE, 486, True, "Q.850;cause=17")
    assert walk.at_once(failed) == (
        HangUp(Leg.A, HangupCause.B_BUSY, FinalResponse(486, "Q.850;cause=17")),
        StopRecording(),
        CloseMedia(),
        ENDING,
        ClearDeadline(Deadline.RING_B),
    )
    record = walk.machine.record
    assert (record.status, record.hangup_cause, record.hangup_party) == (CallStatus.FAILED, "b_busy", "b")
    assert [leg.sip_status for leg in record.legs] == [486, 486]


def test_a_b_whose_answer_cannot_be_used_is_hung_up_too() -> None:
    walk = connecting()
    effects = walk.at_once(LegFailed(Leg.B, FailureKind.MEDIA, 200, False))
    assert {effect.leg for effect in effects if isinstance(effect, HangUp)} == {Leg.A, Leg.B}
    assert [leg.sip_status for leg in walk.machine.record.legs] == [502, 200]


ENDS = [
    (LegHungUp(Leg.A), {Leg.B}, "a_hangup_before_bridge", 487),
    (LegHungUp(Leg.B), {Leg.A}, "b_rejected", 603),
    (LegLost(Leg.A), {Leg.B}, "network_error", 503),
    (LegLost(Leg.B), {Leg.A}, "b_unreachable", 480),
    (DeadlinePassed(Deadline.RING_B), {Leg.A, Leg.B}, "b_no_answer", 480),
    (HangupRequested(), {Leg.A, Leg.B}, "api_hangup", 480),
    (SystemStopping(), {Leg.A, Leg.B}, "system_restart", 503),
    (SystemFailed(), {Leg.A, Leg.B}, "network_error", 503),
]


@pytest.mark.parametrize(("event", "hung_up", "cause", "status"), ENDS)
@pytest.mark.parametrize("begin", [connecting, alerting])
def test_every_end_before_the_answer(
    begin: object, event: CallEvent, hung_up: set[Leg], cause: str, status: int
) -> None:
    walk = begin()  # type: ignore[operator]
    effects = walk.at_once(event)
    hang_ups = [effect for effect in effects if isinstance(effect, HangUp)]
    assert {effect.leg for effect in hang_ups} == hung_up
    assert all(effect.final is None for effect in hang_ups)
    record = walk.machine.record
    assert (record.status, record.hangup_cause, record.price_paise) == (CallStatus.FAILED, cause, 0)
    assert record.legs[0].sip_status == status == CLEARINGS[HangupCause(cause)].sip_status
    assert walk.at_once(RecordingStopped())[0] == Settle(WebhookEvent.FAILED)
    assert walk.machine.impossible_inputs == 0


def answering(begin: object = alerting, **changes: object) -> Walk:
    """A call whose B has answered, and whose A waits for its 200."""
    walk: Walk = begin(**changes)  # type: ignore[operator]
    walk.after(1, LegAnsweredAhead(Leg.B, 200, "PCMU"))
    return walk


@pytest.mark.parametrize(("begin", "status"), [(connecting, CallStatus.INITIATED), (alerting, CallStatus.RINGING)])
def test_an_a_whose_200_has_to_wait_is_answered_when_it_goes_out(begin: object, status: CallStatus) -> None:
    walk: Walk = begin()  # type: ignore[operator]
    assert walk.after(5, LegAnsweredAhead(Leg.B, 200, "PCMU")) == (Answer(), ClearDeadline(Deadline.RING_B))
    assert walk.machine.state is State.ANSWERING
    assert walk.status() is status
    a, b = walk.machine.record.legs
    assert (a.answered_at, a.sip_status, b.sip_status) == (None, None, 200)
    walk.machine.note_codec(Leg.A, "PCMA")
    assert walk.after(2, AnswerSent()) == (
        Bridge(),
        StartRecording(),
        Notify(WebhookEvent.ANSWERED, CallStatus.ANSWERED),
        Notify(WebhookEvent.BRIDGED),
        SetDeadline(Deadline.EXTEND_RESERVATION, 50.0),
    )
    a, b = walk.machine.record.legs
    assert (a.codec, a.sip_status) == ("PCMA", 200)
    assert b.answered_at is not None
    assert walk.machine.record.answered_at == walk.machine.record.a_answered_at == a.answered_at == b.answered_at + 2000


ENDS_AHEAD = [
    (LegHungUp(Leg.A), {Leg.B}, "a_hangup_before_bridge", 487),
    (LegHungUp(Leg.B), {Leg.A}, "b_unreachable", 480),
    (LegLost(Leg.A), {Leg.B}, "network_error", 503),
    (LegLost(Leg.B), {Leg.A}, "b_unreachable", 480),
    (MediaSilent(Leg.B), {Leg.A, Leg.B}, "media_timeout", 480),
    (HangupRequested(), {Leg.A, Leg.B}, "api_hangup", 480),
    (SystemStopping(), {Leg.A, Leg.B}, "system_restart", 503),
]


@pytest.mark.parametrize(("event", "hung_up", "cause", "status"), ENDS_AHEAD)
@pytest.mark.parametrize("begin", [connecting, alerting])
def test_every_end_while_the_200_waits_is_of_a_call_that_was_not_answered(
    begin: object, event: CallEvent, hung_up: set[Leg], cause: str, status: int
) -> None:
    walk = answering(begin)
    effects = walk.after(1, event)
    assert {effect.leg for effect in effects if isinstance(effect, HangUp)} == hung_up
    record = walk.machine.record
    assert (record.status, record.hangup_cause, record.price_paise) == (CallStatus.FAILED, cause, 0)
    assert (record.answered_at, record.a_answered_at, record.legs[0].answered_at) == (None, None, None)
    assert record.legs[0].sip_status == status
    assert walk.at_once(AnswerSent()) == ()
    assert walk.machine.impossible_inputs == 0


def test_a_caller_that_gave_up_while_it_was_admitted_is_not_gone_on_with() -> None:
    walk = Walk(CallMachine(a_call(direction="inbound")))
    effects = walk.at_once(LegHungUp(Leg.A))
    assert effects == (StopRecording(), CloseMedia(), ENDING)
    assert walk.machine.record.hangup_cause == "a_hangup_before_bridge"


def test_only_b_can_starve_before_the_answer() -> None:
    walk = alerting()
    assert walk.at_once(MediaSilent(Leg.A)) == ()
    walk.at_once(MediaSilent(Leg.B))
    assert walk.machine.record.hangup_cause == "media_timeout"


def test_a_call_that_is_nobodys_asks_for_no_more_money() -> None:
    walk = alerting(org_id="", record=False)
    effects = walk.at_once(B_ANSWERS)
    assert not any(isinstance(effect, SetDeadline) for effect in effects)


@pytest.mark.parametrize("kind", FailureKind)
@pytest.mark.parametrize("status", [None, 302, 401, 407, 422, 486, 503, 600])
def test_what_a_is_told_is_always_a_final_failure_it_can_act_on(kind: FailureKind, status: int | None) -> None:
    final = final_for_caller(kind, status, "Q.850;cause=17")
    assert 400 <= final.sip_status <= 699
    assert final.sip_status not in (401, 407, 422)


def test_a_caller_who_was_refused_because_the_process_stops_is_not_hung_up_too() -> None:
    walk = Walk(CallMachine(a_call(direction="inbound")))
    assert walk.at_once(SystemStopping()) == (StopRecording(), CloseMedia(), ENDING)
    assert walk.machine.record.hangup_cause == "system_restart"
    assert walk.machine.record.legs[0].sip_status == 503


def test_of_final_responses_to_a_cancelled_invite_the_first_is_kept_and_none_without_a_status() -> None:
    walk = alerting()
    walk.after(1, HangupRequested())
    assert walk.at_once(LegFailed(Leg.B, FailureKind.NO_RESPONSE, None, True)) == ()
    assert walk.machine.record.legs[1].sip_status is None
    walk.at_once(LegFailed(Leg.B, FailureKind.RESPONSE, 487, True))
    walk.at_once(LegFailed(Leg.B, FailureKind.RESPONSE, 486, True))
    assert walk.machine.record.legs[1].sip_status == 487
