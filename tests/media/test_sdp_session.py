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


def test_the_line_that_is_none_is_named() -> None:
    with pytest.raises(MalformedSdp, match="line 9 of the SDP is not of the form"):
        parse_any((HEAD + "a=ptime:20\r\na=sendrecv\r\ngarbage\r\n").encode())


VIDEO = "m=video 5000 RTP/AVP 31"
AUDIO = "m=audio 4000 RTP/AVP 8"
NAMED, CAST, GOOD = "c=IN IP4 media.example", "c=IN IP4 224.2.1.1/127", "c=IN IP4 192.0.2.7"


def described(*lines: str) -> SessionDescription:
    return parse_description("\r\n".join(("v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", *lines, "")).encode())


@pytest.mark.parametrize("unusable", [NAMED, CAST, "c=ATM x y"])
@pytest.mark.parametrize(
    "lines",
    [
        (GOOD, "t=0 0", AUDIO, VIDEO, None),
        (GOOD, "t=0 0", VIDEO, None, AUDIO),
        (GOOD, "t=0 0", AUDIO, "m=audio 0 RTP/AVP 8", None),
        (None, "t=0 0", AUDIO, GOOD),
    ],
)
def test_an_unusable_address_that_does_not_count_does_no_harm(lines: tuple[str | None, ...], unusable: str) -> None:
    read = described(*(line or unusable for line in lines))
    (audio,) = (media for media in read.media if media.kind == "audio" and media.port)
    assert read.address_of(audio) == "192.0.2.7"


@pytest.mark.parametrize(
    "unusable",
    [
        NAMED,
        CAST,
        "c=ATM x y",
        "c=IN NSAP 192.0.2.7",
        "c=IN IP4 [192.0.2.7]",
        "c=IN IP6 x2001:db8::7]",
        "c=IN IP6 [2001:db8::7",
        "c=IN IP6 fe80::7%eth0",
    ],
)
@pytest.mark.parametrize(
    "lines", [(None, "t=0 0", AUDIO), (GOOD, "t=0 0", AUDIO, None), (None, "t=0 0", VIDEO, GOOD, AUDIO)]
)
def test_an_unusable_address_of_the_audio_is_told(lines: tuple[str | None, ...], unusable: str) -> None:
    with pytest.raises(UnusableSdp):
        described(*(line or unusable for line in lines))


@pytest.mark.parametrize("address", ["::", "::1", "4000::7"])
def test_only_ipv4_has_addresses_that_are_kept_back(address: str) -> None:
    """What `ipaddress` calls reserved of IPv6 has in it the address that says hold."""
    assert described(f"c=IN IP6 {address}", "t=0 0", AUDIO).address == address
