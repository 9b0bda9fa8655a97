"""Hard case 9: session refreshes that are refused or get no answer, and the end of the session (RFC 4028 10)."""

import pytest

from b2bua.sip.digest import Credentials
from b2bua.sip.events import DialogLost, IncomingRequest, RequestAnswered, RequestFailed, UsageEnded
from b2bua.sip.message import Request
from b2bua.sip.session_refresh import POSTPONED_S
from b2bua.sip.settings import PeerPolicy, UserAgentLimits
from tests.support.agents import NOTHING_HELD, OFFER, Bench, answer_to, in_dialog_from_peer
from tests.support.session_timer_calls import CHALLENGE, SDP, WITH_UPDATE, WITHOUT_UPDATE, called, requests, the_refresh

# A refresh that fails.


@pytest.mark.parametrize(("status", "said"), [(408, ["BYE"]), (481, [])])
def test_trunk_case_09_408_and_481_to_a_refresh_end_the_dialog(status: int, said: list[str]) -> None:
    bench = Bench()
    usage, _ = called(bench, f"Session-Expires: 1800;refresher=uac\n{WITH_UPDATE}")
    answers = bench.receive(answer_to(the_refresh(bench, 900), status))
    assert [each.method for each in answers if isinstance(each, Request)] == said
    assert bench.events() == [DialogLost(usage, "gone" if status == 481 else "timeout")]


@pytest.mark.parametrize("allow", [WITH_UPDATE, WITHOUT_UPDATE])
def test_trunk_case_09_an_unanswered_refresh_ends_the_dialog(allow: str) -> None:
    bench = Bench()
    usage, _ = called(bench, f"Session-Expires: 1800;refresher=uac\n{allow}")
    [_, (when, bye)] = requests(bench.advance(932))
    assert (when, bye.method) == (932, "BYE")
    assert bench.events() == [DialogLost(usage, "timeout")]
    bench.advance(100)
    assert bench.events() == [UsageEnded(usage)]
    assert bench.user_agent.table_sizes() == NOTHING_HELD


@pytest.mark.parametrize("status", [400, 403, 404, 405, 420, 501])
def test_trunk_case_09_an_update_that_the_peer_does_not_know_goes_out_as_a_reinvite(status: int) -> None:
    bench = Bench()
    called(bench, f"Session-Expires: 1800;refresher=uac\n{WITH_UPDATE}")
    bench.receive(answer_to(the_refresh(bench, 900), status))
    [(when, again)] = requests(bench.advance(0.1))
    assert (when, again.method, again.body) == (0, "INVITE", OFFER)
    # What lets UPDATE not pass says so whatever the peer allows, which it tells anew in each answer.
    bench.receive(answer_to(again, 200, headers=f"Session-Expires: 1800;refresher=uac\n{WITH_UPDATE}"))
    assert the_refresh(bench, 900).method == "INVITE"


@pytest.mark.parametrize("status", [400, 403, 404, 405, 420, 501])
def test_trunk_case_09_a_refused_reinvite_is_no_refused_update_and_goes_out_again_in_time(status: int) -> None:
    bench = Bench()
    called(bench, f"Session-Expires: 1800;refresher=uac\n{WITHOUT_UPDATE}")
    refresh = the_refresh(bench, 900)
    assert refresh.method == "INVITE"
    bench.receive(answer_to(refresh, status))
    assert bench.user_agent.counters["session refreshes refused"] == 1
    again = [(when, each) for when, each in requests(bench.advance(450)) if each.method != "ACK"]
    assert [(when, each.method) for when, each in again] == [(450, "INVITE")]
    assert bench.user_agent.counters["session refreshes"] == 2


