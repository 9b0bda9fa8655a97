"""Who listens to a leg, or passes its audio on, is given what it sends, wherever that goes."""

from typing import Any

import pytest

from media.codecs.table import PCMA, TELEPHONE_EVENT
from media.rtp.dtmf import event_payloads
from tests.support.relay_bed import RelayBed

pytestmark = pytest.mark.usefixtures("each_table")

EARS = pytest.mark.parametrize("ear", ["set_listener", "set_fork"])

Put = tuple[float, int, int, int, int, int, bytes]


class KeptPackets:
    """A listener that keeps what it is given."""

    def __init__(self) -> None:
        self.packets: list[Put] = []

    def put(
        self, arrival: float, ssrc: int, sequence: int, timestamp: int, marker: int, codec: int, payload: bytes
    ) -> None:
        self.packets.append((arrival, ssrc, sequence, timestamp, marker, codec, payload))


def put_on(bed: RelayBed, ear: str, stream: Any, listener: KeptPackets | None) -> None:
    getattr(bed.table, ear)(stream, listener)


@EARS
def test_audio_is_given_whether_it_goes_anywhere_or_not(ear: str) -> None:
    bed = RelayBed()
    a, b = bed.party("a"), bed.party("b")
    listener = KeptPackets()
    put_on(bed, ear, a.stream, listener)
    a.send(b"\x01" * 160, marker=True)
    bed.table.bridge(a.stream, b.stream, bed.now)
    a.send(b"\x02" * 160)
    b.send()
    assert listener.packets == [
        (bed.now, a.ssrc, 100, 16000, 0x80, PCMA, b"\x01" * 160),
        (bed.now, a.ssrc, 101, 16160, 0, PCMA, b"\x02" * 160),
    ]
    assert [packet.payload for packet in b.heard()] == [b"\x02" * 160]
    put_on(bed, ear, a.stream, None)
    a.send()
    assert len(listener.packets) == 2


@EARS
def test_events_and_comfort_noise_are_given_by_their_numbers(ear: str) -> None:
    bed = RelayBed()
    a = bed.party("a", noise=13)
    listener = KeptPackets()
    put_on(bed, ear, a.stream, listener)
    a.send_event(event_payloads("5", 40)[0], 16000)
    a.send(b"\x40", 13)
    assert [packet[2:] for packet in listener.packets] == [
        (100, 16000, 0, TELEPHONE_EVENT, b""),
        (101, 16000, 0, 13, b""),
    ]


@EARS
def test_a_leg_that_may_not_send_is_not_heard(ear: str) -> None:
    bed = RelayBed()
    a = bed.party("a", may_receive=False)
    listener = KeptPackets()
    put_on(bed, ear, a.stream, listener)
    a.send()
    assert listener.packets == []


@EARS
def test_a_leg_that_is_closed_lets_go_of_its_listener(ear: str) -> None:
    bed = RelayBed()
    a = bed.party("a")
    put_on(bed, ear, a.stream, KeptPackets())
    bed.table.remove(a.stream, bed.now)
    assert a.in_python is None or (a.in_python.inbound.listener, a.in_python.inbound.fork) == (None, None)


def test_who_listens_for_keys_and_who_passes_audio_on_do_not_know_of_each_other() -> None:
    bed = RelayBed()
    a, b = bed.party("a"), bed.party("b")
    bed.table.bridge(a.stream, b.stream, bed.now)
    keys, fork = KeptPackets(), KeptPackets()
    bed.table.set_listener(a.stream, keys)
    bed.table.set_fork(a.stream, fork)
    a.send(b"\x01" * 160)
    bed.table.set_listener(a.stream, None)
    a.send(b"\x02" * 160)
    assert [packet[-1][:1] for packet in keys.packets] == [b"\x01"]
    assert [packet[-1][:1] for packet in fork.packets] == [b"\x01", b"\x02"]
