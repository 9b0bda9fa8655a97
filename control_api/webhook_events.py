"""The events that endpoints are sent, for the OpenAPI document: their bodies, headers and an example of each."""

import json
from typing import Any, Final, Literal

from pydantic import BaseModel, Field

from control_api.examples import EXAMPLE_CALL
from control_api.schemas import CallView, Timestamp, Wire
from control_api.signed_urls import signed_recording_url
from control_api.webhooks.payloads import render_body, render_wallet_body
from storage.billing_records import WalletEvent
from storage.records import CallRecord, CallStatus, LegRecord, OutboxEvent, WebhookEvent, changed

_EVENT_ID: Final = "7b0c9d1e-2f3a-4b5c-9d6e-8f7a6b5c4d3e"
_HEX_64: Final = "5c1d" * 16
_HEADERS: Final = (
    (
        "X-Edesy-Signature",
        "`sha256=` and the hex HMAC-SHA256 of the raw body under the secret; while one is replaced, under the old one",
        f"sha256={_HEX_64}",
    ),
    (
        "X-Edesy-Signature-V2",
        "Likewise over the Unix seconds, a dot and the raw body; while a secret is replaced, a `v1` for each",
        f"t=1735732908,v1={_HEX_64}",
    ),
    ("X-Edesy-Event-Id", "The event's id, the same at each attempt", _EVENT_ID),
    ("X-Edesy-Attempt", "1, 2, 3 ...", "1"),
)
_SUMMARIES: Final = {
    WebhookEvent.INITIATED: "A call was accepted, A is being dialled",
    WebhookEvent.RINGING: "A's phone rings",
    WebhookEvent.ANSWERED: "A has answered, B is being dialled",
    WebhookEvent.BRIDGED: "Both are connected",
    WebhookEvent.COMPLETED: "The call ended after both were connected",
    WebhookEvent.FAILED: "The call ended before both were connected; `hangup_cause` says why",
    WebhookEvent.NO_ANSWER: "A did not answer in time",
    WebhookEvent.RECORDING_READY: "The recording can be fetched from `data.download_url`",
    WebhookEvent.WALLET_LOW: "The available balance fell below the organisation's threshold",
}


class WebhookCallView(CallView):
    """The call as it was at that moment."""

    download_url: str | None = Field(
        default=None, description="Where the MP3 can be fetched for an hour; in `recording.ready` alone"
    )


class WebhookCallBody(Wire):
    """An event of a call."""

    event: Literal[
        "call.initiated",
        "call.ringing",
        "call.answered",
        "call.bridged",
        "call.completed",
        "call.failed",
        "call.no-answer",
        "recording.ready",
    ]
    call_sid: str
    data: WebhookCallView = Field(description="The call as it was at that moment")
    event_id: str
    sequence: int
    created_at: Timestamp
    reference: str | None


class WebhookWalletView(Wire):
    """A wallet whose available balance is low."""

    balance: float = Field(description="Rupees that are available")
    threshold: float = Field(description="Rupees below which it is told")
    currency: Literal["INR"]


class WebhookWalletBody(Wire):
    """An event of the wallet, which is about no call."""

    event: Literal["wallet.low"]
    call_sid: None
    data: WebhookWalletView = Field(description="The wallet at that moment")
    event_id: str
    sequence: int = Field(description="1, 2, 3 ... of the organisation")
    created_at: Timestamp
    reference: None


def event_body_of(event: WebhookEvent) -> type[BaseModel]:
    """What the body of an event is like."""
    return WebhookWalletBody if event is WebhookEvent.WALLET_LOW else WebhookCallBody


def described_events(public_url: str, reference: str) -> dict[str, Any]:
    """The document's `webhooks`. `reference`: what leads to a schema of a name."""
    return {event.value: {"post": _described(event, public_url, reference)} for event in WebhookEvent}


