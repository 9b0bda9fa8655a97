"""A UserAgent over TCP and TLS: what its messages say, which way they go, and what is sent again all the same."""

import pytest

from b2bua.sip.errors import MalformedMessage
from b2bua.sip.events import (
    Answered,
    ByeReceived,
    DialogLost,
    IncomingInvite,
    IncomingRequest,
    IncomingRequestEnded,
    NoResponse,
    RequestAnswered,
    RequestFailed,
    UsageEnded,
)
from b2bua.sip.message import Request
from b2bua.sip.parser import parse_message
from b2bua.sip.routing import Outgoing, TransportAddress
from tests.support.agents import OFFER, PEER, answer_to, plan_to, request_from_peer
from tests.support.stream_bench import (
    BACK,
    EPHEMERAL,
    TCP,
    TLS,
    TLS6,
    TRUNK,
    UDP,
    StreamBench,
    as_request,
    as_response,
    called_by_a_phone,
    invite_from_peer,
)


@pytest.mark.parametrize(
    ("destination", "via", "contact", "local"),
    [
        (TRUNK, "SIP/2.0/TCP 192.0.2.1:5062", "sip:192.0.2.1:5062;transport=tcp", TCP),
        (
            TransportAddress("tls", "203.0.113.10", 5061),
            "SIP/2.0/TLS 192.0.2.1:5061",
            "sip:192.0.2.1:5061;transport=tls",
            TLS,
        ),
        (
            TransportAddress("tls", "2001:db8::10", 5061),
            "SIP/2.0/TLS [2001:db8::1]:5061",
            "sip:[2001:db8::1]:5061;transport=tls",
            TLS6,
        ),
    ],
    ids=["tcp", "tls", "tls over IPv6"],
)
def test_via_and_contact_name_the_transport_and_its_listener(
    destination: TransportAddress, via: str, contact: str, local: TransportAddress
) -> None:
    bench = StreamBench()
    uri = "sip:+919876543210@carrier.example"
    bench.user_agent.invite(plan_to(destination, request_uri=uri, to_uri=uri), bench.now)
    [outgoing] = bench.user_agent.to_send()
    invite = as_request(outgoing)
    assert (invite.headers.get("Via") or "").startswith(f"{via};branch=z9hG4bK")
    assert str(invite.headers.get("Contact")) == f"<{contact}>"
    assert (outgoing.local, outgoing.destination, outgoing.fallback) == (local, destination, None)


def test_our_answers_contact_is_of_the_listener_that_the_call_came_by() -> None:
    bench = StreamBench()
    bench.receive(invite_from_peer("sip:gw@203.0.113.10;transport=tcp"), EPHEMERAL)
    [arrived] = bench.events(IncomingInvite)
    assert isinstance(arrived, IncomingInvite)
    bench.user_agent.respond(arrived.transaction, 200, bench.now, body=OFFER, content_type="application/sdp")
    [answer] = bench.user_agent.to_send()
    assert as_response(answer).headers.get("Contact") == "<sip:192.0.2.1:5062;transport=tcp>"


SIPS_TARGET = "sips:gw@203.0.113.10:5061"


