"""Whose packets a leg takes: the SDP's address, declared networks, or, behind NAT, the one latched (RFC 4961, 7362)."""

import ipaddress
from typing import Final

from media.packet_path.interface import Address

# How long a leg behind NAT may show its real address once it has reason to send; afterwards the door is shut.
LATCH_WINDOW_S: Final = 5.0
# How long after an SDP that moves it nothing is taken from where a leg was before: what it has sent from there until it
# has our answer is still on its way.
LEFT_S: Final = 0.5
# Who has sent to resting ports so shortly before they were given to a leg does not stop: a party of a call that is
# over.
STRAY_S: Final = 0.2
# Addresses of declared networks that are remembered as welcome.
_WELCOME_MAX: Final = 64


class Gate:
    """The source check of one stream. `target` is where its media is sent.

    Without networks and NAT only the SDP's address and port is taken. With networks, any port of an address in them
    too. With NAT the first valid RTP within the window after an SDP, or after `arm`, is latched, from the networks only
    where there are any; then nothing else is taken. What an SDP that names another address moves the leg away from is
    taken only after a while, and gives way to whoever else shows within the window. Without a remote, nothing is.
    `stray`: who has sent to the ports before they were the leg's, and is taken only where the SDP names it.
    """

    __slots__ = (
        "_armed_until",
        "_left",
        "_left_until",
        "_named",
        "_nat",
        "_networks",
        "_welcome",
        "latched",
        "stray",
        "target",
    )

    def __init__(self, nat: bool, networks: tuple[tuple[int, int, int], ...]) -> None:
        self._nat = nat
        self._networks = networks
        self._armed_until = 0.0
        self._left: Address | None = None
        self._left_until = 0.0
        self._named: Address | None = None  # by the newest SDP, wherever its packets come from
        self._welcome: set[Address] = set()
        self.target: Address | None = None
        self.latched = False
        self.stray: Address | None = None

    def set_remote(self, remote: Address | None, renewed: bool, now: float) -> None:
        """Take over an SDP's address; None (an old-style hold) or one that is not new leaves the known source as it
        is."""
        if remote is None or (not renewed and self.target is not None):
            return
        if self._nat:
            if self.latched or self._left is None:
                self._left = self.target
            if self._left == remote:
                self._left = None
            self._left_until = now + LEFT_S
            self._armed_until = now + LATCH_WINDOW_S
        self.target = self._named = remote
        self.latched = False
        self._welcome = {remote}

    def arm(self, now: float) -> bool:
        """Open the window once more. Only for a leg of which nothing has been taken since its SDP: who has been latched
        stays so. Whether `exclusive` is another now."""
        if not self._nat or self.target is None:
            return False
        shut, self.latched = self.latched, False
        self._armed_until = now + LATCH_WINDOW_S
        return shut

    @property
    def exclusive(self) -> bool:
        """Whether only `target` is taken for certain, so that the kernel may do the check."""
        return self.target is not None and (self.latched or not (self._nat or self._networks))

    def would_admit(self, source: Address, now: float) -> bool:
        """What `admits` would say of a packet that has still to prove itself; nothing is changed by it."""
        if self._nat and not self.latched and self.target is not None:
            return source == self.target or (now <= self._armed_until and self._may_latch(source, now))
        return self.target is not None and (source in self._welcome or (not self._nat and self._in_networks(source)))

    def admits(self, source: Address, now: float) -> bool:
        """Whether a valid RTP packet of this source is taken; may latch, which changes `target`."""
        if self.target is None:
            return False
        if self._nat and not self.latched:
            return self._latch(source, now)
        if source in self._welcome:
            return True
        if self._nat or not self._in_networks(source):
            return False
        if len(self._welcome) < _WELCOME_MAX:
            self._welcome.add(source)
        return True

    def admits_control(self, source: Address, control: Address | None) -> bool:
        """Whether an RTCP packet of this source is taken: the SDP's RTCP address, a declared network, or the latched
        address whatever its port."""
        if self.target is None:
            return False
        if source == control or (self.latched and source[0] == self.target[0]):
            return True
        return not self._nat and self._in_networks(source)

    def admits_multiplexed(self, source: Address) -> bool:
        """Whether RTCP is taken that came to the port of RTP: where RTP of this source is, which it never latches."""
        if self.target is None or (self._nat and not self.latched):
            return False
        return source in self._welcome or (not self._nat and self._in_networks(source))

    def _latch(self, source: Address, now: float) -> bool:
        if now > self._armed_until:
            # Nobody came in time: what the SDP said is all that is left.
            self.latched = True
            return source == self.target
        if not self._may_latch(source, now):
            return False
        self.target = source
        self.latched = source != self._left
        self._welcome = {source}
        return True

    def _may_latch(self, source: Address, now: float) -> bool:
        """Whether one may be latched while the window is open: what the SDP names may wherever that is, and, after a
        while, what the leg was moved away from."""
        if source == self._named:
            return True
        if source == self._left:
            return now >= self._left_until
        return source != self.stray and (not self._networks or self._in_networks(source))

    def _in_networks(self, source: Address) -> bool:
        if not self._networks or source == self.stray:
            return False
        address = ipaddress.ip_address(source[0].partition("%")[0])
        number = int(address)
        return any(version == address.version and first <= number <= last for version, first, last in self._networks)