@pytest.mark.parametrize("method", ["invite", "update"])
def test_trunk_case_09_a_call_that_was_never_described_is_refreshed_by_update_alone(method: str) -> None:
    """A re-INVITE without a description would ask the peer for an offer, which nobody here has an answer to."""
    bench = Bench()
    policy = PeerPolicy(session_refresh_method="invite" if method == "invite" else "update")
    _, invite = bench.call(body=b"", policy=policy)
    bench.receive(answer_to(invite, 200, to_tag="peer", headers=f"Session-Expires: 1800;refresher=uac\n{WITH_UPDATE}"))
    bench.events()
    refresh = the_refresh(bench, 900)
    assert (refresh.method, refresh.body) == ("UPDATE", b"")
    bench.receive(answer_to(refresh, 405))
    assert the_refresh(bench, 450).method == "UPDATE"


def test_trunk_case_09_a_body_in_the_answer_to_an_update_that_offered_nothing_says_nothing() -> None:
    bench = Bench()
    called(bench, f"Session-Expires: 1800;refresher=uac\n{WITH_UPDATE}")
    session = "Session-Expires: 1800;refresher=uac\nContent-Type: application/sdp"
    bench.receive(answer_to(the_refresh(bench, 900), 200, headers=session, body="v=0"))
    assert bench.events() == []


def test_trunk_case_09_a_refresh_that_only_waited_for_the_peers_reinvite_is_tried_again_later() -> None:
    bench = Bench()
    _, invite = called(bench, f"Session-Expires: 1800;refresher=uac\n{WITHOUT_UPDATE}")
    bench.receive(answer_to(the_refresh(bench, 900), 491))
    bench.receive(in_dialog_from_peer(invite, "INVITE", body="v=0"))
    [theirs] = bench.events()
    assert isinstance(theirs, IncomingRequest)
    assert [when for when, each in requests(bench.advance(100)) if each.method == "INVITE"] == []
    bench.user_agent.respond(theirs.transaction, 488, bench.now)
    bench.take_sent()
    [(when, again)] = [(when, each) for when, each in requests(bench.advance(400)) if each.method == "INVITE"][:1]
    assert 8.4 + 450 <= when + 100 <= 16 + 450, "a quarter of the session after the last of four waits of 2.1 to 4 s"
    assert again.headers.get("Session-Expires") == "1800;refresher=uac"


def test_trunk_case_09_a_refresh_waits_until_there_is_room_for_it() -> None:
    bench = Bench(UserAgentLimits(transactions=2))
    _, invite = called(bench, f"Session-Expires: 600;refresher=uac\n{WITH_UPDATE}")
    bench.advance(290)
    for number in range(2):
        bench.receive(in_dialog_from_peer(invite, "INFO", branch=f"z9hG4bKfull{number}", cseq=10 + number))
    held = [event.transaction for event in bench.events() if isinstance(event, IncomingRequest)]
    assert len(held) == 2
    assert requests(bench.advance(10)) == []
    assert bench.user_agent.counters["session refreshes"] == 0
    bench.user_agent.respond(held[0], 200, bench.now)
    bench.user_agent.respond(held[1], 200, bench.now)
    [(when, refresh)] = requests(bench.advance(40))
    assert (when % POSTPONED_S, refresh.method) == (0, "UPDATE")


def test_trunk_case_09_a_422_to_a_refresh_is_obeyed() -> None:
    bench = Bench()
    called(bench, f"Session-Expires: 600;refresher=uac\n{WITH_UPDATE}")
    refresh = the_refresh(bench, 300)
    [again] = bench.receive(answer_to(refresh, 422, headers="Min-SE: 1000"))
    assert isinstance(again, Request)
    assert (again.method, again.cseq.number) == ("UPDATE", refresh.cseq.number + 1)
    assert (again.headers.get("Session-Expires"), again.headers.get("Min-SE")) == ("1000;refresher=uac", "1000")
    bench.receive(answer_to(again, 200, headers="Session-Expires: 1000;refresher=uac"))
    assert the_refresh(bench, 500).headers.get("Min-SE") == "1000"
    assert bench.events() == []


