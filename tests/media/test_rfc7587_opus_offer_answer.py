"""Opus and G.722 in offer and answer: RFC 7587, RFC 3551 section 4.5.2, and telephone-events at the right clock."""

import pytest

from media.codecs.opus import OpusWishes
from media.codecs.table import G722, OPUS, PCMA, TELEPHONE_EVENT, TELEPHONE_EVENT_48000
from media.errors import UnusableSdp
from media.leg import LegProfile, MediaLeg

HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n"
ALL = ("opus", "G722", "PCMA")


def leg(*codecs: str, **changes: int) -> MediaLeg:
    return MediaLeg("a", LegProfile(codecs=codecs or ALL, **changes), "192.0.2.1", 20000, 1)  # type: ignore[arg-type]


def media(formats: str, *attributes: str) -> bytes:
    return (HEAD + f"m=audio 4000 RTP/AVP {formats}\r\n" + "".join(f"a={text}\r\n" for text in attributes)).encode()


def lines(sdp: bytes) -> list[str]:
    return sdp.decode().split("\r\n")


def test_an_offer_names_opus_with_its_clock_its_two_channels_and_its_own_events() -> None:
    offered = lines(leg().offer(None))
    assert "m=audio 20000 RTP/AVP 107 9 8 96 101" in offered
    for attribute in (
        "rtpmap:107 opus/48000/2",
        "fmtp:107 useinbandfec=1",
        "rtpmap:9 G722/8000",
        "rtpmap:96 telephone-event/48000",
        "rtpmap:101 telephone-event/8000",
    ):
        assert f"a={attribute}" in offered


def test_without_opus_there_are_no_events_of_its_clock() -> None:
    assert "m=audio 20000 RTP/AVP 9 8 101" in lines(leg("G722", "PCMA").offer(None))


@pytest.mark.parametrize("dtmf", [96, 107])
def test_no_two_formats_share_a_payload_type(dtmf: int) -> None:
    (line,) = [line for line in lines(leg(dtmf_payload_type=dtmf).offer(None)) if line.startswith("m=")]
    numbers = line.split()[3:]
    assert len(set(numbers)) == len(numbers) == 5


def test_an_answer_of_opus_settles_its_number_its_events_and_what_it_asks_for() -> None:
    ours = leg()
    ours.offer(None)
    plan = ours.apply_answer(
        media(
            "111 110 101",
            "rtpmap:111 opus/48000/2",
            "fmtp:111 minptime=10;useinbandfec=1; cbr=1;maxaveragebitrate=16000",
            "rtpmap:110 telephone-event/48000",
            "rtpmap:101 telephone-event/8000",
            "ptime:60",
        )
    )
    assert (plan.codec, plan.payload_type, plan.clock_rate_hz, plan.ptime_ms) == (OPUS, 111, 48_000, 60)
    assert (plan.dtmf_payload_type, plan.dtmf_clock_rate_hz) == (110, 48_000)
    receives = dict(plan.receives)
    assert receives[107] == receives[111] == OPUS
    assert receives[110] == receives[96] == TELEPHONE_EVENT_48000
    assert receives[101] == TELEPHONE_EVENT
    assert ours.negotiated is not None
    assert (ours.codec, ours.negotiated.dtmf_payload_type) == ("opus", 110)
    assert ours.negotiated.wishes == OpusWishes(fec=True, constant_bitrate=True, bitrate_max=16_000)


def test_who_has_opus_but_no_events_for_it_is_sent_those_it_has() -> None:
    ours = leg()
    plan = ours.answer_offer(media("96 101", "rtpmap:96 opus/48000/2", "rtpmap:101 telephone-event/8000"))[1]
    assert (plan.codec, plan.dtmf_payload_type, plan.dtmf_clock_rate_hz) == (OPUS, 101, 8000)
    assert ours.negotiated is not None
    assert ours.negotiated.wishes == OpusWishes()


def test_g722_is_known_by_its_number_alone_and_keeps_the_clock_of_8000() -> None:
    answer, plan = leg("G722").answer_offer(media("9 8 0"))
    assert (plan.codec, plan.payload_type, plan.clock_rate_hz) == (G722, 9, 8000)
    assert "m=audio 20000 RTP/AVP 9" in lines(answer)


def test_an_answer_keeps_the_numbers_of_the_offer_and_its_later_offers_too() -> None:
    ours = leg()
    answer, _ = ours.answer_offer(
        media(
            "120 8 121 101",
            "rtpmap:120 OPUS/48000/2",
            "rtpmap:121 telephone-event/48000",
            "rtpmap:101 telephone-event/8000",
        )
    )
    assert "m=audio 20000 RTP/AVP 120 8 121 101" in lines(answer)
    again = lines(ours.offer(None))
    assert "a=rtpmap:120 opus/48000/2" in again
    assert "a=rtpmap:121 telephone-event/48000" in again


