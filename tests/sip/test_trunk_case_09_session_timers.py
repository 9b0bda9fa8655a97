"""Hard case 9: session timers in both roles: asked for, agreed, refreshed and renewed (RFC 4028)."""

from typing import Literal

import pytest

from b2bua.sip.digest import Credentials
from b2bua.sip.events import (
    Answered,
    DialogLost,
    IncomingInvite,
    IncomingRequest,
    Rejected,
    SessionRefreshed,
    UsageEnded,
)
from b2bua.sip.message import Request, Response
from b2bua.sip.settings import PeerPolicy
from tests.support.agents import NOTHING_HELD, OFFER, Bench, answer_to, in_dialog_from_peer, request_from_peer
from tests.support.session_timer_calls import (
    CHALLENGE,
    NO_WISH,
    SDP,
    WITH_UPDATE,
    WITHOUT_UPDATE,
    called,
    requests,
    statuses,
    the_refresh,
    was_called,
    wish,
)

# What we ask for, and 422.


def test_trunk_case_09_nothing_is_asked_for_where_the_profile_asks_for_nothing() -> None:
    _, invite = Bench().call()
    assert "timer" in (invite.headers.get("Supported") or "")
    assert (invite.headers.get("Session-Expires"), invite.headers.get("Min-SE")) == (None, None)


@pytest.mark.parametrize(("min_s", "said"), [(90, None), (120, "120")])
def test_trunk_case_09_the_invite_asks_for_what_the_profile_says(min_s: int, said: str | None) -> None:
    _, invite = Bench().call(policy=wish(1800, min_s))
    assert (invite.headers.get("Session-Expires"), invite.headers.get("Min-SE")) == ("1800", said)


def test_trunk_case_09_every_request_but_ack_and_cancel_names_the_extension() -> None:
    bench = Bench()
    usage, _ = called(bench, "")
    bench.user_agent.request_in_dialog(usage, "INFO", bench.now)
    bench.user_agent.hang_up(usage, bench.now)
    sent = bench.take_sent()
    assert [request.cseq.method for request in sent] == ["INFO", "BYE"]
    assert {request.headers.get("Supported") for request in sent} == {"timer"}


@pytest.mark.parametrize("policy", [wish(600), PeerPolicy()])
def test_trunk_case_09_a_422_is_obeyed(policy: PeerPolicy) -> None:
    bench = Bench()
    usage, invite = bench.call(policy=policy)
    ack, again = bench.receive(answer_to(invite, 422, to_tag="refused", headers="Min-SE: 1200"))
    assert isinstance(ack, Request)
    assert isinstance(again, Request)
    assert (ack.method, again.method) == ("ACK", "INVITE")
    assert (again.call_id, again.from_tag, again.to_tag) == (invite.call_id, invite.from_tag, None)
    assert again.cseq.number == invite.cseq.number + 1
    assert again.via.branch != invite.via.branch
    assert (again.headers.get("Session-Expires"), again.headers.get("Min-SE")) == ("1200", "1200")
    assert again.body == OFFER
    assert bench.events() == []
    bench.receive(answer_to(again, 200, to_tag="peer", headers="Session-Expires: 1200;refresher=uac"))
    assert [type(event) for event in bench.events()] == [Answered]
    refresh = the_refresh(bench, 600)
    assert (refresh.headers.get("Session-Expires"), refresh.headers.get("Min-SE")) == ("1200;refresher=uac", "1200")
    bench.user_agent.hang_up(usage, bench.now)


@pytest.mark.parametrize("headers", ["Min-SE: 600", "", "Min-SE: plenty"])
def test_trunk_case_09_a_422_that_asks_for_nothing_more_is_final(headers: str) -> None:
    bench = Bench()
    _, invite = bench.call(policy=wish(600))
    [ack] = bench.receive(answer_to(invite, 422, to_tag="refused", headers=headers))
    assert isinstance(ack, Request)
    assert ack.method == "ACK"
    [event] = bench.events()
    assert isinstance(event, Rejected)
    assert event.status == 422


def test_trunk_case_09_only_a_422_asks_for_a_longer_session() -> None:
    bench = Bench()
    _, invite = bench.call(policy=wish(600))
    [ack] = bench.receive(answer_to(invite, 488, to_tag="refused", headers="Min-SE: 1000"))
    assert isinstance(ack, Request)
    assert ack.method == "ACK"
    [event] = bench.events()
    assert isinstance(event, Rejected)


