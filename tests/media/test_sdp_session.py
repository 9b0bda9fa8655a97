"""Attribute lines that come again and again are read once; one with a key in it never is remembered."""

from contextlib import suppress

import pytest

from media.errors import MalformedSdp, UnusableSdp
from media.sdp.description import Media, SessionDescription
from media.sdp.negotiate import _known_formats_of, read_offer
from media.sdp.session import _LINE_CACHED_MAX, _known_attribute, parse_any, parse_description

HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"


def attributes(*lines: str) -> tuple[tuple[str, str | None], ...]:
    return parse_any((HEAD + "".join(f"{line}\r\n" for line in lines)).encode()).media[0].attributes


def test_an_attribute_reads_the_same_however_it_is_written() -> None:
    plain = attributes("a=ptime:20", "a=sendrecv")
    assert plain == (("ptime", "20"), ("sendrecv", None))
    assert attributes(" a=PTIME:20", "a= ptime: 20 ") == (("ptime", "20"), ("ptime", "20"))
    assert attributes("a=ptime:20", "a=sendrecv") == plain


def test_rfc4568_a_key_is_not_remembered() -> None:
    before = _known_attribute.cache_info().currsize
    for line in ("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:short", "a=CRYPTO:1 a inline:b", "a= crypto:1 a inline:c"):
        assert attributes(line)[0][0] == "crypto"
    assert _known_attribute.cache_info().currsize == before


def test_a_long_line_is_not_remembered() -> None:
    before = _known_attribute.cache_info().currsize
    value = "x" * _LINE_CACHED_MAX
    assert attributes(f"a=note:{value}") == (("note", value),)
    assert _known_attribute.cache_info().currsize == before


def test_a_description_still_has_to_begin_with_its_version() -> None:
    with pytest.raises(MalformedSdp):
        parse_description(b"a=sendrecv\r\nv=0\r\nm=audio 4000 RTP/AVP 8\r\n")


@pytest.mark.parametrize(
    ("formats", "rtpmaps"),
    [(("8" * 40,), ()), (tuple("8" for _ in range(40)), ()), (("8",), (f"8 {'X' * 40}",))],
)
def test_formats_too_long_to_come_again_are_not_remembered(formats: tuple[str, ...], rtpmaps: tuple[str, ...]) -> None:
    described = tuple(("rtpmap", value) for value in rtpmaps)
    audio = Media("audio", 4000, "RTP/AVP", formats, attributes=described)
    offered = SessionDescription(None, "192.0.2.1", (audio,))
    before = _known_formats_of.cache_info().currsize
    with suppress(UnusableSdp):
        read_offer(offered, ("PCMA",), 20)
    assert _known_formats_of.cache_info().currsize == before
