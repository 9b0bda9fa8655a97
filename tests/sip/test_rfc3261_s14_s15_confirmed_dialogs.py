"""re-INVITE, UPDATE and hanging up (sections 14 and 15, RFC 3311; hard cases 8 and 23)."""

import pytest

from b2bua.sip.digest import Credentials
from b2bua.sip.events import (
    AckReceived,
    ByeReceived,
    DialogLost,
    IncomingInvite,
    IncomingRequest,
    IncomingRequestEnded,
    RequestAnswered,
    RequestFailed,
    UsageEnded,
)
from b2bua.sip.message import Request, Response
from b2bua.sip.settings import OutgoingRequest
from tests.support.agents import NOTHING_HELD, OFFER, PEER, Bench, answer_to, in_dialog_from_peer, request_from_peer


def answered_without_ack(bench: Bench) -> tuple[int, Response]:
    """The usage of a call that we have answered, and our 200, which nobody has acknowledged yet."""
    bench.receive(request_from_peer("INVITE"))
    [event] = bench.events()
    assert isinstance(event, IncomingInvite)
    bench.user_agent.respond(event.transaction, 200, bench.now)
    [ok] = bench.take_sent()
    assert isinstance(ok, Response)
    return event.usage, ok


def statuses(messages: list[Request | Response]) -> list[int]:
    return [message.status for message in messages if isinstance(message, Response)]


def methods(messages: list[Request | Response]) -> list[str]:
    return [message.method for message in messages if isinstance(message, Request)]


def reinvite(bench: Bench, invite: Request, cseq: int = 1) -> list[Request | Response]:
    return bench.receive(in_dialog_from_peer(invite, "INVITE", cseq=cseq, branch=f"z9hG4bKre{cseq}", body="v=0"))


def surfaced(bench: Bench) -> IncomingRequest:
    [event] = bench.events()
    assert isinstance(event, IncomingRequest)
    return event


# Their re-INVITE.


def test_reinvite_is_handed_on_and_its_200_repeated_until_the_ack() -> None:
    bench = Bench()
    usage, invite, _ = bench.answered_call()
    assert statuses(reinvite(bench, invite)) == [100]
    assert statuses(reinvite(bench, invite)) == [100]
    event = surfaced(bench)
    assert (event.usage, event.request.body) == (usage, b"v=0")
    bench.user_agent.respond(event.transaction, 200, bench.now, body=OFFER, content_type="application/sdp")
    [ok] = bench.take_sent()
    assert [message for _, message in bench.advance(2)] == [ok, ok]
    bench.receive(in_dialog_from_peer(invite, "ACK", branch="z9hG4bKack", body="v=0"))
    assert bench.advance(60) == []
    assert bench.events() == [AckReceived(usage, b"v=0", "application/sdp")]


def test_a_200_to_a_reinvite_that_is_never_acknowledged_loses_the_dialog() -> None:
    bench = Bench()
    usage, invite, _ = bench.answered_call()
    reinvite(bench, invite)
    bench.user_agent.respond(surfaced(bench).transaction, 200, bench.now)
    sent = bench.advance(32)
    assert [at for at, message in sent if methods([message]) == ["BYE"]] == [32.0]
    assert bench.events()[0] == DialogLost(usage, "no_ack")


def test_trunk_case_08_a_refused_reinvite_leaves_the_dialog() -> None:
    bench = Bench()
    usage, invite, _ = bench.answered_call()
    reinvite(bench, invite)
    bench.user_agent.respond(surfaced(bench).transaction, 488, bench.now)
    assert statuses(bench.take_sent()) == [488]
    bench.receive(in_dialog_from_peer(invite, "ACK", branch="z9hG4bKre1"))
    assert statuses(reinvite(bench, invite, 2)) == [100]
    assert surfaced(bench).usage == usage


def test_a_cancelled_reinvite_is_answered_487_and_the_call_goes_on() -> None:
    bench = Bench()
    usage, invite, _ = bench.answered_call()
    reinvite(bench, invite)
    event = surfaced(bench)
    assert statuses(bench.receive(in_dialog_from_peer(invite, "CANCEL", branch="z9hG4bKre1"))) == [200, 487]
    assert bench.events() == [IncomingRequestEnded(usage, event.transaction)]
    bench.user_agent.respond(event.transaction, 200, bench.now)
    assert bench.take_sent() == []
    assert bench.user_agent.counters["responses too late"] == 1


