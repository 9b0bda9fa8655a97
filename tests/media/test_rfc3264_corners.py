"""Descriptions as trunks write them: what is passed over, what is taken, what is refused (RFC 3264, 6337, 8866)."""

import pytest

from media.codecs.table import PCMA
from media.errors import UnusableSdp
from media.leg import LegProfile, MediaLeg

HEAD = "v=0|o=- 1 1 IN IP4 198.51.100.7|s=-|c=IN IP4 198.51.100.7|t=0 0"


def answered(*lines: str, address: str = "192.0.2.10", ends: str = "\r\n") -> tuple[list[str], MediaLeg]:
    """Our answer's lines to an offer, and the leg that gave it."""
    leg = MediaLeg("leg", LegProfile(), address, 20000, 4711)
    text = "".join(line + ends for part in lines for line in part.split("|"))
    answer, _ = leg.answer_offer(text.encode())
    return answer.decode().split("\r\n"), leg


def sections(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith("m=")]


# (the offer's media lines, our m= lines)
OFFERS = [
    # Static payload types without a=rtpmap; a dynamic A-law.
    ("m=audio 4000 RTP/AVP 8 0", ["m=audio 20000 RTP/AVP 8 0"]),
    ("m=audio 4000 RTP/AVP 118|a=rtpmap:118 PCMA/8000", ["m=audio 20000 RTP/AVP 118"]),
    # telephone-event at the rates of codecs that are not taken.
    (
        "m=audio 4000 RTP/AVP 96 97 8 98 99 100|a=rtpmap:96 opus/48000/2|a=rtpmap:97 AMR-WB/16000"
        "|a=rtpmap:98 telephone-event/48000|a=rtpmap:99 telephone-event/16000|a=rtpmap:100 telephone-event/8000"
        "|a=fmtp:96 useinbandfec=1;maxplaybackrate=16000|a=fmtp:98 0-15|a=fmtp:100 0-11,66,70",
        ["m=audio 20000 RTP/AVP 8 100"],
    ),
    ("m=audio 4000 RTP/AVP 8 99|a=rtpmap:99 telephone-event/16000", ["m=audio 20000 RTP/AVP 8"]),
    # The rtpmap of a static number that makes something else of it.
    ("m=audio 4000 RTP/AVP 0 8|a=rtpmap:0 G729/8000", ["m=audio 20000 RTP/AVP 8"]),
    # The first rtpmap of a number counts; another attribute that begins with a number is none.
    ("m=audio 4000 RTP/AVP 96|a=rtpmap:96 PCMA/8000|a=rtpmap:96 G729/8000", ["m=audio 20000 RTP/AVP 96"]),
    ("m=audio 4000 RTP/AVP 96|a=fmtp:96 vad=no|a=rtpmap:96 PCMA/8000", ["m=audio 20000 RTP/AVP 96"]),
    # Streams that are refused in their places; nothing of BUNDLE, ICE or what nobody knows comes back.
    (
        "a=group:BUNDLE 0 1|a=ice-lite|m=audio 4000 RTP/AVP 8|a=mid:0|a=rtcp-mux|a=rtcp-fb:* nack|a=X-unknown:y"
        "|a=candidate:1 1 UDP 1 198.51.100.7 4000 typ host|m=video 4002 RTP/AVP 99|a=mid:1|a=rtpmap:99 H264/90000",
        ["m=audio 20000 RTP/AVP 8", "m=video 0 RTP/AVP 99"],
    ),
    (
        "m=audio 4000 RTP/AVP 8|m=image 4002 udptl t38|a=T38FaxVersion:0",
        ["m=audio 20000 RTP/AVP 8", "m=image 0 udptl t38"],
    ),
    # RTP of another kind is no speech, although its numbers are those of our codecs.
    ("m=video 4002 RTP/AVP 0|m=audio 4000 RTP/AVP 8", ["m=video 0 RTP/AVP 0", "m=audio 20000 RTP/AVP 8"]),
    ("m=text 4002 RTP/AVP 8|m=audio 4000 RTP/AVP 0", ["m=text 0 RTP/AVP 8", "m=audio 20000 RTP/AVP 0"]),
    # Attributes that lack what they are for.
    ("m=audio 4000 RTP/AVP 8 0|a=rtpmap|a=rtpmap:|a=fmtp|a=ptime|a=maxptime|a=rtcp", ["m=audio 20000 RTP/AVP 8 0"]),
    # There are 128 payload types.
    ("m=audio 4000 RTP/AVP 128 127|a=rtpmap:128 PCMU/8000|a=rtpmap:127 PCMA/8000", ["m=audio 20000 RTP/AVP 127"]),
    ("m=image 4002 udptl t38|m=audio 4000 RTP/AVP 8", ["m=image 0 udptl t38", "m=audio 20000 RTP/AVP 8"]),
    # Of what is no plain word nothing comes back.
    (
        "m=audio 4000 RTP/AVP 8|m=vidéo 4002 RTP/AVP 99|m=video 4004 söderberg 99",
        ["m=audio 20000 RTP/AVP 8", "m=application 0 RTP/AVP 99", "m=video 0 RTP/AVP 99"],
    ),
    # A stream that is switched off is not the one that is taken.
    ("m=audio 0 RTP/AVP 8|m=audio 4000 RTP/AVP 0", ["m=audio 0 RTP/AVP 8", "m=audio 20000 RTP/AVP 0"]),
    ("m=audio 4000/2 RTP/AVP 8", ["m=audio 20000 RTP/AVP 8"]),
    ("m=audio 4000 rtp/avp 8", ["m=audio 20000 RTP/AVP 8"]),
    # Another transport's name is the offer's own, to the letter (RFC 3264 section 6, RFC 8866 section 5).
    ("m=audio 4000 RTP/AVP 8|m=image 4002 UDPTL t38", ["m=audio 20000 RTP/AVP 8", "m=image 0 UDPTL t38"]),
    ("m=audio 4000 RTP/AVP 8|m=image 4002 tcp t38", ["m=audio 20000 RTP/AVP 8", "m=image 0 tcp t38"]),
    ("m=audio 4000 RTP/AVP 8|m=control 4002 udp 9", ["m=audio 20000 RTP/AVP 8", "m=control 0 udp 9"]),
]


