"""RFC 3263 section 4.3 within a dialog: a name in a Contact or route that leads to several addresses."""

import pytest

from b2bua.sip.events import IncomingInvite, IncomingRequest
from b2bua.sip.location import Target
from b2bua.sip.message import Request
from b2bua.sip.parser import parse_message
from b2bua.sip.routing import ANYBODY, LocalAddress, Outgoing, TransportAddress
from b2bua.sip.settings import PeerPolicy, UserAgentSettings
from b2bua.sip.user_agent import UserAgent
from tests.support.agents import OFFER, answer_to, in_dialog_from_peer, plan_to, request_from_peer
from tests.support.seeded_tokens import SeededTokens

NOW = 1000.0
NAMED = "Contact: <sip:gw@10.0.0.1>\nRecord-Route: <sip:cluster.example;lr;transport={}>"

VIA = "203.0.113.1:5061"
SAYS_SDP = "Content-Type: application/sdp"


def at(transport: str, last: int) -> TransportAddress:
    return TransportAddress(transport, f"203.0.113.{last}", 5061)


def settings_of(transport: str) -> UserAgentSettings:
    bound = TransportAddress(transport, "192.0.2.1", 5061)
    return UserAgentSettings(locals=(LocalAddress(bound, bound.host, bound.port),))


def ack_and_bye(transport: str, found: tuple[TransportAddress, ...], strangers: tuple[int, ...] = ()) -> list[Outgoing]:
    """Those of a call that was made to the first member of a cluster, where its name leads to `found`."""
    asked: list[Target] = []
    kept_away = {at(transport, last) for last in strangers}

    def names(target: Target) -> tuple[TransportAddress, ...]:
        asked.append(target)
        return found

    settings = settings_of(transport)
    bound = settings.locals[0].bound
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
    ack, bye = agent.to_send()
    return [ack, bye]


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


def in_call_of(
    expected: str, contact: str, found: tuple[TransportAddress, ...] = (at("tls", 1), at("tls", 2))
) -> Outgoing:
    """The BYE of a call to a server whose certificate was to have that name, and whose Contact leads elsewhere."""
    peer = at("tls", 1)._replace(expected=expected)
    settings = settings_of("tls")
    agent = UserAgent(settings, SeededTokens("named"), names=lambda _target: found)
    usage = agent.invite(plan_to(peer), NOW)
    [outgoing] = agent.to_send()
    assert outgoing.destination == peer
    invite = parse_message(outgoing.content)
    assert isinstance(invite, Request)
    agent.receive(answer_to(invite, 200, to_tag="peer", contact=contact), peer, settings.locals[0].bound, NOW)
    agent.hang_up(usage, NOW)
    _ack, bye = agent.to_send()
    return bye


@pytest.mark.parametrize(
    ("contact", "ways"),
    [
        ("<sips:gw@203.0.113.1>", (at("tls", 1), None)),
        ("<sips:gw@203.0.113.1:5071>", (at("tls", 1)._replace(port=5071), at("tls", 1))),
        ("<sips:gw@203.0.113.9>", (at("tls", 9), at("tls", 1))),
        ("<sips:gw@cluster.example>", (at("tls", 1), at("tls", 2))),
    ],
    ids=["there", "another port", "elsewhere", "name"],
)
def test_who_is_expected_in_a_call_is_who_was_called(
    contact: str, ways: tuple[TransportAddress, TransportAddress | None]
) -> None:
    bye = in_call_of("sip.carrier.example", contact)
    expected = [each and each._replace(expected="sip.carrier.example") for each in ways]
    assert [bye.destination, bye.fallback] == expected


