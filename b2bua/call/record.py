"""The call record: one leg of it changed, and its finish as a CDR."""

import math
from typing import Any, Final

from b2bua.call.hangup import CLEARINGS
from b2bua.call.model import HangupCause, HangupParty, Leg
from b2bua.call.rating import bill_duration_s, paid_talk_s, price_paise
from storage.records import CallRecord, CallStatus, LegRecord, WebhookEvent, changed

TERMINAL_EVENTS: Final = {
    CallStatus.COMPLETED: WebhookEvent.COMPLETED,
    CallStatus.FAILED: WebhookEvent.FAILED,
    CallStatus.NO_ANSWER: WebhookEvent.NO_ANSWER,
}


def leg_of(record: CallRecord, leg: Leg) -> LegRecord:
    """One leg's part of the record."""
    return record.legs[0] if leg is Leg.A else record.legs[1]


def with_leg(record: CallRecord, leg: Leg, **changes: Any) -> CallRecord:
    """The record with fields of one leg changed."""
    a, b = record.legs
    if leg is Leg.A:
        return changed(record, legs=(changed(a, **changes), b))
    return changed(record, legs=(a, changed(b, **changes)))


def terminal_status(bridged: bool, cause: HangupCause) -> CallStatus:
    """The status of an ended call: completed if it was ever bridged, no-answer if A did not answer in time."""
    if bridged:
        return CallStatus.COMPLETED
    return CallStatus.NO_ANSWER if cause is HangupCause.NO_ANSWER else CallStatus.FAILED


def terminal_event(record: CallRecord) -> WebhookEvent:
    """The one webhook event that tells of a finished record."""
    return TERMINAL_EVENTS[record.status]


def finish(
    record: CallRecord,
    cause: HangupCause,
    ended_at: int,
    talk_ms: int | None,
    party: HangupParty | None = None,
    billed_limit_s: int | None = None,
) -> CallRecord:
    """The record as the CDR.

    `ended_at` is UTC Unix milliseconds and counts for a call that was never bridged (`talk_ms` None); a bridged one
    ends `talk_ms` after its bridge, so that a jump of the wall clock changes neither its length nor its price.
    `party` None: by the cause. `billed_limit_s`: not more talk than this is billed, because we ended the call for
    reaching it and being late is not the customer's cost.
    """
    status = terminal_status(talk_ms is not None, cause)
    duration_s = billed_s = price = 0
    if talk_ms is not None and record.answered_at is not None:
        ended_at = record.answered_at + talk_ms
        duration_s = (talk_ms + 500) // 1000
        charged_s = duration_s if billed_limit_s is None else min(duration_s, billed_limit_s)
        tariff = record.tariff
        billed_s = bill_duration_s(charged_s, tariff.pulse_s)
        price = price_paise(billed_s, tariff.rate_paise_per_minute)
    legs, why = record.legs, cause.value
    return changed(
        record,
        status=status,
        ended_at=ended_at,
        duration_s=duration_s,
        bill_duration_s=billed_s,
        price_paise=price,
        hangup_cause=why,
        hangup_party=(party or CLEARINGS[cause].party or HangupParty.SYSTEM).value,
        legs=(_finish_leg(legs[0], why, ended_at), _finish_leg(legs[1], why, ended_at)),
    )


def finish_interrupted(record: CallRecord, last_sign_of_life_at: int, reserved_paise: int | None = None) -> CallRecord:
    """The CDR of a call that a crash left open: a bridged one is billed to the last sign of life in the database (UTC
    Unix milliseconds), another costs nothing. A finished record is returned as it is.

    Nobody talks longer than money is set aside for, nor than was asked for: what lies beyond is a jump of the wall
    clock. `reserved_paise` None: nothing had to be set aside.
    """
    if record.status in TERMINAL_EVENTS:
        return record
    talk_ms = None
    ended_at = max(last_sign_of_life_at, *_known_times(record))
    if record.answered_at is not None:
        talk_ms = int(min(max(0, ended_at - record.answered_at), *_longest_talks_ms(record, reserved_paise)))
    return finish(_under_way(record), HangupCause.SYSTEM_RESTART, ended_at, talk_ms)


def _under_way(record: CallRecord) -> CallRecord:
    """The record with the leg as dialled that is dialled once the record is written down, of a call that has arrived
    with both: of that alone nothing is written until somebody rings or answers."""
    begun = (Leg.A, Leg.B) if record.direction == "inbound" else (Leg.A,)
    for leg in begun:
        if leg_of(record, leg).status == "idle":
            record = with_leg(record, leg, status="dialling")
    return record


def _longest_talks_ms(record: CallRecord, reserved_paise: int | None) -> tuple[float, ...]:
    """Milliseconds that a talk cannot have outlasted; infinite where it may have been of any length."""
    tariff = record.tariff
    paid_s = None
    if reserved_paise is not None:
        paid_s = paid_talk_s(reserved_paise, tariff.rate_paise_per_minute, tariff.pulse_s)
    paid = math.inf if paid_s is None else paid_s * 1000
    return paid, math.inf if record.max_duration_s is None else record.max_duration_s * 1000


def _known_times(record: CallRecord) -> tuple[int, ...]:
    times = (record.created_at, record.started_at, record.a_answered_at, record.answered_at)
    return tuple(at for at in times if at is not None)


def _finish_leg(leg: LegRecord, why: str, ended_at: int) -> LegRecord:
    if leg.status in ("idle", "ended", "failed"):
        return leg
    status = "ended" if leg.answered_at is not None else "failed"
    return changed(leg, status=status, ended_at=ended_at, hangup_cause=leg.hangup_cause or why)
