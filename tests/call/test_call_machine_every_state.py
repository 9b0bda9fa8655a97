"""Each state of a call, reached as calls reach it, and each event: what counts there does what it should, no more."""

import pytest

from b2bua.call.effects import (
    CloseMedia,
    Effect,
    HangUp,
    Notify,
    RelayEarlyMedia,
    ReportProgress,
    SetDeadline,
    Settle,
    StopRecording,
)
from b2bua.call.events import (
    Arrived,
    CallEvent,
    Deadline,
    DeadlinePassed,
    DigitBegun,
    DigitPressed,
    FailureKind,
    HangupRequested,
    LegAnswered,
    LegAnsweredAhead,
    LegEarlyMedia,
    LegFailed,
    LegHungUp,
    LegLost,
    LegMoved,
    LegProgressed,
    LegRinging,
    MediaSilent,
    PromptsHeard,
    RecordingStopped,
    Started,
    SystemFailed,
    SystemStopping,
)
from b2bua.call.impossible import IMPOSSIBLE
from b2bua.call.inputs import State, input_of
from b2bua.call.machine import CallMachine
from b2bua.call.model import Leg
from b2bua.call.prompting import NOTHING_DUE, DuePrompts, Prompt
from b2bua.call.table import LIVE_DEADLINES
from storage.records import CallRecord, CallStatus
from tests.support.call_walk import Walk, a_call, every_event

DUE = DuePrompts((Prompt.CONSENT_NOTICE,), (), 7.5)
TO_B: tuple[CallEvent, ...] = (Started(), LegRinging(Leg.A, 180), LegAnswered(Leg.A, 200, "PCMA"))
WITH_B: tuple[CallEvent, ...] = (*TO_B, LegAnswered(Leg.B, 200, "PCMU"))
WAYS: dict[State, tuple[CallEvent, ...]] = {
    State.ADMITTED: (),
    State.DIALLING_A: (Started(),),
    State.RINGING_A: (Started(), LegRinging(Leg.A, 180)),
    State.DIALLING_B: TO_B,
    State.CONNECTING: (Arrived(),),
    State.ALERTING: (Arrived(), LegRinging(Leg.B, 180)),
    State.ANSWERING: (Arrived(), LegRinging(Leg.B, 180), LegAnsweredAhead(Leg.B, 200, "PCMU")),
    State.PROMPTING: WITH_B,
    State.BRIDGED: WITH_B,
    State.TELLING_A: (*TO_B, LegFailed(Leg.B, FailureKind.RESPONSE, 486, True)),
    State.ENDING: (*WITH_B, HangupRequested()),
    State.ENDED: (*WITH_B, HangupRequested(), RecordingStopped()),
}
CALLED_US = {State.CONNECTING, State.ALERTING, State.ANSWERING}
UP: dict[State, set[Leg]] = {
    State.ADMITTED: set(),
    State.DIALLING_A: {Leg.A},
    State.RINGING_A: {Leg.A},
    State.TELLING_A: {Leg.A},
    **{state: {Leg.A, Leg.B} for state in (State.DIALLING_B, *CALLED_US, State.PROMPTING, State.BRIDGED)},
}
OVER = (State.ENDING, State.ENDED)
ALL_DOWN = [StopRecording, CloseMedia, SetDeadline]
LIVE = [state for state in State if state not in OVER]
# Where the silence of a leg's media is the end: where something ought to be heard of it.
STARVES = {
    (State.DIALLING_B, Leg.A),
    (State.DIALLING_B, Leg.B),
    (State.ALERTING, Leg.B),
    (State.ANSWERING, Leg.B),
    *((state, leg) for state in (State.PROMPTING, State.BRIDGED) for leg in Leg),
}
Outcome = tuple[Walk, CallRecord, tuple[Effect, ...]]


def taken(state: State, event: CallEvent) -> Outcome:
    """The call after the event, its record before, and what was to be done."""
    direction = "inbound" if state in CALLED_US else "click_to_call"
    walk = Walk(CallMachine(a_call(direction=direction), DUE if state is State.PROMPTING else NOTHING_DUE))
    for each in WAYS[state]:
        walk.after(1, each)
    assert walk.machine.state is state
    before = walk.machine.record
    return walk, before, walk.after(1, event)


