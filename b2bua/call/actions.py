"""What the call machine does on a row of its table: each changes the progress and returns the effects, in order."""

from collections.abc import Callable
from typing import Final

from b2bua.call.digits import hold_s
from b2bua.call.effects import (
    Answer,
    Bridge,
    ClearDeadline,
    Dial,
    Effect,
    ExtendReservation,
    FinalResponse,
    HangUp,
    Notify,
    PlayPrompts,
    PlayTone,
    RelayEarlyMedia,
    ReportProgress,
    SendDigit,
    SetDeadline,
    Settle,
    StartRecording,
    Tone,
)
from b2bua.call.events import (
    CallEvent,
    Deadline,
    DeadlinePassed,
    DigitBegun,
    DigitPressed,
    DigitWay,
    FailureKind,
    LegAnswered,
    LegEarlyMedia,
    LegFailed,
    LegHungUp,
    LegMoved,
    LegProgressed,
    LegRinging,
    ReservationExtended,
)
from b2bua.call.hangup import Q850_OF_LOST_DIALOG, TONES, cause_of_failure, final_for_caller, q850_of_failure
from b2bua.call.model import HangupCause, HangupParty, Leg
from b2bua.call.progress import Progress
from b2bua.call.record import leg_of, terminal_event
from storage.records import CallStatus, WebhookEvent

Effects = tuple[Effect, ...]
Action = Callable[[Progress, CallEvent], Effects]

# So much longer than they are, prompts are waited for: their end comes from the packet path.
PROMPTS_GRACE_S: Final = 5.0
FAILURE_TONE_S: Final = 4.0
ENDING_LIMIT_S: Final = 5.0
ENDING_DEADLINE: Final = SetDeadline(Deadline.ENDING, ENDING_LIMIT_S)
_PARTIES: Final = {Leg.A: HangupParty.A, Leg.B: HangupParty.B}
_DIGIT_DEADLINES: Final = {Leg.A: Deadline.DIGITS_A, Leg.B: Deadline.DIGITS_B}


def ignore(call: Progress, event: CallEvent) -> Effects:
    """Expected in this state, and nothing to do."""
    return ()


# A is called.


def dial_a(call: Progress, event: CallEvent) -> Effects:
    """Call A."""
    call.change(started_at=call.wall_ms)
    call.dialled(Leg.A)
    return Dial(Leg.A), SetDeadline(Deadline.RING_A, call.terms.ring_timeout_s)


def a_rings(call: Progress, event: CallEvent) -> Effects:
    """A's phone rings, by a 18x with or without SDP; A's own early media has nobody to hear it."""
    call.rings(Leg.A)
    return (Notify(WebhookEvent.RINGING),)


def a_answers(call: Progress, event: CallEvent) -> Effects:
    """A is there: call B, and let A hear that it rings. B's INVITE goes first, nothing A hears is sooner than that."""
    assert isinstance(event, LegAnswered)
    call.change(a_answered_at=call.wall_ms)
    call.answered(Leg.A, event.sip_status, event.codec)
    call.dialled(Leg.B)
    return (
        Dial(Leg.B),
        PlayTone(Leg.A, Tone.RINGBACK),
        SetDeadline(Deadline.RING_B, call.terms.ring_timeout_s),
        Notify(WebhookEvent.ANSWERED),
    )


def a_fails(call: Progress, event: CallEvent) -> Effects:
    """A cannot be reached: there is nobody to play a tone to."""
    assert isinstance(event, LegFailed)
    return _end(call, _leg_failed(call, event))


def a_rang_out(call: Progress, event: CallEvent) -> Effects:
    """A did not answer in time."""
    return _end(call, HangupCause.NO_ANSWER)


def a_gives_up(call: Progress, event: CallEvent) -> Effects:
    """A hung up before the two were connected."""
    call.down(Leg.A)
    call.answered_elsewhere = isinstance(event, LegHungUp) and event.elsewhere
    return _end(call, HangupCause.A_HANGUP_BEFORE_BRIDGE)