@pytest.mark.parametrize(
    ("changed", "to", "local", "expected"),
    [
        (("INVITE sip:", "INVITE sips:"), SIPS_TARGET, TLS, "<sips:192.0.2.1:5061>"),
        (("INVITE sip:", "INVITE SIPS:"), SIPS_TARGET, TLS, "<sips:192.0.2.1:5061>"),
        (("INVITE sip:", "INVITE sip:"), SIPS_TARGET, TLS, "<sips:192.0.2.1:5061>"),
        (("Contact:", "Record-Route: <sips:203.0.113.1;lr>\r\nContact:"), "sip:gw@a", TLS, "<sips:192.0.2.1:5061>"),
        (
            ("Contact:", "Record-Route: <sip:203.0.113.1;lr>\r\nContact:"),
            SIPS_TARGET,
            TLS,
            "<sip:192.0.2.1:5061;transport=tls>",
        ),
        ((f"Contact: <{SIPS_TARGET}>", "Contact: *"), SIPS_TARGET, TLS, "<sip:192.0.2.1:5061;transport=tls>"),
        (("INVITE sip:", "INVITE sips:"), SIPS_TARGET, TCP, "<sip:192.0.2.1:5062;transport=tcp>"),
    ],
    ids=["uri", "uri in capitals", "contact", "route", "route before contact", "wildcard", "without TLS"],
)
def test_s12_1_1_our_contact_is_sips_where_the_peers_dialog_is(
    changed: tuple[str, str], to: str, local: TransportAddress, expected: str
) -> None:
    bench = StreamBench()
    invite = invite_from_peer(to).replace(changed[0].encode(), changed[1].encode(), 1)
    bench.receive(invite, TransportAddress(local.transport, "203.0.113.10", 40_123), local)
    [arrived] = bench.events(IncomingInvite)
    assert isinstance(arrived, IncomingInvite)
    for status in (180, 200):
        bench.user_agent.respond(arrived.transaction, status, bench.now)
        [answer] = bench.user_agent.to_send()
        assert as_response(answer).headers.get("Contact") == expected


@pytest.mark.parametrize(
    ("target", "expected"),
    [(SIPS_TARGET, "<sips:192.0.2.1:5061>"), ("sip:gw@203.0.113.10:5061", "<sip:192.0.2.1:5061;transport=tls>")],
)
def test_s8_1_1_8_a_request_to_a_sips_target_has_a_sips_contact(target: str, expected: str) -> None:
    bench = StreamBench()
    trunk = TransportAddress("tls", "203.0.113.10", 5061)
    usage, invite = bench.call(trunk)
    assert invite.headers.get("Contact") == "<sip:192.0.2.1:5061;transport=tls>"
    bench.receive(answer_to(invite, 200, to_tag="peer", contact=f"<{target}>"), trunk, TLS)
    bench.user_agent.request_in_dialog(usage, "UPDATE", bench.now)
    [outgoing] = bench.user_agent.to_send()
    update = as_request(outgoing)
    assert (update.request_uri, update.headers.get("Contact")) == (target, expected)
    assert (outgoing.destination, outgoing.local) == (trunk, TLS)


@pytest.mark.parametrize(
    ("contact", "record_route", "port"),
    [
        ("sips:gw@203.0.113.99:5081;transport=tcp", "", 5081),
        ("sips:gw@203.0.113.99;transport=TCP", "", 5061),
        ("sip:gw@10.0.0.1;transport=udp", "Record-Route: <sips:203.0.113.99;transport=tcp;lr>", 5061),
    ],
    ids=["contact", "its usual port", "route"],
)
def test_s26_2_2_tcp_in_a_sips_uri_is_tls_over_it(contact: str, record_route: str, port: int) -> None:
    bench = StreamBench()
    trunk = TransportAddress("tls", "203.0.113.10", 5061)
    usage, invite = bench.call(trunk)
    answer = answer_to(invite, 200, to_tag="peer", contact=f"<{contact}>", headers=record_route)
    [ack] = bench.receive(answer, trunk, TLS)
    bench.user_agent.hang_up(usage, bench.now)
    [bye] = bench.user_agent.to_send()
    for outgoing in (ack, bye):
        assert (outgoing.destination, outgoing.fallback) == (TransportAddress("tls", "203.0.113.99", port), trunk)


def test_s18_2_2_a_response_goes_back_over_the_stream_and_else_to_the_port_of_sent_by() -> None:
    bench = StreamBench()
    for via, port in (("203.0.113.10:5070", 5070), ("gw.carrier.example", 5060)):
        [outgoing] = bench.receive(
            request_from_peer("OPTIONS", via=via, branch=f"z9hG4bK{port}").replace(b"/UDP", b"/TCP"), EPHEMERAL
        )
        assert outgoing.destination == EPHEMERAL
        assert outgoing.fallback == TransportAddress("tcp", "203.0.113.10", port)
        assert outgoing.local == TCP
    [outgoing] = bench.receive(
        request_from_peer("OPTIONS", via="203.0.113.10", branch="z9hG4bKtls").replace(b"/UDP", b"/TLS"),
        TransportAddress("tls", "203.0.113.10", 40_000),
        TLS,
    )
    assert outgoing.fallback == TransportAddress("tls", "203.0.113.10", 5061)


