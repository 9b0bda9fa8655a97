"""RFC 3311: UPDATE in early and confirmed dialogs, of calls that we make and that we get."""

import pytest

from b2bua.sip.digest import Credentials
from b2bua.sip.events import (
    IncomingCancelled,
    IncomingInvite,
    IncomingRequest,
    IncomingRequestEnded,
    Provisional,
    Rejected,
    RequestAnswered,
    RequestFailed,
    UserAgentEvent,
)
from b2bua.sip.message import Request, Response
from b2bua.sip.offer_answer import RECEIVED, SENT, OpenOffers
from b2bua.sip.settings import PeerPolicy
from tests.support.agents import OFFER, OURS, PEER, Agent, Bench, answer_to, in_dialog_from_peer, plan_to
from tests.support.early_dialogs import SDP, Arrival, only, reliable, statuses, the_prack
from tests.support.lossy_network import LossyNetwork
from tests.support.manual_clock import ManualClock

ALLOW = "Allow: INVITE, ACK, BYE, CANCEL, PRACK, UPDATE"


class EarlyCall:
    """A call of ours that rings; the peer has answered our offer in a reliable 183, or in none."""

    def __init__(self, *, answered: bool = True, allow: str = ALLOW, **changes: object) -> None:
        self.bench = Bench()
        self.usage, self.invite = self.bench.call(**changes)
        body = "v=0" if answered else ""
        prack = the_prack(self.bench.receive(reliable(self.invite, 1, headers=allow, body=body)))
        self.bench.receive(answer_to(prack, 200))
        self.bench.events()
        self.cseq = 0

    def get(self, method: str, *, body: str = "", headers: str = "", tag: str = "peer") -> list[Request | Response]:
        """A request of the peer's; what goes out."""
        self.cseq += 1
        branch = f"z9hG4bK{method}{self.cseq}"
        content = in_dialog_from_peer(
            self.invite, method, cseq=self.cseq, branch=branch, body=body, headers=headers, from_tag=tag
        )
        return self.bench.receive(content)

    def ask(self, method: str = "UPDATE", body: bytes = OFFER, to_tag: str | None = None) -> tuple[int, list[Request]]:
        """A request of our user's: its handle, and what goes out."""
        kind = SDP if body else None
        handle = self.bench.user_agent.request_in_dialog(
            self.usage, method, self.bench.now, body=body, content_type=kind, to_tag=to_tag
        )
        return handle, [message for message in self.bench.take_sent() if isinstance(message, Request)]

    def asked(self) -> IncomingRequest:
        """The one request that our user was told of."""
        [event] = self.bench.events()
        assert isinstance(event, IncomingRequest)
        return event

    def respond(self, asked: IncomingRequest, status: int = 200, body: bytes = b"") -> list[Request | Response]:
        """Our user's response."""
        kind = SDP if body else None
        self.bench.user_agent.respond(asked.transaction, status, self.bench.now, body=body, content_type=kind)
        return self.bench.take_sent()

    def confirm(self) -> None:
        """The peer picks up."""
        self.bench.receive(answer_to(self.invite, 200, to_tag="peer"))
        self.bench.events()


def soon(response: Response) -> bool:
    return 0 <= int(response.headers.get("Retry-After") or "-1") <= 10


# Theirs, before the call is answered.


def test_of_a_call_that_we_make_it_is_taken_once_the_offer_of_the_invite_is_answered() -> None:
    call = EarlyCall()
    assert call.get("UPDATE", body="v=0", headers="Contact: <sip:moved@203.0.113.10>") == []
    asked = call.asked()
    assert asked.request.body == b"v=0"
    answer = only(call.respond(asked, body=OFFER))
    assert (answer.status, answer.body) == (200, OFFER)
    assert answer.contact is not None
    assert "UPDATE" in answer.allow
    _, [update] = call.ask()
    assert update.request_uri == "sip:moved@203.0.113.10"


def test_of_a_call_that_we_make_it_gets_491_while_the_offer_of_the_invite_is_open() -> None:
    call = EarlyCall(answered=False)
    assert statuses(call.get("UPDATE", body="v=0")) == [491]
    call.bench.receive(answer_to(call.invite, 183, to_tag="peer", body="v=0"))
    assert statuses(call.get("UPDATE", body="v=0")) == [491], "an unreliable 183 answers nothing"
    call.bench.events()
    assert call.get("UPDATE") == []
    assert call.asked().request.body == b""


