"""libsrtp for the packet path in C: its functions by their addresses, and sessions that become the packet thread's own.

Beside `media.packet_path.protection` the one module that knows libsrtp; both have the same limits and suites.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from pylibsrtp import Policy
from pylibsrtp._binding import ffi, lib

from media.errors import MediaOverloaded
from media.packet_path import _native
from media.packet_path.interface import Keying
from media.packet_path.protection import PROFILES, SENDERS_MAX
from media.rtp.srtp import SUITES, Suite

# libsrtp's srtp_err_status_t (srtp.h): seen before, and too old to tell.
_REPLAY_FAIL: Final = 9
_REPLAY_OLD: Final = 10
_NO_SESSION: Final = 0

Keys = tuple[int, bytes, bytes, int, int, int, int]
"""The suite's number, our master, theirs, and the sessions: sender, receiver, rolled, leading; 0 for none."""


def srtp_functions() -> _native.Srtp:
    """What the packet thread calls of libsrtp."""
    names = ("srtp_protect", "srtp_unprotect", "srtp_protect_rtcp", "srtp_unprotect_rtcp", "srtp_dealloc")
    protect, unprotect, protect_rtcp, unprotect_rtcp, dealloc = (
        int(ffi.cast("uintptr_t", ffi.addressof(lib, name))) for name in names
    )
    return _native.Srtp(protect, unprotect, protect_rtcp, unprotect_rtcp, dealloc, _REPLAY_FAIL, _REPLAY_OLD)


class StreamKeys:
    """Which keys a stream's packet thread has sessions for already, so that it is given new ones only for new keys."""

    __slots__ = ("_receive", "_senders")

    def __init__(self) -> None:
        self._senders: OrderedDict[tuple[Suite, bytes], None] = OrderedDict()
        self._receive: tuple[Suite, bytes] | None = None

    @contextmanager
    def following(self, keying: Keying) -> Iterator[Keys]:
        """What the packet thread needs for these keys; it has got it once this ends without an error, otherwise the
        sessions are given back. MediaOverloaded where libsrtp has no memory for them."""
        sessions: list[int] = []
        handed_over = False
        try:
            for wanted in self._wanted(keying):
                sessions.append(_NO_SESSION if wanted is None else _session(keying.suite, *wanted))
            sender, receiver, rolled, leading = sessions
            yield SUITES.index(keying.suite), keying.send, keying.receive, sender, receiver, rolled, leading
            handed_over = True
        finally:
            if not handed_over:
                _end(sessions)
        self._took(keying)

    def _wanted(self, keying: Keying) -> tuple[tuple[bytes, int] | None, ...]:
        """The sessions that are missing, each by its key and the direction of its SSRCs."""
        own = None if (keying.suite, keying.send) in self._senders else (keying.send, Policy.SSRC_ANY_OUTBOUND)
        if (keying.suite, keying.receive) == self._receive:
            return own, None, None, None
        theirs = keying.receive, Policy.SSRC_ANY_INBOUND
        if self._receive is None:
            return own, theirs, None, None
        # The rollover counter may be kept: a second context is led to it (see `protection`).
        return own, theirs, theirs, (keying.receive, Policy.SSRC_ANY_OUTBOUND)

    def _took(self, keying: Keying) -> None:
        own = (keying.suite, keying.send)
        if own not in self._senders:
            if len(self._senders) >= SENDERS_MAX:
                self._senders.popitem(last=False)
            self._senders[own] = None
        self._receive = (keying.suite, keying.receive)


def _session(suite: Suite, master: bytes, ssrcs: int) -> int:
    session = ffi.new("srtp_t *")
    policy = Policy(key=master, ssrc_type=ssrcs, srtp_profile=PROFILES[suite])
    if lib.srtp_create(session, policy._policy) != lib.srtp_err_status_ok:
        raise MediaOverloaded("libsrtp has no room for another session")
    return int(ffi.cast("uintptr_t", session[0]))


def _end(sessions: Iterable[int]) -> None:
    for address in sessions:
        if address:
            lib.srtp_dealloc(ffi.cast("srtp_t", address))
