"""Hard case 6: a re-INVITE or UPDATE that crosses the peer's (RFC 3261 14.1 and 14.2, RFC 3311 5.2, RFC 5407 3.1.4)."""

import pytest

from b2bua.sip.events import (
    IncomingInvite,
    IncomingRequest,
    RequestAnswered,
    RequestFailed,
    UsageEnded,
)
from b2bua.sip.message import Request, Response
from tests.support.agents import NOTHING_HELD, OFFER, Bench, answer_to, in_dialog_from_peer, request_from_peer
from tests.support.seeded_tokens import SeededTokens

SDP = "application/sdp"


def statuses(messages: list[Request | Response]) -> list[int]:
    return [message.status for message in messages if isinstance(message, Response)]


def their_invite(bench: Bench, invite: Request, cseq: int = 1, body: str = "v=0") -> list[Request | Response]:
    return bench.receive(in_dialog_from_peer(invite, "INVITE", cseq=cseq, branch=f"z9hG4bKre{cseq}", body=body))


def their_update(bench: Bench, invite: Request, cseq: int = 1, body: str = "v=0") -> list[Request | Response]:
    return bench.receive(in_dialog_from_peer(invite, "UPDATE", cseq=cseq, branch=f"z9hG4bKup{cseq}", body=body))


def surfaced(bench: Bench) -> IncomingRequest:
    [event] = bench.events()
    assert isinstance(event, IncomingRequest)
    return event


def ask(bench: Bench, usage: int, method: str = "INVITE", body: bytes = OFFER) -> tuple[int, Request]:
    handle = bench.user_agent.request_in_dialog(usage, method, bench.now, body=body, content_type=SDP)
    [ours] = bench.take_sent()
    assert isinstance(ours, Request)
    return handle, ours


def call_from_peer(bench: Bench) -> tuple[int, Response]:
    """A call that the peer made, confirmed: its usage and our 200."""
    bench.receive(request_from_peer("INVITE", body="v=0"))
    [event] = bench.events()
    assert isinstance(event, IncomingInvite)
    bench.user_agent.respond(event.transaction, 200, bench.now, body=OFFER, content_type=SDP)
    [ok] = bench.take_sent()
    bench.receive(request_from_peer("ACK", branch="z9hG4bKack", to_tag=ok.to_tag))
    assert isinstance(ok, Response)
    return event.usage, ok


def next_requests(bench: Bench, seconds: float, method: str) -> list[tuple[float, Request]]:
    sent = bench.advance(seconds)
    return [(when, each) for when, each in sent if isinstance(each, Request) and each.method == method]


# Theirs, while something of ours is open.


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_trunk_case_06_while_our_offer_is_open_theirs_gets_491(method: str) -> None:
    bench = Bench()
    usage, invite, _ = bench.answered_call()
    ask(bench, usage, method)
    assert statuses(their_invite(bench, invite)) == [491]
    assert statuses(their_update(bench, invite, 2)) == [491]
    assert bench.events() == []


def test_trunk_case_06_an_update_of_ours_without_an_offer_is_no_reason_for_491() -> None:
    bench = Bench()
    usage, invite, _ = bench.answered_call()
    ask(bench, usage, "UPDATE", b"")
    assert statuses(their_invite(bench, invite)) == [100]
    assert surfaced(bench).usage == usage


def test_trunk_case_06_our_offer_in_a_200_is_open_until_the_ack() -> None:
    bench = Bench()
    _, invite, _ = bench.answered_call()
    their_invite(bench, invite, body="")
    bench.user_agent.respond(surfaced(bench).transaction, 200, bench.now, body=OFFER, content_type=SDP)
    bench.take_sent()
    assert statuses(their_invite(bench, invite, 2)) == [491]
    assert statuses(their_update(bench, invite, 3)) == [491]
    bench.receive(in_dialog_from_peer(invite, "ACK", branch="z9hG4bKack", body="v=0"))
    bench.events()
    assert statuses(their_invite(bench, invite, 4)) == [100]


