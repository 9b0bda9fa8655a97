"""Endpoints: Recordings.

Generated from the OpenAPI document by `make client`: not to be changed by hand.
"""

from maskbridge_client.shapes import LiveRecordingView, Peaks, Recording, RecordingPause
from maskbridge_client.sync_operations.sending import Sending
from maskbridge_client.wire import Request, nothing, one_of, path_part


class RecordingsOperations(Sending):
    """Recordings."""

    def show_recording(self, call_sid: str) -> Recording:
        """Get the URL of a recording.

        A signed URL of the MP3, good for an hour, which needs no key, and what is known of the recording:
        length, sizes and SHA-256 of its files in plain, whether they are encrypted at rest, pauses, and for
        each party what is missing and how its clock ran. Not found until the recording is available: the
        webhook `recording.ready` tells when it is. Scope: `recordings:read`. Roles: owner, developer.

        :param call_sid: The call's id
        """
        return self._send(Request("GET", f"/v1/masking/calls/{path_part(call_sid)}/recording"), one_of(Recording))

    def erase_recording(self, call_sid: str) -> None:
        """Erase a recording.

        Deletes the WAV and the MP3, and where they are sealed the key with which any copy of them could be
        read. There is no way back. The call stays, and its `recording_url` becomes null. 409 while the call is
        live. Scope: `recordings:write`. Roles: owner.

        :param call_sid: The call's id
        """
        return self._send(Request("DELETE", f"/v1/masking/calls/{path_part(call_sid)}/recording"), nothing)

    def show_recording_peaks(self, call_sid: str) -> Peaks:
        """Get what a recording looks like.

        The loudest of each stretch, party by party, for a waveform: at most 1000 of each, a stretch 20 ms at
        least. Not found until the recording is available, and of recordings that were made before there were
        peaks. Scope: `recordings:read`. Roles: owner, developer.

        :param call_sid: The call's id
        """
        return self._send(Request("GET", f"/v1/masking/calls/{path_part(call_sid)}/recording/peaks"), one_of(Peaks))

    def show_live_recording(self, call_sid: str) -> LiveRecordingView:
        """Ask whether a live call is being recorded.

        Or streamed: `off` until the parties are connected too, and `paused` while it is paused. 409 when the
        call has ended. Scope: `calls:read`. Roles: owner, developer, finance, viewer.

        :param call_sid: The call's id
        """
        return self._send(
            Request("GET", f"/v1/masking/calls/{path_part(call_sid)}/recording/live"), one_of(LiveRecordingView)
        )

    def pause_recording(self, call_sid: str) -> RecordingPause:
        """Pause the recording of a live call.

        From this moment on both channels are silent in the recording, and what is said is never written. The
        timeline goes on, and the recording names its pauses. Pausing what is paused changes nothing. No body is
        needed. 409 where the call is not being recorded: not to be, not connected yet, ended, or paused 100
        times before. Scope: `calls:write`. Roles: owner, developer.

        :param call_sid: The call's id
        """
        return self._send(
            Request("POST", f"/v1/masking/calls/{path_part(call_sid)}/recording/pause"), one_of(RecordingPause)
        )

    def resume_recording(self, call_sid: str) -> RecordingPause:
        """Go on with a paused recording.

        From this moment on both parties are recorded again. Resuming what is not paused changes nothing. No
        body is needed. 409 where the call is not being recorded. Scope: `calls:write`. Roles: owner, developer.

        :param call_sid: The call's id
        """
        return self._send(
            Request("POST", f"/v1/masking/calls/{path_part(call_sid)}/recording/resume"), one_of(RecordingPause)
        )
