"""Dialogs: route sets, target refresh, CSeq order, where requests go (section 12)."""

import pytest

from b2bua.sip.dialog import wants_sips
from b2bua.sip.events import IncomingInvite, IncomingRequest, RequestAnswered, RequestFailed
from b2bua.sip.location import Target
from b2bua.sip.message import Headers, Request, Response
from b2bua.sip.parser import parse_message
from b2bua.sip.routing import TransportAddress, next_hop_address, route_in_dialog
from tests.support.agents import OURS, PEER, Bench, answer_to, in_dialog_from_peer, request_from_peer


def hang_up(bench: Bench, usage: int) -> tuple[Request, TransportAddress]:
    bench.user_agent.hang_up(usage, bench.now)
    [outgoing] = bench.user_agent.to_send()
    bye = parse_message(outgoing.content)
    assert isinstance(bye, Request)
    return bye, outgoing.destination


def answered(bench: Bench, headers: str = "", contact: str = "<sip:gw@203.0.113.10:5060>") -> tuple[int, Request]:
    usage, invite = bench.call()
    bench.receive(answer_to(invite, 200, to_tag="peer", headers=headers, contact=contact))
    bench.events()
    return usage, invite


def test_near_miss_loose_routes_are_reversed_and_the_target_stays_the_request_uri() -> None:
    bench = Bench()
    usage, _ = answered(bench, "Record-Route: <sip:203.0.113.2;lr>, <sip:203.0.113.1:5070;lr>")
    bye, destination = hang_up(bench, usage)
    assert bye.request_uri == "sip:gw@203.0.113.10:5060"
    assert bye.headers.get_all("Route") == ["<sip:203.0.113.1:5070;lr>", "<sip:203.0.113.2;lr>"]
    assert destination == TransportAddress("udp", "203.0.113.1", 5070)


def test_near_miss_a_strict_route_becomes_the_request_uri_and_the_target_goes_last() -> None:
    bench = Bench()
    usage, _ = answered(bench, "Record-Route: <sip:203.0.113.2;lr>\nRecord-Route: <sip:203.0.113.1>")
    bye, destination = hang_up(bench, usage)
    assert bye.request_uri == "sip:203.0.113.1"
    assert bye.headers.get_all("Route") == ["<sip:203.0.113.2;lr>", "<sip:gw@203.0.113.10:5060>"]
    assert destination == TransportAddress("udp", "203.0.113.1", 5060)


def test_the_ack_of_a_2xx_follows_the_route_set() -> None:
    bench = Bench()
    _, invite = bench.call()
    [ack] = bench.receive(answer_to(invite, 200, to_tag="peer", headers="Record-Route: <sip:203.0.113.1;lr>"))
    assert ack.headers.get_all("Route") == ["<sip:203.0.113.1;lr>"]


def test_the_uas_keeps_the_route_set_in_order() -> None:
    bench = Bench()
    bench.receive(
        request_from_peer("INVITE", headers="Record-Route: <sip:203.0.113.1;lr>\nRecord-Route: <sip:203.0.113.2;lr>")
    )
    [event] = bench.events()
    assert isinstance(event, IncomingInvite)
    bench.user_agent.respond(event.transaction, 200, bench.now)
    [ok] = bench.take_sent()
    assert ok.headers.get_all("Record-Route") == ["<sip:203.0.113.1;lr>", "<sip:203.0.113.2;lr>"]
    bench.receive(request_from_peer("ACK", branch="z9hG4bKack", to_tag=ok.to_tag))
    bye, destination = hang_up(bench, event.usage)
    assert bye.headers.get_all("Route") == ["<sip:203.0.113.1;lr>", "<sip:203.0.113.2;lr>"]
    assert bye.request_uri == "sip:gw@203.0.113.10:5060"
    assert destination.host == "203.0.113.1"
    assert (bye.from_tag, bye.to_tag) == (ok.to_tag, "peer")


