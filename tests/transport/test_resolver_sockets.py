"""The resolver against a DNS server on loopback: RFC 3263 through real sockets, its cache, and servers that fail."""

import errno
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import dns.rcode
import pytest

from b2bua.sip.location import Question, Target, Way
from b2bua.transport import resolver as resolver_module
from b2bua.transport.resolver import (
    LONGEST_TTL_S,
    SHORTEST_TTL_S,
    UNANSWERED_TTL_S,
    Resolver,
)
from tests.support.dns_responder import DnsResponder
from tests.support.manual_clock import ManualClock
from tests.support.seeded_tokens import SeededTokens

pytestmark = pytest.mark.sockets

WAYS = (Way("udp", 4), Way("tcp", 4))
CARRIER = Target("carrier.example")


def zone() -> dict[tuple[str, str], tuple[int, list[str]]]:
    return {
        ("carrier.example", "NAPTR"): (600, ['10 10 "s" "SIP+D2U" "" _sip._udp.carrier.example.']),
        ("_sip._udp.carrier.example", "SRV"): (60, ["1 0 5080 b.carrier.example.", "0 0 5070 a.carrier.example."]),
        ("a.carrier.example", "A"): (120, ["192.0.2.1"]),
        ("b.carrier.example", "A"): (120, ["192.0.2.2", "192.0.2.3"]),
    }


@pytest.fixture
async def server() -> AsyncIterator[DnsResponder]:
    responder = DnsResponder(zone())
    await responder.open()
    yield responder
    responder.close()


def resolver_at(server: DnsResponder, clock: ManualClock | None = None) -> Resolver:
    return Resolver(WAYS, clock or ManualClock(), SeededTokens("dns"), [server.address])


async def test_naptr_srv_and_addresses_over_the_wire(server: DnsResponder) -> None:
    located = await resolver_at(server).locate(CARRIER)
    first, *others = map(str, located.destinations)
    assert first == "udp:192.0.2.1:5070"
    assert sorted(others) == ["udp:192.0.2.2:5080", "udp:192.0.2.3:5080"], "in whatever order the server gives them"
    assert located.ttl_s == 60, "the shortest of all that were used"
    assert server.asked[:2] == [("carrier.example", "NAPTR"), ("_sip._udp.carrier.example", "SRV")]
    assert sorted(server.asked[2:]) == [("a.carrier.example", "A"), ("b.carrier.example", "A")]


async def test_an_answer_is_believed_as_long_as_its_ttl(server: DnsResponder) -> None:
    clock = ManualClock()
    resolver = resolver_at(server, clock)
    await resolver.locate(CARRIER)
    asked = len(server.asked)
    clock.advance(59)
    assert (await resolver.locate(CARRIER)).ttl_s == SHORTEST_TTL_S
    assert len(server.asked) == asked
    server.zone["_sip._udp.carrier.example", "SRV"] = (60, ["0 0 5071 a.carrier.example."])
    clock.advance(2)
    assert [address.port for address in (await resolver.locate(CARRIER)).destinations] == [5071]
    assert server.asked[asked:] == [("_sip._udp.carrier.example", "SRV")], "what is good yet is not asked again"


@pytest.mark.parametrize(("ttl", "believed_s"), [(0, SHORTEST_TTL_S), (2**31 - 1, LONGEST_TTL_S)])
async def test_a_ttl_is_kept_within_bounds(server: DnsResponder, ttl: int, believed_s: float) -> None:
    server.zone["a.carrier.example", "A"] = (ttl, ["192.0.2.1"])
    located = await resolver_at(server).locate(Target("a.carrier.example", 5060))
    assert located.ttl_s == believed_s