@pytest.mark.parametrize(("headers", "asked"), [("", False), ("Min-SE: plenty", True), ("Min-SE: 90", True)])
def test_trunk_case_09_an_invite_that_asked_for_no_timer_asks_for_one_where_a_422_has_min_se(
    headers: str, asked: bool
) -> None:
    bench = Bench()
    _, invite = bench.call(policy=NO_WISH)
    answers = bench.receive(answer_to(invite, 422, to_tag="refused", headers=headers))
    again = [each for each in answers if isinstance(each, Request) and each.method == "INVITE"]
    assert [each.headers.get("Session-Expires") for each in again] == (["90"] if asked else [])


def test_trunk_case_09_a_422_that_always_wants_more_is_final_in_the_end() -> None:
    bench = Bench()
    _, invite = bench.call(policy=wish(600))
    invites = 1
    while not bench.user_agent.has_events:
        assert invites < 10
        answers = bench.receive(answer_to(invite, 422, to_tag="refused", headers=f"Min-SE: {1000 * invites}"))
        for answer in answers:
            if isinstance(answer, Request) and answer.method == "INVITE":
                invite, invites = answer, invites + 1
    assert invites == 4
    assert [type(event) for event in bench.events()] == [Rejected]


@pytest.mark.parametrize("order", ["422 first", "401 first"])
def test_trunk_case_09_a_422_and_a_challenge_in_either_order(order: str) -> None:
    bench = Bench()
    _, invite = bench.call(policy=wish(600), credentials=Credentials("u", "p"))
    refusals = [(422, "Min-SE: 1200"), (401, CHALLENGE)]
    for status, headers in refusals if order == "422 first" else reversed(refusals):
        _, again = bench.receive(answer_to(invite, status, to_tag="refused", headers=headers))
        assert isinstance(again, Request)
        assert again.cseq.number == invite.cseq.number + 1
        invite = again
    assert invite.headers.get("Session-Expires") == "1200"
    assert 'response="' in (invite.headers.get("Authorization") or "")
    if order == "401 first":
        assert "nc=00000002" in (invite.headers.get("Authorization") or ""), "credentials of a request of its own"
    bench.receive(answer_to(invite, 200, to_tag="peer"))
    assert [type(event) for event in bench.events()] == [Answered]


def test_trunk_case_09_hung_up_before_the_422_no_new_invite_goes_out() -> None:
    bench = Bench()
    usage, invite = bench.call(policy=wish(600))
    bench.user_agent.hang_up(usage, bench.now)
    [ack] = bench.receive(answer_to(invite, 422, to_tag="refused", headers="Min-SE: 1200"))
    assert isinstance(ack, Request)
    assert ack.method == "ACK"


# Who refreshes, when and how, on calls of ours.


def test_trunk_case_09_we_refresh_at_half_the_interval_by_update_where_the_peer_takes_it() -> None:
    bench = Bench()
    usage, _ = called(bench, f"Session-Expires: 1800;refresher=uac\nRequire: timer\n{WITH_UPDATE}")
    for number in (2, 3, 4):
        refresh = the_refresh(bench, 900)
        assert (str(refresh.cseq), refresh.body, refresh.headers.get("Content-Type")) == (f"{number} UPDATE", b"", None)
        assert refresh.headers.get("Session-Expires") == "1800;refresher=uac"
        bench.receive(answer_to(refresh, 200, headers="Session-Expires: 1800;refresher=uac"))
    assert bench.events() == []
    bench.user_agent.hang_up(usage, bench.now)


def test_trunk_case_09_we_refresh_by_reinvite_with_the_same_description_where_it_does_not() -> None:
    bench = Bench()
    usage, _ = called(bench, f"Session-Expires: 1800;refresher=uac\n{WITHOUT_UPDATE}")
    refresh = the_refresh(bench, 900)
    assert (refresh.method, refresh.body, refresh.headers.get("Content-Type")) == ("INVITE", OFFER, SDP)
    assert refresh.headers.get("Session-Expires") == "1800;refresher=uac"
    answer = answer_to(
        refresh, 200, headers="Session-Expires: 1800;refresher=uac\nContent-Type: application/sdp", body="v=0"
    )
    [ack] = bench.receive(answer)
    assert isinstance(ack, Request)
    assert ack.method == "ACK"
    assert bench.receive(answer) == [ack]
    assert bench.events() == [SessionRefreshed(usage, b"v=0", SDP)]
    assert the_refresh(bench, 900).method == "INVITE"


