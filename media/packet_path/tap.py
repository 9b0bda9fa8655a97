"""What the packet path needs of a recorder."""

from typing import Protocol


class Tap(Protocol):
    """Takes copies of a bridge's incoming audio."""

    def put(self, channel: int, arrival: float, rtp_timestamp: int, ssrc: int, codec: int, payload: bytes) -> None:
        """Take one packet's payload. Called in the packet path's thread: never blocks, drops and counts at its limit.

        `channel` 0 or 1; `arrival` in monotonic seconds; `codec`: its number in `media.codecs.table`, whose clock the
        timestamp counts.
        """
        ...
