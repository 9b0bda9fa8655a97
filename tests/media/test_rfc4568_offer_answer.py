"""RFC 4568 section 5.1 and RFC 8643: SRTP in offers and answers, by what a trunk's profile says of it."""

import base64
import itertools

import pytest

from media.errors import UnusableSdp
from media.leg import LegProfile, MediaLeg
from media.leg_keys import LegKeys
from media.packet_path.interface import Keying, RemotePlan
from media.rtp.srtp import AEAD_AES_128_GCM, AES_CM_128_HMAC_SHA1_32, AES_CM_128_HMAC_SHA1_80, OFFERED, SUITES, Suite
from media.sdp.session import parse_description

PLAIN_ANSWER = "m=audio 4000 RTP/AVP 8"
AVP, AVPF, SAVP, SAVPF = "RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF"


def leg(srtp: str, suites: tuple[Suite, ...] = SUITES) -> MediaLeg:
    """A leg whose keys are 01 01 .., 02 02 .. in the order in which they are made."""
    count = itertools.count(1)
    keys = LegKeys(suites, lambda length: bytes([next(count)]) * length)
    return MediaLeg("leg", LegProfile(codecs=("PCMA",), srtp=srtp), "192.0.2.10", 20000, 4711, keys)


def their(number: int, suite: Suite) -> bytes:
    return bytes([0xA0 + number]) * suite.master_bytes


def crypto(tag: int, suite: Suite = AES_CM_128_HMAC_SHA1_80, *, key: int = 0, more: str = "") -> str:
    return f"a=crypto:{tag} {suite.name} inline:{base64.b64encode(their(key, suite)).decode()}{more}"


def sdp(*media: str) -> bytes:
    lines = ["v=0", "o=- 1 1 IN IP4 198.51.100.7", "s=-", "c=IN IP4 198.51.100.7", "t=0 0"]
    lines += [line for section in media for line in section.split("|")]
    return ("\r\n".join(lines) + "\r\n").encode()


def audio(protocol: str, *lines: str) -> str:
    return "|".join((f"m=audio 4000 {protocol} 8", *lines))


def section(body: bytes) -> tuple[str, list[str]]:
    """The profile and the a=crypto lines of our audio section."""
    lines = body.decode().split("\r\n")
    protocol = next(line for line in lines if line.startswith("m=audio 20000")).split()[2]
    return protocol, [line for line in lines if line.startswith("a=crypto")]


def version(body: bytes) -> str:
    return body.decode().split("\r\n")[1].split()[2]


class TestOffer:
    def test_off_offers_plain_rtp(self) -> None:
        assert section(leg("off").offer(None)) == (AVP, [])

    @pytest.mark.parametrize(("srtp", "protocol"), [("optional", AVP), ("required", SAVP)])
    def test_the_profile_and_a_line_for_each_suite(self, srtp: str, protocol: str) -> None:
        found, lines = section(leg(srtp).offer(None))
        assert found == protocol
        for tag, (line, suite) in enumerate(zip(lines, OFFERED, strict=True), 1):
            key = base64.b64encode(bytes([tag]) * suite.master_bytes).decode()
            assert line == f"a=crypto:{tag} {suite.name} inline:{key}"

    def test_suites_that_the_library_lacks_are_not_offered(self) -> None:
        made = leg("required", (AES_CM_128_HMAC_SHA1_80,))
        assert len(section(made.offer(None))[1]) == 1

    def test_a_refreshed_offer_is_the_same_to_the_byte(self) -> None:
        made = leg("required")
        first = made.offer(None)
        made.apply_answer(sdp(audio(SAVP, crypto(1))))
        assert made.offer(None) == first

    def test_a_leg_needs_keys(self) -> None:
        with pytest.raises(ValueError, match="needs keys"):
            MediaLeg("leg", LegProfile(srtp="optional"), "192.0.2.10", 20000, 1)

    def test_an_unknown_policy_is_refused(self) -> None:
        with pytest.raises(ValueError, match="srtp must be"):
            LegProfile(srtp="sometimes")


SRTP, RTP, REFUSED = "srtp", "rtp", "refused"
GOOD = crypto(1)
BAD = GOOD + " UNENCRYPTED_SRTP"

