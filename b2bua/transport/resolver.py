"""Asks DNS and the system where a URI's requests go; what follows from the answers is `b2bua.sip.location`'s."""

import asyncio
import io
import logging
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import dns.asyncresolver
import dns.exception
import dns.inet
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.rdtypes.IN.A
import dns.rdtypes.IN.AAAA
import dns.rdtypes.IN.NAPTR
import dns.rdtypes.IN.SRV
import dns.resolver

from b2bua.clock import Clock
from b2bua.lookups import NameLookups
from b2bua.sip.location import (
    MAX_ROUNDS,
    Choices,
    Naptr,
    Question,
    Record,
    Srv,
    Target,
    Way,
    choices,
    drawn,
    questions,
    unanswered,
)
from b2bua.sip.routing import TransportAddress
from b2bua.tokens import Tokens

LOG: Final = logging.getLogger(__name__)

CONFIGURATION: Final = "/etc/resolv.conf"
HOSTS: Final = "/etc/hosts"
TRY_TIMEOUT_S: Final = 1.0
"""For one query to one server."""
QUESTION_TIMEOUT_S: Final = 3.0
"""For one question with all tries and servers, and likewise for the system's look-up after it."""
SHORTEST_TTL_S: Final = 5.0
LONGEST_TTL_S: Final = 300.0
"""An answer is believed for as long as its TTL says, within these."""
UNANSWERED_TTL_S: Final = 30.0
"""So long a name that does not exist is not asked again, nor what nobody tells where there is enough without, and an
address of the system's is believed."""
CACHE_LIMIT: Final = 1_024
"""Questions whose answers are remembered; beyond it the one asked longest ago is forgotten."""
MAX_RECORDS: Final = 64
"""Records of one answer that are looked at; the rest are ignored."""
_FAILURES: Final = (socket.EAI_AGAIN, socket.EAI_FAIL, socket.EAI_SYSTEM)
"""How the system says that it cannot tell of a name now, and not that there is none."""


@dataclass(frozen=True, slots=True)
class Located:
    """The destinations of a target in the order to try them, none where it cannot be found; good for `ttl_s`.

    `choices`: the same for whom the order is to be drawn anew. `unanswered`: what DNS failed to answer. Without a
    destination it is not known then whether there are any; with some, there may be more.
    """

    destinations: tuple[TransportAddress, ...]
    ttl_s: float
    choices: Choices = ()
    unanswered: tuple[Question, ...] = ()


@dataclass(frozen=True, slots=True)
class _Remembered:
    """`records` is None where DNS failed to answer. `told`: somebody was there who could say it, and did."""

    records: tuple[Record, ...] | None
    expires_at: float
    told: bool


class Resolver:
    """Locates targets (RFC 3263) for what can be sent by `ways`; a cache with a limit remembers what was answered.

    `nameservers` are addresses with their ports, in place of those of `configuration`, which is read at each round so
    that a change of it counts. Names that DNS does not know, and those without a dot, are the system's to resolve
    (/etc/hosts). It never raises for a name that cannot be found, and never waits without a limit. A query that DNS
    fails to answer is not taken for a name without records: see `Located.unanswered`.
    """

    def __init__(
        self,
        ways: Sequence[Way],
        clock: Clock,
        tokens: Tokens,
        nameservers: Sequence[tuple[str, int]] = (),
        configuration: str = CONFIGURATION,
    ) -> None:
        self._ways = tuple(ways)
        self._clock = clock
        self._tokens = tokens
        self._nameservers = tuple(nameservers)
        self._configuration = configuration
        self._remembered: dict[Question, _Remembered] = {}
        self._lookups = NameLookups("sip-dns", clock.monotonic)
        self._had_dns = False

    def close(self) -> None:
        """Begin no more look-ups by the system."""
        self._lookups.close()

    async def locate(self, target: Target) -> Located:
        """Where to send what is for `target`."""
        answers: dict[Question, Sequence[Record] | None] = {}
        untold: list[Question] = []
        expires_at = self._clock.monotonic() + LONGEST_TTL_S
        for _ in range(MAX_ROUNDS):
            asked = questions(target, self._ways, answers)
            for question, known in zip(asked, await self._ask_all(asked), strict=True):
                answers[question] = known.records
                if not known.told:
                    untold.append(question)
                expires_at = min(expires_at, known.expires_at)
        found = choices(target, self._ways, answers)
        if not found:  # who looks for it again has waited for that himself
            for question in untold:
                self._remembered.pop(question, None)
        ttl_s = max(SHORTEST_TTL_S, expires_at - self._clock.monotonic())
        return Located(drawn(found, self._tokens), ttl_s, found, unanswered(answers))

    async def _ask_all(self, asked: Sequence[Question]) -> list[_Remembered]:
        stub = self._stub() if asked else None
        return await asyncio.gather(*(self._answer(question, stub) for question in asked))

    def _stub(self) -> dns.asyncresolver.Resolver | None:
        """What asks the servers; None where the system has none."""
        stub = dns.asyncresolver.Resolver(configure=False)
        if not self._nameservers:
            try:
                stub.read_resolv_conf(_usable_lines(self._configuration))
            except (dns.resolver.NoResolverConfiguration, OSError):
                return None
        else:
            stub.nameservers = [dns.nameserver.Do53Nameserver(host, port) for host, port in self._nameservers]
        stub.timeout = TRY_TIMEOUT_S
        stub.lifetime = QUESTION_TIMEOUT_S
        return stub

    async def _answer(self, question: Question, stub: dns.asyncresolver.Resolver | None) -> _Remembered:
        known = self._remembered.get(question)
        if known is not None and self._clock.monotonic() < known.expires_at:
            return known
        records: tuple[Record, ...] | None = ()
        ttl_s, told = UNANSWERED_TTL_S, True
        of_dns = _is_domain_name(question.name)
        asked = of_dns and stub is not None
        if of_dns and stub is not None:
            self._had_dns = True
            records, ttl_s = await _ask(question, stub)
            told = records is not None
        elif of_dns:
            told = False
            if self._had_dns:  # its configuration is away for a moment
                records = None
        if not records and question.kind in ("A", "AAAA"):
            of_system = await self._of_system(question)
            if of_system or (of_system is None and not asked):  # nobody else could say that there are none
                records = of_system
            told = bool(records) or (told if of_dns else of_system is not None)
            ttl_s = min(ttl_s, UNANSWERED_TTL_S)
        good_for_s = min(max(ttl_s, SHORTEST_TTL_S), LONGEST_TTL_S)
        known = _Remembered(records, self._clock.monotonic() + good_for_s, told)
        self._remembered.pop(question, None)
        if len(self._remembered) >= CACHE_LIMIT:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[question] = known
        return known

    async def _of_system(self, question: Question) -> tuple[Record, ...] | None:
        """What the system itself makes of a name, /etc/hosts above all; None where it fails to tell: its own servers do
        not answer, or this process may open no more files."""
        family = socket.AF_INET if question.kind == "A" else socket.AF_INET6
        try:
            async with asyncio.timeout(QUESTION_TIMEOUT_S):
                return await self._lookups.look_up(question.name, partial(_system_addresses, question.name, family))
        except socket.gaierror as error:
            return None if error.errno in _FAILURES else ()
        except (OSError, TimeoutError):
            return None
        except UnicodeError:
            return ()