def test_over_udp_nothing_has_a_second_way() -> None:
    bench = StreamBench()
    [outgoing] = bench.receive(request_from_peer("OPTIONS"), PEER, UDP)
    assert outgoing.fallback is None
    usage, invite = bench.call(PEER)
    [ack] = bench.receive(answer_to(invite, 200, to_tag="peer", contact="<sip:gw@203.0.113.99>"), PEER, UDP)
    bench.user_agent.hang_up(usage, bench.now)
    [bye] = bench.user_agent.to_send()
    assert [each.destination.host for each in (ack, bye)] == ["203.0.113.99"] * 2
    assert [each.fallback for each in (ack, bye)] == [None, None]


def test_requests_in_a_dialog_of_ours_go_to_the_contact_and_else_to_the_trunk() -> None:
    bench = StreamBench()
    usage, invite = bench.call()
    contact = TransportAddress("tcp", "203.0.113.99", 5080)
    [ack] = bench.receive(
        answer_to(invite, 200, to_tag="peer", contact="<sip:gw@203.0.113.99:5080;transport=tcp>"), TRUNK
    )
    assert (ack.destination, ack.fallback) == (contact, TRUNK)
    bench.user_agent.hang_up(usage, bench.now)
    [bye] = bench.user_agent.to_send()
    assert (bye.destination, bye.fallback, bye.local) == (contact, TRUNK, TCP)
    assert (as_request(bye).headers.get("Via") or "").startswith("SIP/2.0/TCP 192.0.2.1:5062;")


@pytest.mark.parametrize(
    ("contact", "destination", "fallback"),
    [
        ("sip:gw@203.0.113.10:5080;transport=tcp", TransportAddress("tcp", "203.0.113.10", 5080), EPHEMERAL),
        ("sip:gw@203.0.113.10:5080", TransportAddress("tcp", "203.0.113.10", 5080), EPHEMERAL),
        ("sip:gw@sbc.carrier.example;transport=tcp", EPHEMERAL, TransportAddress("tcp", "203.0.113.10", 5060)),
        ("sip:gw@203.0.113.10:40123;transport=tcp", EPHEMERAL, TransportAddress("tcp", "203.0.113.10", 5060)),
    ],
    ids=["address", "no transport", "name", "the connection itself"],
)
def test_requests_in_a_dialog_of_the_peers_have_two_ways(
    contact: str, destination: TransportAddress, fallback: TransportAddress
) -> None:
    bench = StreamBench()
    bench.receive(invite_from_peer(contact), EPHEMERAL)
    [arrived] = bench.events(IncomingInvite)
    assert isinstance(arrived, IncomingInvite)
    bench.user_agent.respond(arrived.transaction, 200, bench.now, body=OFFER, content_type="application/sdp")
    [answer] = bench.user_agent.to_send()
    bench.receive(
        request_from_peer("ACK", to_tag=as_response(answer).to_tag, branch="z9hG4bKack").replace(b"/UDP", b"/TCP"),
        EPHEMERAL,
    )
    bench.user_agent.hang_up(arrived.usage, bench.now)
    [bye] = bench.user_agent.to_send()
    assert (bye.destination, bye.fallback) == (destination, fallback)


@pytest.mark.parametrize(
    ("method", "cseq", "headers"),
    [("ACK", 1, ""), ("OPTIONS", 2, ""), ("INFO", 2, "Require: nothing-we-know")],
    ids=["the ACK", "a request", "one that is refused"],
)
def test_a_peer_that_comes_back_over_another_connection_is_ended_over_that(
    method: str, cseq: int, headers: str
) -> None:
    """What cannot be connected to is reached over the connection that it was heard over last."""
    bench = StreamBench()
    usage, to_tag = called_by_a_phone(bench, acknowledged=method != "ACK")
    request = request_from_peer(method, to_tag=to_tag, cseq=cseq, branch="z9hG4bKback", headers=headers)
    bench.receive(request.replace(b"/UDP", b"/TCP"), BACK)
    bench.user_agent.hang_up(usage, bench.now)
    [bye] = bench.user_agent.to_send()
    assert (as_request(bye).method, bye.destination, bye.fallback) == ("BYE", BACK, TRUNK)


