"""What compiled code reads of a plain description is what Python reads: the same parts of the same types."""

import subprocess
import sys
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.errors import MalformedSdp, UnusableSdp
from media.sdp.description import DESCRIPTION_BYTES_MAX, FORMATS_MAX, LINES_MAX, MEDIA_MAX, SessionDescription
from media.sdp.plain import read_plain
from media.sdp.session import _known_attribute, parse_any, parse_description

pytest.importorskip("media.sdp._plain", reason="no compiler here, so that no description is plain")

USUAL: Final = b"""v=0
o=- 3724394400 3724394401 IN IP4 192.0.2.9
s=-
c=IN IP4 192.0.2.9
t=0 0
m=audio 6000 RTP/AVP 8 101
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=ptime:20
a=sendrecv
""".replace(b"\n", b"\r\n")
SEVERAL: Final = b"""v=0
o=A B C IN IP4 pbx.example
s=A Call
b=AS:84
t=0 0
a=sendonly
a=Tool: x:y
m=audio 6000 RTP/SAVP 0 8
c=IN IP4 198.51.100.7
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20|1:32
a=rtcp:6001 IN IP4 198.51.100.7
m=Video 0 rtp/avp 31
m=image 0 udptl t38
i=last
c=IN IP4 0.0.0.0
c=IN IP4 198.51.100.8
""".replace(b"\n", b"\r\n")
LEAST: Final = b"v=0\r\nm=audio 1 RTP/AVP"
LONGEST: Final = (LEAST + b"\r\ns=").ljust(DESCRIPTION_BYTES_MAX, b"x")


def kinds(value: Any) -> Any:
    """The type of a value and those of its parts."""
    return (type(value), [kinds(part) for part in value]) if isinstance(value, tuple) else type(value)


def assert_read_alike(body: bytes) -> SessionDescription | None:
    """What is plain is no other description to Python; whatever is refused is not plain."""
    plain = read_plain(body)
    if plain is None:
        return None
    parsed = parse_any(body)
    assert plain == parsed
    assert kinds(plain) == kinds(parsed)
    return plain


@pytest.mark.parametrize("body", [USUAL, USUAL[:-2], SEVERAL, LEAST], ids=["usual", "cut short", "several", "least"])
def test_what_nearly_everybody_sends_is_plain(body: bytes) -> None:
    assert assert_read_alike(body) is not None
    assert parse_description(body) == parse_any(body)


LINES: Final = (
    b"",
    b" ",
    b"v=0",
    b"v=1",
    b" v=0",
    b"v=0 ",
    b"V=0",
    b"x",
    b"x=",
    b"=",
    b"==",
    b" =x",
    b" a=sendrecv",
    b"a =sendrecv",
    b"a=",
    b"a=:",
    b"a= ",
    b"a=x:",
    b"a=:x",
    b"a=  SendOnly  ",
    b"a= RTPMAP : 8  PCMA/8000 : 1 ",
    b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:key",
    b"A=sendonly",
    b"a=@[`{AZaz:@[`{AZaz",
    b"a=x:tab\t",
    b"a=x\t",
    b"a=\x1cx:y",
    b"a=x:\x7f",
    b"a=x:\xc2\xa0",
    b"a=\xc4\xb0:y",
    b"a=nul:\0",
    b"a=bare\rend",
    b"a=bare\nend",
    b"a=two\r\r\nends",
    b"c=IN IP4 192.0.2.1",
    b"c=IN IP4 0.0.0.0",
    b"c= IN IP4 192.0.2.1",
    b"c=IN IP4 192.0.2.1 ",
    b"c=IN IP4 192.0.2.1 more",
    b"c=IN  IP4 192.0.2.1",
    b"c=in ip4 192.0.2.1",
    b"c=IN IP4 192.0.2.1/127",
    b"c=IN IP4 192.0.2.01",
    b"c=IN IP4 192.0.2",
    b"c=IN IP4 192.0.2.256",
    b"c=IN IP4 224.0.0.1",
    b"c=IN IP4 255.255.255.255",
    b"c=IN IP4 .",
    b"c=IN IP4 ",
    b"c=IN IP4",
    b"c=IN IP5 192.0.2.1",
    b"c=IN IP4 host.example",
    b"c=IN IP6 2001:DB8::1",
    b"c=IN IP6 192.0.2.1",
    b"c=IN IP4 [::1]",
    b"c=",
    b"m=audio 4000 RTP/AVP 8",
    b"m=AUDIO 4000 rtp/avp 8 0  101 ",
    b"m=  text   5  x   ",
    b"m=audio 4000",
    b"m=audio 4000 ",
    b"m=audio 4000/2 RTP/AVP 8",
    b"m=audio 00080 RTP/AVP 8",
    b"m=audio 000080 RTP/AVP 8",
    b"m=audio 65535 RTP/AVP 8",
    b"m=audio 65536 RTP/AVP 8",
    b"m=audio 99999 RTP/AVP 8",
    b"m=audio +80 RTP/AVP 8",
    b"m=audio 8_0 RTP/AVP 8",
    b"m=audio 8: RTP/AVP 8",
    b"m=audio x RTP/AVP 8",
    b"m=@[`{AZaz 1 @[`{AZaz AZaz",
    b"m=",
    b"o=1 2 3 IN IP4 host",
    b"o= 1  2   3 IN   IP4 host more ",
    b"o=1 2 3 IN IP4",
    b"o=1 2 3 IN IP4 ",
    b"o=",
    b"s=  ",
    b"s=\xc3\xa9",
)
CHANGES: Final = st.tuples(st.integers(0, 16), st.sampled_from(LINES), st.booleans())


