"""What a call that arrives is, by what was dialled, who called and what is configured."""

import pytest

from b2bua.call.arrival import (
    Caller,
    Routed,
    ToMaskedNumber,
    ToNobody,
    declared_number,
    destination_of,
    masked_caller,
    parties_of,
    target_hosts,
    target_of,
)
from b2bua.config import Route
from b2bua.config.dialled_pattern import DialledPattern
from tests.support.configurations import config_of

NUMBERS = ("917969002802", "911140001234")
TRUNKS = """
[[trunks]]
name = "carrier"
uri = "sip:203.0.113.1:5060"
numbers = ["917969002802", "911140001234"]
[[trunks]]
name = "other"
uri = "sip:203.0.113.2:5070"
"""


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("prefix", ["+91", "91", "0091", "0", ""])
def test_a_declared_number_however_it_is_dialled(number: str, prefix: str) -> None:
    assert declared_number(prefix + number[2:], NUMBERS) == number


@pytest.mark.parametrize(
    "dialled", ["", "+", "917969002803", "7969002802x", "+0917969002802", "+7969002802", "17969002802", "٩١٧٩٦٩٠٠٢٨٠٢"]
)
def test_no_declared_number(dialled: str) -> None:
    assert declared_number(dialled, NUMBERS) is None


def test_separators_for_the_eye_do_not_count() -> None:
    assert declared_number("+91 (79) 6900-28.02", NUMBERS) == NUMBERS[0]


def _route(**values: object) -> Route:
    given: dict[str, object] = {"match": DialledPattern("91[0-9]{10}"), "to": "sip:{user}@203.0.113.9", "via": "other"}
    return Route(**{**given, **values})  # type: ignore[arg-type]


def test_the_first_route_that_matches_by_trunk_and_whole_user_wins() -> None:
    carrier, other = config_of(TRUNKS).trunks
    first, second = _route(trunk="other"), _route()
    assert destination_of("917969002802", carrier, (first, second)) == Routed(second)
    assert destination_of("917969002802", other, (first, second)) == Routed(first)
    assert destination_of("917969002802", carrier, ()) == ToMaskedNumber("917969002802")
    assert destination_of("+917969002802", carrier, (second,)) == ToMaskedNumber("917969002802")
    assert destination_of("917969002802", other, ()) == ToNobody()
    assert destination_of("9179690028021", carrier, (second,)) == ToNobody()


def test_a_pattern_meets_no_more_than_a_bounded_user_part() -> None:
    (carrier, _) = config_of(TRUNKS).trunks
    assert destination_of("1" * 129, carrier, (_route(match=DialledPattern(".*")),)) == ToNobody()


@pytest.mark.parametrize(
    ("to", "uri", "user", "host", "port"),
    [
        ("sip:{user}@203.0.113.9:5062", "sip:9198@203.0.113.9:5062", "9198", "203.0.113.9", 5062),
        ("sip:fixed@h.example", "sip:fixed@h.example", "fixed", "h.example", None),
        ("sip:{user}@[2001:db8::1]:5060", "sip:9198@[2001:db8::1]:5060", "9198", "2001:db8::1", 5060),
    ],
)
def test_a_target(to: str, uri: str, user: str, host: str, port: int | None) -> None:
    target = target_of(_route(to=to), "9198")
    assert (target.uri, target.user, target.host, target.port) == (uri, user, host, port)
    assert target_hosts([_route(to=to)]) == {host}


def test_the_masked_caller_is_a_number_of_the_trunk_it_goes_by_or_came_by() -> None:
    carrier, other = config_of(TRUNKS).trunks
    assert masked_caller(carrier, other) == "917969002802"
    assert masked_caller(other, carrier) == "917969002802"
    assert masked_caller(other, other) is None


@pytest.mark.parametrize(
    ("user", "sip_allowed", "parties"),
    [
        ("+919876543210", False, ("9876543210",)),
        ("09876543210", False, ("9876543210",)),
        ("00919876543210", False, ("9876543210",)),
        ("+91.98765.43210", False, ("9876543210",)),
        ("009876543210", False, ()),
        ("+911140001234", False, ()),
        ("agent7", False, ()),
        ("agent7", True, ("sip:agent7@203.0.113.1", "sip:agent7@203.0.113.1:5060")),
        ("9876543210", True, ("9876543210", "sip:9876543210@203.0.113.1", "sip:9876543210@203.0.113.1:5060")),
        ('x"y', True, ()),
        (None, True, ()),
    ],
)
def test_the_parties_that_a_caller_may_be(user: str | None, sip_allowed: bool, parties: tuple[str, ...]) -> None:
    (carrier, _) = config_of(TRUNKS).trunks
    assert parties_of(Caller(user), carrier.uri, sip_allowed=sip_allowed) == parties


@pytest.mark.parametrize(
    ("uri", "ports"),
    [
        ("sip:203.0.113.1", ("", ":5060")),
        ("sip:203.0.113.1;transport=tls", ("", ":5061")),
        ("sip:203.0.113.1:5061;transport=tls", (":5061",)),
        ("sip:203.0.113.1:5070", (":5070",)),
    ],
)
def test_a_sip_party_may_have_been_written_without_the_port_that_the_trunk_does_not_say(
    uri: str, ports: tuple[str, ...]
) -> None:
    (trunk,) = config_of(f'[[trunks]]\nname = "t"\nuri = "{uri}"').trunks
    found = parties_of(Caller("agent7"), trunk.uri, sip_allowed=True)
    assert found == tuple(f"sip:agent7@203.0.113.1{port}" for port in ports)