def test_trunk_case_06_a_reinvite_says_that_our_200_came_though_its_ack_is_lost() -> None:
    bench = Bench()
    usage, invite, _ = bench.answered_call()
    their_invite(bench, invite)
    bench.user_agent.respond(surfaced(bench).transaction, 200, bench.now, body=OFFER, content_type=SDP)
    bench.take_sent()
    assert statuses(their_invite(bench, invite, 2)) == [100]
    second = surfaced(bench)
    assert bench.advance(5) == [], "the first 200 is not repeated any more"
    bench.receive(in_dialog_from_peer(invite, "ACK", branch="z9hG4bKlate"))
    bench.user_agent.respond(second.transaction, 200, bench.now, body=OFFER, content_type=SDP)
    assert statuses([each for _, each in bench.advance(0.5)]) == [200]
    bench.receive(in_dialog_from_peer(invite, "ACK", cseq=2, branch="z9hG4bKack2"))
    assert bench.advance(60) == []
    assert bench.events() == []
    bench.user_agent.hang_up(usage, bench.now)


def test_trunk_case_06_a_reinvite_before_the_ack_confirms_a_call_of_the_peers() -> None:
    bench = Bench()
    bench.receive(request_from_peer("INVITE", body="v=0"))
    [event] = bench.events()
    assert isinstance(event, IncomingInvite)
    bench.user_agent.respond(event.transaction, 200, bench.now, body=OFFER, content_type=SDP)
    [ok] = bench.take_sent()
    second = request_from_peer("INVITE", to_tag=ok.to_tag, cseq=2, branch="z9hG4bKsecond", body="v=0")
    assert statuses(bench.receive(second)) == [100]
    assert surfaced(bench).usage == event.usage
    bench.user_agent.hang_up(event.usage, bench.now)
    assert [each.method for each in bench.take_sent() if isinstance(each, Request)] == ["BYE"]


def test_trunk_case_06_a_second_invite_before_our_final_gets_500_with_retry_after() -> None:
    bench = Bench()
    _, invite, _ = bench.answered_call()
    their_invite(bench, invite)
    bench.events()
    [refusal] = their_invite(bench, invite, 2)
    assert isinstance(refusal, Response)
    assert refusal.status == 500
    assert 0 <= int(refusal.headers.get("Retry-After") or "-1") <= 10
    assert bench.events() == []


def test_trunk_case_06_a_second_invite_of_a_call_not_yet_answered_gets_500() -> None:
    bench = Bench()
    bench.receive(request_from_peer("INVITE"))
    [event] = bench.events()
    assert isinstance(event, IncomingInvite)
    bench.user_agent.respond(event.transaction, 180, bench.now)
    [ringing] = bench.take_sent()
    [refusal] = bench.receive(request_from_peer("INVITE", to_tag=ringing.to_tag, cseq=2, branch="z9hG4bKsecond"))
    assert isinstance(refusal, Response)
    assert refusal.status == 500
    assert 0 <= int(refusal.headers.get("Retry-After") or "-1") <= 10


# Ours, refused for now.


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_trunk_case_06_ours_goes_out_again_after_two_to_four_seconds_if_we_own_the_call_id(method: str) -> None:
    waits = set()
    bench = Bench()
    for _ in range(20):
        usage, invite, _ = bench.answered_call()
        handle, ours = ask(bench, usage, method)
        bench.receive(answer_to(ours, 491))
        assert bench.events() == []
        [(waited, again)] = [*next_requests(bench, 4.01, method)][:1]
        assert 2.1 <= waited <= 4
        assert round(waited * 100) == pytest.approx(waited * 100), "in steps of 10 ms"
        waits.add(waited)
        assert (again.cseq.number, again.body) == (ours.cseq.number + 1, OFFER)
        assert again.headers.get("Content-Type") == SDP
        bench.receive(answer_to(again, 200))
        [answered] = bench.events()
        assert isinstance(answered, RequestAnswered)
        assert (answered.request, answered.response.status) == (handle, 200)
        assert invite.call_id == again.call_id
    assert len(waits) > 5


def test_trunk_case_06_ours_goes_out_again_within_two_seconds_if_the_peer_owns_the_call_id() -> None:
    bench = Bench()
    usage, _ = call_from_peer(bench)
    _, ours = ask(bench, usage)
    bench.receive(answer_to(ours, 491))
    [(waited, again)] = next_requests(bench, 2.0, "INVITE")[:1]
    assert 0 <= waited <= 2
    assert again.cseq.number == ours.cseq.number + 1


