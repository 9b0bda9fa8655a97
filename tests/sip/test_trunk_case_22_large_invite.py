"""Hard case 22: an INVITE over 1300 octets goes by TCP where the trunk takes it, and otherwise by UDP, counted.

RFC 3261 section 18.1.1.
"""

import pytest

from b2bua.sip.digest import Credentials
from b2bua.sip.events import Answered, InviteMoved, NoResponse, UserAgentEvent
from b2bua.sip.message import Request
from b2bua.sip.oversized import OVERSIZED_OCTETS
from b2bua.sip.parser import parse_message
from b2bua.sip.routing import LocalAddress, Outgoing, TransportAddress
from b2bua.sip.settings import PeerPolicy, UserAgentSettings
from b2bua.sip.user_agent import UserAgent
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


def sent_by(agent: UserAgent) -> tuple[Request, Outgoing]:
    """The one request that has just gone out, and how."""
    [outgoing] = agent.to_send()
    request = parse_message(outgoing.content)
    assert isinstance(request, Request)
    return request, outgoing


def events_of(agent: UserAgent) -> list[UserAgentEvent]:
    events = []
    while (event := agent.next_event()) is not None:
        events.append(event)
    return events


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
    invite, _ = sent_by(agent)
    contact = "<sip:gw@203.0.113.10:5060;transport=tcp>"
    agent.receive(answer_to(invite, 200, to_tag="peer", contact=contact), OVER_TCP, OUR_TCP, 0.1)
    moved, answered = events_of(agent)
    assert moved == InviteMoved(usage, OVER_TCP)
    assert isinstance(answered, Answered)
    agent.hang_up(usage, 0.2)
    ack, bye = agent.to_send()
    assert {(each.destination, each.local) for each in (ack, bye)} == {(OVER_TCP, OUR_TCP)}


@pytest.mark.parametrize("policy", ["off", "supported", "required"])
def test_trunk_case_22_a_large_invite_announces_what_a_small_one_does(policy: str) -> None:
    said = []
    for size in (100, 1500):
        agent = user_agent(OURS, OUR_TCP)
        reliable = PeerPolicy(reliable_provisional=policy)  # type: ignore[arg-type]  # one of the three
        agent.invite(plan_to(headers=padded(size), large_destination=OVER_TCP, policy=reliable), 0.0)
        invite, outgoing = sent_by(agent)
        assert outgoing.destination.reliable is (size == 1500)
        said.append([(name, value) for name, value in invite.headers if name not in ("Via", "Contact", "X-P")])
    small, large = (dict(each) for each in said)
    assert small.keys() == large.keys()
    assert (small.get("Supported"), small.get("Require")) == (large.get("Supported"), large.get("Require"))
    assert ("Require" in large) is (policy == "required")


CHALLENGE = 'Proxy-Authenticate: Digest realm="r", nonce="n1", qop="auth", algorithm=SHA-256'


@pytest.mark.parametrize(
    ("status", "headers", "changes", "asks"),
    [
        (407, CHALLENGE, {"credentials": Credentials("us", "secret")}, "Proxy-Authorization"),
        (422, "Min-SE: 3600", {"policy": PeerPolicy(session_timer_s=90)}, "Min-SE"),
    ],
    ids=["credentials", "a longer session"],
)
def test_trunk_case_22_the_second_invite_goes_by_tcp_where_it_alone_is_too_large(
    status: int, headers: str, changes: dict[str, object], asks: str
) -> None:
    agent = user_agent(OURS, OUR_TCP)
    more = OVERSIZED_OCTETS - octets_of(agent, **changes)
    usage = agent.invite(plan_to(PEER, headers=padded(more), large_destination=OVER_TCP, **changes), 0.0)
    first, outgoing = sent_by(agent)
    assert (outgoing.destination, len(outgoing.content)) == (PEER, OVERSIZED_OCTETS)
    agent.receive(answer_to(first, status, to_tag="peer", headers=headers), PEER, OURS, 0.1)
    ack, again = agent.to_send()
    assert (ack.destination, ack.local) == (PEER, OURS)
    second = parse_message(again.content)
    assert isinstance(second, Request)
    assert asks in second.headers
    assert (again.destination, again.local) == (OVER_TCP, OUR_TCP)
    assert str(second.via).startswith("SIP/2.0/TCP 192.0.2.1:5070;")
    assert second.headers.get("Contact") == "<sip:192.0.2.1:5070;transport=tcp>"
    assert second.headers.get("Supported") == first.headers.get("Supported")
    assert (second.call_id, second.cseq.number) == (first.call_id, first.cseq.number + 1)
    assert events_of(agent) == [InviteMoved(usage, OVER_TCP)]
    assert "oversized INVITEs" not in agent.counters
    agent.receive(answer_to(second, 200, to_tag="peer"), OVER_TCP, OUR_TCP, 0.2)
    assert isinstance(agent.next_event(), Answered)


def test_trunk_case_22_a_second_invite_that_is_too_large_is_counted_where_it_goes_by_udp() -> None:
    agent = user_agent(OURS)
    credentials = Credentials("us", "secret")
    more = OVERSIZED_OCTETS - octets_of(agent, credentials=credentials)
    agent.invite(plan_to(headers=padded(more), credentials=credentials), 0.0)
    first, _ = sent_by(agent)
    agent.receive(answer_to(first, 407, to_tag="peer", headers=CHALLENGE), PEER, OURS, 0.1)
    _, again = agent.to_send()
    assert again.destination == PEER
    assert agent.counters["oversized INVITEs"] == 1


