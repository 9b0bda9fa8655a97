"""How the packets of a socket are marked for networks that tell them apart (DSCP: RFC 2474, RFC 4594)."""

import socket
from contextlib import suppress
from typing import Final

_OPTION: Final = {
    socket.AF_INET: (socket.IPPROTO_IP, socket.IP_TOS),
    socket.AF_INET6: (socket.IPPROTO_IPV6, socket.IPV6_TCLASS),
}
_ECN_BITS: Final = 2  # of the same octet, and the system's own


def mark(marked: socket.socket, dscp: int) -> None:
    """Mark what the socket sends from now on, 0 to 63. Where the system refuses that, it goes out unmarked."""
    with suppress(OSError):
        marked.setsockopt(*_OPTION[marked.family], dscp << _ECN_BITS)


def marked_with(marked: socket.socket) -> int:
    """What the socket's packets are marked with."""
    return marked.getsockopt(*_OPTION[marked.family]) >> _ECN_BITS
