"""The life of an INVITE usage as a table: (state, input) -> (action, next state). A pair that is absent is ignored.

The races of section 9 and 13 are rows. As with the transactions, a state names the timers that live in it.
"""

from collections.abc import Callable
from typing import Final

from b2bua.sip.dialog_requests import cancel_reinvite, give_up_reinvite, try_again
from b2bua.sip.in_dialog import close_early, end_quietly, lose_gone, lose_silent, nothing, say_bye, surface_bye
from b2bua.sip.incoming_calls import (
    bye_before_answer,
    cancelled,
    expired,
    refuse,
    say_again,
    unacknowledged,
    unanswerable,
    unattended,
)
from b2bua.sip.outgoing_calls import (
    abandon,
    abandon_trying,
    abandon_undelivered,
    acknowledge_again,
    acknowledge_unwanted,
    answer,
    bye_while_ringing,
    call_again,
    call_by_udp,
    cancel,
    cancel_as_heard,
    cancel_unanswered,
    destroy_setup,
    end_unwanted,
    reject,
    report_no_response,
    restart_cancel_wait,
    stop_retransmitting,
    surface_provisional,
)
from b2bua.sip.session_refresh import expire, refresh
from b2bua.sip.station import OVER, Station
from b2bua.sip.timers import DURATION_S, T1_S, TIMER_C
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
    Usage,
)

Action = Callable[[Station, Usage, object, float], None]
Table = dict[tuple[str, str], tuple[Action, str]]

# States of a call that we make.
CALLING: Final = "calling"  # nothing has come back
HELD: Final = "held"  # hung up before anything came back: the CANCEL waits for a provisional
ABANDONED: Final = "abandoned"  # nothing came back in time, and that was told
PROGRESSING: Final = "progressing"  # a provisional has come
CANCELLING: Final = "cancelling"  # CANCEL is out
# States of a call that we get.
OFFERED: Final = "offered"  # no final response yet
ANSWERED: Final = "answered"  # 2xx sent, no ACK yet
UNWANTED: Final = "unwanted"  # hung up before the ACK: the BYE waits for it (15)
# States of both.
CONFIRMED: Final = "confirmed"
ENDING: Final = "ending"  # our BYE is out
ENDED_STATES: Final = frozenset({ENDING, OVER})
"""Nothing can come of the dialog any more."""

# Inputs.
GOT_PROVISIONAL: Final = "got 1xx"
GOT_ANSWER: Final = "got 2xx"
GOT_FAILURE: Final = "got 3xx-6xx"
CHALLENGED: Final = "challenged"
SETUP_FAILED: Final = "setup failed"
UNDELIVERED: Final = "undelivered"
UNCONNECTED: Final = "no connection for its size"
CANCEL_ANSWERED: Final = "cancel answered"
HANG_UP: Final = "hang up"
GOT_BYE: Final = "got BYE"
GOT_CANCEL: Final = "got CANCEL"
GOT_ACK: Final = "got ACK"
SENT_ANSWER: Final = "sent 2xx"
SENT_REFUSAL: Final = "sent 3xx-6xx"
UNATTENDED: Final = "unattended"
UNANSWERABLE: Final = "unanswerable"
NEVER_ACKED: Final = "never acknowledged"
NEVER_PRACKED: Final = "provisional never acknowledged"
BYE_DONE: Final = "bye done"
DIALOG_GONE: Final = "dialog gone"
DIALOG_SILENT: Final = "dialog silent"

