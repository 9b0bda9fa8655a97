"""Networks as they are written down and compared: IPv4 in IPv6's clothes (RFC 4291 section 2.5.5.2) is IPv4."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

Network = IPv4Network | IPv6Network
_MAPPED_BITS: Final = 96  # before the IPv4 address


def read_network(text: str) -> Network:
    """An address or a network; bits beyond its prefix do not count. Raises ValueError.

    A zone (RFC 4007 section 11) is refused: it is not compared, so that naming one would restrict nothing.
    """
    if "%" in text:
        raise ValueError("a network has no zone")
    network = ip_network(text, strict=False)
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    if mapped is None or network.prefixlen < _MAPPED_BITS:
        return network
    return IPv4Network((mapped, network.prefixlen - _MAPPED_BITS))


def kept_network(text: str) -> Network:
    """One that was read and written down before. A zone was taken then; such a network counts without it, as it always
    has: who holds a key that names one can go on using it."""
    address, _, zoned = text.partition("%")
    _, slash, prefix = zoned.partition("/")
    return read_network(address + slash + prefix)
