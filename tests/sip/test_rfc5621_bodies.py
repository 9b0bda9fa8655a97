"""Which part of a body is the session description (RFC 5621, RFC 2046 section 5.1.1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.sip.bodies import MAX_PARTS, session_description

SDP = b"v=0\r\no=- 1 1 IN IP4 203.0.113.10\r\ns=-\r\n"
ISUP = b"Content-Type: application/isup;version=itu-t92+\r\n\r\n\x06\x01\x00"


def parts(*contents: bytes, boundary: bytes = b"b1", end: bytes = b"--\r\n") -> bytes:
    return b"".join(b"--" + boundary + b"\r\n" + content + b"\r\n" for content in contents) + b"--" + boundary + end


@pytest.mark.parametrize("content_type", [None, "application/sdp", "Application/SDP", "application/sdp;charset=utf-8"])
def test_a_body_of_its_own(content_type: str | None) -> None:
    assert session_description(content_type, SDP) == SDP
    assert session_description(content_type, b"") == b""


@pytest.mark.parametrize("content_type", ["application/isup", "text/plain", "multipart/mixed", "sdp", ""])
def test_a_body_of_another_type_has_none(content_type: str) -> None:
    assert session_description(content_type, SDP) == b""


@pytest.mark.parametrize("content_type", ["multipart/mixed;boundary=b1", 'multipart/alternative; boundary="b1"'])
@pytest.mark.parametrize(
    "head",
    [
        b"Content-Type: application/sdp",
        b"c:application/sdp",
        b"Content-Disposition: session\r\nCONTENT-TYPE :\r\n\tapplication/sdp",
        b"Content-Transfer-Encoding: binary\r\nContent-Type: application/sdp",
    ],
)
def test_a_part_of_several(content_type: str, head: bytes) -> None:
    description = head + b"\r\n\r\n" + SDP
    assert session_description(content_type, parts(description, ISUP)) == SDP
    assert session_description(content_type, b"preamble\r\n" + parts(ISUP, description)) == SDP
    assert session_description(content_type, parts(ISUP, description, end=b"")) == SDP


@pytest.mark.parametrize(
    "body",
    [
        parts(ISUP),
        parts(b"Content-Type: application/sdp\r\nContent-Transfer-Encoding: base64\r\n\r\ndj0w"),
        parts(b"\r\n" + SDP),
        parts(b"Content-Type: \x00\r\n\r\n" + SDP),
        parts(b"Content-Type: application/sdp\r\n\r\n" + SDP, boundary=b"other"),
        parts(ISUP) + parts(b"Content-Type: application/sdp\r\n\r\n" + SDP),
        parts(*[ISUP] * MAX_PARTS, b"Content-Type: application/sdp\r\n\r\n" + SDP),
        b"no part at all",
    ],
)
def test_parts_without_one(body: bytes) -> None:
    assert session_description("multipart/mixed;boundary=b1", body) == b""


@given(st.text(max_size=40), st.binary(max_size=200))
def test_anything_raises_nothing(content_type: str, body: bytes) -> None:
    assert session_description(content_type, body) in body
    assert session_description("multipart/mixed;boundary=-", body) in body
