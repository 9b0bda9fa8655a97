"""What a converter made of a source's audio, sent as relayed audio is."""

from collections.abc import Sequence
from typing import Final

from media.packet_path.relay import DRIFT_S, Relay, clock_step
from media.packet_path.repacketiser import Frame
from media.packet_path.stream import Inbound, Outbound
from media.rtp.packet import MARKER

# How long after the beginning of a run the converter may still have to tell of a gap, and how far ahead of the clock
# that would put what comes behind it.
_RUN_BEGINS_S: Final = 0.25
_GAP_S: Final = 0.2


class ConvertedAudio:
    """Sends converted audio through the relay."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    def send(self, inbound: Inbound, out: Outbound, codec: int, frames: Sequence[Frame], now: float) -> None:
        """Send frames, unless the source, its sink or the sink's codec has changed since they were made.

        The first of a run continues our numbers by the clock; the converter's timeline places the others. A run ends
        where anything else was sent, or nothing might be, and where that timeline goes astray. What lies before a gap
        is of a time that something else has filled, and does not begin one.
        """
        conversion = inbound.conversion
        if conversion is None or inbound.sink is not out or codec != out.codec:
            return
        first = 0 if out.source is conversion else _behind_gap(frames, out.frame_samples)
        for timestamp, marker, payload in frames[first:]:
            if out.barred and self._relay.barred(inbound, out):
                continue
            placed = (timestamp + out.timestamp_shift) & 0xFFFFFFFF
            if out.source is not conversion or _astray(out, placed, now):
                placed = (out.timestamp + clock_step(out, now)) & 0xFFFFFFFF
                if out.source is not conversion:
                    out.source = conversion
                    out.run_began_at = now
                out.timestamp_shift = placed - timestamp
                marker = MARKER
            self._relay.send_frames(out, [(placed, marker, payload)], now)


def _behind_gap(frames: Sequence[Frame], frame_samples: int) -> int:
    """The place of the first frame that no gap of a frame and more follows."""
    for at in range(len(frames) - 1, 0, -1):
        if (frames[at][0] - frames[at - 1][0]) & 0xFFFFFFFF > 2 * frame_samples:
            return at
    return 0


def _astray(out: Outbound, timestamp: int, now: float) -> bool:
    """Whether a timestamp goes back, or is too far from the clock."""
    if out.sent_at is None:
        return True
    advance = (timestamp - out.timestamp) & 0xFFFFFFFF
    if advance >= 0x80000000:
        return True
    drift = advance / out.clock_rate_hz - (now - out.sent_at)
    return abs(drift) > DRIFT_S or (drift > _GAP_S and now - out.run_began_at < _RUN_BEGINS_S)
