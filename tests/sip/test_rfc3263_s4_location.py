"""RFC 3263 section 4 and RFC 2782: what is asked, and where a request goes by the answers."""

from collections import Counter
from collections.abc import Mapping, Sequence

import pytest

from b2bua.sip.location import (
    MAX_ADDRESSES,
    MAX_DESTINATIONS,
    MAX_ROUNDS,
    MAX_SRV,
    Answers,
    Choice,
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
from b2bua.sip.uri import Uri
from tests.support.seeded_tokens import SeededTokens

UDP, TCP, TLS = Way("udp", 4), Way("tcp", 4), Way("tls", 4)
ALL = (UDP, TCP, TLS)
UDP6 = Way("udp", 6)
Zone = Mapping[tuple[str, str], Sequence[Record] | None]
"""None where DNS fails to answer."""

# The records of the example in section 4.1, and addresses for its servers.
EXAMPLE: Mapping[tuple[str, str], Sequence[Record]] = {
    ("example.com", "NAPTR"): [
        Naptr(50, 50, "s", "SIPS+D2T", "_sips._tcp.example.com"),
        Naptr(90, 50, "s", "SIP+D2T", "_sip._tcp.example.com"),
        Naptr(100, 50, "s", "SIP+D2U", "_sip._udp.example.com"),
    ],
    ("_sips._tcp.example.com", "SRV"): [Srv(0, 1, 5061, "server1.example.com")],
    ("_sip._tcp.example.com", "SRV"): [Srv(0, 1, 5060, "server1.example.com"), Srv(1, 2, 5060, "server2.example.com")],
    ("_sip._udp.example.com", "SRV"): [Srv(0, 1, 5080, "server2.example.com")],
    ("server1.example.com", "A"): ["192.0.2.1"],
    ("server2.example.com", "A"): ["192.0.2.2", "192.0.2.22"],
    ("server2.example.com", "AAAA"): ["2001:db8::2"],
    ("example.com", "A"): ["192.0.2.9"],
}


def located(
    target: Target, ways: Sequence[Way], answers: Answers, tokens: SeededTokens
) -> tuple[TransportAddress, ...]:
    """Where one request goes."""
    return drawn(choices(target, ways, answers), tokens)


def walk(
    uri: str, zone: Zone = EXAMPLE, ways: Sequence[Way] = ALL, seed: str = "s"
) -> tuple[list[str], list[list[tuple[str, str]]]]:
    """The destinations of a URI, and the questions of each round on the way."""
    target = Target.of_uri(Uri.parse(uri))
    answers: dict[Question, Sequence[Record] | None] = {}
    rounds: list[list[tuple[str, str]]] = []
    asked = questions(target, ways, answers)
    while asked:
        rounds.append([(question.name, question.kind) for question in asked])
        answers |= {question: zone.get((question.name, question.kind), ()) for question in asked}
        asked = questions(target, ways, answers)
    assert len(rounds) <= MAX_ROUNDS
    return [str(address) for address in located(target, ways, answers, SeededTokens(seed))], rounds


def without(*kinds: str) -> Zone:
    return {key: records for key, records in EXAMPLE.items() if key[1] not in kinds}


@pytest.mark.parametrize(
    ("uri", "ways", "destinations"),
    [
        # 4.1's own example: a client of TCP and UDP takes TCP, by the SRV records of its replacement.
        ("sip:user@example.com", (UDP, TCP), ["tcp:192.0.2.1:5060", "tcp:192.0.2.2:5060", "tcp:192.0.2.22:5060"]),
        ("sip:user@example.com", (TLS,), ["tls:192.0.2.1:5061"]),
        ("sip:user@example.com", (UDP,), ["udp:192.0.2.2:5080", "udp:192.0.2.22:5080"]),
        # A sips URI discards all services but SIPS.
        ("sips:user@example.com", ALL, ["tls:192.0.2.1:5061"]),
        ("sips:user@example.com", (UDP, TCP), []),
        # A transport in the URI: no NAPTR, its own SRV records.
        ("sip:example.com;transport=udp", ALL, ["udp:192.0.2.2:5080", "udp:192.0.2.22:5080"]),
        ("sip:example.com;transport=TLS", ALL, ["tls:192.0.2.1:5061"]),
        ("sips:example.com;transport=tcp", ALL, ["tls:192.0.2.1:5061"]),
        ("sips:example.com;transport=udp", ALL, []),
        ("sip:example.com;transport=sctp", ALL, []),
        # A port in the URI: neither NAPTR nor SRV, UDP unless it says otherwise.
        ("sip:example.com:5060", ALL, ["udp:192.0.2.9:5060"]),
        ("sip:example.com:5070;transport=tcp", ALL, ["tcp:192.0.2.9:5070"]),
        ("sips:example.com:5070", ALL, ["tls:192.0.2.9:5070"]),
        ("sip:EXAMPLE.com.:5060", ALL, ["udp:192.0.2.9:5060"]),
        # A numeric address needs no DNS.
        ("sip:192.0.2.7", ALL, ["udp:192.0.2.7:5060"]),
        ("sips:192.0.2.7", ALL, ["tls:192.0.2.7:5061"]),
        ("sip:192.0.2.7:5080;transport=tcp", ALL, ["tcp:192.0.2.7:5080"]),
        ("sip:192.0.2.7;transport=tcp", (UDP,), []),
        ("sip:[2001:DB8::0:7]", (UDP, UDP6), ["udp:[2001:db8::7]:5060"]),
        ("sip:[2001:db8::7]", (UDP,), []),
        # TARGET is maddr where there is one.
        ("sip:example.com;maddr=192.0.2.8", ALL, ["udp:192.0.2.8:5060"]),
        # Both versions, in the order of our listeners.
        ("sip:server2.example.com:9", (UDP6, UDP), ["udp:[2001:db8::2]:9", "udp:192.0.2.2:9", "udp:192.0.2.22:9"]),
        ("sip:server2.example.com:9", (UDP, UDP6), ["udp:192.0.2.2:9", "udp:192.0.2.22:9", "udp:[2001:db8::2]:9"]),
        ("sip:nowhere.example", ALL, []),
    ],
)  # fmt: skip
def test_where_a_uri_leads(uri: str, ways: Sequence[Way], destinations: list[str]) -> None:
    found, _ = walk(uri, ways=ways)
    assert found[: len(destinations)] == destinations
    if "user@" not in uri or len(ways) == 1:
        assert found == destinations


def test_the_services_of_higher_order_come_after_as_well() -> None:
    found, rounds = walk("sip:example.com")
    assert [address.partition(":")[0] for address in found] == ["tls", "tcp", "tcp", "tcp", "udp", "udp"]
    assert rounds == [
        [("example.com", "NAPTR")],
        [("_sips._tcp.example.com", "SRV"), ("_sip._tcp.example.com", "SRV"), ("_sip._udp.example.com", "SRV")],
        [("server1.example.com", "A"), ("server2.example.com", "A")],
    ]


def test_without_naptr_the_srv_records_of_each_transport_are_asked_for() -> None:
    found, rounds = walk("sip:example.com", without("NAPTR"), (UDP, TCP))
    assert rounds[1] == [("_sip._udp.example.com", "SRV"), ("_sip._tcp.example.com", "SRV")]
    assert found[0] == "udp:192.0.2.2:5080"
    assert walk("sips:example.com", without("NAPTR"))[1][1] == [("_sips._tcp.example.com", "SRV")]


@pytest.mark.parametrize(
    ("uri", "destination"),
    [
        ("sip:example.com", "udp:192.0.2.9:5060"),
        ("sips:example.com", "tls:192.0.2.9:5061"),
        ("sip:example.com;transport=tcp", "tcp:192.0.2.9:5060"),
    ],
)
def test_without_naptr_and_srv_the_host_itself_at_the_default_port(uri: str, destination: str) -> None:
    assert walk(uri, without("NAPTR", "SRV"))[0] == [destination]


def test_naptr_without_srv_keeps_the_transport_it_chose() -> None:
    assert walk("sip:example.com", without("SRV"), (UDP, TCP))[0] == ["tcp:192.0.2.9:5060"]


def test_a_port_or_address_asks_neither_naptr_nor_srv() -> None:
    assert walk("sip:example.com:5060", ways=(UDP, UDP6))[1] == [[("example.com", "A"), ("example.com", "AAAA")]]
    assert walk("sip:192.0.2.1")[1] == []


@pytest.mark.parametrize(
    "record",
    [
        Naptr(1, 1, "s", "SIPS+D2U", "_sips._udp.example.com"),
        Naptr(1, 1, "s", "E2U+sip", "_sip._tcp.example.com"),
        Naptr(1, 1, "u", "SIP+D2T", ""),
        Naptr(1, 1, "", "SIP+D2T", "example.com"),  # not terminal: would lead round in a circle
        Naptr(1, 1, "s", "SIP+D2T", "bad name\r\n.example"),
        Srv(0, 0, 5060, "server1.example.com"),
        "192.0.2.66",
    ],
)
def test_services_that_are_not_ours_are_discarded(record: Record) -> None:
    zone: Zone = {**EXAMPLE, ("example.com", "NAPTR"): [record, *EXAMPLE["example.com", "NAPTR"]]}
    assert walk("sip:example.com", zone) == walk("sip:example.com")


def test_preference_decides_between_equal_orders_and_case_means_nothing() -> None:
    zone: Zone = {
        **EXAMPLE,
        ("example.com", "NAPTR"): [
            Naptr(1, 20, "S", "sip+d2t", "_SIP._tcp.example.com."),
            Naptr(1, 10, "s", "Sip+D2u", "_sip._udp.EXAMPLE.com"),
        ],
    }
    assert walk("sip:example.com", zone)[0][0] == "udp:192.0.2.2:5080"


# DNS that fails to answer: only what is known not to be there may be gone without.


@pytest.mark.parametrize(
    ("failing", "asked"),
    [
        (("example.com", "NAPTR"), 1),
        (("_sips._tcp.example.com", "SRV"), 2),
        (("_sip._udp.example.com", "SRV"), 2),
    ],
)
def test_a_query_that_fails_is_no_leave_to_fall_back(failing: tuple[str, str], asked: int) -> None:
    zone: Zone = {**EXAMPLE, failing: None}
    found, rounds = walk("sip:example.com", zone)
    assert found == []
    assert len(rounds) == asked, "nothing more is to be learnt"
    answers = {Question(name, kind): records for (name, kind), records in zone.items()}  # type: ignore[arg-type]
    assert unanswered(answers) == (Question(*failing),)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["NAPTR", "SRV"])
