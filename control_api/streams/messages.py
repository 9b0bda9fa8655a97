"""What goes over a stream's WebSocket: one JSON object in each text message. Pure.

`start` comes first on each connection, then `media` and `mark`, `stop` last. `sequence` counts the messages of the
stream, over all its connections; `timestamp_ms` is from the stream's beginning, so that what was left out shows.
"""

import base64
import json
from collections.abc import Mapping
from typing import Final

from b2bua.switch.audience import Told
from b2bua.switch.trace_steps import BRIDGED, DIGIT, HOLD, RECORDING_PAUSED, RECORDING_RESUMED, UNHOLD

FRAME_MS: Final = 20
SAMPLE_BYTES: Final = 2
# Whose audio each channel is; numbers are not told.
CHANNELS: Final = {"a": "party_a", "b": "party_b"}

# The steps of a call that are told in a stream, and what they are called there. Which key was pressed is not told.
_MARKS: Final[Mapping[str, str]] = {
    BRIDGED: "bridged",
    HOLD: "hold",
    UNHOLD: "unhold",
    DIGIT: "dtmf",
    RECORDING_PAUSED.name: "paused",
    RECORDING_RESUMED.name: "resumed",
}


def mark_of(step: Told) -> str | None:
    """What a step is called in a stream; None for those that are not told there."""
    return _MARKS.get(step.name) if step.kind == "media" else None


def start_message(
    sequence: int, stream_id: str, call_id: str, reference: str | None, rate_hz: int, tracks: str, connection: int
) -> str:
    """The first of a connection. `connection` counts them from 1."""
    channels = {name: party for name, party in CHANNELS.items() if tracks in (name, "both")}
    start = {
        "stream_id": stream_id,
        "call_sid": call_id,
        "reference": reference,
        "channels": channels,
        "encoding": "audio/l16",
        "byte_order": "little",
        "rate": rate_hz,
        "frame_ms": FRAME_MS,
        "connection": connection,
    }
    return json.dumps({"event": "start", "sequence": sequence, "start": start})


def media_message(sequence: int, channel: str, at_ms: int, payload: str) -> str:
    """20 ms of one channel; `payload` in base64."""
    # A hundred of these a second for each call: put together by hand, as nothing in them needs to be escaped.
    return (
        f'{{"event": "media", "sequence": {sequence}, "media": {{"channel": "{channel}", '
        f'"timestamp_ms": {at_ms}, "payload": "{payload}"}}}}'
    )


def mark_message(sequence: int, name: str, channel: str | None, at_ms: int) -> str:
    """Something happened in the call, to one party where `channel` is set."""
    mark = {"name": name, "channel": channel, "timestamp_ms": at_ms}
    return json.dumps({"event": "mark", "sequence": sequence, "mark": mark})


def stop_message(sequence: int, reason: str, sent: int, dropped: int, at_ms: int) -> str:
    """The last: why, how many frames were sent and how many were left out."""
    stop = {"reason": reason, "frames_sent": sent, "frames_dropped": dropped, "timestamp_ms": at_ms}
    return json.dumps({"event": "stop", "sequence": sequence, "stop": stop})


def payload_of(samples: bytes) -> str:
    """Samples as they stand in a message."""
    return base64.b64encode(samples).decode("ascii")


def silence_of(rate_hz: int) -> str:
    """The payload of a frame in which nothing is heard."""
    return payload_of(bytes(rate_hz * FRAME_MS // 1000 * SAMPLE_BYTES))
