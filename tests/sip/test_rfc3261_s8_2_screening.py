"""RFC 3261 section 8.2: what a user agent server refuses, with what, and in which order."""

from __future__ import annotations

import pytest

from b2bua.sip.message import Request
from b2bua.sip.screening import Rejection, screen_request

SERVED = ("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS")
SDP = ("Content-Type", "application/sdp")


def screen(
    *fields: tuple[str, str],
    method: str = "INVITE",
    uri: str = "sip:b@h",
    body: bytes = b"",
    accepted_types: tuple[str, ...] = ("application/sdp",),
    schemes: tuple[str, ...] = ("sip", "sips"),
    unregistered_method_status: int = 501,
) -> Rejection | None:
    """The judgement of a request with these fields."""
    return screen_request(
        Request(method, uri, fields, body),
        served_methods=SERVED,
        supported_options=("timer", "100rel"),
        accepted_types=accepted_types,
        schemes=schemes,
        unregistered_method_status=unregistered_method_status,
    )


def status(rejection: Rejection | None) -> int | None:
    """The status of a refusal."""
    return None if rejection is None else rejection.status


def test_a_usual_invite_is_let_pass() -> None:
    assert screen(SDP, ("Require", "timer"), ("Accept", "application/sdp"), body=b"v=0") is None
    assert screen() is None


def test_methods() -> None:
    registered = screen(method="PUBLISH")
    assert registered == Rejection(405, "Method Not Allowed", (("Allow", ", ".join(SERVED)),))
    assert status(screen(method="FROBNICATE")) == 501
    assert status(screen(method="FROBNICATE", unregistered_method_status=405)) == 405
    assert status(screen(method="invite")) == 501


def test_schemes() -> None:
    assert status(screen(uri="tel:+911234")) == 416
    assert screen(uri="tel:+911234", schemes=("sip", "sips", "tel")) is None
    assert screen(uri="sips:b@h") is None
    assert status(screen(uri="sip:")) == 400


def test_a_telephone_number_is_a_request_uri() -> None:
    assert screen_request(Request("INVITE", "tel:+911234"), served_methods=SERVED) is None
    assert screen_request(Request("INVITE", "sips:b@h"), served_methods=SERVED) is None


def test_what_a_refusal_says_of_itself() -> None:
    assert screen(uri="tel:+911234") == Rejection(416, "Unsupported URI Scheme")
    info = Request("INFO", "sip:b@h", [("Info-Package", "foo")])
    assert screen_request(info, served_methods=("INFO",)) == Rejection(469, "Bad Info Package", (("Recv-Info", ""),))
    assert screen(("Info-Package", "foo"), method="OPTIONS") is None, "which means nothing there"
    assert screen(("Accept", "text/plain")) == Rejection(
        406, "Not Acceptable", (("Warning", '399 maskbridge "No acceptable session description format"'),)
    )


def test_require() -> None:
    rejection = screen(("Require", "Timer, foo"), ("Require", "bar"))
    assert rejection == Rejection(420, "Bad Extension", (("Unsupported", "foo, bar"),))
    for method in ("ACK", "CANCEL"):
        assert screen(("Require", "foo"), method=method) is None
    assert status(screen(("Require", "a b"))) == 400


def test_several_bodies_are_fine_where_one_of_them_is_served() -> None:
    """RFC 5621 section 3: multipart is for all to understand; what is in it still has to be of use."""
    mixed = ("Content-Type", "multipart/mixed;boundary=b")
    part = b"--b\r\nContent-Type: application/%s\r\n\r\nv=0\r\n"
    assert screen(mixed, body=part % b"isup" + part % b"sdp" + b"--b--") is None
    assert status(screen(mixed, body=part % b"isup" + b"--b--")) == 415
    assert status(screen(mixed, body=part % b"sdp" + b"--b--", accepted_types=("application/dtmf",))) == 415


def test_bodies() -> None:
    assert screen(("Content-Type", "text/plain"), body=b"x") == Rejection(
        415, "Unsupported Media Type", (("Accept", "application/sdp"),)
    )
    assert status(screen(body=b"x")) == 415
    assert screen(("Content-Type", "text/plain")) is None
    assert screen(("Content-Type", "APPLICATION/SDP; x=y"), body=b"x") is None
    assert screen(("c", "text/plain"), ("Content-Disposition", "icon;handling=optional"), body=b"x") is None
    assert status(screen(("c", "text/plain"), ("Content-Disposition", "session;handling=required"), body=b"x")) == 415
    assert screen(SDP, ("e", "gzip"), body=b"x") == Rejection(
        415, "Unsupported Media Type", (("Accept-Encoding", "identity"),)
    )
    assert screen(SDP, ("e", "identity"), body=b"x") is None
    assert screen(("c", "text/plain"), body=b"x", accepted_types=("text/plain",)) is None
    assert status(screen(("c", "broken"), body=b"x")) == 400


def test_a_body_of_two_types_is_of_none() -> None:
    """Others might read it as the other one."""
    rejection = screen(SDP, ("c", "text/plain"), body=b"v=0")
    assert rejection == Rejection(400, "More than one Content-Type")
    assert status(screen(("c", "text/plain"), SDP, body=b"v=0")) == 400
    assert status(screen(SDP, ("c", "text/plain"), ("Content-Disposition", "x;handling=optional"), body=b"x")) == 400
    assert screen(SDP, SDP, body=b"v=0") is None, "said twice"
    assert screen(SDP, ("c", "text/plain")) is None, "there is no body"
    for method in ("ACK", "CANCEL", "BYE"):
        assert screen(SDP, ("c", "text/plain"), method=method, body=b"v=0") is None


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("application/sdp", None),
        ("text/plain, application/*;q=0.5", None),
        ("*/*", None),
        ("text/plain", 406),
        ("application/json", 406),
        ("text/*", 406),
        ("application/sdp;q=0.0", 406),
        ("application/sdp;q=0.00", 406),
        ("application/sdp;q=0.000", 406),
        ("application/*;q=0, text/*", 406),
        ("application/sdp;q=0.001", None),
        ("application/sdp;q=0", 406),
        ("", 406),
        ("broken", 400),
    ],
)
def test_accept(accept: str, expected: int | None) -> None:
    assert status(screen(("Accept", accept))) == expected
    assert screen(("Accept", accept), method="BYE") is None
    assert screen(("Accept", accept), method="OPTIONS") is None, "our answer has no body"


def test_order() -> None:
    everything = (("Require", "foo"), ("Content-Type", "text/plain"), ("Accept", "text/plain"))
    assert status(screen(*everything, method="X", uri="tel:1", body=b"x")) == 501
    assert status(screen(*everything, uri="tel:1", body=b"x")) == 416
    assert status(screen(*everything, body=b"x")) == 420
    assert status(screen(*everything[1:], body=b"x")) == 415
    assert status(screen(*everything[2:], SDP, body=b"x")) == 406
