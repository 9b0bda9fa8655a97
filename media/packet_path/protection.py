"""SRTP and SRTCP of one stream (RFC 3711, RFC 7714): what is sent is sealed, what comes is opened.

One of the two modules that know libsrtp. A stream without SRTP never comes here.
"""

import struct
from collections.abc import Callable
from typing import Final

from pylibsrtp import Error, Policy, Session

from media.packet_path.interface import Keying
from media.rtp.packet import HEADER_BYTES, VERSION_2
from media.rtp.srtp import (
    AEAD_AES_128_GCM,
    AEAD_AES_256_GCM,
    AES_CM_128_HMAC_SHA1_32,
    AES_CM_128_HMAC_SHA1_80,
    SUITES,
    Suite,
)
from media.rtp.stats import Reception

# Longest packet that libsrtp is given.
PACKET_BYTES_MAX: Final = 1500
# SSRCs that one key of the far end may come with; an authentic packet of a further one is dropped and counted.
SOURCES_MAX: Final = 64
# Sending contexts that are kept, so that a key that is taken up again goes on where it was; the oldest goes first.
SENDERS_MAX: Final = 8
# Rollovers that a receiving context is brought forward by: a day of speech. Beyond it, it begins at none.
ROLLOVERS_MAX: Final = 66

PROFILES: Final = {
    AES_CM_128_HMAC_SHA1_80: Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    AES_CM_128_HMAC_SHA1_32: Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    AEAD_AES_128_GCM: Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    AEAD_AES_256_GCM: Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}
# Less than half of the sequence numbers, so that the next is taken for a step ahead (RFC 3711 section 3.3.1).
_STRIDE: Final = 0x4000
# What libsrtp says of packets that have come before, and of those that are so late that nobody can tell.
_REPLAY: Final = "replay"
_REPLAYED: Final = "replay check failed (bad index)"

Send = Callable[[bytes], object]

_header: Final = struct.Struct("!BBHII").pack
_ssrc_at: Final = struct.Struct("!I").unpack_from


def available_suites() -> tuple[Suite, ...]:
    """The suites that this build of libsrtp has, in the order of our offers."""
    return tuple(suite for suite in SUITES if _is_available(suite))


def _is_available(suite: Suite) -> bool:
    try:
        _session(suite, bytes(suite.master_bytes), Policy.SSRC_ANY_OUTBOUND)
    except Error:
        return False
    return True


def _session(suite: Suite, master: bytes, ssrcs: int) -> Session:
    return Session(Policy(key=master, ssrc_type=ssrcs, srtp_profile=PROFILES[suite]))


class _Receiver:
    """One key of the far end: a context for each SSRC that came with it."""

    __slots__ = ("_open_rtcp", "_open_rtp", "_sources", "keyed_by")

    def __init__(self, suite: Suite, master: bytes) -> None:
        session = _session(suite, master, Policy.SSRC_ANY_INBOUND)
        self.keyed_by = (suite, master)
        self._open_rtp = session.unprotect
        self._open_rtcp = session.unprotect_rtcp
        self._sources: set[int] = set()

    def open_rtp(self, packet: bytes) -> bytes:
        """The plain packet; `Error` when it is not authentic or came before."""
        (ssrc,) = _ssrc_at(packet, 8)
        return self._of_known(self._open_rtp, packet, ssrc)

    def open_rtcp(self, packet: bytes) -> bytes:
        """The plain compound packet; `Error` when it is not authentic or came before."""
        (ssrc,) = _ssrc_at(packet, 4)
        return self._of_known(self._open_rtcp, packet, ssrc)

    def _of_known(self, opened: Callable[[bytes], bytes], packet: bytes, ssrc: int) -> bytes:
        if ssrc in self._sources:
            return opened(packet)
        if len(self._sources) >= SOURCES_MAX:
            raise Error("too many sources")
        plain = opened(packet)
        self._sources.add(ssrc)
        return plain

    def roll_forward(self, ssrc: int, extended_sequence: int) -> None:
        """Bring the context of an SSRC to about an extended sequence number, as if all before it had come.

        libsrtp's binding cannot set a rollover counter, so the context is led there by packets of our own making.
        """
        suite, master = self.keyed_by
        leading = _session(suite, master, Policy.SSRC_ANY_OUTBOUND)
        for index in range(0, extended_sequence, _STRIDE):
            self._open_rtp(leading.protect(_header(VERSION_2, 0, index & 0xFFFF, 0, ssrc)))
        self._sources.add(ssrc)


