"""Where a URI's requests go: RFC 3263 sections 4.1 and 4.2, with the order of RFC 2782. DNS answers come in as values.

`questions` says what is still to be asked, `located` what follows once nothing is. Nothing here depends on time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import groupby
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from b2bua.sip.routing import DEFAULT_PORT, TransportAddress, is_ip_literal
from b2bua.sip.uri import MAX_HOST_LENGTH, Uri
from b2bua.tokens import Tokens

MAX_ROUNDS: Final = 3
"""Rounds of questions at most: NAPTR, SRV, addresses. Aliases (CNAME) are the resolver's to follow and to bound."""
MAX_NAPTR: Final = 8
"""NAPTR records regarded, the most preferred; the rest are ignored."""
MAX_SRV: Final = 16
"""SRV records of one name regarded, those of the lowest priority; the rest are ignored."""
MAX_ADDRESSES: Final = 8
"""Addresses of one host and IP version regarded."""
MAX_DESTINATIONS: Final = 32
"""Destinations of one target; the last are left off."""

_TRANSPORTS: Final = ("udp", "tcp", "tls")  # without NAPTR: what a SIP URI means by itself comes first
_OF_SERVICE: Final = MappingProxyType({"sip+d2u": "udp", "sip+d2t": "tcp", "sips+d2t": "tls"})
_SRV_PREFIX: Final = MappingProxyType({"udp": "_sip._udp.", "tcp": "_sip._tcp.", "tls": "_sips._tcp."})
_NAME_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")
_BROADCAST: Final = IPv4Address("255.255.255.255")


class Way(NamedTuple):
    """What a listener of ours lets us send by."""

    transport: str
    ip_version: Literal[4, 6]


@dataclass(frozen=True, slots=True)
class Question:
    """One DNS query. `name` is lowercase and has no dot at its end."""

    name: str
    kind: Literal["NAPTR", "SRV", "A", "AAAA"]


@dataclass(frozen=True, slots=True)
class Naptr:
    """A NAPTR record (RFC 3403 section 4.1) without its regular expression, which SIP does not use."""

    order: int
    preference: int
    flags: str
    service: str
    replacement: str


@dataclass(frozen=True, slots=True)
class Srv:
    """An SRV record (RFC 2782). `target` is "" where the service is decidedly not offered ("." in the zone)."""

    priority: int
    weight: int
    port: int
    target: str


Record = Naptr | Srv | str
Answers = Mapping[Question, Sequence[Record]]
"""The records of each question asked so far; none where there are none. An address is its text."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a URI says of where it is: `port` and `transport` None where it says nothing; `secure` for sips."""

    host: str
    port: int | None = None
    transport: str | None = None
    secure: bool = False

    @classmethod
    def of_uri(cls, uri: Uri) -> Target:
        """The target of a SIP URI: `maddr` where it has one, else the host (section 4)."""
        transport = uri.param("transport")
        return cls(
            uri.param("maddr") or uri.host, uri.port, None if not transport else transport.lower(), uri.scheme == "sips"
        )


def questions(target: Target, ways: Sequence[Way], answers: Answers) -> tuple[Question, ...]:
    """What is to be asked next, all at once; empty when `answers` say all there is to know."""
    known = _Known(answers)
    hops = _hops(target, ways, known)
    if not known.missing:
        for hop in hops:
            _addresses(hop, ways, known)
    return tuple(dict.fromkeys(known.missing))


def located(target: Target, ways: Sequence[Way], answers: Answers, tokens: Tokens) -> tuple[TransportAddress, ...]:
    """Where to send, in the order to try: at most `MAX_DESTINATIONS`, each once; empty when it cannot be reached.

    Only transports and IP versions of `ways` are regarded, the versions in its order. What was not asked counts as
    having no records.
    """
    known = _Known(answers)
    found: dict[TransportAddress, None] = {}
    for hop in _hops(target, ways, known, tokens):
        for address in _addresses(hop, ways, known):
            found[TransportAddress(hop.transport, address, hop.port)] = None
    return tuple(found)[:MAX_DESTINATIONS]


class _Known:
    """The answers so far, and what was looked for in vain."""

    __slots__ = ("_answers", "missing")

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self.missing: list[Question] = []

    def of(self, question: Question) -> Sequence[Record]:
        records = self._answers.get(question)
        if records is None:
            self.missing.append(question)
            return ()
        return records


class _Hop(NamedTuple):
    """A host that serves a transport at a port."""

    transport: str
    host: str
    port: int


class _Service(NamedTuple):
    """A transport and the name its SRV records are at."""

    transport: str
    srv_name: str