class Called:
    """A call that a member of a cluster has made, which listens nowhere where it calls from unless `port` is 5061."""

    def __init__(
        self, transport: str, found: tuple[TransportAddress, ...], port: int = 40_123, expected: str = ""
    ) -> None:
        self.source = at(transport, 1)._replace(port=port)
        settings = settings_of(transport)
        self.bound = settings.locals[0].bound
        policy = PeerPolicy(expected=expected)
        self.agent = UserAgent(
            settings, SeededTokens("cluster"), names=lambda _target: found, policy_of=lambda _request, _source: policy
        )
        self.named = NAMED.format(transport)
        self.tag: str | None = None
        self.take("INVITE", 1, self.source)
        event = self.agent.next_event()
        assert isinstance(event, IncomingInvite)
        self.usage = event.usage
        self.agent.respond(event.transaction, 200, NOW, body=OFFER, content_type="application/sdp")
        [self.answer] = [answer] = self.agent.to_send()
        self.tag = answer.content.split(b"\r\nTo: ", 1)[1].split(b"\r\n", 1)[0].rpartition(b";tag=")[2].decode()
        self.take("ACK", 1, self.source)

    def take(self, method: str, cseq: int, source: TransportAddress) -> None:
        branch = f"z9hG4bK{method}{cseq}"
        asked = request_from_peer(method, branch=branch, cseq=cseq, to_tag=self.tag, headers=self.named, via=VIA)
        self.agent.receive(
            asked.replace(b"/UDP ", f"/{self.bound.transport.upper()} ".encode()), source, self.bound, NOW
        )
        self.agent.to_send()

    def said(self) -> Outgoing:
        [outgoing] = self.agent.to_send()
        return outgoing

    def fails(self, outgoing: Outgoing) -> Outgoing:
        """Neither can be reached; what goes out then."""
        self.agent.transport_failed(outgoing.destination, NOW, requests=frozenset({outgoing.content}))
        return self.said()


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_a_bye_to_a_member_that_has_called_and_is_gone_goes_to_another(transport: str) -> None:
    call = Called(transport, tuple([at(transport, last) for last in (2, 1, 3)]))
    call.agent.hang_up(call.usage, NOW)
    bye = call.said()
    assert (bye.destination, bye.fallback) == (at(transport, 1), call.source)
    again = call.fails(bye)
    assert again.content.startswith(b"BYE ")
    assert (again.destination, again.fallback) == (at(transport, 1), at(transport, 2))


def test_so_does_a_changed_session() -> None:
    call = Called("tcp", (at("tcp", 1), at("tcp", 2)))
    call.agent.request_in_dialog(call.usage, "INVITE", NOW, body=OFFER, content_type="application/sdp")
    offer = call.said()
    assert (offer.destination, offer.fallback) == (at("tcp", 1), call.source)
    again = call.fails(offer)
    assert again.content == offer.content
    assert (again.destination, again.fallback) == (at("tcp", 1), at("tcp", 2))


def test_the_connection_that_a_member_has_come_back_by_is_tried_before_another_member() -> None:
    call = Called("tcp", (at("tcp", 1), at("tcp", 2)))
    call.agent.request_in_dialog(call.usage, "INVITE", NOW, body=OFFER, content_type="application/sdp")
    offer = call.said()
    back = call.source._replace(port=40_987)
    call.take("OPTIONS", 2, back)
    again = call.fails(offer)
    assert (again.destination, again.fallback) == (at("tcp", 1), back)


@pytest.mark.parametrize(("transport", "expected"), [("tcp", ""), ("tls", ""), ("tls", "sip.carrier.example")])
def test_a_member_that_calls_from_where_it_listens_has_the_others_behind_it(transport: str, expected: str) -> None:
    call = Called(transport, (at(transport, 1), at(transport, 2)), port=5061, expected=expected)
    call.agent.hang_up(call.usage, NOW)
    bye = call.said()
    there, also = (at(transport, last)._replace(expected=expected) for last in (1, 2))
    assert (bye.destination, bye.fallback) == (there, also)


@pytest.mark.parametrize("expected", ["", "sip.carrier.example"])
def test_the_connection_that_a_member_has_answered_over_is_its_own_from_then_on(expected: str) -> None:
    call = Called("tls", (at("tls", 1), at("tls", 2)), port=5061, expected=expected)
    call.agent.request_in_dialog(call.usage, "INVITE", NOW, body=OFFER, content_type="application/sdp")
    offer = parse_message(call.said().content)
    assert isinstance(offer, Request)
    back = call.source._replace(port=40_987)
    answer = answer_to(offer, 200, contact="<sips:gw@203.0.113.9>", body=OFFER.decode(), headers=SAYS_SDP)
    call.agent.receive(answer, back, call.bound, NOW)
    call.agent.to_send()
    call.agent.hang_up(call.usage, NOW)
    assert call.said().fallback == back


def test_where_it_listens_is_one_place_whoever_is_expected_there() -> None:
    """An account of a carrier whose cluster is known by the name of another account."""
    found = tuple([at("tls", last)._replace(expected="b.example") for last in (1, 2)])
    call = Called("tls", found, port=5061, expected="a.example")
    call.agent.hang_up(call.usage, NOW)
    bye = call.said()
    assert (bye.destination, bye.fallback) == found


def test_what_leads_back_to_where_it_calls_from_leads_to_its_connection() -> None:
    call = Called("tls", (at("tls", 1)._replace(port=40_123),), expected="sip.carrier.example")
    call.agent.hang_up(call.usage, NOW)
    bye = call.said()
    assert (bye.destination, bye.fallback) == (call.source, at("tls", 1)._replace(expected="sip.carrier.example"))


