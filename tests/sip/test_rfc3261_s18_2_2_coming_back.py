"""RFC 3261 18.2.2: a caller over TCP comes back over another connection, or somebody else does in its place."""

from collections.abc import Callable

import pytest

from b2bua.sip.events import IncomingCancelled, IncomingInvite, IncomingRequest
from b2bua.sip.message import Request
from b2bua.sip.parser import parse_message
from b2bua.sip.routing import Outgoing, TransportAddress
from b2bua.sip.settings import PeerPolicy
from b2bua.sip.user_agent import UserAgent
from tests.support.agents import OFFER, request_from_peer, settings_for
from tests.support.seeded_tokens import SeededTokens

LOCAL = TransportAddress("tcp", "192.0.2.1", 5060)
FIRST = TransportAddress("tcp", "203.0.113.10", 40_123)
BACK = FIRST._replace(port=40_124)
OTHER_HOST = FIRST._replace(host="203.0.113.20")
"""Another address of the same peer."""
OTHER_PEER = FIRST._replace(host="198.51.100.7")


def from_phone(method: str) -> bytes:
    """Of a phone that nobody can connect to."""
    contact = "Contact: <sip:phone@sbc.carrier.example;transport=tcp>"
    return request_from_peer(method, headers=contact).replace(b"SIP/2.0/UDP", b"SIP/2.0/TCP")


def one_of_two_peers() -> Callable[[Request, TransportAddress], PeerPolicy]:
    """What tells them apart: their policies are alike, but two."""
    ours, others = PeerPolicy(), PeerPolicy()
    return lambda _request, source: others if source.host == OTHER_PEER.host else ours


def in_the_call(method: str, call: Outgoing, cseq: int, body: str = "") -> bytes:
    """Of the same phone in the dialog that a response to its INVITE has made."""
    made = parse_message(call.content)
    request = request_from_peer(
        method,
        to_tag=made.to_tag,
        cseq=cseq,
        branch=f"z9hG4bKin{cseq}",
        body=body,
        headers="Contact: <sip:phone@sbc.carrier.example;transport=tcp>",
    )
    return request.replace(b"SIP/2.0/UDP", b"SIP/2.0/TCP")


class Called:
    """A call of FIRST's that is early: what was said last to it is `progress`."""

    def __init__(self) -> None:
        self.user_agent = UserAgent(settings_for(LOCAL), SeededTokens("back"), policy_of=one_of_two_peers())
        [self.trying] = self.receive("INVITE", FIRST)
        event = self.user_agent.next_event()
        assert isinstance(event, IncomingInvite)
        self.arrived = event
        self.progress = self.respond(183)

    def receive(self, method: str, source: TransportAddress) -> list[Outgoing]:
        return self.receive_octets(from_phone(method), source)

    def receive_octets(self, octets: bytes, source: TransportAddress) -> list[Outgoing]:
        self.user_agent.receive(octets, source, LOCAL, 1000.0)
        return self.user_agent.to_send()

    def respond(self, status: int) -> Outgoing:
        self.user_agent.respond(self.arrived.transaction, status, 1000.0, body=OFFER, content_type="application/sdp")
        [outgoing] = self.user_agent.to_send()
        return outgoing


def test_s17_2_4_what_the_old_connection_did_not_take_says_nothing_of_a_caller_that_has_come_back() -> None:
    """It was still being tried where the caller's Via says, when the caller had it over the new connection."""
    called = Called()
    [again] = called.receive("INVITE", BACK)
    assert again == called.progress._replace(destination=BACK)
    called.user_agent.unanswerable(called.progress.content, 1000.0, FIRST)
    assert called.user_agent.next_event() is None
    called.user_agent.unanswerable(again.content, 1000.0, BACK)
    assert called.user_agent.next_event() == IncomingCancelled(called.arrived.usage, "unanswerable")


@pytest.mark.parametrize("source", [BACK, OTHER_HOST], ids=["its host", "another of its hosts"])
def test_who_comes_back_is_told_over_the_new_connection(source: TransportAddress) -> None:
    called = Called()
    assert [each.destination for each in called.receive("INVITE", source)] == [source]
    assert called.respond(200).destination == source


def test_another_peer_takes_no_call_over_with_the_branch_of_its_invite() -> None:
    """A branch, which a sender may count up, is all that is asked of a repetition; the answer has our tag and, with
    SRTP, the keys."""
    called = Called()
    assert called.receive("INVITE", OTHER_PEER) == [called.progress]
    assert called.respond(200).destination == FIRST
    called.user_agent.handle_timers(1064.0)
    later = called.user_agent.to_send()
    assert any(each.content.startswith(b"BYE ") for each in later), "it was never acknowledged"
    assert {each.destination for each in later} == {FIRST}


def test_another_peer_that_cancels_a_call_does_not_hear_how_it_ended() -> None:
    called = Called()
    said = called.receive("CANCEL", OTHER_PEER)
    assert [(each.content[8:11], each.destination) for each in said] == [(b"200", OTHER_PEER), (b"487", FIRST)]


def test_who_comes_back_within_the_early_dialog_is_answered_over_the_new_connection() -> None:
    """Its UPDATE, or PRACK, repeats nothing; the INVITE has its answer all the same once its own connection is gone."""
    called = Called()
    called.receive_octets(in_the_call("UPDATE", called.progress, 2), BACK)
    while called.user_agent.next_event() is not None:
        pass
    answer = called.respond(200)
    assert answer.destination == FIRST, "as long as it is there"
    called.user_agent.unanswerable(answer.content, 1000.0, FIRST)
    assert called.user_agent.next_event() is None
    assert called.user_agent.to_send() == [answer._replace(destination=BACK)]
    called.user_agent.handle_timers(1000.5)
    assert called.user_agent.to_send() == [answer._replace(destination=BACK)], "until it is acknowledged"
    called.user_agent.unanswerable(answer.content, 1000.5, BACK)
    assert called.user_agent.to_send() == [], "there is no further way"


def test_what_was_asked_within_a_call_is_answered_over_the_connection_of_what_came_after() -> None:
    called = Called()
    answer = called.respond(200)
    called.receive_octets(in_the_call("ACK", answer, 1), FIRST)
    called.receive_octets(in_the_call("INVITE", answer, 2, OFFER.decode()), FIRST)
    while not isinstance(event := called.user_agent.next_event(), IncomingRequest):
        assert event is not None
    called.receive_octets(in_the_call("INFO", answer, 3), BACK)
    called.user_agent.respond(event.transaction, 488, 1000.0)
    [refusal] = called.user_agent.to_send()
    called.user_agent.unanswerable(refusal.content, 1000.0, FIRST)
    assert called.user_agent.to_send() == [refusal._replace(destination=BACK)]
