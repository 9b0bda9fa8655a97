"""What a converter made of a source's audio, sent as relayed audio is."""

from collections.abc import Sequence

from media.packet_path.relay import DRIFT_S, Relay, clock_step
from media.packet_path.repacketiser import Frame
from media.packet_path.stream import Inbound, Outbound
from media.rtp.packet import MARKER


class ConvertedAudio:
    """Sends converted audio through the relay."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    def send(self, inbound: Inbound, out: Outbound, codec: int, frames: Sequence[Frame], now: float) -> None:
        """Send frames, unless the source, its sink or the sink's codec has changed since they were made.

        The first of a run continues our numbers by the clock; the converter's timeline places the others. A run ends
        where anything else was sent, or nothing might be, and where that timeline goes astray.
        """
        conversion = inbound.conversion
        if conversion is None or inbound.sink is not out or codec != out.codec:
            return
        for timestamp, marker, payload in frames:
            if out.barred and self._relay.barred(inbound, out):
                continue
            placed = (timestamp + out.timestamp_shift) & 0xFFFFFFFF
            if out.source is not conversion or _astray(out, placed, now):
                placed = (out.timestamp + clock_step(out, now)) & 0xFFFFFFFF
                out.source = conversion
                out.timestamp_shift = placed - timestamp
                marker = MARKER
            self._relay.send_frames(out, [(placed, marker, payload)], now)


def _astray(out: Outbound, timestamp: int, now: float) -> bool:
    """Whether a timestamp goes back, or is too far from the clock."""
    if out.sent_at is None:
        return True
    advance = (timestamp - out.timestamp) & 0xFFFFFFFF
    return advance >= 0x80000000 or abs(advance / out.clock_rate_hz - (now - out.sent_at)) > DRIFT_S