def test_near_miss_a_strict_route_of_a_call_of_the_peers() -> None:
    """Section 12.2.1.1: the first route without lr takes the request URI, whoever called."""
    bench = Bench()
    bench.receive(request_from_peer("INVITE", headers="Record-Route: <sip:203.0.113.1>, <sip:203.0.113.2;lr>"))
    [event] = bench.events()
    assert isinstance(event, IncomingInvite)
    bench.user_agent.respond(event.transaction, 200, bench.now)
    [ok] = bench.take_sent()
    bench.receive(request_from_peer("ACK", branch="z9hG4bKack", to_tag=ok.to_tag))
    bye, destination = hang_up(bench, event.usage)
    assert bye.request_uri == "sip:203.0.113.1"
    assert bye.headers.get_all("Route") == ["<sip:203.0.113.2;lr>", "<sip:gw@203.0.113.10:5060>"]
    assert destination == TransportAddress("udp", "203.0.113.1", 5060)


def test_the_2xx_replaces_the_route_set_of_the_provisional() -> None:
    bench = Bench()
    usage, invite = bench.call()
    bench.receive(answer_to(invite, 180, to_tag="peer", headers="Record-Route: <sip:203.0.113.9;lr>"))
    bench.receive(answer_to(invite, 200, to_tag="peer", headers="Record-Route: <sip:203.0.113.1;lr>"))
    bye, _ = hang_up(bench, usage)
    assert bye.headers.get_all("Route") == ["<sip:203.0.113.1;lr>"]


@pytest.mark.parametrize("names_one", [True, False])
def test_the_2xx_replaces_the_target_of_the_provisional_where_it_names_one(names_one: bool) -> None:
    bench = Bench()
    usage, invite = bench.call()
    bench.receive(answer_to(invite, 180, to_tag="peer", contact="<sip:early@203.0.113.10:5070>"))
    answer = answer_to(invite, 200, to_tag="peer", contact="<sip:gw@203.0.113.10:5080>")
    [ack] = bench.receive(answer if names_one else answer.replace(b"Contact: ", b"X-Contact: "))
    expected = "sip:gw@203.0.113.10:5080" if names_one else "sip:early@203.0.113.10:5070"
    assert isinstance(ack, Request)
    assert (ack.request_uri, hang_up(bench, usage)[0].request_uri) == (expected, expected)


@pytest.mark.parametrize(
    "contact",
    [
        "<sip:gw@gateway.example>",
        "<sip:gw@10.0.0.5>",
        "<sip:gw@[2001:db8::1]>",
        "<sip:gw@203.0.113.10:0>",
        f"<sip:gw@{OURS.host}:{OURS.port}>",
    ],
)
def test_a_contact_that_may_not_be_reached_leads_back_to_where_the_call_went(contact: str) -> None:
    bench = Bench(may_reach=lambda address: address.host == PEER.host)
    usage, _ = answered(bench, contact=contact)
    bye, destination = hang_up(bench, usage)
    assert bye.request_uri == contact.strip("<>")
    assert destination == PEER


class Names:
    """What host names lead to; nothing until a test says so."""

    def __init__(self, *found: TransportAddress) -> None:
        self.found = found
        self.asked: list[Target] = []

    def __call__(self, target: Target) -> tuple[TransportAddress, ...]:
        self.asked.append(target)
        return self.found


GATEWAY = TransportAddress("udp", "203.0.113.20", 5080)
NAMED = "<sip:gw@gateway.example:5080>"


def test_a_contact_by_name_leads_to_where_that_is_once_it_is_known() -> None:
    """ACK does not wait for it."""
    names = Names()
    bench = Bench(names=names)
    usage, invite = bench.call()
    bench.user_agent.receive(answer_to(invite, 200, to_tag="peer", contact=NAMED), PEER, OURS, bench.now)
    [ack] = bench.user_agent.to_send()
    assert ack.destination == PEER
    assert set(names.asked) == {Target("gateway.example", 5080, "udp")}
    names.found = (GATEWAY,)
    bye, destination = hang_up(bench, usage)
    assert (bye.request_uri, destination) == (NAMED.strip("<>"), GATEWAY)


def test_maddr_says_where_a_contact_s_requests_go() -> None:
    """RFC 3263 section 4: it is the target, and the host is not."""
    names = Names()
    bench = Bench(names=names)
    usage, _ = answered(bench, contact="<sip:gw@gateway.example:5080;maddr=203.0.113.20>")
    bye, destination = hang_up(bench, usage)
    assert (bye.request_uri, destination) == ("sip:gw@gateway.example:5080;maddr=203.0.113.20", GATEWAY)
    assert names.asked == []
    usage, _ = answered(bench, contact="<sip:gw@203.0.113.9:5080;maddr=gateway.example>")
    assert set(names.asked) == {Target("gateway.example", 5080, "udp")}