def test_before_the_answer_ours_asks_for_no_session_timer_and_is_not_asked_for_a_longer_session() -> None:
    call = EarlyCall(policy=PeerPolicy(session_timer_s=600))
    handle, [update] = call.ask()
    assert update.headers.get("Session-Expires") is None
    assert call.bench.receive(answer_to(update, 422, headers="Min-SE: 1000")) == []
    [told] = call.bench.events()
    assert isinstance(told, RequestAnswered)
    assert (told.request, told.response.status) == (handle, 422)


def test_another_early_dialog_has_offers_of_its_own() -> None:
    call = EarlyCall()
    call.bench.receive(reliable(call.invite, 9, tag="fork"))
    call.bench.events()
    assert statuses(call.get("UPDATE", body="v=0", tag="fork")) == [491]
    assert call.get("UPDATE", body="v=0") == []


def test_of_a_call_that_we_get_it_gets_500_while_we_owe_the_answer() -> None:
    arrival = Arrival()
    arrival.respond(180)
    refusal = only(arrival.ask("UPDATE", body="v=0"))
    assert refusal.status == 500
    assert soon(refusal)
    assert arrival.ask("UPDATE") == []
    [asked] = arrival.events()
    assert isinstance(asked, IncomingRequest)
    assert statuses(arrival.respond(200, to=asked.transaction)) == [200]


@pytest.mark.parametrize("acknowledged", [False, True])
def test_of_a_call_that_we_get_it_is_taken_after_the_answer_in_a_reliable_183(acknowledged: bool) -> None:
    arrival = Arrival()
    progress = only(arrival.respond(183, OFFER))
    if acknowledged:
        arrival.prack(progress)
    assert arrival.ask("UPDATE", body="v=0", headers="Contact: <sip:moved@203.0.113.10>") == []
    [asked] = arrival.events()
    assert isinstance(asked, IncomingRequest)
    assert statuses(arrival.respond(200, OFFER, to=asked.transaction)) == [200]
    if not acknowledged:
        arrival.prack(progress)
    assert statuses(arrival.respond(200)) == [200]
    arrival.ack()
    arrival.bench.user_agent.hang_up(arrival.usage, arrival.bench.now)
    [bye] = arrival.bench.take_sent()
    assert isinstance(bye, Request)
    assert bye.request_uri == "sip:moved@203.0.113.10"


def test_an_invite_without_an_offer_allows_none_until_ours_is_answered() -> None:
    arrival = Arrival(body="")
    arrival.respond(180)
    assert statuses(arrival.ask("UPDATE", body="v=0")) == [500]
    progress = only(arrival.respond(183, OFFER))
    assert statuses(arrival.ask("UPDATE", body="v=0")) == [491]
    arrival.prack(progress, body="v=0")
    assert arrival.ask("UPDATE", body="v=0") == []


def test_an_update_between_our_200_and_its_ack() -> None:
    arrival = Arrival()
    arrival.respond(200, OFFER)
    assert arrival.ask("UPDATE", body="v=0") == []
    assert isinstance(arrival.events()[-1], IncomingRequest)


@pytest.mark.parametrize("body", ["", "v=0"])
def test_a_second_one_before_our_final_response_gets_500(body: str) -> None:
    call = EarlyCall()
    call.get("UPDATE", body=body)
    asked = call.asked()
    for again in ("", "v=0"):
        refusal = only(call.get("UPDATE", body=again))
        assert refusal.status == 500
        assert soon(refusal)
    assert statuses(call.respond(asked, 488 if body else 200)) == [488 if body else 200]
    assert call.get("UPDATE", body="v=0") == []


def test_one_that_our_user_never_answers_lets_another_follow() -> None:
    call = EarlyCall()
    call.get("UPDATE", body="v=0")
    asked = call.asked()
    call.bench.advance(32)
    assert call.bench.events() == [IncomingRequestEnded(call.usage, asked.transaction)]
    assert call.get("UPDATE", body="v=0") == []