@pytest.mark.parametrize(
    ("formats", "mapped", "kept"),
    [
        ("8 107", "107 telephone-event/8000", "rtpmap:107 telephone-event/8000"),
        ("107 8", "107 G722/8000", "rtpmap:107 G722/8000"),
        ("8 9", "9 telephone-event/8000", "rtpmap:9 telephone-event/8000"),
        ("8 96", "96 PCMA/8000", "rtpmap:8 PCMA/8000"),
        ("8 96 107", "96 CN/8000", "rtpmap:97 telephone-event/48000"),
    ],
)
def test_rfc3264_s8_3_2_a_number_of_the_far_end_is_given_to_nothing_else_in_later_offers(
    formats: str, mapped: str, kept: str
) -> None:
    ours = leg()
    ours.answer_offer(media(formats, f"rtpmap:{mapped}"))
    offered = lines(ours.offer(None))
    (line,) = [line for line in offered if line.startswith("m=")]
    numbers = line.split()[3:]
    assert len(set(numbers)) == len(numbers) == 5
    assert f"a={kept}" in offered
    assert sum(text.startswith("a=rtpmap:") for text in offered) == 5


def test_rfc3264_s8_3_2_what_an_offer_between_leaves_out_keeps_its_number() -> None:
    """A far end that goes over to G.711 alone has not forgotten what it called Opus."""
    ours = leg("opus", "PCMA")
    ours.answer_offer(
        media(
            "96 8 97 98",
            "rtpmap:96 opus/48000/2",
            "rtpmap:97 telephone-event/48000",
            "rtpmap:98 telephone-event/8000",
        )
    )
    ours.answer_offer(media("8 98", "rtpmap:98 telephone-event/8000"))
    again = lines(ours.offer(None))
    assert "a=rtpmap:96 opus/48000/2" in again
    assert "a=rtpmap:97 telephone-event/48000" in again
    assert "a=rtpmap:98 telephone-event/8000" in again
    ours.answer_offer(media("8 96", "rtpmap:96 telephone-event/8000"))
    again = lines(ours.offer(None))
    assert "a=rtpmap:96 telephone-event/8000" in again, "it is the far end that has given it another meaning"
    assert "a=rtpmap:107 opus/48000/2" in again
    assert "a=rtpmap:97 telephone-event/48000" in again


def test_beside_g711_its_own_events_count() -> None:
    _, plan = leg("PCMA", "opus").answer_offer(
        media(
            "120 8 121 101",
            "rtpmap:120 opus/48000/2",
            "rtpmap:121 telephone-event/48000",
            "rtpmap:101 telephone-event/8000",
        )
    )
    assert (plan.codec, plan.dtmf_payload_type, plan.dtmf_clock_rate_hz) == (PCMA, 101, 8000)


def test_comfort_noise_of_8000_hz_is_not_sent_among_opus() -> None:
    offer = media("120 8 13", "rtpmap:120 opus/48000/2")
    assert leg("opus", "PCMA").answer_offer(offer)[1].noise_payload_type is None
    assert leg("PCMA", "opus").answer_offer(offer)[1].noise_payload_type == 13


@pytest.mark.parametrize("encoding", ["opus/8000", "opus/48000/3", "G722/16000", "PCMA/8000/2"])
def test_other_clocks_and_channels_are_other_codecs(encoding: str) -> None:
    with pytest.raises(UnusableSdp, match="no codec in common"):
        leg("opus", "G722", "PCMA").answer_offer(media("99", f"rtpmap:99 {encoding}"))


@pytest.mark.parametrize("encoding", ["opus/48000", "opus/48000/1", "OPUS/48000/2", "G722/8000/1", "PCMA/8000/1"])
def test_the_channels_may_be_left_out_or_be_one(encoding: str) -> None:
    """RFC 7587 has Opus always named with two, which some who send one do not heed."""
    negotiated = leg("opus", "G722", "PCMA").answer_offer(media("99", f"rtpmap:99 {encoding}"))
    assert b"m=audio 20000 RTP/AVP 99\r\n" in negotiated[0]


def test_g729_is_refused() -> None:
    with pytest.raises(ValueError, match="codecs must be"):
        LegProfile(codecs=("G729",))
    with pytest.raises(UnusableSdp, match="no codec in common"):
        leg().answer_offer(media("18"))


def test_what_opus_asks_for_is_read_of_its_own_number_wherever_that_stands() -> None:
    ours = leg()
    ours.answer_offer(
        media("8 96", "fmtp:8 cbr=1", "rtpmap:96 opus/48000/2", "fmtp:97 cbr=1", "fmtp:96 useinbandfec=1")
    )
    assert ours.negotiated is not None
    assert ours.negotiated.wishes == OpusWishes(fec=True)


@pytest.mark.parametrize("parameters", ["", "useinbandfec", "maxaveragebitrate=many;useinbandfec=2", ";;=", "x" * 3000])
def test_parameters_that_cannot_be_read_ask_for_nothing(parameters: str) -> None:
    ours = leg()
    ours.answer_offer(media("96", "rtpmap:96 opus/48000/2", f"fmtp:96 {parameters}"))
    assert ours.negotiated is not None
    assert ours.negotiated.wishes == OpusWishes()