def test_a_name_in_a_call_that_comes_is_asked_for_before_it_is_needed() -> None:
    names = Names()
    bench = Bench(names=names)
    bench.receive(request_from_peer("INVITE", headers="Record-Route: <sip:Proxy.example;lr;transport=udp>"))
    [event] = bench.events()
    assert isinstance(event, IncomingInvite)
    bench.user_agent.respond(event.transaction, 180, bench.now)
    assert names.asked == [Target("Proxy.example", None, "udp")]


def test_a_name_that_a_dialog_moves_to_is_asked_for_at_once() -> None:
    names = Names()
    bench = Bench(names=names)
    usage, invite = answered(bench)
    bench.receive(in_dialog_from_peer(invite, "INVITE", body="v=0", headers=f"Contact: {NAMED}"))
    [event] = bench.events()
    assert isinstance(event, IncomingRequest)
    bench.user_agent.respond(event.transaction, 200, bench.now)
    assert names.asked == [Target("gateway.example", 5080, "udp")]
    names.asked.clear()
    bench.receive(in_dialog_from_peer(invite, "ACK", branch="z9hG4bKack"))
    bench.user_agent.request_in_dialog(usage, "UPDATE", bench.now)
    [update] = bench.take_sent()
    assert isinstance(update, Request)
    names.asked.clear()
    bench.receive(answer_to(update, 200, contact="<sip:gw@other.example>"))
    assert names.asked == [Target("other.example", None, "udp")]


@pytest.mark.parametrize(
    "found",
    [
        (),
        (TransportAddress("udp", "10.0.0.5", 5080),),
        (TransportAddress("tcp", PEER.host, 5080),),
        (TransportAddress("udp", "2001:db8::1", 5080),),
        (GATEWAY, PEER),
    ],
    ids=["nothing", "a stranger", "another transport", "the other IP version", "the peer itself among others"],
)
def test_a_name_without_an_address_to_go_to_leads_back_to_where_the_call_went(
    found: tuple[TransportAddress, ...],
) -> None:
    may_reach = {PEER.host, GATEWAY.host, "2001:db8::1"}.__contains__
    bench = Bench(names=Names(*found), may_reach=lambda address: may_reach(address.host))
    usage, _ = answered(bench, contact=NAMED)
    assert hang_up(bench, usage)[1] == PEER


def test_of_a_name_s_addresses_that_with_the_peer_s_host_is_taken() -> None:
    at_peer = TransportAddress("udp", PEER.host, 5080)
    bench = Bench(names=Names(GATEWAY, at_peer))
    usage, _ = answered(bench, contact=NAMED)
    assert hang_up(bench, usage)[1] == at_peer


@pytest.mark.parametrize(
    "contact", ["<sip:gw@gateway.example;transport=tcp>", "<sip:gw@gateway.example:0>", "<tel:+919812345678>"]
)
def test_a_name_that_takes_another_transport_or_names_nobody_is_not_asked_for(contact: str) -> None:
    names = Names(GATEWAY)
    bench = Bench(names=names)
    usage, _ = answered(bench, contact=contact)
    assert hang_up(bench, usage)[1] == PEER
    assert names.asked == []


@pytest.mark.parametrize(
    ("uri", "request_uri"),
    [
        ("sip:gw@203.0.113.10:5060?Subject=x&Priority=urgent", "sip:gw@203.0.113.10:5060"),
        ("sip:gw@203.0.113.10:5060;method=REGISTER", "sip:gw@203.0.113.10:5060"),
        ("sip:gw@203.0.113.10:5060;Me%54hod=BYE;x=1;ob?Reason=y", "sip:gw@203.0.113.10:5060;x=1;ob"),
    ],
)
def test_what_may_not_stand_in_a_request_uri_is_taken_out_of_the_target(uri: str, request_uri: str) -> None:
    """12.2.1.1 and the table of 19.1.1: a URI's headers and its method are for whoever begins with it."""
    bench = Bench()
    usage, _ = answered(bench, contact=f"<{uri}>")
    bye, destination = hang_up(bench, usage)
    assert bye.request_uri == request_uri
    assert destination == PEER
    assert route_in_dialog("sip:a@203.0.113.1", (f"<{uri}>",)).request_uri == request_uri
    bench.receive(request_from_peer("INVITE", headers=f"Contact: <{uri}>"))
    [event] = [event for event in bench.events() if isinstance(event, IncomingInvite)]
    bench.user_agent.respond(event.transaction, 200, bench.now)
    [ok] = bench.take_sent()
    bench.receive(request_from_peer("ACK", branch="z9hG4bKack", to_tag=ok.to_tag))
    assert hang_up(bench, event.usage)[0].request_uri == request_uri