def test_one_that_waits_as_the_call_ends_is_answered_487() -> None:
    call = EarlyCall()
    call.get("UPDATE", body="v=0")
    asked = call.asked()
    sent = call.bench.receive(answer_to(call.invite, 486, to_tag="peer"))
    assert [message.method if isinstance(message, Request) else message.status for message in sent] == ["ACK", 487]
    ended, rejected = call.bench.events()
    assert ended == IncomingRequestEnded(call.usage, asked.transaction)
    assert isinstance(rejected, Rejected)

    arrival = Arrival()
    arrival.prack(only(arrival.respond(183, OFFER)))
    arrival.ask("UPDATE", body="v=0")
    [waiting] = arrival.events()
    assert isinstance(waiting, IncomingRequest)
    assert sorted(statuses(arrival.respond(486))) == [486, 487]
    assert arrival.events() == [IncomingRequestEnded(arrival.usage, waiting.transaction)]
    arrival.end()


def test_one_that_waits_as_the_caller_cancels_is_answered_487() -> None:
    arrival = Arrival()
    arrival.prack(only(arrival.respond(183, OFFER)))
    arrival.ask("UPDATE", body="v=0")
    [waiting] = arrival.events()
    assert isinstance(waiting, IncomingRequest)
    assert sorted(statuses(arrival.cancel())) == [200, 487, 487]
    assert set(arrival.events()) == {
        IncomingCancelled(arrival.usage),
        IncomingRequestEnded(arrival.usage, waiting.transaction),
    }
    arrival.end()


# Theirs, in a confirmed dialog.


def test_glare_of_two_updates() -> None:
    call = EarlyCall()
    call.confirm()
    _, [ours] = call.ask()
    assert statuses(call.get("UPDATE", body="v=0")) == [491]
    assert statuses(call.get("INVITE", body="v=0")) == [491]
    call.bench.receive(answer_to(ours, 200, body="v=0"))
    call.bench.events()
    assert call.get("UPDATE", body="v=0") == []


def test_a_reinvite_while_an_offer_in_an_update_waits_for_us_gets_500() -> None:
    call = EarlyCall()
    call.confirm()
    call.get("UPDATE", body="v=0")
    asked = call.asked()
    assert statuses(call.get("INVITE", body="v=0")) == [500]
    call.respond(asked, body=OFFER)
    assert statuses(call.get("INVITE", body="v=0")) == [100]
    assert statuses(call.get("UPDATE", body="v=0")) == [500]
    assert call.get("UPDATE") == []


def test_one_in_another_early_dialog_is_no_second_one() -> None:
    call = EarlyCall()
    call.bench.receive(reliable(call.invite, 9, tag="fork", body="v=0"))
    call.get("UPDATE", body="v=0")
    assert call.get("UPDATE", body="v=0", tag="fork") == []
    assert sum(isinstance(event, IncomingRequest) for event in call.bench.events()) == 2


@pytest.mark.parametrize(("tag", "repeated"), [("peer", b"v=0 ours in one fork"), ("fork", OFFER)])
def test_a_refresh_repeats_what_was_said_in_its_own_dialog(tag: str, repeated: bytes) -> None:
    call = EarlyCall(allow=ALLOW)
    call.get("UPDATE", body="v=0")
    call.respond(call.asked(), body=b"v=0 ours in one fork")
    headers = "Session-Expires: 90;refresher=uac\nAllow: INVITE, ACK, BYE, CANCEL"
    call.bench.receive(answer_to(call.invite, 200, to_tag=tag, headers=headers, body="v=0"))
    [refresh] = [message for when, message in call.bench.advance(45) if when == 45]
    assert isinstance(refresh, Request)
    assert (refresh.method, refresh.to_tag, refresh.body) == ("INVITE", tag, repeated)


def test_the_ack_answers_the_offer_of_our_200() -> None:
    arrival = Arrival(f"Supported: 100rel\n{ALLOW}", body="")
    arrival.respond(200, OFFER)
    assert statuses(arrival.ask("UPDATE", body="v=0")) == [491]
    arrival.ack()
    assert len(arrival.request("UPDATE")) == 1


# Ours, before the call is answered.