def test_where_nothing_else_is_there_a_failing_query_does_not_lead_to_the_host_itself(kind: str) -> None:
    name = "example.com" if kind == "NAPTR" else "_sip._udp.example.com"
    zone: Zone = {**without("NAPTR", "SRV"), (name, kind): None}
    assert walk("sip:example.com", zone, (UDP,))[0] == []


def test_of_several_hosts_those_whose_addresses_are_told_are_used() -> None:
    zone: Zone = {**EXAMPLE, ("server1.example.com", "A"): None}
    assert walk("sip:example.com", zone, (TCP,))[0] == ["tcp:192.0.2.2:5060", "tcp:192.0.2.22:5060"]
    zone = {**EXAMPLE, ("server2.example.com", "AAAA"): None}
    assert walk("sip:server2.example.com:9", zone, (UDP6, UDP))[0] == ["udp:192.0.2.2:9", "udp:192.0.2.22:9"]


# RFC 2782.


def test_lower_priority_is_tried_first_however_light() -> None:
    zone: Zone = {
        ("_sip._udp.h.example", "SRV"): [Srv(20, 60_000, 5060, "b.h.example"), Srv(10, 0, 5060, "a.h.example")],
        ("a.h.example", "A"): ["192.0.2.1"],
        ("b.h.example", "A"): ["192.0.2.2"],
    }
    for seed in range(50):
        assert walk("sip:h.example", zone, (UDP,), str(seed))[0] == ["udp:192.0.2.1:5060", "udp:192.0.2.2:5060"]