def test_a_change_of_session_goes_once_more_over_the_connection_that_the_peer_came_back_by() -> None:
    bench = StreamBench()
    usage, to_tag = called_by_a_phone(bench)
    bench.user_agent.request_in_dialog(usage, "INVITE", bench.now, body=OFFER, content_type="application/sdp")
    [first] = bench.user_agent.to_send()
    assert first.destination == EPHEMERAL
    options = request_from_peer("OPTIONS", to_tag=to_tag, cseq=2, branch="z9hG4bKback")
    bench.receive(options.replace(b"/UDP", b"/TCP"), BACK)
    bench.user_agent.transport_failed(EPHEMERAL, bench.now, requests=frozenset({first.content}))
    [again] = bench.user_agent.to_send()
    assert (again.content, again.destination, again.fallback) == (first.content, BACK, TRUNK)


@pytest.mark.parametrize("way", ["a request", "the ACK", "an answer"])
def test_what_comes_to_another_listener_of_ours_says_nothing_of_where_the_dialog_goes(way: str) -> None:
    """What is sent in the dialog leaves by its own listener, which reaches nobody at an address of another's."""
    bench = StreamBench()
    usage, to_tag = called_by_a_phone(bench, acknowledged=way != "the ACK")
    by_tls = TransportAddress("tls", EPHEMERAL.host, 40_125)
    if way == "an answer":
        bench.user_agent.request_in_dialog(usage, "INFO", bench.now)
        [info] = bench.user_agent.to_send()
        bench.receive(answer_to(as_request(info), 200, to_tag="peer"), by_tls, TLS)
    else:
        method, cseq = ("ACK", 1) if way == "the ACK" else ("OPTIONS", 2)
        request = request_from_peer(method, to_tag=to_tag, cseq=cseq, branch="z9hG4bKtls")
        bench.receive(request.replace(b"/UDP", b"/TLS"), by_tls, TLS)
    bench.user_agent.hang_up(usage, bench.now)
    [bye] = bench.user_agent.to_send()
    assert (as_request(bye).method, bye.destination, bye.fallback, bye.local) == ("BYE", EPHEMERAL, TRUNK, TCP)


def test_a_request_that_is_repeated_over_another_connection_is_answered_over_that() -> None:
    """The one that it came by first has broken: its sender has heard nothing, and knows no other way to ask."""
    bench = StreamBench()
    invite = invite_from_peer("sip:phone@sbc.carrier.example;transport=tcp")
    bench.receive(invite, EPHEMERAL)
    [arrived] = bench.events(IncomingInvite)
    assert isinstance(arrived, IncomingInvite)
    bench.user_agent.respond(arrived.transaction, 180, bench.now)
    [ringing] = bench.user_agent.to_send()
    assert (ringing.destination, ringing.fallback) == (EPHEMERAL, TRUNK)
    assert bench.receive(invite, BACK) == [ringing._replace(destination=BACK)]
    bench.user_agent.respond(arrived.transaction, 200, bench.now, body=OFFER, content_type="application/sdp")
    [answer] = bench.user_agent.to_send()
    assert (answer.destination, answer.fallback) == (BACK, TRUNK)
    ack = request_from_peer("ACK", to_tag=as_response(answer).to_tag, branch="z9hG4bKack")
    bench.receive(ack.replace(b"/UDP", b"/TCP"), BACK)
    bench.user_agent.hang_up(arrived.usage, bench.now)
    assert [outgoing.destination for outgoing in bench.user_agent.to_send()] == [BACK]


