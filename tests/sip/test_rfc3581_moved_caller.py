"""RFC 3581: who is behind NAT, with a Contact that nobody reaches, is where its last request over UDP came from."""

import pytest

from b2bua.sip.events import IncomingInvite, IncomingRequest
from b2bua.sip.routing import Outgoing, TransportAddress
from b2bua.sip.settings import PeerPolicy
from b2bua.sip.user_agent import UserAgent
from tests.support.agents import OFFER, OURS, PEER, plan_to, request_from_peer, settings_for
from tests.support.seeded_tokens import SeededTokens

FIRST = TransportAddress("udp", "203.0.113.10", 40_123)
MOVED = FIRST._replace(port=40_987)
OTHER_HOST = FIRST._replace(host="203.0.113.20")
"""Another address of the same NAT."""
PEER_MOVED = PEER._replace(port=40_987)
OTHER_PEER = FIRST._replace(host="198.51.100.7")


def tag_of(answer: Outgoing) -> str:
    """Ours."""
    return answer.content.split(b"\r\nTo: ", 1)[1].split(b"\r\n", 1)[0].rpartition(b";tag=")[2].decode()


class Called:
    """A call of FIRST's that is answered."""

    def __init__(self, via: str = "192.168.7.2:5060;rport", *, nat: bool = False) -> None:
        self.via = via
        reached, policy = (FIRST.host, OTHER_HOST.host), PeerPolicy(nat=nat)
        self.user_agent = UserAgent(
            settings_for(OURS),
            SeededTokens("moved"),
            may_reach=lambda address: address.host in reached,
            policy_of=lambda _request, _source: policy,
        )
        self.receive("INVITE", FIRST, 1, body=OFFER)
        event = self.user_agent.next_event()
        assert isinstance(event, IncomingInvite)
        self.usage = event.usage
        self.user_agent.respond(event.transaction, 200, 1000.0, body=OFFER, content_type="application/sdp")
        [answer] = self.user_agent.to_send()
        self.tag = tag_of(answer)
        self.receive("ACK", FIRST, 1)

    def receive(
        self, method: str, source: TransportAddress, cseq: int, body: bytes = b"", local: TransportAddress = OURS
    ) -> list[Outgoing]:
        tag = None if cseq == 1 and method in ("INVITE", "CANCEL") else self.tag
        request = request_from_peer(
            method,
            branch=f"z9hG4bK{'INVITE' if method == 'CANCEL' else method}{cseq}",
            cseq=cseq,
            to_tag=tag,
            headers="Contact: <sip:phone@192.168.7.2:5060>",
            body=body.decode(),
            via=self.via,
        )
        self.user_agent.receive(request, source, local, 1000.0)
        return self.user_agent.to_send()

    def hung_up(self) -> Outgoing:
        self.user_agent.hang_up(self.usage, 1001.0)
        [bye] = [each for each in self.user_agent.to_send() if each.content.startswith(b"BYE ")]
        assert bye.content.startswith(b"BYE sip:phone@192.168.7.2:5060 ")
        return bye


@pytest.mark.parametrize("source", [MOVED, OTHER_HOST], ids=["another port", "another address"])
@pytest.mark.parametrize("method", ["INVITE", "UPDATE", "INFO", "OPTIONS"])
def test_what_is_sent_to_a_caller_that_its_nat_has_moved_goes_to_where_it_asked_from_last(
    method: str, source: TransportAddress
) -> None:
    called = Called()
    called.receive(method, source, 2)
    assert called.hung_up().destination == source


@pytest.mark.parametrize("nat", [False, True], ids=["nat is not said", "behind NAT"])
@pytest.mark.parametrize("via", ["192.168.7.2:5070", "192.168.7.2"], ids=["another port", "the usual port"])
def test_a_caller_that_asks_for_no_rport_hears_us_at_the_port_of_its_via(via: str, nat: bool) -> None:
    """Some gateways send each request by a port of its own, where nobody listens. Where a NAT is between, our answers
    have come through it there."""
    heard_at = FIRST._replace(port=int(via.partition(":")[2] or 5060))
    assert Called(via, nat=nat).hung_up().destination == heard_at
    called = Called(via, nat=nat)
    [answer] = called.receive("OPTIONS", MOVED, 2)
    assert answer.destination == heard_at
    assert called.hung_up().destination == heard_at


class Calling(Called):
    """A call of FIRST's that rings."""

    def __init__(self, via: str = "192.168.7.2:5060;rport") -> None:
        self.via = via
        self.tag = ""
        ours, others = PeerPolicy(), PeerPolicy()
        self.user_agent = UserAgent(
            settings_for(OURS),
            SeededTokens("moved"),
            policy_of=lambda _request, source: others if source.host == OTHER_PEER.host else ours,
            may_reach=lambda address: address.host in (FIRST.host, OTHER_HOST.host, OTHER_PEER.host),
        )
        self.receive("INVITE", FIRST, 1, body=OFFER)
        event = self.user_agent.next_event()
        assert isinstance(event, IncomingInvite)
        self.usage, self.transaction = event.usage, event.transaction
        self.ringing = self.respond(180)

    def respond(self, status: int) -> Outgoing:
        self.user_agent.respond(self.transaction, status, 1000.0, body=OFFER, content_type="application/sdp")
        [outgoing] = self.user_agent.to_send()
        return outgoing