def test_update_is_handed_on_and_answered() -> None:
    bench = Bench()
    usage, invite, _ = bench.answered_call()
    bench.receive(in_dialog_from_peer(invite, "UPDATE", headers="Contact: <sip:moved@203.0.113.10>"))
    bench.user_agent.respond(surfaced(bench).transaction, 200, bench.now)
    assert statuses(bench.take_sent()) == [200]
    bench.user_agent.hang_up(usage, bench.now)
    [bye] = bench.take_sent()
    assert isinstance(bye, Request)
    assert bye.request_uri == "sip:moved@203.0.113.10"


def test_unanswered_requests_of_the_peer_end() -> None:
    bench = Bench()
    usage, invite, _ = bench.answered_call()
    bench.receive(in_dialog_from_peer(invite, "INFO"))
    info = surfaced(bench)
    assert bench.advance(31) == []
    bench.advance(2)
    assert bench.events() == [IncomingRequestEnded(usage, info.transaction)]
    reinvite(bench, invite, 2)
    offer = surfaced(bench)
    sent = bench.advance(182)
    assert statuses([sent[0][1]]) == [500]
    assert bench.events() == [IncomingRequestEnded(usage, offer.transaction)]


# Ours.


def test_our_reinvite_is_acknowledged_each_time_and_told_once() -> None:
    bench = Bench()
    usage, _, _ = bench.answered_call()
    handle = bench.user_agent.request_in_dialog(usage, "INVITE", bench.now, body=OFFER, content_type="application/sdp")
    [ours] = bench.take_sent()
    assert isinstance(ours, Request)
    refused = bench.user_agent.request_in_dialog(usage, "INVITE", bench.now)
    [ack] = bench.receive(answer_to(ours, 200, contact="<sip:moved@203.0.113.10>"))
    assert isinstance(ack, Request)
    assert (ack.request_uri, str(ack.cseq)) == ("sip:moved@203.0.113.10", "2 ACK")
    assert bench.receive(answer_to(ours, 200)) == [ack]
    failed, answered = bench.events()
    assert failed == RequestFailed(refused, "refused")
    assert isinstance(answered, RequestAnswered)
    assert answered.request == handle


@pytest.mark.parametrize("theirs", [False, True])
@pytest.mark.parametrize("rung", [False, True])
def test_a_call_ends_though_our_reinvite_is_never_answered(theirs: bool, rung: bool) -> None:
    bench = Bench()
    usage, invite, _ = bench.answered_call()
    handle = bench.user_agent.request_in_dialog(usage, "INVITE", bench.now, body=OFFER)
    [ours] = bench.take_sent()
    assert isinstance(ours, Request)
    if rung:
        bench.receive(answer_to(ours, 100))
    if theirs:
        bench.receive(in_dialog_from_peer(invite, "BYE"))
    else:
        bench.user_agent.hang_up(usage, bench.now)
    bench.take_sent()
    assert RequestFailed(handle, "ended") in bench.events()
    if not rung:
        assert methods(bench.receive(answer_to(ours, 200))) == ["ACK"]
    bench.advance(100)
    assert bench.events() == [UsageEnded(usage)]
    assert bench.user_agent.table_sizes() == NOTHING_HELD


@pytest.mark.parametrize("theirs", [False, True])
@pytest.mark.parametrize("rung_at", ["not at all", "before", "after", "before and after"])
@pytest.mark.parametrize("status", [200, 487])
def test_what_becomes_of_our_reinvite_once_the_call_is_over_is_acknowledged(
    theirs: bool, rung_at: str, status: int
) -> None:
    """The peer owes it a final response (15.1.2), which it sends again and again until the ACK."""
    bench = Bench()
    usage, invite, _ = bench.answered_call()
    bench.user_agent.request_in_dialog(usage, "INVITE", bench.now, body=OFFER)
    [ours] = bench.take_sent()
    assert isinstance(ours, Request)
    if "before" in rung_at:
        bench.receive(answer_to(ours, 100))
    if theirs:
        bench.receive(in_dialog_from_peer(invite, "BYE"))
    else:
        bench.user_agent.hang_up(usage, bench.now)
    bench.take_sent()
    if "after" in rung_at:
        bench.receive(answer_to(ours, 100))
    bench.advance(20)
    assert bench.user_agent.is_parting()
    [ack] = bench.receive(answer_to(ours, status))
    assert (isinstance(ack, Request), str(ack.cseq)) == (True, f"{ours.cseq.number} ACK")
    assert bench.receive(answer_to(ours, status)) == [ack]
    bench.advance(100)
    assert bench.events()[-1] == UsageEnded(usage)
    assert bench.user_agent.table_sizes() == NOTHING_HELD


