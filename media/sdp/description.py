"""A session description (RFC 8866) as it is known here: its parts, its addresses, and how much of each may come."""

import ipaddress
from functools import lru_cache
from typing import Final, NamedTuple

from media.errors import UnusableSdp

DESCRIPTION_BYTES_MAX: Final = 65_535
LINES_MAX: Final = 1_000
MEDIA_MAX: Final = 32
FORMATS_MAX: Final = 64
PORT_MAX: Final = 65_535
_CACHED_ADDRESSES: Final = 1_024

SENDRECV: Final = "sendrecv"
SENDONLY: Final = "sendonly"
RECVONLY: Final = "recvonly"
INACTIVE: Final = "inactive"
DIRECTIONS: Final = (SENDRECV, SENDONLY, RECVONLY, INACTIVE)

Attributes = tuple[tuple[str, str | None], ...]


class Origin(NamedTuple):
    """The o= line. `address` without brackets."""

    username: str
    session_id: str
    version: str
    address: str


class Media(NamedTuple):
    """One m= section. `address` is its own c= address, None when the session's counts; `formats` as written.

    `protocol` is in capitals where it is RTP's, however it was written; any other is as written, for our answer has to
    name the same (RFC 3264 section 6) and case counts in SDP (RFC 8866 section 5).

    Attributes are not shown: there may be keys among them.
    """

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    address: str | None = None
    attributes: Attributes = ()

    def __repr__(self) -> str:
        shown = f"{self.kind!r}, {self.port!r}, {self.protocol!r}, {self.formats!r}, {self.address!r}"
        return f"Media({shown})"

    def attribute(self, name: str) -> str | None:
        """The value of the first attribute of this name; "" for one without a value, None when it is absent."""
        return _attribute(self.attributes, name)


class SessionDescription(NamedTuple):
    """A whole description. `address` is the session's c= address, None when it has none."""

    origin: Origin | None
    address: str | None
    media: tuple[Media, ...]
    attributes: Attributes = ()

    def attribute(self, name: str) -> str | None:
        """The value of the session's first attribute of this name; "" for one without a value, None when absent."""
        return _attribute(self.attributes, name)

    def address_of(self, media: Media) -> str | None:
        """The c= address that counts for a media section."""
        return media.address if media.address is not None else self.address

    def direction_of(self, media: Media) -> str:
        """The direction that counts for a media section, from its writer's view (RFC 8866 section 6.7)."""
        for attributes in (media.attributes, self.attributes):
            for name, _ in attributes:
                if name in DIRECTIONS:
                    return name
        return SENDRECV


def _attribute(attributes: Attributes, name: str) -> str | None:
    for found, value in attributes:
        if found == name:
            return value or ""
    return None


@lru_cache(maxsize=_CACHED_ADDRESSES)
def parse_address(text: str) -> str:
    """An IP literal in its canonical form; UnusableSdp for anything else (a host name, a group).

    IPv6 may stand in brackets, which RFC 8866 knows nothing of and some peers write. IPv4 that is mapped into IPv6 is
    IPv4: nothing may reach by it what that would not (RFC 4291 section 2.5.5.2).
    """
    literal = text[1:-1] if text.startswith("[") and text.endswith("]") and ":" in text else text
    try:
        address = ipaddress.ip_address(literal)
    except ValueError:
        raise UnusableSdp("a c= address is not an IP address") from None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    reserved = address.version == 4 and address.is_reserved  # 240.0.0.0/4, the broadcast address among them
    if address.is_multicast or reserved or "%" in text:
        raise UnusableSdp("a c= address is not a unicast IP address")
    return str(address)


@lru_cache(maxsize=_CACHED_ADDRESSES)
def is_unspecified(address: str) -> bool:
    """Whether it is 0.0.0.0 or ::, the old way to say hold (RFC 3264 section 8.4)."""
    return ipaddress.ip_address(address).is_unspecified
