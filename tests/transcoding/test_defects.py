"""A defect met in one stream costs that one some packets, never the thread that converts all."""

import logging
from collections.abc import Sequence

import pytest

from media.codecs.table import G722, PCMA
from media.listening.listener import KeyListener
from media.packet_path.repacketiser import Frame
from media.rtp.dtmf import PressedDigit
from media.transcoding.conversion import Conversion, Target
from media.transcoding.packets import Packet
from media.transcoding.transcoder import Transcoder

FAULTY, SOUND = 1, 2
AUDIO = bytes(160)


class Bed:
    """Two conversions, and what they give."""

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.transcoder = Transcoder(lambda: 0.0, self._send, lambda: None)
        self.queues = {source: self.transcoder.begin(source, source, Target(PCMA)) for source in (FAULTY, SOUND)}

    def _send(self, _sink: int, source: int, _codec: int, frames: Sequence[Frame]) -> None:
        self.sent += [source] * len(frames)

    def say(self, number: int) -> None:
        for source, queue in self.queues.items():
            queue.put(number * 0.02, source, number, number * 160, 0, G722, AUDIO)


def test_a_conversion_that_breaks_begins_anew_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bed, put = Bed(), Conversion.put

    def breaks(self: Conversion, packet: Packet) -> list[Frame]:
        if packet.ssrc == FAULTY and packet.sequence in (2, 3):
            raise ZeroDivisionError("a defect")
        return put(self, packet)

    monkeypatch.setattr(Conversion, "put", breaks)
    for number in range(10):
        bed.say(number)
        bed.transcoder.turn(number * 0.02)
    assert (bed.sent.count(FAULTY), bed.sent.count(SOUND)) == (8, 10)
    assert bed.transcoder.counters()["conversions"] == 2
    assert [record.levelno for record in caplog.records] == [logging.ERROR], "told once"


def test_what_is_due_and_breaks_is_not_due_at_once_again(monkeypatch: pytest.MonkeyPatch) -> None:
    bed = Bed()

    def breaks(_self: Conversion, _now: float) -> list[Frame]:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(Conversion, "advance", breaks)
    bed.say(0)
    bed.say(2)  # 1 is waited for, and given up
    due = bed.transcoder.turn(0.04)
    assert due is not None
    assert bed.transcoder.turn(due) is None


def test_a_listener_that_breaks_listens_anew(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    bed, put = Bed(), KeyListener.put
    heard: list[PressedDigit] = []
    listened = bed.transcoder.listen(3, heard.append)
    taken: list[int] = []

    def breaks(self: KeyListener, packet: Packet) -> list[PressedDigit]:
        if packet.sequence < 2:
            raise ZeroDivisionError("a defect")
        taken.append(packet.sequence)
        return list(put(self, packet))

    monkeypatch.setattr(KeyListener, "put", breaks)
    for number in range(4):
        bed.say(number)
        listened.put(number * 0.02, 3, number, number * 160, 0, PCMA, AUDIO)
        bed.transcoder.turn(number * 0.02)
    assert taken == [2, 3]
    assert bed.sent.count(SOUND) == 4
    assert len(caplog.records) == 1