def example_body(event: WebhookEvent, public_url: str) -> bytes:
    """An event's body, made by what makes those that are sent."""
    if event is WebhookEvent.WALLET_LOW:
        return render_wallet_body(WalletEvent(_EVENT_ID, "", 1, EXAMPLE_CALL.created_at, 9_850, 10_000))
    call, sequence = _example_calls()[event]
    told_at = max(filter(None, (call.created_at, call.a_answered_at, call.answered_at, call.ended_at)))
    url = None
    if event is WebhookEvent.RECORDING_READY:
        url = signed_recording_url(b"example", public_url, call.call_id, told_at // 1000 + 3_600)
    outbox = OutboxEvent(_EVENT_ID, "", call.call_id, sequence, event, told_at, call)
    return render_body(outbox, "documented", url)


def _example_calls() -> dict[WebhookEvent, tuple[CallRecord, int]]:
    """The call at each event, and which one of its events that is."""
    ended = EXAMPLE_CALL
    a, b = ended.legs
    idle_a, idle_b = LegRecord("a", "idle"), LegRecord("b", "idle")
    alive = {"ended_at": None, "duration_s": None, "bill_duration_s": None, "price_paise": None, "hangup_cause": None}
    begun = changed(
        ended, **alive, hangup_party=None, a_answered_at=None, answered_at=None, recording_path=None,
        status=CallStatus.INITIATED, legs=(idle_a, idle_b),
    )  # fmt: skip
    ringing_a = changed(idle_a, status="ringing", ringing_at=a.ringing_at)
    ringing = changed(begun, status=CallStatus.RINGING, legs=(ringing_a, idle_b))
    answered_a = changed(ringing_a, status="answered", answered_at=a.answered_at, sip_status=200, codec="PCMA")
    answered = changed(
        begun, status=CallStatus.ANSWERED, a_answered_at=ended.a_answered_at,
        legs=(answered_a, changed(idle_b, status="dialling")),
    )  # fmt: skip
    answered_b = changed(
        idle_b, status="answered", ringing_at=b.ringing_at, answered_at=b.answered_at, sip_status=200, codec="PCMA"
    )
    bridged = changed(
        answered, status=CallStatus.IN_PROGRESS, answered_at=ended.answered_at, recording_path=ended.recording_path,
        legs=(answered_a, answered_b),
    )  # fmt: skip
    nothing = {"duration_s": 0, "bill_duration_s": 0, "price_paise": 0}
    busy_at = ended.created_at + 8_000
    told_at = busy_at + 4_000  # A hears of it first.
    failed = changed(
        answered, **nothing, ended_at=told_at, status=CallStatus.FAILED, hangup_cause="b_busy", hangup_party="b",
        legs=(
            changed(a, hangup_cause="b_busy", ended_at=told_at),
            changed(idle_b, hangup_cause="b_busy", ended_at=busy_at, status="failed", sip_status=486),
        ),
    )  # fmt: skip
    given_up = {"hangup_cause": "no_answer", "ended_at": ended.created_at + 46_000}
    unanswered = changed(
        ringing, **nothing, **given_up, status=CallStatus.NO_ANSWER, hangup_party="system",
        legs=(changed(ringing_a, **given_up, status="failed"), idle_b),
    )  # fmt: skip
    return {
        WebhookEvent.INITIATED: (begun, 1),
        WebhookEvent.RINGING: (ringing, 2),
        WebhookEvent.ANSWERED: (answered, 3),
        WebhookEvent.BRIDGED: (bridged, 4),
        WebhookEvent.COMPLETED: (ended, 5),
        WebhookEvent.FAILED: (failed, 4),
        WebhookEvent.NO_ANSWER: (unanswered, 3),
        WebhookEvent.RECORDING_READY: (ended, 6),
    }


def _described(event: WebhookEvent, public_url: str, reference: str) -> dict[str, Any]:
    return {
        "operationId": event.value,
        "summary": _SUMMARIES[event],
        "parameters": [
            {"name": name, "in": "header", "required": True, "description": text, "schema": {"type": "string"}}
            | {"example": example}
            for name, text, example in _HEADERS
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": reference + event_body_of(event).__name__},
                    "example": json.loads(example_body(event, public_url)),
                }
            },
        },
        "responses": {
            "2XX": {"description": "Taken; within 10 seconds"},
            "410": {"description": "No more events to this endpoint"},
            "default": {"description": "Sent again later: seven times in 9 hours"},
        },
    }