@pytest.mark.parametrize("source", [MOVED, OTHER_HOST], ids=["another port", "another address"])
def test_an_invite_that_comes_again_is_answered_where_it_came_from_last(source: TransportAddress) -> None:
    """What was said before to the port that its NAT has closed has not been heard, or it would not have come again."""
    calling = Calling()
    assert calling.receive("INVITE", source, 1, body=OFFER) == [calling.ringing._replace(destination=source)]
    answer = calling.respond(200)
    assert answer.destination == source
    calling.user_agent.handle_timers(1000.5)
    assert calling.user_agent.to_send() == [answer]
    calling.user_agent.handle_timers(1064.0)
    [bye] = [each for each in calling.user_agent.to_send() if each.content.startswith(b"BYE ")]
    assert bye.destination == source, "it was never acknowledged"


@pytest.mark.parametrize("source", [MOVED, OTHER_HOST], ids=["another port", "another address"])
def test_a_caller_that_its_nat_has_moved_while_it_rang_is_where_its_ack_came_from(source: TransportAddress) -> None:
    calling = Calling()
    calling.tag = tag_of(calling.respond(200))
    calling.receive("ACK", source, 1)
    assert calling.hung_up().destination == source


def test_the_ack_comes_after_what_was_asked_while_it_rang() -> None:
    """As PRACK and UPDATE are, whose numbers are above its own."""
    calling = Calling()
    calling.tag = tag_of(calling.ringing)
    calling.receive("OPTIONS", FIRST, 2)
    calling.respond(200)
    calling.receive("ACK", MOVED, 1)
    assert calling.hung_up().destination == MOVED


def test_an_ack_that_something_later_has_overtaken_says_nothing_of_where_the_caller_is() -> None:
    calling = Calling()
    calling.tag = tag_of(calling.respond(200))
    calling.receive("INFO", MOVED, 2)
    calling.receive("ACK", FIRST, 1)
    assert calling.hung_up().destination == MOVED


def test_what_a_cancel_ends_is_told_where_it_came_from() -> None:
    said = Calling().receive("CANCEL", MOVED, 1)
    assert [(each.content[8:11], each.destination) for each in said] == [(b"200", MOVED), (b"487", MOVED)]


def test_one_that_comes_again_without_rport_is_answered_at_the_port_of_its_via() -> None:
    calling = Calling("192.168.7.2:5070")
    assert calling.receive("INVITE", MOVED, 1, body=OFFER) == [calling.ringing]
    assert calling.respond(200).destination == FIRST._replace(port=5070)


def test_another_peer_takes_no_call_over_with_an_invite_that_comes_again() -> None:
    calling = Calling()
    assert calling.receive("INVITE", OTHER_PEER, 1, body=OFFER) == [calling.ringing]
    assert calling.respond(200).destination == FIRST


def test_an_old_request_that_comes_again_says_nothing_of_where_the_caller_is() -> None:
    called = Called()
    [answer] = called.receive("OPTIONS", FIRST, 2)
    called.receive("OPTIONS", FIRST, 3)
    assert called.receive("OPTIONS", MOVED, 2) == [answer._replace(destination=MOVED)]
    assert called.hung_up().destination == FIRST


def test_one_whose_maddr_is_not_followed_hears_us_where_it_sends_from() -> None:
    called = Called("192.168.7.2:5070;maddr=192.168.7.9")
    [answer] = called.receive("OPTIONS", MOVED, 2)
    assert answer.destination == MOVED
    assert called.hung_up().destination == MOVED


def test_a_request_to_another_listener_of_ours_says_nothing_of_where_the_caller_is() -> None:
    """What is sent in the dialog leaves by its own listener, which the NAT may let nobody through from."""
    called = Called()
    called.receive("INFO", MOVED, 2, local=OURS._replace(port=OURS.port + 2))
    assert called.hung_up().destination == FIRST


def test_a_request_out_of_order_says_nothing_of_where_the_caller_is() -> None:
    called = Called()
    called.receive("INFO", FIRST, 3)
    called.receive("INFO", MOVED, 2)
    assert called.hung_up().destination == FIRST