@pytest.mark.parametrize(
    ("headers", "contact"),
    [
        ("", "<sip:gw@203.0.113.10:5099;transport=tcp>"),
        ("Record-Route: <sip:203.0.113.1:5070;transport=tcp;lr>", "<sip:gw@203.0.113.10:5099>"),
    ],
    ids=["Contact", "Record-Route"],
)
def test_an_address_of_another_transport_leads_back_to_where_the_call_went(headers: str, contact: str) -> None:
    """A dialog keeps the listener that it was made over, which our Contact in it names; the texts are theirs all the
    same, so that the next element can go on by them."""
    bench = Bench()
    usage, _ = answered(bench, headers, contact)
    bye, destination = hang_up(bench, usage)
    assert destination == PEER
    assert bye.request_uri == contact.strip("<>")
    assert bye.headers.get_all("Route") == ([headers.partition(" ")[2]] if headers else [])


def test_a_contact_with_another_port_is_followed() -> None:
    bench = Bench()
    usage, _ = answered(bench, contact="<sip:gw@203.0.113.10:5099>")
    assert hang_up(bench, usage)[1].port == 5099


def test_near_miss_contact_changes_in_a_reinvite() -> None:
    bench = Bench()
    usage, invite = answered(bench)
    bench.receive(in_dialog_from_peer(invite, "INVITE", body="v=0", headers="Contact: <sip:moved@203.0.113.10:5080>"))
    [event] = bench.events()
    assert isinstance(event, IncomingRequest)
    bench.user_agent.respond(event.transaction, 200, bench.now)
    bench.receive(in_dialog_from_peer(invite, "ACK", branch="z9hG4bKack"))
    bye, destination = hang_up(bench, usage)
    assert bye.request_uri == "sip:moved@203.0.113.10:5080"
    assert destination.port == 5080


@pytest.mark.parametrize("answer", [False, True], ids=["in an UPDATE", "in a 200"])
def test_a_target_refresh_without_a_contact_leaves_the_target(answer: bool) -> None:
    bench = Bench()
    usage, invite = answered(bench)
    if answer:
        bench.user_agent.request_in_dialog(usage, "UPDATE", bench.now)
        [asked] = bench.take_sent()
        assert isinstance(asked, Request)
        bench.receive(answer_to(asked, 200, to_tag="peer").replace(b"Contact: ", b"X-Contact: "))
    else:
        bench.receive(in_dialog_from_peer(invite, "UPDATE").replace(b"Contact: ", b"X-Contact: "))
        [event] = bench.events()
        assert isinstance(event, IncomingRequest)
        bench.user_agent.respond(event.transaction, 200, bench.now)
        bench.take_sent()
    bye, destination = hang_up(bench, usage)
    assert (bye.request_uri, destination) == ("sip:gw@203.0.113.10:5060", PEER)


def test_a_refused_reinvite_changes_no_target() -> None:
    bench = Bench()
    usage, invite = answered(bench)
    bench.receive(in_dialog_from_peer(invite, "INVITE", body="v=0", headers="Contact: <sip:moved@203.0.113.10:5080>"))
    [event] = bench.events()
    assert isinstance(event, IncomingRequest)
    bench.user_agent.respond(event.transaction, 488, bench.now)
    bench.take_sent()
    bye, _ = hang_up(bench, usage)
    assert bye.request_uri == "sip:gw@203.0.113.10:5060"


def test_near_miss_a_cseq_lower_than_the_last_gets_500() -> None:
    bench = Bench()
    _, invite = answered(bench)
    bench.receive(in_dialog_from_peer(invite, "OPTIONS", cseq=10, branch="z9hG4bKa"))
    [late] = bench.receive(in_dialog_from_peer(invite, "OPTIONS", cseq=9, branch="z9hG4bKb"))
    [jump] = bench.receive(in_dialog_from_peer(invite, "OPTIONS", cseq=4000, branch="z9hG4bKc"))
    assert isinstance(late, Response)
    assert isinstance(jump, Response)
    assert (late.status, jump.status) == (500, 200)


