"""RFC 3263 section 4.3 within a dialog: a name in a Contact or route that leads to several addresses."""

import pytest

from b2bua.sip.location import Target
from b2bua.sip.message import Request
from b2bua.sip.parser import parse_message
from b2bua.sip.routing import LocalAddress, Outgoing, TransportAddress
from b2bua.sip.settings import UserAgentSettings
from b2bua.sip.user_agent import UserAgent
from tests.support.agents import answer_to, plan_to
from tests.support.seeded_tokens import SeededTokens

NOW = 1000.0
NAMED = "Contact: <sip:gw@10.0.0.1>\nRecord-Route: <sip:cluster.example;lr;transport={}>"


def at(transport: str, last: int) -> TransportAddress:
    return TransportAddress(transport, f"203.0.113.{last}", 5061)


def ack_and_bye(transport: str, found: tuple[TransportAddress, ...], strangers: tuple[int, ...] = ()) -> list[Outgoing]:
    """Those of a call that was made to the first member of a cluster, where its name leads to `found`."""
    asked: list[Target] = []
    kept_away = {at(transport, last) for last in strangers}

    def names(target: Target) -> tuple[TransportAddress, ...]:
        asked.append(target)
        return found

    bound = TransportAddress(transport, "192.0.2.1", 5061)
    settings = UserAgentSettings(locals=(LocalAddress(bound, bound.host, bound.port),))
    agent = UserAgent(
        settings, SeededTokens("cluster"), may_reach=lambda address: address not in kept_away, names=names
    )
    usage = agent.invite(plan_to(at(transport, 1)), NOW)
    [outgoing] = agent.to_send()
    invite = parse_message(outgoing.content)
    assert isinstance(invite, Request)
    answer = answer_to(invite, 200, to_tag="peer", contact=None, headers=NAMED.format(transport))
    agent.receive(answer, at(transport, 1), bound, NOW)
    agent.hang_up(usage, NOW)
    assert {target.host for target in asked} == {"cluster.example"}
    return agent.to_send()


@pytest.mark.parametrize("transport", ["tcp", "tls"])
@pytest.mark.parametrize("order", [(1, 2, 3), (2, 1, 3)], ids=["first", "among others"])
def test_what_the_peer_does_not_take_goes_to_another_member(transport: str, order: tuple[int, ...]) -> None:
    for outgoing in ack_and_bye(transport, tuple([at(transport, last) for last in order])):
        assert outgoing.destination == at(transport, 1)
        assert outgoing.fallback == at(transport, 2)


def test_not_to_one_that_may_not_be_reached() -> None:
    found = tuple([at("tls", last) for last in (1, 2, 3)])
    assert [each.fallback for each in ack_and_bye("tls", found, strangers=(2,))] == [at("tls", 3)] * 2
    assert [each.fallback for each in ack_and_bye("tls", found, strangers=(2, 3))] == [None] * 2


def test_a_peer_that_the_name_leads_to_no_more_is_the_last_that_is_tried() -> None:
    for outgoing in ack_and_bye("tls", (at("tls", 2), at("tls", 3))):
        assert (outgoing.destination, outgoing.fallback) == (at("tls", 2), at("tls", 1))


def test_a_datagram_has_one_destination() -> None:
    for outgoing in ack_and_bye("udp", (at("udp", 1), at("udp", 2))):
        assert (outgoing.destination, outgoing.fallback) == (at("udp", 1), None)
