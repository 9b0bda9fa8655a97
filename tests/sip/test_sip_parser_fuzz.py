"""Whatever the octets are: a request, a response or MalformedMessage, and no property raises anything but SipError."""

from __future__ import annotations

import time
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from b2bua.sip.digest import response_challenges
from b2bua.sip.errors import MalformedMessage, SipError
from b2bua.sip.framing import StreamFramer
from b2bua.sip.grammar import MAX_HEADER_LENGTH
from b2bua.sip.message import Request, Response, build_response
from b2bua.sip.parser import parse_message, validate_request, validate_response
from b2bua.sip.screening import screen_request
from tests.support.sip_corpus import torture_message, torture_names, touch_everything

CORPUS: Final = [torture_message(corpus, name) for corpus in ("rfc4475", "rfc5118") for name in torture_names(corpus)]
FRAGMENTS: Final = [
    *(b"\r\n", b"\r", b"\n", b"\x00", b"\xff", b'"', b"\\", b"<", b">", b";", b",", b":", b"@", b"%", b"[", b"]", b"?"),
    *(
        b"=",
        b" ",
        b"\t",
        b"/",
        b"SIP/2.0",
        b"Via: ",
        b"\r\n ",
        b"Content-Length: ",
        b"9" * 30,
        b";tag=",
        b"*",
        b"z9hG4bK",
    ),
    *("\u0661\u00e9\u2028\u0085".encode(), b"::1", b"INVITE", b"Digest ", b'="'),
]


def swallow(octets: bytes) -> None:
    """Everything that is done with what a peer sent; fails on any exception that is no SipError."""
    feed_whole(octets)
    try:
        message = parse_message(octets)
    except MalformedMessage as error:
        if error.request is not None:
            touch_everything(error.request)
            render_answer(error.request, error.status, error.reason)
        return
    touch_everything(message)
    try:
        if isinstance(message, Request):
            screen_request(message, served_methods=("INVITE",))
            validate_request(message)
        else:
            response_challenges(message)
            validate_response(message)
    except MalformedMessage as error:
        render_answer(Request("OPTIONS", "sip:h"), error.status, error.reason)
    if isinstance(message, Request):
        render_answer(message, 200, None)
    round_trip(message)


def feed_whole(octets: bytes) -> None:
    """The same octets on a stream."""
    framer = StreamFramer()
    for message in framer.feed(octets):
        assert isinstance(message, Request | Response | MalformedMessage)


def render_answer(request: Request, status: int, reason: str | None) -> None:
    """A response to it can be built and read again, whatever it is."""
    answer = parse_message(build_response(request, status, reason, to_tag="t").render())
    assert isinstance(answer, Response)
    assert answer.status == status


def round_trip(message: Request | Response) -> None:
    """What is rendered is read as the same message again."""
    try:
        rendered = message.render()
    except SipError:
        # A request line may be received that is not one we would write.
        assert isinstance(message, Request)
        return
    again = parse_message(rendered)
    assert again.body == message.body
    assert [field for field in again.headers if field[0] != "Content-Length"] == [
        field for field in message.headers if field[0] != "Content-Length"
    ]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A torture message with a few octets taken away, doubled, replaced or put in."""
    octets = draw(st.sampled_from(CORPUS))
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(octets)))
        end = min(len(octets), start + draw(st.sampled_from([0, 0, 1, 1, 2, 5, 40])))
        middle = draw(st.sampled_from(FRAGMENTS) | st.binary(max_size=3) | st.just(octets[start:end] * 2))
        octets = octets[:start] + middle + octets[end:]
    return octets


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(mutated())
def test_mutated_torture_messages(octets: bytes) -> None:
    swallow(octets)


@given(st.binary(max_size=200))
def test_any_octets(octets: bytes) -> None:
    swallow(octets)


@given(st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=4), max_size=40))
def test_any_fragments_behind_a_request_line(fragments: list[bytes]) -> None:
    swallow(b"INVITE sip:h SIP/2.0\r\n" + b"".join(fragments) + b"\r\n\r\n")


@given(
    st.sampled_from(["Via", "From", "Contact", "CSeq", "Route", "Reason", "Require", "Content-Type", "Accept"]),
    st.text(),
)
def test_any_text_in_a_header_that_is_read(name: str, text: str) -> None:
    line = f"{name}: {text}\r\n".encode("utf-8", "replace")
    swallow(b"INVITE sip:h SIP/2.0\r\n" + line + b"\r\n")


@pytest.mark.parametrize(
    "pattern",
    [
        *(
            '"',
            '\\"',
            "<",
            ",",
            ";",
            ";a",
            ";a=",
            " ",
            "\t",
            ":",
            "a",
            '"\\',
            "[",
            "%41",
            "@",
            "=",
            '",',
            "(",
            ";a ",
            "/",
            "?a",
        ),
        *(", ", "<>", 'a="', "SIP/", ". ", "sip:", "tag=1;", "\u00e9", 'Digest a="b", ', "a=b,", "a "),
    ],
)
@pytest.mark.parametrize("name", ["Via", "From", "Contact", "Content-Type", "WWW-Authenticate", "Reason", "Accept"])
def test_no_value_takes_quadratic_time(name: str, pattern: str) -> None:
    # A pass over the longest value takes about 0.2 ms; one quadratic in it some seconds.
    values = [
        prefix + pattern * (MAX_HEADER_LENGTH // len(pattern.encode()) // 2) for prefix in ("", "<sip:a@h>", "Digest ")
    ]
    before = time.process_time()
    for value in values:
        message = Response(401, None, [(name, value)])
        touch_everything(message)
        response_challenges(message)
        touch_everything(Request("INVITE", value or "x", [(name, value)]))
    assert time.process_time() - before < 0.5


@pytest.mark.parametrize(
    "filler", [b" ", b"\t", b"\r\n ", b"a:\r\n", b"a: b\r\n", b":", b"\r\n", b"\n", b"\xff", b"SIP/2.0 "]
)
def test_no_message_takes_quadratic_time(filler: bytes) -> None:
    before = time.process_time()
    for head in (b"", b"INVITE sip:h SIP/2.0\r\n", b"INVITE ", b"SIP/2.0 200 ", b"INVITE sip:h SIP/2.0\r\nVia: "):
        swallow((head + filler * (60_000 // len(filler)))[:60_000] + b"\r\n\r\n")
    assert time.process_time() - before < 1.5
