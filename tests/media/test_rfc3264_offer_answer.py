"""RFC 3264 and 8866: our offers, the answers to them, and the answers we give."""

import itertools
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.codecs.table import COMFORT_NOISE, PCMA, PCMU, TELEPHONE_EVENT
from media.errors import UnusableSdp
from media.leg import LegProfile, MediaLeg
from media.sdp.session import parse_description


def leg(address: str = "192.0.2.10", **profile: object) -> MediaLeg:
    return MediaLeg("leg", LegProfile(**profile), address, 20000, 4711)  # type: ignore[arg-type]


def sdp(*media: str, connection: str | None = "IN IP4 198.51.100.7", session: str = "") -> bytes:
    lines = ["v=0", "o=- 1 1 IN IP4 198.51.100.7", "s=-"]
    lines += [f"c={connection}"] if connection else []
    lines += ["t=0 0", *filter(None, session.split("|"))]
    lines += [line for section in media for line in section.split("|")]
    return ("\r\n".join(lines) + "\r\n").encode()


def offered(**profile: object) -> MediaLeg:
    made = leg(**profile)  # type: ignore[arg-type]
    made.offer(None)
    return made


class TestOffer:
    def test_the_whole_offer(self) -> None:
        assert leg().offer(None).decode().split("\r\n") == [
            "v=0",
            "o=- 4711 1 IN IP4 192.0.2.10",
            "s=-",
            "c=IN IP4 192.0.2.10",
            "t=0 0",
            "m=audio 20000 RTP/AVP 8 0 101",
            "a=rtpmap:8 PCMA/8000",
            "a=rtpmap:0 PCMU/8000",
            "a=rtpmap:101 telephone-event/8000",
            "a=fmtp:101 0-15",
            "a=ptime:20",
            "a=sendrecv",
            "",
        ]

    def test_the_preferred_codec_is_first_where_the_profile_has_it(self) -> None:
        assert b"RTP/AVP 0 8 101" in leg().offer("PCMU")
        assert b"RTP/AVP 8 101" in leg(codecs=("PCMA",)).offer("PCMU")

    def test_the_profile_decides_order_ptime_and_payload_type(self) -> None:
        made = leg(codecs=("PCMU", "PCMA"), ptime_ms=30, dtmf_payload_type=96).offer(None)
        assert b"RTP/AVP 0 8 96" in made
        assert b"a=rtpmap:96 telephone-event/8000" in made
        assert b"a=ptime:30" in made

    def test_ipv6(self) -> None:
        made = leg("2001:db8::1").offer(None)
        assert b"o=- 4711 1 IN IP6 2001:db8::1\r\n" in made
        assert b"c=IN IP6 2001:db8::1\r\n" in made

    def test_the_version_counts_changes_only(self) -> None:
        made = leg()
        first = made.offer(None)
        assert made.offer(None) == first
        changed = made.offer("PCMU")
        assert b"o=- 4711 2 " in changed
        assert made.offer(None) == changed
        assert b"o=- 4711 3 " in made.offer("PCMA")

    @pytest.mark.parametrize(
        "profile",
        [
            {"codecs": ()},
            {"codecs": ("G729",)},
            {"dtmf_payload_type": 8},
            {"dtmf_payload_type": 128},
            {"ptime_ms": 0},
            {"ptime_ms": 25},
            {"ptime_ms": 70},
        ],
    )
    def test_impossible_profiles_are_refused(self, profile: dict[str, object]) -> None:
        with pytest.raises(ValueError, match="must be"):
            leg(**profile)  # type: ignore[arg-type]


