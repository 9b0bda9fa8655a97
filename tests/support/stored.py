"""Rows for tests of the store: one organisation, its calls, events and endpoints."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from storage.records import (
    CallRecord,
    CallStatus,
    LegRecord,
    Organisation,
    OutboxEvent,
    WebhookEndpoint,
    WebhookEvent,
)
from storage.units import UnitOfWork

Value = TypeVar("Value")
Result = TypeVar("Result")

ORG = "org-1"
NUMBER = "917969002802"
PARTY_A = "9811111111"
PARTY_B = "9822222222"


def an_organisation(org_id: str = ORG) -> Organisation:
    return Organisation(org_id, f"Name of {org_id}", 1_000)


def a_call(call_id: str = "call-1", *, org_id: str = ORG, created_at: int = 10_000) -> CallRecord:
    return CallRecord(
        call_id=call_id,
        org_id=org_id,
        party_a=PARTY_A,
        party_b=PARTY_B,
        masked_number=NUMBER,
        direction="click_to_call",
        status=CallStatus.INITIATED,
        created_at=created_at,
    )


def completed(record: CallRecord, *, seconds: int = 94, price_paise: int = 300) -> CallRecord:
    started_at = record.created_at if record.started_at is None else record.started_at
    answered_at = started_at + 10_000
    leg = LegRecord(
        "a", "ended", "carrier", started_at + 1, started_at + 2, answered_at, 200, None, "PCMA", 0, 1.5, 4.3
    )
    return replace(
        record,
        status=CallStatus.COMPLETED,
        started_at=started_at,
        a_answered_at=started_at + 5_000,
        answered_at=answered_at,
        ended_at=answered_at + seconds * 1000,
        duration_s=seconds,
        bill_duration_s=-(-seconds // 60) * 60,
        price_paise=price_paise,
        hangup_cause="normal",
        hangup_party="b",
        recording_path="2024/01/02/abcdef01.wav",
        sequence=5,
        legs=(leg, replace(leg, leg="b")),
    )


def failed(record: CallRecord) -> CallRecord:
    return replace(
        record,
        status=CallStatus.FAILED,
        started_at=record.created_at,
        ended_at=record.created_at + 3_000,
        hangup_cause="busy",
        hangup_party="a",
    )


def an_event(
    call: CallRecord,
    sequence: int = 1,
    event: WebhookEvent = WebhookEvent.INITIATED,
    *,
    at: int | None = None,
) -> OutboxEvent:
    return OutboxEvent(
        event_id=f"{call.call_id}-{sequence}",
        org_id=call.org_id,
        call_id=call.call_id,
        sequence=sequence,
        event=event,
        created_at=call.created_at if at is None else at,
        call=replace(call, sequence=sequence),
    )


def an_endpoint(
    webhook_id: str = "hook-1", *, org_id: str = ORG, events: frozenset[WebhookEvent] = frozenset(WebhookEvent)
) -> WebhookEndpoint:
    return WebhookEndpoint(webhook_id, org_id, "https://client.example/hook", ("secret",), events, 2_000)


def saving(call: CallRecord) -> Callable[[UnitOfWork], None]:
    """The unit of work that saves a live call."""
    return lambda unit: unit.calls.save(call)


def adding(event: OutboxEvent) -> Callable[[UnitOfWork], int]:
    """The unit of work that puts an event into the outbox."""
    return lambda unit: unit.outbox.add(event)


def given(value: Value, work: Callable[[UnitOfWork, Value], Result]) -> Callable[[UnitOfWork], Result]:
    """A unit of work with something bound into it, as a loop needs it."""
    return lambda unit: work(unit, value)