async def test_an_alias_is_followed_and_a_loop_of_them_is_not(server: DnsResponder) -> None:
    server.zone["alias.example", "CNAME"] = (60, ["a.carrier.example."])
    server.zone["loop.example", "CNAME"] = (60, ["loop.example."])
    resolver = resolver_at(server)
    assert (await resolver.locate(Target("loop.example", 5060))).destinations == ()
    located = await resolver.locate(Target("alias.example", 5060))
    assert ([address.host for address in located.destinations], located.ttl_s) == (["192.0.2.1"], 60)


async def test_a_name_that_does_not_exist_is_not_asked_for_again_at_once(server: DnsResponder) -> None:
    clock = ManualClock()
    resolver = resolver_at(server, clock)
    located = await resolver.locate(Target("nowhere.invalid", 5060))
    assert (located.destinations, located.ttl_s) == ((), UNANSWERED_TTL_S)
    assert await resolver.locate(Target("nowhere.invalid", 5060)) == located
    assert server.asked == [("nowhere.invalid", "A")]
    clock.advance(UNANSWERED_TTL_S)
    await resolver.locate(Target("nowhere.invalid", 5060))
    assert len(server.asked) == 2


async def test_names_of_the_system_need_no_dns(server: DnsResponder) -> None:
    located = await resolver_at(server).locate(Target("localhost"))
    assert list(map(str, located.destinations)) == ["udp:127.0.0.1:5060"]
    assert server.asked == [], "a name without a dot is no domain"


async def test_an_address_is_nobody_s_to_ask_for(server: DnsResponder) -> None:
    assert [address.port for address in (await resolver_at(server).locate(Target("192.0.2.9"))).destinations] == [5060]
    assert server.asked == []


@pytest.mark.parametrize("spoil", [b"", b"\x81\x80", b"\x81\x80" + b"\xff" * 30])
async def test_a_server_that_answers_nonsense_is_no_answer(
    server: DnsResponder, spoil: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolver_module, "TRY_TIMEOUT_S", 0.05)
    monkeypatch.setattr(resolver_module, "QUESTION_TIMEOUT_S", 0.1)
    server.spoil = spoil
    located = await resolver_at(server).locate(Target("a.carrier.example", 5060))
    assert (located.destinations, located.ttl_s) == ((), UNANSWERED_TTL_S)


async def test_a_server_that_says_nothing_is_waited_for_with_a_limit(
    server: DnsResponder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolver_module, "TRY_TIMEOUT_S", 0.05)
    monkeypatch.setattr(resolver_module, "QUESTION_TIMEOUT_S", 0.1)
    server.mute = True
    located = await resolver_at(server).locate(CARRIER)
    assert (located.destinations, located.unanswered) == ((), (Question("carrier.example", "NAPTR"),))
    assert set(server.asked) == {("carrier.example", "NAPTR")}, "what comes after it depends on it"


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED])
@pytest.mark.parametrize("failing", [("carrier.example", "NAPTR"), ("_sip._udp.carrier.example", "SRV")])
async def test_a_failing_query_does_not_move_a_carrier_to_its_web_server(
    server: DnsResponder, failing: tuple[str, str], rcode: dns.rcode.Rcode
) -> None:
    clock = ManualClock()
    resolver = resolver_at(server, clock)
    server.zone["carrier.example", "A"] = (600, ["192.0.2.80"])
    server.failing[failing] = rcode
    located = await resolver.locate(CARRIER)
    assert (located.destinations, located.ttl_s) == ((), UNANSWERED_TTL_S)
    assert [(question.name, question.kind) for question in located.unanswered] == [failing]
    server.failing.clear()
    clock.advance(UNANSWERED_TTL_S)
    assert [address.port for address in (await resolver.locate(CARRIER)).destinations] == [5070, 5080, 5080]