# The answer's media section -> codec, payload type, telephone-event.
ANSWERS = [
    ("m=audio 4000 RTP/AVP 8 101|a=rtpmap:8 PCMA/8000|a=rtpmap:101 telephone-event/8000", "PCMA", 8, 101),
    ("m=audio 4000 RTP/AVP 0", "PCMU", 0, None),
    ("m=audio 4000 RTP/AVP 8", "PCMA", 8, None),
    ("m=audio 4000 RTP/AVP 0 8", "PCMU", 0, None),
    ("m=audio 4000 RTP/AVP 97|a=rtpmap:97 PCMA/8000/1", "PCMA", 97, None),
    ("m=audio 4000 RTP/AVP 97|a=rtpmap:97 pcma/8000", "PCMA", 97, None),
    ("m=audio 4000 RTP/AVP 18 8 96|a=rtpmap:18 G729/8000|a=rtpmap:96 telephone-event/8000", "PCMA", 8, 96),
    ("m=audio 4000 RTP/AVP 9 97 0|a=rtpmap:97 PCMA/16000", "PCMU", 0, None),
    ("m=audio 4000 RTP/AVP 97 0|a=rtpmap:97 PCMA/8000/2", "PCMU", 0, None),
    ("m=audio 4000 RTP/AVP 8 101|a=rtpmap:101 telephone-event/16000", "PCMA", 8, None),
    ("m=audio 4000/2 RTP/AVPF 8", "PCMA", 8, None),
    ("m=audio 4000 RTP/AVP 8|b=AS:64|k=clear:x|i=hello|a=unknown|x=y", "PCMA", 8, None),
    ("m=video 0 RTP/AVP 31|m=audio 4000 RTP/AVP 8", "PCMA", 8, None),
    ("m=audio 4000 RTP/AVP 8 300 x -1|a=rtpmap:x PCMU/8000", "PCMA", 8, None),
]


