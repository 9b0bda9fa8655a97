"""RFC 3550 section 5.1: the RTP header, valid and not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.rtp.packet import RtpPacket, parse_packet, payload_bounds

PLAIN = RtpPacket(8, 1, 160, 99, b"abcd", True)


def test_a_packet_survives_rendering_and_parsing() -> None:
    assert parse_packet(PLAIN.render()) == PLAIN


@given(
    st.builds(
        RtpPacket,
        st.integers(0, 127),
        st.integers(0, 65535),
        st.integers(0, 2**32 - 1),
        st.integers(0, 2**32 - 1),
        st.binary(max_size=40),
        st.booleans(),
    ),
    st.integers(0, 15),
    st.one_of(st.none(), st.integers(0, 5)),
    st.integers(0, 6),
)
def test_csrc_extension_and_padding_are_left_outside(
    packet: RtpPacket, csrcs: int, extension_words: int | None, padding: int
) -> None:
    rendered = bytearray(packet.render()[:12])
    rendered[0] |= csrcs | (0x10 if extension_words is not None else 0) | (0x20 if padding else 0)
    rendered += b"C" * 4 * csrcs
    if extension_words is not None:
        rendered += b"\xbe\xde" + extension_words.to_bytes(2, "big") + b"E" * 4 * extension_words
    rendered += packet.payload
    if padding:
        rendered += bytes(padding - 1) + bytes([padding])
    assert parse_packet(bytes(rendered)) == packet


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        PLAIN.render()[:11],
        b"\x40" + PLAIN.render()[1:],  # version 1
        b"\x00" + PLAIN.render()[1:],  # version 0: STUN begins like this
        b"\x82" + PLAIN.render()[1:],  # two CSRCs, room for one
        b"\x90" + PLAIN.render()[1:12] + b"\xbe\xde",  # half an extension header
        b"\x90" + PLAIN.render()[1:12] + b"\xbe\xde\x00\x02abcd",  # an extension longer than the packet
        b"\xa0" + PLAIN.render()[1:12] + b"abc\x00",  # padding of nothing
        b"\xa0" + PLAIN.render()[1:12] + b"abc\x05",  # padding longer than the payload
    ],
)
def test_broken_headers_are_refused(broken: bytes) -> None:
    assert payload_bounds(broken, len(broken)) is None


@given(st.binary(max_size=64))
def test_any_bytes_are_taken_or_refused(content: bytes) -> None:
    bounds = payload_bounds(content, len(content))
    assert bounds is None or 12 <= bounds[0] <= bounds[1] <= len(content)
