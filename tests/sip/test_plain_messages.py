"""What compiled code reads of a plain message is what the parser reads: the same message, meaning and refusals."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.sip.errors import MalformedMessage, SipError
from b2bua.sip.framing import StreamFramer
from b2bua.sip.message import TIDY, Message, Request, Response
from b2bua.sip.parser import parse_any, parse_head, parse_message, validate_request, validate_response
from b2bua.sip.plain import is_plain_uri, read_plain
from b2bua.sip.uri import Uri
from tests.support.sip_corpus import torture_message, torture_names

pytest.importorskip("b2bua.sip._plain", reason="no compiler here, so that no message is plain")

CORPUS: Final = [torture_message(corpus, name) for corpus in ("rfc4475", "rfc5118") for name in torture_names(corpus)]
MEANINGS: Final = (
    *("via", "vias", "from_", "to", "from_tag", "to_tag", "call_id", "cseq", "contacts", "contact", "routes"),
    *("record_routes", "uri", "max_forwards"),
)
INVITE: Final = b"""INVITE sip:9876543210@192.0.2.1:5060;user=phone SIP/2.0
Via: SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bK-1;rport
Max-Forwards: 70
From: "A. Lice" <sip:+919123456789@192.0.2.9;user=phone>;tag=a1
To: Bob <sip:9876543210@192.0.2.1>
Call-ID: 1-2@192.0.2.9
CSeq: 1 INVITE
Contact: <sip:alice@192.0.2.9:5070;transport=udp>;+sip.instance=x
Content-Type: application/sdp
Content-Length: 4

v=0
""".replace(b"\n", b"\r\n")
OK: Final = b"""SIP/2.0 200 OK, fine
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK-2
f: <sip:917969002802@192.0.2.1>;tag=b
t: <sip:9876543210@carrier.example>;tag=c
i: 2
CSeq: 4294967295 BYE
Record-Route: <sip:192.0.2.5;lr>
Server: a carrier's

