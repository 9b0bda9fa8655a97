"""A browser's offer, and what it is answered: one audio stream, and everything else refused (RFC 8829)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.errors import BrowserRefused, NoSharedCodec, UnusableBrowserOffer
from media.sdp.description import Media
from media.sdp.session import parse_description
from media.webrtc.answer import Ours, render_answer
from media.webrtc.candidates import CANDIDATES_MAX, IceCandidate
from media.webrtc.fingerprints import Fingerprint
from media.webrtc.ice_parameters import IceCredentials
from media.webrtc.interface import PayloadTypes
from media.webrtc.offer import OFFER_BYTES_MAX, read_browser_offer
from tests.media.webrtc.offers import CHROME, CHROME_MAX_BUNDLE, FIREFOX, FIREFOX_WITH_MORE, without

OURS = Ours(
    7,
    1,
    IceCredentials("abcd1234", "0123456789abcdef0123456789abcdef"),
    Fingerprint("sha-256", bytes(32)),
    (IceCandidate("h", 2130706431, "198.51.100.9", 30_000, "host"),),
)


def answered(offer: str, *codecs: str) -> tuple[Media, ...]:
    text = render_answer(read_browser_offer(offer, codecs or ("PCMA", "PCMU", "opus")), OURS)
    return parse_description(text.encode()).media


def test_a_chrome_offer_is_read() -> None:
    offer = read_browser_offer(CHROME, ("PCMA", "PCMU"))
    assert (offer.codec, offer.payload_types) == ("PCMA", PayloadTypes(8, 126))
    assert (offer.mid, offer.bundled, offer.dtls_client, offer.direction) == ("0", True, True, "sendrecv")
    assert offer.ice.ufrag == "yxXb"
    assert offer.fingerprints[0].digest == bytes(range(32))
    assert [candidate.address for candidate in offer.candidates] == ["192.0.2.7"]
    assert offer.skipped == 3, "the one that is said twice, TCP, and a name"


def test_events_are_those_with_the_codecs_clock() -> None:
    """RFC 4733 section 2.1."""
    assert read_browser_offer(CHROME, ("opus", "PCMA")).payload_types == PayloadTypes(111, 110)
    assert read_browser_offer(FIREFOX, ("opus",)).payload_types == PayloadTypes(109, None)
    assert read_browser_offer(FIREFOX, ("PCMA",)).payload_types == PayloadTypes(8, 101)


def test_the_order_is_ours() -> None:
    assert read_browser_offer(CHROME, ("PCMU", "PCMA", "opus")).codec == "PCMU"
    assert read_browser_offer(without(CHROME, "a=rtpmap:0", "a=rtpmap:8"), ("PCMA",)).codec == "PCMA"


def test_the_answer_has_the_audio_and_refuses_the_video() -> None:
    audio, video = answered(CHROME, "PCMA")
    assert (audio.port, audio.formats, audio.attribute("mid")) == (9, ("8", "126"), "0")
    assert audio.attribute("setup") == "active"
    assert audio.attribute("ice-ufrag") == "abcd1234"
    assert audio.attribute("rtcp-mux") == ""
    assert audio.attribute("candidate") == "h 1 udp 2130706431 198.51.100.9 30000 typ host"
    assert (video.kind, video.port, video.attribute("mid"), video.attribute("ice-ufrag")) == ("video", 0, "1", None)
    assert not any(name in ("extmap", "rtcp-fb") for name, _ in audio.attributes)


def test_of_a_firefox_offer_with_more_the_audio_alone_is_taken() -> None:
    offer = read_browser_offer(FIREFOX_WITH_MORE, ("PCMA",))
    assert (offer.position, offer.mid, offer.bundled, offer.payload_types) == (1, "1", True, PayloadTypes(8, 101))
    assert [(candidate.address, candidate.port) for candidate in offer.candidates] == [("192.0.2.2", 46_946)]
    assert offer.skipped == 3, "a name, TCP, and what RTCP would have of its own"
    text = render_answer(offer, OURS)
    sections = parse_description(text.encode()).media
    assert [(section.kind, section.port, section.attribute("mid")) for section in sections] == [
        ("video", 0, "0"),
        ("audio", 9, "1"),
        ("application", 0, "2"),
    ]
    assert "a=group:BUNDLE 1\r\n" in text


def test_a_picture_stays_for_the_transport_that_the_audio_goes_by() -> None:
    """As it does behind a picture in Chromium, which cannot do without the section that its BUNDLE group begins with
    (RFC 9143 section 7.2)."""
    offer = read_browser_offer(CHROME_MAX_BUNDLE, ("PCMA",))
    assert (offer.position, offer.mid, offer.carrier_mid, offer.bundled) == (1, "1", "0", True)
    assert [candidate.port for candidate in offer.candidates] == [46_243]
    text = render_answer(offer, OURS)
    assert "a=group:BUNDLE 0 1\r\n" in text
    video, audio = parse_description(text.encode()).media
    assert (video.kind, video.port, video.formats, video.attribute("mid")) == ("video", 9, ("96",), "0")
    assert (video.attribute("inactive"), video.attribute("rtpmap")) == ("", "96 VP8/90000")
    assert (audio.port, audio.attribute("sendrecv"), audio.attribute("candidate")) == (9, "", None)
    for section in (video, audio):
        assert section.attribute("rtcp-mux") == ""
        assert [section.attribute(name) for name in ("ice-ufrag", "setup")] == ["abcd1234", "active"]
    assert (video.attribute("candidate") or "").startswith("h 1 udp")


@pytest.mark.parametrize(
    ("was", "instead"),
    [
        ("a=group:BUNDLE 0 1", "a=group:BUNDLE 1 0"),
        ("m=video 9", "m=video 0"),
        ("a=rtpmap:96 VP8/90000\r\n", ""),
        ("m=video 9 UDP/TLS/RTP/SAVPF", "m=application 9 UDP/DTLS/SCTP"),
        ("a=ice-ufrag:yxXb", "a=ice-ufrag:other"),
    ],
)
def test_a_picture_that_the_audio_can_do_without_is_refused(was: str, instead: str) -> None:
    offer = read_browser_offer(CHROME_MAX_BUNDLE.replace(was, instead, 1), ("PCMA",))
    text = render_answer(offer, OURS)
    assert "a=group:BUNDLE 1\r\n" in text
    assert [section.port for section in parse_description(text.encode()).media] == [0, 9]


def test_the_answer_bundles_the_audio_alone() -> None:
    text = render_answer(read_browser_offer(CHROME, ("PCMA",)), OURS)
    assert "a=group:BUNDLE 0\r\n" in text
    unbundled = render_answer(read_browser_offer(without(CHROME, "a=group"), ("PCMA",)), OURS)
    assert "BUNDLE" not in unbundled


def test_audio_that_has_its_transport_from_a_picture_alone_is_taken() -> None:
    """RFC 8829 section 5.2.1: with a=bundle-only, what is of the transport is said with the group's first section."""
    picture, sound = CHROME_MAX_BUNDLE.split("m=audio 9")
    bare = without(f"m=audio 0{sound}", "a=ice", "a=fingerprint", "a=setup", "a=rtcp-mux")
    offer = read_browser_offer(f"{picture}{bare}a=bundle-only\r\n", ("PCMA",))
    assert (offer.mid, offer.carrier_mid, offer.ice.ufrag, offer.dtls_client) == ("1", "0", "yxXb", True)
    assert offer.fingerprints[0].digest == bytes(range(32))
    with pytest.raises(UnusableBrowserOffer, match="rtcp-mux"):
        read_browser_offer(without(f"{picture}{bare}a=bundle-only\r\n", "a=group"), ("PCMA",))