def test_trunk_case_06_ours_waits_on_while_theirs_is_handled() -> None:
    bench = Bench()
    usage, invite, _ = bench.answered_call()
    handle, ours = ask(bench, usage)
    bench.receive(answer_to(ours, 491))
    bench.advance(1)
    assert statuses(their_invite(bench, invite)) == [100], "while ours waits, no offer of ours is open"
    theirs = surfaced(bench)
    assert next_requests(bench, 4, "INVITE") == []
    bench.user_agent.respond(theirs.transaction, 200, bench.now, body=OFFER, content_type=SDP)
    bench.take_sent()
    bench.receive(in_dialog_from_peer(invite, "ACK", branch="z9hG4bKack"))
    [(_, again)] = next_requests(bench, 4.01, "INVITE")[:1]
    bench.receive(answer_to(again, 200))
    [answered] = bench.events()
    assert isinstance(answered, RequestAnswered)
    assert answered.request == handle


def test_trunk_case_06_after_a_few_tries_the_491_is_told() -> None:
    bench = Bench()
    usage, _, _ = bench.answered_call()
    handle, ours = ask(bench, usage)
    tries = 0
    while not bench.user_agent.has_events:
        tries += 1
        assert tries < 10
        bench.receive(answer_to(ours, 491))
        following = next_requests(bench, 4.01, "INVITE")[:1]
        ours = following[0][1] if following else ours
    assert tries == 5
    [answered] = bench.events()
    assert isinstance(answered, RequestAnswered)
    assert (answered.request, answered.response.status) == (handle, 491)
    bench.user_agent.hang_up(usage, bench.now)
    bench.advance(100)
    assert bench.events() == [UsageEnded(usage)]
    assert bench.user_agent.table_sizes() == NOTHING_HELD


def test_trunk_case_06_after_a_few_waits_for_theirs_the_491_is_told() -> None:
    bench = Bench()
    usage, invite, _ = bench.answered_call()
    handle, ours = ask(bench, usage)
    bench.receive(answer_to(ours, 491))
    their_invite(bench, invite)
    surfaced(bench)
    assert next_requests(bench, 4 * 4.01, "INVITE") == []
    [answered] = bench.events()
    assert isinstance(answered, RequestAnswered)
    assert (answered.request, answered.response.status) == (handle, 491)


def test_trunk_case_06_a_500_with_retry_after_is_obeyed() -> None:
    bench = Bench()
    usage, _, _ = bench.answered_call()
    _, ours = ask(bench, usage)
    bench.receive(answer_to(ours, 500, headers="Retry-After: 7"))
    assert bench.events() == []
    assert next_requests(bench, 6.9, "INVITE") == []
    assert len(next_requests(bench, 0.2, "INVITE")) == 1


@pytest.mark.parametrize("headers", ["", "Retry-After: 3600", "Retry-After: soon"])
def test_a_500_that_names_no_time_to_wait_for_is_final(headers: str) -> None:
    bench = Bench()
    usage, _, _ = bench.answered_call()
    handle, ours = ask(bench, usage)
    bench.receive(answer_to(ours, 500, headers=headers))
    [answered] = bench.events()
    assert isinstance(answered, RequestAnswered)
    assert answered.request == handle


@pytest.mark.parametrize("theirs", [False, True])
def test_trunk_case_06_nothing_goes_out_again_once_the_call_has_ended(theirs: bool) -> None:
    bench = Bench()
    usage, invite, _ = bench.answered_call()
    handle, ours = ask(bench, usage)
    bench.receive(answer_to(ours, 491))
    if theirs:
        bench.receive(in_dialog_from_peer(invite, "BYE"))
    else:
        bench.user_agent.hang_up(usage, bench.now)
    assert RequestFailed(handle, "ended") in bench.events()
    assert next_requests(bench, 60, "INVITE") == []
    assert bench.events() == [UsageEnded(usage)]
    assert bench.user_agent.table_sizes() == NOTHING_HELD