def test_trunk_case_09_a_challenged_refresh_is_authorised() -> None:
    bench = Bench()
    _, invite = bench.call(credentials=Credentials("u", "p"))
    bench.receive(answer_to(invite, 200, to_tag="peer", headers=f"Session-Expires: 600;refresher=uac\n{WITH_UPDATE}"))
    bench.events()
    [again] = bench.receive(answer_to(the_refresh(bench, 300), 401, headers=CHALLENGE))
    assert isinstance(again, Request)
    assert 'uri="sip:gw@203.0.113.10:5060"' in (again.headers.get("Authorization") or "")
    assert again.headers.get("Session-Expires") == "600;refresher=uac"
    bench.receive(answer_to(again, 200, headers="Session-Expires: 600;refresher=uac"))
    assert bench.events() == []


def test_trunk_case_09_a_refresh_that_crosses_the_peers_waits_and_is_dropped_when_that_is_answered() -> None:
    bench = Bench()
    usage, invite = called(bench, f"Session-Expires: 600;refresher=uac\n{WITHOUT_UPDATE}")
    refresh = the_refresh(bench, 300)
    bench.receive(answer_to(refresh, 491))
    theirs = in_dialog_from_peer(invite, "INVITE", body="v=0", headers="Supported: timer")
    bench.receive(theirs)
    [event] = bench.events()
    assert isinstance(event, IncomingRequest)
    bench.user_agent.respond(event.transaction, 200, bench.now, body=OFFER, content_type=SDP)
    bench.receive(in_dialog_from_peer(invite, "ACK", branch="z9hG4bKack"))
    assert the_refresh(bench, 300).method == "INVITE"
    bench.user_agent.hang_up(usage, bench.now)


def test_trunk_case_09_a_refresh_that_crosses_the_peers_goes_out_again() -> None:
    bench = Bench()
    called(bench, f"Session-Expires: 600;refresher=uac\n{WITHOUT_UPDATE}")
    refresh = the_refresh(bench, 300)
    bench.receive(answer_to(refresh, 491))
    [(when, again)] = requests(bench.advance(4.01))
    assert 2.1 <= when <= 4
    assert again.cseq.number == refresh.cseq.number + 1
    bench.receive(answer_to(again, 200, headers="Session-Expires: 600;refresher=uac"))
    assert bench.events() == []


def test_trunk_case_09_a_reinvite_of_our_user_takes_the_place_of_a_refresh_that_waits() -> None:
    bench = Bench()
    usage, _ = called(bench, f"Session-Expires: 600;refresher=uac\n{WITHOUT_UPDATE}")
    bench.receive(answer_to(the_refresh(bench, 300), 491))
    handle = bench.user_agent.request_in_dialog(usage, "INVITE", bench.now, body=OFFER, content_type=SDP)
    [ours] = bench.take_sent()
    assert isinstance(ours, Request)
    bench.receive(answer_to(ours, 200, headers="Session-Expires: 600;refresher=uac"))
    [answered] = bench.events()
    assert isinstance(answered, RequestAnswered)
    assert answered.request == handle
    the_refresh(bench, 300)


@pytest.mark.parametrize("status", [488, 500, 503])
def test_trunk_case_09_a_refused_refresh_is_tried_again_until_the_session_ends(status: int) -> None:
    bench = Bench()
    usage, _ = called(bench, f"Session-Expires: 1800;refresher=uac\n{WITH_UPDATE}")
    refresh, at, tries = the_refresh(bench, 900), 900.0, 0
    while refresh.method == "UPDATE":
        tries += 1
        assert bench.events() == []
        bench.receive(answer_to(refresh, status))
        due = bench.user_agent.next_timer()
        while due is not None:
            waited = due - bench.now
            sent = requests(bench.advance(waited))
            at += waited
            if sent:
                refresh = sent[0][1]
                break
            due = bench.user_agent.next_timer()
    assert (at, refresh.method) == (1800, "BYE")
    assert 5 <= tries <= 12
    assert bench.events() == [DialogLost(usage, "expired")]