@pytest.mark.parametrize("group", ["a=group", "a=group:", "a=group: ", "a=group:BUNDLE", "a=group:LS 0 1"])
def test_a_group_that_names_no_audio_bundles_none(group: str) -> None:
    text = render_answer(read_browser_offer(CHROME.replace("a=group:BUNDLE 0 1", group), ("PCMA",)), OURS)
    assert "BUNDLE" not in text


def test_the_answer_tells_nothing_of_the_browser_back() -> None:
    text = render_answer(read_browser_offer(CHROME, ("PCMA",)), OURS)
    assert "192.0.2.7" not in text
    assert "yxXb" not in text


def test_audio_that_is_bundled_behind_a_refused_video_is_found() -> None:
    """RFC 9143 section 6: port 0 with a=bundle-only."""
    lines = CHROME.replace("m=audio 9", "m=audio 0").replace("a=mid:0\r\n", "a=mid:0\r\na=bundle-only\r\n")
    assert read_browser_offer(lines, ("PCMA",)).mid == "0"


@pytest.mark.parametrize(
    ("setup", "ours"), [("actpass", "active"), ("passive", "active"), ("active", "passive"), ("ACTPASS", "active")]
)
def test_roles_of_dtls(setup: str, ours: str) -> None:
    """RFC 8842 section 5."""
    audio, _ = answered(CHROME.replace("a=setup:actpass", f"a=setup:{setup}"))
    assert audio.attribute("setup") == ours