def test_trunk_case_09_a_refresh_repeats_what_we_said_last_and_was_taken() -> None:
    bench = Bench()
    usage, invite = called(bench, f"Session-Expires: 1800;refresher=uac\n{WITHOUT_UPDATE}")
    bench.receive(in_dialog_from_peer(invite, "INVITE", body="v=0", headers="Supported: timer"))
    [event] = bench.events()
    assert isinstance(event, IncomingRequest)
    bench.user_agent.respond(event.transaction, 200, bench.now, body=b"v=0 held", content_type=SDP)
    bench.receive(in_dialog_from_peer(invite, "ACK", branch="z9hG4bKack"))
    bench.user_agent.request_in_dialog(usage, "INVITE", bench.now, body=b"v=0 refused", content_type=SDP)
    ours = bench.take_sent()[-1]
    assert isinstance(ours, Request)
    bench.receive(answer_to(ours, 488))
    assert the_refresh(bench, 900).body == b"v=0 held"


def test_trunk_case_09_the_peer_that_refreshes_is_left_to_it() -> None:
    bench = Bench()
    usage, invite = called(bench, "Session-Expires: 1800;refresher=uas\nRequire: timer")
    for cseq in (1, 2, 3):
        assert bench.advance(1700) == []
        headers = "Supported: timer\nSession-Expires: 1800;refresher=uac"
        bench.receive(in_dialog_from_peer(invite, "UPDATE", cseq=cseq, branch=f"z9hG4bK{cseq}", headers=headers))
        [event] = bench.events()
        assert isinstance(event, IncomingRequest)
        bench.user_agent.respond(event.transaction, 200, bench.now)
        [ok] = bench.take_sent()
        assert isinstance(ok, Response)
        assert (ok.status, ok.headers.get("Session-Expires")) == (200, "1800;refresher=uac")
        assert ok.headers.get("Require") == "timer"
    [(when, bye)] = requests(bench.advance(1768))
    assert (when, bye.method) == (1768, "BYE")
    assert bench.events() == [DialogLost(usage, "expired")]


def test_trunk_case_09_a_2xx_that_names_nobody_leaves_it_to_us() -> None:
    bench = Bench()
    called(bench, "Session-Expires: 1800")
    assert the_refresh(bench, 900).headers.get("Session-Expires") == "1800;refresher=uac"


def test_trunk_case_09_a_2xx_without_a_timer_means_none() -> None:
    bench = Bench()
    called(bench, WITH_UPDATE)
    assert bench.advance(100_000) == []


def test_trunk_case_09_a_peer_that_knows_no_timers_is_asked_for_a_sign_of_life_all_the_same() -> None:
    bench = Bench()
    usage, _ = called(bench, WITHOUT_UPDATE, wish(600))
    for status in (200, 488, 200):
        refresh = the_refresh(bench, 300)
        assert refresh.method == "INVITE"
        bench.receive(answer_to(refresh, status))
        assert bench.events() == []
    [(_, refresh), (when, bye)] = requests(bench.advance(340))
    assert (when, bye.method) == (332, "BYE")
    assert bench.events() == [DialogLost(usage, "timeout")]
    assert refresh.method == "INVITE"


# On calls of the peer.


def test_trunk_case_09_too_short_a_session_is_refused_with_ours_and_makes_no_call() -> None:
    bench = Bench(policy_of=lambda _request, _source: wish(0, 120))
    [refusal] = bench.receive(request_from_peer("INVITE", headers="Supported: timer\nSession-Expires: 100"))
    assert isinstance(refusal, Response)
    assert (refusal.status, refusal.headers.get("Min-SE")) == (422, "120")
    bench.receive(request_from_peer("ACK", to_tag=refusal.to_tag))
    assert bench.events() == []
    again = request_from_peer(
        "INVITE", cseq=2, branch="z9hG4bKagain", headers="Supported: timer\nSession-Expires: 120\nMin-SE: 120"
    )
    assert statuses(bench.receive(again)) == [100]


