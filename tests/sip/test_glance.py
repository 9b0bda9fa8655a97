"""What is read off a message's octets is what the parser makes of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.sip.framing import StreamFramer
from b2bua.sip.glance import LONGEST_SHOWN, Glance, call_id_of, glance

INVITE = (
    b"INVITE sip:+919876543210@203.0.113.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\n"
    b"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n%sCSeq: 7 INVITE\r\nMax-Forwards: 70\r\n"
    b"Content-Type: application/sdp\r\nContent-Length: 12\r\n\r\nCSeq: 9 NONE"
)
BYE = (
    b"SIP/2.0 486 Busy Here\r\nv: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\nf: <sip:a@b>;tag=1\r\nt: <sip:c@d>;tag=2\r\n"
    b'cseq:  3   INVITE \r\nI: x y z@h\r\nreason : Q.850;cause=17;text="busy"\r\nl: 0\r\n\r\n'
)


@pytest.mark.parametrize(
    "line", [b"Call-ID: abc@host\r\n", b"call-id:abc@host\r\n", b"i: abc@host\r\n", b"CALL-ID\t:  abc@host \r\n"]
)
def test_the_call_id_is_found_however_it_is_written(line: bytes) -> None:
    assert call_id_of(INVITE % line) == "abc@host"


def test_a_request_is_its_method_and_shows_nothing_of_whom_it_calls() -> None:
    assert glance(INVITE % b"Call-ID: x\r\n") == Glance("INVITE", "7 INVITE", None, "application/sdp")


def test_a_response_is_its_status_and_phrase() -> None:
    assert glance(BYE) == Glance("486 Busy Here", "3   INVITE", 'Q.850;cause=17;text="busy"', None)


def test_a_warning_is_shown_of_either() -> None:
    octets = BYE.replace(b"x y z@h", b"xyz@h").replace(b"l: 0", b'Warning: 304 h "no codec"\r\nl: 0')
    (message,) = StreamFramer().feed(octets)
    for seen in (glance(message), glance(octets)):
        assert seen is not None
        assert seen.warning == '304 h "no codec"'


@pytest.mark.parametrize("octets", [INVITE % b"Call-ID: abc\r\n", BYE.replace(b"x y z@h", b"xyz@h")])
def test_a_message_cut_out_of_a_stream_says_the_same(octets: bytes) -> None:
    (message,) = StreamFramer().feed(octets)
    seen, plain = glance(message), glance(octets)
    assert seen is not None
    assert plain is not None
    assert call_id_of(message) == call_id_of(octets)
    assert (seen.name, seen.cseq.split(), seen.reason, seen.body_type, seen.warning) == (
        *(plain.name, plain.cseq.split(), plain.reason, plain.body_type, plain.warning),
    )


@pytest.mark.parametrize(
    "octets",
    [
        BYE.replace(b"busy", b"\xbfbusy\xc3"),
        BYE.replace(b"l: 0", b"c: text/\xbfplain;x=y\r\nl: 0"),
        BYE.replace(b"3   INVITE", b"3 INVITE\xff"),
        BYE.replace(b"Busy Here", b"Busy \xe2\x82 Here"),
    ],
)
def test_what_is_seen_of_either_can_be_written_down_whatever_its_octets(octets: bytes) -> None:
    (message,) = StreamFramer().feed(octets)
    seen, plain = glance(message), glance(octets)
    assert seen == plain
    assert "\ufffd".encode() in repr(seen).encode()


@given(
    name=st.sampled_from([b"Reason", b"Content-Type", b"CSeq", b"Call-ID"]),
    value=st.binary(max_size=40).filter(lambda octets: not {*b"\r\n"} & {*octets}),
)
def test_any_octets_in_a_value_can_be_written_down(name: bytes, value: bytes) -> None:
    octets = b"SIP/2.0 200 " + value + b"\r\n" + name + b": " + value + b"\r\nl: 0\r\n\r\n"
    (message,) = StreamFramer().feed(octets)
    for seen in (glance(message), glance(octets)):
        assert seen is not None
        "".join(each or "" for each in seen).encode()  # raises where it cannot be


def test_long_values_are_cut_in_a_stream_too() -> None:
    octets = BYE.replace(b"busy", b"b" * 5000).replace(b"l: 0", b"c: text/" + b"x" * 5000 + b"\r\nl: 0")
    (message,) = StreamFramer().feed(octets)
    seen = glance(message)
    assert seen is not None
    assert seen == glance(octets)
    assert [len(each or "") for each in (seen.reason, seen.body_type)] == [LONGEST_SHOWN] * 2


@pytest.mark.parametrize("octets", [b"", b"\r\n\r\n", b"\xff\xfe", b"INVITE", b"SIP/2.0\r\n\r\n"])
def test_what_is_no_message_is_none(octets: bytes) -> None:
    assert call_id_of(octets) is None
    assert glance(octets) is None


def test_no_value_is_longer_than_is_shown() -> None:
    assert call_id_of(INVITE % (b"Call-ID: " + b"x" * 5000 + b"\r\n")) == "x" * LONGEST_SHOWN
