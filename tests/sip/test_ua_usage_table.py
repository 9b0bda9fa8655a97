"""The table of a usage's life, as a whole."""

from collections.abc import Iterator

import pytest

from b2bua.sip import usage_table as u
from b2bua.sip.outgoing_calls import answer
from b2bua.sip.station import OVER
from b2bua.sip.timers import TIMER_C
from b2bua.sip.usage import (
    CANCEL_WAIT,
    EXPIRY,
    LAST_TRY,
    NEXT_TRY,
    NO_ANSWER,
    REFRESH,
    REINVITE_LIMIT,
    REINVITE_WAIT,
    SAY_AGAIN,
    SESSION_END,
)

STATES = tuple(u.LIVE_TIMERS)
INPUTS = (
    u.GOT_PROVISIONAL,
    u.GOT_ANSWER,
    u.GOT_FAILURE,
    u.CHALLENGED,
    u.SETUP_FAILED,
    u.UNDELIVERED,
    u.UNCONNECTED,
    u.CANCEL_ANSWERED,
    u.HANG_UP,
    u.GOT_BYE,
    u.GOT_CANCEL,
    u.GOT_ACK,
    u.SENT_ANSWER,
    u.SENT_REFUSAL,
    u.UNATTENDED,
    u.UNANSWERABLE,
    u.NEVER_ACKED,
    u.NEVER_PRACKED,
    u.BYE_DONE,
    u.DIALOG_GONE,
    u.DIALOG_SILENT,
    NO_ANSWER,
    TIMER_C,
    CANCEL_WAIT,
    LAST_TRY,
    REFRESH,
    SESSION_END,
    NEXT_TRY,
    REINVITE_LIMIT,
    REINVITE_WAIT,
    SAY_AGAIN,
    EXPIRY,
)
ASKED_FOR_STATES = {u.CALLING, u.ABANDONED, u.PROGRESSING, u.OFFERED, u.ANSWERED, u.CONFIRMED}
"""States in which hanging up has work to do; in the others it is under way or done."""
TELLS_ANSWERED = {(state, happened) for (state, happened), (action, _) in u.USAGE.items() if action is answer}


def test_the_table_speaks_of_known_states_and_inputs_alone() -> None:
    for (state, happened), (_, following) in u.USAGE.items():
        assert state in STATES
        assert happened in INPUTS
        assert following in STATES
    assert {happened for _, happened in u.USAGE} == set(INPUTS)


@pytest.mark.parametrize("state", STATES)
def test_hanging_up_has_a_row_where_there_is_something_to_hang_up(state: str) -> None:
    assert ((state, u.HANG_UP) in u.USAGE) == (state in ASKED_FOR_STATES)


@pytest.mark.parametrize("state", STATES)
def test_every_timer_that_lives_in_a_state_has_a_row_there(state: str) -> None:
    for timer in u.LIVE_TIMERS[state]:
        assert (state, timer) in u.USAGE


@pytest.mark.parametrize("state", [u.HELD, u.ABANDONED, u.CANCELLING, u.ENDING, OVER])
def test_a_2xx_that_comes_too_late_is_acknowledged_and_never_told(state: str) -> None:
    assert (state, u.GOT_ANSWER) in u.USAGE
    assert (state, u.GOT_ANSWER) not in TELLS_ANSWERED


def after(state: str) -> Iterator[str]:
    return (following for (before, _), (_, following) in u.USAGE.items() if before == state)


@pytest.mark.parametrize("state", STATES)
def test_the_end_can_be_reached_from_every_state_and_is_final(state: str) -> None:
    reached, waiting = {state}, [state]
    while waiting:
        for following in after(waiting.pop()):
            if following not in reached:
                reached.add(following)
                waiting.append(following)
    assert OVER in reached
    assert set(after(OVER)) == {OVER}


def test_a_hung_up_call_never_gets_back_to_a_wanted_state() -> None:
    unwanted = {u.HELD, u.ABANDONED, u.CANCELLING, u.UNWANTED, u.ENDING, OVER}
    for state in unwanted:
        assert set(after(state)) <= unwanted