def test_weight_shares_the_first_place_in_proportion() -> None:
    weights = {"192.0.2.1": 1, "192.0.2.2": 3, "192.0.2.3": 6, "192.0.2.4": 0}
    zone: dict[tuple[str, str], Sequence[Record]] = {(f"{address}.h.example", "A"): [address] for address in weights}
    zone["_sip._udp.h.example", "SRV"] = [
        Srv(0, weight * 100, 5060, f"{address}.h.example") for address, weight in weights.items()
    ]
    target = Target("h.example", None, "udp")
    answers = {Question(name, kind): records for (name, kind), records in zone.items()}  # type: ignore[arg-type]
    tokens = SeededTokens("weights")
    orders = [located(target, (UDP,), answers, tokens) for _ in range(1_000)]
    assert all(len(set(order)) == 4 for order in orders), "each is tried, once"
    first = Counter(order[0].host for order in orders)
    for address, weight in weights.items():
        assert abs(first[address] - 100 * weight) < 60, (address, first)
    assert first["192.0.2.4"] <= 10, "weight 0 comes first hardly ever"


def test_all_of_weight_zero_are_tried() -> None:
    zone: dict[tuple[str, str], Sequence[Record]] = {
        (f"h{number}.example", "A"): [f"192.0.2.{number}"] for number in range(1, 4)
    }
    zone["_sip._udp.h.example", "SRV"] = [Srv(0, 0, 5060, f"h{number}.example") for number in range(1, 4)]
    assert len(walk("sip:h.example", zone, (UDP,))[0]) == 3