def test_our_reinvite_with_credentials_is_not_waited_for_for_ever_once_the_call_is_over() -> None:
    bench = Bench()
    usage, _, _ = bench.answered_call(credentials=Credentials("u", "p"))
    bench.user_agent.request_in_dialog(usage, "INVITE", bench.now, body=OFFER)
    [ours] = bench.take_sent()
    assert isinstance(ours, Request)
    challenge = 'WWW-Authenticate: Digest realm="r", nonce="n"'
    _, again = bench.receive(answer_to(ours, 401, headers=challenge))
    assert isinstance(again, Request)
    bench.receive(answer_to(again, 100))
    bench.user_agent.hang_up(usage, bench.now)
    bench.advance(100)
    assert bench.user_agent.table_sizes() == NOTHING_HELD


def test_our_reinvite_has_as_long_as_any_for_its_final_response_once_the_call_is_over() -> None:
    """Timer B, which the 100 had stopped, begins anew then."""
    bench = Bench()
    usage, _, _ = bench.answered_call()
    bench.user_agent.request_in_dialog(usage, "INVITE", bench.now, body=OFFER)
    [ours] = bench.take_sent()
    assert isinstance(ours, Request)
    bench.receive(answer_to(ours, 100))
    bench.advance(25)
    bench.user_agent.hang_up(usage, bench.now)
    bench.advance(25)
    assert methods(bench.receive(answer_to(ours, 487))) == ["ACK"]


def test_a_provisional_to_our_reinvite_after_the_hang_up_keeps_nothing_alive() -> None:
    bench = Bench()
    usage, _, _ = bench.answered_call()
    bench.user_agent.request_in_dialog(usage, "INVITE", bench.now, body=OFFER)
    [ours] = bench.take_sent()
    assert isinstance(ours, Request)
    bench.user_agent.hang_up(usage, bench.now)
    bench.receive(answer_to(ours, 100))
    bench.advance(100)
    assert bench.events()[-1] == UsageEnded(usage)
    assert bench.user_agent.table_sizes() == NOTHING_HELD


@pytest.mark.parametrize(("status", "cause", "said"), [(481, "gone", []), (408, "timeout", ["BYE"])])
def test_481_and_408_to_our_request_end_the_dialog(status: int, cause: str, said: list[str]) -> None:
    bench = Bench()
    usage, _, _ = bench.answered_call()
    bench.user_agent.request_in_dialog(usage, "INFO", bench.now)
    [info] = bench.take_sent()
    assert isinstance(info, Request)
    assert methods(bench.receive(answer_to(info, status))) == said
    answered, lost = bench.events()
    assert isinstance(answered, RequestAnswered)
    assert isinstance(lost, DialogLost)
    assert (lost.usage, lost.cause) == (usage, cause)
    bench.advance(100)
    assert bench.events() == [UsageEnded(usage)]


@pytest.mark.parametrize("status", [403, 488, 500, 503])
def test_other_failures_of_our_request_leave_the_dialog(status: int) -> None:
    bench = Bench()
    usage, _, _ = bench.answered_call()
    bench.user_agent.request_in_dialog(usage, "INVITE", bench.now, body=OFFER)
    [ours] = bench.take_sent()
    assert isinstance(ours, Request)
    bench.receive(answer_to(ours, status))
    assert [type(event) for event in bench.events()] == [RequestAnswered]
    bench.user_agent.hang_up(usage, bench.now)
    assert "BYE" in methods(bench.take_sent())