""".replace(b"\n", b"\r\n")
RINGING: Final = OK.replace(b"200 OK, fine", b"180 Ringing").replace(b"BYE", b"INVITE")


def outcome(read: Callable[[], Any]) -> Any:
    """What is read, or how it is refused."""
    try:
        return read()
    except SipError as error:
        return type(error), error.reason, error.status


def meaning(message: Message) -> list[Any]:
    found = []
    for name in MEANINGS:
        value = outcome(lambda name=name: getattr(message, name, None))  # type: ignore[misc]
        found.append((name, type(value), value))
    return found


def verdict(message: Request | Response) -> Any:
    if isinstance(message, Request):
        return outcome(lambda: validate_request(message))
    return outcome(lambda: validate_response(message))


def assert_read_alike(octets: bytes) -> Request | Response | None:
    """What is plain is no other message to the parser; whatever is refused is not plain. Neither is a header alone."""
    end = octets.find(b"\r\n\r\n")
    head = read_plain(octets[: end + 4], head_alone=True)
    if head is not None:
        assert head.body == b""
        assert_the_same(head, parse_head(octets[:end])[1])
    plain = read_plain(octets)
    if plain is not None:
        assert_the_same(plain, parse_any(octets))
    return plain


def assert_the_same(plain: Request | Response, parsed: Request | Response | MalformedMessage) -> None:
    assert not isinstance(parsed, MalformedMessage)
    assert plain == parsed
    assert type(plain) is type(parsed)
    assert verdict(plain) == verdict(parsed)
    assert meaning(plain) == meaning(parsed)
    assert plain.headers._index == parsed.headers._make_index()
    assert plain.headers.copy() == parsed.headers
    if isinstance(plain, Response) and isinstance(parsed, Response):
        plain.skip_empty_parameters()
        parsed.skip_empty_parameters()
        assert plain == parsed
        assert meaning(plain) == meaning(parsed)


@pytest.mark.parametrize("octets", [INVITE, OK, RINGING], ids=["INVITE", "200", "180"])
def test_what_nearly_everybody_sends_is_plain_and_checked_while_it_is_read(octets: bytes) -> None:
    plain = assert_read_alike(octets)
    assert plain is not None
    assert plain.headers.are_checked
    assert parse_message(octets).headers.are_checked
    assert not parse_any(octets).headers.are_checked
    plain.headers.set("CSeq", "x")
    assert verdict(plain) == (MalformedMessage, "Malformed CSeq", 400)


def test_what_comes_over_a_stream_is_checked_while_it_is_read() -> None:
    framer, whole = StreamFramer(), INVITE[:-1]
    got = [message for octet in whole + whole for message in framer.feed(bytes([octet]))]
    assert got == [parse_any(INVITE)] * 2
    for message in got:
        assert isinstance(message, Request)
        assert message.headers.are_checked
        assert_the_same(message, parse_any(INVITE))


@pytest.mark.parametrize(
    ("value", "tidy"), [(b";lr", True), (b";lr;", False), (b"; ;lr", False), (b";lr;,<sip:a>", False)]
)
def test_empty_parameters_are_looked_for_where_there_are_some(value: bytes, tidy: bool) -> None:
    octets = OK.replace(b";lr>", b";lr>" + value)
    assert assert_read_alike(octets) is not None
    assert (TIDY in parse_message(octets).headers._typed) is tidy


@pytest.mark.parametrize("octets", CORPUS)
def test_torture_messages_are_read_alike(octets: bytes) -> None:
    assert_read_alike(octets)


LINES: Final = (
    b"Via: SIP/2.0/TCP proxy.example",
    b"v: SIP/2.0/UDP [2001:db8::1]:5060;branch=z9hG4bK3",
    b"Via: SIP/2.0/UDP a, SIP/2.0/UDP b",
    b"Via: SIP/2.0/udp a",
    b"Via: SIP/2.0/UDP a:65536",
    b"Via: SIP/2.0/UDP a:005060",
    b"Via: SIP/2.0/UDP " + b"a" * 256,
    b"Via: SIP/2.0/UDP a:5060 ;branch=x",
    b"Record-Route: <sip:192.0.2.5;lr>;",
    b"Record-Route: <sip:192.0.2.5;lr>; ;x, <sip:192.0.2.6>",
    b"Content-Type: application/sdp; ,",
    b'Contact: <sip:a@b>;x=";;"',
    b"Session-Expires: 1800;;refresher=uas",
    b"From: <sip:a@b>;tag=again",
    b"To: sip:a@b;tag=bare",
    b'To: "quoted \\" pair" <sip:a@b>',
    b'To: "back\\\\slash" <sip:a@b>',
    b"To: a;b <sip:a@b>",
    b"To: a,b <sip:a@b>",
    b"To: <sip:a@b>;x=c,d",
    b"To: <sip:%zz@b>",
    b"To: <sip:a@" + b"b" * 256 + b">",
    b"To: <sip:" + b"a" * 2_044 + b"@b>",
    b"To: <sip:a@b>;Tag=upper;tag=lower",
    b"To: <sip:a@b>;tag",
    b"To: <sips:a@b>;tag=x",
    b"To: <tel:+919876543210>",
    b"Contact: *",
    b"Contact: <sip:a@b>, <sip:c@d>",
    b'Contact: "A, B" <sip:a,b@c>',
    b"Contact: <sip:a@b>",
    b"m: <sip:a@b;x=%41?subject=y>",
    b"Contact: <sip:a:secret@b>",
    b"Call-ID: two words",
    b"Call-ID:",
    b"CSeq: 4294967296 INVITE",
    b"CSeq: 1  INVITE",
    b"CSeq: 01 INVITE",
    b"CSeq: 1 BYE",
    b"Max-Forwards: 256",
    b"Max-Forwards: -1",
    b"Max-Forwards: 007",
    b"Route: <sip:192.0.2.5;lr>",
    b"Route: broken",
    b"Record-Route: <sip:192.0.2.5;lr>, broken",
    b"Content-Length: 2",
    b"Content-Length: 5",
    b"Content-Length: 65536",
    b"Content-Length: 2x",
    b"l: 0",
    b"Subject:   spaces  ",
    b"X-Unknown: y",
    b"Subject : y",
    b"subject: y",
    b"Subject: folded\r\n line",
    b"Subject: tab\tinside",
    b"Subject: \xc3\xa9",
    b"Subject: bare \r end",
    b"Subject: bare \n end",
    b"no colon",
    b": no name",
)


@pytest.mark.parametrize("octets", [INVITE, OK, RINGING], ids=["INVITE", "200", "180"])
@pytest.mark.parametrize("line", LINES)
def test_a_message_with_another_line_is_read_alike(line: bytes, octets: bytes) -> None:
    """Beside those that it has, and in place of each."""
    head, _, body = octets.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    for at in range(1, len(lines)):
        assert_read_alike(b"\r\n".join([*lines[:at], line, *lines[at:]]) + b"\r\n\r\n" + body)
        assert_read_alike(b"\r\n".join([*lines[:at], line, *lines[at + 1 :]]) + b"\r\n\r\n" + body)


@given(
    st.sampled_from([INVITE, OK, RINGING]),
    st.lists(st.tuples(st.integers(0, 11), st.sampled_from(LINES), st.booleans()), max_size=3),
)
@settings(max_examples=600)
def test_a_message_with_other_lines_is_read_alike(octets: bytes, others: list[tuple[int, bytes, bool]]) -> None:
    head, _, body = octets.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    for position, line, instead in others:
        at = 1 + position % (len(lines) - 1)
        lines[at : at + instead] = [line]
    assert_read_alike(b"\r\n".join(lines) + b"\r\n\r\n" + body)


@pytest.mark.parametrize("text", ["sip:a@b", "sip:192.0.2.1:5060", "sip:+91@b.example;user=phone"])
def test_a_plain_uri_is_known_as_one(text: str) -> None:
    assert is_plain_uri(text)


@given(st.one_of(st.text(max_size=30).map("sip:{}".format), st.from_regex(r"sips?:[ab0%@:;=.,?\[\]\-]{0,20}")))
@settings(max_examples=600)
def test_a_plain_uri_can_be_read(text: str) -> None:
    if is_plain_uri(text):
        assert str(Uri.parse(text)) == text


STARTS: Final = (
    b"INVITE sip:a@b  SIP/2.0",
    b"INVITE  sip:a@b SIP/2.0",
    b"INVITE sip:a b SIP/2.0",
    b"INVITE <sip:a@b> SIP/2.0",
    b"INVITE sip:a@b SIP/3.0",
    b"INVITE sip:a@b sip/2.0",
    b"INVITE  SIP/2.0",
    b"INVITE SIP/2.0",
    b" SIP/2.0",
    b"SIP/2.0 SIP/2.0",
    b"invite sip:a@b SIP/2.0",
    b"INVITE sip:a@b?x=y SIP/2.0",
    b"INVITE tel:1 SIP/2.0",
    b"INVITE sip: SIP/2.0",
    b"INVITE sip:@b SIP/2.0",
    b"INVITE sip:a@@b SIP/2.0",
    b"INVITE sip:a@b;;c SIP/2.0",
    b"INVITE sip:a@b:5060:1 SIP/2.0",
    b"INVITE sip:a@b: SIP/2.0",
    b"INVITE sip:" + b"a" * 2045 + b" SIP/2.0",
    b"SIP/2.0 200",
    b"SIP/2.0 200 ",
    b"SIP/2.0 099 Low",
    b"SIP/2.0 699 High",
    b"SIP/2.0 700 Higher",
    b"SIP/2.0 2000 Long",
    b"SIP/2.0  200 Wide",
    b"SIP/2.0 +20 Sign",
    b"",
)


@pytest.mark.parametrize("octets", [INVITE, OK], ids=["of a request", "of a response"])
@pytest.mark.parametrize("start", STARTS)
def test_a_start_line_is_read_alike(start: bytes, octets: bytes) -> None:
    assert_read_alike(start + octets[octets.index(b"\r\n") :])


PIECES: Final = st.sampled_from(
    [*(bytes([octet]) for octet in range(128)), b"\r\n", b"\r\n ", b"%41", b"z9hG4bK", b"\xff", b"\r\n\r\n", b"sip:"]
)


@given(st.sampled_from([INVITE, OK, *CORPUS]), st.data())
@settings(max_examples=1500)
def test_a_changed_message_is_read_alike(octets: bytes, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(octets)))
        octets = octets[:at] + data.draw(PIECES) + octets[at + data.draw(st.integers(0, 4)) :]
    assert_read_alike(octets)


def test_the_limits_are_the_parsers() -> None:
    """What is at a limit is read alike, and what is beyond it not plain."""

    def with_line(line: bytes) -> bytes:
        return INVITE.replace(b"Max-Forwards: 70", b"Max-Forwards: 70\r\n" + line)

    parameters = b";x" * 64
    endless = INVITE.replace(b"Content-Length: 4\r\n", b"")
    assert assert_read_alike(endless + b"x" * (65_535 - len(endless))) is not None
    assert assert_read_alike(endless + b"x" * (65_536 - len(endless))) is None
    assert assert_read_alike(with_line(b"\r\n".join([b"Subject: x"] * (256 - 9)))) is not None
    assert assert_read_alike(with_line(b"\r\n".join([b"Subject: x"] * (256 - 8)))) is None
    assert assert_read_alike(with_line(b"Subject: " + b"x" * 7_000)) is not None
    assert assert_read_alike(with_line(b"Subject: " + b"x" * 8_192)) is None
    for count, checked in ((99, True), (100, False)):
        vias = assert_read_alike(with_line(b"\r\n".join([b"Via: SIP/2.0/UDP a"] * count)))
        assert vias is not None
        assert vias.headers.are_checked is checked
    for many, checked in ((parameters, True), (parameters + b";y", False)):
        message = assert_read_alike(INVITE.replace(b";tag=a1", many))
        assert message is not None
        assert message.headers.are_checked is checked
    for many, refused in ((b";x" * 63, False), (b";x" * 63 + b";tag=y", False), (b";x" * 64, True)):
        message = assert_read_alike(
            INVITE.replace(b"9876543210@192.0.2.1>\r\n", b"9876543210@192.0.2.1>" + many + b"\r\n")
        )
        assert message is not None
        assert (verdict(message) is not None) is refused


def test_without_the_compiled_code_every_message_is_for_the_parser() -> None:
    program = (
        "import sys; sys.modules['b2bua.sip._plain'] = None\n"
        "from b2bua.sip.parser import parse_any, parse_message\n"
        "from b2bua.sip.plain import is_plain_uri, read_plain\n"
        "assert not is_plain_uri('sip:a@b')\n"
        f"octets = {INVITE!r}\n"
        "assert read_plain(octets) is None\n"
        "assert parse_message(octets) == parse_any(octets)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