def possible(state: State, *kinds: type) -> list[CallEvent]:
    due = state is State.PROMPTING
    return [
        event
        for event in every_event()
        if isinstance(event, kinds) and input_of(event, prompts_due=due) not in IMPOSSIBLE[state]
    ]


def assert_nothing(outcome: Outcome, state: State) -> None:
    walk, before, effects = outcome
    assert (walk.machine.state, effects) == (state, ())
    assert walk.machine.record == before
    assert walk.machine.impossible_inputs == 0


@pytest.mark.parametrize("state", State)
def test_a_deadline_of_another_state_is_nothing(state: State) -> None:
    for event in possible(state, DeadlinePassed):
        assert isinstance(event, DeadlinePassed)
        if event.deadline not in LIVE_DEADLINES[state]:
            assert_nothing(taken(state, event), state)


@pytest.mark.parametrize("state", [state for state in State if state is not State.BRIDGED])
def test_digits_and_moves_count_between_two_who_talk_alone(state: State) -> None:
    for event in possible(state, LegMoved, DigitBegun, DigitPressed):
        assert_nothing(taken(state, event), state)


# What a leg says on its way counts in these states alone: where that leads, and what is done.
PROGRESS: dict[tuple[State, CallEvent], tuple[State, tuple[type, ...]]] = {
    (State.DIALLING_A, LegRinging(Leg.A, 180)): (State.RINGING_A, (Notify,)),
    (State.DIALLING_A, LegEarlyMedia(Leg.A, 183)): (State.RINGING_A, (Notify,)),
    (State.DIALLING_B, LegRinging(Leg.B, 180)): (State.DIALLING_B, ()),
    (State.DIALLING_B, LegEarlyMedia(Leg.B, 183)): (State.DIALLING_B, (RelayEarlyMedia,)),
    (State.CONNECTING, LegProgressed(Leg.B, 182)): (State.CONNECTING, (ReportProgress,)),
    (State.CONNECTING, LegRinging(Leg.B, 180)): (State.ALERTING, (ReportProgress, Notify)),
    (State.CONNECTING, LegEarlyMedia(Leg.B, 183)): (State.ALERTING, (RelayEarlyMedia, ReportProgress, Notify)),
    (State.ALERTING, LegProgressed(Leg.B, 182)): (State.ALERTING, (ReportProgress,)),
    (State.ALERTING, LegRinging(Leg.B, 180)): (State.ALERTING, (ReportProgress,)),
    (State.ALERTING, LegEarlyMedia(Leg.B, 183)): (State.ALERTING, (RelayEarlyMedia, ReportProgress)),
}


@pytest.mark.parametrize("state", State)
def test_what_a_leg_says_on_its_way_counts_while_it_is_waited_for(state: State) -> None:
    for event in possible(state, LegProgressed, LegRinging, LegEarlyMedia):
        outcome = taken(state, event)
        known = PROGRESS.get((state, event))
        if known is None:
            assert_nothing(outcome, state)
        else:
            assert (outcome[0].machine.state, tuple(map(type, outcome[2]))) == known


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (State.BRIDGED, PromptsHeard()),
        (State.BRIDGED, RecordingStopped()),
        (State.TELLING_A, PromptsHeard()),
        (State.TELLING_A, LegHungUp(Leg.B)),
        (State.TELLING_A, LegLost(Leg.B)),
    ],
)
def test_what_comes_when_it_no_longer_counts_is_nothing(state: State, event: CallEvent) -> None:
    assert_nothing(taken(state, event), state)


