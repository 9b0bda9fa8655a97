"""ICE candidates as SDP has them (RFC 8839 section 5.1)."""

import ipaddress
import re
from typing import Final, NamedTuple

from media.sdp.session import parse_number

# Of one browser and one ICE session, those that its checks come from among them; further ones are passed over.
CANDIDATES_MAX: Final = 32

_PRIORITY_MAX: Final = 2**31 - 1
_KINDS: Final = ("host", "srflx", "prflx", "relay")
_FOUNDATION: Final = re.compile(r"[A-Za-z0-9+/]{1,32}")


class IceCandidate(NamedTuple):
    """A candidate of one UDP component. `kind`: host, srflx, prflx or relay; `related`: its base, where it has one."""

    foundation: str
    priority: int
    address: str
    port: int
    kind: str
    related: tuple[str, int] | None = None

    def render(self) -> str:
        """The value of a=candidate."""
        line = f"{self.foundation} 1 udp {self.priority} {self.address} {self.port} typ {self.kind}"
        return line if self.related is None else f"{line} raddr {self.related[0]} rport {self.related[1]}"


def parse_candidate(value: str) -> IceCandidate | None:
    """A far end's candidate; None for what cannot be used and is passed over (section 5.1): no UDP, another component,
    no unicast IP address. A name of mDNS is none: its owner's checks tell its address."""
    fields = value.split()
    if len(fields) < 8 or fields[1] != "1" or fields[2].lower() != "udp" or fields[6] != "typ":
        return None
    priority, port = parse_number(fields[3], _PRIORITY_MAX), parse_number(fields[5], 65_535)
    if not _FOUNDATION.fullmatch(fields[0]) or priority is None or not port or fields[7] not in _KINDS:
        return None
    address = usable_address(fields[4])
    return None if address is None else IceCandidate(fields[0], priority, address, port, fields[7])


def usable_address(text: str) -> str | None:
    """A unicast IP literal in its canonical form, None for anything else."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if address.is_multicast or address.is_unspecified or "%" in text or text == "255.255.255.255":
        return None
    return str(address)