class Protection:
    """The keys of one stream and what has become of packets under them. Of the packet thread alone.

    `unauthentic`: packets that were not made with the far end's key, or by too many sources; `replayed`: those that
    had come before.
    """

    __slots__ = ("_alternatives", "_receiver", "_sender", "_senders", "replayed", "unauthentic")

    def __init__(self) -> None:
        self._senders: dict[tuple[Suite, bytes], Session] = {}
        self._sender: Session | None = None
        self._receiver: _Receiver | None = None
        self._alternatives: tuple[_Receiver, ...] = ()
        self.unauthentic = 0
        self.replayed = 0

    def rekey(self, keying: Keying, reception: Reception) -> None:
        """Take over what an SDP exchange settled. Keys that are as before go on as they were.

        A new key of the far end: what it still sends under the one before is taken until the first RTP under the new.
        Its rollover counter should be kept (RFC 3711 section 3.3.1), and many set it to nought: both are understood.
        """
        own = (keying.suite, keying.send)
        if own not in self._senders:
            if len(self._senders) >= SENDERS_MAX:
                del self._senders[next(iter(self._senders))]
            self._senders[own] = _session(*own, Policy.SSRC_ANY_OUTBOUND)
        self._sender = self._senders[own]
        before = self._receiver
        if before is not None and before.keyed_by == (keying.suite, keying.receive):
            return
        self._receiver = _Receiver(keying.suite, keying.receive)
        self._alternatives = () if before is None else (*self._rolled(keying, reception), before)

    @staticmethod
    def _rolled(keying: Keying, reception: Reception) -> tuple[_Receiver, ...]:
        if not 0 < reception.cycles <= ROLLOVERS_MAX << 16:
            return ()
        rolled = _Receiver(keying.suite, keying.receive)
        rolled.roll_forward(reception.ssrc, reception.extended_highest)
        return (rolled,)

    def sealing(self, send: Send) -> Callable[[bytes | bytearray | memoryview], object]:
        """A `send` that seals RTP before it is sent by the one given. OSError for a packet that cannot be sealed: one
        so late that it is behind the replay window."""
        assert self._sender is not None
        seal = self._sender.protect

        def send_sealed(packet: bytes | bytearray | memoryview) -> object:
            try:
                sealed = seal(bytes(packet))
            except (Error, ValueError):
                raise OSError("the packet cannot be sealed") from None
            return send(sealed)

        return send_sealed

    def seal_rtcp(self, packet: bytes) -> bytes:
        """A compound packet as SRTCP."""
        assert self._sender is not None
        return self._sender.protect_rtcp(packet)

    def open_rtp(self, buffer: bytearray, size: int) -> int:
        """Open the first `size` bytes in their place: how many are left, 0 for a packet to be dropped, then counted."""
        try:
            return self._open(self._plain_rtp, buffer, size)
        except Error as refusal:
            return self._refused(refusal)

    def open_rtcp(self, buffer: bytearray, size: int) -> int:
        """The same for RTCP."""
        try:
            return self._open(self._plain_rtcp, buffer, size)
        except Error as refusal:
            return self._refused(refusal)

    def open_late(self, buffer: bytearray, size: int, *, rtcp: bool) -> int:
        """The same for a far end that has gone over to plain RTP: what was not made with its key stays as it is."""
        try:
            return self._open(self._plain_rtcp if rtcp else self._plain_rtp, buffer, size)
        except Error as refusal:
            return self._refused(refusal) if str(refusal) == _REPLAYED else size

    @staticmethod
    def _open(plain_of: Callable[[bytes], bytes], buffer: bytearray, size: int) -> int:
        if not HEADER_BYTES <= size <= PACKET_BYTES_MAX:
            raise Error("of no size that is opened")
        plain = plain_of(bytes(buffer[:size]))
        buffer[: len(plain)] = plain
        return len(plain)

    def _plain_rtp(self, packet: bytes) -> bytes:
        assert self._receiver is not None
        try:
            plain = self._receiver.open_rtp(packet)
        except Error:
            found = self._by_alternative(packet)
            if found is None:
                raise
            return found
        if self._alternatives:
            self._alternatives = ()
        return plain

    def _plain_rtcp(self, packet: bytes) -> bytes:
        assert self._receiver is not None
        return self._receiver.open_rtcp(packet)

    def _by_alternative(self, packet: bytes) -> bytes | None:
        """What the present context could not open: by the one that was rolled forward, which then is the present one,
        or by the key before."""
        for receiver in self._alternatives:
            try:
                plain = receiver.open_rtp(packet)
            except Error:
                continue
            assert self._receiver is not None
            if receiver.keyed_by == self._receiver.keyed_by:
                self._receiver = receiver
                self._alternatives = ()
            return plain
        return None

    def _refused(self, refusal: Error) -> int:
        if str(refusal).startswith(_REPLAY):
            self.replayed += 1
        else:
            self.unauthentic += 1
        return 0
