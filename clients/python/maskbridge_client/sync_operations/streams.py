"""Endpoints: Streams.

Generated from the OpenAPI document by `make client`: not to be changed by hand.
"""

from typing import Literal

from maskbridge_client.shapes import SecretStreamEndpoint, Stream, StreamEndpoint, Tracks
from maskbridge_client.sync_operations.sending import Sending
from maskbridge_client.wire import UNSET, Request, Unset, many_of, nothing, one_of, path_part


class StreamsOperations(Sending):
    """Streams."""

    def list_streams(self, call_sid: str) -> list[Stream]:
        """Look at a live call's streams.

        Ended ones too, as long as the call lives. 409 once the call has ended. Scope: `streams:write`. Roles:
        owner, developer.

        :param call_sid: The call's id
        """
        return self._send(Request("GET", f"/v1/masking/calls/{path_part(call_sid)}/streams"), many_of(Stream))

    def start_stream(
        self,
        call_sid: str,
        *,
        url: str | Unset | None = UNSET,
        rate: Literal[8000, 16000] | Unset | None = UNSET,
        tracks: Tracks | Unset | None = UNSET,
    ) -> Stream:
        """Stream a live call.

        Both parties' audio, each on its own channel, to one of your stream endpoints over a WebSocket that we
        open. Each text message is a JSON object: `start` (call, channels, rate), then `media` every 20 ms for
        each channel (`channel` a or b, `timestamp_ms` from the stream's beginning, `payload`: 16-bit
        little-endian linear PCM in base64; silence where nothing is heard) and `mark` (`bridged`, `hold`,
        `unhold`, `dtmf` without the digit, `paused`, `resumed`), and `stop` last (`reason`, `frames_sent`,
        `frames_dropped`). While the recording is paused the stream is silent; a call that is streamed can be
        paused though it is not recorded. A server that does not keep up loses whole frames, the oldest first,
        never the call's time; one that goes away is called again, five times in a row at most, and 1000 as the
        close code ends the stream. The handshake is signed as webhooks are, over the value of
        `X-Edesy-Stream-Id` in place of a body. 409 where the parties are not connected, or the call has two
        streams. No body is needed: then it is your oldest endpoint. Scope: `streams:write`. Roles: owner,
        developer.

        :param call_sid: The call's id
        :param url: The address
        :param rate: Samples a second
        :param tracks: Whose audio
        """
        return self._send(
            Request(
                "POST",
                f"/v1/masking/calls/{path_part(call_sid)}/streams",
                body={"url": url, "rate": rate, "tracks": tracks},
            ),
            one_of(Stream),
        )

    def stop_stream(self, call_sid: str, stream_id: str) -> Stream:
        """End a stream of a live call.

        The call goes on. The reply is the stream as it ends. Scope: `streams:write`. Roles: owner, developer.

        :param call_sid: The call's id
        :param stream_id: The stream's id
        """
        return self._send(
            Request("DELETE", f"/v1/masking/calls/{path_part(call_sid)}/streams/{path_part(stream_id)}"), one_of(Stream)
        )

    def list_stream_endpoints(self) -> list[StreamEndpoint]:
        """List stream endpoints.

        Oldest first. Scope: `account:read`. Roles: owner, developer.
        """
        return self._send(Request("GET", "/v1/account/stream-endpoints"), many_of(StreamEndpoint))

    def add_stream_endpoint(
        self,
        url: str,
        *,
        rate: Literal[8000, 16000] | Unset = UNSET,
        tracks: Tracks | Unset = UNSET,
        every_call: bool | Unset = UNSET,
    ) -> SecretStreamEndpoint:
        """Add a stream endpoint.

        A WebSocket server that your calls may be streamed to: those that say so, or with `every_call`, which
        takes `streams:write` as well, all from now on. The secret is shown this once. At most 10. Scope:
        `account:write`. Roles: owner, developer.

        :param url: The address
        :param rate: Samples a second
        :param tracks: Whose audio
        :param every_call: Whether every call is streamed there
        """
        return self._send(
            Request(
                "POST",
                "/v1/account/stream-endpoints",
                body={"url": url, "rate": rate, "tracks": tracks, "every_call": every_call},
            ),
            one_of(SecretStreamEndpoint),
        )

    def remove_stream_endpoint(self, endpoint_id: str) -> None:
        """Remove a stream endpoint.

        Nothing new is streamed there; what is being streamed goes on to its call's end. Scope: `account:write`.
        Roles: owner, developer.

        :param endpoint_id: The endpoint's id
        """
        return self._send(Request("DELETE", f"/v1/account/stream-endpoints/{path_part(endpoint_id)}"), nothing)