def without_connection(**changes: object) -> tuple[UserAgent, int, Request]:
    """A large INVITE, to a peer that no connection can be opened to."""
    agent = user_agent(OURS, OUR_TCP)
    usage = agent.invite(plan_to(PEER, headers=padded(1500), large_destination=OVER_TCP, **changes), 0.0)
    invite, outgoing = sent_by(agent)
    assert outgoing.destination == OVER_TCP
    agent.transport_failed(OVER_TCP, 0.5, unopened=True)
    return agent, usage, invite


def test_rfc3261_s18_1_1_where_no_connection_can_be_opened_it_goes_by_udp() -> None:
    agent, usage, large = without_connection(policy=PeerPolicy(reliable_provisional="required"))
    invite, outgoing = sent_by(agent)
    assert (outgoing.destination, outgoing.local) == (PEER, OURS)
    assert str(invite.via).startswith("SIP/2.0/UDP 192.0.2.1:5060;")
    assert invite.headers.get("Contact") == "<sip:192.0.2.1:5060>"
    assert invite.headers.get("Require") == "100rel"
    assert (invite.call_id, invite.from_tag, invite.cseq) == (large.call_id, large.from_tag, large.cseq)
    assert invite.via.branch != large.via.branch
    assert events_of(agent) == [InviteMoved(usage, OVER_TCP), InviteMoved(usage, PEER, undelivered=OVER_TCP)]
    assert agent.counters["oversized INVITEs"] == 1
    agent.receive(answer_to(invite, 200, to_tag="peer"), PEER, OURS, 0.6)
    assert isinstance(agent.next_event(), Answered)
    ack, _ = sent_by(agent)
    assert ack.method == "ACK"
    assert agent.table_sizes().transactions == 1, "nothing is left of the one that could not be sent"


def test_rfc3261_s18_1_1_it_has_all_its_time_by_udp() -> None:
    agent, usage, _ = without_connection(no_answer_timeout_s=4.0)
    events_of(agent)
    agent.handle_timers(4.4)
    assert events_of(agent) == []
    agent.handle_timers(4.5)
    assert events_of(agent) == [NoResponse(usage, "no_answer")]


def test_rfc3261_s18_1_1_it_is_tried_by_udp_once() -> None:
    agent, usage, _ = without_connection()
    _, outgoing = sent_by(agent)
    events_of(agent)
    agent.transport_failed(OVER_TCP, 0.6, unopened=True)
    assert (events_of(agent), agent.to_send()) == ([], [])
    agent.undelivered(outgoing.content, PEER, 0.7)
    assert events_of(agent) == [NoResponse(usage, "transport")]
    assert agent.to_send() == []


def test_rfc3261_s18_1_1_it_does_not_go_by_tcp_as_well_over_a_connection_that_is_opened_after_all() -> None:
    """Another call's INVITE has begun to open one, and this one waits for it: two phones would ring."""
    agent = user_agent(OURS, OUR_TCP)
    agent.invite(plan_to(PEER, headers=padded(1500), large_destination=OVER_TCP), 0.0)
    _, by_tcp = sent_by(agent)
    assert agent.is_wanted(by_tcp.content)
    agent.transport_failed(OVER_TCP, 0.5, unopened=True)
    _, by_udp = sent_by(agent)
    assert not agent.is_wanted(by_tcp.content)
    assert agent.is_wanted(by_udp.content)


def test_rfc3261_s18_1_1_what_follows_it_stays_on_udp() -> None:
    agent, _, _ = without_connection(credentials=Credentials("us", "secret"))
    invite, _ = sent_by(agent)
    events_of(agent)
    agent.receive(answer_to(invite, 407, to_tag="peer", headers=CHALLENGE), PEER, OURS, 0.6)
    _, again = agent.to_send()
    assert again.destination == PEER
    assert events_of(agent) == []


def test_rfc3261_s18_1_1_one_that_may_have_arrived_is_not_sent_again() -> None:
    agent = user_agent(OURS, OUR_TCP)
    usage = agent.invite(plan_to(headers=padded(1500), large_destination=OVER_TCP), 0.0)
    agent.to_send()
    agent.transport_failed(OVER_TCP, 0.5)
    assert agent.to_send() == []
    assert events_of(agent) == [InviteMoved(usage, OVER_TCP), NoResponse(usage, "transport")]


def test_rfc3261_s18_1_1_one_that_was_to_go_by_tcp_has_no_other_way() -> None:
    agent = user_agent(OURS, OUR_TCP)
    usage = agent.invite(plan_to(OVER_TCP, headers=padded(1500), large_destination=OVER_TCP), 0.0)
    agent.to_send()
    agent.transport_failed(OVER_TCP, 0.5, unopened=True)
    assert agent.to_send() == []
    assert events_of(agent) == [NoResponse(usage, "transport")]


def test_rfc3261_s18_1_1_a_call_that_was_hung_up_meanwhile_is_not_begun_by_udp() -> None:
    agent = user_agent(OURS, OUR_TCP)
    usage = agent.invite(plan_to(headers=padded(1500), large_destination=OVER_TCP), 0.0)
    agent.to_send()
    agent.hang_up(usage, 0.2)
    agent.transport_failed(OVER_TCP, 0.5, unopened=True)
    assert agent.to_send() == []