def test_ours_in_an_early_dialog_of_a_call_that_we_make() -> None:
    call = EarlyCall()
    handle, [update] = call.ask()
    assert (update.method, update.to_tag, str(update.cseq), update.body) == ("UPDATE", "peer", "3 UPDATE", OFFER)
    assert update.contact is not None
    call.bench.receive(answer_to(update, 200, body="v=0", contact="<sip:moved@203.0.113.10>"))
    [answered] = call.bench.events()
    assert isinstance(answered, RequestAnswered)
    assert answered.request == handle
    _, [again] = call.ask()
    assert again.request_uri == "sip:moved@203.0.113.10"


@pytest.mark.parametrize(
    ("changes", "method", "body"),
    [
        ({"allow": ""}, "UPDATE", b""),
        ({"allow": "Allow: INVITE, ACK, BYE, CANCEL"}, "UPDATE", b""),
        ({"allow": "Allow: @@@"}, "UPDATE", b""),
        ({"answered": False}, "UPDATE", OFFER),
        ({}, "INVITE", OFFER),
        ({}, "INFO", b""),
    ],
)
def test_ours_is_refused_where_the_peer_could_not_take_it(changes: dict[str, object], method: str, body: bytes) -> None:
    call = EarlyCall(**changes)  # type: ignore[arg-type]
    handle, sent = call.ask(method, body)
    assert sent == []
    assert call.bench.events() == [RequestFailed(handle, "refused")]


def test_ours_without_an_offer_needs_no_answer_to_the_invites() -> None:
    _, sent = EarlyCall(answered=False).ask(body=b"")
    assert [request.method for request in sent] == ["UPDATE"]


def test_ours_goes_to_the_early_dialog_that_is_named_or_the_newest() -> None:
    call = EarlyCall()
    call.bench.receive(reliable(call.invite, 5, tag="fork", body="v=0"))
    call.bench.take_sent()
    assert [request.to_tag for request in call.ask(body=b"")[1]] == ["fork"]
    assert [request.to_tag for request in call.ask(body=b"", to_tag="peer")[1]] == ["peer"]
    assert call.ask(body=b"", to_tag="nobody")[1] == []


def test_ours_one_at_a_time() -> None:
    call = EarlyCall()
    _, [update] = call.ask()
    assert call.ask()[1] == []
    assert call.ask(body=b"")[1] == []
    call.bench.receive(answer_to(update, 488))
    assert [request.method for request in call.ask()[1]] == ["UPDATE"]


def test_ours_with_credentials_is_still_the_open_one() -> None:
    call = EarlyCall(credentials=Credentials("u", "p"))
    _, [update] = call.ask()
    [again] = call.bench.receive(answer_to(update, 401, headers='WWW-Authenticate: Digest realm="r", nonce="n"'))
    assert isinstance(again, Request)
    assert statuses(call.get("UPDATE", body="v=0")) == [491]
    assert call.ask()[1] == []
    call.bench.receive(answer_to(again, 200, body="v=0"))
    assert call.get("UPDATE", body="v=0") == []


@pytest.mark.parametrize("status", [481, 408, 500])
def test_a_failure_of_ours_does_not_end_a_call_that_rings(status: int) -> None:
    call = EarlyCall()
    _, [update] = call.ask()
    call.bench.receive(answer_to(update, status))
    assert [type(event) for event in call.bench.events()] == [RequestAnswered]
    call.confirm()
    call.bench.user_agent.hang_up(call.usage, call.bench.now)
    assert [message.method for message in call.bench.take_sent() if isinstance(message, Request)] == ["BYE"]


def test_a_failure_in_a_fork_does_not_end_the_call_that_another_one_answered() -> None:
    call = EarlyCall()
    call.bench.receive(reliable(call.invite, 5, tag="fork", body="v=0"))
    call.bench.take_sent()
    _, [update] = call.ask(to_tag="fork")
    call.confirm()
    call.bench.receive(answer_to(update, 481))
    assert [type(event) for event in call.bench.events()] == [RequestAnswered]


def test_nor_does_silence_in_a_fork() -> None:
    call = EarlyCall()
    call.bench.receive(reliable(call.invite, 5, tag="fork", body="v=0"))
    call.bench.take_sent()
    handle, _ = call.ask(to_tag="fork")
    call.confirm()
    call.bench.advance(40)
    assert call.bench.events() == [RequestFailed(handle, "timeout")]


