"""Who listens to a leg is given what it sends, wherever that goes."""

import pytest

from media.codecs.table import PCMA, TELEPHONE_EVENT
from media.rtp.dtmf import event_payloads
from tests.support.relay_bed import RelayBed

pytestmark = pytest.mark.usefixtures("each_table")

Put = tuple[float, int, int, int, int, int, bytes]


class KeptPackets:
    """A listener that keeps what it is given."""

    def __init__(self) -> None:
        self.packets: list[Put] = []

    def put(
        self, arrival: float, ssrc: int, sequence: int, timestamp: int, marker: int, codec: int, payload: bytes
    ) -> None:
        self.packets.append((arrival, ssrc, sequence, timestamp, marker, codec, payload))


def test_audio_is_given_whether_it_goes_anywhere_or_not() -> None:
    bed = RelayBed()
    a, b = bed.party("a"), bed.party("b")
    listener = KeptPackets()
    bed.table.set_listener(a.stream, listener)
    a.send(b"\x01" * 160, marker=True)
    bed.table.bridge(a.stream, b.stream, bed.now)
    a.send(b"\x02" * 160)
    b.send()
    assert listener.packets == [
        (bed.now, a.ssrc, 100, 16000, 0x80, PCMA, b"\x01" * 160),
        (bed.now, a.ssrc, 101, 16160, 0, PCMA, b"\x02" * 160),
    ]
    assert [packet.payload for packet in b.heard()] == [b"\x02" * 160]
    bed.table.set_listener(a.stream, None)
    a.send()
    assert len(listener.packets) == 2


def test_events_and_comfort_noise_are_given_by_their_numbers() -> None:
    bed = RelayBed()
    a = bed.party("a", noise=13)
    listener = KeptPackets()
    bed.table.set_listener(a.stream, listener)
    a.send_event(event_payloads("5", 40)[0], 16000)
    a.send(b"\x40", 13)
    assert [packet[2:] for packet in listener.packets] == [
        (100, 16000, 0, TELEPHONE_EVENT, b""),
        (101, 16000, 0, 13, b""),
    ]


def test_a_leg_that_may_not_send_is_not_heard() -> None:
    bed = RelayBed()
    a = bed.party("a", may_receive=False)
    listener = KeptPackets()
    bed.table.set_listener(a.stream, listener)
    a.send()
    assert listener.packets == []


def test_a_leg_that_is_closed_lets_go_of_its_listener() -> None:
    bed = RelayBed()
    a = bed.party("a")
    bed.table.set_listener(a.stream, KeptPackets())
    bed.table.remove(a.stream, bed.now)
    assert a.in_python is None or a.in_python.inbound.listener is None
