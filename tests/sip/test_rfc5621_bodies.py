"""Which part of a body is the session description (RFC 5621, RFC 2046 section 5.1.1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.sip.bodies import MAX_DEPTH, MAX_PARTS, session_description
from b2bua.sip.events import AckReceived, IncomingRequest
from tests.support.agents import OFFER
from tests.support.early_dialogs import Arrival, only, statuses

SDP = b"v=0\r\no=- 1 1 IN IP4 203.0.113.10\r\ns=-\r\n"
OPTIONAL = "Content-Disposition: signal;handling=optional"
ISUP_TYPE = "application/isup"
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


def inside(part: bytes, boundary: bytes) -> bytes:
    head = b'Content-Type: multipart/alternative; boundary="' + boundary + b'"'
    return head + b"\r\n\r\n" + parts(part, boundary=boundary)


def test_a_part_of_a_part() -> None:
    part = b"Content-Type: application/sdp\r\n\r\n" + SDP
    assert session_description("multipart/mixed;boundary=b1", parts(ISUP, inside(part, b"in"))) == SDP
    assert session_description("multipart/mixed;boundary=b1", parts(inside(ISUP, b"in"), part)) == SDP
    for depth in range(1, MAX_DEPTH):
        part = inside(part, b"level%d" % depth)
    assert session_description("multipart/mixed;boundary=b1", parts(part)) == SDP
    assert session_description("multipart/mixed;boundary=b1", parts(inside(part, b"deeper"))) == b""


@pytest.mark.parametrize("disposition", [b"early-session", b"Early-Session ; handling=optional"])
def test_the_description_of_an_early_session_is_another(disposition: bytes) -> None:
    """RFC 3959 section 5: it comes beside that of the session, in either order."""
    early = b"Content-Type: application/sdp\r\nContent-Disposition: " + disposition + b"\r\n\r\nv=0\r\n"
    session = b"Content-Type: application/sdp\r\nContent-Disposition: session\r\n\r\n" + SDP
    assert session_description("multipart/mixed;boundary=b1", parts(early, session)) == SDP
    assert session_description("multipart/mixed;boundary=b1", parts(session, early)) == SDP
    assert session_description("multipart/mixed;boundary=b1", parts(early)) == b""


@given(st.text(max_size=40), st.binary(max_size=200))
def test_anything_raises_nothing(content_type: str, body: bytes) -> None:
    assert session_description(content_type, body) in body
    assert session_description("multipart/mixed;boundary=-", body) in body


# A body that is not said to be needed, and is no session description, offers and answers nothing.


def arrived_without_an_offer() -> Arrival:
    return Arrival(f"Supported: 100rel\n{OPTIONAL}", body="isup", content_type=ISUP_TYPE)


def test_an_invite_with_another_body_alone_has_no_offer() -> None:
    arrival = arrived_without_an_offer()
    assert arrival.respond(180, reliable=True) == [], "the first reliable response would have to make the offer"
    progress = only(arrival.respond(183, OFFER))
    assert statuses(arrival.ask("UPDATE", body="v=0")) == [491], "our offer is open"
    assert statuses(arrival.prack(progress, body="v=0")) == [200]
    assert arrival.events() == [AckReceived(arrival.usage, b"v=0", "application/sdp")], "it was no offer"
    assert statuses(arrival.respond(200)) == [200]


def test_our_offer_in_the_200_to_such_an_invite_is_open_until_the_ack() -> None:
    arrival = arrived_without_an_offer()
    arrival.respond(200, OFFER)
    assert statuses(arrival.ask("UPDATE", body="v=0")) == [491]
    arrival.ack()
    assert arrival.events() == [AckReceived(arrival.usage, b"", None)], "the answer that it owed is missing"


def test_an_update_with_another_body_alone_has_no_offer() -> None:
    arrival = Arrival(body="")
    arrival.respond(200, OFFER)
    assert arrival.ask("UPDATE", headers=OPTIONAL, body="isup", content_type=ISUP_TYPE) == []
    [asked] = arrival.events()
    assert isinstance(asked, IncomingRequest)
    assert statuses(arrival.respond(200, to=asked.transaction)) == [200]


def test_a_prack_with_another_body_alone_has_no_offer() -> None:
    arrival = Arrival()
    progress = only(arrival.respond(183, OFFER))
    rack = f"RAck: {progress.rseq} {progress.cseq.number} INVITE\n{OPTIONAL}"
    assert statuses(arrival.ask("PRACK", headers=rack, body="isup", content_type=ISUP_TYPE)) == [200]
    assert arrival.events() == []
