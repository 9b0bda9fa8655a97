"""Hard case 7: a re-INVITE without an offer gets ours, and its ACK holds the answer (RFC 3261 14.2, RFC 6337 3.2)."""

from b2bua.sip.events import AckReceived, DialogLost, IncomingRequest
from b2bua.sip.message import Request, Response
from tests.support.agents import Bench, in_dialog_from_peer
from tests.support.session_timer_calls import SDP, WITHOUT_UPDATE, called, the_refresh

FULL = b"v=0 with all we can"


def offered(bench: Bench, invite: Request) -> Response:
    """Our 200 to a re-INVITE of the peer's without a body."""
    [trying] = bench.receive(in_dialog_from_peer(invite, "INVITE", branch="z9hG4bKoffer"))
    assert isinstance(trying, Response)
    [event] = bench.events()
    assert isinstance(event, IncomingRequest)
    assert event.request.body == b""
    bench.user_agent.respond(event.transaction, 200, bench.now, body=FULL, content_type=SDP)
    [ok] = bench.take_sent()
    assert isinstance(ok, Response)
    return ok


def test_trunk_case_07_an_offerless_reinvite_gets_our_offer_and_its_ack_the_answer() -> None:
    bench = Bench()
    usage, invite, _ = bench.answered_call()
    ok = offered(bench, invite)
    assert (ok.status, ok.body, ok.headers.get("Content-Type")) == (200, FULL, SDP)
    bench.receive(in_dialog_from_peer(invite, "ACK", branch="z9hG4bKack", body="v=0 answer"))
    assert bench.events() == [AckReceived(usage, b"v=0 answer", SDP)]
    assert bench.advance(60) == []


def test_trunk_case_07_an_ack_that_leaves_the_answer_out_is_told() -> None:
    """RFC 3261 13.2.1: our user waits for an answer; that none comes is for it to know."""
    bench = Bench()
    usage, invite, _ = bench.answered_call()
    offered(bench, invite)
    bench.receive(in_dialog_from_peer(invite, "ACK", branch="z9hG4bKack"))
    assert bench.events() == [AckReceived(usage, b"", None)]


def test_trunk_case_07_without_the_ack_and_its_answer_the_dialog_is_lost() -> None:
    bench = Bench()
    usage, invite, _ = bench.answered_call()
    offered(bench, invite)
    sent = bench.advance(32)
    assert isinstance(sent[-1][1], Request)
    assert sent[-1][1].method == "BYE"
    assert bench.events() == [DialogLost(usage, "no_ack")]


def test_trunk_case_07_what_we_offered_then_is_what_a_refresh_repeats() -> None:
    bench = Bench()
    _, invite = called(bench, f"Session-Expires: 600;refresher=uac\n{WITHOUT_UPDATE}")
    offered(bench, invite)
    bench.receive(in_dialog_from_peer(invite, "ACK", branch="z9hG4bKack", body="v=0 answer"))
    bench.events()
    assert the_refresh(bench, 300).body == FULL