@pytest.mark.parametrize("source", [MOVED, OTHER_HOST], ids=["another port", "another address"])
def test_a_response_from_elsewhere_says_nothing_of_where_the_caller_is(source: TransportAddress) -> None:
    """Over UDP anybody who has seen our request can send one."""
    called = Called()
    called.user_agent.request_in_dialog(called.usage, "INFO", 1000.0)
    [info] = called.user_agent.to_send()
    assert info.destination == FIRST
    lines = info.content.decode().split("\r\n")
    kept = [line for line in lines if line.startswith(("Via:", "From:", "To:", "Call-ID:", "CSeq:"))]
    answer = "\r\n".join(["SIP/2.0 200 OK", *kept, "Content-Length: 0", "", ""])
    called.user_agent.receive(answer.encode(), source, OURS, 1000.0)
    assert called.hung_up().destination == FIRST


class Answered:
    """A call of ours that PEER has answered."""

    def __init__(self, *, nat: bool) -> None:
        self.user_agent = UserAgent(
            settings_for(OURS), SeededTokens("moved"), may_reach=lambda address: address.host == PEER.host
        )
        self.usage = self.user_agent.invite(plan_to(policy=PeerPolicy(nat=nat)), 1000.0)
        [invite] = self.user_agent.to_send()
        lines = invite.content.decode().split("\r\n")
        sent = {name: value for name, _, value in (line.partition(": ") for line in lines)}
        answer = "\r\n".join(
            (
                "SIP/2.0 200 OK",
                *(f"{name}: {sent[name]}" for name in ("Via", "From", "Call-ID", "CSeq")),
                f"To: {sent['To']};tag=theirs",
                "Contact: <sip:sbc@192.168.7.2>",
                "Content-Type: application/sdp",
                f"Content-Length: {len(OFFER)}",
                "",
                OFFER.decode(),
            )
        )
        self.user_agent.receive(answer.encode(), PEER, OURS, 1000.0)
        self.user_agent.to_send()
        self.call_id, self.tag = sent["Call-ID"], sent["From"].rpartition(";tag=")[2]

    def receive(self, method: str, source: TransportAddress, cseq: int, body: bytes = b"") -> list[Outgoing]:
        request = request_from_peer(
            method,
            branch=f"z9hG4bK{method}{cseq}",
            call_id=self.call_id,
            from_tag="theirs",
            to_tag=self.tag,
            cseq=cseq,
            headers="Contact: <sip:sbc@192.168.7.2>",
            body=body.decode(),
            via="192.168.7.2:5060;rport",
        )
        self.user_agent.receive(request, source, OURS, 1000.0)
        return self.user_agent.to_send()

    def answer_reinvite(self) -> None:
        """With 200, as its user."""
        events = iter(self.user_agent.next_event, None)
        [asked] = [each for each in events if isinstance(each, IncomingRequest)]
        self.user_agent.respond(asked.transaction, 200, 1000.0, body=OFFER, content_type="application/sdp")
        self.user_agent.to_send()

    def hung_up(self) -> Outgoing:
        self.user_agent.hang_up(self.usage, 1001.0)
        [bye] = [each for each in self.user_agent.to_send() if each.content.startswith(b"BYE ")]
        return bye


@pytest.mark.parametrize(
    ("nat", "source", "bye_goes_to"),
    [(False, OTHER_HOST, PEER), (True, OTHER_HOST, OTHER_HOST), (True, PEER_MOVED, PEER_MOVED)],
    ids=["a carrier", "behind NAT, another address", "behind NAT, another port"],
)
def test_who_was_called_is_where_it_was_called_unless_it_is_behind_nat(
    nat: bool, source: TransportAddress, bye_goes_to: TransportAddress
) -> None:
    """A carrier of several addresses is told where it takes calls; of one behind NAT that may be there no more."""
    answered = Answered(nat=nat)
    answered.receive("INFO", source, 7)
    assert answered.hung_up().destination == bye_goes_to


@pytest.mark.parametrize(("nat", "bye_goes_to"), [(False, PEER), (True, PEER_MOVED)], ids=["a carrier", "behind NAT"])
def test_who_was_called_behind_nat_is_where_its_ack_came_from(nat: bool, bye_goes_to: TransportAddress) -> None:
    answered = Answered(nat=nat)
    answered.receive("INVITE", PEER, 7, OFFER)
    answered.answer_reinvite()
    answered.receive("ACK", PEER_MOVED, 7)
    assert answered.hung_up().destination == bye_goes_to


@pytest.mark.parametrize(("nat", "bye_goes_to"), [(False, PEER), (True, PEER_MOVED)], ids=["a carrier", "behind NAT"])
def test_who_was_called_behind_nat_is_where_its_request_came_from_again(
    nat: bool, bye_goes_to: TransportAddress
) -> None:
    answered = Answered(nat=nat)
    [first] = answered.receive("OPTIONS", PEER, 7)
    assert answered.receive("OPTIONS", PEER_MOVED, 7) == [first._replace(destination=PEER_MOVED)]
    assert answered.hung_up().destination == bye_goes_to
