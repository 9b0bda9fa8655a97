"""Digits in INFO (legacy uses, RFC 6086 section 2): what bodies say, and what an INFO of a package gets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.sip.errors import MalformedMessage
from b2bua.sip.events import IncomingRequest
from b2bua.sip.info_digits import DIGITS, DURATION_MS, InfoDigit, read_digit
from b2bua.sip.message import Request, Response
from tests.support.agents import Bench, in_dialog_from_peer

RELAY = "application/dtmf-relay"
SIGNAL = "application/dtmf"


@pytest.mark.parametrize(
    ("body", "digit", "duration_ms"),
    [
        (b"Signal=5\r\nDuration=160\r\n", "5", 160),
        (b"Signal= 5\r\nDuration= 250", "5", 250),
        (b"signal=*\nduration=100\n", "*", 100),
        (b"Signal=#\r\n", "#", DURATION_MS),
        (b"Signal=d\r\nDuration=80\r\nX-Level=3\r\n\r\n", "D", 80),
        (b"Signal=10\r\n", "*", DURATION_MS),
        (b"Signal=11\r\nDuration=0", "#", 0),
        (b"Duration=300\r\nSignal=15", "D", 300),
        (b"Signal=1\r\nSignal=1\r\n", "1", DURATION_MS),
        (b"Signal=1\r\nDuration=999999\r\n", "1", 999_999),
    ],
)
def test_what_a_relay_body_says(body: bytes, digit: str, duration_ms: int) -> None:
    assert read_digit(RELAY, body) == InfoDigit(digit, duration_ms)


@pytest.mark.parametrize(("body", "digit"), [(b"5", "5"), (b"#\r\n", "#"), (b" b ", "B"), (b"10", "*")])
def test_what_a_signal_body_says(body: bytes, digit: str) -> None:
    assert read_digit(SIGNAL, body) == InfoDigit(digit, DURATION_MS)


@pytest.mark.parametrize("signal", ["16", "!", "hf", "Flash"])
def test_a_hook_flash_is_no_digit(signal: str) -> None:
    assert read_digit(RELAY, f"Signal={signal}\r\nDuration=160".encode()) is None
    assert read_digit(SIGNAL, signal.encode()) is None


def test_a_body_of_another_type_is_none_of_its_business() -> None:
    assert read_digit("text/plain", b"hello") is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"5",
        b"Signal",
        b"Signal=",
        b"Signal=E",
        b"Signal=55",
        b"Signal=17",
        b"Duration=160",
        b"Signal=5\r\nSignal=6",
        b"Signal=5\r\nDuration=",
        b"Signal=5\r\nDuration=-1",
        b"Signal=5\r\nDuration=1.5",
        b"Signal=5\r\nDuration=1000000",
        b"Signal=\xff",
        b"Signal=5\r\n" + b"X=y\r\n" * 400,
    ],
)
def test_a_malformed_relay_body_is_the_peers_fault(body: bytes) -> None:
    with pytest.raises(MalformedMessage) as raised:
        read_digit(RELAY, body)
    assert raised.value.status == 400


@pytest.mark.parametrize("body", [b"", b"55", b"Signal=5", b"x"])
def test_a_malformed_signal_body_is_the_peers_fault(body: bytes) -> None:
    with pytest.raises(MalformedMessage):
        read_digit(SIGNAL, body)


@given(st.sampled_from([RELAY, SIGNAL]), st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_body_does_more_than_be_refused(essence: str, body: bytes) -> None:
    try:
        found = read_digit(essence, body)
    except MalformedMessage:
        return
    assert found is None or found.digit in DIGITS


def info_in(invite: Request, headers: str) -> bytes:
    content = in_dialog_from_peer(invite, "INFO", headers=headers, body="Signal=5")
    return content.replace(b"Content-Type: application/sdp\r\n", b"")


def refusal_of(headers: str) -> Response:
    bench = Bench()
    _, invite, _ = bench.answered_call()
    [response] = bench.receive(info_in(invite, headers))
    assert isinstance(response, Response)
    assert bench.events() == []
    return response


@pytest.mark.parametrize("package", ["conference", "dtmf;x=y", ""])
def test_an_info_of_a_package_is_answered_469_with_an_empty_recv_info(package: str) -> None:
    response = refusal_of(f"Info-Package: {package}\nContent-Type: {RELAY}")
    assert (response.status, response.reason) == (469, "Bad Info Package")
    assert response.headers.get("Recv-Info") == ""


def test_an_info_of_another_type_is_answered_415_with_the_types_that_are_taken() -> None:
    response = refusal_of("Content-Type: application/media_control+xml")
    assert response.status == 415
    assert response.headers.get("Accept") == "application/dtmf-relay, application/dtmf"


def test_a_digit_is_handed_on() -> None:
    bench = Bench()
    _, invite, _ = bench.answered_call()
    assert bench.receive(info_in(invite, f"Content-Type: {RELAY}")) == []
    [event] = bench.events()
    assert isinstance(event, IncomingRequest)
    assert event.request.body == b"Signal=5"