class TestAnswerRead:
    @pytest.mark.parametrize(("media", "codec", "payload_type", "dtmf"), ANSWERS)
    def test_codec_and_payload_types(self, media: str, codec: str, payload_type: int, dtmf: int | None) -> None:
        made = offered()
        plan = made.apply_answer(sdp(media))
        assert made.negotiated is not None
        negotiated = made.negotiated
        assert (negotiated.codec, negotiated.payload_type, negotiated.dtmf_payload_type) == (codec, payload_type, dtmf)
        assert negotiated.remote == ("198.51.100.7", 4000)
        assert plan.codec == {"PCMA": PCMA, "PCMU": PCMU}[codec]
        # Whatever it answers, it may send under the numbers of our offer.
        assert {(8, PCMA), (0, PCMU), (101, TELEPHONE_EVENT)} <= set(plan.receives)
        assert (payload_type, plan.codec) in plan.receives

    def test_only_what_the_profile_offers_is_taken(self) -> None:
        with pytest.raises(UnusableSdp, match="no codec in common"):
            offered(codecs=("PCMA",)).apply_answer(sdp("m=audio 4000 RTP/AVP 0"))

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            (b"", "no m= line"),
            (b"hello", "not of the form"),
            (b"v=1\r\n", "v=0"),
            (b"m=audio 1 RTP/AVP 8", "v=0"),
            (b"\xff\xfe\x00" * 40, "not of the form"),
            (sdp("m=audio 0 RTP/AVP 8"), "refuses audio"),
            (sdp("m=video 4000 RTP/AVP 31"), "refuses audio"),
            (sdp("m=audio x RTP/AVP 8"), "port"),
            (sdp("m=audio 70000 RTP/AVP 8"), "port"),
            (sdp("m=audio"), "lacks fields"),
            (sdp("m=audio 4000 RTP/AVP"), "no codec"),
            (sdp("m=audio 4000 RTP/AVP 18"), "no codec"),
            (sdp("m=audio 4000 RTP/SAVP 8"), "encrypted"),
            (sdp("m=audio 4000 UDP/TLS/RTP/SAVPF 8"), "encrypted"),
            (sdp("m=audio 4000 RTP/AVP 8|a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x"), "encrypted"),
            (sdp("m=audio 4000 RTP/AVP 8", connection=None), "no c= line"),
            (sdp("m=audio 4000 RTP/AVP 8", connection="IN IP4 host.example"), "not an IP address"),
            (sdp("m=audio 4000 RTP/AVP 8", connection="IN IP4 224.2.1.1/127"), "unicast"),
            (sdp("m=audio 4000 RTP/AVP 8", connection="IN IP4 255.255.255.255"), "unicast"),
            (sdp("m=audio 4000 RTP/AVP 8", connection="IN IP4 240.0.0.1"), "unicast"),
            (sdp("m=audio 4000 RTP/AVP 8", connection="IN IP6 2001:db8::9"), "other IP version"),
            (sdp("m=audio 4000 RTP/AVP 8", connection="ATM x y"), "c= line"),
            (sdp(*["m=audio 4000 RTP/AVP 8"] * 33), "more than 32"),
            (sdp("m=audio 4000 RTP/AVP " + " ".join(["8"] * 65)), "more than 64"),
            (b"v=0\r\n" * 1001, "more than 1000 lines"),
            (b"v=0\r\n" + b"a" * 70000, "longer than"),
        ],
    )
    def test_unusable_answers_say_why_and_change_nothing(self, body: bytes, reason: str) -> None:
        made = offered()
        made.apply_answer(sdp("m=audio 4000 RTP/AVP 8"))
        before = made.negotiated
        with pytest.raises(UnusableSdp, match=reason):
            made.apply_answer(body)
        assert made.negotiated is before

    @pytest.mark.parametrize(
        ("attributes", "ptime_ms"),
        [
            ("", 30),
            ("|a=ptime:10", 10),
            ("|a=ptime:20", 20),
            ("|a=ptime:40", 40),
            ("|a=ptime:40|a=maxptime:20", 20),
            ("|a=maxptime:20", 20),
            ("|a=maxptime:150", 30),
            ("|a=ptime:20.5", 20),
            ("|a=ptime:25", 20),
            ("|a=ptime:5", 10),
            ("|a=ptime:240", 60),
            ("|a=ptime:0", 30),
            ("|a=ptime:x", 30),
            ("|a=ptime:20|a=maxptime:0", 20),
        ],
    )
    def test_trunk_case_12_the_packet_time_of_a_leg(self, attributes: str, ptime_ms: int) -> None:
        made = offered(ptime_ms=30)
        plan = made.apply_answer(sdp("m=audio 4000 RTP/AVP 8" + attributes))
        assert made.negotiated is not None
        assert (made.negotiated.ptime_ms, plan.ptime_ms) == (ptime_ms, ptime_ms)
        answer, plan = made.answer_offer(sdp("m=audio 4000 RTP/AVP 8" + attributes))
        assert plan.ptime_ms == ptime_ms
        assert b"a=ptime:30\r\n" in answer, "what we want to get is the profile's, whatever we send"

    @pytest.mark.parametrize(
        ("attributes", "control"),
        [
            ("", ("198.51.100.7", 4001)),
            ("|a=rtcp:5555", ("198.51.100.7", 5555)),
            ("|a=rtcp:5555 IN IP4 198.51.100.8", ("198.51.100.8", 5555)),
            ("|a=rtcp:5555 IN IP4 nonsense", ("198.51.100.7", 5555)),
            ("|a=rtcp:5555 in IP4 198.51.100.8", ("198.51.100.8", 5555)),
            ("|a=rtcp:5555 ATM IP4 198.51.100.8", ("198.51.100.7", 5555)),
            ("|a=rtcp:5555 IN IP4 198.51.100.8 more", ("198.51.100.7", 5555)),
            ("|a=rtcp:65535", ("198.51.100.7", 65535)),
            ("|a=rtcp:65536", ("198.51.100.7", 4001)),
            ("|a=rtcp:99999", ("198.51.100.7", 4001)),
            ("|a=rtcp-mux", ("198.51.100.7", 4001)),
        ],
    )
    def test_where_rtcp_goes(self, attributes: str, control: tuple[str, int]) -> None:
        assert offered().apply_answer(sdp("m=audio 4000 RTP/AVP 8" + attributes)).control == control

    @pytest.mark.parametrize(
        ("attribute", "direction", "may_send", "on_hold"),
        [
            ("", "sendrecv", True, False),
            ("|a=sendrecv", "sendrecv", True, False),
            ("|a=sendonly", "recvonly", False, True),
            ("|a=recvonly", "sendonly", True, True),
            ("|a=inactive", "inactive", False, True),
        ],
    )
    def test_direction_is_seen_from_our_side(
        self, attribute: str, direction: str, may_send: bool, on_hold: bool
    ) -> None:
        made = offered()
        plan = made.apply_answer(sdp("m=audio 4000 RTP/AVP 8" + attribute))
        assert made.negotiated is not None
        assert (made.negotiated.direction, plan.may_send, plan.on_hold) == (direction, may_send, on_hold)

    def test_a_sessions_direction_counts_where_the_media_has_none(self) -> None:
        plan = offered().apply_answer(sdp("m=audio 4000 RTP/AVP 8", session="a=inactive"))
        assert not plan.may_send
        plan = offered().apply_answer(sdp("m=audio 4000 RTP/AVP 8|a=sendrecv", session="a=inactive"))
        assert plan.may_send

    def test_the_medias_address_beats_the_sessions(self) -> None:
        plan = offered().apply_answer(sdp("m=audio 4000 RTP/AVP 8|c=IN IP4 198.51.100.99"))
        assert plan.remote == ("198.51.100.99", 4000)

    def test_an_answer_is_renewed_when_it_differs_from_the_last(self) -> None:
        made = offered()
        body = sdp("m=audio 4000 RTP/AVP 8")
        assert [made.apply_answer(body).renewed, made.apply_answer(body).renewed] == [True, False]
        assert made.apply_answer(sdp("m=audio 4002 RTP/AVP 8")).renewed

    @pytest.mark.parametrize(
        "media",
        [
            "m=audio 4000 RTP/AVP 0 101|a=rtpmap:101 telephone-event/8000",
            "m=audio 4000 RTP/AVP 8|a=sendonly",
            "m=audio 4000 RTP/AVP 8|a=rtcp:4711",
            "m=audio 4000 RTP/AVP 8|c=IN IP4 0.0.0.0",
        ],
        ids=["codec", "direction", "RTCP", "old-style hold"],
    )
    def test_it_is_renewed_by_another_address_or_port_alone(self, media: str) -> None:
        """What was learnt of a phone behind NAT stays true when it changes anything else."""
        made = offered()
        body = sdp("m=audio 4000 RTP/AVP 8")
        assert made.apply_answer(body).renewed
        assert not made.apply_answer(sdp(media)).renewed
        assert not made.apply_answer(body).renewed
        assert made.apply_answer(sdp("m=audio 4000 RTP/AVP 8|c=IN IP4 198.51.100.99")).renewed


