"""Where a 3xx sends a call: the Contacts that may be followed, in their order (RFC 3261 8.1.3.4, 20.10).

A carrier may send a call to another of its own addresses and to another number there, and nowhere else. The URI that is
called is built from the user part, host and port alone: no parameter, header or method of the Contact is taken over.
Within the user part stands what a query of number portability has found (RFC 4694), which may be all that a 3xx brings:
without it the same number would be asked for again.
"""

import re
from dataclasses import dataclass
from typing import Final

from b2bua.addresses import canonical_host
from b2bua.config import TrunkUri
from b2bua.sip.errors import SipError
from b2bua.sip.headers import NameAddr
from b2bua.sip.message import Response
from b2bua.sip.routing import DEFAULT_PORT, TransportAddress, bracketed, is_ip_literal, transport_of
from b2bua.switch.trunk import Trunk

MOST_CONTACTS: Final = 8  # of one 3xx; the rest are not looked at
_USER: Final = re.compile(
    r"[A-Za-z0-9+_.*-]{1,64}(?:;(?:npdi|(?:rn|cic)=\+?[0-9A-F.-]{1,32}|(?:rn|cic)-context=\+?[A-Z0-9.-]{1,64})){0,5}",
    re.IGNORECASE | re.ASCII,
)
_OVER: Final = frozenset({"maddr", "method", "ttl"})  # parameters that would send the request elsewhere, or another one


@dataclass(frozen=True, slots=True)
class Redirection:
    """One Contact that may be followed: its request URI, and the address that names; None: by the trunk's own
    destinations."""

    request_uri: str
    address: TransportAddress | None


def redirections(response: Response, trunk: Trunk, own: str) -> list[Redirection]:
    """The Contacts of a 3xx that stay with the trunk, those of the highest q first, equals as they stand. `own`: the
    transport that the INVITE was to go by, which is DNS's to say where the trunk's URI names none."""
    found: list[tuple[float, Redirection]] = []
    for text in response.headers.get_all("Contact")[:MOST_CONTACTS]:
        try:
            contact = NameAddr.parse(text)
            followed = _followed(contact, trunk, own)
        except SipError:
            continue
        if followed is not None:
            found.append((_preference(contact), followed))
    return [redirection for _q, redirection in sorted(found, key=lambda each: -each[0])]


def _followed(contact: NameAddr, trunk: Trunk, own: str) -> Redirection | None:
    """The Contact as it may be followed, None where it leads away from the trunk or is no plain SIP address, as with
    port 0, which nobody can listen on."""
    uri = contact.uri
    if not uri.is_sip or not _USER.fullmatch(uri.user or "") or any(uri.has_param(name) for name in _OVER):
        return None
    if uri.port == 0:
        return None
    if transport_of(uri, own) != own:  # neither down from TLS nor to where no connection of ours may go
        return None
    host, port = canonical_host(uri.host).removesuffix("."), uri.port or DEFAULT_PORT[own]
    phone = ";user=phone" if trunk.config.user_phone else ""
    request_uri = f"sip:{uri.user}@{_where(host, port, trunk, own)}{phone}"
    if is_ip_literal(host):
        if not trunk.has_address(host):
            return None
        by_proxy = trunk.config.outbound_proxy is not None
        return Redirection(request_uri, None if by_proxy else TransportAddress(own, host, port))
    return Redirection(request_uri, None) if _is_its_name(host, uri.port, trunk, own) else None


def _where(host: str, port: int, trunk: Trunk, own: str) -> str:
    """Host and port as the INVITEs to the trunk have them, so that one that comes back to the first is known by it;
    elsewhere without the usual port."""
    at, usual = trunk.config.uri, DEFAULT_PORT[own]
    is_its_own = (host.lower(), port) == (at.host.lower(), at.port)
    says_port = at.port_given if is_its_own else port != usual
    return bracketed(host) + (f":{port}" if says_port else "")


def _is_its_name(host: str, port: int | None, trunk: Trunk, own: str) -> bool:
    config = trunk.config
    named = [config.uri] if config.outbound_proxy is None else [config.uri, config.outbound_proxy]
    if config.domain and host.lower() == config.domain.lower():
        return port is None or _may_be_at(port, config.uri, own)
    return any(host.lower() == each.host.lower() and (port is None or _may_be_at(port, each, own)) for each in named)


def _may_be_at(port: int, uri: TrunkUri, own: str) -> bool:
    """Whether a Contact may say this port and mean the URI's host: its own, and where it gives none, the usual one of
    the transport `own`, which DNS may lead to."""
    return port == uri.port or (not uri.port_given and port == DEFAULT_PORT[own])


def _preference(contact: NameAddr) -> float:
    """Its q, 0 to 1; 1 where it has none or one that cannot be read."""
    try:
        value = float(contact.param("q") or 1.0)
    except ValueError:
        return 1.0
    return value if 0.0 <= value <= 1.0 else 1.0
