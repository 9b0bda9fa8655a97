"""Examples of streams for the OpenAPI document."""

from typing import Final

from control_api.stream_schemas import endpoint_representation
from control_api.timestamps import render_timestamp
from storage.streams import StreamEndpoint, Tracks

_URL: Final = "wss://speech.shop.example/calls"
_ENDPOINT_ID: Final = "8c6d5e4f-3a2b-4c0d-9e8f-7a6b5c4d3e2f"
_SECRET: Final = "strsec_" + "0123456789abcdef" * 4


def stream_examples(at_ms: int) -> dict[str, object]:
    """The data of an example reply by name."""
    endpoint = StreamEndpoint(_ENDPOINT_ID, "", _URL, _SECRET, 16_000, Tracks.BOTH, False, at_ms)
    described = endpoint_representation(endpoint)
    stream = {
        "stream_id": "1d2c3b4a-5f6e-4789-8a9b-0c1d2e3f4a5b",
        "endpoint_id": _ENDPOINT_ID,
        "url": _URL,
        "rate": 16_000,
        "tracks": Tracks.BOTH.value,
        "state": "streaming",
        "reason": None,
        "connections": 1,
        "frames_sent": 1500,
        "frames_dropped": 0,
        "started_at": render_timestamp(at_ms),
    }
    return {
        "stream_endpoints": [described],
        "new_stream_endpoint": described | {"secret": _SECRET},
        "streams": [stream],
        "stream": stream,
    }
