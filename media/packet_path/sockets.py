"""What Python's socket module cannot say: undo the connection of a UDP socket."""

import ctypes
import socket
from typing import Final

# struct sockaddr with sa_family AF_UNSPEC.
_UNSPECIFIED: Final = bytes(16)


def dissolve(connected: socket.socket) -> bool:
    """Make a connected UDP socket take packets from anybody again; it stays bound. False when the kernel refuses.

    connect(2): "Connectionless sockets may dissolve the association by connecting to an address with the sa_family
    member of sockaddr set to AF_UNSPEC".
    """
    libc = ctypes.CDLL(None)
    return bool(libc.connect(connected.fileno(), _UNSPECIFIED, len(_UNSPECIFIED)) == 0)