# The answer to our offer -> what comes of it with SRTP off, optional, required.
ANSWERS = [
    (audio(AVP), RTP, RTP, REFUSED),
    (audio(AVPF), RTP, RTP, REFUSED),
    (audio(AVP, GOOD), REFUSED, SRTP, SRTP),
    (audio(AVPF, GOOD), REFUSED, SRTP, SRTP),
    (audio(SAVP, GOOD), REFUSED, SRTP, SRTP),
    (audio(SAVPF, GOOD), REFUSED, SRTP, SRTP),
    (audio(SAVP), REFUSED, REFUSED, REFUSED),
    (audio(SAVP, BAD), REFUSED, REFUSED, REFUSED),
    (audio(AVP, BAD), REFUSED, REFUSED, REFUSED),
    (audio(SAVP, GOOD, crypto(4, AES_CM_128_HMAC_SHA1_32)), REFUSED, REFUSED, REFUSED),
    (audio(SAVP, crypto(2)), REFUSED, REFUSED, REFUSED),
    (audio(SAVP, crypto(1, AES_CM_128_HMAC_SHA1_32)), REFUSED, REFUSED, REFUSED),
    (audio("UDP/TLS/RTP/SAVP", GOOD), REFUSED, REFUSED, REFUSED),
    ("m=audio 0 RTP/SAVP 8", REFUSED, REFUSED, REFUSED),
]
# The far end's offer -> the same.
OFFERS = [
    (audio(AVP), RTP, RTP, REFUSED),
    (audio(AVPF), RTP, RTP, REFUSED),
    (audio(AVP, GOOD), RTP, SRTP, SRTP),
    (audio(AVPF, GOOD), RTP, SRTP, SRTP),
    (audio(AVP, BAD), RTP, RTP, REFUSED),
    (audio(SAVP, GOOD), REFUSED, SRTP, SRTP),
    (audio(SAVPF, GOOD), REFUSED, SRTP, SRTP),
    (audio(SAVP, BAD, crypto(2)), REFUSED, SRTP, SRTP),
    (audio(SAVP), REFUSED, REFUSED, REFUSED),
    (audio(SAVP, BAD), REFUSED, REFUSED, REFUSED),
    (audio(SAVP, GOOD + "|2^31|1:1"), REFUSED, REFUSED, REFUSED),
    (audio("UDP/TLS/RTP/SAVPF", GOOD), REFUSED, REFUSED, REFUSED),
]
POLICIES = ("off", "optional", "required")


def rows(table: list[tuple[str, str, str, str]]) -> list[tuple[str, str, str]]:
    return [(media, srtp, row) for media, *results in table for srtp, row in zip(POLICIES, results, strict=True)]


def outcome(plan: RemotePlan) -> str:
    return RTP if plan.keying is None else SRTP


@pytest.mark.parametrize(("media", "srtp", "expected"), rows(ANSWERS))
def test_answers_to_our_offer(media: str, srtp: str, expected: str) -> None:
    made = leg(srtp)
    made.offer(None)
    if expected == REFUSED:
        with pytest.raises(UnusableSdp):
            made.apply_answer(sdp(media))
        assert made.negotiated is None
    else:
        assert outcome(made.apply_answer(sdp(media))) == expected


@pytest.mark.parametrize(("media", "srtp", "expected"), rows(OFFERS))
def test_answers_to_their_offer(media: str, srtp: str, expected: str) -> None:
    made = leg(srtp)
    if expected == REFUSED:
        with pytest.raises(UnusableSdp):
            made.answer_offer(sdp(media))
        assert made.negotiated is None
        return
    answer, plan = made.answer_offer(sdp(media))
    assert outcome(plan) == expected
    protocol, lines = section(answer)
    assert protocol == media.split()[2], "answered in the profile of the offer (RFC 3264 section 6)"
    assert len(lines) == (expected == SRTP)


class TestKeys:
    @pytest.mark.parametrize("suite", OFFERED, ids=lambda suite: suite.name)
    def test_of_an_answer(self, suite: Suite) -> None:
        made = leg("required")
        made.offer(None)
        tag = OFFERED.index(suite) + 1
        plan = made.apply_answer(sdp(audio(SAVP, crypto(tag, suite, key=3))))
        assert plan.keying == Keying(suite, bytes([tag]) * suite.master_bytes, their(3, suite))

    @pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
    def test_of_an_offer(self, suite: Suite) -> None:
        made = leg("optional")
        answer, plan = made.answer_offer(sdp(audio(SAVP, "a=crypto:4 F8_128 inline:x", crypto(77, suite, key=3))))
        _, (line,) = section(answer)
        assert line.startswith(f"a=crypto:77 {suite.name} inline:")
        assert plan.keying is not None
        assert line.endswith(base64.b64encode(plan.keying.send).decode())
        assert (plan.keying.suite, plan.keying.receive) == (suite, their(3, suite))
        assert plan.keying.send != plan.keying.receive


def test_the_offerer_s_first_usable_line_is_taken() -> None:
    lines = (crypto(5, AES_CM_128_HMAC_SHA1_32), crypto(2, AEAD_AES_128_GCM), crypto(9))
    _, plan = leg("optional").answer_offer(sdp(audio(SAVP, *lines)))
    assert plan.keying is not None
    assert plan.keying.suite == AES_CM_128_HMAC_SHA1_32


@pytest.mark.parametrize(
    ("srtp", "protocols"), [("off", (AVP, "0")), ("optional", ("0", SAVP)), ("required", ("0", SAVP))]
)
def test_of_two_sections_that_leave_the_choice_to_us_one_is_taken(srtp: str, protocols: tuple[str, str]) -> None:
    answer, _ = leg(srtp).answer_offer(sdp(audio(AVP), audio(SAVP, GOOD)))
    media = parse_description(answer).media
    assert [(each.port != 0) for each in media] == [word != "0" for word in protocols]
    assert [each.protocol for each in media] == [AVP, SAVP]


