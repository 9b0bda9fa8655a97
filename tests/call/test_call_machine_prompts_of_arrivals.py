"""A call that arrives and has prompts is answered, charged and ended as one without, but for the time they take."""

from dataclasses import replace

import pytest

from b2bua.call.effects import (
    Answer,
    Bridge,
    ClearDeadline,
    CloseMedia,
    HangUp,
    Notify,
    PlayPrompts,
    SetDeadline,
    StopRecording,
)
from b2bua.call.events import (
    AnswerSent,
    Arrived,
    CallEvent,
    Deadline,
    DeadlinePassed,
    HangupRequested,
    LegAnswered,
    LegAnsweredAhead,
    LegHungUp,
    LegLost,
    LegRinging,
    MediaSilent,
    PromptsHeard,
    RecordingStopped,
    SystemStopping,
)
from b2bua.call.inputs import State
from b2bua.call.machine import CallMachine
from b2bua.call.model import Leg
from b2bua.call.prompting import NOTHING_DUE, DuePrompts, Prompt
from storage.records import CallRecord, CallStatus, WebhookEvent
from tests.support.call_walk import Walk, a_call

DUE = DuePrompts((Prompt.CONSENT_NOTICE,), (Prompt.WHISPER_B, Prompt.CONSENT_NOTICE), 7.5)
ANSWERED = Notify(WebhookEvent.ANSWERED, CallStatus.ANSWERED)
PLAYED = (PlayPrompts(DUE.a, DUE.b), SetDeadline(Deadline.PROMPTS, 12.5))
ENDING = SetDeadline(Deadline.ENDING, 5.0)


def answered(due: DuePrompts, *, ahead: bool) -> Walk:
    """A call that has arrived and whose A has just been answered: `ahead`, two seconds after B, when its PRACK came."""
    walk = Walk(CallMachine(a_call(direction="inbound"), due))
    walk.at_once(Arrived())
    walk.after(1, LegRinging(Leg.B, 180))
    if ahead:
        walk.after(5, LegAnsweredAhead(Leg.B, 200, "PCMU"))
        walk.machine.note_codec(Leg.A, "PCMA")
        walk.after(2, AnswerSent())
    else:
        walk.after(7, LegAnswered(Leg.B, 200, "PCMU"))
        walk.machine.note_codec(Leg.A, "PCMA")
    return walk


def test_a_is_answered_first_and_told_of_after_the_prompts_have_begun() -> None:
    walk = answered(DUE, ahead=False)
    assert walk.effects[-5:] == [Answer(), *PLAYED, ANSWERED, ClearDeadline(Deadline.RING_B)]
    walk = answered(DUE, ahead=True)
    assert walk.effects[-3:] == [*PLAYED, ANSWERED]
    assert walk.machine.state is State.PROMPTING
    assert walk.status() is CallStatus.ANSWERED


def ended(walk: Walk, *, prompts_s: float) -> CallRecord:
    """Its record after twenty seconds of talk."""
    if prompts_s:
        walk.after(prompts_s, PromptsHeard())
    assert walk.machine.state is State.BRIDGED
    walk.after(20, LegHungUp(Leg.B))
    walk.at_once(RecordingStopped())
    return walk.machine.record


@pytest.mark.parametrize("ahead", [False, True])
def test_the_two_differ_in_when_the_talk_began_alone(ahead: bool) -> None:
    without = ended(answered(NOTHING_DUE, ahead=ahead), prompts_s=0)
    record = ended(answered(DUE, ahead=ahead), prompts_s=7.5)
    assert without.answered_at is not None
    assert without.ended_at is not None
    for leg in without.legs:
        assert (leg.sip_status, leg.status, leg.answered_at is not None) == (200, "ended", True)
    assert without.legs[0].codec == "PCMA"
    a, b = (replace(leg, ended_at=without.ended_at + 7500) for leg in without.legs)
    assert record == replace(
        without, answered_at=without.answered_at + 7500, ended_at=without.ended_at + 7500, legs=(a, b)
    )
    assert (record.duration_s, record.price_paise) == (20, 150)


ENDS: list[tuple[CallEvent, set[Leg]]] = [
    (LegHungUp(Leg.A), {Leg.B}),
    (LegLost(Leg.A), {Leg.B}),
    (MediaSilent(Leg.A), {Leg.A, Leg.B}),
    (MediaSilent(Leg.B), {Leg.A, Leg.B}),
    (HangupRequested(), {Leg.A, Leg.B}),
    (SystemStopping(), {Leg.A, Leg.B}),
]


@pytest.mark.parametrize("ahead", [False, True])
@pytest.mark.parametrize(("event", "hung_up"), ENDS)
def test_an_end_amid_the_prompts_is_of_an_a_that_was_answered_and_of_nobody_who_talked(
    event: CallEvent, hung_up: set[Leg], ahead: bool
) -> None:
    walk = answered(DUE, ahead=ahead)
    before = walk.machine.record
    effects = walk.after(1, event)
    assert {effect.leg for effect in effects if isinstance(effect, HangUp)} == hung_up
    assert effects[-4:] == (StopRecording(), CloseMedia(), ENDING, ClearDeadline(Deadline.PROMPTS))
    record = walk.machine.record
    assert [(leg.sip_status, leg.answered_at) for leg in record.legs] == [(200, leg.answered_at) for leg in before.legs]
    assert (record.answered_at, record.price_paise, record.status) == (None, 0, CallStatus.FAILED)
    assert not any(isinstance(effect, Bridge) for effect in walk.effects)


@pytest.mark.parametrize("ahead", [False, True])
def test_prompts_whose_end_is_never_told_hold_nobody_up(ahead: bool) -> None:
    walk = answered(DUE, ahead=ahead)
    assert walk.after(12.5, DeadlinePassed(Deadline.PROMPTS))[0] == Bridge()
    assert walk.machine.state is State.BRIDGED
