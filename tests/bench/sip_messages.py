"""What a SIP message costs: CPU microseconds to parse, check and render a typical INVITE and its 200."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

from b2bua.sip.message import Headers, Request, Response, build_response
from b2bua.sip.parser import parse_message, validate_request, validate_response

T = TypeVar("T")

_SDP: Final = (
    b"v=0\r\no=- 3912345678 3912345678 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n"
    b"m=audio 24680 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n"
)
_UNIQUE: Final = b"@@@@@@@@"
INVITE: Final = (
    b"INVITE sip:+9198765@@@@@@@@@sip.carrier.example:5060;user=phone SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK@@@@@@@@4b6f;rport\r\n"
    b"Max-Forwards: 70\r\n"
    b'From: "917969002802" <sip:+917969002802@sip.carrier.example;user=phone>;tag=@@@@@@@@a7\r\n'
    b"To: <sip:+9198765@@@@@@@@@sip.carrier.example;user=phone>\r\n"
    b"Call-ID: @@@@@@@@-4f5c-4b1c-9d0e-6f1f0f0b2d11\r\n"
    b"CSeq: 1 INVITE\r\n"
    b"Contact: <sip:@@@@@@@@@192.0.2.7:5060>\r\n"
    b"P-Asserted-Identity: <sip:+917969002802@sip.carrier.example;user=phone>\r\n"
    b"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK\r\n"
    b"Supported: 100rel, timer\r\n"
    b"User-Agent: maskbridge\r\n"
    b"Content-Type: application/sdp\r\n"
    b"Content-Length: %d\r\n\r\n" % len(_SDP)
) + _SDP
OK: Final = (
    b"SIP/2.0 200 OK\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK@@@@@@@@4b6f;rport=5060;received=192.0.2.7\r\n"
    b"Record-Route: <sip:198.51.100.4;lr>\r\n"
    b'From: "917969002802" <sip:+917969002802@sip.carrier.example;user=phone>;tag=@@@@@@@@a7\r\n'
    b"To: <sip:+9198765@@@@@@@@@sip.carrier.example;user=phone>;tag=@@@@@@@@b8\r\n"
    b"Call-ID: @@@@@@@@-4f5c-4b1c-9d0e-6f1f0f0b2d11\r\n"
    b"CSeq: 1 INVITE\r\n"
    b"Contact: <sip:@@@@@@@@@198.51.100.4:5060>\r\n"
    b"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\n"
    b"Content-Type: application/sdp\r\n"
    b"Content-Length: %d\r\n\r\n" % len(_SDP)
) + _SDP


def measure(messages: int = 4_000) -> dict[str, float]:
    """CPU microseconds per message, the best of five rounds of `messages` different ones each (no cache helps)."""
    invites = [INVITE.replace(_UNIQUE, b"%08d" % number) for number in range(messages)]
    answers = [OK.replace(_UNIQUE, b"%08d" % number) for number in range(messages)]
    requests = [message for message in map(parse_message, invites) if isinstance(message, Request)]
    responses = [message for message in map(parse_message, answers) if isinstance(message, Response)]
    return {
        "parse_invite_us": _best_us(parse_message, invites),
        "parse_and_check_invite_us": _best_us(_take_request, invites),
        "render_invite_us": _best_us(_render_request, requests),
        "parse_200_us": _best_us(parse_message, answers),
        "parse_and_check_200_us": _best_us(_take_response, answers),
        "render_200_us": _best_us(Response.render, responses),
        "build_and_render_180_us": _best_us(_answer_ringing, requests),
    }


def _take_request(octets: bytes) -> None:
    message = parse_message(octets)
    if isinstance(message, Request):
        validate_request(message)


def _take_response(octets: bytes) -> None:
    message = parse_message(octets)
    if isinstance(message, Response):
        validate_response(message)


def _render_request(request: Request) -> bytes:
    return Request(request.method, request.request_uri, Headers(request.headers), request.body).render()


def _answer_ringing(request: Request) -> bytes:
    return build_response(request, 180, to_tag="4fe1a2b3", headers=(("Contact", "<sip:192.0.2.9:5060>"),)).render()


def _best_us(work: Callable[[T], object], items: list[T]) -> float:
    return min(_round_us(work, items) for _ in range(5))


def _round_us(work: Callable[[T], object], items: list[T]) -> float:
    before = time.process_time()
    for item in items:
        work(item)
    return round((time.process_time() - before) / len(items) * 1e6, 2)


if __name__ == "__main__":
    for name, figure in measure().items():
        print(f"{name:28} {figure:8.2f}")