def test_our_request_without_an_answer_loses_the_dialog() -> None:
    bench = Bench()
    usage, _, _ = bench.answered_call()
    handle = bench.user_agent.request_in_dialog(usage, "INFO", bench.now)
    sent = bench.advance(32.1)
    assert methods([sent[-1][1]]) == ["BYE"]
    assert bench.events() == [RequestFailed(handle, "timeout"), DialogLost(usage, "timeout")]
    bench.advance(64)
    assert bench.events() == [UsageEnded(usage)]
    assert bench.user_agent.table_sizes() == NOTHING_HELD


# BYE.


def test_their_bye_is_answered_and_told_with_its_reason() -> None:
    bench = Bench()
    usage, invite, _ = bench.answered_call()
    bye = in_dialog_from_peer(invite, "BYE", headers="Reason: Q.850;cause=16")
    assert statuses(bench.receive(bye)) == [200]
    assert statuses(bench.receive(bye)) == [200]
    assert bench.events() == [ByeReceived(usage, "Q.850;cause=16")]
    again = in_dialog_from_peer(invite, "BYE", cseq=2, branch="z9hG4bKagain")
    assert statuses(bench.receive(again)) == [200]
    assert bench.events() == []
    bench.user_agent.hang_up(usage, bench.now)
    assert bench.take_sent() == []
    bench.advance(33)
    assert bench.events() == [UsageEnded(usage)]
    assert bench.user_agent.table_sizes() == NOTHING_HELD


@pytest.mark.parametrize("headers", ["Content-Type: application/isup;version=itu-t92+", "Content-Encoding: gzip"])
def test_trunk_case_23_a_bye_is_taken_whatever_its_body(headers: str) -> None:
    """Its sender is out of the call as soon as it has sent it (15.1.1): refused, the call would run on for us alone."""
    bench = Bench()
    usage, invite, _ = bench.answered_call()
    assert statuses(bench.receive(in_dialog_from_peer(invite, "BYE", headers=headers, body="\x0c\x02"))) == [200]
    assert bench.events() == [ByeReceived(usage, None)]


@pytest.mark.parametrize(
    ("headers", "status"), [("Require: nobody-knows", 420), ("Contact: <sip:broken", 200), ("Record-Route: <", 200)]
)
def test_trunk_case_23_a_bye_ends_the_call_whatever_its_answer(headers: str, status: int) -> None:
    """15.1.1: its sender is out of the call with the sending."""
    bench = Bench()
    usage, invite, _ = bench.answered_call()
    assert statuses(bench.receive(in_dialog_from_peer(invite, "BYE", headers=headers))) == [status]
    assert bench.events() == [ByeReceived(usage, None)]


def test_trunk_case_23_bye_before_the_ack_of_our_200() -> None:
    bench = Bench()
    usage, ok = answered_without_ack(bench)
    bye = request_from_peer("BYE", to_tag=ok.to_tag, cseq=2, branch="z9hG4bKbye")
    assert statuses(bench.receive(bye)) == [200]
    assert bench.advance(20) == []
    assert bench.events() == [ByeReceived(usage, None)]


def test_a_response_to_what_has_ended_with_the_call_comes_too_late() -> None:
    bench = Bench()
    usage, invite, _ = bench.answered_call()
    bench.receive(in_dialog_from_peer(invite, "INVITE", body="v=0"))
    [asked] = bench.events()
    assert isinstance(asked, IncomingRequest)
    bench.user_agent.hang_up(usage, bench.now)
    bench.take_sent()
    bench.user_agent.respond(asked.transaction, 200, bench.now, body=OFFER, content_type="application/sdp")
    assert bench.take_sent() == []
    assert bench.user_agent.counters["responses too late"] == 1


def test_trunk_case_23_our_bye_waits_for_the_ack_of_our_200() -> None:
    bench = Bench()
    usage, ok = answered_without_ack(bench)
    bench.user_agent.hang_up(usage, bench.now)
    assert [message for _, message in bench.advance(0.6)] == [ok]
    assert methods(bench.receive(request_from_peer("ACK", branch="z9hG4bKack", to_tag=ok.to_tag))) == ["BYE"]
    assert bench.events() == []


def test_a_bye_is_on_its_way_until_its_final_response() -> None:
    bench = Bench()
    usage, _, _ = bench.answered_call()
    bench.user_agent.hang_up(usage, bench.now)
    [bye] = bench.take_sent()
    assert isinstance(bye, Request)
    bench.receive(answer_to(bye, 100))
    assert bench.user_agent.is_parting()
    bench.receive(answer_to(bye, 200))
    assert not bench.user_agent.is_parting()