def test_a_repeated_request_of_a_dialog_shows_which_connection_leads_to_the_peer() -> None:
    bench = StreamBench()
    usage, to_tag = called_by_a_phone(bench)
    info = request_from_peer("INFO", to_tag=to_tag, cseq=2, branch="z9hG4bKinfo").replace(b"/UDP", b"/TCP")
    for source in (EPHEMERAL, BACK):
        bench.receive(info, source)
    bench.user_agent.hang_up(usage, bench.now)
    assert [(each.destination, each.fallback) for each in bench.user_agent.to_send()][-1] == (BACK, TRUNK)


def test_the_ack_goes_over_the_connection_that_the_answer_came_by() -> None:
    """Who has no connection any more opens one to answer (18.2.2), and can but be told over that."""
    bench = StreamBench()
    usage, _ = called_by_a_phone(bench)
    bench.user_agent.request_in_dialog(usage, "INVITE", bench.now, body=OFFER, content_type="application/sdp")
    [reinvite] = bench.user_agent.to_send()
    contact = "<sip:phone@sbc.carrier.example;transport=tcp>"
    [ack] = bench.receive(answer_to(as_request(reinvite), 200, contact=contact), BACK)
    bench.user_agent.hang_up(usage, bench.now)
    [bye] = bench.user_agent.to_send()
    assert [(each.destination, each.fallback) for each in (reinvite, ack, bye)] == [
        (EPHEMERAL, TRUNK),
        (BACK, TRUNK),
        (BACK, TRUNK),
    ]


def test_an_invite_that_is_cancelled_over_another_connection_is_refused_over_that() -> None:
    bench = StreamBench()
    bench.receive(invite_from_peer("sip:phone@sbc.carrier.example;transport=tcp"), EPHEMERAL)
    cancel = request_from_peer("CANCEL", branch="z9hG4bKpeer1").replace(b"/UDP", b"/TCP")
    said = bench.receive(cancel, BACK)
    assert [(as_response(each).status, each.destination, each.fallback) for each in said] == [
        (200, BACK, TRUNK),
        (487, BACK, TRUNK),
    ]


def test_the_ack_goes_again_over_the_connection_that_the_answer_comes_by_again() -> None:
    """The first ACK was lost with the connection that the answer had come by at first."""
    bench = StreamBench()
    usage, _ = called_by_a_phone(bench)
    bench.user_agent.request_in_dialog(usage, "INVITE", bench.now, body=OFFER, content_type="application/sdp")
    [reinvite] = bench.user_agent.to_send()
    answer = answer_to(as_request(reinvite), 200, contact="<sip:phone@sbc.carrier.example;transport=tcp>")
    [first] = bench.receive(answer, EPHEMERAL)
    assert (first.destination, first.fallback) == (EPHEMERAL, TRUNK)
    assert bench.receive(answer, BACK) == [first._replace(destination=BACK)]


def test_a_repeated_datagram_is_answered_where_the_first_came_from() -> None:
    bench = StreamBench()
    options = request_from_peer("OPTIONS")
    [answer] = bench.receive(options, PEER, UDP)
    assert bench.receive(options, PEER._replace(port=5999), UDP) == [answer]


def test_s13_3_1_4_our_200_is_sent_again_over_a_stream_too_until_its_ack() -> None:
    bench = StreamBench()
    bench.receive(invite_from_peer("sip:gw@203.0.113.10;transport=tcp"), EPHEMERAL)
    [arrived] = bench.events(IncomingInvite)
    assert isinstance(arrived, IncomingInvite)
    bench.user_agent.respond(arrived.transaction, 200, bench.now, body=OFFER, content_type="application/sdp")
    [answer] = bench.user_agent.to_send()
    again = bench.advance(8.0)
    assert [at for at, _ in again] == [0.5, 1.5, 3.5, 7.5]
    assert {outgoing.content for _, outgoing in again} == {answer.content}
    assert {outgoing.fallback for _, outgoing in again} == {TRUNK}
    bench.receive(
        request_from_peer("ACK", to_tag=as_response(answer).to_tag, branch="z9hG4bKack").replace(b"/UDP", b"/TCP"),
        EPHEMERAL,
    )
    assert bench.advance(30.0) == []


