"""UDP sockets of this machine's own: one on a given port, or a pair on ports of the system's choice."""

import socket
from contextlib import suppress
from typing import Final

# Pairs that do not fit, or whose second port another program holds, are passed over up to so often.
_TRIES_MAX: Final = 64
_RECEIVED_BYTES: Final = 262_144


def bound_socket(address: str, port: int) -> socket.socket | None:
    """A non-blocking socket, port 0: of the system's choice; None where the port is taken or not this machine's.
    OSError: the system has no socket at all."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        if family == socket.AF_INET6:
            with suppress(OSError):
                opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        with suppress(OSError):
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVED_BYTES)
        opened.bind((address, port))
    except OSError:
        opened.close()
        return None
    return opened


def open_pair(address: str) -> tuple[socket.socket, socket.socket] | None:
    """RTP on an even port, RTCP on the next (RFC 3550 section 11); None where none is free. OSError as for one."""
    for _ in range(_TRIES_MAX):
        rtp = bound_socket(address, 0)
        if rtp is None:
            return None
        port = rtp.getsockname()[1]
        rtcp = None
        try:
            rtcp = bound_socket(address, port + 1) if port % 2 == 0 else None
        finally:
            if rtcp is None:
                rtp.close()
        if rtcp is not None:
            return rtp, rtcp
    return None