def test_trunk_case_09_a_refused_refresh_that_gets_through_later_renews_it() -> None:
    bench = Bench()
    called(bench, f"Session-Expires: 1800;refresher=uac\n{WITH_UPDATE}")
    bench.receive(answer_to(the_refresh(bench, 900), 503))
    again = the_refresh(bench, 450)
    bench.receive(answer_to(again, 200, headers="Session-Expires: 1800;refresher=uac"))
    assert the_refresh(bench, 900).method == "UPDATE"


def test_trunk_case_09_a_refresh_waits_for_the_peers_reinvite_that_is_handled() -> None:
    bench = Bench()
    _, invite = called(bench, f"Session-Expires: 600;refresher=uac\n{WITH_UPDATE}")
    bench.advance(299)
    bench.receive(in_dialog_from_peer(invite, "INVITE", body="v=0", headers="Supported: timer"))
    [event] = bench.events()
    assert isinstance(event, IncomingRequest)
    assert bench.advance(10) == []
    bench.user_agent.respond(event.transaction, 488, bench.now)
    bench.receive(in_dialog_from_peer(invite, "ACK", branch="z9hG4bKindlg"))
    [(when, refresh)] = requests(bench.advance(4))
    assert (when <= 4, refresh.method) == (True, "UPDATE")


# The end.


@pytest.mark.parametrize("theirs", [False, True])
def test_trunk_case_09_a_call_that_ends_takes_its_timers_along(theirs: bool) -> None:
    bench = Bench()
    usage, invite = called(bench, f"Session-Expires: 600;refresher=uac\n{WITH_UPDATE}")
    if theirs:
        bench.receive(in_dialog_from_peer(invite, "BYE"))
    else:
        bench.user_agent.hang_up(usage, bench.now)
        [bye] = bench.take_sent()
        assert isinstance(bye, Request)
        bench.receive(answer_to(bye, 200))
    bench.advance(33)
    assert UsageEnded(usage) in bench.events()
    assert bench.user_agent.table_sizes() == NOTHING_HELD
    assert bench.advance(1000) == []


def test_near_miss_a_lost_bye_is_saved_by_the_session_timer() -> None:
    bench = Bench()
    usage, _ = called(bench, f"Session-Expires: 1800;refresher=uac\n{WITH_UPDATE}")
    # The peer hung up long ago; its BYE never came. It knows nothing of the dialog any more.
    bench.receive(answer_to(the_refresh(bench, 900), 481))
    assert bench.events() == [DialogLost(usage, "gone")]


def test_a_refresh_goes_to_the_peers_new_contact_and_takes_its_next_one() -> None:
    bench = Bench()
    usage, invite = called(bench, f"Session-Expires: 600;refresher=uac\n{WITH_UPDATE}")
    moved = "Supported: timer\nContact: <sip:moved@203.0.113.10:5080>"
    bench.receive(in_dialog_from_peer(invite, "UPDATE", headers=moved))
    [event] = bench.events()
    assert isinstance(event, IncomingRequest)
    bench.user_agent.respond(event.transaction, 200, bench.now)
    bench.take_sent()
    refresh = the_refresh(bench, 300)
    assert refresh.request_uri == "sip:moved@203.0.113.10:5080"
    bench.receive(
        answer_to(refresh, 200, contact="<sip:again@203.0.113.10>", headers="Session-Expires: 600;refresher=uac")
    )
    bench.user_agent.hang_up(usage, bench.now)
    [bye] = bench.take_sent()
    assert isinstance(bye, Request)
    assert bye.request_uri == "sip:again@203.0.113.10"