def test_s17_nothing_else_is_sent_again_over_a_stream() -> None:
    bench = StreamBench()
    usage, invite = bench.call()
    assert bench.advance(31.0) == []
    [ack] = bench.receive(answer_to(invite, 486, to_tag="peer"))
    assert as_request(ack).method == "ACK"
    assert bench.user_agent.table_sizes().transactions == 0, "timer D is zero"
    bench.receive(invite_from_peer("sip:gw@203.0.113.10", call_id="in-1", branch="z9hG4bKin1"), EPHEMERAL)
    [arrived] = bench.events(IncomingInvite)
    assert isinstance(arrived, IncomingInvite)
    bench.user_agent.respond(arrived.transaction, 486, bench.now)
    assert len(bench.user_agent.to_send()) == 1
    assert bench.advance(31.0) == [], "timer G does not run"
    assert usage != arrived.usage


def test_a_transport_failure_ends_what_waits_for_an_answer_and_spares_what_has_one() -> None:
    bench = StreamBench()
    waiting, _ = bench.call()
    _, ringing = bench.call()
    bench.receive(answer_to(ringing, 180, to_tag="peer"))
    bench.user_agent.transport_failed(TRUNK, bench.now)
    assert bench.events(NoResponse) == [NoResponse(waiting, "transport")]
    [ack] = bench.receive(answer_to(ringing, 200, to_tag="peer", contact="<sip:gw@203.0.113.10;transport=tcp>"))
    assert as_request(ack).method == "ACK"
    assert len(bench.events(Answered)) == 1


def test_a_connection_that_breaks_after_a_100_alone_ends_the_attempt_and_cancels_what_it_began() -> None:
    """There is no telling whether anybody works on it still, and nobody rings: another peer may be called."""
    bench = StreamBench()
    usage, invite = bench.call()
    assert bench.receive(answer_to(invite, 100)) == []
    bench.user_agent.transport_failed(TRUNK, bench.now)
    assert bench.events(NoResponse) == [NoResponse(usage, "transport")]
    [cancel] = bench.user_agent.to_send()
    assert (as_request(cancel).method, cancel.destination) == ("CANCEL", TRUNK)
    bench.user_agent.transport_failed(TRUNK, bench.now)
    bench.user_agent.to_send()
    ack, bye = bench.receive(answer_to(invite, 200, to_tag="peer", contact="<sip:gw@203.0.113.10;transport=tcp>"))
    assert [as_request(each).method for each in (ack, bye)] == ["ACK", "BYE"]
    assert bench.events(Answered) == []


def unsent(bench: StreamBench) -> tuple[int, bytes]:
    """A call whose INVITE waits for its connection."""
    usage = bench.user_agent.invite(plan_to(TRUNK, no_answer_timeout_s=4.0), bench.now)
    [outgoing] = bench.user_agent.to_send()
    assert bench.user_agent.is_wanted(outgoing.content)
    return usage, outgoing.content


@pytest.mark.parametrize("ending", ["hung up", "nothing came in time", "the connection broke"])
def test_an_invite_that_has_not_left_yet_is_not_wanted_when_its_call_is_over(ending: str) -> None:
    bench = StreamBench()
    _, of_another = unsent(bench)
    usage, invite = unsent(bench)
    if ending == "hung up":
        bench.user_agent.hang_up(usage, bench.now)
    elif ending == "nothing came in time":
        bench.advance(4.0)
    else:
        bench.user_agent.transport_failed(TRUNK, bench.now)
    assert not bench.user_agent.is_wanted(invite)
    assert bench.user_agent.is_wanted(of_another) == (ending == "hung up")
    bench.user_agent.withdrawn(invite, bench.now)
    assert bench.events(UsageEnded) == [UsageEnded(usage)], "nothing can come of it any more"
    bench.user_agent.withdrawn(invite, bench.now)
    assert bench.user_agent.to_send() == []


def test_what_ends_or_confirms_a_call_is_wanted_whatever_becomes_of_the_call() -> None:
    bench = StreamBench()
    usage, invite = bench.call()
    [ack] = bench.receive(answer_to(invite, 200, to_tag="peer"), TRUNK)
    bench.user_agent.request_in_dialog(usage, "INVITE", bench.now, body=OFFER, content_type="application/sdp")
    bench.user_agent.hang_up(usage, bench.now)
    following = bench.user_agent.to_send()
    assert [as_request(each).method for each in following] == ["INVITE", "BYE"]
    assert all(bench.user_agent.is_wanted(each.content) for each in (ack, *following))