def test_what_ends_no_call_is_not_waited_for() -> None:
    """Who stops would wait for a trunk that is down and does not answer OPTIONS."""
    bench = Bench()
    bench.user_agent.request(
        OutgoingRequest("OPTIONS", "sip:203.0.113.10", "sip:192.0.2.1", "sip:203.0.113.10", PEER), bench.now
    )
    assert not bench.user_agent.is_parting()


def test_a_bye_that_waits_for_the_ack_of_our_200_is_still_on_its_way() -> None:
    """Who stops meanwhile would leave the caller in the call."""
    bench = Bench()
    usage, ok = answered_without_ack(bench)
    assert not bench.user_agent.is_parting()
    bench.user_agent.hang_up(usage, bench.now)
    assert bench.user_agent.is_parting()
    [bye] = bench.receive(request_from_peer("ACK", branch="z9hG4bKack", to_tag=ok.to_tag))
    assert isinstance(bye, Request)
    assert bench.user_agent.is_parting()
    bench.receive(answer_to(bye, 200))
    assert not bench.user_agent.is_parting()


def test_trunk_case_23_our_bye_goes_out_when_that_ack_never_comes() -> None:
    bench = Bench()
    bench.receive(request_from_peer("INVITE"))
    [event] = bench.events()
    assert isinstance(event, IncomingInvite)
    bench.user_agent.respond(event.transaction, 200, bench.now)
    bench.user_agent.hang_up(event.usage, bench.now)
    sent = bench.advance(32)
    assert methods([sent[-1][1]]) == ["BYE"]
    assert bench.events() == []


def test_trunk_case_23_a_bye_in_place_of_that_ack_leaves_nothing_to_say() -> None:
    """Both sides hang up: our 200 is sent no more, and no BYE of ours follows the peer's."""
    bench = Bench()
    usage, ok = answered_without_ack(bench)
    bench.user_agent.hang_up(usage, bench.now)
    bye = request_from_peer("BYE", branch="z9hG4bKbye", to_tag=ok.to_tag, cseq=2)
    assert statuses(bench.receive(bye)) == [200]
    assert bench.advance(64) == []
    assert bench.events() == [UsageEnded(usage)]
    assert bench.user_agent.table_sizes() == NOTHING_HELD


def test_trunk_case_23_bye_in_an_early_dialog_of_our_call() -> None:
    bench = Bench()
    usage, invite = bench.call()
    bench.receive(answer_to(invite, 180, to_tag="peer"))
    bench.events()
    answers = bench.receive(in_dialog_from_peer(invite, "BYE"))
    assert (statuses(answers), methods(answers)) == ([200], ["CANCEL"])
    assert bench.events() == [ByeReceived(usage, None)]
    bench.receive(answer_to(invite, 487, to_tag="peer"))
    bench.advance(64)
    assert bench.events() == [UsageEnded(usage)]


@pytest.mark.parametrize("method", ["OPTIONS", "INVITE", "UPDATE", "INFO"])
@pytest.mark.parametrize("reinviting", [False, True])
def test_trunk_case_03_the_dialog_of_another_fork_is_over_for_any_request(method: str, reinviting: bool) -> None:
    """It has had its BYE, whatever is open in the one that became the call."""
    bench = Bench()
    usage, invite, _ack = bench.answered_call()
    bench.receive(answer_to(invite, 200, to_tag="fork"))
    if reinviting:
        bench.user_agent.request_in_dialog(usage, "INVITE", bench.now, body=OFFER, content_type="application/sdp")
        bench.take_sent()
    body = "v=0" if method in ("INVITE", "UPDATE") else ""
    content = in_dialog_from_peer(invite, method, branch="z9hG4bKasks", from_tag="fork", body=body)
    [response] = bench.receive(content)
    assert isinstance(response, Response)
    assert response.status == 481


def test_trunk_case_23_the_bye_of_a_fork_that_did_not_get_the_call_ends_nothing() -> None:
    bench = Bench()
    usage, invite = bench.call()
    for tag in ("one", "two"):
        bench.receive(answer_to(invite, 180, to_tag=tag))
    bench.receive(answer_to(invite, 200, to_tag="one"))
    bench.events()
    assert statuses(bench.receive(in_dialog_from_peer(invite, "BYE", from_tag="two"))) == [200]
    assert bench.events() == []
    assert statuses(bench.receive(in_dialog_from_peer(invite, "BYE", branch="z9hG4bKbye1", from_tag="one"))) == [200]
    assert bench.events() == [ByeReceived(usage, None)]