def test_trunk_case_09_each_session_begins_its_tries_anew() -> None:
    bench = Bench()
    called(bench, f"Session-Expires: 1800;refresher=uac\n{WITH_UPDATE}")
    for _ in range(2):
        bench.receive(answer_to(the_refresh(bench, 900), 503))
        bench.receive(answer_to(the_refresh(bench, 450), 503))
        bench.receive(answer_to(the_refresh(bench, 225), 200, headers="Session-Expires: 1800;refresher=uac"))


def test_trunk_case_09_a_refresh_waits_for_the_reinvite_of_our_user_that_waits() -> None:
    bench = Bench()
    usage, invite = called(bench, f"Session-Expires: 600;refresher=uac\n{WITH_UPDATE}")
    bench.advance(299)
    bench.user_agent.request_in_dialog(usage, "INVITE", bench.now, body=b"v=0 moved", content_type=SDP)
    [ours] = bench.take_sent()
    assert isinstance(ours, Request)
    bench.receive(answer_to(ours, 500, headers="Retry-After: 10"))
    [(when, again)] = requests(bench.advance(10))
    assert (when, again.method, again.body) == (10, "INVITE", b"v=0 moved")
    bench.receive(answer_to(again, 200, headers="Session-Expires: 600;refresher=uac"))
    assert the_refresh(bench, 300).method == "UPDATE"
    assert invite.call_id == again.call_id


@pytest.mark.parametrize(("status", "headers"), [(422, "Min-SE: 1000"), (491, ""), (500, "Retry-After: 1")])
def test_trunk_case_09_a_refresh_that_is_refused_after_the_bye_is_not_sent_again(status: int, headers: str) -> None:
    bench = Bench()
    usage, _ = called(bench, f"Session-Expires: 600;refresher=uac\n{WITH_UPDATE}")
    refresh = the_refresh(bench, 300)
    bench.user_agent.hang_up(usage, bench.now)
    [bye] = bench.take_sent()
    assert isinstance(bye, Request)
    assert bench.receive(answer_to(refresh, status, headers=headers)) == []
    bench.receive(answer_to(bye, 200))
    assert bench.advance(100) == []
    assert bench.events() == [UsageEnded(usage)]
    assert bench.user_agent.table_sizes() == NOTHING_HELD


# A re-INVITE that gets provisional responses alone.


def stuck_refresh() -> tuple[Bench, int, Request]:
    """A call whose refresh, by re-INVITE, has been cancelled: its usage, and that re-INVITE."""
    bench = Bench()
    usage, _ = called(bench, f"Session-Expires: 1800;refresher=uac\n{WITHOUT_UPDATE}")
    refresh = the_refresh(bench, 900)
    assert bench.receive(answer_to(refresh, 100)) == []
    assert bench.advance(20) == []
    assert bench.receive(answer_to(refresh, 180, to_tag="peer")) == []
    [(when, cancel)] = requests(bench.advance(12))
    assert (when, cancel.method, cancel.cseq.number) == (12, "CANCEL", refresh.cseq.number)
    assert (cancel.via.branch, cancel.request_uri) == (refresh.via.branch, refresh.request_uri)
    assert cancel.headers.get("To") == refresh.headers.get("To")
    bench.receive(answer_to(cancel, 200))
    return bench, usage, refresh


def test_trunk_case_09_a_refresh_with_provisional_responses_alone_is_cancelled_and_counts_as_unanswered() -> None:
    bench, usage, refresh = stuck_refresh()
    ack, bye = bench.receive(answer_to(refresh, 487))
    assert isinstance(ack, Request)
    assert isinstance(bye, Request)
    assert (ack.method, bye.method) == ("ACK", "BYE")
    assert bench.events() == [DialogLost(usage, "timeout")]
    bench.receive(answer_to(bye, 200))
    bench.advance(100)
    assert bench.events() == [UsageEnded(usage)]
    assert bench.user_agent.table_sizes() == NOTHING_HELD