def test_a_dialog_whose_contact_fails_is_told_by_that_contact() -> None:
    bench = StreamBench()
    usage, invite = bench.call()
    contact = TransportAddress("tcp", "203.0.113.99", 5080)
    bench.receive(answer_to(invite, 200, to_tag="peer", contact="<sip:gw@203.0.113.99:5080;transport=tcp>"))
    bench.events(Answered)
    handle = bench.user_agent.request_in_dialog(usage, "INFO", bench.now)
    bench.user_agent.transport_failed(contact, bench.now)
    failed = [event for event in bench.events((RequestFailed, DialogLost, ByeReceived))]  # type: ignore[arg-type]
    assert any(isinstance(event, RequestFailed) and event.request == handle for event in failed)


def test_what_a_broken_frame_leaves_is_answered() -> None:
    bench = StreamBench()
    request = parse_message(request_from_peer("OPTIONS"))
    assert isinstance(request, Request)
    bench.user_agent.receive_message(MalformedMessage("No Content-Length", 400, request), EPHEMERAL, TCP, bench.now)
    [outgoing] = bench.user_agent.to_send()
    assert as_response(outgoing).status == 400
    assert outgoing.destination == EPHEMERAL
    bench.user_agent.receive_message(MalformedMessage("No message"), EPHEMERAL, TCP, bench.now)
    assert bench.user_agent.to_send() == []
    assert bench.user_agent.counters["malformed"] == 2


def methods(sent: list[Outgoing]) -> list[str]:
    return [as_request(outgoing).method for outgoing in sent]


def test_a_bye_whose_connection_was_dead_goes_over_a_new_one_once() -> None:
    """The peer is well, and would believe in the call until its media or its session timer ended it."""
    bench = StreamBench()
    usage, invite = bench.call()
    bench.receive(answer_to(invite, 200, to_tag="peer", contact="<sip:gw@203.0.113.10;transport=tcp>"))
    bench.user_agent.hang_up(usage, bench.now, "Q.850;cause=16")
    [first] = bench.user_agent.to_send()
    bench.user_agent.transport_failed(TRUNK, bench.now)
    [second] = bench.user_agent.to_send()
    bye, again = as_request(first), as_request(second)
    assert (again.method, again.cseq.number) == ("BYE", bye.cseq.number + 1)
    assert again.headers.get("Reason") == bye.headers.get("Reason") == "Q.850;cause=16"
    assert again.via.branch != bye.via.branch
    assert bench.user_agent.counters["BYEs unanswered"] == 0
    bench.user_agent.transport_failed(TRUNK, bench.now)
    assert bench.user_agent.to_send() == []
    assert bench.user_agent.counters["BYEs unanswered"] == 1
    assert bench.advance(40.0) == []
    assert bench.user_agent.table_sizes().usages == 0


