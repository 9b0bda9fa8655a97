"""What goes over the wire about streams of live calls."""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, Strict
from yarl import URL

from control_api.account_bodies import LONGEST_URL
from control_api.schemas import StreamBody, Timestamp, Wire, enveloped
from control_api.streams.stream import CallStream, StopReason, StreamState
from control_api.timestamps import render_timestamp
from storage.streams import StreamEndpoint, Tracks

STREAM_REQUIREMENTS: Final = {
    "url": f"a ws or wss address of at most {LONGEST_URL} characters",
    "rate": "8000 or 16000",
    "tracks": "one of " + ", ".join(Tracks),
    "every_call": "true or false",
}


def socket_address_of(text: str) -> str:
    """A ws or wss URL. Raises ValueError."""
    url = URL(text)
    plain = text.isascii() and text.isprintable() and " " not in text
    if url.scheme not in ("ws", "wss") or not url.host or not url.port or not plain:
        raise ValueError("not a ws or wss address")
    return text


class StartStreamBody(StreamBody):
    """Where a live call is to be streamed from now on."""


class AddStreamEndpointBody(Wire):
    """A WebSocket server of yours. With `every_call` all your calls are streamed there; without, those that say so."""

    url: Annotated[str, Strict(), Field(max_length=LONGEST_URL), AfterValidator(socket_address_of)]
    rate: Literal[8000, 16000] = Field(default=8000, description="Samples a second")
    tracks: Tracks = Field(default=Tracks.BOTH, description="Whose audio")
    every_call: Annotated[bool, Strict()] = False


class StreamEndpointView(Wire):
    """A WebSocket server that calls may be streamed to."""

    endpoint_id: str
    url: str
    rate: Literal[8000, 16000]
    tracks: Tracks
    every_call: bool
    created_at: Timestamp


class SecretStreamEndpointView(StreamEndpointView):
    """The same with its secret, which is shown this once."""

    secret: str


class StreamView(Wire):
    """One stream of a call, as it is now."""

    stream_id: str
    endpoint_id: str
    url: str
    rate: Literal[8000, 16000]
    tracks: Tracks
    state: StreamState
    reason: StopReason | None = Field(description="Why it has ended; null while it has not")
    connections: int
    frames_sent: int = Field(description="Of 20 ms each")
    frames_dropped: int = Field(description="Left out whole: the server was not there, or did not keep up")
    started_at: Timestamp


StreamEndpointsReply: Final = enveloped("StreamEndpointsReply", list[StreamEndpointView])
SecretStreamEndpointReply: Final = enveloped("SecretStreamEndpointReply", SecretStreamEndpointView)
StreamsReply: Final = enveloped("StreamsReply", list[StreamView])
StreamReply: Final = enveloped("StreamReply", StreamView)


def endpoint_representation(endpoint: StreamEndpoint) -> dict[str, object]:
    """A server without its secret."""
    return {
        "endpoint_id": endpoint.endpoint_id,
        "url": endpoint.url,
        "rate": endpoint.rate_hz,
        "tracks": endpoint.tracks.value,
        "every_call": endpoint.every_call,
        "created_at": render_timestamp(endpoint.created_at),
    }


def stream_representation(stream: CallStream) -> dict[str, object]:
    """A stream as it is now."""
    plan = stream.plan
    return {
        "stream_id": plan.stream_id,
        "endpoint_id": plan.endpoint_id,
        "url": plan.url,
        "rate": plan.rate_hz,
        "tracks": plan.tracks.value,
        "state": stream.state.value,
        "reason": None if stream.reason is None else stream.reason.value,
        "connections": stream.connections,
        "frames_sent": stream.frames_sent,
        "frames_dropped": stream.frames_dropped,
        "started_at": render_timestamp(plan.started_at),
    }
