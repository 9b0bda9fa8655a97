"""Media without sockets and threads: the real stream table on a manual clock, its packets on a network in memory."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from b2bua.alarm import Alarm
from b2bua.sip.routing import TransportAddress
from media.errors import UnknownLeg
from media.events import MediaEvent, RecordingFacts, RecordingFailed, RecordingFinished
from media.packet_path.converter import Converter
from media.packet_path.interface import Address, PlaybackPlan, RemotePlan, SocketPair, StreamFigures, StreamPlan
from media.packet_path.repacketiser import Frame
from media.packet_path.stream import Packet, Send, Stream
from media.packet_path.table import StreamTable
from media.packet_path.tap import Tap
from media.ports import Ports
from media.recording.mp3 import Mp3Made
from tests.support.lossy_network import LossyNetwork
from tests.support.manual_clock import ManualClock

MEDIA_HOST = "192.0.2.1"


class NoSocket:
    """Stands where a bound socket would; all it can do is be closed."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.closed = False

    def close(self) -> None:
        """Close it."""
        self.closed = True


class MemoryPorts(Ports):
    """The real book-keeping of port pairs; only binding is left out. `taken` ports refuse to be bound."""

    taken: frozenset[int] = frozenset()

    def _bind(self, port: int) -> Any:
        if port in self.taken:
            raise OSError("address in use")
        return NoSocket(port)


class MemoryWire:
    """One stream's pair of addresses on the network."""

    def __init__(self, network: LossyNetwork, port: int) -> None:
        self._network = network
        self.rtp = TransportAddress("udp", MEDIA_HOST, port)
        self.rtcp = TransportAddress("udp", MEDIA_HOST, port + 1)
        self.closed = False

    def aim(self, target: Address, exclusive: bool) -> Send:
        """Send RTP to `target` from now on."""
        destination = TransportAddress("udp", *target)

        def send(packet: Packet) -> None:
            self._network.carry(bytes(packet), self.rtp, destination)

        return send

    def send_control(self, packet: bytes, target: Address) -> None:
        """Send RTCP."""
        self._network.carry(packet, self.rtcp, TransportAddress("udp", *target))

    def close(self) -> None:
        """Listen no more."""
        self.closed = True
        self._network.detach(self.rtp)
        self._network.detach(self.rtcp)


class MemoryPath:
    """A `PacketPath`: commands take effect at once, packets and tones move with the clock alone."""

    def __init__(self, clock: ManualClock, network: LossyNetwork, deliver: Callable[[MediaEvent], None]) -> None:
        self._clock = clock
        self._network = network
        self._deliver = deliver
        self._table = StreamTable(self._post)
        self._streams: dict[int, Stream] = {}
        self._numbers = 0
        self._alarm = Alarm(clock, self._advance)

    def start(self) -> None:
        """Nothing runs by itself."""

    def close(self) -> None:
        """Close every stream."""
        self._alarm.clear()
        for stream in self._streams.values():
            stream.wire.close()
        self._streams.clear()

    def open(self, plan: StreamPlan, sockets: SocketPair) -> int:
        """Attach the pair's addresses."""
        self._numbers += 1
        wire = MemoryWire(self._network, sockets.port)
        stream = Stream(self._numbers, plan, wire)
        self._network.attach(wire.rtp, lambda content, source, _to: self._arrived(stream, content, source, rtp=True))
        self._network.attach(wire.rtcp, lambda content, source, _to: self._arrived(stream, content, source, rtp=False))
        self._streams[stream.number] = stream
        self._table.add(stream, self._clock.time())
        self._arm()
        return stream.number

    def set_remote(self, stream: int, plan: RemotePlan) -> None:
        """Apply what an SDP exchange settled."""
        self._table.set_remote(self._find(stream), plan, self._clock.time())
        self._arm()

    def expect(self, stream: int) -> None:
        """A leg has reason to send from now on."""
        self._table.expect(self._find(stream), self._clock.time())

    def play(self, stream: int, plan: PlaybackPlan) -> None:
        """Start a tone."""
        self._table.play(self._find(stream), plan, self._clock.time())
        self._arm()

    def stop_playing(self, stream: int) -> None:
        """Stop the tone."""
        self._table.stop_playing(self._find(stream))

    def send_digit(self, stream: int, digit: str, duration_ms: int) -> None:
        """Send a digit."""
        self._table.send_digit(self._find(stream), digit, duration_ms, self._clock.time())
        self._arm()

    def relay(self, source: int, sink: int) -> None:
        """One way."""
        self._table.join(self._find(source), self._find(sink))

    def bridge(self, first: int, second: int) -> None:
        """Both ways."""
        self._table.bridge(self._find(first), self._find(second), self._clock.time())
        self._arm()

    def set_tap(self, stream: int, channel: int, tap: Tap | None) -> None:
        """Copy incoming audio."""
        self._table.set_tap(self._find(stream), channel, tap)

    def set_converter(self, source: int, converter: Converter | None, *, whole: bool = False) -> None:
        """Hand its audio to a converter."""
        self._table.set_converter(self._find(source), converter, whole)

    def set_listener(self, stream: int, listener: Converter | None) -> None:
        """Copy what it sends to who listens."""
        self._table.set_listener(self._find(stream), listener)

    def set_fork(self, stream: int, fork: Converter | None) -> None:
        """Copy what it sends to who passes it on."""
        self._table.set_fork(self._find(stream), fork)

    def send_audio(self, sink: int, source: int, codec: int, frames: Sequence[Frame]) -> None:
        """What the converter made."""
        if sink in self._streams and source in self._streams:
            self._table.send_audio(self._streams[sink], self._streams[source], codec, frames, self._clock.time())
            self._arm()

    def close_stream(self, stream: int, closed: Callable[[], None], keep: bool = False) -> StreamFigures:
        """Close it; `closed` comes from the clock."""
        found = self._streams.pop(stream)
        figures = found.figures()
        self._table.remove(found, self._clock.time())
        self._clock.call_soon(closed)
        return figures

    def after(self, callback: Callable[[], None]) -> None:
        """Every earlier command has taken effect already."""
        self._clock.call_soon(callback)

    def figures(self, stream: int) -> StreamFigures:
        """What a stream has done."""
        return self._find(stream).figures()

    def counters(self) -> Mapping[str, float]:
        """How many streams are open."""
        return {"streams": len(self._streams)}

    def _find(self, number: int) -> Stream:
        if number not in self._streams:
            raise UnknownLeg("the media stream is closed")
        return self._streams[number]

    def _arrived(self, stream: Stream, content: bytes, source: TransportAddress, *, rtp: bool) -> None:
        relay = self._table.relay
        relay.buffer[: len(content)] = content
        handle = relay.datagram if rtp else relay.control
        handle(stream, len(content), (source.host, source.port), self._clock.time())
        self._arm()

    def _advance(self) -> None:
        self._table.advance(self._clock.time())
        self._arm()

    def _arm(self) -> None:
        self._alarm.set(self._table.next_due)

    def _post(self, event: MediaEvent) -> None:
        self._clock.call_soon(lambda: self._deliver(event))