def _hops(target: Target, ways: Sequence[Way], known: _Known, tokens: Tokens | None = None) -> list[_Hop]:
    """The hosts to try, in order; of those with equal priority in any order where no `tokens` decide it."""
    host = _plain_name(target.host)
    spoken = {way.transport for way in ways}
    if not host:
        return []
    if is_ip_literal(host) or target.port is not None:
        transport = _named_transport(target) or ("tls" if target.secure else "udp")
        port = DEFAULT_PORT.get(transport, 0) if target.port is None else target.port
        return [_Hop(transport, host, port)] if transport in spoken else []
    services = _services(target, host, spoken, known)
    if known.missing or not services:
        return []
    hops: list[_Hop] = []
    any_record = False
    for service in services:
        records = [record for record in known.of(Question(service.srv_name, "SRV")) if isinstance(record, Srv)]
        any_record = any_record or bool(records)
        chosen = _ordered(records, MAX_DESTINATIONS - len(hops), tokens)
        hops += [_Hop(service.transport, record.target, record.port) for record in chosen]
    if any_record or known.missing:
        return hops
    transport = _fallback(target, services, spoken, known, host)
    return [_Hop(transport, host, DEFAULT_PORT[transport])] if transport in spoken else []


def _named_transport(target: Target) -> str | None:
    """The transport that the URI names. With sips, tcp means TLS over it, and there is none over UDP."""
    if target.transport is None or not target.secure:
        return target.transport
    return "tls" if target.transport in ("tcp", "tls") else "none"


def _services(target: Target, host: str, spoken: set[str], known: _Known) -> list[_Service]:
    """The transports to try and their SRV names (section 4.1), the preferred first."""
    named = _named_transport(target)
    if named is not None:
        return [_Service(named, _SRV_PREFIX[named] + host)] if named in spoken else []
    by_naptr = _by_naptr(target, host, spoken, known)
    if by_naptr or known.missing:
        return by_naptr
    wanted = ("tls",) if target.secure else _TRANSPORTS
    return [_Service(transport, _SRV_PREFIX[transport] + host) for transport in wanted if transport in spoken]


def _by_naptr(target: Target, host: str, spoken: set[str], known: _Known) -> list[_Service]:
    usable: list[tuple[int, int, _Service]] = []
    for record in known.of(Question(host, "NAPTR")):
        if not isinstance(record, Naptr) or record.flags.lower() != "s":
            continue
        transport = _OF_SERVICE.get(record.service.lower())
        name = _plain_name(record.replacement)
        if transport in spoken and transport is not None and name and (transport == "tls" or not target.secure):
            usable.append((record.order, record.preference, _Service(transport, name)))
    usable.sort(key=lambda each: each[:2])
    return list(dict.fromkeys(service for _, _, service in usable[:MAX_NAPTR]))


def _fallback(target: Target, services: list[_Service], spoken: set[str], known: _Known, host: str) -> str:
    """The transport for the host itself where there is no SRV record: the one that was chosen, else the usual one."""
    if _named_transport(target) is not None or _by_naptr(target, host, spoken, known):
        return services[0].transport
    return "tls" if target.secure else "udp"


def _ordered(records: Sequence[Srv], limit: int, tokens: Tokens | None) -> Iterable[Srv]:
    """Those that can be called, by priority, and within one in an order drawn by weight (RFC 2782)."""
    usable = [record for record in records if _plain_name(record.target) and 0 < record.port <= 65_535]
    usable.sort(key=lambda record: record.priority)
    usable = usable[: min(MAX_SRV, limit)]
    if tokens is None:
        return usable
    drawn: list[Srv] = []
    for _, equals in groupby(usable, key=lambda record: record.priority):
        drawn += _drawn(sorted(equals, key=lambda record: record.weight), tokens)
    return drawn


def _drawn(left: list[Srv], tokens: Tokens) -> Iterable[Srv]:
    """One after the other with a chance in proportion to its weight; of weight 0 hardly ever before another."""
    while left:
        at = tokens.integer(32) % (sum(record.weight for record in left) + 1)
        position = 0
        while at > left[position].weight:
            at -= left[position].weight
            position += 1
        yield left.pop(position)


def _addresses(hop: _Hop, ways: Sequence[Way], known: _Known) -> list[str]:
    host = _plain_name(hop.host)
    versions = list(dict.fromkeys(way.ip_version for way in ways if way.transport == hop.transport))
    if is_ip_literal(host):
        address = ip_address(host)
        return [str(address)] if address.version in versions and _can_be_called(address) else []
    found: list[str] = []
    for version in versions if host else ():
        records = known.of(Question(host, "A" if version == 4 else "AAAA"))
        texts = [record for record in records if isinstance(record, str) and is_ip_literal(record)]
        addresses = [address for address in map(ip_address, texts) if address.version == version]
        found += [str(address) for address in addresses if _can_be_called(address)][:MAX_ADDRESSES]
    return found


def _can_be_called(address: IPv4Address | IPv6Address) -> bool:
    """Whether it is one host's: an answer with any other address would have us shout, or talk to ourselves."""
    return not (address.is_multicast or address.is_unspecified or address == _BROADCAST)


def _plain_name(name: str) -> str:
    """A name in lowercase without its last dot, or an IP literal; "" for what is neither."""
    if is_ip_literal(name):
        return name
    plain = name.lower().removesuffix(".")
    fits = 0 < len(plain) <= MAX_HOST_LENGTH and _NAME_CHARACTERS.issuperset(plain)
    return plain if fits and all(0 < len(label) <= 63 for label in plain.split(".")) else ""
