"""What a call that arrives is: for a route, for a masked number, or for nobody. Decided from its numbers alone."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from b2bua.call.masking import COUNTRY_CODE, DEFAULT_SIP_PORT, normalise_mobile, parse_sip_party
from b2bua.config import Route, Trunk, TrunkUri

USER: Final = "{user}"
LONGEST_USER: Final = 128
_SEPARATORS: Final = re.compile(r"[-.() ]")  # RFC 3966 section 3: for the eye alone
_TARGET: Final = re.compile(r"sip:(?P<user>[^@]*)@(?:\[(?P<ipv6>[^\]]+)\]|(?P<host>[^:]+))(?::(?P<port>[0-9]+))?")


class Caller(NamedTuple):
    """Who calls, as the trunk tells it: `user` None where nobody is named, `withheld` where it may not be shown."""

    user: str | None
    display: str | None = None
    withheld: bool = False


@dataclass(frozen=True, slots=True)
class Routed:
    """A route matches it."""

    route: Route


@dataclass(frozen=True, slots=True)
class ToMaskedNumber:
    """It is for this number, which its trunk declares: 12 digits."""

    number: str


@dataclass(frozen=True, slots=True)
class ToNobody:
    """Nothing is reached by what was dialled."""


Destination = Routed | ToMaskedNumber | ToNobody


def destination_of(dialled: str, trunk: Trunk, routes: Iterable[Route]) -> Destination:
    """Where a call from a trunk goes. A route is the operator's own word and comes before the masked numbers."""
    if len(dialled) > LONGEST_USER:
        return ToNobody()
    for route in routes:
        if route.trunk in ("", trunk.name) and route.match.matches(dialled):
            return Routed(route)
    number = declared_number(dialled, trunk.numbers)
    return ToNobody() if number is None else ToMaskedNumber(number)


def precedence(dialled: str, trunk: Trunk, routes: Sequence[Route]) -> tuple[int, bool]:
    """How soon something is reached by what was dialled: less is sooner. Routes in their order, then the masked
    numbers, then nothing; with the same route a masked number comes first."""
    destination = destination_of(dialled, trunk, routes)
    if isinstance(destination, Routed):
        place = routes.index(destination.route)
    else:
        place = len(routes) + isinstance(destination, ToNobody)
    return place, declared_number(dialled, trunk.numbers) is None


def declared_number(dialled: str, numbers: Sequence[str]) -> str | None:
    """The declared number that was dialled, as +91..., 0091..., 91..., 0... or the national number; None for none."""
    text = _SEPARATORS.sub("", dialled)
    digits = text.removeprefix("+")
    if not digits.isascii() or not digits.isdigit():
        return None
    for number in numbers:
        national = number.removeprefix(COUNTRY_CODE)
        if digits == number or (text == digits and digits in (national, f"0{national}", f"00{number}")):
            return number
    return None


def calling_mobile(user: str) -> str | None:
    """The ten digits of a mobile number as trunks write that of a caller: as a party is given, or as 0091XXXXXXXXXX,
    with separators anywhere (RFC 3966 section 3); None when it is no such number."""
    text = _SEPARATORS.sub("", user)
    return normalise_mobile(f"+{text[2:]}" if text.startswith("00") else text)


def parties_of(caller: Caller, uri: TrunkUri, *, sip_allowed: bool) -> tuple[str, ...]:
    """The parties that a caller by the trunk at `uri` may be, as they are written in a pairing; none without a number.

    Where `sip:` parties are allowed, one of them is its user part at the trunk's host and port, and without the port
    where that may be left out.
    """
    if caller.user is None:
        return ()
    mobile = calling_mobile(caller.user)
    found: tuple[str, ...] = () if mobile is None else (mobile,)
    if sip_allowed:
        host = f"[{uri.host}]" if ":" in uri.host else uri.host
        optional = not uri.port_given or uri.port == DEFAULT_SIP_PORT
        ports = ("", f":{uri.port}") if optional else (f":{uri.port}",)
        parties = (parse_sip_party(f"sip:{caller.user}@{host}{port}") for port in ports)
        found += tuple(party.text for party in parties if party is not None)
    return found


def masked_caller(via: Trunk, trunk: Trunk) -> str | None:
    """The number that a routed call shows: one of the trunk it goes out by, or else of the one that it came by."""
    return next(iter((*via.numbers, *trunk.numbers)), None)


class Target(NamedTuple):
    """Where a route sends a call: the whole URI, its user part as written in it, host without brackets, port."""

    uri: str
    user: str
    host: str
    port: int | None


def target_hosts(routes: Iterable[Route]) -> frozenset[str]:
    """Every host that routes send calls to, without brackets."""
    return frozenset(target_of(route, "").host for route in routes)


def target_of(route: Route, user: str) -> Target:
    """A route's target for the dialled user part, which is escaped as a URI has it."""
    uri = route.to.replace(USER, user)
    found = _TARGET.fullmatch(uri)
    assert found is not None, "the configuration has been checked"
    port = None if found["port"] is None else int(found["port"])
    return Target(uri, found["user"], found["ipv6"] or found["host"], port)