@pytest.mark.parametrize(
    ("theirs", "ours"), [("sendonly", "recvonly"), ("recvonly", "sendonly"), ("inactive", "inactive")]
)
def test_directions_are_mirrored(theirs: str, ours: str) -> None:
    audio = answered(FIREFOX.replace("a=sendrecv", f"a={theirs}"))[0]
    assert audio.attribute(ours) == ""


@pytest.mark.parametrize(
    ("offer", "said"),
    [
        ("", "m= line"),
        ("v=0\r\n", "m= line"),
        ("hello", "type=value"),
        ("v=0\r\nm=audio 9 RTP/AVP 8\r\n", "SAVPF"),
        ("v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n", "no audio"),
        (without(CHROME, "a=rtcp-mux"), "rtcp-mux"),
        (without(CHROME, "a=ice-ufrag"), "ice-ufrag"),
        (CHROME.replace("a=ice-ufrag:yxXb", "a=ice-ufrag:x"), "ice-ufrag"),
        (CHROME.replace("uPeVmkMfN/ZG9WBl7bGBvZ1c", "short"), "ice-pwd"),
        (without(CHROME, "a=fingerprint"), "fingerprint"),
        (CHROME.replace("a=fingerprint:sha-256", "a=fingerprint:sha-1"), "fingerprint"),
        (CHROME.replace("1E:1F", "1E:1G"), "fingerprint"),
        (without(CHROME, "a=setup"), "setup"),
        (CHROME.replace("a=setup:actpass", "a=setup:holdconn"), "setup"),
        (CHROME.replace("a=mid:0", "a=mid:a b"), "mid"),
        (CHROME.replace("96 97", "96 é"), "token"),
        (CHROME + "a=" + "x" * OFFER_BYTES_MAX, "longer"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_a_reason(offer: str, said: str) -> None:
    with pytest.raises(UnusableBrowserOffer, match=said):
        read_browser_offer(offer, ("PCMA",))


def test_no_codec_in_common_is_told_apart() -> None:
    with pytest.raises(NoSharedCodec):
        read_browser_offer(CHROME.replace(" 0 8 13", " 13"), ("PCMA", "PCMU"))


def test_candidates_have_a_limit() -> None:
    further = "".join(f"a=candidate:1 1 udp 1 192.0.2.7 {port} typ host\r\n" for port in range(1000, 1100))
    offer = read_browser_offer(CHROME.replace("a=ice-ufrag", further + "a=ice-ufrag"), ("PCMA",))
    assert len(offer.candidates) == CANDIDATES_MAX
    assert offer.skipped == 104 - CANDIDATES_MAX


LINES = [*CHROME.splitlines(), *CHROME_MAX_BUNDLE.splitlines()]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(LINES), st.text(max_size=40), st.just("m=audio 9 UDP/TLS/RTP/SAVPF 8"))))
def test_whatever_is_offered_is_answered_or_refused(lines: list[str]) -> None:
    text = "\r\n".join(["v=0", *lines])
    try:
        offer = read_browser_offer(text, ("PCMA", "PCMU", "opus"))
    except BrowserRefused:
        return
    assert len(parse_description(render_answer(offer, OURS).encode("ascii")).media) == len(offer.sections)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from((CHROME, CHROME_MAX_BUNDLE)),
    st.integers(0, len(CHROME) - 1),
    st.integers(0, 30),
    st.text(max_size=10),
)
def test_an_offer_that_was_damaged_is_answered_or_refused(whole: str, at: int, gone: int, put: str) -> None:
    try:
        offer = read_browser_offer(whole[:at] + put + whole[at + gone :], ("PCMA", "PCMU", "opus"))
    except BrowserRefused:
        return
    assert render_answer(offer, OURS).isascii()
