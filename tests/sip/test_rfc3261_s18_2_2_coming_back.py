"""RFC 3261 18.2.2: a caller over TCP comes back over another connection, or somebody else does in its place."""

from collections.abc import Callable

import pytest

from b2bua.sip.events import IncomingCancelled, IncomingInvite
from b2bua.sip.message import Request
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
        self.user_agent.receive(from_phone(method), source, LOCAL, 1000.0)
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