def test_trunk_case_23_bye_in_an_early_dialog_of_their_call() -> None:
    bench = Bench()
    bench.receive(request_from_peer("INVITE"))
    [event] = bench.events()
    assert isinstance(event, IncomingInvite)
    bench.user_agent.respond(event.transaction, 180, bench.now)
    [ringing] = bench.take_sent()
    bye = request_from_peer("BYE", to_tag=ringing.to_tag, cseq=2, branch="z9hG4bKbye")
    assert statuses(bench.receive(bye)) == [200, 487]
    assert bench.events() == [ByeReceived(event.usage, None)]


def test_trunk_case_23_byes_from_both_sides_cross() -> None:
    bench = Bench()
    usage, invite, _ = bench.answered_call()
    bench.user_agent.hang_up(usage, bench.now)
    [ours] = bench.take_sent()
    assert isinstance(ours, Request)
    assert statuses(bench.receive(in_dialog_from_peer(invite, "BYE"))) == [200]
    bench.receive(answer_to(ours, 481))
    bench.advance(40)
    assert bench.events() == [UsageEnded(usage)]
    assert bench.user_agent.table_sizes() == NOTHING_HELD


def test_trunk_case_23_an_unanswered_bye_is_cleaned_up_at_32_s() -> None:
    bench = Bench()
    usage, _, _ = bench.answered_call()
    bench.advance(100)
    bench.user_agent.hang_up(usage, bench.now)
    bench.advance(31.9)
    assert bench.events() == []
    bench.advance(0.2)
    assert bench.events() == [UsageEnded(usage)]
    assert bench.user_agent.table_sizes() == NOTHING_HELD


def test_a_bye_ends_what_the_peer_still_waits_for() -> None:
    for ours in (False, True):
        bench = Bench()
        usage, invite, _ = bench.answered_call()
        reinvite(bench, invite)
        event = surfaced(bench)
        if ours:
            bench.user_agent.hang_up(usage, bench.now)
            assert statuses(bench.take_sent()) == [487]
        else:
            assert statuses(bench.receive(in_dialog_from_peer(invite, "BYE", cseq=2))) == [200, 487]
        assert bench.events()[0] == IncomingRequestEnded(usage, event.transaction)


def test_requests_in_a_dialog_that_is_being_ended() -> None:
    bench = Bench()
    usage, invite, _ = bench.answered_call()
    bench.user_agent.hang_up(usage, bench.now)
    bench.take_sent()
    assert statuses(reinvite(bench, invite)) == [481]
    assert statuses(bench.receive(in_dialog_from_peer(invite, "INFO", cseq=2, branch="z9hG4bKi"))) == [481]


@pytest.mark.parametrize("ours", [True, False], ids=["our BYE is out", "their BYE came"])
def test_options_in_a_dialog_that_is_over_is_481(ours: bool) -> None:
    """Peers ask by OPTIONS whether the other side still has the call."""
    bench = Bench()
    usage, invite, _ = bench.answered_call()
    assert statuses(bench.receive(in_dialog_from_peer(invite, "OPTIONS", branch="z9hG4bKbefore"))) == [200]
    if ours:
        bench.user_agent.hang_up(usage, bench.now)
    else:
        bench.receive(in_dialog_from_peer(invite, "BYE", cseq=2, branch="z9hG4bKbye"))
    bench.take_sent()
    assert statuses(bench.receive(in_dialog_from_peer(invite, "OPTIONS", cseq=3, branch="z9hG4bKafter"))) == [481]


def test_s11_2_options_in_a_dialog_is_200_while_we_drain() -> None:
    """It is what a re-INVITE would get: the call goes on, and who asks whether it does must not end it."""
    bench = Bench()
    _, invite, _ = bench.answered_call()
    bench.user_agent.accepting = False
    [ok] = bench.receive(in_dialog_from_peer(invite, "OPTIONS"))
    assert isinstance(ok, Response)
    assert (ok.status, "Retry-After" in ok.headers) == (200, False)