@pytest.mark.parametrize(("media", "ours"), OFFERS)
@pytest.mark.parametrize("ends", ["\r\n", "\n"])
def test_what_is_taken_of_an_offer(media: str, ours: list[str], ends: str) -> None:
    lines, _ = answered(HEAD, media, ends=ends)
    assert sections(lines) == ours
    known = ("rtpmap:", "fmtp:", "ptime:", "sendrecv")
    assert all(line[2:].startswith(known) for line in lines if line.startswith("a="))


@pytest.mark.parametrize(
    "media",
    [
        "m=audio 4000 RTP/AVP *",
        "m=audio 4000 RTP/AVP",
        "m=audio 4000 RTP/AVP 18|a=rtpmap:18 G729/8000",
        "m=audio 4000 UDP/TLS/RTP/SAVPF 8",
        "m=audio 0 RTP/AVP 8",
        "m=image 4002 udptl t38",
        "m=image 4002 tcp t38",
        "m=message 4000 TCP/MSRP *",
        "m=video 4000 RTP/AVP 8",
        "m=application 4000 RTP/AVP 8",
    ],
)
def test_trunk_case_08_what_cannot_be_taken_is_refused(media: str) -> None:
    with pytest.raises(UnusableSdp):
        answered(HEAD, media)


def test_trunk_case_08_the_audio_goes_on_where_t38_is_refused_and_comes_back_by_a_later_offer() -> None:
    _, leg = answered(HEAD, "m=audio 4000 RTP/AVP 8")
    own, settled = leg.answer(), leg.negotiated
    with pytest.raises(UnusableSdp):
        leg.answer_offer(HEAD.replace("|", "\r\n").encode() + b"\r\nm=image 4002 udptl t38\r\n")
    assert (leg.answer(), leg.negotiated) == (own, settled)
    again, plan = leg.answer_offer(HEAD.replace("|", "\n").encode() + b"\nm=audio 4000 RTP/AVP 8\n")
    assert again == own, "nothing has changed, so neither has the version"
    assert (plan.codec, plan.may_send) == (PCMA, True)