def _of_hosts(*weights: int, priority: int = 0) -> Choices:
    """Hosts of one priority with these weights, at 10.PRIORITY.0.1 and so on."""
    return (
        tuple(
            Choice(weight, (TransportAddress("udp", f"10.{priority}.0.{at}", 5060),))
            for at, weight in enumerate(weights, 1)
        ),
    )


@pytest.mark.parametrize(
    ("weights", "shares"),
    [
        ((1, 1), (500, 500)),
        ((0, 0), (500, 500)),
        ((1, 0), (1_000, 0)),
        ((60_000, 20_000), (750, 250)),
        ((1, 3), (250, 750)),
    ],
)
def test_each_drawing_is_a_new_one_by_weight(weights: tuple[int, ...], shares: tuple[int, ...]) -> None:
    tokens = SeededTokens("drawn")
    first = Counter(drawn(_of_hosts(*weights), tokens)[0].host for _ in range(1_000))
    for at, share in enumerate(shares, 1):
        assert abs(first[f"10.0.0.{at}"] - share) < 60, first


def test_a_drawing_keeps_the_order_of_priorities_and_has_each_destination_once() -> None:
    tokens = SeededTokens("priorities")
    shared = Choice(5, (TransportAddress("udp", "10.0.0.1", 5060), TransportAddress("udp", "10.9.0.1", 5060)))
    among = (*_of_hosts(1, 1), *_of_hosts(9, 9, priority=1), (*_of_hosts(1)[0], shared))
    for _ in range(50):
        order = [address.host for address in drawn(among, tokens)]
        assert [set(order[:2]), set(order[2:4]), order[4:]] == [
            {"10.0.0.1", "10.0.0.2"},
            {"10.1.0.1", "10.1.0.2"},
            ["10.9.0.1"],
        ]


def test_where_nothing_is_to_be_chosen_nothing_is_drawn() -> None:
    class Never(SeededTokens):
        def integer(self, bits: int) -> int:
            raise AssertionError

    assert [address.host for address in drawn((*_of_hosts(1), *_of_hosts(2, priority=1)), Never())] == [
        "10.0.0.1",
        "10.1.0.1",
    ]


def test_hosts_that_share_an_address_share_their_chance() -> None:
    zone: Zone = {
        ("_sip._udp.h.example", "SRV"): [
            Srv(0, 2, 5060, "a.example"),
            Srv(0, 2, 5060, "b.example"),
            Srv(0, 1, 5060, "c.example"),
        ],
        ("a.example", "A"): ["192.0.2.1"],
        ("b.example", "A"): ["192.0.2.1"],
        ("c.example", "A"): ["192.0.2.3"],
    }
    answers = {Question(name, kind): records for (name, kind), records in zone.items()}  # type: ignore[arg-type]
    (equals,) = choices(Target("h.example", None, "udp"), (UDP,), answers)
    assert [(choice.weight, [each.host for each in choice.destinations]) for choice in equals] == [
        (2, ["192.0.2.1"]),
        (2, ["192.0.2.1"]),
        (1, ["192.0.2.3"]),
    ]


