"""What happened in a call, as the API tells it. P: field names of the timeline are spelled here alone."""

from collections.abc import Iterable
from typing import Any, Final, Literal

from pydantic import Field, JsonValue

from control_api.schemas import Timestamp, Wire, enveloped
from control_api.timestamps import render_timestamp
from storage.records import TraceStep

# The operator's alone: where his trunks are, which of them was tried, and what their machines say of themselves.
_KINDS: Final = frozenset({"sip", "state", "media", "webhook"})
_WITHHELD: Final = frozenset({"peer", "warning"})


class CallEventView(Wire):
    """One thing that happened in a call."""

    at: Timestamp
    at_ms: int = Field(description="The same in Unix milliseconds")
    kind: Literal["sip", "state", "media", "webhook"] = Field(
        description="A SIP message of a leg, a step of the call, a fact of its media, or a webhook that was sent"
    )
    leg: Literal["a", "b"] | None = Field(description="The leg it is of; null for the call as a whole")
    name: str = Field(
        description="sip: the method, or status and phrase; state: the webhook's event, or `leg.` and what it did; "
        "media: negotiated, latched, digit, tone, bridged ...; webhook: the event that was told"
    )
    details: dict[str, JsonValue] = Field(
        description="sip: direction (sent or received, by the service), cseq, call_id (without a host), reason, body "
        "(its type), again (a repeated message). webhook: webhook_id, attempt, delivered, http_status, error, "
        "duration_ms. Numbers are shortened everywhere, and a digit is told without which it was."
    )


class CallEventsView(Wire):
    """All that happened in a call, oldest first."""

    call_sid: str
    events: list[CallEventView]


CallEventsReply: Final = enveloped("CallEventsReply", CallEventsView)


def events_representation(call_id: str, steps: Iterable[TraceStep]) -> dict[str, Any]:
    """A call's timeline."""
    return {"call_sid": call_id, "events": [event_representation(step) for step in steps if step.kind in _KINDS]}


def event_representation(step: TraceStep) -> dict[str, Any]:
    """One step of it."""
    return {
        "at": render_timestamp(step.at),
        "at_ms": step.at,
        "kind": step.kind,
        "leg": step.leg,
        "name": step.name,
        "details": {name: _told(name, value) for name, value in step.details.items() if name not in _WITHHELD},
    }


def _told(name: str, value: object) -> object:
    """A detail. A Call-ID that a trunk made may end with its host (RFC 3261 section 8.1.1.4), which is left out."""
    return value.partition("@")[0] if name == "call_id" and isinstance(value, str) else value