def a_lost(call: Progress, event: CallEvent) -> Effects:
    """A's dialog died; nobody ended the call on purpose."""
    call.down(Leg.A)
    return _end(call, HangupCause.NETWORK_ERROR)


# B is called while A waits.


def b_rings(call: Progress, event: CallEvent) -> Effects:
    """B's phone rings; A hears ringback already."""
    call.rings(Leg.B)
    return ()


def b_early_media(call: Progress, event: CallEvent) -> Effects:
    """B's side has something for A to hear before the answer; once told, the media engine follows later ones itself."""
    call.rings(Leg.B)
    if call.early_media_relayed:
        return ()
    call.early_media_relayed = True
    return (RelayEarlyMedia(),)


def b_answers(call: Progress, event: CallEvent) -> Effects:
    """Both are there: join them, and only then do the book-keeping."""
    assert isinstance(event, LegAnswered)
    call.answered(Leg.B, event.sip_status, event.codec)
    return _bridge(call, Notify(WebhookEvent.BRIDGED))


def b_answers_to_prompts(call: Progress, event: CallEvent) -> Effects:
    """Both are there, and hear what is to be heard before they are joined; A is told nothing new meanwhile."""
    assert isinstance(event, LegAnswered)
    call.answered(Leg.B, event.sip_status, event.codec)
    return _play_prompts(call)


def b_fails(call: Progress, event: CallEvent) -> Effects:
    """B cannot be reached: A hears why."""
    assert isinstance(event, LegFailed)
    cause = _leg_failed(call, event)
    call.b_q850 = q850_of_failure(cause, event.kind, event.sip_status)
    return *call.take_down(Leg.B, cause), *_tell_a(call, cause)


def b_rang_out(call: Progress, event: CallEvent) -> Effects:
    """B did not answer in time: CANCEL it."""
    cause = HangupCause.B_NO_ANSWER
    return *call.take_down(Leg.B, cause), *_tell_a(call, cause)


def b_gives_up(call: Progress, event: CallEvent) -> Effects:
    """B's BYE overtook its answer, came in place of one, or B did not hear its prompts out."""
    call.down(Leg.B)
    return _tell_a(call, HangupCause.B_REJECTED)


def b_lost(call: Progress, event: CallEvent) -> Effects:
    """B's dialog died before its answer was acted on."""
    call.down(Leg.B)
    call.b_q850 = Q850_OF_LOST_DIALOG
    return _tell_a(call, HangupCause.B_UNREACHABLE)


# A has called us: it waits unanswered while B is called, and is told what B's side says.


def a_gave_up(call: Progress, event: CallEvent) -> Effects:
    """A had hung up before B could be called."""
    call.called_by_a()
    return a_gives_up(call, event)


def a_was_lost(call: Progress, event: CallEvent) -> Effects:
    """A was not to be reached any more before B could be called."""
    call.called_by_a()
    return a_lost(call, event)


def end_unstarted(call: Progress, event: CallEvent) -> Effects:
    """The process stops before anybody is called; an A who has called us has been refused."""
    if call.terms.direction == "inbound":
        call.called_by_a()
        call.down(Leg.A)
    return end_by_stop(call, event)


def dial_b_for_a(call: Progress, event: CallEvent) -> Effects:
    """A has called: call B."""
    call.change(started_at=call.wall_ms)
    call.called_by_a()
    call.dialled(Leg.B)
    return Dial(Leg.B), SetDeadline(Deadline.RING_B, call.terms.ring_timeout_s)


def report_progress(call: Progress, event: CallEvent) -> Effects:
    """B's side says something on the way to its answer: A is told the same."""
    assert isinstance(event, (LegProgressed, LegRinging))
    return (ReportProgress(event.sip_status),)