@pytest.mark.parametrize("failing", [("carrier.example", "NAPTR"), ("_sip._udp.carrier.example", "SRV")])
async def test_where_nothing_was_found_for_want_of_an_answer_the_next_look_asks_again(
    server: DnsResponder, failing: tuple[str, str]
) -> None:
    """A trunk that was never found is looked for after 5 s: the network may have come up meanwhile."""
    resolver = resolver_at(server)
    server.failing[failing] = dns.rcode.SERVFAIL
    assert (await resolver.locate(CARRIER)).destinations == ()
    server.failing.clear()
    assert [address.port for address in (await resolver.locate(CARRIER)).destinations] == [5070, 5080, 5080]
    assert server.asked.count(("carrier.example", "NAPTR")) == (2 if failing[1] == "NAPTR" else 1)


async def test_what_fails_beside_enough_else_is_not_asked_for_at_each_look(server: DnsResponder) -> None:
    """Some servers never answer for AAAA, say."""
    resolver = resolver_at(server)
    server.failing["a.carrier.example", "A"] = dns.rcode.SERVFAIL
    await resolver.locate(CARRIER)
    asked = len(server.asked)
    await resolver.locate(CARRIER)
    assert len(server.asked) == asked


async def test_a_host_whose_address_is_not_told_is_passed_over(server: DnsResponder) -> None:
    server.failing["a.carrier.example", "A"] = dns.rcode.SERVFAIL
    located = await resolver_at(server).locate(CARRIER)
    assert sorted(address.host for address in located.destinations) == ["192.0.2.2", "192.0.2.3"]
    assert located.unanswered == (Question("a.carrier.example", "A"),)
    assert located.ttl_s == UNANSWERED_TTL_S, "and asked for again soon"


@pytest.mark.parametrize("there", [True, False])
async def test_what_is_known_not_to_be_there_is_gone_without(server: DnsResponder, there: bool) -> None:
    """A name without such records (NODATA), and one that does not exist (NXDOMAIN)."""
    server.zone["plain.example", "A"] = (600, ["192.0.2.80"])
    if there:
        for name in ("_sip._udp.plain.example", "_sip._tcp.plain.example"):
            server.zone[name, "TXT"] = (600, ["x"])
    located = await resolver_at(server).locate(Target("plain.example"))
    assert list(map(str, located.destinations)) == ["udp:192.0.2.80:5060"]
    assert located.unanswered == ()


