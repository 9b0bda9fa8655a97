"""Messages: the header map, typed access, what a response copies, and what can never be rendered."""

from __future__ import annotations

import pytest

from b2bua.sip.errors import MalformedHeader
from b2bua.sip.field_names import COMPACT_FORMS, KNOWN_SPELLINGS, LIST_HEADERS, canonical_name
from b2bua.sip.grammar import MAX_VALUES, MAX_VIAS
from b2bua.sip.message import Headers, Request, Response, build_response
from b2bua.sip.parser import parse_message
from b2bua.sip.routing import TransportAddress, stamp_via
from b2bua.sip.status import REASON_PHRASES, reason_phrase

INVITE = (
    b"INVITE sip:b@h SIP/2.0\r\n"
    b"v: SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/UDP b;branch=z9hG4bK2\r\n"
    b"VIA: SIP/2.0/UDP c;branch=z9hG4bK3\r\n"
    b"Record-Route: <sip:p1;lr>,<sip:p2;lr>\r\n"
    b'f: "A, B" <sip:a@h>;tag=1\r\n'
    b"t: <sip:b@h>\r\n"
    b"i: c@1\r\n"
    b"CSeq: 1 INVITE\r\n"
    b"m: <sip:a@1>, <sip:a@2>;q=0.1\r\n"
    b"k: 100rel,timer\r\n"
    b"Supported: replaces\r\n"
    b"Timestamp: 54\r\n"
    b"X-Own: a, b\r\n"
    b"l: 4\r\n\r\nbodybeyond"
)


def invite() -> Request:
    """A parsed INVITE."""
    message = parse_message(INVITE)
    assert isinstance(message, Request)
    return message


def test_near_miss_several_values_on_one_line_are_as_several_fields() -> None:
    message = invite()
    assert [via.host for via in message.vias] == ["a", "b", "c"]
    assert message.via.host == "a"
    assert [str(contact.uri) for contact in message.contacts] == ["sip:a@1", "sip:a@2"]
    assert [str(route.uri) for route in message.record_routes] == ["sip:p1;lr", "sip:p2;lr"]
    assert message.supported == ("100rel", "timer", "replaces")
    assert message.headers.get_all("Supported") == ["100rel", "timer", "replaces"]
    assert message.headers.get_fields("supported") == ["100rel,timer", "replaces"]
    assert message.headers.get_all("X-Own") == ["a, b"]
    assert message.body == b"body"


def test_typed_values_are_kept_until_the_field_changes() -> None:
    message = invite()
    assert message.via is message.via
    assert [via.host for via in message.vias] == ["a", "b", "c"]
    cseq = message.cseq
    message.headers.stamp_via(message.via.with_params(received="192.0.2.1"))
    assert message.cseq is cseq
    assert message.via.received == "192.0.2.1"
    assert [via.host for via in message.vias] == ["a", "b", "c"]
    message.headers.set("CSeq", "2 INVITE")
    assert message.cseq.number == 2
    message.headers.remove("m")
    assert message.contacts == ()
    message.headers.add("m", "*")
    assert message.contacts == ()
    assert message.contact is None


@pytest.mark.parametrize("asked", [(), ("via",), ("vias",), ("via", "vias", "cseq")])
@pytest.mark.parametrize("rport", ["", ";rport", ";RPort;received=198.51.100.1"])
def test_a_stamped_via_means_what_it_says(rport: str, asked: tuple[str, ...]) -> None:
    """Whatever had been read of the message before."""
    message = invite()
    message.headers.set("Via", f"SIP/2.0/UDP a;branch=z9hG4bK1{rport}, SIP/2.0/UDP b")
    message.headers.add("v", "SIP/2.0/UDP c")
    for name in asked:
        getattr(message, name)
    stamp_via(message, TransportAddress("udp", "192.0.2.1", 4444))
    again = parse_message(message.render())
    assert isinstance(again, Request)
    assert (message.via, message.vias) == (again.via, again.vias)
    assert message.headers.get_fields("Via") == again.headers.get_fields("Via")
    assert message.via.received == "192.0.2.1"
    assert message.via.rport == (4444 if rport else None)