def test_ours_of_a_call_that_we_get_once_the_peer_has_acknowledged_what_was_sent() -> None:
    arrival = Arrival(f"Supported: 100rel\n{ALLOW}")
    assert arrival.request("UPDATE") == []
    progress = only(arrival.respond(183, OFFER))
    assert arrival.request("UPDATE") == []
    arrival.prack(progress)
    [update] = arrival.request("UPDATE")
    assert (update.method, update.from_tag, update.to_tag, str(update.cseq)) == (
        "UPDATE",
        arrival.tag,
        "peer",
        "1 UPDATE",
    )
    arrival.bench.receive(answer_to(update, 200, body="v=0"))
    later = only(arrival.respond(183, reliable=True))
    assert later.body == b"", "the answer has been given"
    assert arrival.request("UPDATE") == []
    arrival.prack(later)
    assert len(arrival.request("UPDATE")) == 1


def test_ours_of_a_call_that_we_get_is_refused_after_a_mere_180() -> None:
    arrival = Arrival(f"Supported: 100rel\n{ALLOW}")
    arrival.respond(180)
    assert arrival.request("UPDATE", b"") == []


# Ours, in a confirmed dialog.


def test_ours_and_our_reinvite_exclude_each_other() -> None:
    call = EarlyCall()
    call.confirm()
    _, [update] = call.ask()
    assert call.ask("INVITE")[1] == []
    call.bench.receive(answer_to(update, 200, body="v=0"))
    _, [reinvite] = call.ask("INVITE")
    assert call.ask()[1] == []
    assert [request.method for request in call.ask(body=b"")[1]] == ["UPDATE"]
    call.bench.receive(answer_to(reinvite, 200, body="v=0"))
    call.bench.events()
    assert call.ask()[1] == [], "the one without an offer has no answer yet"
    assert call.ask("INVITE")[1] == []


def test_ours_waits_for_the_ack_of_our_200_to_their_reinvite() -> None:
    call = EarlyCall()
    call.confirm()
    call.get("INVITE", body="v=0")
    call.respond(call.asked(), body=OFFER)
    assert call.ask()[1] == []
    call.bench.receive(in_dialog_from_peer(call.invite, "ACK", cseq=1, branch="z9hG4bKack"))
    assert [request.method for request in call.ask()[1]] == ["UPDATE"]


def test_their_reinvite_after_our_hang_up_finds_nothing_though_ours_was_open() -> None:
    call = EarlyCall()
    call.confirm()
    call.ask("INVITE")
    call.bench.user_agent.hang_up(call.usage, call.bench.now)
    call.bench.take_sent()
    assert statuses(call.get("INVITE", body="v=0")) == [481]


def test_ours_waits_for_our_answer_to_their_offer() -> None:
    call = EarlyCall()
    call.confirm()
    call.get("UPDATE", body="v=0")
    asked = call.asked()
    assert call.ask()[1] == []
    assert call.ask("INVITE")[1] == []
    call.respond(asked, body=OFFER)
    assert [request.method for request in call.ask()[1]] == ["UPDATE"]


def test_491_in_an_early_dialog_is_told_and_lets_it_be_tried_again() -> None:
    call = EarlyCall()
    _, [update] = call.ask()
    call.bench.receive(answer_to(update, 491))
    assert [type(event) for event in call.bench.events()] == [RequestAnswered]
    assert call.bench.advance(5) == []
    assert [request.method for request in call.ask()[1]] == ["UPDATE"]


@pytest.mark.parametrize(
    ("status", "headers"),
    [(422, "Min-SE: 1000"), (491, ""), (500, "Retry-After: 1")],
)
def test_ours_in_an_early_dialog_that_another_has_won_over_is_told_and_not_sent_again(
    status: int, headers: str
) -> None:
    call = EarlyCall(policy=PeerPolicy(session_timer_s=600))
    handle, [update] = call.ask(to_tag="peer")
    call.bench.receive(answer_to(call.invite, 200, to_tag="fork", body="v=0"))
    call.bench.events()
    assert call.bench.receive(answer_to(update, status, headers=headers)) == []
    assert call.bench.advance(5) == []
    [told] = call.bench.events()
    assert isinstance(told, RequestAnswered)
    assert (told.request, told.response.status) == (handle, status)