def test_trunk_case_06_one_of_ours_at_a_time() -> None:
    bench = Bench()
    usage, invite, _ = bench.answered_call()
    _, ours = ask(bench, usage, "UPDATE", b"")
    refused = bench.user_agent.request_in_dialog(usage, "INVITE", bench.now, body=OFFER, content_type=SDP)
    assert bench.events() == [RequestFailed(refused, "refused")]
    bench.receive(answer_to(ours, 200))
    bench.events()
    their_invite(bench, invite)
    bench.user_agent.respond(surfaced(bench).transaction, 200, bench.now, body=OFFER, content_type=SDP)
    refused = bench.user_agent.request_in_dialog(usage, "INVITE", bench.now, body=OFFER, content_type=SDP)
    assert bench.events() == [RequestFailed(refused, "refused")], "our 200 has not been acknowledged"


def test_trunk_case_06_ours_waits_for_our_answer_to_theirs_without_an_offer_too() -> None:
    """14.1 asks for no offer: no INVITE may follow while another is open either way. Nothing else holds ours up."""
    bench = Bench()
    usage, invite, _ = bench.answered_call()
    their_invite(bench, invite, body="")
    theirs = surfaced(bench)
    for method in ("INVITE", "UPDATE"):
        refused = bench.user_agent.request_in_dialog(usage, method, bench.now, body=OFFER, content_type=SDP)
        assert bench.events() == [RequestFailed(refused, "refused")]
    bench.user_agent.respond(theirs.transaction, 488, bench.now)
    bench.take_sent()
    bench.receive(in_dialog_from_peer(invite, "INFO", cseq=2, branch="z9hG4bKinfo"))
    assert surfaced(bench).request.method == "INFO"
    assert ask(bench, usage)[1].method == "INVITE"


def test_while_one_waits_no_other_is_sent() -> None:
    bench = Bench()
    usage, _, _ = bench.answered_call()
    _, ours = ask(bench, usage)
    bench.receive(answer_to(ours, 491))
    refused = bench.user_agent.request_in_dialog(usage, "UPDATE", bench.now)
    assert bench.events() == [RequestFailed(refused, "refused")]
    assert ask(bench, usage, "INFO")[1].method == "INFO", "what changes no session does not wait for it"


def test_trunk_case_06_ours_waits_four_times_for_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    usage, invite, _ = bench.answered_call()
    handle, ours = ask(bench, usage)
    monkeypatch.setattr(SeededTokens, "integer", lambda _tokens, _bits: 190)  # each wait is 4 s
    bench.receive(answer_to(ours, 491))
    their_invite(bench, invite)
    surfaced(bench)
    bench.advance(15.9)
    assert bench.events() == []
    bench.advance(0.2)
    [answered] = bench.events()
    assert isinstance(answered, RequestAnswered)
    assert answered.request == handle


def test_trunk_case_06_ours_has_the_headers_of_its_user_when_it_goes_out_again() -> None:
    bench = Bench()
    usage, _, _ = bench.answered_call()
    headers = (("X-Moved", "yes"),)
    bench.user_agent.request_in_dialog(usage, "INVITE", bench.now, headers=headers, body=OFFER, content_type=SDP)
    [ours] = bench.take_sent()
    assert isinstance(ours, Request)
    bench.receive(answer_to(ours, 491))
    [(_, again)] = next_requests(bench, 4.01, "INVITE")[:1]
    assert again.headers.get("X-Moved") == "yes"


def test_the_answer_to_an_update_ends_no_invite_of_ours() -> None:
    bench = Bench()
    usage, _, _ = bench.answered_call()
    handle, _ = ask(bench, usage)
    _, update = ask(bench, usage, "UPDATE", b"")
    bench.receive(answer_to(update, 200))
    bench.events()
    bench.user_agent.hang_up(usage, bench.now)
    assert bench.events() == [RequestFailed(handle, "ended")]


def test_other_requests_are_not_tried_again() -> None:
    bench = Bench()
    usage, _, _ = bench.answered_call()
    handle = bench.user_agent.request_in_dialog(usage, "INFO", bench.now)
    [info] = bench.take_sent()
    assert isinstance(info, Request)
    bench.receive(answer_to(info, 500, headers="Retry-After: 1"))
    [answered] = bench.events()
    assert isinstance(answered, RequestAnswered)
    assert answered.request == handle