def b_rings_for_a(call: Progress, event: CallEvent) -> Effects:
    """B's phone begins to ring."""
    call.rings(Leg.B)
    return *report_progress(call, event), Notify(WebhookEvent.RINGING)


def b_early_media_for_a(call: Progress, event: CallEvent) -> Effects:
    """B's side has something for A to hear: its path is laid before A is told of it."""
    assert isinstance(event, LegEarlyMedia)
    first = not call.has_rung(Leg.B)
    told = (Notify(WebhookEvent.RINGING),) if first else ()
    return *b_early_media(call, event), ReportProgress(event.sip_status, with_media=True), *told


def connect(call: Progress, event: CallEvent) -> Effects:
    """B has answered: so is A now. It is the one step for which A waits, so its answer goes first."""
    assert isinstance(event, LegAnswered)
    call.answered(Leg.B, event.sip_status, event.codec)
    call.answered(Leg.A, 200, None)
    call.change(a_answered_at=call.wall_ms)
    answered = Notify(WebhookEvent.ANSWERED, CallStatus.ANSWERED)
    return Answer(), *_bridge(call, answered, Notify(WebhookEvent.BRIDGED))


def connect_to_prompts(call: Progress, event: CallEvent) -> Effects:
    """B has answered: so is A now, and both hear what is to be heard before they are joined."""
    assert isinstance(event, LegAnswered)
    call.answered(Leg.B, event.sip_status, event.codec)
    call.answered(Leg.A, 200, None)
    call.change(a_answered_at=call.wall_ms)
    return Answer(), *_play_prompts(call), Notify(WebhookEvent.ANSWERED, CallStatus.ANSWERED)


def answer_a(call: Progress, event: CallEvent) -> Effects:
    """B has answered, and the 200 for A waits for A's PRACK: until it goes out A is not answered, and nobody pays."""
    assert isinstance(event, LegAnswered)
    call.answered(Leg.B, event.sip_status, event.codec)
    return (Answer(),)


def connect_answered(call: Progress, event: CallEvent) -> Effects:
    """The 200 for A has gone out: A is answered now, and joined with B."""
    return _bridge(call, _a_answered(call), Notify(WebhookEvent.BRIDGED))


def connect_answered_to_prompts(call: Progress, event: CallEvent) -> Effects:
    """The 200 for A has gone out: A is answered now, and both hear what is to be heard before they are joined."""
    return *_play_prompts(call), _a_answered(call)


def refuse_a(call: Progress, event: CallEvent) -> Effects:
    """B cannot be reached: A gets B's own final response, as far as it concerns A."""
    assert isinstance(event, LegFailed)
    final = final_for_caller(event.kind, event.sip_status, event.reason)
    return _end(call, _leg_failed(call, event), final=final)


def b_rang_out_on_a(call: Progress, event: CallEvent) -> Effects:
    """B did not answer in time."""
    return _end(call, HangupCause.B_NO_ANSWER)


def b_gives_up_on_a(call: Progress, event: CallEvent) -> Effects:
    """B's BYE came in place of an answer."""
    call.down(Leg.B)
    return _end(call, HangupCause.B_REJECTED)


def b_lost_to_a(call: Progress, event: CallEvent) -> Effects:
    """B's dialog died before its answer, or was over by its BYE too before A was answered."""
    call.down(Leg.B)
    return _end(call, HangupCause.B_UNREACHABLE)


# Both hear their prompts.


def bridge(call: Progress, event: CallEvent) -> Effects:
    """All has been heard: join them. From here on it is a talk, and paid for."""
    return _bridge(call, Notify(WebhookEvent.BRIDGED))


def bridge_unheard(call: Progress, event: CallEvent) -> Effects:
    """The prompts' end was never told. They talk all the same, but nobody is recorded who may not have been told so."""
    return _bridge(call, Notify(WebhookEvent.BRIDGED), recorded=not call.prompts.notice)


# Both talk.