def test_the_last_allow_of_the_peer_counts() -> None:
    call = EarlyCall(allow="Allow: INVITE, UPDATE")
    usage = call.bench.user_agent._station.usages[call.usage]
    assert usage.peer_allows == {"INVITE", "UPDATE"}
    call.confirm()
    assert usage.peer_allows == {"INVITE", "UPDATE"}
    _, [update] = call.ask()
    call.bench.receive(answer_to(update, 200, body="v=0", headers="Allow: INVITE, INFO"))
    assert usage.peer_allows == {"INVITE", "INFO"}
    call.get("INVITE", body="v=0", headers="Allow: INVITE, BYE")
    assert usage.peer_allows == {"INVITE", "BYE"}


# Section 8.


def test_the_example_of_section_8() -> None:
    clock = ManualClock()
    network = LossyNetwork(clock)
    caller, callee = Agent(network, clock, OURS), Agent(network, clock, PEER)
    arrived: list[IncomingInvite] = []

    def answer_update(agent: Agent) -> None:
        def react(event: UserAgentEvent) -> None:
            if isinstance(event, IncomingInvite):
                arrived.append(event)
                agent.endpoint.respond(event.transaction, 180, body=b"answer 1", content_type=SDP)
            elif isinstance(event, IncomingRequest):
                agent.endpoint.respond(event.transaction, 200, body=b"answer", content_type=SDP)

        agent.react = react

    answer_update(caller)
    answer_update(callee)
    usage = caller.endpoint.invite(plan_to())
    clock.advance(0.1)
    caller.endpoint.request_in_dialog(usage, "UPDATE", body=b"offer 2", content_type=SDP)
    clock.advance(0.1)
    callee.endpoint.request_in_dialog(arrived[0].usage, "UPDATE", body=b"offer 3", content_type=SDP)
    clock.advance(0.1)
    callee.endpoint.respond(arrived[0].transaction, 200)
    clock.advance(1)
    lines = [carried.first_line.replace(" SIP/2.0", "").split(" sip:")[0] for carried in network.carried]
    assert [line for line in lines if line != "SIP/2.0 100 Trying"] == [
        "INVITE",
        "SIP/2.0 180 Ringing",
        "PRACK",
        "SIP/2.0 200 OK",
        "UPDATE",
        "SIP/2.0 200 OK",
        "UPDATE",
        "SIP/2.0 200 OK",
        "SIP/2.0 200 OK",
        "ACK",
    ]
    told = [event for event in caller.events if isinstance(event, Provisional)]
    assert [event.body for event in told] == [b"answer 1"]


# The bookkeeping.


def test_an_exchange_is_closed_by_its_own_request_alone() -> None:
    offers = OpenOffers()
    offers.sent("INVITE", 1, has_offer=True)
    offers.close(RECEIVED, 1)
    offers.close(SENT, 2)
    assert offers.is_open
    offers.close(SENT, 1)
    offers.received("UPDATE", 7, has_offer=True)
    offers.close(SENT, 7)
    offers.turn(8)
    assert offers.theirs == (RECEIVED, 7)
    offers.end_theirs(7)
    assert not offers.is_open


@pytest.mark.parametrize("method", ["UPDATE", "INVITE"])
@pytest.mark.parametrize("body", ["", "v=0"])
def test_in_an_early_dialog_that_the_final_failure_has_ended_there_is_nothing(method: str, body: str) -> None:
    """RFC 3261 12.2.2: 481. With 491 it would be asked again, for an offer that no answer can come to any more."""
    call = EarlyCall(answered=False)
    call.bench.receive(answer_to(call.invite, 486, to_tag="other"))
    assert statuses(call.get(method, body=body)) == [481]


@pytest.mark.parametrize("method", ["UPDATE", "INVITE"])
def test_in_the_dialog_of_a_call_that_was_refused_while_its_offer_waited_there_is_nothing(method: str) -> None:
    arrival = Arrival()
    arrival.respond(180)
    arrival.respond(486)
    assert statuses(arrival.ask(method, body="v=0")) == [481]