class TestSession:
    def test_hold_and_resume_keep_our_key(self) -> None:
        made = leg("optional")
        keys = set()
        for direction in ("sendrecv", "sendonly", "inactive", "sendrecv"):
            answer, plan = made.answer_offer(sdp(audio(SAVP, crypto(1), f"a={direction}")))
            assert plan.keying is not None
            keys.add((plan.keying.send, section(answer)[1][0]))
        assert len(keys) == 1

    def test_an_offerless_reinvite_after_an_answer_of_ours_offers_the_same_key(self) -> None:
        made = leg("optional")
        answer, _ = made.answer_offer(sdp(audio(SAVPF, crypto(3, AEAD_AES_128_GCM))))
        protocol, lines = section(made.offer(None))
        assert protocol == SAVPF
        key = section(answer)[1][0].split("inline:")[1]
        assert next(line for line in lines if "AEAD_AES_128_GCM" in line).endswith(key)

    def test_a_suite_that_is_not_offered_by_itself_is_once_it_is_in_use(self) -> None:
        made = leg("optional")
        answer, _ = made.answer_offer(sdp(audio(SAVP, crypto(1, AES_CM_128_HMAC_SHA1_32))))
        lines = section(made.offer(None))[1]
        assert lines[-1].replace("a=crypto:4 ", "a=crypto:1 ") == section(answer)[1][0]

    def test_the_peer_s_new_key_leaves_ours(self) -> None:
        made = leg("required")
        made.offer(None)
        first = made.apply_answer(sdp(audio(SAVP, crypto(1, key=1)))).keying
        answer, plan = made.answer_offer(sdp(audio(SAVP, crypto(1, key=2))))
        assert first is not None
        assert plan.keying == Keying(AES_CM_128_HMAC_SHA1_80, first.send, their(2, AES_CM_128_HMAC_SHA1_80))
        assert version(answer) == "2", "the answer has other lines than the offer had"

    @pytest.mark.parametrize("between", [audio(SAVP, crypto(1, AEAD_AES_128_GCM)), audio(AVP)])
    def test_a_key_that_was_sent_with_and_left_is_never_used_again(self, between: str) -> None:
        made = leg("optional")
        used = []
        for media in (audio(SAVP, crypto(1)), between, audio(SAVP, crypto(1))):
            _, plan = made.answer_offer(sdp(media))
            used.append(plan.keying.send if plan.keying is not None else b"plain")
        assert len(set(used)) == 3

    def test_early_answers_of_two_forks_and_back_go_on_with_the_offered_keys(self) -> None:
        made = leg("optional")
        offer = made.offer(None)
        used = []
        for line in (crypto(1, key=1), crypto(3, AEAD_AES_128_GCM, key=2), crypto(1, key=1)):
            plan = made.apply_answer(sdp(audio(SAVP, line)))
            assert plan.keying is not None
            used.append(plan.keying.send)
        assert used[0] == used[2]
        lines = section(made.offer(None))[1]
        assert lines[0] == section(offer)[1][0], "the key in use is offered again"
        assert lines[2] != section(offer)[1][2], "the one that was left is not"

    def test_an_unusable_answer_leaves_the_session_as_it_was(self) -> None:
        made = leg("required")
        made.offer(None)
        before = made.apply_answer(sdp(audio(SAVP, crypto(1, key=1))))
        with pytest.raises(UnusableSdp):
            made.answer_offer(sdp(audio(SAVP, BAD)))
        with pytest.raises(UnusableSdp):
            made.answer_offer(sdp(audio(AVP)))
        again = made.answer_offer(sdp(audio(SAVP, crypto(1, key=1))))[1]
        assert again.keying == before.keying

    def test_rtcp_s_place_is_read_as_ever(self) -> None:
        """RFC 3605 with RTP/SAVP; multiplexing (RFC 5761) is neither offered nor answered."""
        made = leg("required")
        body = made.offer(None)
        assert b"rtcp-mux" not in body
        plan = made.apply_answer(sdp(audio(SAVP, crypto(1), "a=rtcp:4321", "a=rtcp-mux")))
        assert plan.control == ("198.51.100.7", 4321)
        answer, plan = made.answer_offer(sdp(audio(SAVP, crypto(1), "a=rtcp-mux")))
        assert plan.control == ("198.51.100.7", 4001)
        assert b"rtcp-mux" not in answer


def test_no_key_is_in_what_could_be_logged() -> None:
    made = leg("required")
    made.offer(None)
    answer = sdp(audio(SAVP, crypto(1)))
    plan = made.apply_answer(answer)
    secret = crypto(1).split("inline:")[1]
    shown = repr((parse_description(answer), plan, made.negotiated, made._local))
    assert secret not in shown
    assert repr(their(0, AES_CM_128_HMAC_SHA1_80)) not in shown
    assert repr(b"\1" * 30) not in shown
