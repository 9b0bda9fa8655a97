"""Hard case 22: an INVITE over 1300 octets goes by TCP where the trunk takes it, and otherwise by UDP, counted."""

import pytest

from b2bua.sip.events import Answered
from b2bua.sip.message import Request
from b2bua.sip.parser import parse_message
from b2bua.sip.routing import LocalAddress, TransportAddress
from b2bua.sip.settings import UserAgentSettings
from b2bua.sip.user_agent import OVERSIZED_OCTETS, UserAgent
from tests.support.agents import OURS, PEER, answer_to, plan_to
from tests.support.seeded_tokens import SeededTokens

OVER_TCP = TransportAddress("tcp", PEER.host, 5060)
OUR_TCP = TransportAddress("tcp", OURS.host, 5070)


def user_agent(*bounds: TransportAddress) -> UserAgent:
    locals_ = tuple(LocalAddress(bound, bound.host, bound.port) for bound in bounds)
    return UserAgent(UserAgentSettings(locals=locals_), SeededTokens())


def octets_of(agent: UserAgent, **changes: object) -> int:
    """How long an INVITE without padding is."""
    agent.invite(plan_to(**changes), 0.0)  # type: ignore[arg-type]  # keyword values of a test
    [outgoing] = agent.to_send()
    return len(outgoing.content)


def padded(size: int) -> tuple[tuple[str, str], ...]:
    """A header line of that many octets."""
    return (("X-P", "x" * (size - len("X-P: \r\n"))),)


@pytest.mark.parametrize(("octets", "transport"), [(1300, "udp"), (1301, "tcp")])
def test_trunk_case_22_the_border_is_1300_octets(octets: int, transport: str) -> None:
    agent = user_agent(OURS, OUR_TCP)
    more = octets - octets_of(agent)
    agent.invite(plan_to(headers=padded(more), large_destination=OVER_TCP), 0.0)
    [outgoing] = agent.to_send()
    assert outgoing.destination.transport == transport
    assert "oversized INVITEs" not in agent.counters
    text = outgoing.content.decode()
    if transport == "udp":
        assert len(text) == OVERSIZED_OCTETS
    else:
        assert (outgoing.destination, outgoing.local) == (OVER_TCP, OUR_TCP)
        assert "Via: SIP/2.0/TCP 192.0.2.1:5070;" in text
        assert "Contact: <sip:192.0.2.1:5070;transport=tcp>" in text


@pytest.mark.parametrize(
    ("bounds", "known"),
    [((OURS, OUR_TCP), None), ((OURS,), OVER_TCP)],
    ids=["the trunk is not known to take it", "no listener of ours"],
)
def test_trunk_case_22_without_tcp_it_goes_by_udp_and_is_counted(
    bounds: tuple[TransportAddress, ...], known: TransportAddress | None
) -> None:
    agent = user_agent(*bounds)
    agent.invite(plan_to(headers=padded(1500), large_destination=known), 0.0)
    [outgoing] = agent.to_send()
    assert outgoing.destination == PEER
    assert agent.counters["oversized INVITEs"] == 1


def test_trunk_case_22_the_call_stays_on_tcp() -> None:
    agent = user_agent(OURS, OUR_TCP)
    usage = agent.invite(plan_to(headers=padded(1500), large_destination=OVER_TCP), 0.0)
    [outgoing] = agent.to_send()
    invite = parse_message(outgoing.content)
    assert isinstance(invite, Request)
    contact = "<sip:gw@203.0.113.10:5060;transport=tcp>"
    agent.receive(answer_to(invite, 200, to_tag="peer", contact=contact), OVER_TCP, OUR_TCP, 0.1)
    assert isinstance(agent.next_event(), Answered)
    agent.hang_up(usage, 0.2)
    ack, bye = agent.to_send()
    assert {(each.destination, each.local) for each in (ack, bye)} == {(OVER_TCP, OUR_TCP)}