class TestAnswerGiven:
    def answer(self, made: MediaLeg, *media: str, **fields: str) -> list[str]:
        return made.answer_offer(sdp(*media, **fields))[0].decode().split("\r\n")

    @pytest.mark.parametrize(
        ("codecs", "listed"), [(("PCMA", "PCMU"), "97 0"), (("PCMU", "PCMA"), "0 97"), (("PCMU",), "0")]
    )
    def test_an_offer_is_answered_in_the_profiles_order_and_the_offers_numbers(
        self, codecs: tuple[str, ...], listed: str
    ) -> None:
        made = leg(codecs=codecs, dtmf_payload_type=127, ptime_ms=30)
        lines = self.answer(
            made, "m=audio 4000 RTP/AVP 18 0 97 100|a=rtpmap:97 PCMA/8000|a=rtpmap:100 telephone-event/8000"
        )
        assert f"m=audio 20000 RTP/AVP {listed} 100" in lines
        assert ("a=rtpmap:97 PCMA/8000" in lines) is ("PCMA" in codecs)
        assert "a=fmtp:100 0-15" in lines
        assert "a=ptime:30" in lines
        assert made.codec == codecs[0]

    def test_the_answer_can_be_had_again_and_an_offer_said_again_gets_it_byte_for_byte(self) -> None:
        made = leg()
        offer = sdp("m=audio 4000 RTP/AVP 0 8 100|a=rtpmap:100 telephone-event/8000", "m=video 4100 RTP/AVP 31")
        with pytest.raises(ValueError, match="no offer"):
            made.answer()
        first, _ = made.answer_offer(offer)
        assert made.answer() == first
        again, plan = made.answer_offer(offer)
        assert again == first
        assert not plan.renewed

    def test_rfc3264_s8_3_2_an_offer_after_an_answer_keeps_its_payload_types(self) -> None:
        made = leg()
        made.answer_offer(sdp("m=audio 4000 RTP/AVP 97 100|a=rtpmap:97 PCMA/8000|a=rtpmap:100 telephone-event/8000"))
        assert "m=audio 20000 RTP/AVP 97 0 100" in made.offer(None).decode().split("\r\n")

    def test_rfc3264_s8_3_2_an_offer_gives_no_number_a_second_meaning(self) -> None:
        made = leg()
        made.answer_offer(sdp("m=audio 4000 RTP/AVP 101|a=rtpmap:101 PCMA/8000"))
        assert "m=audio 20000 RTP/AVP 101 0 96" in made.offer(None).decode().split("\r\n")

    @pytest.mark.parametrize(
        ("formats", "number"),
        [("8 13 101", 13), ("8 13 101|a=rtpmap:13 CN/8000", 13), ("8 98|a=rtpmap:98 CN/8000", 98)],
    )
    def test_rfc3389_comfort_noise_is_accepted_in_an_offer(self, formats: str, number: int) -> None:
        made = leg()
        answer, plan = made.answer_offer(sdp(f"m=audio 4000 RTP/AVP {formats}|a=rtpmap:101 telephone-event/8000"))
        lines = answer.decode().split("\r\n")
        assert f"a=rtpmap:{number} CN/8000" in lines
        assert next(line for line in lines if line.startswith("m=")).split()[3:][-1] == str(number)
        assert plan.noise_payload_type == number
        assert (number, COMFORT_NOISE) in plan.receives

    def test_rfc3389_comfort_noise_is_not_offered_and_an_answer_does_not_bring_it_in(self) -> None:
        made = leg()
        assert b" 13" not in made.offer(None)
        plan = made.apply_answer(sdp("m=audio 4000 RTP/AVP 8 13"))
        assert plan.noise_payload_type is None
        assert COMFORT_NOISE not in dict(plan.receives).values()

    @pytest.mark.parametrize("formats", ["8 99|a=rtpmap:99 CN/16000", "8 13|a=rtpmap:13 CN/32000"])
    def test_rfc3389_comfort_noise_of_another_clock_rate_is_left_out(self, formats: str) -> None:
        answer, plan = leg().answer_offer(sdp(f"m=audio 4000 RTP/AVP {formats}"))
        assert plan.noise_payload_type is None
        assert b"CN" not in answer

    def test_the_codec_in_use_stays_in_use(self) -> None:
        made = offered()
        made.apply_answer(sdp("m=audio 4000 RTP/AVP 8"))
        lines = self.answer(made, "m=audio 4000 RTP/AVP 0 8")
        assert "m=audio 20000 RTP/AVP 8 0" in lines

    @pytest.mark.parametrize(
        ("attribute", "connection", "answered", "may_send"),
        [
            ("a=sendrecv", "IN IP4 198.51.100.7", "a=sendrecv", True),
            ("a=sendonly", "IN IP4 198.51.100.7", "a=recvonly", False),
            ("a=recvonly", "IN IP4 198.51.100.7", "a=sendonly", True),
            ("a=inactive", "IN IP4 198.51.100.7", "a=inactive", False),
            ("a=sendrecv", "IN IP4 0.0.0.0", "a=recvonly", False),
            ("a=recvonly", "IN IP4 0.0.0.0", "a=inactive", False),
        ],
    )
    @pytest.mark.parametrize("level", ["session", "media"])
    def test_trunk_case_07_every_way_to_say_hold(
        self, attribute: str, connection: str, answered: str, may_send: bool, level: str
    ) -> None:
        made = offered()
        made.apply_answer(sdp("m=audio 4000 RTP/AVP 8"))
        if level == "session":
            offer = sdp("m=audio 4000 RTP/AVP 8", connection=connection, session=attribute)
        else:
            offer = sdp(f"m=audio 4000 RTP/AVP 8|c={connection}|{attribute}")
        body, plan = made.answer_offer(offer)
        assert answered in body.decode().split("\r\n")
        assert plan.may_send is may_send
        # Who says that it only listens, or nothing at all, is not heard either.
        assert plan.may_receive is (answered in ("a=sendrecv", "a=recvonly"))
        assert plan.on_hold is (answered != "a=sendrecv")
        if connection.endswith("0.0.0.0"):
            assert plan.remote is None

    def test_trunk_case_07_hold_and_resume_count_the_version_up_and_a_refresh_does_not(self) -> None:
        made = leg()
        offer = "m=audio 4000 RTP/AVP 8"
        versions = []
        for attribute in ("a=sendrecv", "a=sendrecv", "a=sendonly", "a=sendonly", "a=sendrecv"):
            lines = self.answer(made, f"{offer}|{attribute}")
            versions.append(next(line for line in lines if line.startswith("o=")).split()[2])
        assert versions == ["1", "1", "2", "2", "3"]

    def test_trunk_case_08_every_other_stream_is_refused_in_its_place(self) -> None:
        lines = self.answer(
            leg(),
            "m=video 4100 RTP/AVP 31 34|a=rtpmap:31 H261/90000",
            "m=audio 4000 RTP/SAVP 8|a=crypto:1 x",
            "m=audio 4000 RTP/AVP 8",
            "m=audio 4200 RTP/AVP 0",
            "m=image 4300 udptl t38",
            "m=secret 4400 TCP/<x> y",
        )
        assert [line for line in lines if line.startswith("m=")] == [
            "m=video 0 RTP/AVP 31",
            "m=audio 0 RTP/SAVP 8",
            "m=audio 20000 RTP/AVP 8",
            "m=audio 0 RTP/AVP 0",
            "m=image 0 udptl t38",
            "m=secret 0 RTP/AVP 0",
        ]

    def test_our_next_offer_keeps_the_streams_in_their_places(self) -> None:
        made = leg()
        made.answer_offer(sdp("m=video 4100 RTP/AVP 31", "m=audio 4000 RTP/AVP 8"))
        lines = made.offer(None).decode().split("\r\n")
        assert [line for line in lines if line.startswith("m=")] == [
            "m=video 0 RTP/AVP 31",
            "m=audio 20000 RTP/AVP 8 0 101",
        ]

    @pytest.mark.parametrize(
        "media",
        ["m=image 4000 udptl t38", "m=audio 0 RTP/AVP 8", "m=audio 4000 RTP/SAVP 8", "m=audio 4000 RTP/AVP 18"],
    )
    def test_trunk_case_08_an_offer_without_audio_we_can_take_is_refused_and_changes_nothing(self, media: str) -> None:
        made = offered()
        made.apply_answer(sdp("m=audio 4000 RTP/AVP 8"))
        before, own = made.negotiated, made.offer(None)
        with pytest.raises(UnusableSdp):
            made.answer_offer(sdp(media))
        assert made.negotiated is before
        assert made.offer(None) == own

    def test_an_offer_of_plain_audio_with_optional_encryption_is_answered_plainly(self) -> None:
        lines = self.answer(leg(), "m=audio 4000 RTP/AVP 8|a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x")
        assert not [line for line in lines if "crypto" in line]

    def test_nothing_of_a_party_is_in_what_we_write(self) -> None:
        secret = (
            b"v=0\r\no=alice 999888777 1 IN IP4 198.51.100.7\r\ns=Alice's call\r\ni=info\r\nu=http://alice.example\r\n"
            b"e=alice@example.com\r\np=+919812345678\r\nc=IN IP4 198.51.100.7\r\nb=AS:999\r\nt=0 0\r\na=tool:alice\r\n"
            b"m=audio 4000 RTP/AVP 8\r\na=ptime:20\r\na=label:alice\r\na=ssrc:1 cname:alice\r\n"
        )
        answer, _ = leg().answer_offer(secret)
        for word in (b"lice", b"198.51", b"99988", b"9812345678", b"4000", b"b=", b"info"):
            assert word not in answer


