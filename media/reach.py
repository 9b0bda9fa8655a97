"""Where a leg's media may be sent: never back to this engine, and to loopback only for peers that are there."""

import ipaddress
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final

from media.errors import UnusableSdp
from media.sdp.session import is_unspecified

_CACHED_ADDRESSES: Final = 1_024


@lru_cache(maxsize=_CACHED_ADDRESSES)
def is_loopback(address: str) -> bool:
    """Whether it is of 127.0.0.0/8, or ::1."""
    return ipaddress.ip_address(address).is_loopback


class Reach:
    """What an SDP may name, of one engine.

    A description that names a port of ours would make two legs of two calls send to each other, or one to itself:
    media reflected at the speed of the machine, or the wrong call's.
    """

    def __init__(
        self,
        addresses: Iterable[str],
        holds: Callable[[int], bool],
        here: Callable[[str], bool],
    ) -> None:
        """`addresses`: those we receive at, and those that SDP says instead. Where one of them is the unspecified one
        all addresses of this machine are ours, and `here` tells which those are. `holds`: whether a port is bound by
        this engine; another program may have others of its range."""
        # An advertised name, which SDP may have too, is nothing that a peer's c= line could be taken for.
        literals = [text for text in addresses if _is_literal(text)]
        self._own = frozenset(str(ipaddress.ip_address(text)) for text in literals)
        self._everywhere = any(ipaddress.ip_address(text).is_unspecified for text in literals)
        self._on_loopback = bool(literals) and ipaddress.ip_address(literals[0]).is_loopback
        self._holds = holds
        self._here = here

    def check(self, address: str, port: int, *, loopback: bool) -> None:
        """UnusableSdp where media may not be sent there. `loopback`: the leg's peer is on loopback itself; everybody is
        where the first address of ours is."""
        if is_unspecified(address):
            raise UnusableSdp("the SDP's address is the unspecified one")
        if is_loopback(address) and not (loopback or self._on_loopback):
            raise UnusableSdp("the SDP's address is a loopback address, and its peer is not on loopback")
        if self._holds(port) and self._is_ours(address):
            raise UnusableSdp("the SDP's address and port are of our own media")

    def _is_ours(self, address: str) -> bool:
        return address in self._own or (self._everywhere and self._here(address))


@lru_cache(maxsize=_CACHED_ADDRESSES)
def _is_literal(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
