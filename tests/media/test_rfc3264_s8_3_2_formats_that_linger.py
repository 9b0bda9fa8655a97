"""What an offer and answer end is received for a short while yet, and what we offer is as soon as it is offered."""

import pytest

from media.codecs.table import PCMA, PCMU, TELEPHONE_EVENT
from media.leg import LegProfile, MediaLeg
from media.packet_path.stream import LINGER_S
from media.rtp.dtmf import event_payloads
from tests.support.relay_bed import Party, RelayBed, bridged, remote_plan

ADDRESS = "198.51.100.7"
EVENT = "telephone-event/8000"


def sdp(formats: str, *maps: str) -> bytes:
    lines = [
        "v=0",
        f"o=- 1 1 IN IP4 {ADDRESS}",
        "s=-",
        f"c=IN IP4 {ADDRESS}",
        "t=0 0",
        f"m=audio 4000 RTP/AVP {formats}",
    ]
    return "\r\n".join([*lines, *(f"a=rtpmap:{each}" for each in maps), ""]).encode()


def leg(*codecs: str) -> MediaLeg:
    return MediaLeg("a", LegProfile(codecs or ("PCMA", "PCMU")), "192.0.2.10", 20000, 4711)


class TestNegotiated:
    def test_what_an_offer_drops_lingers(self) -> None:
        made = leg()
        assert made.answer_offer(sdp("8 101", f"101 {EVENT}"))[1].lingers == ()
        plan = made.answer_offer(sdp("0 96", f"96 {EVENT}"))[1]
        assert plan.receives == ((0, PCMU), (96, TELEPHONE_EVENT))
        assert plan.lingers == ((8, PCMA), (101, TELEPHONE_EVENT))

    def test_a_payload_type_with_a_new_meaning_has_that_alone(self) -> None:
        made = leg()
        made.answer_offer(sdp("8 96", f"96 {EVENT}"))
        plan = made.answer_offer(sdp("96 101", "96 PCMA/8000", f"101 {EVENT}"))[1]
        assert plan.receives == ((96, PCMA), (101, TELEPHONE_EVENT))
        assert plan.lingers == ((8, PCMA),)

    def test_the_same_once_more_leaves_nothing_to_linger(self) -> None:
        made = leg()
        made.answer_offer(sdp("8 101", f"101 {EVENT}"))
        made.answer_offer(sdp("0 101", f"101 {EVENT}"))
        assert made.answer_offer(sdp("0 101", f"101 {EVENT}"))[1].lingers == ()

    def test_what_comes_from_another_address_is_of_the_new_formats_alone(self) -> None:
        made = leg()
        made.answer_offer(sdp("8 101", f"101 {EVENT}"))
        assert made.answer_offer(sdp("0").replace(b" 4000 ", b" 4002 "))[1].lingers == ()

    def test_what_is_offered_may_come_before_the_answer(self) -> None:
        """Section 5.1. Nothing is known of where from before there has been an exchange."""
        made = leg()
        made.offer(None)
        assert made.until_answered() is None
        made.answer_offer(sdp("0 96", f"96 {EVENT}"))
        made.offer(None)
        plan = made.until_answered()
        assert plan is not None
        assert (plan.receives, plan.lingers) == (((0, PCMU), (96, TELEPHONE_EVENT)), ((8, PCMA),))
        assert not plan.renewed
        answered = made.apply_answer(sdp("8"))
        assert {(8, PCMA), (0, PCMU)} <= set(answered.receives)

    def test_an_offer_of_what_is_agreed_to_changes_nothing(self) -> None:
        made = leg()
        made.offer(None)
        made.apply_answer(sdp("8 101", f"101 {EVENT}"))
        made.offer(None)
        assert made.until_answered() is None


def moved(bed: RelayBed, party: Party) -> None:
    """A party goes over to mu-law and events under 96, as its far end knows by now and itself does not yet."""
    plan = remote_plan(party.address, codec=PCMU, dtmf=96, renewed=False)
    now, before = ((0, PCMU), (96, TELEPHONE_EVENT)), ((8, PCMA), (101, TELEPHONE_EVENT))
    bed.table.set_remote(party.stream, plan._replace(receives=now, lingers=before), bed.now)


@pytest.mark.usefixtures("each_table")
class TestRelayed:
    def test_the_old_format_is_heard_until_the_new_one_comes(self) -> None:
        bed, a, b = bridged()
        bed.talk(a, packets=5)
        moved(bed, a)
        bed.talk(a, packets=10)
        bed.talk(a, packets=10, payload_type=PCMU)
        heard = b.heard()
        assert len(heard) == 25
        assert [packet.payload_type for packet in heard] == [PCMA] * 25
        assert a.stream.figures().dropped["unmapped"] == 0

    def test_a_key_pressed_under_the_old_number_ends(self) -> None:
        bed, a, b = bridged()
        bed.talk(a, packets=2)
        payloads = event_payloads("9", 100)
        for number, payload in enumerate(payloads):
            if number == 2:
                moved(bed, a)
            a.send_event(payload, a.timestamp)
        events = [packet for packet in b.heard() if packet.payload_type == 101]
        assert len(events) == len(payloads)
        assert events[-1].payload[1] & 0x80, "its end"

    def test_it_is_no_more_after_a_short_while(self) -> None:
        bed, a, b = bridged()
        bed.talk(a, packets=2)
        moved(bed, a)
        bed.run(LINGER_S - 0.1)
        b.heard()
        a.send()
        assert len(b.heard()) == 1
        bed.run(0.5)
        b.heard()
        a.send()
        assert b.heard() == []
        assert a.stream.figures().dropped["unmapped"] == 1
        a.send(payload_type=PCMU)
        assert len(b.heard()) == 1

    def test_a_direction_that_says_that_nothing_comes_counts_for_it_too(self) -> None:
        bed, a, b = bridged()
        plan = remote_plan(a.address, may_receive=False)._replace(receives=((0, PCMU),), lingers=((8, PCMA),))
        bed.table.set_remote(a.stream, plan, bed.now)
        a.send()
        assert b.heard() == []
        assert a.stream.figures().dropped["unwanted"] == 1