def test_the_map() -> None:
    headers = Headers([("v", "1"), ("X-a", "2"), ("x-A", "3"), ("l", "0")])
    assert list(headers) == [("Via", "1"), ("X-a", "2"), ("x-A", "3"), ("Content-Length", "0")]
    assert headers.get_fields("x-a") == ["2", "3"]
    assert headers.count("X-A") == 2
    assert "via" in headers
    assert "V" in headers
    assert "From" not in headers
    assert headers.get("from") is None
    assert headers.get_all("from") == []
    copied = headers.copy()
    headers.set("X-A", "4")
    assert list(headers) == [("Via", "1"), ("X-A", "4"), ("Content-Length", "0")]
    headers.set("To", "x")
    headers.remove("L")
    assert list(headers) == [("Via", "1"), ("X-A", "4"), ("To", "x")]
    assert len(copied) == 4
    assert copied != headers
    assert copied == Headers(copied)


@pytest.mark.parametrize("value", ["a\r\nVia: x", "a\r", "\na", "a\x00"])
@pytest.mark.parametrize("verb", ["add", "set"])
def test_a_value_cannot_carry_another_header(verb: str, value: str) -> None:
    headers = Headers()
    with pytest.raises(MalformedHeader):
        getattr(headers, verb)("Subject", value)
    with pytest.raises(MalformedHeader):
        Headers([("Subject", value)])
    assert len(headers) == 0


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\nb", "\u00e9", " a"])
def test_a_name_is_a_token(name: str) -> None:
    with pytest.raises(MalformedHeader):
        Headers().add(name, "x")


@pytest.mark.parametrize(
    "message",
    [
        Request("INVITE", "sip:a@h SIP/2.0\r\nVia: x"),
        Request("INVITE", "sip:a h"),
        Request("INVITE", ""),
        Request("IN VITE", "sip:h"),
        Request("INVITE\r\n", "sip:h"),
        Response(200, "OK\r\nVia: x"),
        Response(200, "OK\x00"),
        Response(99, "x"),
        Response(700, "x"),
    ],
)
def test_a_start_line_cannot_carry_another(message: Request | Response) -> None:
    with pytest.raises(MalformedHeader):
        message.render()


def test_render_sets_content_length_once() -> None:
    request = Request("MESSAGE", "sip:a@h", [("l", "99"), ("Via", "x"), ("Content-Length", "7")], b"abc")
    assert request.render() == b"MESSAGE sip:a@h SIP/2.0\r\nVia: x\r\nContent-Length: 3\r\n\r\nabc"


def test_octets_that_are_no_utf8_come_back_as_they_were() -> None:
    message = parse_message(INVITE.replace(b"A, B", b"\xff\xc3\x28"))
    assert isinstance(message, Request)
    assert b'From: "\xff\xc3\x28" <sip:a@h>;tag=1\r\n' in message.render()
    assert message.from_.display == "\ufffd\ufffd("
    assert b'From: "\xff\xc3\x28" <sip:a@h>;tag=1\r\n' in build_response(message, 180).render()


def test_missing_headers_are_malformed_when_asked_for() -> None:
    message = Request("INVITE", "sip:h")
    for name in ("via", "from_", "to", "call_id", "cseq", "from_tag", "to_tag"):
        with pytest.raises(MalformedHeader, match="Missing"):
            getattr(message, name)
    assert (message.contact, message.max_forwards, message.expires, message.rack, message.rseq) == (None,) * 5
    assert (message.vias, message.routes, message.require, message.reasons, message.content_type) == (
        (),
        (),
        (),
        (),
        None,
    )


def test_limits_of_lists() -> None:
    vias = ["SIP/2.0/UDP h"] * MAX_VIAS
    assert len(Request("A", "sip:h", [("Via", ", ".join(vias))]).vias) == MAX_VIAS
    with pytest.raises(MalformedHeader, match="Too many"):
        _ = Request("A", "sip:h", [("Via", ", ".join(vias)), ("Via", vias[0])]).vias
    with pytest.raises(MalformedHeader, match="Too many"):
        _ = Request("A", "sip:h", [("Route", ",".join(["<sip:h>"] * (MAX_VALUES + 1)))]).routes


@pytest.mark.parametrize(
    ("text", "expected"), [("70", 70), ("0", 0), ("255", 255), ("256", None), ("0068", 68), ("9" * 5000, None)]
)
def test_max_forwards(text: str, expected: int | None) -> None:
    assert Request("A", "sip:h", [("Max-Forwards", text)]).max_forwards == expected