async def test_a_machine_that_had_dns_and_has_none_now_knows_nothing(
    server: DnsResponder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """/etc/resolv.conf is away for a moment while it is written anew."""
    resolver = resolver_at(server)
    await resolver.locate(Target("a.carrier.example", 5060))
    monkeypatch.setattr(resolver, "_stub", lambda: None)
    located = await resolver.locate(CARRIER)
    assert (located.destinations, located.unanswered) == ((), (Question("carrier.example", "NAPTR"),))


@pytest.mark.parametrize(
    "line",
    [
        "nameserver dns.example",
        "nameserver 192.0.2.",
        "nameserver",
        "search a..b",
        "search " + "a" * 64 + ".example",
        "domain ..",
        "options ndots:x timeout:y rotate",
        "# caf\xe9",
    ],
)
def test_a_line_of_its_configuration_that_says_nothing_is_passed_over(tmp_path: Path, line: str) -> None:
    """As the C library does: a file that is just being written ends anywhere."""
    configuration = tmp_path / "resolv.conf"
    configuration.write_bytes(f"{line}\nnameserver 127.0.0.1\n".encode("latin-1"))
    stub = Resolver(WAYS, ManualClock(), SeededTokens("dns"), configuration=str(configuration))._stub()
    assert stub is not None
    assert stub.nameservers == ["127.0.0.1"]


@pytest.mark.parametrize("text", ["", "nameserver dns.example\n", "search example\n"])
def test_a_configuration_without_a_server_is_none(tmp_path: Path, text: str) -> None:
    configuration = tmp_path / "resolv.conf"
    configuration.write_text(text)
    assert Resolver(WAYS, ManualClock(), SeededTokens("dns"), configuration=str(configuration))._stub() is None
    configuration.unlink()
    assert Resolver(WAYS, ManualClock(), SeededTokens("dns"), configuration=str(configuration))._stub() is None


async def test_a_machine_without_dns_has_the_names_of_its_hosts_file(
    server: DnsResponder, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver = resolver_at(server)
    monkeypatch.setattr(resolver, "_stub", lambda: None)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: [(0, 0, 0, "", ("192.0.2.7", 0))])
    located = await resolver.locate(Target("sbc.example"))
    assert (list(map(str, located.destinations)), located.unanswered) == (["udp:192.0.2.7:5060"], ())


async def test_its_hosts_file_has_addresses_of_ipv6_too(server: DnsResponder, monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = Resolver((Way("udp", 6),), ManualClock(), SeededTokens("dns"), [server.address])
    monkeypatch.setattr(resolver, "_stub", lambda: None)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: [(0, 0, 0, "", ("2001:db8::7", 0, 0, 0))])
    located = await resolver.locate(Target("sbc.example", 5060))
    assert list(map(str, located.destinations)) == ["udp:[2001:db8::7]:5060"]


async def test_what_is_in_no_hosts_file_is_not_known_to_be_none_while_there_is_no_dns_for_a_moment(
    server: DnsResponder, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver = resolver_at(server)
    await resolver.locate(Target("a.carrier.example", 5060))
    monkeypatch.setattr(resolver, "_stub", lambda: None)
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    located = await resolver.locate(Target("b.carrier.example", 5060))
    assert (located.destinations, located.unanswered) == ((), (Question("b.carrier.example", "A"),))


async def test_what_no_dns_was_there_to_tell_is_asked_again_at_the_next_look(
    server: DnsResponder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server may start before its network has written who is to be asked."""
    resolver = resolver_at(server)
    with monkeypatch.context() as before:
        before.setattr(resolver, "_stub", lambda: None)
        before.setattr(socket, "getaddrinfo", unknown)
        assert (await resolver.locate(CARRIER)).destinations == ()
    assert [address.port for address in (await resolver.locate(CARRIER)).destinations] == [5070, 5080, 5080]


@pytest.mark.parametrize(("error", "found"), [(socket.EAI_AGAIN, ("udp:192.0.2.7:5060",)), (socket.EAI_NONAME, ())])
async def test_what_the_system_fails_to_tell_is_asked_again_at_the_next_look(
    server: DnsResponder, monkeypatch: pytest.MonkeyPatch, error: int, found: tuple[str, ...]
) -> None:
    """As DNS is; what is known not to be there is not."""
    resolver = resolver_at(server)

    def failing(*_a: object, **_k: object) -> None:
        raise socket.gaierror(error, "")

    monkeypatch.setattr(socket, "getaddrinfo", failing)
    assert (await resolver.locate(Target("sbc"))).destinations == ()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: [(0, 0, 0, "sbc", ("192.0.2.7", 0))])
    assert tuple(map(str, (await resolver.locate(Target("sbc"))).destinations)) == found


def unknown(*_a: object, **_k: object) -> None:
    """The system's look-up of a name that it does not know."""
    raise socket.gaierror(socket.EAI_NONAME, "unknown")


@pytest.mark.parametrize(
    ("error", "is_known"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), True),
        (socket.gaierror(socket.EAI_NODATA, "No address associated with hostname"), True),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), False),
        (OSError(errno.EMFILE, "Too many open files"), False),
        (TimeoutError(), False),
    ],
)
async def test_what_the_system_fails_to_tell_of_its_names_is_not_taken_for_nothing(
    server: DnsResponder, monkeypatch: pytest.MonkeyPatch, error: OSError, is_known: bool
) -> None:
    def refuse(*_arguments: object, **_named: object) -> None:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    located = await resolver_at(server).locate(Target("sbc", 5060, "udp"))
    assert located.destinations == ()
    assert located.unanswered == (() if is_known else (Question("sbc", "A"),))