@pytest.mark.parametrize("line", LINES)
def test_a_line_is_read_alike_wherever_it_stands(line: bytes) -> None:
    lines = SEVERAL.removesuffix(b"\r\n").split(b"\r\n")
    for at in range(len(lines) + 1):
        for end in (b"", b"\r\n"):
            assert_read_alike(b"\r\n".join([*lines[:at], line, *lines[at:]]) + end)
            assert_read_alike(b"\r\n".join([*lines[:at], line, line, *lines[at + 1 :]]) + end)


@given(st.sampled_from([USUAL, SEVERAL, LEAST]), st.lists(CHANGES, max_size=4))
@settings(max_examples=500)
def test_a_description_with_other_lines_is_read_alike(body: bytes, others: list[tuple[int, bytes, bool]]) -> None:
    lines = body.split(b"\r\n")
    for position, line, instead in others:
        at = position % (len(lines) + 1)
        lines[at : at + instead] = [line]
    assert_read_alike(b"\r\n".join(lines))


VALUES: Final = st.lists(
    st.sampled_from([b" ", b":", b"/", b"=", b"1", b"8", b"IN ", b"IP4 ", b"192.0.2.1", b"Ab", b"z", b"~"]), max_size=9
).map(b"".join)
WRITTEN: Final = st.tuples(st.sampled_from([b"a", b"m", b"c", b"o", b"t", b"m=audio 4000 RTP/AVP"]), VALUES)


@given(st.lists(WRITTEN.map(b"=".join), max_size=6), st.booleans())
@settings(max_examples=500)
def test_whatever_values_are_read_alike(lines: list[bytes], whole: bool) -> None:
    assert_read_alike(b"\r\n".join([b"v=0", *lines, b"m=audio 1 RTP/AVP 8"]) + b"\r\n" * whole)


PIECES: Final = st.sampled_from(
    [*(bytes([octet]) for octet in range(128)), b"\r\n", b"\r\n\r\n", b"\r\nc=", b"\xff", b"\xc2\x85", b"\xe2\x80\xa8"]
)


@given(st.sampled_from([USUAL, SEVERAL, LEAST]), st.data())
@settings(max_examples=1000)
def test_a_changed_description_is_read_alike(body: bytes, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body)))
        body = body[:at] + data.draw(PIECES) + body[at + data.draw(st.integers(0, 4)) :]
    assert_read_alike(body)


@pytest.mark.parametrize("body", [USUAL, SEVERAL])
def test_a_description_that_was_cut_off_is_read_alike(body: bytes) -> None:
    for end in range(len(body)):
        assert_read_alike(body[:end])


def lines_in_all(count: int) -> bytes:
    """So many, the empty one behind the last CRLF among them."""
    return LEAST + b"\r\n" + b"s=-\r\n" * (count - 3)


@pytest.mark.parametrize(
    ("at_the_limit", "beyond"),
    [
        (lines_in_all(LINES_MAX), lines_in_all(LINES_MAX + 1)),
        (lines_in_all(LINES_MAX) + b"s=-", lines_in_all(LINES_MAX) + b"s=-\r\n"),
        (b"v=0" + b"\r\nm=audio 1 x" * MEDIA_MAX, b"v=0" + b"\r\nm=audio 1 x" * (MEDIA_MAX + 1)),
        (LEAST + b" 8" * FORMATS_MAX, LEAST + b" 8" * (FORMATS_MAX + 1)),
        (LONGEST, LONGEST + b"x"),
        (b"v=0\r\nm=audio 65535 x", b"v=0\r\nm=audio 65536 x"),
        (b"v=0\r\nm=audio 00080 x", b"v=0\r\nm=audio 000080 x"),
    ],
    ids=["lines", "a last line without its end", "sections", "formats", "bytes", "ports", "digits"],
)
def test_the_limits_are_the_same(at_the_limit: bytes, beyond: bytes) -> None:
    """What is at a limit is plain, and what is beyond it is refused."""
    assert assert_read_alike(at_the_limit) is not None
    assert read_plain(beyond) is None
    with pytest.raises(MalformedSdp):
        parse_description(beyond)


@pytest.mark.parametrize("address", ["224.0.0.1", "255.255.255.255", "192.0.2.01", "1.2.3"])
def test_an_address_that_cannot_be_used_is_refused_as_ever(address: str) -> None:
    body = USUAL.replace(b"c=IN IP4 192.0.2.9", f"c=IN IP4 {address}".encode())
    assert read_plain(body) is None
    with pytest.raises(UnusableSdp):
        parse_description(body)


def test_rfc4568_nothing_of_an_attribute_is_remembered() -> None:
    before = _known_attribute.cache_info().currsize
    first, second = read_plain(SEVERAL), read_plain(SEVERAL)
    assert first is not None
    assert second is not None
    key, again = first.media[0].attribute("crypto"), second.media[0].attribute("crypto")
    assert key == again
    assert key is not again
    assert _known_attribute.cache_info().currsize == before


def test_without_the_compiled_code_every_description_is_for_python() -> None:
    program = (
        "import sys; sys.modules['media.sdp._plain'] = None\n"
        "from media.sdp.plain import read_plain\n"
        "from media.sdp.session import parse_any, parse_description\n"
        f"body = {USUAL!r}\n"
        "assert read_plain(body) is None\n"
        "assert parse_description(body) == parse_any(body)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
