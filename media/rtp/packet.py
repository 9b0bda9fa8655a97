"""The RTP header (RFC 3550 section 5.1): checked, taken apart, built."""

import struct
from dataclasses import dataclass
from typing import Final

HEADER_BYTES: Final = 12
HEADER: Final = struct.Struct("!BBHII")
MARKER: Final = 0x80
VERSION_2: Final = 0x80

_PADDING: Final = 0x20
_EXTENSION: Final = 0x10
_EXTENSION_HEADER_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """One RTP packet without CSRC list, extension and padding."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False

    def render(self) -> bytes:
        """The packet's bytes."""
        second = self.payload_type | (MARKER if self.marker else 0)
        return HEADER.pack(VERSION_2, second, self.sequence, self.timestamp, self.ssrc) + self.payload


def payload_bounds(packet: bytes | bytearray | memoryview, size: int) -> tuple[int, int] | None:
    """Start and end of the payload in the first `size` bytes; None when the header is not valid RTP version 2.

    CSRC list, header extension and padding are left outside (RFC 3550 sections 5.1, 5.3.1, A.1).
    """
    if size < HEADER_BYTES or packet[0] & 0xC0 != VERSION_2:
        return None
    first = packet[0]
    start = HEADER_BYTES + 4 * (first & 0x0F)
    if first & _EXTENSION:
        if size < start + _EXTENSION_HEADER_BYTES:
            return None
        start += _EXTENSION_HEADER_BYTES + 4 * (packet[start + 2] << 8 | packet[start + 3])
    end = size
    if first & _PADDING:
        padding = packet[size - 1]
        if padding == 0:
            return None
        end -= padding
    return (start, end) if start <= end else None


def parse_packet(packet: bytes) -> RtpPacket | None:
    """The packet taken apart; None when its header is not valid."""
    bounds = payload_bounds(packet, len(packet))
    if bounds is None:
        return None
    _, second, sequence, timestamp, ssrc = HEADER.unpack_from(packet)
    return RtpPacket(
        second & 0x7F, sequence, timestamp, ssrc, bytes(packet[bounds[0] : bounds[1]]), bool(second & MARKER)
    )