def hung_up(call: Progress, event: CallEvent) -> Effects:
    """A party hung up."""
    assert isinstance(event, LegHungUp)
    call.down(event.leg)
    return _end(call, HangupCause.NORMAL, _PARTIES[event.leg])


def b_lost_in_talk(call: Progress, event: CallEvent) -> Effects:
    """B's dialog died while both talked; nobody ended the call on purpose."""
    call.down(Leg.B)
    return _end(call, HangupCause.NETWORK_ERROR)


def moved(call: Progress, event: CallEvent) -> Effects:
    """A party's media come from elsewhere now: another device may tell of its keys in another way."""
    assert isinstance(event, LegMoved)
    call.presses[event.leg].moved()
    return ()


def key_down(call: Progress, event: CallEvent) -> Effects:
    """A party holds a key down, and its telephone-event is being relayed: what is held only repeats it."""
    assert isinstance(event, DigitBegun)
    presses = call.presses[event.leg]
    waiting = bool(presses.held)
    presses.begins()
    return (ClearDeadline(_DIGIT_DEADLINES[event.leg]),) if waiting and not presses.held else ()


def pass_digit(call: Progress, event: CallEvent) -> Effects:
    """A party pressed a key: the other hears it. An event has been relayed already."""
    assert isinstance(event, DigitPressed)
    presses = call.presses[event.leg]
    if call.presses[event.leg.other].comes_back(event, call.now):
        return ()
    waiting = bool(presses.held)
    if presses.pressed(event, call.now):
        waits_no_more = (ClearDeadline(_DIGIT_DEADLINES[event.leg]),) if waiting and not presses.held else ()
        if event.way is DigitWay.EVENT:
            return waits_no_more
        return (*waits_no_more, SendDigit(event.leg.other, event.digit, event.duration_ms))
    if presses.held and not waiting:
        return (SetDeadline(_DIGIT_DEADLINES[event.leg], hold_s(event)),)
    return ()


def pass_held_digits(call: Progress, event: CallEvent) -> Effects:
    """Nothing better has told of what INFO or the audio did: it counts."""
    assert isinstance(event, DeadlinePassed)
    leg = Leg.A if event.deadline is Deadline.DIGITS_A else Leg.B
    return tuple(
        SendDigit(leg.other, press.digit, press.duration_ms, was_heard=press.way is DigitWay.TONE)
        for press in call.presses[leg].released(call.now)
    )


def extend(call: Progress, event: CallEvent) -> Effects:
    """Ask for more time. That no answer comes tells nothing of the balance: they talk on, for a while at most."""
    asked = ExtendReservation(call.reserved_pulses, call.pulses_to_ask_for())
    return asked, SetDeadline(Deadline.EXTENSION_ANSWER, call.answer_within_s())


def extended(call: Progress, event: CallEvent) -> Effects:
    """More time is paid for."""
    assert isinstance(event, ReservationExtended)
    call.pulses_reserved(event.pulses)
    return ClearDeadline(Deadline.EXTENSION_ANSWER), *_next_extension(call)


def warn(call: Progress, event: CallEvent) -> Effects:
    """The balance runs out: both hear it, and talk until what is paid for is used up."""
    return (
        PlayTone(Leg.A, Tone.BALANCE_WARNING),
        PlayTone(Leg.B, Tone.BALANCE_WARNING),
        ClearDeadline(Deadline.EXTENSION_ANSWER),
        SetDeadline(Deadline.BALANCE_END, call.reserved_left_s()),
    )


def end_of_balance(call: Progress, event: CallEvent) -> Effects:
    """The paid time is used up."""
    return _end(call, HangupCause.BALANCE_EXHAUSTED)


def end_of_duration(call: Progress, event: CallEvent) -> Effects:
    """The call has lasted as long as its client allowed."""
    return _end(call, HangupCause.MAX_DURATION)


# Ends that can come at any time.


