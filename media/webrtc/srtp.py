"""SRTP and SRTCP of one browser (RFC 3711, RFC 7714), worked on in place in the one buffer that all packets come in."""

from typing import Any, Final

from pylibsrtp import Policy
from pylibsrtp._binding import ffi, lib

from media.errors import MediaOverloaded
from media.packet_path.protection import PROFILES, SOURCES_MAX
from media.webrtc.dtls import SrtpKeys

# Longest packet that is taken, and room behind it for what protection appends (SRTP_MAX_TRAILER_LEN and more).
PACKET_BYTES_MAX: Final = 1500
_ROOM_BYTES: Final = 2048
# A window as wide as what a browser's network may hold back and bring in another order.
_WINDOW_PACKETS: Final = 1024


class PacketBuffer:
    """Where a packet stands while it is worked on. Of one thread alone, and of one packet at a time."""

    __slots__ = ("octets", "size", "view")

    def __init__(self) -> None:
        self.octets = ffi.new("unsigned char[]", _ROOM_BYTES)
        self.size = ffi.new("int *")
        self.view = memoryview(ffi.buffer(self.octets)).cast("B")

    def put(self, packet: bytes) -> int:
        """Copy a packet in: its size, 0 for one that is too long."""
        if len(packet) > PACKET_BYTES_MAX:
            return 0
        self.view[: len(packet)] = packet
        return len(packet)


class BrowserSrtp:
    """Both directions of one browser. Each method works on the first `size` bytes of the buffer and returns how many
    there are then; 0: the packet is to be dropped."""

    __slots__ = ("_buffer", "_length", "_octets", "_receiver", "_sender", "_sources", "_ssrc", "unauthentic")

    def __init__(self, keys: SrtpKeys, buffer: PacketBuffer) -> None:
        self._buffer = buffer
        self._octets, self._length = buffer.octets, buffer.size
        self._sender = _session(keys, keys.send, Policy.SSRC_ANY_OUTBOUND)
        self._receiver = _session(keys, keys.receive, Policy.SSRC_ANY_INBOUND)
        self._sources: set[bytes] = set()
        self._ssrc = b""
        self.unauthentic = 0

    def open_rtp(self, size: int) -> int:
        """SRTP of the browser made plain."""
        ssrc = bytes(self._buffer.view[8:12])
        if ssrc != self._ssrc and not self._is_allowed(ssrc):
            self.unauthentic += 1
            return 0
        self._length[0] = size
        if lib.srtp_unprotect(self._receiver[0], self._octets, self._length):
            self.unauthentic += 1
            return 0
        if ssrc != self._ssrc:
            self._ssrc = ssrc
            self._sources.add(ssrc)
        return int(self._length[0])

    def open_rtcp(self, size: int) -> int:
        """SRTCP of the browser made plain."""
        ssrc = bytes(self._buffer.view[4:8])
        self._length[0] = size
        if not self._is_allowed(ssrc) or lib.srtp_unprotect_rtcp(self._receiver[0], self._octets, self._length):
            self.unauthentic += 1
            return 0
        self._sources.add(ssrc)
        return int(self._length[0])

    def seal_rtp(self, size: int) -> int:
        """RTP for the browser sealed."""
        self._length[0] = size
        return 0 if lib.srtp_protect(self._sender[0], self._octets, self._length) else int(self._length[0])

    def seal_rtcp(self, size: int) -> int:
        """RTCP for the browser sealed."""
        self._length[0] = size
        return 0 if lib.srtp_protect_rtcp(self._sender[0], self._octets, self._length) else int(self._length[0])

    def _is_allowed(self, ssrc: bytes) -> bool:
        """libsrtp keeps a context for each source that was authentic: there is a limit to them."""
        return ssrc in self._sources or len(self._sources) < SOURCES_MAX


def _session(keys: SrtpKeys, master: bytes, ssrcs: int) -> Any:
    policy = Policy(key=master, ssrc_type=ssrcs, srtp_profile=PROFILES[keys.suite])
    policy.window_size = _WINDOW_PACKETS
    session = ffi.new("srtp_t *")
    if lib.srtp_create(session, policy._policy) != lib.srtp_err_status_ok:
        raise MediaOverloaded("libsrtp has no room for another session")
    return ffi.gc(session, lambda made: lib.srtp_dealloc(made[0]))