def test_a_third_member_is_tried_where_two_are_gone() -> None:
    agent = UserAgent(
        settings_of("tcp"), SeededTokens("cluster"), names=lambda _: (at("tcp", 1), at("tcp", 2), at("tcp", 3))
    )
    usage = agent.invite(plan_to(at("tcp", 1)), NOW)
    [outgoing] = agent.to_send()
    invite = parse_message(outgoing.content)
    assert isinstance(invite, Request)
    answer = answer_to(invite, 200, to_tag="peer", contact=None, headers=NAMED.format("tcp"))
    agent.receive(answer, at("tcp", 1), settings_of("tcp").locals[0].bound, NOW)
    agent.hang_up(usage, NOW)
    _ack, bye = agent.to_send()
    assert (bye.destination, bye.fallback) == (at("tcp", 1), at("tcp", 2))
    agent.transport_failed(bye.destination, NOW, requests=frozenset({bye.content}))
    [again] = agent.to_send()
    assert (again.destination, again.fallback) == (at("tcp", 1), at("tcp", 3))


def test_who_is_expected_where_a_call_of_a_peer_leads_is_as_its_policy_has_it() -> None:
    """Its connection is what it is; where one is opened to it, it is called."""
    call = Called("tls", (at("tls", 1), at("tls", 2)), expected="sip.carrier.example")
    call.agent.hang_up(call.usage, NOW)
    bye = call.said()
    there, also = (at("tls", last)._replace(expected="sip.carrier.example") for last in (1, 2))
    assert (bye.destination, bye.fallback) == (there, call.source)
    again = call.fails(bye)
    assert (again.destination, again.fallback) == (there, also)


def test_a_peer_without_a_contact_that_may_be_used_is_called_where_it_listens() -> None:
    call = Called("tls", (), expected="sip.carrier.example")
    back = call.source._replace(port=40_987)
    call.take("OPTIONS", 2, back)
    call.agent.hang_up(call.usage, NOW)
    bye = call.said()
    assert (bye.destination, bye.fallback) == (back, at("tls", 1)._replace(expected="sip.carrier.example"))


def test_who_is_expected_where_an_answer_goes_whose_connection_is_gone_is_the_caller() -> None:
    call = Called("tls", (), expected="sip.carrier.example")
    listens = at("tls", 1)._replace(expected="sip.carrier.example")
    assert (call.answer.destination, call.answer.fallback) == (call.source, listens)
    call.take("INVITE", 2, call.source)
    while not isinstance(event := call.agent.next_event(), IncomingRequest):
        assert event is not None
    back = call.source._replace(port=40_987)
    call.take("INVITE", 2, back)
    call.agent.respond(event.transaction, 488, NOW)
    refusal = call.said()
    assert (refusal.destination, refusal.fallback) == (back, listens)


@pytest.mark.parametrize(
    ("called", "expected"),
    [("a.example", "a.example"), (ANYBODY, ANYBODY), ("c.example", "b.example"), ("", "b.example")],
    ids=["a name", "anybody", "a name of another host's", "nobody"],
)
def test_a_place_that_a_name_leads_to_for_several_is_one_way_and_the_callers(called: str, expected: str) -> None:
    """Accounts with one carrier whose profiles differ in who is expected: each is found where its name leads."""
    members = (at("tls", 1), at("tls", 2))
    found = tuple([each._replace(expected=name) for name in (ANYBODY, "b.example", "a.example") for each in members])
    bye = in_call_of(called, "<sips:gw@cluster.example>", found)
    there, also = (each._replace(expected=expected) for each in members)
    assert (bye.destination, bye.fallback) == (there, also)


def test_who_is_expected_where_an_answer_within_a_dialog_goes_is_who_was_called() -> None:
    """Its profile is a trunk's, and the call was to a host that a route names."""
    settings = settings_of("tls")
    bound = settings.locals[0].bound
    called = at("tls", 1)._replace(expected="h.example")
    agent = UserAgent(settings, SeededTokens("route"))
    usage = agent.invite(plan_to(called, policy=PeerPolicy(expected="trunk.example")), NOW)
    invite = parse_message(agent.to_send()[0].content)
    assert isinstance(invite, Request)
    agent.receive(answer_to(invite, 200, to_tag="peer", body=OFFER.decode(), headers=SAYS_SDP), called, bound, NOW)
    agent.to_send()
    asked = in_dialog_from_peer(invite, "INVITE", body=OFFER.decode())
    came = at("tls", 1)._replace(port=40_123)
    agent.receive(asked.replace(b"/UDP 203.0.113.10:5060", f"/TLS {VIA}".encode()), came, bound, NOW)
    while not isinstance(event := agent.next_event(), IncomingRequest):
        assert event is not None
    assert event.usage == usage
    for source in (came, came._replace(port=40_124)):
        agent.receive(asked.replace(b"/UDP 203.0.113.10:5060", f"/TLS {VIA}".encode()), source, bound, NOW)
    agent.to_send()
    agent.respond(event.transaction, 488, NOW)
    [refusal] = agent.to_send()
    assert (refusal.destination, refusal.fallback) == (source, called)