def _system_addresses(name: str, family: socket.AddressFamily) -> tuple[str, ...]:
    """The addresses that the system has for a name. Raises OSError, UnicodeError."""
    ask = partial(socket.getaddrinfo, port=None, family=family, type=socket.SOCK_DGRAM)
    found = ask(name, flags=socket.AI_CANONNAME)
    if _is_domain_name(name):
        # It is whole: one made longer by the system's search list is another's, of whom nobody has spoken.
        whole = name.lower().removesuffix(".")
        canonical = next((each for *_, each, _ in found if each), "").lower().removesuffix(".") or whole
        if canonical != whole and not _is_in_hosts(whole, family):
            if canonical.startswith(f"{whole}."):
                return ()
            found = ask(f"{whole}.")  # an alias, of the name or of what it was made to be
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found[:MAX_RECORDS]))


def _is_in_hosts(name: str, family: socket.AddressFamily) -> bool:
    """Whether the system's hosts file has an address of this family for a name in lowercase."""
    try:
        with open(HOSTS, encoding="utf-8", errors="replace") as file:
            lines = [line.lower().partition("#")[0].split() for line in file]
    except OSError:
        return False
    return any(name in line[1:] and (":" in line[0]) == (family == socket.AF_INET6) for line in lines)


async def _ask(question: Question, stub: dns.asyncresolver.Resolver) -> tuple[tuple[Record, ...] | None, float]:
    """The records and the seconds they may be believed: none of them for a name that is known to have none (NXDOMAIN,
    or NODATA of RFC 2308), None where that is not known."""
    try:
        async with asyncio.timeout(QUESTION_TIMEOUT_S + TRY_TIMEOUT_S):
            answer = await stub.resolve(
                dns.name.from_text(question.name), question.kind, raise_on_no_answer=False, search=False
            )
    except dns.resolver.NXDOMAIN:
        return (), UNANSWERED_TTL_S
    except (dns.exception.DNSException, OSError, EOFError, TimeoutError) as error:
        LOG.debug("DNS fails to answer %s %s: %s", question.kind, question.name, type(error).__name__)
        return None, UNANSWERED_TTL_S
    ttl_s = float(answer.chaining_result.minimum_ttl)
    if answer.rrset is None:
        return (), ttl_s
    found = [_record(rdata) for rdata in list(answer.rrset)[:MAX_RECORDS]]
    return tuple([record for record in found if record is not None]), ttl_s


def _usable_lines(configuration: str) -> io.StringIO:
    """What of a resolv.conf says which servers to ask, and how. As for the C library, a line that names no address, as
    one that is just being written, is as good as none: the others count. Raises OSError."""
    with open(configuration, encoding="utf-8", errors="replace") as file:
        words = [line.split() for line in file]
    servers = [each[:2] for each in words if each[:1] == ["nameserver"] and dns.inet.is_address("".join(each[1:2]))]
    options = [each for each in words if each[:1] == ["options"]]
    return io.StringIO("".join(" ".join(each) + "\n" for each in (*servers, *options)))


def _record(rdata: object) -> Record | None:
    match rdata:
        case dns.rdtypes.IN.A.A() | dns.rdtypes.IN.AAAA.AAAA():
            return str(rdata.address)
        case dns.rdtypes.IN.SRV.SRV():
            return Srv(rdata.priority, rdata.weight, rdata.port, _name_text(rdata.target))
        case dns.rdtypes.IN.NAPTR.NAPTR():
            flags, service = rdata.flags.decode("ascii", "replace"), rdata.service.decode("ascii", "replace")
            return Naptr(rdata.order, rdata.preference, flags, service, _name_text(rdata.replacement))
        case _:
            return None


def _is_domain_name(name: str) -> bool:
    """Whether DNS may know it: a host without a dot, the service labels aside, is the system's alone."""
    return len([label for label in name.split(".") if not label.startswith("_")]) > 1


def _name_text(name: dns.name.Name) -> str:
    """A name without its last dot; "" for the root."""
    return "" if name == dns.name.root else name.to_text(omit_final_dot=True)