def test_a_service_that_is_decidedly_not_offered_has_no_fallback() -> None:
    zone: Zone = {("_sip._udp.h.example", "SRV"): [Srv(0, 0, 0, "")], ("h.example", "A"): ["192.0.2.1"]}
    assert walk("sip:h.example", zone, (UDP,))[0] == []


# Hostile answers.


@pytest.mark.parametrize(
    "address", ["0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "not an address", "192.0.2.1\r\n", ""]
)
def test_addresses_that_are_no_host_s_are_not_called(address: str) -> None:
    zone: Zone = {("h.example", "A"): [address, "192.0.2.1"]}
    assert walk("sip:h.example:5060", zone, (UDP,))[0] == ["udp:192.0.2.1:5060"]


@pytest.mark.parametrize("target", ["", ".", "a..b", "a b.example", "x" * 64 + ".example", "y." * 200, "h\x00.example"])
def test_srv_targets_that_are_no_names_are_not_asked_for(target: str) -> None:
    zone: Zone = {
        ("_sip._udp.h.example", "SRV"): [Srv(0, 0, 5060, target), Srv(1, 0, 5060, "ok.example")],
        ("ok.example", "A"): ["192.0.2.1"],
    }
    found, rounds = walk("sip:h.example", zone, (UDP,))
    assert found == ["udp:192.0.2.1:5060"]
    assert rounds[-1] == [("ok.example", "A")]


@pytest.mark.parametrize("port", [0, -1, 65_536])
def test_ports_that_are_none_are_not_called(port: int) -> None:
    zone: Zone = {("_sip._udp.h.example", "SRV"): [Srv(0, 0, port, "h.example")], ("h.example", "A"): ["192.0.2.1"]}
    assert walk("sip:h.example", zone, (UDP,))[0] == []


def test_a_record_that_names_itself_comes_to_an_end() -> None:
    zone: Zone = {
        ("h.example", "NAPTR"): [Naptr(1, 1, "s", "SIP+D2U", "h.example")],
        ("h.example", "SRV"): [Srv(0, 0, 5060, "h.example")],
    }
    assert walk("sip:h.example", zone, (UDP,))[0] == []


def test_floods_of_records_are_cut_to_the_limits() -> None:
    zone: dict[tuple[str, str], Sequence[Record]] = {
        ("h.example", "NAPTR"): [Naptr(n, 0, "s", "SIP+D2U", f"_s{n}.h.example") for n in range(100)]
    }
    for n in range(20):
        zone[f"_s{n}.h.example", "SRV"] = [Srv(0, 1, 5060, f"t{n}x{m}.example") for m in range(40)]
        for m in range(40):
            zone[f"t{n}x{m}.example", "A"] = [f"10.{n % 256}.{m % 256}.{k}" for k in range(1, 20)]
    found, rounds = walk("sip:h.example", zone, (UDP,))
    assert len(found) == MAX_DESTINATIONS
    assert len(rounds[1]) <= MAX_SRV
    assert len(rounds[2]) <= MAX_DESTINATIONS
    many = {("h.example", "A"): [f"10.0.0.{k}" for k in range(1, 200)]}
    assert len(walk("sip:h.example:5060", many, (UDP,))[0]) == MAX_ADDRESSES


def test_no_destination_comes_twice() -> None:
    zone: Zone = {
        ("_sip._udp.h.example", "SRV"): [Srv(0, 0, 5060, "a.example"), Srv(1, 0, 5060, "b.example")],
        ("a.example", "A"): ["192.0.2.1", "192.0.2.1"],
        ("b.example", "A"): ["192.0.2.1"],
    }
    assert walk("sip:h.example", zone, (UDP,))[0] == ["udp:192.0.2.1:5060"]