PIECES = (
    "v=0",
    "o=- 1 1 IN IP4 1.2.3.4",
    "s=-",
    "c=IN IP4 1.2.3.4",
    "c=IN IP4 0.0.0.0",
    "c=IN IP6 ::1",
    "c=IN IP4 1.2.3.4/3",
    "c=IN",
    "t=0 0",
    "m=audio 4000 RTP/AVP 8 0 101",
    "m=audio 0 RTP/AVP 8",
    "m=audio 4000 RTP/SAVP 8",
    "m=video 1 RTP/AVP 31",
    "m=audio 4000 RTP/AVP",
    "a=rtpmap:101 telephone-event/8000",
    "a=rtpmap:8 PCMA/8000",
    "a=rtpmap:",
    "a=rtpmap:8",
    "a=rtpmap:\u0663 PCMA/8000",
    "a=sendonly",
    "a=inactive",
    "a=ptime:\u0663",
    "a=ptime:20.5",
    "a=maxptime:9999999999999999999",
    "a=rtcp:1 IN IP4 x",
    "a=rtcp:",
    "a=:",
    "a=",
    "=",
    "m=",
    "c=",
    "x",
)
pieces = st.sampled_from(PIECES)


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.lists(pieces, max_size=12).map(lambda lines: "\r\n".join(lines).encode())))
def test_any_bytes_are_negotiated_or_unusable(body: bytes) -> None:
    for apply in (offered().apply_answer, leg().answer_offer):
        with suppress(UnusableSdp):
            apply(body)


@settings(max_examples=100, deadline=None)
@given(st.lists(pieces, max_size=8), st.lists(pieces, max_size=8))
def test_whatever_we_answer_can_be_read_and_has_the_offers_streams(head: list[str], tail: list[str]) -> None:
    lines = ["v=0", "c=IN IP4 1.2.3.4", *head, "m=audio 4000 RTP/AVP 8", *tail]
    body = "\n".join(line for line in lines if line not in ("x", "=")).encode()
    try:
        answer, _ = leg().answer_offer(body)
    except UnusableSdp:
        return
    ours, theirs = parse_description(answer), parse_description(body)
    assert [media.kind for media in ours.media] == [media.kind for media in theirs.media]
    assert sum(media.port != 0 for media in ours.media) == 1
    for our, their in itertools.zip_longest(ours.media, theirs.media):
        assert our.protocol in (their.protocol, "RTP/AVP")
