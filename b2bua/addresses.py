"""One text for each IP address, so that addresses may be compared as texts (RFC 4291 section 2.2, RFC 5952)."""

from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address
from typing import Final

_CACHED_ADDRESSES: Final = 4_096


def canonical_host(host: str) -> str:
    """A host, without brackets, as it is compared: an IPv6 address as RFC 5952 writes it, IPv4 that is mapped into IPv6
    as IPv4, for our IPv6 sockets carry no IPv4. A name or an IPv4 address, which has one text alone, as it stands."""
    return _canonical_ipv6(host) if ":" in host else host


@lru_cache(maxsize=_CACHED_ADDRESSES)
def _canonical_ipv6(host: str) -> str:
    try:
        address = IPv6Address(host)
    except AddressValueError:
        return host
    return str(address if address.ipv4_mapped is None else address.ipv4_mapped)