def test_the_peers_bye_is_told_before_the_end_even_if_it_still_waited_for_something() -> None:
    bench = StreamBench()
    _, invite = bench.call()
    bench.receive(answer_to(invite, 200, to_tag="peer", contact="<sip:gw@203.0.113.10;transport=tcp>"))
    bench.advance(33.0)  # nothing is left of the INVITE
    bench.events(Answered)
    for method, cseq in (("INFO", 1), ("BYE", 2)):
        request = request_from_peer(
            method, call_id=invite.call_id, from_tag="peer", to_tag=invite.from_tag, cseq=cseq, branch=f"z9hG4bK{cseq}"
        )
        bench.receive(request.replace(b"/UDP", b"/TCP"))
    told = [IncomingRequest, IncomingRequestEnded, ByeReceived, UsageEnded]
    assert [type(event) for event in bench.events(object)] == told


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_a_call_outlives_a_change_of_its_session_whose_connection_was_dead(method: str) -> None:
    """8.1.3.1 has a transport error count as a 503, which ends no dialog (12.2.1.2)."""
    bench = StreamBench()
    usage, invite = bench.call()
    bench.receive(answer_to(invite, 200, to_tag="peer", contact="<sip:gw@203.0.113.10;transport=tcp>"))
    bench.events(Answered)
    handle = bench.user_agent.request_in_dialog(usage, method, bench.now, body=OFFER, content_type="application/sdp")
    first = bench.user_agent.to_send()
    bench.user_agent.transport_failed(TRUNK, bench.now)
    again = bench.user_agent.to_send()
    assert [outgoing.content for outgoing in again] == [outgoing.content for outgoing in first]
    bench.receive(answer_to(as_request(again[0]), 200, to_tag="peer"))
    assert [type(event) for event in bench.events(object)] == [RequestAnswered]
    assert bench.user_agent.request_in_dialog(usage, method, bench.now, body=OFFER) != handle, "nothing is open"


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_a_change_of_session_that_no_connection_takes_ends_the_call(method: str) -> None:
    bench = StreamBench()
    usage, invite = bench.call()
    bench.receive(answer_to(invite, 200, to_tag="peer", contact="<sip:gw@203.0.113.10;transport=tcp>"))
    bench.events(Answered)
    handle = bench.user_agent.request_in_dialog(usage, method, bench.now, body=OFFER, content_type="application/sdp")
    for _ in range(2):
        bench.user_agent.transport_failed(TRUNK, bench.now)
    assert bench.events(object) == [RequestFailed(handle, "transport"), DialogLost(usage, "transport")]
    bench.advance(40.0)
    assert bench.user_agent.table_sizes().usages == 0


def test_a_cancel_whose_connection_was_dead_goes_over_a_new_one_once() -> None:
    """The same CANCEL, since it has to match the INVITE (9.1)."""
    bench = StreamBench()
    usage, invite = bench.call()
    bench.receive(answer_to(invite, 180, to_tag="peer"))
    bench.user_agent.hang_up(usage, bench.now)
    first = bench.user_agent.to_send()
    bench.user_agent.transport_failed(TRUNK, bench.now)
    again = bench.user_agent.to_send()
    assert methods(again) == ["CANCEL"]
    assert [outgoing.content for outgoing in again] == [outgoing.content for outgoing in first]
    bench.receive(answer_to(as_request(again[0]), 200, to_tag="peer"))
    assert methods(bench.receive(answer_to(invite, 487, to_tag="peer"))) == ["ACK"]
    bench.user_agent.transport_failed(TRUNK, bench.now)
    assert bench.user_agent.to_send() == []
    bench.advance(40.0)
    assert bench.user_agent.table_sizes().transactions == 0


@pytest.mark.parametrize(("status", "sent", "again"), [(487, ["ACK"], []), (200, ["ACK", "BYE"], ["BYE"])])
def test_a_cancel_whose_connection_breaks_once_the_invite_has_its_end_is_not_sent_again(
    status: int, sent: list[str], again: list[str]
) -> None:
    """Nothing is left to cancel."""
    bench = StreamBench()
    usage, invite = bench.call()
    bench.receive(answer_to(invite, 180, to_tag="peer"))
    bench.user_agent.hang_up(usage, bench.now)
    bench.user_agent.to_send()
    contact = "<sip:gw@203.0.113.10;transport=tcp>"
    assert methods(bench.receive(answer_to(invite, status, to_tag="peer", contact=contact))) == sent
    bench.user_agent.transport_failed(TRUNK, bench.now)
    assert methods(bench.user_agent.to_send()) == again


def test_a_call_whose_end_reaches_nobody_is_over_all_the_same() -> None:
    bench = StreamBench()
    usage, invite = bench.call()
    bench.receive(answer_to(invite, 180, to_tag="peer"))
    bench.user_agent.hang_up(usage, bench.now)
    for _ in range(3):
        bench.user_agent.transport_failed(TRUNK, bench.now)
    assert methods(bench.user_agent.to_send()) == ["CANCEL", "CANCEL"]
    bench.advance(70.0)
    assert bench.user_agent.table_sizes().usages == 0