@pytest.mark.parametrize(
    ("headers", "policy", "expires", "required"),
    [
        ("", PeerPolicy(), None, None),
        ("Supported: timer", PeerPolicy(), None, None),
        ("Supported: timer\nSession-Expires: 1800", PeerPolicy(), "1800;refresher=uas", "timer"),
        ("Supported: timer\nSession-Expires: 1800;refresher=uac", PeerPolicy(), "1800;refresher=uac", "timer"),
        ("Supported: timer\nSession-Expires: 1800;refresher=uas", PeerPolicy(), "1800;refresher=uas", "timer"),
        ("Require: timer\nSession-Expires: 1800;refresher=uac", PeerPolicy(), "1800;refresher=uac", "timer"),
        ("Session-Expires: 60", PeerPolicy(), "60;refresher=uas", None),
        ("Supported: timer", wish(600), "600;refresher=uas", "timer"),
        ("Supported: timer\nMin-SE: 900", wish(600), "900;refresher=uas", "timer"),
        ("", wish(600), "600;refresher=uas", None),
    ],
)
def test_trunk_case_09_the_200_says_what_holds(
    headers: str, policy: PeerPolicy, expires: str | None, required: str | None
) -> None:
    _, _, ok = was_called(headers, policy)
    assert (ok.headers.get("Session-Expires"), ok.headers.get("Require")) == (expires, required)


def test_trunk_case_09_we_refresh_a_call_of_the_peers() -> None:
    bench, usage, _ = was_called(f"Supported: timer\nSession-Expires: 1800;refresher=uas\n{WITH_UPDATE}")
    refresh = the_refresh(bench, 900)
    assert refresh.method == "UPDATE"
    assert refresh.headers.get("Session-Expires") == "1800;refresher=uac", "the roles are those of the refresh"
    bench.receive(answer_to(refresh, 200, headers="Session-Expires: 1800;refresher=uac"))
    assert the_refresh(bench, 900).method == "UPDATE"
    assert bench.events() == []
    bench.user_agent.hang_up(usage, bench.now)


def test_trunk_case_09_a_call_of_the_peers_that_it_does_not_refresh_ends_in_time() -> None:
    bench, usage, _ = was_called("Supported: timer\nSession-Expires: 90;refresher=uac")
    [(when, bye)] = requests(bench.advance(60))
    assert (when, bye.method) == (60, "BYE")
    assert bench.events() == [DialogLost(usage, "expired")]
    bench.advance(40)
    assert bench.events() == [UsageEnded(usage)]
    assert bench.user_agent.table_sizes() == NOTHING_HELD


def test_trunk_case_09_the_timer_runs_from_our_200_on() -> None:
    bench = Bench()
    bench.receive(request_from_peer("INVITE", headers="Supported: timer\nSession-Expires: 90;refresher=uac"))
    [event] = bench.events()
    assert isinstance(event, IncomingInvite)
    bench.advance(50)
    bench.user_agent.respond(event.transaction, 200, bench.now)
    [ok] = bench.take_sent()
    bench.advance(10)
    bench.receive(request_from_peer("ACK", branch="z9hG4bKack", to_tag=ok.to_tag))
    [(when, bye)] = requests(bench.advance(50))
    assert (when, bye.method) == (50, "BYE")


def test_trunk_case_09_in_a_dialog_too_short_a_session_is_refused_and_the_timer_stays() -> None:
    bench = Bench()
    usage, invite = called(bench, "Session-Expires: 300;refresher=uas")
    bench.advance(100)
    for cseq, method in enumerate(("UPDATE", "INVITE"), 1):
        headers = "Supported: timer\nSession-Expires: 80"
        asked = in_dialog_from_peer(invite, method, cseq=cseq, branch=f"z9hG4bK{cseq}", headers=headers)
        [refusal] = bench.receive(asked)
        assert isinstance(refusal, Response)
        assert (refusal.status, refusal.headers.get("Min-SE")) == (422, "90")
    bench.receive(in_dialog_from_peer(invite, "ACK", cseq=2, branch="z9hG4bK2"))
    assert bench.events() == []
    [(when, _)] = requests(bench.advance(168))
    assert when == 168
    assert bench.events() == [DialogLost(usage, "expired")]


# What renews and changes it.


def test_trunk_case_09_any_2xx_in_the_dialog_renews_it() -> None:
    bench = Bench()
    usage, invite = called(bench, f"Session-Expires: 600;refresher=uac\n{WITH_UPDATE}")
    bench.advance(200)
    bench.user_agent.request_in_dialog(usage, "INVITE", bench.now, body=OFFER, content_type=SDP)
    [ours] = bench.take_sent()
    assert isinstance(ours, Request)
    assert ours.headers.get("Session-Expires") == "600;refresher=uac"
    bench.receive(answer_to(ours, 200, headers="Session-Expires: 600;refresher=uac"))
    assert bench.advance(200) == [], "the refresh that was due has been done"
    hold = in_dialog_from_peer(invite, "INVITE", body="v=0", headers="Supported: timer")
    bench.receive(hold)
    asked = [event for event in bench.events() if isinstance(event, IncomingRequest)]
    bench.user_agent.respond(asked[0].transaction, 200, bench.now, body=OFFER, content_type=SDP)
    [ok] = bench.take_sent()
    assert ok.headers.get("Session-Expires") == "600;refresher=uas", "what it does not speak of stays as it is"
    bench.receive(in_dialog_from_peer(invite, "ACK", branch="z9hG4bKack"))
    assert the_refresh(bench, 300).method == "UPDATE"