def test_trunk_case_09_a_cancelled_refresh_without_a_final_response_ends_the_dialog() -> None:
    bench, usage, _ = stuck_refresh()
    [(when, bye)] = requests(bench.advance(32))
    assert (when, bye.method) == (32, "BYE")
    assert bench.events() == [DialogLost(usage, "timeout")]
    bench.receive(answer_to(bye, 200))
    bench.advance(100)
    assert bench.events() == [UsageEnded(usage)]
    assert bench.user_agent.table_sizes() == NOTHING_HELD


@pytest.mark.parametrize(("status", "headers"), [(401, CHALLENGE), (491, ""), (422, "Min-SE: 2000")])
def test_trunk_case_09_a_cancelled_refresh_is_not_sent_again(status: int, headers: str) -> None:
    bench, usage, refresh = stuck_refresh()
    said = bench.receive(answer_to(refresh, status, headers=headers))
    assert [each.method for each in said if isinstance(each, Request)] == ["ACK", "BYE"]
    assert bench.events() == [DialogLost(usage, "timeout")]


def test_trunk_case_09_a_200_that_crosses_the_cancel_of_a_refresh_renews_the_session() -> None:
    bench, _, refresh = stuck_refresh()
    [ack] = bench.receive(answer_to(refresh, 200, headers="Session-Expires: 1800;refresher=uac"))
    assert isinstance(ack, Request)
    assert ack.method == "ACK"
    assert bench.events() == []
    assert the_refresh(bench, 900).method == "INVITE"


@pytest.mark.parametrize("final", [487, None])
def test_a_reinvite_of_our_user_with_provisional_responses_alone_is_cancelled_and_told(final: int | None) -> None:
    bench = Bench()
    usage, _ = called(bench, WITHOUT_UPDATE)
    number = bench.user_agent.request_in_dialog(usage, "INVITE", bench.now, body=b"v=0 moved", content_type=SDP)
    [ours] = bench.take_sent()
    assert isinstance(ours, Request)
    bench.receive(answer_to(ours, 100))
    [(when, cancel)] = requests(bench.advance(32))
    assert (when, cancel.method) == (32, "CANCEL")
    bench.receive(answer_to(cancel, 200))
    if final is None:
        assert [each.method for _, each in requests(bench.advance(32))] == ["BYE"]
        assert bench.events() == [RequestFailed(number, "timeout"), DialogLost(usage, "timeout")]
        return
    bench.receive(answer_to(ours, final))
    [told] = bench.events()
    assert isinstance(told, RequestAnswered)
    assert (told.request, told.response.status) == (number, final)
    bench.user_agent.request_in_dialog(usage, "INVITE", bench.now, body=b"v=0 again", content_type=SDP)
    assert len(bench.take_sent()) == 1


def test_an_answered_reinvite_has_no_limit_left_for_the_next() -> None:
    bench = Bench()
    called(bench, f"Session-Expires: 100;refresher=uac\n{WITHOUT_UPDATE}")
    for _ in range(2):
        refresh = the_refresh(bench, 50)
        bench.receive(answer_to(refresh, 100))
        bench.advance(31)
        bench.receive(answer_to(refresh, 200, headers="Session-Expires: 100;refresher=uac"))
    assert bench.events() == []


def test_an_answered_reinvite_does_not_limit_one_that_is_open_when_its_own_time_would_be_over() -> None:
    bench = Bench()
    usage, _ = called(bench, WITHOUT_UPDATE)
    for answered in (True, False):
        bench.user_agent.request_in_dialog(usage, "INVITE", bench.now, body=b"v=0", content_type=SDP)
        [reinvite] = bench.take_sent()
        assert isinstance(reinvite, Request)
        bench.receive(answer_to(reinvite, 100))
        bench.advance(20)
        if answered:
            bench.receive(answer_to(reinvite, 200))
    assert requests(bench.advance(11.9)) == []
    assert [(when, each.method) for when, each in requests(bench.advance(0.2))] == [(0.1, "CANCEL")]