USAGE: Final[Table] = {
    (CALLING, GOT_PROVISIONAL): (surface_provisional, PROGRESSING),
    (CALLING, GOT_ANSWER): (answer, CONFIRMED),
    (CALLING, GOT_FAILURE): (reject, OVER),
    (CALLING, CHALLENGED): (call_again, CALLING),
    (CALLING, SETUP_FAILED): (report_no_response, OVER),
    (CALLING, NO_ANSWER): (abandon, ABANDONED),
    (CALLING, UNDELIVERED): (abandon_undelivered, ABANDONED),
    (CALLING, UNCONNECTED): (call_by_udp, CALLING),
    (CALLING, HANG_UP): (nothing, HELD),
    (HELD, GOT_PROVISIONAL): (cancel_as_heard, CANCELLING),
    (HELD, GOT_ANSWER): (end_unwanted, ENDING),
    (HELD, GOT_FAILURE): (reject, OVER),
    (HELD, SETUP_FAILED): (report_no_response, OVER),
    (HELD, NO_ANSWER): (abandon, ABANDONED),
    (HELD, UNDELIVERED): (abandon_undelivered, ABANDONED),
    (ABANDONED, GOT_PROVISIONAL): (cancel_as_heard, CANCELLING),
    (ABANDONED, GOT_ANSWER): (end_unwanted, ENDING),
    (ABANDONED, GOT_FAILURE): (nothing, OVER),
    (ABANDONED, SETUP_FAILED): (nothing, OVER),
    (ABANDONED, LAST_TRY): (stop_retransmitting, ABANDONED),
    (ABANDONED, HANG_UP): (stop_retransmitting, ABANDONED),
    (PROGRESSING, GOT_PROVISIONAL): (surface_provisional, PROGRESSING),
    (PROGRESSING, GOT_ANSWER): (answer, CONFIRMED),
    (PROGRESSING, GOT_FAILURE): (reject, OVER),
    (PROGRESSING, CHALLENGED): (call_again, CALLING),
    (PROGRESSING, TIMER_C): (cancel_unanswered, CANCELLING),
    (PROGRESSING, UNDELIVERED): (abandon_trying, CANCELLING),
    (PROGRESSING, HANG_UP): (cancel, CANCELLING),
    (PROGRESSING, GOT_BYE): (bye_while_ringing, CANCELLING),
    (CANCELLING, GOT_PROVISIONAL): (acknowledge_unwanted, CANCELLING),
    (CANCELLING, GOT_ANSWER): (end_unwanted, ENDING),
    (CANCELLING, GOT_FAILURE): (reject, OVER),
    (CANCELLING, CANCEL_ANSWERED): (restart_cancel_wait, CANCELLING),
    (CANCELLING, CANCEL_WAIT): (destroy_setup, OVER),
    (OFFERED, SENT_ANSWER): (nothing, ANSWERED),
    (OFFERED, SENT_REFUSAL): (close_early, OVER),
    (OFFERED, HANG_UP): (refuse, OVER),
    (OFFERED, GOT_CANCEL): (cancelled, OVER),
    (OFFERED, GOT_BYE): (bye_before_answer, OVER),
    (OFFERED, UNATTENDED): (unattended, OVER),
    (OFFERED, UNANSWERABLE): (unanswerable, OVER),
    (OFFERED, SAY_AGAIN): (say_again, OFFERED),
    (OFFERED, EXPIRY): (expired, OVER),
    (OFFERED, NEVER_PRACKED): (unacknowledged, OVER),
    (ANSWERED, GOT_ACK): (nothing, CONFIRMED),
    (ANSWERED, NEVER_ACKED): (lose_silent, ENDING),
    (ANSWERED, HANG_UP): (nothing, UNWANTED),
    (ANSWERED, GOT_BYE): (surface_bye, OVER),
    (ANSWERED, DIALOG_GONE): (lose_gone, OVER),
    (ANSWERED, DIALOG_SILENT): (lose_silent, ENDING),
    (ANSWERED, REFRESH): (refresh, ANSWERED),
    (ANSWERED, SESSION_END): (expire, ENDING),
    (UNWANTED, GOT_ACK): (say_bye, ENDING),
    (UNWANTED, NEVER_ACKED): (say_bye, ENDING),
    (UNWANTED, GOT_BYE): (end_quietly, OVER),
    (CONFIRMED, GOT_ANSWER): (acknowledge_again, CONFIRMED),
    (CONFIRMED, NEVER_ACKED): (lose_silent, ENDING),
    (CONFIRMED, HANG_UP): (say_bye, ENDING),
    (CONFIRMED, GOT_BYE): (surface_bye, OVER),
    (CONFIRMED, DIALOG_GONE): (lose_gone, OVER),
    (CONFIRMED, DIALOG_SILENT): (lose_silent, ENDING),
    (CONFIRMED, REFRESH): (refresh, CONFIRMED),
    (CONFIRMED, SESSION_END): (expire, ENDING),
    (CONFIRMED, NEXT_TRY): (try_again, CONFIRMED),
    (CONFIRMED, REINVITE_LIMIT): (cancel_reinvite, CONFIRMED),
    (CONFIRMED, REINVITE_WAIT): (give_up_reinvite, ENDING),
    (ENDING, GOT_ANSWER): (acknowledge_again, ENDING),
    (ENDING, BYE_DONE): (nothing, OVER),
    (OVER, GOT_ANSWER): (acknowledge_again, OVER),
}

_BY_EVENT: Final = frozenset({REFRESH, SESSION_END, NEXT_TRY, REINVITE_LIMIT, REINVITE_WAIT, SAY_AGAIN, EXPIRY})
"""Timers that an agreement with the peer arms, or what either side has said, not the state by itself."""

LIVE_TIMERS: Final[dict[str, tuple[str, ...]]] = {
    CALLING: (NO_ANSWER,),
    HELD: (NO_ANSWER,),
    ABANDONED: (LAST_TRY,),
    PROGRESSING: (TIMER_C,),
    CANCELLING: (CANCEL_WAIT,),
    OFFERED: (SAY_AGAIN, EXPIRY),
    ANSWERED: (REFRESH, SESSION_END),
    UNWANTED: (),
    CONFIRMED: (REFRESH, SESSION_END, NEXT_TRY, REINVITE_LIMIT, REINVITE_WAIT),
    ENDING: (),
    OVER: (),
}

_ARMED: Final = {
    state: tuple([timer for timer in live if timer not in _BY_EVENT]) for state, live in LIVE_TIMERS.items()
}
"""Those of them that the state by itself arms."""


def take(station: Station, usage: Usage, happened: str, item: object, now: float) -> None:
    """Let an input happen to a usage: its action runs, then exactly the timers of the next state."""
    row = USAGE.get((usage.state, happened))
    if row is None:
        return
    action, usage.state = row
    action(station, usage, item, now)
    _arm(station, usage, now)
    if usage.state == OVER:
        if usage.arrival is not None:
            usage.arrival.request.headers.forget_meaning()
        station.end_if_over(usage)


def enter(station: Station, usage: Usage, now: float) -> None:
    """Let the timers of a new usage's first state run."""
    station.add_usage(usage)
    _arm(station, usage, now)


def _arm(station: Station, usage: Usage, now: float) -> None:
    running = usage.running
    if running:
        station.timers.keep(usage, LIVE_TIMERS[usage.state])
    for timer in _ARMED[usage.state]:
        if timer not in running:
            duration_s = _duration_s(usage, timer)
            if duration_s is not None:
                station.timers.arm(usage, timer, now + duration_s)


def _duration_s(usage: Usage, timer: str) -> float | None:
    if timer in (NO_ANSWER, LAST_TRY):
        patience_s = None if usage.setup is None else usage.setup.plan.no_answer_timeout_s
        return patience_s if timer == NO_ANSWER or patience_s is None else max(0.0, 32 * T1_S - patience_s)
    return DURATION_S[TIMER_C] if timer == TIMER_C else 64 * T1_S