def end_by_silence(call: Progress, event: CallEvent) -> Effects:
    """A leg's media stopped."""
    return _end(call, HangupCause.MEDIA_TIMEOUT)


def end_by_client(call: Progress, event: CallEvent) -> Effects:
    """The API asked for the end."""
    return _end(call, HangupCause.API_HANGUP)


def end_by_failure(call: Progress, event: CallEvent) -> Effects:
    """Something of ours failed: the call cannot be trusted to work any more."""
    return _end(call, HangupCause.NETWORK_ERROR)


def end_by_stop(call: Progress, event: CallEvent) -> Effects:
    """The process stops."""
    return _end(call, HangupCause.SYSTEM_RESTART)


def end_told(call: Progress, event: CallEvent) -> Effects:
    """A has heard why B was not reached, or would not hear it out: B's failure stays the cause."""
    if isinstance(event, LegHungUp):
        call.down(Leg.A)
    assert call.b_cause is not None
    return _end(call, call.b_cause)


def end_told_lost(call: Progress, event: CallEvent) -> Effects:
    """A's dialog died while it heard the tone: B's failure stays the cause."""
    call.down(Leg.A)
    return end_told(call, event)


# After the end.


def late_answer(call: Progress, event: CallEvent) -> Effects:
    """A 200 crossed our CANCEL: never bridged, taken down again."""
    assert isinstance(event, LegAnswered)
    cause = leg_of(call.record, event.leg).hangup_cause
    return (HangUp(event.leg, HangupCause(cause) if cause else HangupCause.NORMAL),)


def late_failure(call: Progress, event: CallEvent) -> Effects:
    """The final response to our CANCELled INVITE."""
    assert isinstance(event, LegFailed)
    if event.sip_status is not None and leg_of(call.record, event.leg).sip_status is None:
        call.change_leg(event.leg, sip_status=event.sip_status)
    return ()


def settle(call: Progress, event: CallEvent) -> Effects:
    """The recording is closed, or has had its time."""
    return (Settle(terminal_event(call.record)),)


def _leg_failed(call: Progress, event: LegFailed) -> HangupCause:
    cause = cause_of_failure(event.leg, event.kind, event.sip_status, event.rang)
    if event.kind is not FailureKind.MEDIA:
        call.down(event.leg)
    call.leg_over(event.leg, cause, event.sip_status)
    return cause


def _a_answered(call: Progress) -> Notify:
    call.answered(Leg.A, 200, leg_of(call.record, Leg.A).codec)
    call.change(a_answered_at=call.wall_ms)
    return Notify(WebhookEvent.ANSWERED, CallStatus.ANSWERED)


def _tell_a(call: Progress, cause: HangupCause) -> Effects:
    call.b_cause = cause
    call.leg_over(Leg.B, cause)
    return PlayTone(Leg.A, TONES[cause]), SetDeadline(Deadline.FAILURE_TONE, FAILURE_TONE_S)


def _next_extension(call: Progress) -> Effects:
    after_s = call.extension_after_s()
    return () if after_s is None else (SetDeadline(Deadline.EXTEND_RESERVATION, after_s),)


def _play_prompts(call: Progress) -> Effects:
    due = call.prompts
    return PlayPrompts(due.a, due.b), SetDeadline(Deadline.PROMPTS, due.longest_s + PROMPTS_GRACE_S)


def _bridge(call: Progress, *told: Notify, recorded: bool = True) -> Effects:
    call.bridged()
    effects: list[Effect] = [Bridge()]
    if recorded and call.terms.record:
        effects.append(StartRecording())
    effects += told
    if call.terms.max_duration_s is not None:
        effects.append(SetDeadline(Deadline.MAX_DURATION, call.terms.max_duration_s))
    return (*effects, *_next_extension(call))


def _end(
    call: Progress, cause: HangupCause, party: HangupParty | None = None, final: FinalResponse | None = None
) -> Effects:
    return (*call.end(cause, party, final), ENDING_DEADLINE)