@pytest.mark.parametrize("text", ["", "-1", "x", "\u0661"])
def test_malformed_max_forwards(text: str) -> None:
    with pytest.raises(MalformedHeader):
        _ = Request("A", "sip:h", [("Max-Forwards", text)]).max_forwards


def test_response_copies_what_section_8_2_6_names() -> None:
    ok = build_response(
        invite(), 200, to_tag="t", headers=[("Contact", "<sip:me>")], body=b"v=0", content_type="application/sdp"
    )
    assert ok.render() == (
        b"SIP/2.0 200 OK\r\n"
        b"Via: SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/UDP b;branch=z9hG4bK2\r\n"
        b"Via: SIP/2.0/UDP c;branch=z9hG4bK3\r\n"
        b"Record-Route: <sip:p1;lr>,<sip:p2;lr>\r\n"
        b'From: "A, B" <sip:a@h>;tag=1\r\n'
        b"To: <sip:b@h>;tag=t\r\n"
        b"Call-ID: c@1\r\n"
        b"CSeq: 1 INVITE\r\n"
        b"Contact: <sip:me>\r\n"
        b"Content-Type: application/sdp\r\n"
        b"Content-Length: 3\r\n\r\nv=0"
    )


def test_trying_copies_the_timestamp_and_has_no_tag() -> None:
    trying = build_response(invite(), 100, to_tag="t")
    assert trying.to_tag is None
    assert trying.headers.get("Timestamp") == "54"
    assert "Record-Route" not in trying.headers
    assert build_response(invite(), 180).headers.get("Timestamp") is None


def test_failures_and_other_methods_have_no_record_route() -> None:
    assert "Record-Route" not in build_response(invite(), 486).headers
    bye = invite()
    bye.method = "BYE"
    assert "Record-Route" not in build_response(bye, 200).headers


def test_a_tag_that_is_there_is_kept() -> None:
    message = invite()
    message.headers.set("To", "sip:b@h;tag=old")
    assert build_response(message, 200, to_tag="new").headers.get("To") == "sip:b@h;tag=old"
    message.headers.set("To", "sip:b@h")
    assert build_response(message, 200, to_tag="new").to.tag == "new"
    message.headers.set("To", '"broken <sip:b@h>')
    assert build_response(message, 400, to_tag="new").headers.get("To") == '"broken <sip:b@h>;tag=new'


@pytest.mark.parametrize("status", [100, 180, 200, 486])
@pytest.mark.parametrize(
    "to", ["sip:b@h", "<sip:b@h>;tag=old", "<sip:b@h>;tag", '<sip:b@h>;TAG=""', "sip:b@h;x", '"broken <sip:b@h>']
)
def test_a_responses_tag_is_the_one_that_is_read_of_it(to: str, status: int) -> None:
    message = invite()
    message.headers.set("To", to)
    response = build_response(message, status, to_tag="new")
    again = parse_message(response.render())

    def tag_of(message: Request | Response) -> str | None:
        try:
            return message.to_tag
        except MalformedHeader:
            return "unreadable"

    assert tag_of(response) == tag_of(again)


def test_names() -> None:
    assert canonical_name("WWW-authenticate") == "WWW-Authenticate"
    assert canonical_name("cAlL-Id") == "Call-ID"
    assert canonical_name("X-Thing") == "X-Thing"
    assert set(COMPACT_FORMS.values()) | LIST_HEADERS <= set(KNOWN_SPELLINGS.values())
    assert all(KNOWN_SPELLINGS[letter] == name for letter, name in COMPACT_FORMS.items())


def test_reason_phrases() -> None:
    assert reason_phrase(486) == "Busy Here"
    assert reason_phrase(499) == "Request Failure"
    assert reason_phrase(299) == "OK"
    assert reason_phrase(800) == "Unknown"
    assert all(100 <= status <= 699 for status in REASON_PHRASES)
    assert Response(486).reason == "Busy Here"


@pytest.mark.parametrize(
    ("value", "seconds"), [(None, None), ("soon", None), ("0", 0), ("18000;duration=3600", 18_000), ("120 (busy)", 120)]
)
def test_how_long_to_wait_is_read_of_what_can_be_read(value: str | None, seconds: int | None) -> None:
    headers = [] if value is None else [("Retry-After", value)]
    assert Response(503, None, headers).retry_after_s == seconds
