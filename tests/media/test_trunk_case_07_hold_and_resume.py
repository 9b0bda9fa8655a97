"""Hard case 7: hold, and a resume that may come with another port, codec and payload types (RFC 3264 section 8.4)."""

from typing import Any

import pytest

from media.codecs.table import PCMU, TELEPHONE_EVENT
from media.leg import LegProfile, MediaLeg
from tests.support.relay_bed import FRAME_S, Party, RelayBed

pytestmark = pytest.mark.usefixtures("each_table")

HERE = "192.0.2.1"


class NegotiatedPair:
    """Two bridged parties; what A's descriptions settle goes into the stream table as the engine puts it there."""

    def __init__(self) -> None:
        self.bed = RelayBed()
        self.a, self.b = self.bed.party("a"), self.bed.party("b")
        self.leg = MediaLeg("a", LegProfile(), "192.0.2.100", 20000, 4711)
        self.bed.table.bridge(self.a.stream, self.b.stream, self.bed.now)
        self.says(f"m=audio {self.a.address[1]} RTP/AVP 8 101")

    def says(self, audio: str, *attributes: str, connection: str = HERE) -> list[str]:
        """A's offer, and the lines of our answer."""
        lines = ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", f"c=IN IP4 {connection}", "t=0 0", audio]
        lines += ["a=rtpmap:101 telephone-event/8000", *attributes]
        answer, plan = self.leg.answer_offer("\r\n".join(lines).encode())
        self.bed.table.set_remote(self.a.stream, plan, self.bed.now)
        return answer.decode().split("\r\n")

    def talk(self, packets: int = 10, **of_a: Any) -> tuple[int, int]:
        """Both speak; how many packets of the other each has heard, silence of ours left out."""
        for party in (self.a, self.b):
            party.heard()
        for _ in range(packets):
            self.a.send(b"\x11" * 160, **of_a)
            self.b.send(b"\x22" * 160)
            self.bed.run(FRAME_S)
        return _spoken(self.a), _spoken(self.b)


def _spoken(party: Party) -> int:
    return sum(packet.payload not in (b"\xd5" * 160, b"\xff" * 160) for packet in party.heard())


HOLDS = [
    # (its audio, its c= address) -> what A hears of B, and B of A, out of ten packets.
    ("a=sendonly", HERE, (0, 10)),  # music on hold is heard
    ("a=recvonly", HERE, (10, 0)),
    ("a=inactive", HERE, (0, 0)),
    ("a=sendrecv", "0.0.0.0", (0, 10)),
    ("a=inactive", "0.0.0.0", (0, 0)),
]


@pytest.mark.parametrize(("direction", "connection", "heard"), HOLDS)
def test_trunk_case_07_what_each_hears_in_a_hold_and_after_it(
    direction: str, connection: str, heard: tuple[int, int]
) -> None:
    pair = NegotiatedPair()
    assert pair.talk() == (10, 10)
    pair.says("m=audio 4000 RTP/AVP 8 101", direction, connection=connection)
    assert pair.talk() == heard
    pair.says("m=audio 4000 RTP/AVP 8 101")
    assert pair.talk() == (10, 10)


def test_trunk_case_07_the_held_party_gets_silence_when_nothing_comes() -> None:
    pair = NegotiatedPair()
    pair.talk()
    pair.says("m=audio 4000 RTP/AVP 8 101", "a=inactive")
    pair.talk(100)
    pair.b.heard()
    pair.talk(0)
    pair.bed.run(1.0)
    assert {packet.payload for packet in pair.b.heard()} == {b"\xd5" * 160}
    assert pair.a.stream.figures().dropped["unwanted"] == 100
    assert pair.a.heard() == []


def test_trunk_case_07_a_resume_with_another_port_codec_and_payload_types() -> None:
    pair = NegotiatedPair()
    pair.talk()
    pair.says("m=audio 4000 RTP/AVP 8 101", "a=sendonly")
    answer = pair.says(
        "m=audio 5000 RTP/AVP 98 99", "a=rtpmap:98 telephone-event/8000", "a=rtpmap:99 PCMU/8000", "a=sendrecv"
    )
    assert "m=audio 20000 RTP/AVP 99 98" in answer
    assert "a=sendrecv" in answer
    assert pair.a.wire.target == (HERE, 5000)
    pair.a.address = (HERE, 5000)
    assert pair.talk(payload_type=99) == (10, 10)
    pair.b.send()
    assert {packet.payload_type for packet in pair.a.heard()} == {99}
    if pair.a.in_python is not None:
        routes = pair.a.in_python.inbound.routes
        assert {number: route.codec for number, route in enumerate(routes) if route is not None} == {
            99: PCMU,
            98: TELEPHONE_EVENT,
        }
