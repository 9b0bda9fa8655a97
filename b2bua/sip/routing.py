"""Where a message goes: the path of a response (RFC 3261 18.2.2, RFC 3581) and the next hop of a request (12.2.1.1)."""

from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address
from typing import Final, NamedTuple

from b2bua.addresses import canonical_host
from b2bua.sip.errors import MalformedHeader, SipError
from b2bua.sip.grammar import MAX_PARAMETERS
from b2bua.sip.headers import NameAddr
from b2bua.sip.message import Request
from b2bua.sip.uri import Uri

DEFAULT_PORT: Final = {"udp": 5060, "tcp": 5060, "tls": 5061}
_CACHED_HOSTS: Final = 4_096
_CACHED_HOPS: Final = 1_024
ROUTES_REMEMBERED: Final = 1_024  # characters
ANYBODY: Final = "*"
"""Expected where whoever answers is believed."""


class TransportAddress(NamedTuple):
    """One end of a transport: `udp`, `tcp` or `tls`, an IP literal without brackets, and a port.

    `expected`, by TLS alone: the name that the certificate must have of whoever answers there, or `ANYBODY`. "" where
    nothing but the address tells, as of one that something came from. It belongs to who is called and not to the place:
    two names that lead to one place are two destinations.

    The literal is in the text that `canonical_host` gives it: two that are equal are one address. A tuple, because
    tables are looked up by it several times a message, and a tuple's hash is quick.
    """

    transport: str
    host: str
    port: int
    expected: str = ""

    def __str__(self) -> str:
        """`udp:192.0.2.1:5060`, IPv6 in brackets."""
        return f"{self.transport}:{bracketed(self.host)}:{self.port}"

    @property
    def place(self) -> "TransportAddress":
        """The address alone, whoever is expected there."""
        return TransportAddress(self.transport, self.host, self.port) if self.expected else self

    def expecting(self, name: str) -> "TransportAddress":
        """The same address where it is said already who is expected, or no certificate is shown; else with `name`."""
        return self._replace(expected=name) if name and self.transport == "tls" and not self.expected else self

    @property
    def reliable(self) -> bool:
        """True where the transport itself delivers or fails, so that nothing is retransmitted."""
        return self.transport != "udp"


@dataclass(frozen=True, slots=True)
class LocalAddress:
    """A listener of ours: the address its socket is bound to, and the host (no brackets) and port that peers are told,
    an address in the text of `canonical_host`.

    The derived texts stand in every message: `sent_by` in Via, `via_start` up to the branch, `contact_uri`.
    """

    bound: TransportAddress
    advertised_host: str
    advertised_port: int
    sent_by: str = field(init=False, compare=False)
    via_start: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Prepare the texts."""
        sent_by = f"{bracketed(self.advertised_host)}:{self.advertised_port}"
        object.__setattr__(self, "sent_by", sent_by)
        object.__setattr__(self, "via_start", f"Via: SIP/2.0/{self.bound.transport.upper()} {sent_by};branch=")

    @property
    def told(self) -> TransportAddress:
        """The address that peers are told."""
        return TransportAddress(self.bound.transport, self.advertised_host, self.advertised_port)

    def contact_uri(self, user: str | None = None, *, secure: bool = False) -> str:
        """The URI where we are reached, with no user part or a fixed one that tells nothing. `secure`: a SIPS URI."""
        userinfo = f"{user}@" if user else ""
        if secure:
            return f"sips:{userinfo}{self.sent_by}"
        transport = "" if self.bound.transport == "udp" else f";transport={self.bound.transport}"
        return f"sip:{userinfo}{self.sent_by}{transport}"


Carried = frozenset[bytes] | None
"""The requests that a connection had taken when it failed, as they were sent; None where that is not known."""


class Outgoing(NamedTuple):
    """A datagram, or a stream's message, to be sent; `local` is the bound address it leaves from.

    `fallback`, on a stream alone: where it goes when `destination` cannot be reached.
    """

    content: bytes
    destination: TransportAddress
    local: TransportAddress
    fallback: TransportAddress | None = None


def bracketed(host: str) -> str:
    """The host as it stands in a URI or a Via: an IPv6 literal in brackets."""
    return f"[{host}]" if ":" in host else host


@lru_cache(maxsize=_CACHED_HOSTS)
def is_ip_literal(host: str) -> bool:
    """Whether the host, without brackets, is an address and no name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def stamp_via(request: Request, source: TransportAddress) -> None:
    """Note in the topmost Via where the request came from: `received` (18.2.1) and the value of `rport` (RFC 3581 4).

    Raises MalformedHeader where the Via cannot be read, or has no room for it.
    """
    via = request.via
    if via.wants_rport:
        via = via.with_params(received=source.host, rport=str(source.port))
    elif via.host != source.host and canonical_host(via.host) != source.host:
        via = via.with_params(received=source.host)
    else:
        return
    if len(via.params) > MAX_PARAMETERS:
        raise MalformedHeader("Too many parameters", "Via")
    request.headers.stamp_via(via)


