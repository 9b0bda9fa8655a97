"""What is remembered of header values is what would have been read, and no more than that."""

import pytest

from b2bua.sip.errors import MalformedHeader
from b2bua.sip.headers import MediaType, NameAddr, parse_tokens
from b2bua.sip.known_values import LENGTH_MAX, _name_addr, read_media_type, read_name_addr, read_tokens
from b2bua.sip.message import Request
from b2bua.sip.routing import route_in_dialog
from tests.support.agents import Bench, answer_to

ADDRESS = '"A" <sip:9876543210@192.0.2.1>;tag=1'


def test_a_value_is_read_as_ever_and_the_second_time_is_the_same() -> None:
    assert read_name_addr(ADDRESS) == NameAddr.parse(ADDRESS)
    assert read_name_addr(ADDRESS) is read_name_addr(ADDRESS)
    assert read_tokens("timer, 100rel") == parse_tokens("timer, 100rel")
    assert read_media_type("application/sdp;a=b") == MediaType.parse("application/sdp;a=b")


def test_a_long_value_is_not_remembered() -> None:
    before = _name_addr.cache_info().currsize
    long_one = f"<sip:{'9' * LENGTH_MAX}@192.0.2.1>"
    assert read_name_addr(long_one) == NameAddr.parse(long_one)
    assert _name_addr.cache_info().currsize == before


def test_what_cannot_be_read_is_refused_each_time() -> None:
    for _ in range(2):
        with pytest.raises(MalformedHeader):
            read_name_addr('"A <sip:a@192.0.2.1>')


def test_the_topmost_via_is_read_once_whether_alone_or_asked_for_with_all() -> None:
    request = Request("OPTIONS", "sip:a@192.0.2.1", [("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1")])
    assert request.vias == (request.via,)
    assert request.vias[0] is request.via
    two = Request("OPTIONS", "sip:a@192.0.2.1", [("Via", "SIP/2.0/UDP 192.0.2.1, SIP/2.0/UDP 192.0.2.2")])
    assert [via.host for via in two.vias] == ["192.0.2.1", "192.0.2.2"]
    assert two.via == two.vias[0]


def test_a_long_way_through_proxies_is_followed_and_not_remembered() -> None:
    """Its values may fill a message of 64 kB, which would be kept long after its call."""
    proxies = [f"<sip:203.0.113.{number};lr;x={'x' * 900}>" for number in range(1, 9)]
    bench = Bench()
    before = route_in_dialog.cache_info().currsize
    usage, invite = bench.call()
    bench.receive(answer_to(invite, 200, to_tag="peer", headers=f"Record-Route: {', '.join(proxies)}"))
    bench.user_agent.hang_up(usage, bench.now)
    bye = bench.take_sent()[-1]
    assert isinstance(bye, Request)
    assert (bye.method, bye.headers.get_all("Route")) == ("BYE", proxies[::-1])
    assert route_in_dialog.cache_info().currsize == before