def test_addresses_of_session_media_and_rtcp() -> None:
    lines, leg = answered("v=0", "s=-", "t=0 0", "m=audio 4000 RTP/AVP 8", "c=IN IP4 198.51.100.9")
    assert leg.negotiated is not None
    assert leg.negotiated.remote == ("198.51.100.9", 4000)
    assert sections(lines) == ["m=audio 20000 RTP/AVP 8"]
    _, leg = answered(HEAD, "m=video 4002 RTP/AVP 99|c=IN IP4 198.51.100.9", "m=audio 4000 RTP/AVP 8")
    assert leg.negotiated is not None
    assert leg.negotiated.remote == ("198.51.100.7", 4000)


@pytest.mark.parametrize("written", ["2001:DB8::7", "[2001:db8::7]"])
def test_ipv6_is_taken_on_a_leg_with_ipv6_and_on_no_other(written: str) -> None:
    """In brackets too, as in a URI: that is how load generators fill it in."""
    offer = HEAD.replace("IN IP4 198.51.100.7", f"IN IP6 {written}")
    lines, leg = answered(offer, "m=audio 4000 RTP/AVP 8|a=rtcp:4005 IN IP6 2001:db8:0::8", address="2001:db8::1")
    assert "c=IN IP6 2001:db8::1" in lines
    assert leg.negotiated is not None
    assert leg.negotiated.remote == ("2001:db8::7", 4000)
    with pytest.raises(UnusableSdp, match="other IP version"):
        answered(offer, "m=audio 4000 RTP/AVP 8")


def test_a_huge_description_is_read_up_to_its_limits_and_no_further() -> None:
    filler = [f"a=x-filler-{number}:{'y' * 9}" for number in range(900)]
    lines, _ = answered(HEAD, "m=audio 4000 RTP/AVP 8", *filler)
    assert len("\r\n".join(lines)) < 300
    with pytest.raises(UnusableSdp, match="more than 1000 lines"):
        answered(HEAD, "m=audio 4000 RTP/AVP 8", *filler, *filler)
    with pytest.raises(UnusableSdp, match="longer than"):
        answered(HEAD, "m=audio 4000 RTP/AVP 8", "a=x:" + "y" * 66_000)


@pytest.mark.parametrize(
    ("media", "taken"),
    [
        ("m=audio 0 RTP/SAVP 8|m=audio 6000 RTP/AVP 8", True),
        ("m=audio 5998 RTP/AVP 8|m=audio 6000 RTP/AVP 8", True),
        ("m=audio 6000 RTP/AVP 8", True),  # the streams that were refused are left out, against section 6
        ("m=audio 5998 RTP/AVP 8|m=audio 0 RTP/AVP 8", False),
    ],
)
def test_the_answer_to_our_stream_is_the_one_in_its_place(media: str, taken: bool) -> None:
    _, leg = answered(HEAD, "m=audio 4000 RTP/SAVP 8|m=audio 4002 RTP/AVP 8")
    assert sections(leg.offer(None).decode().split("\r\n")) == ["m=audio 0 RTP/SAVP 8", "m=audio 20000 RTP/AVP 8 0 101"]
    answer = "".join(f"{line}\r\n" for line in f"{HEAD}|{media}".split("|")).encode()
    if taken:
        assert leg.apply_answer(answer).remote == ("198.51.100.7", 6000)
    else:
        with pytest.raises(UnusableSdp):
            leg.apply_answer(answer)


@pytest.mark.parametrize(
    ("held", "said", "may_send", "may_receive"),
    [
        ("a=sendonly", "a=sendonly", False, True),
        ("a=sendonly", "", False, True),
        ("a=sendonly", "a=sendrecv", False, True),
        ("a=sendonly", "a=recvonly", False, False),
        ("a=recvonly", "", True, False),
        ("a=inactive", "a=inactive", False, False),
        ("a=inactive", "", False, False),
        ("a=inactive", "a=sendrecv", False, False),
        ("a=sendrecv", "", True, True),
    ],
)
def test_s6_1_no_answer_widens_the_direction_that_was_offered(
    held: str, said: str, may_send: bool, may_receive: bool
) -> None:
    """A refresh offers what stood in our answer to a hold; many who answer it say nothing of a direction."""
    _, leg = answered(HEAD, "m=audio 4000 RTP/AVP 8", held)
    lines = [*HEAD.split("|"), "m=audio 4000 RTP/AVP 8", *([said] if said else [])]
    plan = leg.apply_answer("".join(f"{line}\r\n" for line in lines).encode(), refreshes=True)
    assert (plan.may_send, plan.may_receive) == (may_send, may_receive)
    assert plan.on_hold == (not (may_send and may_receive))
