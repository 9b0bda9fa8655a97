"""Where a URI's requests go: RFC 3263 sections 4.1 and 4.2, with the order of RFC 2782. DNS answers come in as values.

`questions` says what is still to be asked, `choices` what follows once nothing is, and `drawn` the order for one call.
Nothing here depends on time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import chain, groupby
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from b2bua.addresses import canonical_host
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

_ZERO_SHARE: Final = 1_000  # a host of weight 1 comes so many times as often before one of weight 0

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
Answers = Mapping[Question, Sequence[Record] | None]
"""The records of each question asked so far: none where it is known that there are none, None where DNS failed to
answer. An address is its text."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A host among those of equal priority: its weight among them, and its destinations in the order to try them."""

    weight: int
    destinations: tuple[TransportAddress, ...]


Choices = tuple[tuple[Choice, ...], ...]
"""Where a target is: the hosts of the first priority, those of the next, and so on; each has a destination."""


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
        return cls(uri.next_host, uri.port, None if not transport else transport.lower(), uri.scheme == "sips")


def questions(target: Target, ways: Sequence[Way], answers: Answers) -> tuple[Question, ...]:
    """What is to be asked next, all at once; empty when `answers` say all there is to know, or one that the rest
    depends on has failed."""
    known = _Known(answers)
    ranks = _ranks(target, ways, known)
    if known.failed:
        return ()
    if not known.missing:
        for hop in chain.from_iterable(ranks):
            _addresses(hop, ways, known)
    return tuple(dict.fromkeys(known.missing))


def unanswered(answers: Answers) -> tuple[Question, ...]:
    """The questions that DNS failed to answer."""
    return tuple(question for question, records in answers.items() if records is None)


def choices(target: Target, ways: Sequence[Way], answers: Answers) -> Choices:
    """Where to send: at most `MAX_DESTINATIONS`; empty when the target cannot be reached.

    Only transports and IP versions of `ways` are regarded, the versions in its order. What was not asked counts as
    having no records. Where a NAPTR or SRV query failed there is nothing: the services that it would have told, of TLS
    perhaps, cannot be taken for absent (sections 4.1 and 4.2 fall back where no records are found). A host whose
    addresses DNS failed to tell is passed over.
    """
    known = _Known(answers)
    ranks = _ranks(target, ways, known)
    if known.failed:
        return ()
    before: set[TransportAddress] = set()
    chosen: list[tuple[Choice, ...]] = []
    for rank in ranks:
        here: set[TransportAddress] = set()
        equals: list[Choice] = []
        for hop in rank:
            kept: list[TransportAddress] = []
            for address in _addresses(hop, ways, known):
                each = TransportAddress(hop.transport, address, hop.port)
                if each in here or (each not in before and len(before) + len(here) < MAX_DESTINATIONS):
                    here.add(each)
                    kept.append(each)
            if kept:
                equals.append(Choice(hop.weight, tuple(kept)))
        before |= here
        if equals:
            chosen.append(tuple(equals))
    return tuple(chosen)


def drawn(among: Choices, tokens: Tokens) -> tuple[TransportAddress, ...]:
    """The destinations in the order for one call, each once: hosts of equal priority by weight, anew at each drawing
    (RFC 2782)."""
    found: dict[TransportAddress, None] = {}
    for equals in among:
        for choice in _by_weight(equals, tokens):
            found.update(dict.fromkeys(choice.destinations))
    return tuple(found)


def expecting(among: Choices, name: str) -> Choices:
    """The same choices, saying who is expected there."""
    return tuple(
        tuple(Choice(each.weight, tuple(at.expecting(name) for at in each.destinations)) for each in equals)
        for equals in among
    )


class _Known:
    """The answers so far, what was looked for in vain, and whether DNS failed to tell something."""

    __slots__ = ("_answers", "failed", "missing")

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self.missing: list[Question] = []
        self.failed = False

    def of(self, question: Question) -> Sequence[Record]:
        if question not in self._answers:
            self.missing.append(question)
            return ()
        records = self._answers[question]
        self.failed = self.failed or records is None
        return records or ()


class _Hop(NamedTuple):
    """A host that serves a transport at a port, and its weight among those of its priority."""

    transport: str
    host: str
    port: int
    weight: int = 0


class _Service(NamedTuple):
    """A transport and the name its SRV records are at."""

    transport: str
    srv_name: str


def _ranks(target: Target, ways: Sequence[Way], known: _Known) -> list[list[_Hop]]:
    """The hosts to try, those of equal priority together."""
    host = _plain_name(target.host)
    spoken = {way.transport for way in ways}
    if not host:
        return []
    if is_ip_literal(host) or target.port is not None:
        transport = _named_transport(target) or ("tls" if target.secure else "udp")
        port = DEFAULT_PORT.get(transport, 0) if target.port is None else target.port
        return [[_Hop(transport, host, port)]] if transport in spoken else []
    services = _services(target, host, spoken, known)
    if known.missing or known.failed or not services:
        return []
    ranks: list[list[_Hop]] = []
    any_record, left = False, MAX_DESTINATIONS
    for service in services:
        records = [record for record in known.of(Question(service.srv_name, "SRV")) if isinstance(record, Srv)]
        any_record = any_record or bool(records)
        for _, equals in groupby(_usable(records, left), key=lambda record: record.priority):
            ranks.append([_Hop(service.transport, each.target, each.port, each.weight) for each in equals])
            left -= len(ranks[-1])
    if any_record or known.missing or known.failed:
        return ranks
    transport = _fallback(target, services, spoken, known, host)
    return [[_Hop(transport, host, DEFAULT_PORT[transport])]] if transport in spoken else []


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


def _usable(records: Sequence[Srv], limit: int) -> list[Srv]:
    """Those that can be called, by priority."""
    usable = [record for record in records if _plain_name(record.target) and 0 < record.port <= 65_535]
    usable.sort(key=lambda record: record.priority)
    return usable[: min(MAX_SRV, limit)]


def _by_weight(equals: Sequence[Choice], tokens: Tokens) -> Iterable[Choice]:
    """One after the other with a chance in proportion to its weight; of weight 0 hardly ever before another, and like
    each other."""
    left = list(equals)
    while len(left) > 1:
        shares = [choice.weight * _ZERO_SHARE or 1 for choice in left]
        at = tokens.integer(64) % sum(shares)
        position = 0
        while at >= shares[position]:
            at -= shares[position]
            position += 1
        yield left.pop(position)
    yield from left


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
        return canonical_host(name)
    plain = name.lower().removesuffix(".")
    fits = 0 < len(plain) <= MAX_HOST_LENGTH and _NAME_CHARACTERS.issuperset(plain)
    return plain if fits and all(0 < len(label) <= 63 for label in plain.split(".")) else ""
