"""What each endpoint of streams does, for the OpenAPI document."""

from typing import Final

from control_api import stream_schemas as shapes
from control_api.operation import BODY, CONFLICT, INVALID, NOT_FOUND, NOT_NOW, Operation
from control_api.rights import Right
from storage.records import Scope

STREAM_OPERATIONS: Final = (
    Operation(
        "GET",
        "/v1/masking/calls/{call_sid}/streams",
        "listStreams",
        "Streams",
        "Look at a live call's streams",
        "Ended ones too, as long as the call lives. 409 once the call has ended.",
        shapes.StreamsReply,
        scope=Scope.STREAMS_WRITE,
        errors=(NOT_FOUND, CONFLICT, NOT_NOW),
        example="streams",
    ),
    Operation(
        "POST",
        "/v1/masking/calls/{call_sid}/streams",
        "startStream",
        "Streams",
        "Stream a live call",
        "Both parties' audio, each on its own channel, to one of your stream endpoints over a WebSocket that we open. "
        "Each text message is a JSON object: `start` (call, channels, rate), then `media` every 20 ms for each channel "
        "(`channel` a or b, `timestamp_ms` from the stream's beginning, `payload`: 16-bit little-endian linear PCM in "
        "base64; silence where nothing is heard) and `mark` (`bridged`, `hold`, `unhold`, `dtmf` without the digit, "
        "`paused`, `resumed`), and `stop` last (`reason`, `frames_sent`, `frames_dropped`). While the recording is "
        "paused the stream is silent; a call that is streamed can be paused though it is not recorded. A server that "
        "does not keep up loses whole frames, the oldest first, never the call's time; one that goes away is called "
        "again, five times in a row at most, and 1000 as the close code ends the stream. The handshake is signed as "
        "webhooks are, over the value of `X-Edesy-Stream-Id` in place of a body. 409 where the parties are not "
        "connected, or the call has two streams. No body is needed: then it is your oldest endpoint.",
        shapes.StreamReply,
        status=201,
        scope=Scope.STREAMS_WRITE,
        body=shapes.StartStreamBody,
        body_needed=False,
        errors=(NOT_FOUND, CONFLICT, *BODY),
        example="stream",
    ),
    Operation(
        "DELETE",
        "/v1/masking/calls/{call_sid}/streams/{stream_id}",
        "stopStream",
        "Streams",
        "End a stream of a live call",
        "The call goes on. The reply is the stream as it ends.",
        shapes.StreamReply,
        scope=Scope.STREAMS_WRITE,
        errors=(NOT_FOUND, CONFLICT, NOT_NOW),
        example="stream",
    ),
    Operation(
        "GET",
        "/v1/account/stream-endpoints",
        "listStreamEndpoints",
        "Streams",
        "List stream endpoints",
        "Oldest first.",
        shapes.StreamEndpointsReply,
        right=Right.WEBHOOKS_READ,
        errors=(NOT_NOW,),
        example="stream_endpoints",
    ),
    Operation(
        "POST",
        "/v1/account/stream-endpoints",
        "addStreamEndpoint",
        "Streams",
        "Add a stream endpoint",
        "A WebSocket server that your calls may be streamed to: those that say so, or with `every_call`, which takes "
        "`streams:write` as well, all from now on. The secret is shown this once. At most 10.",
        shapes.SecretStreamEndpointReply,
        status=201,
        right=Right.WEBHOOKS_WRITE,
        body=shapes.AddStreamEndpointBody,
        errors=(NOT_FOUND, CONFLICT, *BODY),
        example="new_stream_endpoint",
    ),
    Operation(
        "DELETE",
        "/v1/account/stream-endpoints/{endpoint_id}",
        "removeStreamEndpoint",
        "Streams",
        "Remove a stream endpoint",
        "Nothing new is streamed there; what is being streamed goes on to its call's end.",
        None,
        status=204,
        right=Right.WEBHOOKS_WRITE,
        errors=(INVALID, NOT_FOUND, NOT_NOW),
    ),
)
