"""Where a leg's media may be sent.

To loopback only for peers that are there. Back to this engine only to the leg of another call, where a carrier sends a
call of ours back to us and leaves the media to the two ends.
"""

import ipaddress
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Final, Protocol

from media.errors import UnusableSdp
from media.sdp.description import is_unspecified

_CACHED_ADDRESSES: Final = 1_024


@lru_cache(maxsize=_CACHED_ADDRESSES)
def is_loopback(address: str) -> bool:
    """Whether it is of 127.0.0.0/8, or ::1."""
    return ipaddress.ip_address(address).is_loopback


class Facing(Protocol):
    """A leg of the engine, as one that faces it sees it. Legs of one call have names alike up to the last "/"."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def host(self) -> str:
        """The address its SDP says."""
        ...

    @property
    def port(self) -> int:
        """Its RTP port."""
        ...

    @property
    def learns_address(self) -> bool:
        """Whether it sends to where packets come from, whatever the SDP says."""
        ...

    @property
    def remote(self) -> tuple[str, int] | None:
        """Where it sends, as far as that is settled."""
        ...


def _no_legs() -> Iterable[Facing]:
    return ()


class Reach:
    """What an SDP may name, of one engine.

    A description that names a port of ours makes two legs of ours send to each other. That is right where a carrier
    sends our call back to us as another one, and leaves the media to the two ends: the other leg then has nobody yet,
    or this one. Anything else would be the wrong call's media; and where the way from leg to leg comes back to where it
    began, a packet would go round at the speed of the machine.
    """

    def __init__(
        self,
        addresses: Iterable[str],
        holds: Callable[[int], bool],
        here: Callable[[str], bool],
        legs: Callable[[], Iterable[Facing]] = _no_legs,
    ) -> None:
        """`addresses`: those we receive at, and those that SDP says instead. Where one of them is the unspecified one
        all addresses of this machine are ours, and `here` tells which those are. `holds`: whether a port is bound by
        this engine; another program may have others of its range. `legs`: those that are open."""
        # An advertised name, which SDP may have too, is nothing that a peer's c= line could be taken for.
        literals = [text for text in addresses if _is_literal(text)]
        self._own = frozenset(str(ipaddress.ip_address(text)) for text in literals)
        self._everywhere = any(ipaddress.ip_address(text).is_unspecified for text in literals)
        self._on_loopback = bool(literals) and ipaddress.ip_address(literals[0]).is_loopback
        self._holds = holds
        self._here = here
        self._legs = legs
        self._bound = {":" in text: text for text in reversed(literals)}

    def check(self, address: str, port: int, *, loopback: bool, leg: Facing | None = None) -> str:
        """The address to send to, which is the one we are bound to where that stands for another of ours; UnusableSdp
        where media may not be sent there. `loopback`: the leg's peer is on loopback itself; everybody is where the
        first address of ours is. `leg`: whose RTP it is, None for RTCP."""
        if is_unspecified(address):
            raise UnusableSdp("the SDP's address is the unspecified one")
        if is_loopback(address) and not (loopback or self._on_loopback):
            raise UnusableSdp("the SDP's address is a loopback address, and its peer is not on loopback")
        if not (self._holds(port) and self._is_ours(address)):
            return address
        if leg is None or not self._may_face(leg, (address, port)):
            raise UnusableSdp("the SDP's address and port are of our own media")
        return self._within(address)

    def _within(self, address: str) -> str:
        """The address by which packets of ours reach the socket, and come from, without leaving this machine."""
        bound = self._bound.get(":" in address, address)
        if ipaddress.ip_address(bound).is_unspecified:
            return "::1" if ":" in bound else "127.0.0.1"
        return bound

    def _may_face(self, leg: Facing, remote: tuple[str, int]) -> bool:
        """Whether a leg may send to one of ours: it is nobody else's peer, neither learns its peer's address, and the
        way from call to call does not come back."""
        others = [each for each in self._legs() if each.name != leg.name]
        faced = self._leg_at(others, remote)
        if faced is None or leg.learns_address or faced.learns_address:
            return False
        if faced.remote is not None and not self._is_at(leg, faced.remote):
            return False
        return leg.name not in self._reached_from(faced, others, leg)

    def _reached_from(self, faced: Facing, others: list[Facing], leg: Facing) -> Iterator[str]:
        """The names of the legs by which what reaches `faced` leaves this engine or goes round in it."""
        everyone, waiting, seen = [*others, leg], [faced], {faced.name}
        while waiting:
            entered = waiting.pop()
            call = entered.name.rpartition("/")[0]
            for leaving in everyone:
                if leaving.name == entered.name or leaving.name.rpartition("/")[0] != call:
                    continue
                yield leaving.name
                following = None if leaving.remote is None else self._leg_at(everyone, leaving.remote)
                if following is not None and following.name not in seen:
                    seen.add(following.name)
                    waiting.append(following)

    def _leg_at(self, legs: Iterable[Facing], remote: tuple[str, int]) -> Facing | None:
        return next((each for each in legs if self._is_at(each, remote)), None)

    def _is_at(self, leg: Facing, remote: tuple[str, int]) -> bool:
        address, port = remote
        return leg.port == port and (":" in leg.host) == (":" in address) and self._is_ours(address)

    def _is_ours(self, address: str) -> bool:
        return address in self._own or (self._everywhere and self._here(address))


@lru_cache(maxsize=_CACHED_ADDRESSES)
def _is_literal(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