class MemoryTap:
    """Keeps how many packets of each channel came, and what was in them."""

    def __init__(self) -> None:
        self.packets = [0, 0]
        self.payloads: tuple[set[bytes], set[bytes]] = (set(), set())

    def put(self, channel: int, arrival: float, rtp_timestamp: int, ssrc: int, codec: int, payload: bytes) -> None:
        """Count it."""
        self.packets[channel] += 1
        self.payloads[channel].add(payload)


class MemoryRecorder:
    """A recorder without files: what it would have written, and the events of a real one after `closes_after_s`."""

    def __init__(self, clock: ManualClock, on_event: Callable[[MediaEvent], None]) -> None:
        self._clock = clock
        self._on_event = on_event
        self.taps: dict[str, MemoryTap] = {}
        self.paths: dict[str, str] = {}
        self.started_at: dict[str, float] = {}
        self.lengths_s: dict[str, float] = {}
        self.acknowledged: list[str] = []
        self.pauses: list[tuple[str, float, bool]] = []
        self.abandoned: list[str] = []
        self.closes_after_s = 0.05
        self.failure: str | None = None
        self._failed: set[str] = set()

    def start(self, call_id: str, path: str, started_at: float) -> Tap:
        """Begin a recording."""
        assert call_id not in self.paths, "a call is recorded once"
        self.paths[call_id] = path
        self.started_at[call_id] = started_at
        self.taps[call_id] = MemoryTap()
        return self.taps[call_id]

    def finish(self, call_id: str, ended_at: float) -> None:
        """End it."""
        if call_id in self._failed:
            return
        length_s = ended_at - self.started_at[call_id]
        self.lengths_s[call_id] = length_s
        event: MediaEvent = RecordingFinished(call_id, self.paths[call_id], round(length_s * 1000), 0)
        if self.failure is not None:
            event = RecordingFailed(call_id, self.paths[call_id], self.failure)
        self._clock.call_later(self.closes_after_s, lambda: self._on_event(event))

    def fail(self, call_id: str, error: str, *, left: bool = False) -> None:
        """The disk refuses while it is written, and `finish` says no more. `left`: it cannot be deleted either."""
        self._failed.add(call_id)
        self._on_event(RecordingFailed(call_id, self.paths[call_id], error, left))

    def cut_short(self, call_id: str, duration_ms: int) -> None:
        """The disk has ended it with what it took, and `finish` says no more."""
        self._failed.add(call_id)
        facts = RecordingFacts(cut_short=True)
        self._on_event(RecordingFinished(call_id, self.paths[call_id], duration_ms, 0, facts=facts))

    def pause(self, call_id: str, at: float) -> None:
        """From when nothing is heard."""
        self.pauses.append((call_id, at - self.started_at[call_id], True))

    def resume(self, call_id: str, at: float) -> None:
        """From when it is heard again."""
        self.pauses.append((call_id, at - self.started_at[call_id], False))

    def abandon(self, call_id: str) -> None:
        """Keep nothing of it; no event follows."""
        self.abandoned.append(call_id)

    def taken(self, path: str) -> bool:
        """Whether a recording has this path."""
        return path in self.paths.values()

    def acknowledge(self, call_id: str) -> None:
        """The database knows the recording."""
        self.acknowledged.append(call_id)


class MemoryPool:
    """Makes no MP3 at once."""

    def __init__(self) -> None:
        self.exported: list[str] = []

    async def export(self, wav: object, mp3: object, tags: object, seal: object) -> Mp3Made:
        """Note it."""
        self.exported.append(str(mp3))
        return Mp3Made(0, "0" * 64, 0, "0" * 64)
