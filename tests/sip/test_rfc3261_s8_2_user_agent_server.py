"""What the UserAgent answers by itself (sections 8.2, 11, 18.2), and that nothing raises."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.sip.events import IncomingInvite
from b2bua.sip.message import Response
from b2bua.sip.routing import TransportAddress
from tests.support.agents import NOTHING_HELD, OURS, PEER, Bench, answer_to, request_from_peer

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK"


def answer(bench: Bench, content: bytes, source: TransportAddress = PEER) -> Response:
    [response] = bench.receive(content, source)
    assert isinstance(response, Response)
    return response


def test_options_tells_what_we_can_and_nothing_more() -> None:
    ok = answer(Bench(), request_from_peer("OPTIONS"))
    assert ok.status == 200
    assert ok.to_tag is not None
    assert ok.headers.get("Allow") == ALLOW
    assert ok.headers.get("Accept") == "application/sdp"
    assert ok.headers.get("Supported") == "timer, 100rel"
    told = {name for name, _ in ok.headers}
    assert told == {
        "Via",
        "From",
        "To",
        "Call-ID",
        "CSeq",
        "Allow",
        "Accept",
        "Accept-Encoding",
        "Accept-Language",
        "Supported",
        "Content-Length",
    }


def test_draining_refuses_options_and_calls_and_lets_live_ones_finish() -> None:
    bench = Bench()
    usage, _, _ = bench.answered_call()
    bench.user_agent.accepting = False
    for method in ("OPTIONS", "INVITE"):
        refusal = answer(bench, request_from_peer(method, branch=f"z9hG4bK{method}"))
        assert refusal.status == 503
        assert int(refusal.headers.get("Retry-After") or 0) > 0
    assert bench.events() == []
    bench.user_agent.hang_up(usage, bench.now)
    assert len(bench.take_sent()) == 1


@pytest.mark.parametrize(("method", "status"), [("BYE", 481), ("INFO", 481), ("SUBSCRIBE", 405)])
def test_draining_changes_nothing_for_what_begins_no_call(method: str, status: int) -> None:
    """503 would say that it may be worth while later, or somewhere else."""
    bench = Bench()
    bench.user_agent.accepting = False
    assert answer(bench, request_from_peer(method)).status == status


@pytest.mark.parametrize("method", ["REGISTER", "SUBSCRIBE", "MESSAGE", "PUBLISH", "FROBNICATE"])
def test_methods_we_do_not_serve_get_405_with_allow(method: str) -> None:
    refusal = answer(Bench(), request_from_peer(method))
    assert (refusal.status, refusal.headers.get("Allow")) == (405, ALLOW)


@pytest.mark.parametrize(
    ("status", "told"), [(405, {"Allow": ALLOW}), (415, {"Accept": "application/sdp"}), (486, {}), (503, {})]
)
def test_s21_4_6_s21_4_13_a_refusal_of_our_users_says_what_it_must(status: int, told: dict[str, str]) -> None:
    bench = Bench()
    bench.receive(request_from_peer("INVITE"))
    [invite] = bench.events()
    assert isinstance(invite, IncomingInvite)
    bench.user_agent.respond(invite.transaction, status, bench.now, headers=(("Reason", "Q.850;cause=79"),))
    [refusal] = bench.take_sent()
    assert isinstance(refusal, Response)
    assert {name: value for name, value in refusal.headers if name in ("Allow", "Accept")} == told


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"headers": "Require: precondition"}, 420),
        ({"uri": "http://192.0.2.1/"}, 416),
        ({"headers": "Content-Type: text/plain", "body": "hello"}, 415),
    ],
)
def test_requests_we_cannot_serve(changes: dict[str, str], status: int) -> None:
    content = request_from_peer("INVITE", **changes)  # type: ignore[arg-type]
    if status == 415:
        content = content.replace(b"Content-Type: application/sdp\r\n", b"")
    bench = Bench()
    assert answer(bench, content).status == status
    assert bench.events() == []


def test_malformed_requests_are_answered_400_where_they_can_be() -> None:
    bench = Bench()
    good = request_from_peer("INVITE")
    assert answer(bench, good.replace(b"Call-ID: peer-call-1\r\n", b"")).status == 400
    assert answer(bench, good.replace(b"CSeq: 1 INVITE", b"CSeq: one INVITE")).status == 400
    assert answer(bench, good.replace(b"SIP/2.0\r\nVia", b"SIP/7.0\r\nVia", 1)).status == 505
    assert bench.receive(good.replace(b"INVITE", b"ACK").replace(b"CSeq: 1", b"CSeq: x")) == []
    assert bench.receive(b"\x80\x00\x12\x34 this is RTP, perhaps") == []
    assert bench.receive(b"SIP/2.0 200 OK\r\n\r\n") == []
    assert bench.user_agent.counters == {"malformed": 5, "ACKs of nothing": 1}
    assert bench.events() == []


@pytest.mark.parametrize(
    ("line", "wrong", "reason"),
    [
        (b"Call-ID: peer-call-1\r\n", b"", "Missing Call-ID"),
        (b"CSeq: 1 INVITE", b"CSeq: one INVITE", "Malformed CSeq"),
        (b"CSeq: 1 INVITE", b"CSeq: 1 BYE", "CSeq method does not match"),
        (b"Max-Forwards: 70", b"Max-Forwards: many", "Malformed Max-Forwards"),
    ],
)
def test_the_reason_phrase_says_what_is_wrong(line: bytes, wrong: bytes, reason: str) -> None:
    """21.4.1: so that who reads the trace need not guess."""
    good = request_from_peer("INVITE")
    assert line in good
    refusal = answer(Bench(), good.replace(line, wrong))
    assert (refusal.status, refusal.reason) == (400, reason)


@pytest.mark.parametrize("via", [b";;,;,,", b"SIP/2.0/UDP 192.0.2.15;;,;,,", b"nonsense"])
def test_a_via_that_cannot_be_read_is_answered_400_at_the_source(via: bytes) -> None:
    bench = Bench()
    good = request_from_peer("INVITE")
    [line] = [line for line in good.split(b"\r\n") if line.startswith(b"Via:")]
    broken = good.replace(line, b"Via: " + via)
    elsewhere = TransportAddress("udp", "203.0.113.10", 5093)
    bench.user_agent.receive(broken, elsewhere, OURS, bench.now)
    [outgoing] = bench.user_agent.to_send()
    assert outgoing.destination == elsewhere
    assert outgoing.content.startswith(b"SIP/2.0 400 ")
    assert b"Via: " + via in outgoing.content
    assert bench.receive(broken.replace(b"INVITE", b"ACK")) == []
    assert bench.receive(good.replace(line + b"\r\n", b"")) == []
    assert bench.user_agent.counters == {"malformed": 3}
    assert bench.user_agent.table_sizes() == NOTHING_HELD


def test_a_request_of_an_old_peer_that_cannot_be_matched_is_answered_400() -> None:
    """RFC 2543 peers have no magic cookie: matching takes their From and CSeq too."""
    broken = request_from_peer("OPTIONS", branch="1").replace(b"CSeq: 1 OPTIONS", b"CSeq: one OPTIONS")
    assert answer(Bench(), broken).status == 400


@pytest.mark.parametrize("content", [b"", b"\r\n", b"\r\n\r\n", b"\x00\x00\x00\x00"])
def test_keep_alives_are_no_messages(content: bytes) -> None:
    bench = Bench()
    assert bench.receive(content) == []
    assert bench.user_agent.counters == {"keep-alives": 1}


# Where responses go (18.2.2, RFC 3581).


@pytest.mark.parametrize(
    ("via", "source", "expected"),
    [
        ("203.0.113.10:5060", PEER, ("203.0.113.10", 5060)),
        ("203.0.113.10", TransportAddress("udp", "203.0.113.10", 5099), ("203.0.113.10", 5060)),
        ("203.0.113.10:5099", PEER, ("203.0.113.10", 5099)),
        ("10.0.0.1:5070", PEER, ("203.0.113.10", 5070)),
        ("gateway.example", TransportAddress("udp", "203.0.113.10", 4444), ("203.0.113.10", 5060)),
        ("10.0.0.1:5070;rport", TransportAddress("udp", "203.0.113.10", 4444), ("203.0.113.10", 4444)),
        ("203.0.113.10:5060;maddr=203.0.113.77", PEER, ("203.0.113.77", 5060)),
        ("203.0.113.10:5060;maddr=gateway.example", PEER, ("203.0.113.10", 5060)),
    ],
)
def test_where_a_response_goes(via: str, source: TransportAddress, expected: tuple[str, int]) -> None:
    bench = Bench()
    bench.user_agent.receive(request_from_peer("OPTIONS", via=via), source, OURS, bench.now)
    [outgoing] = bench.user_agent.to_send()
    assert (outgoing.destination.host, outgoing.destination.port) == expected
    assert outgoing.local == OURS


def test_received_and_rport_are_filled_in() -> None:
    source = TransportAddress("udp", "203.0.113.10", 4444)
    via = answer(Bench(), request_from_peer("OPTIONS", via="10.0.0.1:5070;rport"), source).via
    assert (via.received, via.rport) == ("203.0.113.10", 4444)
    via = answer(Bench(), request_from_peer("OPTIONS", via="10.0.0.1:5070"), source).via
    assert (via.received, via.wants_rport) == ("203.0.113.10", False)
    assert answer(Bench(), request_from_peer("OPTIONS")).via.received is None


def test_a_via_that_has_no_room_for_where_it_came_from_is_refused() -> None:
    source = TransportAddress("udp", "203.0.113.10", 4444)
    for parameters, status in ((61, 200), (62, 400)):
        via = "10.0.0.1:5070;rport" + ";p" * parameters
        assert answer(Bench(), request_from_peer("OPTIONS", via=via), source).status == status


def test_a_to_that_has_no_room_for_a_tag_is_refused() -> None:
    for parameters, tag, status in ((63, "", 200), (64, "", 400), (63, ";tag=x", 481)):
        content = request_from_peer("OPTIONS").replace(
            b"\r\nCall-ID:", b";p" * parameters + tag.encode() + b"\r\nCall-ID:"
        )
        assert answer(Bench(), content).status == status


def test_a_response_goes_to_no_address_that_may_not_be_reached() -> None:
    bench = Bench(may_reach=lambda address: address.host == PEER.host)
    content = request_from_peer("OPTIONS", via="203.0.113.10:5060;maddr=198.51.100.66")
    bench.user_agent.receive(content, PEER, OURS, bench.now)
    assert [outgoing.destination for outgoing in bench.user_agent.to_send()] == [PEER]


# Nothing raises.

SEEDS = [
    request_from_peer("INVITE", body="v=0", headers="Record-Route: <sip:203.0.113.1;lr>"),
    request_from_peer("OPTIONS"),
    request_from_peer("BYE", to_tag="x"),
    request_from_peer("ACK", to_tag="x"),
    request_from_peer("CANCEL"),
    request_from_peer("INVITE", branch="1"),
]
JUNK = st.sampled_from(
    [b"", b"\x00", b"\r\n", b"\xff", b'"', b"<", b">", b";", b",", b":", b"@", b"=", b" ", b"9" * 20]
)
EDITS = st.lists(st.tuples(st.integers(0, 600), st.integers(0, 12), JUNK), min_size=1, max_size=4)


@settings(max_examples=150, deadline=None)
@given(seed=st.sampled_from(SEEDS), edits=EDITS)
def test_a_bad_request_never_raises(seed: bytes, edits: list[tuple[int, int, bytes]]) -> None:
    bench = Bench()
    bench.receive(SEEDS[0])
    for event in bench.events():
        if isinstance(event, IncomingInvite):
            bench.user_agent.respond(event.transaction, 180, bench.now)
    content = seed
    for position, length, junk in edits:
        start = position % (len(content) + 1)
        content = content[:start] + junk + content[start + length :]
    bench.user_agent.receive(content, PEER, OURS, bench.now)
    bench.user_agent.handle_timers(bench.now + 300)
    bench.user_agent.to_send()


@settings(max_examples=150, deadline=None)
@given(status=st.sampled_from([100, 180, 200, 401, 407, 486, 699]), edits=EDITS, hung_up=st.booleans())
def test_a_bad_response_never_raises(status: int, edits: list[tuple[int, int, bytes]], hung_up: bool) -> None:
    bench = Bench()
    usage, invite = bench.call()
    if hung_up:
        bench.user_agent.hang_up(usage, bench.now)
    headers = 'Record-Route: <sip:203.0.113.1;lr>\nWWW-Authenticate: Digest realm="r", nonce="n"'
    content = answer_to(invite, status, to_tag="peer", headers=headers)
    for position, length, junk in edits:
        start = position % (len(content) + 1)
        content = content[:start] + junk + content[start + length :]
    bench.user_agent.receive(content, PEER, OURS, bench.now)
    bench.user_agent.hang_up(usage, bench.now)
    for _ in range(3):
        bench.now += 40
        bench.user_agent.handle_timers(bench.now)
    bench.take_sent()  # raises where what has gone out is no message


@pytest.mark.parametrize("method", ["BYE", "INFO", "UPDATE"])
def test_requests_that_need_a_dialog_and_name_none_get_481(method: str) -> None:
    assert answer(Bench(), request_from_peer(method)).status == 481