async def test_a_name_that_dns_knows_to_be_none_is_none_whatever_the_system_fails_to_tell(
    server: DnsResponder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object, **_named: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    located = await resolver_at(server).locate(Target("nobody.carrier.example", 5060, "udp"))
    assert (located.destinations, located.unanswered) == ((), ())


@pytest.mark.parametrize(
    ("host", "canonical", "found"),
    [
        ("sbc.example", "sbc.example.corp.example", ()),
        ("sbc.example", "SBC.Example.corp.example.", ()),
        ("sbc.example", "sbc.example", ("udp:192.0.2.7:5060",)),
        ("sbc.example", "sbc.example.", ("udp:192.0.2.7:5060",)),
        ("sbc.example", "first.of.the.hosts.file", ("udp:192.0.2.7:5060",)),
        ("sbc", "sbc.corp.example", ("udp:192.0.2.7:5060",)),
    ],
)
async def test_the_search_list_of_the_system_leads_a_domain_name_nowhere(
    server: DnsResponder, monkeypatch: pytest.MonkeyPatch, host: str, canonical: str, found: tuple[str, ...]
) -> None:
    """A carrier's name that does not exist for the moment is no host of the operator's own domain."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: [(0, 0, 0, canonical, ("192.0.2.7", 0))])
    located = await resolver_at(server).locate(Target(host, 5060))
    assert tuple(map(str, located.destinations)) == found


@pytest.mark.parametrize(
    ("hosts", "whole", "found"),
    [
        ("", (), ()),
        ("192.0.2.7 gw.corp.example # sbc.example\n", (), ()),
        ("2001:db8::7 gw.corp.example sbc.example\n", (), ()),
        ("192.0.2.7 gw.corp.example SBC.example\n", (), ("udp:192.0.2.7:5060",)),
        ("", ("192.0.2.8",), ("udp:192.0.2.8:5060",)),
    ],
    ids=["of the search list", "in a comment", "of the other family", "of the hosts file", "asked for as a whole"],
)
async def test_an_alias_of_the_system_is_one_of_the_name_itself(
    server: DnsResponder,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    hosts: str,
    whole: tuple[str, ...],
    found: tuple[str, ...],
) -> None:
    """A wildcard of the operator's own domain may be an alias, so that nothing of the carrier's name is left."""

    def of_system(host: str, *_a: object, **_k: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        if not host.endswith("."):
            return [(0, 0, 0, "gw.corp.example", ("192.0.2.7", 0))]
        if not whole:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(0, 0, 0, "", (address, 0)) for address in whole]

    (tmp_path / "hosts").write_text(hosts)
    monkeypatch.setattr(resolver_module, "HOSTS", str(tmp_path / "hosts"))
    monkeypatch.setattr(socket, "getaddrinfo", of_system)
    located = await resolver_at(server).locate(Target("Sbc.example", 5060))
    assert tuple(map(str, located.destinations)) == found


async def test_the_memory_is_bounded(server: DnsResponder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver_module, "CACHE_LIMIT", 4)
    resolver = resolver_at(server)
    for number in range(6):
        server.zone[f"h{number}.example", "A"] = (300, [f"192.0.2.{number + 1}"])
        await resolver.locate(Target(f"h{number}.example", 5060))
    assert [question.name for question in resolver._remembered] == [f"h{number}.example" for number in range(2, 6)]


async def test_what_is_asked_anew_takes_no_other_s_place_in_the_memory(
    server: DnsResponder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolver_module, "CACHE_LIMIT", 2)
    clock = ManualClock()
    resolver = resolver_at(server, clock)
    for name in ("a", "b", "b"):
        await resolver.locate(Target(f"{name}.carrier.example", 5060))
        clock.advance(LONGEST_TTL_S)
    assert [question.name for question in resolver._remembered] == ["a.carrier.example", "b.carrier.example"]
