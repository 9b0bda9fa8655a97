"""The body of a webhook, as published."""

import json
from typing import Final

from control_api.schemas import call_representation, rupees
from control_api.timestamps import render_timestamp
from storage.billing_records import WalletEvent
from storage.records import OutboxEvent, WebhookEvent

TEST_EVENT: Final = "webhook.test"  # nobody subscribes to it: it is sent when it is asked for
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def render_wallet_body(event: WalletEvent) -> bytes:
    """The JSON body of `wallet.low`: the same bytes at every attempt."""
    body = {
        "event": WebhookEvent.WALLET_LOW.value,
        "call_sid": None,
        "data": {
            "balance": rupees(event.balance_paise),
            "threshold": rupees(event.threshold_paise),
            "currency": "INR",
        },
        "event_id": event.event_id,
        "sequence": event.sequence,
        "created_at": render_timestamp(event.created_at),
        "reference": None,
    }
    return _encode(body).encode()


def render_test_body(event_id: str, at_ms: int) -> bytes:
    """The JSON body of `webhook.test`, which is about nothing."""
    body = {
        "event": TEST_EVENT,
        "call_sid": None,
        "data": {"message": "This is a test. Nothing has happened."},
        "event_id": event_id,
        "sequence": 1,
        "created_at": render_timestamp(at_ms),
        "reference": None,
    }
    return _encode(body).encode()


def render_body(event: OutboxEvent, log_number_style: str, download_url: str | None = None) -> bytes:
    """The JSON body: the same bytes at every attempt, but for `download_url`, which is `recording.ready`'s alone.

    `log_number_style`: documented or parties, as in the status representation.
    """
    call = call_representation(event.call, log_number_style)
    if download_url is not None:
        call["download_url"] = download_url
    body = {
        "event": event.event.value,
        "call_sid": event.call_id,
        "data": call,
        "event_id": event.event_id,
        "sequence": event.sequence,
        "created_at": render_timestamp(event.created_at),
        "reference": event.call.reference,
    }
    return _encode(body).encode()
