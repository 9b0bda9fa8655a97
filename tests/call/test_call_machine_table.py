"""The call table as a whole: nothing missing, nothing twice, and what must hold whatever comes in whatever order."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.call.effects import (
    Bridge,
    ClearDeadline,
    CloseMedia,
    Dial,
    Effect,
    HangUp,
    Notify,
    PlayPrompts,
    SetDeadline,
    Settle,
    StartRecording,
    StopRecording,
)
from b2bua.call.events import (
    AnswerSent,
    CallEvent,
    Deadline,
    DeadlinePassed,
    FailureKind,
    HangupRequested,
    LegAnswered,
    LegFailed,
    PromptsHeard,
    RecordingStopped,
)
from b2bua.call.impossible import IMPOSSIBLE
from b2bua.call.inputs import INPUTS, Input, State, input_of
from b2bua.call.machine import CallMachine
from b2bua.call.model import Leg
from b2bua.call.prompting import NOTHING_DUE, DuePrompts, Prompt
from b2bua.call.table import LIVE_DEADLINES, TABLE
from storage.records import TERMINAL_STATUSES, CallStatus, WebhookEvent
from tests.support.call_walk import a_call, every_event

TERMINAL_EVENTS = {WebhookEvent.COMPLETED, WebhookEvent.FAILED, WebhookEvent.NO_ANSWER}


@pytest.mark.parametrize("state", State)
def test_every_input_is_in_the_table_or_impossible_never_both(state: State) -> None:
    rows = {key for row_state, key in TABLE if row_state is state}
    assert rows | IMPOSSIBLE[state] == set(Input)
    assert not rows & IMPOSSIBLE[state]


def test_every_event_has_an_input_of_its_own() -> None:
    inputs = {input_of(event, prompts_due=due) for event in every_event() for due in (False, True)}
    assert inputs == set(Input)
    assert len(set(INPUTS.values())) == len(INPUTS) == len(every_event())


def test_the_last_answer_is_the_one_input_that_prompts_make_another() -> None:
    for event in every_event():
        same = input_of(event) is input_of(event, prompts_due=True)
        assert same == (event not in (LegAnswered(Leg.B, 200, "PCMA"), AnswerSent()))


def test_every_state_can_be_reached_and_only_settling_ends_a_call() -> None:
    reached = {following for _, following in TABLE.values()}
    assert reached | {State.ADMITTED} == set(State)
    into_ended = {
        key for key, (_, following) in TABLE.items() if following is State.ENDED and key[0] is not State.ENDED
    }
    assert into_ended == {(State.ENDING, Input.RECORDING_STOPPED), (State.ENDING, Input.ENDING_OVER)}


def test_a_state_whose_end_is_a_deadline_has_it_live() -> None:
    live = {deadline for deadlines in LIVE_DEADLINES.values() for deadline in deadlines}
    assert live == set(Deadline)
    assert set(LIVE_DEADLINES) == set(State)


@pytest.mark.parametrize("state", State)
def test_an_impossible_input_changes_nothing_and_is_counted(state: State) -> None:
    for event in every_event():
        if input_of(event) in IMPOSSIBLE[state]:
            machine = CallMachine(a_call())
            machine.state = state
            before = machine.record
            assert machine.handle(event, 0, 0.0) == ()
            assert machine.impossible_inputs == 1
            assert machine.state is state
            assert machine.record is before


WHISPER_AND_NOTICE = DuePrompts((Prompt.CONSENT_NOTICE,), (Prompt.WHISPER_B, Prompt.CONSENT_NOTICE), 7.5)

failures = st.builds(
    LegFailed,
    leg=st.sampled_from(Leg),
    kind=st.sampled_from(FailureKind),
    sip_status=st.one_of(st.none(), st.integers(300, 699)),
    rang=st.booleans(),
)
events = st.one_of(st.sampled_from(every_event()), failures)
# Walks that only draw from all inputs seldom get far: half of the steps come from those that move the present state.
steps = st.tuples(st.floats(0, 100), st.integers(-10_000, 100_000), st.booleans(), events, st.integers(0, 1000))


def moving_events(state: State, prompts: DuePrompts) -> list[CallEvent]:
    return [
        event
        for event in every_event()
        if (row := TABLE.get((state, input_of(event, prompts_due=bool(prompts))))) is not None and row[1] is not state
    ]


@settings(max_examples=200, deadline=None)
@given(
    walk=st.lists(steps, max_size=25),
    recorded=st.booleans(),
    longest_s=st.one_of(st.none(), st.integers(10, 7200)),
    prompts=st.sampled_from([NOTHING_DUE, WHISPER_AND_NOTICE]),
)
def test_whatever_comes_a_call_ends_once_and_is_settled_once(
    walk: list[tuple[float, int, bool, CallEvent, int]], recorded: bool, longest_s: int | None, prompts: DuePrompts
) -> None:
    machine = CallMachine(a_call(record=recorded, max_duration_s=longest_s), prompts)
    now, wall_ms = 50.0, machine.record.created_at
    done: list[tuple[CallEvent, Effect]] = []

    def take(event: CallEvent) -> None:
        for effect in machine.handle(event, wall_ms, now):
            done.append((event, effect))
        assert_times_are_in_order(machine)
        assert (machine.record.status in TERMINAL_STATUSES) == (machine.state in (State.ENDING, State.ENDED))

    for seconds, wall_jump_ms, moving, event, choice in walk:
        now += seconds
        wall_ms += wall_jump_ms
        movers = moving_events(machine.state, prompts)
        take(movers[choice % len(movers)] if moving and movers else event)
    take(HangupRequested())
    take(RecordingStopped())
    take(DeadlinePassed(Deadline.ENDING))

    assert machine.state is State.ENDED
    assert_told_once([effect for _, effect in done], machine)
    assert_prompts_come_before_the_bridge(done, prompts)
    assert_all_is_down_before_the_settlement(done)
    assert_deadlines_fall_away([effect for _, effect in done], [event for event, _ in done])


def assert_times_are_in_order(machine: CallMachine) -> None:
    record = machine.record
    times = [record.created_at, record.started_at, record.a_answered_at, record.answered_at, record.ended_at]
    known = [at for at in times if at is not None]
    assert known == sorted(known)
    for leg in record.legs:
        known = [at for at in (leg.ringing_at, leg.answered_at, leg.ended_at) if at is not None]
        assert known == sorted(known)


def assert_told_once(effects: list[Effect], machine: CallMachine) -> None:
    told = [effect.event for effect in effects if isinstance(effect, (Notify, Settle))]
    assert len(told) == len(set(told))
    assert [event for event in told if event in TERMINAL_EVENTS] == told[-1:]
    assert [type(effect) for effect in effects].count(Settle) == 1
    for once in (Bridge, StartRecording, StopRecording, CloseMedia, Dial):
        assert [type(effect) for effect in effects].count(once) <= (2 if once is Dial else 1)
    bridged = any(isinstance(effect, Bridge) for effect in effects)
    record = machine.record
    assert (record.status is CallStatus.COMPLETED) == bridged
    assert (record.answered_at is not None) == bridged
    assert record.hangup_cause is not None
    assert record.hangup_party in ("a", "b", "system")
    assert record.price_paise is not None
    assert (record.price_paise > 0) == bridged


def assert_prompts_come_before_the_bridge(done: list[tuple[CallEvent, Effect]], prompts: DuePrompts) -> None:
    effects = [effect for _, effect in done]
    played = [index for index, effect in enumerate(effects) if isinstance(effect, PlayPrompts)]
    bridged = [index for index, effect in enumerate(effects) if isinstance(effect, Bridge)]
    assert len(played) <= bool(prompts)
    if prompts and bridged:
        assert played < bridged
        unheard = DeadlinePassed(Deadline.PROMPTS) in [event for event, effect in done if isinstance(effect, Bridge)]
        assert not (unheard and StartRecording() in effects), "nobody is recorded who may not have been told"
    for event, effect in done:
        if isinstance(effect, Bridge):
            answered = (LegAnswered(Leg.B, 200, "PCMA"), AnswerSent())
            assert event in ((PromptsHeard(), DeadlinePassed(Deadline.PROMPTS)) if prompts else answered)


def assert_all_is_down_before_the_settlement(done: list[tuple[CallEvent, Effect]]) -> None:
    effects = [effect for _, effect in done]
    settled = next(index for index, effect in enumerate(effects) if isinstance(effect, Settle))
    for event, effect in done[settled + 1 :]:
        # Nothing is left to do after the settlement, but for an answer that has been under way all along.
        assert isinstance(effect, ClearDeadline) or (isinstance(effect, HangUp) and isinstance(event, LegAnswered))
    before = effects[:settled]
    assert StopRecording() in before
    assert CloseMedia() in before
    if not any(isinstance(event, LegAnswered) for event, effect in done if isinstance(effect, HangUp)):
        for leg in Leg:
            hang_ups = [effect for effect in before if isinstance(effect, HangUp) and effect.leg is leg]
            assert len(hang_ups) <= 1


def assert_deadlines_fall_away(effects: list[Effect], passed: list[CallEvent]) -> None:
    left: set[Deadline] = set()
    for effect in effects:
        if isinstance(effect, SetDeadline):
            assert effect.after_s >= 0
            left.add(effect.deadline)
        elif isinstance(effect, ClearDeadline):
            left.discard(effect.deadline)
    assert left <= {event.deadline for event in passed if isinstance(event, DeadlinePassed)} | {Deadline.ENDING}