@pytest.mark.parametrize("status", [488, 500])
def test_trunk_case_09_a_refused_request_renews_nothing(status: int) -> None:
    bench = Bench()
    usage, invite = called(bench, "Session-Expires: 600;refresher=uas")
    bench.advance(500)
    bench.receive(in_dialog_from_peer(invite, "INVITE", body="v=0", headers="Supported: timer"))
    [event] = bench.events()
    assert isinstance(event, IncomingRequest)
    bench.user_agent.respond(event.transaction, status, bench.now)
    bench.receive(in_dialog_from_peer(invite, "ACK", branch="z9hG4bKindlg"))
    [(when, bye)] = requests(bench.advance(68))
    assert (when, bye.method) == (68, "BYE")
    assert bench.events() == [DialogLost(usage, "expired")]


def test_trunk_case_09_a_refresh_may_change_the_interval_and_the_roles() -> None:
    bench = Bench()
    usage, _ = called(bench, f"Session-Expires: 1800;refresher=uac\n{WITH_UPDATE}")
    bench.receive(answer_to(the_refresh(bench, 900), 200, headers="Session-Expires: 600;refresher=uac"))
    bench.receive(answer_to(the_refresh(bench, 300), 200, headers="Session-Expires: 600;refresher=uas"))
    [(when, bye)] = requests(bench.advance(568))
    assert (when, bye.method) == (568, "BYE")
    assert bench.events() == [DialogLost(usage, "expired")]


def test_trunk_case_09_a_2xx_without_it_turns_the_timer_off() -> None:
    bench = Bench()
    called(bench, f"Session-Expires: 1800;refresher=uac\n{WITH_UPDATE}")
    bench.receive(answer_to(the_refresh(bench, 900), 200))
    assert bench.advance(10_000) == []


def test_trunk_case_09_a_refresh_repeats_the_change_of_ours_that_was_taken() -> None:
    bench = Bench()
    usage, _ = called(bench, f"Session-Expires: 600;refresher=uac\n{WITHOUT_UPDATE}")
    bench.user_agent.request_in_dialog(usage, "INVITE", bench.now, body=b"v=0 moved", content_type=SDP)
    [ours] = bench.take_sent()
    assert isinstance(ours, Request)
    bench.receive(answer_to(ours, 200, headers="Session-Expires: 600;refresher=uac"))
    assert the_refresh(bench, 300).body == b"v=0 moved"


def test_trunk_case_09_a_description_in_a_reliable_provisional_is_what_a_refresh_repeats() -> None:
    bench = Bench()
    headers = f"Supported: timer, 100rel\nSession-Expires: 600;refresher=uas\n{WITHOUT_UPDATE}"
    bench.receive(request_from_peer("INVITE", headers=headers, body="v=0"))
    [event] = bench.events()
    assert isinstance(event, IncomingInvite)
    bench.user_agent.respond(event.transaction, 183, bench.now, body=b"v=0 early", content_type=SDP)
    [progress] = bench.take_sent()
    assert isinstance(progress, Response)
    rack = f"RAck: {progress.headers.get('RSeq')} 1 INVITE"
    bench.receive(request_from_peer("PRACK", to_tag=progress.to_tag, cseq=2, branch="z9hG4bKp", headers=rack))
    bench.user_agent.respond(event.transaction, 200, bench.now)
    [ok] = [each for each in bench.take_sent() if isinstance(each, Response)]
    assert ok.headers.get("Session-Expires") == "600;refresher=uas"
    bench.receive(request_from_peer("ACK", branch="z9hG4bKack", to_tag=ok.to_tag))
    assert the_refresh(bench, 300).body == b"v=0 early"


