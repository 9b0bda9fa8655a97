"""RFC 3261 sections 7.5 and 18.3: where a message ends, in a datagram and on a stream; every limit on the way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.sip.errors import MalformedMessage
from b2bua.sip.framing import StreamFramer
from b2bua.sip.grammar import MAX_HEADER_FIELDS, MAX_HEADER_LENGTH, MAX_MESSAGE_OCTETS, MAX_URI_LENGTH
from b2bua.sip.message import Request, Response
from b2bua.sip.parser import is_keep_alive, parse_message, validate_request, validate_response

HEAD = b"OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\n"


def sized(body: bytes, length: object = None) -> bytes:
    """A request with this body and a Content-Length."""
    return HEAD + f"Content-Length: {len(body) if length is None else length}\r\n\r\n".encode() + body


def refused(octets: bytes) -> MalformedMessage:
    """What parsing the octets raises."""
    with pytest.raises(MalformedMessage) as caught:
        parse_message(octets)
    return caught.value


def test_near_miss_content_length_too_short_on_udp_cuts_the_body() -> None:
    assert parse_message(sized(b"abcdef", 3)).body == b"abc"
    assert parse_message(sized(b"abcdef", " 0006 ")).body == b"abcdef"


def test_near_miss_content_length_missing_on_udp() -> None:
    assert parse_message(HEAD + b"\r\nabc\r\n").body == b"abc\r\n"


@pytest.mark.parametrize("length", [4, 65_536, 10**30, -1, "", "x", "3 3", "3;x", "+3", "\u0663", "3.0"])
def test_near_miss_content_length_too_long_on_udp_is_refused(length: object) -> None:
    error = refused(sized(b"abc", length))
    assert error.status == 400
    assert error.answerable


def test_lengths_that_agree_are_one() -> None:
    assert parse_message(HEAD + b"l: 3\r\nContent-Length: 003\r\n\r\nabcd").body == b"abc"
    assert refused(HEAD + b"l: 3\r\nContent-Length: 4\r\n\r\nabcd").status == 400


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_kind_of_octets(kind: type[bytes | bytearray | memoryview]) -> None:
    assert parse_message(kind(sized(b"abc"))).body == b"abc"


def test_line_ends_before_a_message_are_passed_over() -> None:
    assert parse_message(b"\r\n\r\n" + sized(b"")).headers.count("Via") == 1


@pytest.mark.parametrize(
    ("datagram", "expected"),
    [(b"", True), (b"\r\n\r\n", True), (b"\r\n", True), (b"\0\0\0\0", True), (b"\r\n" * 5, False), (b"x", False)],
)
def test_keep_alives(datagram: bytes, expected: bool) -> None:
    assert is_keep_alive(datagram) is expected
    assert not refused(datagram).answerable


@pytest.mark.parametrize(
    "line",
    [
        *(b"no colon", b": x", b"a b: x", b"\xc3\xa9: x", b"(x): y", b"a: b\rc", b"a: b\nc", b"\r", b" "),
        *(b"a\x00: b", b"Via", b"To"),
    ],
)
def test_malformed_header_lines(line: bytes) -> None:
    octets = HEAD + line + b"\r\nl: 0\r\n\r\n"
    if line == b" ":
        assert parse_message(octets).headers.get("Via") == "SIP/2.0/UDP a;branch=z9hG4bK1 "[:-1]
        return
    error = refused(octets)
    assert error.status == 400
    assert error.answerable


@pytest.mark.parametrize("line", [b"X-\xff: y", b"X-\xc3\xa9: y", b"no colon", b": x", b"a b: x", b"a\x00: b"])
def test_a_response_is_not_lost_for_a_line_that_is_no_header_field(line: bytes) -> None:
    """Nobody could be told of it, and a call that has been answered would be lost."""
    head = b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a\r\n" + line + b"\r\nTo: <sip:a@b>\r\n"
    for end in (b"\r\n", b"l: 2\r\n\r\nab"):
        response = parse_message(head + end)
        assert isinstance(response, Response)
        assert response.headers.get("To") == "<sip:a@b>"
        assert line not in response.render()
    [framed] = StreamFramer().feed(head + b"l: 2\r\n\r\nab")
    assert isinstance(framed, Response)
    for broken in (b"a: b\rc", b"a: b\nc"):
        refused(head + broken + b"\r\n\r\n")


@pytest.mark.parametrize(
    "line",
    [
        *(b"", b"OPTIONS", b"OPTIONS sip:h", b"OPTIONS sip:h SIP", b"OPTIONS sip:h HTTP/1.1", b"GET / HTTP/1.1"),
        *(b"SIP/2.0", b"SIP/2.0 OK", b"SIP/2.0 20 OK", b"SIP/2.0 099 x", b"SIP/2.0 700 x", b"SIP/2.0 2000 OK"),
        *(b"SIP/3.0 200 OK", b"SIP/2.0  200 OK", b"\xff\xfe", b"@ sip:h SIP/2.0"),
    ],
)
def test_malformed_start_lines_are_not_answered(line: bytes) -> None:
    assert not refused(line + b"\r\nVia: SIP/2.0/UDP a\r\n\r\n").answerable


def test_versions() -> None:
    assert isinstance(parse_message(b"OPTIONS sip:h sip/2.0\r\n\r\n"), Request)
    assert isinstance(parse_message(b"Sip/2.0 200 OK\r\n\r\n"), Response)
    assert refused(b"OPTIONS sip:h SIP/2.1\r\n\r\n").status == 505
    assert refused(b"OPTIONS sip:h SIP/1.0\r\n\r\n").status == 505


def test_acks_are_never_answered() -> None:
    error = refused(b"ACK sip:h SIP/2.0\r\nVia: SIP/2.0/UDP a\r\nl: x\r\n\r\n")
    assert error.request is not None
    assert not error.answerable


def test_near_miss_folded_headers() -> None:
    message = parse_message(HEAD + b"Subject:\r\n  a\r\n\tb\r\n c\r\nTo: x\r\n\r\n")
    assert message.headers.get("Subject") == "a b c"
    assert message.headers.get("To") == "x"


def test_limit_of_a_message() -> None:
    spare = MAX_MESSAGE_OCTETS - len(HEAD) - 2
    assert len(parse_message(HEAD + b"\r\n" + b"x" * spare).body) == spare
    assert refused(HEAD + b"\r\n" + b"x" * (spare + 1)).status == 513


def test_limit_of_a_header_field() -> None:
    line = b"Subject: " + b"x" * (MAX_HEADER_LENGTH - 9)
    assert parse_message(HEAD + line + b"\r\n\r\n").headers.count("Subject") == 1
    error = refused(HEAD + line + b"x\r\n\r\n")
    assert (error.status, error.reason) == (400, "Header field too long")
    folded = b"Subject: " + b"x\r\n " * MAX_HEADER_LENGTH
    assert refused(HEAD + folded + b"\r\n\r\n").reason == "Header field too long"


def test_limit_of_header_fields() -> None:
    fields = b"a: b\r\n" * (MAX_HEADER_FIELDS - 1)
    assert len(parse_message(HEAD + fields + b"\r\n").headers) == MAX_HEADER_FIELDS
    error = refused(HEAD + fields + b"a: b\r\n\r\n")
    assert error.reason == "Too many header fields"
    assert error.request is not None
    assert len(error.request.headers) == MAX_HEADER_FIELDS


def test_limit_of_a_request_uri() -> None:
    uri = b"sip:" + b"a" * (MAX_URI_LENGTH - 6) + b"@h"
    octets = b"OPTIONS " + uri + b" SIP/2.0\r\nVia: SIP/2.0/UDP a\r\n\r\n"
    assert isinstance(parse_message(octets), Request)
    for more in (1, MAX_HEADER_LENGTH):
        error = refused(octets.replace(b"@h", b"a" * more + b"@h"))
        assert error.status == 414
        assert error.answerable


def test_a_bare_line_end_carries_nothing_into_an_answer() -> None:
    error = refused(HEAD + b"To: <sip:b>\nVia: SIP/2.0/UDP evil\r\nFrom: <sip:a>\rX: y\r\nCall-ID: c\r\n\r\n")
    assert error.request is not None
    assert error.reason == "Line end that is not CRLF"
    assert list(error.request.headers) == [("Via", "SIP/2.0/UDP a;branch=z9hG4bK1"), ("Call-ID", "c")]


def test_stream_of_several_messages_in_any_pieces() -> None:
    octets = sized(b"one") + b"\r\n\r\n" + sized(b"") + sized(b"three\r\n\r\n")
    for size in (1, 2, 3, 7, 50, len(octets)):
        framer = StreamFramer()
        messages = []
        for start in range(0, len(octets), size):
            messages += framer.feed(octets[start : start + size])
        assert [m.body for m in messages if isinstance(m, Request)] == [b"one", b"", b"three\r\n\r\n"]
        assert framer.idle
        assert not framer.broken


def test_stream_keep_alives_are_counted_once() -> None:
    framer = StreamFramer()
    assert framer.feed(b"\r\n\r\n\r\n\r\n") == []
    assert framer.take_pings() == 2
    assert framer.take_pings() == 0
    assert framer.idle


def test_stream_keep_alive_in_pieces() -> None:
    framer = StreamFramer()
    for octet in b"\r\n\r\n":
        framer.feed(bytes([octet]))
    assert framer.take_pings() == 1


def test_stream_goes_on_behind_a_broken_message_that_can_be_cut_out() -> None:
    framer = StreamFramer()
    first, second = framer.feed(HEAD + b"bad line\r\nl: 3\r\n\r\nabc" + sized(b"ok"))
    assert isinstance(first, MalformedMessage)
    assert first.answerable
    assert isinstance(second, Request)
    assert second.body == b"ok"
    assert not framer.broken


@pytest.mark.parametrize(
    "octets",
    [
        HEAD + b"\r\n",
        HEAD + b"l: x\r\n\r\n",
        HEAD + b"l: 65536\r\n\r\n",
        b"\x16\x03\x01 not sip at all\r\n\r\n",
        HEAD + b"a: b\r\n" * 12_000,
        b"x" * (MAX_MESSAGE_OCTETS + 1),
    ],
)
def test_stream_that_cannot_be_cut_is_broken_for_good(octets: bytes) -> None:
    framer = StreamFramer()
    messages = framer.feed(octets)
    assert [type(message) for message in messages] == [MalformedMessage]
    assert framer.broken
    assert framer.feed(sized(b"ok")) == []
    assert framer.idle


def test_near_miss_content_length_missing_on_tcp_breaks_the_stream() -> None:
    """Section 18.3: on a stream nothing else says where the body ends."""
    framer = StreamFramer()
    [error] = framer.feed(HEAD + b"\r\nabc" + sized(b"ok"))
    assert isinstance(error, MalformedMessage)
    assert (error.status, error.answerable, framer.broken) == (400, True, True)


def test_near_miss_content_length_too_long_on_tcp_waits_for_the_rest() -> None:
    """What follows is the body's until it is whole; a stream that stays in its middle is the connection's to time."""
    framer = StreamFramer()
    assert framer.feed(sized(b"abc", 10)) == []
    assert not framer.idle
    [message] = framer.feed(b"defghij" + sized(b"ok")[:5])
    assert isinstance(message, Request)
    assert message.body == b"abcdefghij"
    assert not framer.broken


def test_near_miss_content_length_too_short_on_tcp_leaves_a_rest_that_is_no_message() -> None:
    framer = StreamFramer()
    message, error = framer.feed(sized(b"abcdef\r\n\r\n", 3) + sized(b"ok"))
    assert isinstance(message, Request)
    assert message.body == b"abc"
    assert isinstance(error, MalformedMessage)
    assert not error.answerable
    assert framer.broken


@given(st.lists(st.binary(max_size=60), max_size=20))
def test_stream_of_anything_raises_nothing(pieces: list[bytes]) -> None:
    framer = StreamFramer()
    for piece in pieces:
        for message in framer.feed(piece):
            assert isinstance(message, Request | Response | MalformedMessage)


@pytest.mark.parametrize("name", ["Via", "From", "To", "Call-ID", "CSeq"])
def test_mandatory_headers(name: str) -> None:
    fields = {"Via": "SIP/2.0/UDP a", "From": "<sip:a>;tag=1", "To": "<sip:b>", "Call-ID": "c", "CSeq": "1 OPTIONS"}
    validate_request(Request("OPTIONS", "sip:h", fields.items()))
    validate_response(Response(200, None, fields.items()))
    del fields[name]
    with pytest.raises(MalformedMessage, match=f"Missing {name}"):
        validate_request(Request("OPTIONS", "sip:h", fields.items()))
    with pytest.raises(MalformedMessage, match=f"Missing {name}"):
        validate_response(Response(200, None, fields.items()))


@pytest.mark.parametrize("field", [("Contact", "<sip:"), ("Record-Route", "x"), ("Route", ","), ("Max-Forwards", "x")])
def test_headers_of_a_request_that_are_there_are_read(field: tuple[str, str]) -> None:
    fields = [("Via", "SIP/2.0/UDP a"), ("From", "<sip:a>"), ("To", "<sip:b>"), ("Call-ID", "c"), ("CSeq", "1 OPTIONS")]
    with pytest.raises(MalformedMessage) as caught:
        validate_request(Request("OPTIONS", "sip:h", [*fields, field]))
    assert caught.value.status == 400
    assert caught.value.answerable


@pytest.mark.parametrize("field", [("Contact", "<sip:"), ("Contact", '"x <sip:a@b>'), ("Record-Route", "x")])
def test_headers_of_a_response_that_nobody_could_be_told_of_are_let_be(field: tuple[str, str]) -> None:
    fields = [("Via", "SIP/2.0/UDP a"), ("From", "<sip:a>"), ("To", "<sip:b>"), ("Call-ID", "c"), ("CSeq", "1 INVITE")]
    validate_response(Response(486, None, [*fields, field]))
