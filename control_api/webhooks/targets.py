"""Where webhooks and streams may go: public addresses alone, judged after DNS and used as judged.

The connector connects to the very addresses this resolver returned, so a name that resolves differently a moment later
(DNS rebinding) gains nothing. A redirect is never followed, so it gains nothing either.
"""

import errno
import os
import socket
import ssl
from collections import Counter
from collections.abc import Iterable
from functools import partial
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from b2bua.clock import Clock
from b2bua.lookups import NameLookups

MOST_ADDRESSES: Final = 8  # of a name and an IP version, tried one after the other; more are left alone

_TRANSLATED: Final = IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address
_TRANSLATED_LOCALLY: Final = IPv6Network("64:ff9b:1::/48")  # RFC 8215
_COMPATIBLE: Final = IPv6Network("::/96")  # RFC 4291 section 2.5.5.1, deprecated


class TargetRefused(OSError):
    """A webhook's host is, or resolves only to, addresses that are not public."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.EACCES, reason)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is one of the public internet, also when it stands inside an IPv6 address."""
    if isinstance(address, IPv6Address):
        inner = _inner_address(address)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local or address in _TRANSLATED_LOCALLY:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved and not address.is_unspecified


def _inner_address(address: IPv6Address) -> IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _TRANSLATED or address in _COMPATIBLE:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return None


def failure_text(failure: Exception) -> str:
    """Why an HTTP request had no answer, for people: what the network said, in place of the names of classes."""
    if isinstance(failure, TargetRefused):
        return _words(failure)
    if isinstance(failure, aiohttp.ClientConnectorCertificateError):
        return f"the certificate of {failure.host} is not trusted: {_words(failure.certificate_error)}"
    if not isinstance(failure, aiohttp.ClientConnectorError):
        return f"{type(failure).__name__}: {failure}".removesuffix(": ")
    cause = failure.os_error
    if isinstance(cause, TargetRefused):
        return failure_text(cause)
    if isinstance(failure, aiohttp.ClientConnectorDNSError):
        return f"{failure.host} does not resolve ({_words(cause)})"
    if isinstance(cause, ssl.SSLError):
        return f"no TLS with {failure.host} port {failure.port}: {_words(cause)}"
    # The loop's own text for a refused connection has the address in it and not the reason.
    number = cause.errno
    said = os.strerror(number) if number is not None and number in errno.errorcode else _words(cause)
    return f"no connection to {failure.host} port {failure.port}: {said}"


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def check_target(url: URL, allow_private: bool, schemes: tuple[str, str] = ("http", "https")) -> None:
    """Refuse what can be refused without DNS: TargetRefused for another scheme, no host, or a private literal."""
    host = url.host
    if url.scheme not in schemes or not host:
        raise TargetRefused(f"refused: not an {schemes[0]} or {schemes[1]} URL")
    if allow_private:
        return
    try:
        literal = ip_address(host.partition("%")[0])
    except ValueError as error:
        # "127.1", "2130706433", "v1.a:b": no name to the HTTP client, which gives it to the socket without a look-up of
        # ours; a socket would take it for an address, or look it up itself.
        if ":" in host or host.replace(".", "").isdigit():
            raise TargetRefused(f"refused: {host} is not an address as such are written") from error
        return
    if not is_public(literal):
        raise TargetRefused(f"refused: {literal} is not a public address")


class TargetResolver(AbstractResolver):
    """Looks names up in threads of its own and lets only public addresses through, unless private ones are allowed."""

    def __init__(self, clock: Clock, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._lookups = NameLookups("webhook-dns", clock.monotonic)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of `host` that may be used, a few of each IP version; OSError when there are none."""
        found = await self._lookups.look_up(host, partial(_look_up, host, port, family))
        allowed = [result for result in found if self._allow_private or is_public(ip_address(result["host"]))]
        if not allowed:
            raise TargetRefused(f"refused: {host} has no public address")
        return _few(allowed)

    async def close(self) -> None:
        """Start no more lookups; those under way end by themselves."""
        self._lookups.close()


def _look_up(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    flags = socket.AI_ADDRCONFIG
    entries = socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM, flags=flags)
    return [
        ResolveResult(
            hostname=host,
            host=str(address[0]).partition("%")[0],
            port=int(address[1]),
            family=family_found,
            proto=protocol,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        for family_found, _, protocol, _, address in entries
    ]


def _few(found: Iterable[ResolveResult]) -> list[ResolveResult]:
    """The first of each IP version, in their order."""
    seen: Counter[int] = Counter()
    few = []
    for result in found:
        seen[result["family"]] += 1
        if seen[result["family"]] <= MOST_ADDRESSES:
            few.append(result)
    return few