def test_trunk_case_09_the_peers_min_se_is_kept_to() -> None:
    bench, usage, _ = was_called(
        f"Supported: timer\nSession-Expires: 1800;refresher=uas\nMin-SE: 1200\n{WITH_UPDATE}", wish(600)
    )
    refresh = the_refresh(bench, 600)
    assert (refresh.headers.get("Session-Expires"), refresh.headers.get("Min-SE")) == ("1200;refresher=uac", "1200")
    bench.user_agent.hang_up(usage, bench.now)


def test_trunk_case_09_an_update_before_the_answer_begins_no_session() -> None:
    bench = Bench()
    _, invite = bench.call()
    bench.receive(answer_to(invite, 183, to_tag="peer", headers=WITH_UPDATE))
    bench.events()
    asked = "Supported: timer\nSession-Expires: 90;refresher=uac"
    bench.receive(in_dialog_from_peer(invite, "UPDATE", headers=asked))
    [event] = bench.events()
    assert isinstance(event, IncomingRequest)
    bench.user_agent.respond(event.transaction, 200, bench.now)
    [ok] = bench.take_sent()
    assert isinstance(ok, Response)
    assert (ok.status, ok.headers.get("Session-Expires")) == (200, None)
    bench.receive(answer_to(invite, 200, to_tag="peer"))
    assert bench.advance(1000) == []


# What the profile says of roles and methods.


def profile(
    refresher: Literal["auto", "us", "peer"] = "auto", method: Literal["auto", "update", "invite"] = "auto"
) -> PeerPolicy:
    return PeerPolicy(session_timer_s=1800, session_refresher=refresher, session_refresh_method=method)


@pytest.mark.parametrize(
    ("refresher", "said"), [("auto", "1800"), ("us", "1800;refresher=uac"), ("peer", "1800;refresher=uas")]
)
def test_trunk_case_09_our_invite_names_the_refresher_of_the_profile(
    refresher: Literal["auto", "us", "peer"], said: str
) -> None:
    _, invite = Bench().call(policy=profile(refresher))
    assert invite.headers.get("Session-Expires") == said


@pytest.mark.parametrize(
    ("refresher", "headers", "said"),
    [
        ("peer", "Supported: timer\nSession-Expires: 1800", "1800;refresher=uac"),
        ("peer", "Supported: timer", "1800;refresher=uac"),
        ("peer", "Supported: timer\nSession-Expires: 1800;refresher=uas", "1800;refresher=uas"),
        ("peer", "Session-Expires: 1800", "1800;refresher=uas"),
        ("us", "Supported: timer\nSession-Expires: 1800", "1800;refresher=uas"),
        ("us", "Supported: timer\nSession-Expires: 1800;refresher=uac", "1800;refresher=uac"),
    ],
)
def test_trunk_case_09_our_200_names_it_where_that_is_left_to_us(
    refresher: Literal["auto", "us", "peer"], headers: str, said: str
) -> None:
    _, _, ok = was_called(headers, profile(refresher))
    assert ok.headers.get("Session-Expires") == said


def test_trunk_case_09_the_refresher_that_the_2xx_names_is_obeyed_whatever_the_profile() -> None:
    bench = Bench()
    called(bench, f"Session-Expires: 1800;refresher=uac\n{WITH_UPDATE}", profile("peer"))
    assert the_refresh(bench, 900).headers.get("Session-Expires") == "1800;refresher=uac"


@pytest.mark.parametrize(
    ("method", "allow", "used"),
    [
        ("auto", WITH_UPDATE, "UPDATE"),
        ("auto", WITHOUT_UPDATE, "INVITE"),
        ("auto", "", "INVITE"),
        ("invite", WITH_UPDATE, "INVITE"),
        ("update", "", "UPDATE"),
        ("update", WITHOUT_UPDATE, "INVITE"),
    ],
)
def test_trunk_case_09_a_refresh_goes_by_the_method_of_the_profile(
    method: Literal["auto", "update", "invite"], allow: str, used: str
) -> None:
    bench = Bench()
    called(bench, f"Session-Expires: 1800;refresher=uac\n{allow}", profile(method=method))
    assert the_refresh(bench, 900).method == used


def test_trunk_case_09_an_update_by_the_profile_that_the_peer_does_not_know_goes_out_as_a_reinvite() -> None:
    bench = Bench()
    called(bench, "Session-Expires: 1800;refresher=uac", profile(method="update"))
    update = the_refresh(bench, 900)
    assert update.method == "UPDATE"
    bench.receive(answer_to(update, 405))
    assert [each.method for _, each in requests(bench.advance(1.0))] == ["INVITE"]
