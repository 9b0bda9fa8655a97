"""Trickled candidates and restarts in fragments (RFC 8840)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.errors import UnusableFragment
from media.webrtc.candidates import CANDIDATES_MAX, IceCandidate, parse_candidate
from media.webrtc.fragment import FRAGMENT_BYTES_MAX, parse_fragment, render_fragment
from media.webrtc.ice_parameters import IceCredentials

TRICKLED = (
    "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 RTP/AVP 0\r\na=mid:1\r\n"
    "a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1\r\n"
    "m=video 9 RTP/AVP 0\r\na=mid:2\r\na=candidate:1 1 udp 2122260223 192.0.2.1 61765 typ host\r\n"
    "a=end-of-candidates\r\n"
)


def test_a_fragment_is_read_for_one_medium() -> None:
    fragment = parse_fragment(TRICKLED, "1")
    assert fragment.ufrag == "EsAw"
    assert fragment.credentials == IceCredentials("EsAw", "P2uYro0UCOQ4zxjKXaWCBui1")
    assert [(each.address, each.port) for each in fragment.candidates] == [("192.0.2.1", 61_764)]


def test_candidates_of_audio_that_goes_by_anothers_transport_come_under_that_ones_name() -> None:
    fragment = parse_fragment(TRICKLED, "3", "2")
    assert [(each.address, each.port) for each in fragment.candidates] == [("192.0.2.1", 61_765)]


def test_our_own_fragment_is_read_as_it_was_meant() -> None:
    ours = IceCredentials("abcd", "0123456789abcdef0123456789abcdef")
    candidates = (
        IceCandidate("f", 7, "192.0.2.9", 30_000, "host"),
        IceCandidate("g", 6, "198.51.100.1", 4_000, "srflx", ("192.0.2.9", 30_000)),
    )
    fragment = parse_fragment(render_fragment(ours, "0", candidates), "0")
    assert fragment.credentials == ours
    assert [each[:5] for each in fragment.candidates] == [each[:5] for each in candidates]


@pytest.mark.parametrize(
    "text", ["x", "a=ice-ufrag:EsAw\na=ice-pwd:short", "a=\n" * 300, "a=" + "x" * FRAGMENT_BYTES_MAX, "{}"]
)
def test_what_is_no_fragment_is_refused(text: str) -> None:
    with pytest.raises(UnusableFragment):
        parse_fragment(text, None)


def test_candidates_have_a_limit() -> None:
    text = "".join(f"a=candidate:1 1 udp 1 192.0.2.1 {port} typ host\n" for port in range(1_000, 1_100))
    fragment = parse_fragment(text, None)
    assert (len(fragment.candidates), fragment.skipped) == (CANDIDATES_MAX, 100 - CANDIDATES_MAX)


@pytest.mark.parametrize(
    "value",
    [
        "1 1 tcp 1 192.0.2.1 9 typ host tcptype active",
        "1 2 udp 1 192.0.2.1 9 typ host",
        "1 1 udp 1 name.local 9 typ host",
        "1 1 udp 1 224.0.0.1 9 typ host",
        "1 1 udp 1 0.0.0.0 9 typ host",
        "1 1 udp 1 255.255.255.255 9 typ host",
        "1 1 udp 1 192.0.2.1 0 typ host",
        "1 1 udp 1 192.0.2.1 65536 typ host",
        "1 1 udp 9999999999 192.0.2.1 9 typ host",
        "1 1 udp 1 192.0.2.1 9 typ other",
        "1 1 udp 1 fe80::1%eth0 9 typ host",
        "",
    ],
)
def test_what_cannot_be_used_is_passed_over(value: str) -> None:
    assert parse_candidate(value) is None


@given(st.text(max_size=200))
def test_whatever_is_sent_is_read_or_refused(text: str) -> None:
    try:
        parse_fragment(text, "0")
    except UnusableFragment:
        return