def test_our_cseq_grows_by_one_within_the_dialog() -> None:
    bench = Bench()
    usage, _ = answered(bench)
    numbers = []
    for _ in range(3):
        bench.user_agent.request_in_dialog(usage, "INFO", bench.now)
        [info] = bench.take_sent()
        numbers.append(info.cseq.number)
        assert isinstance(info, Request)
        bench.receive(answer_to(info, 200))
    bye, _ = hang_up(bench, usage)
    assert [*numbers, bye.cseq.number] == [2, 3, 4, 5]


def test_our_request_in_a_dialog_is_answered_or_fails() -> None:
    bench = Bench()
    usage, _ = answered(bench)
    one = bench.user_agent.request_in_dialog(usage, "INFO", bench.now, body=b"x", content_type="text/plain")
    [info] = bench.take_sent()
    assert isinstance(info, Request)
    assert info.headers.get("Content-Type") == "text/plain"
    bench.receive(answer_to(info, 415))
    [event] = bench.events()
    assert isinstance(event, RequestAnswered)
    assert (event.request, event.response.status) == (one, 415)
    gone = bench.user_agent.request_in_dialog(usage + 1000, "INFO", bench.now)
    assert bench.events() == [RequestFailed(gone, "refused")]


def test_routing_of_a_dialog_without_routes() -> None:
    routed = route_in_dialog("sip:a@203.0.113.1", ())
    assert (routed.request_uri, routed.routes, routed.next_hop) == ("sip:a@203.0.113.1", (), "sip:a@203.0.113.1")


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("sip:a@203.0.113.1", TransportAddress("udp", "203.0.113.1", 5060)),
        ("sip:203.0.113.1:99;transport=TCP", TransportAddress("tcp", "203.0.113.1", 99)),
        ("sips:203.0.113.1", TransportAddress("tls", "203.0.113.1", 5061)),
        ("sip:[2001:db8::1]", TransportAddress("udp", "2001:db8::1", 5060)),
        ("sip:gateway.example", None),
        ("sip:gateway.example;maddr=203.0.113.2;lr", TransportAddress("udp", "203.0.113.2", 5060)),
        ("sip:a@203.0.113.1:99;maddr=203.0.113.2", TransportAddress("udp", "203.0.113.2", 99)),
        ("sip:a@203.0.113.1;maddr=[2001:DB8::1]", TransportAddress("udp", "2001:db8::1", 5060)),
        ("sip:a@203.0.113.1;maddr=gateway.example", None),
        ("sip:203.0.113.1:0", None),
        ("sip:203.0.113.1;transport=sctp", None),
        ("tel:+919812345678", None),
    ],
)
def test_the_address_a_uri_names(uri: str, expected: TransportAddress | None) -> None:
    assert next_hop_address(uri, "udp") == expected


@pytest.mark.parametrize(
    ("uri", "headers", "sips"),
    [
        ("sip:192.0.2.1", "Contact: <sip:a@203.0.113.10>", False),
        ("sips:192.0.2.1", "Contact: <sip:a@203.0.113.10>", True),
        ("sip:192.0.2.1", "Contact: <sips:a@203.0.113.10>", True),
        ("sip:192.0.2.1", "Record-Route: <sips:203.0.113.1;lr>\nContact: <sip:a@203.0.113.10>", True),
        ("sip:192.0.2.1", "Record-Route: <sip:203.0.113.1;lr>\nContact: <sips:a@203.0.113.10>", False),
        ("sip:192.0.2.1", "Record-Route: <sip:203.0.113.1;lr>, <sips:203.0.113.2;lr>\nContact: <sip:a@x>", False),
        ("sips:192.0.2.1", "Record-Route: <sip:203.0.113.1;lr>\nContact: <sip:a@203.0.113.10>", True),
    ],
)
def test_s12_1_1_when_our_contact_is_a_sips_uri(uri: str, headers: str, sips: bool) -> None:
    lines = [line.split(": ", 1) for line in headers.split("\n")]
    assert wants_sips(Request("INVITE", uri, Headers([(name, value) for name, value in lines]))) is sips
