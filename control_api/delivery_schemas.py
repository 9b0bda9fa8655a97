"""What goes out about one delivery of a webhook, and about test events."""

from collections.abc import Mapping
from typing import Final

from pydantic import Field

from control_api.account_schemas import DeliveryView, delivery_representation
from control_api.schemas import Timestamp, Wire, enveloped
from control_api.timestamps import render_timestamp
from control_api.webhooks.sender import ATTEMPT_HEADER, CONTENT_TYPE, EVENT_ID_HEADER, JSON_TYPE, Trial
from storage.records import DeliveryAttempt, DeliveryLog, EndpointReply


class EndpointReplyView(Wire):
    """What an endpoint answered."""

    headers: dict[str, str] = Field(description="The first 24, without those that hold secrets")
    body: str = Field(description="The first 2048 bytes, as UTF-8")
    cut: bool = Field(description="Whether there was more of the body")


class AttemptView(Wire):
    """One POST that was made. The signatures' headers are not kept."""

    attempt: int = Field(description="1, 2, 3 ...")
    attempted_at: Timestamp = Field(description="When it was begun")
    duration_ms: int = Field(description="Milliseconds until the answer, or until it was given up")
    http_status: int | None = Field(description="What was answered; null: nothing was")
    error: str | None = Field(description="Why nothing was answered")
    request_headers: dict[str, str] = Field(description="Those of the request, without its signatures")
    reply: EndpointReplyView | None = Field(
        description="What was answered; null: nothing was, it was not kept, or without the right to read calls, of "
        "`recording.ready` also without that to read recordings"
    )


class DeliveryDetailView(DeliveryView):
    """A delivery with its event's body and every attempt."""

    webhook_id: str = Field(description="The endpoint")
    request_body: str | None = Field(
        description="The JSON that was sent, its `download_url` left out; null without the right to read calls"
    )
    attempt_log: list[AttemptView] = Field(description="Every attempt, the first one first")


class TrialView(Wire):
    """A test event as it was sent, and what came of it."""

    event_id: str = Field(description="The event's id")
    delivered: bool = Field(description="Whether the endpoint took it, with a 2xx")
    http_status: int | None = Field(description="What was answered; null: nothing was")
    error: str | None = Field(description="Why nothing was answered")
    duration_ms: int = Field(description="Milliseconds until the answer, or until it was given up")
    request_headers: dict[str, str] = Field(description="Those of the request, its signatures among them")
    request_body: str = Field(description="The JSON that was sent, to the byte")
    reply: EndpointReplyView | None = Field(description="What was answered")


DeliveryReply: Final = enveloped("DeliveryReply", DeliveryDetailView)
TrialReply: Final = enveloped("TrialReply", TrialView)


def detail_representation(log: DeliveryLog, body: str | None, *, replies: bool) -> dict[str, object]:
    """A delivery with its attempts; `body` None: it is not shown. `replies`: whether what was answered is, which may
    repeat all that was sent."""
    return {
        **delivery_representation(log),
        "webhook_id": log.webhook_id,
        "request_body": body,
        "attempt_log": [_attempt(log, attempt, shown=replies) for attempt in log.attempts],
    }


def trial_representation(event_id: str, trial: Trial) -> dict[str, object]:
    """A test event and what came of it."""
    status = trial.reply.http_status
    return {
        "event_id": event_id,
        "delivered": status is not None and 200 <= status < 300,
        "http_status": status,
        "error": trial.reply.error,
        "duration_ms": trial.duration_ms,
        "request_headers": dict(trial.headers),
        "request_body": trial.body.decode(),
        "reply": _reply(trial.reply.answer),
    }


def _attempt(log: DeliveryLog, attempt: DeliveryAttempt, *, shown: bool) -> dict[str, object]:
    return {
        "attempt": attempt.attempt,
        "attempted_at": render_timestamp(attempt.attempted_at),
        "duration_ms": attempt.duration_ms,
        "http_status": attempt.http_status,
        "error": attempt.error,
        "request_headers": {
            CONTENT_TYPE: JSON_TYPE,
            EVENT_ID_HEADER: log.event_id,
            ATTEMPT_HEADER: str(attempt.attempt),
        },
        "reply": _reply(attempt.reply) if shown else None,
    }


def _reply(reply: EndpointReply | None) -> Mapping[str, object] | None:
    return None if reply is None else {"headers": dict(reply.headers), "body": reply.body, "cut": reply.is_cut}