@pytest.mark.parametrize(
    ("state", "leg", "following"),
    [
        (State.DIALLING_A, Leg.A, State.ENDING),
        (State.RINGING_A, Leg.A, State.ENDING),
        (State.DIALLING_B, Leg.B, State.TELLING_A),
        (State.CONNECTING, Leg.B, State.ENDING),
        (State.ALERTING, Leg.B, State.ENDING),
    ],
)
def test_a_leg_that_fails_ends_the_call_or_a_hears_why(state: State, leg: Leg, following: State) -> None:
    walk, _before, effects = taken(state, LegFailed(leg, FailureKind.RESPONSE, 486, True))
    assert walk.machine.state is following
    others = UP[state] - {leg} if following is State.ENDING else set()
    assert {effect.leg for effect in effects if isinstance(effect, HangUp)} == others


def test_an_answer_that_comes_while_a_hears_why_not_is_hung_up_and_bridges_nobody() -> None:
    walk, _before, effects = taken(State.TELLING_A, LegAnswered(Leg.B, 200, "PCMU"))
    assert [effect.leg for effect in effects if isinstance(effect, HangUp)] == [Leg.B]
    assert (len(effects), walk.machine.state) == (1, State.TELLING_A)


@pytest.mark.parametrize("state", State)
def test_silence_is_the_end_where_something_ought_to_be_heard(state: State) -> None:
    for event in possible(state, MediaSilent):
        assert isinstance(event, MediaSilent)
        if (state, event.leg) in STARVES:
            walk, _before, effects = taken(state, event)
            assert walk.machine.record.hangup_cause == "media_timeout"
            assert {effect.leg for effect in effects if isinstance(effect, HangUp)} == UP[state]
        else:
            assert_nothing(taken(state, event), state)


@pytest.mark.parametrize("state", LIVE)
@pytest.mark.parametrize(
    ("event", "cause"),
    [(HangupRequested(), "api_hangup"), (SystemStopping(), "system_restart"), (SystemFailed(), "network_error")],
)
def test_who_may_end_a_call_may_in_every_state_and_nobody_is_left_up(
    state: State, event: CallEvent, cause: str
) -> None:
    walk, _before, effects = taken(state, event)
    assert walk.machine.state is State.ENDING
    assert [effect.leg for effect in effects if isinstance(effect, HangUp)] == [leg for leg in Leg if leg in UP[state]]
    assert [kind for kind in map(type, effects) if kind in ALL_DOWN] == ALL_DOWN
    if state is not State.TELLING_A or isinstance(event, HangupRequested):
        assert walk.machine.record.hangup_cause == cause
    else:
        assert walk.machine.record.hangup_cause == "b_busy", "why A hears a tone is why the call ends"


@pytest.mark.parametrize("state", LIVE)
@pytest.mark.parametrize("leg", Leg)
@pytest.mark.parametrize("kind", [LegHungUp, LegLost])
def test_a_leg_that_is_gone_is_not_hung_up_and_the_other_never_forgotten(
    state: State, leg: Leg, kind: type[LegHungUp | LegLost]
) -> None:
    event = kind(leg)
    if leg not in UP[state]:
        return
    walk, _before, effects = taken(state, event)
    hung_up = {effect.leg for effect in effects if isinstance(effect, HangUp)}
    if walk.machine.state is State.TELLING_A:
        assert (leg, hung_up) == (Leg.B, set()), "A hears why"
    else:
        assert walk.machine.state is State.ENDING
        assert hung_up == UP[state] - {leg}
        assert [kind for kind in map(type, effects) if kind in ALL_DOWN] == ALL_DOWN
        assert walk.machine.record.hangup_cause is not None


@pytest.mark.parametrize("state", OVER)
def test_after_the_end_late_answers_are_hung_up_and_the_call_is_settled_once(state: State) -> None:
    for event in possible(state, object):
        walk, before, effects = taken(state, event)
        if isinstance(event, (LegAnswered, LegAnsweredAhead)):
            assert [effect.leg for effect in effects if isinstance(effect, HangUp)] == [event.leg]
            assert len(effects) == 1
        elif state is State.ENDING and event in (RecordingStopped(), DeadlinePassed(Deadline.ENDING)):
            assert isinstance(effects[0], Settle)
            assert walk.machine.state is State.ENDED
            assert walk.machine.record == before
            continue
        else:
            assert effects == ()
        assert walk.machine.state is state
        assert walk.machine.record == before
        assert before.status is CallStatus.COMPLETED
