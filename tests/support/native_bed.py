"""The table of streams in C under the face of the one in Python, so that the same tests hold both."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from media.events import MediaEvent
from media.packet_path import _native
from media.packet_path.converter import Converter
from media.packet_path.interface import Address, PlaybackPlan, RemotePlan, StreamFigures, StreamPlan
from media.packet_path.native_path import event_of
from media.packet_path.native_srtp import StreamKeys
from media.packet_path.native_tones import NativeTones, surroundings
from media.packet_path.repacketiser import Frame
from media.packet_path.stream import Packet
from media.packet_path.tap import Tap
from media.rtp.dtmf import DIGITS

_STREAMS_MAX = 16
_QUEUE_PACKETS = 512
_DATAGRAM_MAX = 4096


class Wire:
    """What C sends goes to the wire of the bed, whose way of sending is the one that it was aimed by."""

    def __init__(self, kept: Any) -> None:
        self._kept = kept
        self.send: Callable[[Packet], object] = self._nowhere

    @staticmethod
    def _nowhere(_packet: Packet) -> None:
        raise OSError("it is not aimed")

    def aim(self, target: Address, exclusive: bool) -> None:
        self.send = self._kept.aim(target, exclusive)

    def send_control(self, packet: bytes, target: Address) -> None:
        self._kept.send_control(packet, target)

    def close(self) -> None:
        self._kept.close()


@dataclass
class NativeStream:
    """A stream of the table in C, as far as tests look into one."""

    leg: str
    inside: _native.TableStream
    keys: StreamKeys

    def figures(self) -> StreamFigures:
        return StreamFigures(*self.inside.figures())

    def dropped(self) -> Any:
        return self.figures().dropped


@cache
def _surroundings() -> _native.Surroundings:
    return surroundings()


class _Incoming:
    """What the bed knows as the relay: a buffer and two ways in."""

    def __init__(self, table: "NativeTable") -> None:
        self._table = table
        self.buffer = bytearray(_DATAGRAM_MAX)

    def datagram(self, stream: NativeStream, size: int, source: Address | None, now: float) -> None:
        self._table.inside.datagram(stream.inside, bytes(self.buffer[:size]), source, now)
        self._table.hand_on()

    def control(self, stream: NativeStream, size: int, source: Address, now: float) -> None:
        self._table.inside.control(stream.inside, bytes(self.buffer[:size]), source, now)
        self._table.hand_on()


class NativeTable:
    """See `media.packet_path.table.StreamTable`."""

    def __init__(self, post: Callable[[MediaEvent], None]) -> None:
        self._post = post
        self._legs: dict[int, str] = {}
        self._tones = NativeTones()
        self._taps: dict[int, tuple[_native.Tap, Tap]] = {}
        self._queues: list[tuple[_native.Converter, Converter]] = []
        self.inside = _native.Table(self._told, _STREAMS_MAX, _surroundings())
        self.relay = _Incoming(self)

    def __len__(self) -> int:
        return len(self.inside)

    @property
    def next_due(self) -> float | None:
        return self.inside.next_due

    def open(self, number: int, plan: StreamPlan, wire: Any, now: float) -> NativeStream:
        self._legs[number] = plan.leg
        return NativeStream(plan.leg, self.inside.open(number, plan, Wire(wire), now), StreamKeys())

    def set_remote(self, stream: NativeStream, plan: RemotePlan, now: float) -> None:
        if plan.keying is None:
            self.inside.set_remote(stream.inside, plan, None, now)
            return
        with stream.keys.following(plan.keying) as keys:
            self.inside.set_remote(stream.inside, plan, keys, now)

    def expect(self, stream: NativeStream, now: float) -> None:
        self.inside.expect(stream.inside, now)

    def play(self, stream: NativeStream, plan: PlaybackPlan, now: float) -> None:
        self.inside.play(stream.inside, self._tones.of(plan.tone), plan.overrides, now)

    def stop_playing(self, stream: NativeStream) -> None:
        self.inside.stop_playing(stream.inside)

    def send_digit(self, stream: NativeStream, digit: str, duration_ms: int, now: float) -> None:
        self.inside.send_digit(stream.inside, DIGITS.index(digit), duration_ms, now)

    def join(self, source: NativeStream, sink: NativeStream) -> None:
        self.inside.join(source.inside, sink.inside)

    def bridge(self, first: NativeStream, second: NativeStream, now: float) -> None:
        self.inside.bridge(first.inside, second.inside, now)

    def set_tap(self, stream: NativeStream, channel: int, tap: Tap | None) -> None:
        if tap is None:
            self.inside.set_tap(stream.inside, channel, None)
            return
        queue, _ = self._taps.setdefault(id(tap), (_native.Tap(_QUEUE_PACKETS), tap))
        self.inside.set_tap(stream.inside, channel, queue)

    def set_converter(self, source: NativeStream, converter: Converter | None, whole: bool = False) -> None:
        self.inside.set_converter(source.inside, self._queue_to(converter), whole)

    def set_listener(self, stream: NativeStream, listener: Converter | None) -> None:
        self.inside.set_listener(stream.inside, self._queue_to(listener))

    def set_fork(self, stream: NativeStream, fork: Converter | None) -> None:
        self.inside.set_fork(stream.inside, self._queue_to(fork))

    def _queue_to(self, taker: Converter | None) -> _native.Converter | None:
        if taker is None:
            return None
        told = os.eventfd(0, os.EFD_NONBLOCK)
        queue = _native.Converter(_QUEUE_PACKETS, told)
        os.close(told)
        self._queues.append((queue, taker))
        return queue

    def send_audio(
        self, sink: NativeStream, source: NativeStream, codec: int, frames: Sequence[Frame], now: float
    ) -> None:
        self.inside.send_audio(sink.inside, source.inside, codec, frames, now)

    def remove(self, stream: NativeStream, now: float) -> None:
        self.inside.remove(stream.inside, now)

    def advance(self, now: float) -> None:
        self.inside.advance(now)

    def hand_on(self) -> None:
        """What came for recorders and converters goes to those of the test."""
        for queue, tap in self._taps.values():
            for packet in queue.take():
                tap.put(*packet)
        for packets, taker in self._queues:
            for taken in packets.take():
                taker.put(*taken)

    def _told(self, told: tuple[int, int, float, int, int, str]) -> None:
        self._post(event_of(told, self._legs[told[1]]))