def response_destination(request: Request, source: TransportAddress) -> TransportAddress:
    """Where the responses to a stamped request go: 18.2.2 and RFC 3581 section 4. Raises MalformedHeader.

    On a stream, back over it. On UDP to `maddr`, else to the source's host, at the source's port where rport was
    asked for and at the port of sent-by otherwise.
    """
    if source.reliable:
        return source
    via = request.via
    maddr = via.maddr
    if maddr is not None and is_ip_literal(maddr):
        return TransportAddress(source.transport, canonical_host(maddr), via.port or DEFAULT_PORT[source.transport])
    if via.wants_rport:
        return source
    return TransportAddress(source.transport, source.host, via.port or DEFAULT_PORT[source.transport])


def response_fallback(request: Request, source: TransportAddress) -> TransportAddress | None:
    """Where the responses to a request go when the stream that it came on is gone: to its source's host, at the port
    of sent-by (18.2.2). None for a datagram, and where the Via cannot be read.
    """
    if not source.reliable:
        return None
    try:
        port = request.via.port or DEFAULT_PORT[source.transport]
    except SipError:
        return None
    return TransportAddress(source.transport, source.host, port, source.expected)


def heard_at(request: Request, source: TransportAddress) -> TransportAddress:
    """Where the sender of a stamped request hears us, whatever its Contact says: on a stream over that, over UDP where
    its request came from. One that asks for no `rport` need not listen there: it may send by another port each time,
    and takes responses at that of sent-by (18.2.2).
    """
    via = request.via
    if source.reliable or via.wants_rport or via.maddr is not None:
        return source
    return source._replace(port=via.port or DEFAULT_PORT[source.transport])


class RoutedRequest(NamedTuple):
    """A request's line, its Route values and the URI of its next hop."""

    request_uri: str
    routes: tuple[str, ...]
    next_hop: str


def work_out_route(target: str, route_set: tuple[str, ...]) -> RoutedRequest:
    """What a request to `target` through `route_set` looks like (12.2.1.1). Raises MalformedHeader, MalformedUri.

    A first route with `lr` is a loose router: the target stays the request URI. Without, it is a strict router: its
    URI becomes the request URI, without what may not stand there, and the target goes last in Route.
    """
    if not route_set:
        return RoutedRequest(target, (), target)
    first = NameAddr.parse(route_set[0]).uri
    if first.is_loose_router:
        return RoutedRequest(target, route_set, str(first))
    return RoutedRequest(str(first.in_request_line()), (*route_set[1:], f"<{target}>"), str(first))


route_in_dialog: Final = lru_cache(maxsize=_CACHED_HOPS)(work_out_route)
"""The same, remembered; not for a `route_set` longer than `ROUTES_REMEMBERED`: some 60 kB may come in one message."""


def transport_of(uri: Uri, usual: str) -> str:
    """The transport a SIP URI asks for, in lowercase; `usual` where it says none. With sips, tcp is TLS (26.2.2)."""
    named = (uri.param("transport") or "").lower()
    if uri.scheme == "sips" and named in ("", "tcp"):
        return "tls"
    return named or usual


@lru_cache(maxsize=_CACHED_HOPS)
def next_hop_address(uri_text: str, transport: str) -> TransportAddress | None:
    """The address a SIP URI names by itself; None where that takes DNS, nothing can listen (port 0), or the URI is no
    SIP.

    `transport` is used where the URI names none. Raises MalformedUri.
    """
    uri = Uri.parse(uri_text)
    host = uri.next_host
    if not uri.is_sip or uri.port == 0 or not is_ip_literal(host):
        return None
    named = transport_of(uri, transport)
    if named not in DEFAULT_PORT:
        return None
    return TransportAddress(named, canonical_host(host), uri.port or DEFAULT_PORT[named])
